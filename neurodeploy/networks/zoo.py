"""Every network of the SiLIF family and its baselines, by the name of the model."""

from __future__ import annotations

from neurodeploy.networks.ann import build_ann
from neurodeploy.networks.family import LAYERS, build_spiking, no_bidirectional
from neurodeploy.networks.family_settings import FamilySettings
from neurodeploy.networks.s4d import build_s4d
from neurodeploy.networks.sequence import SequenceNetwork


def build_family(settings: FamilySettings, n_inputs: int, n_classes: int) -> SequenceNetwork:
    """Return a new network; its initial weights come from torch's global generator.

    Raises:
        NetworkError: the model cannot be bidirectional.
    """
    if settings.model in LAYERS:
        return build_spiking(settings, n_inputs, n_classes)
    if settings.bidirectional:
        raise no_bidirectional(settings.model)
    return (build_s4d if settings.model == "s4d" else build_ann)(settings, n_inputs, n_classes)
