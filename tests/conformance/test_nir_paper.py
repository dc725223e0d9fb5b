"""Somebody else's trained networks: the two Braille graphs of the NIR paper, on Lava itself.

The paper reports 48.6 % in Lava and 95.0 % in snnTorch for the first (Pedersen et al., Nature
Communications 15:8122, 2024). Here scale, bias and time step survive.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import neurodeploy

GRAPHS = {"braille_noDelay_bias_zero": ("zero", 0.95), "braille_noDelay_noBias_subtract": ("subtract", 0.96)}


def graph(name: str) -> Path:
    return Path(os.environ["NEURODEPLOY_DATA"]) / "nir_paper" / "03_rnn" / f"{name}.nir"


@pytest.mark.data
@pytest.mark.lava
@pytest.mark.slow
@pytest.mark.parametrize("name", GRAPHS)
def test_the_nir_papers_graph_keeps_its_accuracy_down_to_lava(name: str) -> None:
    rule, least = GRAPHS[name]
    found = neurodeploy.certify(graph(name), "braille7", dt_s=1e-4, backends=("reference", "fixed", "lava"))
    reference, fixed, lava = found["stages"]
    assert found["passed"], found["failures"]
    assert found["bit_exact"] == {"fixed/lava": True}
    assert reference["accuracy"] >= least
    assert fixed["accuracy"] >= reference["accuracy"] - 0.015
    assert lava["accuracy"] == fixed["accuracy"]
    assert lava["samples"] == fixed["samples"] == 174
    assert fixed["equations"]["holds"]
    assert any(f"reset rule {rule!r} taken from the file's name" in note for note in found["notes"])


@pytest.mark.data
def test_the_wrong_reset_rule_is_seen_in_the_accuracy() -> None:
    """The rule matters: the graph trained with reset to zero loses points under subtraction."""
    right = neurodeploy.simulate(graph("braille_noDelay_bias_zero"), "braille7", backend="reference", dt_s=1e-4)
    wrong = neurodeploy.simulate(
        graph("braille_noDelay_bias_zero"), "braille7", backend="reference", dt_s=1e-4, reset="subtract"
    )
    assert wrong["accuracy"] < right["accuracy"] - 0.02


@pytest.mark.data
@pytest.mark.slow
def test_the_nir_papers_convolutional_graph_keeps_its_accuracy_in_integers() -> None:
    """The paper reports 97.85 % (snnTorch) to 98.47 % (Sinabs, which trained it) on all of N-MNIST's test part."""
    path = Path(os.environ["NEURODEPLOY_DATA"]) / "nir_paper" / "02_cnn" / "cnn_sinabs.nir"
    found = neurodeploy.certify(path, "nmnist_small", dt_s=1.0, reset="subtract", limit=24)
    reference, fixed = found["stages"]
    assert found["passed"], found["failures"]
    assert reference["accuracy"] >= 0.95
    assert fixed["accuracy"] >= reference["accuracy"] - 0.015
    assert fixed["equations"]["holds"]
    assert fixed["compared_samples"] < fixed["samples"] == 24  # the states of all would not be held at once
