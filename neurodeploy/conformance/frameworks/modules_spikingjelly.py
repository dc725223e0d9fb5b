"""SpikingJelly's modules, step by step."""

from collections.abc import Iterator
from typing import Any

import torch

from neurodeploy.conformance.frameworks.modules import N_IN, Layers, Module, N, sample_for, step_by_step
from neurodeploy.installed import imported

DT_S = 1e-4


def modules() -> Iterator[Module]:
    neuron = imported("spikingjelly", "spikingjelly.activation_based.neuron")
    make = Layers(23)

    def module(name: str, about: str, *layers: torch.nn.Module, gap: str = "", **said: Any) -> Module:
        return Module(name, about, torch.nn.Sequential(*layers), _run, _export, DT_S, gap=gap, **said)

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


def _run(module: torch.nn.Module, inputs_BT: torch.Tensor) -> torch.Tensor:
    functional = imported("spikingjelly", "spikingjelly.activation_based.functional")
    functional.reset_net(module)
    found = step_by_step(module, inputs_BT)
    functional.reset_net(module)
    return found


def _export(module: torch.nn.Module) -> Any:
    exporter = imported("spikingjelly", "spikingjelly.activation_based.nir_exchange")
    return exporter.export_to_nir(module, sample_for(module))
