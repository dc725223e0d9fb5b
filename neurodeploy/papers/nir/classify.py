"""The paper's two tasks that classify, N-MNIST and Braille: accuracy and shared spikes, a few samples at a time.

Axes: B sample, T step, I input channel.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.backends.table import FIXED, LAVA, REFERENCE, is_integer
from neurodeploy.data.load import open_samples
from neurodeploy.data.spikes import SpikeData
from neurodeploy.errors import FrameworkError, GraphError
from neurodeploy.papers.nir.targets import OWN, Seen, Subject
from neurodeploy.papers.silif.measurements import Kept, key_of
from neurodeploy.progress import Progress

BESIDE = {LAVA: (FIXED, LAVA)}
CROSS_CHECK = 300
"""Samples of N-MNIST's training part, from its end: the precision is chosen on its beginning."""


@dataclass(frozen=True)
class Task:
    """One graph on one dataset.

    Attributes:
        name: As in `data.nir_paper.GRAPHS`.
        dataset: Of `data.datasets.SOURCES`; its training part chooses the integers' precision.
        parts: What is classified, by what it is called in the table: split, and how many samples from its end
            (all when None).
        at_once: Samples whose states are held at once.
        slow_samples: Samples, part after part, that Lava and other frameworks run unless another number is asked for;
            all when None.
    """

    name: str
    title: str
    dataset: str
    dt_s: float
    reset: str
    parts: dict[str, tuple[str, int | None]]
    at_once: int
    slow_samples: int | None = None


def _braille(name: str, words: str, reset: str) -> Task:
    title = f"Braille, recurrent network, {words}"
    return Task(name, title, "braille7", 1e-4, reset, {"test": ("test", None)}, at_once=58)


TASKS = {
    task.name: task
    for task in (
        Task(
            "cnn",
            "N-MNIST, convolutional network of IF neurons",
            "nmnist_small",
            # IF integrates r times its input times dt: a step of 1 adds the weights themselves, as in the paper.
            1.0,
            "subtract",
            {"test": ("test", None), "training": ("train", CROSS_CHECK)},
            6,
            slow_samples=72,  # each takes Lava seconds, and others most of one
        ),
        _braille("rnn_zero", "reset to zero, with biases", "zero"),
        _braille("rnn_subtract", "reset by subtraction, without biases", "subtract"),
    )
}


