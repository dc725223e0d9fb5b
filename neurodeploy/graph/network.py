"""A NIR graph as populations and the synapses between them: what every target runs."""

from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np

from neurodeploy.errors import GraphError, Place, ProgramError
from neurodeploy.fixedpoint import rules
from neurodeploy.graph.dynamics import DynamicsNode, DynamicsPopulation, flattened, integrators, population_of
from neurodeploy.graph.euler import EulerNeurons, Population, advice_on_step
from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.linear import TooLarge
from neurodeploy.graph.metadata import LARGEST, carried, check_numbers
from neurodeploy.graph.node_table import NODES, entry_of, neurons_of
from neurodeploy.graph.node_type import Shape
from neurodeploy.graph.paths import INPUT, Paths, Synapses
from neurodeploy.graph.products import ProductsPopulation, SpikeProducts, products_of
from neurodeploy.phrases import Phrase
from neurodeploy.program.decode import Decode
from neurodeploy.program.host import Host

AnyPopulation = Population | DynamicsPopulation | ProductsPopulation
FROM_NAME, FROM_NIR = "the file's name", "NIR's definition (to v_reset)"
UNSURE = {
    FROM_NAME: "; the graph has none, give the reset rule to be sure",
    FROM_NIR: "; give the reset rule 'subtract' if it was trained otherwise",
}
"""What a note adds where a reset rule was assumed, by where it is from; no option is named, as files keep notes."""


@dataclass(frozen=True, eq=False)
class Network:
    """A discretised, real-valued network.

    Attributes:
        readout: What the class is read from: the output's spike counts ("spikes"), or its potentials after
            the last step ("v_last"), their largest value ("v_max"), their sum ("v_sum") or the sum of their
            softmax ("softmax").
        decode: What the host makes of that before the class is the largest; None for nothing.
        host: What it makes of data before they are the input; None for nothing.
        graded_input: The input carries counts, not only 0 and 1.
        input_shape: Axes of the input, flattened in C order; (n_inputs,) when empty.
        notes: What had to be assumed because the file does not say it, one sentence each.
        settings: Our entries in the graph's own metadata (dataset, steps, chip).
    """

    name: str
    dt_s: float
    n_inputs: int
    populations: tuple[AnyPopulation, ...]
    synapses: tuple[Synapses, ...]
    output: str
    notes: tuple[str, ...] = ()
    settings: dict[str, Any] | None = None
    readout: str = rules.READOUTS[0]
    decode: Decode | None = None
    host: Host | None = None
    input_shape: Shape = ()
    graded_input: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", tuple(self.input_shape) or (self.n_inputs,))

    def population(self, name: str) -> AnyPopulation:
        """Return the population called `name`."""
        return next(one for one in self.populations if one.name == name)

    def into(self, target: str) -> list[Synapses]:
        """Return the synapses that end on `target`."""
        return [one for one in self.synapses if one.target == target]

    @property
    def quantised(self) -> bool:
        """True where the file carries the chip's precision for every population and weight."""
        return all(self._carried().values())

    def _carried(self) -> dict[str, bool]:
        """Return for every population and weight whether its precision came with the file."""
        found = {one.name: one.vth_mant is not None for one in self.populations}
        return found | {one.name: None not in (one.weight_bits, one.weight_exp) for one in self.synapses}

    def check_carried(self, where: str) -> None:
        """Check that the file carries the precision of everything or of nothing.

        Raises:
            GraphError: with the first node that lost it.
        """
        carried = self._carried()
        if any(carried.values()) and not all(carried.values()):
            lost = next(name for name, there in carried.items() if not there)
            found = f"node {lost} carries no precision while others do"
            raise GraphError(found, "export the graph again, whole", where=where, node=lost)


def discretised(
    file: GraphFile, *, dt_s: float | None = None, reset: str | None = None, readout: str | None = None
) -> Network:
    """Return the network that a NIR file describes.

    Args:
        dt_s: Time step in seconds; needed where the file does not carry one.
        reset: "zero" or "subtract" where the file does not say; else its own rule is used.
        readout: One of `rules.READOUTS` where the file does not say what the class is read from.

    Raises:
        GraphError: the graph has no time step, an unsupported node, values that are not finite,
            shapes that do not fit, or a cycle without a delay.
    """
    try:
        return _discretised(file, dt_s, reset, readout)
    except RecursionError:
        raise GraphError("its chains of nodes are too long to follow", "merge linear nodes", where=file.path) from None


