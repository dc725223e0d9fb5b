"""The NIR paper's three tasks: our runs against the analytic solution, the stored numbers, and other frameworks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.backends.lava import status
from neurodeploy.data.load import open_samples
from neurodeploy.data.nir_paper import GRAPHS, paper_folder
from neurodeploy.errors import GraphError, RunError
from neurodeploy.papers.nir import classify, stored
from neurodeploy.papers.nir.bias_effect import LATE, NEVER, OTHER_RESET, WHOLE, changed
from neurodeploy.papers.nir.classify import TASKS
from neurodeploy.papers.nir.figure import known_gaps, nir_paper
from neurodeploy.papers.nir.lif import DT_S, RESET, measured_lif
from neurodeploy.papers.nir.targets import FRAMEWORKS, Subject
from neurodeploy.progress import silent

pytestmark = pytest.mark.data
SPIKES = [460, 510, 710, 760]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    backends = ("reference", "fixed", *(("lava",) if status().ready else ()))
    out = tmp_path_factory.mktemp("paper") / "table.png"
    return nir_paper(out=out, tasks=("lif", "rnn"), backends=backends, limit=24, lava_samples=6)


@pytest.fixture(scope="module")
def neuron(drawn: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = drawn["tasks"]["lif"]
    return found


def rows(task: dict[str, Any], by: str) -> dict[str, dict[str, Any]]:
    return {row["platform"]: row for row in task["rows"] if row["by"] == by}


def test_our_neuron_is_nearer_to_the_analytic_solution_than_any_platform_of_the_paper(neuron: dict[str, Any]) -> None:
    here, paper = rows(neuron, "here"), rows(neuron, "paper")
    assert neuron["exact"]["spikes"] == SPIKES
    for name in ("reference", "fixed"):
        assert here[name]["spikes"] == SPIKES
        assert here[name]["lag"] == 0
        assert here[name]["rms"] < 0.0041
    assert len(paper) == 10
    assert min(row["rms"] for row in paper.values()) > 0.009


def test_the_papers_own_traces_are_told_as_they_are(neuron: dict[str, Any]) -> None:
    paper = rows(neuron, "paper")
    assert {name for name, row in paper.items() if row["off"] == [1] * 4} == {
        "lava_cpu_fixed",
        "lava_cpu_float",
        "lava_loihi_fixed",
        "spyx",
    }
    assert paper["sinabs"]["off"] == paper["rockpool"]["off"] == [-10, -10, 0, 0]
    # Lava reports a potential one step after the input that made it.
    assert paper["lava_loihi_fixed"]["lag"] == 1
    assert paper["norse"]["lag"] == 0
    # snnTorch stored potentials in units of its input.
    assert paper["snntorch"]["scale"] == pytest.approx(0.04, rel=0.01)


def test_the_wrong_reset_is_seen_in_the_potential() -> None:
    folder = paper_folder()
    from neurodeploy.data.nir_paper import lif_traces
    from neurodeploy.papers.nir.lif import beside

    exact = lif_traces(folder)["exact"]
    seen = Subject(folder / GRAPHS["lif"], DT_S, "zero").run(("reference",), exact.input_T[None, :, None])["reference"]
    found = beside(seen.spikes["1"][0, :, 0], seen.v["1"][0, :, 0], exact, 0.1, scale=1.0)
    assert found["off"] == [0] * 4
    assert found["rms"] > 0.009


@pytest.mark.lava
def test_lavas_neuron_is_that_of_our_integers(neuron: dict[str, Any]) -> None:
    fixed, lava = (rows(neuron, "here")[name] for name in ("fixed", "lava"))
    assert {key: lava[key] for key in ("spikes", "rms", "lag")} == {key: fixed[key] for key in ("spikes", "rms", "lag")}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_frameworks_neuron_spikes_at_the_same_steps(framework: str) -> None:
    pytest.importorskip(framework)
    row = rows(measured_lif(paper_folder(), (framework,)), "here")[framework]
    assert row["refused"] is None
    assert row["spikes"] == SPIKES
    assert row["rms"] is None


@pytest.mark.parametrize("task", list(TASKS))
def test_the_stored_accuracies_are_those_that_the_paper_states(task: str) -> None:
    found = stored.accuracies(paper_folder(), task)
    stated = [one for one in found if one["stated"] is not None]
    assert len(stated) == {"cnn": 8, "rnn_zero": 4, "rnn_subtract": 0}[task]
    for one in stated:
        assert one["accuracy"] == pytest.approx(one["stated"], abs=6e-4), one["platform"]


def test_the_papers_sample_is_none_of_ours_and_its_platforms_disagree() -> None:
    found = stored.activity(paper_folder(), "rnn_zero", 1e-4, "zero", limit=None)
    assert found["nearest"]["samples"] == 984
    assert found["nearest"]["agreement"] < 0.5
    by_name = {one["platform"]: one for one in found["platforms"]}
    assert by_name["snntorch"]["agreement"] == 1
    assert by_name["norse"]["agreement"] == pytest.approx(0.903, abs=1e-3)
    assert by_name["lava"]["agreement"] < 0.35


def test_speck_was_recorded_on_samples_that_we_have() -> None:
    """No other of our 72 test samples is as like the chip's recording as the one with that digit and place."""
    found = stored.speck(paper_folder())
    assert found is not None
    labels_B = open_samples("nmnist_small", split="test").labels_B
    assert {digit: int(labels_B[one["sample"]]) for digit, one in found["digits"].items()} == {
        digit: int(digit) for digit in found["digits"]
    }
    assert all(one["is_best"] and one["correlation"] > 0.75 for one in found["digits"].values())


