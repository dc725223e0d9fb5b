"""Programs that are damaged or belong to another graph, and options that mean nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli import graphs
from tests.cli.support import Shell

DATA = ("--data", "data.npz")
DT = ("--dt", "1e-3")


@pytest.fixture
def program(shell: Shell, good: Path) -> Path:
    """The good graph's Program."""
    return Path(shell.works("compile", good.name, "--out", "program.npz", *DT)["path"])


def repacked(**changed: Any) -> Callable[[Path], None]:
    """Return a change that replaces arrays of a Program's file; None leaves one out."""

    def change(path: Path) -> None:
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files} | changed
        np.savez(path, **{name: value for name, value in arrays.items() if value is not None})

    return change


def header(old: str, new: str) -> Callable[[Path], None]:
    """Return a change of words in a Program's header."""

    def change(path: Path) -> None:
        with np.load(path) as stored:
            text = stored["header"].tobytes().decode()
        assert old in text
        repacked(header=np.frombuffer(text.replace(old, new).encode(), np.uint8))(path)

    return change


def shortened(path: Path, n_bytes: int) -> None:
    path.write_bytes(path.read_bytes()[:n_bytes])


def flipped(path: Path) -> None:
    """Flip bits all over the compressed arrays."""
    content = bytearray(path.read_bytes())
    for place in range(200, len(content) - 2000, 50):
        content[place] ^= 0x55
    path.write_bytes(content)


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "little more than the mark": (lambda path: shortened(path, 4), "is not an integer Program"),
    "half a file": (lambda path: shortened(path, 500), "is not an integer Program"),
    "an array left out": (repacked(**{"layer0.du": None}), "the Program lacks 'layer0.du'; compile"),
    "a header left out": (repacked(header=None), "is not an integer Program"),
    "a header of bytes": (repacked(header=np.zeros(9, np.uint8)), "is not an integer Program"),
    "a newer format": (header('"format": 3', '"format": 4'), "format 4 is newer than 3, .* update neurodeploy"),
    "an older format": (header('"format": 3', '"format": 1'), "format 1 is older than 2; compile the .nir again"),
    "a layer without a name": (header('"name": "lif1", ', ""), "lacks"),
    "no notes": (header('"notes"', '"remarks"'), "lacks 'notes'"),
    "another reset": (header('"reset": "zero"', '"reset": "none"'), "reset 'none' is not one of zero, subtract"),
    "another output": (header('"output": "lif2"', '"output": "lif9"'), "output 'lif9' is not a layer"),
    "weights of another shape": (repacked(**{"connection0.weight": np.ones((3, 3))}), r"weights are \(3, 3\)"),
    "weights out of range": (repacked(**{"connection0.weight": np.full((5, 4), 999)}), "999..999 is outside -256..255"),
    "a threshold out of range": (repacked(**{"layer0.vth": np.full(5, 1 << 20)}), "vth .* is outside"),
    "decays of another length": (repacked(**{"layer0.dv": np.ones(3)}), r"dv has shape \(3,\), \(5,\) was expected"),
    "a start in words": (header('"start": 1', '"start": "one"'), "layer 0: start 'one' is no whole number from 1"),
    "a start of 2^31": (header('"start": 1', f'"start": {1 << 31}'), "start 2147483648 is outside 1..16777216"),
    "a late start": (header('"start": 1', '"start": 999'), "start 999 is later than its layers and connections can"),
    "a rest in words": (header('"refractory": 0', '"refractory": []'), "refractory .* is no whole number from 0 to 63"),
    "a setting too many": (header('"reset": "zero"', '"colour": 1, "reset": "zero"'), "has 'colour', which is unknown"),
    "units of one number": (repacked(**{"layer0.v_per_unit": np.ones(1)}), r"v_per_unit is float64 of shape \(1,\)"),
    "inputs in words": (header('"n_inputs": 4', '"n_inputs": "four"'), "n_inputs 'four' is no whole number from 1"),
    "layers in words": (header('"layers": [', '"layers": "all", "x": ['), "has 'x', which is unknown"),
    "flipped bits": (flipped, ""),
    "a header that is a list": (repacked(header=np.frombuffer(b"[1]", np.uint8)), ""),
    "weights in words": (repacked(**{"connection0.weight": np.array(["a"])}), ""),
    "weights of NaN": (
        repacked(**{"connection0.weight": np.full((5, 4), np.nan)}),
        "values that are not whole numbers",
    ),
    "a time step in words": (
        header('"dt_s": 0.001', '"dt_s": "soon"'),
        "dt_s 'soon' is not a positive number of seconds",
    ),
    "a plan without connections": (header('"connections": {', '"others": {'), "plan is no table of vth_mant and conn"),
    "a plan of words": (header('"weight_bits": 8', '"weight_bits": "8"'), "plan holds '8', whole numbers up to"),
}


