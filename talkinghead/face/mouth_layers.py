"""What lies behind one portrait's lips, made once: the photograph and its landmarks in, pictures to lay over each other
out.

Light and colour come from the portrait: white from the whites of its eyes, flesh from its lips, and the teeth
themselves where the photograph shows them. Others are drawn (talkinghead.face.teeth), as soft as the photograph.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from talkinghead.face import teeth
from talkinghead.face.align import transform
from talkinghead.face.blur import blurred
from talkinghead.face.curves import curve
from talkinghead.face.lips import PHOTOGRAPHED_OPEN
from talkinghead.face.outline import IOD, LOWER, RING, UPPER

MILLIMETRE = IOD / 92  # of an average adult, in fractions of the aligned face's side
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
# Millimetres below the closed lips' seam, in the skull or in the jaw.
UPPER_EDGE, LOWER_EDGE, TONGUE_TOP = 4.0, 4.8, 2.4
SHOWN = (3.0, 5.0)  # millimetres of teeth that a laugh has shown are below the lips' seam, at least and at most
LIGHT = (0.30, 0.98)  # luminance of teeth in full light, in [0, 1]
LEVEL = 0.44  # times as bright is most of what is seen between the lips in most frames
EYE_WHITE = 1.22  # times as bright as the whites of the eyes
OVER_LIPS = 2.5  # times as bright as the lips at least
FLESH = np.array([1.62, 0.76, 0.72])  # gums and tongue of luminance one, mixed with the lips' own hue
GUM, TONGUE, CAVITY = 0.52, 0.5, 0.15  # their luminance, teeth 1
PALER = 0.3  # of white in the tongue's hue
SOFT = (0.5, 2.2)  # pixels: the blur that a photograph may have
TEETH_SOFT = 0.55  # of which teeth have so much: edges of light on something wet and hard
OWN_OVER_LIPS, MOST_GAIN = 1.9, 1.35  # teeth that a photograph shows are made so bright, within reason
BRIGHTEST, OWN_LIGHT = 95, 0.9  # percent of these pixels are darker than what is made no brighter than that
TOOTH_LIGHT, TOOTH_PALE = 0.95, 0.8  # teeth are at least so bright and at most so colourful as the lips
# Lips are drawn over what lies between them and a little more (inter-ocular distances, and times the photograph's
# blur); near it also over what is darker or, being pale, brighter than lips. They take the colour of the lips around,
# SPREAD far, and, where there are few of these, of all.
COVER, COVER_SOFT, ODD, DARK, BRIGHT = 0.012, 1.4, 0.05, 0.6, 1.12
SPREAD, PRIOR = 0.03, np.float32(0.2)
ENOUGH = 12  # pixels of one lip, from which on that has a colour of its own
# From the first to the second number of half a mouth's width more and more of what is dark STAYS so, as corners do.
CORNERS, STAYS = (0.65, 1.0), 0.15
BEYOND = 0.3  # times the photograph's blur: so far beyond the lips' outline teeth may have left their light
# How dark, wide and soft the line is between lips that were photographed apart: red is what is left of the light there.
# However soft, it is nowhere fainter than SEAM_LEAST of that where it is darkest.
SEAM_LEAST = 0.5
SEAM, SEAM_WIDTH, SEAM_SOFT = np.array([0.3, 0.37, 0.37], np.float32), 0.008, 0.008
COVERED = 0.03  # inter-ocular distances: upper teeth that end so close to the lower lip go on behind it
# Millimetres over which light on teeth is even, and how much of the clefts between them is lost where the inter-ocular
# distance is so many times the photograph's blur.
TOOTH, LOST = 3.0, ((45.0, 75.0), (1.6, 0.0))
SEEN = 0.15  # share of the open mouth that teeth must take to be used


class Place:
    """A part of the photograph around the mouth: `box` (left, top, right, bottom), and where points lie in it."""

    def __init__(self, image: np.ndarray, to_face: np.ndarray, low: np.ndarray, high: np.ndarray):
        """`to_face` [2, 3] takes pixels of `image` to fractions of the aligned face; `low`, `high` [2] in fractions."""
        self.image, self.to_face = image, to_face.astype(np.float64)
        self.to_image = cv2.invertAffineTransform(self.to_face)
        self.iod = IOD * float(np.hypot(*self.to_image[:, 0]))  # inter-ocular distance in pixels
        corners = transform(self.to_image, np.array([low, (high[0], low[1]), (low[0], high[1]), high]))
        extent = image.shape[1::-1]
        first = np.clip(np.floor(corners.min(0)), 0, extent).astype(int)
        last = np.clip(np.ceil(corners.max(0)) + 1, 0, extent).astype(int)
        self.box = (int(first[0]), int(first[1]), int(last[0]), int(last[1]))
        self.shape = self.box[3] - self.box[1], self.box[2] - self.box[0]

    @property
    def pixels(self) -> np.ndarray:
        left, top, right, bottom = self.box
        return self.image[top:bottom, left:right]

    def points(self, points: np.ndarray) -> np.ndarray:
        """Fractions of the aligned face [..., 2] in pixels of the box."""
        return transform(self.to_image, points) - self.box[:2]

    def filled(self, ring: np.ndarray) -> np.ndarray:
        """A ring [N, 2] in fractions, filled: uint8 [h, w], its edge smooth."""
        mask = np.zeros(self.shape, np.uint8)
        return cv2.fillPoly(mask, [np.round(self.points(ring) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)


@dataclass(frozen=True)
class Layers:
    """Premultiplied RGBA uint8 [h, w, 4] of a Place's box, from the back to the front; `cavity` [3] in 0 to 255;
    `parted` and `shut` the photograph RGB uint8 [h, w, 3] with lips that do not touch and that do; `soft` how blurred
    it is, pixels; `level` how bright most of what is seen between the lips is, in 0 to 255."""

    parted: np.ndarray
    shut: np.ndarray
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
    white = _white(place, eyes, lips)
    soft = softness(place.pixels)
    middle = (rest[LOWER] + rest[UPPER]) / 2
    seam = np.array([middle[[0, -1], 0].mean(), middle[3:8, 1].mean()])
    flesh = lips / max(lips @ LUMINANCE, 0.05) + FLESH
    flesh = (flesh / (flesh @ LUMINANCE)).astype(np.float32)
    bare = np.zeros((*place.shape, 4), np.uint8)
    upper_edge, above, below = UPPER_EDGE, bare, bare
    seen = _own_teeth(place, own, lips) if which == "own" else None
    drawer = _Drawer(place, seam, white, soft)
    if seen is not None:
        above, below, shown, edge, hidden = seen
        upper_edge = (edge - seam[1]) / MILLIMETRE + 0.3
        gain = float(np.clip(OWN_OVER_LIPS * (lips @ LUMINANCE) / (shown @ LUMINANCE), 1, MOST_GAIN))
        bright = np.percentile(above[above[..., 3] > 127][:, :3] @ LUMINANCE, BRIGHTEST)
        gain = min(gain, max(255 * OWN_LIGHT / max(float(bright), 1.0), 1.0))
        above, below = (np.dstack([cv2.convertScaleAbs(x[..., :3], alpha=gain), x[..., 3]]) for x in (above, below))
        end = float(np.clip(upper_edge, *SHOWN))
        above, upper_edge = _lowered(place, above, end - upper_edge), end
        if hidden:  # by the lower lip: how far they reach is not seen, and of their colour little
            upper_edge, shown = max(upper_edge, UPPER_EDGE), np.maximum(shown, white)
        white = gain * shown
        drawer = _Drawer(place, seam, np.minimum(white, 1), soft)
    seed = which if isinstance(which, int) else 0
    upper = lower = bare
    fine = teeth.density(MILLIMETRE / IOD * place.iod)
    if which != "none":
        drawn = drawer(teeth.upper(seed, flesh * GUM, fine), upper_edge)
        upper = over(drawn, single(place, above, drawn, soft))
        lower = over(drawer(teeth.lower(seed, flesh * GUM, fine), LOWER_EDGE), below)
    hue = (flesh + PALER) / (1 + PALER) * TONGUE
    tongue, tip = drawer(teeth.tongue(hue, fine), TONGUE_TOP), drawer(teeth.tip(hue, fine), upper_edge)
    cavity = 255 * CAVITY * float(white @ LUMINANCE) * flesh
    level = LEVEL * 255 * float(white @ LUMINANCE)
    return Layers(*_sheets(place, own, lips, soft), cavity, tongue, tip, lower, upper, soft, level)


def over(under: np.ndarray, top: np.ndarray) -> np.ndarray:
    """One premultiplied RGBA uint8 picture over another."""
    keep = cv2.merge([255 - top[..., 3]] * 4)
    return cv2.add(cv2.multiply(under, keep, scale=1 / 255), top)


def below(line: np.ndarray, shape: tuple[int, ...], edge: int) -> np.ndarray:
    """What of a picture of this shape lies below a line [N, 2] of its pixels, which goes on straight to either side:
    255 there, else 0, uint8 [h, w]; `edge` as in cv2.fillPoly."""
    height, width = shape
    path = np.vstack([(0, line[0, 1]), line, (width, line[-1, 1]), (width, height + 1), (0, height + 1)])
    return cv2.fillPoly(np.zeros(shape, np.uint8), [np.round(path * 16).astype(np.int32)], 255, edge, 4)


def softness(pixels: np.ndarray) -> float:
    """About the Gaussian blur, in pixels, of the sharpest edges of a picture uint8 [h, w, 3]."""
    light = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    slope = np.hypot(cv2.Sobel(light, -1, 1, 0, scale=1 / 8), cv2.Sobel(light, -1, 0, 1, scale=1 / 8))
    height = 0.8 * (np.percentile(light, 98) - np.percentile(light, 2))
    return float(np.clip(height / (np.sqrt(2 * np.pi) * max(np.percentile(slope, 99.5), 1e-3)), *SOFT))


class _Drawer:
    """Puts drawn layers into a Place's pixels, in its light and as soft as the photograph."""

    def __init__(self, place: Place, seam: np.ndarray, white: np.ndarray, soft: float):
        self.place, self.seam, self.white, self.soft = place, seam, white, soft

    def __call__(self, layer: teeth.Layer, y: float) -> np.ndarray:
        """The layer's y = 0 lies `y` millimetres below the seam."""
        unit = MILLIMETRE / layer.density
        to_box = self.place.to_image.copy()
        to_box[:, 2] = self.place.points(self.seam + MILLIMETRE * np.array([layer.x, layer.y + y]))
        to_box[:, :2] *= unit
        rgba = layer.rgba.copy()
        rgba[..., :3] *= rgba[..., 3:] * self.white
        step = float(np.hypot(*to_box[:, 0]))  # pixels of the photograph to one of the layer's
        rgba = cv2.GaussianBlur(rgba, (0, 0), max(TEETH_SOFT * self.soft / step, 0.3))
        drawn = cv2.warpAffine(rgba, to_box, self.place.shape[::-1], flags=cv2.INTER_LINEAR)
        return (255 * drawn + 0.5).clip(0, 255).astype(np.uint8)


