"""Teeth that a photograph shows: found between its lips, told apart into upper and lower ones, cut out, and made to go
with those that are drawn beside them.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from talkinghead.face.align import transform
from talkinghead.face.blur import blurred
from talkinghead.face.lips import PHOTOGRAPHED_OPEN
from talkinghead.face.mouth_place import LUMINANCE, MILLIMETRE, Place
from talkinghead.face.mouth_sheets import TOOTH_PALE
from talkinghead.face.outline import IOD, LOWER, RING, UPPER

TOOTH_LIGHT = 0.95  # teeth are at least so bright as the lips
REDDER = 1.1  # times as red as the brightest of them, over green, are teeth at most
SEEN = 0.15  # share of the open mouth that teeth must take to be used
LOWER_WIDE = 0.2  # of the mouth's width, and of all teeth seen, lower ones must take
COVERED = 0.03  # inter-ocular distances: upper teeth that end so close to the lower lip go on behind it
# Millimetres over which light on teeth is even, and how much of the clefts between them is lost where the inter-ocular
# distance is so many times the photograph's blur.
TOOTH, LOST = 3.0, ((45.0, 75.0), (1.6, 0.0))
ALIKE = (0.7, 1.5)  # times as bright as they are drawn teeth beside a photograph's own may become


class OwnTeeth(NamedTuple):
    """A photograph's own `above` and `below` as layers, their colour, the y at which the upper ones end, and whether
    that is where the lower lip begins."""

    above: np.ndarray
    below: np.ndarray
    colour: np.ndarray
    end: float
    hidden: bool


def own_teeth(place: Place, own: np.ndarray, lips: np.ndarray) -> OwnTeeth | None:
    """The teeth that a photograph shows, if it shows enough of them."""
    if float((own[LOWER, 1] - own[UPPER, 1]).max()) < PHOTOGRAPHED_OPEN * IOD:
        return None
    pixels = place.pixels / 255
    light = pixels @ LUMINANCE
    found = _pale(place, own, lips, pixels, light)
    if found is None:
        return None
    top, bottom = place.points(own[UPPER]), place.points(own[LOWER])
    rows = _rows(found, top, bottom)
    above, below = (_cut(place, rows == k) for k in (1, 2))
    if not (above[..., 3] > 127).any():  # too few to be sure of a single pixel
        return None
    upper = rows == 1
    colour = pixels[upper & (light >= np.median(light[upper]))].mean(0).astype(np.float32)
    ys, xs = np.nonzero(upper)
    x = top[:, 0].mean()
    centre = np.abs(xs - x) < 0.12 * place.iod
    edge = np.percentile(ys[centre], 97) if centre.any() else ys.max()
    end = transform(place.to_face, np.array([x, edge]) + place.box[:2])
    covered = np.interp(x, bottom[:, 0], bottom[:, 1]) - edge < COVERED * place.iod
    return OwnTeeth(above, below, colour, float(end[1]), bool(covered))


def _pale(place: Place, own: np.ndarray, lips: np.ndarray, pixels: np.ndarray, light: np.ndarray) -> np.ndarray | None:
    """Where between the lips is what is bright and pale enough for teeth, uint8 [h, w], if that is enough of it."""
    reach = max(1, round(0.005 * place.iod))
    inside = cv2.erode(place.filled(own[:RING]), np.ones((2 * reach + 1,) * 2, np.uint8)) > 127
    colourful = (pixels.max(-1) - pixels.min(-1)) / (pixels.max(-1) + 1e-3)
    bright = light > TOOTH_LIGHT * (lips @ LUMINANCE)
    pale = colourful < TOOTH_PALE * (lips.max() - lips.min()) / (lips.max() + 1e-3)
    sure = inside & bright & pale
    wide = max(3, round(0.035 * place.iod))
    closed = cv2.morphologyEx(sure.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((max(1, wide // 3), wide), np.uint8))
    found = (closed > 0) & inside
    if sure.any():  # gums and tongues are redder than what is brightest
        red = pixels[..., 0] / pixels[..., 1].clip(0.02)
        found &= red < REDDER * np.median(red[sure & (light >= np.percentile(light[sure], 60))])
    return found.astype(np.uint8) if found.sum() >= max(SEEN * inside.sum(), 12) else None


def _rows(found: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Of teeth that are `found` [h, w] between the lines [N, 2] of the lips, which are upper (1) and lower ones (2)."""
    count, label, _, centres = cv2.connectedComponentsWithStats(found)
    rows = np.zeros(found.shape, np.uint8)
    for k in range(1, count):
        x, y = centres[k]
        high, low = np.interp(x, top[:, 0], top[:, 1]), np.interp(x, bottom[:, 0], bottom[:, 1])
        ys = np.flatnonzero((label == k).any(1))
        # What starts at the upper lip is an upper tooth however far it reaches.
        rows[label == k] = 1 if y - high < low - y or ys[0] - high < 0.25 * (low - high) else 2
    x, total = np.nonzero(rows == 2)[1], (rows > 0).sum()  # a glint in a corner is no row of teeth
    if len(x) and (np.ptp(x) < LOWER_WIDE * np.ptp(top[:, 0]) or len(x) < LOWER_WIDE * total):
        rows[rows == 2] = 0
    return rows


def _cut(place: Place, mask: np.ndarray) -> np.ndarray:
    alpha = cv2.GaussianBlur(mask.astype(np.uint8) * 255, (0, 0), max(0.7, 0.004 * place.iod))
    return np.dstack([cv2.multiply(place.pixels, cv2.merge([alpha] * 3), scale=1 / 255), alpha])


def lowered(place: Place, layer: np.ndarray, millimetres: float) -> np.ndarray:
    """A layer further down the face."""
    down = place.to_image[:, 1] * MILLIMETRE * millimetres
    return cv2.warpAffine(layer, np.column_stack([np.eye(2), down]), place.shape[::-1], flags=cv2.INTER_LINEAR)


def single(place: Place, own: np.ndarray, drawn: np.ndarray, soft: float) -> np.ndarray:
    """A photograph's own teeth, between which there are the clefts of those `drawn` as far as blur has taken theirs."""
    if not own[..., 3].any():
        return own
    light = (drawn @ np.r_[LUMINANCE, 0] / np.maximum(drawn[..., 3], 1)).astype(np.float32)
    even = blurred(light, max(TOOTH * MILLIMETRE / IOD * place.iod, 1.0), 0.5)
    cleft = 1 - light / np.maximum(even, 1e-3)
    much = np.interp(place.iod / soft, *LOST) * cleft.clip(0, 0.3) * (drawn[..., 3] > 127)
    return np.dstack([own[..., :3] * (1 - much)[..., None] + 0.5, own[..., 3]]).astype(np.uint8)


def alike(drawn: np.ndarray, own: np.ndarray) -> np.ndarray:
    """How many times as bright [3] a photograph's `own` teeth are as those `drawn` there, within reason; both
    premultiplied RGBA uint8 [h, w, 4]."""
    both = (drawn[..., 3] > 250) & (own[..., 3] > 250)
    if not both.any():
        return np.ones(3)
    wanted, now = (np.median(layer[both][:, :3], 0) for layer in (own, drawn))
    return (wanted / now.clip(1)).clip(*ALIKE)


def tinted(layer: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """A layer so many times as bright, per colour."""
    return cv2.transform(layer, np.diag(np.r_[ratio, 1]))
