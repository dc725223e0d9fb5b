"""`neurodeploy data` and `recipes`: what there is to run, and to run it on."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from neurodeploy.cli.options import Json, Replace, chosen, counted
from neurodeploy.cli.show import emit, noted, table
from neurodeploy.cli.verb import verb
from neurodeploy.phrases import plural

app = typer.Typer(help="Datasets: where they are, and under which licence.", no_args_is_help=True)


def _encoded(result: dict[str, Any]) -> list[str]:
    return [
        f"clips            {result['clips']:,} of {len(result['words'])} word(s), {result['audio_s']:,.1f} s",
        f"spikes per clip  {result['spikes_per_clip']:,.0f}",
        f"speed            {result['times_real_time']:.3g} x real time with {result['workers']} worker(s), "
        f"{result['times_real_time_per_core']:.3g} x a core's time",
        f"written          {result['path']}",
        *noted(result["notes"]),
    ]


@app.command("encode")
@verb(_encoded, call="encode_audio")
def encode(
    sources: Annotated[list[Path], Argument(metavar="DIR|WAV...", help="Folders, one of each word, and WAV files.")],
    out: Annotated[Path, Option(metavar="F.h5", help="HDF5 file in SHD layout.")],
    overwrite: Replace = False,
    labels: Annotated[
        Path | None, Option(metavar="CSV", help="CSV lines CLIP,WORD; the folders' names by default.")
    ] = None,
    words: Annotated[
        str | None, Option(metavar="A,B,...", help="Words in the order of their labels; sorted by default.")
    ] = None,
    rate: Annotated[int, Option(metavar="HZ", help="Resample to this; an even number.")] = 48_000,
    rms: Annotated[float, Option(help="Level of each clip.")] = 0.3,
    ramp: Annotated[float, Option(metavar="S", help="Hann ramps at both ends; at most half a clip.")] = 0.03,
    channels: Annotated[int, Option(metavar="N", help="Places along the membrane.")] = 700,
    times: Annotated[str, chosen("float16", "float32", "float64", help="Type of the times.")] = "float16",
    seed: Annotated[int, Option(metavar="N", help="Seed of the nerve fibres.")] = 0,
    workers: Annotated[int | None, counted("Threads; all cores by default.")] = None,
) -> dict[str, Any]:
    """Turn WAV files into 700-channel spikes by an inner-ear model, as SHD and SSC were made."""
    from neurodeploy.data.cochlea.settings import CochleaSettings

    settings = CochleaSettings(rate=rate, rms=rms, ramp_s=ramp, channels=channels)
    listed = None if words is None else [word.strip() for word in words.split(",")]
    return dict.fromkeys(("rate", "rms", "ramp", "channels")) | {"settings": settings, "words": listed}


def _framed(result: dict[str, Any]) -> list[str]:
    return [
        f"recordings  {result['recordings']:,} of {result['classes']} classes, {plural(result['events'], 'event')}",
        f"frames      {' x '.join(map(str, result['shape']))} (recording, frame, polarity, row, column)",
        f"written     {result['path']}",
        *noted(result["notes"]),
    ]


@app.command("frames")
@verb(_framed, call="make_frames")
def frames(
    source: Annotated[Path, Argument(metavar="FOLDER|ARCHIVE", help="As its owner ships it, packed or not.")],
    out: Annotated[Path, Option(metavar="F.npz", help="frames (N, T, 2, H, W), labels, names and class_names.")],
    format: Annotated[str, chosen("nmnist", "cifar10dvs", "dvs128", help="What lies there.")],
    frames: Annotated[int, counted("Frames of each recording.")],
    by: Annotated[str, chosen("number", "time", help="Frames of as many events, or of as much time.")] = "number",
    normalize: Annotated[
        str | None, chosen("max", "sum", "norm", "frequency", help="Of each frame and polarity; counts by default.")
    ] = None,
    overwrite: Replace = False,
) -> None:
    """Count the events of an event camera in frames, as SpikingJelly does."""


@app.command("list")
def list_datasets(as_json: Json = False) -> int:
    """List the datasets known by name."""
    from neurodeploy.verbs.listing import list_datasets as call

    found = call()
    rows = [[one["name"], "yes" if one["ready"] else "no", one["licence"], one["what"]] for one in found]
    lines = table(["dataset", "ready", "licence", "what"], rows)
    lines += [_advice(one) for one in found if not one["ready"]]
    emit({"datasets": found}, lines, as_json=as_json)
    return 0


def _fetched(result: dict[str, Any]) -> list[str]:
    return [f"{result['name']}: {path}" for path in result["paths"]] or [f"{result['name']}: needs no file"]


@app.command("fetch")
@verb(_fetched, call="fetch_dataset")
def fetch(name: Annotated[str, Argument(help="A dataset of data list.")]) -> None:
    """Download a dataset, where its owner offers it; what is here already stays."""


def _advice(one: dict[str, Any]) -> str:
    others = ", ".join(file.rpartition("/")[2] for file in one["files"][1:])
    put = f"{one['name']}: put it at {one['searched'][0]}" + (f" with {others} beside it" if others else "")
    return f"{put}, or neurodeploy data fetch {one['name']}" if one["fetch"] else put


def recipes(as_json: Json = False) -> int:
    """List the shipped recipes."""
    from neurodeploy.verbs.listing import list_recipes as call

    found = call()
    rows = [[name, one["recipe"]["data"]["dataset"], one["description"]] for name, one in found.items()]
    emit({"recipes": found}, table(["recipe", "data", "what"], rows), as_json=as_json)
    return 0
