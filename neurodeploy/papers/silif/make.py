"""`paper silif`: both figures, and the accuracies of its networks as published and as measured here."""

from typing import Any

from neurodeploy.papers.paper import Asked, Made, PaperRow
from neurodeploy.papers.silif.figure2 import figure2
from neurodeploy.papers.silif.figure3 import figure3
from neurodeploy.quantize.grid import MAX_WEIGHT_BITS


def make(asked: Asked) -> Made:
    """Draw Figures 2 and 3 into a folder, and return a row for each network of Figure 3."""
    figure2(out=asked.folder / "figure2.png", overwrite=True)
    drawn = figure3(out=asked.folder / "figure3.png", limit=asked.limit, mode=asked.mode, progress=asked.progress)
    files = [f"figure{number}.{end}" for number in (2, 3) for end in ("png", "json")]
    return Made(rows_of(drawn), files)


def rows_of(drawn: dict[str, Any]) -> list[PaperRow]:
    """Return the rows of a Figure 3: measured networks first, then those that are only cited.

    In float from random initial states, where the network starts there; as integers at the widest weights.
    """
    points = drawn["points"]
    published = {one["network"]: one for one in points if one["world"] == "paper"}
    rows = []
    for network in dict.fromkeys(one["network"] for one in points if one["world"] == "float"):
        own = [one for one in points if one["network"] == network]
        floating = next(one for one in own if one["world"] == "float")
        integer = [one for one in own if one["world"] == "integer" and one["bits"] == MAX_WEIGHT_BITS]
        theirs, note = published.get(network), f"ours are of {drawn['title']}"
        rows.append(
            PaperRow(
                what=network,
                published=theirs and theirs["accuracy"],
                floating=floating["accuracy"],
                fixed=integer[0]["accuracy"] if integer else None,
                samples=floating["n_samples"],
                seeds=len(floating["accuracies"]),
                ran=True,
                note=f"{note}; published: {theirs['note']}" if theirs else note,
            )
        )
    measured = {row.what for row in rows}
    cited = [one for one in points if one["world"] in ("paper", "cited") and one["network"] not in measured]
    return rows + [PaperRow(one["network"], one["accuracy"], note=f"{one['network']}: {one['note']}") for one in cited]
