"""`inspect`: the NIR doctor; what is wrong with a graph, and what each target does with each of its nodes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import nir
import numpy as np
from typing_extensions import Unpack

from neurodeploy.errors import GraphError, NeurodeployError
from neurodeploy.files import check_target
from neurodeploy.fixedpoint import rules
from neurodeploy.frameworks.write.fit import check_for
from neurodeploy.graph.doctor import problems as find
from neurodeploy.graph.doctor.conditions import facts_of
from neurodeploy.graph.doctor.frameworks import (
    APPROXIMATE,
    ORDER,
    UNSUPPORTED,
    Verdict,
    frameworks,
    own_targets,
    own_verdict,
    verdict,
)
from neurodeploy.graph.doctor.problems import STOPS, WARNS, Problem, of_slow, whole_steps
from neurodeploy.graph.dynamics import DynamicsNode, flattened
from neurodeploy.graph.euler import advice_on_step
from neurodeploy.graph.files import GraphFile, graph_file, mended, stored_graph
from neurodeploy.graph.mends import TYPING, Mends
from neurodeploy.graph.metadata import carried
from neurodeploy.graph.network import Network
from neurodeploy.graph.node_table import neurons_of
from neurodeploy.graph.stored import Tree
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.graph_options import GraphOptions, ReadKeywords, takes_graph_options
from neurodeploy.pipeline.inputs import GraphSource, compiled, network_of, nir_file
from neurodeploy.pipeline.measured_targets import Errors, RandomRun, of_changes, of_integers, random_run
from neurodeploy.pipeline.memories import of_memories
from neurodeploy.pipeline.repair import repaired, repaired_for
from neurodeploy.pipeline.spike_driven import of_modules
from neurodeploy.progress import Progress, silent

USUAL_DT_S = 1e-4
"""Of the NIR paper's graphs; what is measured where a file says none."""


def targets() -> tuple[str, ...]:
    """Return what a graph is examined for: our backends, chips that hold Programs, other frameworks' importers."""
    return (*own_targets(), *(one.name for one in frameworks()))


@dataclass(eq=False)
class Patient:
    """A graph under examination, as far as it could be followed.

    Attributes:
        tree: As stored, mended where that was possible.
        mends: What was mended; None where the graph means nothing certain.
        dt_s: Time step it is examined with, and `dt_source` where that is from.
        run: The reference on random input, and `integers` what the chip's integers change of it.
    """

    path: Path
    tree: Tree
    dt_s: float = USUAL_DT_S
    dt_source: str = ""
    mends: Mends | None = None
    file: GraphFile | None = None
    nodes: dict[str, nir.NIRNode] = field(default_factory=dict)
    network: Network | None = None
    run: RandomRun | None = None
    integers: Errors = field(default_factory=dict)
    unmeasured: str = ""
    problems: list[Problem] = field(default_factory=list)

    def stopped(self, name: str) -> Problem | None:
        """Return the first problem of a node that stops it."""
        return next((one for one in self.problems if one.severity == STOPS and one.node == name), None)

    def refuse(self, kind: str, error: NeurodeployError) -> None:
        """Note an error as a problem, unless one of the same node is known already."""
        places = [one for one in error.places if one not in (str(self.path), self.path.stem)]
        name = next((one for one in (error.node, *places) if one in self.nodes), "")
        others = kind != "file" and any(one.severity == STOPS and one.kind != "dt" for one in self.problems)
        if others and (not name or self.stopped(name)):
            return
        text = Phrase("{where}: {problem}", where=": ".join(places), problem=error.problem) if places else error.problem
        self.problems.append(Problem(kind, name, STOPS, text, error.advice))