def test_what_the_recurrent_bias_is_worth() -> None:
    source = open_samples("braille7", split="test")
    found = changed(paper_folder() / GRAPHS["rnn_zero"], source, 1e-4, "zero")
    accuracy = {what: trace.accuracy(source.labels_B) for what, trace in found.items()}
    assert accuracy[WHOLE] > 0.96
    assert accuracy[NEVER] < 0.6
    assert accuracy[NEVER] < accuracy[LATE] < accuracy[WHOLE]
    assert accuracy[OTHER_RESET] < accuracy[WHOLE]
    assert list(changed(paper_folder() / GRAPHS["rnn_subtract"], source.first(1), 1e-4, "subtract")) == [
        WHOLE,
        OTHER_RESET,
    ]


@pytest.mark.parametrize("framework", ["norse", "spikingjelly"])
def test_the_bias_missing_at_the_first_step_is_all_that_sets_frameworks_apart(framework: str) -> None:
    pytest.importorskip(framework)
    source = open_samples("braille7", split="test", limit=24)
    graph = paper_folder() / GRAPHS["rnn_zero"]
    runs = changed(graph, source, 1e-4, "zero", record=True)
    seen = Subject(graph, 1e-4, "zero").run((framework,), source.whole().spikes_BTI)[framework]
    for what, same in ((LATE, True), (WHOLE, False)):
        for name, layer in runs[what].layers.items():
            assert np.array_equal(layer.spikes_BTN != 0, seen.spikes[name]) == same, (what, name)


def test_the_gaps_of_importers_are_the_doctors() -> None:
    folder = paper_folder()
    cnn = folder / GRAPHS["cnn"]
    assert any("beta=0.9" in gap for gap in known_gaps(cnn, "snntorch", 1.0, "subtract")["approximate"])
    assert any("IF fall to 0" in gap for gap in known_gaps(cnn, "norse", 1.0, "subtract")["approximate"])
    # Norse is given the time step, and CubaLIF's reset.
    without = known_gaps(folder / GRAPHS["rnn_subtract"], "norse", 1e-4, "subtract")
    assert without == {"unsupported": [], "approximate": []}
    biased = known_gaps(folder / GRAPHS["rnn_zero"], "norse", 1e-4, "zero")
    assert any("first step" in gap for gap in biased["approximate"])
    assert known_gaps(folder / GRAPHS["rnn_zero"], "snntorch", 1e-4, "zero")["unsupported"]


@pytest.mark.parametrize("backends", [("reference", "fixed"), pytest.param(("fixed", "lava"), marks=pytest.mark.lava)])
def test_the_convolutional_network_runs(backends: tuple[str, ...]) -> None:
    task = TASKS["cnn"]
    source = open_samples("nmnist_small", split="test", limit=2)
    # Its precision is chosen by the weights' size alone: calibration takes a minute.
    subject = Subject(paper_folder() / GRAPHS["cnn"], task.dt_s, task.reset)
    n_steps = 60 if "lava" in backends else 300
    seen = subject.run(backends, source.whole().spikes_BTI[:, :n_steps])
    for one in seen.values():
        assert one.spikes["3"].shape == (2, n_steps, 4096)
        assert one.spikes["3"].any()
        assert "lava" in seen or one.predictions_B.tolist() == source.labels_B.tolist()
    if "lava" in seen:
        assert seen["lava"].equal_to_fixed
        assert all(np.array_equal(one, seen["fixed"].spikes[name]) for name, one in seen["lava"].spikes.items())
        assert all(np.array_equal(one, seen["fixed"].v[name]) for name, one in seen["lava"].v.items())


def test_picture_table_and_numbers_lie_beside_each_other(drawn: dict[str, Any]) -> None:
    beside = json.loads(Path(drawn["json"]).read_text())
    assert list(beside["tasks"]) == ["lif", "rnn_subtract", "rnn_zero"]
    for key in ("tasks", "citation", "limit"):
        assert beside[key] == drawn[key]
    assert Path(drawn["path"]).read_bytes().startswith(b"\x89PNG")
    text = Path(drawn["table"]).read_text()
    assert "Only the first 24 samples of each part were run." in text
    assert text.count("## ") == 3
    assert not Path(drawn["path"]).with_suffix(".work.json").exists()


