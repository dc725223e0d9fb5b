"""Run folders: whose run they hold, what is missing in them, what is damaged, and where they cannot be."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.cli.support import TINY, Shell, contents


def no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("verb", ["run", "train"])
def test_folders_that_cannot_be_made(shell: Shell, verb: str) -> None:
    (shell.folder / "file").write_text("mine")
    shell.refuses(verb, "digits", "--out", "file", says="file: is a file, a folder is needed; choose another path")
    shell.refuses(verb, "digits", "--out", "file/run", says="file/run: cannot be written .Not a directory")
    shell.refuses(verb, "digits", "--out", "/proc/run", says="/proc/run: cannot be written")
    shell.refuses(verb, "digits", "--out", "a" * 300, says="File name too long")
    shell.refuses(verb, "digits", says="missing option '--out'")


def test_a_folder_that_is_read_only(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    (shell.folder / "run").mkdir()
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    shell.refuses("run", "digits", "--out", "run", says="run: cannot be written .Read-only file system")


def test_a_run_is_not_replaced_by_accident(shell: Shell, run: Path) -> None:
    for verb in ("run", "train"):
        shell.refuses(verb, "digits", "--out", run, *TINY, says="already holds a run; .*--resume, .*--overwrite")
        shell.refuses(verb, "digits", "--out", run, "--resume", "--overwrite", says="exclude each other")
    other = ("--set", "training.seed=7")
    shell.refuses("run", "digits", "--out", run, *TINY, *other, "--resume", says="training.seed is 0, not 7")
    shell.refuses("run", "braille7", "--out", run, "--overwrite", says="braille7.* is not on this machine")


def test_resuming_a_finished_run_gives_it_again(shell: Shell, run: Path) -> None:
    before = json.loads((run / "report.json").read_text())
    found = shell.works("run", "digits", "--out", run, *TINY, "--resume")
    assert found["accuracy"].items() <= before["accuracy"].items()
    assert json.loads((run / "metrics.json").read_text())["training"] == before["training"]


@pytest.mark.parametrize("verb", ["quantize", "export", "report"])
def test_folders_without_a_run(shell: Shell, verb: str) -> None:
    (shell.folder / "empty").mkdir()
    (shell.folder / "file").write_text("mine")
    for folder in ("empty", "missing", "file", "file/run", ""):
        no_run = "has no report.json" if folder in ("empty", "") else "is no folder; name a run folder"
        shell.refuses(verb, folder, says=no_run if verb == "report" else "holds no run")


@pytest.mark.parametrize(
    ("kept", "verb", "says"),
    [
        (("recipe.toml",), "quantize", "has no training yet; run neurodeploy train first"),
        (("recipe.toml",), "export", "has no quantisation yet; run neurodeploy quantize first"),
        (("recipe.toml", "metrics.json", "checkpoint.safetensors"), "report", "has no report.json; finish the run"),
    ],
)
def test_a_stage_before_the_one_it_needs(shell: Shell, run: Path, kept: tuple[str, ...], verb: str, says: str) -> None:
    for path in run.iterdir():
        if path.name not in kept:
            path.unlink()
    shell.refuses(verb, run, says=says, after_work=True)


def test_quantising_again_with_other_settings(shell: Shell, run: Path) -> None:
    shell.refuses("quantize", run, "--weight-bits", "4", says="already quantised with other settings")
    shell.refuses("quantize", run, "--weight-bits", "9", says="'--weight-bits': found 9, 2 to 8 is allowed")
    shell.refuses("quantize", run, "--method", "magic", says="--method: found 'magic', ptq or qat is allowed")


@pytest.mark.parametrize("content", [b"", b"words", b"\xff\xfe", b"[training]\nepochs = 3", b'name = "x"\n[data]'])
def test_a_damaged_recipe(shell: Shell, run: Path, content: bytes) -> None:
    (run / "recipe.toml").write_bytes(content)
    for verb in ("quantize", "export"):
        shell.refuses(verb, run, says="run.*(holds no run|recipe.toml: )")
    shell.refuses("run", "digits", "--out", run, *TINY, "--resume", says="its recipe.toml is damaged")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"words",
        b"\xff\xfe",
        b"[]",
        b"3",
        b'{"training": 3}',
        b'{"training": {}}',
        b'{"training": {"epochs": [], "best_validation": 1, "test_accuracy": "high"}}',
        b'{"quantisation": {"plan": 3, "ptq_test_accuracy": 1, "test_accuracy": 1}}',
        b'{"quantisation": {"plan": {"vth_mant": {}}, "ptq_test_accuracy": 1, "test_accuracy": 1}}',
    ],
)
def test_damaged_metrics(shell: Shell, run: Path, content: bytes) -> None:
    (run / "metrics.json").write_bytes(content)
    for arguments in (("quantize", run), ("export", run), ("run", "digits", "--out", run, *TINY, "--resume")):
        shell.refuses(*arguments, says="metrics.json: is (not JSON|damaged|empty)", after_work=True)


def other_network(path: Path) -> None:
    safetensors.torch.save_file({"layers.0.weight": torch.ones(3, 3)}, path)


@pytest.mark.parametrize("name", ["checkpoint.safetensors", "quantised.safetensors"])
@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "cannot be read as safetensors"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "cannot be read as safetensors"),
        (lambda path: path.write_text("words"), "cannot be read as safetensors"),
        (lambda path: path.write_bytes(b""), "is empty .0 bytes."),
        (lambda path: path.unlink(), "cannot be read as safetensors"),
        (other_network, "does not belong to this recipe's network .*layers.0.weight"),
    ],
    ids=["cut", "one-byte-short", "words", "empty", "absent", "other"],
)
def test_a_damaged_checkpoint(shell: Shell, run: Path, name: str, damage: Callable[[Path], None], says: str) -> None:
    damage(run / name)
    again: tuple[object, ...] = ("run", "digits", "--out", run, *TINY, "--resume")
    if name.startswith("checkpoint"):
        metrics = json.loads((run / "metrics.json").read_text())
        (run / "metrics.json").write_text(json.dumps({"training": metrics["training"]}))
        again = ("quantize", run)
    shell.refuses(*again, says=f"{name}: {says}", after_work=True)


@pytest.mark.parametrize("content", ["words", "[" * 100_000])
def test_a_report_that_is_not_json(shell: Shell, run: Path, content: str) -> None:
    (run / "report.json").write_text(content)
    shell.refuses("report", run, says="report.json: is not JSON")


@pytest.mark.parametrize("content", ["[]", "{}", "3", '{"certificate": {}}'])
def test_a_report_that_holds_something_else(shell: Shell, run: Path, content: str) -> None:
    (run / "report.json").write_text(content)
    shell.refuses("report", run, says="report.json: ")


class TestFullDisk:
    """A disk without room leaves what was there, and nothing else."""

    @pytest.mark.parametrize(
        ("verb", "after_work"),
        [(("report", "run"), False), (("export", "run", "--out", "old.nir", "--overwrite"), True)],
        ids=["report", "export"],
    )
    def test_the_file_before_stays(
        self, shell: Shell, run: Path, verb: tuple[str, ...], after_work: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (shell.folder / "old.nir").write_text("mine")
        monkeypatch.setattr("os.replace", no_space)
        shell.refuses(*verb, says="cannot be written .No space left on device.", after_work=after_work)

    def test_no_room_to_begin(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.TemporaryFile", no_space)
        (shell.folder / "run").mkdir()
        shell.refuses("run", "digits", "--out", "run", says="run: cannot be written .No space left on device")

    def test_no_room_for_the_weights_leaves_a_run_that_can_go_on(
        self, shell: Shell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise safetensors.SafetensorError("I/O error: No space left on device (os error 28)")

        with monkeypatch.context() as patch:
            patch.setattr("neurodeploy.training.checkpoint.save_file", full)
            said = shell("train", "digits", "--out", "run", *TINY, "--json")
        assert (said.status, said.out) == (2, "")
        assert "checkpoint.safetensors: cannot be written (No space left on device)" in said.err.splitlines()[-1]
        left = contents(shell.folder / "run")
        assert not [name for name in left if ".part-" in name]
        assert set(left) == {"recipe.toml", "state", "state/training.ckpt"}
        assert shell.works("train", "digits", "--out", "run", *TINY, "--resume")["path"] == "run/checkpoint.safetensors"
