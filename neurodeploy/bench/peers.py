"""The peers: one small adapter for each, in the way its library is fastest on a CPU.

All of them compute a layer's synapses for every step at once (one matrix product), then its neurons
step by step, in the library's own loop where it has one. Neurons without a synaptic current are
cheaper and are measured beside those that equal the Program's. Each library is imported only when asked
for. Axes: T step, B sample, I input channel, N neuron.
"""

import importlib.metadata
import importlib.util
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from neurodeploy.bench.stages import Stage
from neurodeploy.errors import NeurodeployError

CURRENT, PLAIN = "with a synaptic current", "without a synaptic current"

Neurons = Callable[[Any], Any]
"""Takes what arrives in every step, (T, B, N), and returns the spikes."""
Network = Callable[[Any], list[Any]]
"""Takes float32 spikes (T, B, I) and returns the spikes (T, B, N) of every layer."""


@dataclass(frozen=True)
class Peer:
    """One way to run the work, or to train.

    Attributes:
        package: What must be installed.
        what: What kind of neuron it runs, of which `CURRENT` equals the Program's; or what it trains.
        build: Makes it run a chain of stages, or returns its step of a work to train.
    """

    name: str
    package: str
    what: str
    build: Callable[[Any], Any]

    @property
    def version(self) -> str:
        return importlib.metadata.version(self.package)

    @property
    def missing(self) -> str:
        """Why it cannot run; empty where it can."""
        there = importlib.util.find_spec(self.package) is not None
        return "" if there else f"{self.package} is not installed"


def layerwise(neurons_of: Callable[[Stage], Neurons], gain_of: Callable[[Stage], float] = lambda stage: 1.0) -> Any:
    """Return a `build` that runs layer after layer, each over all steps.

    Args:
        gain_of: What the library's neuron multiplies its input by less than the stage's does.
    """

    def build(stages: list[Stage]) -> Network:
        layers = [(_synapses(stage, gain_of(stage)), neurons_of(stage)) for stage in stages]

        def run(spikes_TBI: Any) -> list[Any]:
            sent = [spikes_TBI]
            for synapses, neurons in layers:
                sent.append(neurons(synapses(sent[-1])))
            return sent[1:]

        return run

    return build


def _synapses(stage: Stage, gain: float) -> Callable[[Any], Any]:
    import torch
    from torch.nn import functional

    weight = torch.from_numpy(stage.weight * gain).float()
    bias_N = torch.from_numpy(stage.bias_N * gain * (1 - stage.alpha)).float()
    window = stage.window
    if window is None:
        return lambda sent: functional.linear(sent.flatten(2), weight, bias_N)
    bias = bias_N.reshape(window.output_shape)
    geometry: dict[str, Any] = {key: getattr(window, key) for key in ("stride", "padding", "dilation", "groups")}

    def convolve(sent: Any) -> Any:
        images = sent.reshape(-1, *window.input_shape)
        return (functional.conv2d(images, weight, **geometry) + bias).reshape(*sent.shape[:2], *window.output_shape)

    return convolve


def _step_by_step(neuron: Any, start: Callable[[Any], tuple[Any, ...]]) -> Neurons:
    """Return a loop over a neuron that takes one step.

    Args:
        neuron: Of what arrives and its states, returns spikes and its states.
        start: Gives the states before the first step, for what arrives in it.
    """
    import torch

    def run(arriving_T: Any) -> Any:
        states, spikes = start(arriving_T[0]), []
        for arriving in arriving_T:
            sent, *states = neuron(arriving, *states)
            spikes.append(sent)
        return torch.stack(spikes)

    return run


def _norse_gain(stage: Stage) -> float:
    """Norse's leaky potential takes 1 - beta of its input."""
    return 1 / (1 - stage.beta) if stage.beta < 1 else 1.0


# Plain torch: the float32 loop that a careful person writes, and our own network.


def _gemm(stage: Stage) -> Neurons:
    import torch

    def run(arriving_T: Any) -> Any:
        spikes_T = torch.empty_like(arriving_T)
        u, v = torch.zeros_like(arriving_T[0]), torch.zeros_like(arriving_T[0])
        for arriving, spikes in zip(arriving_T, spikes_T, strict=True):
            if stage.alpha:
                u.mul_(stage.alpha).add_(arriving)
            else:
                u = arriving
            if stage.beta < 1:
                v.mul_(stage.beta)
            v.add_(u)
            torch.gt(v, 1.0, out=spikes)
            if stage.reset == "zero":
                v.addcmul_(v, spikes, value=-1)
            else:
                v.sub_(spikes)
        return spikes_T

    return run