@pytest.mark.parametrize("case", list(DAMAGE), ids=lambda name: name.replace(" ", "-"))
def test_a_damaged_program_is_refused(shell: Shell, program: Path, case: str) -> None:
    damage, says = DAMAGE[case]
    damage(program)
    shell.refuses("simulate", program, *DATA, says=f"program.npz: .*{says}")
    shell.refuses("certify", "good.nir", *DATA, *DT, "--program", program, says=f"program.npz: .*{says}")


def test_a_program_of_the_format_before_still_runs(shell: Shell, program: Path) -> None:
    before = shell.works("simulate", program, *DATA)
    header('"format": 3', '"format": 2')(program)
    assert shell.works("simulate", program, *DATA)["synops_per_sample"] == before["synops_per_sample"]


def test_a_program_runs_where_integers_run(shell: Shell, program: Path) -> None:
    shell.refuses("simulate", program, *DATA, "--backend", "reference", says="the reference backend runs .nir files")
    shell.refuses("certify", program, *DATA, says="name its .nir graph, and the Program with --program")
    shell.refuses("compile", program, "--out", "again.npz", says="program.npz: is an integer Program, a graph")
    shell.refuses("simulate", program, says="simulate: found no data; name a dataset or a file with --data")
    alone = shell.works("simulate", program, *DATA)
    graph = shell.works("simulate", "good.nir", *DATA, *DT)
    assert alone["synops_per_sample"] == graph["synops_per_sample"]


def test_a_program_of_another_graph_is_refused(shell: Shell, program: Path) -> None:
    other = {"fc1": graphs.linear(6, 4), "lif1": graphs.lif(6), "fc2": graphs.linear(3, 6)}
    graphs.write_good(shell.folder / "wider.nir", **other)
    says = "--program: was not compiled from this graph: its layers are"
    shell.refuses("certify", "wider.nir", *DATA, *DT, "--program", program, says=says)
    graphs.write_good(shell.folder / "louder.nir", fc1=graphs.linear(5, 4, weight=9 * graphs.weights(5, 4)))
    says = "--program: was compiled with another precision"
    shell.refuses("certify", "louder.nir", *DATA, *DT, "--program", program, says=says)


def test_a_program_with_a_changed_weight_fails_its_certificate(shell: Shell, program: Path) -> None:
    with np.load(program) as stored:
        weight = stored["connection0.weight"].copy()
    weight[:, 0] = -weight[:, 0]
    repacked(**{"connection0.weight": weight})(program)
    said = shell("certify", "good.nir", *DATA, *DT, "--program", program, "--json")
    assert said.status == 1
    assert not said.json["passed"]
    assert said.json["failures"][0].startswith("program: lif1: weight of fc1 of neuron 0 at [0] is ")
    assert "the Program does not compute the graph" in said.json["failures"][-1]


