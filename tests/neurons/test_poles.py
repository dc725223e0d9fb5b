"""Poles against recorded arrays, printed tables, and the steps that they stand for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.networks.published import load_published
from neurodeploy.neurons.poles import (
    FAMILY,
    Formulas,
    adaptive_poles,
    conjugate_poles,
    matrix_poles,
    pole_distance,
    pole_summary,
)
from tests.needs import golden_file

SINGLE = 1e-7
"""The recorded arrays are complex64: one unit in the last place of 1 is 6e-8, and two roundings meet."""

# Network, formula, layer: least, largest, mean and median modulus, mean real part, largest imaginary
# part, neurons with complex poles, neurons outside the unit circle; of the published checkpoints.
TABLE = """
csilif paper       0 0.000000 0.999999 0.728652 0.925598 0.525114 0.943235 512   0
csilif paper       1 0.000000 1.000000 0.813108 0.963288 0.697768 0.952976 512   0
silif  paper       0 0.000000 1.000000 0.824482 0.925490 0.803951 0.846769  44   0
silif  paper       1 0.081389 1.000000 0.929183 0.966749 0.926631 0.848247   3   0
cadlif paper       0 0.313345 1.056542 0.802648 0.889962 0.802570 0.093059  28 248
cadlif paper       1 0.314918 1.052280 0.886622 0.926852 0.886310 0.096089 110 219
rf     paper       0 0.959727 0.999719 0.981405 0.980192 0.980913 0.089338 512   0
rf     paper       1 0.960181 0.999627 0.979364 0.978183 0.978913 0.061969 512   0
csilif implemented 0 0.000000 0.999999 0.728652 0.925598 0.525114 0.943235 512   0
csilif implemented 1 0.000000 1.000000 0.813108 0.963288 0.697768 0.952976 512   0
silif  implemented 0 0.000000 1.000000 0.785916 -        0.732729 0.499938 242   0
silif  implemented 1 0.000000 1.000000 0.924195 -        0.901225 0.499622 314   0
cadlif implemented 0 0.360000 0.990000 0.789017 -        0.730592 0.499593 303   0
cadlif implemented 1 0.360000 0.990000 0.878768 -        0.843048 0.481507 377   0
rf     implemented 0 0.959182 1.003598 0.981649 -        0.981140 0.089784 512  62
rf     implemented 1 0.959827 1.001523 0.979549 -        0.979079 0.062033 512  33
"""
COLUMNS = (
    "abs_min",
    "abs_max",
    "abs_mean",
    "abs_median",
    "re_mean",
    "im_abs_max",
    "complex_neurons",
    "outside_neurons",
)


def published(network: str, formula: str, layer: int) -> np.ndarray:
    """Return the poles of a published checkpoint's layer."""
    formulas: Formulas = FAMILY[network]
    with np.load(Path(os.environ["NEURODEPLOY_DATA"]) / "silif_ssc_reference" / f"{network}.npz") as stored:
        values = {name: stored[f"snn.{layer}.{name}"] for name in formulas.parameters}
    return {"paper": formulas.paper, "implemented": formulas.implemented}[formula](values)


@pytest.mark.data
@pytest.mark.parametrize(
    "row", [line.split() for line in TABLE.strip().splitlines()], ids=lambda row: "-".join(row[:3])
)
def test_the_published_networks_give_the_tables(row: list[str]) -> None:
    network, formula, layer, *printed = row
    found = pole_summary(published(network, formula, int(layer)))
    assert found["neurons"] == 512
    for column, text in zip(COLUMNS, printed, strict=True):
        if text != "-":
            assert text == (f"{found[column]:.6f}" if "." in text else str(found[column])), column


@pytest.mark.data
@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("formula", ["paper", "implemented"])
@pytest.mark.parametrize("network", FAMILY)
def test_the_published_networks_give_the_recorded_arrays(network: str, formula: str, layer: int) -> None:
    golden = golden_file("silif", "fig2_eigenvalues.npz")
    with np.load(golden, allow_pickle=False) as stored:
        name = f"{network}_implemented" if formula == "implemented" and network != "csilif" else network
        recorded = stored[name][layer]
    found = published(network, formula, layer)
    assert found.shape == (512, 2)
    assert pole_distance(found, recorded.astype(np.complex128)).max() < SINGLE


