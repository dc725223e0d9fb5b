"""`paper transformers`: counts against SpikingJelly's counter, published sums and single spikes; its tables."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from neurodeploy.backends import fixed
from neurodeploy.errors import RunError
from neurodeploy.networks.blocks.ssa import SpikeProducts
from neurodeploy.networks.families.table import build_network
from neurodeploy.networks.spike_driven.signals import FOLDED
from neurodeploy.networks.spike_driven.table import parts_of
from neurodeploy.networks.untrained import normed_by
from neurodeploy.papers.paper import paper
from neurodeploy.papers.transformers.counting import EMBEDDING, GATES, HEAD, PARTS, PRODUCTS, counted
from neurodeploy.papers.transformers.drawing import draw
from neurodeploy.papers.transformers.energy import ANN, ANN_SHARED, EXACT, JELLY, RATE, energies, papers_j
from neurodeploy.papers.transformers.integers import integers_of
from neurodeploy.papers.transformers.make import FULL_SIZE
from neurodeploy.papers.transformers.tables import page as page_of
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.program.file import write_program
from neurodeploy.recipes import load_recipe
from neurodeploy.verbs.train import train
from tests.accounting.finished import finished
from tests.conformance.test_transformers import deployed, events
from tests.networks.test_transformer_spikingjelly import lively
from tests.networks.transformers import tiny
from tests.report.overlaps import text_problems

MODELS = ("spikformer", "sdt", "qkformer", "tim")


def fed(model: str, **settings: Any) -> tuple[Any, torch.Tensor]:
    """A small network whose layers all spike, and two samples."""
    torch.manual_seed(0)
    image = (2, 32, 32) if model == "tim" else (3, 16, 16)
    network, x_BTI = tiny(model, image, **settings), 2 * torch.randn(2, 3, int(np.prod(image)))
    return lively(network, x_BTI), x_BTI


@pytest.mark.parametrize("model", MODELS)
def test_spikingjellys_rule_gives_what_its_counter_does(model: str) -> None:
    counter = pytest.importorskip("spikingjelly.activation_based.op_counter", reason="spikingjelly is not installed")
    network, x_BTI = fed(model)
    theirs = counter.SynOpCounter()
    with torch.no_grad(), counter.DispatchCounterMode([theirs]):
        network(x_BTI)
    assert theirs.get_total() > 0
    assert counted(network, x_BTI).total("by_spikingjelly") * len(x_BTI) == theirs.get_total()


@pytest.mark.parametrize("model", MODELS)
def test_accumulates_are_spikes_times_weights_that_are_not_zero(model: str) -> None:
    """A convolution of ones over what arrives adds up one for each spike and weight that meet."""
    network, x_BTI = fed(model)
    with torch.no_grad():
        network.head.weight[0] = 0.0
        for one in network.modules():
            if isinstance(one, nn.Conv2d):
                one.weight[one.weight.abs() < 0.02] = 0.0
    sums: dict[str, list[float]] = {"synops": [], "multiplications": []}

    def hook(module: Any, arrives: tuple[torch.Tensor], _: object) -> None:
        x, ones = arrives[0].double(), (module.weight != 0).double()
        whole = bool((x == x.round()).all() and (x >= 0).all())
        x = x if whole else (x != 0).double()
        if isinstance(module, nn.Linear):
            found = x @ ones.T
        else:
            over = functional.conv1d if isinstance(module, nn.Conv1d) else functional.conv2d
            found = over(x, ones, stride=module.stride, padding=module.padding)
        sums["synops" if whole else "multiplications"].append(float(found.sum()))

    hooks = [
        one.register_forward_hook(hook)
        for one in network.modules()
        if isinstance(one, nn.Conv1d | nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        network(x_BTI)
    for one in hooks:
        one.remove()
    found = counted(network, x_BTI)
    weighted = sum(row.synops for row in found.rows if row.part != PRODUCTS)
    assert sum(sums["synops"]) == weighted * len(x_BTI) > 0
    assert sum(sums["multiplications"]) == found.total("multiplications") * len(x_BTI) > 0


@pytest.mark.parametrize("size", [3, 12])
def test_products_are_counted_pair_by_pair(size: int) -> None:
    """Of 5 places, by both orders in which they can be taken."""

    class Alone(nn.Module):
        once = False

        def __init__(self) -> None:
            super().__init__()
            self.head, self.products = nn.Linear(1, 1), SpikeProducts(2, 0.125)

        def forward(self, x_BTI: torch.Tensor) -> torch.Tensor:
            q, k, v = x_BTI.unflatten(2, (3, 2 * size, 1, 5)).unbind(2)
            return self.products(q, k, v)  # type: ignore[no-any-return]

    rng = np.random.default_rng(0)
    x_BTI = rng.random((2, 3, 3 * 2 * size * 5)) < 0.4
    q_BThdN, k_BThdN, v_BThdN = x_BTI.reshape(2, 3, 3, 2, size, 5).transpose(2, 0, 1, 3, 4, 5)
    synops = jelly = 0
    for place in np.ndindex(2, 3, 2):
        q_dN, k_dN, v_dN = q_BThdN[place], k_BThdN[place], v_BThdN[place]
        if size < 5:
            counts_dd = np.array([[sum(a & b) for b in v_dN] for a in k_dN])
            met = [int(counts_dd[d, e] != 0) for d, n in zip(*np.nonzero(q_dN), strict=True) for e in range(size)]
            jelly += counts_dd.sum() + q_dN.sum() * size
        else:
            counts_NN = np.array([[sum(a & b) for b in k_dN.T] for a in q_dN.T])
            met = [int(counts_NN[n, m] != 0) for d, m in zip(*np.nonzero(v_dN), strict=True) for n in range(5)]
            counts_dd = counts_NN
            jelly += counts_dd.sum() + v_dN.sum() * 5
        synops += counts_dd.sum() + sum(met)
    (row,) = counted(Alone(), torch.tensor(x_BTI).float()).rows
    assert (2 * row.synops, 2 * row.by_spikingjelly) == (synops, jelly)
    assert row.macs == 3 * 2 * 2 * 5 * size * min(size, 5)
    assert (row.stored_bits, row.count_bits) == (2 * 2 * size * 5, 3 if size == 3 else 4)


@pytest.mark.parametrize(("model", "per_block"), [("sdt", 3), ("qkformer", 2)])
def test_gates_are_logic_and_no_accumulates(model: str, per_block: int) -> None:
    """SDSA: an AND and the input of an OR and an AND for each place and channel; QK attention an OR's and an AND."""
    found = counted(*fed(model))
    sizes = [16 * 32, 16 * 32] if model == "sdt" else [256 * 8, 64 * 16]
    assert found.total("logic") == 3 * per_block * sum(sizes)
    assert found.total("synops", GATES) == found.total("macs", GATES) == 0 < found.total("by_rate", GATES)


