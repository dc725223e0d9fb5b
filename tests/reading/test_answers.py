"""What `forward` makes of its last layer: the graph gives the module's classes and scores, or a line says why not.

The truth is what the module itself returns.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from neurodeploy.errors import FrameworkError
from neurodeploy.reading import graph_of, operations
from tests.reading.same import DT_S, N_IN, B, T, check_same, spikes, stronger

snn = pytest.importorskip("snntorch", reason="snntorch is not installed")
ORDER, WEIGHTS = [3, 1, 4, 0, 2], torch.tensor([1.0, 0.8, 1.3, 1.1, -0.25])
Form = Callable[[torch.Tensor], torch.Tensor]


class Net(nn.Module):
    """Spiking neurons, and whatever `form` makes of what the last layer gave at all steps (T, B, 5)."""

    def __init__(self, form: Form, last: str) -> None:
        super().__init__()
        self.form, self.last = form, last
        self.a, self.b = nn.Linear(N_IN, 24), nn.Linear(24, 5, bias=last != "spikes")
        self.l = snn.Leaky(beta=0.6, reset_mechanism="zero")
        self.o = snn.Leaky(beta=0.7, reset_mechanism="zero" if last == "spikes" else "none")

    def forward(self, x_TBF: torch.Tensor) -> torch.Tensor:
        mem, out_mem, out = self.l.reset_mem(), self.o.reset_mem(), []
        for x in x_TBF:
            spk, mem = self.l(self.a(x), mem)
            given = self.b(spk)
            if self.last != "weights":
                spk, out_mem = self.o(given, out_mem)
                given = spk if self.last == "spikes" else out_mem
            out.append(given)
        return self.form(torch.stack(out))


def made(form: Form, last: str) -> Net:
    """Return such a module, no class of which always wins."""
    net: Net = stronger(Net(form, last).eval(), 5)
    with torch.no_grad():
        net.b.weight.sub_(net.b.weight.mean(dim=1, keepdim=True) - 0.12)
    return net


def leaky(o_TBN: torch.Tensor) -> list[torch.Tensor]:
    """Return v[t] = 0.7 v[t-1] + 0.3 x[t] of every step, as people write it."""
    v, found = torch.zeros(o_TBN.shape[1:]), []
    for one in o_TBN:
        v = 0.7 * v + 0.3 * one
        found.append(v)
    return found


def grouped(o_TBN: torch.Tensor) -> torch.Tensor:
    return o_TBN[:, :, :4].sum(0).view(-1, 2, 2).mean(2)


FORMS: dict[str, tuple[str, Form]] = {
    "sum": ("spikes", lambda o: o.sum(0)),
    "last step": ("spikes", lambda o: o[-1]),
    "second half": ("spikes", lambda o: o[T // 2 :].sum(0)),
    "without the first": ("spikes", lambda o: o[4:].mean(0)),
    "every second step": ("spikes", lambda o: o[::2].sum(0)),
    "later steps more": ("spikes", lambda o: (o * torch.linspace(0.1, 1, T)[:, None, None] ** 2).sum(0)),
    "permuted": ("spikes", lambda o: o.sum(0)[:, ORDER]),
    "flipped": ("spikes", lambda o: o.sum(0).flip(1)),
    "some classes": ("spikes", lambda o: o.sum(0)[:, 1:4]),
    "population code": ("spikes", grouped),
    "negative": ("spikes", lambda o: -o.sum(0)),
    "weight of a class": ("spikes", lambda o: o.sum(0) * WEIGHTS),
    "bias of a class": ("spikes", lambda o: o.mean(0) + 0.3 * WEIGHTS),
    "all of it": ("spikes", lambda o: 2 - (o[3:].sum(0) * WEIGHTS.abs())[:, ORDER] / 3),
    "softmax of the sum": ("spikes", lambda o: torch.softmax(o.sum(0)[:, ORDER], 1)),
    "chosen class": ("spikes", lambda o: o.sum(0)[:, ORDER].argmax(1)),
    "place of the largest": ("spikes", lambda o: o.sum(0).max(1)[1]),
    "last potential": ("potential", lambda o: o[-1]),
    "permuted potential": ("potential", lambda o: o[-1][:, ORDER]),
    "negative potential": ("potential", lambda o: -o[-1]),
    "a chosen step": ("potential", lambda o: o[5]),
    "largest of the last half": ("potential", lambda o: o[T // 2 :].max(0).values),
    "mean of the last half": ("potential", lambda o: o[T // 2 :].mean(0)),
    "differences of maxima": ("potential", lambda o: (m := o.amax(0))[:, :3] - m[:, 2:]),
    "softmax of some steps": ("potential", lambda o: torch.softmax(o[3:], 2).sum(0)),
    "log_softmax of the mean": ("potential", lambda o: o.mean(0).log_softmax(1)),
    "leaky sum": ("weights", lambda o: leaky(o)[-1]),
    "largest of a leaky sum": ("weights", lambda o: torch.stack(leaky(o)).max(0)[0]),
    "mean of a leaky sum": ("weights", lambda o: torch.stack(leaky(o)).mean(0)),
    "leaky sum of a chosen step": ("weights", lambda o: leaky(o)[7] + WEIGHTS),
    "sum of some currents": ("weights", lambda o: o[2:].sum(0)),
    "largest current": ("weights", lambda o: o.max(0)[0]),
    "mean of log_softmax": ("weights", lambda o: o.log_softmax(2).mean(0)),
}


@pytest.mark.parametrize("case", FORMS)
def test_the_graph_gives_the_modules_own_classes_and_scores(case: str, tmp_path: Path) -> None:
    last, form = FORMS[case]
    net = made(form, last)
    sample = 1.0 * spikes(T, 8 * B, N_IN, rate=0.7) * spikes(1, 8 * B, N_IN, seed=1)
    own = net(sample).detach().numpy()
    read, trace = check_same(net, sample, tmp_path)
    assert read.own is not None
    np.testing.assert_array_equal(read.own.classes_B, own if own.ndim == 1 else own.argmax(axis=1))
    np.testing.assert_array_equal(trace.predictions_B, read.own.classes_B)
    assert len(np.unique(trace.predictions_B)) > 1
    assert not read.own.unlike(trace.output_BN).any()
    if own.ndim == 2 and "softmax" not in case:
        scores = read.own.answer.scale * trace.output_BN
        np.testing.assert_allclose(scores, own, atol=1e-4 * np.abs(own).max(), rtol=0)


@pytest.mark.parametrize("keepdim", [False, True])
def test_a_mean_of_running_sums_has_one_term_for_each_step(keepdim: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []
    real = operations._read

    def noted(*args: Any) -> Any:
        found.append(real(*args))
        return found[-1]

    monkeypatch.setattr(operations, "_read", noted)
    net = made(lambda o: torch.stack(leaky(o)).mean(0, keepdim=keepdim).view(-1, 5), "weights")
    graph_of(net, spikes(T, B, N_IN), dt_s=DT_S)
    assert found[0][0].terms[0][1].shape == (*(1,) * keepdim, B, 5)
    assert len(found[0][0].terms) == T


def test_other_samples_have_the_modules_own_classes_too() -> None:
    net = made(FORMS["all of it"][1], "spikes")
    read, more = graph_of(net, spikes(T, B, N_IN), dt_s=DT_S), spikes(T, 150, N_IN, seed=3)
    assert read.own is not None
    np.testing.assert_array_equal(read.own.classes(read.feed(more)), net(more).argmax(1).numpy())
    assert read.own.classes(read.feed(spikes(T + 1, 2, N_IN))) is None


def test_scores_that_are_others_are_seen() -> None:
    net = made(lambda o: o.sum(0), "spikes")
    read = graph_of(net, spikes(T, B, N_IN), dt_s=DT_S)
    assert read.own is not None
    np.testing.assert_array_equal(read.own.unlike(read.own.values), [False] * B)
    changed = read.own.values.copy()
    changed[1, 2] += 1
    np.testing.assert_array_equal(read.own.unlike(changed), [False, True, False])


OUTSIDE = "; return the spikes or the potential of the last layer, and do the rest outside$"
REFUSED: dict[str, tuple[str, Form, str]] = {
    "smallest": ("potential", lambda o: o.min(0)[0], "^Net: torch's min has no place in a spiking graph"),
    "smallest, by signs": ("potential", lambda o: -(-o).max(0)[0], "^module: takes the largest of negative or unequal"),
    "sigmoid": ("potential", lambda o: torch.sigmoid(o[-1]), "^Net: torch's sigmoid has no place"),
    "first spike": ("spikes", lambda o: (o.cumsum(0) > 0).float().sum(0), "^Net: torch's cumsum has no place"),
    "any spike": ("spikes", lambda o: o.max(0)[0], "^module: takes the max of spikes, which no readout does"),
    "largest class": ("potential", lambda o: o.max(2)[0], "^module: takes the largest over something else than steps"),
    "classes of other steps": (
        "spikes",
        lambda o: torch.stack((o[:4, :, 0].sum(0), o[5:, :, 1].sum(0)), 1),
        "^module: weighs steps otherwise for one class or neuron than for another",
    ),
    "mixed samples": ("spikes", lambda o: o.sum(0).flip(0), "^module: mixes the samples of a batch"),
    "sum of softmax": (
        "potential",
        lambda o: torch.softmax(o[-1], 1) + o[-1],
        "^module: adds what it reads",
    ),
    "softmax over samples": ("potential", lambda o: o[-1].softmax(0), "^module: takes the softmax over something else"),
    "softmax of groups": (
        "potential",
        lambda o: o[-1, :, :4].view(-1, 2, 2).softmax(2).flatten(1),
        "^module: takes the softmax over something else than all classes of a sample",
    ),
    "softmax of some classes": ("potential", lambda o: o[:, :, 1:].softmax(2).sum(0), "^module: takes the softmax of"),
    "chosen samples": ("spikes", lambda o: o.sum(0).argmax(0), "^module: takes the argmax over something else"),
    "constant at every step": ("spikes", lambda o: o + WEIGHTS, "^module: adds a constant at every step"),
    "two maxima": ("potential", lambda o: o.amax(0) - o.amax(0).flip(1), "^module: combines several maxima"),
    "product": ("potential", lambda o: o[-1] * o[-1], "^Net: torch's mul combines what o .Leaky. gives"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_readout_gives_is_one_line_that_names_it(case: str) -> None:
    last, form, says = REFUSED[case]
    with pytest.raises(FrameworkError, match=says) as told:
        graph_of(made(form, last), spikes(T, B, N_IN), dt_s=DT_S)
    if case != "product":
        assert told.match(OUTSIDE)


def test_what_comes_first_and_is_not_followed_is_said() -> None:
    net: Any = made(lambda o: (o.sum(0).sqrt(), o), "spikes")  # type: ignore[arg-type, return-value]
    (note,) = graph_of(net, spikes(T, B, N_IN), dt_s=DT_S).notes
    assert note.startswith("module: what it gives first (Net: torch's sqrt) is not followed; the class is read from")


def test_labels_that_break_are_no_fault_of_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("expand(torch.LongTensor{[12, 64, 5]}, size=[64, 5])")

    monkeypatch.setattr("neurodeploy.reading.operations._added", broken)
    net = made(lambda o: o.sum(0) + WEIGHTS, "spikes")
    with pytest.raises(FrameworkError, match=r"^Net: torch.s \w+ has no place in a spiking graph"):
        graph_of(net, spikes(T, B, N_IN), dt_s=DT_S)


def test_a_readout_that_was_asked_for_is_not_held_against_the_answer() -> None:
    net = made(lambda o: o[-1], "potential")
    assert graph_of(net, spikes(T, B, N_IN), dt_s=DT_S, readout="v_max").own is None