@pytest.mark.data
@pytest.mark.parametrize("network", FAMILY)
def test_implemented_is_what_the_network_steps_with(network: str) -> None:
    found = load_published(Path(os.environ["NEURODEPLOY_DATA"]) / "silif_ssc_reference" / f"{network}.npz")
    for index, layer in enumerate(found.network.layers):
        with torch.no_grad():
            coefficients: Any = layer.coefficients()  # type: ignore[operator]
        if hasattr(coefficients, "decay_N"):
            decay = coefficients.decay_N
            poles = conjugate_poles(decay.re.numpy() + 1j * decay.im.numpy())
        else:
            poles = adaptive_poles(*(getattr(coefficients, name).numpy() for name in ("alpha_N", "beta_N", "a_N")))
        # Some C-SiLIF neurons turn by dozens of circles a step: in single precision angles are rounded to 1e-5.
        assert pole_distance(poles, published(network, "implemented", index)).max() < 1e-5


def test_matrix_poles_equal_lapack() -> None:
    matrices = np.random.default_rng(0).normal(size=(1000, 2, 2))
    found = matrix_poles(matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 0], matrices[:, 1, 1])
    assert pole_distance(found, np.linalg.eigvals(matrices)).max() < 1e-12
    assert (np.abs(found.imag) > 0).any()
    assert (found.imag == 0).any()


def test_adaptive_poles_are_those_of_the_step() -> None:
    """A linear system follows x[t+2] = (sum of its poles) x[t+1] - (product of its poles) x[t]."""
    generator = np.random.default_rng(1)
    alpha, beta, a = generator.uniform([0.36, 0.96, 0], [0.96, 0.99, 1], (100, 3)).T
    u, w, seen = np.ones(100), np.full(100, 0.5), []
    for _ in range(12):
        w = beta * w + a * u
        u = alpha * u + (1 - alpha) * -w
        seen.append(u)
    poles = adaptive_poles(alpha, beta, a)
    u_T = np.array(seen)
    np.testing.assert_allclose(u_T[2:], poles.sum(1).real * u_T[1:-1] - poles.prod(1).real * u_T[:-2], atol=1e-12)
    np.testing.assert_allclose(poles.prod(1), alpha * beta, atol=1e-12)


def test_distance_matches_pairs_and_takes_the_worse_pole() -> None:
    one = conjugate_poles(np.array([0.5 + 0.25j, 0.1j]))
    assert (pole_distance(one, one[:, ::-1]) == 0).all()
    moved = one + np.array([0.0, 0.125])
    np.testing.assert_array_equal(pole_distance(moved, one), [0.125, 0.125])


def test_summary_counts_neurons_not_poles() -> None:
    poles = np.array([[0.6 + 0.8j, 0.6 - 0.8j], [1.5, 0.5], [0.25, -0.5], [2j, -2j]])
    found = pole_summary(poles)
    assert (found["neurons"], found["complex_neurons"], found["outside_neurons"]) == (4, 2, 2)
    assert (found["abs_min"], found["abs_max"], found["im_abs_max"]) == (0.25, 2.0, 2.0)
    assert found["abs_median"] == pytest.approx(1.0)
    assert found["re_mean"] == pytest.approx((1.2 + 2.0 - 0.25) / 8)


@pytest.mark.parametrize("network", ["silif", "cadlif"])
def test_trained_values_outside_their_range_are_clipped_only_where_the_network_clips(network: str) -> None:
    inside = {name: np.full(3, 0.97, np.float32) for name in ("dt", "alpha", "beta")} | {
        "a": np.array([0, 0, 1], np.float32)
    }
    outside = inside | {"a": np.array([-0.5, 0, 1.5], np.float32)}
    formulas = FAMILY[network]
    np.testing.assert_array_equal(formulas.implemented(outside), formulas.implemented(inside))
    clipped_by_the_script = network == "silif"
    assert np.array_equal(formulas.paper(outside), formulas.paper(inside)) == clipped_by_the_script
