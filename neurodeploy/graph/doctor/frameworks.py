"""What each framework's importer does with a node: the table in `frameworks.toml`, applied."""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from neurodeploy import toml
from neurodeploy.graph.doctor.conditions import CONDITIONS, Facts

TABLE = Path(__file__).parent / "frameworks.toml"
EXACT, APPROXIMATE, UNSUPPORTED = "exact", "approximate", "unsupported"
ORDER = (EXACT, APPROXIMATE, UNSUPPORTED)


@dataclass(frozen=True)
class Rule:
    """One thing that an importer does; the attributes are those of the table.

    `unless` names what a user can say to the importer that avoids it: "dt", "reset", or "one sample" at a time.
    """

    nodes: tuple[str, ...]
    when: str
    status: str
    reason: str
    source: str
    change: str = ""
    unless: str = ""


@dataclass(frozen=True)
class Lost:
    """One thing that a framework's exporter does not write, or writes otherwise.

    Attributes:
        what: A word or two, by which it is called.
        remedy: What to do, empty where nothing helps.
    """

    what: str
    layers: tuple[str, ...]
    reason: str
    source: str
    remedy: str = ""


@dataclass(frozen=True)
class Framework:
    """One importer, in one version, and what its exporter loses."""

    name: str
    title: str
    version: str
    takes: tuple[str, ...]
    rules: tuple[Rule, ...]
    dt_s: float | None = None
    exports: tuple[Lost, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a target does with a node.

    Attributes:
        status: "exact", "approximate" or "unsupported".
        changes: Words of `changes.CHANGES` that do the same to our reference.
        error: What was measured of it on random input, by name.
    """

    status: str
    reason: str
    source: str = ""
    changes: tuple[str, ...] = ()
    error: dict[str, float] = field(default_factory=dict)


@functools.lru_cache(maxsize=1)
def frameworks() -> tuple[Framework, ...]:
    """Return every framework of the table."""
    found = toml.loads(TABLE.read_text("utf-8"))
    made = []
    for name, entry in found.items():
        rules = tuple(Rule(**one | {"nodes": tuple(one["nodes"])}) for one in entry.pop("rules", []))
        lost = tuple(Lost(**one | {"layers": tuple(one["layers"])}) for one in entry.pop("exports", []))
        made.append(Framework(name=name, rules=rules, exports=lost, **entry | {"takes": tuple(entry["takes"])}))
    return tuple(made)


def held_rules(framework: Framework, facts: Facts, given: Collection[str] = ()) -> list[Rule]:
    """Return the rules that hold for a node; `given` is what the importer was told, in the words of `Rule.unless`."""
    kind = facts.node["type"]
    mine = (rule for rule in framework.rules if kind in rule.nodes and not (rule.unless and rule.unless in given))
    return [rule for rule in mine if CONDITIONS[rule.when](facts)]


def verdict(framework: Framework, facts: Facts) -> Verdict:
    """Return what a framework does with a node."""
    kind = facts.node["type"]
    if kind not in framework.takes:
        return Verdict(UNSUPPORTED, f"{framework.title} {framework.version} has no importer for {kind}")
    held = held_rules(framework, facts)
    if not held:
        return Verdict(EXACT, "as NIR has it")
    status = max((rule.status for rule in held), key=ORDER.index)
    told = [rule for rule in held if rule.status == status] if status == UNSUPPORTED else held
    return Verdict(
        status,
        "; ".join(rule.reason for rule in told),
        "; ".join(dict.fromkeys(rule.source for rule in told)),
        tuple(rule.change for rule in held if rule.change),
    )
