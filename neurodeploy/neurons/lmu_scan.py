"""The LMU with feedback over all steps of a batch, forward and backward: one small product waits for the step before.

    u[t] = ux[t] + e_h h[t-1];   h[t] = tanh(W_x x[t] + W_h h[t-1] + W_m m[t]);   m[t] = A m[t-1] + B u[t]

By `lmu_blocks`, W_m m[t] is W_m A^(i+1) m from the start of the block, one product for the whole block, and the sum of
W_m A^k B u[t-k], which joins the product of h: a row holds h[t-1], the block's inputs u[t], u[t-1], ... and x[t]. So no
step multiplies by A.

For the backward pass the rows are kept, and the memory at the start of each block: T (H + L + I) + T / L D numbers of a
sample, where eager torch keeps h, m, u and their sums of all steps. Gradients reach what the block is made of, and from
there A, B, W_m and e_m.

Axes: B sample, T step, L step of a block, I input, H hidden, D memory, R of a row.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from neurodeploy.neurons.lmu_blocks import BLOCK, Block, block_of, powered

Tensors = tuple[torch.Tensor, ...]


def _blocks(n_steps: int) -> Iterator[tuple[int, int]]:
    """Yield each block's first step and length."""
    return ((first, min(BLOCK, n_steps - first)) for first in range(0, n_steps, BLOCK))


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: torch.Tensor) -> Tensors:  # type: ignore[override]
        ux_TB, x_TBI, h_BH, m_BD, weights_RH, e_h_H, from_start_LHD, input_end_LD, start_end_DD, rest_DD = given
        (n_steps, n_samples, n_inputs), n_hidden = x_TBI.shape, len(e_h_H)
        rows_TBR = ux_TB.new_empty(n_steps + 1, n_samples, n_hidden + BLOCK + n_inputs)
        rows_TBR[0, :, :n_hidden] = h_BH
        rows_TBR[:-1, :, n_hidden + BLOCK :] = x_TBI
        rows_TBR[:-1:BLOCK, :, n_hidden + 1 : n_hidden + BLOCK] = 0
        # Views of each step, made together: one by one they would take longer than the small operations on them.
        rows, ux, h = rows_TBR.unbind(), ux_TB.unbind(), rows_TBR[:, :, :n_hidden].unbind()
        u, lags = rows_TBR[:, :, n_hidden].unbind(), rows_TBR[:, :, n_hidden : n_hidden + BLOCK]
        younger, older = lags[:, :, :-1].unbind(), lags[:, :, 1:].unbind()
        to_block_LDH = from_start_LHD.transpose(1, 2)
        starts = [m_BD]
        for first, length in _blocks(n_steps):
            z_LBH = torch.matmul(starts[-1], to_block_LDH[:length])
            for t, z_BH in enumerate(z_LBH.unbind(), first):
                if t > first:
                    older[t].copy_(younger[t - 1])
                torch.addmv(ux[t], h[t], e_h_H, out=u[t])
                torch.tanh(z_BH.addmm_(rows[t], weights_RH), out=h[t + 1])
            power_DD = start_end_DD if length == BLOCK else rest_DD
            starts.append(torch.addmm(lags[first + length - 1] @ input_end_LD, starts[-1], power_DD.t()))
        ctx.save_for_backward(rows_TBR, weights_RH, e_h_H, from_start_LHD, input_end_LD, start_end_DD, rest_DD, *starts)
        ctx.set_materialize_grads(False)
        return rows_TBR[1:, :, :n_hidden], rows_TBR[-1, :, :n_hidden].clone(), starts[-1]

    @staticmethod
    @once_differentiable
    def backward(  # type: ignore[override]
        ctx: Any, grad_TBH: torch.Tensor | None, grad_h_BH: torch.Tensor | None, grad_m_BD: torch.Tensor | None
    ) -> Any:
        saved: Any = ctx.saved_tensors
        rows_TBR, weights_RH, e_h_H, from_start_LHD, input_end_LD, start_end_DD, rest_DD, *starts = saved
        n_steps, n_samples, n_hidden = len(rows_TBR) - 1, rows_TBR.shape[1], len(e_h_H)
        of_x = ctx.needs_input_grad[1]
        n_back = weights_RH.shape[0] if of_x else n_hidden + BLOCK
        back_HR = weights_RH[:n_back].t()
        zeros = rows_TBR.new_zeros
        grad_ux_TB = rows_TBR.new_empty(n_steps, n_samples)
        grad_x_TBI = rows_TBR.new_empty(n_steps, n_samples, n_back - n_hidden - BLOCK) if of_x else None
        of_weights, of_e_h = zeros(weights_RH.shape), zeros(n_hidden)
        of_start, of_input_end = zeros(from_start_LHD.shape), zeros(input_end_LD.shape)
        of_power = {BLOCK: zeros(start_end_DD.shape), 0: zeros(start_end_DD.shape)}
        of_h_BH = zeros(n_samples, n_hidden) if grad_h_BH is None else grad_h_BH.clone()
        of_m_BD = zeros(starts[-1].shape) if grad_m_BD is None else grad_m_BD
        row_BR, z_LBH = rows_TBR.new_empty(n_samples, n_back), rows_TBR.new_empty(BLOCK, n_samples, n_hidden)
        h, grad_ux, z_of = rows_TBR[:, :, :n_hidden].unbind(), grad_ux_TB.unbind(), z_LBH.unbind()
        to_start, to_h_BH = from_start_LHD.unbind(), row_BR[:, :n_hidden]
        for (first, length), m_BD in zip(reversed(list(_blocks(n_steps))), reversed(starts[:-1]), strict=True):
            last_BL = rows_TBR[first + length - 1, :, n_hidden : n_hidden + BLOCK]
            power_DD = start_end_DD if length == BLOCK else rest_DD
            of_power[length // BLOCK * BLOCK].addmm_(of_m_BD.t(), m_BD)
            of_input_end.addmm_(last_BL.t(), of_m_BD)
            of_lags_BL = of_m_BD @ input_end_LD.t()  # in the order of the last row
            of_m_BD = of_m_BD @ power_DD
            for i in reversed(range(length)):
                if grad_TBH is not None:
                    of_h_BH += grad_TBH[first + i]
                torch.ops.aten.tanh_backward.grad_input(of_h_BH, h[first + i + 1], grad_input=z_of[i])
                torch.mm(z_of[i], back_HR, out=row_BR)
                of_m_BD.addmm_(z_of[i], to_start[i])
                age = length - 1 - i
                of_lags_BL[:, age:length] += row_BR[:, n_hidden : n_hidden + i + 1]
                of_u_B = grad_ux[first + i].copy_(of_lags_BL[:, age])
                torch.addr(to_h_BH, of_u_B, e_h_H, out=of_h_BH)
                if grad_x_TBI is not None:
                    grad_x_TBI[first + i] = row_BR[:, n_hidden + BLOCK :]
            rows, z = rows_TBR[first : first + length].flatten(0, 1), z_LBH[:length]
            of_weights.addmm_(rows.t(), z.flatten(0, 1))
            of_e_h.addmv_(rows[:, :n_hidden].t(), grad_ux_TB[first : first + length].flatten())
            of_start[:length].baddbmm_(z.transpose(1, 2), m_BD.expand(length, -1, -1))
        return (
            grad_ux_TB, grad_x_TBI, of_h_BH, of_m_BD, of_weights, of_e_h, of_start, of_input_end, of_power[BLOCK],
            of_power[0],
        )  # fmt: skip


def scan(
    ux_BT: torch.Tensor,
    x_BTI: torch.Tensor,
    start: tuple[torch.Tensor, torch.Tensor],
    W_x: torch.Tensor,
    W_h: torch.Tensor,
    W_m: torch.Tensor,
    e_h: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
    """Return h of all steps (B, T, H), and the last h (B, H) and m (B, D).

    Args:
        ux_BT: What x gives to the memory's input.
        x_BTI: At least one step.
        start: h and m before the first step.
        W_x, W_h, W_m: (H, I), (H, H), (H, D).
        e_h: (1, H).
        A: (D, D), with what m gives to its own input: A + B e_m.
        B: (D, 1).
    """
    block: Block = block_of(A, B, W_m, BLOCK)
    weights_RH = torch.cat([W_h.t(), block.from_input, W_x.t()])
    rest = powered(A, x_BTI.shape[1] % BLOCK)
    h_TBH, *end = _Scan.apply(  # type: ignore[no-untyped-call]
        ux_BT.t().contiguous(), x_BTI.transpose(0, 1), *start, weights_RH, e_h[0], block.from_start, block.input_end,
        block.start_end, rest,
    )  # fmt: skip
    return h_TBH.transpose(0, 1), (end[0], end[1])