def _discretised(file: GraphFile, dt_s: float | None, reset: str | None, readout: str | None) -> Network:
    where = str(file.path)
    settings = carried(where, file.graph)
    nodes, edges = flattened(file.graph, where)
    _check_nodes(where, nodes)
    dt_s = _time_step(where, settings, dt_s, nodes)
    paths = Paths(where, nodes, edges, dt_s)
    populations: list[AnyPopulation] = []
    notes = list(file.notes)
    for name in paths.neurons:
        node = nodes[name]
        if isinstance(node, DynamicsNode):
            populations.append(population_of(where, name, node, dt_s, paths.bias(name)))
            continue
        stored = carried(Place(where, name), node)
        if isinstance(node, SpikeProducts):
            at = Place(where, name)
            populations.append(products_of(at, name, node, stored, paths.bias(name), paths.shapes[name]))
            continue
        entry = neurons_of(node)
        assert isinstance(entry, EulerNeurons)
        if paths.sends_values(name):
            arrays = entry.coefficients(Place(where, name), node, dt_s)
            populations.append(integrators(name, arrays, stored, paths.bias(name), paths.shapes[name]))
            _check_gain(where, populations[-1])
            continue
        spiking = entry.spiking
        rule, source = _reset_rule(file, stored.get("reset"), reset) if spiking else (rules.RESET_ZERO, "")
        arrays = entry.coefficients(Place(where, name), node, dt_s)
        if rule == "subtract" and arrays["v_reset"].any():
            raise GraphError("subtractive reset needs v_reset 0, found another value", where=(where, name))
        population = Population(
            name=name,
            **arrays,
            reset=rule,
            reset_source=source,
            bias=paths.bias(name),
            vth_mant=stored.get("vth_mant"),
            shape=paths.shapes[name],
            spiking=spiking,
            at_threshold=stored.get("at_threshold") is True,
            begins=stored.get("begins", 0),
        )
        _check_gain(where, population)
        populations.append(population)
        if spiking and source != "metadata":
            notes.append(f"{name}: reset rule {rule!r} taken from {source}{UNSURE.get(source, '')}")
    synapses = paths.synapses()
    for one in populations:
        if not any(synapse.target == one.name for synapse in synapses):
            raise GraphError(f"{one.name} receives no input", "connect it or remove it", where=where, node=one.name)
    ordered = _in_order(where, populations, synapses)
    place = {INPUT: -1} | {one.name: index for index, one in enumerate(ordered)}
    synapses = [_with_shared_rows(where, one, populations) for one in synapses]
    output = next(one for one in ordered if one.name == paths.output)
    chosen, note = _readout(where, settings.get("readout"), readout, output)
    network = Network(
        name=file.name,
        dt_s=dt_s,
        n_inputs=paths.n_inputs,
        populations=tuple(ordered),
        synapses=tuple(replace(one, delayed=place[one.source] >= place[one.target]) for one in synapses),
        output=paths.output,
        notes=(*notes, *note),
        settings=settings,
        readout=chosen,
        decode=_decode(where, settings.get("decode"), output),
        host=_host(where, settings.get("host"), paths.n_inputs),
        input_shape=paths.input_shape,
        graded_input=settings.get("counts") is True,
    )
    network.check_carried(where)
    return network


def _check_nodes(where: str, nodes: dict[str, nir.NIRNode]) -> None:
    for name, node in nodes.items():
        if entry_of(node) is None:
            found = f"node {name} is a {type(node).__name__}, which no target runs yet"
            raise GraphError(found, f"supported are {', '.join(sorted(NODES))}", where=where, node=name)
        if not isinstance(node, DynamicsNode):
            check_numbers(Place(where, f"node {name}", name), node)
        if name == INPUT and neurons_of(node):
            found = f"neurons are called {INPUT!r}, which stands for the input"
            raise GraphError(found, "rename the node", where=where)


def _check_gain(where: str, population: AnyPopulation) -> None:
    """A population that nothing can reach, or that anything overflows, has no meaning on a target."""
    with np.errstate(all="ignore"):
        gain = np.abs(population.weight_gain)
    if not ((gain >= 1 / LARGEST) & (gain <= LARGEST)).all():
        found = f"a weight of 1 moves the potential by {gain.min():g} to {gain.max():g} thresholds"
        raise GraphError(found, "check r, w_in and v_threshold", where=(where, population.name))


def _time_step(where: str, settings: dict[str, Any], dt_s: float | None, nodes: dict[str, nir.NIRNode]) -> float:
    stored: Any = settings.get("dt_s")
    if dt_s is not None and not (np.isfinite(dt_s) and dt_s > 0):
        raise GraphError(f"found {dt_s:g}", option="dt_s", allowed="a positive number of seconds is needed")
    if dt_s is None and stored is None:
        advice = advice_on_step({type(node).__name__ for node in nodes.values()})
        raise GraphError("carries no time step, and NIR has no field for it", advice, where=where)
    if dt_s is not None and stored is not None and not np.isclose(dt_s, stored, rtol=1e-9):
        found = Phrase("was exported for a time step of {stored:g} s, {dt_s} says {asked:g}", stored=stored, asked=dt_s)
        raise GraphError(found, "leave it out", where=where)
    return float(dt_s if dt_s is not None else stored)