@takes_graph_options(ReadKeywords)
def inspect_graph(
    file: GraphSource,
    *,
    repair: str | Path | None = None,
    overwrite: bool = False,
    for_framework: str | None = None,
    progress: Progress = silent,
    **graph: Unpack[ReadKeywords],
) -> dict[str, Any]:
    """Examine a .nir file; nothing needs to be right about it but that it is one.

    Args:
        file: The .nir file, or a run folder, whose graph is taken. Of a torch module, or a run of family `lmuformer`
            without a graph, the modules alone are told of.
        repair: Where to write the graph with everything put right that can mean one thing only.
        overwrite: Replace that file where there is one.
        for_framework: Write it there as this framework's importer does it right: "snntorch", "norse", "spikingjelly".
        progress: Hears how far the work is.
        graph: What the graph leaves open, see `GraphOptions`.

    Returns:
        `ok` (nothing stops deployment), `problems` (kind, node, severity, text, remedy), `nodes` (name, type, shape,
        parameters, and by target status, reason, source, error), `targets` (status, counts, agreement), `dt_s` and
        `dt_source`, `measured` (what on), `repaired` (lines) and `path` of the repaired file;
        where there are linear memories `memories`, see `pipeline.memories.of_memories`; where modules are known
        `modules`, see `networks.spike_driven.signals.told`.

    Raises:
        NetworkError: nothing is known of a module of the network.
        DataError: the data of a run without a graph, which say what a step is, are absent.
        GraphError: the file is absent, damaged or no NIR graph.
        FrameworkError: `for_framework` is unknown.
        RunError: the repaired file cannot be written.
    """
    modules = of_modules(file)
    if modules and repair is None and not graph and not os.path.exists(Path(f"{file}", "model.nir")):
        name = type(file).__name__ if hasattr(file, "named_modules") else str(file)
        return {"file": name, "ok": modules["ok"], "modules": modules}
    path, options = nir_file(file), GraphOptions(**graph).check()
    if repair is not None:
        check_target(repair, overwrite, (file, *graph.values()))
    if for_framework is not None:
        check_for(for_framework)
        if repair is None:
            raise GraphError(Phrase("needs {repair:OUT}"), option="for_framework")
    patient = Patient(path, stored_graph(path))
    _read(patient, options.input_shape)
    _choose_dt(patient, options.dt_s)
    _look(patient, options)
    if patient.network is not None:
        progress("inspect", 0, 2)
        _measure(patient, options)
        progress("inspect", 1, 2)
    verdicts = _verdicts(patient)
    lines: list[str] = []
    if repair is not None and for_framework is not None:
        known = None if patient.dt_source == "assumed" else patient.network
        lines = repaired_for(for_framework, patient.file, known, patient.run, repair)
    elif repair is not None:
        asked = {"dt_s": options.dt_s, "reset": options.reset, "readout": options.readout}
        lines = repaired(patient.file, patient.tree, patient.mends, patient.network, patient.run, repair, asked)
    progress("inspect", 2, 2)
    memories = of_memories(patient.network) if patient.network is not None else []
    return _result(patient, verdicts) | {
        **({"memories": memories} if memories else {}),
        **({"modules": modules} if modules else {}),
        "repaired": lines,
        "path": None if repair is None or not lines else str(repair),
    }


def _read(patient: Patient, input_shape: tuple[int, ...] | None) -> None:
    try:
        patient.tree, patient.mends = mended(patient.path, patient.tree, input_shape)
        patient.file = graph_file(patient.path, patient.tree, patient.mends)
        patient.nodes, _ = flattened(patient.file.graph, str(patient.path))
    except GraphError as error:
        patient.refuse("file", error)
    advice = Phrase("read so; {repair} writes it so")
    for mend in patient.mends or ():
        kind = "shapes" if mend.kind == TYPING else mend.kind
        patient.problems.append(Problem(kind, mend.node, WARNS, mend.text, advice))


