"""neurodeploy: a spiking network from PyTorch to Loihi-class chips, with proof of what was kept.

The functions named here are what the command line calls, one for each verb. They load on first
use, so that `import neurodeploy` needs numpy only. Where a verb shares its name with a room of the
package, the function says what it works on: `quantize_run`, `export_run`, `write_report`.
`simulate` also runs on spikes of your own: arrays, torch tensors, or lists of timed `Events`; a
`Simulator` is fed step by step.

>>> import neurodeploy
>>> sorted(neurodeploy.list_recipes())[:2]
['braille7', 'cifar100_qkformer']
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "run": "neurodeploy.verbs.run",
    "train": "neurodeploy.verbs.train",
    "train_seeds": "neurodeploy.verbs.train",
    "quantize_run": "neurodeploy.verbs.quantize",
    "export_run": "neurodeploy.verbs.export",
    "compile": "neurodeploy.verbs.compile",
    "convert": "neurodeploy.verbs.convert",
    "deploy": "neurodeploy.verbs.deploy",
    "inspect_graph": "neurodeploy.verbs.inspect",
    "simulate": "neurodeploy.verbs.simulate",
    "stream": "neurodeploy.verbs.stream",
    "Simulator": "neurodeploy.backends.fixed.simulator",
    "Events": "neurodeploy.data.events",
    "read_program": "neurodeploy.program.file",
    "count_layer": "neurodeploy.accounting.counts",
    "certify": "neurodeploy.verbs.certify",
    "fit": "neurodeploy.verbs.fit",
    "profile": "neurodeploy.verbs.profile",
    "characterize": "neurodeploy.verbs.characterize",
    "check_conformance": "neurodeploy.conformance.run",
    "check_frameworks": "neurodeploy.conformance.frameworks.check",
    "check_run": "neurodeploy.verbs.check",
    "Budget": "neurodeploy.accounting.budget",
    "compare_runs": "neurodeploy.verbs.compare",
    "write_report": "neurodeploy.verbs.report",
    "list_recipes": "neurodeploy.verbs.listing",
    "list_datasets": "neurodeploy.verbs.listing",
    "make_frames": "neurodeploy.verbs.frames",
    "encode_audio": "neurodeploy.verbs.encode",
    "encode_clips": "neurodeploy.data.cochlea.encode",
    "CochleaSettings": "neurodeploy.data.cochlea.settings",
    "fetch_dataset": "neurodeploy.verbs.listing",
    "frameworks_setup": "neurodeploy.verbs.frameworks",
    "frameworks_status": "neurodeploy.verbs.frameworks",
    "lava_setup": "neurodeploy.verbs.lava",
    "lava_status": "neurodeploy.verbs.lava",
    "figure2": "neurodeploy.papers.silif.figure2",
    "figure3": "neurodeploy.papers.silif.figure3",
    "nir_paper": "neurodeploy.papers.nir.figure",
    "paper": "neurodeploy.papers.paper",
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