def _own_network(stages: list[Stage]) -> Network:
    """Our training network in inference mode."""
    import torch

    from neurodeploy.networks.families.lif import LifSettings, build

    if any(stage.window for stage in stages):
        raise NeurodeployError("our training network has no convolutions")
    inner, last = stages[0], stages[-1]
    if any((stage.alpha, stage.beta) != (inner.alpha, inner.beta) for stage in stages[:-1]) or inner.alpha == 0:
        raise NeurodeployError("our training network's hidden layers share one current and one potential decay")
    settings = LifSettings(
        neuron="cuba_lif",
        hidden=tuple(len(stage.bias_N) for stage in stages[:-1]),
        reset=inner.reset,  # type: ignore[arg-type]
        alpha=inner.alpha,
        beta=inner.beta,
        alpha_out=last.alpha,
        beta_out=last.beta,
    )
    network = build(settings, (stages[0].weight.shape[1],), len(last.bias_N), 4e-3).eval()
    with torch.no_grad():
        for layer, stage in zip(network.layers, stages, strict=True):
            layer.weight.copy_(torch.from_numpy(stage.weight))  # type: ignore[operator,union-attr]
            layer.bias.copy_(torch.from_numpy(stage.bias_N * (1 - stage.alpha)))  # type: ignore[operator,union-attr]
    return lambda spikes_TBI: [sent.transpose(0, 1) for sent in network(spikes_TBI.transpose(0, 1))]


# snnTorch: its neurons take one step, the loop is the user's.


def _snntorch_synaptic(stage: Stage) -> Neurons:
    import snntorch
    import torch

    # With its delayed reset, the default, a neuron also loses what arrives in the step after a spike.
    rules: dict[str, Any] = {"reset_mechanism": stage.reset, "reset_delay": False, "surrogate_disable": True}
    neuron = snntorch.Synaptic(stage.alpha, stage.beta, **rules).eval()
    return _step_by_step(neuron, lambda arriving: (torch.zeros_like(arriving), torch.zeros_like(arriving)))


def _snntorch_leaky(stage: Stage) -> Neurons:
    import snntorch
    import torch

    neuron = snntorch.Leaky(stage.beta, reset_mechanism=stage.reset, surrogate_disable=True).eval()
    return _step_by_step(neuron, lambda arriving: (torch.zeros_like(arriving),))


# Norse: modules that loop over time themselves; cells where it has no such module.


def _norse_lif(stage: Stage) -> Neurons:
    import norse.torch
    import torch

    if stage.beta == 1 and stage.alpha == 0:
        # It resets to a value only; the reset costs the same, the firing differs a little.
        integrator = norse.torch.IAF().eval()
        return lambda arriving_T: integrator(arriving_T)[0]
    if stage.reset != "zero":
        raise NeurodeployError("Norse's LIF resets to a value only")
    values = {key: torch.tensor((1 - kept) / DT_S) for key, kept in (("syn", stage.alpha), ("mem", stage.beta))}
    parameters = norse.torch.LIFParameters(tau_syn_inv=values["syn"], tau_mem_inv=values["mem"])
    neuron = norse.torch.LIF(parameters, dt=DT_S).eval()
    return lambda arriving_T: neuron(arriving_T)[0]


def _norse_box(stage: Stage) -> Neurons:
    import norse.torch
    import torch
    from norse.torch.functional.reset import reset_subtract, reset_value

    if stage.beta == 1:
        raise NeurodeployError("Norse's LIFBox takes nothing in without a leak")
    method = reset_value if stage.reset == "zero" else reset_subtract
    values = norse.torch.LIFBoxParameters(tau_mem_inv=torch.tensor((1 - stage.beta) / DT_S), reset_method=method)
    return _step_by_step(norse.torch.LIFBoxCell(values, dt=DT_S).eval(), lambda arriving: (None,))


DT_S = 1e-3
"""Norse's own step; its time constants are made for it."""


# SpikingJelly: multi-step mode, torch backend.


def _spikingjelly(neuron: Any) -> Neurons:
    from spikingjelly.activation_based import functional

    neuron.eval()
    functional.set_step_mode(neuron, "m")

    def run(arriving_T: Any) -> Any:
        neuron.reset()
        return neuron(arriving_T)

    return run


def _spikingjelly_cuba(stage: Stage) -> Neurons:
    from spikingjelly.activation_based import neuron

    reset = 0.0 if stage.reset == "zero" else None
    return _spikingjelly(neuron.CUBALIFNode(stage.alpha, stage.beta, v_threshold=1.0, v_reset=reset))


def _spikingjelly_lif(stage: Stage) -> Neurons:
    from spikingjelly.activation_based import neuron

    reset = 0.0 if stage.reset == "zero" else None
    if stage.beta == 1:
        return _spikingjelly(neuron.IFNode(v_reset=reset))
    return _spikingjelly(neuron.LIFNode(1 / (1 - stage.beta), decay_input=False, v_reset=reset))


_plain = operator.attrgetter("gain")
PEERS = (
    Peer("torch-gemm", "torch", CURRENT, layerwise(_gemm)),
    Peer("torch-network", "torch", CURRENT, _own_network),
    Peer("snntorch", "snntorch", CURRENT, layerwise(_snntorch_synaptic)),
    Peer("snntorch-leaky", "snntorch", PLAIN, layerwise(_snntorch_leaky, _plain)),
    Peer("norse", "norse", CURRENT, layerwise(_norse_lif, _norse_gain)),
    Peer("norse-box", "norse", PLAIN, layerwise(_norse_box, lambda stage: stage.gain * _norse_gain(stage))),
    Peer("spikingjelly", "spikingjelly", CURRENT, layerwise(_spikingjelly_cuba)),
    Peer("spikingjelly-lif", "spikingjelly", PLAIN, layerwise(_spikingjelly_lif, _plain)),
)
