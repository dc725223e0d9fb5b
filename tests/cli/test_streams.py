"""Data that are read while the simulation runs: what they give, and one line where they break off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurodeploy.pipeline import batches
from tests.cli import graphs
from tests.cli.support import Shell
from tests.data.shd import break_last_lists, write_official

SPIKES = graphs.spikes(60, 40)
SPIKES[:, -1, 0] = 1
GRAPH = ("good.nir", "--dt", "1e-3")
TRACES = ("--traces", "t.npz")


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch, good: Path) -> None:
    """Seven samples at a time."""
    monkeypatch.setattr(batches, "BATCH_BYTES", 7 * 40 * graphs.CHANNELS)


def test_a_file_in_batches_gives_the_same_however_it_is_run(shell: Shell) -> None:
    write_official(shell.folder / "data.h5", SPIKES, graphs.DT_S)
    plain = shell.works("simulate", *GRAPH, "--data", "data.h5", *TRACES)
    for options in (("--threads", "1"), ("--engine", "plain"), ("--engine", "native", "--threads", "2")):
        same = shell.works("simulate", *GRAPH, "--data", "data.h5", *options, "--traces", "other.npz", "--overwrite")
        for key in plain.keys() - {"seconds", "samples_per_second", "traces", "engine"}:
            assert same[key] == plain[key]
        with np.load(shell.folder / "t.npz") as one, np.load(shell.folder / "other.npz") as other:
            for key in one.files:
                np.testing.assert_array_equal(one[key], other[key])


def test_probes_may_be_repeated(shell: Shell) -> None:
    for probes, layers in ((("lif2",), {"lif2"}), (("lif1", "lif2"), {"lif1", "lif2"})):
        options = [word for name in probes for word in ("--probe", name)]
        shell.works("simulate", *GRAPH, "--data", "data.npz", *TRACES, "--overwrite", *options)
        with np.load(shell.folder / "t.npz") as traces:
            assert {key.split("/")[0] for key in traces.files} == layers | {"program"}


def test_progress_goes_on_over_the_batches(shell: Shell) -> None:
    write_official(shell.folder / "data.h5", SPIKES, graphs.DT_S)
    said = shell("simulate", *GRAPH, "--data", "data.h5")
    assert said.status == 0
    assert said.err.splitlines()[-1] == "fixed 60/60  samples"
    assert "fixed 35/60  samples" in said.err


def test_a_limit_needs_no_later_sample(shell: Shell) -> None:
    write_official(shell.folder / "data.h5", SPIKES, graphs.DT_S)
    whole = shell.works("simulate", *GRAPH, "--data", "data.h5", "--limit", "20")
    break_last_lists(shell.folder / "data.h5")
    few = shell.works("simulate", *GRAPH, "--data", "data.h5", "--limit", "20")
    assert few["synops_per_sample"] == whole["synops_per_sample"]
    shell.refuses("simulate", *GRAPH, "--data", "data.h5", *TRACES, says=r"data.h5: .*, sample \d+ cannot be read")


def test_an_archive_that_breaks_off_in_the_middle_is_one_line(shell: Shell) -> None:
    spikes = np.random.default_rng(1).random((60, 400, graphs.CHANNELS)) < 0.4
    np.savez_compressed(shell.folder / "cut.npz", spikes=spikes, labels=graphs.labels(60))
    content = bytearray((shell.folder / "cut.npz").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    (shell.folder / "cut.npz").write_bytes(content)
    says = r"cut.npz: is a damaged .npz .*samples from \d+ on cannot be read"
    shell.refuses("simulate", *GRAPH, "--data", "cut.npz", *TRACES, says=says, after_work=True)


def test_traces_that_fill_the_memory_are_refused(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MOST_TRACE_BYTES", 500)
    says = "--traces: the states of 6 samples take .* name fewer layers with --probe"
    shell.refuses("simulate", *GRAPH, "--data", "data.npz", *TRACES, says=says)
