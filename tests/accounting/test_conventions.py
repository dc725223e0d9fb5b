"""Every convention against a count that follows single spikes through single weights.

Axes: S sample, T step, K output channel, C channel, Y row, X column; O and I the ends of a layer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurodeploy.accounting.conventions import CONVENTIONS
from neurodeploy.accounting.counts import Weights, count_layer
from neurodeploy.errors import DataError
from neurodeploy.program.window import Window

GEOMETRIES: list[dict[str, Any]] = [
    {},
    {"padding": (1, 2)},
    {"stride": (2, 1)},
    {"stride": (2, 3), "padding": (2, 0)},
    {"dilation": (2, 1), "padding": (1, 1)},
    {"groups": 2, "stride": (1, 2), "padding": (1, 1)},
]
SHAPE, OUT_CHANNELS, KERNEL = (4, 6, 7), 6, (3, 2)


def inputs(seed: int, most: int = 1) -> np.ndarray:
    """Return values from 0 to `most` (S, T, C, Y, X), a fifth of which are not 0."""
    random = np.random.default_rng(seed)
    shape = (3, 4, *SHAPE)
    return np.where(random.random(shape) < 0.2, random.integers(1, most + 1, shape), 0)


def by_single_spikes(window: Window, weight: np.ndarray, fed: np.ndarray) -> dict[str, np.ndarray]:
    """Return the operations of each sample: every spike is tried against every weight of every output."""
    found = {key: np.zeros(len(fed)) for key in ("nonzero", "any", "values")}
    out_channels, out_rows, out_columns = window.output_shape
    channels_in, channels_out = SHAPE[0] // window.groups, out_channels // window.groups
    for (s, _, c, y, x), value in np.ndenumerate(fed):
        if not value:
            continue
        for k, oy, ox, ky, kx in np.ndindex(out_channels, out_rows, out_columns, *window.kernel):
            seen_y = oy * window.stride[0] - window.padding[0] + ky * window.dilation[0]
            seen_x = ox * window.stride[1] - window.padding[1] + kx * window.dilation[1]
            if (seen_y, seen_x) != (y, x) or c // channels_in != k // channels_out:
                continue
            found["any"][s] += 1
            found["values"][s] += value
            found["nonzero"][s] += weight[k, c % channels_in, ky, kx] != 0
    return found


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("most", [1, 7], ids=["binary", "graded"])
def test_a_convolution_counted_spike_by_spike(geometry: dict[str, Any], most: int) -> None:
    window = Window(SHAPE, OUT_CHANNELS, KERNEL, **geometry)
    fed = inputs(1, most)
    weight = np.random.default_rng(2).integers(-1, 2, window.weight_shape)  # a third of them 0
    found = count_layer(Weights(weight, window), fed)
    expected = by_single_spikes(window, weight, fed)
    told = found["by_convention"]
    assert found["synops_per_sample"] == told["nonzero_weights"] == expected["nonzero"].mean()
    assert told["all_weights"] == expected["any"].mean()
    assert told["value_weighted"] == expected["values"].mean()
    assert told["binary_only"] == (expected["any"].mean() if most == 1 else 0)
    assert (found["synops"]["min"], found["synops"]["max"]) == (expected["nonzero"].min(), expected["nonzero"].max())
    assert found["synops"]["sd"] == pytest.approx(expected["nonzero"].std())
    assert expected["nonzero"].std() > 0
    total = fed.sum() / len(fed)
    assert told["norse"] == pytest.approx(total * (OUT_CHANNELS // window.groups) * np.prod(KERNEL))
    nominal = window.n_outputs * SHAPE[0] // window.groups * np.prod(KERNEL)
    assert told["rate_times_macs"] == pytest.approx(fed[0, 0].size ** -1 * total * nominal)
    assert told["silif_paper"] == np.count_nonzero(fed) / len(fed) * window.n_outputs
    assert found["macs_per_sample"] == (0 if most == 1 else found["synops_per_sample"])
    assert found["dense_macs_per_sample"] == nominal * fed.shape[1]


def test_groups_by_hand() -> None:
    """Two spikes into 4 channels, 8 maps in 2 groups: one in the middle, one in the corner (norse/norse#444)."""
    fed = np.zeros((1, 1, 4, 5, 5), int)
    fed[0, 0, 0, 2, 2] = fed[0, 0, 3, 0, 0] = 1
    found = count_layer(Window((4, 5, 5), 8, (3, 3), padding=(1, 1), groups=2), fed)
    assert (found["synops_per_sample"], found["by_convention"]["norse"]) == (4 * 9 + 4 * 4, 2 * 8 * 9 / 2)


def test_pruned_weights_and_silent_fan_outs() -> None:
    weight = np.array([[3, 0, 0], [1, 0, -2]])
    fed = np.array([[[1, 1, 0], [0, 1, 1]], [[1, 0, 1], [0, 0, 0]]])
    found = count_layer(weight, fed)
    assert found["synops_per_sample"] == (2 * 2 + 2 * 1) / 2
    assert found["by_convention"]["all_weights"] == 6 * 2 / 2
    # The spikes of channel 1 reach no weight, so nothing is sent for them.
    assert found["messages_per_sample"] == 4 / 2
    assert found["events_per_sample"] == 6 / 2
    assert (found["synapses"], found["nonzero_synapses"]) == (6, 3)


def test_real_numbers_are_products_and_scaled_spikes_are_no_spikes() -> None:
    """The rules of the table in the reference: inputs divided by 0.9 are other values to some tools only."""
    fed = inputs(3)
    window = Window(SHAPE, OUT_CHANNELS, KERNEL, stride=(2, 2))
    plain, scaled = (count_layer(window, one)["by_convention"] for one in (fed, fed / 0.9))
    for name in ("nonzero_weights", "all_weights", "silif_paper"):
        assert scaled[name] == plain[name]
    for name in ("value_weighted", "rate_times_macs", "norse"):
        assert scaled[name] == pytest.approx(plain[name] / 0.9)
    assert plain["binary_only"] == plain["nonzero_weights"] > 0
    assert scaled["binary_only"] == 0
    assert count_layer(window, fed / 0.9)["macs_per_sample"] == plain["nonzero_weights"]


def test_values_that_cancel_are_still_events() -> None:
    found = count_layer(np.ones((2, 1)), np.array([[[3], [-3]]]))
    assert found["synops_per_sample"] == 4
    assert found["by_convention"]["value_weighted"] == 0


TABLE = {
    "stride 1": (804_688, 804_688, 804_688, 819_554, 925_200),
    "stride 2": (196_448, 196_448, 196_448, 201_877, 911_600),
    "stride 2, graded": (206_640, 0, 826_896, 844_889, 3_815_200),
    "stride 2, scaled": (198_320, 0, 220_356, 224_701, 1_014_667),
}
"""Section 9 of the constants: exact, SpikingJelly, sinabs, rate x dense MACs and Norse."""
COLUMNS = ("nonzero_weights", "binary_only", "value_weighted", "rate_times_macs", "norse")


def test_the_table_of_the_reference() -> None:
    """One 5 x 5 convolution of 2 to 16 channels over 34 x 34, padding 1, 20 steps at 5 %, one draw after the other."""
    random = np.random.default_rng(0)
    once, twice = (Window((2, 34, 34), 16, (5, 5), (stride, stride), (1, 1)) for stride in (1, 2))
    shape = (1, 20, 2, 34, 34)
    fed: list[np.ndarray] = [random.random(shape) < 0.05 for _ in range(3)]
    fed[2] = fed[2] * random.integers(1, 8, shape)
    fed.append((random.random(shape) < 0.05) / 0.9)
    for window, one, expected in zip((once, twice, twice, twice), fed, TABLE.values(), strict=True):
        found = count_layer(window, one)["by_convention"]
        assert tuple(round(found[name]) for name in COLUMNS) == expected


def test_every_convention_says_what_it_is() -> None:
    found = count_layer(np.ones((2, 1)), np.ones((1, 1, 1)))
    assert list(found["conventions"]) == list(found["by_convention"]) == list(CONVENTIONS)
    assert all(len(sentence) > 20 for sentence in CONVENTIONS.values())


@pytest.mark.parametrize(
    ("layer", "fed", "said"),
    [
        (np.ones((2, 3)), np.ones((1, 1, 4)), "inputs: have 4 channels, the layer takes 3"),
        (np.ones((2, 3)), np.ones((1, 3)), "inputs: have shape"),
        (np.ones((2, 3, 1)), np.ones((1, 1, 3)), "layer: weights have shape"),
        (np.ones((2, 3)), np.full((1, 1, 3), np.nan), "not finite"),
        (np.ones((2, 3)), np.full((1, 1, 3), "a"), "numbers are needed"),
        (Window((1, 2, 2), 1, (3, 3)), np.ones((1, 1, 4)), "does not fit"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(layer: Any, fed: np.ndarray, said: str) -> None:
    with pytest.raises(DataError, match=said) as raised:
        count_layer(layer, fed)
    assert "\n" not in str(raised.value)
