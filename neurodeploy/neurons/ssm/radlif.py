"""Recurrent adaptive LIF: neurons of the layer also drive each other, one step late."""

from __future__ import annotations

from neurodeploy.neurons.adaptive import AdaptiveCoefficients, without_diagonal
from neurodeploy.neurons.ssm.adlif import AdLIF
from neurodeploy.neurons.ssm.layer import LayerSettings
from neurodeploy.neurons.ssm.rlif import orthogonal


class RadLIF(AdLIF):
    """AdLIF with x + s V instead of x; `V.weight` (source, target), its diagonal unused."""

    def __init__(self, n_inputs: int, n_neurons: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_neurons, settings)
        self.V = orthogonal(n_neurons)

    def coefficients(self) -> AdaptiveCoefficients:
        return super().coefficients()._replace(recurrent_NN=without_diagonal(self.V.weight))
