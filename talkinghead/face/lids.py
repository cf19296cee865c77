"""Lids of the photograph's own skin: how far they close in, patches to lay over the frame out.

An upper lid is a sheet: the skin between brow and lashes. Its edge comes down over the eye, lashes and all, and the
skin above is stretched, its streaks smoothed; what is not yet covered stays what the frame shows of the eye. Nothing is
painted, so that a closed eye has the skin's own colour.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from talkinghead.face.blur import blurred
from talkinghead.face.head import Posed
from talkinghead.face.mouth import Patch
from talkinghead.face.sheets import Skin
from talkinghead.face.warp import enlarged, nodes
from talkinghead.units.names import INDEX

# MediaPipe mesh points of each eye, the subject's own left and right: upper and lower lid, and the brow's lower edge,
# from the outer corner inwards.
UPPER = {"L": (263, 466, 388, 387, 386, 385, 384, 398, 362), "R": (33, 246, 161, 160, 159, 158, 157, 173, 133)}
LOWER = {"L": (263, 249, 390, 373, 374, 380, 381, 382, 362), "R": (33, 7, 163, 144, 145, 153, 154, 155, 133)}
BROW = {"L": (276, 283, 282, 295, 285), "R": (46, 53, 52, 65, 55)}
SHUT = 0.65  # EyeBlink of an eye that is seen closed
LEAST = 0.25  # of EyeBlink between an eye as photographed and a closed one, at the least
NOTHING = 0.02  # a closure that is not worth a patch
MEETS = 1.15  # of the way to the lower lid's edge that a closed lid goes
SKIN = 0.9  # of the skin between lashes and brow gives way
# Inter-ocular distances: of skin over the edge that goes down unstretched, with the lashes; of lashes below the edge.
RIGID, LASHES = 0.04, 0.004
CELL = 0.016  # inter-ocular distances: as far apart lids' motion is reckoned, and enlarged from there
# Skin that is stretched far shows streaks: so much of it gives way to the same smoothed along and across the eye by so
# many inter-ocular distances, as much of it as the lid is closed, from so far above the lashes' strip on.
EVEN, SMOOTH, EVENLY = 0.8, (0.05, 0.015), 0.02
ASIDE = 0.1  # of the eye's width: there the patch fades
REACH = 0.3  # of the eye's width: so far beside the patch the face's motion may look for skin
FADE = 0.3  # of the skin that gives way: there it fades towards the brow
# What a blink brings with it besides (units/blink.py); a lid that is drawn here needs none of it.
BESIDES = ("EyeDown", "EyeSquint")

Shift = Callable[[np.ndarray], np.ndarray]  # from places [h, w, 2] in the picture's pixels to how far on they are read


class _Eye:
    """One eye: where its pixels lie along and across the line between its corners."""

    def __init__(self, image: np.ndarray, points: np.ndarray, side: str, unit: float):
        upper, lower, brow = (points[list(ids[side])] for ids in (UPPER, LOWER, BROW))
        corner, along = upper[0], upper[-1] - upper[0]
        width = max(float(np.linalg.norm(along)), 1e-6)
        along = along / width
        down = np.array([-along[1], along[0]]) * (1 if along[0] > 0 else -1)
        self._down, self._picture = down.astype(np.float32), image.shape[1::-1]
        # Halfway between the corners the face's own motion tells where the lids have gone.
        self._middles = [edge[4][None, None].astype(np.float32) for edge in (upper, lower)]
        self._lashes, self._soft, self._evenly = LASHES * unit, max(1.0, 0.01 * unit), EVENLY * unit
        self._cell = max(1, round(CELL * unit))
        around = np.vstack([upper, lower, brow])
        pad = ASIDE * width + 2
        low, high = np.floor(around.min(0) - pad).astype(int), np.ceil(around.max(0) + pad).astype(int) + 1
        x, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
        self._corner, self.covered = (
            low,
            np.stack([x[[0, 0, -1, -1], [0, -1, 0, -1]], y[[0, 0, -1, -1], [0, -1, 0, -1]]], 1),
        )
        reach = round(REACH * width)
        first = (low - reach).clip(0, np.array(self._picture) - 1)
        last = np.maximum(high + reach, first + 1)
        near = image[first[1] : last[1], first[0] : last[0]]
        self._first = first.astype(np.float32)
        self._sharp = Skin(near, image.shape)
        # Of four channels as well, which are read in half the time.
        self._smooth = cv2.cvtColor(blurred(near, *(share * unit for share in SMOOTH)), cv2.COLOR_RGB2RGBA)
        place = np.stack([x, y], -1) - corner
        s, v = place @ along, place @ down

        def curve(edge: np.ndarray) -> np.ndarray:
            s_of, v_of = (edge - corner) @ along, (edge - corner) @ down
            order = np.argsort(s_of)
            return np.interp(s, s_of[order], v_of[order])

        top, bottom = curve(upper), np.maximum(curve(lower), curve(upper))
        skin = SKIN * np.maximum(top - curve(brow), 0.02 * unit)
        aside = np.minimum(s + ASIDE * width, (1 + ASIDE) * width - s) / (ASIDE * width)
        fade = aside.clip(0, 1) * ((v - top + skin) / (FADE * skin)).clip(0, 1)
        self._lines = np.dstack([v, top, bottom]).astype(np.float32)
        self._skin = np.dstack([skin, np.minimum(RIGID * unit, 0.4 * skin), fade]).astype(np.float32)

    def patch(self, closure: float, shift: Shift, posed: Posed | None) -> Patch:
        covered = self.covered if posed is None else posed.carried(self.covered.astype(np.float32))
        left, top = np.floor(covered.min(0)).astype(int).clip(0, self._picture)
        right, bottom = (np.ceil(covered.max(0)).astype(int) + 1).clip(0, self._picture)
        if left >= right or top >= bottom:
            return Patch(np.zeros((0, 0, 4), np.uint8), 0, 0)
        size = int(right - left), int(bottom - top)
        at = nodes((left, top), self._cell, [-(-side // self._cell) for side in size])
        seen = at if posed is None else posed.seen(at)
        lines, skin = (
            cv2.remap(known, seen - np.float32(self._corner), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for known in (self._lines, self._skin)
        )
        upper, lower = (
            lines[..., k] - float((shift(middle) @ self._down)[0, 0]) for k, middle in zip((1, 2), self._middles)
        )
        v, rigid = lines[..., 0], skin[..., 1]
        edge = upper + closure * MEETS * np.maximum(lower - upper, 0)
        begins = lines[..., 1] - skin[..., 0]
        stretched = begins + (v - begins) * (upper - rigid - begins) / np.maximum(edge - rigid - begins, 1e-3)
        back = np.where(v > edge - rigid, edge - upper, v - stretched)
        where = seen - back[..., None] * self._down
        where, over = enlarged(where + shift(where), self._cell, size), edge + self._lashes - v
        known = np.dstack([over, skin[..., 2], over - self._lashes - rigid]).astype(np.float32)
        over, fade, above = cv2.split(enlarged(known, self._cell, size))
        lid = self._skin_at(where, fade * (np.float32(1 / self._evenly) * above).clip(0, np.float32(EVEN * closure)))
        alpha = fade * np.clip(over * np.float32(1 / self._soft) + np.float32(0.5), 0, 1)
        alpha = (255 * alpha).astype(np.uint8)
        lit = cv2.multiply(lid, cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), scale=1 / 255)
        return Patch(cv2.merge([*cv2.split(lit), alpha]), int(left), int(top))

    def _skin_at(self, where: np.ndarray, even: np.ndarray) -> np.ndarray:
        """The photograph RGB uint8 at pixels [h, w, 2], smoothed by as much as `even` [h, w] says."""
        where = where - self._first
        smooth = cv2.remap(self._smooth, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        sharp, smooth = self._sharp(where), cv2.cvtColor(smooth, cv2.COLOR_RGBA2RGB)
        return cv2.blendLinear(sharp, smooth, np.float32(1) - even, even)


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