def _choose_dt(patient: Patient, given: float | None) -> None:
    """Settle the time step: the file's, the one given, or for measurements alone the usual one."""
    stored: Any = None
    if patient.file is not None:
        try:
            stored = carried(str(patient.path), patient.file.graph).get("dt_s")
        except GraphError as error:
            patient.refuse("dt", error)
    patient.dt_source = "file" if stored is not None else "given" if given is not None else "assumed"
    chosen = given if stored is None else stored
    if chosen is None:
        advice = advice_on_step({str(node.get("type")) for _, node in find.flat(patient.tree)})
        patient.problems.append(Problem("dt", "", STOPS, "carries no time step, and NIR has no field for one", advice))
        taus = [np.asarray(node[key]) for _, node in find.flat(patient.tree) for key in find.TAUS if key in node]
        positive = [float(one[one > 0].min()) for one in taus if one.dtype.kind in "iuf" and (one > 0).any()]
        chosen = min([whole_steps(patient.tree) or USUAL_DT_S, *positive])  # a step that the neurons allow
    elif stored is None:
        text = f"carries no time step; {given:g} s is used, as given"
        patient.problems.append(Problem("dt", "", WARNS, text, Phrase("{repair} writes it into the file")))
    patient.dt_s = float(chosen)


def _look(patient: Patient, options: GraphOptions) -> None:
    """Find what is wrong, first in the stored graph, then by following it."""
    known = None if patient.dt_source == "assumed" else patient.dt_s
    tree = patient.tree
    patient.problems += [*find.of_values(tree), *find.of_units(tree, known)]
    patient.problems += [*find.of_wiring(tree), *find.of_transposed(tree)]
    if patient.file is None:
        return
    try:
        dt_s = None if patient.dt_source == "file" else patient.dt_s
        patient.network = network_of(patient.file, replace(options, dt_s=dt_s))
    except NeurodeployError as error:
        patient.refuse("unsupported", error)
        return
    if known is not None:
        patient.problems += of_slow(patient.network)
    guessed: dict[tuple[str, str], list[str]] = {}
    for one in patient.network.populations:
        source = getattr(one, "reset_source", "")
        if one.spiking and source not in ("", "metadata"):
            guessed.setdefault((one.reset, source), []).append(one.name)
    for (rule, source), names in guessed.items():
        text = f"reset {rule!r} of {', '.join(names)} is from {source}: the file carries no rule"
        advice = Phrase("say {reset:zero} or subtract, as it was trained; {repair} writes it into the file")
        patient.problems.append(Problem("reset", "", WARNS, text, advice))
    output = next(one for one in patient.network.populations if one.name == patient.network.output)
    if (
        not output.spiking
        and options.readout is None
        and "readout" not in carried(str(patient.path), patient.file.graph)
    ):
        text = f"{output.name}: never spikes; the class is its largest potential (v_max)"
        patient.problems.append(Problem("readout", "", WARNS, text, Phrase("say {readout}")))


def _measure(patient: Patient, options: GraphOptions) -> None:
    """Run the reference and the chip's integers on random input."""
    assert patient.network is not None
    try:
        patient.run = random_run(patient.network)
        if patient.run is None:
            patient.unmeasured = "too many neurons for a quick run"
            return
        made = compiled(patient.network, options)[0]
        patient.integers = of_integers(patient.run, made)
    except NeurodeployError as error:
        patient.refuse("chip", error)
        patient.unmeasured = ": ".join([*error.places, error.problem])


def _verdicts(patient: Patient) -> dict[str, dict[str, Verdict]]:
    trees = dict(find.flat(patient.tree))
    if not patient.nodes:
        lost = Verdict(UNSUPPORTED, "the graph cannot be followed")
        stopped = {name: patient.stopped(name) for name in trees}
        theirs = {name: lost if one is None else Verdict(UNSUPPORTED, one.text) for name, one in stopped.items()}
        own = dict.fromkeys(own_targets(), lost)
        return {name: {one.name: theirs[name] for one in frameworks()} | own for name in trees}
    facts = facts_of(patient.tree, patient.dt_s, patient.network)
    found = {name: _own(patient, name) for name in patient.nodes}
    for framework in frameworks():
        words: dict[str, list[str]] = {}
        for name, node in patient.nodes.items():
            problem = patient.stopped(name)
            if name not in trees:
                reason = f"neurons as a sub-graph of Scale, Delay and Threshold, which {framework.title} does not take"
                said = Verdict(UNSUPPORTED, reason)
            elif problem:
                said = Verdict(UNSUPPORTED, problem.text)
            else:
                said = verdict(framework, facts[name])
                if said.status == APPROXIMATE and neurons_of(node):
                    words[name] = list(said.changes)
            found[name][framework.name] = said
        if patient.run is not None and any(words.values()):
            for name, error in of_changes(patient.run, words, patient.nodes).items():
                if words.get(name):
                    found[name][framework.name] = replace(found[name][framework.name], error=error)
    return found


