"""A framework's own modules, exported by its own exporter and read by us: what the modules' files say of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from neurodeploy.fixedpoint import rules
from neurodeploy.frameworks.run import forget
from neurodeploy.installed import imported, quiet

N = 6
N_IN = 4
DT_S = 1e-4
"""For which snnTorch and SpikingJelly write their time constants."""
NORSE_DT_S = 1e-3
SQUARED = {"dt_s": NORSE_DT_S**2}
"""Norse's exporter writes dt tau for tau: the same numbers per step, at a step of dt dt."""
ZERO = {"init_hidden": True, "reset_mechanism": "zero", "reset_delay": False}
"""snnTorch's neurons keep their states, as its export asks for."""


@dataclass(frozen=True, eq=False)
class Module:
    """One module of a framework.

    Attributes:
        about: The framework's layer that it is about.
        module: With random weights.
        run: Steps the module through inputs (B, T, ...) from rest, and gives its output (B, T, N).
        export: Gives the graph.
        dt_s: What the exporter's documentation says its time constants are for.
        reset: What our reader is told of the reset rule, which no file carries.
        gap: `what` of a row in the framework's `exports`, empty where the file says it all.
        known: What to tell our reader to read it right, where one can: `dt_s`, `reset`.
        values: It gives potentials instead of spikes.
    """

    name: str
    about: str
    module: torch.nn.Module
    run: Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]
    export: Callable[[torch.nn.Module], Any]
    dt_s: float
    reset: str = rules.RESET_ZERO
    gap: str = ""
    known: dict[str, Any] = field(default_factory=dict)
    values: bool = False
    shape: tuple[int, ...] = (N_IN,)


class Layers:
    """Layers of plain torch with random weights; the same seed gives the same."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def weights(self, *shape: int, mean: float = 0.1, spread: float = 0.4) -> torch.Tensor:
        return torch.from_numpy(self.rng.normal(mean, spread, shape).astype(np.float32))

    def linear(self, n_out: int, n_in: int, *, bias: bool = True, **weights: float) -> torch.nn.Linear:
        layer = torch.nn.Linear(n_in, n_out, bias=bias)
        layer.weight.data = self.weights(n_out, n_in, **weights)
        if bias:
            layer.bias.data.fill_(0.1)
        return layer

    def conv(self, n_out: int, n_in: int, *, bias: bool = True, groups: int = 1) -> torch.nn.Conv2d:
        layer = torch.nn.Conv2d(n_in, n_out, 3, bias=bias, groups=groups)
        layer.weight.data = self.weights(n_out, n_in // groups, 3, 3)
        if layer.bias is not None:
            layer.bias.data.fill_(0.1)
        return layer


def full(value: float, *shape: int) -> torch.Tensor:
    return torch.full(shape or (N,), value)


def step_by_step(module: torch.nn.Module, inputs_BT: torch.Tensor) -> torch.Tensor:
    """Return the outputs (B, T, N) of a module that keeps its states."""
    return torch.stack([module(inputs_BT[:, now]) for now in range(inputs_BT.shape[1])], dim=1)


def sample_for(module: Any) -> torch.Tensor:
    """Return a step's input of one sample, for a module that begins with a matrix or takes images."""
    return torch.zeros(1, N_IN) if isinstance(module[0], torch.nn.Linear) else torch.zeros(1, 2, 8, 8)