def test_the_braille_graphs_keep_their_accuracy(drawn: dict[str, Any]) -> None:
    for name in ("rnn_zero", "rnn_subtract"):
        by_name = {row["backend"]: row for row in drawn["tasks"][name]["rows"]}
        for backend in ("reference", "fixed"):
            part = by_name[backend]["parts"]["test"]
            assert part["samples"] == 24
            assert part["accuracy"] >= 0.95
        if "lava" in by_name:
            assert by_name["lava"]["equal_to_fixed"] is True
            assert by_name["lava"]["parts"]["test"]["samples"] == 6
        # The reference is its own measure; integers move spikes.
        assert {layer["agreement"] for layer in by_name["reference"]["layers"].values()} == {1.0}
        assert 0.5 < by_name["fixed"]["layers"]["lif1.lif"]["agreement"] < 1


def test_slow_backends_run_the_first_samples_part_after_part(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, int]] = []

    def noted(subject: Subject, task: Any, wanted: dict[str, int], *_: Any) -> dict[str, Any]:
        asked.append(wanted)
        return {}

    monkeypatch.setattr(classify, "_chunk", noted)
    kept: Any = None
    classify.measured(
        TASKS["cnn"],
        paper_folder() / GRAPHS["cnn"],
        ("reference", "lava", "norse"),
        limit=8,
        lava_samples=11,
        framework_samples=None,
        kept=kept,
        progress=silent,
    )
    whole = {"reference": 6, "norse": 6}, {"reference": 2, "norse": 2}
    assert asked == [whole[0] | {"lava": 6}, whole[1] | {"lava": 2}, whole[0] | {"lava": 3}, whole[1]]


def test_a_finished_figure_is_drawn_again_without_measuring(
    drawn: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("was measured again")

    monkeypatch.setattr(classify.Subject, "run", refuse)
    again = nir_paper(out=drawn["path"], tasks=("rnn",), backends=("reference", "fixed"), limit=24, mode="resume")
    for name in ("rnn_zero", "rnn_subtract"):
        assert again["tasks"][name]["rows"][1] == drawn["tasks"][name]["rows"][1]


def test_an_interrupted_figure_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "table.png"
    ask: dict[str, Any] = {"tasks": ("rnn",), "backends": ("reference",), "limit": 6}
    whole = Subject.run
    asked: list[Path] = []

    def stops(self: Subject, *args: Any) -> Any:
        asked.append(self.path)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return whole(self, *args)

    monkeypatch.setattr(Subject, "run", stops)
    with pytest.raises(KeyboardInterrupt):
        nir_paper(out=out, **ask)
    assert not out.exists()
    with pytest.raises(RunError, match="continue with mode='resume'"):
        nir_paper(out=out, **ask)
    nir_paper(out=out, **ask, mode="resume")
    assert len(asked) == 3
    assert [path.name for path in asked].count(Path(GRAPHS["rnn_zero"]).name) == 1


def test_a_framework_that_cannot_is_told_and_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from neurodeploy.errors import FrameworkError

    def refuse(self: Subject, name: str, spikes_BTI: np.ndarray) -> Any:
        raise FrameworkError(f"{name}: its importer refuses the graph")

    monkeypatch.setattr(Subject, "_framework", refuse)
    found = nir_paper(out=tmp_path / "t.svg", tasks=("lif", "rnn"), backends=("reference", "norse"), limit=3)
    assert [row["refused"] for row in found["tasks"]["rnn_zero"]["rows"]] == [
        None,
        "norse: its importer refuses the graph",
    ]
    assert "| Norse | no [1] | - | - | 94.3 % |" in Path(found["table"]).read_text()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"tasks": ("lift",)}, "tasks: 'lift' is unknown; did you mean 'lif'"),
        ({"tasks": ()}, "tasks: found ''"),
        ({"backends": ("norse", "norse")}, "at most once"),
        ({"backends": ("nosre",)}, "did you mean 'norse'"),
    ],
)
def test_what_is_unknown_is_refused(tmp_path: Path, given: dict[str, Any], line: str) -> None:
    with pytest.raises(GraphError, match=line):
        nir_paper(out=tmp_path / "t.png", **given)


def test_the_reset_of_the_single_neuron_is_the_analytic_solutions() -> None:
    assert RESET == "subtract"


def test_snntorch_runs_the_file_that_the_doctor_writes_for_it() -> None:
    """Its importer refuses the paper's recurrent graph; of the repaired one it gives every output spike."""
    pytest.importorskip("snntorch")
    source = open_samples("braille7", split="test", limit=12)
    subject = Subject(paper_folder() / GRAPHS["rnn_zero"], 1e-4, "zero")
    seen = subject.run(("reference", "snntorch"), source.whole().spikes_BTI)
    assert "snntorch" in seen["snntorch"].refused_as_is
    assert seen["reference"].spikes["lif2"].any()
    np.testing.assert_array_equal(seen["snntorch"].spikes["lif2"], seen["reference"].spikes["lif2"])
