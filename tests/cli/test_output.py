"""What verbs print: one JSON object with the promised keys, and nothing odd where a pipe or a stream is closed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from neurodeploy.cli import app as cli
from tests.cli import graphs
from tests.cli.support import TINY, Shell
from tests.hangs import ONLY_A_HANG_S
from tests.interrupted import AT_THE_POINT, interrupted

COMMAND = (sys.executable, "-c", "from neurodeploy.cli import main; main()")


def process(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of the shell in which $ND is the real command."""
    script = f'ND() {{ "{COMMAND[0]}" -c "{COMMAND[2]}" "$@"; }}; {line}'
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=ONLY_A_HANG_S)


KEYS = {
    "compile good.nir --dt 1e-3 --out p.npz": {"layers", "path"},
    "simulate good.nir --data data.npz --dt 1e-3": {
        *("backend", "accuracy", "samples", "steps", "synops_per_sample", "seconds", "samples_per_second")
    },
    "certify good.nir --data data.npz --dt 1e-3": {"stages", "bit_exact", "passed"},
    "recipes": {"recipes"},
    "data list": {"datasets"},
    "lava status": {"ready", "python", "versions"},
}


@pytest.mark.usefixtures("good")
@pytest.mark.parametrize("line", KEYS)
def test_json_is_one_object_with_the_promised_keys(shell: Shell, line: str) -> None:
    found = shell.works(*line.split())
    assert found.keys() >= KEYS[line]


@pytest.mark.usefixtures("good")
@pytest.mark.parametrize("line", KEYS)
def test_people_get_lines_on_stdout_and_progress_on_stderr(shell: Shell, line: str) -> None:
    said = shell(*line.split())
    assert said.status == 0
    assert said.out.strip()
    assert not said.out.startswith("{")
    assert "error" not in said.err


def test_one_of_anything_is_told_as_one(shell: Shell, good: Path) -> None:
    given = (good, "--dt", "1e-3", "--data", "data.npz", "--limit", "1")
    assert " of 1 sample, 14 steps\n" in shell("simulate", *given).out
    assert " 1 chip; " in shell("profile", *given).out
    assert (
        ": on 1 sample it changed"
        in shell("certify", *given, "--backends", "reference,fixed", "--max-accuracy-drop", "1").out
    )


def test_stages_say_what_the_table_promises(shell: Shell, good: Path) -> None:
    found = shell.works("certify", good.name, "--data", "data.npz", "--dt", "1e-3", "--backends", "fixed,reference")
    assert [stage["name"] for stage in found["stages"]] == ["fixed", "reference"]
    for stage in found["stages"]:
        assert stage.keys() >= {"name", "accuracy", "spike_agreement", "first_difference"}


def test_the_stages_of_a_run_say_what_the_table_promises(shell: Shell, run: Path) -> None:
    for verb in ("quantize", "export"):
        assert shell.works(verb, run).keys() >= {"accuracy", "path"}
    assert shell.works("report", run)["path"] == str(run / "report.html")
    found = shell.works("run", "digits", "--out", run, *TINY, "--resume")
    assert found.keys() >= {"accuracy", "certificate", "synops_per_sample", "energy_j", "report"}
    assert found["accuracy"].keys() >= {"float", "quantised", "fixed"}
    assert found["certificate"]["passed"] is True
    assert found["energy_j"].keys() >= {"low", "mid", "high"}
    assert Path(found["report"]).is_file()


def test_train_gives_accuracy_and_path(shell: Shell) -> None:
    assert shell.works("train", "digits", "--out", "run", *TINY).keys() >= {"accuracy", "path"}


