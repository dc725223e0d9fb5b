"""What a file may claim: the limit is stated, an option raises it, and what no file can hold is refused unread."""

from __future__ import annotations

import itertools
import tracemalloc
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

from neurodeploy.errors import GraphError, NeurodeployError, ProgramError
from neurodeploy.graph.files import read_graph
from neurodeploy.graph.network import discretised
from neurodeploy.mapping.compile import compile_network
from neurodeploy.memory import VARIABLE, Claims, at_most, compact, most_bytes
from neurodeploy.program.file import read_program, write_program
from tests.cli import graphs
from tests.cli.support import Shell

CHANNELS, SIZE = 64, 128
DT = ("--dt", "1e-3")


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A million neurons that are all alike behind one kernel: a file of a few kilobytes."""
    shape = (CHANNELS, SIZE, SIZE)
    kernel = np.ones((CHANNELS, 1, 1, 1), np.float32)
    ones = np.ones(shape, np.float32)
    nodes: graphs.Nodes = {
        "input": nir.Input({"input": np.array([1, SIZE, SIZE])}),
        "conv": nir.Conv2d((SIZE, SIZE), kernel, 1, 0, 1, 1, np.zeros(CHANNELS, np.float32)),
        "lif": nir.LIF(tau=0.01 * ones, r=ones, v_leak=0 * ones, v_threshold=ones),
        "output": nir.Output({"output": np.array(shape)}),
    }
    names = list(nodes)
    return graphs.write(tmp_path_factory.mktemp("alike") / "alike.nir", nodes, list(itertools.pairwise(names)))


def test_a_small_file_of_many_neurons_that_are_alike_is_read_and_written(alike: Path, tmp_path: Path) -> None:
    n_neurons = CHANNELS * SIZE * SIZE
    assert alike.stat().st_size < n_neurons
    program = compile_network(discretised(read_graph(alike), dt_s=1e-3)).program
    write_program(tmp_path / "program.npz", program)
    assert (tmp_path / "program.npz").stat().st_size < n_neurons
    assert read_program(tmp_path / "program.npz").digest == program.digest


def test_numbers_that_are_alike_take_no_memory(alike: Path) -> None:
    tracemalloc.start()
    graph = read_graph(alike).graph
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not any(graph.nodes["lif"].tau.strides)
    assert peak < 2 * CHANNELS * SIZE * SIZE * 4  # one array of its parameters at a time, not six


@pytest.mark.parametrize("verb", ["fit", "inspect"])
def test_the_option_says_how_much_of_any_verb(shell: Shell, alike: Path, verb: str) -> None:
    says = r"claims .* bytes of arrays, at most 1e\+06 are read; .* give --max-memory \d+GB"
    shell.refuses(verb, alike, *DT, "--max-memory", "1MB", says=says)
    shell.refuses("--max-memory=1MB", verb, alike, *DT, says=says)
    shell.refuses(verb, alike, *DT, "--max-memory", "much", says="--max-memory: found 'much', a size such as 500MB")


def test_a_program_is_held_against_the_same_limit(alike: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(tmp_path / "p.npz", compile_network(discretised(read_graph(alike), dt_s=1e-3)).program)
    monkeypatch.setenv(VARIABLE, "20MB")
    with pytest.raises(ProgramError, match=r"p.npz: claims .* at most 2e\+07 are read; .* NEURODEPLOY_MAX_MEMORY=1GB"):
        read_program(tmp_path / "p.npz")
    with pytest.raises(GraphError, match=r"alike.nir: claims .* at most 2e\+07 are read"):
        read_graph(alike)
    with at_most("1GB"):
        read_program(tmp_path / "p.npz")
    assert most_bytes() == 20_000_000


def test_no_limit_lets_a_file_claim_what_it_cannot_hold(tmp_path: Path) -> None:
    graphs.write_good(tmp_path / "huge.nir")
    with h5py.File(tmp_path / "huge.nir", "a") as file:
        del file["node/nodes/fc1/weight"]
        file.create_dataset("node/nodes/fc1/weight", (1 << 14, 1 << 14), chunks=(64, 64), dtype="f4")
    tracemalloc.start()
    with at_most("100TB"), pytest.raises(GraphError, match=r"claims .* in a file of .*, so it is damaged"):
        read_graph(tmp_path / "huge.nir")
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_claims_add_up(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(100))
    claims = Claims(tmp_path / "file", NeurodeployError, "make it again")
    claims.add((10, 1000), 1)  # a byte becomes a number of eight
    with pytest.raises(NeurodeployError, match=r"claims 2e\+05 bytes .* so it is damaged; make it again"):
        claims.add((15_001,), 8)


@pytest.mark.parametrize("odd", [0, 4999, 9999, None])
def test_only_arrays_of_one_number_are_compact(odd: int | None) -> None:
    values = np.full((100, 100), 7)
    if odd is not None:
        values.ravel()[odd] = 8
    assert any(compact(values).strides) is (odd is not None)
    np.testing.assert_array_equal(compact(values), values)
    assert any(compact(np.full((100, 100), np.nan)).strides)
