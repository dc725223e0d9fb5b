"""A spiking LMUFormer as a graph and as integers: the module's spikes in every frame, beside both edges of a clip.

Truth: the torch network on whole clips in float64; between integers, the readable engine and Lava.
Axes: B sample, T frame, I input, N neuron.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.backends import fixed, lava, reference
from neurodeploy.backends.calibration import measure
from neurodeploy.backends.fixed.frames import FrameSimulator
from neurodeploy.backends.fixed.simulator import Simulator
from neurodeploy.certificate.equations import first_violation
from neurodeploy.errors import DataError, MappingError, NetworkError
from neurodeploy.formats.nir_to_program import carried_program
from neurodeploy.formats.program_to_nir import program_graph
from neurodeploy.graph.files import GraphFile, read_graph, write_graph
from neurodeploy.graph.network import Network, discretised
from neurodeploy.mapping.compile import Compiled, compile_network
from neurodeploy.networks.chip_frames import UNIT, ChipFrames
from neurodeploy.networks.families.lmuformer import LmuFormer, deployable
from neurodeploy.program.host import MOST, Host
from neurodeploy.reading.graph_of import graph_of
from tests.backends.lava_support import assert_same_states
from tests.networks.test_lmuformer import tiny
from tests.networks.test_streaming import lively

FRAMES = 20
SPIKING = ["spiking_lmuformer_ms", "spiking_lmuformer"]


def clips(n_samples: int = 6) -> torch.Tensor:
    """Return frames that loud neurons hear to their edges, in units that the host sends as they are."""
    torch.manual_seed(1)
    return (torch.randn(n_samples, FRAMES, 10) / UNIT).round() * UNIT


def trained(model: str, **settings: Any) -> LmuFormer:
    torch.manual_seed(0)
    return lively(tiny(model, theta=16.0, memory=6, **settings), clips()).double()


def network_of(frames: ChipFrames) -> Network:
    graph = graph_of(frames, torch.zeros(1, 3, *frames.input_shape), dt_s=0.01).graph
    return discretised(GraphFile(Path("m.nir"), "m", graph, stores_reset=True))


def sent_by(module: LmuFormer, x_BTI: torch.Tensor) -> dict[str, np.ndarray]:
    """Return the module's own spikes by the populations' names (B, T, N)."""
    spiking = [one.name for one in deployable(module).populations if one.rule is not None]
    with torch.no_grad():
        return dict(zip(spiking, (one.bool().numpy() for one in module(x_BTI.double()).hidden), strict=True))


def differing(frames: ChipFrames, wanted: dict[str, np.ndarray], sent: np.ndarray) -> dict[str, int]:
    """Return how many spikes of its own frames the graph has otherwise, by population."""
    trace = reference.run(network_of(frames), sent, record=True)
    found = {}
    for one in frames.populations:
        if one.rule is not None:
            own = trace.layers[one.name].spikes_BTN[:, one.begins : one.begins + FRAMES]
            found[one.name] = int((own != wanted[one.name]).sum())
    return found


@pytest.mark.parametrize("model", SPIKING)
@pytest.mark.parametrize("blocks", [1, 2])
def test_the_graph_has_every_spike_of_every_frame_of_a_whole_clip(model: str, blocks: int) -> None:
    module, x_BTI = trained(model, blocks=blocks), clips()
    frames = deployable(module)
    sent, wanted = frames.host.currents(x_BTI.numpy()), sent_by(module, x_BTI)
    assert all(one[:, [0, -1]].any() for one in [*wanted.values()][:4])  # the edges are heard
    assert not any(differing(frames, wanted, sent).values())
    scores = reference.run(network_of(frames), sent).output_BN
    with torch.no_grad():
        own_BC = module(x_BTI.double()).output_BC.numpy()
        np.testing.assert_allclose(frames(torch.tensor(sent)).output_BC, own_BC, rtol=0, atol=1e-9)
    np.testing.assert_allclose(scores, FRAMES * own_BC, rtol=0, atol=1e-9)


def test_neurons_that_begin_early_or_hear_beyond_the_clip_show() -> None:
    module, x_BTI = trained("spiking_lmuformer_ms"), clips(100)
    sent, wanted = deployable(module).host.currents(x_BTI.numpy()), sent_by(module, x_BTI)
    early = deployable(module)
    early.populations = [early.populations[0]._replace(begins=0), *early.populations[1:]]
    assert reference.run(network_of(early), sent, record=True).layers[early.populations[0].name].spikes_BTN[:, 0].any()
    for place in range(4):
        deaf = deployable(module)
        taps: Any = deaf.taps
        (tap,) = [one for one in taps if one.name == f"behind>{deaf.populations[place].name}"]
        torch.nn.init.zeros_(tap.weight)
        assert any(differing(deaf, wanted, sent).values())


def test_the_host_marks_the_end_and_says_so_in_its_text() -> None:
    module = tiny("spiking_lmuformer_ms", input_mean=-6.0, input_scale=7.5)
    host = deployable(module).host
    data = np.random.default_rng(0).normal(-6, 4, (2, 9, 10))
    sent = host.currents(data)
    assert sent.shape == (2, 14, 11)
    np.testing.assert_allclose(sent[:, :9, :10] * UNIT, ((data + 6) / 7.5).clip(-4, 4), rtol=0, atol=0.51 * UNIT)
    assert not sent[:, 9:, :10].any()
    np.testing.assert_array_equal(sent[0, :, 10], MOST * (np.arange(14) == 9))
    assert Host.read(host.text) == host
    assert Host.read(host.text).behind == 5  # type: ignore[union-attr]
    assert (host.macs, host.n_sent) == (10, 11)


@pytest.fixture(scope="module")
def inputs() -> np.ndarray:
    return deployable(trained("spiking_lmuformer_ms")).host.currents(clips(4).numpy())


@pytest.fixture(scope="module")
def made(inputs: np.ndarray) -> Compiled:
    network = network_of(deployable(trained("spiking_lmuformer_ms")))
    return compile_network(network, measured=measure(network, inputs))


def test_integers_obey_the_equations_in_every_engine(made: Compiled, inputs: np.ndarray) -> None:
    plain = fixed.run(made.program, inputs, record=True, engine="plain")
    assert first_violation(made.quantised, made.plan, plain, inputs) is None
    for engine in ("native", "torch"):
        assert_same_states(plain, fixed.run(made.program, inputs, record=True, engine=engine))
    graph = reference.run(made.quantised, inputs, record=True)
    for name, states in plain.layers.items():
        layer = made.program.layer(name)
        if not layer.graded:
            own = states.steps(layer.start, layer.start + inputs.shape[1])
            assert (own.spikes_BTN == graph.layers[name].spikes_BTN).mean() > 0.95
    late: Any = made.quantised.populations[0]
    late = replace(late, begins=0)
    other = replace(made.quantised, populations=(late, *made.quantised.populations[1:]))
    assert first_violation(other, made.plan, plain, inputs) is not None


@pytest.mark.lava
def test_lava_has_every_state(made: Compiled, inputs: np.ndarray) -> None:
    plain = fixed.run(made.program, inputs[:2], record=True, engine="plain")
    assert_same_states(plain, lava.run(made.program, inputs[:2], record=True))


def test_frame_by_frame_equals_the_whole_clip(made: Compiled, inputs: np.ndarray) -> None:
    names = [one.name for one in made.program.layers]
    whole = fixed.run(made.program, inputs, record=True)
    stream = Simulator(made.program, len(inputs), probes=names)
    silence = np.zeros((made.program.depth, *inputs[:, 0].shape), np.int32)
    for now, sent in enumerate([*inputs.swapaxes(0, 1), *silence]):
        for name, states in stream.step(sent).items():
            for state, wanted in zip(states, whole.layers[name], strict=True):
                np.testing.assert_array_equal(state, wanted[:, now])


def test_files_give_the_same_program(made: Compiled, tmp_path: Path) -> None:
    frames = deployable(trained("spiking_lmuformer_ms"))
    graph = graph_of(frames, torch.zeros(1, 3, 11), dt_s=0.01).graph
    write_graph(tmp_path / "float.nir", graph)
    there = compile_network(network_of(frames)).program
    back = compile_network(discretised(read_graph(tmp_path / "float.nir"))).program
    assert [one.name for one in there.connections] == [one.name for one in back.connections]
    write_graph(tmp_path / "m.nir", program_graph(made.program))
    assert carried_program(read_graph(tmp_path / "m.nir")).digest == made.program.digest  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("lmuformer", "network: patch_embed.conv_layers.0.1 is a ReLU, which sends no spikes frame by frame; train it"),
        ("spiking_transformer", "network: block.0.attn is a SpikingAttention, which sends no spikes frame by frame;"),
    ],
)
def test_models_without_integers_are_one_line(model: str, says: str) -> None:
    with pytest.raises(NetworkError) as error:
        deployable(tiny(model))
    assert str(error.value).startswith(says)
    assert str(error.value).endswith("or set network.model = spiking_lmuformer_ms")


def test_neurons_that_would_rest_too_long_are_refused(made: Compiled) -> None:
    late: Any = made.network.populations[0]
    late = replace(late, begins=63)
    network = replace(made.network, populations=(late, *made.network.populations[1:]))
    with pytest.raises(MappingError, match=r"^patch_embed.proj_lif: rests for 64 steps, at most 63 are allowed; use"):
        compile_network(network, measured=None, plan=made.plan)


def test_frames_that_are_none_are_one_line_and_the_stream_goes_on(made: Compiled, inputs: np.ndarray) -> None:
    stream, frames_TI = FrameSimulator(made.program), clips(4)[0].numpy()
    heard = []
    for frame_I in frames_TI:
        for odd, says in (
            (frame_I[:9], r"has shape \(9,\), \(10,\) finite numbers are needed; it was not taken, push another"),
            (np.full(10, np.nan), "holds what is not finite"),
            (["a"] * 10, "is no array of numbers; push another"),
        ):
            with pytest.raises(DataError, match=f"^stream: frame {stream.n_pushed} {says}"):
                stream.push(odd)
        heard.append(stream.push(frame_I))
    assert (stream.look_ahead, stream.delay) == (5, 5 + made.program.depth)
    assert heard[: stream.delay] == [None] * stream.delay
    found = [*heard[stream.delay :], *stream.finish()]
    assert [one.frame for one in found if one is not None] == list(range(FRAMES))
    whole = fixed.run(made.program, inputs[:1], record=True).layers["head"].v_BTN[0, stream.delay :]
    unit = made.program.layer("head").v_per_unit
    for number, one in enumerate(found):
        wanted = whole[: number + 1].sum(axis=0) / unit / (number + 1)
        np.testing.assert_array_equal(one.scores_C, wanted)  # type: ignore[union-attr]
    assert stream.finish() == []


def test_what_the_host_cuts_off_is_told() -> None:
    module, x_BTI = trained("spiking_lmuformer_ms"), clips(2).clamp(-3.5, 3.5)
    assert graph_of(module, x_BTI, dt_s=0.01).notes == ()
    x_BTI[0, 3, :2], x_BTI[1, 5, 0] = 40.0, -40.0
    (note,) = graph_of(module, x_BTI, dt_s=0.01).notes
    assert note == (
        "module: 3 of 400 numbers of the sample are cut off by the host, whose 12 bits end there; scale the input"
    )
