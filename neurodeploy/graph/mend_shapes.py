"""Shapes that a file leaves out or states wrongly, taken from what flows through the graph.

Values start at the Input and are followed through every node. A shape is changed only where both what
arrives and what comes after say so; all else stays, to be refused with its own reason.
"""

import math
from typing import Any

import numpy as np

from neurodeploy.errors import GraphError, Place
from neurodeploy.graph.mends import TYPING, Mend, Mends
from neurodeploy.graph.node_table import NODES, operation
from neurodeploy.graph.node_type import PASS, Shape, Stateless, whole_numbers
from neurodeploy.graph.nodes import node_of
from neurodeploy.graph.stored import GRAPH, Tree
from neurodeploy.phrases import Phrase

MOST_VALUES = 1 << 24
MOST_SPREAD = 1 << 22
"""Neurons whose parameters a file may give once instead of one by one, all populations together."""


def with_shapes_mended(where: str, tree: Tree, mends: Mends, input_shape: Shape | None = None) -> Tree:
    """Return a graph where every node's shape fits what arrives there, as far as that is certain.

    Args:
        input_shape: Of one step's input, where the file leaves it out or flattens it.

    Raises:
        GraphError: the input has no shape and nothing tells it, or `input_shape` is another than the file's.
    """
    tree = _copied(tree)
    flow = _Flow(where, mends)
    ends = flow.add(tree, "")
    if ends is None:
        return tree
    start = ends[0]
    flow.begin(start, input_shape)
    waiting, seen = [start], {start}
    while waiting:
        before = waiting.pop(0)
        if flow.after.get(before) and before in flow.shapes:
            for name in flow.after[before]:
                if name not in seen:
                    seen.add(name)
                    flow.enter(name, flow.shapes[before])
                    waiting.append(name)
    return tree


def _copied(tree: Tree) -> Tree:
    if tree["type"] != GRAPH:
        return dict(tree)
    return tree | {"nodes": {key: _copied(node) for key, node in tree["nodes"].items()}}


