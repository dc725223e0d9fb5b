"""The softmax readout: what it needs of a Program."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from neurodeploy.errors import ProgramError
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import Program
from tests.backends.dynamics_support import Adaptive
from tests.backends.test_dynamics import random_program


def with_unit(program: Program, unit: float) -> Program:
    *hidden, output = program.layers
    assert isinstance(output, Layer)
    changed = dataclasses.replace(output, v_per_unit=np.full(output.n_neurons, unit))
    return dataclasses.replace(program, layers=(*hidden, changed))


def test_the_unit_of_the_potentials_is_part_of_the_program() -> None:
    program = random_program(Adaptive)
    assert with_unit(program, 4096.0).digest == program.digest
    assert with_unit(program, 2048.0).digest != program.digest


@pytest.mark.parametrize("unit", [0.0, -1.0, np.nan, np.inf])
def test_a_unit_that_is_no_size_is_refused(unit: float) -> None:
    with pytest.raises(ProgramError, match=r"out: v_per_unit .* is no size of a potential of 1"):
        with_unit(random_program(Adaptive), unit)
