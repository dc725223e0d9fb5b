"""Lava's own neurons with a recorder, and its convolution with a watch.

Imports Lava, so it is loaded only where Lava is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from lava.proc.conv.models import PyConvModelFixed
from lava.proc.conv.process import Conv
from lava.proc.lif.models import PyLifModelBitAcc, PyLifResetModelBitAcc
from lava.proc.lif.process import LIF, LIFReset
from lava.proc.sdn.models import PyDeltaModelFixed, PySigmaDeltaModelFixed, PySigmaModelFixed
from lava.proc.sdn.process import Delta, Sigma, SigmaDelta

from neurodeploy.backends.lava.blocks import Recorder


class _Recorded:
    """Keeps the states of a neuron model of Lava's, every line of whose step is unchanged.

    What it sends is heard at its port, because not every model stores it.
    """

    states = ("u", "v")

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)  # type: ignore[call-arg]
        self.recorder = Recorder(**proc_params["recorder"])
        self.sent: Any = None

    def run_spk(self) -> None:
        if self.sent is None:
            port: Any = vars(self)["s_out"]
            send = port.send

            def heard(data: np.ndarray) -> None:
                self.sent = data
                send(data)

            port.send = heard
        super().run_spk()  # type: ignore[misc]
        # lava-dl's images have the axes X, Y, C, and ours are C, Y, X; all else has one axis.
        sent, u, v = (np.ravel(np.transpose(one)) for one in (self.sent, *(getattr(self, key) for key in self.states)))
        self.recorder.keep(sent, u, v)


class RecordedLif(_Recorded, PyLifModelBitAcc):
    """Lava's own fixed-point LIF."""


class RecordedLifReset(_Recorded, PyLifResetModelBitAcc):
    """Lava's own fixed-point LIF with scheduled clears."""


class RecordedSigma(_Recorded, PySigmaModelFixed):
    """Lava's own sigma unit, whose sum is its activation too."""

    states = ("sigma", "sigma")


class RecordedDelta(_Recorded, PyDeltaModelFixed):
    """Lava's own delta encoder, whose sum stays 0."""

    states = ("sigma", "act")


class RecordedSigmaDelta(_Recorded, PySigmaDeltaModelFixed):
    """Lava's own sigma-delta neuron."""

    states = ("sigma", "act")


class WatchedConv(PyConvModelFixed):
    """Lava's own convolution; a file tells of a sum beyond int32, which it turns into anything.

    It sums in float64 and casts to int32, which C leaves undefined there.
    """

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.overflow = Path(proc_params["overflow"])

    def run_spk(self) -> None:
        with np.errstate(invalid="call", call=lambda kind, flag: self.overflow.touch()):
            super().run_spk()


MODELS = {
    LIF: RecordedLif,
    LIFReset: RecordedLifReset,
    Sigma: RecordedSigma,
    Delta: RecordedDelta,
    SigmaDelta: RecordedSigmaDelta,
    Conv: WatchedConv,
}
"""What runs in the place of Lava's own models."""
