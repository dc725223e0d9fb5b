"""What a linear memory keeps as integers, measured alone: by the bits of its matrix, its size and its messages.

Axes: B sample, T step, N neuron of the memory.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from neurodeploy.backends import fixed, reference
from neurodeploy.errors import MappingError, NetworkError
from neurodeploy.fixedpoint.dynamics.integrator import INTEGRATOR
from neurodeploy.graph.dynamics import DynamicsPopulation
from neurodeploy.graph.network import Network
from neurodeploy.graph.paths import INPUT, Synapses
from neurodeploy.mapping.compile import compile_network
from neurodeploy.mapping.memory import MEMORY_BITS, spectral_radius, step_matrix
from neurodeploy.neurons.lmu import legendre_matrices
from neurodeploy.program.program import Program

MOST_STEPS = 1024
FORGOTTEN = 0.01
"""Of its largest state: what is left of a single input when a memory has forgotten it."""
BITS = (8, 12, MEMORY_BITS)
CHANGES = (10, 8, 6)
"""A message is sent where a potential changed by 2^-bits since the last one."""
UNIT = 2.0**-8
MOST_NEURONS = 512
"""Of a memory that is measured; beyond it that takes minutes."""
SAME = 1e-4


def of_memories(network: Network) -> list[dict[str, Any]]:
    """Return for every linear memory of a graph what ways to hold it lose and cost.

    Returns:
        By memory `name`, `neurons`, `spectral_radius` of its matrix, `steps` in which it forgets an input, and `ways`:
        `way` in words, `spectral_radius` of the matrix as integers, `error` (relative, of all states after `steps`
        steps of random input), `synapses` and `synops_per_step`; or `refused` in words.
    """
    found = []
    for one in network.populations:
        matrix = step_matrix(network, one.name) if one.graded else None
        if matrix is None or one.n_neurons > MOST_NEURONS:
            continue
        driven = sum(
            (np.asarray(each.weight).sum(axis=1) for each in network.into(one.name) if each.source != one.name),
            np.zeros(one.n_neurons),
        )
        driven = driven / max(np.abs(driven).max(), 1e-12)
        n_steps = _forgotten(matrix, driven)
        found.append(
            {
                "name": one.name,
                "neurons": one.n_neurons,
                "spectral_radius": spectral_radius(matrix),
                "steps": n_steps,
                "ways": [
                    *_by_bits(matrix, driven, n_steps, BITS),
                    *_smaller(matrix),
                    *_by_change(matrix, driven, n_steps),
                ],
            }
        )
    return found


def _forgotten(matrix: np.ndarray, driven: np.ndarray) -> int:
    state, largest = driven.copy(), np.linalg.norm(driven)
    for step in range(1, MOST_STEPS):
        state = matrix @ state
        size = np.linalg.norm(state)
        largest = max(largest, size)
        if size < FORGOTTEN * largest:
            return step
    return MOST_STEPS


def _random_input(n_steps: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.where(rng.random((2, n_steps, 1)) < 0.2, rng.integers(0, 256, (2, n_steps, 1)), 0).astype(np.int32)


def memory_alone(matrix: np.ndarray, driven: np.ndarray) -> Network:
    """Return a network of the memory m = matrix m' + driven u alone, named "m"; u comes as whole numbers of `UNIT`."""
    size = len(matrix)
    population = DynamicsPopulation(
        name="m", dynamics=INTEGRATOR, numbers={"alpha": np.ones(size)}, v_threshold=np.ones(size), bias=np.zeros(size),
        spiking=False,
    )  # fmt: skip
    into = Synapses(name="b", source=INPUT, target="m", weight=driven[:, None] * UNIT)
    turn = Synapses(name="a", source="m", target="m", weight=matrix - np.eye(size), delayed=True)
    return Network("memory", 1.0, 1, (population,), (into, turn), "m", readout="v_last", graded_input=True)


