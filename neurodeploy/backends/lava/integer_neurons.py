"""The Lava process of every layer for which Lava has no fixed-point model of its own.

Imports Lava, so it is loaded only where Lava is. Axes: B sample of the block, N neuron of the layer.
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
from neurodeploy.fixedpoint.dynamics.equations import SENT
from neurodeploy.program.populations import AnyLayer


class IntegerNeurons(AbstractProcess):
    """A layer that Lava's own neurons cannot be: with another reset, with rests, or neurons that are equations.

    Args:
        layer: Parameters of one sample's neurons.
        n_block: Samples side by side.
        recorder: Arguments of `Recorder`.
    """

    def __init__(self, *, layer: AnyLayer, n_block: int, recorder: dict[str, Any]) -> None:
        super().__init__(layer=layer, n_block=n_block, recorder=recorder)
        shape = (n_block * layer.n_neurons,)
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        before = np.stack([one.ravel() for one in layer.at_rest(n_block).values()])
        self.states = Var(shape=before.shape, init=before)


@implements(proc=IntegerNeurons, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyIntegerNeuronsModel(PyLoihiProcessModel):
    """The layer's own step: the same file that our own simulator runs."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    states: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=24)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.layer: AnyLayer = proc_params["layer"]
        self.kinds = {name: one.dtype for name, one in self.layer.at_rest(1).items()}
        self.recorder = Recorder(**proc_params["recorder"])

    def run_spk(self) -> None:
        arrived_BN = self._apart(self.a_in.recv().astype(np.int64))
        before = {
            name: self._apart(one).astype(kind)
            for (name, kind), one in zip(self.kinds.items(), self.states, strict=True)
        }
        # Lava counts steps from 1.
        after = self.layer.step(before, arrived_BN, self.time_step - 1, self.layer.numbers)
        self.states[:] = [after[name].ravel() for name in self.kinds]
        sent = after[SENT].ravel()
        self.s_out.send(sent)
        self.recorder.keep(sent, *(one.ravel() for one in self.layer.traced(after)))

    def _apart(self, states: np.ndarray) -> np.ndarray:
        """Return (BN,) as (B, N), so that all samples share the layer's parameters."""
        return states.reshape(-1, self.layer.n_neurons)
