"""`neurodeploy data encode`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurodeploy.cli.options import Json
from neurodeploy.cli.show import bars, emit, noted, within
from neurodeploy.files import check_target


def encode(
    sources: Annotated[
        list[Path], typer.Argument(metavar="DIR|WAV...", help="Folders, one of each word, and WAV files.")
    ],
    out: Annotated[Path, typer.Option(metavar="F.h5", help="HDF5 file in SHD layout.")],
    labels: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Lines CLIP,WORD; the names of the folders by default.")
    ] = None,
    words: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Words in the order of their labels; sorted by default.")
    ] = None,
    rate: Annotated[int, typer.Option(metavar="HZ", help="Resample to this; an even number.")] = 48_000,
    rms: Annotated[float, typer.Option(help="Level of each clip.")] = 0.3,
    ramp: Annotated[float, typer.Option(metavar="S", help="Hann ramps at both ends; at most half a clip.")] = 0.03,
    channels: Annotated[int, typer.Option(metavar="N", help="Places along the membrane.")] = 700,
    times: Annotated[str, typer.Option(help="Type of the times: float16, float32 or float64.")] = "float16",
    seed: Annotated[int, typer.Option(metavar="N", help="Of the random nerve fibres.")] = 0,
    workers: Annotated[
        int | None, typer.Option(metavar="N", callback=within(1), help="Threads; all cores by default.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Turn WAV files into 700-channel spikes by an inner-ear model, as SHD and SSC were made."""
    from neurodeploy.data.cochlea.settings import CochleaSettings
    from neurodeploy.verbs.encode import encode_audio as call

    check_target(out)
    settings = CochleaSettings(rate=rate, rms=rms, ramp_s=ramp, channels=channels)
    with bars() as progress:
        result = call(
            sources,
            out=out,
            labels=labels,
            words=None if words is None else [word.strip() for word in words.split(",")],
            settings=settings,
            times=times,
            seed=seed,
            workers=workers,
            progress=progress,
        )
    lines = [
        f"clips            {result['clips']:,} of {len(result['words'])} word(s), {result['audio_s']:,.1f} s",
        f"spikes per clip  {result['spikes_per_clip']:,.0f}",
        f"speed            {result['times_real_time']:.3g} x real time with {result['workers']} worker(s), "
        f"{result['times_real_time_per_core']:.3g} x a core's time",
        f"written          {result['path']}",
        *noted(result["notes"]),
    ]
    emit(result, lines, as_json=as_json)
    return 0
