"""-h, shell completion, -q and -v, --device, choices in --help, and a word on a terminal before seconds of loading."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import Any

import pytest

from neurodeploy.cli import show
from neurodeploy.cli.app import _command
from tests.cli.support import TINY, Shell
from tests.hangs import ONLY_A_HANG_S


def commands(found: Any, path: tuple[str, ...] = ()) -> Any:
    """Yield every verb's words."""
    inner = getattr(found, "commands", {})
    if not inner:
        yield path
    for name, one in inner.items():
        yield from commands(one, (*path, name))


@pytest.mark.parametrize("words", list(commands(_command())), ids=" ".join)
def test_every_verb_has_h_and_says_what_it_takes(shell: Shell, words: tuple[str, ...]) -> None:
    said, full = shell(*words, "-h"), shell(*words, "--help")
    assert (said.status, said.err) == (0, "")
    assert said.out == full.out
    assert "-h, --help" in said.out


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("simulate", ("reference|fixed|lava", "auto|native|plain|torch", "zero|subtract", "loihi1, loihi2")),
        ("check", ("low|mid|high", "dynamic|whole", "float|ptq|quantised|reference|fixed|lava")),
        ("inspect", ("snntorch|norse|spikingjelly|nirtorch",)),
        ("quantize", ("ptq|qat",)),
        ("", ("auto|cpu|cuda|gpu|mps", "--quiet", "--verbose", "--install-completion", "certify, count, report.")),
        ("data", ("Turn WAV files into 700-channel spikes by an inner-ear model, as SHD and SSC were made.",)),
    ],
)
def test_choices_are_in_the_help(shell: Shell, line: str, choices: tuple[str, ...]) -> None:
    text = " ".join(shell(*line.split(), "--help").out.split())
    assert not [one for one in choices if one not in text]


@pytest.mark.parametrize("verb", ["train", "figure 3"])
def test_an_option_without_its_value_names_its_verb(shell: Shell, verb: str) -> None:
    said = shell(*verb.split(), "--out")
    assert f"{verb}: option '--out' requires an argument (see neurodeploy {verb} --help)" in said.err


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("neurodeploy sim", "simulate"),
        ("neurodeploy run digits_n", "digits_norse"),
        ("neurodeploy simulate g.nir --backend re", "reference"),
        ("neurodeploy simulate g.nir --data brai", "braille7"),
        ("neurodeploy fit g.nir --chip lo", "loihi2"),
    ],
)
def test_the_shell_completes(typed: str, found: str) -> None:
    words = typed.split()
    asked = {"_NEURODEPLOY_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
    line = [sys.executable, "-c", "from neurodeploy.cli import main; main()"]
    done = subprocess.run(line, env=os.environ | asked, capture_output=True, text=True, timeout=ONLY_A_HANG_S)
    assert found in done.stdout.split(), done.stderr


def test_q_is_silent_and_v_says_more(shell: Shell) -> None:
    quiet = shell("train", "digits", *TINY, "--out", "a", "-q")
    assert (quiet.status, quiet.err) == (0, "")
    verbose = shell("train", "-v", "digits", *TINY, "--out", "b")
    assert " s  train 1/1" in verbose.err
    refused = shell("simulate", "absent.nir", "--data", "digits", "--verbose").err.splitlines()
    assert refused[0].startswith("Traceback")
    assert refused[-1] == "error: absent.nir: no such file; check the path"
    assert len(shell("simulate", "absent.nir", "--data", "digits").err.splitlines()) == 1


def test_a_device_goes_where_there_is_one(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    shell.refuses("run", "digits", "--out", "x", "--device", "cuda", says="found 'cuda', this machine has none")
    shell.refuses("train", "digits", "--out", "x", "--device=abacus", says="accelerator: input should be 'cpu', 'gpu'")
    shell.refuses("--device", "cuda", "fit", "g.nir", says="--device: found cuda, this runs on the CPU; run and train")
    assert shell.works("train", "digits", *TINY, "--out", "run", "--device", "cpu")["accuracy"]


@pytest.mark.parametrize("line", [("recipes",), ("data", "list"), ("fit", "good.nir")])
def test_a_package_that_is_not_installed_is_one_line(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...]
) -> None:
    def absent(*_: Any, **__: Any) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    for name in ("list_recipes", "list_datasets"):
        monkeypatch.setattr(f"neurodeploy.verbs.listing.{name}", absent)
    monkeypatch.setattr("neurodeploy.verbs.fit.fit", absent)
    shell.refuses(*line, says="^error: torch: is not installed; pip install torch, or install neurodeploy-toolkit ag")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_hears_that_it_is_alive_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    assert show.Loading.PATIENCE_S < 1
    monkeypatch.setattr(show.Loading, "PATIENCE_S", 0.0)
    for stderr, said in ((Terminal(), "loading ...\r\x1b[K"), (io.StringIO(), "")):
        monkeypatch.setattr(sys, "stderr", stderr)
        loading = show.Loading()
        loading.start()
        if loading.timer is not None:
            loading.timer.join()
        loading.stop()
        assert stderr.getvalue() == said
