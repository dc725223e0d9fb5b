"""Which WAV files folders hold, and the words and labels of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurodeploy.data.clips import find_clips, numbered, words_of
from neurodeploy.errors import DataError


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    for name in ("yes/b_nohash_0.wav", "yes/a_nohash_1.WAV", "no/a_nohash_0.wav", "_noise_/hum.wav", ".git/x.wav"):
        path = tmp_path / "speech" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "speech" / "no" / "notes.txt").write_text("")
    (tmp_path / "speech" / "no" / "._a_nohash_0.wav").write_bytes(b"")
    return tmp_path / "speech"


def test_words_are_folders_and_speakers_are_in_names(speech: Path) -> None:
    found = find_clips([speech])
    assert [(clip.name, clip.word, clip.speaker) for clip in found.clips] == [
        ("no/a_nohash_0.wav", "no", "a"),
        ("yes/a_nohash_1.WAV", "yes", "a"),
        ("yes/b_nohash_0.wav", "yes", "b"),
    ]
    assert found.left_out == [str(speech / "_noise_")]


def test_folders_of_words_can_be_named_one_by_one(speech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(speech / "yes")
    found = find_clips([".", "../no/a_nohash_0.wav"])
    assert [(clip.name, clip.word) for clip in found.clips] == [
        ("a_nohash_1.WAV", "yes"),
        ("b_nohash_0.wav", "yes"),
        ("a_nohash_0.wav", "no"),
    ]


def test_a_link_in_a_circle_ends(speech: Path) -> None:
    (speech / "yes" / "again").symlink_to(speech, target_is_directory=True)
    (speech / "maybe").symlink_to(speech.parent / "other", target_is_directory=True)
    (speech.parent / "other").mkdir()
    (speech.parent / "other" / "x.wav").write_bytes(b"")
    assert [clip.word for clip in find_clips([speech]).clips] == ["maybe", "no", "yes", "yes"]


def test_nothing_is_taken_twice(speech: Path) -> None:
    with pytest.raises(DataError, match=r"b_nohash_0.wav: is named twice"):
        find_clips([speech, speech / "yes" / "b_nohash_0.wav"])


def test_a_folder_without_sound_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no .wav files, nor do its sub-folders"):
        find_clips([tmp_path])


def labels(folder: Path, text: str) -> Path:
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    return folder / "labels.csv"


def test_labels_of_a_file_go_by_path_or_by_name(speech: Path) -> None:
    clips = find_clips([speech]).clips
    path = labels(
        speech, "\ufefffile,word\nno/a_nohash_0.wav,nein\n./yes/a_nohash_1.WAV, ja\nb_nohash_0.wav,ja\n\nz,q\n"
    )
    assert words_of(clips, path) == ["nein", "ja", "ja"]


BAD = {
    "missing": ("no/a_nohash_0.wav,x\n", "says nothing of yes/a_nohash_1.WAV; write a line a_nohash_1.WAV,WORD"),
    "three fields": ("a,b,c\n", "line 1 has 3 fields"),
    "no word": ("a,\n", "line 1 has 2 fields; CLIP,WORD"),
    "two words": ("a,b\na,c\n", "line 2 calls a 'c', an earlier one 'b'"),
    "no text": ("\udcff", "is no CSV in UTF-8"),
}


@pytest.mark.parametrize("case", BAD, ids=lambda name: name.replace(" ", "-"))
def test_bad_labels_are_refused(case: str, speech: Path) -> None:
    text, says = BAD[case]
    path = speech / "labels.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=f"labels.csv: {says}"):
        words_of(find_clips([speech]).clips, path)


def test_an_order_gives_the_numbers() -> None:
    assert numbered(["no", "yes"], ["yes", "maybe", "no"]) == ([2, 0], ["yes", "maybe", "no"])
    with pytest.raises(DataError, match="clips of 'yes', which is not in the list; did you mean 'yess'"):
        numbered(["yes"], ["yess", "no"])
    with pytest.raises(DataError, match="'no' comes twice"):
        numbered(["no"], ["no", "no"])
