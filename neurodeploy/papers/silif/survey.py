"""Every measurement of several trained networks: from random and zero initial states in float, and over weight bits."""

import itertools
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
    digests: dict[Clips | None, str | None] = {None: None} | {clips: digest_of(clips.open()) for clips in used}
    plans: dict[int | None, Record] = {}
    found = [Found() for _ in cases]

    def job(case: Case, what: str, told: str, task: Task, into: dict[Any, Record], slot: int | None, **on: Any) -> _Job:
        """Return a job whose key holds all that its measurement depends on."""
        name = case.subject.network if case.trained_seed is None else f"{case.subject.network} {case.trained_seed}"
        settings = case.subject.settings
        key = key_of(
            f"{name}/{what}",
            arrays=case.subject.sha256,
            settings=None if settings is None else settings.model_dump(mode="json"),
            test=digests[case.test],
            calibration=digests[case.calibration],
            dt_s=case.test.dt_s,
            **on,
        )
        return _Job(key, task, f"{name}, {told}", into, slot)

    def floating(case: Case, seed: int | None, into: Found) -> _Job:
        if seed is None:
            task = FloatTask(case.subject, case.test, "zero")
            return job(case, "float/zero", "float, zero initial state", task, into.floats, None)
        what, told = f"float/random/{seed}", f"float, initial states of seed {seed}"
        task = FloatTask(case.subject, case.test, "random", seed)
        return job(case, what, told, task, into.floats, seed, random=seed, batch=FLOAT_BATCH)

    def integer(index: int, width: int) -> _Job:
        case = cases[index]
        # Nothing is planned where all was measured before.
        plan = plans[index]["plans"][str(width)] if index in plans else {}
        task, on = IntegerTask(case.subject, case.test, width, plan), {"bits": width, "chip": CHIPS[CHIP].digest}
        return job(case, f"integer/{width}", f"{width} bits", task, found[index].integers, width, **on)

    floats, planned = [], []
    for index, (case, into) in enumerate(zip(cases, found, strict=True)):
        floats += [floating(case, seed, into) for seed in (*case.seeds, None)]
        if any(kept.get(integer(index, width).key) is None for width in bits):
            plan = PlanTask(case.subject, case.calibration, case.test.dt_s, tuple(bits))
            planned.append(job(case, "precision", "precision", plan, plans, index, bits=list(bits)))
    done, total = itertools.count(1), len(planned) + len(floats) + len(cases) * len(bits)
    progress("measure", 0, total)

    def tell(told: str, record: Record) -> None:
        right = f": {100 * record['accuracy']:.1f} %" if "accuracy" in record else ": refused" * (REFUSED in record)
        progress("measure", next(done), total, told + right)

    # The longest first, so that no process is left alone with one at the end.
    _do([*planned, *floats], kept, run, tell)
    integers = [integer(index, width) for index in range(len(cases)) for width in bits]
    _do(integers, kept, run, tell)
    return found, {job.key: kept.found[job.key] for job in (*floats, *integers)}


def _do(jobs: Sequence[_Job], kept: Kept, run: Run, tell: Callable[[str, Record], None]) -> None:
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
