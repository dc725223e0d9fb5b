"""What `bench train` measures: a work is a network that ours and the peers train, made of the options of a run."""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

from neurodeploy.bench.peers import Peer

LEARNING_RATE = 0.001
Step = Callable[[int], None]
"""A training step of a number."""


class Options(NamedTuple):
    """What a work is made of; see `bench_train`."""

    work: str
    hidden: int
    steps: int
    batch: int
    threads: int = 1
    model: str = "silif"
    fresh: bool = False


class Training(NamedTuple):
    """A work. All but the first three take what `made` makes.

    Attributes:
        hidden, steps: Where the options have none.
        made: What all train, the same each time.
        ours: Returns our step.
        about: What the result tells of it, beside steps, batch and threads.
        peers: Their `build` returns their step.
        checked: Compares gradients, see `training_check.compared`; None where the reference is not installed.
        products: Returns all matrix products of a step and nothing else.
        frame_s: Returns the seconds of a frame of a stream.
        memory: Whether memory is measured.
        least: That `hidden` can be.
    """

    hidden: int
    steps: int
    made: Callable[[Options], Any]
    ours: Callable[[Any], Step]
    about: Callable[[Any], dict[str, Any]]
    peers: tuple[Peer, ...]
    checked: Callable[[Any], dict[str, Any] | None] | None = None
    products: Callable[[Any], Step] | None = None
    frame_s: Callable[[Any], float] | None = None
    memory: bool = False
    least: int = 2


class Classifier(NamedTuple):
    """A network, an input (B, T, I) and labels (B,) that are trained by cross-entropy."""

    options: Options
    network: Any
    x_BTI: Any
    labels_B: Any

    def of_kind(self, kind: Any) -> "Classifier":
        """Return a copy that computes in float32 or float64."""
        return self._replace(network=copy.deepcopy(self.network).to(kind), x_BTI=self.x_BTI.to(kind))

    def loss(self, scores: Callable[[Any, Any], Any]) -> Any:
        """Return the loss of the scores (B, C) of the network and the input."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(scores(self.network, self.x_BTI), self.labels_B)

    def step(self, scores: Callable[[Any, Any], Any]) -> Step:
        """Return the training step of a copy."""
        import torch

        own = self.of_kind(torch.float32)
        return training_step(own.network, lambda _: own.loss(scores))


def our_scores(network: Any, x_BTI: Any) -> Any:
    """Return what our networks give."""
    return network(x_BTI).output_BC


def training_step(module: Any, loss: Callable[[int], Any]) -> Step:
    """Return forward, backward and Adam's update of a module's parameters, by the loss of a numbered step."""
    import torch

    optimizer = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE, fused=True)

    def step(index: int) -> None:
        optimizer.zero_grad()
        loss(index).backward()
        optimizer.step()

    return step
