"""`fit`: does a network fit a chip, on how many cores, what decides that, and what would take fewer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurodeploy.errors import RunError
from neurodeploy.hardware.chips import DEFAULT, chip_named
from neurodeploy.mapping.placement.fit import fit_of
from neurodeploy.pipeline.inputs import GraphOptions, compiled, read_target
from neurodeploy.program.program import Program


def fit(
    file: str | Path | Program,
    *,
    chip: str | Path = DEFAULT,
    dt_s: float | None = None,
    out: str | Path | None = None,
    weight_bits: int | None = None,
    reset: str | None = None,
    readout: str | None = None,
    input_shape: tuple[int, ...] | None = None,
    advise: bool = True,
) -> dict[str, Any]:
    """Place a network on a chip.

    Args:
        file: A Program, its file, a .nir graph, which is compiled first, or a run folder, whose Program is taken.
        chip: Name of a chip, or a .toml file with one.
        dt_s: Time step of a .nir file that carries none, seconds.
        out: Picture of the cores to write: .svg, .png or .pdf. A network that does not fit has none.
        weight_bits, reset, readout, input_shape: As in `compile`, for what a .nir file leaves open.
        advise: Also look for what would take fewer cores: some ten more placements.

    Returns:
        What `mapping.placement.described` returns, and `advice`, `path` (the picture, or None), `program` (its
        digest).

    Raises:
        ChipError: the chip is unknown, or its file lacks a limit.
        GraphError, ProgramError: the file is unreadable.
        RunError: the folder holds no Program, or the picture cannot be written.
    """
    found = chip_named(chip, program=True)
    if out is not None:
        from neurodeploy.report.printed import check_picture

        check_picture(out)
    options = GraphOptions(dt_s, reset, weight_bits, chip=found, readout=readout, input_shape=input_shape)
    program = _program(file, options)
    placed = fit_of(program, found, advise=advise)
    result = placed.to_dict() | {"path": None}
    if out is not None and placed.fits:
        from neurodeploy.report.printed import save_picture
        from neurodeploy.report.utilisation import draw_utilisation

        save_picture(draw_utilisation(result), out)
        result["path"] = str(out)
    return result


def _program(file: str | Path | Program, options: GraphOptions) -> Program:
    """Return the Program, compiled where it is still a graph; a run folder has it as its chip's integers already."""
    if isinstance(file, Program):
        return file
    path = Path(file)
    if path.is_dir():
        path = path / "program.npz"
        if not path.exists():
            raise RunError(f"{file}: has no program.npz; name a finished run, a Program or a .nir file")
    target = read_target(path, options)
    return target if isinstance(target, Program) else compiled(target, options)[0].program
