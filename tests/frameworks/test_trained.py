"""Networks built of another framework's neurons: what the graph read from them computes, float and on a grid.

Axes: B sample, T step, I input, N neuron.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from neurodeploy.backends import reference
from neurodeploy.backends.search import calibrate
from neurodeploy.bench.devices.ann import layer_shapes
from neurodeploy.graph.files import GraphFile, read_graph, write_graph
from neurodeploy.graph.network import Network, discretised
from neurodeploy.mapping.compile import choose_plan, compile_network
from neurodeploy.networks.families.stepped import SteppedNetwork, SteppedSettings, build
from neurodeploy.networks.matched import LayerShape
from neurodeploy.networks.sequence import Answer
from neurodeploy.pipeline.conversion import matrices, read_network
from neurodeploy.program.plan import Plan
from neurodeploy.quantize.on_grid import settled as on_their_grid
from neurodeploy.quantize.on_grid import straight_through
from neurodeploy.reading.precision import put_on_grid
from neurodeploy.training.fit import averaged
from neurodeploy.training.reading import read

DT_S = 2e-3
N_INPUTS, N_CLASSES = 9, 4
NAMES = {"snntorch": ["lif1", "lif2", "lif3"], "norse": ["lif1", "lif2", "li3"]}
GAINS = {"snntorch": 2.0, "norse": 15.0}


@pytest.fixture(params=["snntorch", "norse"])
def network(request: pytest.FixtureRequest) -> SteppedNetwork:
    """Two hidden layers that fire, of generic numbers."""
    return made(request.param)


def made(framework: Any, **settings: Any) -> SteppedNetwork:
    pytest.importorskip(framework)
    torch.manual_seed(3)
    values: dict[str, Any] = {"hidden": (14, 11), "beta": 0.83, "beta_out": 0.91, "weight_gain": GAINS[framework]}
    wanted = SteppedSettings(family=framework, **values | settings)
    return build(wanted, (N_INPUTS,), N_CLASSES, DT_S).eval()


def spikes(n_samples: int = 20, n_steps: int = 30) -> np.ndarray:
    return (np.random.default_rng(5).random((n_samples, n_steps, N_INPUTS)) < 0.3).astype(np.uint8)


def graph_of(network: SteppedNetwork) -> Network:
    return discretised(GraphFile(Path("x"), "x", read_network(network, DT_S, name="x").graph, stores_reset=True))


def own(network: SteppedNetwork, kind: torch.dtype) -> list[np.ndarray]:
    """Return what every layer sends in the framework's own forward, in numbers of that kind."""
    with torch.no_grad():
        return [one.numpy() for one in network.module.to(kind)(torch.from_numpy(spikes()).to(kind))]


def test_the_graph_spikes_as_the_framework_does_in_every_layer_and_step(network: SteppedNetwork) -> None:
    graph = graph_of(network)
    names = NAMES["norse" if graph.readout == "v_max" else "snntorch"]
    assert [one.name for one in graph.populations] == names
    trace = reference.run(graph, spikes(), record=True)
    sent = own(network, torch.float64)
    for name, mine in zip(names, sent, strict=True):
        states = trace.layers[name]
        if name.startswith("lif"):
            assert 0.02 < states.spikes_BTN.mean() < 0.9
            np.testing.assert_array_equal(mine != 0, states.spikes_BTN)
        else:
            # Sums of a dozen numbers in another order, each rounded to 53 bits.
            np.testing.assert_allclose(mine, states.v_BTN, rtol=0, atol=1e-13)
            np.testing.assert_array_equal(mine.max(axis=1).argmax(axis=1), trace.predictions_B)


def test_the_neurons_are_the_frameworks_own(network: SteppedNetwork) -> None:
    kinds = {type(neurons).__module__.split(".")[0] for _, neurons in network.module.layers}
    assert kinds == ({"snntorch"} if network.module.cells.spikes else {"norse"})
    assert all(type(weights) is nn.Linear for weights, _ in network.module.layers)


def on_grid(network: SteppedNetwork, bits: int = 6) -> Plan:
    plan = choose_plan(graph_of(network), bits, None)
    put_on_grid(network, read_network(network, DT_S), plan)
    return plan