def _reset_rule(file: GraphFile, stored: str | None, asked: str | None) -> tuple[str, str]:
    """Return the reset rule and where it comes from; NIR has a reset potential but no rule."""
    if stored is not None:
        if asked is not None and asked != stored:
            found = Phrase("carries reset {stored!r}, {reset} says {asked!r}", stored=stored, asked=asked)
            raise GraphError(found, "leave it out", where=file.path)
        return stored, "metadata"
    if asked is not None:
        return asked, "the rule given"
    if not file.stores_reset:
        for rule in ("subtract", "zero"):
            if rule in file.name.lower():
                return rule, FROM_NAME
    return "zero", FROM_NIR


def _readout(where: str, stored: str | None, asked: str | None, output: AnyPopulation) -> tuple[str, list[str]]:
    """Return what the class is read from, and a note where it had to be assumed."""
    if stored is not None and asked not in (None, stored):
        raise GraphError(
            Phrase("carries readout {stored!r}, {readout} says {asked!r}", stored=stored, asked=asked),
            "leave it out",
            where=where,
        )
    chosen = stored or asked
    if output.spiking:
        return chosen or "spikes", []
    if chosen == "spikes":
        raise GraphError(
            f"{output.name} never spikes", "read it by v_last, v_max, v_sum or softmax", where=where, node=output.name
        )
    if chosen is None:
        note = "never spikes; the class is its largest potential (v_max) unless another readout is given"
        return "v_max", [f"{output.name}: {note}"]
    return chosen, []


def _decode(where: str, stored: str | None, output: AnyPopulation) -> Decode | None:
    """Return what the host makes of the readout, as the graph's metadata say it."""
    try:
        found = Decode.read(stored)
    except ProgramError as error:
        raise GraphError(error.found, "export the graph again", where=where) from None
    if found is not None and not found.fits(output.n_neurons):
        raise GraphError(
            f"decode does not fit the {output.n_neurons} output neurons", "export the graph again", where=where
        )
    return found


def _host(where: str, stored: str | None, n_inputs: int) -> Host | None:
    """Return what the host makes of data, as the graph's metadata say it."""
    try:
        found = Host.read(stored)
    except ProgramError as error:
        raise GraphError(error.found, "export the graph again", where=where) from None
    if found is not None and found.n_sent != n_inputs:
        sent = f"host sends {found.n_sent} currents to {n_inputs} input channels"
        raise GraphError(sent, "export the graph again", where=where)
    return found


def _with_shared_rows(where: str, synapses: Synapses, populations: list[AnyPopulation]) -> Synapses:
    """Return the synapses as a matrix where the neurons of a channel differ in what a weight does to them."""
    target = next(one for one in populations if one.name == synapses.target)
    if synapses.shares_rows(target.weight_gain):
        return synapses
    try:
        return replace(synapses, weight=synapses.matrix().weight, window=None)
    except TooLarge as error:
        raise GraphError(
            f"neurons of one channel differ in r, w_in or threshold, and {error}",
            "give a channel one value",
            where=(where, target.name),
        ) from None


def _in_order(where: str, populations: list[AnyPopulation], synapses: list[Synapses]) -> list[AnyPopulation]:
    """Return the populations in the order of the flow from the input.

    A loop is cut where it has a delay of its own, if it has one: only what has none then arrives a step later.
    """
    by_name = {one.name: one for one in populations}
    order = _flow(synapses, [INPUT])
    missing = [name for name in by_name if name not in order]
    if missing:
        found = f"{missing[0]} cannot be reached from the input"
        raise GraphError(found, "connect it or remove it", where=where, node=missing[0])
    at_once = [one for one in synapses if not one.delay.all()]
    other = _flow(at_once, order)
    if _cut(at_once, other) < _cut(at_once, order):
        order = other
    return [by_name[name] for name in order if name != INPUT]


def _cut(synapses: list[Synapses], order: list[str]) -> int:
    """Return how many synapses go against an order."""
    return sum(order.index(one.source) > order.index(one.target) for one in synapses)


def _flow(synapses: list[Synapses], first: list[str]) -> list[str]:
    """Return all that is reached from `first`, in the order of the flow once loops are cut."""
    entered: list[str] = []
    finished: list[str] = []
    for name in first:
        if name not in entered:
            _visit(name, synapses, entered, finished)
    return finished[::-1]


def _visit(name: str, synapses: list[Synapses], entered: list[str], finished: list[str]) -> None:
    """Depth-first: reversed `finished` is a topological order once loops are cut."""
    entered.append(name)
    for one in synapses:
        if one.source == name and one.target not in entered:
            _visit(one.target, synapses, entered, finished)
    finished.append(name)