def snntorch_modules() -> Iterator[Module]:
    """Yield snnTorch's."""
    snn = imported("snntorch", "snntorch")
    exporter = imported("snntorch", "snntorch.export_nir")
    make = Layers(21)

    def run(module: torch.nn.Module, inputs_BT: torch.Tensor) -> torch.Tensor:
        forget(module)
        return step_by_step(module, inputs_BT)

    def export(module: torch.nn.Module) -> Any:
        forget(module)
        return exporter.export_to_nir(module, sample_for(module), ignore_dims=[0])

    def leaky(beta: float = 0.9, n: int = N, threshold: float = 1.0, **changed: Any) -> torch.nn.Module:
        with quiet():  # it warns of some settings
            return snn.Leaky(full(beta, n), threshold=full(threshold, n), **ZERO | changed)

    def module(name: str, about: str, *layers: torch.nn.Module, gap: str = "", **said: Any) -> Module:
        return Module(name, about, torch.nn.Sequential(*layers), run, export, DT_S, gap=gap, **said)

    fc = make.linear(N, N_IN)
    yield module("Leaky", "Leaky", fc, leaky())
    each = snn.Leaky(torch.linspace(0.5, 0.95, N), threshold=torch.linspace(0.5, 1.5, N), **ZERO)
    yield module("Leaky, beta and threshold of each", "Leaky", fc, each)
    row = (make.linear(N, N_IN, bias=False), leaky(), make.linear(3, N), leaky(0.8, 3))
    yield module("Leaky, two layers, no bias", "Linear", *row)
    synaptic = snn.Synaptic(alpha=full(0.8), beta=full(0.9), threshold=full(4.0), **ZERO)
    yield module("Synaptic", "Synaptic", fc, synaptic)
    yield module("RLeaky", "RLeaky", fc, snn.RLeaky(full(0.9), linear_features=N, **ZERO))
    alike = snn.RLeaky(full(0.9), all_to_all=False, V=torch.linspace(-0.5, 0.5, N), **ZERO)
    yield module("RLeaky, one weight each", "RLeaky", fc, alike)
    spatial = snn.Leaky(full(0.9, 2, 6, 6), threshold=full(1.5, 2, 6, 6), **ZERO)
    pooled = (torch.nn.AvgPool2d(2), torch.nn.Flatten(1))
    image = (make.conv(2, 2, bias=False), spatial, *pooled, make.linear(N, 18), leaky())
    yield module("Conv2d, AvgPool2d, Flatten", "Conv2d", *image, shape=(2, 8, 8))
    padded = (torch.nn.AvgPool2d(2, padding=1), torch.nn.Flatten(1), make.linear(N, 50), leaky())
    yield module("AvgPool2d, padded", "AvgPool2d", *padded, shape=(2, 8, 8), gap="padding of AvgPool2d")
    yield module("Leaky, numbers given once", "Leaky", fc, snn.Leaky(0.9, **ZERO), gap="numbers given once")
    default = leaky(reset_mechanism="subtract", reset_delay=True)
    yield module("Leaky, as by default", "Leaky", fc, default, gap="reset delay")
    gentle = make.linear(N, N_IN, mean=0.05, spread=0.1)
    weak = leaky(reset_mechanism="subtract")
    known = {"reset": "subtract"}
    yield module("Leaky, reset by subtraction", "Leaky", gentle, weak, gap="reset by subtraction", known=known)
    far = leaky(reset_mechanism="subtract", threshold=0.3)
    yield module("Leaky, far above its threshold", "Leaky", fc, far, gap="far above", reset="subtract")
    yield module("Leaky, no reset", "Leaky", fc, leaky(reset_mechanism="none"), gap="no reset")
    yield module("Leaky, inhibition", "Leaky", fc, leaky(inhibition=True), gap="inhibition")
    graded = (fc, leaky(graded_spikes_factor=2.0), make.linear(3, N), leaky(0.8, 3))
    yield module("Leaky, graded spikes", "Leaky", *graded, gap="graded spikes")
    yield module("Lapicque", "Lapicque", fc, snn.Lapicque(0.9, init_hidden=True), gap="other neurons")


def norse_modules() -> Iterator[Module]:
    """Yield Norse's: cells in a SequentialState, their parameters one for each neuron."""
    norse = imported("norse", "norse.torch")
    subtract = imported("norse", "norse.torch.functional.reset").reset_subtract
    exporter = imported("norse", "norse.torch.utils.export_nir")
    make = Layers(22)

    def run(module: torch.nn.Module, inputs_BT: torch.Tensor) -> torch.Tensor:
        found, state = [], None
        for now in range(inputs_BT.shape[1]):
            output, state = module(inputs_BT[:, now], state)
            found.append(output)
        return torch.stack(found, dim=1)

    def export(module: torch.nn.Module) -> Any:
        return exporter.to_nir(module, torch.zeros(1, N_IN))

    def box(**changed: Any) -> torch.nn.Module:
        values = {"tau_mem_inv": full(100.0), "v_leak": full(0.0), "v_th": full(0.3), "v_reset": full(0.0)}
        return norse.LIFBoxCell(norse.LIFBoxParameters(**values | changed))

    def module(name: str, about: str, *layers: torch.nn.Module, gap: str = "", **said: Any) -> Module:
        said = {"dt_s": NORSE_DT_S} | said
        return Module(name, about, norse.SequentialState(*layers), run, export, gap=gap, **said)

    fc = make.linear(N, N_IN, mean=0.6)
    yield module("LIFBoxCell", "LIFBoxCell", fc, box(), gap="dt tau", known=SQUARED)
    bare = make.linear(N, N_IN, bias=False, mean=0.6)
    yield module("Linear without bias", "Linear", bare, box(), gap="dt tau", known=SQUARED)
    lif = norse.LIFParameters(
        tau_syn_inv=full(200.0), tau_mem_inv=full(100.0), v_leak=full(0.0), v_th=full(1.5), v_reset=full(0.0)
    )
    yield module("LIFCell", "LIFCell", fc, norse.LIFCell(lif), gap="LIFCell")
    leaky = norse.LIBoxCell(norse.LIBoxParameters(tau_mem_inv=full(100.0), v_leak=full(0.0)))
    yield module("LIBoxCell", "LIBoxCell", fc, leaky, gap="dt tau", known=SQUARED, values=True)
    iaf = norse.IAFCell(norse.IAFParameters(v_th=full(2.0)))
    yield module("IAFCell", "IAFCell", make.linear(N, N_IN), iaf, gap="r = 1", known={"dt_s": 1.0})
    lost = norse.IAFCell(norse.IAFParameters(v_th=full(2.0), v_reset=torch.tensor(-0.5)))
    yield module("IAFCell, v_reset", "IAFCell", make.linear(N, N_IN), lost, gap="v_reset", dt_s=1.0)
    soft = box(reset_method=subtract)
    known = SQUARED | {"reset": "subtract"}
    yield module("LIFBoxCell, reset by subtraction", "LIFBoxCell", fc, soft, gap="reset method", known=known)
    once = norse.LIFBoxCell(norse.LIFBoxParameters(v_th=torch.tensor(0.3)))
    yield module("LIFBoxCell, numbers given once", "LIFBoxCell", fc, once, gap="numbers given once")


