"""Lips that purse: a photograph's mouth in, the same with what a purse does to the skin around out.

Lips of a photograph that are drawn together take with them what lies beside them: the ends of a smile, its folds, a
moustache. The network that paints lips shut (closed_lips.py) is shown the mouth drawn together, with all of that
hidden, and paints it. Of the lips themselves only the light is its own; their structure stays the photograph's.
"""

from __future__ import annotations

import cv2
import numpy as np

from talkinghead.face import closed_lips as lips
from talkinghead.face.align import transform
from talkinghead.face.blur import blurred
from talkinghead.face.curves import curve
from talkinghead.face.mouth_place import Place, below
from talkinghead.face.mouth_sheets import FINEST, across
from talkinghead.face.outline import LOWER, RING, UPPER

HIDDEN, ASIDE = 1.1, 0.35  # how much is hidden, as closed_lips.masks has it
# Of the photograph's structure is kept what is finer than so many pixels of the window, within these factors; beside
# the corners, from so far within them to so far beyond, in halves of the mouth's width, only what is as fine and as
# faint as pores, and near the corners themselves, where lines are, the pores of so much further down.
FINE, STRUCTURE, PORES, FAINT = 2.5, (0.6, 1.5), 1.0, (0.9, 1.1)
CORNERS, LINES, FURTHER = (0.82, 1.1), (0.25, 0.5), 0.7
# Hair that a photograph shows stays: skin is painted less from the first to the second number of how strong that
# structure is over so many pixels of the window, in photographs of so many pixels between the eyes.
HAIRY, NEAR, SHARP = (0.065, 0.1), 14.0, (60, 80)
REFLECTED = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REFLECT}
ONE = (1.0, 1.25)  # halves of the mouth's width from and by which above and below are read as one


def changed(place: Place, own: np.ndarray, goal: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns of a Place's box that change when the mouth's `own` points [P, 2] purse to the `goal`."""
    outer, skin = (goal[ring * RING : (ring + 1) * RING] for ring in (1, 2))
    return lips.around(
        place, np.vstack([own[2 * RING : 3 * RING], lips.aside_by(ASIDE, outer + HIDDEN * (skin - outer))])
    )


def pursed(
    place: Place, own: np.ndarray, goal: np.ndarray, parted: np.ndarray, shut: np.ndarray, soft: float
) -> tuple[np.ndarray, np.ndarray]:
    """What is `changed` of both RGB uint8 [h, w, 3] of a Place's box, which show its lips `parted` and `shut`, as it is
    to be where lips purse: with `own` points [P, 2] seen at the `goal`. `soft` is how blurred they are, pixels."""
    face = lips.at_rest(place, own, goal, shut) / np.float32(127.5) - 1
    times = max(1, int(place.iod / FINEST))
    coarse, part = place.reduced(times), changed(place, own, goal)
    before = [_resized(picture, coarse.shape) for picture in (parted, shut)]
    made = []
    for picture, small, after in zip((parted, shut), before, _laid(coarse, own, goal, face, before, soft / times)):
        if coarse is place:
            made.append(after[part])
            continue
        change = _resized(after.astype(np.float32) - small, picture.shape)[part]  # all that is finer stays
        made.append((picture[part] + change + 0.5).clip(0, 255).astype(np.uint8))
    return made[0], made[1]


def _resized(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if picture.shape[:2] == tuple(shape[:2]):
        return picture
    smaller = shape[0] < picture.shape[0]
    return cv2.resize(picture, shape[1::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def _laid(
    place: Place, own: np.ndarray, goal: np.ndarray, face: np.ndarray, pictures: list[np.ndarray], soft: float
) -> list[np.ndarray]:
    """Pictures RGB uint8 of a Place's box, of lips that have parted and that meet, with what the network makes of the
    window's `face`, as lips.shown takes it."""
    points = transform(lips.window(goal), goal)
    where = lips.masks(points, HIDDEN, ASIDE)
    paint = lips.ready(place, lips.painted(face, where, *lips.colours(face, points)), where)
    part = changed(place, own, goal)
    (above, under), seam = lips.back(place, part, own, goal), curve((points[UPPER] + points[LOWER]) / 2)
    lower = below(place.points(curve((own[UPPER] + own[LOWER]) / 2)), place.shape, cv2.LINE_AA)[part]
    aside = np.abs(across(place, own)[part])
    keep, one = (np.interp(aside, *to).astype(np.float32)[..., None] for to in ((CORNERS, (1, 0)), (ONE, (0, 0.5))))
    maps, made = [above + one * (under - above), under + one * (above - under)], []
    left, right = place.points(own[[RING, RING + RING // 2]])
    further = np.float32([[1, 0, FURTHER * (right - left)[1] / 2], [0, 1, -FURTHER * (right - left)[0] / 2]])
    bare, skin = _bare(place, own, pictures[1])[part], _from_corners(place, own)[part]
    for picture, apart in zip(pictures, (lips.PARTED * place.iod + lips.PARTED_SOFT * soft, 0.0)):
        kept = lips.held(maps, seam, apart / lips.window_pixel(place))
        at = [free + (1 - 2 * one) * (near - free) for free, near in zip(maps, kept)]
        pores = lips.finer(place, picture[part], PORES, FAINT)
        pores = pores + (1 - skin) * (cv2.warpAffine(pores, further, pores.shape[1::-1], **REFLECTED) - pores)
        structure = pores + keep * (lips.finer(place, picture[part], FINE, STRUCTURE) - pores)
        laid = lips.laid(picture[part], paint, at, lower, structure)
        made.append(picture.copy())
        made[-1][part] = cv2.blendLinear(laid, np.ascontiguousarray(picture[part]), bare, 1 - bare)
    return made


def _bare(place: Place, own: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Where there is no hair but lips or skin, float32 [h, w] in [0, 1]."""
    pixel = lips.window_pixel(place)
    strong = blurred(np.abs(lips.finer(place, picture, FINE, STRUCTURE).mean(-1) - 1), NEAR * pixel)
    hair = np.interp(strong, HAIRY, (0, 1)) * np.interp(place.iod, SHARP, (0, 1))
    lip = blurred(place.filled(own[RING : 2 * RING]), 2 * pixel).astype(np.float32) / 255
    return (1 - hair * (1 - lip)).astype(np.float32)


def _from_corners(place: Place, own: np.ndarray) -> np.ndarray:
    """Where the box is skin that has no lines, float32 [h, w, 1]: not near the mouth's corners."""
    corners = place.points(own[[RING, RING + RING // 2]])
    at = np.stack(np.meshgrid(*(np.arange(side) for side in place.shape[::-1])), -1)
    away = np.minimum(*(np.linalg.norm(at - corner, axis=-1) for corner in corners))
    half = np.linalg.norm(corners[1] - corners[0]) / 2
    return np.interp(away / max(half, 1e-3), LINES, (0, 1)).astype(np.float32)[..., None]
