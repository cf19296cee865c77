from __future__ import annotations

import time
import warnings

import cv2
import numpy as np
import pytest
from conftest import SIZE
from scipy.ndimage import gaussian_filter

from talkinghead.face import sheets
from talkinghead.face.align import alignment
from talkinghead.face.frames import YUV
from talkinghead.face.head import KNEE, Head
from talkinghead.face.matte import matte
from talkinghead.face.mouth_view import View
from talkinghead.face.plate import plate
from talkinghead.face.render import Renderer
from talkinghead.media.yuv import to_yuv
from talkinghead.units.names import INDEX
from talkinghead.units.pose import NEUTRAL

STILL = tuple(np.zeros((channels, SIZE, SIZE), np.float32) for channels in (2, 1, 3))  # flow, mask, colour
BUSY = np.array([6, -4, 5, 0.1, -0.08, 1.04], np.float32)


@pytest.fixture(scope="module")
def portrait(astronaut):
    """The astronaut's upper part, at twice its size."""
    return cv2.resize(astronaut[:300, 60:400], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def face(portrait, tracker):
    return tracker(portrait)[0]


@pytest.fixture(scope="module")
def renderer(portrait, face):
    return Renderer(portrait, alignment(face.points, SIZE), SIZE)


@pytest.fixture(scope="module")
def solid(portrait, face):
    return Head(portrait, face.landmarks, face.pose)


def pose(**values):
    names = ("yaw", "pitch", "roll", "x", "y", "scale")
    return np.array([values.get(name, rest) for name, rest in zip(names, NEUTRAL)], np.float32)


@pytest.mark.parametrize("axis, angle", [(0, 7), (0, -7), (1, 5), (1, -5), (2, 6), (2, -6)])
def test_the_tracker_sees_the_pose_that_was_asked_for(axis, angle, tracker, face, renderer, solid):
    """Sign and size of each axis, by another party's measure; the other two axes stay."""
    asked = np.zeros(6) + NEUTRAL
    asked[axis] = angle
    seen = tracker(renderer(*STILL, posed=solid(asked)))[0].pose - face.pose
    assert 0.7 < seen[axis] / angle < 1.3
    assert np.abs(np.delete(seen, axis)).max() < 2


def test_place_and_size_are_in_inter_ocular_distances(tracker, face, renderer, solid):
    def eyes(moved):
        corners = tracker(renderer(*STILL, posed=solid(moved)))[0].points[[33, 263]]
        return corners.mean(0), np.linalg.norm(corners[1] - corners[0])

    (middle, unit), own = eyes(pose(x=0.15, y=-0.1)), face.points[[33, 263]]
    np.testing.assert_allclose((middle - own.mean(0)) / unit, (0.15, -0.1), atol=0.02)
    assert eyes(pose(scale=1.06))[1] / unit == pytest.approx(1.06, abs=0.015)


def test_straight_lines_behind_a_moving_head_stay_straight(portrait, face):
    """Slanted stripes behind the person: all that was seen of them stays the same where the head does not cover it."""
    height, width = portrait.shape[:2]
    y, x = np.mgrid[:height, :width]
    stripes = np.where(((x + 0.3 * y) // 24 % 2)[..., None] > 0, (225, 215, 190), (60, 90, 120))
    share = matte(portrait, face.points)[..., None] / 255
    picture = (share * portrait + (1 - share) * gaussian_filter(stripes.astype(float), (1, 1, 0))).astype(np.uint8)
    head, renderer = Head(picture, face.landmarks, face.pose), Renderer(picture, alignment(face.points, SIZE), SIZE)
    was = (share[..., 0] > 0).astype(np.uint8)
    for moved in (BUSY, pose(yaw=11), pose(pitch=-8, roll=-9)):
        posed = head(moved)
        # An edge of 165 levels, softened over two pixels, that is off by one pixel differs by about 60.
        off = np.abs(renderer(*STILL, posed=posed).astype(int) - picture).max(-1) > 30
        for reach, share_off in ((0.03, 0.02), (0.15, 0.002)):  # hair is soft: next to it little, farther off nothing
            covers = cv2.dilate(was, np.ones(2 * [2 * round(reach * head.unit) + 1], np.uint8))
            free = (covers == 0) & (cv2.remap(covers, *_everywhere(posed, portrait), cv2.INTER_NEAREST) == 0)
            assert free.mean() > 0.3 and off[free].mean() < share_off


def _everywhere(posed, picture):
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    return posed.seen(np.stack([x, y], -1)).astype(np.float32), None


def test_there_is_no_hole_and_no_tear(face, portrait):
    """A picture of one colour stays one, whatever moves in front of whatever, up to its border and beyond."""
    for box in ((0, 680, 0, 600), (170, 520, 60, 420)):  # the whole picture; the border cuts head and shoulders
        left, right, top, bottom = box
        plain = np.full((bottom - top, right - left, 3), (180, 120, 60), np.uint8)
        landmarks = face.landmarks - (left, top, 0)
        head = Head(plain, landmarks, face.pose)
        renderer = Renderer(plain, alignment(landmarks[:, :2], SIZE), SIZE)
        for moved in (BUSY, -BUSY + 2 * NEUTRAL, pose(x=0.3, y=0.3)):
            assert np.abs(renderer(*STILL, posed=head(moved)).astype(int) - plain).max() <= 2


def test_a_border_that_cuts_a_head_lets_it_move_along(face, portrait):
    """Across it nobody knows what would come in; along it a head that would stop there would be bent."""
    top = round(float(face.points[:, 1].min())) - 25  # in her hair
    head = Head(portrait[top:], face.landmarks - (0, top, 0), face.pose)
    middle = int(face.points[:, 0].mean())
    above = np.array([[middle, row] for row in (2, 30)], float)
    moved = head(pose(roll=8)).carried(above) - above
    assert np.abs(moved[0, 1]) < 0.5 and moved[0, 0] < -5 and moved[0, 0] / moved[1, 0] > 0.95
    assert np.abs(head(pose(pitch=-6)).carried(above) - above)[:, 1].argmax() == 1


def test_what_is_far_from_the_face_does_not_move(portrait, face, renderer, solid):
    """Farther than 1.6 inter-ocular distances; and there is nothing that could not be told from a still frame."""
    hull = cv2.convexHull(face.points.astype(np.int32))
    near = cv2.fillConvexPoly(np.zeros(portrait.shape[:2], np.uint8), hull, 1)
    near = cv2.dilate(near, np.ones(2 * [int(3.2 * solid.unit) | 1], np.uint8)) > 0
    assert (~near).mean() > 0.1
    for moved in (BUSY, pose(yaw=-11, pitch=8, x=0.3)):
        frame = renderer(*STILL, posed=solid(moved))
        off = np.abs(frame.astype(int) - portrait)
        assert off[~near].max() <= 4 and off[~near].mean() < 0.01 and off[near].mean() > 1


def test_expression_and_pose_are_one_interpolation(portrait, renderer, solid):
    """The posed frame is the frame at rest seen through the pose; but drawn at once it is sharper than in two steps."""
    middle = np.zeros((SIZE, SIZE), np.float32)
    middle[40:90, 40:90] = 1
    flow = 0.03 * np.stack([gaussian_filter(middle, 8), -gaussian_filter(middle, 8)])
    still, posed = renderer(flow, *STILL[1:]), solid(BUSY)
    once = renderer(flow, *STILL[1:], posed=posed)
    twice = cv2.remap(still, *_everywhere(posed, portrait), cv2.INTER_LINEAR)
    left, top, right, bottom = renderer._region
    inside = np.s_[top + 60 : bottom - 60, left + 60 : right - 60]
    assert np.abs(once[inside].astype(int) - twice[inside]).mean() < 2
    assert np.abs(once[inside].astype(int) - portrait[inside]).mean() > 6
    detail = [cv2.Laplacian(x[inside], cv2.CV_32F).var() for x in (portrait, once, twice)]
    assert detail[2] < 0.97 * detail[1] and detail[1] > 0.6 * detail[0]


def test_paint_rides_on_the_head(renderer, solid):
    """What the generator paints lands where the pose has taken that place of the face."""
    mask, green = np.zeros((1, SIZE, SIZE), np.float32), np.full((3, SIZE, SIZE), -1, np.float32)
    mask[:, 60:70, 60:70], green[1] = 1, 1

    def middle(frame):
        paint = (frame.astype(int) @ (-1, 1, -1)) > 120
        return np.argwhere(paint).mean(0)[::-1]

    posed = solid(pose(x=0.2, y=0.1))
    where = middle(renderer(STILL[0], mask, green, posed=posed))
    np.testing.assert_allclose(posed.seen(where[None, None].astype(np.float32))[0, 0],
                               middle(renderer(STILL[0], mask, green)), atol=1.5)  # fmt: skip


def test_something_rigid_is_seen_where_the_head_carries_it(portrait, solid, renderer):
    """A layer that is a piece of the photograph is that piece of the posed frame."""
    left, top, right, bottom = 300, 160, 350, 200
    posed, middle = solid(BUSY), np.array([325.0, 180.0])
    corners = np.array([(left, top), (right, top), (left, bottom), (right, bottom)], np.float64)
    view = View(corners, portrait.shape[1::-1], middle, posed)
    piece = np.dstack([portrait, np.full(portrait.shape[:2], 255, np.uint8)])[top:bottom, left:right]
    layer = view.layer(piece, np.array([left, top]), (0, 0, *view.shape[::-1]))
    x0, y0, x1, y1 = view.box
    frame = renderer(*STILL, posed=posed)[y0:y1, x0:x1]
    full = cv2.erode((layer[..., 3] > 254).astype(np.uint8), np.ones((5, 5))) > 0
    assert full.sum() > 0.6 * (right - left) * (bottom - top)
    assert np.abs(frame[full].astype(int) - layer[..., :3][full]).mean() < 3
    np.testing.assert_allclose(view.points(middle[None])[0] + view.box[:2], posed.carried(middle[None])[0])
    np.testing.assert_allclose(posed.seen(posed.carried(corners)[None])[0], corners, atol=0.2)


def test_limits_are_soft_and_said_once(face, portrait):
    head = Head(portrait, face.landmarks, face.pose)
    small = NEUTRAL + np.r_[KNEE * head.limit] * 0.99
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        np.testing.assert_allclose(head.bear(small), small, rtol=1e-6)
        assert not said
        steps = np.array([head.bear(pose(yaw=a))[0] for a in range(0, 61)])
        head(pose(pitch=50)), head(pose(roll=-50))
    assert (np.diff(steps) >= 0).all() and (np.diff(steps, 2) <= 1e-9).all() and steps[-1] <= head.limit[0]
    assert len(said) == 1 and "head" in str(said[0].message)
    turned = Head(portrait, face.landmarks, np.array([20.0, 0, 0]))
    assert turned.limit[0] < head.limit[0]


def test_somebody_beside_stays(portrait, face):
    """Of two people in one picture the chosen one moves."""
    pair = np.hstack([portrait, portrait[:, ::-1]])
    head, renderer = Head(pair, face.landmarks, face.pose), Renderer(pair, alignment(face.points, SIZE), SIZE)
    frame = renderer(*STILL, posed=head(BUSY))
    other = np.s_[:, 680 + 150 :]
    assert np.abs(frame[other].astype(int) - pair[other]).max() <= 1


def test_puppet_without_motion_is_the_photographs_bit_for_bit(head, portrait):
    puppet = head.prepare(portrait)
    units = np.tile(puppet.units, (3, 1))
    units[:, INDEX["JawOpen"]] = (0, 0.4, 0.8)
    still = list(puppet.draw(units))
    assert "head" not in vars(puppet)  # nothing was made for it
    for plain, given in zip(still, puppet.draw(units, pose=np.tile(NEUTRAL, (3, 1)))):
        assert np.array_equal(plain, given)
    together = list(puppet.draw(units, pose=np.tile(BUSY, (3, 1))))
    assert not np.array_equal(together[1], still[1])
    for i, frame in enumerate(together):
        assert np.array_equal(next(puppet.draw(units[i : i + 1], pose=BUSY[None])), frame)


def test_cropped_head_moves_too(head, portrait):
    puppet = head.prepare(portrait, crop=True)
    frame = next(puppet.draw(puppet.units[None], pose=pose(roll=6)[None]))
    seen = head.tracker(frame)[0].pose - head.tracker(next(puppet.draw(puppet.units[None])))[0].pose
    assert frame.shape == (puppet.height, puppet.width, 3) and puppet.height == puppet.width
    assert seen[2] == pytest.approx(6, abs=2)


@pytest.mark.parametrize("limit", [sheets.FINER_PIXELS, 1])
def test_a_heads_frames_are_those_of_its_colours(face, portrait, monkeypatch, limit):
    """Planes that are read in blocks, with an opacity that is half as fine, against RGB that is read pixel by pixel."""
    monkeypatch.setattr(sheets, "FINER_PIXELS", limit)
    renderer, head = Renderer(portrait, alignment(face.points, SIZE), SIZE), Head(portrait, face.landmarks, face.pose)
    in_colours = to_yuv(renderer(*STILL, posed=head(BUSY))).astype(int)
    change = in_colours - renderer(*STILL, posed=head(BUSY), planar=True)
    assert np.abs(in_colours - to_yuv(portrait)).max() > 100
    assert 10 * np.log10(255**2 / np.mean(change**2)) > 40 and np.abs(change).max() < 40


def test_a_plate_that_was_let_go_is_made_again(face, portrait):
    made = Head(portrait, face.landmarks, face.pose)
    before, plate = made.sheet(YUV), made.plate.copy()
    made.let_go(YUV)
    assert np.array_equal(made.plate, plate)
    assert all(np.array_equal(*pair) for pair in zip(made.sheet(YUV).lit, before.lit, strict=True))


def test_speed(portrait, renderer, solid):
    """Processor time of one thread, as videos are drawn: a pose costs little more than the same frame at rest, by the
    time that this machine, busy as it may be, takes to move a picture of twice the size."""
    flow = np.full((2, SIZE, SIZE), 0.01, np.float32)
    fine = cv2.resize(portrait, None, fx=2, fy=2)
    y, x = np.mgrid[: fine.shape[0], : fine.shape[1]].astype(np.float32)
    drawn = {
        "at rest": lambda: renderer(flow, *STILL[1:], planar=True),
        "posed": lambda: renderer(flow, *STILL[1:], posed=solid(BUSY), planar=True),
        "moved": lambda: cv2.remap(fine, x + 2.3, y, cv2.INTER_LINEAR),
    }
    threads, times = cv2.getNumThreads(), {name: [] for name in drawn}
    cv2.setNumThreads(1)
    try:
        for _ in range(12):
            for name, draw in drawn.items():
                start = time.thread_time()
                draw()
                times[name].append(time.thread_time() - start)
    finally:
        cv2.setNumThreads(threads)
    rest, posed, moved = (min(times[name]) for name in drawn)
    assert posed < rest + 0.6 * moved


def test_nothing_of_a_person_is_left_on_the_plate():
    image = np.full((200, 200, 3), 90, np.uint8)
    opacity = cv2.circle(np.zeros((200, 200), np.uint8), (100, 100), 70, 255, -1)
    image[opacity > 0] = 250
    found = plate(image, opacity, 40.0)
    assert np.abs(found.astype(int) - 90).max() <= 2


def test_single_hairs_beside_a_person_are_not_on_the_plate_but_thin_things_farther_off_are():
    image = np.full((240, 240, 3), 200, np.uint8)
    opacity = cv2.circle(np.zeros((240, 240), np.uint8), (120, 120), 60, 255, -1)
    image[opacity > 0] = 30
    cv2.line(image, (120, 62), (135, 53), (60, 60, 60), 1)  # a hair that sticks out
    cv2.line(image, (20, 20), (60, 20), (60, 60, 60), 1)
    found = plate(image, opacity, 80.0)
    assert found[:, 70:170].min() > 180
    np.testing.assert_array_equal(found[10:30, 10:70], image[10:30, 10:70])


def test_a_thin_line_that_comes_from_far_off_is_no_hair_but_goes_on_behind():
    image = np.full((240, 240, 3), 200, np.uint8)
    image[118:120] = 60  # mortar
    opacity = np.zeros((240, 240), np.uint8)
    opacity[60:, 90:150] = 255
    found = plate(np.where(opacity[..., None] > 0, np.uint8(30), image), opacity, 80.0)
    assert found[118:120, 20:110].max() < 100
    assert found[[110, 111, 127, 128], 20:110].min() > 180


def test_what_is_rough_beside_a_person_is_rough_behind():
    """Near the outline, as much as outside; in plain colours nothing is."""
    random = np.random.default_rng(0)
    rough = cv2.GaussianBlur(random.normal(128, 120, (300, 300, 3)), (0, 0), 1.5).clip(0, 255).astype(np.uint8)
    opacity = np.zeros((300, 300), np.uint8)
    opacity[60:, 110:190] = 255
    found = plate(np.where(opacity[..., None] > 0, np.uint8(0), rough), opacity, 80.0)
    inside, outside = found[100:280, 112:118], rough[100:280, 60:90]
    assert 0.6 < inside.std() / outside.std() < 1.2
    assert abs(inside.mean() - outside.mean()) < 5


def test_what_stands_alone_beside_a_person_is_not_mirrored_behind():
    """A star of a flag, of which a mirror would make shards."""
    image = np.full((300, 300, 3), 60, np.uint8)
    for y in range(70, 280, 40):
        image[y : y + 8, 90:98] = 230
    opacity = np.zeros((300, 300), np.uint8)
    opacity[60:, 110:190] = 255
    found = plate(np.where(opacity[..., None] > 0, np.uint8(0), image), opacity, 80.0)
    assert np.abs(found[:, 108:190].astype(int) - 60).max() < 10


def test_lines_beside_a_person_go_on_behind():
    """Also one that runs along the outline: what is hidden of it is not filled from the side."""
    y, x = np.mgrid[:300, :300]
    lines = np.where((((x + 0.2 * y) // 20) % 2)[..., None] > 0, (220, 210, 190), (60, 90, 120)).astype(np.float32)
    lines = cv2.GaussianBlur(lines, (0, 0), 1).astype(np.uint8)
    opacity = np.zeros((300, 300), np.uint8)
    opacity[60:240, 120:180] = 255
    found = plate(np.where(opacity[..., None] > 0, np.uint8(0), lines), opacity, 80.0)
    edged = cv2.copyMakeBorder(lines, 1, 1, 1, 1, cv2.BORDER_REPLICATE).astype(int)
    off = np.min([np.abs(found - edged[a : a + 300, b : b + 300]).max(-1) for a in range(3) for b in range(3)], axis=0)
    assert (off[60:240, 120:180] > 30).mean() < 0.05


def test_a_line_behind_a_person_passes_from_one_ends_colour_to_the_others():
    image = np.full((160, 160, 3), 120, np.uint8)
    image[72:88, :80], image[72:88, 80:] = 220, 30
    opacity = np.zeros((160, 160), np.uint8)
    opacity[50:110, 55:105] = 255
    found = plate(image, opacity, 80.0)[80, 55:105, 0].astype(int)
    assert (np.diff(found) <= 2).all() and found[0] > 200 and 100 < found[25] < 150 and found[-1] < 50
