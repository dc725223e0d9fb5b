"""What a commit computes, a line each, so that two commits can be compared with `diff`.

Prints the digest of every Program that the exports, lava-dl's networks, published graphs and all recipes give, what
short runs reach, and the data of the SiLIF paper's figures. Everything goes through the command line, whose options
stay; only new networks of recipes are made by the helper of the round-trip test, which each commit has for itself.

    python benchmarks/same.py [--only exports,lava_dl,corpus,recipes,runs,figures] > here.txt

Run it in the checkout to be described. Data are looked for under NEURODEPLOY_DATA; a section without its data says so.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SHORT = ("training.epochs=2", "quantize.epochs=1", "certificate.lava=never")
RUNS = ("digits", "digits_snntorch", "digits_norse", "braille7", "fsdd_silif", "fsdd_csilif", "fsdd_adlif", "fsdd_lif")
KEYS = ("accuracy", "synops_per_sample", "energy_j", "latency_s", "cores", "fits")
Lines = Iterator[str]


def called(*words: object) -> dict[str, Any] | None:
    """Return what a verb prints as JSON, None where it refuses its input."""
    command = [sys.executable, "-m", "neurodeploy", *map(str, words), "--json"]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if found.returncode == 2:
        return None
    if not found.stdout:
        raise SystemExit(f"{' '.join(command)}: {found.stderr}")
    return json.loads(found.stdout)  # type: ignore[no-any-return]


def data_folder(name: str) -> Path | None:
    folder = Path(os.environ.get("NEURODEPLOY_DATA", "")) / name
    return folder if "NEURODEPLOY_DATA" in os.environ and folder.is_dir() else None


def program_line(name: str, made: dict[str, Any] | None) -> str:
    return f"{name} {'refused' if made is None else made['program']}"


def exports(folder: Path) -> Lines:
    for path in sorted((ROOT / "exports").glob("*/*/model.nir")):
        made = called("compile", path, "--out", folder / "p.npz", "--overwrite")
        yield program_line("/".join(path.parts[-3:-1]), made)


def corpus(folder: Path) -> Lines:
    found = data_folder("nir_corpus")
    for number, path in enumerate(sorted(found.glob("*.nir")) if found else ()):
        yield program_line(path.stem, called("compile", path, "--dt", 1e-4, "--out", folder / f"{number}.npz"))


def lava_dl(folder: Path) -> Lines:
    import neurodeploy

    found = data_folder("lava_dl")
    for number, path in enumerate(sorted(found.rglob("*.net")) if found else ()):
        out = folder / f"{number}.npz"
        made = called("convert", path, out)
        digest = "refused" if made is None else neurodeploy.read_program(out).digest
        yield f"{'/'.join(path.parts[-2:])} {digest}"


def recipes(folder: Path) -> Lines:
    sys.path.insert(0, str(ROOT))
    import torch

    from tests.conformance import test_round_trips as made

    torch.set_num_threads(1)
    for name in made.RECIPES:
        recipe = made.smaller(name)
        try:
            graph = made.graph_of(made.on_grid(recipe), recipe)
            digest = made.program(made.GraphFile(folder / name, name, graph, stores_reset=True)).digest
        except made.NetworkError:
            digest = "refused"
        yield f"{name} {digest}"


def runs(folder: Path) -> Lines:
    for name in RUNS:
        out = folder / name
        made = called("run", name, "--out", out, *(word for one in SHORT for word in ("--set", one)))
        if made is None:
            yield f"{name} refused"
            continue
        for key in KEYS:
            yield f"{name} {key} {json.dumps(made[key], sort_keys=True)}"
        for file in ("checkpoint.safetensors", "quantised.safetensors", "model.nir"):
            yield f"{name} {file} {hashlib.sha256((out / file).read_bytes()).hexdigest()}"
        certificate = made["certificate"]
        yield f"{name} certificate {certificate['passed']} {json.dumps(certificate['stages'], sort_keys=True)}"


def figures(folder: Path) -> Lines:
    if data_folder("silif_ssc_reference") is None:
        return
    for words in (("2",), ("3", "--limit", 40, "--bits", "4,8")):
        out = folder / f"figure{words[0]}.png"
        called("figure", words[0], "--out", out, *words[1:])
        points = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))["points"]
        for number, one in enumerate(points):
            yield f"figure {words[0]} point {number} {hashlib.sha256(without_times(one).encode()).hexdigest()}"


def without_times(value: Any) -> str:
    """Return JSON of a value, but for what a clock said."""
    if isinstance(value, dict):
        value = {key: one for key, one in value.items() if "second" not in key and "time" not in key}
    return json.dumps(value, sort_keys=True)


SECTIONS: dict[str, Callable[[Path], Lines]] = {
    one.__name__: one for one in (exports, lava_dl, corpus, recipes, runs, figures)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, separated by commas")
    for name in parser.parse_args().only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            n_lines = 0
            for line in SECTIONS[name](Path(folder)):
                n_lines += 1
                print(name, line, flush=True)
            if not n_lines:
                print(name, "nothing to describe: its data are not here", flush=True)


if __name__ == "__main__":
    main()
