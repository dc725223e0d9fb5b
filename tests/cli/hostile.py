"""Files made to harm, in all three formats, and every verb run on each of them in one child process.

    python -m tests.cli.hostile FOLDER

Prints one JSON object: what each command line said, and the peak of the memory.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np

from tests.cli import graphs
from tests.graph.test_hostile_files import CASES as IN_A_GRAPH
from tests.hangs import ONLY_A_HANG_S
from tests.mapping import nets
from tests.memory import peak_mb

RAN = "ran"
"""The file that code hidden in a file would make."""
WORD = "\x1b[2J<script>alert(1)</script>\nerror: no ../../up {0.__class__} $(touch ran)"
"""A name with what terminals, web pages, paths, formats and shells would act on."""


class Payload:
    """Makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (RAN,)


def chain(path: Path, **nodes: nir.NIRNode) -> None:
    graphs.write(path, nodes, list(itertools.pairwise(nodes)))


def entering(*shape: int) -> nir.Input:
    return nir.Input({"input": np.array(shape)})


def leaving(*shape: int) -> nir.Output:
    return nir.Output({"output": np.array(shape)})


def matrices_of_rank_one(path: Path) -> None:
    ones = np.ones((1, 30_000), np.float32)
    nodes = {"input": entering(30_000), "a": nir.Linear(ones), "b": nir.Linear(ones.T)}
    last = {"c": nir.Linear(np.ones((3, 30_000), np.float32)), "lif": graphs.lif(3), "output": leaving(3)}
    chain(path, **nodes, between=nir.IF(np.ones(30_000), np.ones(30_000)), **last)


def diamonds(path: Path) -> None:
    """2^60 ways from the input to the neurons."""
    nodes: graphs.Nodes = {"input": entering(4), "lif": graphs.lif(4), "output": leaving(4)}
    edges, before = [("lif", "output")], "input"
    for level in range(60):
        for side in "ab":
            nodes[f"{side}{level}"] = nir.Scale(np.full(4, 0.5))
            edges += [(before, f"{side}{level}"), (f"{side}{level}", f"m{level}")]
        nodes[f"m{level}"], before = nir.Scale(np.ones(4)), f"m{level}"
    graphs.write(path, nodes, [*edges, (before, "lif")])


def bytes_that_become_numbers(path: Path) -> None:
    """33 million weights of a byte each, in some 55 kB, on a graph that has room for them."""
    n, few = 5792, np.ones((3, 5792), np.float32)
    last = {"fc2": nir.Linear(few), "lif2": graphs.lif(3), "output": leaving(3)}
    chain(path, input=entering(n), fc1=graphs.linear(n, 1), lif1=graphs.lif(n), **last)
    with h5py.File(path, "a") as file:
        group = file["node/nodes/fc1"]
        del group["weight"]
        group.create_dataset("weight", (n, n), "i1", chunks=(1024, 1024), compression="gzip", fillvalue=1)


def one_for_sixteen_million(path: Path) -> None:
    conv = nir.Conv2d((4000, 4000), np.ones((1, 1, 1, 1), np.float32), 1, 0, 1, 1, np.zeros(1))
    chain(path, input=entering(1, 4000, 4000), c=conv, lif=graphs.lif(1), output=leaving(1))
    with h5py.File(path, "a") as file:
        group = file["node/nodes/lif"]
        for key in ("tau", "r", "v_leak", "v_threshold", "v_reset"):
            value = float(group[key][0])
            del group[key]
            group[key] = value


def text_in_chunks(path: Path) -> None:
    graphs.write_good(path)
    with h5py.File(path, "a") as file:
        edges = file["node/edges"][()]
        del file["node/edges"]
        file.create_dataset("node/edges", data=edges, chunks=(2, 2), compression="gzip")


def an_edge_to_nowhere(path: Path) -> None:
    nodes, edges = graphs.parts()
    graphs.write(path, nodes, [*edges, ("lif1", WORD), (WORD + "2", "lif2")])


def an_edge_twice(path: Path) -> None:
    nodes, edges = graphs.parts()
    graphs.write(path, nodes, [*edges, edges[1]])


def not_finite(path: Path) -> None:
    weight = graphs.weights(5, 4)
    weight[0, 0] = np.inf
    graphs.write_good(path, fc1=graphs.linear(5, 4, weight=weight))


def odd_names(path: Path) -> None:
    """Names that mean something to a terminal, a page, a path or a shell, on a graph whose weights are NaN."""
    name = WORD.replace("/", "|")  # HDF5 takes "/" for groups inside each other
    nodes, edges = graphs.parts(fc1=graphs.linear(5, 4, weight=np.full((5, 4), np.nan)))
    nodes = {(name + key if key in ("fc1", "lif1") else key): node for key, node in nodes.items()}
    named = {key.removeprefix(name): key for key in nodes}
    graphs.write(path, nodes, [(named[a], named[b]) for a, b in edges])


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps(Payload()))


def archived(path: Path) -> None:
    """What numpy writes of objects, and torch of modules: an archive with a pickle in it."""
    with path.open("wb") as stream:
        np.savez(stream, header=np.array([Payload()], dtype=object), spikes=np.array([Payload()], dtype=object))


