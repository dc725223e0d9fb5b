"""Spiking transformers of pictures and events: Spikformer, Spike-driven Transformer (SDT) v1, QKFormer and TIM.

An embedding of convolutions, blocks of attention and MLP beside shortcuts, and a linear map of the mean over places.
Axes: B sample, T step, I input (channels, rows, columns in one), C channel, H row, W column.

Source: ZK-Zhou/spikformer (62126898), BICLab/Spike-Driven-Transformer (3faa8227), zhouchenlin2096/QKFormer (c2a00e8e),
Fancyssc/TIM (3ad10d56). Parts that these create and never use are left out: layer norms, positional arrays, the map of
SDT's talking heads. Samples never mix and TIM has its thresholds, but for `uncorrected`.
"""

from typing import Annotated, Any, Literal, NamedTuple

import torch
from pydantic import BeforeValidator, Field, model_validator
from torch import nn

from neurodeploy.errors import NetworkError
from neurodeploy.networks.blocks import sps
from neurodeploy.networks.blocks.deformed import deformed
from neurodeploy.networks.blocks.frames import Shortcut, chain, drawn_small
from neurodeploy.networks.blocks.maps import EARLY, NeuronKind, mlp, neurons
from neurodeploy.networks.blocks.qk import QKAttention
from neurodeploy.networks.blocks.sdsa import SpikeDrivenAttention
from neurodeploy.networks.blocks.ssa import SpikingSelfAttention
from neurodeploy.networks.blocks.tim import LOST, THRESHOLDS, TemporalInteraction
from neurodeploy.networks.chip_maps import HEAD, ChipMaps
from neurodeploy.networks.families.settings import LARGEST_LAYER, NetworkSettings
from neurodeploy.networks.fused_forward import SpikeLists
from neurodeploy.networks.map_rules import chip_maps, population_name
from neurodeploy.networks.sequence import Answer
from neurodeploy.neurons.plif import LIFNode, taken

Layout = Literal["cifar", "imagenet", "dvs", "small"]
"""Three as published, and one for pictures of 28 by 28, which is pooled early."""
Attention = Literal["token", "channel", "ssa"]


class Form(NamedTuple):
    """What a layout of Spikformer and TIM is.

    Attributes:
        pools: Of the embedding, as in `blocks.sps`.
        scale, qkv_bias: Of the attention.
    """

    pools: str
    scale: float
    qkv_bias: bool


FORMS = {
    "cifar": Form("0011", 0.125, True),
    "imagenet": Form("1111", 0.125, False),
    "dvs": Form("1111", 0.25, False),
    "small": Form("1100", 0.125, False),
}


ONLY = {
    "attention": ("qkformer",),
    "tim_axis": ("tim",),
    "pools": ("spikformer", "sdt", "tim"),
    "pools_spikes": ("sdt", "qkformer"),
    "uncorrected": ("qkformer", "tim"),
}
"""Settings that not all models have."""


