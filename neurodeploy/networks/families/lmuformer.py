"""LMUFormer and its spiking forms: an embedding of frames, blocks of a token mixer and an MLP, a mean of scores.

Axes: B sample, T frame, I input channel, C channel of the model.

Source: Liu et al., ICLR 2024, arXiv:2402.04882; zeyuliu1037/LMUFormer (5debadd, MIT). The defaults are its Speech
Commands networks; any number of frames and channels is taken.
"""

import math
from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import nn

from neurodeploy.errors import NetworkError
from neurodeploy.networks.blocks.attention import SpikingAttention
from neurodeploy.networks.blocks.embedding import EMBEDDINGS
from neurodeploy.networks.blocks.frames import FrameNorm, Shortcut, chain, drawn_small, mean_of_frames, node
from neurodeploy.networks.blocks.mixer import lmu_mixer
from neurodeploy.networks.blocks.mlp import MlpKind, mlp
from neurodeploy.networks.chip_frames import ChipFrames, chip_frames
from neurodeploy.networks.families.settings import LARGEST_LAYER, NetworkSettings
from neurodeploy.networks.fused_forward import SpikeLists
from neurodeploy.networks.sequence import Answer
from neurodeploy.networks.streaming import Streamer
from neurodeploy.neurons.lmu import LARGEST_ORDER
from neurodeploy.neurons.plif import taken


class Form(NamedTuple):
    """What a model is by default.

    Attributes:
        kind: Of the embedding and the mixer.
        mlp: Its MLP.
        head_neurons: Batch norm and neurons before the head.
        memory: Coefficients of the memory, in widths.
    """

    kind: Literal["tokens", "spikes", "membrane"]
    mlp: MlpKind
    head_neurons: bool
    memory: int

    @property
    def spiking(self) -> bool:
        """Whether activations are neurons."""
        return self.kind != "tokens"


FORMS = {
    "lmuformer": Form("tokens", "conv", False, 1),
    "spiking_lmuformer": Form("spikes", "conv", False, 2),
    "spiking_lmuformer_ms": Form("membrane", "conv_ms", True, 2),
    "spiking_transformer": Form("membrane", "conv_ms", True, 0),
}


class LmuFormerSettings(NetworkSettings):
    """What is absent is the model's own."""

    family: Literal["lmuformer"] = "lmuformer"
    model: Literal["lmuformer", "spiking_lmuformer", "spiking_lmuformer_ms", "spiking_transformer"] = Field(
        "spiking_lmuformer_ms", description="ms: shortcuts carry potentials; the transformer has attention, no memory."
    )
    width: int = Field(256, ge=1, le=LARGEST_LAYER, description="Channels of the model.")
    blocks: int = Field(1, ge=1, description="Blocks of mixer and MLP.")
    memory: int | None = Field(
        None,
        ge=0,
        le=LARGEST_ORDER,
        description="Coefficients of a memory; the width, and twice that where it spikes. 0: blocks have an MLP alone.",
    )
    theta: float = Field(128.0, ge=1, description="Window of a memory, frames.")
    heads: int = Field(16, ge=1, description="Of attention, which share the channels (spiking_transformer).")
    mlp: MlpKind | None = Field(None, description="Order of maps, norms and activations; linear has layer norms.")
    mlp_ratio: float = Field(4.0, gt=0, description="Hidden channels of an MLP, in widths.")
    head_neurons: bool | None = Field(None, description="Batch norm and neurons before the scores.")
    input_mean: float = Field(0.0, description="Taken off the input.")
    input_scale: float = Field(1.0, gt=0, description="Then it is divided by this.")

    @property
    def form(self) -> Form:
        """What the model is."""
        return FORMS[self.model]


