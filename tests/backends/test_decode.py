"""What the host makes of the output: weights of steps, a matrix and a bias, the same for every engine and in Lava.

The truth is made here of the recorded states, one sample, class and step at a time.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.backends import fixed, lava
from neurodeploy.backends.fixed.run import ENGINES
from neurodeploy.backends.trace import LayerTrace
from neurodeploy.errors import DataError, GraphError, ProgramError
from neurodeploy.formats.nir_to_program import carried_program
from neurodeploy.formats.program_to_nir import program_graph
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.program.decode import Decode
from neurodeploy.program.file import read_program, write_program
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import READOUTS, Program
from tests.backends.lava_support import random_spikes, small_network

T = 10
UNIT, OFFSET = 640.0, 32.0
WINDOW = (0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0)
MATRIX = ((0.0, 0.0, -1.0), (2.0, 1.0, 0.0))
DECODES = {
    "steps": Decode(WINDOW),
    "classes": Decode((), MATRIX, (0.5, -3.0)),
    "bias alone": Decode((), (), (0.0, 3.0, 1.0)),
    "all": Decode(WINDOW, MATRIX, (1.0, 0.0)),
    "hidden": Decode(
        WINDOW, ((1.0, -2.0), (0.5, 3.0)), (0.5, 0.0), ((1.0, -1.0, 0.0), (-0.5, 2.0, 0.25)), (0.25, -1.0)
    ),
}


def made(readout: str, decode: Decode | None) -> Program:
    program = small_network(0)
    *hidden, output = program.layers
    assert isinstance(output, Layer)
    ones = np.ones(output.n_neurons)
    output = replace(output, v_per_unit=UNIT * ones, v_offset=OFFSET * ones)
    return replace(program, layers=(*hidden, output), readout=readout, decode=decode)


def expected(readout: str, decode: Decode, states: LayerTrace, start: int) -> np.ndarray:
    """Return the scores (B, C), number by number."""
    found = []
    for spikes_TN, v_TN in zip(states.spikes_BTN, states.v_BTN, strict=True):
        rows = []
        for step in range(T):
            v = (v_TN[start + step].astype(float) - OFFSET) / UNIT
            row = spikes_TN[start + step].astype(float) if readout == "spikes" else v
            rows.append(np.exp(v) / np.exp(v).sum() if readout == "softmax" else row)
        weights = decode.steps or [1.0] * T
        if readout == "v_last":
            read = rows[-1]
        elif readout == "v_max":
            read = np.array([row for row, one in zip(rows, weights, strict=True) if one]).max(axis=0)
        else:
            read = sum(one * row for row, one in zip(rows, weights, strict=True))  # type: ignore[assignment]
        if decode.hidden:
            sums = [sum(m * r for m, r in zip(row, read, strict=True)) for row in decode.hidden]
            read = np.array([max(0.0, one + b) for one, b in zip(sums, decode.hidden_bias, strict=True)])
        classes = decode.matrix or ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
        bias = decode.bias or [0.0] * len(classes)
        found.append(
            [sum(m * r for m, r in zip(row, read, strict=True)) + b for row, b in zip(classes, bias, strict=True)]
        )
    return np.array(found)


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("case", DECODES)
def test_every_engine_gives_the_scores_that_follow_from_the_states(case: str, readout: str) -> None:
    decode = DECODES[case] if readout != "v_last" else replace(DECODES[case], steps=())
    program, spikes = made(readout, decode), random_spikes(1, 4, T, 5)
    states = fixed.run(replace(program, decode=None), spikes, record=True).layers[program.output]
    assert states.spikes_BTN.any()
    truth = expected(readout, decode, states, program.layer(program.output).start)
    for engine in ENGINES:
        trace = fixed.run(program, spikes, engine=engine)
        assert not trace.layers, "states that nobody asked for are kept"
        np.testing.assert_allclose(trace.output_BN, truth, rtol=1e-12, atol=1e-12, err_msg=engine)
        np.testing.assert_array_equal(trace.predictions_B, truth.argmax(axis=1))
        assert fixed.run(program, spikes, record=["hidden"], engine=engine).layers.keys() == {"hidden"}


@pytest.mark.lava
@pytest.mark.parametrize("readout", READOUTS)
def test_lava_gives_the_same_scores(worker: lava.Worker, readout: str) -> None:
    decode = DECODES["all"] if readout != "v_last" else DECODES["classes"]
    program, spikes = made(readout, decode), random_spikes(2, 3, T, 5)
    for record in (False, True):
        found = worker.run(program, spikes, record=record)
        np.testing.assert_array_equal(found.scores_BN, fixed.run(program, spikes).scores_BN)
        assert bool(found.layers) == record


def test_its_words_count_the_steps_that_count() -> None:
    assert Decode((1.0, 0.0, 1.0, 0.0, 1.0, 0.0)).words == "3 of 6 steps count, 0 to 4"
    assert Decode((0.0, 0.5, 1.0)).words == "2 of 3 steps count, 1 to 2, each with a weight of its own"


def test_a_run_of_another_length_has_no_class() -> None:
    says = "^input: has 9 steps, the class is read from steps 5 to 9 of 10; give 10 steps"
    with pytest.raises(DataError, match=says):
        fixed.run(made("spikes", DECODES["steps"]), random_spikes(1, 1, 9, 5))


@pytest.mark.parametrize("case", DECODES)
def test_files_keep_it_and_it_is_part_of_the_digest(case: str, tmp_path: Path) -> None:
    program, plain = made("spikes", DECODES[case]), made("spikes", None)
    assert program.digest != plain.digest
    write_program(tmp_path / "p.npz", program)
    assert read_program(tmp_path / "p.npz").decode == program.decode
    assert read_program(tmp_path / "p.npz").digest == program.digest
    write_graph(tmp_path / "p.nir", program_graph(program))
    again = carried_program(read_graph(tmp_path / "p.nir"))
    assert again is not None
    assert again.digest == program.digest


@pytest.mark.parametrize(
    "decode",
    [
        *(Decode(hidden=((1.0, 2.0),)), Decode((), ((1.0, 2.0, 3.0),), (), ((1.0, 2.0, 3.0),) * 2)),
        Decode((0.0,) * T),
        Decode((), ((1.0, 2.0),)),
        Decode((), (), (1.0,)),
        Decode((float("nan"),)),
    ],
)
def test_one_that_does_not_fit_is_refused(decode: Decode) -> None:
    with pytest.raises(ProgramError, match="decode does not fit the 3 neurons of 'readout'"):
        made("spikes", decode)


@pytest.mark.parametrize("text", ["{}", "[1]", "no", json.dumps({"steps": [], "matrix": 3, "bias": []})])
def test_a_damaged_one_is_refused(text: str, tmp_path: Path) -> None:
    graph = program_graph(made("spikes", DECODES["all"]))
    graph.metadata["neurodeploy"]["decode"] = text
    write_graph(tmp_path / "p.nir", graph)
    with pytest.raises(GraphError, match="decode is no JSON of steps, matrix and bias"):
        carried_program(read_graph(tmp_path / "p.nir"))
