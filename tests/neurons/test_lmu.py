"""The Legendre memory, held against the reference's numbers."""

import json

import numpy as np
import pytest

from neurodeploy.errors import NetworkError
from neurodeploy.neurons.lmu import legendre_matrices
from tests.needs import golden_file


@pytest.mark.data
@pytest.mark.parametrize(("order", "theta"), [(4, 8), (6, 16), (8, 128), (12, 50), (32, 784)])
def test_the_matrices_are_the_references(order: int, theta: int) -> None:
    (A, B), case = legendre_matrices(order, theta), f"m{order}_theta{theta}"
    with np.load(golden_file("lmu", "state_space.npz")) as stored:
        np.testing.assert_allclose(A, stored[f"A_{case}"], rtol=0, atol=1e-15)  # equal with the SciPy that made them
        np.testing.assert_allclose(B, stored[f"B_{case}"][:, 0], rtol=0, atol=1e-15)


@pytest.mark.data
def test_large_matrices_have_the_references_sums() -> None:
    told = json.loads(golden_file("lmu", "summary.json").read_text())
    for order, theta in ((256, 784), (256, 128)):
        (A, B), one = legendre_matrices(order, theta), told[f"AB_m{order}_theta{theta}"]
        found = [A[0, 0], A[0, 1], B[0], B[1], B[-1], np.trace(A), B.sum(), np.linalg.norm(A)]
        wanted = [one[key] for key in ("A00", "A01", "B0", "B1", "Bl", "trace", "sumB", "frobA")]
        np.testing.assert_allclose(found, wanted, rtol=1e-9)


@pytest.mark.parametrize(
    ("order", "theta", "line"),
    [
        (0, 4.0, "LMU: found memory_size=0, allowed is 1 to 4096 coefficients"),
        (4, 0.5, "LMU: found theta=0.5, the window must be finite and at least 1 step long"),
        (4, float("nan"), "LMU: found theta=nan, the window must be finite and at least 1 step long"),
    ],
)
def test_no_such_memory_is_one_line(order: int, theta: float, line: str) -> None:
    with pytest.raises(NetworkError) as error:
        legendre_matrices(order, theta)
    assert str(error.value) == line
