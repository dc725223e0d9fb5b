"""The Lava processes we add: Lava's LIF with a recorder, and a neuron for what its LIF lacks.

Imports Lava, so it is loaded only where Lava is.
"""

from __future__ import annotations

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
from lava.proc.lif.models import PyLifModelBitAcc

from neurodeploy.backends.lava.blocks import Recorder
from neurodeploy.fixedpoint import rules


class RecordedLif(PyLifModelBitAcc):
    """Lava's own fixed-point LIF, every line of its step unchanged, whose states are kept."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.recorder = Recorder(**proc_params["recorder"])

    def run_spk(self) -> None:
        super().run_spk()
        self.recorder.keep(self.s_out_buff, self.u, self.v)


class IntegerLif(AbstractProcess):
    """A leaky integrate-and-fire layer with what Lava's LIF lacks.

    Its decays and thresholds belong to each neuron, and it can reset by subtraction.

    Args:
        u, v: State before the first step (N,).
        du, dv, vth, bias_mant, bias_exp: As in `mapping.program.Layer`, each (N,).
        reset: "zero" or "subtract".
        recorder: Arguments of `Recorder`.
    """

    def __init__(self, *, u: np.ndarray, reset: str, recorder: dict[str, Any], **values: np.ndarray) -> None:
        super().__init__(reset=reset, recorder=recorder)
        self.a_in = InPort(shape=u.shape)
        self.s_out = OutPort(shape=u.shape)
        self.u = Var(shape=u.shape, init=u)
        self.v = Var(shape=u.shape, init=values["v"])
        self.du = Var(shape=u.shape, init=values["du"])
        self.dv = Var(shape=u.shape, init=values["dv"])
        self.vth = Var(shape=u.shape, init=values["vth"])
        self.bias_mant = Var(shape=u.shape, init=values["bias_mant"])
        self.bias_exp = Var(shape=u.shape, init=values["bias_exp"])


@implements(proc=IntegerLif, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyIntegerLifModel(PyLoihiProcessModel):
    """The step of `fixedpoint.rules`: the same file that our own simulator runs."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    u: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=24)
    v: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=24)
    du: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=12)
    dv: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=12)
    vth: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=17)
    bias_mant: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=13)
    bias_exp: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=3)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.reset = proc_params["reset"]
        self.recorder = Recorder(**proc_params["recorder"])

    def run_spk(self) -> None:
        state = rules.step(
            self.u,
            self.v,
            self.a_in.recv().astype(np.int64),
            kept_u=rules.kept_of_current(self.du),
            kept_v=rules.kept_of_potential(self.dv),
            bias=rules.effective_bias(self.bias_mant, self.bias_exp),
            threshold=self.vth << rules.ALIGN_SHIFT,
            reset=self.reset,
        )
        self.u[:], self.v[:] = state.u, state.v
        self.s_out.send(state.spikes)
        self.recorder.keep(state.spikes, state.u, state.v)
