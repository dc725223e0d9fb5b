"""Lava's own neurons with a recorder, and its convolution with a watch.

Imports Lava, so it is loaded only where Lava is.
"""

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

    states: tuple[str, str]

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


def _recorded(model: type, states: tuple[str, str] = ("u", "v")) -> type:
    """Return a neuron model of Lava's that keeps the states of these names."""
    return type(f"Recorded{model.__name__}", (_Recorded, model), {"states": states, "__module__": __name__})


MODELS = {
    LIF: _recorded(PyLifModelBitAcc),
    LIFReset: _recorded(PyLifResetModelBitAcc),
    Sigma: _recorded(PySigmaModelFixed, ("sigma", "sigma")),  # its sum is its activation too
    Delta: _recorded(PyDeltaModelFixed, ("sigma", "act")),  # its sum stays 0
    SigmaDelta: _recorded(PySigmaDeltaModelFixed, ("sigma", "act")),
    Conv: WatchedConv,
}
"""What runs in the place of Lava's own models."""