def test_a_program_with_another_time_step_or_unit_fails_its_certificate(shell: Shell, program: Path) -> None:
    header('"dt_s": 0.001', '"dt_s": 0.002')(program)
    repacked(**{"layer1.v_per_unit": np.full(3, 5.0)})(program)
    said = shell("certify", "good.nir", *DATA, *DT, "--program", program, "--json")
    assert said.status == 1
    assert said.json["failures"][0] == "program: good: dt_s is 0.002, the graph gives 0.001"
    assert said.json["failures"][1].startswith("program: lif2: v_per_unit of neuron 0 is 5, the graph gives ")


OPTIONS = {
    ("--backend", "nonsense"): "--backend: 'nonsense' is unknown; choose one of fixed, lava, reference",
    ("--backend", "fixd"): "did you mean 'fixed'",
    ("--backend", "lava"): "lava: no environment in .*; run: neurodeploy lava setup",
    ("--limit", "abc"): "'--limit': found 'abc', a whole number is needed",
    ("--dt", "abc"): "'--dt': found 'abc', a number is needed",
    ("--limit", "0"): "'--limit': found 0, at least 1 is allowed",
    ("--limit", "-1"): "'--limit': found -1, at least 1 is allowed",
    ("--weight-bits", "0"): "'--weight-bits': found 0, 2 to 8 is allowed",
    ("--weight-bits", "1"): "'--weight-bits': found 1, 2 to 8 is allowed",
    ("--weight-bits", "9"): "'--weight-bits': found 9, 2 to 8 is allowed",
    ("--dt", "0"): "--dt: found 0, a positive number of seconds",
    ("--dt", "-1"): "--dt: found -1, a positive",
    ("--dt", "nan"): "--dt: found nan, a positive",
    ("--dt", "inf"): "--dt: found inf, a positive",
    ("--dt", "1"): "lif1: tau is 0.01 s, shorter than the time step of 1 s; check the unit",
    ("--reset", "hard"): "--reset: found 'hard', 'zero' or 'subtract' is allowed",
    ("--calibrate", "nowhere"): "--calibrate: 'nowhere' is neither a file nor a dataset",
    ("--calibrate", "good.nir"): "good.nir: is not in SHD layout",
    ("--traces", "no/folder.npz"): "no/folder.npz: cannot be written, .*no is no folder; make it first",
    ("--traces", "."): "is a folder, a file was expected",
    ("--traces", "/dev/null"): "/dev/null: is a device or a pipe",
    ("--threads", "0"): "'--threads': found 0, at least 1 is allowed",
    ("--threads", "2", "--backend", "reference"): "--threads: is for the fixed backend, 'reference' does not take it",
    ("--engine", "natve"): "--engine: 'natve' is unknown; did you mean 'native'",
    ("--engine", "plain", "--backend", "reference"): "--engine: is for the fixed backend",
    ("--probe", "lif1"): "--probe: needs --traces OUT",
    ("--probe", "lif9", "--traces", "t.npz"): "--probe: 'lif9' is not a layer of .*; did you mean 'lif",
    ("--bakend", "fixed"): "no such option --bakend; did you mean '--backend'",
    ("further",): "unexpected extra argument",
}


@pytest.mark.usefixtures("good")
@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_options_of_simulate(shell: Shell, options: tuple[str, ...]) -> None:
    shell.refuses("simulate", "good.nir", *DATA, *DT, *options, says=OPTIONS[options])


