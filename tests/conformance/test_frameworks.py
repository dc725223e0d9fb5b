"""Other frameworks by their importers and exporters: equal, or on the list; and the list is true."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.cli.conformance import framework_lines, tables
from neurodeploy.conformance.frameworks import exporting
from neurodeploy.conformance.frameworks.cases import Case, all_cases
from neurodeploy.conformance.frameworks.check import check_frameworks
from neurodeploy.conformance.frameworks.exporting import exported
from neurodeploy.conformance.frameworks.importing import EQUAL, GAP, UNEXPECTED, imported, prepared, same
from neurodeploy.conformance.frameworks.modules import Module
from neurodeploy.errors import FrameworkError
from neurodeploy.frameworks.run import FRAMEWORKS, FrameworkRun
from neurodeploy.graph.doctor.frameworks import APPROXIMATE, Framework, Rule, frameworks
from neurodeploy.graph.node_table import NODES
from neurodeploy.installed import installed

DOC = Path(__file__).parents[2] / "docs" / "frameworks.md"
ALL = [name for name in FRAMEWORKS if installed(name)]
needs_all = pytest.mark.skipif(list(FRAMEWORKS) != ALL, reason=f"only {', '.join(ALL) or 'none'} installed")


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    if not ALL:
        pytest.skip("no other framework is installed")
    return check_frameworks()


def case(name: str) -> Case:
    return next(one for one in all_cases() if one.name == name)


def framework(name: str) -> Framework:
    return next(one for one in frameworks() if one.name == name)


def test_what_differs_is_on_the_list_and_what_is_on_the_list_differs(found: dict[str, Any]) -> None:
    wrong = [one for one in found["results"] if one["status"] == UNEXPECTED]
    assert not wrong, wrong
    assert not found["unseen"]
    assert found["passed"]


def test_each_gap_names_its_reason_and_the_frameworks_line(found: dict[str, Any]) -> None:
    for one in found["results"]:
        assert one["status"] in (EQUAL, GAP)
        if one["status"] == GAP:
            assert one["text"]
            assert one["sources"] or "no importer" in one["text"]
    for one in found["gaps"]:
        assert one["reason"]
        assert ".py, " in one["source"]


@pytest.mark.parametrize("name", ["snntorch", "norse", "spikingjelly"])
@pytest.mark.parametrize("node", ["LIF", "CubaLIF", "Linear", "Affine", "Conv2d", "SumPool2d", "Flatten"])
def test_every_framework_is_equal_on_the_plain_nodes(found: dict[str, Any], name: str, node: str) -> None:
    if name not in found["frameworks"]:
        pytest.skip(f"{name} is not installed")
    mine = [one for one in found["results"] if (one["framework"], one["node"]) == (name, node)]
    assert any(one["status"] == EQUAL and one["direction"] == "reads" and not one["alone"] for one in mine)
    for one in mine:
        if one["status"] == EQUAL and one["agreement"] is not None:
            assert one["agreement"] == 1


def test_cases_cover_every_node_of_nir_and_their_neurons_spike() -> None:
    cases = all_cases()
    assert {one.about for one in cases} == set(NODES) - {"Input", "Output", "SpikeProducts"}
    for one in cases:
        if one.values or one.about in ("LI", "CubaLI", "I"):
            continue
        for name, layer in prepared(one).expected.layers.items():
            assert 0.02 < layer.spikes_BTN.mean() < 0.98, f"{one.name}: {name}"


@pytest.mark.skipif("norse" not in ALL, reason="norse is not installed")
def test_a_difference_without_a_rule_is_found() -> None:
    norse, ready = framework("norse"), prepared(case("LIF, r = 2"))
    assert imported(norse, ready).status == GAP
    silent = replace(norse, rules=tuple(one for one in norse.rules if one.when != "r is not 1"))
    outcome = imported(silent, ready)
    assert outcome.status == UNEXPECTED
    assert "no rule says so" in outcome.text


@pytest.mark.skipif("norse" not in ALL, reason="norse is not installed")
def test_a_rule_that_is_not_true_is_found() -> None:
    norse, ready = framework("norse"), prepared(case("CubaLIF"))
    assert imported(norse, ready).status == EQUAL
    for change, says in (("", "equal, but the doctor says"), ("reset zero", ""), ("v_reset 0", "")):
        false = Rule(("CubaLIF",), "always", APPROXIMATE, "something", "somewhere.py, there", change)
        outcome = imported(replace(norse, rules=(*norse.rules, false)), ready)
        assert outcome.status == (UNEXPECTED if says else EQUAL)
        assert says in outcome.text
        assert not outcome.shown
    wrong = Rule(("CubaLIF",), "always", APPROXIMATE, "something", "somewhere.py, there", "gain 1")
    other = prepared(case("CubaLIF, r = 5"))
    assert imported(replace(norse, rules=(*norse.rules, wrong)), other).status == UNEXPECTED


@pytest.mark.skipif("spikingjelly" not in ALL, reason="spikingjelly is not installed")
def test_a_refusal_without_a_rule_is_found() -> None:
    one = framework("spikingjelly")
    ready = prepared(case("CubaLIF, r = 5"))
    assert imported(one, ready).refused
    silent = replace(one, rules=tuple(rule for rule in one.rules if "r is not tau_mem" not in rule.when))
    assert imported(silent, ready).text.startswith("refused, and no rule says so: spikingjelly: node b_cubalif")


def exporting_first_outputs(n_outputs: int, **said: Any) -> Module:
    graph = case("LIF, r = 1").graph  # of 6 neurons

    def run(_: torch.nn.Module, x_BTI: torch.Tensor) -> torch.Tensor:
        return x_BTI[..., :1].expand(-1, -1, n_outputs)

    return Module("made up", "LIF", torch.nn.Identity(), run, lambda _: graph, 1e-4, **said)


def test_a_module_that_its_file_does_not_say_is_found() -> None:
    for n_outputs in (6, 2):
        assert "differ, no row says so" in exported(framework("norse"), exporting_first_outputs(n_outputs)).text


def test_a_bug_of_our_reader_is_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "read_graph", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        exported(framework("norse"), exporting_first_outputs(6, gap="dt tau"))


def test_neurons_that_cannot_be_seen_or_differ_inside_are_not_equal() -> None:
    ready = prepared(case("LIF, two layers"))
    spikes = {name: one.spikes_BTN.astype(np.uint8) for name, one in ready.expected.layers.items()}
    output = spikes["d_lif"].astype(np.float32)
    hidden = spikes["b_lif"].copy()
    hidden[0, -1, 0] ^= 1
    for seen, equal in ((spikes, True), ({"d_lif": spikes["d_lif"]}, False), (spikes | {"b_lif": hidden}, False)):
        assert same(FrameworkRun("norse", "1.1.0", seen, output), ready.expected, ready.case) == equal


def test_unknown_and_absent_frameworks_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FrameworkError, match="did you mean 'norse'"):
        check_frameworks(["nors"])
    monkeypatch.setattr("neurodeploy.conformance.frameworks.check.installed", lambda name: False)
    with pytest.raises(FrameworkError, match="is not installed; run: neurodeploy frameworks setup"):
        check_frameworks()


@needs_all
def test_the_documented_tables_are_what_the_command_prints(found: dict[str, Any]) -> None:
    printed = "\n".join(line for line in tables(found) if line)
    documented = "\n".join(line for line in DOC.read_text(encoding="utf-8").splitlines() if line)
    assert printed in documented
    said = "\n".join(framework_lines(found))
    for name, one in found["frameworks"].items():
        assert f"{one['equal']} equal, {one['gap']} on the list of gaps, 0 unexpected" in said
        assert all(gap["source"] in said for gap in found["gaps"] if gap["framework"] == name)
