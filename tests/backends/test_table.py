"""A backend that stands in no file of the package: one entry, and every verb takes it by name.

Axes: B sample, T step, I channel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nir
import numpy as np
import pytest

import neurodeploy
from neurodeploy.backends import fixed
from neurodeploy.backends.table import BACKENDS, Backend, RunOptions
from neurodeploy.backends.trace import Trace
from neurodeploy.errors import GraphError, LavaError
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress
from tests.graph.images import chained, neurons

SPIKES = (np.random.default_rng(2).random((6, 20, 8)) < 0.4).astype(np.uint8)
LABELS = np.arange(6) % 3


class Slow:
    """Our plain engine under another name; `first` is added to the first potential, to be found out."""

    def __init__(self, first: int = 0) -> None:
        self.first = first
        self.loaded: list[RunOptions] = []

    def run(
        self, target: Program, spikes_BTI: np.ndarray, options: RunOptions, progress: Callable[[int, int], None]
    ) -> Trace:
        trace = fixed.run(target, spikes_BTI, record=True, engine="plain", progress=progress)
        trace.layers[target.output].v_BTN[0, 0, 0] += self.first
        return replace(trace, backend="slow")

    def load(self, target: Program, options: RunOptions, progress: Progress) -> None:
        self.loaded.append(options)


def added(monkeypatch: pytest.MonkeyPatch, slow: Slow, **more: object) -> None:
    entry = Backend("slow", slow.run, equals="fixed", options=("threads",), load=slow.load)
    monkeypatch.setitem(BACKENDS, "slow", replace(entry, **more))  # type: ignore[arg-type]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(5)
    graph = chained((8,), a=nir.Linear(rng.normal(size=(3, 8))), n=neurons(3))
    nir.write(tmp_path / "model.nir", graph)
    np.savez(tmp_path / "data.npz", spikes=SPIKES, labels=LABELS)
    return tmp_path / "model.nir", tmp_path / "data.npz"


def test_it_simulates_by_its_name(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    added(monkeypatch, slow)
    theirs = neurodeploy.simulate(*files, backend="slow", dt_s=1e-3, reset="zero", threads=2)
    ours = neurodeploy.simulate(*files, backend="fixed", dt_s=1e-3, reset="zero")
    assert theirs["backend"] == "slow"
    assert [theirs[key] for key in ("accuracy", "synops_per_sample")] == [
        ours[key] for key in ("accuracy", "synops_per_sample")
    ]
    assert slow.loaded == [RunOptions((), 2, None)]


@pytest.mark.parametrize("first", [0, 1])
def test_a_certificate_holds_it_against_what_it_must_equal(
    first: int, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    added(monkeypatch, Slow(first))
    names = ("reference", "fixed", "slow")
    found = neurodeploy.certify(*files, backends=names, dt_s=1e-3, reset="zero", max_accuracy_drop=1)
    assert [one["name"] for one in found["stages"]] == list(names)
    assert found["bit_exact"] == {"fixed/slow": not first}
    assert found["passed"] is not bool(first)
    assert found["stages"][2]["equations"]["holds"] or first


def test_what_it_does_not_take_or_lacks_is_one_line(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise LavaError("slow: is not installed; install it")

    added(monkeypatch, Slow())
    with pytest.raises(GraphError, match="engine: is for the fixed backend, 'slow' does not take it; leave it out"):
        neurodeploy.simulate(*files, backend="slow", engine="plain")
    with pytest.raises(GraphError, match="threads: is for the fixed or slow backend, 'lava' does not take it"):
        neurodeploy.simulate(*files, backend="lava", threads=1)
    added(monkeypatch, Slow(), check=absent)
    for call in (
        lambda: neurodeploy.simulate(*files, backend="slow"),
        lambda: neurodeploy.certify(*files, backends=("fixed", "slow")),
    ):
        with pytest.raises(LavaError, match="slow: is not installed; install it"):
            call()
