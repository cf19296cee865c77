"""Lids of the photograph's own skin: how far they close in, patches to lay over the frame out.

Once for each portrait the eye is painted shut: skin like that between brow and lashes takes the place of what the lids
leave open and of the lashes, and what is dark above them, as folds are, becomes faint. That picture is uncovered as far
as the edge has come down; along the edge runs a line of lashes, as dark as the photograph's.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from talkinghead.face.blur import blurred
from talkinghead.face.curves import curve, rise
from talkinghead.face.head import Posed
from talkinghead.face.mouth import Patch
from talkinghead.face.mouth_place import LUMINANCE, softness
from talkinghead.face.sheets import Skin
from talkinghead.face.warp import enlarged, nodes
from talkinghead.units.names import INDEX

# MediaPipe mesh points of each eye, the subject's own left and right: upper and lower lid, and the brow's lower edge,
# from the outer corner inwards.
UPPER = {"L": (263, 466, 388, 387, 386, 385, 384, 398, 362), "R": (33, 246, 161, 160, 159, 158, 157, 173, 133)}
LOWER = {"L": (263, 249, 390, 373, 374, 380, 381, 382, 362), "R": (33, 7, 163, 144, 145, 153, 154, 155, 133)}
BROW = {"L": (276, 283, 282, 295, 285), "R": (46, 53, 52, 65, 55)}
SHUT = 0.75  # EyeBlink of an eye that is seen closed
LEAST = 0.25  # of EyeBlink between an eye as photographed and a closed one, at the least
NOTHING = 0.02  # a closure that is not worth a patch
SOON = 0.15  # the closure from which on the skin above the eye is that of a closed one
MEETS = 1.15  # of the way to the lower lid's edge that a closed lid goes
# Inter-ocular distances: up to the first from the upper lid's edge, where lashes are, nothing of the photograph is
# kept, from the second on all of it but what is darker than skin, like folds, of which the share FOLD is; below the
# lower lid's edge the painting ends so far, and so softly. Towards a brow that is near all of this is narrower: at most
# these shares of the skin between, and towards the corners: ENDS of the eye's width from them nothing is left.
STRIP, FOLDS, FOLD, UNDER, SOFT = 0.035, 0.1, 0.25, 0.032, 0.02
NARROW, ENDS = (0.35, 0.9), 0.1
# Skin to paint with lies above the strip, and so far below the lower lid, where it counts for less. It is compared with
# what is as bright as so many percent of either, the latter taken for less bright: how bright it is before it counts,
# and wholly. It comes from ever nearer, in inter-ocular distances; where there is none, from FEW of what comes further.
BEGINS, NEAR, COUNTS, LIT, SHADED, SHARES = 1.4, (0.03, 0.12), 0.25, (75, 50), 0.85, (0.45, 0.8)
SPREAD, FEW = (0.1, 0.05, 0.025), np.float32(0.03)
# How much brighter the middle of a lid is than its rims, for there is an eyeball under it, how dark it is above the
# lashes, and how rough: this share of what the skin under the eye is, of which GRAIN[1] grey levels count most, for
# lines there are deeper; what is wider than FINE inter-ocular distances is no roughness.
ROUND, RIM, GRAIN, FINE = 0.06, 0.06, (0.8, 8.0), 0.02
COARSE = 150  # pixels between the eyes: finer than that, but for its texture, no lid is painted
CELL = 0.016  # inter-ocular distances: as far apart lids' motion is reckoned, and enlarged from there
ASIDE = 0.1  # of the eye's width: there the patch fades
REACH = 0.3  # of the eye's width: so far beside the patch the face's motion may look for skin
FADE = 0.3  # of the skin above the lid: there the patch fades towards the brow
# Lashes: of the light of skin they leave LASHES times what the photograph's edge of the lid has, and take what DARKEST
# allows; their line reaches so far above the lid's edge and below it, in inter-ocular distances, and at the least in
# times the photograph's blur; from its ends on it takes so long to be full, outer and inner, in widths of the eye.
LASHES, DARKEST, LINE, BLURRED, TAPER = 0.9, (0.3, 0.62), (0.013, 0.033), (1.2, 2.0), (0.25, 0.3)
# What a blink brings with it besides (units/blink.py); a lid that is drawn here needs none of it.
BESIDES = ("EyeDown", "EyeSquint")

Shift = Callable[[np.ndarray], np.ndarray]  # from places [h, w, 2] in the picture's pixels to how far on they are read


class _Eye:
    """One eye: where its pixels lie along and across the line between its corners."""

    def __init__(self, image: np.ndarray, points: np.ndarray, side: str, unit: float):
        upper, lower, brow = (points[list(ids[side])] for ids in (UPPER, LOWER, BROW))
        corner, along = upper[0], upper[-1] - upper[0]
        self._width = width = max(float(np.linalg.norm(along)), 1e-6)
        along = along / width
        down = np.array([-along[1], along[0]]) * (1 if along[0] > 0 else -1)
        self._down, self._picture, self._unit = down.astype(np.float32), image.shape[1::-1], unit
        # Halfway between the corners the face's own motion tells where the lids have gone.
        self._middles = [edge[4][None, None].astype(np.float32) for edge in (upper, lower)]
        self._cell = max(1, round(CELL * unit))
        around = np.vstack([upper, lower, brow])
        pad = ASIDE * width + 2
        low, high = np.floor(around.min(0) - pad).astype(int), np.ceil(around.max(0) + pad).astype(int) + 1
        ends = np.array([low, high - 1])
        self.covered = np.stack([ends[[0, 0, 1, 1], 0], ends[[0, 1, 0, 1], 1]], 1)
        reach = round(REACH * width)
        first = (low - reach).clip(0, np.array(self._picture) - 1)
        last = np.maximum(high + reach, first + 1).clip(0, self._picture)
        near = image[first[1] : last[1], first[0] : last[0]]
        self._first, self._soft = first.astype(np.float32), softness(near)
        coarse, self._step = _coarse(near, unit)
        place = np.stack(np.meshgrid(*(np.arange(side) for side in coarse.shape[1::-1])), -1)
        place = (place + 0.5) * self._step - 0.5 + first - corner
        s, v = ((place @ axis).astype(np.float32) for axis in (along, down))

        def across(edge: np.ndarray) -> np.ndarray:
            s_of, v_of = (edge - corner) @ along, (edge - corner) @ down
            order = np.argsort(s_of)
            return np.interp(s, s_of[order], v_of[order]).astype(np.float32)

        top = across(curve(upper))
        bottom = np.maximum(across(_arc(lower)), top)
        skin = np.maximum(top - across(brow), 0.02 * unit)
        aside = np.minimum(s + ASIDE * width, (1 + ASIDE) * width - s) / (ASIDE * width)
        fade = aside.clip(0, 1) * ((v - top + skin) / (FADE * skin)).clip(0, 1)
        shut, dark = self._shut(near, coarse, s / width, (top - v) / unit, (v - bottom) / unit, skin / unit)
        self._skin = Skin(shut, image.shape)
        self._lines = np.dstack([v, top, bottom]).astype(np.float32)
        self._much = np.dstack([fade, dark]).astype(np.float32)

    def _shut(
        self,
        near: np.ndarray,
        coarse: np.ndarray,
        s: np.ndarray,
        above: np.ndarray,
        below: np.ndarray,
        skin: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The picture `near`, which may have been made `coarse`, with the eye closed, RGB uint8 [h, w, 3], and how dark
        the lashes are in the coarse one. That one's pixels lie at `s` of the way from corner to corner, so far `above`
        the upper lid, over which there is so much `skin`, and so far `below` the lower one, in inter-ocular
        distances."""
        ends = np.sin(np.pi * ((s + ENDS) / (1 + 2 * ENDS)).clip(0, 1)).clip(0, 1) ** 0.35
        strip, folds = (np.minimum(most, share * skin) for most, share in zip((STRIP, FOLDS), NARROW))
        between = np.abs(s - 0.5) < 0.5 + ASIDE
        over = between & (above > BEGINS * strip) & (above < NARROW[1] * skin)
        under = between & (below > NEAR[0]) & (below < NEAR[1])
        light, colour = self._colour(coarse, over, under)
        strip, folds = strip * ends, folds * ends
        shade = light / np.maximum(colour @ LUMINANCE, 1)
        odd = np.interp(shade, (0.7, 1), (1 - FOLD, 0)) * rise((1.3 * folds - above) / np.maximum(0.8 * folds, 1e-3))
        upper = rise((folds - above) / np.maximum(folds - strip, 1e-3))
        much = np.maximum(upper, odd) * rise((UNDER - below) / SOFT) * rise((ends - 0.1) / 0.4)
        down = ((folds - above) / np.maximum(folds - above + UNDER - below, 1e-3)).clip(0, 1)  # of the lid
        bulge = 1 + ends * (ROUND * (np.sin(np.pi * down**0.8) - 0.5) - RIM * down**6)
        fill, much, below = (
            cv2.resize(known.astype(np.float32), near.shape[1::-1])
            for known in (colour * bulge[..., None], much, below)
        )
        fill = cv2.add(fill, cv2.merge([self._texture(near, below)] * 3), dtype=cv2.CV_8U)
        shut = cv2.blendLinear(np.ascontiguousarray(near), fill, 1 - much, much)
        edge = between & (np.abs(above) < 0.01)
        left = LASHES * float(np.median(shade[edge])) if edge.any() else 0.5
        full = ((s + 0.06) / TAPER[0]).clip(0, 1) * ((1 - s) / TAPER[1]).clip(0, 1)
        return shut, full * np.clip(1 - left, *DARKEST)

    def _colour(self, near: np.ndarray, over: np.ndarray, under: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The light of a picture's pixels [h, w], and the colour of a lid for all of it, [h, w, 3]; such skin is looked
        for `over` and `under` the eye."""
        light = near @ LUMINANCE
        parts = zip((over, under), LIT, (1, SHADED))
        lit = max([float(np.percentile(light[part], q)) * much for part, q, much in parts if part.any()], default=1.0)
        sure = (np.interp(light / max(lit, 1.0), SHARES, (0, 1)) * (over + COUNTS * under)).astype(np.float32)
        colour = (near * sure[..., None]).sum((0, 1)) / max(float(sure.sum()), 1e-3)
        for spread in SPREAD:
            sigma = max(spread * self._unit / float(self._step[0]), 0.8)
            known = blurred(near * sure[..., None], sigma) + FEW * colour
            colour = known / (blurred(sure, sigma)[..., None] + FEW)
        return light, colour

    def _texture(self, near: np.ndarray, below: np.ndarray) -> np.ndarray:
        """What is fine in the skin under the eye, as in a mirror at the lower lid, so far `below` which the pixels
        lie, in grey levels: float32 [h, w]."""
        light = cv2.cvtColor(near, cv2.COLOR_RGB2GRAY).astype(np.float32)
        fine = light - blurred(light, max(FINE * self._unit, 1.0))
        down = (np.float32(self._unit) * (np.float32(NEAR[0]) - 2 * below))[..., None] * self._down
        at = down + np.stack(np.meshgrid(*(np.arange(side, dtype=np.float32) for side in light.shape[::-1])), -1)
        fine = cv2.remap(fine, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        return np.tanh(fine / GRAIN[1]) * np.float32(GRAIN[0] * GRAIN[1])

    def patch(self, closure: float, shift: Shift, posed: Posed | None) -> Patch:
        covered = self.covered if posed is None else posed.carried(self.covered.astype(np.float32))
        left, top = np.floor(covered.min(0)).astype(int).clip(0, self._picture)
        right, bottom = (np.ceil(covered.max(0)).astype(int) + 1).clip(0, self._picture)
        if left >= right or top >= bottom:
            return Patch(np.zeros((0, 0, 4), np.uint8), 0, 0)
        size = int(right - left), int(bottom - top)
        at = nodes((left, top), self._cell, [-(-side // self._cell) for side in size])
        seen = at if posed is None else posed.seen(at)
        there = (seen - self._first + np.float32(0.5)) / self._step - np.float32(0.5)
        lines, much = (
            cv2.remap(known, there, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for known in (self._lines, self._much)
        )
        upper, lower = (
            lines[..., k] - float((shift(middle) @ self._down)[0, 0]) for k, middle in zip((1, 2), self._middles)
        )
        edge = upper + closure * MEETS * np.maximum(lower - upper, 0)
        known = np.dstack([edge - lines[..., 0], much]).astype(np.float32)
        over, fade, dark = cv2.split(enlarged(known, self._cell, size))
        where = enlarged(seen + shift(seen), self._cell, size)
        lid = self._skin(where - self._first)
        above, below = (max(share * self._unit, times * self._soft) for share, times in zip(LINE, BLURRED))
        away = cv2.max(over, 0) * np.float32(1 / above) - cv2.min(over, 0) * np.float32(1 / below)
        line = dark * np.square((1 - np.square(away)).clip(0))
        shown = 255 * fade * np.float32(min(closure / SOON, 1))
        lit = (over * np.float32(1 / max(1.0, self._soft)) + np.float32(0.5)).clip(0, 1) * (1 - line)
        alpha, lit = ((shown * part).astype(np.uint8) for part in (lit + line, lit))
        rgb = cv2.multiply(lid, cv2.cvtColor(lit, cv2.COLOR_GRAY2RGB), scale=1 / 255)
        return Patch(cv2.merge([*cv2.split(rgb), alpha]), int(left), int(top))


def _coarse(picture: np.ndarray, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture RGB uint8 in which the inter-ocular distance is `unit` pixels, made so coarse that it is about COARSE,
    and how many of its pixels are one then, across and down."""
    size = picture.shape[1::-1]
    times = max(1, round(unit / COARSE))
    if times == 1:
        return picture, np.ones(2, np.float32)
    small = cv2.resize(picture, [-(-side // times) for side in size], interpolation=cv2.INTER_AREA)
    return small, np.divide(size, small.shape[1::-1]).astype(np.float32)


def _arc(edge: np.ndarray) -> np.ndarray:
    """A smooth arc [M, 2] near points [N, 2], from the first to the last one."""
    powers = lambda t: (t * (1 - t))[:, None] * t[:, None] ** np.arange(3)  # noqa: E731
    chord = lambda t: edge[0] + t[:, None] * (edge[-1] - edge[0])  # noqa: E731
    at, fine = np.linspace(0, 1, len(edge)), np.linspace(0, 1, 4 * len(edge))
    return chord(fine) + powers(fine) @ np.linalg.lstsq(powers(at), edge - chord(at), rcond=None)[0]


class Lids:
    """One portrait's upper lids."""

    def __init__(self, image: np.ndarray, points: np.ndarray, units: np.ndarray):
        """`image` RGB uint8; `points` [478, 2] landmarks in its pixels; `units` [46] as photographed."""
        self._own = units
        unit = float(np.linalg.norm(points[UPPER["L"][0]] - points[UPPER["R"][0]]))
        self._eyes = [_Eye(image, points.astype(np.float64), side, unit) for side in "LR"]

    def closures(self, units: np.ndarray) -> np.ndarray:
        """How far each lid comes down, [N, 2] in [0, 1], the subject's own left first, under units [N, 46]."""
        at = [INDEX[f"EyeBlink_{side}"] for side in "LR"]
        own = self._own[at]
        return ((units[:, at] - own) / np.maximum(SHUT - own, LEAST)).clip(0, 1)

    def without(self, units: np.ndarray) -> np.ndarray:
        """Units [N, 46] of the same faces with lids that do not close."""
        out = units.copy()
        for k, side in enumerate("LR"):
            closed = self.closures(units)[:, k]
            blink = INDEX[f"EyeBlink_{side}"]
            out[:, blink] = np.minimum(units[:, blink], self._own[blink])
            for name in BESIDES:
                at = INDEX[f"{name}_{side}"]
                out[:, at] += closed * (np.minimum(units[:, at], self._own[at]) - units[:, at])
        return out

    def __call__(self, closures: np.ndarray, shift: Shift, posed: Posed | None = None) -> list[Patch]:
        """Patches of the lids that come down by `closures` [2], on a face that moves by `shift` and whose head is
        `posed`, or as photographed."""
        return [eye.patch(float(closed), shift, posed) for eye, closed in zip(self._eyes, closures) if closed > NOTHING]
