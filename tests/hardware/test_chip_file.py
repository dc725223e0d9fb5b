"""A chip file: what is written is what is read, and every slip is one line with file and key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neurodeploy.errors import ChipError
from neurodeploy.hardware.chips import chip_named, program_chips
from neurodeploy.hardware.constants import FACTORS, in_base
from neurodeploy.hardware.vocabulary import ENERGY, EVIDENCE, LIMITS, POWER, SCOPES, TIMES, TRAFFIC

GOOD = """
name = "mine"
title = "A chip of mine"
unpriced = ["the host"]
[sources]
bench = "Bench notes, 2026"
[energy.measured]
synop = { value = 12.5, unit = "pJ", low = 11, high = 14, operating_point = "0.8 V", source = "bench", \
scope = "per-op", evidence = "measured" }
neuron_update = { value = 0.04, unit = "nJ", source = "A. Author, 2025", evidence = "fitted", scope = "per-op" }
[times]
synop_s = { value = 2, unit = "ns", source = "bench", evidence = "measured" }
[limits]
weight_bits = { value = [4, 8], unit = "bit", source = "bench", evidence = "documented" }
synapse_memory_bits_per_core = { value = 128, unit = "KiB", source = "bench", evidence = "documented" }
"""

WIDTHS = """
state_bits = { value = 24, unit = "bit", source = "bench", evidence = "documented" }
delay_bits = { value = 6, unit = "bit", source = "bench", evidence = "documented" }
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    chip = chip_named(written(tmp_path, GOOD))
    (model,) = chip.energy
    synop, update = model.terms["synop"], model.terms["neuron_update"]
    assert (chip.name, model.name, model.scope, model.evidence) == ("mine", "measured", "per-op", "measured")
    assert (synop.value, synop.low, synop.high) == pytest.approx((12.5e-12, 11e-12, 14e-12), rel=1e-12, abs=0)
    assert (synop.written, synop.unit, synop.source) == ("12.5 pJ", "J", "Bench notes, 2026")
    assert (synop.key, synop.operating_point) == ("energy.measured.synop", "0.8 V")
    assert (update.value, update.low, update.source) == (
        pytest.approx(40e-12, rel=1e-9, abs=0),
        None,
        "A. Author, 2025",
    )
    assert chip.times["synop_s"].value == pytest.approx(2e-9, rel=1e-9, abs=0)
    assert chip.limits["weight_bits"].values == (4, 8)
    assert chip.limits["synapse_memory_bits_per_core"].value == 128 * 1024 * 8
    assert chip.unpriced == ("the host",)
    assert not chip.program


def test_a_list_is_in_the_unit_that_it_names(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace('[4, 8], unit = "bit"', '[1, 2], unit = "byte"'))
    found = chip_named(path).limits["weight_bits"]
    assert (found.values, found.value, found.written) == ((8, 16), 16, "1, 2 byte")