class TransformerSettings(NetworkSettings):
    """The defaults are Spikformer 4-384 for pictures of 32 by 32."""

    family: Literal["transformer"] = "transformer"
    model: Literal["spikformer", "sdt", "qkformer", "tim"] = Field("spikformer", description="tim: Spikformer with it.")
    layout: Layout = Field("cifar", description="Embedding and attention as published for these inputs.")
    width: int = Field(384, ge=8, le=LARGEST_LAYER, multiple_of=8, description="Channels of the last blocks.")
    depth: int = Field(4, ge=1, description="Blocks, of all stages together.")
    heads: int = Field(12, ge=1, description="Of attention, which share the channels.")
    mlp_ratio: float = Field(4.0, gt=0, description="Hidden channels of an MLP, in widths.")
    neuron: NeuronKind = Field("lif", description="All neurons, but for those that gate, which have no memory.")
    encoder: Literal["once", "each_step"] = Field(
        "once", description="The first convolution runs once a sample, on its first step, or at each step."
    )
    host_encoder: bool = Field(
        False, description="The first convolution runs on the host, which sends the chip currents; trained the same."
    )
    pools: Annotated[str | None, BeforeValidator(lambda one: str(one) if isinstance(one, int) else one)] = Field(
        None, pattern="^[01]{4}$", description="1 where a convolution of the embedding is pooled; not of qkformer."
    )
    pools_spikes: bool = Field(
        False, description="Pools of real values come after the neurons instead (sdt, qkformer)."
    )
    attention: Annotated[tuple[Attention, ...] | None, Field(strict=False)] = Field(
        None, description="Of each stage (qkformer); token, and ssa in the last."
    )
    tim_axis: Literal["tokens", "channels"] = Field("tokens", description="Channels of TIM's convolution.")
    uncorrected: bool = Field(
        False, description="As published weights were trained: qkformer mixes samples, tim has thresholds of 1."
    )
    input_mean: Annotated[tuple[float, ...], Field(strict=False, min_length=1)] = Field(
        (0.0,), description="Taken off the input, of each channel, or one number."
    )
    input_scale: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(strict=False, min_length=1)] = Field(
        (1.0,), description="Then it is divided by this."
    )

    @model_validator(mode="after")
    def _of_the_model(self) -> "TransformerSettings":
        for name, models in ONLY.items():
            if self.model not in models and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} is of {' and '.join(models)} alone, found model = {self.model}; leave it out")
        return self

    def of_stages(self, n_stages: int) -> tuple[Attention, ...]:
        """Return the attention of each stage of a QKFormer."""
        first: list[Attention] = ["token"] * (n_stages - 1)
        return self.attention or (*first, "ssa")


