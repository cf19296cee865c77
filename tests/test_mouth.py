"""The mouth of layers: teeth that stand still, lips that are the photograph's, a patch that knows its place."""

from __future__ import annotations

import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from sitters import STILL, Sitter, drawn

from talkinghead.face import teeth
from talkinghead.face.align import transform
from talkinghead.face.curves import curve, spline
from talkinghead.face.mouth import Mouth
from talkinghead.face.mouth_layers import _white, layers, over
from talkinghead.face.mouth_place import LUMINANCE, softness
from talkinghead.face.outline import IOD, LOWER, RING, UPPER
from talkinghead.face.own_teeth import single


def test_own_mouth_is_the_photographs(sitter):
    assert np.array_equal(drawn(sitter.mouth(), sitter.image, sitter.outline.own), sitter.image)


def test_nothing_changes_away_from_the_mouth(sitter):
    frame = drawn(sitter.mouth(), sitter.image, sitter.opened())
    ys, xs = np.nonzero((frame != sitter.image).any(-1))
    points = sitter.face.points
    assert points[4, 1] - 8 < ys.min() and ys.max() < points[152, 1] + 0.3 * (points[152, 1] - points[4, 1])
    assert points[234, 0] < xs.min() and xs.max() < points[454, 0]


def test_an_open_mouth_is_dark_with_teeth_and_a_closed_one_is_lips(sitter):
    points = sitter.opened()
    frame = drawn(sitter.mouth(0), sitter.image, points)
    light = (frame @ np.array([0.299, 0.587, 0.114]))[sitter.inside(points)]
    lips = layers(sitter.mouth(0)._place, sitter.outline.own, sitter.rest, sitter.eyes, 0).parted
    assert (light < 60).mean() > 0.1 and (light > 130).mean() > 0.05 and light.max() > 150
    closed = drawn(sitter.mouth(0), sitter.image, sitter.rest)
    ring = transform(cv2.invertAffineTransform(sitter.matrix), sitter.rest[LOWER][3:8])
    on_seam = closed[ring[:, 1].round().astype(int), ring[:, 0].round().astype(int)]
    assert on_seam.max() < 1.1 * np.percentile(lips, 90)  # no line brighter than lips


def test_white_is_what_photographs_say_and_dark_lips_have_no_glaring_teeth(sitter):
    """In the dark, and of dark lips, teeth are darker, but less so than lips."""
    place, bright = sitter.mouth(0)._place, []
    for lip in (0.15, 0.3, 0.6):
        bright.append(float(_white(place, sitter.eyes, np.full(3, lip)) @ LUMINANCE))
    assert bright == sorted(bright) and bright[2] < 1 + 1e-6
    assert 1.2 < bright[1] / bright[0] < 2 and bright[0] < 0.55


def test_drawn_teeth_have_the_hue_of_photographed_ones():
    """Of 600 photographs, logarithms: red over green 0.13, blue over green -0.08, in light that is 0.06 red itself."""
    hues = []
    for seed in range(8):
        layer = teeth.upper(seed, np.zeros(3), 6.0)
        colour = layer.rgba[layer.rgba[..., 3] > 0.99][:, :3]
        red, green, blue = colour[colour.sum(1) > np.median(colour.sum(1))].mean(0)
        hues.append(np.log([red / green, blue / green]))
    assert np.mean(hues, 0) == pytest.approx([0.07, -0.06], abs=0.05)


def test_an_arch_that_turns_is_narrower_on_its_far_side():
    """Marks on a circle of the arch's radius, seen under a small angle: x - turn * depth, depth x ** 2 / (2 radius)."""
    rgba, marks = np.zeros((4, 601, 4), np.float32), (-20, -8, 0, 8, 14)
    for x in marks:
        rgba[:, round(10 * (x + 30))] = 1
    layer = teeth.Layer(rgba, -30.0, 0.0, 10.0)
    for turn in (0.4, -0.4):
        seen = teeth.turned(layer, turn)
        columns = cv2.GaussianBlur(seen.rgba[0, :, 3][None], (0, 0), 2)[0]
        for x in marks:
            at = round((x - turn * x**2 / (2 * teeth.ROUND) - seen.x) * 10)
            assert abs(np.argmax(columns[at - 6 : at + 7]) - 6) <= 1, x
        assert (seen.x + len(columns) / 10 if turn > 0 else -seen.x) < teeth.ROUND / abs(turn) / 2 + 0.2
    assert teeth.turned(layer, 0.0) is layer


