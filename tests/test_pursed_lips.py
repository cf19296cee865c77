"""Skin around lips that purse is painted: what changes, what stays, and how a frame gets there."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from sitters import drawn

from talkinghead.face import lip_sheets
from talkinghead.face.lips import PURSED, purse
from talkinghead.face.mouth import Mouth
from talkinghead.face.mouth_layers import layers
from talkinghead.face.mouth_sheets import across
from talkinghead.face.outline import RING
from talkinghead.face.pursed_lips import changed, pursed
from talkinghead.units.names import INDEX


def pursing(sitter, image, matrix=None):
    """A mouth that is painted when it purses, and its points then."""
    goal = sitter.outline(purse(sitter.outline.rest)[None])[0]
    matrix = sitter.matrix if matrix is None else matrix
    return Mouth(image, matrix, sitter.outline.own, sitter.rest, sitter.eyes, 0, goal), goal


@pytest.fixture(scope="module")
def folded(sitter):
    """Her photograph with a soft fold that goes on from either corner of the mouth."""
    own, place = sitter.outline.own, sitter.mouth()._place
    corners = place.points(own[[RING, RING + RING // 2]]) + place.box[:2]
    way, shade = 0.08 * (corners[1] - corners[0]), np.zeros(sitter.image.shape[:2], np.uint8)
    for at, to in ((corners[0], -way), (corners[1], way)):
        ends = [tuple(np.round(16 * x).astype(int).tolist()) for x in (at + 0.2 * to, at + to)]
        cv2.line(shade, *ends, 255, round(0.03 * place.iod), cv2.LINE_AA, 4)
    shade = cv2.GaussianBlur(shade, (0, 0), 0.02 * place.iod)[..., None] / 255
    return (sitter.image * (1 - 0.5 * shade)).astype(np.uint8), shade


def test_a_purse_asks_for_more_than_rest_and_no_more_than_all(sitter):
    rest = sitter.outline.rest
    more = purse(rest)
    k = INDEX["LipsPucker"]
    assert more[k] == pytest.approx(rest[k] + PURSED)
    assert np.array_equal(np.delete(more, k), np.delete(rest, k))
    rest = rest.copy()
    rest[k] = 0.9
    assert purse(rest)[k] == 1


def test_folds_beside_the_corners_go_and_the_rest_of_the_face_stays(sitter, folded):
    image, shade = folded
    seen = []
    for picture in (sitter.image, image):
        mouth, goal = pursing(sitter, picture)
        place, own = mouth._place, sitter.outline.own
        made = layers(place, own, sitter.rest, sitter.eyes, 0)
        part = changed(place, own, goal)
        seen.append((made.shut[part], pursed(place, own, goal, made.parted, made.shut, made.soft)[1]))
    left, top, right, bottom = place.box
    fold = (shade[top:bottom, left:right, 0] > 0.5)[part]
    darker = [plain[fold].mean() - folded[fold].mean() for plain, folded in zip(*seen)]
    assert darker[0] > 20 and abs(darker[1]) < 0.3 * darker[0]
    for before, after in seen:
        border = np.ones(after.shape[:2], bool)
        border[3:-3, 3:-3] = False
        np.testing.assert_array_equal(after[border], before[border])


def test_a_frame_is_painted_as_far_as_the_mouth_is_drawn_together(sitter):
    mouth, goal = pursing(sitter, sitter.image)
    sheets, rest = mouth._lip_sheets, sitter.rest
    assert sheets.pursing(rest) == 0 and sheets.pursing(goal) == 1
    halves = [sheets.pursing(rest + share * (goal - rest)) for share in (0.3, 0.5, 0.7)]
    assert 0 < halves[0] < halves[1] < halves[2] < 1
    plain, painted = sheets(1.0, 0.0).astype(int), sheets(1.0, 1.0).astype(int)
    assert np.abs(plain - painted).max() > 20
    between = sheets(1.0, 0.5).astype(int)
    assert np.abs(between - (plain + painted) / 2).max() <= 1
    np.testing.assert_array_equal(sheets(1.0, 0.0), plain)  # what is mixed is not written over what it is mixed from


def test_mouths_at_rest_are_drawn_as_if_they_never_pursed(sitter):
    mouth, _ = pursing(sitter, sitter.image)
    plain = Mouth(sitter.image, sitter.matrix, sitter.outline.own, sitter.rest, sitter.eyes, 0)
    for points in (sitter.rest, sitter.opened()):
        if mouth._lip_sheets.pursing(points) == 0:
            np.testing.assert_array_equal(drawn(mouth, sitter.image, points), drawn(plain, sitter.image, points))
    assert mouth._lip_sheets.pursing(sitter.rest) == 0


def test_a_mouth_that_hardly_narrows_is_never_painted(sitter, monkeypatch):
    monkeypatch.setattr(lip_sheets, "pursed", lambda *_: pytest.fail("painted"))
    mouth = sitter.mouth()
    mouth.expect()
    assert mouth._lip_sheets.pursing(sitter.outline(purse(sitter.outline.rest)[None])[0]) == 0


def test_hair_around_the_mouth_stays(sitter):
    """Noise as strong as a beard, in a photograph as fine as one that shows hair."""
    image = cv2.resize(sitter.image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    matrix = sitter.matrix.copy()
    matrix[:, :2] /= 2
    rng = np.random.default_rng(0)
    hair = cv2.GaussianBlur(rng.normal(0, 1, image.shape[:2]), (0, 0), 1.2)
    beard = (image * (1 + 0.35 * hair / hair.std())[..., None]).clip(0, 255).astype(np.uint8)
    strength = []
    for picture in (image, beard):
        mouth, goal = pursing(sitter, picture, matrix)
        place, own = mouth._place, sitter.outline.own
        made = layers(place, own, sitter.rest, sitter.eyes, 0)
        part = changed(place, own, goal)
        after = pursed(place, own, goal, made.parted, made.shut, made.soft)[1].astype(np.float32)
        aside = np.abs(across(place, own)[part])
        beside = (aside > 1.15) & (aside < 1.4)
        change = np.abs(after - made.shut[part])[beside].mean()
        strength.append(change / made.shut[part].astype(np.float32)[beside].std())
    assert strength[1] < 0.3 * strength[0]


def test_a_mouth_of_a_few_pixels_purses_without_paint(head, astronaut):
    small = head.prepare(astronaut).smaller(82)
    assert next(small.draw(np.zeros((1, 46), np.float32))).shape == (82, 82, 3)


def test_skin_beside_the_corners_has_pores_as_the_photographs(sitter):
    """On fine noise all over the face: painted there, but no smoother than half as much."""
    noise = np.random.default_rng(0).normal(1, 0.04, sitter.image.shape[:2])[..., None]
    image = (sitter.image * noise).clip(0, 255).astype(np.uint8)
    mouth, goal = pursing(sitter, image)
    place, own = mouth._place, sitter.outline.own
    made, part = layers(place, own, sitter.rest, sitter.eyes, 0), changed(mouth._place, own, goal)
    after = pursed(place, own, goal, made.parted, made.shut, made.soft)[1]
    at = np.abs(across(place, own)[part])
    middle = place.points(own[[RING, RING + RING // 2]])[:, 1].mean() - part[0].start
    rows = np.abs(np.arange(len(at))[:, None] - middle) < 0.1 * place.iod
    beside = rows & (at > 1.1) & (at < 1.35)
    grain = [np.abs(cv2.Laplacian(picture, cv2.CV_32F)).mean(-1)[beside].mean() for picture in (made.shut[part], after)]
    assert grain[1] > 0.5 * grain[0]