def _own(patient: Patient, name: str) -> dict[str, Verdict]:
    node, stopped = patient.nodes[name], patient.stopped(name)
    if stopped:
        return {target: Verdict(UNSUPPORTED, stopped.text) for target in own_targets()}
    unmeasured = patient.unmeasured or ("the graph does not run yet" if patient.network is None else "")
    error = patient.integers.get(name, {})
    neurons = neurons_of(node)
    if neurons and not neurons.spiking and error:
        error = {"potential_rms": error["potential_rms"]}
    populations = () if patient.network is None else patient.network.populations
    reset = next((one.reset for one in populations if one.name == name), rules.RESET_ZERO)
    sends = [one.name for one in populations if one.graded]
    into = () if patient.network is None else patient.network.synapses
    wide = any(one.target in sends and name in one.name.split("+") for one in into)
    said = partial(own_verdict, sends=name in sends, wide=wide)
    return {target: said(target, node, reset, error, unmeasured) for target in own_targets()}


def _result(patient: Patient, verdicts: Mapping[str, Mapping[str, Verdict]]) -> dict[str, Any]:
    trees = dict(find.flat(patient.tree))
    run = patient.run
    return {
        "file": str(patient.path),
        "ok": not any(one.severity == STOPS for one in patient.problems),
        "dt_s": patient.dt_s,
        "dt_source": patient.dt_source,
        "problems": [one.to_dict() for one in sorted(patient.problems, key=lambda one: one.severity)],
        "nodes": [_node(patient, name, trees.get(name), row) for name, row in verdicts.items()],
        "targets": {target: _target(target, [row[target] for row in verdicts.values()]) for target in targets()},
        "measured": None
        if run is None
        else {
            "samples": len(run.spikes_BTI),
            "steps": run.spikes_BTI.shape[1],
            "input_rate": run.rate,
            "silent": list(run.silent),
        },
    }


def _node(patient: Patient, name: str, stored: Tree | None, row: Mapping[str, Verdict]) -> dict[str, Any]:
    node = patient.nodes.get(name)
    kind = node.dynamics.name if isinstance(node, DynamicsNode) else str((stored or {}).get("type"))
    values = node.numbers | {"threshold": node.v_threshold} if isinstance(node, DynamicsNode) else stored or {}
    arrays = [np.asarray(one) for key, one in values.items() if key not in ("type", "metadata", "shape", "input_type")]
    shape = None if node is None or not node.output_type else node.output_type.get("output")
    return {
        "name": name,
        "type": kind,
        "shape": None if shape is None else [int(one) for one in np.ravel(shape)],
        "parameters": sum(one.size for one in arrays if one.dtype.kind in "biuf"),
        "targets": {
            target: {"status": one.status, "reason": one.reason}
            | ({"source": one.source} if one.source else {})
            | ({"error": one.error} if one.error else {})
            for target, one in row.items()
        },
    }


def _target(target: str, verdicts: list[Verdict]) -> dict[str, Any]:
    counts = {status: sum(one.status == status for one in verdicts) for status in ORDER}
    worst = max((one.status for one in verdicts), key=ORDER.index, default=UNSUPPORTED)
    agreements = [one.error["spike_agreement"] for one in verdicts if one.error.get("spikes")]
    title = next((f"{one.title} {one.version}" for one in frameworks() if one.name == target), target)
    return {"title": title, "status": worst, **counts, "spike_agreement": min(agreements, default=None)}
