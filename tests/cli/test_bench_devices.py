"""`bench devices` on a tiny run: what it writes, what it keeps, and what it refuses."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from neurodeploy.accounting.devices import FLOOR, read_devices
from neurodeploy.bench.devices.machines import Device
from neurodeploy.bench.devices.run import bench_devices
from neurodeploy.cli.app import invoke
from neurodeploy.pipeline.folder import RunFolder, open_run
from tests.cli.support import Shell

QUICK = ("--seconds", "0.02", "--device", "cpu", "--threads", "1")


@pytest.fixture(scope="module")
def measured_run(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny run with its devices.json; tests change copies of it only."""
    folder = Path(shutil.copytree(finished_run, tmp_path_factory.mktemp("measured") / "run"))
    assert invoke(["bench", "devices", str(folder), *QUICK, "--windows", "2"]) == 0
    return folder


@pytest.fixture
def measured(shell: Shell, measured_run: Path) -> Path:
    return Path(shutil.copytree(measured_run, shell.folder / "run")).relative_to(shell.folder)


def written(run: Path) -> Any:
    return json.loads((run / "devices.json").read_text())


def test_it_writes_records_of_both_networks(measured: Path) -> None:
    found = read_devices(measured)
    assert found is not None
    report = json.loads((measured / "report.json").read_text())
    assert found["program"] == report["certificate"]["program"]
    assert {one["what"] for one in found["records"]} == {"snn", "ann"}
    for one in found["records"]:
        assert one["kind"] == "cpu"
        assert one["threads"] == 1
        assert one["date"]
        assert one["driver"]
        assert one["versions"]["torch"]
        assert one["samples_per_second"] == pytest.approx(one["batch"] / one["latency_s"])
        wanted = found["ann"]["accuracy"] if one["what"] == "ann" else report["accuracy"]
        assert one["accuracy"] == pytest.approx(wanted["quantised"])
        if one["energy_source"] == FLOOR:
            assert one["energy_per_sample_j"] == pytest.approx(one["floor"]["macs"] * one["floor"]["value"])
    assert {one["batch"] for one in found["records"]} >= {1}


def test_the_anns_record_says_what_it_is(measured: Path) -> None:
    ann = written(measured)["ann"]
    assert ann["shape"] == [[64, 16, False], [16, 10, False]]
    assert ann["windows"] == 2
    assert ann["macs_per_sample"] == 2 * (64 * 16 + 16 * 10)
    assert ann["parameters"] == 64 * 16 + 16 * 10 + 26
    assert (ann["weight_bits"], ann["activation_bits"]) == (8, 5)
    assert {"float", "quantised"} <= set(ann["accuracy"])


def test_the_crossover_is_that_of_the_runs_own_energy(measured: Path) -> None:
    found, report = written(measured)["crossover"], json.loads((measured / "report.json").read_text())
    rows = [row for row in report["counts"]["connections"] if row["synops_per_sample"]]
    synapses = sum(row["nonzero_synapses"] for row in rows)
    assert found["rate_here"] == pytest.approx(
        report["counts"]["synops_per_sample"] / (synapses * report["counts"]["steps"])
    )
    assert found["wins"] is (found["rate_here"] < found["rate"])
    for row in found["against"]:
        for end in ("low", "mid", "high"):
            assert row["chip_energy_j"][end] == pytest.approx(report["energy"]["energy_j"][end])


def test_measuring_again_trains_nothing_and_keeps_other_machines_records(shell: Shell, measured: Path) -> None:
    before = written(measured)
    elsewhere = [one | {"device": "GPU", "kind": "gpu"} for one in before["records"]]
    shutil.copytree(measured, "there")
    Path("there/devices.json").write_text(json.dumps(before | {"records": elsewhere, "notes": ["there"]}))
    added = shell.works("bench", "devices", measured, "--add", "there/devices.json")
    assert {one["device"] for one in added["records"]} == {"GPU", before["records"][0]["device"]}
    assert "there" in added["notes"]
    assert any(row.get("device") == "GPU" for row in added["crossover"]["against"])
    weights = (measured / "ann.safetensors").read_bytes()
    stale = added | {"records": [*added["records"], before["records"][0] | {"batch": 4095}]}
    (measured / "devices.json").write_text(json.dumps(stale))
    again = shell.works("bench", "devices", measured, *QUICK)
    assert 4095 not in {one["batch"] for one in again["records"]}
    assert again["ann"] == before["ann"]
    assert (measured / "ann.safetensors").read_bytes() == weights
    assert [one for one in again["records"] if one["device"] == "GPU"] == [
        one for one in added["records"] if one["device"] == "GPU"
    ]
    assert again == written(measured) | {"path": again["path"]}


