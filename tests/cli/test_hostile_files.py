"""Files made to harm, through every verb: one line, no file made, nothing run, and little memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.hostile import FILES, RAN, VERBS, in_a_child

MOST_MB = 1000
NAMES = [f"{name}{suffix}" for suffix, files in FILES.items() for name in files]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    return in_a_child(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_file_is_refused_by_every_verb_in_one_line(name: str, found: dict[str, Any]) -> None:
    for verb in VERBS:
        said = found["said"][name][verb]
        where = f"{verb}: {said}"
        assert said["made"] == [], where
        lines = said["err"].split("\n")
        assert all(char.isprintable() for char in said["err"].replace("\n", "")), where
        if said["status"] == 1:  # the doctor says more of what it could read
            assert verb == "inspect", where
            assert said["out"].count("\n") == 1, where
            problems = json.loads(said["out"])["problems"]
            assert any(one["severity"] == "stops" for one in problems), where
            continue
        assert said["status"] == 2, where
        assert said["out"] == "", where
        assert len(lines) == 2, where
        assert lines[0].startswith("error: "), where
        assert len(lines[0]) < 700, where


def test_it_takes_little_memory(found: dict[str, Any]) -> None:
    assert found["peak_mb"] < MOST_MB


def test_nothing_in_a_file_was_run(found: dict[str, Any], folder: Path) -> None:
    assert found["said"]
    assert not (folder / RAN).exists()
    assert not list(folder.glob("**/up"))
