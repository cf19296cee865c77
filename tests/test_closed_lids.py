"""Eyes painted shut: what the network sees, what becomes of its answer, and the recipes that train it."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest
import torch

from gath.painters import CHANNELS
from recipes import cut_closed_lids, train_closed_lids
from recipes.parts import net_run
from talkinghead.face.align import alignment, transform
from talkinghead.face.closed_lids import DOWN, SIZE, _toned, closed, darkness, edges, eye, masks, shown, window
from talkinghead.face.mouth_place import LUMINANCE, Place
from talkinghead.face.tracker import Tracker

INNER, OUTER, ROW = 24.0, 72.0, 46.0  # the corners of the eye that is drawn here, in pixels of the window
WIDE = 14.0  # rows that it is open


def lids(opening: float) -> np.ndarray:
    """Points [23, 2] of an eye that is so many rows open, its brow well above."""
    x, bow = np.linspace(OUTER, INNER, 9), np.sin(np.linspace(0, np.pi, 9))
    brow = np.c_[x[::2], np.full(5, ROW - 28)]
    return np.vstack([np.c_[x, ROW - opening * bow], np.c_[x, ROW + 0 * bow], brow]).astype(np.float32)


def shut_eye(colour=(190, 150, 130), row=ROW) -> np.ndarray:
    """A picture of the window: skin with a dark line of lashes."""
    picture = np.empty((*SIZE[::-1], 3), np.uint8)
    picture[:] = colour
    cv2.line(picture, (int(INNER), int(row)), (int(OUTER), int(row)), (40, 30, 30), 2)
    return picture


@pytest.mark.parametrize("side", "LR")
def test_the_window_shows_both_eyes_with_the_inner_corner_on_the_left(astronaut, tracker, side):
    points = tracker(astronaut)[0].points
    to_face = alignment(points, 1)
    own = eye(transform(to_face, points), side)
    seen = transform(window(own, side), own)
    np.testing.assert_allclose((seen[0] + seen[8]) / 2, (np.array(SIZE) - 1) / 2 + [0, DOWN], atol=1e-3)
    assert seen[8, 0] < seen[0, 0] - 30 and seen[18:, 1].max() < seen[:18, 1].min()


def test_masks_hide_the_open_eye_and_leave_the_brow():
    points = lids(WIDE)
    top, bottom, brow = edges(points)
    hidden, lashes, dark = masks(points, top, bottom, 0.5)
    inside = np.zeros(SIZE[::-1], np.uint8)
    cv2.fillPoly(inside, [np.round(points[:18]).astype(np.int32)[[*range(9), *range(17, 8, -1)]]], 1)
    assert hidden[inside > 0].min() > 0.9
    assert hidden[: int(brow.max())].max() == 0 and hidden[:, : int(INNER) - 12].max() == 0
    np.testing.assert_array_equal(lashes[:, 30:66].argmax(0), np.round(bottom[30:66]))
    np.testing.assert_allclose(dark, 0.5 * lashes, atol=1e-6)
    assert masks(points, top, bottom, 0.5, above=9.0)[0].sum() < hidden.sum()
    points[18:, 1] = ROW - WIDE - 5  # a brow right above the lid
    assert masks(points, top, bottom, 0.5, above=14.0)[0][: int(ROW - WIDE - 6)].max() == 0


def test_nothing_of_what_is_hidden_is_seen():
    rng, points = np.random.default_rng(0), lids(WIDE)
    pictures = rng.uniform(-1, 1, (2, *SIZE[::-1], 3)).astype(np.float32)
    where = masks(points, *edges(points)[:2], 0.5)
    pictures[1, where[0] < 1] = pictures[0, where[0] < 1]
    first, second = (shown(picture, where) for picture in pictures)
    np.testing.assert_allclose(first, second, atol=1e-5)
    assert first.shape == (CHANNELS, *SIZE[::-1]) and first.dtype == np.float32
    np.testing.assert_array_equal(first[:3, where[0] == 0], pictures[0][where[0] == 0].T)


def test_darkness_tells_lashes_from_skin():
    points = lids(0.0)
    values = shut_eye() / np.float32(127.5) - 1
    assert 0.6 < darkness(values, points, edges(points)[0]) < 0.95
    assert darkness(np.zeros_like(values), points, edges(points)[0]) == 0


@pytest.mark.parametrize("off", [-3, 0, 4])
def test_the_closed_line_is_where_lashes_are_dark(off):
    line = train_closed_lids.closed_line(lids(0.0), shut_eye(row=ROW + off) / np.float32(127.5) - 1)
    np.testing.assert_allclose(line[28:68], ROW + off, atol=0.8)


def test_what_was_painted_comes_nearer_to_the_colours_around_but_for_the_light_of_lashes():
    seen = np.zeros((CHANNELS, *SIZE[::-1]), np.float32)
    seen[:3] = np.array([0.5, 0.1, -0.2])[:, None, None]  # skin
    seen[4, 40:] = 1  # lashes
    paint = np.empty((*SIZE[::-1], 3), np.float32)
    paint[:] = 40, 70, 50  # dark and green
    skin = (np.array([0.5, 0.1, -0.2]) + 1) * 127.5
    made = _toned(paint, seen)
    lid, lashes = made[20, 40], made[60, 40]
    assert all(np.diff(now)[0] < 0.1 * np.diff(paint[0, 0])[0] for now in (lid, lashes))  # less green than red
    assert lashes @ LUMINANCE == pytest.approx(paint[0, 0] @ LUMINANCE, abs=2)
    assert 0.25 < (lid - lashes) @ LUMINANCE / ((skin - lashes) @ LUMINANCE) < 0.6


def test_painting_leaves_the_face_around_alone_and_takes_the_texture(astronaut, tracker):
    points = tracker(astronaut)[0].points
    to_face = alignment(points, 1)
    own = eye(transform(to_face, points), "L")
    place = Place(astronaut, to_face, own.min(0) - 0.05, own.max(0) + 0.05)
    plain, dark = closed(place, own, "L", np.zeros(place.shape, np.float32))
    rough, _ = closed(place, own, "L", np.full(place.shape, 9, np.float32))
    changed = np.abs(plain.astype(int) - place.pixels).max(-1)
    iris = np.round(place.points(own[[3, 4, 5, 12, 13, 14]]).mean(0)).astype(int)
    brow = np.round(place.points(own[18:])).astype(int)
    assert changed[iris[1], iris[0]] > 20 and 0.3 < dark < 0.7
    assert changed[brow[:, 1].min()].max() == 0 and changed[0].max() == 0 and changed[-1].max() == 0
    assert (rough.astype(int) - plain)[iris[1], iris[0]].mean() == pytest.approx(9, abs=1)


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Closed eyes in skin of many colours, half of them filmed open as well, as recipes.cut_closed_lids gives them."""
    folder, rng = tmp_path_factory.mktemp("eyes"), np.random.default_rng(0)
    margin = cut_closed_lids.MARGIN
    pad = lambda picture: np.pad(picture, ((margin,) * 2, (margin,) * 2, (0, 0)), "edge")  # noqa: E731
    for split, count in (("train", 6), ("val", 3)):
        shut = [pad(shut_eye(colour.tolist())) for colour in rng.integers(90, 255, (count, 3))]
        wide = [np.full_like(picture, 7) if k % 2 else np.zeros_like(picture) for k, picture in enumerate(shut)]
        seen = [lids(WIDE) + margin if k % 2 else np.full((23, 2), np.nan, np.float32) for k in range(count)]
        arrays = shut, [lids(0.0) + margin] * count, wide, seen, list("abcdef"[:count]), ["lfw"] * count
        for name, array in zip(cut_closed_lids.NAMES, arrays):
            np.save(folder / f"{split}_{name}.npy", np.stack(array))
    return folder