def spikingjelly_modules() -> Iterator[Module]:
    """Yield SpikingJelly's."""
    neuron, functional, exporter = (
        imported("spikingjelly", f"spikingjelly.activation_based.{one}")
        for one in ("neuron", "functional", "nir_exchange")
    )
    make = Layers(23)

    def run(module: torch.nn.Module, inputs_BT: torch.Tensor) -> torch.Tensor:
        functional.reset_net(module)
        found = step_by_step(module, inputs_BT)
        functional.reset_net(module)
        return found

    def export(module: torch.nn.Module) -> Any:
        return exporter.export_to_nir(module, sample_for(module))

    def module(name: str, about: str, *layers: torch.nn.Module, gap: str = "", **said: Any) -> Module:
        return Module(name, about, torch.nn.Sequential(*layers), run, export, DT_S, gap=gap, **said)

    fc = make.linear(N, N_IN)
    yield module("IFNode", "IFNode", fc, neuron.IFNode(v_threshold=2.0, v_reset=0.0))
    yield module("LIFNode", "LIFNode", fc, neuron.LIFNode(tau=8.0, decay_input=False))
    decayed = neuron.LIFNode(tau=8.0, decay_input=True, v_threshold=0.2)
    yield module("LIFNode, decay_input", "LIFNode", fc, decayed)
    row = (neuron.LIFNode(tau=8.0, decay_input=False), make.linear(3, N), neuron.LIFNode(tau=4.0, decay_input=False))
    yield module("LIFNode, two layers, no bias", "Linear", make.linear(N, N_IN, bias=False), *row)
    learnt = neuron.ParametricLIFNode(init_tau=8.0, decay_input=False)
    yield module("ParametricLIFNode", "ParametricLIFNode", fc, learnt)
    cuba = neuron.CUBALIFNode(c_decay=0.75, v_decay=0.875, v_reset=0.0, v_threshold=4.0)
    yield module("CUBALIFNode", "CUBALIFNode", fc, cuba)
    spiking = neuron.IFNode(v_threshold=2.0, v_reset=0.0)
    last = neuron.IFNode(v_threshold=2.0, v_reset=0.0)
    image = (torch.nn.AvgPool2d(2), torch.nn.Flatten(1), make.linear(N, 18), last)
    yield module("Conv2d, AvgPool2d, Flatten", "Conv2d", make.conv(2, 2), spiking, *image, shape=(2, 8, 8))
    grid = make.linear(N, N_IN, bias=False)
    grid.weight.data = torch.from_numpy(make.rng.integers(-1, 3, (N, N_IN))).float() / 4
    exact = neuron.IFNode(v_threshold=1.0, v_reset=0.0)
    yield module("IFNode at the threshold exactly", "IFNode", grid, exact, gap="at the threshold")
    start = neuron.LIFNode(tau=8.0, decay_input=False, v_reset=-0.2)
    yield module("LIFNode, v_reset", "LIFNode", fc, start, gap="start")
    yield module("IFNode, reset by subtraction", "IFNode", fc, neuron.IFNode(v_reset=None), gap="soft reset")
    grouped = (make.conv(2, 2, groups=2), torch.nn.Flatten(1), make.linear(N, 72), neuron.IFNode(v_reset=0.0))
    yield module("Conv2d, grouped", "Conv2d", *grouped, shape=(2, 8, 8), gap="grouped")


MODULES = {"snntorch": snntorch_modules, "norse": norse_modules, "spikingjelly": spikingjelly_modules}
"""Of each framework that has an exporter."""
