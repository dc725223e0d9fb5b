"""neurodeploy: a spiking network from PyTorch to Loihi-class chips, with proof of what was kept.

The functions named here are what the command line calls, one for each verb. They load on first
use, so that `import neurodeploy` needs numpy only.

>>> import neurodeploy
>>> sorted(neurodeploy.recipes())
['braille7', 'digits']
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "run": "neurodeploy.pipeline.run",
    "train": "neurodeploy.pipeline.train",
    "quantize": "neurodeploy.pipeline.quantize",
    "export": "neurodeploy.pipeline.export",
    "compile": "neurodeploy.pipeline.compile",
    "simulate": "neurodeploy.pipeline.simulate",
    "certify": "neurodeploy.pipeline.certify",
    "report": "neurodeploy.pipeline.report",
    "recipes": "neurodeploy.pipeline.listing",
    "datasets": "neurodeploy.pipeline.listing",
    "lava_setup": "neurodeploy.pipeline.lava",
    "lava_status": "neurodeploy.pipeline.lava",
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'neurodeploy' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
