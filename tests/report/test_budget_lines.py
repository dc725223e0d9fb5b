"""What a check says: lines that tell numbers apart, and XML that CI systems can read."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import pytest

from neurodeploy.accounting.budget import Budget
from neurodeploy.accounting.judge import Row, judge
from neurodeploy.accounting.recorded import Recorded
from neurodeploy.report.amounts import amount, apart
from neurodeploy.report.budget_lines import junit, line
from tests.accounting.finished import finished


def lines(**asked: Any) -> list[str]:
    return [line(row) for row in judge(Recorded(finished(), "small"), Budget.model_validate(asked))]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"min_accuracy": 0.9}, "accuracy (fixed, 80 samples): found 95 %, at least 90 % allowed"),
        ({"min_accuracy": 0.96}, "accuracy (fixed, 80 samples): found 95 %, at least 96 % allowed: 1 point too low"),
        (
            {"max_synops": 800},
            "synops per sample (mean of 80 samples): found 1,000, at most 800 allowed: 200 too many (25 %)",
        ),
        (
            {"max_synops": 10},
            "synops per sample (mean of 80 samples): found 1,000, at most 10 allowed: 990 too many (99 times)",
        ),
        ({"max_synops": 0}, "synops per sample (mean of 80 samples): found 1,000, at most 0 allowed: 1,000 too many"),
        (
            {"max_energy_j": 3.2e-6},
            "dynamic energy per sample (high of the band, loihi2): found 4 uJ, at most 3.2 uJ allowed: "
            "800 nJ too much (25 %)",
        ),
        (
            {"max_latency_s": 4e-4, "latency": "low"},
            "latency per sample (low of the band, loihi2): found 100 us, at most 400 us allowed",
        ),
        ({"certificate": True}, "certificate: yes"),
    ],
)
def test_a_line_says_what_was_found_and_allowed_and_by_how_much(asked: dict[str, Any], says: str) -> None:
    assert lines(**asked) == [says]


def test_what_must_be_so_and_is_not() -> None:
    row = Row("fits", "fits loihi2", "", "", False, True, False, None, None, "a: 2 of 1")
    assert line(row) == "fits loihi2: NO (a: 2 of 1)"
    row = replace(row, budget="max_cores", what="cores", allowed=4, basis="loihi2")
    assert line(row) == "cores (loihi2): NO, at most 4 allowed (a: 2 of 1)"


@pytest.mark.parametrize("unit", ["share", "J", "s", "synops"])
@pytest.mark.parametrize("value", [0.95, 1e-12, 12345.678, 2e6, 0.0])
def test_numbers_that_differ_look_different(unit: str, value: float) -> None:
    other = value * (1 + 1e-14) if value else 1e-300
    first, second = apart([value, other], unit)
    assert (first == second) == (value == other)
    assert len(set(apart([value, value], unit))) == 1


def test_prefixes_change_where_three_digits_do() -> None:
    assert [amount(one, "s") for one in (1.0, 0.99951, 0.9994, 1e-3, 9.9e-13, 0.0)] == [
        "1 s",
        "1 s",
        "999 ms",
        "1 ms",
        "990 fs",
        "0 s",
    ]


def test_xml_counts_names_and_escapes() -> None:
    rows = judge(
        Recorded(finished(), "small"), Budget.model_validate({"max_synops": 1, "max_spikes": 1e9, "certificate": True})
    )
    rows = [replace(row, reason='<&">]]>\x1b[2J\ud800\ufffe') for row in rows]
    text = junit('runs/<a> & "b"\x00', rows)
    root = ElementTree.fromstring(text.encode("utf-8"))
    (suite,) = root
    assert (root.tag, suite.tag, suite.get("name")) == ("testsuites", "testsuite", "neurodeploy check")
    for counted in (root, suite):
        assert [counted.get(key) for key in ("tests", "failures", "errors", "time")] == ["3", "1", "0", "0"]
    cases = {case.get("name"): case for case in suite}
    assert list(cases) == ["certificate", "max_synops", "max_spikes"]
    assert {case.get("classname") for case in suite} == {'runs/<a> & "b"\\x00'}
    assert all(case.get("time") == "0" for case in suite)
    assert [len(case) for case in cases.values()] == [0, 1, 0]
    (failure,) = cases["max_synops"]
    assert failure.tag == "failure"
    assert failure.get("message") == failure.text == line(rows[1])
    assert '(<&">]]>\\x1b[2J\\ud800\\ufffe)' in line(rows[1])