KNOWN = {"cifar10_spikformer": (921.5, 1_449_984), "cifar10_sdt": (1234.9, 1_082_880)}
KNOWN["cifar10_qkformer"] = (1511.3, 2_369_536)


@pytest.mark.parametrize("name", FULL_SIZE)
def test_macs_and_neurons_are_the_published_networks(name: str) -> None:
    """Those of weights alone, without the head."""
    torch.manual_seed(0)
    x_BTI = torch.rand(1, 1, 3072) * 255
    network = normed_by(build_network(load_recipe(name).network, (3, 32, 32), 10, 1e-3), x_BTI)
    found = counted(network, x_BTI)
    macs = sum(row.macs for row in found.rows if row.part not in (PRODUCTS, HEAD))
    assert (round(macs / 1e6, 1), found.updates) == KNOWN[name]


@pytest.mark.parametrize("model", MODELS)
def test_macs_are_those_that_inspect_tells(model: str) -> None:
    network, x_BTI = fed(model)
    told = sum(one.macs for one in parts_of(network, 3) if one.what != FOLDED)
    loop = 2 / 3 if model == "tim" else 1  # its convolution waits for a step before
    by_layer = {row.name: row.macs / 3 for row in counted(network, x_BTI).rows}
    for name in by_layer:
        by_layer[name] /= loop if "TIM" in name else 1
    assert sum(by_layer.values()) == pytest.approx(told, rel=1e-12)


def test_the_papers_convention_gives_what_the_authors_script_does() -> None:
    """Issue 23 of ZK-Zhou/spikformer: 0.00531 G MAC and 0.2459 G AC are 0.2457 mJ; the MACs are our first layer's."""
    assert 1e3 * papers_j(0.00531e9, 0.2459e9) == pytest.approx(0.2457, abs=5e-5)
    assert round(4 * 27 * 48 * 32 * 32 / 1e9, 5) == 0.00531


