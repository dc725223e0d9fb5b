"""Ours to NIR and back: the identical Program, for every recipe and every published file that becomes one.

Recipes are built new and put on the chip's grid with few random spikes, so that none needs its data: what has to
survive is every number of a network of that shape and kind, whatever it has learnt.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import torch

from neurodeploy.data.binning import N_UNITS
from neurodeploy.data.load import source_of, step_s, wanted_of
from neurodeploy.errors import FrameworkError, NetworkError, ProgramError
from neurodeploy.formats.nir_to_program import carried_program
from neurodeploy.formats.program_to_nir import program_graph
from neurodeploy.graph.files import GraphFile, read_graph, write_graph
from neurodeploy.graph.network import discretised
from neurodeploy.graph.normal import normalised
from neurodeploy.mapping.compile import compile_network
from neurodeploy.networks.families.table import build_network
from neurodeploy.pipeline.conversion import deployable, graph_of, quantised
from neurodeploy.pipeline.samples import taken
from neurodeploy.program.dynamics import DynamicsLayer
from neurodeploy.program.file import read_program, write_program
from neurodeploy.program.program import Program
from neurodeploy.recipes import Recipe, load_recipe
from tests.conformance.test_nir_corpus import DT_S, read_files

NO_PROGRAM = ("_spikformer", "_sdt", "_qkformer", "_tim")
"""Recipes of networks that no Program is made of as published; small ones are made for it."""
EVERY = [path.stem for path in sorted((Path(__file__).parents[2] / "training").glob("*.toml"))]
EVERY = [name for name in EVERY if name.startswith(("mnist", "cifar10_small")) or not name.endswith(NO_PROGRAM)]
MEMORIES = [name for name in EVERY if name.endswith(("_lmu", "_lmufft", "_lmuformer"))]
RECIPES = [name for name in EVERY if name not in MEMORIES and not name.endswith(NO_PROGRAM)]
SIZES = {"digits": (64, 10), "braille7": (12, 7), "fsdd": (140, 10), "fsdd_spikes": (140, 10)}
SIZES |= {"psmnist": (1, 10), "digits_rows": (1, 10), "fsdd_mel": (64, 10), "gsc_mel": (128, 35)}
SIZES |= {"speech_commands_mel": (64, 4)}
"""Channels and classes of data whose settings do not say them."""
FEATURES = 40
TRAINED_ONLY = {"gsc_s4d": "sends no spikes, so no chip of this kind runs it"}
TRAINED_ONLY |= dict.fromkeys(("psmnist_lmu", "digits_lmu"), "has feedback, so it has no integer form")
NO_SPIKES = "is a ReLU, which sends no spikes frame by frame"
TRAINED_ONLY |= {f"{data}_lmuformer": NO_SPIKES for data in ("fsdd", "gsc", "psmnist", "speech")}
PICTURES = {"mnist": (1, 28, 28), "fashion_mnist": (1, 28, 28), "nmnist_frames": (2, 34, 34), "nmnist": (2, 34, 34)}
PICTURES |= {"cifar10": (3, 32, 32), "cifar10dvs": (2, 128, 128), "dvs128_gesture": (2, 128, 128)}
SMALLER: dict[str, tuple[str, ...]] = {"_plif_paper": ("network.channels=2", "network.hidden=8", "network.voters=2")}
SMALLER |= {"psmnist_lmufft": ("network.memory=20", "network.hidden=8"), "_lmuformer": ("network.width=16",)}
SMALLER |= dict.fromkeys(
    ("mnist_sdt", "mnist_qkformer", "small_sdt", "small_qkformer", "_spikformer"), ("network.width=16",)
)
"""By the ends of names: recipes whose whole networks would take minutes."""
STEPS = 6


def smaller(name: str) -> Recipe:
    """Return a recipe, its network smaller where that is needed."""
    return load_recipe(name, next((one for end, one in SMALLER.items() if name.endswith(end)), ()))


def sizes(recipe: Recipe) -> tuple[int, int]:
    if recipe.data.dataset in PICTURES:
        return math.prod(PICTURES[recipe.data.dataset]), source_of(recipe.data).n_classes
    if recipe.data.dataset in SIZES:
        return SIZES[recipe.data.dataset]
    binning, n_classes = wanted_of(recipe.data).binning, source_of(recipe.data).n_classes
    return (FEATURES if binning is None else binning.n_channels(N_UNITS)), n_classes


def on_grid(recipe: Recipe) -> Any:
    """Return a new network of a recipe on the chip's grid."""
    torch.manual_seed(0)
    n_channels, n_classes = sizes(recipe)
    shape = PICTURES.get(recipe.data.dataset, (n_channels,))
    built = build_network(recipe.network, shape, n_classes, step_s(recipe.data))
    with torch.no_grad():
        for name, values in built.named_parameters():
            if name.endswith(".a"):  # half of the adLIF neurons start unstable, where it is negative
                values.abs_()
    spikes = (np.random.default_rng(0).random((2, STEPS, n_channels)) < 0.3).astype(np.uint8)
    network = deployable(built, recipe)
    host = getattr(network, "host", None)
    if host is not None and host.once:
        spikes[:] = spikes[:, :1]
    return quantised(network, recipe, spikes if host is None else host.currents(spikes)).network