def test_a_resumed_run_equals_one_that_was_never_stopped(material, tmp_path, monkeypatch):
    def run(name, times):
        words = [f"data={material}", f"run={tmp_path / name}", "batch=2", "steps=4", "bfloat16=0", "adversary=0.1"]
        for _ in range(times):
            train_closed_lids.main(words)
        return torch.load(tmp_path / name / "latest.pt", weights_only=False)

    # The learning rate falls over `steps`, so a stop is made by time and not by them.
    monkeypatch.setattr(net_run.time, "monotonic", iter([0, 0, 0, 1e9, *[0] * 50]).__next__)
    stopped, whole = run("stopped", 2), run("whole", 1)
    assert stopped["step"] == whole["step"] == 4
    for part in ("net", "average", "critic"):
        for name, value in whole[part].items():
            assert torch.equal(value, stopped[part][name]), (part, name)
    rows = list(csv.DictReader(open(tmp_path / "stopped" / "val.csv")))
    assert int(rows[-1]["step"]) == 4 and float(rows[-1]["error"]) > 0


def test_eyes_are_shown_closed_or_as_they_were_open_and_always_wanted_closed(material, monkeypatch):
    monkeypatch.setattr(train_closed_lids, "PAIRED", 1.0)
    eyes = train_closed_lids.Eyes(material, "train", 0)
    for row in range(6):
        seen, wanted = eyes.draw(np.array([row]))
        assert seen.shape == (1, CHANNELS, *SIZE[::-1]) and wanted.shape == (1, 3, *SIZE[::-1])
        apart = ((seen[:, :3] - wanted).abs() * (seen[:, 3:4] == 0)).amax()
        assert (apart > 0.3) == bool(row % 2)  # around what is hidden: the open eye's picture, or the same
        assert float(wanted.std()) > 0.05 and float(seen[0, 3].max()) > 0.95


