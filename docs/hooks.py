"""What the site has beyond the pages of this folder, made when it is built; and links that lead out of it.

Pages from other files of the repository (README, notebooks), and reference pages from the code: every command's help,
every setting of a recipe by its description, every public function by its docstring.
"""

import base64
import contextlib
import io
import json
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

import neurodeploy
from neurodeploy.cli.app import app, invoke
from neurodeploy.networks.families.table import FAMILIES
from neurodeploy.recipes import Recipe

ROOT = Path(__file__).parent.parent
PAGES = {"README.md": "readme.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files beside docs/ that are pages of the site."""
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^()\s]+)\)")
LOADED = re.compile(
    r"""<(?:script|img|iframe)[^>]*\bsrc=["']?(?:https?:)?//|<link[^>]*(?:stylesheet|icon|preconnect)[^>]*//"""
    r"""|@import|url\(["']?(?:https?:)?//"""
)
"""What a browser would fetch from elsewhere."""
TYPES = (
    "neurodeploy.verbs.deployment.Deployment",
    "neurodeploy.backends.trace.Trace",
    "neurodeploy.program.program.Program",
    "neurodeploy.accounting.counts.Counts",
    "neurodeploy.errors.NeurodeployError",
)
"""What the public functions return or raise."""


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made."""
    made: dict[str, str | bytes] = {
        "reference/commands.md": commands(),
        "reference/recipes.md": recipes(),
        "reference/python.md": functions(),
    }
    for name, page in PAGES.items():
        made[page] = inward((ROOT / name).read_text(encoding="utf-8"))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        made |= tutorial(path)
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links out of docs/ to the page of the site that holds the same, or leave the name alone."""
    return LINK.sub(outward, markdown) if page.file.generated_by is None else markdown


def on_post_build(config: Any) -> None:
    """Refuse a site that loads anything from elsewhere."""
    for path in Path(config.site_dir).rglob("*"):
        if path.suffix in (".html", ".css") and (found := LOADED.search(path.read_text(encoding="utf-8"))):
            raise PluginError(f"{path}: loads from elsewhere: {found[0]}")


def outward(link: re.Match[str]) -> str:
    """Return a link of a page in docs/ as the site has it."""
    mark, text, target = link.groups()
    name, _, anchor = target.partition("#")
    if not name.startswith("../"):
        return link[0]
    if name.endswith(".ipynb"):
        return f"[{text}](tutorials/{Path(name).stem}.md)"
    page = PAGES.get(name.removeprefix("../"))
    return f"{mark}[{text}]({page}{'#' + anchor if anchor else ''})" if page else f"{text} (`{name[3:]}`)"


def inward(markdown: str) -> str:
    """Return a page from beside docs/ with its links as from within."""

    def moved(link: re.Match[str]) -> str:
        mark, text, target = link.groups()
        if re.match(r"https?:|#", target):
            return link[0]
        within = target.removeprefix("docs/") if target.startswith("docs/") else f"../{target}"
        return LINK.sub(outward, f"{mark}[{text}]({within})")

    return LINK.sub(moved, markdown)


def tutorial(path: Path) -> dict[str, str | bytes]:
    """Return a notebook as a page, and its pictures."""
    made: dict[str, str | bytes] = {}
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            if output["output_type"] == "stream":
                parts.append(f"```text\n{''.join(output['text']).rstrip()}\n```")
            elif picture := output.get("data", {}).get("image/png"):
                name = f"{path.stem}_{len(made)}.png"
                made[f"tutorials/{name}"] = base64.b64decode("".join(picture))
                parts.append(f"![plot]({name})")
    parts.append(f"This page is `notebooks/{path.name}`, which the tests run.")
    return made | {f"tutorials/{path.stem}.md": "\n\n".join(parts)}


def commands() -> str:
    """Return the help of every command."""
    import typer.main

    parts = ["# Commands", "As `neurodeploy COMMAND --help` prints it."]
    for words in _verbs(typer.main.get_command(app), ()):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            invoke([*words, "--help"])
        parts += [f"## neurodeploy {' '.join(words)}".rstrip(), f"```text\n{out.getvalue().strip()}\n```"]
    return "\n\n".join(parts)


def _verbs(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield words
    for name, one in getattr(command, "commands", {}).items():
        yield from _verbs(one, (*words, name))


def recipes() -> str:
    """Return the shipped recipes and every setting."""
    shipped = sorted(neurodeploy.list_recipes().items())
    rows = [f"| `{name}` | {one['recipe']['data']['dataset']} | {one['description']} |" for name, one in shipped]
    parts = [
        "# Settings of recipes",
        "A recipe is one TOML file. `extends` names another to begin with; `--set table.key=value` changes a setting.",
        "## Shipped recipes",
        "\n".join(["| name | data | what |", "| --- | --- | --- |", *rows]),
        "## At the top",
        _table({name: one for name, one in Recipe.model_fields.items() if not _inner(one.annotation)}),
    ]
    for name, field in Recipe.model_fields.items():
        if name == "network":
            continue
        if inner := _inner(field.annotation):
            parts += [f"## [{name}]", inner.__doc__ or "", _table(inner.model_fields)]
    parts += ["## [network]", "`family` says which of these tables it is."]
    for name, family in FAMILIES.items():
        parts += [f'### family = "{name}"', family.settings.__doc__ or "", _table(family.settings.model_fields)]
    return "\n\n".join(parts)


def _inner(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _table(fields: dict[str, Any]) -> str:
    rows = ["| key | values | default | what |", "| --- | --- | --- | --- |"]
    for name, field in fields.items():
        default = "needed" if field.is_required() else _shown(field.get_default(call_default_factory=True))
        rows.append(f"| `{name}` | {_values(field)} | {default} | {field.description or ''} |".replace("\n", " "))
    return "\n".join(rows)


def _shown(value: Any) -> str:
    if value is None or value is PydanticUndefined:
        return "none"
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"


def _values(field: Any) -> str:
    """Return in words what a setting may hold: its type, or its choices, and its bounds."""
    words = _words(field.annotation)
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    bounds = [f"{signs[key]} {getattr(one, key)}" for one in field.metadata for key in signs if hasattr(one, key)]
    return ", ".join([words, *bounds]).replace("|", "\\|")


def _words(annotation: Any) -> str:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return ", ".join(f"`{one}`" for one in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(one) for one in inner if one is not type(None))
    if origin is tuple:
        return f"list of {_words(inner[0])}"
    if origin is typing.Annotated:
        return _words(inner[0])
    names = {int: "whole number", float: "number", str: "text", bool: "true, false"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def functions() -> str:
    """Return what mkdocstrings makes pages of: every public name, from where it is defined."""
    parts = ["# Python", "`import neurodeploy` needs numpy alone; each of these loads when it is first used."]
    parts += [f"::: {home}.{name}" for name, home in neurodeploy._HOMES.items()]
    return "\n\n".join([*parts, "# What they return, and raise", *(f"::: {name}" for name in TYPES)])
