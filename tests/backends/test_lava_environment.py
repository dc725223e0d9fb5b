"""Lava's environment and worker without Lava: what is looked for, and each way it can fail.

Shell scripts stand in for interpreters: a healthy one, one that only seems to be there, one that dies.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from neurodeploy.backends import lava
from neurodeploy.backends.lava import blocks, client, environment
from neurodeploy.errors import DataError, LavaError
from tests.backends.lava_support import ends, one_layer, small_network

VERSIONS = {"python": "3.10.13", **environment.PINS, **environment.NETX_PINS}
PYTHON310 = 'echo 3 10; echo "$0"'
SHIM = 'echo "pyenv: python3.10: command not found" >&2; exit 127'
SPIKES = np.ones((1, 4, 5))


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of another Python, with an empty PATH folder, no pyenv, no uv and no environment."""
    for module in (environment, client):
        monkeypatch.setattr(module, "runs_in_process", lambda: False)
    monkeypatch.setattr(environment, "sys", SimpleNamespace(version_info=(3, 12, 0), executable="none"))
    (tmp_path / "path").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("NEURODEPLOY_LAVA_ENV", str(tmp_path / "env"))
    monkeypatch.delenv("NEURODEPLOY_LAVA_TIMEOUT", raising=False)


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def ready_environment(folder: Path, body: str) -> Path:
    """Make a folder that looks like a finished environment around a stand-in interpreter."""
    python = script(folder / "bin" / "python", body)
    (folder / environment.OURS).touch()
    (folder / environment.MARKER).write_text(json.dumps(VERSIONS))
    return python


class TestFindPython310:
    """Only a Python that runs and says 3.10 is taken."""

    def test_nothing_found_says_where_it_looked_and_what_to_try(self, tmp_path: Path) -> None:
        with pytest.raises(LavaError) as told:
            environment.find_python310()
        line = str(told.value)
        assert "\n" not in line
        for part in ("PATH", str(tmp_path / "pyenv" / "versions"), "uv python install 3.10", "python="):
            assert part in line

    def test_a_shim_that_fails_is_passed_over(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        script(tmp_path / "path" / "python3.10", SHIM)
        with pytest.raises(LavaError, match=r"no Python 3\.10 found"):
            environment.find_python310()
        behind = script(tmp_path / "second" / "python3.10", PYTHON310)
        monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "path"), str(behind.parent)]))
        assert environment.find_python310() == behind

    def test_pyenvs_newest_310_is_taken(self, tmp_path: Path) -> None:
        kept = tmp_path / "pyenv" / "versions"
        for version in ("3.10.2", "3.10.13", "3.10.9", "3.10.dev", "3.11.7"):
            script(kept / version / "bin" / "python3.10", PYTHON310)
        assert environment.find_python310() == kept / "3.10.13" / "bin" / "python3.10"

    def test_uv_is_asked_last(self, tmp_path: Path) -> None:
        managed = script(tmp_path / "managed" / "python3.10", PYTHON310)
        script(tmp_path / "path" / "uv", f'[ "$*" = "python find 3.10" ] && echo {managed}')
        assert environment.find_python310() == managed

    def test_an_explicit_python_is_checked_and_is_the_only_one(self, tmp_path: Path) -> None:
        script(tmp_path / "path" / "python3.10", PYTHON310)
        other = script(tmp_path / "other", "echo 3 11; echo here")
        with pytest.raises(LavaError, match=r"lava: python: .*other is Python 3\.11; Lava 0\.10\.0 needs 3\.10"):
            environment.find_python310(other)
        with pytest.raises(LavaError, match=r"lava: python: nowhere does not run"):
            environment.find_python310("nowhere")
        own = script(tmp_path / "own", PYTHON310)
        assert environment.find_python310(own) == own


