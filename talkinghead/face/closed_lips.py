"""Lips that a photograph shows apart, as they may look when they meet: a photograph's mouth in, its painted lips out.

A network (gath/painters.py) that has seen thousands of closed mouths paints one into the face at rest: it is shown
the face around, where the lips lie and about their colour. What it painted is carried back to where the photograph has
its lips, each lip for itself, and takes the fine structure of these.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from talkinghead.face.align import transform
from talkinghead.face.blur import blurred
from talkinghead.face.curves import curve, spline
from talkinghead.face.mouth_place import LUMINANCE, Place, below
from talkinghead.face.outline import IOD, LOWER, RING, UPPER
from talkinghead.face.painter import Painter, covered

WEIGHTS = Path(__file__).parents[1] / "assets" / "closed_lips.safetensors"
SIZE = (128, 96)  # pixels of the upright window that the network looks at, the middle of the lips in its middle
DENSITY = 267  # of its pixels in a side of the aligned face
# How much is hidden, and aside, as `masks` has it, of lips that are photographed so many inter-ocular distances apart:
# those of a laugh are stretched and pale, others keep all but what is next to the gap. RIM pixels beyond.
APART, HIDDEN, ASIDE, RIM = (0.04, 0.1, 0.2), (-0.5, 0.45, 0.8), (0, 0, 0.15), 5
SHADE = 0.93  # times as light as the same lips stretched, if these are darker than the skin, are lips that meet
BORDER = 9  # pixels around what is hidden that tell the skin's colour
ENOUGH = 10  # pixels that have a colour
TINTED, DARK, LIP = 12.0, 8, 5  # pixels over which skin has a colour; levels that have none; pixels of lips and rim
NEAR, SOFTER = 5.0, 0.5  # pixels, and of how far it goes, over which motion fades out around the skin's ring
NODES = (64, 56)  # across and down, at which what was painted is carried back
# Inter-ocular distances from the seam, and times the photograph's blur, within which a lip is what it is there: parted
# lips have no dark line.
PARTED, PARTED_SOFT = 0.015, 0.7
# Of the lips' own structure is what is finer than so many pixels of the window, and within these factors; a photograph
# with fewer pixels than the window by more than SAME has none.
FINE, SAME, STRUCTURE = 1.2, 1.1, (0.7, 1.4)
BLEND = 1.2  # pixels of the window over which painted becomes photographed
SHARPER = (1.6, 0.5)  # what is finer than so many pixels is painted too softly: so much of it is added
FINER = 3  # times as fine is the window that is read from, for smooth edges
HALVES = tuple(np.concatenate([ring * RING + half for ring in range(3)]) for half in (UPPER, LOWER))


def window(points: np.ndarray) -> np.ndarray:
    """[2, 3] from fractions of the aligned face to pixels of the window around the mouth's `points` [P, 2]."""
    middle = points[np.r_[UPPER, LOWER]].mean(0)
    return np.hstack([DENSITY * np.eye(2), (np.array(SIZE) / 2 - 0.5 - DENSITY * middle)[:, None]])


def window_pixel(place: Place) -> float:
    """The side of a pixel of the window, in the photograph's."""
    return place.iod / (DENSITY * IOD)


def masks(points: np.ndarray, hidden: float, aside: float = 0.0) -> np.ndarray:
    """What is hidden, the upper and the lower lip, float32 [3, H, W] in [0, 1], of a closed mouth whose `points`
    [P, 2] lie in pixels of the window; `hidden` says how much: from -1, a line between the lips, to 0, just the lips,
    to 1, all within the skin's ring, which is by the share `aside` wider."""
    inner, outer, skin = (points[ring * RING : (ring + 1) * RING] for ring in range(3))
    seam = curve((points[UPPER] + points[LOWER]) / 2)
    lips = [_filled(np.vstack([curve(outer[half]), seam[::-1]])) for half in (UPPER, LOWER)]
    near = outer + hidden * (skin - outer if hidden > 0 else outer - inner)
    near = cv2.dilate(_filled(aside_by(aside, near)), np.ones((RIM, RIM), np.uint8))
    return np.stack([near, *lips]).astype(np.float32) / 255


