"""Lava as a backend, in its real environment: what a run returns, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import neurodeploy
from neurodeploy.backends import fixed, lava
from neurodeploy.backends.lava import client, environment
from neurodeploy.errors import LavaError
from tests.backends.lava_support import (
    assert_same_counts,
    assert_same_states,
    ends,
    in_lavas_python,
    layer,
    one_layer,
    program,
    random_spikes,
    running_in_group,
    small_network,
)
from tests.hangs import comes_true

pytestmark = pytest.mark.lava


def test_lava_names_itself_and_counts_as_the_simulator_does() -> None:
    network, spikes = small_network(0), random_spikes(0, 3, 20, 5)
    trace = lava.run(network, spikes)
    assert (trace.backend, trace.output, trace.n_input_steps) == ("lava", "readout", 20)
    assert not trace.layers
    assert not trace.overflows
    assert trace.seconds > 0
    assert trace.counts["hidden"].sum() > 0
    assert_same_counts(fixed.run(network, spikes), trace)


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_samples_side_by_side_equal_samples_alone(reset: str) -> None:
    network, spikes = small_network(1, reset), random_spikes(1, 3, 15, 5)
    expected = fixed.run(network, spikes, record=True)
    heard: list[tuple[int, int]] = []
    with lava.Worker() as worker:
        for size in (1, 2, 3, None):
            found = worker.run(
                network, spikes, record=True, samples_per_run=size, progress=lambda *now: heard.append(now)
            )
            assert_same_states(expected, found)
            assert heard[-1] == (3, 3)


def test_a_run_longer_than_one_request_to_lava_keeps_its_state() -> None:
    network, spikes = small_network(2), random_spikes(2, 2, 150, 5)
    assert_same_states(fixed.run(network, spikes, record=True), lava.run(network, spikes, record=True))


def test_an_input_without_synapses_and_a_silent_sample_run() -> None:
    network = one_layer(np.zeros((2, 3)), bias_mant=4095, bias_exp=7)
    spikes = np.zeros((2, 5, 3))
    with lava.Worker() as worker:
        for size in (1, 2):
            found = worker.run(network, spikes, record=True, samples_per_run=size)
            assert_same_states(fixed.run(network, spikes, record=True), found)


def test_a_layer_that_nothing_connects_is_named() -> None:
    connected = one_layer([[1]])
    network = program(1, [connected.layers[0], layer("lonely", 2)], list(connected.connections))
    with pytest.raises(LavaError, match="layer 'lonely' left no states"):
        lava.run(network, np.ones((1, 3, 1)))


_MONITORED = """
import sys
from pathlib import Path
import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.monitor.process import Monitor
from neurodeploy.backends.lava import network
from neurodeploy.program.program import Program
from neurodeploy.program.file import read_program

program, spikes, folder = read_program(sys.argv[2]), np.load(sys.argv[3]), Path(sys.argv[4])
n_steps = program.n_steps(spikes.shape[1])
process = network._build(program, spikes, n_steps, folder, record=False)
monitors = [Monitor(), Monitor(), Monitor()]
for monitor, target in zip(monitors, (process.s_out, process.u, process.v)):
    monitor.probe(target, n_steps)
