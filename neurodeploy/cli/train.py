"""`neurodeploy train`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from neurodeploy.cli.options import Json, Settings, whole_numbers
from neurodeploy.cli.run import Out, Overwrite, Resume, mode
from neurodeploy.cli.show import bars, emit, percent, table


def train(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe (neurodeploy recipes), or a .toml file.")],
    out: Out,
    settings: Settings = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    seeds: Annotated[
        str | None, typer.Option(metavar="N,N", help="Train from each of these seeds, into DIR/seed_N.")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Seeds side by side through Ray: local, auto, or a cluster's host:port."),
    ] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write DIR/logs for TensorBoard.")] = False,
    as_json: Json = False,
) -> int:
    """Train a recipe's float network into a run folder, or one for each of several seeds."""
    chosen = {"settings": tuple(settings or ()), "mode": mode(resume, overwrite), "tensorboard": tensorboard}
    if seeds is None:
        if ray is not None:
            raise typer.BadParameter("--ray runs seeds side by side; name them with --seeds")
        return _one(recipe, out, chosen, as_json)
    from neurodeploy.verbs.train_seeds import train_seeds as call

    with bars() as progress:
        result = call(
            recipe, whole_numbers("--seeds", seeds, "13,42,73"), out=out, ray=ray, progress=progress, **chosen
        )
    emit(result, _lines(result), as_json=as_json)
    return 0


def _one(recipe: str, out: Any, chosen: dict[str, Any], as_json: bool) -> int:
    from neurodeploy.verbs.train import train as call

    with bars() as progress:
        result = call(recipe, out=out, progress=progress, **chosen)
    accuracy = result["accuracy"]
    lines = [
        f"accuracy    {percent(accuracy['float'])} test, {percent(accuracy['validation'])} validation",
        f"checkpoint  {result['path']}",
    ]
    emit(result, lines, as_json=as_json)
    return 0


def _lines(result: dict[str, Any]) -> list[str]:
    rows = [
        [
            str(one["seed"]),
            percent(one["accuracy"]["float"]),
            percent(one["accuracy"]["validation"]),
            str(one["best_epoch"] + 1),
            f"{one['seconds'] / 60:.1f}",
        ]
        for one in result["seeds"]
    ]
    lines = table(["seed", "test", "validation", "best epoch", "minutes"], rows)
    for kind, word in (("float", "test"), ("validation", "validation")):
        found = result["accuracy"][kind]
        sd = "" if found["sd"] is None else f" +- {100 * found['sd']:.1f}"
        lines.append(f"{word:<10}  {100 * found['mean']:.1f}{sd} % (mean and standard deviation, n = {found['n']})")
    return [*lines, f"summary     {result['path']}/seeds.json"]
