"""The same steps as in `plain`, in torch, for many samples at once on a graphics processor.

Every state equals the plain engine's: both call one step, here with tensors. Sums run as products of float
matrices where no rounding can happen.

Axes: B sample, T step, N neuron of a layer, O and I the ends of a connection, G group of channels,
K weights of a kernel, P place that a kernel is laid on, D delay or steps ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurodeploy.backends.fixed.plain import PlainEngine
from neurodeploy.backends.trace import Part
from neurodeploy.fixedpoint import rules
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import INPUT, Program

FLOAT32_EXACT = 1 << 24
"""Sums of whole numbers are exact in float32 while no partial sum exceeds this."""
MESSAGE_LIMIT = 1 << 31
"""Largest size of what a sigma-delta layer sends."""
INPUT_LIMIT = 1 << rules.MESSAGE_BITS - 1


class TorchEngine(PlainEngine):
    """A Program with the states of some samples on one device, advanced a number of steps at a time."""

    joined: Callable[..., Any] = staticmethod(torch.concatenate)

    def __init__(self, program: Program, n_samples: int, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        super().__init__(program, n_samples)

    @torch.inference_mode()
    def advance(
        self, spikes_BTI: np.ndarray, probes: Sequence[str] = (), *, n_silent: int = 0, scores_only: bool = False
    ) -> Part:
        with exact_products():
            return super().advance(spikes_BTI, probes, n_silent=n_silent)

    def put(self, values: np.ndarray) -> Tensor:
        return torch.tensor(values, device=self.device)

    def zeros(self, *shape: int, kind: type = np.int64) -> Tensor:
        dtype = getattr(torch, np.dtype(kind).name)
        return torch.zeros((self.n_samples, *shape), dtype=dtype, device=self.device)

    def take(self, values: Tensor) -> np.ndarray:
        return values.cpu().numpy()

    def connect(self, one: Connection) -> Synapses:
        graded = INPUT_LIMIT if one.source == INPUT else MESSAGE_LIMIT
        return Synapses(one, graded if self.program.graded(one.source) else 1, self.n_samples, self.device)


class Synapses:
    """One connection and the sums that are on their way, in a ring of the steps ahead (D, B, O)."""

    def __init__(self, connection: Connection, largest_message: int, n_samples: int, device: torch.device) -> None:
        self.connection, self.largest_message = connection, largest_message
        by_delay = list(connection.by_delay())
        self.delays = [delay for delay, _ in by_delay]
        weight = np.stack([weight for _, weight in by_delay])
        window = connection.window
        largest = int(np.abs(weight).sum(axis=(0, 2, 3, 4) if window else 2).max(initial=0)) * largest_message
        self.kind = torch.float32 if largest <= FLOAT32_EXACT else torch.float64
        if window:
            # (G, output channels of the group, K): a matrix for each group.
            weight = weight[0].reshape(window.groups, window.out_channels // window.groups, -1)
        else:
            # (I, D O): all delays in one product.
            weight = weight.reshape(-1, connection.n_inputs).T.copy()
        self.weight = torch.tensor(weight, dtype=self.kind, device=device)
        exponents = torch.tensor(connection.row_exponents, device=device)
        self.left = exponents.clamp(min=0) if exponents.any() else None
        self.right = (-exponents).clamp(min=0)
        # Sums of messages may leave int32 on the way; those of spikes cannot, see `program.check`.
        kind = torch.int32 if largest_message == 1 else torch.int64
        shape = (connection.largest_delay + 2, n_samples, connection.n_outputs)
        self.ahead_DBO = torch.zeros(shape, dtype=kind, device=device)

    def send(self, sent_BI: Tensor, now: int) -> None:
        """Put what was sent in step `now` on its way."""
        whole = self._sums(sent_BI).reshape(len(sent_BI), len(self.delays), -1)
        if self.left is not None:
            whole = whole << self.left >> self.right
        if self.connection.window:
            whole = rules.wrap_sum(whole)
        for index, delay in enumerate(self.delays):
            self.ahead_DBO[(now + 1 + delay) % len(self.ahead_DBO)] += whole[:, index].to(self.ahead_DBO.dtype)

    def arriving(self, now: int) -> Tensor:
        """Return what arrives in step `now` (B, O)."""
        slot = self.ahead_DBO[now % len(self.ahead_DBO)]
        arrived = slot.clone()
        slot.zero_()
        return arrived

    def _sums(self, sent_BI: Tensor) -> Tensor:
        """Return the sums before the exponent (B, D O), int64, as much as Lava's numbers keep of them."""
        sent = sent_BI.to(self.kind)
        if self.connection.window:
            return _as_int32(self._convolved(sent).to(torch.int64)).to(torch.int64)
        totals = (sent @ self.weight).to(torch.int64)
        if not self.connection.largest_delay:
            return _as_int32(totals).to(torch.int64)
        # `DelayDense` multiplies in int32 and sums in int64; up to 2^23 no product leaves int32.
        if self.largest_message == 1 or bool((sent.abs() < rules.STATE_LIMIT).all()):
            return totals
        weights = self.weight.to(torch.int64).chunk(len(self.delays), dim=1)
        messages = sent_BI.to(torch.int64)[:, :, None]
        return torch.cat([_as_int32(messages * weight).sum(dim=1, dtype=torch.int64) for weight in weights], dim=1)

    def _convolved(self, sent_BI: Tensor) -> Tensor:
        """Return the sums (B, O) as products with the unfolded input.

        A library's convolution may choose an algorithm that rounds (Winograd, Fourier); a product
        of matrices sums up the products themselves.
        """
        window = self.connection.window
        assert window is not None
        image = sent_BI.reshape(-1, *window.input_shape)
        columns = torch.nn.functional.unfold(
            image, window.kernel, dilation=window.dilation, padding=window.padding, stride=window.stride
        )
        if window.groups == 1:
            return (self.weight[0] @ columns).flatten(1)
        columns_BGKP = columns.reshape(len(image), window.groups, -1, columns.shape[-1])
        return (self.weight @ columns_BGKP).flatten(1)


@contextmanager
def exact_products() -> Iterator[None]:
    """Keep products of float32 matrices from being computed in fewer bits (TF32, bfloat16)."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _as_int32(value: Tensor) -> Tensor:
    """Return the value after the overflow of Lava's int32 arrays, in int32."""
    return value.to(torch.int32)