class TestSetup:
    """An environment is ready when its last step was written, and not before."""

    @pytest.fixture
    def python(self, tmp_path: Path) -> Path:
        """A Python 3.10 whose venv module makes an environment out of a prepared script."""
        body = (
            'case "$*" in\n'
            f'*venv*) for folder; do :; done; /bin/mkdir "$folder/bin"\n'
            f'  /bin/cp {tmp_path}/inside "$folder/bin/python";;\n'
            f"*) {PYTHON310};;\n"
            "esac"
        )
        return script(tmp_path / "path" / "python3.10", body)

    @pytest.mark.usefixtures("python")
    def test_it_is_made_once_and_then_left_alone(self, tmp_path: Path) -> None:
        answer = json.dumps(VERSIONS)
        script(tmp_path / "inside", f"case \"$*\" in *pip*) echo installed;; *) echo '{answer}';; esac")
        lines: list[str] = []
        made = lava.setup(log=lines.append)
        assert (made.ready, made.how, made.folder) == (True, "worker", str(tmp_path / "env"))
        assert made.versions == VERSIONS
        assert "installed" in lines
        lines.clear()
        assert lava.setup(log=lines.append) == made
        assert not lines

    def test_what_netx_needs_is_added_to_an_environment_that_is_otherwise_whole(self, tmp_path: Path) -> None:
        """One made before netx was part of it is neither emptied nor made anew."""
        answer, without = json.dumps(VERSIONS), json.dumps({"python": "3.10.13", **environment.PINS})
        told = tmp_path / "asked"
        versions = f"[ -e {told} ] && echo '{answer}' || echo '{without}'"
        body = f'case "$*" in *pip*) echo "$@" >> {told};; *) {versions};; esac'
        ready_environment(tmp_path / "env", body)
        (tmp_path / "env" / "kept").touch()
        assert lava.setup().versions == VERSIONS
        asked = told.read_text().splitlines()
        assert len(asked) == 1
        assert asked[0].endswith("--no-deps --no-compile lava-dl==0.6.0 h5py==3.16.0")
        assert (tmp_path / "env" / "kept").exists()

    @pytest.mark.usefixtures("python")
    def test_pips_last_useful_line_is_the_error(self, tmp_path: Path) -> None:
        told = "ERROR: No matching distribution found for lava-nc==0.10.0"
        script(tmp_path / "inside", f'echo "{told}"; echo; echo "[notice] a new pip"; exit 1')
        with pytest.raises(LavaError, match=r"^lava: pip failed \(ERROR: No matching [^\n]*; check the network"):
            lava.setup()
        assert not lava.status().ready

    @pytest.mark.usefixtures("python")
    def test_an_interrupted_setup_is_not_taken_for_a_ready_one(self, tmp_path: Path) -> None:
        script(tmp_path / "inside", "echo collecting")

        def interrupt(line: str) -> None:
            if line == "collecting":
                raise KeyboardInterrupt

        ready_environment(tmp_path / "env", "exit 1")
        with pytest.raises(KeyboardInterrupt):
            lava.setup(log=interrupt)
        assert "no environment" in lava.status().reason

    @pytest.mark.usefixtures("python")
    def test_a_folder_that_cannot_be_written_is_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(LavaError, match=r"file/env: cannot be written .*NEURODEPLOY_LAVA_ENV"):
            lava.setup(folder=tmp_path / "file" / "env")

    @pytest.mark.usefixtures("python")
    def test_a_folder_of_something_else_is_not_overwritten(self, tmp_path: Path) -> None:
        kept = tmp_path / "env" / "pyvenv.cfg"
        kept.parent.mkdir()
        kept.touch()
        with pytest.raises(LavaError, match="holds files that setup did not make"):
            lava.setup()
        assert kept.exists()


