"""`stream`: a sound frame by frame gives what the offline network makes of the whole, however it comes."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import neurodeploy
from neurodeploy.backends import fixed
from neurodeploy.backends.calibration import measure
from neurodeploy.data.audio import read_wav
from neurodeploy.data.filterbank import log_mel
from neurodeploy.mapping.compile import compile_network
from neurodeploy.networks.families.lmuformer import LmuFormer, LmuFormerSettings, build, deployable
from neurodeploy.program.file import write_program
from neurodeploy.recipes import load_recipe
from neurodeploy.training.checkpoint import save_weights
from neurodeploy.verbs import stream as verb
from tests.cli.support import Shell, contents
from tests.data.sound import write_wav
from tests.networks.test_streaming import lively
from tests.reading.test_frames import network_of

pytestmark = pytest.mark.usefixtures("kernels")  # before `shell` hides them
RATE, HOP, FRAME, AHEAD = 8000, 80, 200, 5
LEAST = FRAME + AHEAD * HOP
TINY: dict[str, Any] = {"width": 8, "memory": 6, "theta": 20.0, "mlp_ratio": 2.0, "heads": 2}
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def sound(n_samples: int, seed: int = 0) -> np.ndarray:
    """Return tones whose pitch and level wander, (samples, 1 channel), in -1..1."""
    pitch, level = np.random.default_rng(seed).normal(size=(2, n_samples // 400 + 1, 1)).repeat(400, 1).reshape(2, -1)
    noise = 0.01 * np.random.default_rng(seed + 1).normal(size=n_samples)
    phase = np.cumsum(2 * np.pi * (900 + 300 * pitch[:n_samples]) / RATE)
    return (np.sin(phase) * 0.2 * np.exp(level[:n_samples] - 1) + noise).clip(-0.9, 0.9)[:, None]


def features(wave: np.ndarray, n_steps: int = 64) -> torch.Tensor:
    """Return (1, frames, bins) of a whole sound, padded as the dataset pads."""
    found = log_mel(wave, 64, "hann", RATE)
    return torch.tensor(np.pad(found, ((0, max(0, n_steps - len(found))), (0, 0))))[None]


def made(folder: Path, model: str = "spiking_lmuformer_ms", *settings: str) -> LmuFormer:
    """Write a run folder of a random network that fires, and return the network, in float64."""
    wanted = [f"network.{key}={value}" for key, value in ({"model": model} | TINY).items()]
    recipe = load_recipe("fsdd_lmuformer", [*wanted, *settings])
    torch.manual_seed(1)
    assert isinstance(recipe.network, LmuFormerSettings)
    network = build(recipe.network, (64,), 10, 0.01)
    lively(network, torch.cat([features(sound(5400, seed)[:, 0]) for seed in (11, 12)]))
    folder.mkdir()
    (folder / "recipe.toml").write_text(recipe.to_toml())
    save_weights(folder / "checkpoint.safetensors", network)
    record = {"epochs": [], "best_validation": 0.1, "test_accuracy": 0.1}
    (folder / "metrics.json").write_text(json.dumps({"training": record}))
    return network.double()


def heard(shell: Shell, *arguments: object) -> dict[str, Any]:
    """Return the last of the objects that a sound is told in, and the others in it as `changes`."""
    said = shell("stream", "run", "--audio", *arguments, "--json")
    assert (said.status, said.err) == (0, "")
    *changes, found = map(json.loads, said.out.splitlines())
    assert len(changes[0]["scores"]) == len(DIGITS)
    return found | {"changes": changes}


def assert_heard(found: dict[str, Any], network: LmuFormer, wave: np.ndarray) -> None:
    """Check the last scores, and each change, against the whole sound at once."""
    with torch.no_grad():
        scores_TC = network.scores_so_far(features(wave))[0]
    np.testing.assert_allclose(found["scores"], scores_TC[-1], rtol=0, atol=1e-5)
    share_TC = scores_TC.softmax(1)
    frames = [round((one["time_s"] * RATE - FRAME) / HOP) - AHEAD for one in found["changes"]]
    assert frames[0] == 0
    assert (np.diff(frames) > 0).all()
    for at, one in zip([*frames, -1], [*found["changes"], found], strict=True):
        assert one["class"] == int(share_TC[at].argmax())
        assert one["name"] == DIGITS[one["class"]]
        assert one["confidence"] == pytest.approx(float(share_TC[at].max()), abs=1e-5)
    told = [
        frame
        for frame in range(1, (len(wave) - FRAME) // HOP + 1 - AHEAD)
        if (last := max(one for one in frames if one <= frame)) == frame
        or share_TC[frame].argmax() != share_TC[last].argmax()
        or abs(share_TC[frame].max() - share_TC[last].max()) >= 0.05
    ]
    assert told == frames[1:]


@pytest.mark.parametrize("model", ["lmuformer", "spiking_lmuformer", "spiking_lmuformer_ms"])
def test_a_wav_file_is_heard_as_the_whole_clip(model: str, shell: Shell) -> None:
    network = made(shell.folder / "run", model)
    for seed, n_samples in enumerate((LEAST, 3017, 9001)):
        path = write_wav(shell.folder / f"{seed}.wav", sound(n_samples, seed), RATE)
        found = heard(shell, path.name)
        assert_heard(found, network, read_wav(path).samples)
        assert found["time_s"] == n_samples / RATE
        assert found["delay_s"] == 0.05
        assert found["frames"] == (n_samples - FRAME) // HOP + 1
        (note,) = found["data_notes"]
        behind = 64 - found["frames"]
        says = "longer than the 64 frames that the network was trained on, by 47"
        assert note == (f"{behind} frames of zeros behind the sound, as in training" if behind > 0 else says)


class Slow(io.RawIOBase):
    """A microphone: a few bytes at a time, and the odd half of a sample."""

    def __init__(self, content: bytes, n_bytes: int) -> None:
        self.content, self.n_bytes, self.given = content, n_bytes, 0

    def read1(self, size: int) -> bytes:
        found = self.content[self.given : self.given + min(size, self.n_bytes)]
        self.given += len(found)
        return found


@pytest.mark.parametrize("n_bytes", [1, 333, 1 << 20])
def test_raw_samples_are_heard_as_they_come(n_bytes: int, tmp_path: Path) -> None:
    network = made(tmp_path / "run")
    pcm = (sound(3017) * 2**15).astype("<i2")
    source, told = Slow(pcm.tobytes(), n_bytes), []

    def hear(one: dict[str, Any]) -> None:
        told.append(one)
        if "time_s" in one:
            waited = source.given - 2 * one["time_s"] * RATE
            assert 0 <= waited < max(n_bytes, 2)  # no sample too early, none more than there are in a piece

    found = neurodeploy.stream(tmp_path / "run", source, rate=RATE, told=hear)  # type: ignore[arg-type]
    first, *changes = told
    assert first == {"delay_s": 0.05, "look_ahead_s": 0.05}
    assert_heard(found | {"changes": changes}, network, pcm[:, 0] / 2**15)


def test_people_see_the_look_ahead_then_changes_then_the_end(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    made(shell.folder / "run")
    pcm = (sound(3017) * 2**15).astype("<i2").tobytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(pcm)))
    told = heard(shell, "-", "--rate", RATE)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(pcm)))
    said = shell("stream", "run", "--audio", "-", "--rate", RATE)
    first, *changes, _, last = said.out.splitlines()
    assert (said.status, said.err, first) == (0, "", "look-ahead 50 ms")
    assert [one.split()[:3] for one in changes] == [
        [f"{one['time_s']:.3f}", "s", one["name"]] for one in told["changes"]
    ]
    assert last.split()[:3] == ["0.377", "s", told["name"]]


def test_sound_that_is_none_for_the_network_is_one_line(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    made(shell.folder / "run")
    short = write_wav(shell.folder / "short.wav", sound(LEAST - 1), RATE)
    other = write_wav(shell.folder / "other.wav", sound(4000), 16_000)
    hear = ("stream", "run", "--audio")
    ahead = "holds 599 samples, at least 600 are needed, as the network looks 50 ms ahead; record more"
    shell.refuses(*hear, short.name, says=f"short.wav: {ahead}")
    shell.refuses(*hear, other.name, says="other.wav: has 16000 samples a second, 8000 are needed, as in training")
    shell.refuses(*hear, short.name, "--rate", RATE, says="--rate: found 8000, a WAV file says its own; leave it out")
    shell.refuses(*hear, "absent.wav", says="absent.wav: cannot be read")
    for content, rate, says in (
        (b"", (), "do not say their rate; give --rate N"),
        (b"", ("--rate", 16_000), "has 16000 samples a second, 8000 are needed"),
        (b"", ("--rate", RATE), "holds 0 samples, at least 600"),
        (b"\0" * 301, ("--rate", RATE), "stops in the middle of a sample; send"),
    ):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        shell.refuses(*hear, "-", *rate, says=f"standard input: .*{says}")
    monkeypatch.setattr("sys.stdin", None)
    shell.refuses(*hear, "-", "--rate", RATE, says="standard input: is closed")


def test_what_came_before_a_stop_is_used_and_said(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    made(shell.folder / "run")
    pcm = (sound(3017) * 2**15).astype("<i2").tobytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(pcm)))
    whole = heard(shell, "-", "--rate", RATE)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(pcm + b"\1")))
    said = shell("stream", "run", "--audio", "-", "--rate", RATE, "--json")
    assert [json.loads(one) for one in said.out.splitlines()] == whole["changes"]
    assert (said.status, said.err) == (
        2,
        "error: standard input: stops in the middle of a sample; its first 0.377 s are heard as "
        f"{whole['name']} ({100 * whole['confidence']:.1f} %); send 16-bit samples, two bytes each\n",
    )
    broken = sound(12_000)
    broken[8100] = np.nan
    write_wav(shell.folder / "broken.wav", broken, RATE, kind="f64")
    said = shell("stream", "run", "--audio", "broken.wav")
    says = r"error: broken.wav: sample 8100 .*no finite number.*; its first 1.000 s are heard as [a-z]+ \("
    assert re.match(says, said.err)
    assert (said.status, said.err.count("\n")) == (2, 1)


def test_a_run_that_cannot_hear_is_one_line(shell: Shell) -> None:
    made(shell.folder / "run")
    write_wav(shell.folder / "a.wav", sound(3000), RATE)
    hear = ("--audio", "a.wav")
    recipe, metrics = (shell.folder / "run" / name for name in ("recipe.toml", "metrics.json"))
    told = recipe.read_text()
    shell.refuses("stream", "nowhere", *hear, says="nowhere: holds no run")
    recipe.write_text(load_recipe("digits").to_toml())
    says = "lif on digits, one of family lmuformer on gsc, gsc_mel, fsdd_mel, speech_commands_mel is"
    shell.refuses("stream", "run", *hear, says=says)
    recipe.write_text(told.replace("fsdd_mel", "gsc_mel"))
    write_wav(shell.folder / "b.wav", sound(16_000), 16_000)
    says = r"checkpoint.safetensors: does not belong .*patch_embed.proj_conv.weight is \(8, 64, 3\), not \(8, 128, 3\)"
    shell.refuses("stream", "run", "--audio", "b.wav", says=says)
    recipe.write_text(told)
    metrics.unlink()
    shell.refuses("stream", "run", *hear, says="has no training yet; run neurodeploy train first")
    made(shell.folder / "attention", "spiking_transformer")
    shell.refuses("stream", "attention", *hear, says="SpikingAttention needs the whole clip before its first answer")


def test_the_integers_hear_as_they_do_the_whole_clip(shell: Shell) -> None:
    network, wave = made(shell.folder / "run"), sound(3017)
    path = write_wav(shell.folder / "a.wav", wave, RATE)
    hear = ("stream", "run", "--audio", path.name, "--integers")
    shell.refuses(*hear, says="run: holds no Program; run neurodeploy run, which makes it")
    frames = deployable(network)
    sent, read = frames.host.currents(features(read_wav(path).samples).numpy()), network_of(frames)
    program = compile_network(read, measured=measure(read, sent)).program
    write_program(shell.folder / "run" / "program.npz", program)
    said = shell(*hear)
    first, *changes, note, last = said.out.splitlines()
    assert first == "look-ahead 50 ms, answers 180 ms late at a step a frame"
    assert (note[:15], len(changes) > 0) == ("note: 28 frames", True)
    found = [json.loads(one) for one in shell(*hear, "--json").out.splitlines()][-1]
    assert last.split()[2] == found["name"]
    assert found["delay_s"] == 0.18
    whole = fixed.run(program, sent)
    np.testing.assert_allclose(found["scores"], whole.output_BN[0] / program.layer("head").v_per_unit / 64, rtol=1e-12)
    assert found["class"] == whole.predictions_B[0]
    (shell.folder / "run" / "program.npz").write_bytes(b"no Program")
    shell.refuses(*hear, says="program.npz: ")


def test_an_interrupt_leaves_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    made(shell.folder / "run")

    def until_ctrl_c(source: object, name: str) -> Iterator[np.ndarray]:
        yield sound(3000)[:, 0]
        raise KeyboardInterrupt

    monkeypatch.setattr(verb, "pcm_parts", until_ctrl_c)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    before = contents(shell.folder)
    said = shell("stream", "run", "--audio", "-", "--rate", RATE)
    assert said.err == "error: interrupted: nothing half-written is left\n"
    assert (said.status, contents(shell.folder)) == (130, before)


def test_what_is_held_of_a_sound_does_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is read a second at a time, and less than a frame of it is kept for the next."""
    held: list[int] = []

    def watched(mel: object, wave: np.ndarray) -> np.ndarray:
        held.append(len(wave))
        return log_mel(wave, 64, "hann", RATE)

    made(tmp_path / "run")
    path = write_wav(tmp_path / "a.wav", sound(4 * RATE), RATE)
    monkeypatch.setattr("neurodeploy.data.features.Mel.of", watched)
    neurodeploy.stream(tmp_path / "run", path)
    assert len(held) == 4
    assert max(held) < RATE + FRAME
