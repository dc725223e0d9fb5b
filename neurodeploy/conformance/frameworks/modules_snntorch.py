"""snnTorch's modules: its neurons keep their states (`init_hidden`), as its export asks for."""

from collections.abc import Iterator
from typing import Any

import torch

from neurodeploy.conformance.frameworks.modules import N_IN, Layers, Module, N, full, sample_for, step_by_step
from neurodeploy.frameworks.run.loaded import forget
from neurodeploy.installed import imported, quiet

DT_S = 1e-4
ZERO = {"init_hidden": True, "reset_mechanism": "zero", "reset_delay": False}


def modules() -> Iterator[Module]:
    snn = imported("snntorch", "snntorch")
    make = Layers(21)

    def leaky(beta: float = 0.9, n: int = N, threshold: float = 1.0, **changed: Any) -> torch.nn.Module:
        with quiet():  # it warns of some settings
            return snn.Leaky(full(beta, n), threshold=full(threshold, n), **ZERO | changed)

    def module(name: str, about: str, *layers: torch.nn.Module, gap: str = "", **said: Any) -> Module:
        said = {"dt_s": DT_S} | said
        return Module(name, about, torch.nn.Sequential(*layers), _run, _export, gap=gap, **said)

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


def _run(module: torch.nn.Module, inputs_BT: torch.Tensor) -> torch.Tensor:
    forget(module)
    return step_by_step(module, inputs_BT)


def _export(module: torch.nn.Module) -> Any:
    forget(module)
    return imported("snntorch", "snntorch.export_nir").export_to_nir(module, sample_for(module), ignore_dims=[0])