class TestStatus:
    """What is said of an environment was asked of its interpreter."""

    def test_an_absent_environment_names_the_command(self, tmp_path: Path) -> None:
        found = lava.status()
        assert not found.ready
        assert found.python is None
        assert found.reason == f"lava: no environment in {tmp_path / 'env'}; run: neurodeploy lava setup"

    def test_an_environment_that_no_longer_imports_lava_says_so(self, tmp_path: Path) -> None:
        ready_environment(tmp_path / "env", "echo \"ModuleNotFoundError: No module named 'lava'\" >&2; exit 1")
        found = lava.status()
        assert not found.ready
        assert "does not import" in found.reason
        assert "No module named 'lava'" in found.reason

    def test_the_folder_is_the_named_one_or_the_cache(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NEURODEPLOY_LAVA_ENV")
        monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
        assert environment.default_folder() == Path("/cache/neurodeploy/lava-0.10.0")
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", "/home/me")
        assert environment.default_folder() == Path("/home/me/.cache/neurodeploy/lava-0.10.0")


class TestWorkerThatFails:
    """A worker that dies, hangs or fails is one line, and leaves neither processes nor files."""

    @pytest.fixture(autouse=True)
    def nothing_is_left(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setenv("PATH", os.defpath)
        (tmp_path / "temporary").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
        yield
        assert list((tmp_path / "temporary").iterdir()) == []
        assert ends(int((tmp_path / "pid").read_text()))

    def run(self, tmp_path: Path, body: str, timeout_s: float | None = None) -> str:
        """Return the one line that a run ends with."""
        ready_environment(tmp_path / "env", f"echo $$ > {tmp_path}/pid; {body}")
        with pytest.raises(LavaError) as told:
            lava.run(small_network(0), SPIKES, timeout_s=timeout_s)
        assert "\n" not in str(told.value)
        return str(told.value)

    @pytest.fixture
    def slow(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        """What makes a worker hang; its time passes from there on only, however long it took to start."""
        at = tmp_path / "hangs"
        monkeypatch.setattr(
            client,
            "time",
            SimpleNamespace(sleep=time.sleep, monotonic=lambda: time.monotonic() if at.exists() else 0.0),
        )
        return f"touch {at}; sleep 3600 & sleep 3600"

    def test_hanging(self, tmp_path: Path, slow: str) -> None:
        line = self.run(tmp_path, slow, timeout_s=0.5)
        assert line == (
            "lava: the worker sent nothing for 0.5 s; raise NEURODEPLOY_LAVA_TIMEOUT or use fewer samples (limit=)"
        )

    def test_hanging_for_the_time_in_the_environment(
        self, tmp_path: Path, slow: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NEURODEPLOY_LAVA_TIMEOUT", "0.4")
        assert "nothing for 0.4 s (it said this)" in self.run(tmp_path, f"echo it said this >&2; {slow}")

    def test_killed(self, tmp_path: Path) -> None:
        line = self.run(tmp_path, "echo 'MemoryError: too much' >&2; sleep 3600 & kill -9 $$")
        assert line == "lava: the worker was killed by SIGKILL (MemoryError: too much)"

    def test_ending_early(self, tmp_path: Path) -> None:
        assert self.run(tmp_path, "exit 3") == "lava: the worker ended with exit status 3"

    def test_reporting_an_error(self, tmp_path: Path) -> None:
        body = """echo not a message; echo '{"error": "ValueError: a bad thing"}'; sleep 3600"""
        assert self.run(tmp_path, body) == "lava: the worker failed: ValueError: a bad thing"


class TestAskedWrongly:
    """What can be known before any process starts is said before."""

    def test_no_environment(self) -> None:
        with pytest.raises(LavaError, match=r"^lava: no environment in .*; run: neurodeploy lava setup$"):
            lava.run(small_network(0), SPIKES)

    def test_a_timeout_that_is_no_time(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        ready_environment(tmp_path / "env", "exit 1")
        monkeypatch.setenv("NEURODEPLOY_LAVA_TIMEOUT", "soon")
        with pytest.raises(LavaError, match="NEURODEPLOY_LAVA_TIMEOUT='soon' is no positive number"):
            lava.run(small_network(0), SPIKES)

    def test_spikes_of_another_width_and_no_samples_per_run(self, tmp_path: Path) -> None:
        ready_environment(tmp_path / "env", "exit 1")
        with pytest.raises(DataError, match="3 channels, the network takes 5"):
            lava.run(small_network(0), SPIKES[:, :, :3])
        with pytest.raises(LavaError, match="samples_per_run is 0, at least 1"):
            lava.run(small_network(0), SPIKES, samples_per_run=0)

    def test_an_interpreter_that_cannot_start(self, tmp_path: Path) -> None:
        ready_environment(tmp_path / "env", "").chmod(0o644)
        with pytest.raises(LavaError, match=r"does not start \(Permission denied\); run: neurodeploy lava setup"):
            lava.run(small_network(0), SPIKES)


@pytest.mark.parametrize(
    ("n_samples", "n_inputs", "expected"),
    [(1, 5, 1), (50, 5, 50), (10_000, 100, 80), (9, 2000, 3), (5, 20_000, 1)],
)
def test_blocks_are_equal_and_not_too_wide(n_samples: int, n_inputs: int, expected: int) -> None:
    network = one_layer(np.ones((1, n_inputs), int))
    size = blocks.samples_per_block(network, n_samples, 10, record=False)
    assert size == expected
    assert size * n_inputs <= blocks.WIDEST or size == 1


def test_blocks_shrink_where_every_state_is_kept() -> None:
    network = one_layer(np.ones((700, 1), int))
    many = blocks.samples_per_block(network, 10_000, 5000, record=False)
    kept = blocks.samples_per_block(network, 10_000, 5000, record=True)
    assert kept < many
    assert kept * 5000 * (4 + 700 * blocks.STATE_BYTES) <= blocks.MOST_BYTES
