"""34 published .nir files, of NIR 0.1.1 to 1.0.1 and six tools: each is read, or one line says why not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import nir
import pytest

import neurodeploy
from neurodeploy.errors import GraphError, NeurodeployError
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import discretised
from neurodeploy.mapping.compile import compile_network
from neurodeploy.program.program import Program
from tests.needs import data_folder

DT_S = 1e-4
REFUSED = {
    "nir__Braille_snntorch__3049cfa1": "(HDF5 was expected, this is a ZIP archive, as torch.save and",
    "nir-demo-repo__scnn_model__5444ad34": "has no edges entry, so nothing says what is connected",
    "nir__braille__f4edd0a1": "edge lif1 -> lif1 names a layer that is there in parts only",
    "nir__scnn_mnist__ac9b3878": "6 has 512 neurons, 1800 inputs arrive of shape (8, 15, 15)",
    "spyx__spyx_shd__8764a759": "node linear: weights are (128, 64), 128 inputs arrive",
}
"""No graph; half of one; two meanings; pools that contradict the neurons after them; weights the wrong way round."""
MENDED = {
    "nir-demo-repo__braille_braille_checkpoint__9d7a8613": "lif2: parameters given once; read as those of 7",
    "nir__braille__a7c67c3a": "read as lif1.input and lif1.output",
    "nir__braille_flattened__19004303": "lif1: parameters given once; read as those of 38",
    "nir__braille_subgraph__77b4a802": "hidden.input: has shape (12,); (38,) arrive, and are read so",
    "nir__braille_zero_subgraph__c5db44fe": "read as 'lif1', the only node without an edge",
    "nir__lif_norse__2b0feb3d": "1: r, v_leak given once, read as the same for all 1",
    "nir__lif_norse__3a3afb6f": "lif: parameters given once; read as those of 1000",
    "nirtorch__braille__ed8f57e7": "lif2: parameters given for 38 neurons, all the same; read as those of 7",
}


def corpus() -> list[Path]:
    data = os.environ.get("NEURODEPLOY_DATA")
    return sorted((Path(data) / "nir_corpus").glob("*.nir")) if data else []


def is_large(path: Path) -> bool:
    """True for convolutional graphs, and one of 1000 neurons with an input each: seconds a file."""
    return any(word in path.stem for word in ("cnn", "3a3afb6f"))


def refused_files() -> list[object]:
    return _as_parameters(path for path in corpus() if path.stem in REFUSED)


def read_files() -> list[object]:
    return _as_parameters(path for path in corpus() if path.stem not in REFUSED)


def _as_parameters(paths: Iterable[Path]) -> list[object]:
    """Return the files as parameters, large ones marked as slow; one case that needs data where they are absent."""
    found: list[object] = [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * is_large(path)) for path in paths
    ]
    return found or [pytest.param(Path("nir_corpus"), id="nir_corpus")]


def program(path: Path) -> Program:
    return compile_network(discretised(read_graph(path), dt_s=DT_S)).program


@pytest.mark.data
def test_the_corpus_is_the_one_that_the_expectations_are_of() -> None:
    index = json.loads((data_folder("nir_corpus") / "index.json").read_text())
    assert len(index) == len(corpus()) == 34
    assert set(REFUSED) | set(MENDED) <= {path.stem for path in corpus()}


@pytest.mark.data
@pytest.mark.parametrize("path", refused_files())
def test_what_cannot_be_read_says_why_in_one_line(path: Path) -> None:
    with pytest.raises(GraphError) as found:
        discretised(read_graph(path), dt_s=DT_S)
    assert REFUSED[path.stem] in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.data
@pytest.mark.parametrize("path", read_files())
def test_all_else_becomes_the_same_program_when_written_and_read_again(path: Path, tmp_path: Path) -> None:
    file = read_graph(path)
    if path.stem in MENDED:
        assert MENDED[path.stem] in " | ".join(map(str, file.mends))
    network = discretised(file, dt_s=DT_S)
    wanted = compile_network(network).program
    kept = tmp_path / path.name  # the name tells the reset rule of some
    write_graph(kept, file.graph)
    assert read_graph(kept).mends == ()
    nir.read(kept)  # and NIR's own reader takes it, type check and all
    rules = {one.reset for one in network.populations if one.spiking}
    again = discretised(read_graph(kept), dt_s=DT_S, reset=rules.pop())
    assert not rules
    assert compile_network(again).program.digest == wanted.digest


@pytest.mark.data
@pytest.mark.parametrize("path", read_files())
def test_the_doctor_repairs_it_for_every_reader(path: Path, tmp_path: Path) -> None:
    found = neurodeploy.inspect_graph(path, dt_s=DT_S, repair=tmp_path / "out.nir")
    assert found["ok"], found["problems"]
    text = " | ".join(found["repaired"])
    assert "every spike, current and potential as before" in text
    assert "NIR's own reader takes it, with its type check" in text
    assert compile_network(discretised(read_graph(tmp_path / "out.nir"))).program.digest == program(path).digest


@pytest.mark.data
@pytest.mark.parametrize("path", refused_files())
def test_the_doctor_reports_the_others(path: Path) -> None:
    if "Braille_snntorch" in path.stem:
        with pytest.raises(NeurodeployError, match="is not a NIR file"):
            neurodeploy.inspect_graph(path, dt_s=DT_S)
        return
    found = neurodeploy.inspect_graph(path, dt_s=DT_S)
    assert not found["ok"]
    assert found["nodes"]
    assert any(one["severity"] == "stops" and one["text"] for one in found["problems"])
