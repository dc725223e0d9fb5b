"""Norse's modules: cells in a SequentialState, their parameters one for each neuron."""

from collections.abc import Iterator
from typing import Any

import torch

from neurodeploy.conformance.frameworks.modules import N_IN, Layers, Module, N, full
from neurodeploy.installed import imported

DT_S = 1e-3
SQUARED = {"dt_s": DT_S**2}
"""Its exporter writes dt tau for tau: the same numbers per step, at a step of dt dt."""


def modules() -> Iterator[Module]:
    norse = imported("norse", "norse.torch")
    subtract = imported("norse", "norse.torch.functional.reset").reset_subtract
    make = Layers(22)

    def box(**changed: Any) -> torch.nn.Module:
        values = {"tau_mem_inv": full(100.0), "v_leak": full(0.0), "v_th": full(0.3), "v_reset": full(0.0)}
        return norse.LIFBoxCell(norse.LIFBoxParameters(**values | changed))

    def module(name: str, about: str, *layers: torch.nn.Module, gap: str = "", **said: Any) -> Module:
        said = {"dt_s": DT_S} | said
        return Module(name, about, norse.SequentialState(*layers), _run, _export, gap=gap, **said)

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


def _run(module: torch.nn.Module, inputs_BT: torch.Tensor) -> torch.Tensor:
    found, state = [], None
    for now in range(inputs_BT.shape[1]):
        output, state = module(inputs_BT[:, now], state)
        found.append(output)
    return torch.stack(found, dim=1)


def _export(module: torch.nn.Module) -> Any:
    return imported("norse", "norse.torch.utils.export_nir").to_nir(module, torch.zeros(1, N_IN))