def test_closed_eyes_are_told_from_open_ones(astronaut, puppet_shut):
    with Tracker() as tracker:
        gaps = []
        for picture in (astronaut, puppet_shut):
            face = tracker(picture)[0]
            window_, points, gap = cut_closed_lids.cut(picture, face, "L")
            gaps.append(gap)
            size = np.array(SIZE) + 2 * cut_closed_lids.MARGIN
            assert window_.shape == (*size[::-1], 3)
            np.testing.assert_allclose((points[0] + points[8]) / 2, (size - 1) / 2 + [0, DOWN], atol=0.5)
    assert gaps[0] > cut_closed_lids.GAP and gaps[1] < 0.7 * gaps[0]


@pytest.fixture(scope="module")
def puppet_shut(astronaut, tracker):
    """The astronaut with her eyes closed."""
    from talkinghead.pipeline import TalkingHead

    head = TalkingHead()
    head.tracker = tracker
    return head.edit(astronaut, {"EyeBlink_L": 1.0, "EyeBlink_R": 1.0})


def test_frames_of_blinks_and_of_open_eyes_are_looked_at(tmp_path):
    units = np.zeros((60, 46), np.float32)
    units[20:23, cut_closed_lids.BLINKS] = [[0.5], [0.7], [0.3]]
    units[23:, cut_closed_lids.BLINKS] = 0.3  # neither open nor closed
    (tmp_path / "tracks").mkdir()
    np.savez(tmp_path / "tracks" / "train_clip_a.npz", units=units, row=np.full(60, 3))
    photos = np.zeros((3, 46), np.float32)
    photos[1, cut_closed_lids.BLINKS[0]] = 0.5
    np.savez(tmp_path / "tracks" / "train_portraits_a.npz", units=photos, row=np.array([7, 8, 9]))
    np.savez(tmp_path / "tracks" / "train_sounds_a.npz", units=units[:0], row=np.zeros(0, int))
    assert cut_closed_lids.looked_at(tmp_path, "train") == {3: [(21, 19)], 8: [(0, -1)]}
    assert cut_closed_lids.looked_at(tmp_path, "val") == {}
