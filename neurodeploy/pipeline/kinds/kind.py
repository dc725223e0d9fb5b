"""What the pipeline asks of every kind of network."""

from __future__ import annotations

from typing import Any, Protocol

import nir
import numpy as np
import torch
from torch import nn

from neurodeploy.backends.search import Calibrated
from neurodeploy.graph.network import Network
from neurodeploy.program.plan import Plan


class Kind(Protocol):
    """One kind of network; `pipeline.kinds.table` has them all by their settings.

    Attributes:
        foreign: It computes in another framework; what its graph makes of it is a stage of certificates.
    """

    foreign: bool

    def versions(self, settings: Any) -> dict[str, str]:
        """Return the versions of what such a network is built of, torch and our own package aside.

        Raises:
            FrameworkError: it is not installed; the line says what to install.
        """
        ...

    def build(self, settings: Any, input_shape: tuple[int, ...], n_classes: int, dt_s: float) -> nn.Module:
        """Return a new network; its initial weights come from torch's global generator.

        Args:
            settings: The [network] table of the recipe, of this kind.
            input_shape: Axes of one step: (channels,), or (channels, rows, columns).
            dt_s: Time step, seconds.

        Raises:
            NetworkError: the model cannot be what the settings ask for.
        """
        ...

    def deployable(self, network: Any, settings: Any, name: str) -> Any:
        """Return the form of a trained network that is quantised and exported.

        Args:
            name: Of the recipe, for messages.

        Raises:
            NetworkError: no chip can run it.
        """
        ...

    def graph(self, network: Any, dt_s: float, **entries: Any) -> nir.NIRGraph:
        """Return a deployable network as NIR, with its precision where it is on a grid.

        Args:
            entries: For the graph's metadata.
        """
        ...

    def samples(self, n_samples: int) -> np.ndarray:
        """Return which of so many training samples precision is chosen on, in this order."""
        ...

    def certified(self, network: Any) -> Any:
        """Return the network as certificates run it, float or on a grid; it may share parts with `network`.

        Another framework's computes in float64 with its weights as they are exported: in float32, spikes that hang on
        the last bit would differ from its graph's though nothing was lost.
        """
        ...

    def attach(self, network: Any, plan: Plan) -> None:
        """Make a deployable network compute with the chip's numbers; gradients go straight through."""
        ...

    def put(self, network: Any, before: Network, found: Calibrated) -> dict[str, dict[str, Any]]:
        """Attach the plan that was found and round the weights.

        Args:
            before: The network's graph before.

        Returns:
            How far fixed point moves the poles of each layer that has some.
        """
        ...

    def matrices(self, network: Any) -> dict[str, torch.Tensor]:
        """Return the weights in use of a deployable network, by the name of their node."""
        ...