process.run(condition=RunSteps(num_steps=n_steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
found = [next(iter(monitor.get_data()[process.name].values())) for monitor in monitors]
process.stop()
np.savez(folder / "monitored.npz", *found)
"""


def test_what_is_recorded_is_what_lavas_own_monitors_see(tmp_path: Path) -> None:
    network, spikes = small_network(3), random_spikes(3, 1, 12, 5)
    in_lavas_python(_MONITORED, network, spikes, tmp_path)
    recorded = lava.run(network, spikes, record=True).layers["hidden"]
    with np.load(tmp_path / "monitored.npz") as stored:
        np.testing.assert_array_equal(stored["arr_0"], recorded.spikes_BTN[0])
        np.testing.assert_array_equal(stored["arr_1"], recorded.u_BTN[0])
        np.testing.assert_array_equal(stored["arr_2"], recorded.v_BTN[0])
    assert recorded.spikes_BTN.any()


_IN_PROCESS = """
import sys
import numpy as np
from neurodeploy.backends import fixed, lava
from neurodeploy.program.program import Program
from neurodeploy.program.file import read_program

program, spikes = read_program(sys.argv[2]), np.load(sys.argv[3])
assert lava.status().how == "in process", lava.status()
expected, found = fixed.run(program, spikes, record=True), lava.run(program, spikes, record=True)
for name, states in expected.layers.items():
    np.testing.assert_array_equal(found.layers[name].u_BTN, states.u_BTN)
    np.testing.assert_array_equal(found.layers[name].v_BTN, states.v_BTN)
    np.testing.assert_array_equal(found.layers[name].spikes_BTN, states.spikes_BTN)
assert found.counts[program.output].sum() > 0
"""


def test_python_310_with_lava_runs_it_in_process_on_numpy_alone(tmp_path: Path) -> None:
    in_lavas_python(_IN_PROCESS, small_network(4), random_spikes(4, 2, 15, 5), tmp_path)


@pytest.mark.skipif(environment.runs_in_process(), reason="there is no worker process on Python 3.10")
class TestWorker:
    """What becomes of the worker process and its files."""

    def test_one_worker_serves_several_runs_and_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        network, spikes = small_network(5), random_spikes(5, 2, 10, 5)
        with lava.Worker() as worker:
            first = worker.run(network, spikes, record=True)
            group = _group(worker)
            second = worker.run(network, spikes, record=True)
            assert _group(worker) == group
        assert_same_states(first, second)
        assert list(tmp_path.iterdir()) == []
        assert ends(group)

    def test_runs_one_by_one_share_a_worker_and_one_that_died_is_replaced(self) -> None:
        network, spikes = small_network(5), random_spikes(5, 2, 10, 5)

        def group_of_a_run() -> int:
            assert_same_counts(fixed.run(network, spikes), lava.run(network, spikes))
            [(key, child)] = client._IDLE.items()
            assert key[0] == os.getpid()
            return child._process.pid

        group = group_of_a_run()
        assert group_of_a_run() == group
        os.kill(group, signal.SIGKILL)
        client._IDLE[next(iter(client._IDLE))]._process.wait()
        assert group_of_a_run() != group
        assert ends(group)
        group = group_of_a_run()
        client._end_idle()
        assert ends(group)
        assert group_of_a_run() != group

    def test_ctrl_c_ends_lava_and_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        group = 0

        def interrupt(done: int, total: int) -> None:
            nonlocal group
            group = _group(worker)
            assert len(running_in_group(group)) > 3
            raise KeyboardInterrupt

        with lava.Worker() as worker:
            with pytest.raises(KeyboardInterrupt):
                worker.run(small_network(6), random_spikes(6, 1, 100_000, 5), progress=interrupt)
            assert ends(group)
            assert list(tmp_path.iterdir()) == []
            # The next run starts a new worker.
            assert worker.run(small_network(6), random_spikes(6, 1, 5, 5)).n_samples == 1

    def test_a_killed_worker_is_one_line_and_takes_lava_with_it(self) -> None:
        group = 0

        def kill(done: int, total: int) -> None:
            nonlocal group
            if not group:
                group = _group(worker)
                os.kill(group, signal.SIGKILL)

        with (
            lava.Worker() as worker,
            pytest.raises(LavaError, match=r"^lava: the worker was killed by SIGKILL"),
        ):
            worker.run(small_network(7), random_spikes(7, 1, 100_000, 5), progress=kill)
        assert ends(group)

    def test_lava_ends_when_its_parent_is_killed(self, tmp_path: Path) -> None:
        code = (
            "import tempfile, numpy as np\n"
            "from neurodeploy.backends import lava\n"
            "from tests.backends.lava_support import small_network, random_spikes\n"
            f"tempfile.tempdir = {str(tmp_path)!r}\n"
            "worker = lava.Worker()\n"
            "tell = lambda done, total: print(worker._child._process.pid, flush=True)\n"
            "worker.run(small_network(8), random_spikes(8, 1, 100_000, 5), progress=tell)\n"
        )
        root = Path(neurodeploy.__file__).parents[1]
        with subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout
            group = int(parent.stdout.readline())
            parent.kill()
        assert comes_true(lambda: not any(tmp_path.iterdir()))
        assert ends(group)


def _group(worker: lava.Worker) -> int:
    assert worker._child
    return worker._child._process.pid