def test_the_middle_of_the_teeth_lies_behind_that_of_the_lips(sitter):
    """Also in a head that turns, where that is not the middle between the corners."""
    middles = []
    for aside in (-0.3, -0.15, 0.0, 0.15, 0.3):
        rest = sitter.rest.copy()
        half, middle = np.ptp(rest[UPPER, 0]) / 2, rest[UPPER[[0, -1]], 0].mean()
        way = 1 - ((rest[: 2 * RING, 0] - middle) / half).clip(-1, 1) ** 2
        rest[: 2 * RING, 0] += aside * half * way
        made = layers(sitter.mouth(0)._place, sitter.outline.own, rest, sitter.eyes, 0).upper
        column = made[..., :3].sum((0, 2)).astype(float)
        clefts = -np.diff(np.sign(np.diff(cv2.GaussianBlur(column[None], (0, 0), 1.0)[0])))  # darkest lines below 0
        lines = np.flatnonzero(clefts < 0) + 1 + sitter.mouth(0)._place.box[0]
        lips = transform(cv2.invertAffineTransform(sitter.matrix), rest[UPPER[RING // 4]][None])[0, 0]
        middles.append(np.abs(lines - lips).min())
    assert max(middles) < 1.5  # pixels, of 100 between the eyes


def test_upper_teeth_stand_still_while_the_jaw_falls(sitter):
    """Where both mouths show upper teeth well below the lip, they show the same."""
    mouth = sitter.mouth(0)
    points = sitter.opened()
    fallen = points.copy()
    fallen[np.r_[LOWER[1:-1], RING + LOWER[1:-1]], 1] += 0.05 * IOD
    fallen[3 * RING :, 1] += 0.05 * IOD
    one, two = (drawn(mouth, sitter.image, p).astype(int) for p in (points, fallen))
    teeth_there = (one.min(-1) > 120) & sitter.inside(points)
    assert teeth_there.sum() > 100
    change = np.abs(one - two).max(-1)[teeth_there]
    assert np.median(change) < 12


def test_a_tongue_that_rises_fills_the_dark_behind_the_teeth_and_its_tip_covers_the_lower_ones(sitter):
    points, mouth = sitter.opened(), sitter.mouth(0)
    inside, light = sitter.inside(points), []
    for raised in (0.0, 0.1, 0.6, 1.0):
        frame = sitter.image.copy()
        mouth(points, STILL, tongue=raised).lay(frame)
        light.append((frame @ np.array([0.299, 0.587, 0.114]))[inside])
    lies, lower, ridge, between = light
    assert np.array_equal(lies, lower)
    assert (ridge < 60).mean() < 0.8 * (lies < 60).mean()
    assert 0.85 < np.median((ridge / lies)[lies > 130]) < 1.05  # teeth stay in front, and the light evens out
    assert (between != ridge).mean() > 0.05


def test_teeth_lie_in_shadow_behind_a_slit_and_in_light_behind_a_wide_opening(sitter):
    mouth, wide = sitter.mouth(0), sitter.opened()
    slit = sitter.rest + 0.1 * (wide - sitter.rest)
    gap = float((slit[LOWER, 1] - slit[UPPER, 1]).max()) / IOD
    brightest = [np.percentile(drawn(mouth, sitter.image, p)[sitter.inside(p)].min(-1), 95) for p in (slit, wide)]
    assert 0.02 < gap < 0.05 and brightest[0] < 0.75 * brightest[1]


def test_the_light_between_the_lips_is_steady_however_far_they_part(sitter):
    mouth, light = sitter.mouth(0), []
    for strength in np.linspace(0.4, 1, 7):
        points = sitter.opened(strength)
        light.append(drawn(mouth, sitter.image, points)[sitter.inside(points)].mean())
    assert max(light) < 1.3 * min(light)


def test_blurred_teeth_of_ones_own_are_single_ones_and_sharp_ones_stay():
    own = np.full((20, 80, 4), (230, 225, 215, 255), np.uint8)
    drawn = own.copy()
    drawn[:, ::8, :3] = 120
    place = SimpleNamespace(iod=80)
    blurred, sharp = (single(place, own, drawn, soft)[10].astype(int) for soft in (2.0, 0.5))
    assert np.array_equal(sharp, own[10])
    assert (blurred[::8, 0] < 200).all() and (blurred[4::8, 0] > 220).all() and (blurred[:, 3] == 255).all()


def test_corners_of_an_open_mouth_are_darker_than_its_middle(sitter):
    points = sitter.opened()
    frame = drawn(sitter.mouth(0), sitter.image, points).min(-1)
    inside = sitter.inside(points)
    left, right = np.flatnonzero(inside.any(0))[[0, -1]]
    aside = np.abs(2 * np.arange(inside.shape[1]) - left - right) / (right - left)
    middle, corners = (np.percentile(frame[inside & part], 90) for part in (aside < 0.4, aside > 0.8))
    assert corners < 0.7 * middle


def test_whose_teeth(sitter):
    points = sitter.opened()
    inside = sitter.inside(points)
    pictures = {which: drawn(sitter.mouth(which), sitter.image, points)[inside] for which in ("own", "none", 0, 7)}
    bright = {which: (pixels.min(-1) > 120).mean() for which, pixels in pictures.items()}
    least = min(bright[which] for which in ("own", 0, 7))
    assert bright["none"] < least / 2 and least > 0.03
    assert not np.array_equal(pictures[0], pictures[7]) and not np.array_equal(pictures["own"], pictures[0])


def test_lips_move_with_the_face_around_them(sitter):
    """A flow of the whole face by five pixels, and the mouth's points with it: the lips do not stay behind."""
    scale = np.hypot(*sitter.matrix[:, 0])
    step = 5 * scale * np.array([0, 1], np.float32)
    flow = np.broadcast_to(-step[:, None, None], (2, 64, 64)).astype(np.float32)
    mouth = sitter.mouth()
    both = (sitter.rest + step, flow), (sitter.rest, STILL)
    moved, still = (canvas(mouth(*where), sitter.image) for where in both)
    moved, still = moved[5:], still[:-5]
    sure = (moved[..., 3] == 255) & (still[..., 3] == 255)
    difference = np.abs(moved[..., :3].astype(int) - still[..., :3])[sure]
    assert sure.sum() > 1000 and np.percentile(difference, 95) <= 8


def test_corners_go_with_the_face_and_lips_that_meet_still_do(sitter):
    """A face that draws its cheeks in takes the corners along, but not the middle of the lips."""
    mouth, size = sitter.mouth(), 64
    aside = (np.arange(size, dtype=np.float32) + 0.5) / size - sitter.rest[:, 0].mean()
    flow = np.zeros((2, size, size), np.float32)
    flow[0], flow[1] = 0.3 * aside, 0.01
    moved = mouth.with_face(sitter.rest, flow)
    wide = np.ptp(moved[RING : 2 * RING, 0]) / np.ptp(sitter.rest[RING : 2 * RING, 0])
    assert 0.7 < wide < 0.98
    np.testing.assert_allclose(moved[LOWER, 1], moved[UPPER, 1], atol=1e-5)
    np.testing.assert_allclose(moved[LOWER[5]], sitter.rest[LOWER[5]], atol=1e-3)
    assert np.array_equal(mouth.with_face(sitter.outline.own, STILL), sitter.outline.own)


def test_parted_lips_have_no_dark_rim(sitter):
    """Lips photographed shut on a dark line: the line is there while they touch and gone once they part."""
    image, points = sitter.image.copy(), sitter.outline.own.copy()
    points[LOWER] = points[UPPER] = (points[LOWER] + points[UPPER]) / 2
    place = sitter.mouth()._place
    ring = [
        np.round(transform(place.to_image, part)).astype(np.int32) for part in (points[RING:][:RING], points[LOWER])
    ]
    cv2.fillPoly(image, [ring[0]], (190, 110, 100))
    cv2.polylines(image, [ring[1]], False, (40, 20, 20), 3)
    mouth = Mouth(image, sitter.matrix, points, points, sitter.eyes, "none")
    x, y = (ring[1][4] - place.box[:2]).tolist()
    made = layers(mouth._place, points, points, sitter.eyes, "none")
    shut, parted = (sheet[y, x].astype(int) for sheet in (made.shut, made.parted))
    assert shut.sum() < 150 and np.abs(parted - (190, 110, 100)).max() < 30


def test_lip_over_a_laugh_takes_the_colour_of_the_lip_it_belongs_to(sitter):
    """A dark upper lip and a pale lower one, white between them."""
    image, own = sitter.image.copy(), sitter.outline.own
    place = sitter.mouth()._place
    ring = lambda points: np.round(transform(place.to_image, points)).astype(np.int32)  # noqa: E731
    outer, inner = own[RING : 2 * RING], own[:RING]
    for half, colour in ((UPPER, (150, 80, 80)), (LOWER, (200, 130, 120))):
        cv2.fillPoly(image, [ring(np.vstack([outer[half], inner[half][::-1]]))], colour)
    cv2.fillPoly(image, [ring(inner)], (250, 250, 245))
    place = Mouth(image, sitter.matrix, own, sitter.rest, sitter.eyes, "none")._place
    parted = layers(place, own, sitter.rest, sitter.eyes, "none").parted
    middle = transform(place.to_image, own[[UPPER[5], LOWER[5]]]) - place.box[:2]
    reds = [int(parted[round(y), round(x), 0]) for x, y in 0.7 * middle + 0.3 * middle[::-1]]
    assert 140 < reds[0] < reds[1] - 10 < 205


def canvas(patch, image):
    """The patch where it lies in an empty picture."""
    out = np.zeros((*image.shape[:2], 4), np.uint8)
    h, w = patch.rgba.shape[:2]
    out[patch.top : patch.top + h, patch.left : patch.left + w] = patch.rgba
    return out


@pytest.mark.parametrize("density", [4.0, 12.0])
def test_teeth_are_seeded_and_drawn_to_measure(density):
    gum = np.array([0.8, 0.45, 0.43], np.float32)
    one, same, other = (teeth.upper(seed, gum, density) for seed in (3, 3, 4))
    assert np.array_equal(one.rgba, same.rgba) and not np.array_equal(one.rgba, other.rgba)
    for layer, edge in ((one, 1), (teeth.lower(3, gum, density), -1)):
        middle = layer.rgba[:, len(layer.rgba[0]) // 2 + round(2.5 * density), 3]
        rows = np.flatnonzero(middle > 0.5) / density + layer.y
        assert abs(rows.max() if edge > 0 else rows.min()) < 0.6  # the biting edge lies at zero
        assert np.ptp(rows) > 8
    assert one.rgba.min() >= 0 and one.rgba[..., 3].max() == 1


def test_teeth_drawn_coarsely_are_the_same_teeth():
    gum = np.array([0.8, 0.45, 0.43], np.float32)
    fine, coarse = (teeth.upper(3, gum, density).rgba for density in (12.0, 4.0))
    shrunk = cv2.resize(fine, coarse.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(cv2.GaussianBlur(shrunk - coarse, (0, 0), 1)).mean() < 0.02


def test_softness_tells_how_blurred_a_picture_is():
    step = np.zeros((100, 100, 3), np.uint8)
    step[:, 50:] = 200
    one, two = (softness(cv2.GaussianBlur(step, (0, 0), sigma)) for sigma in (1.0, 2.0))
    assert two == pytest.approx(2 * one, rel=0.2) and 0.5 < one < 1.5


def test_premultiplied_pictures_lie_over_each_other():
    rng = np.random.default_rng(0)
    alpha = rng.integers(0, 256, (2, 20, 20, 1))
    under, top = (np.dstack([rng.integers(0, 256, (20, 20, 3)) * a // 255, a]).astype(np.uint8) for a in alpha)
    expected = top + under * (1 - top[..., 3:] / 255.0)
    assert np.abs(over(under, top) - expected).max() <= 1


def test_the_spline_goes_through_its_points_and_keeps_what_is_linear():
    rng = np.random.default_rng(1)
    at = rng.random((20, 2)).astype(np.float32) * 0.2 + 0.4
    tilt = at @ np.array([[0.3, 0.1], [-0.2, 0.5]]) + 0.05
    where = rng.random((50, 2)).astype(np.float32) * 0.2 + 0.4
    linear = spline(at, tilt, where)
    np.testing.assert_allclose(linear, where @ np.array([[0.3, 0.1], [-0.2, 0.5]]) + 0.05, atol=1e-3)
    bent = tilt + 0.01 * np.sin(30 * at)
    assert np.abs(spline(at, bent, at) - bent).max() < 0.004


def test_a_curve_passes_its_landmarks():
    points = np.random.default_rng(2).random((7, 2))
    np.testing.assert_allclose(curve(points)[:: (len(curve(points)) - 1) // 6], points)


def test_layers_lend_their_light_from_the_eyes(sitter):
    """The same face in half the light has darker teeth; a darker skin alone would not."""
    lit, dim = (Sitter((sitter.image * share).astype(np.uint8), sitter.face) for share in (0.6, 0.3))
    bright, faint = (
        int(layers(s.mouth()._place, s.outline.own, s.rest, s.eyes, 0).upper[..., :3].max()) for s in (lit, dim)
    )
    assert 0.35 * bright < faint < 0.65 * bright


def test_a_mouth_costs_little(sitter):
    """Processor time of one thread at 1024 pixels, four times as many as 512."""
    mouth, points = sitter.mouth(), sitter.opened()
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        times = []
        for _ in range(8):
            start = time.process_time()
            mouth(points, STILL)
            times.append(time.process_time() - start)
    finally:
        cv2.setNumThreads(threads)
    assert min(times) < 0.03
