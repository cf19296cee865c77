"""An eye as it may look when it closes: a photograph's open one in, its closed lid out.

A network (gath/painters.py) that has seen hundreds of people's closed eyes paints one: it is shown the face around,
where the lashes come to lie and how dark they are. The window that it looks at is upright and has the inner corner on
the left, so that the subject's right eye is seen as in a mirror.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from talkinghead.face.align import composed, crop, transform
from talkinghead.face.closed_lips import FINER, ready
from talkinghead.face.curves import curve, rise
from talkinghead.face.mouth_place import LUMINANCE, Place
from talkinghead.face.painter import Painter, covered

WEIGHTS = Path(__file__).parents[1] / "assets" / "closed_lids.safetensors"
# MediaPipe mesh points of each eye, the subject's own left and right: upper and lower lid, and the brow's lower edge,
# from the outer corner inwards.
UPPER = {"L": (263, 466, 388, 387, 386, 385, 384, 398, 362), "R": (33, 246, 161, 160, 159, 158, 157, 173, 133)}
LOWER = {"L": (263, 249, 390, 373, 374, 380, 381, 382, 362), "R": (33, 7, 163, 144, 145, 153, 154, 155, 133)}
BROW = {"L": (276, 283, 282, 295, 285), "R": (46, 53, 52, 65, 55)}
LIDS = slice(0, 9), slice(9, 18), slice(18, 23)  # upper and lower lid and brow among the points of `eye`
SIZE = (96, 80)  # pixels of the window, the eye's corners in its middle, but so many further down
DOWN = 6
DENSITY = 440  # of its pixels in a side of the aligned face
# Pixels: so far above the open lid's edge nothing is kept, where lashes and the fold are that a closed lid does not
# show, but for a share of the skin below the brow; so far below the closed lid's edge; over which it fades, above and
# below; and the lashes' standard deviation.
ABOVE, SHARE, UNDER, SOFT, LASHES = 20.0, 0.8, 9.0, (8.0, 4.0), 1.8
ENDS, BLUNT = 0.16, 0.35  # of the eye's width: so far beyond its corners something is hidden, and how soon less there
# Rows about the lashes' line in which they are darkest, and in which the lid above is as light as it is.
NEAR, LID = np.arange(-2, 4), np.arange(-11, -5)
# How dark the lashes of a closed eye are: so much, and so much of what those of the open one are.
DARK = (0.32, 0.32)
MEETS = 0.95  # of the way to the lower lid's edge that a closed lid goes
# A painter that is not sure paints what is dark and dull: so much of the hue of what is near is taken, and so much of
# its light but for the lashes.
HUE, LIGHTER = 0.6, 0.4
AROUND = 10.0  # pixels over which the plain colour that hides is that of what is near


def eye(points: np.ndarray, side: str) -> np.ndarray:
    """Lids and brow [23, 2] of a face's mesh points [478, 2]."""
    return points[[*UPPER[side], *LOWER[side], *BROW[side]]]


def window(points: np.ndarray, side: str) -> np.ndarray:
    """[2, 3] from fractions of the aligned face to pixels of the window around an `eye`'s points [23, 2] in these."""
    middle = (points[0] + points[8]) / 2
    scale = DENSITY * np.diag([1.0 if side == "L" else -1.0, 1.0])
    target = (np.array(SIZE) - 1) / 2 + [0, DOWN]
    return np.hstack([scale, (target - scale @ middle)[:, None]])


def corners(points: np.ndarray) -> tuple[float, float]:
    """The columns of the inner and the outer corner of an `eye` whose points lie in pixels of the window."""
    inner, outer = sorted((points[8, 0], points[0, 0]))
    return inner, outer


def along(points: np.ndarray) -> np.ndarray:
    """How far every column [W] is on the way from the inner corner, 0, to the outer one, 1."""
    inner, outer = corners(points)
    return (np.arange(SIZE[0]) - inner) / max(outer - inner, 1.0)