def test_on_the_grid_it_computes_with_the_numbers_that_the_program_holds(
    network: SteppedNetwork, tmp_path: Path
) -> None:
    plan = on_grid(network)
    write_graph(tmp_path / "x.nir", read_network(network, DT_S, name="x").graph)
    back = discretised(read_graph(tmp_path / "x.nir"))
    assert back.quantised
    compiled = compile_network(back)
    assert compiled.plan == plan
    layers = zip(network.module.layers, compiled.program.connections, compiled.program.layers, strict=True)
    for (weights, neurons), connection, layer in layers:
        gain = read_network(network, DT_S).chip[layer.name].gain()
        step = 2.0 ** int(connection.weight_exp) / plan.vth_mant[layer.name] / gain
        np.testing.assert_allclose(weights.weight.detach().double(), connection.weight * step, rtol=1e-6, atol=0)
        kept = 1 - gain if gain < 1 else float(neurons.beta)  # type: ignore[arg-type]
        assert layer.dv == pytest.approx(4096 * (1 - kept), abs=1e-3)  # type: ignore[union-attr]


def test_gradients_go_straight_through_to_the_weights_behind(network: SteppedNetwork) -> None:
    on_grid(network)
    network.train()
    found = read(network(torch.from_numpy(spikes()).float()), logit_gain=5.0)
    found.logits_BC.sum().backward()
    names = [name for name, one in network.named_parameters() if one.grad is not None and one.grad.any()]
    assert len(names) == 6
    assert all(name.endswith(".original") for name in names)


def test_even_infinite_weights_become_those_on_the_grid() -> None:
    weights = torch.tensor([0.3, -torch.inf], requires_grad=True)
    found = straight_through(weights, np.array([0.25, -1.0]))
    (3 * found).sum().backward()
    assert found.tolist() == [0.25, -1.0]
    assert weights.grad is not None
    assert weights.grad.tolist() == [3.0, 3.0]


def test_a_decay_that_moves_leaves_the_effect_of_a_spike() -> None:
    """Norse's inputs act by dt / tau: 0.0004 becomes 2 of 4096, a quarter more."""
    network = made("norse", beta=0.9996, beta_out=0.9996, weight_gain=5000.0)
    found, graph = read_network(network, DT_S), graph_of(network)
    before, biases = {name: one.copy() for name, one in matrices(network, DT_S).items()}, effects(network)
    chosen = calibrate(graph, spikes(), 8)
    better = {one.name: one.weight for one in chosen.network.synapses}
    put_on_grid(network, found, chosen.plan, better)
    for name, one in matrices(network, DT_S).items():
        assert np.abs(one - before[name]).max() < 0.03 * np.abs(before[name]).max()
    for now, bias in zip(effects(network), biases, strict=True):
        assert (now - bias).abs().max() < 0.03 * bias.abs().max()


def effects(network: SteppedNetwork) -> list[torch.Tensor]:
    """Return how far each layer's biases move potentials in a step."""
    gains = [one.gain() for one in read_network(network, DT_S).chip.values()]
    layers = network.module.layers
    return [weights.bias.detach() * gain for (weights, _), gain in zip(layers, gains, strict=True)]


def test_an_answer_of_potentials_has_the_probabilities_of_its_softmax() -> None:
    scores = torch.tensor([[-1.0, 2.0, 0.5]])
    found = read(Answer(scores, (), (), logits=True), score_gain=3.0)
    torch.testing.assert_close(found.log_probabilities_BC, (3.0 * scores).log_softmax(dim=1))
    torch.testing.assert_close(found.scores_BC, scores)


def test_a_device_runs_the_numbers_in_use_as_plain_ones(network: SteppedNetwork) -> None:
    on_grid(network)
    wanted = own(network, torch.float32)
    held = on_their_grid(network)
    assert isinstance(held, SteppedNetwork)
    assert not any("parametrizations" in name for name in held.state_dict())
    assert layer_shapes(held) == [
        LayerShape(N_INPUTS, 14, False),
        LayerShape(14, 11, False),
        LayerShape(11, N_CLASSES, False),
    ]
    for mine, other in zip(own(held, torch.float32), wanted, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_averaged_weights_can_be_trained(network: SteppedNetwork) -> None:
    """Buffers are averaged too, and some frameworks keep states in them."""
    average = averaged(network, 0.5)
    network(torch.from_numpy(spikes()).float())
    with torch.no_grad():
        network.module.layers[0][0].weight.zero_()
    average.update_parameters(network)
    average.update_parameters(network)
    assert isinstance(average.module, SteppedNetwork)
    halved = average.module.module.layers[0][0].weight
    assert 0 < halved.abs().max() < network.module.layers[1][0].weight.abs().max()


def test_two_batches_do_not_share_a_state(network: SteppedNetwork) -> None:
    first = own(network, torch.float32)
    for mine, other in zip(own(network, torch.float32), first, strict=True):
        np.testing.assert_array_equal(mine, other)
