"""Networks of another framework's neurons, stepped by hand as its users do.

Neurons of both frameworks are called alike, `sent, state = cell(input, state)`. Thresholds are 1, resets to zero.
`hidden` and `last` make the neurons of a layer, which keep a part of their potential in a step; `start` is the state
before the first step, and `forget` drops what they hold after the last. `prefix` is of the names of hidden layers and
the last; where the network `spikes`, the class is the output neuron with most spikes, otherwise the largest potential.
Axes: B sample, T step, I input, N neuron, C class.
"""

import itertools
import math
from typing import Any, Literal

import torch
from pydantic import Field
from torch import nn
from torch.nn.utils import parametrize

from neurodeploy.installed import imported
from neurodeploy.networks.families.settings import Hidden, NetworkSettings
from neurodeploy.networks.sequence import Answer


class SnnTorch:
    """`snn.Leaky`: mem = beta mem + input, and a potential above the threshold is set to zero before the next step.

    snnTorch subtracts the threshold by default, in the step after the spike and so after a decay: no other target
    does that, so recipes reset to zero.
    """

    prefix = ("lif", "lif")
    spikes = True

    def hidden(self, kept: float, slope: float, dt_s: float) -> nn.Module:
        surrogate = imported("snntorch", "snntorch.surrogate").fast_sigmoid(slope=slope)
        leaky: nn.Module = imported("snntorch", "snntorch").Leaky(
            beta=kept, spike_grad=surrogate, reset_mechanism="zero"
        )
        return leaky

    last = hidden

    def start(self, cell: Any) -> torch.Tensor:
        state: torch.Tensor = cell.reset_mem()
        return state

    def forget(self, cell: Any) -> None:
        # Its state is a buffer: left there, weights could not be averaged over networks that saw other batch sizes.
        cell.mem = cell.mem.new_zeros(0)


class Norse:
    """`LIFBoxCell` and `LIBoxCell`: v = v + dt / tau (input - v), and a potential above the threshold is set to zero.

    Its parameters are float64 here: they are single numbers, so states stay float32, but dt / tau is not rounded.
    """

    prefix = ("lif", "li")
    spikes = False

    def hidden(self, kept: float, slope: float, dt_s: float) -> nn.Module:
        norse = imported("norse", "norse.torch")
        p = norse.LIFBoxParameters(
            tau_mem_inv=_inverse(kept, dt_s),
            v_leak=torch.as_tensor(0.0),
            v_th=torch.as_tensor(1.0),
            v_reset=torch.as_tensor(0.0),
            method="super",
            alpha=torch.as_tensor(slope),
        )
        cell: nn.Module = norse.LIFBoxCell(p, dt=dt_s)
        return cell

    def last(self, kept: float, slope: float, dt_s: float) -> nn.Module:
        norse = imported("norse", "norse.torch")
        p = norse.LIBoxParameters(tau_mem_inv=_inverse(kept, dt_s), v_leak=torch.as_tensor(0.0))
        cell: nn.Module = norse.LIBoxCell(p, dt=dt_s)
        return cell

    def start(self, cell: nn.Module) -> None:
        return None

    def forget(self, cell: nn.Module) -> None:
        return None


def _inverse(kept: float, dt_s: float) -> torch.Tensor:
    """Return 1 / tau, in 1/s, of neurons that keep a part of their potential in a step."""
    return torch.tensor((1 - kept) / dt_s, dtype=torch.float64)


Cells = SnnTorch | Norse
CELLS: dict[str, Cells] = {"snntorch": SnnTorch(), "norse": Norse()}


