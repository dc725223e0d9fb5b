"""Who takes part: our simulator, the peers that are installed, and Lava where it has its environment."""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from neurodeploy.backends import fixed, lava
from neurodeploy.backends.lava.environment import PINS
from neurodeploy.backends.trace import Trace
from neurodeploy.bench.peers import CURRENT, PEERS, Peer
from neurodeploy.bench.rounds import Block, Speeds, block, spread
from neurodeploy.bench.stages import Stage, stages_of
from neurodeploy.bench.workloads import Work
from neurodeploy.errors import LavaError, NeurodeployError, nearest
from neurodeploy.memory import cores
from neurodeploy.phrases import Phrase
from neurodeploy.program.program import Program

LAVA = "lava"
NAMES = (*(peer.name for peer in PEERS), LAVA)
LAVA_SAMPLES = 2
"""In a timed block of Lava, one by one."""
BATCHES_AHEAD = 8
"""Different batches that a contender gets in turn, made before the clock starts."""


def chosen(names: str | None, known: Sequence[str] = NAMES) -> list[str]:
    """Return those of the known names that are in a list with commas; all without one, none for "none".

    Raises:
        NeurodeployError: one of them is unknown.
    """
    if names is None:
        return list(known)
    wanted = [name.strip() for name in names.split(",") if name.strip() not in ("", "none")]
    for name in wanted:
        if name not in known:
            raise NeurodeployError(f"{name!r} is unknown", nearest(name, known), option="peers")
    return [name for name in known if name in wanted]


def positive(option: str, values: Sequence[int]) -> list[int]:
    """Return numbers in their order, each once, after checking that they are at least 1.

    Raises:
        NeurodeployError: one is not, or there are not so many cores where they are threads.
    """
    if min(values, default=1) < 1:
        raise NeurodeployError(f"found {min(values)}", option=option, allowed="at least 1 is needed")
    if "thread" in option and max(values) > cores():
        found = f"found {max(values)}, this machine has {cores()} cores"
        raise NeurodeployError(found, option=option)
    return sorted(set(values))


def speed(values: list[float]) -> dict[str, Any]:
    """Return the median of the samples per second, and their spread."""
    return {"samples_per_second": statistics.median(values), "spread": spread(values)}


def wanted_to_train(known: Sequence[Peer], peers: str | None, **numbers: int) -> list[Peer]:
    """Return those of the known peers that a benchmark of training asks for, once its numbers are at least 1."""
    names = chosen(peers, [peer.name for peer in known])
    for option, value in numbers.items():
        positive(option, [value])
    return [peer for peer in known if peer.name in names]


def training_speeds(wanted: Sequence[Peer], speeds: Speeds, batch: int) -> dict[str, Any]:
    """Return `ours`, `peers` and `absent` as `bench_train` tells them."""

    def row(values: list[float]) -> dict[str, Any]:
        return {"seconds_per_step": batch / statistics.median(values), **speed(values)}

    return {
        "ours": row(speeds.ours),
        "peers": [
            {"name": peer.name, "version": peer.version, "trains": peer.what}
            | row(speeds.peers[peer.name])
            | {"ratio": speeds.ratio(peer.name), "ratio_spread": spread(speeds.neighbours(peer.name))}
            for peer in wanted
            if not peer.missing
        ],
        "absent": [{"name": peer.name, "reason": peer.missing} for peer in wanted if peer.missing],
    }


def ours(program: Program, spikes_BTI: np.ndarray, threads: int, *, scores_only: bool = False) -> Trace:
    """Return our simulator's Trace, all samples in one batch."""
    return fixed.run(program, spikes_BTI, batch_size=len(spikes_BTI), threads=threads, scores_only=scores_only)


def our_block(work: Work, batch: int, threads: int, alone: list[float]) -> Block:
    """Return the timed block of our simulator.

    Args:
        alone: Hears of each call how many samples a second its run alone took, without checking the
            input and putting the Trace together: what Lava's seconds inside run() compare with.
    """
    ahead = [work.batch(batch, index) for index in range(BATCHES_AHEAD)]

    def call(index: int) -> None:
        alone.append(
            batch / ours(work.program, ahead[index % len(ahead)], threads, scores_only=work.scores_only).seconds
        )

    return block(call, batch)