def test_a_sample_too_large_for_a_device_is_one_line(
    shell: Shell, measured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neurodeploy.bench.devices.run.MOST_BYTES", 1)
    says = "a single sample does not fit in its memory"
    shell.refuses("bench", "devices", measured, "--no-ann", *QUICK, says=says, after_work=True)


def test_a_run_that_is_replaced_loses_what_was_measured_of_it(measured: Path) -> None:
    open_run(measured, RunFolder(measured).recipe(), "overwrite")
    assert not (measured / "devices.json").exists()
    assert not (measured / "ann.safetensors").exists()


def test_without_the_ann_there_is_no_crossover(shell: Shell, run: Path) -> None:
    found = shell.works("bench", "devices", run, *QUICK, "--no-ann")
    assert {one["what"] for one in found["records"]} == {"snn"}
    assert (found["ann"], found["crossover"]) == (None, None)
    assert not (run / "ann.safetensors").exists()


def test_people_read_that_a_floor_is_not_measured(shell: Shell, measured: Path) -> None:
    said = shell("bench", "devices", measured, *QUICK)
    assert said.status == 0
    if any(one["energy_source"] == FLOOR for one in written(measured)["records"]):
        assert "floor, not measured" in said.out
    assert "pays below" in said.out


def test_a_gpu_with_a_counter_is_measured_and_waited_for(measured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU's way through, with its tensors on the processor and a board that takes 50 W whatever it does."""
    waited: list[Any] = []
    monkeypatch.setattr("torch.cuda.synchronize", waited.append)

    class Board:
        source, covers = "nvml", "the board"

        def joules(self) -> float:
            return 50 * time.perf_counter()

    gpu = Device("GPU", "gpu", torch.device("cpu"), "570.1, CUDA 13.0", 1, Board(), "")
    monkeypatch.setattr("neurodeploy.bench.devices.run.devices", lambda choice, threads: [gpu])
    found = bench_devices(measured, seconds=0.05)
    records = [one for one in found["records"] if one["device"] == "GPU"]
    assert {(one["kind"], one["energy_source"]) for one in records} == {("gpu", "nvml")}
    assert len(waited) > sum(one["calls"] for one in records)
    for one in records:
        assert one["idle_w"] > 0
        assert one["energy_per_sample_j"] > 0
        assert one["energy_idle_subtracted_j"] < one["energy_per_sample_j"]
        assert "floor" not in one
    assert any(note.startswith("GPU: energy measured by nvml") for note in found["notes"])
    assert any(one["device"] != "GPU" for one in found["records"])


def test_a_busy_machine_is_told(shell: Shell, measured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (1000.0, 0.0, 0.0))
    found = shell.works("bench", "devices", measured, *QUICK)
    assert {one["load_before"] for one in found["records"]} == {1000.0}
    assert any("1000.0 programs wanted" in note for note in found["notes"])
    monkeypatch.setattr("os.getloadavg", lambda: (0.1, 0.0, 0.0))
    found = shell.works("bench", "devices", measured, *QUICK)
    assert not any("busy" in note for note in found["notes"])


def test_bad_input_is_one_line(shell: Shell, measured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    bench = ("bench", "devices")
    shell.refuses(*bench, "nowhere", says="holds no run")
    shell.refuses(*bench, measured, "--device", "gpu", says="--device: 'gpu' is unknown; .*cpu")
    shell.refuses(*bench, measured, "--device", "cuda", says="torch sees no GPU on this machine")
    shell.refuses(*bench, measured, "--windows", "25", says="--windows: found 25, 1 to 24 are allowed")
    shell.refuses(*bench, measured, "--seconds", "0", says="found 0.0, 0.01 to 600 is allowed")
    shell.refuses(*bench, measured, "--add", "absent.json", says="absent.json: cannot be read")
    Path("bad.json").write_text(json.dumps(written(measured) | {"program": "0" * 64}))
    shell.refuses(*bench, measured, "--add", "bad.json", says="was measured for Program 000000000000")
    Path("bad.json").write_text("[1]")
    shell.refuses(*bench, measured, "--add", "bad.json", says="bad.json: holds list")
    (measured / "devices.json").write_text("{}")
    shell.refuses(*bench, measured, *QUICK, says="devices.json: program is absent")
    (measured / "report.json").unlink()
    shell.refuses(*bench, measured, says="has no report.json; finish the run")
