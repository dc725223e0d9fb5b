"""What runs in the place of Lava's own models, and processes of ours for what it lacks.

Lava's neurons get a recorder, and its convolution a watch. Ours are other neurons, and matrices whose rows have
exponents of their own. A `Dense` has one exponent, so a matrix needs one for each that its rows have. As processes they
cost more than their sums: each step waits for all of their messages, and each holds every row of every sample of the
block. In `DenseByExponent` the models share a process, each holds its own rows of one sample, and every line of its
step is Lava's.

Imports Lava, so it is loaded only where Lava is. Axes: B sample of the block, N neuron of the layer, O row, I column.
"""

from pathlib import Path
from types import SimpleNamespace
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
from lava.proc.dense.models import PyDenseModelBitAcc
from lava.proc.lif.models import PyLifModelBitAcc, PyLifResetModelBitAcc
from lava.proc.lif.process import LIF, LIFReset
from lava.proc.sdn.models import PyDeltaModelFixed, PySigmaDeltaModelFixed, PySigmaModelFixed
from lava.proc.sdn.process import Delta, Sigma, SigmaDelta
from lava.utils.weightutils import SignMode

from neurodeploy.backends.lava.blocks import Recorder
from neurodeploy.backends.lava.synapses import Matrix
from neurodeploy.fixedpoint.dynamics.equations import SENT
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer


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


class DenseByExponent(AbstractProcess):
    """A matrix without delays, for several samples.

    Args:
        one: The connection.
        parts: Its matrices (`synapses.matrices`), each with rows and zeros, and one sign mode for all.
        n_block: Samples side by side.
        num_message_bits: As in `Dense`.
    """

    def __init__(self, *, one: Connection, parts: list[Matrix], n_block: int, num_message_bits: int) -> None:
        super().__init__(one=one, parts=parts, num_message_bits=num_message_bits)
        self.s_in = InPort(shape=(n_block * one.n_inputs,))
        self.a_out = OutPort(shape=(n_block * one.n_outputs,))
        self.a_buff = Var(shape=(n_block * one.n_outputs,), init=0)


@implements(proc=DenseByExponent, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyDenseByExponentModel(PyLoihiProcessModel):
    """One of Lava's own models for each exponent, run on one sample after another: it has no state but its sums."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    a_buff: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.one: Connection = proc_params["one"]
        self.heard = np.zeros(0, np.int32)
        self.bits = np.array([proc_params["num_message_bits"]])
        exponents = self.one.row_exponents
        by_rows = [(exponents == part.exponent, part) for part in proc_params["parts"]]
        self.models = [(rows, self._model(part, part.weight[rows])) for rows, part in by_rows]

    def run_spk(self) -> None:
        # As in `Dense`: send first, so that loops do not wait for themselves.
        self.a_out.send(self.a_buff)
        sent_BI = self.s_in.recv().reshape(-1, self.one.n_inputs)
        sums_BO = self.a_buff.reshape(len(sent_BI), -1)
        for sums, self.heard in zip(sums_BO, sent_BI, strict=True):
            for rows, model in self.models:
                model.run_spk()
                sums[rows] = model.a_buff

    def _model(self, part: Matrix, weight: np.ndarray) -> PyDenseModelBitAcc:
        model = PyDenseModelBitAcc({"weight_exp": part.exponent, "sign_mode": SignMode[part.sign.upper()]})
        model.weights = weight.astype(np.int32)
        model.num_message_bits = self.bits
        model.a_buff = np.zeros(len(weight), np.int32)
        # In the place of its ports: it hears one sample, and the process itself sends what it has buffered.
        model.s_in, model.a_out = SimpleNamespace(recv=lambda: self.heard), SimpleNamespace(send=lambda sums: None)
        return model


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


class _Leaky(_Recorded):
    """Its threshold may lie a unit lower than a mantissa can say, which makes of its `>` a `>=`."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.lower = int(proc_params.get("lower", 0))  # lava-dl's networks bring neurons of their own making

    def scale_threshold(self) -> None:
        super().scale_threshold()  # type: ignore[misc]
        self.effective_vth -= self.lower  # type: ignore[attr-defined]


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


def _recorded(model: type, states: tuple[str, str] = ("u", "v"), by: type = _Recorded) -> type:
    """Return a neuron model of Lava's that keeps the states of these names."""
    return type(f"Recorded{model.__name__}", (by, model), {"states": states, "__module__": __name__})


MODELS = {
    LIF: _recorded(PyLifModelBitAcc, by=_Leaky),
    LIFReset: _recorded(PyLifResetModelBitAcc, by=_Leaky),
    Sigma: _recorded(PySigmaModelFixed, ("sigma", "sigma")),  # its sum is its activation too
    Delta: _recorded(PyDeltaModelFixed, ("sigma", "act")),  # its sum stays 0
    SigmaDelta: _recorded(PySigmaDeltaModelFixed, ("sigma", "act")),
    Conv: WatchedConv,
}
"""What runs in the place of Lava's own models."""
