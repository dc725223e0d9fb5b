"""`simulate` in batches is `simulate` at once, and a Program runs on arrays, tensors and events alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import neurodeploy
from neurodeploy import Events
from neurodeploy.backends import fixed
from neurodeploy.backends.trace import Trace
from neurodeploy.errors import DataError, GraphError, NeurodeployError
from neurodeploy.pipeline import batches
from neurodeploy.program.file import write_program
from neurodeploy.program.program import Program
from tests.backends.lava_support import assert_same_counts, assert_same_states, random_spikes, small_network
from tests.cli import graphs
from tests.data.shd import write_official

SPIKES = random_spikes(3, n_samples=23, n_steps=14, n_inputs=5).astype(np.uint8)
SPIKES[:, -1, 0] = 1
LABELS = np.arange(23) % 3
TIMES = {"seconds", "samples_per_second"}


@pytest.fixture
def program() -> Program:
    return small_network(4)


@pytest.fixture
def file(program: Program, tmp_path: Path) -> Path:
    write_program(tmp_path / "program.npz", program)
    np.savez(tmp_path / "data.npz", spikes=SPIKES, labels=LABELS)
    write_official(tmp_path / "data.h5", SPIKES, program.dt_s, np.float32)
    return tmp_path / "program.npz"


def events_of(spikes: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return each sample's steps and channels."""
    found = [np.nonzero(one) for one in spikes]
    return [steps for steps, _ in found], [units for _, units in found]


