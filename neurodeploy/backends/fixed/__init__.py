"""Our batched integer simulator: bit-exact with Lava 0.10.0's fixed-point CPU models."""

from neurodeploy.backends.fixed.run import BATCH, NAME, run

__all__ = ["BATCH", "NAME", "run"]
