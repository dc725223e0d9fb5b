"""Errors hold their parts as fields, name arguments for both readers, and only the command line knows dashes."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

import neurodeploy
from neurodeploy.cli.app import app
from neurodeploy.cli.spelling import SHELL, spelled
from neurodeploy.errors import GraphError, MappingError, Place
from neurodeploy.phrases import Command, Phrase

PACKAGE = Path(neurodeploy.__file__).parent
DASHES = re.compile(r"(?<![\w-])--[a-z]")
NAMED = re.compile(r"(?<!\{)\{(\w+)(?::[^{}]*(?:\{[^{}]*\})?[^{}]*)?\}(?!\})")
COMMAND_LINES = {
    "backends/lava/environment.py",  # of pip
    "bench/fresh.py",  # of this very program in a process of its own
    "papers/nir/table.py",  # of the figure that the note stands below
    "report/drawing.py",  # of CSS
    "verbs/export.py",  # what made an export, in its manifest
    "verbs/frameworks.py",  # of pip
}
"""Files whose texts hold command lines to be run as they are."""


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if "cli" not in path.relative_to(PACKAGE).parts]


def documents(tree: ast.AST) -> set[int]:
    """Return the strings that stand alone: docstrings."""
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
    return {id(one.value) for body in bodies for one in body if isinstance(one, ast.Expr)}


def texts(path: Path) -> Iterator[str]:
    """Yield what a file says, its documentation apart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    left = documents(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left:
            yield node.value


def test_only_the_command_line_writes_dashes() -> None:
    """Others name the argument in a `Phrase`, or as `option`."""
    found = {
        path.relative_to(PACKAGE).as_posix(): [one for one in texts(path) if DASHES.search(one)] for path in modules()
    }
    assert {name: some for name, some in found.items() if some and name not in COMMAND_LINES} == {}
    assert all(found[name] for name in COMMAND_LINES)


def options() -> set[str]:
    """Return every option of every verb."""
    found: set[str] = set()
    waiting: list[Any] = [typer.main.get_command(app)]
    while waiting:
        one = waiting.pop()
        waiting += getattr(one, "commands", {}).values()
        found |= {name for parameter in one.params for name in parameter.opts}
    return found


def named(tree: ast.AST) -> Iterator[str]:
    """Yield the arguments that errors and phrases name."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        for one in node.keywords:
            if one.arg == "option" and isinstance(one.value, ast.Constant):
                yield str(one.value.value)
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        if called == "Phrase" and isinstance(node.args[0], ast.Constant):
            given = {one.arg for one in node.keywords}
            assert not given & {"dt_s", "limit", "out", "data", "chip"}, "a value hides the argument of that name"
            yield from (name for name in NAMED.findall(str(node.args[0].value)) if name not in given)


def test_every_argument_that_a_message_names_is_an_option_too() -> None:
    known = options()
    found = {name for path in modules() for name in named(ast.parse(path.read_text(encoding="utf-8")))}
    assert {"dt_s", "limit", "input_shape", "mode"} <= found
    lacking = {name for name in found - {"mode"} if SHELL.label(name) not in known}
    assert not lacking


def test_a_message_names_an_argument_as_its_reader_knows_it() -> None:
    error = GraphError(
        "found 0", Phrase("give {dt_s:{step}}, or {readout:spikes}", step=1e-3), option="dt_s", allowed="more is needed"
    )
    assert str(error) == "dt_s: found 0, more is needed; give dt_s=0.001, or readout='spikes'"
    assert error.line(SHELL) == "--dt: found 0, more is needed; give --dt 0.001, or --readout spikes"


def test_names_from_a_file_are_never_taken_for_arguments() -> None:
    phrase = Phrase("give {limit} for {name}", name="{dt_s}")
    assert (str(phrase), phrase.spelled(SHELL)) == ("give limit= for {dt_s}", "give --limit for {dt_s}")


def test_a_verb_is_a_call_or_a_command_line() -> None:
    again = Phrase("finish it with {again}", again=Command("run", "RECIPE", out=Path("runs/a"), mode="resume"))
    assert str(again) == "finish it with neurodeploy.run(RECIPE, out='runs/a', mode='resume')"
    assert spelled({"a": [again, 3]}) == {"a": ["finish it with neurodeploy run RECIPE --out runs/a --resume", 3]}


def test_places_go_around_an_error_and_nothing_is_lost() -> None:
    inner = GraphError("has no type", "export it again", where=Place("n.nir", "node a", "a"))
    assert (inner.places, inner.node) == (("n.nir", "node a"), "a")
    outer = inner.inside("folder", kind=MappingError)
    assert str(outer) == "folder: n.nir: node a: has no type; export it again"
    assert isinstance(outer, MappingError)
    assert str(inner.at("m.nir")) == "m.nir: has no type; export it again"
    phrase = Phrase("give {dt_s} of {name}", name="{x}")
    for one in (pickle.loads(pickle.dumps(GraphError(phrase, where="f", option="limit"))),):
        assert one.line(SHELL) == "f: --limit: give --dt of {x}"
