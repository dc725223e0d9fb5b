"""neurodeploy: a spiking network from PyTorch to Loihi-class chips, with proof of what was kept.

The functions named here are what the command line calls, one for each verb. They load on first
use, so that `import neurodeploy` needs numpy only. Where a verb shares its name with a room of the
package, the function says what it works on: `quantize_run`, `export_run`, `write_report`.
`simulate` also runs on spikes of your own: arrays, torch tensors, or lists of timed `Events`; a
`Simulator` is fed step by step.

>>> import neurodeploy
>>> sorted(neurodeploy.list_recipes())[:2]
['braille7', 'digits']
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "run": "neurodeploy.pipeline.run",
    "train": "neurodeploy.pipeline.train",
    "train_seeds": "neurodeploy.pipeline.seeds",
    "quantize_run": "neurodeploy.pipeline.quantize",
    "export_run": "neurodeploy.pipeline.export",
    "compile": "neurodeploy.pipeline.compile",
    "convert": "neurodeploy.pipeline.convert",
    "deploy": "neurodeploy.pipeline.deploy",
    "inspect_graph": "neurodeploy.pipeline.inspect",
    "simulate": "neurodeploy.pipeline.simulate",
    "Simulator": "neurodeploy.backends.fixed.simulator",
    "Events": "neurodeploy.data.events",
    "read_program": "neurodeploy.mapping.program_file",
    "count_layer": "neurodeploy.accounting.layer",
    "certify": "neurodeploy.pipeline.certify",
    "fit": "neurodeploy.pipeline.fit",
    "profile": "neurodeploy.pipeline.profile",
    "calibrate": "neurodeploy.pipeline.calibrate",
    "check_conformance": "neurodeploy.conformance.run",
    "check_frameworks": "neurodeploy.conformance.frameworks.check",
    "check_run": "neurodeploy.pipeline.check",
    "compare_runs": "neurodeploy.pipeline.compare",
    "write_report": "neurodeploy.pipeline.report",
    "list_recipes": "neurodeploy.pipeline.listing",
    "list_datasets": "neurodeploy.pipeline.listing",
    "encode_audio": "neurodeploy.pipeline.encode",
    "encode_clips": "neurodeploy.data.cochlea.encode",
    "CochleaSettings": "neurodeploy.data.cochlea.settings",
    "fetch_dataset": "neurodeploy.pipeline.listing",
    "lava_setup": "neurodeploy.pipeline.lava",
    "lava_status": "neurodeploy.pipeline.lava",
    "figure2": "neurodeploy.pipeline.figure2",
    "figure3": "neurodeploy.pipeline.figure3",
    "nir_paper": "neurodeploy.pipeline.nir_paper.figure",
    "bench_simulate": "neurodeploy.bench.simulate",
    "bench_train": "neurodeploy.bench.train",
    "bench_devices": "neurodeploy.bench.devices.run",
    "add_devices": "neurodeploy.bench.devices.run",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'neurodeploy' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