class LmuFormer(nn.Module):
    """The network; arrays are called as in the reference, but for the paths beside shortcuts.

    Args:
        n_inputs: Channels of a frame.
    """

    def __init__(self, settings: LmuFormerSettings, n_inputs: int, n_classes: int) -> None:
        super().__init__()
        form, width = settings.form, settings.width
        memory = form.memory * width if settings.memory is None else settings.memory
        self.patch_embed = EMBEDDINGS[form.kind](n_inputs, width)
        blocks = []
        for _ in range(settings.blocks):
            mixer = {}
            if not form.memory:
                mixer = {"attn": Shortcut(SpikingAttention(width, settings.heads))}
            elif memory:
                mixer = {"attn": Shortcut(lmu_mixer(form.kind, width, memory, settings.theta))}
            hidden = max(1, int(width * settings.mlp_ratio))
            made = mlp(settings.mlp or form.mlp, width, hidden, spiking=form.spiking)
            blocks.append(chain(**mixer, mlp=Shortcut(made)))
        self.block = nn.Sequential(*blocks)
        last = {}
        if form.head_neurons if settings.head_neurons is None else settings.head_neurons:
            last = {"head_bn": FrameNorm(width), "head_lif": node()}
        self.last = chain(**last)
        self.head = drawn_small(nn.Linear(width, n_classes))
        self.n_inputs, self.input_shape, self.n_classes = n_inputs, (n_inputs,), n_classes
        self.mean, self.scale = settings.input_mean, settings.input_scale

    @property
    def stages(self) -> tuple[nn.Module, ...]:
        """What takes normalised frames to features, one after another."""
        return self.patch_embed, self.block, self.last

    def normalised(self, x_BTI: torch.Tensor) -> torch.Tensor:
        """Return the input as the first stage takes it.

        Raises:
            NetworkError: there is no frame, or frames have other channels.
        """
        if x_BTI.ndim != 3 or x_BTI.shape[2] != self.n_inputs or 0 in x_BTI.shape:
            raise NetworkError(
                f"LMUFormer: found an input of shape {tuple(x_BTI.shape)}, (samples, frames, {self.n_inputs}) with at "
                "least one each is needed"
            )
        return (x_BTI.to(self.head.weight.dtype) - self.mean) / self.scale

    def features(self, x_BTI: torch.Tensor) -> torch.Tensor:
        """Return what the head is given of each frame, (B, T, C)."""
        x_BTC = self.normalised(x_BTI)
        for stage in self.stages:
            x_BTC = stage(x_BTC)
        return x_BTC

    def forward(self, x_BTI: torch.Tensor) -> Answer:
        """Return the mean scores of all frames, and what the neurons send."""
        scores_BC = mean_of_frames(self.features(x_BTI), self.head)
        sent = list(taken(self))
        return Answer(scores_BC, SpikeLists(sent, lambda one: one.spikes), (), logits=True)  # type: ignore

    def scores_so_far(self, x_BTI: torch.Tensor) -> torch.Tensor:
        """Return the mean scores of the first 1, 2, ... T frames, (B, T, classes), of a whole clip.

        Each frame's feature is of some frames after it too; `stream` says how many.
        """
        features_BTC = self.features(x_BTI)
        list(taken(self))
        n_BT1 = torch.arange(1, features_BTC.shape[1] + 1).to(features_BTC)[:, None]
        return self.head(features_BTC.cumsum(1) / n_BT1)  # type: ignore[no-any-return]

    def stream(self) -> Streamer:
        """Return a stream of one clip, which takes a frame at a time.

        Raises:
            NetworkError: the model has attention, which needs the whole clip.
        """
        return Streamer(self)


def build(settings: LmuFormerSettings, input_shape: tuple[int, ...], n_classes: int, dt_s: float) -> LmuFormer:
    """Return a new network; its initial weights come from torch's global generator.

    Raises:
        NetworkError: the MLP would mix samples, or the heads cannot share the channels.
    """
    return LmuFormer(settings, math.prod(input_shape), n_classes)


def deployable(network: LmuFormer) -> ChipFrames:
    """Return a trained spiking network as synapses between populations, which a chip can hold.

    Raises:
        NetworkError: a part of it sends no spikes, or needs the whole clip.
    """
    return chip_frames(network).train(network.training)
