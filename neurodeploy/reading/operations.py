"""What torch operations between a module's layers do to where numbers come from.

Operations that only move numbers are repeated on the labels. Sums and multiples keep their terms. What reads a class
out of the whole run (a sum over time, a maximum, a softmax) is noted. After anything else nothing is known, and the
operation's name is kept for the one who asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils import _pytree as pytree

from neurodeploy.reading.labels import NOTHING, Track


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MOVES = _words(
    "view reshape flatten unflatten squeeze unsqueeze permute transpose t movedim moveaxis swapaxes swapdims "
    "__getitem__ select narrow unbind split chunk tensor_split stack cat concat concatenate hstack vstack dstack "
    "expand expand_as repeat repeat_interleave tile broadcast_to index_select flip roll view_as reshape_as "
    "take_along_dim squeeze_ unsqueeze_ atleast_1d atleast_2d atleast_3d diagonal unfold ravel T mT transpose_"
)
KEEPS = _words(
    "clone detach detach_ contiguous to float double half bfloat16 type type_as cpu cuda alias requires_grad_ data "
    "dropout dropout2d dropout1d dropout3d alpha_dropout feature_dropout"
)
"""One tensor in, the same numbers out. Dropout that drops something is noticed by whoever compares the two."""
SUMS = _words("add __add__ __radd__ __iadd__ add_ sub __sub__ __isub__ sub_ subtract rsub __rsub__")
MULTIPLES = _words("mul __mul__ __rmul__ __imul__ mul_ multiply div __truediv__ __itruediv__ div_ divide")
READS = {
    **dict.fromkeys(("sum", "nansum", "count_nonzero", "cumsum"), "sum"),
    "mean": "mean",
    **dict.fromkeys(("max", "amax"), "max"),
    **dict.fromkeys(("softmax",), "softmax"),
    **dict.fromkeys(("log_softmax", "argmax", "topk", "sort", "argsort"), ""),
}
"""What only a readout does. Those without a word do not change which number is the largest."""
FRESH = _words("zeros_like ones_like empty_like full_like rand_like randn_like new_zeros new_ones new_empty")
"""Tensors that only take the shape of another one."""

Known = Callable[[torch.Tensor], Track | None]


def tensors(value: Any) -> list[torch.Tensor]:
    """Return the tensors in nested tuples, lists and dicts."""
    return [one for one in pytree.tree_leaves(value) if isinstance(one, torch.Tensor)]


def tracks_after(name: str, args: Any, kwargs: Any, result: Any, known: Known, where: str) -> list[Track | None]:
    """Return the track of each tensor of an operation's result.

    Args:
        name: Of the operation.
        known: Track of a tensor, None where it is a constant.
        where: Module that the operation happened in, for messages.
    """
    outputs = tensors(result)
    if name in FRESH:
        return [None] * len(outputs)
    inputs = [track for track in map(known, tensors((args, kwargs))) if track is not None]
    lost = next((one for one in inputs if one.lost), None)
    if lost is not None:
        return [lost if name in KEEPS else Track(lost=lost.lost)] * len(outputs)
    found = _followed(name, args, kwargs, result, known)
    if found is None or len(found) != len(outputs):
        return [Track(lost=f"{where}: torch's {name}")] * len(outputs)
    return list(found)


def _followed(name: str, args: Any, kwargs: Any, result: Any, known: Known) -> list[Track] | None:
    inputs = [track for track in map(known, tensors((args, kwargs))) if track is not None]
    if name in MOVES | KEEPS and inputs[0].steps:  # of a readout, only the set of its labels is asked for
        if len({one.steps for one in inputs}) > 1:
            return None
        whole = Track(tuple(term for one in inputs for term in one.terms), inputs[0].steps)
        return [whole] * len(tensors(result))
    if name in KEEPS:
        track = known(args[0]) if isinstance(args[0], torch.Tensor) else None
        same = isinstance(result, torch.Tensor) and result.shape == args[0].shape
        dropped = "dropout" in name and not torch.equal(result, args[0])
        return [track] if track is not None and same and not dropped else None
    if name in MOVES:
        return _moved(name, args, kwargs, known)
    if name in SUMS:
        return _added(name, args, kwargs, result, known)
    if name in MULTIPLES:
        return _multiplied(name, args, kwargs, known)
    if name == "neg":
        track = known(args[0])
        return None if track is None else [track.times(-1.0)]
    if name in READS:
        return _read(name, args, kwargs, result, known)
    return None


def _moved(name: str, args: Any, kwargs: Any, known: Known) -> list[Track] | None:
    """Repeat the operation on labels, once for each term."""
    of_all = [track for track in map(known, tensors((args, kwargs))) if track is not None]
    n_terms = max(len(one.terms) for one in of_all)
    steps = {one.steps for one in of_all}
    if len(steps) > 1 or (len(of_all) > 1 and n_terms > 1 and any(len(one.terms) != n_terms for one in of_all)):
        return None
    operation = getattr(torch.Tensor, name, None) or getattr(torch, name)
    if name in ("T", "mT"):
        operation = {"T": torch.Tensor.t, "mT": lambda one: one.transpose(-1, -2)}[name]
    terms: list[list[tuple[float, torch.Tensor]]] = []
    for index in range(n_terms):
        factors = {one.terms[index][0] for one in of_all if index < len(one.terms)}
        if len(factors) != 1:
            return None
        try:
            moved = operation(*_labelled(args, index, known), **_labelled(kwargs, index, known))
        except _Constant:
            return None
        terms.append([(next(iter(factors)), one) for one in tensors(moved)])
    return [Track(tuple(one), next(iter(steps))) for one in zip(*terms, strict=True)]


class _Constant(Exception):
    """A tensor that is not zero came from nowhere."""


def _labelled(value: Any, index: int, known: Known) -> Any:
    def one(item: Any) -> Any:
        if not isinstance(item, torch.Tensor):
            return item
        track = known(item)
        if track is not None:
            return track.terms[index][1] if index < len(track.terms) else torch.full(item.shape, NOTHING)
        if item.dtype in (torch.int64, torch.int32, torch.bool):  # an index
            return item.cpu()
        if item.numel() and bool(item.any()):
            raise _Constant
        return torch.full(item.shape, NOTHING)

    return pytree.tree_map(one, value)


def _added(name: str, args: Any, kwargs: Any, result: torch.Tensor, known: Known) -> list[Track] | None:
    left, right = args[0], args[1] if len(args) > 1 else kwargs.get("other")
    sign = float(kwargs.get("alpha", 1))
    if name in ("sub", "__sub__", "__isub__", "sub_", "subtract"):
        factors = (1.0, -sign)
    elif name in ("rsub", "__rsub__"):
        factors = (-1.0, sign)
    else:
        factors = (1.0, sign)
    terms: list[tuple[float, torch.Tensor]] = []
    steps: set[tuple[str, ...]] = set()
    for value, factor in ((left, factors[0]), (right, factors[1])):
        track = known(value) if isinstance(value, torch.Tensor) else None
        if track is None:
            if torch.as_tensor(value).any():
                return None
            continue
        steps.add(track.steps)
        terms += [(factor * own, found.expand(result.shape)) for own, found in track.terms]
    return [Track(tuple(terms), next(iter(steps)))] if len(steps) == 1 else None


def _multiplied(name: str, args: Any, kwargs: Any, known: Known) -> list[Track] | None:
    left, right = args[0], args[1] if len(args) > 1 else kwargs.get("other")
    track = known(left) if isinstance(left, torch.Tensor) else None
    other = right
    if track is None:
        track, other = known(right) if isinstance(right, torch.Tensor) else None, left
        if "div" in name:
            return None
    if isinstance(other, torch.Tensor) and (known(other) is not None or other.numel() != 1):
        return None
    if track is None or kwargs.get("rounding_mode") is not None:
        return None
    number = float(other)
    if number == 0 or (track.steps and number < 0):
        return None
    return [track.times(1 / number if "div" in name else number)]


def _read(name: str, args: Any, kwargs: Any, result: Any, known: Known) -> list[Track] | None:
    """Note what a readout does; the labels keep their own shape, as only their set is asked for."""
    track = known(args[0]) if isinstance(args[0], torch.Tensor) else None
    if track is None:
        return None
    word = READS[name]
    dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
    if word == "sum" and isinstance(dim, int) and not track.steps and args[0].shape[dim] <= 8:
        # A sum of a few, such as torch.stack((a, b)).sum(0), can still be a sum of currents.
        parts = [(factor, one) for factor, found in track.terms for one in found.unbind(dim)]
        kept = bool(kwargs.get("keepdim", False))
        terms = tuple((factor, one.unsqueeze(dim) if kept else one) for factor, one in parts)
        return [Track(terms)]
    done = Track(track.terms, (*track.steps, word) if word else track.steps)
    return [done] * len(tensors(result))