def test_energies_add_up_the_counts() -> None:
    found = counted(*fed("spikformer"))
    prices = energies(found)
    assert all(sum(prices[name].values()) > 0 for name in prices)
    picture = next(row for row in found.rows if row.name == "patch_embed.proj.conv")
    others = found.total("by_rate", EMBEDDING)
    assert prices[RATE][EMBEDDING] == pytest.approx(4.6e-12 * picture.macs + 0.9e-12 * others)
    assert sum(prices[JELLY].values()) == pytest.approx(0.9e-12 * found.total("by_spikingjelly"))
    exact = 0.9e-12 * found.total("synops") + 4.6e-12 * found.total("multiplications")
    assert sum(prices[EXACT].values()) == pytest.approx(exact)
    assert prices[ANN] == {"mac": pytest.approx(4.6e-12 * found.total("macs") / 3)}
    assert prices[ANN_SHARED]["mac"] == pytest.approx(0.23e-12 * found.total("macs") / 3)


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data" / "cifar10"
    data.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("data_batch_1.bin", "test_batch.bin"):
        some = rng.integers(0, 256, (40, 3073), np.uint8)
        some[:, 0] %= 10
        some.tofile(data / name)
    monkeypatch.setenv("NEURODEPLOY_DATA", str(data.parent))
    monkeypatch.setattr("neurodeploy.papers.transformers.make.FULL_SIZE", {"cifar10_sdt": "SDT 2-512"})


@pytest.mark.usefixtures("pictures")
def test_tables_and_picture(tmp_path: Path) -> None:
    small = ("training.epochs=1", "network.width=16", "network.heads=2", "training.threads=1")
    train("cifar10_small_sdt", out=tmp_path / "run", settings=small)
    (tmp_path / "run" / "report.json").write_text(json.dumps(finished()))
    train("cifar10_small_spikformer", out=tmp_path / "other", settings=small)
    runs = [tmp_path / "run", tmp_path / "other"]
    made = paper("transformers", out=tmp_path / "made", limit=1, runs=runs)
    whole, trained, *cited = made["rows"]
    assert [row["ran"] for row in made["rows"]] == [True, True] + [False] * len(cited)
    assert (whole["ours"]["fixed"], whole["samples"], whole["seeds"]) == (0.95, 40, 1)
    assert trained["ours"]["fixed"] is None is not trained["ours"]["float"]
    assert {row["what"]: row["published"] for row in cited}["CIFAR-10, T 4: SDT 2-512, its paper"] == 0.956
    assert all((tmp_path / "made" / name).is_file() for name in made["files"])
    page = (tmp_path / "made/transformers.md").read_text()
    assert "10,233,418 parameters, random weights" in page
    result = json.loads((tmp_path / "made/transformers.json").read_text())
    full, sdt, spikformer = result["networks"]
    assert text_problems(draw(result)) == []
    rows = list(csv.DictReader((tmp_path / "made/transformers_layers.csv").read_text().splitlines()))
    of = [row for row in rows if row["network"] == "SDT 2-512"]
    assert sum(float(row["synops"]) for row in of) == sum(full["parts"][part]["synops"] for part in PARTS) > 0
    assert sdt["integers"] is spikformer["integers"] is None
    integers: dict[str, Any] = {"steps": 2, "run_steps": 17, "synops": 5e6, "in_time": 2e6, "logic": 1e6}
    sdt["integers"] = integers | {"rate_times_macs": 6e6, "binary_only": None}
    assert "cifar10_small_sdt | 2 | 17 | 5.000 | 2.000 | 1.000 | 6.000 |  |\n" in page_of(result)


def test_integers_are_counted_in_the_samples_own_steps(tmp_path: Path) -> None:
    """Spikes of a layer in the steps after as many hops as lie before it; and a table of them."""
    program, x_BTI = deployed("token").program, events().flatten(2).numpy().astype(np.int32)
    write_program(tmp_path / "program.npz", program)

    class Given:
        n_inputs = 0

        def __len__(self) -> int:
            return 4

        def batches(self, size: int) -> list[Any]:
            return [SimpleNamespace(spikes_BTI=x_BTI)]

    found = integers_of(RunFolder(tmp_path), Given())  # type: ignore[arg-type]
    assert found is not None
    trace = fixed.run(program, x_BTI, record=True)
    in_time = whole = 0
    for one in program.connections:
        matrix_OI = one.weight if one.window is None else one.window.unrolled(one.weight)
        for sample in range(4):
            for step in range(trace.layers[program.output].spikes_BTN.shape[1]):
                at = step - (0 if one.source == "input" else program.layer(one.source).start)
                if one.source == "input":
                    sent_N = x_BTI[sample, step] if step < x_BTI.shape[1] else np.zeros(x_BTI.shape[2])
                else:
                    sent_N = trace.layers[one.source].spikes_BTN[sample, step]
                synops = int((matrix_OI[:, sent_N != 0] != 0).sum())
                whole += synops
                in_time += synops * (0 <= at < x_BTI.shape[1])
    assert (found["synops"], found["in_time"]) == (whole / 4, in_time / 4)
    assert 0 < found["in_time"] < found["synops"]
    assert (found["steps"], found["run_steps"]) == (6, program.n_steps(6))


@pytest.mark.usefixtures("pictures")
def test_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="trains no networks"):
        paper("transformers", out=tmp_path / "made", settings=("training.epochs=1",))
