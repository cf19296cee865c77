"""Tracking and packing: what they count, what they drop, and that a second run redoes nothing."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from gath.data import Pack
from recipes import prepare, slices
from recipes.parts.frontal import MAX_YAW
from recipes.parts.speech_data import read_clips
from recipes.train_audio2au import Config
from talkinghead.face.align import ALIGN_POINTS, TEMPLATE
from talkinghead.media.video import VideoWriter

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "corpus"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A face, a face in val, a picture without one, a broken picture, and a clip whose third frame is blank."""
    folder = tmp_path_factory.mktemp("corpus")
    face = skimage.data.astronaut()
    cv2.imwrite(str(folder / "a.jpg"), face[..., ::-1])
    cv2.imwrite(str(folder / "b.jpg"), face[:, ::-1, ::-1])
    cv2.imwrite(str(folder / "wall.jpg"), np.full((200, 200, 3), 127, np.uint8))
    (folder / "broken.jpg").write_bytes(b"not a picture")
    with VideoWriter(folder / "clip.mp4", 512, 512, 25) as video:
        for i in range(5):
            video.write(np.full_like(face, 200) if i == 2 else np.roll(face, 2 * i, 1))
    rows = [("a.jpg", "portrait", "train"), ("b.jpg", "portrait", "val"), ("wall.jpg", "portrait", "train"),
            ("broken.jpg", "portrait", "train"), ("clip.mp4", "clip", "train")]  # fmt: skip
    with open(folder / "manifest.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow("path kind set identity split audio licence".split())
        writer.writerows((path, kind, "own", path, split, 0, "public domain") for path, kind, split in rows)
    return folder


@pytest.fixture(scope="module")
def data(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    prepare.main(corpus, folder, workers=1)
    return folder


def test_counts_and_reasons(data):
    train, val = Pack(data / "train"), Pack(data / "val")
    assert len(train) == 1 + 4 and len(val) == 1
    dropped = (data / "dropped.txt").read_text().splitlines()
    assert sorted(dropped) == [
        "broken.jpg: cannot be read", "clip.mp4: no face in frame 2", "wall.jpg: no face in frame 0"
    ]  # fmt: skip
    assert sorted(train.group.tolist()) == [-1] + [train.group.max()] * 4


def test_a_lost_frame_keeps_the_clock(data):
    (track,) = (data / "tracks").glob("train_clip_*.npz")
    z = np.load(track)
    assert len(z["units"]) == 5 and z["fps"] == 25
    assert np.flatnonzero(np.isnan(z["units"][:, 0])).tolist() == [2]
    assert z["kept"].tolist() == [0, 1, 3, 4]


def test_faces_are_aligned_to_the_template(data):
    train = Pack(data / "train")
    off = train.landmarks[:, list(ALIGN_POINTS)] - TEMPLATE
    assert np.abs(off).max() < 0.05
    assert train.images.shape[1:] == (128, 128, 3)
    # The clip is the photograph moved sideways: once aligned, all faces are the same picture.
    photo, *frames = train.images[np.argsort(train.group, kind="stable")].astype(int)
    assert all(np.abs(frame - photo)[30:110, 30:98].mean() < 8 for frame in frames)


def test_a_second_run_redoes_nothing(corpus, data):
    before = everything(data)
    prepare.main(corpus, data, workers=1)
    assert everything(data) == before


def everything(folder):
    """Times of tracks and arrays, contents of the small files."""
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {p: p.stat().st_mtime_ns if p.suffix in (".npz", ".npy") else p.read_bytes() for p in files}


def test_a_killed_run_goes_on(corpus, data, tmp_path):
    command = [sys.executable, "-m", "recipes.prepare", str(corpus), str(tmp_path), "--workers", "1"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (before := list((tmp_path / "tracks").glob("*.npz"))):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    times = [p.stat().st_mtime_ns for p in before]
    prepare.main(corpus, tmp_path, workers=1)
    assert [p.stat().st_mtime_ns for p in before] == times
    for path in (data / "train").glob("*.npy"):
        assert (tmp_path / "train" / path.name).read_bytes() == path.read_bytes()
    assert json.loads((tmp_path / "report.json").read_text()) == json.loads((data / "report.json").read_text())


def test_a_grown_set_and_a_killed_pack(corpus, data, tmp_path):
    """A picture more: its batch is made again, the clip is not; what a killed run left half written does no harm."""
    grown, copy = tmp_path / "corpus", tmp_path / "data"
    shutil.copytree(corpus, grown)
    prepare.main(grown, copy, workers=1)
    clip, batch = (next((copy / "tracks").glob(f"train_{kind}_*.npz")) for kind in ("clip", "portraits"))
    made = clip.stat().st_mtime_ns
    shutil.copy(grown / "a.jpg", grown / "c.jpg")
    with open(grown / "manifest.csv", "a", newline="") as file:
        csv.writer(file).writerow(["c.jpg", "portrait", "own", "c.jpg", "train", 0, "public domain"])
    (copy / "tracks" / "train_portraits_000.part").write_bytes(b"half")
    (copy / "train" / "pack.json").unlink()
    prepare.main(grown, copy, workers=1)
    assert clip.stat().st_mtime_ns == made and len(np.load(batch)["kept"]) == 2
    assert len(Pack(copy / "train")) == len(Pack(data / "train")) + 1
    assert sorted(p.suffix for p in (copy / "tracks").iterdir()) == [".npz"] * 3


def test_frontal_packs_lie_beside_the_others(corpus, data):
    prepare.main(corpus, data, frontal=True, workers=1)
    plain, front = Pack(data / "train"), Pack(data / "frontal" / "train")
    assert len(front) == len(plain) and np.array_equal(front.pose, plain.pose)
    assert 0.005 < np.abs(front.landmarks - plain.landmarks).max() < 0.15
    assert np.abs(front.landmarks[:, list(ALIGN_POINTS)] - TEMPLATE).max() < 0.05


def test_faces_turned_too_far_are_counted(corpus, data, tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(data, copy, ignore=shutil.ignore_patterns("frontal"))
    track = next((copy / "tracks").glob("train_clip_*.npz"))
    with np.load(track) as z:
        arrays = dict(z)
    arrays["pose"][3, 0] = MAX_YAW + 5
    np.savez(track, **arrays)
    prepare.main(corpus, copy, frontal=True, workers=1)
    assert len(Pack(copy / "frontal" / "train")) == 4
    assert json.loads((copy / "frontal" / "report.json").read_text())["dropped"]["own"]["turned too far"] == 1


@pytest.mark.skipif(not SHARED.exists(), reason="needs the corpus in ../shared")
def test_counts_on_small_trees_with_three_faults(tmp_path, capsys):
    """RAVDESS: 5 clips of 12 frames and one cut in half; VidTIMIT: 5 of 10, one frame garbage, one sound empty."""
    slices.main(SHARED, tmp_path, seconds=0.4, faulty=True)
    data = tmp_path / "data"
    for name in ("ravdess", "vidtimit"):
        prepare.main(tmp_path / name, data, workers=1)
    found = json.loads((data / "report.json").read_text())
    assert found["read"] == {
        "ravdess": {"clips": 6, "sounds": 1, "with sound": 6, "frames": 60, "faces": 60, "kept": 20},
        "vidtimit": {"clips": 5, "with sound": 3, "frames": 50, "faces": 49, "kept": 49},
    }
    assert found["dropped"] == {
        "ravdess": {
            "silent twin of a clip with sound": 1, "sound of a clip that has its own": 1, "cannot be read": 1
        },
        "vidtimit": {"broken picture": 1, "sound cannot be read": 1},
    }  # fmt: skip
    assert found["packed"] == {
        "train": {"ravdess": 8, "vidtimit": 29},
        "val": {"ravdess": 4, "vidtimit": 10},
        "test": {"ravdess": 8, "vidtimit": 10},
    }
    lines = (data / "dropped.txt").read_text()
    assert "01-01-05-02-02-01-01.mp4: cannot be read\n" in lines
    assert "fadg0/video/sa1: broken picture in frame 2\nmabw0/audio/sa1.wav: sound cannot be read\n" in lines
    assert "ravdess: dropped 1: cannot be read" in capsys.readouterr().out
    train = Pack(data / "train")
    about = json.loads((data / "train" / "pack.json").read_text())
    labels = {name: np.load(data / "train" / f"{name}.npy") for name in ("emotion", "intensity", "statement")}
    of = Counter((about["people"][p], int(e)) for p, e in zip(train.person, labels["emotion"]))
    assert of == {("ravdess/Actor_01", 3): 4, ("ravdess/Actor_02", 4): 4, ("vidtimit/fadg0", 0): 19,
                  ("vidtimit/mabw0", 0): 10}  # fmt: skip
    assert set(labels["statement"][labels["emotion"] > 0]) == {1}
    with open(data / "manifest.csv", newline="") as file:
        sounds = {row["path"]: row["sound"] for row in csv.DictReader(file)}
    assert sounds["mabw0/video/sa1"] == "" and sounds["fadg0/video/sa1"] == "fadg0/audio/sa1.wav"
    (recording,) = read_clips(tmp_path, data, "train", Config(str(data)).features(), "vidtimit")
    assert len(recording.samples) == 6400 and len(recording.units) == 10
    before = everything(data)
    prepare.main(tmp_path / "ravdess", data, workers=1)
    assert everything(data) == before
