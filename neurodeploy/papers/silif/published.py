"""The published networks: where they lie on this machine, and what they are measured on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from neurodeploy.data.dataset import folders
from neurodeploy.errors import DataError, NetworkError
from neurodeploy.networks.families.silif import CALLED
from neurodeploy.networks.published import load_published
from neurodeploy.papers.silif.clips import calibration_for, check_suits, clips_named
from neurodeploy.papers.silif.measure import Subject
from neurodeploy.papers.silif.survey import Case
from neurodeploy.phrases import Phrase

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
        other = "" if checkpoints is not None else ", or set NEURODEPLOY_DATA"
        advice = "name the folder of {wanted} with {checkpoints:DIR}{other}"
        said = Phrase(advice, wanted=", ".join(wanted), other=other)
        raise DataError("is no folder on this machine", said, where=" or ".join(map(str, searched)))
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{folder}: lacks {', '.join(missing)}, needed are {', '.join(wanted)}; copy them there")
    return {network: folder / f"{network}.npz" for network in networks}


def published_cases(
    names: Sequence[str],
    checkpoints: str | Path | None,
    data: str | None,
    partition: str | None,
    calibrate: str | None,
    seeds: tuple[int, ...],
    limit: int | None,
) -> list[Case]:
    """Return the published networks, and what they are measured on.

    Args:
        names, checkpoints: As in `published_files`.
        data, partition, limit: As in `clips_named`.
        calibrate: As in `calibration_for`.
        seeds: Of random initial states.

    Raises:
        DataError: networks or data are absent, or do not fit each other.
        NetworkError: a file is damaged, or holds another network.
    """
    subjects = []
    shapes = {}
    for name, path in published_files(checkpoints, names).items():
        network, settings = load_published(path)
        if settings.model != name:
            raise NetworkError(f"{path}: holds {settings.model}, needed is {name}; give the published {path.name}")
        subjects.append(Subject(CALLED[name], path, hashlib.sha256(path.read_bytes()).hexdigest()))
        shapes[path] = network.n_inputs, network.n_classes
    n_channels = next(iter(shapes.values()))[0]
    test = clips_named(data, partition, limit, n_channels)
    source = test.open()
    for path, (channels, classes) in shapes.items():
        check_suits(test, source, channels, classes, str(path))
    calibration = calibration_for(test, calibrate, n_channels)
    return [Case(subject, test, calibration, seeds) for subject in subjects]
