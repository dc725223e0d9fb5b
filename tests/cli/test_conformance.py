"""`neurodeploy conformance` at the command line."""

from __future__ import annotations

import numpy as np
import pytest

from neurodeploy.backends.trace import Trace
from neurodeploy.conformance import run
from neurodeploy.conformance.engines import Engine, readable
from neurodeploy.fixedpoint import rules
from neurodeploy.program.program import Program
from tests.cli.support import Shell

KEYS = {"networks", "equal", "passed", "kinds", "states_compared", "seconds", "seconds_lava", "failures"}


def test_engines_only_needs_no_lava(shell: Shell) -> None:
    found = shell.works("conformance", "--networks", 4, "--seed", 10, "--engines-only")
    assert found.keys() >= KEYS
    assert (found["networks"], found["equal"], found["passed"], found["failures"]) == (4, 4, True, [])
    assert found["kinds"]
    said = shell("conformance", "--networks", 4, "--engines-only")
    assert said.status == 0
    assert said.out.startswith("equal     4 of 4 networks")
    assert "networks 4/4" in said.err


def test_a_difference_is_status_1_and_prints_the_smallest_network(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def floors(program: Program, spikes: np.ndarray) -> Trace:
        with monkeypatch.context() as patched:
            patched.setattr(rules, "leak_toward_zero", lambda state, kept: state * kept >> rules.DECAY_BITS)
            return readable()(program, spikes)

    engines: dict[str, Engine] = {"plain": readable(), "floors": floors}
    monkeypatch.setattr(run, "our_engines", lambda: engines)
    said = shell("conformance", "--networks", 3, "--engines-only")
    assert said.status == 1
    assert "floors and plain" in said.out
    assert "\n  1 sample, " in said.out
    assert shell("conformance", "--networks", 3, "--engines-only", "--json").json["passed"] is False


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--networks", "0"), "found 0, at least 1 is allowed"),
        (("--networks", "-3"), "found -3, at least 1 is allowed"),
        (("--networks", "many"), "invalid value for '--networks'"),
        (("--seed", "-1"), "found -1, at least 0 is allowed"),
        (("--engine-only",), "no such option --engine-only; did you mean '--engines-only'"),
    ],
)
def test_bad_options_are_one_line(shell: Shell, arguments: tuple[str, ...], says: str) -> None:
    shell.refuses("conformance", *arguments, says=says)


def test_without_lava_it_says_how_to_get_it(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neurodeploy.backends.lava.environment.runs_in_process", lambda: False)
    shell.refuses("conformance", "--networks", 1, says="no environment in .*run: neurodeploy lava setup")