@pytest.mark.parametrize(
    ("verb", "advice"),
    [("run", "run"), ("train", "train"), ("quantize", "run"), ("conformance", None), ("bench", None)],
)
def test_an_interrupt_tells_how_to_go_on_where_that_can_be(
    verb: str, advice: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_command", stopped)
    assert cli.invoke([verb]) == cli.INTERRUPTED
    said = capsys.readouterr().err
    assert said.startswith("error: interrupted: nothing half-written is left")
    assert ("--resume" in said) == (advice is not None)
    assert advice is None or f"neurodeploy {advice} ... --resume" in said


HELD_AT_THE_END = """
import os
from neurodeploy.backends.lava import client

class Idle:
    close = staticmethod(hold)

client._IDLE[os.getpid(), None] = Idle()
"""


def test_ctrl_c_while_lavas_worker_ends_is_no_traceback_and_no_success() -> None:
    """The wait comes last, after the report; out of an atexit function Python drops the exception."""
    lines = interrupted(HELD_AT_THE_END, ["report", "nowhere"])
    assert lines[-1].strip() == AT_THE_POINT


def test_help_and_version_are_status_0(shell: Shell) -> None:
    for line in ("--help", "--version", "", "data", "lava", "run --help", "data list --help"):
        said = shell(*line.split())
        assert (said.status, said.err) == (0, "")
        assert said.out


class TestStreams:
    """Real processes, because streams are theirs."""

    @pytest.mark.parametrize("unbuffered", ["", "PYTHONUNBUFFERED=1 "])
    def test_a_reader_that_leaves_gets_no_traceback(self, tmp_path: Path, unbuffered: str) -> None:
        found = process(tmp_path, f"{unbuffered}ND --help | true")
        assert found.stderr == ""

    @pytest.mark.parametrize("buffered", ["unset PYTHONUNBUFFERED; ", "export PYTHONUNBUFFERED=1; "])
    def test_a_full_stdout_is_one_line(self, tmp_path: Path, buffered: str) -> None:
        found = process(tmp_path, f"{buffered}ND --help > /dev/full")
        assert found.returncode == 2
        assert found.stderr.count("\n") == 1
        assert found.stderr.startswith("error: ")
        assert "No space left on device" in found.stderr

    def test_closed_streams_are_no_error(self, tmp_path: Path) -> None:
        assert process(tmp_path, "ND --help >&-").stderr == ""
        found = process(tmp_path, "ND nonsense 2>&-")
        assert (found.returncode, found.stdout, found.stderr) == (2, "", "")

    def test_letters_that_stdout_does_not_have(self, tmp_path: Path) -> None:
        name = "gr\u00fcn.npz"
        found = process(tmp_path, f"export PYTHONIOENCODING=ascii; ND simulate {name} --data digits")
        assert "Traceback" not in found.stderr
        assert found.stderr.count("error: ") == 1

    def test_a_refusal_of_the_real_command(self, tmp_path: Path) -> None:
        found = process(tmp_path, "ND simulate missing.nir --data digits --json")
        assert (found.returncode, found.stdout) == (2, "")
        assert found.stderr == "error: missing.nir: no such file; check the path\n"

    def test_a_limit_on_file_size_leaves_no_part_of_a_file(self, tmp_path: Path) -> None:
        graphs.write_good(
            tmp_path / "good.nir", fc1=graphs.linear(400, 4), lif1=graphs.lif(400), fc2=graphs.linear(3, 400)
        )
        (tmp_path / "p.npz").write_text("mine")
        found = process(tmp_path, "ulimit -f 1; ND compile good.nir --dt 1e-3 --out p.npz --overwrite --json")
        assert (found.returncode, found.stdout) == (2, "")
        assert found.stderr.startswith(f"error: {tmp_path}/p.npz: cannot be written (File too large)")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["good.nir", "p.npz"]
        assert (tmp_path / "p.npz").read_text() == "mine"


HEAVY = ("numpy", "torch", "lightning", "nir", "h5py", "matplotlib", "sklearn", "jinja2", "rich.progress")


@pytest.mark.parametrize(
    "code",
    [
        "import neurodeploy",
        "from neurodeploy.cli.app import invoke; invoke(['--help'])",
        "from neurodeploy.cli.app import invoke; invoke(['simulate', '--help'])",
        "from neurodeploy.cli.app import invoke; invoke(['nonsense'])",
        "from neurodeploy.cli.app import invoke; assert invoke(['quantize', 'no run']) == 2",
        "from neurodeploy.cli.app import invoke; assert invoke(['export', 'no run']) == 2",
    ],
)
def test_what_does_no_work_loads_nothing_heavy(code: str) -> None:
    script = f"{code}\nimport sys; sys.exit(' '.join(name for name in {HEAVY!r} if name in sys.modules) or 0)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=ONLY_A_HANG_S)
    assert found.returncode == 0, found.stderr


def test_a_slip_in_a_recipe_is_told_before_what_trains_is_loaded() -> None:
    lines = (["run", "nothing", "--out", "r"], ["train", "digits", "--out", "r", "--set", "epochs=3"])
    script = f"from neurodeploy.cli.app import invoke\nassert [invoke(one) for one in {lines!r}] == [2, 2]"
    script += "\nimport sys; sys.exit(' '.join({'lightning', 'nir', 'matplotlib'} & set(sys.modules)) or 0)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=ONLY_A_HANG_S)
    assert found.returncode == 0, found.stderr
