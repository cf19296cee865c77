"""Frames in the encoder's own colours against the RGB ones, the arrays they live in, and the tiles that are drawn."""

import cv2
import numpy as np
import pytest

from talkinghead.face import sheets
from talkinghead.face.align import alignment
from talkinghead.face.frames import RGB, YUV, Frames
from talkinghead.face.render import Renderer
from talkinghead.face.sheets import FINER_PIXELS, finer
from talkinghead.face.warp import _between, _loosely, _rectangles, shares
from talkinghead.media.yuv import even, planes, to_yuv

SIZE = 128


def psnr(a, b):
    return 10 * np.log10(255**2 / max(1e-9, np.mean((a.astype(float) - b) ** 2)))


@pytest.fixture(scope="module")
def maps():
    """A mouth that opens and a little paint, as a generator would have them."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    bump = np.exp(-((x - 0.5) ** 2 + (y - 0.7) ** 2) / 0.02).astype(np.float32)
    flow = np.stack([0.01 * np.sin(9 * y) * bump, -0.05 * bump]).astype(np.float32)
    return flow, 0.6 * bump[None] ** 4, np.stack([0.2 - bump, -0.5 + 0 * bump, -0.6 + 0 * bump]).astype(np.float32)


@pytest.mark.parametrize("scale", [1.0, 1.703, 3.0])
def test_planar_frames_show_what_rgb_frames_show(astronaut, astronaut_face, maps, scale):
    image = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    renderer = Renderer(image, alignment(astronaut_face.points * scale, SIZE), SIZE)
    rgb, planar = renderer(*maps), renderer(*maps, planar=True)
    assert np.abs(rgb.astype(int) - image).max() > 30
    for ours, theirs in zip(planes(planar), planes(to_yuv(even(rgb)))):
        assert psnr(ours, theirs) > 45
        assert (np.abs(ours.astype(int) - theirs) <= 1).mean() > 0.99  # rounded before they are moved, or after


def test_the_background_is_the_encoders_picture_of_the_photograph(astronaut, astronaut_face, maps):
    renderer, still = Renderer(astronaut, alignment(astronaut_face.points, SIZE), SIZE), to_yuv(astronaut)
    reach = renderer._region
    for strength in (1, 0.3, 0):
        planar = renderer(strength * maps[0], strength * maps[1], maps[2], planar=True)
        outside = np.ones(astronaut.shape[:2], bool)
        outside[reach[1] : reach[3], reach[0] : reach[2]] = False
        assert np.array_equal(planes(planar)[0][outside], planes(still)[0][outside])
    assert np.array_equal(planar, still)  # the last one does not move, and nothing is left of those before


def test_frames_that_are_held_do_not_change_and_those_let_go_are_used_again(astronaut, astronaut_face, maps):
    renderer = Renderer(astronaut, alignment(astronaut_face.points, SIZE), SIZE)
    held = [renderer(k / 4 * maps[0], maps[1], maps[2], planar=True) for k in range(4)]
    copies = [frame.copy() for frame in held]
    tops = [frame[:7, :9] for frame in held]  # a view holds its frame as well
    addresses = {frame.ctypes.data for frame in held}
    del held
    again = [renderer(*maps, planar=True) for _ in range(3)]
    assert addresses.isdisjoint(frame.ctypes.data for frame in again)
    for top, copy in zip(tops, copies):
        assert np.array_equal(top, copy[:7, :9])
    del tops, top
    assert renderer(*maps, planar=True).ctypes.data in addresses
    with pytest.raises(ValueError):
        again[0][:] = 0


def test_rgb_frames_are_the_callers_own(astronaut):
    frames = Frames(astronaut)
    renderer = Renderer(astronaut, np.eye(2, 3), SIZE)
    still = np.zeros((2, SIZE, SIZE), np.float32), np.zeros((1, SIZE, SIZE), np.float32), np.zeros((3, SIZE, SIZE))
    given = renderer(*still)
    given[:] = 0
    del given
    assert np.array_equal(renderer(*still), astronaut)
    frame = frames.new(RGB)
    frame.part((10, 20, 30, 40))[1][:] = 7
    assert np.array_equal(frames.given(frames.new(RGB)), astronaut)


def test_rectangles_cover_every_tile_once():
    rng = np.random.default_rng(0)
    for _ in range(100):
        cells = rng.random((rng.integers(1, 12), rng.integers(1, 12))) < rng.random()
        covered = np.zeros(cells.shape, int)
        most = int(rng.integers(1, 40))
        for x0, y0, x1, y1 in _rectangles(cells, most):
            assert (x1 - x0) * (y1 - y0) <= most
            covered[y0:y1, x0:x1] += 1
        assert np.array_equal(covered, cells.astype(int))


def test_rectangles_that_may_hold_others_hold_every_tile_once_and_few_others():
    rng, parts = np.random.default_rng(0), {0: 0, 6: 0}
    for _ in range(300):
        cells = rng.random((rng.integers(1, 12), rng.integers(1, 20))) < rng.random()
        for spare in parts:
            covered, boxes = np.zeros(cells.shape, int), list(_loosely(cells, spare))
            for x0, y0, x1, y1 in boxes:
                covered[y0:y1, x0:x1] += 1
            assert (covered[cells] == 1).all() and covered.max() <= 1
            bands = [slice(top, end) for top, end in {(box[1], box[3]) for box in boxes}]
            assert all((covered[rows] & ~cells[rows]).sum() <= spare for rows in bands)
            parts[spare] += len(boxes)
    assert 2 * parts[6] < parts[0]


@pytest.mark.parametrize("across, down, around", [(3.0, 1.5, 0), (1.5, 1.0, 1), (2.5, 4.0, 1)])
def test_what_opencv_makes_of_nodes_is_what_their_shares_do(across, down, around):
    known = np.random.default_rng(0).random((7, 9, 2)).astype(np.float32)
    size = int(7 * across) - 1, int(5 * down)  # of as many pixels as lie between nodes, or one less
    wide, high = shares(9, across, size[0], around), shares(7, down, size[1], around)
    made = _between(known, (across, down), size, around)
    for k in range(2):
        np.testing.assert_allclose(made[..., k], high.T @ known[..., k] @ wide, atol=1e-5)


@pytest.mark.parametrize("limit, times", [(FINER_PIXELS, 2), (1, 1)])
def test_a_finer_picture_made_in_strips_is_that_made_at_once(astronaut, monkeypatch, limit, times):
    monkeypatch.setattr(sheets, "FINER_PIXELS", limit)
    in_strips, found = finer(astronaut)
    monkeypatch.setattr(sheets, "STRIP", len(astronaut))
    at_once, _ = finer(astronaut)
    assert found == times and len(in_strips) == times * len(astronaut)
    assert np.abs(in_strips.astype(int) - at_once).max() <= 1


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("through", [False, True])
def test_pictures_are_read_by_four_nearly_as_they_are_by_one(through, times):
    """Planes and an opacity, as fine as the picture or twice as fine, that change smoothly, stretched by a fiftieth; of
    a box with odd halves, in part beyond the planes' borders."""
    rng, left, top, right, bottom = np.random.default_rng(0), 2, 0, 40, 30

    def plane(height, width):
        return cv2.resize(rng.integers(0, 256, (8, 9), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)

    half, whole = (32 * times, 40 * times), (80 * times, 64 * times)
    chroma, behind = [plane(*half), plane(*half)], [plane(64, 80), plane(32, 40), plane(32, 40)]
    lit = [plane(*whole[::-1]), *(cv2.resize(part, whole, interpolation=cv2.INTER_LINEAR) for part in chroma)]
    opacity = plane(*half)
    fine = cv2.resize(opacity, whole, interpolation=cv2.INTER_LINEAR)
    lit = [cv2.multiply(part, fine, scale=1 / 255) for part in lit]
    chroma = [cv2.resize(part, half[::-1], interpolation=cv2.INTER_AREA) for part in lit[1:]]
    by_one = sheets.Sheet(times, (0, 0), behind, cv2.merge([*lit, fine]))
    box, inner = (left, top, right, bottom), (left + 4, top + 8, right - 8, bottom - 6)
    by_four = sheets.Blocks(sheets.Planes(times, (0, 0), behind, [lit[0], *chroma], opacity))

    def at(box, block, scale, more, around):
        sides = [-(-(end - first) // wide) for first, end, wide in zip(box[:2], box[2:], block)]
        x, y = (
            (slope * ((np.arange(-around, side + around) + 0.5) * wide - 0.5 + first) + shift + 0.5) * times * scale
            - 0.5 * scale
            + plus
            for side, wide, first, slope, shift, plus in zip(sides, block, box[:2], (1.02, 0.98), (-4.3, 1.7), more)
        )
        return [of.astype(np.float32) for of in np.meshgrid(x, y)]

    drawn = []
    for one in (by_one, by_four):
        frame = Frames(np.zeros((64, 80, 3), np.uint8)).new(YUV)
        one.draw(frame, box, at, [inner] if through else [])
        drawn.append([part.astype(int) for part in frame.part(box)])
    for most, one, four in zip((3, 8, 8), *drawn):  # colours change as much within half as many pixels
        assert np.abs(one - four).max() <= most and one.std() > 5
