"""Convolutions, pools and what becomes of several in a row, against torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neurodeploy.backends import reference
from neurodeploy.errors import GraphError
from neurodeploy.graph import linear
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import Network, discretised
from tests.graph.images import chained, conv1d, conv2d, network, neurons, pool, torch_values

RNG = np.random.default_rng(5)


def weights(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


def images(*shape: int) -> torch.Tensor:
    return torch.as_tensor((RNG.random((3, *shape)) < 0.4).astype(np.float64))


def through(found: Network, values: torch.Tensor) -> np.ndarray:
    """Return the input of the only population."""
    (one,) = found.synapses
    flat = values.numpy().reshape(len(values), -1)
    sums = one.apply(flat)
    np.testing.assert_allclose(one.prepared()(flat), sums, atol=1e-12)
    return sums + found.populations[0].bias


def same_as_torch(shape: tuple[int, ...], *nodes: nir.NIRNode) -> Network:
    """Check a chain of nodes into neurons against torch, and return the network."""
    values = images(*shape)
    expected = values
    for node in nodes:
        expected = torch_values(node, expected)
    graph = chained(shape, **{f"n{i}": node for i, node in enumerate(nodes)}, lif=neurons(*expected.shape[1:]))
    found = network(graph)
    np.testing.assert_allclose(through(found, values), expected.flatten(1).numpy(), atol=1e-10)
    return found


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"stride": 2},
        {"padding": 1},
        {"padding": "same"},
        {"padding": "valid"},
        {"dilation": 2, "padding": "same"},
        {"stride": (2, 3), "padding": (1, 2), "dilation": (2, 1)},
        {"input_shape": (9, 11)},
    ],
    ids=str,
)
def test_a_2d_convolution_equals_torch(changed: dict[str, Any]) -> None:
    found = same_as_torch((2, 9, 11), conv2d(weights(4, 2, 3, 3), weights(4), **changed))
    assert found.synapses[0].window is not None
    assert found.populations[0].shape == found.synapses[0].window.output_shape
    assert found.input_shape == (2, 9, 11)


@pytest.mark.parametrize("kernel", [(2, 2), (4, 3), (2, 5)])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
def test_same_padding_of_an_even_kernel_equals_torch(kernel: tuple[int, int], dilation: int) -> None:
    same_as_torch((2, 9, 11), conv2d(weights(3, 2, *kernel), padding="same", dilation=dilation))


@pytest.mark.parametrize("groups", [2, 4])
def test_groups_equal_torch(groups: int) -> None:
    same_as_torch((4, 6, 6), conv2d(weights(8, 4 // groups, 3, 3), weights(8), groups=groups))


@pytest.mark.parametrize("changed", [{}, {"stride": 3, "padding": 2, "dilation": 2}, {"padding": "same"}], ids=str)
def test_a_1d_convolution_equals_torch(changed: dict[str, Any]) -> None:
    found = same_as_torch((3, 17), conv1d(weights(5, 3, 3), **changed))
    assert found.synapses[0].window is not None


@pytest.mark.parametrize("kind", [nir.SumPool2d, nir.AvgPool2d])
@pytest.mark.parametrize(("size", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (2, 3, 0)])
def test_a_pool_alone_is_a_window_and_equals_torch(kind: type, size: int, stride: int, padding: int) -> None:
    found = same_as_torch((3, 8, 8), pool(kind, size, stride, padding))
    assert found.synapses[0].weight.shape == (3, 1, size, size)


@settings(max_examples=80)
@given(data=st.data())
def test_a_pool_and_a_convolution_are_one_map(data: st.DataObject) -> None:
    """Either order and any geometry, one window or one matrix: torch has the last word."""
    draw = data.draw
    small = st.integers(1, 3)
    size, stride = draw(small), draw(small)
    one = pool(draw(st.sampled_from([nir.SumPool2d, nir.AvgPool2d])), size, stride, draw(st.integers(0, size // 2)))
    rows, columns, channels = draw(st.integers(5, 12)), draw(st.integers(5, 12)), draw(st.sampled_from([2, 4]))
    groups, outputs = draw(st.sampled_from([1, 2])), draw(st.sampled_from([2, 4]))
    taps = (draw(small), draw(small))
    spread = draw(st.integers(1, 2))
    pad = draw(st.integers(0, min(spread * (one - 1) for one in taps)))
    geometry = {"stride": draw(st.integers(1, 2)), "padding": pad, "dilation": spread, "groups": groups}
    other = conv2d(weights(outputs, channels // groups, *taps), weights(outputs), **geometry)
    nodes = [one, other] if draw(st.booleans()) else [other, one]
    try:
        end = torch_values(nodes[1], torch_values(nodes[0], images(channels, rows, columns)))
    except RuntimeError:  # nothing is left of the image
        assume(False)
    assume(end.numel() > 0)
    same_as_torch((channels, rows, columns), *nodes)


def test_a_pool_before_a_padded_convolution_is_one_window() -> None:
    """As in the NIR paper's network: 2x2 sums, then 3x3 with padding 1."""
    found = same_as_torch((4, 8, 8), pool(nir.SumPool2d, 2), conv2d(weights(3, 4, 3, 3), weights(3), padding=1))
    window = found.synapses[0].window
    assert window is not None
    assert (window.kernel, window.stride, window.padding) == ((6, 6), (2, 2), (2, 2))


