"""Lids that close: how far they do in, patches to lay over the frame out.

Once for each portrait the eye is painted shut (closed_lids.py). That picture slides down from under the fold as far as
the lid's edge has come; along the edge runs a line of lashes, until the eye is closed and shows those painted.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from talkinghead.face.align import transform
from talkinghead.face.blur import blurred
from talkinghead.face.closed_lids import ABOVE, DENSITY, LIDS, MEETS, SHARE, UPPER, closed, eye
from talkinghead.face.curves import curve, rise
from talkinghead.face.head import Posed
from talkinghead.face.mouth import Patch
from talkinghead.face.mouth_place import Place, softness
from talkinghead.face.outline import IOD
from talkinghead.face.sheets import Skin
from talkinghead.face.warp import enlarged, nodes
from talkinghead.units.names import INDEX

SHUT = 0.75  # EyeBlink of an eye that is seen closed
LEAST = 0.25  # of EyeBlink between an eye as photographed and a closed one, at the least
NOTHING = 0.02  # a closure that is not worth a patch
SOON = 0.15  # the closure from which on the skin above the eye is that of a closed one
WHOLE = 0.75  # the closure from which on what is below the lid's edge becomes that of a closed eye
# The skin under the eye lies so far below the lower lid, in inter-ocular distances. How rough a lid is: this share of
# that, of which GRAIN[1] grey levels count most, for lines there are deeper; what is wider than FINE inter-ocular
# distances is no roughness.
UNDER, GRAIN, FINE = 0.03, (0.8, 8.0), 0.02
COARSE = 150  # pixels between the eyes: finer than that no lid is measured
CELL = 0.016  # inter-ocular distances: as far apart lids' motion is reckoned, and enlarged from there
ASIDE, BENEATH = 0.18, 0.3  # of the eye's width: so far aside, where it fades, and below the patch reaches
REACH = 0.3  # of the eye's width: so far beside the patch the face's motion may look for skin
FADE = 0.3  # of the skin above the lid: there the patch fades towards the brow
# Lashes: of the light their line takes what the photograph's allow; it reaches so far above the lid's edge and below
# it, in inter-ocular distances, and at the least in times the photograph's blur; from its ends on it takes so long to
# be full, outer and inner, in widths of the eye.
DARKEST, LINE, BLURRED, TAPER = (0.2, 0.45), (0.013, 0.033), (1.2, 2.0), (0.25, 0.3)
# What a blink brings with it besides (units/blink.py); a lid that is drawn here needs none of it.
BESIDES = ("EyeDown", "EyeSquint")

Shift = Callable[[np.ndarray], np.ndarray]  # from places [h, w, 2] in the picture's pixels to how far on they are read


class _Eye:
    """One eye: where its pixels lie along and across the line between its corners."""

    def __init__(self, image: np.ndarray, points: np.ndarray, to_face: np.ndarray, side: str, unit: float):
        points = eye(points, side)
        upper, lower, brow = (points[part] for part in LIDS)
        along = upper[-1] - upper[0]
        width = max(float(np.linalg.norm(along)), 1e-6)
        along = along / width
        down = np.array([-along[1], along[0]]) * (1 if along[0] > 0 else -1)
        self._down, self._picture, self._unit = down.astype(np.float32), image.shape[1::-1], unit
        # Halfway between the corners the face's own motion tells where the lids have gone.
        self._middles = [edge[4][None, None].astype(np.float32) for edge in (upper, lower)]
        self._cell = max(1, round(CELL * unit))
        ends = upper[[0, -1]] + ASIDE * width * np.outer((-1, 1), along)
        around = np.vstack([ends, upper, brow, lower + BENEATH * width * down])
        low, high = np.floor(around.min(0) - 2).astype(int), np.ceil(around.max(0) + 2).astype(int) + 1
        corners = np.array([low, high - 1])
        self.covered = np.stack([corners[[0, 0, 1, 1], 0], corners[[0, 1, 0, 1], 1]], 1)
        reach = REACH * width * float(np.hypot(*to_face[:, 0]))
        seen = transform(to_face, around)
        place = Place(image, to_face, seen.min(0) - reach, seen.max(0) + reach)
        self._first, self.seen = np.array(place.box[:2], np.float32), place.pixels.size > 0
        if self.seen:
            self._shut(place, points, along, side, image.shape)

    def _shut(self, place: Place, points: np.ndarray, along: np.ndarray, side: str, whole: tuple[int, ...]) -> None:
        """What is seen when it is closed, and where: `points` [23, 2] and a Place around in a picture of the shape
        `whole`."""
        upper, lower, brow = (points[part] for part in LIDS)
        corner, down, unit = upper[0], self._down, self._unit
        width = float(np.linalg.norm(upper[-1] - corner))
        self._soft = softness(place.pixels)
        coarse, self._step = _coarse(place.shape, unit)
        at = np.stack(np.meshgrid(*(np.arange(side) for side in coarse[::-1])), -1)
        at = (at + 0.5) * self._step - 0.5 + self._first - corner
        s, v = ((at @ axis).astype(np.float32) for axis in (along, down))

        def across(edge: np.ndarray) -> np.ndarray:
            s_of, v_of = (edge - corner) @ along, (edge - corner) @ down
            order = np.argsort(s_of)
            return np.interp(s, s_of[order], v_of[order]).astype(np.float32)

        top = across(curve(upper))
        bottom = np.maximum(across(_arc(lower)), top)
        skin = np.maximum(top - across(brow), 0.02 * unit)
        aside = np.minimum(s + ASIDE * width, (1 + ASIDE) * width - s) / (ASIDE * width)
        fade = aside.clip(0, 1) * ((v - top + skin) / (FADE * skin)).clip(0, 1)
        texture = self._texture(place.pixels, cv2.resize(v - bottom, place.shape[::-1]))
        shut, dark = closed(place, transform(place.to_face, points), side, texture)
        full = ((s / width + 0.06) / TAPER[0]).clip(0, 1) * ((1 - s / width) / TAPER[1]).clip(0, 1)
        self._skin = Skin(shut, whole)
        fold = np.minimum(ABOVE / (DENSITY * IOD) * unit, SHARE * skin)
        self._lines = np.dstack([v, top, bottom, fold]).astype(np.float32)
        self._much = np.dstack([fade, full * np.clip(dark, *DARKEST)]).astype(np.float32)

    def _texture(self, near: np.ndarray, below: np.ndarray) -> np.ndarray:
        """What is fine in the skin under the eye, as in a mirror at the lower lid, so far `below` which the pixels
        lie, in grey levels: float32 [h, w]."""
        light = cv2.cvtColor(near, cv2.COLOR_RGB2GRAY).astype(np.float32)
        fine = light - blurred(light, max(FINE * self._unit, 1.0))
        down = (np.float32(UNDER * self._unit) - 2 * below)[..., None] * self._down
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
        way = MEETS * np.maximum(lower - upper, 0)
        edge = upper + closure * way
        above = edge - lines[..., 0]
        # The lid comes from where the closed one lies: at its edge as a whole, under the fold not at all.
        slid = (1 - closure) * way * (1 - np.square((above / (edge - upper + lines[..., 3])).clip(0, 1)))
        known = np.dstack([above, much]).astype(np.float32)
        over, fade, dark = cv2.split(enlarged(known, self._cell, size))
        where = self._skin.place(seen + shift(seen) + slid[..., None] * self._down - self._first)
        lid = self._skin(enlarged(where, self._cell, size))
        whole = float(rise((closure - WHOLE) / (1 - WHOLE)))
        above, below = (max(share * self._unit, times * self._soft) for share, times in zip(LINE, BLURRED))
        away = cv2.max(over, 0) * np.float32(1 / above) - cv2.min(over, 0) * np.float32(1 / below)
        line = dark * np.square((1 - np.square(away)).clip(0))
        shown = 255 * fade * np.float32(min(closure / SOON, 1))
        lit = (over * np.float32(1 / max(1.0, self._soft)) + np.float32(0.5)).clip(whole, 1) * (1 - line)
        alpha, lit = ((shown * part).astype(np.uint8) for part in (lit + line, lit))
        return Patch(cv2.multiply(lid, cv2.merge([lit, lit, lit, alpha]), scale=1 / 255), int(left), int(top))


def _coarse(shape: tuple[int, ...], unit: float) -> tuple[list[int], np.ndarray]:
    """The sides of a picture of this `shape`, with `unit` pixels in an inter-ocular distance, made so coarse that it
    has about COARSE, and how many of its pixels are one then, across and down."""
    times = max(1, round(unit / COARSE))
    sides = [max(1, -(-side // times)) for side in shape]
    return sides, np.divide(shape[::-1], sides[::-1]).astype(np.float32)


def _arc(edge: np.ndarray) -> np.ndarray:
    """A smooth arc [M, 2] near points [N, 2], from the first to the last one."""
    powers = lambda t: (t * (1 - t))[:, None] * t[:, None] ** np.arange(3)  # noqa: E731
    chord = lambda t: edge[0] + t[:, None] * (edge[-1] - edge[0])  # noqa: E731
    at, fine = np.linspace(0, 1, len(edge)), np.linspace(0, 1, 4 * len(edge))
    return chord(fine) + powers(fine) @ np.linalg.lstsq(powers(at), edge - chord(at), rcond=None)[0]


class Lids:
    """One portrait's upper lids."""

    def __init__(self, image: np.ndarray, to_face: np.ndarray, points: np.ndarray, units: np.ndarray):
        """`image` RGB uint8; `to_face` [2, 3] takes its pixels to fractions of the aligned face; `points` [478, 2]
        landmarks in its pixels; `units` [46] as photographed."""
        self._own = units
        unit = float(np.linalg.norm(points[UPPER["L"][0]] - points[UPPER["R"][0]]))
        self._eyes = [_Eye(image, points.astype(np.float64), to_face, side, unit) for side in "LR"]

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
        return [
            eye.patch(float(closed), shift, posed)
            for eye, closed in zip(self._eyes, closures)
            if closed > NOTHING and eye.seen
        ]