def _lip_colour(place: Place, own: np.ndarray) -> np.ndarray:
    outer, inner = place.filled(own[RING : 2 * RING]), place.filled(own[:RING])
    lips = place.pixels[(outer > 200) & (cv2.dilate(inner, np.ones((3, 3), np.uint8)) < 32)]
    return np.median(lips, 0) / 255 if len(lips) > 8 else np.array([0.6, 0.35, 0.33])


def _white(place: Place, eyes: list[np.ndarray], lips: np.ndarray) -> np.ndarray:
    """The colour of something white in the mouth's light, RGB in [0, 1]."""
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
    light = np.clip(max(EYE_WHITE * white @ LUMINANCE, OVER_LIPS * lips @ LUMINANCE), *LIGHT)
    hue = 0.3 * white / max(white @ LUMINANCE, 0.05) + 0.7
    return (light * hue / (hue @ LUMINANCE)).astype(np.float32)


def _sheets(place: Place, own: np.ndarray, lips: np.ndarray, soft: float) -> tuple[np.ndarray, np.ndarray]:
    """The box with lips that have parted, and with lips that meet. What the photograph shows between them, be it the
    inside of a mouth or the dark line where they touch, has given way to more lip."""
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
    fill = _lip_fill(place, own, lips, sure)
    weight = cv2.GaussianBlur(hidden, (0, 0), max(0.5 * soft, 0.5)).astype(np.float32) / 255
    weight = (weight * (1 - STAYS * _corners(place, own) * (light < lips @ LUMINANCE)))[..., None]
    parted = (place.pixels + weight * (fill - place.pixels) + 0.5).clip(0, 255).astype(np.uint8)
    if float((own[LOWER, 1] - own[UPPER, 1]).max()) < PHOTOGRAPHED_OPEN * IOD:
        return parted, place.pixels
    seam = np.zeros(place.shape, np.uint8)
    cv2.polylines(
        seam, [line[1:-1] for line in lines], False, 255, max(1, round(SEAM_WIDTH * place.iod)), cv2.LINE_AA, 4
    )
    seam = cv2.GaussianBlur(seam, (0, 0), max(SEAM_SOFT * place.iod, 0.7 * soft)).astype(np.float32)[..., None]
    seam *= max(1 / 255, SEAM_LEAST / max(seam.max(), 1))
    return parted, (parted * (1 - seam * SEAM)).astype(np.uint8)


