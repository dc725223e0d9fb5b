"""Our batched integer simulator: bit-exact with Lava 0.10.0's fixed-point CPU models."""

from neurodeploy.backends.fixed.run import BATCH, ENGINES, NAME, make_ready, run
from neurodeploy.backends.fixed.simulator import Simulator

__all__ = ["BATCH", "ENGINES", "NAME", "Simulator", "make_ready", "run"]