class SteppedSettings(NetworkSettings):
    """Linear layers of torch's and neurons of the framework's, feed-forward, reset to zero.

    snnTorch: `snn.Leaky` all the way, the class is the output neuron with most spikes. Norse: `LIFBoxCell`, and an
    `LIBoxCell` at the end, the class is the largest potential it ever has. Decays are the part kept in one step of
    the recipe's dt; they are not trained.
    """

    family: Literal["snntorch", "norse"]
    hidden: Hidden = Field((128,), min_length=1, description="Neurons in each hidden layer.")
    bias: bool = Field(True, description="Add a bias to each neuron's input.")
    beta: float = Field(0.9, gt=0, lt=1, description="Potential kept in a step.")
    beta_out: float = Field(0.9, gt=0, lt=1, description="As beta, of the output layer.")
    slope: float = Field(5.0, gt=0, description="Of the surrogate gradient, the framework's fast sigmoid (SuperSpike).")
    weight_gain: float = Field(1.0, gt=0, description="Multiplies torch's initial weights.")


class Stepped(nn.Module):
    """The module a user of the framework would write: `fc1`, `lif1`, `fc2`, ... in a loop over the steps."""

    def __init__(self, cells: Cells, layers: list[tuple[nn.Linear, nn.Module]]) -> None:
        super().__init__()
        self.cells = cells
        self.names: list[tuple[str, str]] = []
        for index, (weights, neurons) in enumerate(layers, start=1):
            names = f"fc{index}", f"{cells.prefix[index == len(layers)]}{index}"
            self.add_module(names[0], weights)
            self.add_module(names[1], neurons)
            self.names.append(names)

    @property
    def layers(self) -> list[tuple[nn.Linear, nn.Module]]:
        """The weights and the neurons of every layer, in order."""
        return [(self.get_submodule(a), self.get_submodule(b)) for a, b in self.names]  # type: ignore[misc]

    def forward(self, x_BTI: torch.Tensor) -> list[torch.Tensor]:
        """Return what every layer sends, (B, T, N) each: spikes, of a readout the potentials."""
        layers, kind = self.layers, x_BTI.dtype
        states = [self.cells.start(neurons) for _, neurons in layers]
        sent: list[list[torch.Tensor]] = [[] for _ in layers]
        with parametrize.cached():  # what is quantised is worked out once for all steps
            for step in range(x_BTI.shape[1]):
                x_BI = x_BTI[:, step]
                for index, (weights, neurons) in enumerate(layers):
                    x_BI, states[index] = neurons(weights(x_BI.to(kind)), states[index])
                    sent[index].append(x_BI)
        for _, neurons in layers:
            self.cells.forget(neurons)
        return [torch.stack(one, dim=1) for one in sent]


class SteppedNetwork(nn.Module):
    """The module, answering as training reads it; see `training.reading`."""

    def __init__(self, module: Stepped, n_inputs: int) -> None:
        super().__init__()
        self.module = module
        self.input_shape: tuple[int, ...] = (n_inputs,)
        self.node_names = {f"module.{one}": {"": one} for names in module.names for one in names}

    def forward(self, spikes_BTI: torch.Tensor) -> list[torch.Tensor] | Answer:
        """Return the spikes of every layer, the output's last; with a readout, its largest potentials as scores."""
        x_BTI = spikes_BTI.to(next(self.parameters()).dtype)
        *hidden, last = self.module(x_BTI)
        if self.module.cells.spikes:
            return [*hidden, last]
        return Answer(last.amax(dim=1), tuple(hidden), (x_BTI, *hidden), logits=True)


def build(settings: SteppedSettings, input_shape: tuple[int, ...], n_classes: int, dt_s: float) -> SteppedNetwork:
    """Return a new network; its initial weights are torch's own, from its global generator.

    Raises:
        FrameworkError: the framework is not installed.
    """
    cells = CELLS[settings.family]
    layers: list[tuple[nn.Linear, nn.Module]] = []
    n_inputs = math.prod(input_shape)
    for before, after in itertools.pairwise((n_inputs, *settings.hidden, n_classes)):
        weights = nn.Linear(before, after, bias=settings.bias)
        with torch.no_grad():
            for one in weights.parameters():
                one.mul_(settings.weight_gain)
        last = len(layers) == len(settings.hidden)
        make, kept = (cells.last, settings.beta_out) if last else (cells.hidden, settings.beta)
        layers.append((weights, make(kept, settings.slope, dt_s)))
    return SteppedNetwork(Stepped(cells, layers), n_inputs)