def program(file: GraphFile, **options: Any) -> Program:
    return compile_network(discretised(file, **options)).program


def assert_the_program_itself_survives(made: Program, folder: Path) -> None:
    """As a Program file; and as a graph of standard nodes, where its neurons are such."""
    write_program(folder / "p.npz", made)
    assert read_program(folder / "p.npz").digest == made.digest
    if any(layer.on_host or (isinstance(layer, DynamicsLayer) and not layer.graded) for layer in made.layers):
        with pytest.raises(
            ProgramError, match="neurons are said by the graph that the Program was compiled from; name that"
        ):
            program_graph(made)
        return
    write_graph(folder / "p.nir", program_graph(made))
    found = carried_program(read_graph(folder / "p.nir"))
    assert found is not None
    assert found.digest == made.digest


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_a_recipe_comes_back_as_the_identical_program(name: str, tmp_path: Path) -> None:
    recipe = smaller(name)
    if name in TRAINED_ONLY:
        with pytest.raises(NetworkError, match=TRAINED_ONLY[name]):
            on_grid(recipe)
        return
    try:
        network = on_grid(recipe)
    except FrameworkError as error:
        pytest.skip(str(error))
    graph = graph_of(network, recipe, name=recipe.name, chip=recipe.chip, dataset=recipe.data.dataset, n_steps=STEPS)
    made = program(GraphFile(tmp_path / "m.nir", "m", graph, stores_reset=True))
    assert taken(made) == sizes(recipe)[0]
    write_graph(tmp_path / "m.nir", graph)
    file = read_graph(tmp_path / "m.nir")
    assert program(file).digest == made.digest
    write_graph(tmp_path / "again.nir", normalised(file, discretised(file)))
    assert program(read_graph(tmp_path / "again.nir")).digest == made.digest
    if not any(layer.on_host for layer in made.layers):  # whose node is none of NIR's
        assert nir.read(tmp_path / "m.nir").nodes.keys() == graph.nodes.keys()
    assert_the_program_itself_survives(made, tmp_path)


@pytest.mark.data
@pytest.mark.parametrize("path", read_files())
def test_a_published_file_comes_back_as_the_identical_program(path: Path, tmp_path: Path) -> None:
    """Written with what NIR leaves open in its metadata, nothing needs to be said again, not even a file's name."""
    file = read_graph(path)
    network = discretised(file, dt_s=DT_S)
    made = compile_network(network).program
    write_graph(tmp_path / "n.nir", normalised(file, network))
    assert program(read_graph(tmp_path / "n.nir")).digest == made.digest
    assert_the_program_itself_survives(made, tmp_path)
