"""Where the published networks lie on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neurodeploy.data.source import folders
from neurodeploy.errors import DataError

FOLDER = "silif_ssc_reference"


def published_files(checkpoints: str | Path | None, networks: Sequence[str]) -> dict[str, Path]:
    """Return the file of each network.

    Args:
        checkpoints: The folder that holds them; None looks for `FOLDER` where datasets are looked for.
        networks: Names of the files, without the ending .npz.

    Raises:
        DataError: there is no such folder, or it lacks some.
    """
    wanted = [f"{network}.npz" for network in networks]
    searched = [Path(checkpoints)] if checkpoints is not None else [one / FOLDER for one in folders()]
    folder = next((one for one in searched if one.is_dir()), None)
    if folder is None:
        where = " or ".join(map(str, searched))
        raise DataError(
            f"{where}: is no folder on this machine; name the folder of {', '.join(wanted)} with --checkpoints DIR"
            + ("" if checkpoints is not None else ", or set NEURODEPLOY_DATA")
        )
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{folder}: lacks {', '.join(missing)}, needed are {', '.join(wanted)}; copy them there")
    return {network: folder / f"{network}.npz" for network in networks}
