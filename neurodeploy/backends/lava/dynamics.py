"""The Lava process of the neurons of `fixedpoint.dynamics`, for which Lava has no fixed-point model of its own.

Imports Lava, so it is loaded only where Lava is. Axes: B sample of the block, N neuron of the layer, S state.
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

from neurodeploy.backends.lava.blocks import Recorder
from neurodeploy.fixedpoint.dynamics.step import together
from neurodeploy.program.dynamics import DynamicsLayer


class IntegerDynamics(AbstractProcess):
    """A layer of neurons that are equations.

    Args:
        layer: Parameters of one sample's neurons, and their equations.
        n_block: Samples side by side.
        recorder: Arguments of `Recorder`.
    """

    def __init__(self, *, layer: DynamicsLayer, n_block: int, recorder: dict[str, Any]) -> None:
        super().__init__(layer=layer, n_block=n_block, recorder=recorder)
        shape = (n_block * layer.n_neurons,)
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.states = Var(shape=(len(layer.dynamics.states), *shape), init=0)
        self.sent = Var(shape=shape, init=0)


@implements(proc=IntegerDynamics, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyIntegerDynamicsModel(PyLoihiProcessModel):
    """The step of `fixedpoint.dynamics`: the same file that our own simulator runs."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    states: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=24)
    sent: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.layer: DynamicsLayer = proc_params["layer"]
        self.recorder = Recorder(**proc_params["recorder"])

    def run_spk(self) -> None:
        arrived_BN = self._apart(self.a_in.recv().astype(np.int64))
        names = self.layer.dynamics.states
        states = {name: self._apart(one) for name, one in zip(names, self.states, strict=True)}
        # Lava counts steps from 1.
        if self.time_step - 1 >= self.layer.start:
            states, sent = self.layer.step(states, self._apart(self.sent), arrived_BN)
            self.states[:], self.sent[:] = [states[name].ravel() for name in names], sent.ravel()
        sent = self.sent if self.layer.graded else self.sent.astype(np.bool_)
        self.s_out.send(sent)
        self.recorder.keep(sent, *(one.ravel() for one in together(self.layer.dynamics, states)))

    def _apart(self, states: np.ndarray) -> np.ndarray:
        """Return (BN,) as (B, N), so that all samples share the layer's parameters."""
        return states.reshape(-1, self.layer.n_neurons)