def in_a_graph(change: Callable[[h5py.Group], None]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        graphs.write_good(path)
        with h5py.File(path, "a") as file:
            change(file["node"])

    return make


def in_a_net(change: Callable[[h5py.Group], None]) -> Callable[[Path], None]:
    """The same change on the weights of a lava-dl network, whose layer takes the place of the node."""

    def make(path: Path) -> None:
        nets.write(path, nets.dense(5, 4), nets.dense(3, 5))
        with h5py.File(path, "a") as file:
            file.move("layer", "nodes")
            file.move("nodes/0", "nodes/fc1")
            change(file)
            file.move("nodes/fc1", "nodes/0")
            file.move("nodes", "layer")

    return make


def net(*layers: dict[str, Any]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        nets.write(path, *layers)

    return make


def net_with_a_tree(path: Path) -> None:
    nets.write(path, DENSE)
    with h5py.File(path, "a") as file:
        IN_A_GRAPH["a tree from a few groups"][0](file["layer/0"])


def net_text_in_chunks(path: Path) -> None:
    nets.write(path, nets.dense(5, 4))
    with h5py.File(path, "a") as file:
        del file["layer/0/type"]
        file.create_dataset("layer/0/type", data=["dense"], dtype=h5py.string_dtype(), chunks=(1,), compression="gzip")


def net_with_a_layer_of_any_name(path: Path) -> None:
    nets.write(path, nets.dense(5, 4))
    with h5py.File(path, "a") as file:
        file.create_group(f"layer/{WORD.replace('/', '|')}")["type"] = "dense"


def packed_zeros(path: Path) -> None:
    """A Program whose numbers would fill 8 GB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        with file.open("header.npy", "w") as stream:
            np.lib.format.write_array(stream, np.frombuffer(b"{}", np.uint8))
        with file.open("layer0.du.npy", "w", force_zip64=True) as stream:
            np.lib.format.write_array(stream, np.zeros(1 << 25, np.int8))


DENSE = nets.dense(5, 4)
ONE_WEIGHT = [
    {"type": "input", "shape": np.array([1, 20_000, 20_000])},
    nets.conv((1, 2, 2), 1) | {"shape": np.array([1, 10_000, 19_999])},
]
NOT_IN_A_NET = ("ten nested graphs", "a tree from a few groups")
NIR: dict[str, Callable[[Path], None]] = {
    **{name: in_a_graph(change) for name, (change, _) in IN_A_GRAPH.items()},
    "matrices of rank one": matrices_of_rank_one,
    "diamonds": diamonds,
    "bytes that become numbers": bytes_that_become_numbers,
    "one for sixteen million": one_for_sixteen_million,
    "text in chunks": text_in_chunks,
    "an edge to nowhere": an_edge_to_nowhere,
    "an edge twice": an_edge_twice,
    "not finite": not_finite,
    "odd names": odd_names,
    "a pickle": pickled,
    "an archive": archived,
}
NET: dict[str, Callable[[Path], None]] = {
    **{name: in_a_net(change) for name, (change, _) in IN_A_GRAPH.items() if name not in NOT_IN_A_NET},
    "a tree from a few groups": net_with_a_tree,
    "text in chunks": net_text_in_chunks,
    "a layer of any name": net_with_a_layer_of_any_name,
    "not finite": net(DENSE | {"weight": np.full((5, 4), np.nan)}),
    "a word for a type": net(DENSE | {"type": WORD[:9]}),
    "a word for neurons": net(DENSE | {"neuron": nets.CUBA | {"type": WORD}}),
    "a huge image": net({"type": "input", "shape": np.array([1 << 20] * 3)}, nets.conv((2, 6, 5), 4)),
    "many neurons": net(DENSE | {"shape": np.array([1 << 20, 1 << 20, 4])}),
    "an image of one weight": net(*ONE_WEIGHT),
    "a pickle": pickled,
    "an archive": archived,
}
PROGRAM: dict[str, Callable[[Path], None]] = {"packed zeros": packed_zeros, "a pickle": pickled, "an archive": archived}
FILES = {".nir": NIR, ".net": NET, ".npz": PROGRAM}
DT = ("--dt", "1e-3")
VERBS: dict[str, tuple[str, ...]] = {
    "inspect": (*DT,),
    "compile": ("--out", "made.npz", *DT),
    "simulate": ("--data", "data.npz", *DT),
    "certify": ("--data", "data.npz", *DT),
    "profile": ("--data", "data.npz", *DT),
    "fit": DT,
    "convert": ("made.nir",),
    "convert to net": ("made.net",),
    "convert to npz": ("made.npz",),
}


def main(folder: Path) -> dict[str, Any]:
    """Run every verb on every file, and return what was said by file and verb."""
    from neurodeploy.cli.app import invoke

    os.chdir(folder)
    graphs.write_data(folder / "data.npz")
    said: dict[str, dict[str, Any]] = {}
    for suffix, files in FILES.items():
        for number, (name, make) in enumerate(files.items()):
            file = Path(f"hostile{number}{suffix}")
            make(file)
            found = said.setdefault(f"{name}{suffix}", {})
            for verb, rest in VERBS.items():
                step = DT if verb.startswith("convert") and suffix != ".npz" else ()
                out, err = io.StringIO(), io.StringIO()
                before = set(os.listdir())
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                    status = invoke([verb.split()[0], str(file), *rest, *step, "--json"])
                made = sorted(set(os.listdir()) - before)
                found[verb] = {"status": status, "out": out.getvalue(), "err": err.getvalue(), "made": made}
    return {"said": said, "peak_mb": peak_mb()}


def in_a_child(folder: Path) -> dict[str, Any]:
    """Return what `main` finds in a process of its own, which must end by itself and in order."""
    command = [sys.executable, "-m", "tests.cli.hostile", str(folder)]
    here = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=ONLY_A_HANG_S)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