SLIPS = {
    "unknown table": ("[times]", "[tines]", "tines: is no key of a chip file; did you mean 'times'?"),
    "unknown term": ("synop =", "synops =", r"energy.measured.synops: is no key of \[energy.measured\]; did you mean"),
    "unknown time": ("synop_s =", "synops_s =", r"times.synops_s: .* did you mean 'synop_s'"),
    "unknown limit": ("weight_bits =", "weight_bit =", "limits.weight_bit: .* did you mean 'weight_bits'"),
    "unknown field": ("operating_point =", "operating =", "operating: is no field.* did you mean 'operating_point'"),
    "no unit": (', unit = "pJ"', "", "energy.measured.synop: has no unit; a constant needs value, unit, source"),
    "no source": (', source = "A. Author, 2025"', "", "energy.measured.neuron_update: has no source"),
    "no evidence": (', evidence = "fitted"', "", "energy.measured.neuron_update: has no evidence"),
    "no value": ("value = 12.5, ", "", "energy.measured.synop: has no value"),
    "no scope": (', scope = "per-op" }', " }", "energy.measured.neuron_update.scope: is missing; choose one of per-op"),
    "empty source": ('"A. Author, 2025"', '" "', "neuron_update.source: is ' ', a text was expected"),
    "source not listed": ('"bench", sc', '"bensh", sc', "'bensh' is neither a citation .* did you mean 'bench'"),
    "another dimension": ('"pJ"', '"ns"', "synop: unit 'ns' is not an energy"),
    "case of the unit": ('"pJ"', '"PJ"', "unit 'PJ' is not an energy; did you mean 'pJ'"),
    "unit in words": ('"pJ"', '"picojoule"', "unit 'picojoule' is not an energy; choose one of J, fJ, mJ, nJ, pJ, uJ"),
    "unknown evidence": ('"fitted"', '"guessed"', "neuron_update.evidence: 'guessed' is unknown"),
    "unknown scope": ('"per-op" }', '"per op" }', "neuron_update.scope: 'per op' is unknown; did you mean 'per-op'"),
    "negative": ("value = 12.5", "value = -12.5", "synop.value: found -12.5, at least 0 is needed"),
    "not finite": ("value = 12.5", "value = inf", "synop.value: is inf, a finite number was expected"),
    "no number at all": ("value = 12.5", "value = nan", "synop.value: is nan, a finite number was expected"),
    "immense": ("value = 12.5", "value = 1e300", "synop.value: is 1e[+]300, a finite number was expected"),
    "endless": ("value = 12.5", f"value = 1{'0' * 400}", "synop.value: is a whole number of too many digits"),
    "text for a number": ("value = 12.5", 'value = "12.5"', "synop.value: is '12.5', a number was expected"),
    "a truth for a number": ("value = 12.5", "value = true", "synop.value: is True, a number was expected"),
    "low above the value": ("low = 11", "low = 13", "synop: low <= value <= high was expected, found 13"),
    "high below the value": ("high = 14", "high = 12", "synop: low <= value <= high was expected"),
    "negative low": ("low = 11", "low = -1", "synop.low: found -1, at least 0 is needed"),
    "a list of energies": ("value = 12.5", "value = [12.5]", r"synop.value: is \[12.5\], a number was expected"),
    "an empty list": ("[4, 8]", "[]", "limits.weight_bits.value: is an empty list"),
    "a bare number": ("synop_s = {", "synop_s = 2\n#", "times.synop_s: is 2, a table"),
    "scope of a time": ('"ns", source', '"ns", scope = "per-op", source', "times.synop_s.scope: only energies"),
    "no name": ('name = "mine"', "", "name: is missing"),
    "name of another kind": ('name = "mine"', "name = 3", "name: is 3, a text was expected"),
    "program in words": ('name = "mine"', 'name = "mine"\nprogram = "yes"', "program: is 'yes', true or false"),
    "unpriced as text": ('["the host"]', '"the host"', "unpriced: is 'the host', a list of texts"),
    "not TOML": ("[times]", "[times", r"is not TOML \("),
    "mixed scopes": ('"per-op" }', '"all-in" }', "measured: holds per-op and all-in terms"),
    "all-in beside another": ('"per-op"', '"all-in"', "an all-in number .*; found synop, neuron_update"),
    "included twice": ("synop =", 'includes = ["neuron_update"]\nsynop =', "neuron_update has a term of its own"),
    "included, unknown": ("synop =", 'includes = ["hops"]\nsynop =', "'hops' is no event; did you mean 'hop'"),
    "price per bit, bits not said": ("synop =", "memory_bit =", "traffic: is missing; memory_bit needs"),
    "model without a term": ("[energy.measured]", "[energy.none]\n[energy.measured]", "energy.none: has no term"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS, ids=str)
def test_a_slip_is_refused_in_one_line_with_file_and_key(tmp_path: Path, slip: str) -> None:
    before, after, says = SLIPS[slip]
    assert before in GOOD
    path = written(tmp_path, GOOD.replace(before, after))
    with pytest.raises(ChipError) as found:
        chip_named(path)
    message = str(found.value)
    assert message.startswith(f"{path}: ")
    assert re.search(says, message), message
    assert "\n" not in message.replace(str(path), "") or slip == "not TOML"


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ChipError, match=r"absent\.toml: cannot be read"):
        chip_named(tmp_path / "absent.toml")
    path = tmp_path / "bytes.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ChipError, match="is not TOML"):
        chip_named(path)
    path.write_bytes(b"# " + b"x" * (1 << 20))
    with pytest.raises(ChipError, match="is larger than"):
        chip_named(path)
    path.write_text('name = "empty"', encoding="utf-8")
    with pytest.raises(ChipError, match="energy: is missing"):
        chip_named(path)


def test_units_are_exact_and_plain() -> None:
    assert [in_base(unit, "J") for unit in ("J", "mJ", "uJ", "nJ", "pJ", "fJ")] == [1, 1e-3, 1e-6, 1e-9, 1e-12, 1e-15]
    assert in_base("kB", "bit") == 8000
    assert in_base("KiB", "bit") == 8192
    with pytest.raises(ChipError, match="'µJ' is not an energy; did you mean 'uJ'"):
        in_base("µJ", "J")
    for unit in ("pj", "kJ", " pJ", ""):
        with pytest.raises(ChipError, match="is not an energy"):
            in_base(unit, "J")
    assert set(FACTORS) == {"J", "s", "W", "bit", "1"}


def test_an_unknown_chip_suggests_the_nearest() -> None:
    with pytest.raises(ChipError, match="'loihi3' is unknown; did you mean 'loihi2'"):
        chip_named("loihi3")
    with pytest.raises(ChipError, match="'truenort' is unknown; did you mean 'truenorth'"):
        chip_named("truenort")


def test_a_program_is_made_only_for_chips_that_take_one(tmp_path: Path) -> None:
    assert program_chips() == ("loihi1", "loihi2")
    with pytest.raises(ChipError, match="no Program can be made for mine; choose one of loihi1, loihi2"):
        chip_named(written(tmp_path, GOOD), program=True)
    text = GOOD.replace('name = "mine"', 'name = "mine"\nprogram = true')
    with pytest.raises(ChipError, match=r"limits\.state_bits: is missing; a chip with program = true says weight_bits"):
        chip_named(written(tmp_path, text), program=True)
    path = written(tmp_path, text + WIDTHS)
    assert chip_named(path, program=True).name == "mine"


def test_every_key_has_its_meaning_in_words() -> None:
    for table in (ENERGY, TIMES, POWER, LIMITS, TRAFFIC, EVIDENCE, SCOPES):
        assert all(len(words) > 3 for words in table.values())
