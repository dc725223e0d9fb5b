"""The Lava process of adaptive neurons and resonators, for which Lava has no fixed-point model of its own.

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
from neurodeploy.fixedpoint.cells import CellState
from neurodeploy.program.cells import Cells


class IntegerCells(AbstractProcess):
    """A layer of adaptive neurons or resonators, one of `program.cells.CELLS`.

    Args:
        layer: Parameters of one sample's neurons.
        n_block: Samples side by side.
        recorder: Arguments of `Recorder`.
    """

    def __init__(self, *, layer: Cells, n_block: int, recorder: dict[str, Any]) -> None:
        super().__init__(layer=layer, n_block=n_block, recorder=recorder)
        shape = (n_block * layer.n_neurons,)
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.u = Var(shape=shape, init=0)
        self.v = Var(shape=shape, init=0)
        self.spiked = Var(shape=shape, init=0)


@implements(proc=IntegerCells, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyIntegerCellsModel(PyLoihiProcessModel):
    """The step of `fixedpoint.cells`: the same file that our own simulator runs."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    u: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=24)
    v: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=24)
    spiked: np.ndarray = LavaPyType(np.ndarray, np.bool_, precision=1)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.layer: Cells = proc_params["layer"]
        self.recorder = Recorder(**proc_params["recorder"])

    def run_spk(self) -> None:
        arrived_BN = self._apart(self.a_in.recv().astype(np.int64))
        # Lava counts steps from 1.
        if self.time_step - 1 >= self.layer.start:
            before = CellState(*(self._apart(one) for one in (self.u, self.v, self.spiked)))
            after = self.layer.step(before, arrived_BN)
            self.u[:], self.v[:], self.spiked[:] = (one.ravel() for one in after)
        self.s_out.send(self.spiked)
        self.recorder.keep(self.spiked, self.u, self.v)

    def _apart(self, states: np.ndarray) -> np.ndarray:
        """Return (BN,) as (B, N), so that all samples share the layer's parameters."""
        return states.reshape(-1, self.layer.n_neurons)
