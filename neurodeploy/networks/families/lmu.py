"""A Legendre memory unit, and a class's score from its last hidden state.

Without feedback the memory is linear, so a chip can hold it: the host works out its input at every step, and the
hidden layer and the scores after the last one.

Axes: B sample, T step, I input, C class.

Source: Voelker et al., NeurIPS 2019; Chilkuri and Eliasmith, ICML 2021; their sizes for psMNIST are the defaults.
"""

import math
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from neurodeploy.errors import NetworkError
from neurodeploy.networks.chip_memory import ChipMemory
from neurodeploy.networks.families.settings import LARGEST_LAYER, NetworkSettings
from neurodeploy.networks.sequence import Answer
from neurodeploy.neurons.lmu import LARGEST_ORDER
from neurodeploy.neurons.lmu_layers import LMU, LMUFFT
from neurodeploy.program.host import CURRENT_BITS, Host


class LmuSettings(NetworkSettings):
    """The defaults are the parallel LMU's for psMNIST."""

    family: Literal["lmu"] = "lmu"
    model: Literal["lmu", "lmufft"] = Field("lmufft", description="lmu has feedback, lmufft none.")
    hidden: int = Field(346, ge=1, le=LARGEST_LAYER, description="Hidden neurons.")
    memory: int = Field(468, ge=1, le=LARGEST_ORDER, description="Legendre coefficients of the memory.")
    theta: float = Field(784.0, ge=1, description="Window of the memory, steps.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of hidden values dropped in training.")
    largest_input: float = Field(1.0, gt=0, description="What inputs are divided by.")
    learn_a: bool = Field(False, description="Train the memory's A (lmu).")
    learn_b: bool = Field(False, description="Train the memory's B (lmu).")
    initial: Literal["usual", "psmnist"] = Field(
        "usual", description="psmnist: the hidden layer starts from the memory alone, as in the reference's example."
    )


class LmuNetwork(nn.Module):
    """The unit, dropout, weights and bias to the scores."""

    def __init__(self, unit: LMU | LMUFFT, n_inputs: int, n_classes: int, dropout: float, largest: float) -> None:
        super().__init__()
        self.unit = unit
        self.drop = nn.Dropout(dropout)
        sizes = unit.cell.sizes if isinstance(unit, LMU) else unit.sizes
        self.head = nn.Linear(sizes["hidden_size"], n_classes)
        self.n_inputs, self.input_shape, self.n_classes, self.largest = n_inputs, (n_inputs,), n_classes, largest

    def forward(self, x_BTI: torch.Tensor) -> Answer:
        """Return the scores, whose softmax are the classes' probabilities, after the last step."""
        x_BTI = x_BTI.to(self.head.weight.dtype) / self.largest
        h_BH = self.unit(x_BTI)[1][0] if isinstance(self.unit, LMU) else self.unit.run(x_BTI, last=True)[0]
        return Answer(self.head(self.drop(h_BH)), (), (), logits=True)


def build(settings: LmuSettings, input_shape: tuple[int, ...], n_classes: int, dt_s: float) -> LmuNetwork:
    """Return a new network; its initial weights come from torch's global generator.

    Raises:
        NetworkError: the model does not have what is set.
    """
    n_inputs = math.prod(input_shape)
    sizes = n_inputs, settings.hidden, settings.memory
    unit: LMU | LMUFFT
    if settings.model == "lmu":
        psmnist = settings.initial == "psmnist"
        unit = LMU(*sizes, settings.theta, learn_a=settings.learn_a, learn_b=settings.learn_b, psmnist=psmnist)
    else:
        for name, usual in (("learn_a", False), ("learn_b", False), ("initial", "usual")):
            if getattr(settings, name) != usual:
                raise NetworkError(f"network.{name}: an lmufft has no such choice; leave it out, or set model=lmu")
        unit = LMUFFT(*sizes, None, settings.theta)
        with torch.no_grad():  # a quarter of torch's own draws give a single input no way through the relu
            unit.W_u.weight.fill_(1 / n_inputs)
            unit.W_u.bias.zero_()
    return LmuNetwork(unit, n_inputs, n_classes, settings.dropout, settings.largest_input)


@torch.no_grad()
def deployable(network: LmuNetwork) -> ChipMemory:
    """Return a trained network without feedback as a memory that a chip can hold, and layers of the host.

    What the host sends has the finest unit that holds inputs of up to `largest_input`, and u a bit more: larger ones
    are cut off. x is sent as it is where that fits.

    Raises:
        NetworkError: it has feedback.
    """
    unit = network.unit
    if isinstance(unit, LMU):
        raise NetworkError(
            "has feedback, so it has no integer form: each step's memory waits for a dense product of a tanh layer",
            "train it only, or set network.model = lmufft",
            where="network",
        )
    w_I, b = unit.W_u.weight[0].double(), unit.W_u.bias.double()
    most = max(float(w_I.abs().sum() + b.abs()), 2.0**-100)
    unit_u = 2.0 ** (math.ceil(math.log2(most)) + 2 - CURRENT_BITS)
    shared = 2.0 ** max(0, math.ceil(math.log2(network.largest)) + 1 - CURRENT_BITS)
    sent = torch.cat([w_I[None] / (network.largest * unit_u), torch.eye(len(w_I)).double() / shared])
    bias = torch.cat([b / unit_u, torch.zeros(len(w_I)).double()])
    shape = len(w_I), 1, 1
    host = Host.of(sent[:, :, None, None].numpy(), bias.numpy(), shape, once=False, unit=1.0, rectified=1)
    made = ChipMemory.of(unit.A, unit.B, (unit_u, shared / network.largest), unit.W_h, network.head, host)
    return made.train(network.training)
