"""`neurodeploy conformance --frameworks` at the command line."""

from __future__ import annotations

import pytest

from neurodeploy.conformance.frameworks import cases, check
from neurodeploy.installed import installed
from tests.cli.support import Shell

pytestmark = pytest.mark.skipif(not installed("spikingjelly"), reason="spikingjelly is not installed")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ("Linear", "CubaLIF", "CubaLIF, r = 5")
    found = [one for one in cases.all_cases() if one.name in wanted]
    monkeypatch.setattr(check, "all_cases", lambda: found)
    one = next(one for one in check.frameworks() if one.name == "spikingjelly")
    monkeypatch.setattr(check, "frameworks", lambda: [one])


def test_rows_that_no_graph_shows_are_status_1(shell: Shell) -> None:
    said = shell("conformance", "--frameworks")
    assert said.status == 1
    assert "NOT SEEN  spikingjelly reads IF: r dt is not 1" in said.out
    rows = [line.split() for line in said.out.splitlines()]
    assert ["CubaLIF", "CubaLIF", "equal"] in rows
    assert ["CubaLIF", "CubaLIF,", "r", "=", "5", "no"] in rows
    assert "[spikingjelly/activation_based/nir_exchange/from_nir.py, map_cuba_lif]" in said.out
    found = shell("conformance", "--frameworks", "--json")
    assert found.status == 1
    assert found.json["passed"] is False
    assert found.json["unseen"]


@pytest.mark.parametrize("rest", [("--networks", "3"), ("--seed", "0"), ("--engines-only",)])
def test_options_of_random_networks_are_refused(shell: Shell, rest: tuple[str, ...]) -> None:
    said = shell("conformance", "--frameworks", *rest)
    assert said.status == 2
    assert said.err.startswith("error: --frameworks: runs its own graphs; leave --networks")
