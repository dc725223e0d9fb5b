"""`neurodeploy fit`: what it prints, what it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurodeploy.program.file import write_program
from tests.cli.support import Shell
from tests.mapping.placement.networks import dense, diagonal

KEYS = ("fits", "chip", "cores", "chips", "binding_limit", "limits", "layers", "core_list", "advice", "constants")


def test_a_program_on_both_chips(shell: Shell) -> None:
    write_program("net.npz", dense(700, 512, 512, 35))
    one, two = (shell.works("fit", "net.npz", "--chip", chip) for chip in ("loihi1", "loihi2"))
    for found in (one, two):
        assert set(KEYS) <= set(found)
        assert found["fits"] is True
        assert found["chips"] == 1
        assert len(found["core_list"]) == found["cores"] == sum(layer["cores"] for layer in found["layers"])
        binding = found["binding_limit"]
        assert binding["name"] in found["constants"]
        assert binding["source"] == found["constants"][binding["name"]]["source"]
        assert all(limit["used"] <= limit["limit"] for limit in found["limits"])
    assert (one["cores"], two["cores"]) == (8, 15)
    assert two["advice"][0]["effect"].startswith("7-bit weights: 15 -> ")


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_people_get_a_table_and_a_map(shell: Shell, suffix: str) -> None:
    write_program("net.npz", diagonal(1025))
    said = shell("fit", "net.npz", "--chip", "loihi1", "--out", f"map.{suffix}")
    assert said.status == 0, said.err
    assert said.out.startswith("fits loihi1: 2 cores on 1 chip\n")
    assert "1,025 neurons are more than the 1,024 neurons of a loihi1 core (neurons_per_core)" in said.out
    assert said.out.endswith(f"map: map.{suffix}\n")
    assert (shell.folder / f"map.{suffix}").stat().st_size > 1000


def test_what_does_not_fit_is_a_failed_check(shell: Shell) -> None:
    write_program("net.npz", dense(4097, 2))
    said = shell("fit", "net.npz", "--chip", "loihi1", "--out", "map.svg", "--json")
    assert said.status == 1
    assert (said.json["fits"], said.json["cores"], said.json["path"]) == (False, None, None)
    assert len(said.json["problems"]) == 1
    assert said.json["binding_limit"]["name"] == "input_axons_per_core"
    assert not (shell.folder / "map.svg").exists()
    said = shell("fit", "net.npz", "--chip", "loihi1")
    assert said.status == 1
    assert said.out.startswith("does not fit loihi1: lif1: neuron 0 alone needs 4,097 input axons")
    assert "loihi2: does not fit -> " in said.out


def test_a_graph_is_compiled_first(shell: Shell, good: Path) -> None:
    found = shell.works("fit", good, "--dt", "1e-3")
    assert found["fits"]
    wanted = shell.works("compile", good, "--dt", "1e-3", "--out", "p.npz")
    assert found["program"] == wanted["program"]
    narrow = shell.works("fit", good, "--dt", "1e-3", "--weight-bits", "4")
    assert {bits for layer in narrow["layers"] for bits in layer["weight_bits"].values()} == {4}


def test_a_run_folder_gives_its_program(shell: Shell) -> None:
    (shell.folder / "run").mkdir()
    write_program("run/program.npz", diagonal(3))
    assert shell.works("fit", "run")["cores"] == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("net.npz", "--chip", "lohi2"), r"--chip: 'lohi2' is unknown; did you mean 'loihi2'\?"),
        (("net.npz", "--chip", "truenorth"), "no Program can be made for truenorth"),
        (("none.npz",), "none.npz: "),
        (("empty",), r"empty: has no program.npz; name a finished run, a Program or a .nir file"),
        (("net.npz", "--out", "map.jpg"), r"map.jpg: has the suffix .jpg, pictures are .png, .svg, .pdf"),
        (("net.npz", "--out", "nowhere/map.svg"), "nowhere.* is no folder"),
        (("net.npz", "--chp", "loihi2"), "no such option --chp; did you mean '--chip'"),
    ],
)
def test_bad_input_is_one_line(shell: Shell, arguments: tuple[str, ...], says: str) -> None:
    write_program("net.npz", diagonal(3))
    (shell.folder / "empty").mkdir()
    shell.refuses("fit", *arguments, says=says)


def test_a_chip_of_ones_own_needs_its_limits(shell: Shell) -> None:
    write_program("net.npz", diagonal(30))
    head = 'name = "mine"\nprogram = true\n[energy.one]\n'
    price = '{ value = 1, unit = "pJ", source = "a guess of ours", evidence = "model", scope = "per-op" }'
    limits = {
        "weight_bits": (8, "bit"),
        "state_bits": (24, "bit"),
        "delay_bits": (6, "bit"),
        "cores_per_chip": (2, "core"),
        "neurons_per_core": (8, "neuron"),
        "input_axons_per_core": (99, "axon"),
        "output_axons_per_core": (99, "slot"),
        "synapse_memory_bits_per_core": (1, "kB"),
    }
    rows = [
        f'{key} = {{ value = {value}, unit = "{unit}", source = "a guess of ours", evidence = "inferred" }}'
        for key, (value, unit) in limits.items()
    ]
    chip = shell.folder / "mine.toml"
    chip.write_text(f"{head}synop = {price}\n[limits]\n" + "\n".join(rows[:-1]))
    shell.refuses("fit", "net.npz", "--chip", "mine.toml", says=r"mine: has no limits\.synapse_memory_bits_per_core")
    chip.write_text(f"{head}synop = {price}\n[limits]\n" + "\n".join(rows))
    found = shell.works("fit", "net.npz", "--chip", "mine.toml")
    assert (found["chip"], found["cores"], found["chips"]) == ("mine", 4, 2)
