"""One graph in one framework, by its importer, against our reference and what the doctor says.

Axes: B sample, T step, I input channel, N neuron of a node.
"""

import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import nir
import numpy as np

from neurodeploy.backends import reference
from neurodeploy.backends.trace import Trace
from neurodeploy.conformance.frameworks.cases import Case, as_run_here
from neurodeploy.errors import FrameworkError
from neurodeploy.fixedpoint import rules
from neurodeploy.frameworks.run import FrameworkRun, run_graph
from neurodeploy.graph.doctor.changes import CHANGES, changed
from neurodeploy.graph.doctor.conditions import facts_of
from neurodeploy.graph.doctor.frameworks import UNSUPPORTED, Framework, Rule, held_rules
from neurodeploy.graph.dynamics import flattened
from neurodeploy.graph.files import mended, read_graph, stored_graph, write_graph
from neurodeploy.graph.network import Network, discretised
from neurodeploy.graph.stored import Tree

N_SAMPLES, N_STEPS = 3, 40
RATE = 0.5
SEED = 11
TOLERANCE = 1e-5
"""Of the largest value: sums of float32 products in another order."""
TOLD = ("dt", "reset", "one sample")
"""What an importer is told where it can be; see `Rule.unless`."""
READOUTS = ("LI", "CubaLI", "I")
EQUAL, GAP, UNEXPECTED = "equal", "gap", "unexpected"


@dataclass(frozen=True)
class Outcome:
    """What came of a case in a framework.

    Attributes:
        status: "equal", "gap" (it differs, or is refused, as the doctor says) or "unexpected".
        agreement: Spikes in common, twice, over the sum of both; None where nothing ran or there are none.
        reproduced: Our reference with the doctor's changes gives the framework's spikes, every one.
        refused: The importer or its module did not take it.
        shown: The rules without which what came out is not explained.
    """

    status: str
    text: str = ""
    sources: tuple[str, ...] = ()
    agreement: float | None = None
    reproduced: bool = False
    shown: tuple[Rule | str, ...] = ()
    refused: bool = False


@dataclass(eq=False)
class Prepared:
    """A case as our reference ran it.

    Attributes:
        tree: The graph as its file holds it; `nodes` by flat name.
        expected: The reference's run on `inputs_BTI`.
    """

    case: Case
    tree: Tree
    nodes: dict[str, nir.NIRNode]
    network: Network
    inputs_BTI: np.ndarray
    expected: Trace


