"""A linear memory as the chip holds it, and the host's two layers that read its last step.

    s = s' + turn s' + enter c;    scores = head relu(hidden s)

s are a memory's coefficients, and beside them the step's input, which the hidden layer takes too; c are the whole
numbers that the host sends. Axes: B sample, T step, I number sent, N state, C class.
"""

from typing import Any

import torch
from torch import nn

from neurodeploy.networks.sequence import Answer
from neurodeploy.neurons.lmu_blocks import grown
from neurodeploy.program.host import Host


class ChipMemory(nn.Module):
    """The memory alone goes on a grid, and only the host's layers are trained.

    Args:
        enter: What each of the numbers sent adds to each state (N, I), float64.
        turn: What each state adds to all at the next step, to itself beside what it was (N, N), float64.
        hidden, head: Linear layers on the last states.
        host: What makes the numbers sent of data; None where something else does.
    """

    enter: torch.Tensor
    turn: torch.Tensor

    def __init__(
        self, enter: torch.Tensor, turn: torch.Tensor, hidden: nn.Linear, head: nn.Linear, host: Host | None = None
    ) -> None:
        super().__init__()
        self.register_buffer("enter", enter)
        self.register_buffer("turn", turn)
        self.hidden, self.head, self.host = hidden, head, host
        self.input_shape = (enter.shape[1],)
        self._kept: dict[Any, torch.Tensor] = {}

    @classmethod
    def of(
        cls,
        a: torch.Tensor,
        b: torch.Tensor,
        units: tuple[float, float],
        hidden: nn.Linear,
        head: nn.Linear,
        host: Host | None = None,
    ) -> "ChipMemory":
        """Return m = A m' + B u and x beside it, of a layer that reads both.

        Args:
            a, b: A (D, D) and B (D, 1).
            units: What whole numbers of 1 stand for: u, the first of those sent, and x, the others.
        """
        (order, n_inputs), eye = (len(a), hidden.in_features - len(a)), torch.eye(hidden.in_features).double()
        enter, turn = torch.zeros(len(eye), 1 + n_inputs).double(), -eye
        enter[:order, :1] = b.detach().cpu().double() * units[0]
        enter[order:, 1:] = eye[order:, order:] * units[1]
        turn[:order, :order] += a.detach().cpu().double()
        return cls(enter, turn, hidden, head, host)

    def forward(self, sent_BTI: torch.Tensor) -> Answer:
        """Return the scores, whose softmax are the classes' probabilities, after the last step."""
        last_BN = sent_BTI.flatten(1).to(self.hidden.weight.dtype) @ self._inputs(sent_BTI.shape[1])
        return Answer(self.head(self.hidden(last_BN).relu()), (), (), logits=True)

    def _inputs(self, n_steps: int) -> torch.Tensor:
        """Return what each number sent adds to the last states (T I, N), worked out once in float64."""
        key = n_steps, self.hidden.weight.dtype, *((one.data_ptr(), one._version) for one in self.buffers())
        if key not in self._kept:
            turned = self.turn + torch.eye(len(self.turn)).to(self.turn)
            inputs_TIN = grown(self.enter.t(), turned.t(), n_steps).flip(0)
            self._kept = {key: inputs_TIN.flatten(0, 1).to(self.hidden.weight.dtype)}
        return self._kept[key]