def edges(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows [W] of upper lid, lower lid and brow in every column, of an `eye`'s points in pixels of the window."""
    columns, rows = np.arange(SIZE[0]), []
    for part in LIDS:
        line = curve(points[part])
        line = line[np.argsort(line[:, 0])]
        rows.append(np.interp(columns, *line.T))
    return rows[0], rows[1], rows[2]


def masks(points: np.ndarray, top: np.ndarray, line: np.ndarray, dark: float, above: float = ABOVE) -> np.ndarray:
    """What is hidden, where the lashes lie, and the same times how `dark` they are, float32 [3, H, W] in [0, 1]; the
    open lid's edge is in the rows `top` [W], the closed one's in the rows `line` [W]; `points` [23, 2] have the corners
    and the brow."""
    brow = edges(points)[2]
    ends = np.sin(np.pi * ((along(points) + ENDS) / (1 + 2 * ENDS)).clip(0, 1)) ** BLUNT
    rows = np.arange(SIZE[1])[:, None]
    above = np.minimum(above, SHARE * np.maximum(top - brow, 0)) * ends
    hidden = rise((rows - top + above) / np.clip(above, 1, SOFT[0]))
    hidden = hidden * rise((line + UNDER * ends - rows) / SOFT[1] + 0.5) * rise(4 * ends)
    lashes = np.exp(-(((rows - line) / LASHES) ** 2) / 2) * rise(4 * ends - 1)
    return np.stack([hidden, lashes, lashes * dark]).astype(np.float32)


def shown(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """What the network sees [6, H, W] of a window's picture [H, W, 3] in [-1, 1]: `where` [3, H, W] as `masks` has it,
    what is hidden in the colours of what is near."""
    kept = (where[0, ..., None] < 0.02).astype(np.float32)
    plain = cv2.GaussianBlur(picture * kept, (0, 0), AROUND)
    return covered(picture, where, plain / (cv2.GaussianBlur(kept, (0, 0), AROUND)[..., None] + np.float32(1e-4)))


def darkness(picture: np.ndarray, points: np.ndarray, line: np.ndarray) -> float:
    """How dark the lashes of an eye are in a window's picture RGB [H, W, 3] in [-1, 1], along their `line` [W]: 0 as
    light as the lid above, 1 black."""
    light = (picture @ LUMINANCE + np.float32(1)) * np.float32(0.5)
    inner, outer = corners(points)
    columns = np.round(np.linspace(inner + 0.2 * (outer - inner), inner + 0.8 * (outer - inner), 25)).astype(int)
    columns = columns.clip(0, SIZE[0] - 1)
    rows = np.round(line[columns]).astype(int)
    at = lambda steps: light[(rows[:, None] + steps).clip(0, SIZE[1] - 1), columns[:, None]]  # noqa: E731
    lashes, lid = np.median(at(NEAR).min(1)), np.median(at(LID))
    return float(np.clip(1 - (lashes + 0.03) / (lid + 0.03), 0, 0.95))


def closed(place: Place, points: np.ndarray, side: str, texture: np.ndarray) -> tuple[np.ndarray, float]:
    """The pixels of a Place around an `eye`, whose points [23, 2] lie in fractions of the aligned face, with a closed
    lid, RGB uint8 [h, w, 3], and how dark its lashes are; `texture` float32 [h, w], grey levels, is the lid's."""
    to_window = window(points, side)
    matrix = composed(to_window, place.to_face)
    matrix[:, 2] += matrix[:, :2] @ place.box[:2]
    face, own = crop(place.pixels, matrix, SIZE) / np.float32(127.5) - 1, transform(to_window, points)
    top, bottom, _ = edges(own)
    dark = DARK[0] + DARK[1] * darkness(face, own, top)
    where = masks(own, top, top + MEETS * np.maximum(bottom - top, 0), dark)
    seen = shown(face, where)
    paint = ready(place, _toned(network(seen), seen), where)
    matrix = FINER * matrix
    matrix[:, 2] += (FINER - 1) / 2
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    paint = cv2.warpAffine(paint, matrix, place.shape[::-1], flags=flags, borderMode=cv2.BORDER_CONSTANT)
    share = paint[..., 3] * np.float32(1 / 255)
    rough = cv2.add(paint[..., :3], cv2.merge([texture] * 3), dtype=cv2.CV_8U)
    return cv2.blendLinear(rough, np.ascontiguousarray(place.pixels), share, 1 - share), dark


def _toned(paint: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """What was painted, RGB float32 [H, W, 3] in 0 to 255, nearer to the colours [6, H, W] that hid the eye."""
    plain = (seen[:3].transpose(1, 2, 0) + 1) * np.float32(127.5)
    own = plain * ((paint @ LUMINANCE) / np.maximum(plain @ LUMINANCE, 1))[..., None]
    paint = paint + np.float32(HUE) * (own - paint)
    return paint + (np.float32(LIGHTER) * (1 - seen[4]))[..., None] * (plain - paint)


network = Painter(WEIGHTS, SIZE)
