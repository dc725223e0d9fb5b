"""devices.json: what is checked, what is merged, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from neurodeploy.accounting.devices import FLOOR, checked, merged, read_devices
from neurodeploy.errors import RunError


def record(**more: Any) -> dict[str, Any]:
    found = {
        "what": "snn",
        "device": "GPU",
        "kind": "gpu",
        "driver": "570.1, CUDA 13.0",
        "date": "2026-01-01T00:00:00+00:00",
        "versions": {"torch": "2.13.0"},
        "threads": 1,
        "batch": 1,
        "latency_s": 1e-3,
        "samples_per_second": 1e3,
        "energy_per_sample_j": 0.1,
        "energy_idle_subtracted_j": 0.02,
        "idle_w": 80.0,
        "energy_source": "nvml",
        "accuracy": 0.9,
    }
    return found | more


def file(*records: Any, **more: Any) -> dict[str, Any]:
    return {"program": "a" * 64, "records": list(records), "ann": None, "crossover": None, "notes": []} | more


def ann(**more: Any) -> dict[str, Any]:
    whole = ("weight_bits", "activation_bits", "macs_per_sample", "weights", "activations_per_sample", "parameters")
    return dict.fromkeys(whole, 8) | {"accuracy": {}, "digest": "b" * 64} | more


def test_a_good_file_passes_as_it_is() -> None:
    floor = record(energy_source=FLOOR, idle_w=None, energy_idle_subtracted_j=None)
    none = record(energy_source=None, energy_per_sample_j=None)
    value = file(record(energy_idle_subtracted_j=-1e-3), floor, none, ann=ann())
    assert checked(value, "f") is value


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"what": "sann"}, r"records\[0\].what: found 'sann', did you mean 'snn'"),
        ({"kind": "tpu"}, r"kind: found 'tpu', did you mean '[cg]pu'"),
        ({"batch": 0}, "batch: found 0, a whole number from 1"),
        ({"batch": True}, "batch: found True"),
        ({"batch": 1.5}, "batch: found 1.5"),
        ({"latency_s": 0}, "latency_s: found 0, a number above 0"),
        ({"latency_s": "fast"}, "latency_s: found 'fast'"),
        ({"samples_per_second": float("nan")}, "samples_per_second: found nan"),
        ({"energy_per_sample_j": float("inf")}, "energy_per_sample_j: found inf, a finite number or null"),
        ({"energy_source": "guess"}, "energy_source: found 'guess', nvml, rapl, datasheet floor or null"),
        ({"energy_source": None}, "an energy and its source come together"),
        ({"energy_per_sample_j": None}, "an energy and its source come together"),
        ({"energy_source": FLOOR}, "idle_w: a floor is not measured"),
        ({"accuracy": 1.1}, "accuracy: found 1.1, a number from 0 to 1"),
        ({"versions": "2.13"}, "versions: found '2.13', a table"),
        ({"driver": None}, "driver: found None, text"),
    ],
    ids=str,
)
def test_a_wrong_record_is_refused_by_its_key(change: dict[str, Any], says: str) -> None:
    with pytest.raises(RunError, match=says) as caught:
        checked(file(record(**change)), "f")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", sorted(record()))
def test_a_record_lacks_no_key(key: str) -> None:
    value = record()
    del value[key]
    with pytest.raises(RunError, match=rf"records\[1\].{key}: is absent"):
        checked(file(record(batch=2), value), "f")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "holds list"),
        ({"records": []}, "program is absent"),
        (file(records="none"), "records is absent or of another kind"),
        (file("one"), r"records\[0\]: is str"),
        (file(ann={"accuracy": {}}), "ann.weight_bits: is absent"),
        (file(crossover=3), "crossover is no table"),
    ],
    ids=str,
)
def test_files_of_another_form_are_refused(value: Any, says: str) -> None:
    with pytest.raises(RunError, match=says):
        checked(value, "f")


def test_merging_replaces_one_device_network_and_batch_and_keeps_the_rest() -> None:
    mine = file(record(), record(batch=8), notes=["mine"])
    other = file(record(latency_s=2e-3), record(what="ann"), record(device="CPU"), ann=ann(), notes=["mine", "theirs"])
    found = merged(mine, other, "f")
    assert [(one["device"], one["what"], one["batch"], one["latency_s"]) for one in found["records"]] == [
        ("CPU", "snn", 1, 1e-3),
        ("GPU", "ann", 1, 1e-3),
        ("GPU", "snn", 1, 2e-3),
        ("GPU", "snn", 8, 1e-3),
    ]
    assert found["ann"] == ann()
    assert found["notes"] == ["mine", "theirs"]
    assert len(mine["records"]) == 2


def test_another_program_or_ann_is_not_merged() -> None:
    with pytest.raises(RunError, match="was measured for Program cccccccccccc, this run's is aaaaaaaaaaaa"):
        merged(file(), file(program="c" * 64), "f")
    with pytest.raises(RunError, match=r"was measured with another ANN .*copy this run's ann.safetensors"):
        merged(file(ann=ann()), file(ann=ann(digest="d" * 64)), "f")


def test_a_folder_with_and_without_a_file(tmp_path: Path) -> None:
    assert read_devices(tmp_path) is None
    (tmp_path / "devices.json").write_text(json.dumps(file(record())))
    found = read_devices(tmp_path)
    assert found is not None
    assert found["records"] == [record()]
    (tmp_path / "certificate.json").write_text(json.dumps({"program": "a" * 64}))
    assert read_devices(tmp_path) == found
    (tmp_path / "certificate.json").write_text(json.dumps({"program": "c" * 64}))
    with pytest.raises(RunError, match="was measured for Program aaaaaaaaaaaa, the run holds cccccccccccc"):
        read_devices(tmp_path)
    (tmp_path / "devices.json").write_text("{")
    with pytest.raises(RunError, match="is not JSON"):
        read_devices(tmp_path)
