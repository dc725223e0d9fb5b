"""Somebody else's trained networks: the two Braille graphs of the NIR paper, on Lava itself.

The paper reports 48.6 % in Lava and 95.0 % in snnTorch for the first (Pedersen et al., Nature
Communications 15:8122, 2024). Here scale, bias and time step survive.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import neurodeploy
from neurodeploy.backends import fixed, reference
from neurodeploy.backends.calibration import measure
from neurodeploy.data.load import open_samples
from neurodeploy.data.nir_paper import GRAPHS as FILES
from neurodeploy.data.nir_paper import paper_folder
from neurodeploy.data.stream import unlabelled
from neurodeploy.mapping.compile import compile_network
from neurodeploy.papers.nir.classify import TASKS
from neurodeploy.papers.nir.targets import Subject
from neurodeploy.pipeline.stage_runs import certified_run
from neurodeploy.progress import silent

GRAPHS = {"braille_noDelay_bias_zero": ("zero", 0.95), "braille_noDelay_noBias_subtract": ("subtract", 0.96)}
IN_LAVA = 24
"""Samples whose every state is compared with Lava's; the accuracy is of all 174."""


def graph(name: str) -> Path:
    return Path(os.environ["NEURODEPLOY_DATA"]) / "nir_paper" / "03_rnn" / f"{name}.nir"


@pytest.mark.data
@pytest.mark.lava
@pytest.mark.slow
@pytest.mark.parametrize("name", GRAPHS)
def test_the_nir_papers_graph_keeps_its_accuracy_down_to_lava(name: str) -> None:
    rule, least = GRAPHS[name]
    found = neurodeploy.certify(graph(name), "braille7", dt_s=1e-4, backends=("reference", "fixed"))
    reference, fixed = found["stages"]
    assert found["passed"], found["failures"]
    assert reference["accuracy"] >= least
    assert fixed["accuracy"] >= reference["accuracy"] - 0.015
    assert fixed["samples"] == 174
    assert fixed["equations"]["holds"]
    assert any(f"reset rule {rule!r} taken from the file's name" in note for note in found["notes"])
    exact = neurodeploy.certify(graph(name), "braille7", dt_s=1e-4, backends=("fixed", "lava"), limit=IN_LAVA)
    assert exact["bit_exact"] == {"fixed/lava": True}
    assert [stage["samples"] for stage in exact["stages"]] == [IN_LAVA, IN_LAVA]
    assert exact["stages"][0]["accuracy"] == exact["stages"][1]["accuracy"]


@pytest.mark.data
def test_the_wrong_reset_rule_is_seen_in_the_accuracy() -> None:
    """The rule matters: the graph trained with reset to zero loses points under subtraction."""
    right = neurodeploy.simulate(graph("braille_noDelay_bias_zero"), "braille7", backend="reference", dt_s=1e-4)
    wrong = neurodeploy.simulate(
        graph("braille_noDelay_bias_zero"), "braille7", backend="reference", dt_s=1e-4, reset="subtract"
    )
    assert wrong["accuracy"] < right["accuracy"] - 0.02


@pytest.mark.data
def test_the_nir_papers_convolutional_graph_keeps_its_accuracy_in_integers() -> None:
    """The paper reports 97.85 % (snnTorch) to 98.47 % (Sinabs, which trained it) on all of N-MNIST's test part.

    Calibrated states bound the plan; what the search over plans makes of it, `figure nir-paper` measures.
    """
    task = TASKS["cnn"]
    network = Subject(paper_folder() / FILES["cnn"], task.dt_s, task.reset, task.dataset).network
    measured = measure(network, open_samples(task.dataset, split="train").take(np.arange(6)).whole().spikes_BTI)
    made = compile_network(network, measured=measured)
    test = open_samples(task.dataset, split="test").whole()
    trace = fixed.run(made.program, test.spikes_BTI)
    assert len(test) == 72
    assert trace.accuracy(test.labels_B) >= 0.97
    real = reference.run(network, test.spikes_BTI[:24])
    np.testing.assert_array_equal(trace.predictions_B[:24], real.predictions_B)
    run = certified_run("fixed", made, made.quantised, unlabelled(test.spikes_BTI[:3]), silent)
    assert run.violation is None
    assert not any(count for found in run.trace.overflows.values() for count in found.values())
