"""The NIR paper's files: found below the data folder, read as they are, and damaged ones refused in one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.data.nir_paper import (
    CNN,
    EXACT,
    GRAPHS,
    LIF,
    RNN,
    cnn_accuracies,
    lif_traces,
    paper_folder,
    rnn_accuracies,
    rnn_activities,
    speck_counts,
)
from neurodeploy.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of the right shape, with two traces and two arrays."""
    for graph in GRAPHS.values():
        path = tmp_path / graph
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    write_trace(tmp_path, EXACT, [[0, 0, 0], [1, 0.4, 0], [0, 0.2, 1]])
    write_trace(tmp_path, "sinabs", [[0, 0, 0], [0.04, 0.04, 0], [0, 0, 1]])
    np.save(tmp_path / CNN / "norse_accuracy.npy", np.float32(0.5))
    np.save(tmp_path / RNN / "norse_accuracy_noDelay_bias_zero.npy", 94.29)
    np.save(tmp_path / RNN / "lava_activity_noDelay_bias_zero.npy", np.eye(2, 3))
    np.save(tmp_path / RNN / "norse_activity_noDelay_bias_zero.npy", np.eye(3, 2))
    return tmp_path


def write_trace(folder: Path, name: str, rows: list[list[float]]) -> None:
    text = "\n".join(",".join(map(str, row)) for row in rows)
    (folder / LIF / f"lif_{name}.csv").write_text(text + "\n")


def test_the_folder_is_found_below_the_data_folder(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path_factory.mktemp("data")
    shutil.copytree(folder, data / "nir_paper")
    monkeypatch.setenv("NEURODEPLOY_DATA", str(data))
    assert paper_folder() == data / "nir_paper"
    assert paper_folder(folder) == folder


def test_a_missing_graph_is_named(folder: Path) -> None:
    (folder / GRAPHS["cnn"]).unlink()
    with pytest.raises(DataError, match=r"has no 02_cnn/cnn_sinabs.nir; put folder paper/ .* or name it with data="):
        paper_folder(folder)


def test_any_input_is_a_spike(folder: Path) -> None:
    traces = lif_traces(folder)
    assert list(traces) == ["exact", "sinabs"]
    assert traces["sinabs"].input_T.tolist() == [0, 1, 0]
    assert traces["exact"].v_T.tolist() == [0, 0.4, 0.2]
    assert traces["exact"].spikes_T.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([[0, 0, 0], [0, 0, 0], [1, 0, 0]], "another input"),
        ([[0, 0, 0], [1, 0, 0]], "another input"),
        ([[0, 0], [1, 0], [0, 0]], "finite input, potential and spike"),
        ([[0, 0, 0], [1, float("nan"), 0], [0, 0, 0]], "finite input, potential and spike"),
        ([["?", 0, 0]], "no table of numbers"),
    ],
)
def test_a_damaged_trace_is_refused(folder: Path, rows: list[list[float]], line: str) -> None:
    write_trace(folder, "norse", rows)
    with pytest.raises(DataError, match=line) as caught:
        lif_traces(folder)
    assert "\n" not in str(caught.value)


def test_traces_without_the_analytic_solution_are_refused(folder: Path) -> None:
    (folder / LIF / "lif_exact.csv").unlink()
    with pytest.raises(DataError, match=r"has no lif_exact.csv"):
        lif_traces(folder)


def test_percents_become_shares_and_lava_is_turned(folder: Path) -> None:
    assert cnn_accuracies(folder) == {"norse": 0.5}
    assert rnn_accuracies(folder, "rnn_zero") == {"norse": pytest.approx(0.9429)}
    assert rnn_accuracies(folder, "rnn_subtract") == {}
    found = rnn_activities(folder, "rnn_zero")
    assert {name: one.shape for name, one in found.items()} == {"lava": (3, 2), "norse": (3, 2)}
    assert np.array_equal(found["lava"], found["norse"])
    assert speck_counts(folder) is None


@pytest.mark.parametrize("stored", [np.array([None], object), np.array(["a"]), np.array([np.nan])])
def test_an_array_of_anything_but_numbers_is_refused(folder: Path, stored: np.ndarray) -> None:
    np.save(folder / CNN / "norse_accuracy.npy", stored, allow_pickle=True)
    with pytest.raises(DataError, match=r"norse_accuracy.npy: "):
        cnn_accuracies(folder)