def _lip_fill(place: Place, own: np.ndarray, lips: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """Lip for all of the box, float32 [h, w, 3], in the colour of what is `sure` to be lip near it: upper lip above
    the middle of the opening, lower lip below."""
    near = partial(blurred, across=max(SPREAD * place.iod, 1.0))
    middle = place.points(curve((own[LOWER] + own[UPPER]) / 2))
    lower = below(middle, place.shape, cv2.LINE_AA).astype(np.float32) / 255
    fill = np.zeros((*place.shape, 3), np.float32)
    for lip in (1 - lower, lower):
        known, prior = sure * lip, np.float32(255 * lips)
        if known.sum() > ENOUGH:
            prior = np.median(place.pixels[known > 0.5], 0).astype(np.float32)
        colour = (near(place.pixels * known[..., None]) + PRIOR * prior) / (near(known) + PRIOR)[..., None]
        fill += lip[..., None] * colour
    return fill


def _corners(place: Place, own: np.ndarray) -> np.ndarray:
    """How far the box's pixels lie in the mouth's corners, float32 [h, w]: not at all, or wholly."""
    left, right = place.points(own[[0, RING // 2]])
    along = (right - left) / max(float((right - left) @ (right - left)), 1e-6)
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in place.shape[::-1]))
    aside = np.abs(2 * ((x - left[0]) * along[0] + (y - left[1]) * along[1]) - 1)
    return np.interp(aside, CORNERS, (0, 1)).astype(np.float32)


def _disc(radius: float) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(radius) + 1,) * 2)


