"""The soft matte of one person: a portrait and its landmarks in, the opacity of head, hair, neck and body out."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from gath import files
from gath.layers import Layers, request
from gath.ov import InferRequest, Model, opset13
from talkinghead.face.align import alignment, crop, transform
from talkinghead.face.curves import rise
from talkinghead.face.matte_colours import by_colour

WEIGHTS = Path(__file__).parents[1] / "assets" / "matte.safetensors"
SIDE = 160  # pixels of the upright window that the network looks at
SPAN = 1.944  # its side in sides of the aligned face: 5.4 distances between the outer eye corners
EYE_LINE = 0.46  # where its eye line lies, of its height; 0.4 of the aligned face's
FINEST = 3.0  # times SIDE: the largest window whose edge is refined; finer pictures get its matte enlarged
REFINE_RADIUS, REFINE_EPSILON = 0.012, 2e-4  # of the guided filter: sides of the window, squared grey levels of 1
LOW, HIGH = 0.12, 0.88  # opacities that become none and full: what is nearly clear would leave a trail on the plate
SOLID = 0.02, 0.05  # sides of the window inside the outline at which doubt begins to end, and ends: hats, loose hair
SURELY = 0.9  # opacity from which something is the person's
STRANDS = 0.015, 0.04  # sides of the window beside that, from where what is less counts less, and nothing
CHIN = 152  # the landmark down to which that holds: clothes may be in doubt as a whole
# A head's half width and height in those of the face's landmarks, and how far its middle lies above theirs.
HEAD, ABOVE = np.array([0.65, 0.8]), 0.15
SURE = 0.5  # parts of the matte this opaque that do not touch the face belong to somebody or something else


def window(points: np.ndarray, size: int = SIDE, margin: float = 0.0) -> np.ndarray:
    """[2, 3] similarity from a picture's pixels to an upright window of `size` pixels around the head.

    `points` [478, 2] landmarks in pixels; `margin` pixels of it lie around the network's own window.
    """
    matrix = alignment(points, 1).astype(np.float64)  # to the unit square, less half a pixel of it
    scale = (size - 2 * margin) / SPAN
    matrix *= scale
    matrix[:, 2] += 0.5 * scale - 0.5 + margin
    matrix[:, 2] += (size - 2 * margin) * (np.array([0.5, EYE_LINE]) - np.array([0.5, 0.4]) / SPAN)
    return matrix.astype(np.float32)


def matte(image: np.ndarray, points: np.ndarray, others: Sequence[np.ndarray] = ()) -> np.ndarray:
    """Opacity uint8 [H, W] of the person with these landmarks [478, 2] in an RGB uint8 picture [H, W, 3], in which
    there are `others`.

    Zero outside the window, which ends 1.6 inter-ocular distances below the chin.
    """
    own, *theirs = (transform(window(points), face) for face in (points, *others))
    picture = crop(image, window(points), SIDE)
    predicted = _predict(picture)
    coarse = _of_face(by_colour(picture, predicted) * ~_others(own, theirs), own)
    # Colours may not make something sure: a cheek at a cheek has the person's.
    coarse *= _belongs(np.minimum(coarse, predicted), own)
    inside = cv2.distanceTransform((coarse > LOW).astype(np.uint8), cv2.DIST_L2, 5) / SIDE
    coarse = np.maximum(coarse, ((inside - SOLID[0]) / (SOLID[1] - SOLID[0])).clip(0, 1))
    natural = 1 / np.hypot(*window(points)[:, 0])  # pixels of the picture in one of the window's
    size = round(SIDE * float(np.clip(natural, 1, FINEST)))
    to_window = window(points, size)
    guide = crop(image, to_window, size)
    fine = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    radius = max(2, round(REFINE_RADIUS * size))
    fine = cv2.ximgproc.guidedFilter(guide, fine, radius, REFINE_EPSILON * 255**2)
    fine = ((fine - LOW) / (HIGH - LOW)).clip(0, 1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    whole = cv2.warpAffine((fine * 255).astype(np.uint8), to_window, image.shape[1::-1], flags=flags)
    return whole


def _predict(picture: np.ndarray) -> np.ndarray:
    """The network's opacity float32 [SIDE, SIDE] of the window's RGB uint8."""
    seen = (picture.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None]
    return 1 / (1 + np.exp(-_network().infer([seen])[0][0, 0]))


@functools.cache
def _network() -> InferRequest:
    return request(described(files.read(WEIGHTS)[2]))


def described(state: dict[str, np.ndarray]) -> Model:
    """`gath.matte.MatteNet` with these parameters: picture [1, 3, SIDE, SIDE] to logits [1, 1, SIDE, SIDE]."""
    picture = opset13.parameter([1, 3, SIDE, SIDE], np.float32)
    return Model([Layers(state).unet(picture)], [picture])


def _others(own: np.ndarray, theirs: list[np.ndarray]) -> np.ndarray:
    """Where in the window, bool [SIDE, SIDE], other people's heads are and not the one with the landmarks `own`, which
    is in front of them."""
    out = np.zeros((SIDE, SIDE), bool)
    if not theirs:
        return out
    at = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1)
    for points in theirs:
        out |= _from_head(at, points) < 1
    return out & (_from_head(at, own) > 1)


def _from_head(at: np.ndarray, points: np.ndarray) -> np.ndarray:
    """How far points [..., 2] are from the middle of the head with these landmarks [478, 2], 1 at its outline."""
    low, high = points.min(0), points.max(0)
    middle = (low + high) / 2 - (0, ABOVE * (high - low)[1])
    return np.linalg.norm((at - middle) / (HEAD * (high - low)), axis=-1)


def _belongs(opacity: np.ndarray, points: np.ndarray) -> np.ndarray:
    """By how much the opacity [SIDE, SIDE] counts, for what is far from the surely opaque is no strand of hair."""
    far = cv2.distanceTransform(1 - _with_face(opacity > SURELY, points)[0], cv2.DIST_L2, 5) / SIDE
    far[max(0, round(float(points[CHIN, 1]))) :] = 0
    return 1 - rise((far - STRANDS[0]) / (STRANDS[1] - STRANDS[0]))


def _of_face(opacity: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The opacity without what hangs together with the face nowhere; the face itself is opaque."""
    own, face = _with_face(opacity > SURE, points)
    near = cv2.dilate(own, np.ones((7, 7), np.uint8))
    return np.maximum(opacity * near, cv2.erode(face, np.ones((3, 3), np.uint8))).astype(np.float32)


def _with_face(part: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What of a part, bool [SIDE, SIDE], hangs together with the face, and the face, uint8."""
    hull = cv2.convexHull(np.round(points).astype(np.int32))
    face = cv2.fillConvexPoly(np.zeros(part.shape, np.uint8), hull, 1)
    _, labels = cv2.connectedComponents((part | (face > 0)).astype(np.uint8))
    return (labels == np.bincount(labels[face > 0]).argmax()).astype(np.uint8), face
