"""A classifier of the last step of an LMUFFT: its memory becomes integers, the host does what is not linear.

The module here is the reference's equations, step by step, with its arrays (`golden/lmu/lmufft_layer.npz`).
Axes: B sample, T step, I input, H hidden, D memory.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from neurodeploy.backends import fixed
from neurodeploy.errors import FrameworkError
from neurodeploy.networks.families.lmu import LmuSettings, build
from neurodeploy.reading.graph_of import graph_of
from neurodeploy.verbs.certify import certify
from neurodeploy.verbs.deploy import deploy
from tests.needs import golden_file

pytestmark = pytest.mark.data


class LMUFFT(nn.Module):
    """As the reference's, with its arrays' names."""

    def __init__(self, arrays: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.A, self.B = arrays["A"], arrays["B"]
        (hidden, both), n_inputs = arrays["W_h.weight"].shape, arrays["W_u.weight"].shape[1]
        self.W_u, self.W_h = nn.Linear(n_inputs, 1), nn.Linear(both, hidden)
        self.load_state_dict({key: one for key, one in arrays.items() if "." in key})

    def forward(self, x_BTI: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return h of all steps (B, T, H) and of the last."""
        m_BD, found = x_BTI.new_zeros(len(x_BTI), len(self.A)), []
        for u_B1, x_BI in zip(self.W_u(x_BTI).relu().unbind(1), x_BTI.unbind(1), strict=True):
            m_BD = m_BD @ self.A.T + u_B1 @ self.B.T
            found.append(self.W_h(torch.cat([m_BD, x_BI], 1)).relu())
        return torch.stack(found, 1), found[-1]


class Classifier(nn.Module):
    def __init__(self, memory: nn.Module, hidden: int) -> None:
        super().__init__()
        self.lmu, self.drop, self.head = memory, nn.Dropout(0.5), nn.Linear(hidden, 4)

    def forward(self, x_BTI: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.lmu(x_BTI)[1]))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def golden() -> dict[str, torch.Tensor]:
    with np.load(golden_file("lmu", "lmufft_layer.npz")) as stored:
        return {key: torch.tensor(stored[key]) for key in stored.files if stored[key].dtype != np.complex64}


@pytest.fixture(scope="module")
def arrays(golden: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key.removeprefix("param."): one for key, one in golden.items() if key.startswith("param.")}


@pytest.fixture(scope="module")
def module(arrays: dict[str, torch.Tensor]) -> Classifier:
    torch.manual_seed(0)
    return Classifier(LMUFFT(arrays), 10).eval()


@pytest.fixture(scope="module")
def inputs(golden: dict[str, torch.Tensor]) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.cat([golden["x"], torch.randn(22, 40, 3)])


def test_its_classes_and_states_are_kept(
    module: Classifier, inputs: torch.Tensor, golden: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    np.testing.assert_allclose(module.lmu(golden["x"])[0].detach(), golden["out"], atol=1e-5)
    found = deploy(module, inputs, dt_s=0.001)
    assert found.certificate["passed"], found.certificate["failures"]
    assert found.agreement["classes"] == 1.0
    assert not any("could not be checked" in one for one in found.notes)
    (layer,) = found.certificate["stages"][1]["layers"]
    assert np.mean(layer["state_error"]) < 0.01
    assert {one.name: one.weight.shape for one in found.program.connections} == {
        "memory_in": (11, 4),
        "memory_in low": (11, 4),
        "memory_turn": (11, 11),
        "memory_turn low": (11, 11),
    }
    with torch.no_grad():
        scores = module(inputs).double().numpy()
    whole = fixed.run(found.program, found.read.feed(inputs)).output_BN
    assert np.abs(whole - scores).max() < 0.01 * np.abs(scores).max()
    (told,) = [one for one in found.program.notes if one.startswith("lmu: the host works out")]
    assert "160 numbers of 12 bits a sample" in told
    assert "270 multiply-adds" in told  # 40 x 3 for its input, 10 x 11 and 4 x 10 at the end
    found.save(tmp_path / "d")
    again = certify(tmp_path / "d", found.read.feed(inputs))
    assert again["passed"], again["failures"]
    assert again["program"] == found.program.digest


def test_a_network_of_the_family_is_deployed_with_what_its_inputs_are_divided_by() -> None:
    torch.manual_seed(0)
    settings = LmuSettings(hidden=12, memory=9, theta=20.0, largest_input=16.0)
    network = build(settings, (2,), 4, 0.001).eval()
    inputs = torch.randint(0, 17, (24, 25, 2)).float()
    found = deploy(network, inputs, dt_s=0.001)
    assert found.certificate["passed"], found.certificate["failures"]
    assert found.agreement["classes"] == 1.0
    with torch.no_grad():
        scores = network(inputs)[0].double().numpy()
    whole = fixed.run(found.program, found.read.feed(inputs)).output_BN
    assert np.abs(whole - scores).max() < 0.01 * np.abs(scores).max()


def test_the_last_input_reaches_the_hidden_layer(module: Classifier, inputs: torch.Tensor) -> None:
    found = deploy(module, inputs, dt_s=0.001)
    states = fixed.run(found.program, found.read.feed(inputs), record=True).layers["memory"]
    x = states.v_BTN[:, 1:, 8:] / found.program.layer("memory").v_per_unit[8:]
    np.testing.assert_allclose(x, inputs, atol=0.004)  # of 12 bits, and messages that round what is taken off


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            lambda one: nn.Sequential(one, nn.Linear(4, 2)),
            r"^0.lmu: an LMUFFT is read with one linear layer .* found 2",
        ),
        (lambda one: Middle(one), "^net.lmu: the module does not give its linear layer of the LMUFFT's last step"),
    ],
)
def test_other_modules_are_refused(
    module: Classifier, inputs: torch.Tensor, change: Callable[[nn.Module], nn.Module], line: str
) -> None:
    with pytest.raises(FrameworkError, match=line):
        graph_of(change(module), inputs, dt_s=0.001)


class Middle(nn.Module):
    """Reads the step before the last."""

    def __init__(self, net: Classifier) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net.head(self.net.lmu(x)[0][:, -2])  # type: ignore[no-any-return, operator]


def test_a_memory_that_grows_is_refused(arrays: dict[str, torch.Tensor], inputs: torch.Tensor) -> None:
    grows = Classifier(LMUFFT(arrays | {"A": arrays["A"] * 2}), 10).eval()
    with pytest.raises(FrameworkError, match=r"lmu: its A has a spectral radius of 1\.\d+, .* at most 1 is allowed"):
        graph_of(grows, inputs, dt_s=0.001)
    two = nn.ModuleList([grows, Classifier(LMUFFT(arrays), 10)])
    with pytest.raises(FrameworkError, match=r"1.lmu: one LMUFFT is read of a module, found 2"):
        graph_of(two, inputs, dt_s=0.001)
