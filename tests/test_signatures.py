"""The public functions agree: every argument is named in the docstring, and what is written is a keyword."""

from __future__ import annotations

import inspect
import re

import pytest

import neurodeploy
from neurodeploy.pipeline.graph_options import GraphKeywords, GraphOptions

FUNCTIONS = [name for name in neurodeploy.__all__ if inspect.isfunction(getattr(neurodeploy, name))]
SAME = {
    "dt": "dt_s",
    "time_step": "dt_s",
    "backend_names": "backends",
    "n_threads": "threads",
    "output": "out",
    "dataset": "data",
}
"""Other words for what has one name already."""


def named(documentation: str) -> set[str]:
    """Return the arguments that a docstring's Args section names."""
    section = re.search(r"^ *Args:\n(.*?)(?=^\s*\n *\w+:\n|\Z)", documentation, flags=re.MULTILINE | re.DOTALL)
    if section is None:
        return set()
    indent = re.match(r" *", section.group(1)).group()  # type: ignore[union-attr]
    heads = re.findall(rf"^{indent}(\w+(?:, \w+)*): ", section.group(1), flags=re.MULTILINE)
    return {name for head in heads for name in head.split(", ")}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_is_named_in_the_docstring(name: str) -> None:
    function = getattr(neurodeploy, name)
    arguments = inspect.signature(function).parameters
    assert set(arguments) == named(function.__doc__ or "")
    assert not any(one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL) for one in arguments.values())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_thing_has_one_name(name: str) -> None:
    arguments = inspect.signature(getattr(neurodeploy, name)).parameters
    assert not set(arguments) & set(SAME)
    if "out" in arguments:
        assert arguments["out"].kind is inspect.Parameter.KEYWORD_ONLY
    if "chip" in arguments:
        assert re.search(r"str \| (pathlib\.)?Path", str(arguments["chip"].annotation))
    for key, default in (("dt_s", None), ("chip", "loihi2")):
        if key in arguments and arguments[key].default is not inspect.Parameter.empty:
            assert arguments[key].default == default, key


def test_the_keywords_of_a_graph_are_its_options() -> None:
    assert set(inspect.signature(GraphOptions).parameters) == set(GraphKeywords.__optional_keys__)
    assert set(named_attributes()) == set(GraphKeywords.__optional_keys__)
    for verb in ("compile", "convert", "simulate", "certify", "fit", "profile"):
        assert set(inspect.signature(getattr(neurodeploy, verb)).parameters) >= set(GraphKeywords.__optional_keys__)


def named_attributes() -> list[str]:
    """Return the fields that the options' own docstring tells of."""
    return re.findall(r"^        (\w+): ", GraphOptions.__doc__ or "", flags=re.MULTILINE)
