"""`neurodeploy stream`."""

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from neurodeploy.cli.options import Json, counted
from neurodeploy.cli.show import LOADING, noted, percent
from neurodeploy.cli.verb import carried_out


def stream(
    run: Annotated[Path, Argument(help="Run folder of a trained LMUFormer.")],
    audio: Annotated[
        str, Option(metavar="FILE", help="WAV file, or - for raw 16-bit little-endian samples on standard input.")
    ],
    rate: Annotated[int | None, counted("Samples a second, of standard input.")] = None,
    as_json: Json = False,
) -> int:
    """Hear a sound frame by frame: class and confidence as they change."""
    given = {"run": run, "audio": audio, "rate": rate, "told": None if as_json else _tell}
    return carried_out("stream", given, _end, as_json=as_json)


def _tell(told: dict[str, Any]) -> None:
    LOADING.stop()
    ahead = f"look-ahead {told['look_ahead_ms']} ms" if "look_ahead_ms" in told else _row(told)
    print(ahead, flush=True)  # whoever reads them through a pipe is not to wait either


def _row(answer: dict[str, Any]) -> str:
    return f"{answer['time_s']:8.3f} s  {answer['name']:<8}  {percent(answer['confidence']):>8}"


def _end(result: dict[str, Any]) -> list[str]:
    return [*noted(result["data_notes"]), f"{_row(result)}  in all"]
