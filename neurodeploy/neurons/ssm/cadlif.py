"""Constrained adaptive LIF: adLIF with the bounds that SiLIF's decays start in, and no negative feedback gain."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from neurodeploy.neurons.ssm.adlif import AdLIF
from neurodeploy.neurons.ssm.layer import LayerSettings


class CAdLIF(AdLIF):
    """AdLIF with other bounds: always stable, because a >= 0."""

    bounds: ClassVar[dict[str, tuple[float, float]]] = {
        "alpha": (0.36, 0.96),
        "beta": (0.96, 0.99),
        "a": (0.0, 1.0),
        "b": (0.0, 2.0),
    }

    def __init__(self, n_inputs: int, n_neurons: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_neurons, settings)
        nn.init.xavier_uniform_(self.W.weight)
