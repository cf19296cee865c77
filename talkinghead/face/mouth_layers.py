"""What lies behind one portrait's lips, made once: the photograph and its landmarks in, pictures to lay over each other
out.

Light and colour come from the portrait: white from the whites of its eyes, flesh from its lips, and the teeth
themselves where the photograph shows them. Others are drawn (talkinghead.face.teeth), as soft as the photograph.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from talkinghead.face import teeth
from talkinghead.face.align import transform
from talkinghead.face.mouth_place import LUMINANCE, MILLIMETRE, Place, softness
from talkinghead.face.mouth_sheets import across, sheets
from talkinghead.face.outline import IOD, LOWER, RING, UPPER
from talkinghead.face.own_teeth import alike, lowered, own_teeth, single, tinted

# Millimetres below the closed lips' seam, in the skull or in the jaw.
UPPER_EDGE, LOWER_EDGE, TONGUE_TOP = 4.0, 4.8, 2.4
SHOWN = (3.0, 5.0)  # millimetres of teeth that a laugh has shown are below the lips' seam, at least and at most
# Luminance of teeth in full light, in [0, 1]: so much, times that of the lips and that of the eyes' whites by these
# powers, as 822 photographs of mouths open without a smile say; up to so many times that where the lips are not so much
# darker, or they would hardly be seen; and within these bounds.
WHITE, BY_LIPS, BY_EYES, MORE, OVER_LIPS, LIGHT = 1.26, 0.55, 0.25, 1.43, 2.15, (0.30, 1.0)
LEVEL = 0.44  # times as bright is most of what is seen between the lips in most frames
FLESH = np.array([1.62, 0.76, 0.72])  # gums and tongue of luminance one, mixed with the lips' own hue
GUM, TONGUE, CAVITY = 0.52, 0.5, 0.15  # their luminance, teeth 1
# The middle of the upper lip's edge lies so many halves of a mouth's width aside, times the tangent of the angle by
# which a head turns: r 0.96 over 500 photographs. Within these tangents.
FORWARD, TURNS = 0.74, (-0.6, 0.6)
PALER = 0.3  # of white in the tongue's hue
TEETH_SOFT = 0.55  # of which teeth have so much: edges of light on something wet and hard
# The lips beyond so much of half a mouth's width tell whether light comes from a side; a logarithm so small across half
# a width says nothing; within these factors; of fewer pixels than that nothing is told.
ASIDE, EVENLY, ONE_SIDED, FEW = 0.25, 0.1, (0.35, 1.5), 8


@dataclass(frozen=True)
class Layers:
    """Premultiplied RGBA uint8 [h, w, 4] of a Place's box, from the back to the front; `cavity` [3] in 0 to 255;
    `parted` and `shut` the photograph RGB uint8 [h, w, 3] with lips that do not touch and that do; `soft` how blurred
    it is, pixels; `level` how bright most of what is seen between the lips is, in 0 to 255."""

    parted: np.ndarray | None
    shut: np.ndarray | None
    cavity: np.ndarray
    tongue: np.ndarray
    tip: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    soft: float
    level: float


def layers(place: Place, own: np.ndarray, rest: np.ndarray, eyes: list[np.ndarray], which: int | str) -> Layers:
    """`own` and `rest` [P, 2] are the mouth's points as photographed and with closed lips, `eyes` the lids' outlines,
    all in fractions of the aligned face. `which` teeth: a seed, "own" (where seen, else as 0) or "none"."""
    lips = _lip_colour(place, own)
    soft = softness(place.pixels)
    white = _white(place, eyes, lips)
    middle = (rest[LOWER] + rest[UPPER]) / 2
    seam = np.array([rest[UPPER[RING // 4], 0], middle[3:8, 1].mean()])
    turn = float(np.clip((seam[0] - middle[[0, -1], 0].mean()) / (FORWARD * np.ptp(middle[[0, -1], 0]) / 2), *TURNS))
    flesh = lips / max(lips @ LUMINANCE, 0.05) + FLESH
    flesh = (flesh / (flesh @ LUMINANCE)).astype(np.float32)
    bare = np.zeros((*place.shape, 4), np.uint8)
    upper_edge, above, below = UPPER_EDGE, bare, bare
    seen = own_teeth(place, own, lips) if which == "own" else None
    lit = _lit(place, own)
    drawer = _Drawer(place, seam, turn, white, soft, lit)
    if seen is not None:
        above, below, shown, edge, hidden = seen
        upper_edge = (edge - seam[1]) / MILLIMETRE + 0.3
        end = float(np.clip(upper_edge, *SHOWN))
        above, upper_edge = lowered(place, above, end - upper_edge), end
        if hidden:  # by the lower lip: how far they reach is not seen, and of their colour little
            upper_edge, shown = max(upper_edge, UPPER_EDGE), np.maximum(shown, white)
        white = shown
        drawer = _Drawer(place, seam, turn, white, soft, lit)
    seed = which if isinstance(which, int) else 0
    upper = lower = bare
    fine = teeth.density(MILLIMETRE / IOD * place.iod)
    if which != "none":
        drawn = drawer(teeth.upper(seed, flesh * GUM, fine), upper_edge)
        ratio = alike(drawn, above)
        upper = over(tinted(drawn, ratio), single(place, above, drawn, soft))
        drawn = drawer(teeth.lower(seed, flesh * GUM, fine), LOWER_EDGE)
        lower = over(tinted(drawn, ratio / (ratio @ LUMINANCE)), below)
    hue = (flesh + PALER) / (1 + PALER) * TONGUE
    tongue, tip = drawer(teeth.tongue(hue, fine), TONGUE_TOP), drawer(teeth.tip(hue, fine), upper_edge)
    cavity = 255 * CAVITY * float(white @ LUMINANCE) * place.greyed(flesh)
    level = LEVEL * 255 * float(white @ LUMINANCE)
    return Layers(*sheets(place, own, rest, lips, soft), cavity, tongue, tip, lower, upper, soft, level)


def over(under: np.ndarray, top: np.ndarray) -> np.ndarray:
    """One premultiplied RGBA uint8 picture over another."""
    keep = cv2.merge([255 - top[..., 3]] * 4)
    return cv2.add(cv2.multiply(under, keep, scale=1 / 255), top)


class _Drawer:
    """Puts drawn layers into a Place's pixels, in its light and as soft as the photograph."""

    def __init__(
        self, place: Place, seam: np.ndarray, turn: float, white: np.ndarray, soft: float, lit: np.ndarray | None
    ):
        """`seam` [2] is where the lips meet before the middle of the teeth; `turn` as teeth.turned, `lit` as `_lit` has
        it."""
        self.place, self.seam, self.turn, self.white, self.soft, self.lit = place, seam, turn, white, soft, lit

    def __call__(self, layer: teeth.Layer, y: float) -> np.ndarray:
        """The layer's y = 0 lies `y` millimetres below the seam."""
        layer, unit = teeth.turned(layer, self.turn), MILLIMETRE / layer.density
        to_box = self.place.to_image.copy()
        to_box[:, 2] = self.place.points(self.seam + MILLIMETRE * np.array([layer.x, layer.y + y]))
        to_box[:, :2] *= unit
        rgba = layer.rgba.copy()
        rgba[..., :3] = self.place.greyed(rgba[..., :3]) * rgba[..., 3:] * self.white
        step = float(np.hypot(*to_box[:, 0]))  # pixels of the photograph to one of the layer's
        rgba = cv2.GaussianBlur(rgba, (0, 0), max(TEETH_SOFT * self.soft / step, 0.3))
        rgba = cv2.convertScaleAbs(rgba, alpha=255)
        drawn = cv2.warpAffine(rgba, to_box, self.place.shape[::-1], flags=cv2.INTER_LINEAR)
        if self.lit is not None:
            left, top, wide, high = cv2.boundingRect(drawn[..., 3])
            part = np.s_[top : top + high, left : left + wide]
            lit = drawn[part][..., :3] * self.lit[part][..., None]
            drawn[part][..., :3] = np.minimum(lit, drawn[part][..., 3:])
        return drawn


