"""The spiking LMUFormer with membrane shortcut in its reference's structure, with SpikingJelly's multi-step neurons.

Channels come before frames: convolutions of one frame are its linear maps, the axis of frames is moved to the front for
the neurons and back behind them, and the memory is a convolution by Fourier transforms of twice as many frames.

Source: the structure is that of zeyuliu1037/LMUFormer (5debadd, MIT), written anew from a description. Axes: B sample,
T frame, I input, C channel, D memory, F frequency.
"""

from typing import Any

import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from torch import nn

from neurodeploy.networks.blocks.frames import Shortcut
from neurodeploy.networks.blocks.mixer import EARLY_THRESHOLD
from neurodeploy.networks.families.lmuformer import LmuFormer
from neurodeploy.neurons.lmu_blocks import grown
from neurodeploy.neurons.lmu_layers import LinearMemory


class _Neurons(nn.Module):
    def __init__(self, v_threshold: float = 1.0) -> None:
        super().__init__()
        curve = surrogate.Sigmoid(alpha=4.0)
        self.nodes = neuron.LIFNode(
            2.0, v_threshold=v_threshold, surrogate_function=curve, detach_reset=True, step_mode="m"
        )

    def forward(self, x_BCT: torch.Tensor) -> torch.Tensor:
        return self.nodes(x_BCT.permute(2, 0, 1).contiguous()).permute(1, 2, 0).contiguous()  # type: ignore


class _Cell(nn.Module):
    spectrum_DF2: torch.Tensor

    def __init__(self, width: int, memory: LinearMemory, n_frames: int) -> None:
        super().__init__()
        order = len(memory.A)
        self.W_u, self.bn_u, self.f_u = nn.Linear(width, 1), nn.BatchNorm1d(1), _Neurons()
        self.bn_m, self.f_m = nn.BatchNorm1d(order), _Neurons()
        self.W_h, self.bn_h, self.f_h = nn.Linear(order + width, width), nn.BatchNorm1d(width), _Neurons()
        response_DT = grown(memory.B.double().t(), memory.A.double().t(), n_frames)[:, 0].t().to(memory.A)
        spectrum_DF = torch.fft.rfft(response_DT, n=2 * n_frames)
        self.register_buffer("spectrum_DF2", torch.view_as_real(spectrum_DF))  # `to` would make complex numbers real

    def forward(self, x_BCT: torch.Tensor) -> torch.Tensor:
        x_BTC, n = x_BCT.transpose(1, 2), x_BCT.shape[2]
        u_B1T = self.f_u(self.bn_u(self.W_u(x_BTC).transpose(1, 2)))
        spectrum = torch.fft.rfft(u_B1T, n=2 * n) * torch.view_as_complex(self.spectrum_DF2)
        m_BDT = torch.fft.irfft(spectrum, n=2 * n)[:, :, :n]
        held_BTD = torch.cat([self.f_m(self.bn_m(m_BDT)).transpose(1, 2), x_BTC], 2)
        return self.f_h(self.bn_h(self.W_h(held_BTD).transpose(1, 2)))  # type: ignore[no-any-return]


class _Network(nn.Module):
    def __init__(self, ours: LmuFormer, n_frames: int) -> None:
        super().__init__()
        memory = next(one for one in ours.modules() if isinstance(one, LinearMemory))
        width, hidden, norm = ours.head.in_features, 4 * ours.head.in_features, nn.BatchNorm1d

        def conv(n_inputs: int, n_outputs: int, frames: int = 3) -> nn.Conv1d:
            return nn.Conv1d(n_inputs, n_outputs, frames, padding=frames // 2, bias=frames == 1)

        embedding = [conv(ours.n_inputs, width), norm(width), _Neurons()]
        for _ in range(2):
            embedding += [conv(width, width), norm(width), _Neurons()]
        rest = nn.Sequential(norm(width), _Neurons(), conv(width, width))
        cell = _Cell(width, memory, n_frames)
        mixer = nn.Sequential(norm(width), _Neurons(EARLY_THRESHOLD), cell, conv(width, width, 1), norm(width))
        early, late = [norm(width), _Neurons(), conv(width, hidden, 1)], [norm(hidden), _Neurons()]
        mlp = nn.Sequential(*early, *late, conv(hidden, width, 1))
        blocks = [Shortcut(rest), Shortcut(mixer), Shortcut(mlp)]
        self.body = nn.Sequential(*embedding, conv(width, width), *blocks, norm(width), _Neurons())
        self.head = nn.Linear(width, ours.n_classes)

    def forward(self, x_BTI: torch.Tensor) -> torch.Tensor:
        functional.reset_net(self)
        return self.head(self.body(x_BTI.transpose(1, 2)).transpose(1, 2)).mean(1)  # type: ignore[no-any-return]


def like(ours: LmuFormer, n_frames: int) -> nn.Module:
    """Return the peer of a network of one block, with its weights, for clips of so many frames."""
    found = _Network(ours, n_frames).to(ours.head.weight.dtype)
    with torch.no_grad():
        for mine, its in zip(ours.parameters(), found.parameters(), strict=True):
            its.copy_(mine.view_as(its))
    return found


def sent_by(network: nn.Module) -> list[torch.Tensor]:
    """Return a list that a peer's neurons will add their spikes to (B, T, C), layer by layer."""
    sent: list[torch.Tensor] = []

    def hear(_: Any, __: Any, spikes_TBC: torch.Tensor) -> None:
        sent.append(spikes_TBC.detach().transpose(0, 1))

    for one in network.modules():
        if isinstance(one, neuron.LIFNode):
            one.register_forward_hook(hear)
    return sent
