"""`convert`: what goes in and out, what is said of it, and what is refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

from neurodeploy.program.file import read_program
from tests.cli.support import Shell
from tests.mapping import nets

FLIPS = 48
SMALL = [nets.dense(3, 4), nets.dense(2, 3, type="dense_rec", weight_rec=nets.weights(1, 2, 2))]


@pytest.fixture
def net(shell: Shell) -> Path:
    """A small lava-dl network, `small.net`."""
    return nets.write(shell.folder / "small.net", *SMALL)


def test_the_ways_between_the_formats_meet(shell: Shell, net: Path) -> None:
    first = shell.works("convert", "small.net", "a.nir")
    assert first == {
        "path": "a.nir",
        "from": "lava-dl network",
        "to": "NIR graph",
        "program": first["program"],
        "warnings": [],
        "check": None,
    }
    for source, target in (("a.nir", "b.npz"), ("b.npz", "c.net"), ("c.net", "d.npz"), ("d.npz", "e.nir")):
        assert shell.works("convert", source, target)["program"] == first["program"]
    assert read_program(shell.folder / "b.npz").digest == read_program(shell.folder / "d.npz").digest
    again = shell.works("convert", "c.net", "f.nir")
    assert again["warnings"] == []
    shell.works("convert", "a.nir", "again.nir")
    assert (shell.folder / "again.nir").read_bytes() == (shell.folder / "a.nir").read_bytes()


def test_people_read_lines(shell: Shell) -> None:
    nets.write(shell.folder / "sums.net", *nets.sigma_delta())
    said = shell("convert", "sums.net", "sums.nir")
    assert said.out.splitlines()[0] == "lava-dl network -> NIR graph"
    assert "note: conv1: NIR has no neurons that send values" in said.out
    assert said.out.splitlines()[-1] == "file: sums.nir"


def test_a_converted_network_runs_with_its_own_integers(shell: Shell, net: Path) -> None:
    made = shell.works("convert", "small.net", "small.nir")
    compiled = shell.works("compile", "small.nir", "--out", "p.npz")
    assert (compiled["program"], compiled["precision"]) == (made["program"], "the integers that the file carries")
    shell.refuses("compile", "small.nir", "--out", "q.npz", "--weight-bits", 4, says="carries the chip's integers")


def test_a_graph_is_written_again_with_what_nir_leaves_open(shell: Shell, good: Path) -> None:
    shell.refuses("convert", "good.nir", "n.nir", says="good.nir: carries no time step")
    found = shell.works("convert", "good.nir", "n.nir", "--dt", "1e-3", "--reset", "subtract")
    assert found["program"] is None
    graph = nir.read(shell.folder / "n.nir")
    assert set(graph.nodes) == set(nir.read(good).nodes)
    first = shell.works("compile", "good.nir", "--out", "p.npz", "--dt", "1e-3", "--reset", "subtract")
    second = shell.works("compile", "n.nir", "--out", "q.npz")
    assert second["program"] == first["program"]
    shell.works("convert", "n.nir", "m.nir")
    assert (shell.folder / "m.nir").read_bytes() == (shell.folder / "n.nir").read_bytes()


def test_a_graph_becomes_a_program_on_the_way(shell: Shell, good: Path) -> None:
    found = shell.works("convert", "good.nir", "p.npz", "--dt", "1e-3")
    expected = shell.works("compile", "good.nir", "--out", "q.npz", "--dt", "1e-3")
    assert found["program"] == expected["program"]
    assert found["warnings"][0] == f"compiled with {expected['precision']}"
    shell.refuses("convert", "good.nir", "p.net", "--dt", "1e-3", says="write .nir or .npz")


def test_a_check_needs_a_net_file_and_lava(shell: Shell, net: Path, good: Path) -> None:
    shell.refuses("convert", "good.nir", "p.npz", "--dt", "1e-3", "--check", says="neither file is one; leave it out")
    shell.refuses("convert", "small.net", "p.npz", "--check", says="lava: no environment in .*; run: neurodeploy lava")


def test_how_netx_clears_states(shell: Shell, net: Path) -> None:
    shell.works("convert", "small.net", "p.npz", "--reset-interval", 9)
    found = shell.works("convert", "p.npz", "q.net")
    assert found["warnings"] == ["states are cleared: give netx reset_interval=9, reset_offset=0, which no file says"]


def test_the_shape_of_an_image_can_be_given(shell: Shell) -> None:
    nets.write(shell.folder / "conv.net", nets.conv((2, 6, 5), 4))
    shell.refuses("convert", "conv.net", "c.nir", says="give --input-shape as channels,rows,columns")
    shell.refuses("convert", "conv.net", "c.nir", "--input-shape", "2,6", says="give channels, rows and columns")
    shell.refuses("convert", "conv.net", "c.nir", "--input-shape", "2,x", says="whole numbers")
    assert shell.works("convert", "conv.net", "c.nir", "--input-shape", "2,6,5")["warnings"] == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("small.net", "out.txt"), "out.txt: is to become '.txt'; choose one of .net, .nir, .npz"),
        (("missing.net", "out.nir"), "missing.net: no such file"),
        (("missing.nir", "out.nir"), "missing.nir: no such file"),
        (("small.net", "no/out.nir"), "no is no folder"),
        (("small.net", "out.nir", "--reset", "zero"), "--reset: does nothing for lava-dl networks"),
        (("small.net", "out.nir", "--dt", "0"), "the time step is 0 s"),
        (("small.net", "out.nir", "--reset-interval", "0"), "found 0, at least 1 is allowed"),
        (("good.nir", "out.nir", "--reset-interval", "5"), "--reset-interval: does nothing for NIR graphs"),
        (("p.npz", "out.nir", "--dt", "1"), "--dt: does nothing for integer Programs"),
    ],
)
def test_what_makes_no_sense(shell: Shell, net: Path, good: Path, arguments: tuple[str, ...], says: str) -> None:
    shell.works("convert", "small.net", "p.npz")
    shell.refuses("convert", *arguments, says=says)


def test_sigma_delta_graphs_run_as_programs(shell: Shell) -> None:
    nets.write(shell.folder / "sums.net", *nets.sigma_delta())
    shell.works("convert", "sums.net", "sums.nir")
    shell.refuses("compile", "sums.nir", "--out", "p.npz", says="holds sigma-delta neurons, .*neurodeploy convert")
    shell.refuses("compile", "sums.net", "--out", "p.npz", says="is a lava-dl network; make it a graph first")


class TestDamagedFiles:
    @pytest.mark.parametrize("content", [b"", b"these are words\n", b"\x89HDF", b"\x00" * 4096])
    def test_something_else(self, shell: Shell, content: bytes) -> None:
        (shell.folder / "other.net").write_bytes(content)
        says = "other.net: is not a .net file" if content else "other.net: is empty .0 bytes"
        shell.refuses("convert", "other.net", "o.nir", says=says)

    def test_hdf5_of_others(self, shell: Shell) -> None:
        with h5py.File(shell.folder / "other.net", "w") as file:
            file["weights"] = np.ones(3)
        shell.refuses("convert", "other.net", "o.npz", says="other.net: ")

    @pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.9, 0.999])
    def test_truncated(self, shell: Shell, net: Path, kept: float) -> None:
        whole = net.read_bytes()
        net.write_bytes(whole[: int(kept * len(whole))])
        shell.refuses("convert", "small.net", "o.nir", says="small.net: is damaged")

    def test_more_than_the_file_can_hold(self, shell: Shell, net: Path) -> None:
        with h5py.File(net, "a") as file:
            del file["layer/0/weight"]
            file.create_dataset("layer/0/weight", (1 << 20, 1 << 20), chunks=(64, 64), dtype="f4")
        shell.refuses("convert", "small.net", "o.nir", says="claims .* so it is damaged")

    @pytest.mark.parametrize("link", [h5py.SoftLink("/layer/1"), h5py.ExternalLink("other.h5", "/layer")])
    def test_links(self, shell: Shell, net: Path, link: h5py.SoftLink) -> None:
        with h5py.File(net, "a") as file:
            file["layer/2"] = link
        shell.refuses("convert", "small.net", "o.nir", says="layer/2 is a link")

    def test_a_hole_between_the_layers(self, shell: Shell, net: Path) -> None:
        with h5py.File(net, "a") as file:
            file.move("layer/1", "layer/7")
        shell.refuses("convert", "small.net", "o.nir", says=r"layers are 0, 7; 0, 1, \.\.\. up to")

    def test_flipped_bytes_give_a_result_or_one_line(self, shell: Shell, net: Path) -> None:
        whole = net.read_bytes()
        used = np.flatnonzero(np.frombuffer(whole, np.uint8))  # most of a small HDF5 file is padding
        rng = np.random.default_rng(1)
        statuses = []
        for _ in range(FLIPS):
            flipped = bytearray(whole)
            for place in rng.choice(used, rng.integers(1, 4)):
                flipped[place] ^= int(rng.integers(1, 256))
            net.write_bytes(flipped)
            said = shell("convert", "small.net", "o.npz", "--json")
            statuses.append(said.status)
            errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
            assert (said.status, len(errors), bool(said.out)) in ((0, 0, True), (2, 1, False)), said
            assert "Traceback" not in said.err
        assert {0, 2} == set(statuses)
        assert {path.name for path in shell.folder.iterdir()} <= {"small.net", "o.npz"}
