"""`paper`: a published system's figures and tables made here, and its numbers beside ours; and which there are."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from neurodeploy.errors import RunError, nearest
from neurodeploy.files import check_target, make_folder, write_json, write_text
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.folder import Mode, RunFolder
from neurodeploy.pipeline.run_results import read_finished
from neurodeploy.progress import Progress, silent


@dataclass(frozen=True)
class PaperRow:
    """One number of a paper beside ours.

    Attributes:
        what: Which network on which data, and by whom.
        published: Accuracy in the paper, 0..1; None where it has none.
        floating: Accuracy of our float network, 0..1; None where there is none.
        fixed: Accuracy of our integers, 0..1; None where there are none.
        samples: That our accuracies are of.
        seeds: Over which they are a mean.
        ran: True where it ran here; False where the number is only cited.
        note: What makes the two hard to compare, and the source.
    """

    what: str
    published: float | None = None
    floating: float | None = None
    fixed: float | None = None
    samples: int | None = None
    seeds: int | None = None
    ran: bool = False
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        found = asdict(self)
        return found | {"ours": {"float": found.pop("floating"), "fixed": found.pop("fixed")}}


@dataclass(frozen=True)
class Made:
    """What a paper's file under `papers/` makes: rows, and the pictures and tables it wrote."""

    rows: Sequence[PaperRow]
    files: Sequence[str]


class Asked(NamedTuple):
    """What a paper's `make` is asked for.

    Attributes:
        folder: For its tables and pictures.
        limit: First test samples only.
        mode: What becomes of an interrupted or finished call's files.
        progress: Told of every step.
        runs: Whose numbers stand beside the paper's: reports of finished ones, or folders where the paper trains.
        settings: "key=value" pairs over the recipe of the networks that it trains.
    """

    folder: Path
    limit: int | None
    mode: Mode
    progress: Progress
    runs: Sequence[Any] = ()
    settings: Sequence[str] = ()


class Entry(NamedTuple):
    """A paper's line in the table: what is made again, its citation, and the module with its `make`.

    That takes an `Asked`, returns a `Made`, and is imported only when it is asked for. Runs of a `family` of networks
    can stand beside the paper's; where it `trains` networks they need no report.
    """

    title: str
    citation: str
    module: str
    family: str = ""
    trains: bool = False


PAPERS: Mapping[str, Entry] = {
    "silif": Entry(
        "SiLIF: its poles, and accuracy against operations, energy and weight bits",
        "Fabre, Dudchenko, Bouhadjar and Neftci, arXiv:2506.06374, 2025",
        "neurodeploy.papers.silif.make",
    ),
    "nir": Entry(
        "The NIR paper's three tasks on our backends and other frameworks",
        "Pedersen et al., Nature Communications 15:8122, 2024",
        "neurodeploy.papers.nir.make",
    ),
    "plif": Entry(
        "PLIF: six networks with learned time constants",
        "Fang et al., ICCV 2021, arXiv:2007.05785",
        "neurodeploy.papers.plif.make",
        family="plif",
    ),
    "lmu": Entry(
        "Legendre memory units: psMNIST, the bits that the memory needs, and the delay network",
        "Voelker, Kajić and Eliasmith, NeurIPS 2019; Chilkuri and Eliasmith, ICML 2021, arXiv:2102.11417",
        "neurodeploy.papers.lmu.make",
        family="lmu",
        trains=True,
    ),
    "lmuformer": Entry(
        "LMUFormer: accuracy by frames, the delay of every layer, and what a chip can run",
        "Liu, Datta, Li and Beerel, ICLR 2024, arXiv:2402.04882",
        "neurodeploy.papers.lmuformer.make",
        family="lmuformer",
        trains=True,
    ),
    "transformers": Entry(
        "Spiking transformers: the benchmark's accuracies, and energy under each convention of counting",
        "Shen et al., STEP, arXiv:2505.11151, 2025; and the transformers' papers",
        "neurodeploy.papers.transformers.make",
        family="transformer",
        trains=True,
    ),
}


def paper(
    name: str,
    *,
    out: str | Path,
    runs: Sequence[str | Path] = (),
    settings: Sequence[str] = (),
    limit: int | None = None,
    mode: Mode = "new",
    progress: Progress = silent,
) -> dict[str, Any]:
    """Make a published system's figures and tables, with its own numbers beside ours.

    Args:
        name: Of `PAPERS`: "silif", "nir", "plif", "lmu", "lmuformer" or "transformers".
        out: Folder for the pictures and tables, `paper.md` and `paper.json`.
        runs: Of "plif", "lmu", "lmuformer" and "transformers": runs whose numbers stand beside the paper's, those of
            one recipe as one row; finished ones of "plif", of the others ones that are trained.
        settings: "key=value" pairs over the recipe of the networks that "lmu" and "lmuformer" train.
        limit: First test samples only; when None 1,000 of "lmu" and "lmuformer", and of "transformers" 2 of a
            network with random weights and 64 of a run.
        mode: "resume" an interrupted run or add to a finished one, or "overwrite" what is there.
        progress: Told of every step.

    Returns:
        `rows` [{what, published, ours {float, fixed}, samples, seeds, ran, note}]; `title`, `citation`, `files` in
        the folder, `path` of the folder.

    Raises:
        RunError: no paper is called so, it takes no runs, a run is unfinished, or the folder cannot be written.
        DataError: the paper's files or data are absent.
    """
    if name not in PAPERS:
        raise RunError(f"paper {name!r} is unknown; {nearest(name, PAPERS)}")
    entry = PAPERS[name]
    if runs and not entry.family:
        raise RunError(f"paper {name!r} runs networks of its own", "it takes no runs")
    if settings and not entry.trains:
        raise RunError(f"paper {name!r} trains no networks", Phrase("leave {settings} out"))
    given: list[Any] = [RunFolder(Path(run)) if entry.trains else read_finished(run) for run in runs]
    for run, one in zip(runs, given, strict=True):
        found = one.recipe().network.family if entry.trains else one.text("recipe", "network", "family")
        if found != entry.family:
            raise RunError(f"{run}: its network is of family {found}; paper {name} takes runs of {entry.family}")
        if entry.trains:
            one.need("training", "train")
    folder = make_folder(Path(out))
    check_target(folder / "paper.json", mode)
    made: Made = importlib.import_module(entry.module).make(Asked(folder, limit, mode, progress, given, settings))
    head = {"paper": name, "title": entry.title, "citation": entry.citation, "limit": limit}
    rows = [row.to_dict() for row in made.rows]
    write_text(folder / "paper.md", markdown(entry.title, entry.citation, made.rows))
    result = head | {"rows": rows, "files": [*made.files, "paper.md", "paper.json"]}
    write_json(folder / "paper.json", result)
    return result | {"path": str(folder)}


def markdown(title: str, citation: str, rows: Sequence[PaperRow]) -> str:
    """Return the rows as a page of Markdown."""
    lines = [f"# {title}", "", citation, "", "| what | published | our float | our integers | samples | seeds |"]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        accuracies = (row.published, row.floating, row.fixed)
        numbers = ["" if one is None else f"{100 * one:.2f} %" for one in accuracies]
        counts = [str(one) if one is not None else "" for one in (row.samples, row.seeds)]
        lines.append(f"| {' | '.join([row.what if row.ran else f'{row.what} (not run here)', *numbers, *counts])} |")
    notes = dict.fromkeys(row.note for row in rows if row.note)
    return "\n".join([*lines, "", *(f"- {note}" for note in notes), ""])
