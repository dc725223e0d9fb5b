"""What a module returns: which layer is its output, what the class is read from, and its own answer, to compare.

Axes: B sample, T step, C class.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from neurodeploy.errors import FrameworkError
from neurodeploy.program.decode import Decode
from neurodeploy.reading.answers import Answer, answer_of
from neurodeploy.reading.entries import ADVICE, senders, unread
from neurodeploy.reading.inputs import InputOrder
from neurodeploy.reading.instances import ALLOWED, misplaced
from neurodeploy.reading.labels import Track, split
from neurodeploy.reading.leaves import Neurons
from neurodeploy.reading.operations import tensors
from neurodeploy.reading.recorder import Recorder
from neurodeploy.reading.wiring import Wiring, rows_of_output

AT_ONCE = 64
"""Samples that a module is run on together."""
SAME_SCORE = 1e-3
"""Of the largest score: by how much the same ones may differ, as potentials may."""


@dataclass(frozen=True, eq=False)
class Output:
    """The layer that a module's class is read from.

    Attributes:
        potential: The potential is read, not the spikes.
        leak: Of a layer without neurons, what neurons that never spike keep of its sums from step to step; else None.
        readout: "spikes", "v_last", "v_max", "v_sum" or "softmax".
        decode: What the host makes of that.
        answer: How the module's own answer is made; None where another readout was asked for.
        tensors: Which of what the module gives are the answer.
    """

    node: int
    potential: bool
    leak: float | None
    readout: str
    decode: Decode | None = None
    answer: Answer | None = None
    tensors: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


def output_of(recorder: Recorder, wiring: Wiring, result: Any, asked: str | None) -> Output:
    """Return the output of a module that gave `result`.

    Raises:
        FrameworkError: it gives nothing that is followed, or several layers that nothing follows.
    """
    found: dict[int, dict[int, Track]] = {}
    lost = unseen = several = ""
    if not tensors(result):
        raise FrameworkError(f"module: gives {type(result).__name__}, in which there is no tensor; {ADVICE}")
    for index, tensor in enumerate(tensors(result)):
        track = recorder.known(tensor)
        if track is None or track.lost:
            lost = lost or (track.lost if track is not None else "")
            unseen = unseen or (lost if not found else "")
            continue
        nodes = senders(track, recorder.reads)
        if len(nodes) == 1:
            found.setdefault(min(nodes) & ~1, {})[index] = track
        elif len(nodes) > 1:
            several = several or " and ".join(dict.fromkeys(wiring.name(node) for node in sorted(nodes)))
    after = {node: wiring.after(node) for node in found if node in wiring.instances}
    # What follows an output is at most a loop that leads back to it.
    ends = [node for node, those in after.items() if all(node in wiring.after(one) for one in those)]
    if len(ends) != 1:
        if lost and not ends:
            told = misplaced(lost, "the output").removesuffix(f"; {ALLOWED}")
            raise FrameworkError(told if "; " in lost else f"{told}; {ADVICE}")
        if several and not ends:
            raise unread(f"combines what {several} give")
        names = ", ".join(wiring.name(one) for one in ends) or "none"
        raise FrameworkError(
            f"module: its output must come from one layer that nothing follows, found {names}; return the spikes "
            "or the potential of the last layer"
        )
    output = _output(recorder, wiring, ends[0], found[ends[0]], asked)
    note = f"module: what it gives first ({unseen}) is not followed; the class is read from what it gives besides"
    return replace(output, notes=(*output.notes, note)) if unseen else output


def _output(recorder: Recorder, wiring: Wiring, node: int, found: dict[int, Track], asked: str | None) -> Output:
    """Return the output of a module whose last layer is known; `found` is what it gave of that layer, by place."""
    name, layer = wiring.name(node), wiring.instances[node]
    neurons = isinstance(layer.leaf, Neurons)
    spikes = {index: one for index, one in found.items() if neurons and senders(one, recorder.reads) == {node}}
    size = wiring.n_steps, wiring.n_samples, math.prod(layer.shape_out)
    rows = rows_of_output(wiring, node)
    position = np.empty(layer.rows, np.int64)
    position[rows] = np.arange(len(rows))
    index, tracks = _steps(spikes or found)
    answer = answer_of(tracks, recorder.reads, position, size, not neurons)
    if spikes and (answer.word or (answer.last == "softmax" and answer.open)):
        raise unread(f"takes the {answer.word or answer.last} of spikes")
    if answer.open and answer.bias.any():
        raise unread("adds a constant at every step")
    made = partial(Output, node, answer=answer, tensors=index)
    if spikes and asked in (None, "spikes"):
        return made(False, None, "spikes", answer.decode(True))
    n_steps, weights = wiring.n_steps, answer.steps
    last = int(np.flatnonzero(weights).max())
    if neurons and asked is not None:
        own = answer if answer.open and not spikes else None
        return made(True, None, asked, answer.decode(answer.open and asked != "v_last"), answer=own)
    adds_up = not neurons and answer.open and answer.leak is None and not answer.word
    if asked not in (None, "v_last") and (not answer.open or adds_up):
        raise FrameworkError(f"{name}: ends the network without neurons; its sum over the run can be read (v_last)")
    ends = np.count_nonzero(weights) == 1 and last == n_steps - 1
    if not answer.word and ((adds_up and (weights == 1).all()) or (not neurons and answer.leak == 1 and ends)):
        note = f"{name}: nothing follows it; neurons that add up its output are read after the last step (v_last)"
        return made(True, 1.0, "v_last", answer.decode(False), notes=(note,))
    keeps = None if neurons else answer.leak or 0.0
    if answer.word in ("max", "softmax"):
        return made(True, keeps, "v_max" if answer.word == "max" else "softmax", answer.decode(True))
    if not answer.open or adds_up:
        return made(True, keeps, "v_last" if ends else "v_sum", answer.decode(not ends))
    if not np.isin(weights, (0, 1)).all():
        raise unread("weighs the steps that it returns")
    if neurons or asked not in (None, "v_last"):
        note = "its potential at every step is returned; the class is taken from the largest, readout= changes it"
        return made(True, keeps, asked or "v_max", answer.decode(True), notes=(f"{name}: {note}",))
    note = f"{name}: its sums so far are returned at every step; the class is taken from the last, readout= changes it"
    if last == n_steps - 1:
        return made(True, keeps, "v_last", answer.decode(False), notes=(note,))
    at_last = replace(answer, steps=(np.arange(n_steps) == last).astype(np.float64))
    return made(True, keeps, "v_sum", at_last.decode(True), notes=(note,))


def _steps(found: dict[int, Track]) -> tuple[tuple[int, ...], list[Track]]:
    """Return the tensors that are the answer: the first, or all where each is another step of the same."""
    index, track = next(iter(found.items()))
    shape, of = track.terms[0][1].shape, track.senders
    alike = {one: it for one, it in found.items() if it.terms[0][1].shape == shape and it.senders == of}
    times = [max(int(split(one.numpy())[1].max()) for _, one in it.terms) for it in alike.values()]
    apart = len(alike) > 1 and len(set(times)) == len(times)
    return (tuple(alike), list(alike.values())) if apart else ((index,), [track])


@dataclass(frozen=True, eq=False)
class OwnAnswer:
    """What a module itself answers.

    Attributes:
        values: Its scores (B, C) on the sample input; its classes (B,) where it gives no more.
        answer: How they are made of its last layer.
        of: From what the module gives for a batch to `values`.
        run: From a batch like the sample input to what the module gives.
        inputs: How (B, T, F) becomes such a batch; None where the graph's input is not the module's.
    """

    values: np.ndarray
    answer: Answer
    of: Callable[[Any], np.ndarray]
    run: Callable[[Any], Any]
    inputs: InputOrder | None

    @property
    def classes_B(self) -> np.ndarray:
        """The module's class of each sample of the sample input."""
        return _classes(self.values)

    def classes(self, inputs_BTF: np.ndarray) -> np.ndarray | None:
        """Return the module's class of each sample (B,), None where the graph's input, or its steps, are not those
        of the sample input.

        Raises:
            FrameworkError: the module cannot be run on them.
        """
        if self.inputs is None or inputs_BTF.shape[1] != self.inputs.n_steps:
            return None
        some = range(0, len(inputs_BTF), AT_ONCE if self.inputs.sample_axis is not None else 1)
        batches = (self.inputs.back(inputs_BTF[first : first + some.step]) for first in some)
        return np.concatenate([_classes(self.of(self.run(one))) for one in batches])

    def unlike(self, scores_BC: np.ndarray) -> np.ndarray:
        """Return in which samples scores of a readout are not the module's (B,), but for float32's rounding."""
        if self.values.ndim == 1:
            found: np.ndarray = scores_BC.argmax(axis=1) != self.values
            return found
        scores, own = scores_BC * self.answer.scale, self.values
        if self.answer.last:
            scores = scores - np.log(np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
            scores = scores - scores_BC.max(axis=1, keepdims=True) * self.answer.scale
            scores = np.exp(scores) if self.answer.last == "softmax" else scores
        elif self.answer.word == "log_softmax":
            scores, own = (one - one.mean(axis=1, keepdims=True) for one in (scores, own))
        apart: np.ndarray = np.abs(scores - own).max(axis=1) > SAME_SCORE * max(float(np.abs(own).max()), 1e-30)
        return apart


def _classes(values: np.ndarray) -> np.ndarray:
    return values.astype(np.int64) if values.ndim == 1 else values.argmax(axis=1)


def own_answer(output: Output, result: Any, run: Callable[[Any], Any], inputs: InputOrder | None) -> OwnAnswer | None:
    """Return a module's own answer for what it gave; None where it leaves the class open or another was asked for.

    Args:
        run, inputs: See `OwnAnswer`.
    """
    answer = output.answer
    if answer is None or (answer.open and answer.last):
        return None
    by_readout: dict[str, Callable[..., Any]] = {
        "v_max": np.max,
        "v_last": lambda values, axis: values.take(-1, axis=axis),
        "softmax": _softmax,
    }
    adds_up = output.leak == 1.0 and answer.leak is None  # its own sums, which it leaves to be added up
    over_time = np.sum if adds_up else by_readout.get(output.readout, np.sum)

    def of(given: Any) -> np.ndarray:
        found: Sequence[torch.Tensor] = tensors(given)
        return answer.scores([found[one] for one in output.tensors], lambda one: over_time(one, axis=1))

    return OwnAnswer(of(result), answer, of, run, inputs)


def _softmax(values: np.ndarray, axis: int) -> np.ndarray:
    raised = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray((raised / raised.sum(axis=-1, keepdims=True)).sum(axis=axis))
