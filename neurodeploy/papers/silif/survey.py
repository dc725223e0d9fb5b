"""Every measurement of several trained networks: from random and zero initial states in float, and over weight bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from neurodeploy.hardware.chips import CHIPS
from neurodeploy.papers.silif.clips import Clips, digest_of
from neurodeploy.papers.silif.measure import (
    CHIP,
    FLOAT_BATCH,
    REFUSED,
    FloatTask,
    IntegerTask,
    PlanTask,
    Record,
    Subject,
    Task,
    measure,
)
from neurodeploy.papers.silif.measurements import Kept, key_of
from neurodeploy.progress import Progress

Run = Callable[[Callable[[Task], Record], Sequence[Task]], Iterable[tuple[Task, Record]]]
"""Does tasks, here or elsewhere, and gives each with its result."""


@dataclass(frozen=True)
class Case:
    """A trained network, and what it is measured on.

    Attributes:
        calibration: Clips that the precision is chosen on; None where there are none.
        seeds: Of random initial states; none where the network starts at zero only.
        trained_seed: Of its training, where it was trained here.
    """

    subject: Subject
    test: Clips
    calibration: Clips | None
    seeds: tuple[int, ...]
    trained_seed: int | None = None


@dataclass
class Found:
    """The measurements of a case: in float by the seed of random initial states, None for zero ones; and by bits.

    Of a width at which the network cannot become a Program, the record says only why; see `measure`.
    """

    floats: dict[int | None, Record] = field(default_factory=dict)
    integers: dict[int, Record] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Job:
    """A task, how it is called, and where its result goes."""

    key: str
    task: Task
    told: str
    into: dict[Any, Record]
    slot: int | None


def survey(
    cases: Sequence[Case], bits: Sequence[int], kept: Kept, run: Run, progress: Progress
) -> tuple[list[Found], dict[str, Record]]:
    """Return what was found for each case, and all these measurements by their keys.

    Args:
        kept: What was measured before, and where to keep what is.
    """
    used = {clips for case in cases for clips in (case.test, case.calibration) if clips}
    digests = {clips: digest_of(clips.open()) for clips in used}
    all_on = [_on(case, digests) for case in cases]
    found = [Found() for _ in cases]
    plans: dict[int | None, Record] = {}
    floats, planned = [], []
    for index, (case, on, into) in enumerate(zip(cases, all_on, found, strict=True)):
        floats += _float_jobs(case, on, into)
        if any(kept.get(_integer_key(case, on, width)) is None for width in bits):
            planned.append(_plan_job(case, on, bits, plans, index))
    tell = _Told(progress, len(planned) + len(floats) + len(cases) * len(bits))
    # The longest first, so that no process is left alone with one at the end.
    _do([*planned, *floats], kept, run, tell)
    integers = [
        _integer_job(case, on, width, plans.get(index, {}), into)
        for index, (case, on, into) in enumerate(zip(cases, all_on, found, strict=True))
        for width in bits
    ]
    _do(integers, kept, run, tell)
    return found, {job.key: kept.found[job.key] for job in (*floats, *integers)}


def _float_jobs(case: Case, on: dict[str, Any], found: Found) -> list[_Job]:
    name = _name(case)
    zero: _Job = _Job(
        key_of(f"{name}/float/zero", **on),
        FloatTask(case.subject, case.test, "zero"),
        f"{name}, float, zero initial state",
        found.floats,
        None,
    )
    return [
        _Job(
            key_of(f"{name}/float/random/{seed}", **on, random=seed, batch=FLOAT_BATCH),
            FloatTask(case.subject, case.test, "random", seed),
            f"{name}, float, initial states of seed {seed}",
            found.floats,
            seed,
        )
        for seed in case.seeds
    ] + [zero]


def _plan_job(case: Case, on: dict[str, Any], bits: Sequence[int], plans: dict[int | None, Record], index: int) -> _Job:
    task = PlanTask(case.subject, case.calibration, case.test.dt_s, tuple(bits))
    key = key_of(f"{_name(case)}/precision", **on, bits=list(bits))
    return _Job(key, task, f"{_name(case)}, precision", plans, index)


def _integer_job(case: Case, on: dict[str, Any], bits: int, plans: Record, found: Found) -> _Job:
    plan = plans["plans"][str(bits)] if plans else {}  # nothing to plan where all was measured before
    task = IntegerTask(case.subject, case.test, bits, plan)
    return _Job(_integer_key(case, on, bits), task, f"{_name(case)}, {bits} bits", found.integers, bits)


def _integer_key(case: Case, on: dict[str, Any], bits: int) -> str:
    return key_of(f"{_name(case)}/integer/{bits}", **on, bits=bits, chip=CHIPS[CHIP].digest)


def _name(case: Case) -> str:
    return case.subject.network if case.trained_seed is None else f"{case.subject.network} {case.trained_seed}"


def _on(case: Case, digests: dict[Clips, str]) -> dict[str, Any]:
    """Return what every measurement of a case depends on."""
    expected = case.subject.settings
    return {
        "arrays": case.subject.sha256,
        "settings": None if expected is None else expected.model_dump(mode="json"),
        "test": digests[case.test],
        "calibration": None if case.calibration is None else digests[case.calibration],
        "dt_s": case.test.dt_s,
    }


class _Told:
    """How far the whole survey is."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.progress, self.done, self.total = progress, 0, total
        progress("measure", 0, total)

    def __call__(self, told: str, record: Record) -> None:
        self.done += 1
        right = f": {100 * record['accuracy']:.1f} %" if "accuracy" in record else ": refused" * (REFUSED in record)
        self.progress("measure", self.done, self.total, told + right)


def _do(jobs: Sequence[_Job], kept: Kept, run: Run, tell: _Told) -> None:
    """Take what was measured before, and measure the rest."""
    lacking: dict[int, _Job] = {}
    for job in jobs:
        before = kept.get(job.key)
        if before is None:
            lacking[id(job.task)] = job
        else:
            job.into[job.slot] = before
            tell(job.told, before)
    for task, record in run(measure, [job.task for job in lacking.values()]):
        job = lacking[id(task)]
        kept.add(job.key, record)
        job.into[job.slot] = record
        tell(job.told, record)
