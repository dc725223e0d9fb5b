"""Convolutions, batch norm, PLIF neurons and pools of their spikes, then two full layers whose spikes vote.

Axes: B sample, T step, I input (channels, rows, columns in one), N neuron, C class.

Source: Fang et al., ICCV 2021; its six networks are these settings. A batch norm takes
all steps of a batch together, as multi-step simulation does, or each step alone, as the paper's code does.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from torch import nn
from torch.nn import functional

from neurodeploy.errors import NetworkError
from neurodeploy.networks.families.settings import LARGEST_LAYER, Hidden, NetworkSettings
from neurodeploy.networks.fused_forward import SpikeLists
from neurodeploy.networks.sequence import Answer
from neurodeploy.neurons.lif import LIF, ScanSettings
from neurodeploy.neurons.plif import PLIF, PlifRule, Sent, plif
from neurodeploy.program.host import UNIT, Host


class PlifSettings(NetworkSettings):
    """The defaults are the paper's network for MNIST."""

    family: Literal["plif"] = "plif"
    neuron: Literal["plif", "lif"] = Field("plif", description="lif keeps tau0.")
    stages: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)] = Field(
        (1, 1), min_length=1, description="Convolutions before each pool of 2 by 2."
    )
    channels: Annotated[Hidden, BeforeValidator(lambda one: (one,) if isinstance(one, int) else one)] = Field(
        (128,), description="Of the convolutions, 3 by 3, of each stage; one number is for all."
    )
    hidden: int = Field(2048, ge=1, le=LARGEST_LAYER, description="Neurons of the first full layer.")
    voters: int = Field(10, ge=1, description="Output neurons of a class, whose spikes are its score.")
    encoder: Literal["once", "each_step"] = Field(
        "once", description="The first convolution runs once a sample, on its first step, or at each step."
    )
    host_encoder: bool = Field(
        False, description="The first convolution runs on the host, which sends the chip currents; trained the same."
    )
    tau0: float = Field(2.0, gt=1, description="Time constants at the start, steps.")
    reset: Literal["zero", "subtract"] = Field("zero", description="What a spike does to the potential.")
    detach_reset: bool = Field(True, description="No gradient through a spike into the reset.")
    surrogate: Literal["arctan", "sigmoid", "fast_sigmoid"] = Field("arctan", description="In place of the step.")
    slope: float = Field(2.0, gt=0, description="Of the surrogate; alpha in the paper.")
    pool: Literal["max", "average"] = Field("max", description="Of the spikes of 2 by 2 neurons.")
    norm: Literal["batch", "step"] = Field("batch", description="Statistics of all steps of a batch, or of each step.")
    dropout: Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], Field(strict=False)] = Field(
        (0.5, 0.5), min_length=2, max_length=2, description="Before each full layer; the same for all steps."
    )
    bias: bool = Field(False, description="Of the full layers.")

    @field_validator("channels")
    @classmethod
    def _of_stages(cls, found: tuple[int, ...], told: ValidationInfo) -> tuple[int, ...]:
        wanted = len(told.data.get("stages", found))
        if len(found) not in (1, wanted):
            raise ValueError(f"one number, or {wanted} as there are stages, are needed")
        return found


class ChipLIF(LIF):
    """`neurons.lif.LIF` of any axes, by the kernels of PLIF."""

    at_threshold = True

    def forward(self, drive_BTN: torch.Tensor, recurrent_NN: torch.Tensor | None = None) -> torch.Tensor:
        return self.sent(drive_BTN).spikes

    def sent(self, drive_BTN: torch.Tensor, **how: Any) -> Sent:
        """Return what `neurons.plif.plif` gives."""
        reset, surrogate, slope = self.settings
        rule = PlifRule(1.0, None if reset == "subtract" else 0.0, False, True, surrogate, slope)
        return plif(drive_BTN, 1 - self.numbers()["beta"], rule, **how)