@pytest.mark.usefixtures("good")
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--backends", "nonsense"), "--backends: 'nonsense' is unknown; choose one of"),
        (("--backends", ""), "--backends: found ''; name two or more"),
        (("--backends", ","), "--backends: found ''; name two or more"),
        (("--backends", "fixed,fixed"), "--backends: found 'fixed,fixed'; name two or more"),
        (("--backends", "fixed"), "--backends: found 'fixed'; name two or more"),
        (("--backends", "fixed,lava"), "run: neurodeploy lava setup"),
        (("--max-accuracy-drop", "2"), "'--max-accuracy-drop': found 2.0, 0 to 1 is allowed"),
        (("--max-accuracy-drop", "nan"), "'--max-accuracy-drop': found nan, 0 to 1 is allowed"),
        (("--program", "missing.npz"), "missing.npz: cannot be read"),
        (("--program", "good.nir"), "good.nir: is not an integer Program"),
    ],
)
def test_options_of_certify(shell: Shell, options: tuple[str, ...], says: str) -> None:
    shell.refuses("certify", "good.nir", *DATA, *DT, *options, says=says)


@pytest.mark.usefixtures("good")
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--out", "p.npz", "--chip", "loihi3"), "--chip: 'loihi3' is unknown; did you mean 'loihi2'"),
        (("--out", "p.npz", "--chip", ""), "--chip: '' is unknown; choose one of loihi1, loihi2"),
        (("--out", "p.npz", "--weight-bits", "9"), "found 9, 2 to 8 is allowed"),
        (("--out", "no/p.npz"), "no/p.npz: cannot be written, .*no is no folder"),
        (("--out", "good.nir/p.npz"), "good.nir is no folder"),
        (("--out", "."), "is a folder, a file was expected; name a file inside it"),
        (("--out", "/dev/null"), "is a device or a pipe, a file was expected"),
        (("--out", "a" * 300), "cannot be written .File name too long"),
        (("--out", "/proc/p.npz"), "/proc: cannot be written"),
        ((), "missing option '--out'"),
    ],
)
def test_options_of_compile(shell: Shell, options: tuple[str, ...], says: str) -> None:
    shell.refuses("compile", "good.nir", *DT, *options, says=says)


def test_options_against_what_a_file_carries(shell: Shell, run: Path) -> None:
    graph = run / "model.nir"
    shell.refuses(
        "compile", graph, "--out", "p.npz", "--dt", "2e-3", says="for a time step of 0.001 s, --dt says 0.002"
    )
    shell.refuses("compile", graph, "--out", "p.npz", "--reset", "subtract", says="carries reset 'zero', --reset says")
    shell.refuses("compile", graph, "--out", "p.npz", "--weight-bits", "4", says=r"carries \[8\]-bit weights, 4 bits")
    same = shell.works("compile", graph, "--out", "p.npz", "--dt", "1e-3", "--reset", "zero", "--weight-bits", "8")
    assert same["precision"] == "the precision that the file carries"


def test_a_time_step_is_needed(shell: Shell, good: Path) -> None:
    for verb, more in (("compile", ("--out", "p.npz")), ("certify", DATA), ("simulate", DATA)):
        shell.refuses(verb, good.name, *more, says="good.nir: carries no time step, .*give --dt in seconds")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("simulat",), "no such verb 'simulat'; did you mean 'simulate'"),
        (("zzz",), "no such verb 'zzz'; choose one of bench, certify, characterize"),
        (("data", "lst"), "no such verb 'lst'; did you mean 'list'"),
        (("lava", "stat"), "no such verb 'stat'; did you mean 'status'"),
        (("data", "list", "all"), "unexpected extra argument"),
        (("recipes", "--nope"), "no such option --nope"),
        (("simulate",), "missing argument 'file'"),
        (("compile", "good.nir"), "missing option '--out'"),
        (("lava", "setup", "--python", "/nowhere"), "--python: /nowhere does not run as a Python"),
        (("report",), "missing argument 'run'"),
    ],
)
def test_words_that_are_no_command(shell: Shell, arguments: tuple[str, ...], says: str) -> None:
    shell.refuses(*arguments, says=says)


def test_export_needs_a_folder_to_write_to(shell: Shell, run: Path) -> None:
    shell.refuses("export", run, "--out", "no/model.nir", says="no is no folder; make it first")
    shell.refuses("export", run, "--out", run, says="is a folder, a file was expected")