def test_a_pool_whose_windows_leave_pixels_out_is_a_matrix_before_padding() -> None:
    """The padding would stand for pixels that the pool never saw."""
    found = same_as_torch((2, 9, 9), pool(nir.SumPool2d, 2), conv2d(weights(3, 2, 3, 3), padding=1))
    assert found.synapses[0].window is None


def test_longer_chains_end_in_one_map() -> None:
    same_as_torch((2, 8, 8), conv2d(weights(3, 2, 3, 3), weights(3)), conv2d(weights(2, 3, 3, 3), weights(2)))
    affine = nir.Affine(weights(5, 27), weights(5))
    found = same_as_torch((3, 6, 6), pool(nir.AvgPool2d, 2), nir.Flatten({"input": np.array([3, 3, 3])}, 0), affine)
    assert found.synapses[0].weight.shape == (5, 108)
    same_as_torch(
        (2, 6, 6),
        conv2d(weights(3, 2, 3, 3), weights(3)),
        nir.Flatten({"input": None}, 0),
        nir.Affine(weights(4, 48), weights(4)),
    )
    same_as_torch((2, 6, 6), nir.Scale(weights(2, 6, 6)), conv2d(weights(3, 2, 3, 3)))
    same_as_torch(
        (2, 6, 6), nir.Scale(np.full((1,), 0.5)), conv2d(weights(3, 2, 3, 3)), nir.Scale(np.ones((3, 4, 4)) * 3)
    )


def test_populations_pass_images_on_without_weights_as_a_window() -> None:
    graph = chained((2, 4, 4), w=conv2d(weights(2, 2, 1, 1)), a=neurons(2, 4, 4), b=neurons(2, 4, 4))
    (_, passed) = network(graph).synapses
    assert passed.window is not None
    assert passed.window.kernel == (1, 1)


def test_flat_populations_take_the_shape_of_what_arrives() -> None:
    graph = chained(
        (1, 6, 6), a=conv2d(weights(2, 1, 3, 3)), n=neurons(32), b=conv2d(weights(2, 2, 3, 3)), m=neurons(8)
    )
    found = network(graph)
    assert [one.shape for one in found.populations] == [(2, 4, 4), (2, 2, 2)]


def test_neurons_that_differ_within_a_channel_get_a_matrix() -> None:
    r = np.full((2, 4, 4), 10.0)
    r[1, 2, 3] = 5.0
    found = network(chained((1, 6, 6), a=conv2d(weights(2, 1, 3, 3)), n=neurons(2, 4, 4, r=r)))
    assert found.synapses[0].weight.shape == (32, 36)
    assert found.synapses[0].window is None


def test_what_fits_no_window_and_no_matrix_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "MOST_ENTRIES", 1000)
    graph = chained((2, 9, 9), p=pool(nir.SumPool2d, 2), c=conv2d(weights(3, 2, 3, 3), padding=1), n=neurons(3, 4, 4))
    with pytest.raises(GraphError, match=r"p\+c: 162 values to 48 make a matrix of more than 1000 weights"):
        network(graph)


