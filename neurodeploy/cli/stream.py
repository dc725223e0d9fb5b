"""`neurodeploy stream`."""

import json
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
    integers: Annotated[bool, Option("--integers", help="The run's Program hears, not the float network.")] = False,
    as_json: Json = False,
) -> int:
    """Hear a sound frame by frame: class and confidence as they change; as JSON one object a line."""

    def tell(told: dict[str, Any]) -> None:
        LOADING.stop()
        if not as_json:
            line = _delay(told) if "delay_s" in told else _row(told)
        elif "delay_s" in told:
            return  # the last line says it
        else:
            line = json.dumps(told, sort_keys=True)
        print(line, flush=True)  # whoever reads them through a pipe is not to wait either

    given = {"run": run, "audio": audio, "rate": rate, "integers": integers, "told": tell}
    return carried_out("stream", given, _end, as_json=as_json)


def _delay(told: dict[str, Any]) -> str:
    ahead_ms, delay_ms = (round(1000 * told[key]) for key in ("look_ahead_s", "delay_s"))
    late = f", answers {delay_ms} ms late at a step a frame" if delay_ms > ahead_ms else ""
    return f"look-ahead {ahead_ms} ms{late}"


def _row(answer: dict[str, Any]) -> str:
    return f"{answer['time_s']:8.3f} s  {answer['name']:<8}  {percent(answer['confidence']):>8}"


def _end(result: dict[str, Any]) -> list[str]:
    return [*noted(result["data_notes"]), f"{_row(result)}  in all"]
