"""Prices that made the runs are found again; what runs cannot settle is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.accounting.characterize import fit, summary
from neurodeploy.accounting.energy import price
from neurodeploy.accounting.measured_runs import read_runs
from neurodeploy.errors import ChipError, RunError
from neurodeploy.hardware.chip_file import to_toml
from neurodeploy.hardware.chips import CHIPS, chip_named
from neurodeploy.verbs.characterize import characterize

SYNOP_J, UPDATE_J, STATIC_W = 20e-12, 60e-12, 0.1
POINTS = Path(__file__).parents[2] / "neurodeploy" / "hardware" / "points"


def written(folder: Path, text: str) -> Path:
    path = folder / "runs.csv"
    path.write_text(text, encoding="utf-8")
    return path


def made(folder: Path, runs: int = 6, noise: float = 0.0, head: str = "synops,neuron_updates") -> Path:
    """Write runs whose energies are exact sums of the prices above, or off by `noise` of them."""
    generator = np.random.default_rng(7)
    lines = [f"name,energy_j,{head}"]
    for run in range(runs):
        synops, updates = generator.integers(10_000, 1_000_000, 2)
        seconds = generator.uniform(1e-4, 1e-3)
        energy = synops * SYNOP_J + updates * UPDATE_J + ("seconds" in head) * seconds * STATIC_W
        energy *= 1 + noise * generator.standard_normal()
        cells = {"synops": synops, "neuron_updates": updates, "seconds": repr(float(seconds)), "spikes": 3 * synops}
        lines.append(f"run{run},{float(energy)!r}," + ",".join(str(cells[name]) for name in head.split(",")))
    return written(folder, "\n".join(lines) + "\n")


def test_the_prices_that_made_the_runs_are_found(tmp_path: Path) -> None:
    runs = read_runs(made(tmp_path))
    found = fit(runs)
    assert found.prices_C == pytest.approx([SYNOP_J, UPDATE_J], rel=1e-9, abs=0)
    assert found.left_out_R == pytest.approx(runs.energy_R, rel=1e-9, abs=0)
    result = summary(runs, found)
    assert result["leave_one_out"]["max"] < 1e-9
    assert result["fit_error"]["max"] < 1e-9
    assert result["notes"] == []


def test_every_run_counts_alike_however_large(tmp_path: Path) -> None:
    """One price, two runs with the same relative error: least squares of energies would follow the large one."""
    path = written(tmp_path, "name,energy_j,synops\nsmall,1.1e-9,100\nlarge,0.9e-3,1e8\n")
    (price_j,) = fit(read_runs(path)).prices_C
    # minimise (1 - 100 p / 1.1e-9)^2 + (1 - 1e8 p / 0.9e-3)^2
    one, other = 100 / 1.1e-9, 1e8 / 0.9e-3
    assert price_j == pytest.approx((one + other) / (one**2 + other**2), rel=1e-12, abs=0)


def test_measured_errors_weigh_the_runs(tmp_path: Path) -> None:
    text = "name,energy_j,energy_error_j,synops\na,1e-6,1e-9,1e5\nb,4e-6,1e-3,2e5\n"
    (price_j,) = fit(read_runs(written(tmp_path, text))).prices_C
    assert price_j == pytest.approx(1e-11, rel=1e-6, abs=0)


def test_the_band_of_a_price_is_two_standard_errors(tmp_path: Path) -> None:
    text = "name,energy_j,synops\na,1.1e-6,1e5\nb,1.8e-6,2e5\nc,3.2e-6,3e5\n"
    runs = read_runs(written(tmp_path, text))
    found = fit(runs)
    design = runs.counts_RC[:, 0] / runs.energy_R
    by_hand = np.sqrt(((1 - design * found.prices_C[0]) ** 2).sum() / 2 / (design**2).sum())
    assert found.errors_C[0] == pytest.approx(by_hand, rel=1e-12, abs=0)
    (term,) = summary(runs, found)["terms"]
    assert term["high"] - term["value"] == pytest.approx(2 * by_hand, rel=1e-9, abs=0)
    assert term["value"] - term["low"] == pytest.approx(2 * by_hand, rel=1e-9, abs=0)


def test_the_errors_of_the_runs_are_taken_at_their_word_where_the_fit_is_better(tmp_path: Path) -> None:
    text = "name,energy_j,energy_error_j,synops\na,1e-6,1e-7,1e5\nb,2e-6,1e-7,2e5\n"
    found = fit(read_runs(written(tmp_path, text)))
    assert found.prices_C[0] == pytest.approx(1e-11, rel=1e-9, abs=0)
    assert found.errors_C[0] == pytest.approx(1e-7 / np.hypot(1e5, 2e5), rel=1e-9, abs=0)


def test_a_base_chip_holds_a_run_within_the_error_of_the_run(tmp_path: Path) -> None:
    """Loihi 2 gives 1e6 synops 15.7 to 25 uJ, whatever else is in the run."""
    text = "name,energy_j,energy_error_j,synops\nin,20e-6,1e-7,1e6\nnear,27e-6,3e-6,1.0e6\nout,27e-6,1e-6,1.0001e6\n"
    found = characterize(written(tmp_path, text))
    assert [run["base"]["holds"] for run in found["runs"]] == [True, True, False]
    text = "name,energy_j,energy_error_j,synops\nlow,10e-6,6e-6,1e6\nlower,10e-6,1e-6,1.0001e6\n"
    found = characterize(written(tmp_path, text))
    assert [run["base"]["holds"] for run in found["runs"]] == [True, False]


def test_the_leave_one_out_error_is_of_prices_that_have_not_seen_the_run(tmp_path: Path) -> None:
    runs = read_runs(made(tmp_path, noise=0.05))
    found = fit(runs)
    for row in range(len(runs.names)):
        lines = (tmp_path / "runs.csv").read_text(encoding="utf-8").splitlines()
        part = tmp_path / "part.csv"
        part.write_text("\n".join(line for at, line in enumerate(lines) if at != row + 1), encoding="utf-8")
        assert found.left_out_R[row] == pytest.approx(
            runs.counts_RC[row] @ fit(read_runs(part)).prices_C, rel=1e-9, abs=0
        )
    errors = summary(runs, found)
    assert errors["leave_one_out"]["mean"] > errors["fit_error"]["mean"] > 0.001


def test_a_price_never_goes_below_zero_and_the_result_says_so(tmp_path: Path) -> None:
    text = "name,energy_j,synops,spikes\na,1e-6,1e5,10\nb,2e-6,2e5,90\nc,2.9e-6,3e5,900\nd,4e-6,4e5,5\n"
    runs = read_runs(written(tmp_path, text))
    found = fit(runs)
    assert found.prices_C[1] == 0
    assert found.prices_C[0] > 0
    assert summary(runs, found)["notes"] == ["spikes is held at 0: the runs would have its price negative"]


def test_a_run_without_which_nothing_is_settled_has_no_leave_one_out_error(tmp_path: Path) -> None:
    text = "name,energy_j,synops,spikes\na,1e-6,1e5,0\nb,2e-6,2e5,0\nc,3.1e-6,3e5,900\n"
    result = summary(runs := read_runs(written(tmp_path, text)), fit(runs))
    assert [run["left_out_error"] is None for run in result["runs"]] == [False, False, True]
    assert any(note.startswith("without c the other runs cannot tell") for note in result["notes"])


def test_the_chip_file_that_comes_out_prices_the_runs(tmp_path: Path) -> None:
    path = made(tmp_path, noise=0.02)
    result = characterize(path, chip="loihi1", out=tmp_path / "board.toml")
    chip = chip_named(tmp_path / "board.toml")
    assert (chip.name, result["chip"], result["base"]) == ("board", "board", "loihi1")
    assert chip.limits.keys() == CHIPS["loihi1"].limits.keys()
    assert chip.program
    (model,) = chip.energy
    assert model.evidence == "fitted"
    # The runs' totals hold what they do not count.
    assert model.includes == ("spike", "message", "message_in", "hop")
    runs = read_runs(path)
    for term in model.terms.values():
        assert "runs.csv" in term.source
        assert runs.digest in term.source
        assert term.least <= term.value <= term.most
    for row, run in enumerate(result["runs"]):
        energy = price(runs.counts(row), chip).energy_j
        assert energy is not None
        assert energy.mid == pytest.approx(run["fitted_j"], rel=1e-5, abs=0)
        assert run["base"].keys() == {"low", "mid", "high", "holds"}
    again = tmp_path / "board.toml"
    before = again.read_bytes()
    characterize(path, chip="loihi1", out=again, overwrite=True)
    assert again.read_bytes() == before


def test_seconds_settle_the_static_power(tmp_path: Path) -> None:
    path = made(tmp_path, head="synops,neuron_updates,seconds")
    result = characterize(path, out=tmp_path / "board.toml")
    chip = chip_named(tmp_path / "board.toml")
    assert chip.power["static_chip_w"].value == pytest.approx(STATIC_W, rel=1e-5, abs=0)
    assert chip.power["static_chip_w"].written == "100 mW"
    assert chip.power.keys() == {"static_chip_w"}  # the base chip's share of a core would be another reading
    assert [term["unit"] for term in result["terms"]] == ["J", "J", "W"]
    runs = read_runs(path)
    found = price(runs.counts(0), chip, latency_s=runs.counts(0).seconds_per_sample).whole_j
    assert found is not None
    assert found.mid == pytest.approx(runs.energy_R[0], rel=1e-5, abs=0)


HEAD = "name,energy_j,synops\n"
WRONG = {
    "no energy": ("name,synops\na,1\nb,2\n", "has no column energy_j; found name, synops"),
    "no name": ("energy_j,synops\n1e-6,1\n", "has no column name"),
    "no counts": ("name,energy_j\na,1e-6\n", "has no column of counts; name at least one of synops"),
    "a slip in the head": ("name,energy_j,synop\na,1e-6,1\n", "column 'synop' is unknown; did you mean 'synops'"),
    "twice": ("name,energy_j,synops,synops\na,1e-6,1,1\n", "column 'synops' is there twice"),
    "no run": (HEAD, "holds no run"),
    "empty": ("", "is empty .0 bytes"),
    "one run": (HEAD + "a,1e-6,1\n", "holds one run, which cannot tell prices apart; measure at least 2"),
    "a word": (HEAD + "a,1e-6,1\nb,2e-6,many\n", "line 3, synops: 'many' is no number"),
    "a blank cell": (HEAD + "a,1e-6,1\nb,,2\n", "line 3, energy_j: '' is no number"),
    "not a number": (HEAD + "a,nan,1\nb,1e-6,2\n", "line 2, energy_j: nan is not finite"),
    "infinite": (HEAD + "a,1e-6,inf\nb,1e-6,2\n", "line 2, synops: inf is not finite"),
    "immense": (HEAD + "a,1e-6,1e300\nb,1e-6,2\n", "line 2, synops: 1e300 is beyond 1e-30 to 1e"),
    "minute": (HEAD + "a,1e-300,1\nb,1e-6,2\n", "line 2, energy_j: 1e-300 is beyond 1e-30"),
    "negative energy": (HEAD + "a,-1e-6,1\nb,1e-6,2\n", "line 2, energy_j: -1e-6 was found, more than 0 is expected"),
    "no energy at all": (HEAD + "a,0,1\nb,1e-6,2\n", "line 2, energy_j: 0 was found, more than 0"),
    "negative count": (HEAD + "a,1e-6,-1\nb,1e-6,2\n", "line 2, synops: -1 was found, 0 or more is expected"),
    "cells short": (HEAD + "a,1e-6\n", "line 2 has 2 cells, the head has 3"),
    "open quote": (HEAD + '"a,1e-6,1\n', "is not CSV"),
    "does not vary": (
        "name,energy_j,synops,neuron_updates\na,1e-6,1,5\nb,2e-6,2,5\nc,2e-6,3,5\n",
        "neuron_updates is 5 in every run, so its price cannot be told from a constant overhead",
    ),
    "as many prices as runs": (
        "name,energy_j,synops,neuron_updates\na,1e-6,1,5\nb,2e-6,2,7\n",
        "2 runs cannot settle 2 prices and leave one run out to test them; measure at least 3",
    ),
    "grow together": (
        "name,energy_j,synops,spikes,hops\na,1e-6,10,30,1\nb,2e-6,20,60,0\nc,2e-6,30,90,4\nd,2e-6,40,120,1\n",
        "synops and spikes grow together in all runs",
    ),
}


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_runs_that_settle_nothing_are_refused_in_one_line(tmp_path: Path, case: str) -> None:
    text, says = WRONG[case]
    out = tmp_path / "out.toml"
    with pytest.raises(ChipError) as found:
        characterize(written(tmp_path, text), out=out)
    assert re.search(says, str(found.value)), found.value
    assert "runs.csv: " in str(found.value)
    assert "\n" not in str(found.value)
    assert not out.exists()


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(ChipError, match="cannot be read"):
        characterize(tmp_path / "absent.csv")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\x00")
    with pytest.raises(ChipError, match="is not text"):
        characterize(binary)
    with pytest.raises(RunError, match=r"a chip file ends in \.toml"):
        characterize(made(tmp_path), out=tmp_path / "chip.json")
    with pytest.raises(ChipError, match="did you mean 'loihi2'"):
        characterize(made(tmp_path), chip="loihi3")


def test_the_shipped_point_lies_in_the_band_of_loihi2_and_is_one_point_only() -> None:
    """PilotNet on Oheo Gulch: 68.3 uJ dynamic per step, 3.04 million synops, 158,509 neuron updates."""
    runs = read_runs(POINTS / "loihi2.csv")
    counts = runs.counts(runs.names.index("pilotnet_lif_step"))
    assert counts.synops_per_sample == 3.04e6
    assert counts.neuron_updates_per_sample == 158_509
    measured, error = float(runs.energy_R[0]), float(runs.error_R[0]) if runs.error_R is not None else 0.0
    assert (measured, error) == (68.3e-6, 7.6e-6)
    found = price(counts, CHIPS["loihi2"])
    band = found.energy_j
    assert band is not None
    assert band.low < measured < band.high
    # The prices come from this very point: every split gives it back, and the band is its stated error.
    for model in found.models:
        assert model.total_j == pytest.approx(measured, rel=0.01, abs=0)
    assert band.low == pytest.approx(measured - error, rel=0.01, abs=0)
    assert band.high == pytest.approx(measured + error, rel=0.01, abs=0)
    # Loihi 1's published table stands 24 % above it.
    assert price(counts, CHIPS["loihi1"]).models[1].total_j == pytest.approx(84.5e-6 + 46605 * 1.7e-12, rel=0.01, abs=0)
    with pytest.raises(ChipError, match="holds one run"):
        fit(runs)


@pytest.mark.parametrize("name", list(CHIPS))
def test_a_chip_written_out_reads_back_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / "copy.toml"
    path.write_text(to_toml(CHIPS[name], ("A copy.",)), encoding="utf-8")
    copy = chip_named(path)
    assert (copy.energy, copy.times, copy.power, copy.limits, copy.traffic) == (
        CHIPS[name].energy,
        CHIPS[name].times,
        CHIPS[name].power,
        CHIPS[name].limits,
        CHIPS[name].traffic,
    )
    assert (copy.program, copy.zero_weights, copy.dense) == (
        CHIPS[name].program,
        CHIPS[name].zero_weights,
        CHIPS[name].dense,
    )
    assert (copy.name, copy.title, copy.unpriced, copy.notes) == (
        CHIPS[name].name,
        CHIPS[name].title,
        CHIPS[name].unpriced,
        CHIPS[name].notes,
    )