def measured(
    task: Task,
    graph: Path,
    backends: Sequence[str],
    *,
    limit: int | None,
    lava_samples: int | None,
    framework_samples: int | None,
    kept: Kept,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Return a row for each backend: accuracy by part, shared spikes, and what was said of it.

    Args:
        limit: First samples of each part.
        lava_samples: Samples, part after part, that Lava runs; the task's own number when None.
        framework_samples: Likewise for other frameworks.
        kept: Where measurements are found again and kept as they come.

    Raises:
        DataError: the dataset is absent.
    """
    subject = Subject(graph, task.dt_s, task.reset, task.dataset, progress)
    refused: dict[str, str] = {}
    found: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in backends}
    slow = {LAVA: lava_samples} | {name: framework_samples for name in backends if name not in OWN}
    left = {name: slow.get(name) or (task.slow_samples if name in slow else None) for name in backends}
    for part, (split, last) in task.parts.items():
        source = open_samples(task.dataset, split=split)  # type: ignore[arg-type]
        if last is not None:
            source = source.take(np.arange(max(len(source) - last, 0), len(source)))
        source = source.first(limit)
        done = 0
        for data in source.batches(task.at_once):
            asked = {name: len(data) if most is None else min(most, len(data)) for name, most in left.items()}
            asked = {name: n_samples for name, n_samples in asked.items() if n_samples and name not in refused}
            left |= {name: most - asked.get(name, 0) for name, most in left.items() if most is not None}
            for name, record in _chunk(subject, task, asked, data, kept, refused).items():
                found[name].setdefault(part, []).append(record)
            done += len(data)
            progress(f"{task.name} {part}", done, len(source), "samples")
    output = subject.network.output
    return [_row(name, found[name], refused.get(name)) | {"output": output} for name in backends]


def _chunk(
    subject: Subject, task: Task, asked: dict[str, int], data: SpikeData, kept: Kept, refused: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """Return each backend's record of the first so many of some samples, as `asked`.

    A framework that cannot run the graph is noted in `refused`.
    """
    first = {name: data.spikes_BTI[:n_samples] for name, n_samples in asked.items()}
    keys = {name: _key(subject, task, name, spikes) for name, spikes in first.items()}
    found = {name: record for name in first if (record := kept.get(keys[name])) is not None}
    todo = [name for name in first if name not in found]
    if not todo:
        return found
    # What the reference spikes is what the others are held against.
    reference = subject.run((REFERENCE,), data.spikes_BTI)[REFERENCE]
    for name in todo:
        try:
            # Lava is held against our integers, which cost little to run again.
            seen = reference if name == REFERENCE else subject.run(BESIDE.get(name, (name,)), first[name])[name]
        except (FrameworkError, GraphError) as error:
            if name in OWN:
                raise
            refused[name] = str(error)
            continue
        found[name] = _record(seen, reference, data.labels_B[: len(first[name])])
        kept.add(keys[name], found[name])
    return found


def _key(subject: Subject, task: Task, backend: str, spikes_BTI: np.ndarray) -> str:
    """Return the name under which a measurement is kept, with all that it depends on."""
    version = ""
    if backend not in OWN:
        from neurodeploy.installed import installed, version_of

        version = version_of(backend) if installed(backend) else ""
    return key_of(
        f"{task.name}/{backend}",
        graph=hashlib.sha256(subject.path.read_bytes()).hexdigest(),
        dt_s=task.dt_s,
        reset=task.reset,
        calibrate=task.dataset if is_integer(backend) else None,
        version=version,
        spikes=hashlib.sha256(np.packbits(spikes_BTI).tobytes()).hexdigest(),
        n_samples=len(spikes_BTI),
    )


def _record(seen: Seen, reference: Seen, labels_B: np.ndarray) -> dict[str, Any]:
    """Return what is left of a backend's run on the first of the reference's samples."""
    n_samples = len(labels_B)
    expected = {name: spikes[:n_samples] for name, spikes in reference.spikes.items()}
    return {
        "samples": n_samples,
        "right": int((seen.predictions_B == labels_B).sum()),
        "same_prediction": int((seen.predictions_B == reference.predictions_B[:n_samples]).sum()),
        "equal_to_fixed": seen.equal_to_fixed,
        "version": seen.version,
        "refused_as_is": seen.refused_as_is,
        "layers": {
            name: {
                "spikes": int(seen.spikes[name].sum()),
                "reference": int(theirs.sum()),
                "common": int((seen.spikes[name] & theirs).sum()),
            }
            for name, theirs in expected.items()
            if name in seen.spikes
        },
    }


def _row(name: str, parts: dict[str, list[dict[str, Any]]], refused: str | None) -> dict[str, Any]:
    """Return a backend's row from its records by part."""
    every = [record for records in parts.values() for record in records]
    equal = [record["equal_to_fixed"] for record in every if record["equal_to_fixed"] is not None]
    return {
        "backend": name,
        "version": every[0]["version"] if every else "",
        "refused": refused,
        "refused_as_is": next((one["refused_as_is"] for one in every if one.get("refused_as_is")), ""),
        "parts": {} if refused else {part: _part(records) for part, records in parts.items()},
        "layers": {} if refused else _layers(every),
        "equal_to_fixed": all(equal) if equal else None,
    }


def _part(records: list[dict[str, Any]]) -> dict[str, Any]:
    n_samples = sum(one["samples"] for one in records)
    return {
        "samples": n_samples,
        "accuracy": sum(one["right"] for one in records) / n_samples,
        "prediction_agreement": sum(one["same_prediction"] for one in records) / n_samples,
    }


def _layers(records: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return by node the spikes per sample, and their agreement: twice the common ones over the sum of both."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for name, counts in (pair for record in records for pair in record["layers"].items()):
        sums[name].update(counts)
    n_samples = sum(record["samples"] for record in records)
    return {
        name: {
            "spikes_per_sample": one["spikes"] / n_samples,
            "reference_per_sample": one["reference"] / n_samples,
            "agreement": 2 * one["common"] / both if (both := one["spikes"] + one["reference"]) else 1.0,
        }
        for name, one in sums.items()
    }
