"""The NIR paper's graphs, written for each framework: every spike of the file, by the framework's own importer."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.frameworks.run import run_graph
from neurodeploy.frameworks.write.fit import fitted
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import discretised
from neurodeploy.installed import installed
from neurodeploy.pipeline.measured_targets import random_run

FOLDER = Path(os.environ.get("NEURODEPLOY_DATA", "nowhere")) / "nir_paper"
READERS = ("snntorch", "norse", "spikingjelly")
GRAPHS = {
    "01_lif/lif_norse.nir": (1e-4, READERS),
    "02_cnn/cnn_sinabs.nir": (1.0, READERS),
    "03_rnn/braille_noDelay_bias_zero.nir": (1e-4, READERS),
    "03_rnn/braille_noDelay_noBias_subtract.nir": (1e-4, ("norse",)),  # the others have no reset by subtraction
}
pytestmark = pytest.mark.data


@pytest.mark.parametrize("framework", READERS)
@pytest.mark.parametrize("name", GRAPHS)
def test_the_papers_graphs_have_every_spike_in_each_framework(name: str, framework: str, tmp_path: Path) -> None:
    if not installed(framework):
        pytest.skip(f"{framework} is not installed")
    dt_s, exact = GRAPHS[name]
    file = read_graph(FOLDER / name)
    network = discretised(file, dt_s=dt_s)
    run = random_run(network)
    assert run is not None
    assert not run.silent
    made = fitted(framework, file.graph, network)
    write_graph(tmp_path / "out.nir", made.graph)
    there = run_graph(framework, tmp_path / "out.nir", run.spikes_BTI, dt_s=None, reset=network.populations[0].reset)
    assert not there.notes
    assert {made.names[one] for one in there.spikes} == set(run.trace.layers)
    same = [np.array_equal(one, run.trace.layers[made.names[key]].spikes_BTN) for key, one in there.spikes.items()]
    assert all(same) == (framework in exact)
