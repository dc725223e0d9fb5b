"""Timing and energy arithmetic, with a clock and a counter that do what they are told."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from neurodeploy.bench.devices import timing
from neurodeploy.bench.devices.meter import Nvml, Rapl, Unmetered, open_meter
from neurodeploy.bench.devices.timing import TooLarge, best_batch, idle_power, measure, sweep, window

IDLE_W = 50.0


class FakeDevice:
    """A clock and a counter in one: idle watts all the time, and joules for each sample.

    Args:
        latency_s: Of a call, by batch.
        sample_j: For each sample, over idle.
    """

    source, covers = "nvml", "everything"
    latest: FakeDevice

    def __init__(self, latency_s: Callable[[int], float] = lambda batch: 0.01, sample_j: float = 2.0) -> None:
        self.latency_s, self.sample_j = latency_s, sample_j
        self.time, self.used = 100.0, 7.0
        self.calls: list[tuple[int, int]] = []
        FakeDevice.latest = self

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def joules(self) -> float:
        return self.used + IDLE_W * self.time

    def call(self, batch: int) -> timing.Call:
        def run(index: int) -> None:
            self.calls.append((batch, index))
            self.time += self.latency_s(batch)
            self.used += batch * self.sample_j

        return run


@pytest.fixture(autouse=True)
def its_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is timed asks the device made last for the time."""
    clock = types.SimpleNamespace(
        perf_counter=lambda: FakeDevice.latest.time, sleep=lambda seconds: FakeDevice.latest.sleep(seconds)
    )
    monkeypatch.setattr(timing, "time", clock)


def test_energy_is_the_counters_difference_with_and_without_idle() -> None:
    device = FakeDevice()
    idle_w = idle_power(device, 3.0)
    assert idle_w == pytest.approx(IDLE_W)
    found = measure(device.call(4), 4, 1.0, device, idle_w)
    assert found["latency_s"] == pytest.approx(0.01)
    assert found["calls"] == pytest.approx(100, abs=1)
    assert found["samples_per_second"] == pytest.approx(400)
    assert found["energy_idle_subtracted_j"] == pytest.approx(2.0)
    assert found["energy_per_sample_j"] == pytest.approx(2.0 + IDLE_W * 0.01 / 4)


def test_warm_up_is_not_measured() -> None:
    device = FakeDevice()
    slow = iter([5.0] * timing.WARM_UP_CALLS)
    device.latency_s = lambda batch: next(slow, 0.01)
    found = measure(device.call(1), 1, 0.2, device, IDLE_W)
    assert found["latency_spread_s"] == pytest.approx((0.01, 0.01))
    assert found["energy_idle_subtracted_j"] == pytest.approx(2.0)


def test_latency_is_a_median_and_slow_devices_get_a_few_calls() -> None:
    device = FakeDevice()
    times = iter([1.0, 9.0, 2.0, 3.0, 100.0])
    device.latency_s = lambda batch: next(times)
    found = window(device.call(1), 0.5)
    assert found.latency_s == 3.0
    assert found.seconds == 115.0
    assert found.joules is None


def test_without_a_counter_or_with_one_that_stands_still_there_is_no_energy() -> None:
    device = FakeDevice()
    assert idle_power(None, 3.0) is None
    found = measure(device.call(1), 1, 0.1, None, None)
    assert (found["energy_per_sample_j"], found["energy_idle_subtracted_j"]) == (None, None)

    class Still(FakeDevice):
        def joules(self) -> float:
            return 5.0

    device = Still()
    found = measure(device.call(1), 1, 0.1, device, 0.0)
    assert (found["energy_per_sample_j"], found["energy_idle_subtracted_j"]) == (None, None)


def test_the_sweep_ends_where_larger_batches_bring_nothing() -> None:
    device = FakeDevice(latency_s=lambda batch: 0.01 * max(1.0, batch / 8))
    tried = sweep(device.call, 1.0)
    assert [batch for batch, _ in tried] == [1, 2, 4, 8, 16, 32]
    assert best_batch(tried) == 8


def test_a_call_that_others_slow_down_does_not_decide_the_best_batch() -> None:
    calls = iter([0.01] * 3 + [9.0])
    device = FakeDevice(latency_s=lambda batch: next(calls, 0.01) if batch == 1 else 0.02 * batch)
    assert sweep(device.call, 1.0)[0] == (1, pytest.approx(0.01))


def test_the_sweep_ends_where_a_batch_is_slow_or_does_not_fit() -> None:
    device = FakeDevice(latency_s=lambda batch: 0.01 + 0.001 * batch**0.5)

    def fits_to_16(batch: int) -> timing.Call:
        if batch > 16:
            raise TooLarge
        return device.call(batch)

    assert [batch for batch, _ in sweep(fits_to_16, 1.0)] == [1, 2, 4, 8, 16]
    slow = FakeDevice(latency_s=lambda batch: 0.3 * batch**0.9)
    assert [batch for batch, _ in sweep(slow.call, 1.0)] == [1, 2, 4]


def test_the_best_batch_is_the_smallest_of_those_that_are_as_good() -> None:
    assert best_batch([(1, 1.0), (2, 1.0), (4, 1.0), (8, 1.99), (16, 3.95)]) == 4
    assert best_batch([(1, 1.0), (2, 2.5)]) == 1


def zone(folder: Path, place: str, name: str, microjoules: int, most: int = 1_000_000) -> Path:
    path = folder / place
    path.mkdir()
    for key, value in (("name", name), ("energy_uj", microjoules), ("max_energy_range_uj", most)):
        (path / key).write_text(f"{value}\n")
    return path


def test_rapl_adds_packages_and_memory_and_what_wrapped(tmp_path: Path) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 900_000)
    zone(tmp_path, "intel-rapl:0:0", "core", 5)
    memory = zone(tmp_path, "intel-rapl:0:1", "dram", 100)
    whole = zone(tmp_path, "intel-rapl:1", "psys", 1)
    meter = Rapl(tmp_path)
    assert meter.joules() == 0
    for path in (tmp_path / "intel-rapl:0:0", whole):
        (path / "energy_uj").write_text("999999")
    (package / "energy_uj").write_text("950000")
    (memory / "energy_uj").write_text("10100")
    assert meter.joules() == pytest.approx(0.06)
    (package / "energy_uj").write_text("50000")  # past a million, once
    assert meter.joules() == pytest.approx(0.16)


def test_rapl_says_why_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(Unmetered, match="no processor package"):
        Rapl(tmp_path)
    (zone(tmp_path, "intel-rapl:0", "package-0", 1) / "energy_uj").unlink()
    with pytest.raises(Unmetered, match="may not be read"):
        Rapl(tmp_path)


class FakeNvml(types.ModuleType):
    """NVIDIA's binding, with one GPU that has used 12,345 mJ."""

    class NVMLError(Exception):
        pass

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.asked = ""

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        self.asked = uuid
        if uuid != "GPU-12":
            raise self.NVMLError("Not Found")
        return "handle"

    def nvmlSystemGetDriverVersion(self) -> bytes:
        return b"570.1"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:
        assert handle == "handle"
        return 12_345


def test_nvml_counts_joules_of_the_gpu_that_torch_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    meter = Nvml("12")
    assert meter.joules() == pytest.approx(12.345)
    assert meter.driver == "570.1"
    assert Nvml("GPU-12").joules() == meter.joules()
    found, reason = open_meter("gpu", "34")
    assert found is None
    assert "Not Found" in reason


def test_without_the_binding_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert open_meter("gpu", "12") == (None, "nvidia-ml-py is not installed (pip install 'neurodeploy-toolkit[gpu]')")