def _lit(place: Place, own: np.ndarray) -> np.ndarray | None:
    """How much more or less light than in its middle falls on the mouth towards its sides, factors float32 [h, w], if
    it comes from one side, as the lips tell."""
    at, lips = across(place, own), _on_lips(place, own)
    sides = [lips & (side * at > ASIDE) for side in (-1, 1)]
    if min(side.sum() for side in sides) < FEW:
        return None
    ratio = np.log([np.median(place.pixels[side] @ LUMINANCE) + 1 for side in sides])
    slope = float(np.diff(ratio)[0] / (at[sides[1]].mean() - at[sides[0]].mean()))
    slope = np.sign(slope) * max(abs(slope) - EVENLY, 0)
    return np.exp(slope * at).clip(*ONE_SIDED) if slope else None


def _on_lips(place: Place, own: np.ndarray) -> np.ndarray:
    outer, inner = place.filled(own[RING : 2 * RING]), place.filled(own[:RING])
    return (outer > 200) & (cv2.dilate(inner, np.ones((3, 3), np.uint8)) < 32)


def _lip_colour(place: Place, own: np.ndarray) -> np.ndarray:
    lips = place.pixels[_on_lips(place, own)]
    return np.median(lips, 0) / 255 if len(lips) > FEW else np.array([0.6, 0.35, 0.33])


def _white(place: Place, eyes: list[np.ndarray], lips: np.ndarray) -> np.ndarray:
    """The colour of something white in the mouth's light, RGB."""
    whites = []
    for eye in eyes:
        ring = np.round(transform(place.to_image, eye)).astype(np.int32)
        low, high = ring.min(0).clip(0), ring.max(0).clip(-1) + 1
        near = place.image[low[1] : high[1], low[0] : high[0]]
        mask = cv2.fillPoly(np.zeros(near.shape[:2], np.uint8), [ring - low], 1)
        pixels = near[mask > 0] / 255
        if len(pixels):
            light = pixels @ LUMINANCE
            whites.append(pixels[light >= np.percentile(light, 80)].mean(0))
    white = np.mean(whites, 0) if whites else np.array([0.7, 0.68, 0.66])
    lip, eye = (max(float(colour @ LUMINANCE), 0.05) for colour in (lips, white))
    seen = WHITE * lip**BY_LIPS * eye**BY_EYES
    light = np.clip(np.clip(OVER_LIPS * lip, seen, MORE * seen), *LIGHT)
    hue = 0.3 * white / max(white @ LUMINANCE, 0.05) + 0.7
    return (light * hue / (hue @ LUMINANCE)).astype(np.float32)
