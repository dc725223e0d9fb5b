"""lava-dl's `.net` files as Programs, and back: nothing is lost, and what cannot be said is refused in one line."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neurodeploy.backends.fixed.run import run
from neurodeploy.errors import GraphError, ProgramError
from neurodeploy.formats.lava_dl.read import read_net
from neurodeploy.formats.lava_dl.write import write_net
from neurodeploy.program.decode import Decode
from neurodeploy.program.file import read_program, write_program
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import Program
from tests.backends.lava_support import layer, one_layer, program, sigma_delta
from tests.mapping import nets

NETX = {
    "conv0": (974, "c0508b92ea41df8a"),
    "dense1": (357, "5ba4b99407faa610"),
    "dense_rec2": (167, "965f1c27108bad97"),
    "dense3": (162, "c4416428fe1c091c"),
}
"""Spikes of `nets.mixed` on the first sample, and the start of their bits' SHA-256: lava-dl 0.6.0's
`netx.hdf5.Network` on lava-nc 0.10.0, fixed_pt."""


def stored(path: Path) -> dict[str, Any]:
    """Return every array of a file, without axes of one."""
    found: dict[str, Any] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, entry: found.update({name: np.squeeze(entry[()])}) if isinstance(entry, h5py.Dataset) else None
        )
    return found


def example(name: str, folder: Path) -> Program:
    return read_net(nets.write(folder / "example.net", *nets.EXAMPLES[name](), Ts=2))


def test_spikes_are_those_of_lava_dls_own_reader(tmp_path: Path) -> None:
    trace = run(example("mixed", tmp_path), nets.mixed_spikes()[:1], record=True)
    for name, (spikes, digest) in NETX.items():
        found = trace.layers[name].spikes_BTN[0, : nets.STEPS].astype(bool)
        assert found.sum() == spikes
        assert hashlib.sha256(np.packbits(found).tobytes()).hexdigest().startswith(digest)


@pytest.mark.parametrize("name", nets.EXAMPLES)
def test_written_again_it_is_the_same_file_and_program(name: str, tmp_path: Path) -> None:
    found = example(name, tmp_path)
    assert found.dt_s == 2e-3
    assert not write_net(tmp_path / "again.net", found)
    again = read_net(tmp_path / "again.net")
    assert again.digest == found.digest
    assert (again.notes, again.plan, again.dt_s) == (found.notes, found.plan, found.dt_s)
    before, after = stored(tmp_path / "example.net"), stored(tmp_path / "again.net")
    training = {key for key in before if key.endswith(("theta", "wgtExp", "scaleRho", "neuron/type"))}
    for key in before.keys() - training:
        np.testing.assert_array_equal(after[key], before[key], err_msg=key)


def test_a_program_file_keeps_how_an_image_is_made_numbers(tmp_path: Path) -> None:
    found = example("image", tmp_path)
    assert found.encoding == (40, 36)
    write_program(tmp_path / "p.npz", found)
    assert read_program(tmp_path / "p.npz").encoding == (40, 36)


def test_an_image_comes_one_step_late_and_nothing_else_is_changed(tmp_path: Path) -> None:
    """Against the same layers with the image as biases from step 0 on, as netx has it."""
    late = example("image", tmp_path)
    image = np.random.default_rng(0).integers(-20, 90, late.n_inputs)
    layers: tuple[Any, ...] = late.layers
    first, *rest = layers
    biased = replace(first, bias_mant=image, v_init=0 * first.v_init)
    at_once = replace(
        late,
        layers=(biased, *(replace(one, v_init=0 * one.v_init) for one in rest)),
        connections=(replace(late.connections[0], weight=0 * late.connections[0].weight), *late.connections[1:]),
    )
    steps = 20
    found = run(late, np.broadcast_to(image, (1, steps, len(image))), record=True)
    expected = run(at_once, np.zeros((1, steps, len(image)), np.int32), record=True)
    assert expected.counts["conv1"].sum() > 20
    for one in late.layers:
        for key in ("spikes_BTN", "v_BTN"):
            after, before = getattr(found.layers[one.name], key), getattr(expected.layers[one.name], key)
            np.testing.assert_array_equal(after[:, 1 : steps + 1], before[:, :steps])


def test_states_are_cleared_as_netx_does(tmp_path: Path) -> None:
    path = nets.write(tmp_path / "n.net", *nets.mixed())
    found = read_net(path, reset_interval=10, reset_offset=3)
    layers: tuple[Any, ...] = found.layers
    assert [(one.clear_every, one.clear_offset) for one in layers] == [(10, 4), (10, 5), (10, 6), (10, 7)]
    assert write_net(tmp_path / "w.net", found) == [
        "states are cleared: give netx reset_interval=10, reset_offset=3, which no file says"
    ]
    decoded = replace(found, decode=Decode(bias=(1.0,) * layers[-1].n_neurons))
    assert write_net(tmp_path / "w.net", decoded)[0].startswith("decode: what the host makes of the readout")
    odd = replace(found, layers=(*layers[:-1], replace(layers[-1], clear_offset=9)))
    with pytest.raises(ProgramError, match="cleared at steps that netx's reset_interval cannot give"):
        write_net(tmp_path / "w.net", odd)


def test_a_pool_sums_up_each_channel(tmp_path: Path) -> None:
    pool = nets.conv((3, 4, 4), 3) | {"type": "pool", "weight": np.full((1, 1, 2, 2), 6.0)}
    del pool["groups"]
    found = read_net(nets.write(tmp_path / "n.net", {"type": "input", "shape": np.array([3, 4, 4])}, pool))
    assert found.connections[0].window is not None
    assert found.connections[0].window.groups == 3
    np.testing.assert_array_equal(found.connections[0].weight, np.full((3, 1, 2, 2), 6))


def test_odd_weights_of_both_signs_move_up_where_the_chip_keeps_them(tmp_path: Path) -> None:
    weight = np.array([[-3.0, 5.0], [7.0, 127.0]])
    (one,) = read_net(nets.write(tmp_path / "n.net", nets.dense(2, 2, weight=weight))).connections
    np.testing.assert_array_equal(one.held, 2 * weight)
    assert one.weight_exp == -1


def test_layers_can_be_left_out_in_front_and_behind(tmp_path: Path) -> None:
    path = nets.write(tmp_path / "n.net", *nets.sigma_delta())
    found = read_net(path, skip_layers=1, num_layers=1)
    assert [one.name for one in found.layers] == ["conv1"]
    assert (found.input_shape, found.graded_input) == ((1, 4, 5), True)
    with pytest.raises(GraphError, match="skip_layers: found -1, 0 or more are needed"):
        read_net(path, skip_layers=-1)


DENSE = nets.dense(2, 3)
REFUSED = {
    "type 'unpool' cannot become part of a Program; a Program holds input, dense": [DENSE | {"type": "unpool"}],
    "type 'dens' .* did you mean 'dense'": [DENSE | {"type": "dens"}],
    "neurons are 'ALIF', a Program holds CUBA, LOIHI, SDNN": [DENSE | {"neuron": nets.CUBA | {"type": "ALIF"}}],
    "graded spikes have no counterpart": [DENSE | {"neuron": nets.CUBA | {"gradedSpike": True}}],
    r"iDecay is 4097..4097, 1..4096 is allowed": [DENSE | {"neuron": nets.CUBA | {"iDecay": 4097}}],
    "vThMant is missing, numbers are needed": [DENSE | {"neuron": {"type": "CUBA", "iDecay": 1, "vDecay": 1}}],
    "activation 'tanh' has no counterpart": [DENSE | {"neuron": nets.SDNN | {"activation": "tanh"}}],
    "weight holds -30..300, -256..255 is allowed": [DENSE | {"weight": np.array([[-30.0, 300, 0], [0, 0, 0]])}],
    "weights are complex": [DENSE | {"weight": {"real": np.ones((2, 3)), "imag": np.ones((2, 3))}}],
    "holds NaN": [DENSE | {"weight": np.full((2, 3), np.nan)}],
    "with both signs are odd": [DENSE | {"weight": np.array([[-3.0, 201, 0], [0, 0, 0]])}],
    "weight is .*, .2, inputs. is needed": [DENSE | {"weight": np.ones((3, 3))}],
    "weights are .2, 4., 2 inputs arrive": [DENSE, nets.dense(2, 4)],
    "delays are 0..63, 0..62": [DENSE | {"delay": np.array([0, 63])}],
    "delays are .3,|delays are .1, 4": [DENSE | {"delay": np.arange(4)}],
    "a recurrent layer has delays": [
        nets.dense(2, 3, type="dense_rec", weight_rec=np.zeros((2, 2)), delay=np.array([1, 2]))
    ],
    "has a bias but no neurons": [{key: one for key, one in DENSE.items() if key != "neuron"} | {"bias": np.ones(2)}],
    "is an input, which only the first layer can be": [DENSE, {"type": "input", "shape": [2]}],
    "give input_shape=": [nets.conv((2, 6, 5), 4)],
    "its kernel makes": [
        {"type": "input", "shape": [2, 6, 5]},
        nets.conv((2, 6, 5), 4) | {"shape": np.array([4, 3, 5])},
    ],
    "do not split into 3 groups": [{"type": "input", "shape": [2, 6, 5]}, nets.conv((2, 6, 5), 4) | {"groups": 3}],
    "delays differ, and a convolution has one": [
        {"type": "input", "shape": [2, 6, 5]},
        nets.conv((2, 6, 5), 4) | {"delay": np.arange(4)},
    ],
    "shape is missing": [{"type": "flatten"}],
    "none is left": [{"type": "input", "shape": [2]}],
}


@pytest.mark.parametrize("says", REFUSED)
def test_what_no_program_can_hold(says: str, tmp_path: Path) -> None:
    path = nets.write(tmp_path / "n.net", *REFUSED[says])
    with pytest.raises(GraphError, match=says) as refusal:
        read_net(path)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)


def test_numbers_that_lava_dl_leaves_out_are_kept_with_a_word(tmp_path: Path) -> None:
    neuron = nets.CUBA | {"type": "LOIHI", "refDelay": 3, "wgtExp": 2}
    found = read_net(nets.write(tmp_path / "n.net", nets.dense(2, 3, neuron=neuron)))
    (layer,) = found.layers
    assert isinstance(layer, Layer)
    assert (layer.refractory, int(found.connections[0].weight_exp)) == (2, 2)
    assert [note.split("; ")[1] for note in found.notes] == ["lava-dl's netx does not", "lava-dl's netx leaves it out"]


def _unwritable() -> dict[str, Program]:
    return {
        "its weights are all 0, which lava-dl's netx divides by": one_layer([[0, 0], [0, 0]]),
        "weights are -256..508 with their exponent": one_layer([[-128, 254]], 1),
        "no whole numbers": one_layer([[-127, 254]], -2),
        "biases are no multiples of 64": one_layer([[2]], bias_mant=3),
        "states do not begin at 0": one_layer([[2]], v_init=1),
        "reset 'subtract' has no place": one_layer([[2]], reset="subtract"),
        "sigma_delta: exponents|of a .net file they are": program(
            2,
            [sigma_delta("only", 1, activation="relu")],
            [replace(one_layer([[2, 2]]).connections[0], target="only")],
        ),
        "is reached by": program(
            1,
            [layer("a", 1), layer("b", 1, start=2)],
            [
                replace(one_layer([[2]]).connections[0], name=name, source=source, target=target)
                for name, source, target in (("1", "input", "a"), ("2", "a", "b"), ("3", "b", "a"))
            ],
        ),
    }


@pytest.mark.parametrize("says", _unwritable())
def test_what_no_net_file_can_say(says: str, tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=says):
        write_net(tmp_path / "n.net", _unwritable()[says])
    assert not list(tmp_path.iterdir())