def prepared(case: Case) -> Prepared:
    """Return a case with its reference run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.nir"
        write_graph(path, case.graph)
        tree, _ = mended(path, stored_graph(path))
        write_graph(path, as_run_here(case).graph)
        file = read_graph(path)
    network = discretised(file, dt_s=case.dt_s, reset=case.reset)
    rng = np.random.default_rng(SEED)
    inputs = (rng.random((N_SAMPLES, N_STEPS, network.n_inputs)) < RATE).astype(np.uint8)
    trace = reference.run(network, inputs, record=True)
    nodes, _ = flattened(file.graph, case.name)
    return Prepared(case, tree, nodes, network, inputs, trace)


def imported(framework: Framework, ready: Prepared, told: Collection[str] = TOLD) -> Outcome:
    """Run a case in a framework and judge what came of it.

    Args:
        told: What its importer is told: without it, it is called with a graph alone.
    """
    case = ready.case
    held = _held(framework, ready, told)
    try:
        run = run_graph(
            framework.name,
            case.graph,
            ready.inputs_BTI,
            dt_s=case.dt_s if "dt" in told else None,
            reset=case.reset if "reset" in told else rules.RESET_ZERO,
            batched=None if "one sample" in told else True,
            type_check=not case.unchecked,
        )
    except FrameworkError as error:
        return _refused(held, str(error))
    expected = ready.expected.layers
    agreed = agreement((one, expected[name].spikes_BTN) for name, one in run.spikes.items() if name in expected)
    text, sources = held.text, held.sources
    again = _run_with(ready, held.rules)
    if same(run, ready.expected, case):
        if held.unsupported or held.unchanged:
            return Outcome(UNEXPECTED, f"equal, but the doctor says: {text}", sources, agreed)
        if held.rules and not (again and same(run, again, case)):
            return Outcome(UNEXPECTED, f"equal, but with the doctor's changes it is not: {text}", sources, agreed)
        return Outcome(EQUAL, agreement=agreed)
    if not held.all:
        return Outcome(UNEXPECTED, "differs, and no rule says so", agreement=agreed)
    reproduced = again is not None and not held.unchanged and same(run, again, case)
    if again is not None and not reproduced and not held.unsupported and not held.unchanged:
        return Outcome(UNEXPECTED, f"differs otherwise than by the doctor's changes: {text}", sources, agreed)
    shown = [one for one in held.all if _needed(one, held, ready, run)]
    return Outcome(GAP, text, sources, agreed, reproduced, tuple(shown))


class Held(NamedTuple):
    """The rules that hold for the nodes of a case, by node.

    Attributes:
        all: Each of them once, and a sentence for each type that a framework has no importer for.
        unsupported: Those that are refused.
        unchanged: Those that make it differ in a way that we have no numbers for.
        text, sources: What all of them say.
    """

    rules: dict[str, list[Rule]]
    all: list[Rule | str]
    unsupported: list[Rule | str]
    unchanged: list[Rule | str]
    text: str
    sources: tuple[str, ...]


def _held(framework: Framework, ready: Prepared, told: Collection[str]) -> Held:
    facts = facts_of(ready.tree, ready.case.dt_s, None if ready.case.values else ready.network)
    found = {name: some for name, one in facts.items() if (some := held_rules(framework, one, told))}
    kinds = dict.fromkeys(str(one.node["type"]) for one in facts.values())
    lacking = [kind for kind in kinds if kind not in framework.takes]
    missing = [f"{framework.title} {framework.version} has no importer for {kind}" for kind in lacking]
    every: list[Rule | str] = list(dict.fromkeys([*(one for some in found.values() for one in some), *missing]))
    unsupported = [one for one in every if isinstance(one, str) or one.status == UNSUPPORTED]
    unchanged = [one for one in every if isinstance(one, str) or one.change not in CHANGES]
    reasons = dict.fromkeys(one if isinstance(one, str) else one.reason for one in every)
    sources = dict.fromkeys(one.source for one in every if not isinstance(one, str))
    return Held(found, every, unsupported, unchanged, "; ".join(reasons), tuple(sources))


def _refused(held: Held, error: str) -> Outcome:
    wrong_step = [one for one in held.all if not isinstance(one, str) and one.unless == "dt"]
    if not held.unsupported and not wrong_step:  # values that fit the graph's step are refused at another
        return Outcome(UNEXPECTED, f"refused, and no rule says so: {error}")
    only = [one for one in held.unsupported or wrong_step if not isinstance(one, str)]
    shown = tuple(only) if len(held.unsupported) == 1 else ()
    return Outcome(GAP, held.text, held.sources, refused=True, shown=shown)


def _needed(rule: Rule | str, held: Held, ready: Prepared, run: FrameworkRun) -> bool:
    """True where a case that ran and differs shows that a rule holds: nothing else explains what came out."""
    if held.unsupported:
        return held.unsupported == [rule]
    if isinstance(rule, str) or _run_with(ready, held.rules) is None:
        return False
    if held.unchanged != ([] if rule.change in CHANGES else [rule]):
        return False
    without = {name: [one for one in some if one is not rule] for name, some in held.rules.items()}
    trace = _run_with(ready, without)
    return trace is None or not same(run, trace, ready.case)


def _run_with(ready: Prepared, held: dict[str, list[Rule]]) -> Trace | None:
    """Return our reference's run with the changes that the rules name; None where a change means nothing here."""
    words = {name: [one.change for one in some if one.change in CHANGES] for name, some in held.items()}
    if not any(words.values()):
        return ready.expected
    other = changed(ready.network, words, ready.nodes)
    return None if other is None else reference.run(other, ready.inputs_BTI, record=True)


def same(run: FrameworkRun, expected: Trace, case: Case) -> bool:
    """True where every neuron can be seen and has the same spikes, and the graph gives the same."""
    wanted = expected.layers[expected.output]
    valued = case.values or case.about in READOUTS
    if valued:
        return close(run.output_BTN, wanted.v_BTN)
    return np.array_equal(run.output_BTN, wanted.spikes_BTN) and all(
        name in run.spikes and np.array_equal(run.spikes[name], one.spikes_BTN) for name, one in expected.layers.items()
    )


def close(found: np.ndarray, wanted: np.ndarray) -> bool:
    """True where values are the same within the rounding of float32."""
    slack = TOLERANCE * max(1.0, float(np.abs(wanted).max(initial=0.0)))
    return found.shape == wanted.shape and bool((np.abs(found - wanted) <= slack).all())


def agreement(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> float | None:
    """Return the spikes in common, twice, over the sum of both, of pairs of one shape; None where there are none."""
    alike = [(one != 0, other != 0) for one, other in pairs if one.shape == other.shape]
    total = sum(int(one.sum() + other.sum()) for one, other in alike)
    return 2 * sum(int((one & other).sum()) for one, other in alike) / total if total else None
