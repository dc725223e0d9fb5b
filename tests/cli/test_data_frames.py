"""`data frames`: recordings of a camera become arrays of frames, or one line says why not and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurodeploy
from neurodeploy.data.frames import events_to_frames
from tests.cli.support import Shell
from tests.data import cameras


@pytest.mark.parametrize(
    ("by", "normalize", "packed"),
    [("number", None, ""), ("time", None, ".tar.gz"), ("number", "max", ".zip"), ("time", "frequency", "")],
)
def test_frames_of_digits(shell: Shell, by: Any, normalize: str | None, packed: str) -> None:
    files = cameras.nmnist()
    source = cameras.pack(Path(f"n{packed}"), files) if packed else cameras.write(Path("n"), files)
    more = ["--by", by, *(["--normalize", normalize] if normalize else [])]
    found = shell.works("data", "frames", source, "--format", "nmnist", "--frames", 6, *more, "--out", "f.npz")
    assert (found["recordings"], found["shape"], found["events"]) == (30, [30, 6, 2, 34, 34], 30 * 60)
    with np.load("f.npz", allow_pickle=False) as stored:
        arrays = dict(stored)
    assert arrays["frames"].dtype == (np.float32 if normalize else np.uint16)
    seeds = {path.removesuffix(".bin"): seed for seed, path in enumerate(files)}
    assert arrays["names"].tolist() == sorted(seeds)
    for index, name in enumerate(arrays["names"]):
        events = cameras.events(seeds[name])
        expected = events_to_frames(events, 6, by, shape=(34, 34), normalize=normalize)
        np.testing.assert_array_equal(arrays["frames"][index], expected.astype(arrays["frames"].dtype))
        assert arrays["labels"][index] == int(name.split("/")[1])


def test_frames_of_gestures_and_things(shell: Shell) -> None:
    for files, name, partition, n in (
        (cameras.gestures(), "dvs128", "official", 33),
        (cameras.tonic_gestures(), "dvs128", "tonic", 22),
        (cameras.cifar10dvs(), "cifar10dvs", "last_100", 50),
    ):
        source = cameras.write(Path(f"{name}-{partition}"), files)
        out = f"{name}-{partition}.npz"
        found = neurodeploy.make_frames(source, out=out, format=name, frames=4)
        assert (found["shape"], found["partition"]) == ([n, 4, 2, 128, 128], partition)
        with np.load(out) as stored:
            assert stored["frames"].sum() == found["events"]
            assert len(set(stored["names"])) == n
            assert len(stored["class_names"]) == found["classes"] == 1 + stored["labels"].max()
        assert bool(found["notes"]) == (partition == "official")
    lines = shell("data", "frames", "dvs128-official", "--format", "dvs128", "--frames", 2, "--out", "g.npz").out
    assert "33 x 2 x 2 x 128 x 128" in lines
    assert "class 9 ends 250000 us after class 10 starts" in lines


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--frames", 0), "found 0"),
        (("--frames", 61), r"n: Test/0/00001: has 60 event\(s\), fewer than 61 frames"),
        (("--frames", 3, "--by", "nummer"), "--by: found 'nummer'; did you mean 'number'"),
        (("--frames", 3, "--normalize", "mean"), "--normalize: found 'mean'; choose one of"),
        (("--frames", 3, "--format", "nmnst"), "--format: found 'nmnst'; did you mean 'nmnist'"),
        (("--frames", 3, "--format", "dvs128"), "n: holds no DVS128 Gesture: user01_fluorescent.aedat and so on; name"),
    ],
)
def test_what_makes_no_frames_is_refused(shell: Shell, more: tuple[object, ...], says: str) -> None:
    cameras.write(Path("n"), cameras.nmnist(1, 1))
    arguments = ("--format", "nmnist", "--out", "f.npz", *more)
    shell.refuses("data", "frames", "n", *arguments, says=says, after_work="61" in says)


def test_a_source_that_is_not_there_or_is_the_output_is_refused(shell: Shell) -> None:
    frames = ("--format", "nmnist", "--frames", 3, "--out")
    shell.refuses("data", "frames", "m", *frames, "f.npz", says="m: is not there; check the path")
    cameras.pack(Path("n.zip"), cameras.nmnist(1, 1))
    shell.refuses(
        "data", "frames", "n.zip", *frames, "n.zip", "--overwrite", says="n.zip: is what is read; choose another"
    )