BAD: dict[str, tuple[tuple[int, ...], nir.NIRNode, str]] = {
    "channels": ((3, 6, 6), conv2d(weights(4, 2, 3, 3)), r"shape \(3, 6, 6\) arrive, \(2 channels, rows, columns\)"),
    "stated shape": (
        (2, 6, 6),
        conv2d(weights(4, 2, 3, 3), input_shape=(7, 6)),
        r"shape \(2, 6, 6\) arrive, \(2, 7, 6\) were expected",
    ),
    "flat values": ((72,), conv2d(weights(4, 2, 3, 3)), r"shape \(72,\) arrive, \(2 channels, rows, columns\)"),
    "flat values to pool": ((72,), pool(nir.SumPool2d, 2), r"shape \(72,\) arrive, .* pool before flattening"),
    "kernel": ((2, 2, 2), conv2d(weights(4, 2, 3, 3)), r"kernel of \(3, 3\) does not fit into \(2, 2\) rows"),
    "groups": ((4, 6, 6), conv2d(weights(3, 2, 3, 3), groups=2), "4 and 3 channels do not split into 2 groups"),
    "stride": ((2, 6, 6), conv2d(weights(4, 2, 3, 3), stride=0), r"stride is \(0, 0\), whole numbers from 1"),
    "padding": ((2, 6, 6), conv2d(weights(4, 2, 3, 3), padding=7), r"padding \(7, 7\) reaches beyond a kernel"),
    "same with stride": (
        (2, 6, 6),
        conv2d(weights(4, 2, 3, 3), padding="same", stride=2),
        r"padding 'same' with stride \(2, 2\) is not defined",
    ),
    "bias": ((2, 6, 6), conv2d(weights(4, 2, 3, 3), np.ones(3)), "3 biases for 4 output channels"),
    "weights": ((2, 6, 6), conv2d(weights(4, 2, 3, 3)[0]), r"weights are \(2, 3, 3\), \(outputs, inputs, rows, col"),
    "many strides": ((2, 6, 6), conv2d(weights(4, 2, 3, 3), stride=(1, 1, 1)), "one or two whole numbers"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_said_in_one_line(case: str) -> None:
    shape, node, says = BAD[case]
    with pytest.raises(GraphError, match=f"^g.nir: node n: .*{says}") as found:
        network(chained(shape, n=node, lif=neurons(4, 4, 4)))
    assert "\n" not in str(found.value)


def test_an_unknown_padding_word_is_refused() -> None:
    node = conv2d(weights(4, 2, 3, 3), padding="same")
    node.padding = "full"
    with pytest.raises(GraphError, match="padding is 'full'; 'same', 'valid' or whole numbers are allowed"):
        network(chained((2, 6, 6), n=node, lif=neurons(4, 4, 4)))


def test_a_network_over_time_equals_torch_step_by_step() -> None:
    """Two convolutional layers, a pool between and a bias: the reference against a loop in torch."""
    first = conv2d(weights(3, 2, 3, 3), weights(3) * 0.1, padding=1)
    last = conv2d(weights(2, 3, 3, 3), weights(2) * 0.1, padding=1)
    shrunk = pool(nir.SumPool2d, 2)
    found = network(
        chained((2, 8, 8), a=first, n=neurons(3, 8, 8), p=shrunk, b=last, m=neurons(2, 4, 4)), reset="subtract"
    )
    spikes = (RNG.random((2, 20, 2, 8, 8)) < 0.2).astype(np.uint8)
    trace = reference.run(found, spikes, record=True)
    v, w = torch.zeros(2, 3, 8, 8, dtype=torch.float64), torch.zeros(2, 2, 4, 4, dtype=torch.float64)
    for now in range(20):
        v = 0.9 * v + torch_values(first, torch.as_tensor(spikes[:, now].astype(np.float64)))
        sent = (v > 1).double()
        v = v - sent
        w = 0.9 * w + torch_values(last, torch_values(shrunk, sent))
        fired = w > 1
        w = w - fired.double()
        np.testing.assert_allclose(trace.layers["n"].v_BTN[:, now], v.flatten(1), atol=1e-9)
        np.testing.assert_allclose(trace.layers["m"].v_BTN[:, now], w.flatten(1), atol=1e-9)
    assert 0 < trace.layers["m"].spikes_BTN.mean() < 1


def test_a_file_whose_convolutions_leave_out_their_input_shape_is_read(tmp_path: Path) -> None:
    graph = chained((2, 6, 6), n=conv2d(weights(4, 2, 3, 3), input_shape=(6, 6)), lif=neurons(4, 4, 4))
    whole, lacking = tmp_path / "whole.nir", tmp_path / "lacking.nir"
    for path in (whole, lacking):
        write_graph(path, graph)
    with h5py.File(lacking, "r+") as stored:
        del stored["node/nodes/n/input_shape"]
    one, other = (discretised(read_graph(path), dt_s=1e-3).synapses[0] for path in (whole, lacking))
    assert one.window == other.window
    assert (one.weight == other.weight).all()
