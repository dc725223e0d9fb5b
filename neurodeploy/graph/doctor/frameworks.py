"""What each target does with a node: our own, and each framework's importer by the table in `frameworks.toml`."""

import functools
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import nir

from neurodeploy import toml
from neurodeploy.fixedpoint.rules import RESET_SUBTRACT
from neurodeploy.graph.doctor.conditions import CONDITIONS, Facts
from neurodeploy.graph.node_table import SENDING, entry_of
from neurodeploy.graph.node_type import Neurons
from neurodeploy.hardware.chips import program_chips, programmable_chips

TABLE = Path(__file__).parent / "frameworks.toml"
EXACT, APPROXIMATE, UNSUPPORTED = "exact", "approximate", "unsupported"
ORDER = (EXACT, APPROXIMATE, UNSUPPORTED)
BACKENDS = ("reference", "fixed", "lava")
SMALLEST = 1e-12
"""Of the largest weight; below it a difference is float64's own."""


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


WIDE = "weights of 16 bits, in two synapses of 8, and an exponent"


def own_targets() -> tuple[str, ...]:
    """Return our backends, and the chips that come with the package and hold Programs."""
    return (*BACKENDS, *program_chips())


def own_verdict(
    target: str,
    node: nir.NIRNode,
    reset: str,
    error: dict[str, float],
    unmeasured: str = "",
    *,
    sends: bool = False,
    wide: bool = False,
) -> Verdict:
    """Return what one of `own_targets` does with a node.

    Args:
        reset: Rule of the neurons, "zero" or "subtract".
        error: What was measured of the node in integers; empty where nothing was.
        unmeasured: Why nothing could be.
        sends: It is an integrator whose potential feeds a population.
        wide: Its weights lead to one.
    """
    entry = SENDING if sends else entry_of(node)
    assert entry is not None
    if target == "reference":
        return Verdict(EXACT, entry.reference)
    if entry.always:
        return Verdict(EXACT, entry.always)
    neurons = entry if isinstance(entry, Neurons) else None
    if neurons and neurons.programmed and target not in (*BACKENDS, *programmable_chips()):
        which = " or ".join(programmable_chips())
        names = "those that send potentials" if sends else "adaptive ones and resonators"
        reason = f"{target}'s neurons are not programmable: {names} need {which}"
        return Verdict(UNSUPPORTED, reason)
    if "weight_error" in error:
        exact = error["weight_error"] <= SMALLEST
    else:
        exact = bool(error) and error.get("spike_agreement", 1) == 1 and error["potential_rms"] == 0
    held = WIDE if wide else entry.integers
    reasons = [held, *(_of_target(target, neurons, reset) if neurons else [])]
    reasons += [f"not measured: {unmeasured}"] if not error and unmeasured else []
    reasons += ["it did not spike on the random input, so little is known"] if error.get("spikes") == 0 else []
    return Verdict(EXACT if exact else APPROXIMATE, "; ".join(reasons), error=dict(error))


def _of_target(target: str, neurons: Neurons, reset: str) -> list[str]:
    own = neurons.programmed or reset == RESET_SUBTRACT
    if target == "lava":
        which = "our own Lava process" if own else "Lava 0.10.0's LIF"
        return [f"{which}, equal to fixed in every state"]
    if target in BACKENDS or not own:
        return []
    if target in programmable_chips():
        return ["as a neuron program of its own"]
    return [f"simulated only: a {target} compartment resets to zero, subtraction takes a second one"]
