"""Every message on the page of errors is in the code as it is quoted there."""

from __future__ import annotations

import ast
import re

from tests.docs.pages import ROOT


def texts() -> str:
    """Return all text of the package: strings as the code joins them, what is filled in left out."""
    found = []
    for path in sorted((ROOT / "neurodeploy").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(str(one.value) if isinstance(one, ast.Constant) else "\0" for one in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def test_the_messages_are_those_of_the_code() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    messages = [one for row in re.findall(r"^\| (`.*?) \|", page, re.M) for one in re.findall(r"`([^`]+)`", row)]
    assert len(messages) > 40
    known = texts()
    assert not [one for one in messages if one not in known]