def firing(peer: Peer, stages: list[Stage], spikes_BTI: np.ndarray) -> list[float]:
    """Return the part of each layer's neurons that spikes in a step of the input.

    Raises:
        NeurodeployError, ImportError: the peer cannot run the network, or lacks a package of its own.
    """
    import torch

    network = peer.build(stages)
    with torch.inference_mode():
        return [float(sent.mean()) for sent in network(time_first(spikes_BTI))]


def peer_block(peer: Peer, stages: list[Stage], work: Work, batch: int) -> Block:
    """Return the timed block of a peer, from float32 tensors to the output's spike counts."""
    import torch

    network = peer.build(stages)
    ahead = [time_first(work.batch(batch, index)) for index in range(BATCHES_AHEAD)]

    def call(index: int) -> Any:
        with torch.inference_mode():
            return network(ahead[index % len(ahead)])[-1].sum(dim=0)

    return block(call, batch)


def time_first(spikes_BTI: np.ndarray) -> Any:
    """Return spikes as peers take them: a float32 tensor (T, B, I)."""
    import torch

    return torch.from_numpy(spikes_BTI).float().transpose(0, 1).contiguous()


@contextmanager
def threads_of_torch(threads: int) -> Iterator[None]:
    """Let torch, and numpy's linear algebra, use so many threads."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    try:
        with threadpool_limits(threads):
            torch.set_num_threads(threads)
            yield
    finally:
        torch.set_num_threads(before)


class Lava:
    """Lava's own worker, kept alive; only the seconds inside its run() count."""

    def __init__(self, work: Work, worker: lava.Worker) -> None:
        self.work, self.worker, self.equal, self.samples = work, worker, True, 0

    def block(self) -> float:
        """Run the next samples and return how many a second; compare Lava's spike counts with ours, too."""
        spikes = self.work.batch(LAVA_SAMPLES, self.samples // LAVA_SAMPLES)
        found = self.worker.run(self.work.program, spikes, samples_per_run=1)
        expected = ours(self.work.program, spikes, 1)
        same = (np.array_equal(found.counts[name], expected.counts[name]) for name in expected.counts)
        self.equal = all(same) and self.equal
        self.samples += len(spikes)
        return len(spikes) / found.seconds


def lava_missing() -> str:
    """Return why Lava cannot run here; empty where it can."""
    try:
        lava.Worker().close()
    except LavaError as error:
        return str(error)
    return ""


class Field:
    """The peers that take part, and why the others do not.

    Lava takes part in the first measurement of the plan where that has batches of one sample.
    """

    def __init__(self, work: Work, names: list[str], first: tuple[int, int], stack: ExitStack) -> None:
        self.work, self.first = work, first
        self.absent: dict[str, str] = {}
        self.peers = [peer for peer in work.peers or PEERS if peer.name in names]
        self.stages = stages_of(work.program) if self.peers and not work.peers else []
        self.rates = {peer.name: rates for peer in self.peers if (rates := self._rates(peer))}
        self.lava: Lava | None = None
        if LAVA in names:
            alone = "" if first[0] == 1 else Phrase("runs one sample at a time; add 1 to {batches}")
            if missing := lava_missing() or alone:
                self.absent[LAVA] = missing
            else:
                self.lava = Lava(work, stack.enter_context(lava.Worker()))

    def _rates(self, peer: Peer) -> list[float]:
        """Return the parts of each layer's neurons that spike in a step; nothing for a peer that cannot run."""
        if peer.missing:
            self.absent[peer.name] = peer.missing
            return []
        try:
            return firing(peer, self.stages, self.work.batch(min(16, len(self.work.spikes_BTI)), 0))
        except (NeurodeployError, ImportError) as error:
            self.absent[peer.name] = str(error)
            return []

    def blocks(self, batch: int, threads: int) -> dict[str, Block]:
        """Return the timed block of everyone who takes part."""
        here = [peer for peer in self.peers if peer.name in self.rates]
        found = {peer.name: peer_block(peer, self.stages, self.work, batch) for peer in here}
        if self.lava and (batch, threads) == self.first:
            found[LAVA] = self.lava.block
        return found

    def about(self, name: str) -> dict[str, Any]:
        """Return what to say of a peer beside its speed."""
        if name == LAVA:
            note = "seconds inside run() alone, in its own processes"
            return {"version": PINS["lava-nc"], "neurons": CURRENT, "rates": None, "note": note}
        peer = next(peer for peer in self.peers if peer.name == name)
        return {"version": peer.version, "neurons": peer.what, "rates": self.rates[name], "note": ""}