def _alone(matrix: np.ndarray, driven: np.ndarray, n_steps: int) -> tuple[Network, np.ndarray, np.ndarray]:
    """Return a network of a memory alone, an input, and its states (B, T, N), at most about 0.5."""
    spikes, network = _random_input(n_steps), memory_alone(matrix, driven)
    largest = np.abs(reference.run(network, spikes, record=True).layers["m"].v_BTN).max()
    network = memory_alone(matrix, driven / (2 * largest))
    return network, spikes, reference.run(network, spikes, record=True).layers["m"].v_BTN


def _by_bits(
    matrix: np.ndarray, driven: np.ndarray, n_steps: int, bits: tuple[int, ...], size: str = ""
) -> Iterator[dict[str, Any]]:
    network, spikes, real = _alone(matrix, driven, n_steps)
    for one in bits:
        halves = " in two synapses of 8" if one > 8 else ""
        way = f"{size}weights of {one} bits{halves}"
        try:
            made = compile_network(network, memory_bits=one)
        except MappingError as error:
            yield {"way": way, "refused": error.problem}
            continue
        m = fixed.run(made.program, spikes, record=True).layers["m"].v_BTN[:, -1] / made.program.layer("m").v_per_unit
        whole = step_matrix(made.quantised, "m")
        assert whole is not None
        synapses = _synapses(made.program)
        yield _row(way, spectral_radius(whole), m, real[:, -1], synapses, synapses)


def _synapses(program: Program) -> int:
    """Return how many synapses the memory has onto itself, halves each for itself."""
    return sum(int(np.count_nonzero(one.weight)) for one in program.connections if one.source == "m")


def _row(way: str, radius: float, m: np.ndarray, real: np.ndarray, synapses: int, synops: float) -> dict[str, Any]:
    error = float(np.linalg.norm(m - real) / np.linalg.norm(real))
    return {"way": way, "spectral_radius": radius, "error": error, "synapses": synapses, "synops_per_step": synops}


def _smaller(matrix: np.ndarray) -> Iterator[dict[str, Any]]:
    """Yield a Legendre memory of half its order over the same window, which must be trained anew."""
    order = len(matrix)
    for theta in {round(1 / max(1 - matrix[0, 0], 1e-6)) + more for more in (-1, 0, 1)}:
        try:
            whole, _ = legendre_matrices(order, float(theta))
        except NetworkError:
            continue
        if order >= 4 and np.allclose(matrix, whole, atol=SAME):
            a, b = legendre_matrices(order // 2, float(theta))
            yield from _by_bits(a, b, _forgotten(a, b), (MEMORY_BITS,), f"{order // 2} coefficients, trained anew: ")
            return


def _by_change(matrix: np.ndarray, driven: np.ndarray, n_steps: int) -> Iterator[dict[str, Any]]:
    """Yield messages sent only where a potential changed enough since the last one: simulated, not built."""
    network, spikes, real = _alone(matrix, driven, n_steps)
    made = compile_network(network)
    turn, b = (made.quantised.into("m")[index].weight for index in (1, 0))
    unit, synapses = made.plan.message_unit("m"), _synapses(made.program)
    for bits in CHANGES:
        m, sent, n_sent = np.zeros((2, len(matrix))), np.zeros((2, len(matrix))), 0
        for step in range(n_steps):
            m = m + sent @ turn.T + spikes[:, step] @ b.T
            changed = np.abs(m - sent) >= 2.0**-bits
            sent = np.where(changed, np.floor(m * unit) / unit, sent)
            n_sent += int(changed.sum())
        way = f"weights of {MEMORY_BITS} bits, messages of changes from 2^-{bits} on (simulated)"
        radius, share = spectral_radius(np.eye(len(matrix)) + turn), n_sent / (2 * n_steps * len(matrix))
        yield _row(way, radius, m, real[:, -1], synapses, share * synapses)
