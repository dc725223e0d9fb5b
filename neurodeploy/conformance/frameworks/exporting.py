"""One module of a framework, by its exporter, read by us: does the graph do what the module does?

Axes: B sample, T step, N neuron of the output.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurodeploy.backends import reference
from neurodeploy.conformance.frameworks import importing as there
from neurodeploy.conformance.frameworks.importing import EQUAL, GAP, UNEXPECTED, Outcome, agreement, close
from neurodeploy.conformance.frameworks.modules import Module
from neurodeploy.errors import NeurodeployError
from neurodeploy.graph.doctor.frameworks import Framework
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import discretised
from neurodeploy.installed import first_line, quiet


def exported(framework: Framework, module: Module) -> Outcome:
    """Export a module, read it, and judge what the file says of it against the list of what exporters lose."""
    rule = next((one for one in framework.exports if one.what == module.gap), None)
    if module.gap and rule is None:
        return Outcome(UNEXPECTED, f"no row of the exporter's list is called {module.gap!r}")
    rng = np.random.default_rng(there.SEED)
    inputs = (rng.random((there.N_SAMPLES, there.N_STEPS, *module.shape)) < there.RATE).astype(np.float32)
    with quiet(), torch.no_grad():
        wanted = module.run(module.module, torch.from_numpy(inputs)).flatten(2).numpy()
    said = {"dt_s": module.dt_s, "reset": module.reset}
    found = _read(module, inputs, said)
    if rule is None:
        if isinstance(found, str):
            return Outcome(UNEXPECTED, f"no row says so: {found}")
        if close(found, wanted):
            return Outcome(EQUAL, agreement=_agreement(found, wanted))
        differ = np.count_nonzero(found != wanted) if found.shape == wanted.shape else wanted.size
        text = f"{differ} of {wanted.size} differ, no row says so"
        return Outcome(UNEXPECTED, text, agreement=_agreement(found, wanted))
    text, sources = rule.reason, (rule.source,)
    if not isinstance(found, str) and close(found, wanted):
        return Outcome(UNEXPECTED, f"equal, but a row says: {rule.reason}", sources)
    if not module.known:
        refused = isinstance(found, str)
        return Outcome(GAP, text, sources, _agreement(found, wanted), refused=refused, shown=(rule.what,))
    again = _read(module, inputs, said | module.known)
    if isinstance(again, str) or not close(again, wanted):
        return Outcome(UNEXPECTED, f"read with {module.known} it is still not the module", sources)
    return Outcome(GAP, text, sources, _agreement(again, wanted), reproduced=True, shown=(rule.what,))


def _read(module: Module, inputs: np.ndarray, said: dict[str, Any]) -> np.ndarray | str:
    """Return what the exported graph gives on our reference, or why there is none, in a line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "module.nir"
        try:
            with quiet(), torch.no_grad():
                write_graph(path, module.export(module.module))
        except Exception as error:  # another project's exporter: it raises anything
            return first_line(error)
        try:  # ours raises one kind; any other is a bug, and no gap
            network = discretised(read_graph(path), **said)
        except NeurodeployError as error:
            return error.at().line()
    spikes = inputs.reshape(*inputs.shape[:2], -1).astype(np.uint8)
    trace = reference.run(network, spikes, record=True)
    layer = trace.layers[trace.output]
    return layer.v_BTN if module.values else layer.spikes_BTN.astype(np.float32)


def _agreement(found: np.ndarray | str, wanted: np.ndarray) -> float | None:
    return None if isinstance(found, str) else agreement([(found, wanted)])
