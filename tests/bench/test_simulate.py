"""The result holds everything that is promised, and bad input is one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import neurodeploy
from neurodeploy.backends import fixed
from neurodeploy.bench import contenders, fresh, rounds, simulate
from neurodeploy.bench import workloads as works
from neurodeploy.cli.app import invoke
from neurodeploy.data.files import open_file
from neurodeploy.errors import NeurodeployError
from tests.bench.support import work_of

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> works.Work:
    """A small work in place of the dense one, and blocks of one call."""
    work = work_of((20, 12, 9, 5))
    monkeypatch.setattr(simulate, "dense", lambda: work)
    monkeypatch.setattr(rounds, "BLOCK_S", 1e-9)
    return work


def test_all_keys_are_there(small: works.Work) -> None:
    found = neurodeploy.bench_simulate(peers="torch-gemm,torch-network", repeats=2, thread_counts=[1], batches=[2, 1])
    assert set(found) == {
        *("work", "machine", "ours", "peers", "threads_ratio", "floor", "equal_to_lava", "absent"),
        *("second_process_s", "stream", "counting", "counting_share"),
    }
    assert found["work"]["sizes"] == [20, 12, 9, 5]
    assert len(found["work"]["rates"]) == 3
    assert [(row["batch"], row["threads"]) for row in found["ours"]] == [(1, 1), (2, 1)]
    assert [row["name"] for row in found["peers"]] == ["torch-gemm", "torch-network"] * 2
    for row in found["peers"]:
        ours = next(one for one in found["ours"] if one["batch"] == row["batch"])
        assert row["ratio"] == pytest.approx(ours["samples_per_second"] / row["samples_per_second"])
        assert row["spread"]["min"] <= row["samples_per_second"] <= row["spread"]["max"]
        assert {"version", "neurons", "rates", "ratio_spread", "note"} < set(row)
    assert found["floor"]["ours_over_floor"] > 0
    assert found["threads_ratio"] is None
    assert found["equal_to_lava"] is None
    counting = found["counting"]
    assert (counting["batch"], counting["threads"]) == (2, 1)
    assert counting["share_spread"]["min"] <= found["counting_share"] == counting["share"]
    assert counting["with_per_second"] > 0 < counting["without_per_second"]


def test_more_threads_run_the_largest_batch_only(small: works.Work, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (simulate, contenders):
        monkeypatch.setattr(module, "cores", lambda: 3)
    found = neurodeploy.bench_simulate(peers="none", repeats=1)
    assert [(row["batch"], row["threads"]) for row in found["ours"]] == [(1, 1), (2, 1), (2, 3)]
    assert found["threads_ratio"] > 0


def test_absent_peers_are_listed_with_the_reason(small: works.Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders, "lava_missing", lambda: "lava: no environment")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = neurodeploy.bench_simulate(peers="norse,lava", repeats=1, batches=[1], thread_counts=[1])
    assert found["absent"] == [
        {"name": "norse", "reason": "norse is not installed"},
        {"name": "lava", "reason": "lava: no environment"},
    ]


def test_a_peer_that_lacks_a_package_of_its_own_is_absent(small: works.Work, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> list[float]:
        raise ModuleNotFoundError("No module named 'loguru'")

    monkeypatch.setattr(contenders, "firing", fails)
    found = neurodeploy.bench_simulate(peers="torch-gemm", repeats=1, batches=[1], thread_counts=[1])
    assert found["absent"] == [{"name": "torch-gemm", "reason": "No module named 'loguru'"}]
    assert found["peers"] == []


@pytest.mark.lava
@pytest.mark.slow
def test_lava_runs_the_same_spikes_and_counts_the_same(small: works.Work) -> None:
    found = neurodeploy.bench_simulate(peers="lava", repeats=1, batches=[1], thread_counts=[1])
    assert found["equal_to_lava"] == {"equal": True, "samples": contenders.LAVA_SAMPLES}
    assert found["peers"][0]["ratio"] > 0


def test_lava_needs_batches_of_one(small: works.Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders, "lava_missing", lambda: "")
    found = neurodeploy.bench_simulate(peers="lava", repeats=1, batches=[2], thread_counts=[1])
    assert found["absent"][0]["reason"].startswith("runs one sample at a time")


def test_all_samples_are_one_batch_on_as_many_threads_as_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int, bool]] = []
    work = work_of((5, 4, 3))

    def run(program: Any, spikes: Any, *, batch_size: int, threads: int, scores_only: bool) -> str:
        seen.append((batch_size, threads, scores_only))
        return "trace"

    monkeypatch.setattr(fixed, "run", run)
    assert contenders.ours(work.program, work.spikes_BTI, 2) == "trace"  # type: ignore[comparison-overlap]
    contenders.ours(work.program, work.spikes_BTI, 1, scores_only=True)
    assert seen == [(4, 2, False), (4, 1, True)]


def test_the_file_in_shd_layout_holds_the_same_spikes(tmp_path: Path) -> None:
    work = work_of((20, 5), n_samples=3)
    fresh.write_events(tmp_path / "data.h5", work, 7)
    found = open_file(tmp_path / "data.h5", dt_s=work.program.dt_s, n_channels=20)
    np.testing.assert_array_equal(found.whole().spikes_BTI, work.spikes_BTI[[0, 1, 2, 0, 1, 2, 0]])
    with h5py.File(tmp_path / "data.h5") as stored:
        assert len(stored["labels"]) == 7


@pytest.mark.slow
def test_a_fresh_process_tells_its_seconds_and_memory() -> None:
    work = work_of((20, 12, 9, 5))
    assert fresh.second_process(work)["seconds"] > 0
    found = fresh.stream(work, 10)
    assert found["samples"] == 10
    assert found["peak_bytes"] > 1 << 20


def test_a_fresh_process_that_fails_is_said() -> None:
    with pytest.raises(NeurodeployError, match="failed with status 3"):
        fresh.measured([sys.executable, "-c", "raise SystemExit(3)"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--work", "denze"), "--work: 'denze' is unknown; did you mean 'dense'?"),
        (("--work", "nmnist"), "give --graph FILE and --data NAME"),
        (("--work", "nmnist", "--graph", "absent.nir", "--data", "x.npz"), "absent.nir"),
        (("--batch", "1,x"), "--batch: found '1,x'"),
        (("--batch", "0"), "--batch: found 0, at least 1"),
        (("--threads", "9999"), "--threads: found 9999, this machine has"),
        (("--repeats", "0"), "--repeats: found 0, at least 1"),
        (("--stream", "0"), "--stream: found 0, at least 1"),
        (("--peers", "norze"), "--peers: 'norze' is unknown; did you mean 'norse'?"),
    ],
    ids=str,
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["bench", "simulate", *arguments, "--json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert says in said.err


def test_the_command_prints_one_object_or_a_table(small: works.Work, capsys: pytest.CaptureFixture[str]) -> None:
    short = ("--peers", "torch-gemm", "--repeats", "1", "--batch", "1", "--threads", "1")
    assert invoke(["bench", "simulate", *short, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["peers"][0]["name"] == "torch-gemm"
    assert invoke(["bench", "simulate", *short]) == 0
    said = capsys.readouterr().out
    assert "we are faster" in said
    assert "torch-gemm" in said
    assert "floor" in said
    assert "counting" in said