class SpikingStage(nn.Module):
    """Weights, perhaps a batch norm, neurons, and perhaps a pool of their spikes.

    Args:
        dropout: Of what arrives.
        each_step: The norm takes each step alone.
    """

    def __init__(
        self,
        weights: nn.Conv2d | nn.Linear,
        norm: nn.BatchNorm2d | None,
        neurons: PLIF | ChipLIF,
        pool: nn.MaxPool2d | nn.AvgPool2d | None = None,
        dropout: float = 0.0,
        *,
        each_step: bool = False,
    ) -> None:
        super().__init__()
        self.weights, self.norm, self.neurons, self.pool = weights, norm, neurons, pool
        self.dropout, self.each_step = dropout, each_step
        self.current = nn.Identity()
        """What `drive` gives passes it, so that a host can be told to work out all up to there."""

    def drive(self, x_BTN: torch.Tensor) -> torch.Tensor:
        """Return the input current (B, T, N); full layers take all axes of what arrives in one."""
        if isinstance(self.weights, nn.Linear):
            x_BTN = x_BTN.flatten(2)
        if self.dropout and self.training:
            x_BTN = x_BTN * functional.dropout(torch.ones_like(x_BTN[:, :1]), self.dropout)
        found = self.weights(x_BTN.flatten(0, 1))
        if self.norm is None:
            return self.current(found.unflatten(0, x_BTN.shape[:2]))  # type: ignore[no-any-return]
        if self.each_step and self.training:
            return torch.stack([self.norm(one) for one in found.unflatten(0, x_BTN.shape[:2]).unbind(1)], 1)
        return self.current(self.norm(found).unflatten(0, x_BTN.shape[:2]))  # type: ignore[no-any-return]

    def sent(self, x_BTN: torch.Tensor, n_steps: int) -> Sent:
        """Return what is sent, in as few passes as there can be; see `neurons.plif.plif`."""
        pooled = isinstance(self.pool, nn.MaxPool2d)
        found = self.neurons.sent(self.drive(x_BTN), n_steps=n_steps, pooled=pooled)
        return found if self.pool is None or pooled else found._replace(spikes=self.pooled(found.spikes))

    def pooled(self, spikes_BTN: torch.Tensor) -> torch.Tensor:
        """Return spikes after the pool."""
        assert self.pool is not None
        return self.pool(spikes_BTN.flatten(0, 1)).unflatten(0, spikes_BTN.shape[:2])

    def parts(self, x_BTN: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield what the neurons send, and what a pool makes of that."""
        yield (spikes_BTN := self.neurons(self.drive(x_BTN)))
        if self.pool is not None:
            yield self.pooled(spikes_BTN)


class PlifNetwork(nn.Module):
    """A stack of stages; the class is that whose voters spike most.

    Args:
        once: The first stage's weights take the first step alone, in training.
        host_encoder: `deployable` leaves the first stage's weights to the host.

    Attributes:
        host: What makes the input of data; None where they are the input.
    """

    host: Host | None = None

    def __init__(
        self, stages: list[SpikingStage], image: tuple[int, ...], n_classes: int, *, once: bool, host_encoder: bool
    ) -> None:
        super().__init__()
        self.stages: Any = nn.ModuleList(stages)  # of these, which its type does not say
        self.image, self.n_classes, self.once, self.host_encoder = image, n_classes, once, host_encoder
        self.input_shape = image
        self.node_names: dict[str, dict[str, str]] = {}
        for number, stage in enumerate(stages, 1):
            kind = "conv" if isinstance(stage.weights, nn.Conv2d) else "fc"
            names = {"weights": f"{kind}{number}", "norm": f"norm{number}", "neurons": f"plif{number}"}
            self.node_names |= {f"stages.{number - 1}.{key}": {"": name} for key, name in names.items()}
            # In a file nodes come by name: in the order of the layers, as long as these are fewer than ten.
            self.node_names[f"stages.{number - 1}.pool"] = {"": f"plif{number}_pool", "sum": f"sum{number}"}

    def forward(self, x_BTI: torch.Tensor) -> Answer:
        """Return the classes' shares of spikes that could be, and what all layers send.

        With gradients a stage is one pass; without, its parts are run, so that a reader can follow them.
        """
        n_steps = x_BTI.shape[1]
        x_BTN = x_BTI.to(next(self.parameters()).dtype).unflatten(2, self.image)
        hidden: Any = []
        if torch.is_grad_enabled():
            sent = [Sent(x_BTN[:, :1] if self.once else x_BTN, x_BTN)]
            for stage in self.stages:
                sent.append(stage.sent(sent[-1].spikes, n_steps))
            hidden = SpikeLists(sent[1:-1], lambda one: one.spikes.flatten(2))  # type: ignore
            last_BTN = sent[-1].spikes
        else:
            for stage in self.stages:
                parts = list(stage.parts(x_BTN))
                hidden += [one.flatten(2) for one in parts]
                x_BTN = parts[-1]
            last_BTN = hidden.pop()
        votes_BC = last_BTN.unflatten(2, (self.n_classes, -1)).mean(3).mean(1)
        return Answer(votes_BC, hidden, (), logits=True, sent=last_BTN)


@dataclass(frozen=True)
class _Made:
    """What all stages share."""

    settings: PlifSettings
    rule: PlifRule

    def stage(self, weights: Any, *, pool: bool = False, dropout: float = 0.0) -> SpikingStage:
        settings = self.settings
        pools: Any = (nn.MaxPool2d if settings.pool == "max" else nn.AvgPool2d)(2) if pool else None
        norm = nn.BatchNorm2d(weights.out_channels) if isinstance(weights, nn.Conv2d) else None
        neurons = PLIF(settings.tau0, self.rule, learned=settings.neuron == "plif")
        return SpikingStage(weights, norm, neurons, pools, dropout, each_step=settings.norm == "step")


def build(settings: PlifSettings, input_shape: tuple[int, ...], n_classes: int, dt_s: float) -> PlifNetwork:
    """Return a new network; its initial weights are torch's own, from its global generator.

    Raises:
        NetworkError: the input is no picture, or too small for the pools.
    """
    n_channels, *size = input_shape
    if len(size) != 2 or min(size) < 2 ** len(settings.stages):
        raise NetworkError(
            f"network: a step of the data is {input_shape}, {len(settings.stages)} pools need channels, and at least "
            f"{2 ** len(settings.stages)} rows and columns; take fewer stages"
        )
    v_reset = None if settings.reset == "subtract" else 0.0
    made = _Made(settings, PlifRule(1.0, v_reset, True, settings.detach_reset, settings.surrogate, settings.slope))
    stages = []
    channels = settings.channels * (len(settings.stages) // len(settings.channels))
    for n_convolutions, n_wanted in zip(settings.stages, channels, strict=True):
        for left in range(n_convolutions, 0, -1):
            weights = nn.Conv2d(n_channels, n_wanted, 3, padding=1, bias=False)
            weights.weight.data = weights.weight.to(memory_format=torch.channels_last)  # half the time
            stages.append(made.stage(weights, pool=left == 1))
            n_channels = n_wanted
        size = [one // 2 for one in size]
    n_inputs = n_channels * size[0] * size[1]
    for n_outputs, dropout in zip((settings.hidden, n_classes * settings.voters), settings.dropout, strict=True):
        stages.append(made.stage(nn.Linear(n_inputs, n_outputs, bias=settings.bias), dropout=dropout))
        n_inputs = n_outputs
    how = {"once": settings.encoder == "once", "host_encoder": settings.host_encoder}
    return PlifNetwork(stages, tuple(input_shape), n_classes, **how)


@torch.no_grad()
def deployable(network: PlifNetwork) -> PlifNetwork:
    """Return a trained network with batch norms and k folded into weights and biases: what is put on a grid."""
    stages = []
    for stage in network.stages:
        neurons: Any = stage.neurons
        rule = neurons.rule
        reset = "subtract" if rule.v_reset is None else "zero"
        settings = ScanSettings(reset, rule.surrogate, rule.slope)
        leaky = ChipLIF(0.5, train_decays=neurons.w.requires_grad, settings=settings)
        leaky.to(neurons.w.dtype).beta_logit.copy_(-neurons.w)
        weights = copy.deepcopy(stage.weights)
        weight, precision = weights.weight.double(), weights.weight.dtype
        bias = torch.zeros(len(weight), dtype=torch.float64)
        gain = neurons.w.double().sigmoid()
        biased = weights.bias is not None or stage.norm is not None
        if weights.bias is not None:
            bias += weights.bias
        if stage.norm is not None:
            scale = stage.norm.weight.double() / (stage.norm.running_var.double() + stage.norm.eps).sqrt()
            weight, bias = weight * scale[:, None, None, None], stage.norm.bias - stage.norm.running_mean * scale
        weights.weight = nn.Parameter((weight * gain).to(precision))
        weights.bias = nn.Parameter((bias * gain).to(precision)) if biased else None
        stages.append(SpikingStage(weights, None, leaky, stage.pool, stage.dropout))
    image, first = network.image, stages[0].weights
    host = None
    if network.host_encoder:
        bias = torch.zeros(len(first.weight)) if first.bias is None else first.bias
        host = Host.of(first.weight.detach().cpu().numpy(), bias.detach().cpu().numpy(), image, once=network.once)
        image = host.window.output_shape
        stages[0].weights = nn.Conv2d(image[0], image[0], 1, groups=image[0], bias=False, dtype=first.weight.dtype)
        stages[0].weights.weight.fill_(UNIT)
    made = PlifNetwork(stages, image, network.n_classes, once=network.once, host_encoder=False)
    made.host = host
    return made.train(network.training)
