"""Lava 0.10.0 itself as a backend: the environment it needs, and runs inside it."""

from neurodeploy.backends.lava.client import NAME, Worker, run
from neurodeploy.backends.lava.environment import Status, setup, status

__all__ = ["NAME", "Status", "Worker", "run", "setup", "status"]
