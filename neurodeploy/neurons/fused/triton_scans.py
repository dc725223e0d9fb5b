"""The two recurrences for a given input current on a GPU: same arguments and results as the readable versions.

A program takes one sample and a block of neurons through all steps, with the state in registers; the backward program
goes back the same way, and each leaves its own sums of the parameters' gradients, so that results do not depend on the
order in which programs run. Products and sums are not contracted (`enable_fp_fusion`), so that spikes equal torch's.

Written without a GPU at hand: checked in Triton's interpreter (TRITON_INTERPRET=1, Triton 3.9) against the readable
versions, and compiled for compute capability 8.0 and 9.0; neither run nor timed on a device. Weights between neurons
are left to the readable version. Axes: B sample, T step, N neuron.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch.autograd.function import once_differentiable

from neurodeploy.neurons.adaptive import AdaptiveCoefficients, AdaptiveState
from neurodeploy.neurons.engine import Coefficients

BLOCK = 64
"""Neurons of a program: two warps."""
OPTIONS: dict[str, Any] = {"num_warps": 2, "enable_fp_fusion": False}


@triton.jit
def _adaptive_forward(
    drive, alphas, kept_outs, betas, as_, bs, first_u, first_w, first_s, spikes, us, ws, n_steps, n_neurons,
    ADAPTS: tl.constexpr, KEEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    sample = tl.program_id(1).to(tl.int64)
    inside = n < n_neurons
    alpha = tl.load(alphas + n, mask=inside, other=0.0)
    kept_out = tl.load(kept_outs + n, mask=inside, other=0.0)
    start = sample * n_neurons + n
    u = tl.load(first_u + start, mask=inside, other=0.0)
    s = tl.load(first_s + start, mask=inside, other=0.0)
    if ADAPTS:
        beta = tl.load(betas + n, mask=inside, other=0.0)
        a = tl.load(as_ + n, mask=inside, other=0.0)
        b = tl.load(bs + n, mask=inside, other=0.0)
        w = tl.load(first_w + start, mask=inside, other=0.0)
    at = sample * n_steps * n_neurons + n
    x = tl.load(drive + at, mask=inside, other=0.0)
    for step in range(n_steps):
        # Asked for a step before it is needed, so that the program does not wait for memory; the last step asks twice.
        ahead = tl.minimum(n_steps - 1 - step, 1) * n_neurons
        later = tl.load(drive + at + ahead, mask=inside, other=0.0)
        if ADAPTS:
            w = beta * w + a * u + b * s
            x = x - w
        u = alpha * (u - s) + kept_out * x
        s = (u - 1.0 > 0.0).to(tl.float32)
        tl.store(spikes + at, s, mask=inside)
        if KEEPS:
            tl.store(us + at, u, mask=inside)
            if ADAPTS:
                tl.store(ws + at, w, mask=inside)
        x = later
        at += n_neurons


@triton.jit
def _adaptive_backward(
    drive, alphas, kept_outs, betas, as_, bs, first_u, first_w, first_s, us, ws, grad_spikes, grad_drive,
    of_alphas, of_betas, of_as, of_bs, n_steps, n_neurons, ADAPTS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    sample = tl.program_id(1).to(tl.int64)
    inside = n < n_neurons
    alpha = tl.load(alphas + n, mask=inside, other=0.0)
    kept_out = tl.load(kept_outs + n, mask=inside, other=0.0)
    start = sample * n_neurons + n
    zero = tl.zeros([BLOCK], dtype=tl.float32)
    of_u, of_s, of_alpha = zero, zero, zero
    u0 = tl.load(first_u + start, mask=inside, other=0.0)
    s0 = tl.load(first_s + start, mask=inside, other=0.0)
    if ADAPTS:
        w0 = tl.load(first_w + start, mask=inside, other=0.0)
        beta = tl.load(betas + n, mask=inside, other=0.0)
        a = tl.load(as_ + n, mask=inside, other=0.0)
        b = tl.load(bs + n, mask=inside, other=0.0)
        of_w, of_beta, of_a, of_b = zero, zero, zero, zero
    at = (sample * n_steps + n_steps - 1) * n_neurons + n
    u = tl.load(us + at, mask=inside, other=0.0)
    for back in range(n_steps):
        step = n_steps - 1 - back
        before = at - tl.minimum(step, 1) * n_neurons
        old_u = tl.load(us + before, mask=inside, other=0.0)
        old_s = tl.where(step == 0, s0, (old_u - 1.0 > 0.0).to(tl.float32))
        old_u = tl.where(step == 0, u0, old_u)
        x = tl.load(drive + at, mask=inside, other=0.0)
        if ADAPTS:
            x = x - tl.load(ws + at, mask=inside, other=0.0)
        distance = u - 1.0
        near = (distance > -0.5) & (distance <= 0.5)
        of_s += tl.load(grad_spikes + at, mask=inside, other=0.0)
        of_u += tl.where(near, of_s, 0.0)
        of_x = kept_out * of_u
        tl.store(grad_drive + at, of_x, mask=inside)
        of_alpha += of_u * (old_u - old_s - x)
        through = alpha * of_u
        of_u, of_s = through, -through
        if ADAPTS:
            old_w = tl.where(step == 0, w0, tl.load(ws + before, mask=inside, other=0.0))
            of_w = of_w - of_x
            of_beta += of_w * old_w
            of_a += of_w * old_u
            of_b += of_w * old_s
            of_u += a * of_w
            of_s += b * of_w
            of_w = beta * of_w
        u = old_u
        at -= n_neurons
    tl.store(of_alphas + start, of_alpha, mask=inside)
    if ADAPTS:
        tl.store(of_betas + start, of_beta, mask=inside)
        tl.store(of_as + start, of_a, mask=inside)
        tl.store(of_bs + start, of_b, mask=inside)


class _Adaptive(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, start: AdaptiveState | None, drive_BTN: torch.Tensor, *parameters: torch.Tensor | None
    ) -> torch.Tensor:
        drive_BTN = drive_BTN.contiguous()
        _, n_steps, n_neurons = drive_BTN.shape
        states = _states(drive_BTN, start or ())
        alpha_N, beta_N, a_N, b_N = parameters
        assert alpha_N is not None
        adapts = beta_N is not None
        rows = [one.contiguous() for one in (alpha_N, 1 - alpha_N)]
        rows += [rows[0] if one is None else one.contiguous() for one in (beta_N, a_N, b_N)]
        keeps = any(ctx.needs_input_grad)
        spikes_BTN = torch.empty_like(drive_BTN)
        u_BTN = torch.empty_like(drive_BTN) if keeps else spikes_BTN
        w_BTN = torch.empty_like(drive_BTN) if keeps and adapts else spikes_BTN
        with torch.cuda.device_of(drive_BTN):
            _adaptive_forward[_grid(drive_BTN)](
                drive_BTN, *rows, *states, spikes_BTN, u_BTN, w_BTN, n_steps, n_neurons,
                ADAPTS=adapts, KEEPS=keeps, BLOCK=BLOCK, **OPTIONS,
            )  # fmt: skip
        ctx.adapts = adapts
        if keeps:
            ctx.save_for_backward(drive_BTN, u_BTN, w_BTN, *rows, *states)
        return spikes_BTN

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BTN: torch.Tensor) -> Any:  # type: ignore[override]
        drive_BTN, u_BTN, w_BTN, *others = ctx.saved_tensors
        rows, states = others[:5], others[5:]
        n_samples, n_steps, n_neurons = drive_BTN.shape
        grad_drive_BTN = torch.empty_like(drive_BTN)
        sums_4BN = drive_BTN.new_empty(4, n_samples, n_neurons)
        with torch.cuda.device_of(drive_BTN):
            _adaptive_backward[_grid(drive_BTN)](
                drive_BTN, *rows, *states, u_BTN, w_BTN, grad_BTN.contiguous(), grad_drive_BTN,
                *sums_4BN, n_steps, n_neurons, ADAPTS=ctx.adapts, BLOCK=BLOCK, **OPTIONS,
            )  # fmt: skip
        of_alpha, *others = sums_4BN.sum(dim=1) if ctx.adapts else (sums_4BN[0].sum(dim=0), None, None, None)
        return None, grad_drive_BTN, of_alpha, *others


@triton.jit
def _resonator_forward(
    drive, decays_re, decays_im, gains, resets_re, resets_im, first_re, first_im, first_s, spikes, res, ims,
    read, n_steps, n_neurons, KEEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    sample = tl.program_id(1).to(tl.int64)
    inside = n < n_neurons
    decay_re = tl.load(decays_re + n, mask=inside, other=0.0)
    decay_im = tl.load(decays_im + n, mask=inside, other=0.0)
    gain = tl.load(gains + n, mask=inside, other=0.0)
    reset_re = tl.load(resets_re + n, mask=inside, other=0.0)
    reset_im = tl.load(resets_im + n, mask=inside, other=0.0)
    start = sample * n_neurons + n
    re = tl.load(first_re + start, mask=inside, other=0.0)
    im = tl.load(first_im + start, mask=inside, other=0.0)
    s = tl.load(first_s + start, mask=inside, other=0.0)
    at = sample * n_steps * n_neurons + n
    x = tl.load(drive + at, mask=inside, other=0.0)
    for step in range(n_steps):
        ahead = tl.minimum(n_steps - 1 - step, 1) * n_neurons
        later = tl.load(drive + at + ahead, mask=inside, other=0.0)
        new_re = decay_re * re - decay_im * im + gain * x - reset_re * s
        im = decay_im * re + decay_re * im - reset_im * s
        re = new_re
        s = (read * re - 1.0 > 0.0).to(tl.float32)
        tl.store(spikes + at, s, mask=inside)
        if KEEPS:
            tl.store(res + at, re, mask=inside)
            tl.store(ims + at, im, mask=inside)
        x = later
        at += n_neurons


@triton.jit
def _resonator_backward(
    drive, decays_re, decays_im, gains, resets_re, resets_im, first_re, first_im, first_s, res, ims, grad_spikes,
    grad_drive, of_decays_re, of_decays_im, of_gains, of_resets_re, of_resets_im, read, n_steps, n_neurons,
    BLOCK: tl.constexpr,
):  # fmt: skip
    n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    sample = tl.program_id(1).to(tl.int64)
    inside = n < n_neurons
    decay_re = tl.load(decays_re + n, mask=inside, other=0.0)
    decay_im = tl.load(decays_im + n, mask=inside, other=0.0)
    gain = tl.load(gains + n, mask=inside, other=0.0)
    reset_re = tl.load(resets_re + n, mask=inside, other=0.0)
    reset_im = tl.load(resets_im + n, mask=inside, other=0.0)
    start = sample * n_neurons + n
    zero = tl.zeros([BLOCK], dtype=tl.float32)
    of_re, of_im, of_s = zero, zero, zero
    re0 = tl.load(first_re + start, mask=inside, other=0.0)
    im0 = tl.load(first_im + start, mask=inside, other=0.0)
    s0 = tl.load(first_s + start, mask=inside, other=0.0)
    of_decay_re, of_decay_im, of_gain, of_reset_re, of_reset_im = zero, zero, zero, zero, zero
    at = (sample * n_steps + n_steps - 1) * n_neurons + n
    re = tl.load(res + at, mask=inside, other=0.0)
    for back in range(n_steps):
        step = n_steps - 1 - back
        before = at - tl.minimum(step, 1) * n_neurons
        old_re = tl.load(res + before, mask=inside, other=0.0)
        old_s = tl.where(step == 0, s0, (read * old_re - 1.0 > 0.0).to(tl.float32))
        old_re = tl.where(step == 0, re0, old_re)
        old_im = tl.where(step == 0, im0, tl.load(ims + before, mask=inside, other=0.0))
        x = tl.load(drive + at, mask=inside, other=0.0)
        distance = read * re - 1.0
        near = (distance > -0.5) & (distance <= 0.5)
        of_s += tl.load(grad_spikes + at, mask=inside, other=0.0)
        of_re += tl.where(near, read * of_s, 0.0)
        tl.store(grad_drive + at, gain * of_re, mask=inside)
        of_gain += of_re * x
        of_decay_re += of_re * old_re + of_im * old_im
        of_decay_im += of_im * old_re - of_re * old_im
        of_reset_re -= of_re * old_s
        of_reset_im -= of_im * old_s
        of_s = -(reset_re * of_re + reset_im * of_im)
        next_re = decay_re * of_re + decay_im * of_im
        of_im = decay_re * of_im - decay_im * of_re
        of_re = next_re
        re = old_re
        at -= n_neurons
    tl.store(of_decays_re + start, of_decay_re, mask=inside)
    tl.store(of_decays_im + start, of_decay_im, mask=inside)
    tl.store(of_gains + start, of_gain, mask=inside)
    tl.store(of_resets_re + start, of_reset_re, mask=inside)
    tl.store(of_resets_im + start, of_reset_im, mask=inside)


class _Resonator(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, start: tuple[torch.Tensor, ...], read: float, drive_BTN: torch.Tensor, *parameters: torch.Tensor
    ) -> torch.Tensor:
        drive_BTN = drive_BTN.contiguous()
        _, n_steps, n_neurons = drive_BTN.shape
        states = _states(drive_BTN, start)
        rows = [one.contiguous() for one in parameters]
        keeps = any(ctx.needs_input_grad)
        spikes_BTN = torch.empty_like(drive_BTN)
        re_BTN, im_BTN = (torch.empty_like(drive_BTN) if keeps else spikes_BTN for _ in range(2))
        with torch.cuda.device_of(drive_BTN):
            _resonator_forward[_grid(drive_BTN)](
                drive_BTN, *rows, *states, spikes_BTN, re_BTN, im_BTN, read, n_steps, n_neurons,
                KEEPS=keeps, BLOCK=BLOCK, **OPTIONS,
            )  # fmt: skip
        ctx.read = read
        if keeps:
            ctx.save_for_backward(drive_BTN, re_BTN, im_BTN, *rows, *states)
        return spikes_BTN

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BTN: torch.Tensor) -> Any:  # type: ignore[override]
        drive_BTN, re_BTN, im_BTN, *others = ctx.saved_tensors
        rows, states = others[:5], others[5:]
        n_samples, n_steps, n_neurons = drive_BTN.shape
        grad_drive_BTN = torch.empty_like(drive_BTN)
        sums_5BN = drive_BTN.new_empty(5, n_samples, n_neurons)
        with torch.cuda.device_of(drive_BTN):
            _resonator_backward[_grid(drive_BTN)](
                drive_BTN, *rows, *states, re_BTN, im_BTN, grad_BTN.contiguous(), grad_drive_BTN, *sums_5BN,
                ctx.read, n_steps, n_neurons, BLOCK=BLOCK, **OPTIONS,
            )  # fmt: skip
        return None, None, grad_drive_BTN, *sums_5BN.sum(dim=1)


def scan(drive_BTN: torch.Tensor, coefficients: Coefficients, start: Any = None) -> torch.Tensor:
    """Return what `scans.scan` does, without weights between neurons; `start` gets no gradient."""
    if isinstance(coefficients, AdaptiveCoefficients):
        recurrent_NN, *parameters = coefficients
        assert recurrent_NN is None
        return _Adaptive.apply(start, drive_BTN, *parameters)  # type: ignore[no-any-return]
    decay_N, gain_N, reset_N, read = coefficients
    states = () if start is None else (*start.u_BN, start.s_BN)
    return _Resonator.apply(states, read, drive_BTN, *decay_N, gain_N, *reset_N)  # type: ignore[no-any-return]


def _grid(drive_BTN: torch.Tensor) -> tuple[int, int]:
    return triton.cdiv(drive_BTN.shape[2], BLOCK), drive_BTN.shape[0]


def _states(drive_BTN: torch.Tensor, start: tuple[torch.Tensor | None, ...]) -> list[torch.Tensor]:
    """Return three states (B, N) before the first step; None is zero."""
    zero_BN = torch.zeros_like(drive_BTN[:, 0])
    given = [zero_BN if state is None else state.detach().to(zero_BN).contiguous() for state in start]
    return given or [zero_BN] * 3
