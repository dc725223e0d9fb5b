"""The LMU with feedback over all steps of a batch, forward and backward: one product waits for the step before.

    u[t] = e_x x[t] + e_h h[t-1];   h[t] = tanh(W_x x[t] + W_h h[t-1] + W_m m[t]);   m[t] = A m[t-1] + B u[t]

By `lmu_blocks`, W_m m[t] is W_m A^(i+1) m from the start of the block, one product for the whole block, and the sum of
W_m A^k B u[t-k]. A row holds x[t], h[t-1] and the block's inputs u[t-1], u[t-2], ...; one matrix makes of it what is
under the tanh, u[t], and the inputs moved on by one: all but x of the next row. So no step multiplies by A, nothing is
copied from row to row, and the transposed matrix takes the gradient of a row to that of the row before.

For the backward pass the rows are kept, and the memory at the start of each block: T (I + H + L) + T / L (D + L)
numbers of a sample, where eager torch keeps h, m, u and their sums of all steps. Gradients reach what the block is made
of, and from there A, B, W_m and e_m.

Axes: B sample, T step, L step of a block, or input of one, the last first; I input, H hidden, D memory, R of a row,
C made of a row.
"""

from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

from neurodeploy.neurons.fused.pool import POOL
from neurodeploy.neurons.lmu_blocks import BLOCK, Block, block_of, powered

Tensors = tuple[torch.Tensor, ...]


