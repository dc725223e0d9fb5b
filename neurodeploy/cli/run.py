"""`neurodeploy run`."""

from pathlib import Path
from typing import Annotated, Any

from typer import Option

from neurodeploy.cli.options import Out, Overwrite, Recipe, Resume, Settings
from neurodeploy.cli.show import noted, percent, table
from neurodeploy.cli.verb import verb
from neurodeploy.report.amounts import amount, band
from neurodeploy.report.words import states_off


def _lines(result: dict[str, Any]) -> list[str]:
    if result["report"] is None:
        told = (f"failed: {one}" for one in result["certificate"]["failures"])
        trained = [f"accuracy           {percent(result['accuracy']['float'])} in float, trained only"]
        return [*trained, *noted(result["data_notes"]), f"path               {result['path']}", *told]
    return [
        *verdict(result["certificate"]),
        f"synops per sample  {result['synops_per_sample']:,.0f}",
        f"energy per sample  {band(result['energy_j'], 'J')} (dynamic, estimated)",
        *([f"static energy      {band(result['static_j'], 'J')} more per sample"] if result["static_j"] else []),
        *_placed(result),
        *noted(result["data_notes"]),
        f"report             {result['report']}",
    ]


def _placed(result: dict[str, Any]) -> list[str]:
    if result["cores"] is None:
        return ["fit                does not fit; the report says why"] if result["fits"] is False else []
    cores = f"fit                {result['cores']} core{'' if result['cores'] == 1 else 's'}"
    return [cores + (f", {amount(result['latency_s'], 's')} per sample" if result["latency_s"] is not None else "")]


def verdict(certificate: dict[str, Any]) -> list[str]:
    """Return a certificate as lines: a table of stages, one of layers, what failed, and the verdict."""
    rows = [
        [
            stage["name"],
            str(stage["samples"]),
            percent(stage["accuracy"]),
            percent(stage["spike_agreement"]),
            _difference(stage),
        ]
        for stage in certificate["stages"]
    ]
    lines = table(["stage", "samples", "accuracy", "spike agreement", "first difference to the stage before"], rows)
    for stage in certificate["stages"]:
        lines += _layers(stage)
        lines += [f"{stage['name']}: {line}" for line in states_off(stage)]
    for pair, equal in certificate["bit_exact"].items():
        lines.append(f"bit-exact {pair}: {'yes' if equal else 'NO'} (every spike, current and potential)")
    lines += [f"warning: {line}" for line in certificate["warnings"]]
    lines += [f"failed: {line}" for line in certificate["failures"]]
    lines.append(f"rule: {certificate['rule']}")
    lines.append(f"certificate: {'passed' if certificate['passed'] else 'FAILED'}")
    return lines


def _layers(stage: dict[str, Any]) -> list[str]:
    """Return what each layer keeps alone on the chip's grid and with all others; nothing where it was not measured."""
    rows = [
        [
            layer["name"],
            percent(layer["alone"]["spike_agreement"]),
            percent(layer["spike_agreement"]),
            f"{layer['alone']['potential_rms']:.2g}",
            f"{layer['potential_rms']:.2g}",
            f"{layer['clipped_weights']:,}",
            f"{stage['overflows'][layer['name']]['saturated']:,}",
        ]
        for layer in stage.get("layers", ())
        if layer.get("alone")
    ]
    head = ["layer", "spikes kept alone", "with all", "potential off alone", "with all", "weights clipped", "saturated"]
    return table([f"{stage['name']}: {head[0]}", *head[1:]], rows) if rows else []


def _difference(stage: dict[str, Any]) -> str:
    if stage["against"] is None:
        return "-"
    first = stage["first_difference"]
    if first is None:
        return "none"
    return f"{first['what']} of {first['layer']}, step {first['step']}, sample {first['sample']}"


@verb(_lines, passed=lambda result: bool(result["certificate"]["passed"]))
def run(
    recipe: Recipe,
    out: Out,
    settings: Settings = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    checkpoint: Annotated[
        Path | None,
        Option(metavar="FILE", help="Trained network of the SiLIF family (.npz, .safetensors), instead of training."),
    ] = None,
) -> None:
    """The whole way: train, quantise, export to NIR, compile, simulate, certify, count, report."""
