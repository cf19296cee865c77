"""The photograph around a mouth as two pictures of its lips, parted and shut, whatever it shows between them."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from talkinghead.face import shut_lips
from talkinghead.face.blur import blurred
from talkinghead.face.closed_lips import closed
from talkinghead.face.curves import curve
from talkinghead.face.lips import PHOTOGRAPHED_OPEN
from talkinghead.face.mouth_place import LUMINANCE, Place, below
from talkinghead.face.outline import IOD, LOWER, RING, UPPER

TOOTH_PALE = 0.8  # teeth are at most so colourful as the lips
# Lips are drawn over what lies between them and a little more (inter-ocular distances, and times the photograph's
# blur); near it also over what is darker or, being pale, brighter than lips. They take the colour of the lips around,
# SPREAD far, and, where there are few of these, of all.
COVER, COVER_SOFT, ODD, DARK, BRIGHT = 0.012, 1.4, 0.05, 0.6, 1.12
SPREAD, PRIOR = 0.03, np.float32(0.2)
LIT, DIM = 0.06, (0.3, 1.2)  # inter-ocular distances over which light is even, and within these factors
ENOUGH = 12  # pixels of one lip, from which on that has a colour of its own
# From the first to the second number of half a mouth's width more and more of what is dark STAYS so, as corners do.
CORNERS, STAYS = (0.65, 1.0), 0.15
FINEST = 150  # pixels of an inter-ocular distance: finer pictures are painted by what a reduced copy says
BEYOND = 0.3  # times the photograph's blur: so far beyond the lips' outline teeth may have left their light


def sheets(
    place: Place, own: np.ndarray, rest: np.ndarray, lips: np.ndarray, soft: float
) -> tuple[np.ndarray, np.ndarray]:
    """The box with lips that have parted, and with lips that meet. What the photograph shows between them, be it the
    inside of a mouth or the dark line where they touch, has given way to more lip; lips that it shows apart are
    painted as those of a closed mouth."""
    if float((own[LOWER, 1] - own[UPPER, 1]).max()) < PHOTOGRAPHED_OPEN * IOD:
        return shut_lips.parted(place, own, soft), place.pixels
    times = max(1, int(place.iod / FINEST))
    cover = _cover(place.reduced(times), own, lips, soft / times)
    fill, weight = (_as_large(part, place.pixels) for part in cover)
    parted = cv2.blendLinear(np.ascontiguousarray(place.pixels), fill, 1 - weight, weight)
    return closed(place, own, rest, parted, soft)


def _cover(place: Place, own: np.ndarray, lips: np.ndarray, soft: float) -> tuple[np.ndarray, np.ndarray]:
    """Lip RGB uint8 for all of the box, and how far, float32 [h, w] in [0, 1], it takes the photograph's place."""
    inner = place.filled(own[:RING])
    lines = [np.round(place.points(curve(own[half])) * 16).astype(np.int32) for half in (UPPER, LOWER)]
    cv2.polylines(inner, lines, False, 255, 1, cv2.LINE_AA, 4)
    outer = place.filled(own[RING : 2 * RING])
    reach = COVER * place.iod + COVER_SOFT * soft
    hidden = cv2.dilate(inner, _disc(reach))
    light = place.pixels @ LUMINANCE / 255
    pale = (np.ptp(place.pixels, -1) / (place.pixels.max(-1) + 1.0)) < TOOTH_PALE * np.ptp(lips) / (lips.max() + 1e-3)
    odd = (light < DARK * (lips @ LUMINANCE)) | (pale & (light > BRIGHT * (lips @ LUMINANCE)))
    hidden[odd & (cv2.dilate(inner, _disc(ODD * place.iod)) > 127)] = 255
    hidden = cv2.min(hidden, cv2.dilate(outer, _disc(BEYOND * soft)))
    sure = ((outer > 200) & (hidden < 32)).astype(np.float32)
    fill = _lip_fill(place, own, lips, sure, 1 - hidden.astype(np.float32) / 255)
    weight = cv2.GaussianBlur(hidden, (0, 0), max(0.5 * soft, 0.5)).astype(np.float32) / 255
    weight *= 1 - STAYS * _corners(place, own) * (light < lips @ LUMINANCE)
    return (fill + 0.5).clip(0, 255).astype(np.uint8), weight


def _as_large(part: np.ndarray, picture: np.ndarray) -> np.ndarray:
    if part.shape[:2] == picture.shape[:2]:
        return part
    return cv2.resize(part, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _lower(place: Place, own: np.ndarray) -> np.ndarray:
    """Where the box lies below the middle between the lips, float32 [h, w] in [0, 1]."""
    middle = place.points(curve((own[LOWER] + own[UPPER]) / 2))
    return below(middle, place.shape, cv2.LINE_AA).astype(np.float32) / 255


def _lip_fill(place: Place, own: np.ndarray, lips: np.ndarray, sure: np.ndarray, clear: np.ndarray) -> np.ndarray:
    """Lip for all of the box, float32 [h, w, 3], in the colour of what is `sure` to be lip near it and the light of
    what is `clear` around, both float32 [h, w]: upper lip above the middle of the opening, lower lip below."""
    near, around = (partial(blurred, across=max(wide * place.iod, 1.0)) for wide in (SPREAD, LIT))
    lower = _lower(place, own)
    light = around(clear * (place.pixels @ LUMINANCE)) / around(clear).clip(1e-3)
    fill = np.zeros((*place.shape, 3), np.float32)
    for lip in (1 - lower, lower):
        known, prior = sure * lip, np.float32(255 * lips) * np.ones((*place.shape, 1), np.float32)
        there = known > 0.5
        if there.sum() > ENOUGH:
            dim = (light / np.median(light[there]).clip(1)).clip(*DIM)  # a corner may lie in shadow
            prior = np.median(place.pixels[there], 0).astype(np.float32) * dim[..., None]
        colour = (near(place.pixels * known[..., None]) + PRIOR * prior) / (near(known) + PRIOR)[..., None]
        fill += lip[..., None] * colour
    return fill


def across(place: Place, own: np.ndarray) -> np.ndarray:
    """Where the box's pixels lie along the mouth, float32 [h, w]: -1 at its left corner, 1 at its right one."""
    left, right = place.points(own[[0, RING // 2]])
    along = (right - left) / max(float((right - left) @ (right - left)), 1e-6)
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in place.shape[::-1]))
    return (2 * ((x - left[0]) * along[0] + (y - left[1]) * along[1]) - 1).astype(np.float32)


def _corners(place: Place, own: np.ndarray) -> np.ndarray:
    """How far the box's pixels lie in the mouth's corners, float32 [h, w]: not at all, or wholly."""
    return np.interp(np.abs(across(place, own)), CORNERS, (0, 1)).astype(np.float32)


def _disc(radius: float) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(radius) + 1,) * 2)