class SpikingTransformer(nn.Module):
    """The network.

    Args:
        parts: Embeddings and blocks by their names; the first one's first stage takes the input.
        head_lif: Neurons before the head.
        width: Channels of what the parts give.
        image: Channels, rows and columns of the input.
    """

    def __init__(
        self,
        parts: dict[str, nn.Module],
        head_lif: nn.Module | None,
        width: int,
        image: tuple[int, ...],
        n_classes: int,
        settings: TransformerSettings,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.parts = chain(**parts)
        self.head_lif = head_lif
        self.head = drawn_small(nn.Linear(width, n_classes))
        self.image, self.input_shape, self.n_classes, self.once = image, image, n_classes, settings.encoder == "once"
        for name in ("input_mean", "input_scale"):
            value = torch.tensor(getattr(settings, name)).view(-1, 1, 1)
            self.register_buffer(name, value, persistent=False)

    def forward(self, x_BTI: torch.Tensor) -> Answer:
        """Return the mean scores of all steps, those of each, and what the neurons send.

        Raises:
            NetworkError: there is no sample or no step, or a step has other values.
        """
        if x_BTI.ndim != 3 or 0 in x_BTI.shape or x_BTI.shape[2] != torch.Size(self.image).numel():
            raise NetworkError(
                f"transformer: found an input of shape {tuple(x_BTI.shape)}, (samples, steps, "
                f"{torch.Size(self.image).numel()}) with at least one each is needed"
            )
        n_steps = x_BTI.shape[1]
        if self.once and torch.is_grad_enabled():
            x_BTI = x_BTI[:, :1]
        x = x_BTI.to(self.head.weight.dtype).unflatten(2, self.image)
        x = (x - self.input_mean) / self.input_scale  # type: ignore[operator]
        first, *others = self._stages()
        x = first.lif(first.map(x), n_steps)
        for one in (*list(first)[2:], *others):
            x = one(x)
        features_BTC = x.mean((3, 4))
        if self.head_lif is not None:
            features_BTC = self.head_lif(features_BTC)
        scores_BTC = self.head(features_BTC)
        sent: Any = list(taken(self))
        return Answer(scores_BTC.mean(1), SpikeLists(sent, _spikes), (), logits=True, steps=scores_BTC)

    @property
    def layer_names(self) -> list[str]:
        """What the chip's populations are called of which `hidden` tells what they send, and the readout."""
        lifs = (name for name, one in self.named_modules() if isinstance(one, LIFNode))
        return [*map(population_name, lifs), HEAD]

    def _stages(self) -> list[Any]:
        """Return what comes one after another, from the first convolution to the last block."""
        embed, *others = self.parts
        return [*embed, *others]  # type: ignore[misc]


def _spikes(one: Any) -> torch.Tensor:
    return one.spikes.flatten(2)  # type: ignore[no-any-return]


def build(
    settings: TransformerSettings, input_shape: tuple[int, ...], n_classes: int, dt_s: float
) -> SpikingTransformer:
    """Return a new network; its initial weights come from torch's global generator.

    Raises:
        NetworkError: the input is no picture that the strides fit, or heads do not divide the channels.
    """
    made: dict[str, Any] = {"spikformer": _spikformer, "tim": _spikformer, "sdt": _sdt, "qkformer": _qkformer}
    stride = _stride(settings)
    if len(input_shape) != 3 or input_shape[1] % stride or input_shape[2] % stride:
        raise NetworkError(
            f"network: a step of the data is {input_shape}, {settings.model} for {settings.layout} needs channels, and "
            f"rows and columns that {stride} divides; choose network.layout or network.pools, or crop the pictures"
        )
    for told, found in (("input_mean", settings.input_mean), ("input_scale", settings.input_scale)):
        if len(found) not in (1, input_shape[0]):
            raise NetworkError(
                f"network.{told}: found {len(found)} numbers, {input_shape[0]} channels or one are needed"
            )
    parts, head_lif = made[settings.model](settings, tuple(input_shape))
    network = SpikingTransformer(parts, head_lif, settings.width, tuple(input_shape), n_classes, settings)
    for one in network.modules():  # as the references draw them
        linear = settings.model == "spikformer" and settings.layout == "cifar"
        if isinstance(one, nn.Conv2d) and (settings.model == "sdt" or (linear and one.kernel_size == (1, 1))):
            nn.init.trunc_normal_(one.weight, std=0.02)
            if one.bias is not None:
                nn.init.zeros_(one.bias)
    return network


def _stride(settings: TransformerSettings) -> int:
    if settings.model == "qkformer":
        return 4 if settings.layout in ("cifar", "small") else 16
    return 2 ** _pools(settings).count("1")


def _pools(settings: TransformerSettings) -> str:
    return settings.pools or FORMS[settings.layout].pools


def _shared(settings: TransformerSettings, width: int) -> tuple[int, int]:
    """Return channels and heads of attention.

    Raises:
        NetworkError: the heads cannot share the channels.
    """
    if width % settings.heads:
        raise NetworkError(
            f"network.heads: found {settings.heads}, {width} channels cannot be shared by so many; take a divisor"
        )
    return width, settings.heads


def _spikformer(settings: TransformerSettings, image: tuple[int, ...]) -> tuple[dict[str, nn.Module], None]:
    form, kind, interacts = FORMS[settings.layout], settings.neuron, settings.model == "tim"
    width, n_heads = _shared(settings, settings.width)
    stride, lost = _stride(settings), interacts and settings.uncorrected
    blocks = []
    for _ in range(settings.depth):
        how: dict[str, Any] = {"scale": form.scale, "qkv_bias": form.qkv_bias}
        if interacts:
            n_places = image[1] * image[2] // stride**2
            thresholds = LOST if lost else THRESHOLDS
            tim = TemporalInteraction(n_places, width // n_heads, n_heads, kind, settings.tim_axis, thresholds)
            how = {"scale": form.scale, "proj_bias": False, "interaction": tim, "v_threshold": 1.0 if lost else EARLY}
        attention = SpikingSelfAttention(width, n_heads, kind, **how)
        blocks.append(_block(attention, settings, width))
    embed = sps.spiking(image[0], width, _pools(settings), kind)
    return {"patch_embed": embed, "block": nn.Sequential(*blocks)}, None


def _block(attention: nn.Module, settings: TransformerSettings, width: int) -> nn.Sequential:
    hidden = max(1, int(width * settings.mlp_ratio))
    made = mlp(width, hidden, settings.neuron, membrane=settings.model == "sdt")
    return chain(attn=Shortcut(attention), mlp=made)


def _sdt(settings: TransformerSettings, image: tuple[int, ...]) -> tuple[dict[str, nn.Module], nn.Module]:
    width, n_heads = _shared(settings, settings.width)
    dilates = settings.layout == "dvs"
    blocks = [
        _block(SpikeDrivenAttention(width, n_heads, settings.neuron, dilates=dilates), settings, width)
        for _ in range(settings.depth)
    ]
    embed = sps.membrane(image[0], width, _pools(settings), settings.neuron, after=settings.pools_spikes)
    return {"patch_embed": embed, "block": nn.Sequential(*blocks)}, neurons(settings.neuron)


class Stage(NamedTuple):
    """A stage of QKFormer.

    Attributes:
        part: The width divided by this is its channels.
        path: Of its embedding: name, part, and whether it is pooled, of each convolution.
        shared: How many of them come before the paths part.
        depth: Its blocks; 0 is all that are left.
    """

    part: int
    path: tuple[tuple[str, int, bool], ...]
    shared: int
    depth: int


def _later(part: int, names: tuple[str, str], pooled: int, depth: int) -> Stage:
    path = tuple((name, part, number == pooled) for number, name in enumerate(names))
    return Stage(part, path, 0, depth)


STAGES: dict[Layout, tuple[Stage, ...]] = {
    "cifar": (
        Stage(4, (("proj", 8, False), ("proj1", 4, False)), 1, 1),
        _later(2, ("proj3", "proj4"), 1, 1),
        _later(1, ("proj3", "proj4"), 1, 0),
    ),
    "imagenet": (
        Stage(4, (("proj", 8, True), ("proj1", 4, True), ("proj2", 4, False)), 1, 1),
        _later(2, ("proj3", "proj4"), 0, 2),
        _later(1, ("proj3", "proj4"), 0, 0),
    ),
    "dvs": (
        Stage(2, (("proj", 16, False), ("proj1", 8, True), ("proj2", 4, True), ("proj3", 2, True)), 2, 1),
        _later(1, ("proj", "proj4"), 1, 0),
    ),
    "small": (Stage(2, (("proj", 4, True), ("proj1", 2, False)), 1, 1), _later(1, ("proj3", "proj4"), 0, 0)),
}
"""By layout. That of events needs a width that 16 divides."""


def _qkformer(settings: TransformerSettings, image: tuple[int, ...]) -> tuple[dict[str, nn.Module], None]:
    stages, kind = STAGES[settings.layout], settings.neuron
    attention = settings.of_stages(len(stages))
    left = settings.depth - sum(one.depth for one in stages)
    if len(attention) != len(stages) or left < 1:
        raise NetworkError(
            f"network: qkformer for {settings.layout} has {len(stages)} stages and at least "
            f"{settings.depth - left + 1} blocks, found attention {list(attention)} and depth {settings.depth}"
        )
    n_inputs, parts = image[0], dict[str, nn.Module]()
    pooled: Any = "after" if settings.pools_spikes else "before"
    for number, (one, over) in enumerate(zip(stages, attention, strict=True), 1):
        width, n_heads = _shared(settings, settings.width // one.part)
        path = [(name, settings.width // part, pools) for name, part, pools in one.path]
        parts[f"patch_embed{number}"] = deformed(n_inputs, path, kind, shared=one.shared, pooled=pooled)
        blocks = []
        for _ in range(one.depth or left):
            made: nn.Module
            if over == "ssa":
                made = SpikingSelfAttention(width, n_heads, kind, mixing=settings.uncorrected)
            else:
                made = QKAttention(width, n_heads, kind, over)
            blocks.append(_block(made, settings, width))
        parts[f"stage{number}"] = nn.Sequential(*blocks)
        n_inputs = width
    return parts, None


def deployable(network: SpikingTransformer) -> ChipMaps:
    """Return a trained network as populations and the synapses between them, which a chip can hold.

    Raises:
        NetworkError: a part of it is nothing that a chip does.
    """
    return chip_maps(network)