def stored(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("data", ["data.npz", "data.h5"])
@pytest.mark.parametrize("engine", ["auto", "plain"])
def test_batches_give_the_result_of_the_whole(
    file: Path, data: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[dict[str, Any]] = []
    for size in (1, 4, 1000):
        monkeypatch.setattr(batches, "BATCH_BYTES", size * 14 * 5)
        out = file.parent / f"{size}.npz"
        found.append(neurodeploy.simulate(file, file.parent / data, traces=out, engine=engine, threads=1))
    for one in found[:-1]:
        for key in one.keys() - TIMES - {"traces"}:
            assert one[key] == found[-1][key], key
    whole = stored(file.parent / "1000.npz")
    for size in (1, 4):
        parts = stored(file.parent / f"{size}.npz")
        assert parts.keys() == whole.keys()
        for key in whole:
            np.testing.assert_array_equal(parts[key], whole[key])
            assert parts[key].dtype == whole[key].dtype


def test_batches_give_what_a_run_of_the_array_gives(
    program: Program, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_BYTES", 5 * 14 * 5)
    trace = fixed.run(program, SPIKES, record=True, engine="plain")
    out = file.parent / "traces.npz"
    found = neurodeploy.simulate(file, file.parent / "data.npz", traces=out)
    assert found["accuracy"] == trace.accuracy(LABELS)
    assert found["overflows"] == trace.overflows
    assert found["synops_per_sample"] > 0
    for name, states in trace.layers.items():
        for key in ("spikes", "u", "v"):
            np.testing.assert_array_equal(stored(out)[f"{name}/{key}"], getattr(states, f"{key}_BTN"))


def test_progress_counts_all_samples(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_BYTES", 10 * 14 * 5)
    told: list[tuple[str, int, int]] = []

    def tell(stage: str, done: int, total: int, detail: str = "") -> None:
        if stage != "compiling":  # the first time on a machine
            told.append((stage, done, total))

    neurodeploy.simulate(file, file.parent / "data.npz", progress=tell)
    assert told == [("fixed", 10, 23), ("fixed", 20, 23), ("fixed", 23, 23)]


def test_no_more_than_a_batch_is_run_at_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    plain = fixed.run

    def run(program: Program, spikes: np.ndarray, **rest: Any) -> Trace:
        seen.append(spikes.shape)
        return plain(program, spikes, **rest)

    monkeypatch.setattr(batches, "BATCH_BYTES", 9 * 14 * 5)
    monkeypatch.setattr(fixed, "run", run)
    neurodeploy.simulate(file, file.parent / "data.h5", limit=20)
    assert seen == [(9, 14, 5), (9, 14, 5), (2, 14, 5)]


@pytest.mark.parametrize(("n_steps", "n_channels"), [(100, 700), (24, 64), (300, 2312), (100_000, 10_000)])
def test_a_batch_fits_its_bytes(n_steps: int, n_channels: int) -> None:
    size = batches.batch_size(n_steps, n_channels)
    assert size == 1 or size * n_steps * n_channels <= batches.BATCH_BYTES
    assert size < fixed.BATCH or size % fixed.BATCH == 0


def test_the_reference_runs_in_batches_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graphs.write_good(tmp_path / "good.nir")
    data = graphs.write_data(tmp_path / "data.npz")
    whole = neurodeploy.simulate(graph, data, backend="reference", dt_s=1e-3, traces=tmp_path / "whole.npz")
    monkeypatch.setattr(batches, "BATCH_BYTES", 1)
    parts = neurodeploy.simulate(graph, data, backend="reference", dt_s=1e-3, traces=tmp_path / "parts.npz")
    for key in whole.keys() - TIMES - {"traces"}:
        assert parts[key] == whole[key]
    for key, array in stored(tmp_path / "whole.npz").items():
        np.testing.assert_array_equal(stored(tmp_path / "parts.npz")[key], array)


def test_probes_choose_the_layers_of_the_traces(file: Path) -> None:
    out = file.parent / "traces.npz"
    neurodeploy.simulate(file, file.parent / "data.npz", traces=out, probes=["readout"])
    assert stored(out).keys() == {"program", "readout/spikes", "readout/u", "readout/v"}


def test_traces_larger_than_the_memory_are_refused_before_the_run(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixed, "run", None)
    per_sample = (14 + 2) * (6 + 3) * 9
    monkeypatch.setattr(batches, "MOST_TRACE_BYTES", 10 * per_sample)
    out = file.parent / "traces.npz"
    with pytest.raises(
        DataError, match=r"^traces: the states of 23 samples take .* GB, .* give limit=10, or .*probes="
    ):
        neurodeploy.simulate(file, file.parent / "data.npz", traces=out)
    monkeypatch.setattr(batches, "MOST_TRACE_BYTES", per_sample - 1)
    with pytest.raises(DataError, match="a single sample is too many; name fewer layers with probes="):
        neurodeploy.simulate(file, file.parent / "data.npz", traces=out)
    assert not out.exists()


def test_a_stream_that_breaks_off_leaves_no_traces(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spikes = SPIKES.copy()
    spikes[20, 3, 3] = 2
    np.savez(file.parent / "bad.npz", spikes=spikes, labels=LABELS)
    monkeypatch.setattr(batches, "BATCH_BYTES", 4 * 14 * 5)
    before = sorted(file.parent.iterdir())
    with pytest.raises(DataError, match=r"bad.npz: sample 20 holds values from 0 to 2") as error:
        neurodeploy.simulate(file, file.parent / "bad.npz", traces=file.parent / "traces.npz")
    assert "\n" not in str(error.value)
    assert sorted(file.parent.iterdir()) == before


SAME: dict[str, Any] = {
    "booleans": SPIKES.astype(bool),
    "floats": SPIKES.astype(np.float32),
    "a list": SPIKES.tolist(),
    "a tensor": torch.from_numpy(SPIKES),
    "a float tensor": torch.from_numpy(SPIKES).float().requires_grad_(),
    "a half tensor": torch.from_numpy(SPIKES).bfloat16(),
    "a sparse tensor": torch.from_numpy(SPIKES).to_sparse(),
    "steps": Events(steps=events_of(SPIKES)[0], units=events_of(SPIKES)[1]),
    "lists of steps": Events(
        steps=[one.tolist() for one in events_of(SPIKES)[0]], units=[one.tolist() for one in events_of(SPIKES)[1]]
    ),
    "tensors of steps": Events(
        steps=[torch.from_numpy(one) for one in events_of(SPIKES)[0]],
        units=[torch.from_numpy(one) for one in events_of(SPIKES)[1]],
        n_steps=14,
        n_channels=5,
    ),
    "times": Events(times_s=[1e-3 * one for one in events_of(SPIKES)[0]], units=events_of(SPIKES)[1]),
    "times in single precision": Events(
        times_s=[(1e-3 * one).astype(np.float32) for one in events_of(SPIKES)[0]], units=events_of(SPIKES)[1]
    ),
}


@pytest.mark.parametrize("kind", SAME, ids=lambda name: name.replace(" ", "-"))
def test_spikes_of_every_kind_give_the_same_trace(program: Program, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_BYTES", 6 * 14 * 5)
    expected = fixed.run(program, SPIKES, record=True, engine="plain")
    found = neurodeploy.simulate(program, SAME[kind], record=True)
    assert_same_states(found, expected)
    np.testing.assert_array_equal(found.input_counts_BI, expected.input_counts_BI)
    np.testing.assert_array_equal(found.predictions_B, expected.predictions_B)
    assert found.n_input_steps == 14
    assert all(isinstance(one, np.ndarray) for one in found.counts.values())


def test_a_path_runs_on_arrays_too(program: Program, file: Path, tmp_path: Path) -> None:
    assert_same_counts(neurodeploy.simulate(file, SPIKES), fixed.run(program, SPIKES))
    graph = graphs.write_good(tmp_path / "good.nir")
    found = neurodeploy.simulate(graph, graphs.spikes(), dt_s=1e-3)
    real = neurodeploy.simulate(graph, graphs.spikes(), dt_s=1e-3, backend="reference", probes=["lif2"])
    assert found.backend == "fixed"
    assert real.layers.keys() == {"lif2"}
    assert neurodeploy.simulate(program, file.parent / "data.npz")["samples"] == 23


def test_states_are_kept_where_they_are_asked_for(program: Program) -> None:
    assert not neurodeploy.simulate(program, SPIKES).layers
    assert neurodeploy.simulate(program, SPIKES, probes=["readout"]).layers.keys() == {"readout"}
    assert neurodeploy.simulate(program, SPIKES, record=True).layers.keys() == {"hidden", "readout"}
    assert neurodeploy.simulate(program, SPIKES, record=True, probes=["hidden"]).layers.keys() == {"hidden"}


@pytest.mark.parametrize("engine", sorted(fixed.ENGINES))
@pytest.mark.parametrize("threads", [1, 2, None])
def test_engines_and_threads_change_nothing(program: Program, engine: str, threads: int | None) -> None:
    found = neurodeploy.simulate(program, SPIKES, record=True, engine=engine, threads=threads)
    assert_same_states(found, fixed.run(program, SPIKES, record=True, engine="plain"))


def test_silent_samples_and_later_steps_are_kept(program: Program) -> None:
    found = neurodeploy.simulate(program, Events(steps=[[], [3]], units=[[], [1]], n_steps=20))
    dense = np.zeros((2, 20, 5), np.uint8)
    dense[1, 3, 1] = 1
    assert_same_counts(found, fixed.run(program, dense))


BAD: dict[str, tuple[Any, str]] = {
    "another width": (SPIKES[:, :, :4], "spikes have 4 channels, the network takes 5"),
    "one sample": (SPIKES[0], r"shape \(14, 5\), \(samples, steps, channels\) with at least one each is needed"),
    "no steps": (SPIKES[:, :0], r"shape \(23, 0, 5\)"),
    "twos": (2 * SPIKES, "values from 0 to 2, only 0 and 1"),
    "negative": (-1 * SPIKES.astype(int), "values from -1 to 0, only 0 and 1"),
    "halves": (torch.full((1, 2, 5), 0.5), "values from 0.5 to 0.5"),
    "NaN": (np.full((1, 2, 5), np.nan), "values from nan"),
    "words": (np.full((1, 2, 5), "a"), "spikes hold <U1, numbers"),
    "ragged lists": ([[[1, 0]], [[1]]], "are no array"),
    "a negative time": (Events(times_s=[[0.0], [-1e-3]], units=[[0], [0]]), "sample 1 has times from -0.001"),
    "a negative step": (Events(steps=[[0], [-1]], units=[[0], [0]]), r"sample 1 has steps -1..-1"),
    "negative steps": (Events(steps=[[0]], units=[[0]], n_steps=-3), "n_steps is -3, at least 1"),
    "steps of 0": (Events(steps=[[0]], units=[[0]], n_steps=0), "n_steps is 0, at least 1"),
    "a late step": (Events(steps=[[0], [7]], units=[[0], [0]], n_steps=7), "sample 1 has an event in step 7, .* 0..6"),
    "a late time": (Events(times_s=[[7e-3]], units=[[0]], n_steps=7), "sample 0 has an event in step 7"),
    "an endless step": (Events(steps=[[1 << 40]], units=[[0]]), "steps 1099511627776"),
    "a unit too many": (Events(steps=[[0], [1]], units=[[0], [5]]), r"sample 1 has units 5..5, 0..4 are allowed"),
    "a negative unit": (Events(times_s=[[0.0]], units=[[-1]]), "sample 0 has units -1..-1"),
    "half a unit": (Events(steps=[[0]], units=[[0.5]]), "units of sample 0 are float64"),
    "half a step": (Events(steps=[[0.5]], units=[[0]]), "steps of sample 0 are float64"),
    "times in words": (Events(times_s=[["a"]], units=[[0]]), "times_s of sample 0 are <U1"),
    "one list": (Events(steps=[0], units=[0]), r"units of sample 0 are .* of shape \(\)"),
    "fewer units": (Events(steps=[[0, 1]], units=[[0]]), "sample 0 has 2 times and 1 units"),
    "fewer samples": (Events(steps=[[0], [1]], units=[[0]]), "2 samples of times and 1 of units"),
    "no samples": (Events(steps=[], units=[]), "0 samples of times"),
    "other channels": (Events(steps=[[0]], units=[[0]], n_channels=7), "have 7 channels, the network takes 5"),
    "no times": (Events(units=[[0]]), "give times_s in seconds or steps"),
    "times and steps": (Events(units=[[0]], steps=[[0]], times_s=[[0.0]]), "one of the two"),
}


@pytest.mark.parametrize("case", BAD, ids=lambda name: name.replace(" ", "-"))
def test_bad_spikes_are_refused_in_one_line(program: Program, case: str) -> None:
    spikes, says = BAD[case]
    with pytest.raises(DataError, match=says) as error:
        neurodeploy.simulate(program, spikes)
    assert "\n" not in str(error.value)


def test_options_that_do_not_go_together(program: Program, file: Path) -> None:
    call: Any = neurodeploy.simulate
    data = file.parent / "data.npz"
    cases: list[tuple[type[NeurodeployError], str, tuple[Any, Any], dict[str, Any]]] = [
        (DataError, "traces: are for data", (program, SPIKES), {"traces": file.parent / "t.npz"}),
        (DataError, "limit: found 0, at least 1", (program, SPIKES), {"limit": 0}),
        (DataError, "record: keeps the states on spikes of your own", (program, data), {"record": True}),
        (DataError, "probes: needs traces=OUT", (program, data), {"probes": ["hidden"]}),
        (GraphError, "'hiden' is not a layer of test; did you mean 'hidden'", (program, SPIKES), {"probes": ["hiden"]}),
        (GraphError, "the reference backend runs .nir files", (program, SPIKES), {"backend": "reference"}),
        (GraphError, "carries its own readout", (program, SPIKES), {"readout": "v_max"}),
        (GraphError, "carries its own time step; leave dt_s= out", (program, SPIKES), {"dt_s": 1e-3}),
        (GraphError, "carries its own reset", (program, SPIKES), {"reset": "zero"}),
        (GraphError, "carries its own weights", (program, SPIKES), {"weight_bits": 8}),
        (GraphError, "carries its own precision", (program, SPIKES), {"calibrate": data}),
        (GraphError, "engine: 'natve' is unknown; did you mean 'native'", (program, SPIKES), {"engine": "natve"}),
        (GraphError, "threads: found 0, at least 1", (program, SPIKES), {"threads": 0}),
    ]
    for kind, says, arguments, options in cases:
        with pytest.raises(kind, match=says):
            call(*arguments, **options)
