"""The Lava processes we add: Lava's own neurons with a recorder, and a neuron for what its LIF lacks.

Imports Lava, so it is loaded only where Lava is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.conv.models import PyConvModelFixed
from lava.proc.conv.process import Conv
from lava.proc.lif.models import PyLifModelBitAcc, PyLifResetModelBitAcc
from lava.proc.lif.process import LIF, LIFReset
from lava.proc.sdn.models import PyDeltaModelFixed, PySigmaDeltaModelFixed, PySigmaModelFixed
from lava.proc.sdn.process import Delta, Sigma, SigmaDelta

from neurodeploy.backends.lava.blocks import Recorder
from neurodeploy.fixedpoint import rules
from neurodeploy.program.layer import Layer


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


class IntegerLif(AbstractProcess):
    """A leaky integrate-and-fire layer with what Lava's LIF lacks: reset by subtraction, and rest after a spike.

    Args:
        layer: Parameters of one sample's neurons.
        n_block: Samples side by side.
        recorder: Arguments of `Recorder`.
    """

    def __init__(self, *, layer: Layer, n_block: int, recorder: dict[str, Any]) -> None:
        super().__init__(layer=layer, n_block=n_block, recorder=recorder)
        shape = (n_block * layer.n_neurons,)
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.u = Var(shape=shape, init=np.tile(layer.u_init, n_block))
        self.v = Var(shape=shape, init=np.tile(layer.v_init, n_block))
        self.rest = Var(shape=shape, init=0)


@implements(proc=IntegerLif, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyIntegerLifModel(PyLoihiProcessModel):
    """The step of `fixedpoint.rules`: the same file that our own simulator runs."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    u: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=24)
    v: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=24)
    rest: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=6)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.layer: Layer = proc_params["layer"]
        each = {key: np.tile(getattr(self.layer, key), proc_params["n_block"]) for key in self.layer.integers}
        self.constants: dict[str, Any] = {
            "kept_u": rules.kept_of_current(each["du"]),
            "kept_v": rules.kept_of_potential(each["dv"]),
            "bias": rules.effective_bias(each["bias_mant"], self.layer.bias_exp),
            "threshold": each["vth"] << rules.ALIGN_SHIFT,
            "reset": self.layer.reset,
        }
        self.recorder = Recorder(**proc_params["recorder"])

    def run_spk(self) -> None:
        arrived = self.a_in.recv().astype(np.int64)
        # Lava counts steps from 1.
        if self.layer.clears(self.time_step - 1):
            self.u[:], self.v[:] = 0, 0
        state = rules.step(self.u, self.v, arrived, **self.constants, resting=self.rest > 0)
        self.u[:], self.v[:] = state.u, state.v
        self.rest[:] = np.where(state.spikes, self.layer.refractory, np.maximum(self.rest - 1, 0))
        self.s_out.send(state.spikes)
        self.recorder.keep(state.spikes, state.u, state.v)