def aside_by(share: float, ring: np.ndarray) -> np.ndarray:
    """A ring [N, 2] that is by this share wider."""
    return ring + [share, 0] * (ring - ring.mean(0))


def colours(picture: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the lips and of the skin around, [3] each, in a window's picture [H, W, 3]."""
    hidden, *lips = masks(points, 1.0)
    beside = _beside(hidden)
    lip = np.maximum(*lips) > 0.7
    skin = np.median(picture[beside], 0) if beside.sum() > ENOUGH else picture.mean((0, 1))
    return (np.median(picture[lip], 0) if lip.sum() > ENOUGH else skin), skin


def shown(picture: np.ndarray, where: np.ndarray, lips: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """What the network sees [6, H, W] of a window's picture [H, W, 3] in [-1, 1]: `where` [3, H, W] as `masks` has it,
    the mouth in plain colours [3]."""
    lip = np.maximum(where[1], where[2])[..., None]
    return covered(picture, where, lip * lips + (1 - lip) * skin)


def painted(picture: np.ndarray, where: np.ndarray, lips: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """What the network makes of a window as `shown` takes it: float32 [H, W, 3] in 0 to 255, about."""
    return _tinted(network(shown(picture, where, lips, skin)), (picture + 1) * np.float32(127.5), where)


def _tinted(paint: np.ndarray, picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """What was painted in a window's picture, both [H, W, 3] in 0 to 255, its skin neither greener nor yellower than
    the skin around: where light and shade have colours of their own, a network errs."""
    beside = _beside(where[0]).astype(np.float32)[..., None]
    if beside.sum() <= ENOUGH:
        return paint
    # Green and blue, each over the light.
    seen, own = (np.dstack([part[..., 1:], np.maximum(part @ LUMINANCE, DARK)]) for part in (picture, paint))
    around = blurred(seen * beside, TINTED) + 1e-6
    change = around[..., :2] / around[..., 2:] - own[..., :2] / own[..., 2:]
    lip = cv2.dilate(np.maximum(*where[1:]), np.ones((LIP, LIP), np.uint8))
    skin = 1 - cv2.GaussianBlur(lip, (0, 0), BLEND)  # for lips may be yellower, though not greener
    change = np.dstack([change[..., 0].clip(max=0), change[..., 1].clip(0) * skin]) * own[..., 2:]
    return paint + np.dstack([-(change @ LUMINANCE[1:]) / LUMINANCE[0], change])


def _beside(hidden: np.ndarray) -> np.ndarray:
    """The pixels just outside of what is `hidden` [H, W], bool."""
    return (cv2.dilate(hidden, np.ones((BORDER, BORDER), np.uint8)) > 0.5) & (hidden < 0.1)


def ready(place: Place, paint: np.ndarray, where: np.ndarray) -> np.ndarray:
    """What was painted, RGBA uint8 of a window FINER, as colourful as the photograph, opaque `where` it was hidden."""
    paint = paint + np.float32(SHARPER[1]) * (paint - cv2.GaussianBlur(paint, (0, 0), SHARPER[0]))
    share = cv2.GaussianBlur(where[0], (0, 0), BLEND)
    paint = np.dstack([place.greyed(paint), 255 * share]).clip(0, 255).astype(np.uint8)
    return cv2.resize(paint, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_CUBIC)


def closed(
    place: Place, own: np.ndarray, rest: np.ndarray, pixels: np.ndarray, soft: float
) -> tuple[np.ndarray, np.ndarray]:
    """The mouth's `pixels` RGB uint8 [h, w, 3] of a Place's box twice, its lips painted: as they part, and as they
    meet. `own` and `rest` [P, 2] are its points as photographed, and closed; what is between the lips is covered;
    `soft` is how blurred the photograph is, pixels."""
    to_window = window(rest)
    points = transform(to_window, rest)
    face = at_rest(place, own, rest, pixels, around_too=True) / np.float32(127.5) - 1
    gap = float((own[LOWER, 1] - own[UPPER, 1]).max()) / IOD
    where = masks(points, *(np.interp(gap, APART, much) for much in (HIDDEN, ASIDE)))
    lips, skin = colours(face, points)
    if lips @ LUMINANCE < skin @ LUMINANCE:
        lips = SHADE * (lips + 1) - 1
    paint = ready(place, painted(face, where, lips, skin), where)
    part = around(place, own[2 * RING : 3 * RING])
    maps = back(place, part, own, rest, around_too=True)
    lower = below(place.points(curve((own[UPPER] + own[LOWER]) / 2)), place.shape, cv2.LINE_AA)[part]
    seam, made = curve((points[UPPER] + points[LOWER]) / 2), []
    fine = window_pixel(place) >= SAME
    structure = finer(place, pixels[part], FINE, STRUCTURE) if fine else None
    for apart in (PARTED * place.iod + PARTED_SOFT * soft, 0.0):
        at = held(maps, seam, apart / window_pixel(place))
        made.append(pixels.copy())
        made[-1][part] = laid(pixels[part], paint, at, lower, structure)
    return made[0], made[1]


def _near(ring: np.ndarray, reach: float) -> np.ndarray:
    """How far pixels take part in the motion of what a mask uint8 [h, w] shows, float32 [h * w, 1] in [0, 1]: those
    within `reach` of it wholly."""
    side = 2 * round(reach) + 1
    wide = cv2.dilate(ring, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    return cv2.GaussianBlur(wide, (0, 0), max(NEAR, SOFTER * reach)).reshape(-1, 1) / np.float32(255)


def _furthest(own: np.ndarray, rest: np.ndarray) -> float:
    """How far a point moves at most, pixels of the window."""
    return DENSITY * float(np.linalg.norm(rest - own, axis=-1).max())


def _filled(ring: np.ndarray) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], np.uint8)
    return cv2.fillPoly(mask, [np.round(ring * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)


def at_rest(
    place: Place, own: np.ndarray, rest: np.ndarray, pixels: np.ndarray, around_too: bool = False
) -> np.ndarray:
    """The window of the face at rest, float32 [H, W, 3], its two lips moved there from where they were photographed;
    and with `around_too` what lies around, or lips that were wide open would be seen below those that meet."""
    to_window = window(rest)
    points = transform(to_window, rest)
    x, y = np.meshgrid(*(np.arange(side) for side in SIZE))
    grid = transform(cv2.invertAffineTransform(to_window), np.stack([x, y], -1).reshape(-1, 2)).astype(np.float32)
    near = _near(_filled(points[2 * RING : 3 * RING]), around_too * _furthest(own, rest))
    scale = min(1.0, 1 / window_pixel(place))
    whole, corner = _with_face(place, pixels, to_window)
    small = cv2.resize(whole, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    sides = np.array(whole.shape[1::-1]) / small.shape[1::-1]
    views = []
    for half in HALVES:
        at = place.points(grid + near * spline(rest[half], own[half] - rest[half], grid)) - corner
        at = ((at + 0.5) / sides - 0.5).astype(np.float32).reshape(*SIZE[::-1], 2)
        views.append(cv2.remap(small, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32))
    lower = below(curve((points[UPPER] + points[LOWER]) / 2), SIZE[::-1], cv2.LINE_AA)[..., None] / np.float32(255)
    return views[0] + lower * (views[1] - views[0])


def _with_face(place: Place, pixels: np.ndarray, to_window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The box's `pixels` and as much of the photograph around as the window shows; and where that begins in the box."""
    corners = np.array([(0, 0), (SIZE[0], 0), (0, SIZE[1]), SIZE], np.float64)
    corners = transform(place.to_image, transform(cv2.invertAffineTransform(to_window), corners))
    box, extent = np.array(place.box), place.image.shape[1::-1]
    left, top = np.minimum(np.floor(corners.min(0)), box[:2]).astype(int).clip(0, extent)
    right, bottom = np.maximum(np.ceil(corners.max(0)), box[2:]).astype(int).clip(0, extent)
    whole, corner = place.image[top:bottom, left:right].copy(), np.array((left, top)) - box[:2]
    height, width = pixels.shape[:2]
    whole[-corner[1] : height - corner[1], -corner[0] : width - corner[0]] = pixels
    return whole, corner


def around(place: Place, points: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns of the box in which painting the mouth within `points` [N, 2] may change something."""
    ring, beyond = place.points(points), 2 * RIM * window_pixel(place)
    low = np.floor(ring.min(0) - beyond).astype(int).clip(0)
    high = np.minimum(np.ceil(ring.max(0) + beyond).astype(int), place.shape[::-1])
    return slice(low[1], max(high[1], low[1] + 1)), slice(low[0], max(high[0], low[0] + 1))


def back(
    place: Place, part: tuple[slice, slice], own: np.ndarray, rest: np.ndarray, around_too: bool = False
) -> list[np.ndarray]:
    """Where the pixels of a part of the box lie in the window when the lips meet, float32 [h, w, 2], for upper and
    lower lip; `around_too` as `at_rest` has it."""
    corner, size = (part[1].start, part[0].start), (part[1].stop - part[1].start, part[0].stop - part[0].start)
    sides = np.array(size) / NODES
    x, y = np.meshgrid(*(np.arange(count) for count in NODES))
    nodes = (np.stack([x, y], -1) + 0.5) * sides - 0.5 + corner + place.box[:2]
    nodes = transform(place.to_face, nodes.reshape(-1, 2)).astype(np.float32)
    ring = (place.points(own[2 * RING : 3 * RING]) - corner + 0.5) / sides - 0.5
    near = np.zeros(NODES[::-1], np.uint8)
    cv2.fillPoly(near, [np.round(ring * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    near = _near(near, around_too * _furthest(own, rest) * window_pixel(place) / sides.mean())
    to_window, maps = window(rest), []
    for half in HALVES:
        at = transform(to_window, nodes + near * spline(own[half], rest[half] - own[half], nodes))
        maps.append(cv2.resize(at.astype(np.float32).reshape(*NODES[::-1], 2), size))
    return maps


def held(maps: list[np.ndarray], seam: np.ndarray, apart: float) -> list[np.ndarray]:
    """The maps with what lies nearer to the seam [N, 2] than `apart` pixels, or beyond it, read from there."""
    columns, kept = np.arange(SIZE[0], dtype=np.float32), []
    line = np.interp(columns, *seam.T).astype(np.float32)[None]
    for at, side in zip(maps, (-1, 1)):
        x, y = np.ascontiguousarray(at[..., 0]), at[..., 1]
        limit = cv2.remap(line, x, 0 * x, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) + side * apart
        kept.append(np.dstack([x, np.minimum(y, limit) if side < 0 else np.maximum(y, limit)]))
    return kept


def finer(place: Place, picture: np.ndarray, than: float, factors: tuple[float, float]) -> np.ndarray:
    """What a picture of a part of the box shows that is finer `than` so many pixels of the window, as float32
    [h, w, 3] to multiply by, within these factors."""
    light = picture.astype(np.float32) + 8  # in the dark, noise is no structure
    return (light / blurred(light, max(than * window_pixel(place), 0.5))).clip(*factors)


def laid(
    pixels: np.ndarray, painted: np.ndarray, maps: list[np.ndarray], lower: np.ndarray, structure: np.ndarray | None
) -> np.ndarray:
    """What was painted, RGBA of a window FINER, over pixels [h, w, 3], by a map for what lies above the seam and one
    for what lies below; `structure` as `finer` has it."""
    lips = []
    for at in maps:
        at = np.float32(FINER) * at + np.float32((FINER - 1) / 2)
        lips.append(cv2.remap(painted, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT))
    share = lower * np.float32(1 / 255)
    both = cv2.blendLinear(*lips, 1 - share, share)
    colour, alpha = both[..., :3], both[..., 3] * np.float32(1 / 255)
    if structure is not None:
        colour = cv2.multiply(colour, structure, dtype=cv2.CV_8U)
    return cv2.blendLinear(np.ascontiguousarray(colour), np.ascontiguousarray(pixels), alpha, 1 - alpha)


network = Painter(WEIGHTS, SIZE)
