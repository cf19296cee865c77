"""Lips painted shut: what the network sees, what becomes of its answer, and the recipes that train it."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest
import torch
from sitters import drawn

from gath.painters import CHANNELS
from recipes import cut_closed_lips, train_closed_lips
from recipes.parts import net_run, painting
from talkinghead.face import closed_lips
from talkinghead.face.align import transform
from talkinghead.face.closed_lips import (
    DENSITY,
    FINER,
    SIZE,
    at_rest,
    closed,
    colours,
    masks,
    ready,
    shown,
    window,
)  # fmt: skip
from talkinghead.face.curves import curve
from talkinghead.face.mouth import Mouth
from talkinghead.face.outline import IOD, LOWER, RING, UPPER
from talkinghead.face.tracker import Tracker


@pytest.fixture(scope="module")
def points(sitter):
    """The face at rest, in pixels of the window."""
    return transform(window(sitter.rest), sitter.rest)


def test_the_window_has_the_mouth_in_its_middle(sitter, points):
    np.testing.assert_allclose(points[np.r_[UPPER, LOWER]].mean(0), (np.array(SIZE) - 1) / 2, atol=1e-3)
    eyes = transform(window(sitter.rest), np.array([[0.32, 0.4], [0.68, 0.4]]))
    assert np.diff(eyes[:, 0])[0] == pytest.approx(IOD * DENSITY)


def test_masks_tell_upper_from_lower_lip_and_hide_more_and_more(points):
    hidden, upper, lower = masks(points, 0.0)
    rows = np.arange(SIZE[1])[:, None]
    assert (rows * upper).sum() / upper.sum() < (rows * lower).sum() / lower.sum()
    assert hidden[(upper > 0.9) | (lower > 0.9)].min() > 0.9
    areas = [masks(points, much)[0].sum() for much in (-0.9, -0.5, 0.0, 0.5, 1.0)]
    assert all(before < after for before, after in zip(areas, areas[1:]))
    assert areas[0] < 0.6 * areas[2]


def test_nothing_of_what_is_hidden_is_seen(points):
    rng = np.random.default_rng(0)
    pictures = rng.uniform(-1, 1, (2, *SIZE[::-1], 3)).astype(np.float32)
    where = masks(points, 0.5)
    pictures[1, where[0] < 1] = pictures[0, where[0] < 1]
    first, second = (shown(picture, where, np.full(3, 0.1), np.full(3, 0.5)) for picture in pictures)
    np.testing.assert_array_equal(first, second)
    assert first.shape == (CHANNELS, *SIZE[::-1]) and first.dtype == np.float32
    np.testing.assert_array_equal(first[:3, where[0] == 0], pictures[0][where[0] == 0].T)


def test_colours_are_those_of_lips_and_of_the_skin_around(points):
    picture = np.zeros((*SIZE[::-1], 3), np.float32) + 0.5
    _, *lips = masks(points, 0.0)
    picture[np.maximum(*lips) > 0] = (0.2, -0.4, -0.3)
    lip, skin = colours(picture, points)
    np.testing.assert_allclose(lip, (0.2, -0.4, -0.3), atol=1e-6)
    np.testing.assert_allclose(skin, 0.5)


@pytest.mark.parametrize("blur", [0, 1])
def test_a_laugh_closes_over_lips_that_meet_in_a_dark_line(sitter, blur):
    """In the photograph itself, and in one of a quarter of its size that is blurred."""
    image, matrix = sitter.image, sitter.matrix.copy()
    if blur:
        image = cv2.GaussianBlur(cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), (0, 0), blur)
        matrix[:, :2] *= 4
    rest = sitter.rest
    face = drawn(Mouth(image, matrix, sitter.outline.own, rest, sitter.eyes), image, rest).astype(np.float32)
    face = face @ np.array([0.299, 0.587, 0.114], np.float32)

    def light(line):
        at = transform(cv2.invertAffineTransform(matrix), line[4:7]).astype(np.float32)
        return np.median(cv2.remap(face, at[None], None, cv2.INTER_LINEAR))

    upper, lower = (light((rest[half] + rest[RING + half]) / 2) for half in (UPPER, LOWER))
    seam, skin = light((rest[UPPER] + rest[LOWER]) / 2), light(rest[2 * RING + UPPER])
    assert seam < 0.97 * upper < 0.97 * lower and upper < 0.98 * skin


def test_painting_leaves_the_face_around_alone_and_keeps_fine_structure(sitter):
    place, own = sitter.mouth()._place, sitter.outline.own
    rng = np.random.default_rng(0)
    grain = (place.pixels + rng.normal(0, 12, place.pixels.shape)).clip(0, 255).astype(np.uint8)
    parted, shut = closed(place, own, sitter.rest, grain, 1.0)
    ring = place.points(own[2 * RING : 3 * RING])
    far = cv2.fillPoly(np.ones(place.shape, np.uint8), [np.round(ring).astype(np.int32)], 0)
    far = cv2.erode(far, np.ones((9, 9), np.uint8)) > 0
    for made in (parted, shut):
        np.testing.assert_array_equal(made[far], grain[far])
    plain = closed(place, own, sitter.rest, place.pixels, 1.0)[1].astype(int)
    lip = np.zeros(place.shape, np.uint8)
    between = np.vstack([curve(own[RING + LOWER]), curve(own[LOWER])[::-1]])
    cv2.fillPoly(lip, [np.round(place.points(between)).astype(np.int32)], 1)
    assert (shut - plain)[lip > 0].std() > 4


def test_lips_that_were_wide_open_are_not_seen_once_more_below_those_that_meet(sitter, monkeypatch):
    """By the network that is to paint them."""
    place, own = sitter.mouth()._place, sitter.opened()
    pixels = place.pixels.copy()
    pixels[:] = 128
    lip = np.vstack([curve(own[RING + LOWER]), curve(own[LOWER])[::-1]])
    cv2.fillPoly(pixels, [np.round(place.points(lip)).astype(np.int32)], (255, 0, 0))
    points = transform(window(sitter.rest), sitter.rest)
    below = masks(points, 1.0)[0] - masks(points, 0.3)[0] > 0.5
    below[: round(points[RING + LOWER, 1].max())] = False

    def red(around_too):
        return at_rest(place, own, sitter.rest, pixels, around_too)[below][:, 0].mean() - 128

    assert red(True) < 0.1 * red(False)
    faces = []
    monkeypatch.setattr(closed_lips, "painted", lambda face, *_: faces.append(face) or 127.5 * (face + 1))
    closed(place, own, sitter.rest, pixels, 1.0)
    assert 127.5 * (faces[0][below][:, 0].mean() + 1) - 128 < 0.1 * red(False)


@pytest.mark.parametrize("lips", [-0.2, 0.5])
def test_lips_darker_than_the_skin_are_painted_darker_still(sitter, monkeypatch, lips):
    told, skin = [], np.array([0.3, 0.2, 0.1])
    monkeypatch.setattr(closed_lips, "colours", lambda *_: (np.full(3, lips), skin))
    monkeypatch.setattr(closed_lips, "painted", lambda face, *given: told.append(given) or 127.5 * (face + 1))
    place, own = sitter.mouth()._place, sitter.outline.own
    closed(place, own, sitter.rest, place.pixels, 1.0)
    _, shade, around = told[0]
    assert np.array_equal(around, skin)
    assert np.all(shade + 1 < 0.97 * (lips + 1)) if lips < 0 else np.all(shade == lips)


def test_painted_skin_is_neither_greener_nor_yellower_than_the_skin_around(points, monkeypatch):
    """In a face half in the light, half in a shade of another colour."""
    where = closed_lips.masks(points, 0.8)
    sunny, shady = np.float32([200, 140, 100]), np.float32([104, 77, 72])
    right = (np.arange(SIZE[0]) >= SIZE[0] // 2)[None, :, None]
    face = np.where(right, shady, sunny) * np.ones((SIZE[1], 1, 1), np.float32)
    weights = np.float32([0.299, 0.587, 0.114])
    lips = np.maximum(*where[1:])
    beyond = np.abs(np.arange(SIZE[0]) - SIZE[0] / 2) > 20
    away = (where[0] > 0.9) & (cv2.dilate(lips, np.ones((9, 9), np.uint8)) == 0) & beyond

    def painted(skin, lip=(150, 80, 40)):
        paint = np.where(lips[..., None] > 0.5, np.float32(lip), np.float32(skin))
        monkeypatch.setattr(closed_lips, "network", lambda seen: paint.copy())
        return paint, closed_lips.painted(face / 127.5 - 1, where, np.zeros(3), np.zeros(3))

    green, made = painted((88, 84, 60))
    np.testing.assert_allclose(made @ weights, green @ weights, atol=0.1)
    for half, colour in ((~right[..., 0], sunny), (right[..., 0], shady)):
        assert (away & half).sum() > 20
        tint = (made / (made @ weights)[..., None])[away & half] - colour / (colour @ weights)
        assert tint[:, 1].max() < 0.02 and tint[:, 2].min() > -0.06
    np.testing.assert_allclose(made[lips > 0.99].mean(0), (150, 80, 40), atol=0.5)
    right_one, made = painted(face)
    np.testing.assert_allclose(made[away], right_one[away], atol=3)


def test_what_was_painted_is_made_sharper_and_as_light_as_before(sitter):
    place = sitter.mouth()._place
    paint = np.full((*SIZE[::-1], 3), 120, np.float32)
    paint[:, 64:] = 150
    where = np.ones((3, *SIZE[::-1]), np.float32)
    made = ready(place, cv2.GaussianBlur(paint, (0, 0), 2), where)[10, :, 1].astype(int)
    plain = cv2.resize(cv2.GaussianBlur(paint, (0, 0), 2), None, fx=FINER, fy=FINER, interpolation=cv2.INTER_CUBIC)
    assert np.diff(made).max() > 1.15 * np.diff(plain[10, :, 1].round()).max()
    assert made[:60].mean() == pytest.approx(120, abs=1) and made[-60:].mean() == pytest.approx(150, abs=1)


@pytest.fixture(scope="module")
def material(tmp_path_factory, points):
    """Mouths of two colours on plain skin, in the form that recipes.cut_closed_lips gives."""
    folder, rng = tmp_path_factory.mktemp("mouths"), np.random.default_rng(0)
    size = [side + 2 * cut_closed_lips.MARGIN for side in SIZE]
    for split, count in (("train", 6), ("val", 3)):
        pictures = np.empty((count, *size[::-1], 3), np.uint8)
        for picture, colour in zip(pictures, rng.integers(60, 255, (count, 3))):
            picture[:] = colour
            outer = points[RING : 2 * RING] + cut_closed_lips.MARGIN
            cv2.fillPoly(picture, [np.round(outer).astype(np.int32)], (colour * 0.7).tolist())
        np.save(folder / f"{split}_pictures.npy", pictures)
        np.save(folder / f"{split}_points.npy", np.stack([points + cut_closed_lips.MARGIN] * count).astype(np.float32))
        np.save(folder / f"{split}_pursed.npy", np.linspace(0, 1, count))
        np.save(folder / f"{split}_sets.npy", np.array(["a"] * (count - 1) + ["b"]))
    return folder


def test_a_resumed_run_equals_one_that_was_never_stopped(material, tmp_path, monkeypatch):
    def run(name, times):
        words = [f"data={material}", f"run={tmp_path / name}", "batch=2", "steps=4", "bfloat16=0"]
        for _ in range(times):
            train_closed_lips.main(words)
        return torch.load(tmp_path / name / "latest.pt", weights_only=False)

    # The learning rate falls over `steps`, so a stop is made by time and not by them.
    monkeypatch.setattr(net_run.time, "monotonic", iter([0, 0, 0, 1e9, *[0] * 50]).__next__)
    stopped, whole = run("stopped", 2), run("whole", 1)
    assert stopped["step"] == whole["step"] == 4
    for part in ("net", "average"):
        for name, value in whole[part].items():
            assert torch.equal(value, stopped[part][name]), (part, name)
    rows = list(csv.DictReader(open(tmp_path / "stopped" / "val.csv")))
    assert int(rows[-1]["step"]) == 4 and float(rows[-1]["error"]) > 0
    sheet = cv2.imread(str(tmp_path / "stopped" / "sheet.png"))
    assert sheet.shape == (6 * SIZE[1], 3 * SIZE[0], 3)  # photographed, hidden and painted, twice, of three


def test_mouths_are_drawn_hidden_and_as_photographed(material):
    mouths = train_closed_lips.Mouths(material, "train", 0)
    seen, wanted = mouths.draw(mouths.rows(8))
    assert seen.shape == (8, CHANNELS, *SIZE[::-1]) and wanted.shape == (8, 3, *SIZE[::-1])
    apart = (seen[:, :3] - wanted).abs()
    open_, hidden = (seen[:, 3:4] == 0).float(), (seen[:, 3:4] == 1).float()
    assert float((apart * open_).max()) < 0.02 and float((apart * hidden).max()) > 0.1


def test_errors_are_of_what_was_hidden_alone():
    wanted, hidden = torch.zeros(1, 3, 16, 16), torch.zeros(1, 1, 16, 16)
    hidden[..., 4:12, 4:12] = 1
    off = torch.ones_like(wanted) * (1 - hidden)
    assert painting.errors(off, wanted, hidden)[0] == 0
    value, slopes = painting.errors(hidden.expand_as(wanted) / 2, wanted, hidden)
    assert float(value) == pytest.approx(0.5) and float(slopes) > 0


def test_only_closed_mouths_are_cut_out(sitter):
    """Her laugh is not one; the same face at rest is, in the middle of what is stored."""
    with Tracker() as tracker:
        assert cut_closed_lips.cut(sitter.image, tracker) is None
        picture, points, _ = cut_closed_lips.cut(drawn(sitter.mouth(), sitter.image, sitter.rest), tracker)
    size = np.array(SIZE) + 2 * cut_closed_lips.MARGIN
    assert picture.shape == (*size[::-1], 3)
    np.testing.assert_allclose(points[np.r_[UPPER, LOWER]].mean(0), (size - 1) / 2, atol=0.5)
