"""Files that are not what their name says: pointers of Git LFS, and graphs that nir.write did not finish."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from neurodeploy.accounting.budget import read_budget
from neurodeploy.accounting.measured_runs import read_runs
from neurodeploy.data.audio import read_wav
from neurodeploy.data.clips import Clip, words_of
from neurodeploy.data.load import open_samples
from neurodeploy.errors import GraphError, NeurodeployError
from neurodeploy.files import read_json
from neurodeploy.formats.lava_dl.read import read_net
from neurodeploy.graph.files import read_graph
from neurodeploy.hardware.chip_file import read_chip
from neurodeploy.networks.published import load_published
from neurodeploy.pipeline.inputs import nir_file
from neurodeploy.program.file import read_program
from neurodeploy.recipes import load_recipe
from neurodeploy.training.checkpoint import load_weights
from tests.cli import graphs

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4e22d486f89458ed9cdab112e9fac17c\nsize 14920\n"
READERS: dict[str, Callable[[Path], Any]] = {
    "graph.nir": read_graph,
    "graph.h5": read_graph,
    "program.npz": read_program,
    "network.net": read_net,
    "data.npz": lambda path: open_samples(str(path)),
    "data.h5": lambda path: open_samples(str(path), dt_s=1e-3),
    "sound.wav": read_wav,
    "labels.csv": lambda path: words_of([Clip(path, "a.wav", "")], path),
    "runs.csv": read_runs,
    "published.npz": load_published,
    "published.safetensors": load_published,
    "checkpoint.safetensors": lambda path: load_weights(path, None),  # type: ignore[arg-type]
    "recipe.toml": lambda path: load_recipe(str(path)),
    "chip.toml": read_chip,
    "budget.toml": read_budget,
    "report.json": read_json,
}


IS = {POINTER: "is a Git LFS pointer, not the file itself; bring it with: git lfs pull", "": "is empty .0 bytes.; copy"}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("holds", IS, ids=["pointer", "nothing"])
def test_a_pointer_of_git_lfs_or_an_empty_file_says_how_the_file_comes(name: str, holds: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(holds)
    says = rf"{name}: {IS[holds]}"
    with pytest.raises(NeurodeployError, match=says):
        READERS[name](tmp_path / name)


def test_a_pointer_named_as_a_lava_dl_network_is_no_network_where_a_graph_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.net").write_text(POINTER)
    with pytest.raises(NeurodeployError, match=r"a.net: is a Git LFS pointer"):
        nir_file(tmp_path / "a.net")


def half_written(path: Path, nodes: graphs.Nodes, edges: graphs.Edges) -> Path:
    """Write a graph with NIR's own writer, which stops at the first field that is None."""
    with suppress(TypeError):
        nir.write(path, nir.NIRGraph(nodes, edges, type_check=False))
    return path


@pytest.mark.parametrize(
    ("node", "field"), [("fc1", "weight"), ("lif1", "tau"), ("fc2", "weight"), ("lif2", "v_threshold")]
)
def test_a_graph_that_was_not_written_to_its_end_names_the_node(node: str, field: str, tmp_path: Path) -> None:
    nodes, edges = graphs.parts()
    setattr(nodes[node], field, None)
    says = rf"half.nir: was not written to its end \(no edges\); nir.write stopped at node '{node}'; export it again "
    with pytest.raises(GraphError, match=says):
        read_graph(half_written(tmp_path / "half.nir", nodes, edges))


def test_a_node_within_a_graph_is_named_too(tmp_path: Path) -> None:
    lif = graphs.lif(graphs.HIDDEN)
    size = np.array([graphs.HIDDEN])
    inner: graphs.Nodes = {"input": nir.Input({"input": size}), "neuron": lif, "output": nir.Output({"output": size})}
    chain = [("input", "neuron"), ("neuron", "output")]
    nodes, edges = graphs.parts(lif1=nir.NIRGraph(inner, chain, type_check=False))
    lif.r = None  # type: ignore[assignment]
    with pytest.raises(GraphError, match=r"nir.write stopped at node 'lif1.neuron'"):
        read_graph(half_written(tmp_path / "half.nir", nodes, edges))