def _own_teeth(place: Place, own: np.ndarray, lips: np.ndarray) -> tuple | None:
    """The photograph's own upper and lower teeth as layers, their colour, the y at which the upper ones end, and
    whether that is where the lower lip begins."""
    if float((own[LOWER, 1] - own[UPPER, 1]).max()) < PHOTOGRAPHED_OPEN * IOD:
        return None
    reach = max(1, round(0.005 * place.iod))
    inside = cv2.erode(place.filled(own[:RING]), np.ones((2 * reach + 1,) * 2, np.uint8)) > 127
    pixels = place.pixels / 255
    light = pixels @ LUMINANCE
    colourful = (pixels.max(-1) - pixels.min(-1)) / (pixels.max(-1) + 1e-3)
    bright = light > TOOTH_LIGHT * (lips @ LUMINANCE)
    pale = colourful < TOOTH_PALE * (lips.max() - lips.min()) / (lips.max() + 1e-3)
    found = (inside & bright & pale).astype(np.uint8)
    wide = max(3, round(0.035 * place.iod))
    found = cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((max(1, wide // 3), wide), np.uint8))
    found = found & inside
    if found.sum() < max(SEEN * inside.sum(), 12):
        return None
    count, label, _, centres = cv2.connectedComponentsWithStats(found)
    top, bottom = place.points(own[UPPER]), place.points(own[LOWER])
    above = np.zeros(place.shape, np.uint8)
    for k in range(1, count):
        x, y = centres[k]
        high, low = np.interp(x, top[:, 0], top[:, 1]), np.interp(x, bottom[:, 0], bottom[:, 1])
        ys = np.flatnonzero((label == k).any(1))
        # What starts at the upper lip is an upper tooth however far it reaches.
        above[label == k] = 1 if y - high < low - y or ys[0] - high < 0.25 * (low - high) else 2
    picture = [_cut(place, above == k) for k in (1, 2)]
    if not (above == 1).any():
        return None
    own_light = light[above == 1]
    white = pixels[(above == 1) & (light >= np.median(own_light))].mean(0).astype(np.float32)
    ys, xs = np.nonzero(above == 1)
    centre = np.abs(xs - top[:, 0].mean()) < 0.12 * place.iod
    edge = np.percentile(ys[centre], 97) if centre.any() else ys.max()
    x = top[:, 0].mean()
    low = np.interp(x, bottom[:, 0], bottom[:, 1])
    end = transform(place.to_face, np.array([x, edge]) + place.box[:2])
    return *picture, white, float(end[1]), bool(low - edge < COVERED * place.iod)


def single(place: Place, own: np.ndarray, drawn: np.ndarray, soft: float) -> np.ndarray:
    """A photograph's own teeth, between which there are the clefts of those `drawn` as far as blur has taken theirs."""
    light = (drawn @ np.r_[LUMINANCE, 0] / np.maximum(drawn[..., 3], 1)).astype(np.float32)
    even = blurred(light, max(TOOTH * MILLIMETRE / IOD * place.iod, 1.0), 0.5)
    cleft = 1 - light / np.maximum(even, 1e-3)
    much = np.interp(place.iod / soft, *LOST) * cleft.clip(0, 0.3) * (drawn[..., 3] > 127)
    return np.dstack([own[..., :3] * (1 - much)[..., None] + 0.5, own[..., 3]]).astype(np.uint8)


def _lowered(place: Place, layer: np.ndarray, millimetres: float) -> np.ndarray:
    """A layer further down the face."""
    down = place.to_image[:, 1] * MILLIMETRE * millimetres
    return cv2.warpAffine(layer, np.column_stack([np.eye(2), down]), place.shape[::-1], flags=cv2.INTER_LINEAR)


def _cut(place: Place, mask: np.ndarray) -> np.ndarray:
    alpha = cv2.GaussianBlur(mask.astype(np.uint8) * 255, (0, 0), max(0.7, 0.004 * place.iod))
    return np.dstack([cv2.multiply(place.pixels, cv2.merge([alpha] * 3), scale=1 / 255), alpha])
