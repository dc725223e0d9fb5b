"""`paper lmu`: the delay network by its own measure, what is trained, and the pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.neurons.lmu import legendre_matrices
from neurodeploy.papers.lmu import make
from neurodeploy.papers.lmu.delay import ORDER, WINDOW, delay_network, errors, readout, states, white_noise
from neurodeploy.papers.lmu.drawing import draw_delay, draw_sweep
from tests.data.test_idx import write_pictures
from tests.report.overlaps import text_problems


@pytest.fixture(scope="module")
def few() -> dict[str, Any]:
    return delay_network(6)


def test_the_readout_gives_a_ramp_of_every_delay() -> None:
    """Three coefficients hold a ramp exactly; a held input is half a step late."""
    a_DD, b_D = legendre_matrices(ORDER, float(WINDOW))
    ramp_T = np.arange(600.0)
    w_TK = states(a_DD, b_D, ramp_T[None])[0] @ readout().T
    np.testing.assert_allclose(w_TK[-1], ramp_T[-1] + 0.5 - np.arange(WINDOW + 1), atol=1e-2)


def test_white_noise_has_the_chips_bandwidth_and_power() -> None:
    found = white_noise(np.random.default_rng(1), 400)
    assert np.abs(found[:, 0]).max() < 0.1
    assert (found**2).mean() == pytest.approx(1, abs=0.1)
    power = (np.abs(np.fft.rfft(found)) ** 2).mean(axis=0)
    frequency_hz = np.fft.rfftfreq(found.shape[1], 1e-3)
    band = (frequency_hz > 0) & (frequency_hz <= 3)
    assert power[~band].sum() < 1e-9 * power.sum()
    assert power[band].max() < 1.5 * power[band].min()


def test_the_delay_network_is_as_good_in_integers_as_in_float(few: dict[str, Any]) -> None:
    rows = {one["what"]: one for one in few["rows"]}
    wide, narrow, real = (rows[what] for what in ("integers, A of 16 bits", "integers, A of 8 bits", "float64"))
    assert real["ideal"] == [0, 0, 0]
    assert 0.005 < real["delay"][1] < 0.03
    assert wide["delay"][1] <= 1.1 * real["delay"][1]
    assert 1e-4 < wide["ideal"][1] < 1e-3 < narrow["ideal"][1] < 1e-2
    assert all(low < mean < high for low, mean, high in (wide["ideal"], narrow["ideal"], wide["delay"]))


def test_an_error_is_the_part_of_the_target_that_is_lost() -> None:
    u_BT = white_noise(np.random.default_rng(2), 3)
    ideal_BTD = states(*legendre_matrices(ORDER, float(WINDOW)), u_BT)
    assert errors(0.9 * ideal_BTD, ideal_BTD, u_BT)["ideal"] == pytest.approx([0.1] * 3)
    late = np.roll(ideal_BTD, 50, axis=1)
    assert errors(late, ideal_BTD, u_BT)["delay"][0] > 0.2


def test_what_is_trained_where_no_run_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    assert make._recipe() == "digits_lmufft"
    write_pictures(tmp_path / "mnist", 300, 20)
    assert make._recipe() == "psmnist_lmufft"
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(make, "train", lambda base, settings, **_: asked.append(settings))
    monkeypatch.setattr(make, "UPDATES", 7)
    quiet: Any = lambda *_: None  # noqa: E731
    make._sizes(tmp_path, "psmnist_lmufft", "new", quiet, ())
    make._sizes(tmp_path, "psmnist_lmufft", "new", quiet, ("training.epochs=9",))
    assert len(asked) == 12
    assert asked[0] == ("training.epochs=2", "network.memory=16"), "3 updates an epoch, of 285 images"
    assert asked[-1] == ("training.epochs=2", "training.epochs=9", "network.memory=468")


def test_the_pictures_texts_keep_apart(few: dict[str, Any]) -> None:
    record: dict[str, Any] = {"float": 0.98, "samples": 1000, "saturated": 0}
    orders = [
        record | {"memory": 16 << step, "bits": 16, "rounded": 0.97, "fixed": 0.96, "synops": 1e5 * 4**step}
        for step in range(6)
    ]
    bits = [
        record
        | {"memory": memory, "bits": one, "rounded": 0.5, "radius": 1.1, "refused": "" if one > 8 else "it grows"}
        | {"fixed": 0.9 if one > 8 else None, "synops": 1e8 if one > 8 else None}
        for memory in (64, 468)
        for one in range(2, 17)
    ]
    published = {"rows": [{"what": "nengo-loihi emulator", "interval": [0.145, 0.151]}]}
    for figure in (
        draw_sweep(orders, "memory", "coefficients of the memory, d"),
        draw_sweep(bits, "bits", "bits of A"),
        draw_delay(few | {"published": published}),
    ):
        assert text_problems(figure) == []
