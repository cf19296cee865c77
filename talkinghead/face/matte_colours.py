"""Where a network doubts whether something is the person, colours tell: those of the person and of the background near
by."""

from __future__ import annotations

import cv2
import numpy as np

CELL = 16  # pixels of a place whose colours are counted together...
PLACES = 3  # ...and with how many of its neighbours' to either side, ever less
LEVELS = 12  # of red, green and blue that are told apart
SURE = 0.9  # opaque, or clear, from which a pixel's colour is counted as the person's, or the background's
DOUBT = 0.02  # opaque, or clear: pixels that are less are left as they are
EVEN = 2.0  # how much like any other a colour may be: its share of all, over that of evenly spread ones
TRUST, MOST = 1.0, 3.0  # in how likely colours make it, and logarithm of what they can tell at most
SMOOTH = 0.6  # pixels, standard deviation: no grain in the matte


def by_colour(picture: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """The opacity float32 [S, S] of the person in an RGB uint8 picture [S, S, 3], decided where it was in doubt."""
    known = [_near(picture, sure) for sure in (opacity > SURE, opacity < 1 - SURE)]
    (ours, much), (theirs, more) = known
    even = np.float32(EVEN / LEVELS**3)
    told = np.log((ours + even) / (theirs + even)).clip(-MOST, MOST) * ((much > 1) & (more > 1))
    told = TRUST * cv2.GaussianBlur(told.astype(np.float32), (0, 0), SMOOTH)
    odds = opacity / np.maximum(1 - opacity, np.float32(1e-4)) * np.exp(told)
    return np.where(np.abs(opacity - 0.5) < 0.5 - DOUBT, odds / (1 + odds), opacity)


def _near(picture: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the pixels that are `counted`, bool [S, S], near each pixel: what share has its colour, and how many there
    are."""
    side = len(picture)
    places, colours = -(-side // CELL), LEVELS**3
    red, green, blue = (picture.astype(np.int32) * LEVELS // 256).transpose(2, 0, 1)
    colour = (red * LEVELS + green) * LEVELS + blue
    at = np.arange(side)
    cell = (at[:, None] // CELL * places + at // CELL) * colours + colour
    counts = np.bincount(cell[counted], minlength=places**2 * colours).astype(np.float32)
    counts = counts.reshape(places, places, LEVELS, LEVELS, LEVELS)
    for axis, times in enumerate((PLACES, PLACES, 1, 1, 1)):
        for _ in range(times):
            counts = _blurred(counts, axis)
    counts = counts.reshape(places, places, colours)
    # Between the middles of places linearly, or one would see where they end.
    middle = ((at + np.float32(0.5)) / CELL - np.float32(0.5)).clip(0, places - 1)
    first = middle.astype(np.int32).clip(0, places - 2)
    weights = np.stack([first + 1 - middle, middle - first])
    much, total = np.zeros((2, side, side), np.float32)
    every = counts.sum(-1)
    for down, right in np.ndindex(2, 2):
        share = weights[down][:, None] * weights[right]
        place = (first + down)[:, None], first + right
        much += share * counts[*place, colour]
        total += share * every[place]
    return much / np.maximum(total, np.float32(1e-3)), total


def _blurred(values: np.ndarray, axis: int) -> np.ndarray:
    """A quarter of either neighbour's and half of its own along one axis."""
    values = np.moveaxis(values, axis, 0)
    out = values / 2
    out[1:] += values[:-1] / 4
    out[:-1] += values[1:] / 4
    return np.moveaxis(out, 0, axis)