def _blocks(n_steps: int) -> list[tuple[int, int]]:
    """Return each block's first step and length."""
    return [(first, min(BLOCK, n_steps - first)) for first in range(0, n_steps, BLOCK)]


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: torch.Tensor) -> Tensors:  # type: ignore[override]
        x_TBI, h_BH, m_BD, weights_RC, from_start_LHD, input_end_LD, start_end_DD, rest_DD = given
        (n_steps, n_samples, n_inputs), n_hidden = x_TBI.shape, h_BH.shape[1]
        shape, end = (n_steps + 1, n_samples, n_inputs + n_hidden + BLOCK), n_inputs + n_hidden
        pooled = x_TBI.is_cpu and x_TBI.dtype == torch.float32
        rows_TBR = POOL.tensor(*shape) if pooled else x_TBI.new_empty(shape)
        rows_TBR[:-1, :, :n_inputs] = x_TBI
        h_TBH, inputs_TBL = rows_TBR[:, :, n_inputs:end], rows_TBR[:, :, end:]
        h_TBH[0], inputs_TBL[0] = h_BH, 0
        # Views of each step, made together: one by one they would take longer than the small operations on them.
        rows, made, h = (one.unbind() for one in (rows_TBR[:, :, :-1], rows_TBR[:, :, n_inputs:], h_TBH))
        to_block_LDH = from_start_LHD.transpose(1, 2).contiguous()
        starts, inputs = [m_BD], []
        for first, length in _blocks(n_steps):
            after = first + length
            inputs_TBL[first + 1 : after + 1] = 0
            torch.bmm(starts[-1].expand(length, -1, -1), to_block_LDH[:length], out=h_TBH[first + 1 : after + 1])
            for t in range(first, after):
                made[t + 1].addmm_(rows[t], weights_RC)
                h[t + 1].tanh_()
            inputs.append(inputs_TBL[after].clone())
            inputs_TBL[after] = 0  # the next block's memory knows them
            power_DD = start_end_DD if length == BLOCK else rest_DD
            starts.append(torch.addmm(inputs[-1] @ input_end_LD, starts[-1], power_DD.t()))
        kept = weights_RC, from_start_LHD, input_end_LD, start_end_DD, rest_DD, *inputs, *starts
        ctx.save_for_backward(rows_TBR, *kept)
        ctx.set_materialize_grads(False)
        return h_TBH[1:], h[-1].clone(), starts[-1]

    @staticmethod
    @once_differentiable
    def backward(  # type: ignore[override]
        ctx: Any, grad_TBH: torch.Tensor | None, grad_h_BH: torch.Tensor | None, grad_m_BD: torch.Tensor | None
    ) -> Any:
        saved: Any = ctx.saved_tensors
        rows_TBR, weights_RC, from_start_LHD, input_end_LD, start_end_DD, rest_DD, *kept = saved
        n_steps, n_samples, end = len(rows_TBR) - 1, rows_TBR.shape[1], rows_TBR.shape[2] - BLOCK
        blocks, n_inputs, zeros = _blocks(n_steps), end - from_start_LHD.shape[1], rows_TBR.new_zeros
        of_x = ctx.needs_input_grad[0]
        grad_x_TBI = rows_TBR.new_empty(n_steps, n_samples, n_inputs) if of_x else None
        of_weights, of_start, of_input_end = (zeros(one.shape) for one in (weights_RC, from_start_LHD, input_end_LD))
        of_power = {BLOCK: zeros(start_end_DD.shape), 0: zeros(start_end_DD.shape)}
        of_m_BD = zeros(kept[-1].shape) if grad_m_BD is None else grad_m_BD
        # Of the block's rows and what comes behind. In the inputs' places there may be gradients of inputs before the
        # block, which are 0 and reach nothing.
        grads_LBR = zeros(BLOCK + 1, *rows_TBR.shape[1:])
        z_LBH, skipped = grads_LBR[:, :, n_inputs:end], 0 if of_x else n_inputs
        grads, made, z = (one.unbind() for one in (grads_LBR[:, :, skipped:-1], grads_LBR[:, :, n_inputs:], z_LBH))
        back_CR, to_start = weights_RC[skipped:].t().contiguous(), from_start_LHD.unbind()
        h = rows_TBR[:, :, n_inputs:end].unbind()
        if grad_h_BH is not None:
            z[0].copy_(grad_h_BH)
        for (first, length), input_BL, m_BD in reversed(list(zip(blocks, kept, kept[len(blocks) :], strict=False))):
            of_power[length // BLOCK * BLOCK].addmm_(of_m_BD.t(), m_BD)
            of_input_end.addmm_(input_BL.t(), of_m_BD)
            z[length].copy_(z[0])
            torch.mm(of_m_BD, input_end_LD.t(), out=grads_LBR[length, :, end:])
            of_m_BD = of_m_BD @ (start_end_DD if length == BLOCK else rest_DD)
            for i in range(length, 0, -1):
                if grad_TBH is not None:
                    z[i].add_(grad_TBH[first + i - 1])
                torch.ops.aten.tanh_backward.grad_input(z[i], h[first + i], grad_input=z[i])
                torch.mm(made[i], back_CR, out=grads[i - 1])
                of_m_BD.addmm_(z[i], to_start[i - 1])
            rows_BR = rows_TBR[first : first + length, :, :-1].flatten(0, 1)
            made_BC = grads_LBR[1 : length + 1, :, n_inputs : end + 1].flatten(0, 1)  # the rest only moves inputs on
            of_weights[:, : made_BC.shape[1]].addmm_(rows_BR.t(), made_BC)
            of_start[:length].baddbmm_(z_LBH[1 : length + 1].transpose(1, 2), m_BD.expand(length, -1, -1))
            if grad_x_TBI is not None:
                grad_x_TBI[first : first + length] = grads_LBR[:length, :, :n_inputs]
        return grad_x_TBI, z[0], of_m_BD, of_weights, of_start, of_input_end, of_power[BLOCK], of_power[0]


def scan(
    x_BTI: torch.Tensor,
    start: tuple[torch.Tensor, torch.Tensor],
    W_x: torch.Tensor,
    W_h: torch.Tensor,
    W_m: torch.Tensor,
    e_x: torch.Tensor,
    e_h: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
    """Return h of all steps (B, T, H), and the last h (B, H) and m (B, D).

    Args:
        x_BTI: At least one step.
        start: h and m before the first step.
        W_x, W_h, W_m: (H, I), (H, H), (H, D).
        e_x, e_h: (1, I), (1, H).
        A: (D, D), with what m gives to its own input: A + B e_m.
        B: (D, 1).
    """
    block: Block = block_of(A, B, W_m, BLOCK)
    kernel_HR, encoder_1R = torch.cat([W_x, W_h], 1), torch.cat([e_x, e_h], 1)
    now, before = block.from_input.split([1, BLOCK - 1])
    under_tanh = torch.cat([torch.addmm(kernel_HR.t(), encoder_1R.t(), now), before])
    moved_on = functional.pad(torch.eye(BLOCK - 1).to(A), (0, 0, kernel_HR.shape[1], 0))
    weights_RC = torch.cat([under_tanh, functional.pad(encoder_1R, (0, BLOCK - 1)).t(), moved_on], 1)
    rest = powered(A, x_BTI.shape[1] % BLOCK)
    h_TBH, *end = _Scan.apply(  # type: ignore[no-untyped-call]
        x_BTI.transpose(0, 1), *start, weights_RC, block.from_start, block.input_end, block.start_end, rest
    )
    return h_TBH.transpose(0, 1), (end[0], end[1])
