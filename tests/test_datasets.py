"""The readers of data sets: names, twins, splits, and what they refuse, on trees of empty files."""

import csv
from collections import Counter

import pytest

from recipes.parts.datasets import (
    EMOTIONS,
    FIELDS,
    Layout,
    Take,
    emotion_of,
    portrait_split,
    ravdess_split,
    ravdess_take,
    read,
    vidtimit_split,
)


def plant(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("01-01-06-02-01-02-12", (1, Take(1, 6, 2, 1, 2, 12))),
        ("03-02-01-01-02-01-24", (3, Take(2, 1, 1, 2, 1, 24))),
        ("01-01-06-02-01-02", None),  # six fields
        ("01-01-06-02-01-02-12-01", None),
        ("04-01-06-02-01-02-12", None),  # no such modality
        ("01-01-09-02-01-02-12", None),  # emotion
        ("01-01-06-03-01-02-12", None),  # intensity
        ("01-01-06-02-01-02-25", None),  # actor
        ("01-01-00-02-01-02-12", None),
        ("1-1-6-2-1-2-12", None),
    ],
)
def test_ravdess_names(stem, expected):
    assert ravdess_take(stem) == expected


def test_held_out_people():
    assert [a for a in range(1, 25) if ravdess_split(a) == "test"] == [21, 22, 23, 24]
    assert [a for a in range(1, 25) if ravdess_split(a) == "val"] == [19, 20]
    speakers = ["fadg0", "mrjo0", "msjs1", "mstk0", "mtas1", "mtmr0", "mwbt0"]
    assert [vidtimit_split(s) for s in speakers] == ["train"] * 3 + ["val"] + ["test"] * 3
    shares = Counter(portrait_split(f"Person_{i}") for i in range(20000))
    assert 700 < shares["test"] < 900 and 700 < shares["val"] < 900
    assert portrait_split("Aaron_Eckhart") == portrait_split("Aaron_Eckhart")


def test_ravdess_takes_once(tmp_path):
    root = plant(
        tmp_path / "r",
        "Video_Speech_Actor_01/Actor_01/01-01-05-02-01-02-01.mp4",
        "Video_Speech_Actor_01/Actor_01/02-01-05-02-01-02-01.mp4",
        "Audio_Speech_Actors_01-24/Actor_01/03-01-05-02-01-02-01.wav",
        "Video_Song_Actor_20/Actor_20/02-02-03-01-01-01-20.mp4",
        "Audio_Song_Actors_01-24/Actor_20/03-02-03-01-01-01-20.wav",
        "Audio_Speech_Actors_01-24/Actor_22/03-01-01-01-01-01-22.wav",
        "copy/Actor_22/03-01-01-01-01-01-22.wav",
        "Video_Speech_Actor_01/Actor_01/outtakes.mp4",
        "Video_Speech_Actor_01/Actor_01/notes.txt",
    )
    layout, rows, dropped = read(root)
    assert layout is Layout.RAVDESS
    assert Counter(d.reason for d in dropped) == {
        "silent twin of a clip with sound": 1, "sound of a clip that has its own": 1, "second copy": 1,
        "not a RAVDESS file name": 1,
    }  # fmt: skip
    by_actor = {row["identity"][-2:]: row for row in rows}
    assert len(rows) == 3 and all(tuple(row) == FIELDS for row in rows)
    speech, song, alone = (by_actor[actor] for actor in ("01", "20", "22"))
    assert speech["path"] == speech["sound"] == "Video_Speech_Actor_01/Actor_01/01-01-05-02-01-02-01.mp4"
    assert [speech[k] for k in ("emotion", "intensity", "statement", "repetition")] == ["5", "2", "1", "2"]
    assert EMOTIONS[int(speech["emotion"]) - 1] == "angry"
    assert (speech["kind"], speech["voice"], speech["audio"], speech["split"]) == ("clip", "speech", "1", "train")
    assert song["path"].endswith("02-02-03-01-01-01-20.mp4") and song["sound"].endswith("03-02-03-01-01-01-20.wav")
    assert (song["voice"], song["split"]) == ("song", "val")
    assert (alone["kind"], alone["split"], alone["path"]) == ("sound", "test", alone["sound"])


def test_vidtimit(tmp_path):
    root = plant(
        tmp_path / "v",
        *(f"fadg0/video/sa1/{i:03d}" for i in (1, 2)), "fadg0/audio/sa1.wav", "fadg0/video/sa1/Thumbs.db",
        "fadg0/video/head/001", "mtas1/video/sx1/001", "mtas1/audio/sx2.wav", "mtas1/video/empty/Thumbs.db",
    )  # fmt: skip
    layout, rows, dropped = read(root)
    assert layout is Layout.VIDTIMIT
    found = {row["path"]: (row["kind"], row["audio"], row["voice"], row["split"]) for row in rows}
    assert found == {
        "fadg0/video/head": ("clip", "0", "none", "train"),
        "fadg0/video/sa1": ("clip", "1", "speech", "train"),
        "mtas1/video/sx1": ("clip", "0", "speech", "test"),
        "mtas1/audio/sx2.wav": ("sound", "1", "speech", "test"),
    }
    assert [str(d) for d in dropped] == ["mtas1/video/empty: no frames", "mtas1/video/sx1: no sound"]
    above = read(tmp_path)[1]
    assert {row["path"] for row in above} == {f"v/{path}" for path in found}


def test_portraits_by_person(tmp_path):
    root = plant(tmp_path / "lfw", "Ann_A/Ann_A_0001.jpg", "Ann_A/Ann_A_0002.png", "Bo/1.JPG", "readme.txt", "Bo/x.txt")
    layout, rows, dropped = read(root)
    assert layout is Layout.PORTRAITS
    assert Counter(row["identity"] for row in rows) == {"lfw/Ann_A": 2, "lfw/Bo": 1}
    assert all(row["split"] == portrait_split(row["identity"][4:]) for row in rows)
    assert len(dropped) == 2


def test_manifest_keeps_its_columns_and_drops_nonsense(tmp_path):
    lines = [
        ["c/W011_front_angry_level3_001.mp4", "clip", "mead", "mead/W011", "val", "1", "own"],
        ["angry.jpg", "portrait", "p", "p/1", "train", "0", "own"],
        ["x.obj", "mesh", "p", "p/1", "train", "0", "own"],
    ]
    header = ["path", "kind", "set", "identity", "split", "audio", "licence"]
    with open(tmp_path / "manifest.csv", "w", newline="") as file:
        csv.writer(file).writerows([header, *lines])
    layout, rows, dropped = read(tmp_path)
    assert layout is Layout.MANIFEST and [[row[k] for k in header] for row in rows] == lines[:2]
    assert [row["emotion"] for row in rows] == ["5", ""] and rows[0]["sound"] == lines[0][0]
    assert [d.path for d in dropped] == ["x.obj"]
    (tmp_path / "manifest.csv").write_text("path,kind\n")
    with pytest.raises(SystemExit, match="no column set, identity"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["contempt", "Sadler_0001", "portrait"])
def test_names_without_an_emotion(name):
    assert emotion_of(name) == ""


def test_what_is_not_there_ends_in_one_line(tmp_path):
    with pytest.raises(SystemExit, match="no such folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(SystemExit, match="nothing recognised"):
        read(plant(tmp_path / "other", "notes/a.txt"))
    with pytest.raises(SystemExit, match="has no manifest.csv"):
        read(tmp_path / "other", Layout.MANIFEST)
    with pytest.raises(SystemExit, match="nothing to read in the layout ravdess"):
        read(tmp_path / "other", Layout.RAVDESS)