class _Flow:
    """The nodes of a graph and of those in it, by their flat names, and the shape that leaves each."""

    def __init__(self, where: str, mends: Mends) -> None:
        self.where, self.mends = where, mends
        self.nodes: dict[str, Tree] = {}
        self.after: dict[str, list[str]] = {}
        self.shapes: dict[str, Shape] = {}
        self.spread = 0
        self.lost: Shape = ()

    def add(self, tree: Tree, name: str) -> tuple[str, str] | None:
        """Note a graph's nodes and edges; return its Input and its Output, None where it has not one of each."""
        inner = {key: self.add(node, f"{name}{key}.") for key, node in tree["nodes"].items() if node["type"] == GRAPH}
        self.nodes |= {f"{name}{key}": node for key, node in tree["nodes"].items() if node["type"] != GRAPH}
        entered, left = {b for _, b in tree["edges"]}, {a for a, _ in tree["edges"]}
        for source, target in tree["edges"]:
            ends = []
            for side, key in ((1, source), (0, target)):
                found = inner.get(key, (f"{name}{key}",) * 2)
                ends.append(None if found is None else found[side])
            if None not in ends:
                self.after.setdefault(str(ends[0]), []).append(str(ends[1]))
        inputs = [k for k, node in tree["nodes"].items() if node["type"] == "Input" and k not in entered]
        outputs = [k for k, node in tree["nodes"].items() if node["type"] == "Output" and k not in left]
        if len(inputs) != 1 or len(outputs) != 1:
            return None
        return f"{name}{inputs[0]}", f"{name}{outputs[0]}"

    def note(self, name: str, kind: str, text: str) -> None:
        self.mends.append(Mend(name, kind, text))

    def refused(self, found: str, advice: str, node: str) -> GraphError:
        return GraphError(found, advice, where=self.where, node=node)

    def wanted(self, name: str, seen: set[str] | None = None, *, ends: bool = True) -> set[int]:
        """Return the numbers of values that the nodes after `name` can take, `ends` too, as far as they say so."""
        found: set[int] = set()
        seen = {name} if seen is None else seen
        for one in self.after.get(name, []):
            node = self.nodes.get(one)
            if node is None or one in seen:
                continue
            seen.add(one)
            entry = NODES[node["type"]]
            if _is_matrix(node):
                found.add(np.shape(node["weight"])[1])
            elif entry.fields.values and np.size(node[entry.fields.values[0]]) > 1:
                found.add(np.size(node[entry.fields.values[0]]))
            elif entry.name == "Output" and not self.after.get(one):
                if not ends:
                    continue
                stated = _shape(node["shape"])
                found |= {math.prod(stated)} if stated else set()
            elif isinstance(entry, Stateless) and entry.role == PASS:
                found |= self.wanted(one, seen, ends=ends)
        return found

    def begin(self, name: str, asked: Shape | None) -> None:
        """Settle the shape of the graph's input."""
        node = self.nodes[name]
        stated = _shape(node["shape"])
        if stated is None and asked is None:
            wanted = self.wanted(name)
            if _given(node["shape"]):
                return  # what it states means nothing, and is refused as such
            if len(wanted) != 1:
                advice = Phrase("give {input_shape}, for example 1,28,28")
                raise self.refused(f"{name} has no shape, and what comes after does not tell it", advice, name)
            stated = (wanted.pop(),)
            self.note(name, "shapes", f"has no shape; read as {stated}, which is what comes after takes")
        elif asked is not None and asked != stated:
            if stated is not None and math.prod(asked) != math.prod(stated):
                found = Phrase(
                    "{at} has shape {stated}, {input_shape} says {asked}", at=name, stated=stated, asked=asked
                )
                raise self.refused(found, f"leave it out, or give axes for {math.prod(stated)} values", name)
            said = "has no shape" if stated is None else f"has shape {stated}"
            self.note(name, "shapes", f"{said}; read as {asked}, as asked")
            stated = asked
        assert stated is not None
        trimmed = self._without_batch(name, stated)
        if trimmed == stated and asked is None and len(stated) == 2 and self._takes_each(name, stated[1:]):
            trimmed = stated[1:]
        if trimmed != stated:
            kind = TYPING if math.prod(trimmed) == math.prod(stated) else "shapes"
            self.lost = stated[: len(stated) - len(trimmed)]
            self.note(name, kind, f"shape {stated} begins with {self.lost} samples or steps; read as {trimmed}")
        node["shape"] = np.array(trimmed)
        self.shapes[name] = trimmed

    def _takes_each(self, name: str, shape: Shape) -> bool:
        """Return whether all neurons right after have parameters of this shape, and nothing behind them wants more."""
        after = [one for one in self.after.get(name, []) if NODES[self.nodes[one]["type"]].fields.values]
        held = {np.shape(self.nodes[one][NODES[self.nodes[one]["type"]].fields.values[0]]) for one in after}
        return held == {shape} and all(self.wanted(one, ends=False) <= {math.prod(shape)} for one in after)

    def _without_batch(self, name: str, stated: Shape) -> Shape:
        """Return the axes of one step: those that the nodes right after take."""
        after = [NODES[self.nodes[one]["type"]] for one in self.after.get(name, []) if one in self.nodes]
        axes = {one.axes if isinstance(one, Stateless) else 0 for one in after}
        if len(axes) == 1 and 0 not in axes:
            return stated[-axes.pop() :]
        wanted = self.wanted(name)
        if len(wanted) == 1 and math.prod(stated) not in wanted and len(stated) > 1 and stated[-1] in wanted:
            return stated[-1:]
        return stated[1:] if len(stated) == 2 and stated[0] == 1 and stated[1] in wanted else stated

    def enter(self, name: str, arriving: Shape) -> None:
        """Settle the shape of a node from what arrives there."""
        node = self.nodes.get(name)
        if node is None or math.prod(arriving) > MOST_VALUES:
            return
        fields = NODES[node["type"]].fields
        if _is_matrix(node):
            self.shapes[name] = (np.shape(node["weight"])[0],)
        elif fields.values:
            self._values(name, node, arriving)
        elif "shape" in fields.all:
            self._end(name, node, arriving)
        elif "start_dim" in fields.all:
            self._flatten(name, node, arriving)
        else:
            self._operated(name, node, arriving)

    def _values(self, name: str, node: Tree, arriving: Shape) -> None:
        entry = NODES[node["type"]]
        keys = entry.fields.values
        shape, size = np.shape(node[keys[0]]), math.prod(arriving)
        count = math.prod(shape)
        if count == size:
            if shape != arriving:
                self.note(name, TYPING, f"values of shape {shape} put in the shape {arriving} that arrives")
                node |= {key: np.asarray(node[key]).reshape(arriving) for key in keys}
        elif all(len(np.unique(node[key])) == 1 for key in keys) and (
            self.wanted(name) == {size} or (count == 1 and (shape == () or not self.wanted(name)))
        ):
            self.spread += size
            if self.spread > MOST_SPREAD:
                found = f"would stand for {size} neurons, with those before it more than {MOST_SPREAD}"
                advice = "give one for each neuron, or check the shapes"
                raise GraphError(f"parameters given once {found}", advice, where=(self.where, name))
            what = "given once" if count == 1 else f"given for {count} neurons, all the same"
            self.note(name, "scalars" if count == 1 else "shapes", f"parameters {what}; read as those of {size}")
            node |= {key: np.full(arriving, np.ravel(node[key])[0]) for key in keys}
        elif isinstance(entry, Stateless) and count in (1, arriving[0]):
            pass
        else:
            return
        self.shapes[name] = arriving

    def _operated(self, name: str, node: Tree, arriving: Shape) -> None:
        entry = NODES[node["type"]]
        assert isinstance(entry, Stateless)
        try:
            shape = operation(name, node_of(self.where, name, node), arriving, 1.0)[1]
        except GraphError:
            return
        if entry.axes == 2:
            shape = (shape[0], shape[2])
        if "input_shape" in node and node["input_shape"] is None:
            self.note(name, TYPING, f"has no input_shape; {arriving[1:]} arrive")
            node["input_shape"] = arriving[1] if entry.axes == 2 else np.array(arriving[-2:])
        self.shapes[name] = shape

    def _flatten(self, name: str, node: Tree, arriving: Shape) -> None:
        size = (math.prod(arriving),)
        first = whole_numbers(Place(self.where, name, name), "start_dim", node["start_dim"], -MOST_VALUES)[0]
        whole = first in (0, -len(arriving))  # importers that count a batch axis need the second
        if _shape(node["input_type"]) != arriving or (len(arriving) > 1 and not whole):
            self.note(name, TYPING, f"counts axes with a batch in front; read as flattening {arriving} to {size}")
        node |= {"input_type": np.array(arriving), "start_dim": first if whole else 0, "end_dim": -1}
        self.shapes[name] = size

    def _end(self, name: str, node: Tree, arriving: Shape) -> None:
        stated = _shape(node["shape"])
        last = node["type"] == "Output" and not self.after.get(name)
        if stated != arriving:
            with_steps = stated == (*self.lost, *arriving)
            if last and stated is not None and math.prod(stated) != math.prod(arriving) and not with_steps:
                return
            if stated is None and _given(node["shape"]):
                return
            same = stated is not None and math.prod(stated) == math.prod(arriving)
            text = f"has {'no shape' if stated is None else f'shape {stated}'}; {arriving} arrive, and are read so"
            self.note(name, TYPING if same else "shapes", text)
            node["shape"] = np.array(arriving)
        self.shapes[name] = arriving


def _is_matrix(node: Tree) -> bool:
    entry = NODES[node["type"]]
    return isinstance(entry, Stateless) and entry.matrix and np.ndim(node["weight"]) == 2


def _given(shape: Any) -> bool:
    """True where a file says something of a shape."""
    return shape is not None and np.size(shape) > 0


def _shape(stated: Any) -> Shape | None:
    """Return a stated shape as whole numbers from 1; None where it is left out or means nothing."""
    sizes = np.asarray(stated)
    if stated is None or sizes.dtype.kind not in "iu" or not sizes.size or not (sizes >= 1).all():
        return None
    return tuple(int(one) for one in sizes.ravel())
