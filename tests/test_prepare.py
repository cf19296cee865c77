"""The reader of the corpus: what it counts, what it drops, and that a second run redoes nothing."""

import csv

import cv2
import numpy as np
import pytest
import skimage.data

from gath.data import Pack
from recipes import prepare
from talkinghead.face import ALIGN_POINTS, TEMPLATE
from talkinghead.video import VideoWriter


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
    assert all(np.abs(frame - photo)[30:110, 30:98].mean() < 6 for frame in frames)


def test_a_second_run_redoes_nothing(corpus, data):
    before = {p: p.stat().st_mtime_ns for p in (data / "tracks").iterdir()}
    prepare.main(corpus, data, workers=1)
    assert before == {p: p.stat().st_mtime_ns for p in (data / "tracks").iterdir()}
