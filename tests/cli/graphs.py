"""Small NIR graphs, good and bad, and spikes for them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import nir
import numpy as np

Nodes = dict[str, nir.NIRNode]
Edges = list[tuple[str, str]]

CHANNELS, HIDDEN, CLASSES = 4, 5, 3
DT_S = 1e-3


def lif(n_neurons: int, **changed: Any) -> nir.LIF:
    """Return LIF neurons that keep 0.9 of their potential in a step of `DT_S`."""
    ones = np.ones(n_neurons)
    values = {"tau": 10 * DT_S * ones, "r": 10 * ones, "v_leak": 0 * ones, "v_threshold": ones} | changed
    return nir.LIF(**values)


def cuba(n_neurons: int, **changed: Any) -> nir.CubaLIF:
    """Return CUBA-LIF neurons with a synaptic filter of two steps."""
    ones = np.ones(n_neurons)
    values = {
        "tau_mem": 10 * DT_S * ones,
        "tau_syn": 2 * DT_S * ones,
        "r": 10 * ones,
        "v_leak": 0 * ones,
        "v_threshold": ones,
        "w_in": 2 * ones,
    }
    return nir.CubaLIF(**(values | changed))


def weights(n_out: int, n_in: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.3, 0.4, (n_out, n_in)).astype(np.float32)


def affine(n_out: int, n_in: int, **changed: Any) -> nir.Affine:
    return nir.Affine(**({"weight": weights(n_out, n_in), "bias": np.full(n_out, 0.01, np.float32)} | changed))


def linear(n_out: int, n_in: int, **changed: Any) -> nir.Linear:
    return nir.Linear(**({"weight": weights(n_out, n_in)} | changed))


def parts(**changed: nir.NIRNode) -> tuple[Nodes, Edges]:
    """Return nodes and edges of input -> fc1 -> lif1 -> fc2 -> lif2 -> output, some nodes replaced."""
    nodes: Nodes = {
        "input": nir.Input({"input": np.array([CHANNELS])}),
        "fc1": affine(HIDDEN, CHANNELS),
        "lif1": lif(HIDDEN),
        "fc2": linear(CLASSES, HIDDEN),
        "lif2": lif(CLASSES),
        "output": nir.Output({"output": np.array([CLASSES])}),
    }
    chain = list(nodes)
    return nodes | changed, list(itertools.pairwise(chain))


def without(nodes: Nodes, edges: Edges, name: str) -> tuple[Nodes, Edges]:
    """Return a chain with one node left out and its neighbours joined."""
    before = [a for a, b in edges if b == name]
    after = [b for a, b in edges if a == name]
    kept = [edge for edge in edges if name not in edge] + [(a, b) for a in before for b in after]
    return {key: node for key, node in nodes.items() if key != name}, kept


def write(path: Path, nodes: Nodes, edges: Edges, metadata: dict[str, Any] | None = None) -> Path:
    """Write a graph as a .nir file, whatever it means."""
    nir.write(path, nir.NIRGraph(nodes, edges, metadata=metadata or {}, type_check=False))
    return path


def write_good(path: Path, **changed: nir.NIRNode) -> Path:
    """Write the chain of `parts`; every target runs it when given --dt 1e-3."""
    return write(path, *parts(**changed))


def spikes(n_samples: int = 6, n_steps: int = 12, n_channels: int = CHANNELS, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((n_samples, n_steps, n_channels)) < 0.4).astype(np.uint8)


def labels(n_samples: int = 6, n_classes: int = CLASSES) -> np.ndarray:
    return np.arange(n_samples) % n_classes


def write_data(path: Path, **changed: Any) -> Path:
    """Write a data file for the good graph, some arrays replaced; None leaves one out."""
    arrays = {"spikes": spikes(), "labels": labels()} | changed
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path
