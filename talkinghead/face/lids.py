"""Lids of the photograph's own skin: how far they close in, patches to lay over the frame out.

An upper lid is a sheet: the skin between brow and lashes. Its edge comes down over the eye, lashes and all, and the
skin above is stretched; what is not yet covered stays what the frame shows of the eye. Nothing is painted, so that a
closed eye has the skin's own colour and grain.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from talkinghead.face.mouth import Patch
from talkinghead.units.names import INDEX

# MediaPipe mesh points of each eye, the subject's own left and right: upper and lower lid, and the brow's lower edge,
# from the outer corner inwards.
UPPER = {"L": (263, 466, 388, 387, 386, 385, 384, 398, 362), "R": (33, 246, 161, 160, 159, 158, 157, 173, 133)}
LOWER = {"L": (263, 249, 390, 373, 374, 380, 381, 382, 362), "R": (33, 7, 163, 144, 145, 153, 154, 155, 133)}
BROW = {"L": (276, 283, 282, 295, 285), "R": (46, 53, 52, 65, 55)}
SHUT = 0.65  # EyeBlink of an eye that is seen closed
LEAST = 0.25  # of EyeBlink between an eye as photographed and a closed one, at the least
NOTHING = 0.02  # a closure that is not worth a patch
MEETS = 1.2  # of the way to the lower lid's edge that a closed lid goes
SKIN = 0.9  # of the skin between lashes and brow gives way
# Inter-ocular distances: of skin over the edge that goes down unstretched, with the lashes; of lashes below the edge.
RIGID, LASHES = 0.04, 0.015
ASIDE = 0.1  # of the eye's width: there the patch fades
FADE = 0.3  # of the skin that gives way: there it fades towards the brow
# What a blink brings with it besides (units/blink.py); a lid that is drawn here needs none of it.
BESIDES = ("EyeDown", "EyeSquint")

Shift = Callable[[np.ndarray], np.ndarray]  # from places [h, w, 2] in the picture's pixels to how far on they are read


class _Eye:
    """One eye: where its pixels lie along and across the line between its corners."""

    def __init__(self, image: np.ndarray, points: np.ndarray, side: str, unit: float):
        corner, inner = points[UPPER[side][0]], points[UPPER[side][-1]]
        along = (inner - corner) / max(np.linalg.norm(inner - corner), 1e-6)
        down = np.array([-along[1], along[0]]) * (1 if along[0] > 0 else -1)
        self._down = down.astype(np.float32)
        axes = np.stack([along, down], 1)
        upper, lower, brow = ((points[list(ids[side])] - corner) @ axes for ids in (UPPER, LOWER, BROW))
        width = float(np.linalg.norm(inner - corner))
        around = np.vstack([points[list(ids[side])] for ids in (UPPER, LOWER, BROW)])
        pad = ASIDE * width + 2
        low = np.maximum(np.floor(around.min(0) - pad), 0).astype(int)
        high = np.minimum(np.ceil(around.max(0) + pad) + 1, image.shape[1::-1]).astype(int)
        self.corner, self.empty = (int(low[0]), int(low[1])), bool((high <= low).any())
        if self.empty:
            return
        x, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
        self._at = np.stack([x, y], -1).astype(np.float32)
        place = (self._at - corner) @ axes
        s, self._v = place[..., 0], place[..., 1].astype(np.float32)
        curve = lambda c: np.interp(s, c[:, 0], c[:, 1]).astype(np.float32)  # noqa: E731
        self._upper, self._lower = curve(upper), curve(lower)
        self._lower = np.maximum(self._lower, self._upper)
        skin = SKIN * np.maximum(self._upper - curve(brow[np.argsort(brow[:, 0])]), 0.02 * unit)
        self._top = self._upper - skin
        self._rigid = np.minimum(RIGID * unit, 0.4 * skin)
        self._lashes, self._soft = LASHES * unit, max(1.0, 0.01 * unit)
        aside = np.minimum(s + ASIDE * width, (1 + ASIDE) * width - s) / (ASIDE * width)
        self._fade = (np.clip(aside, 0, 1) * np.clip((self._v - self._top) / (FADE * skin), 0, 1)).astype(np.float32)
        # Halfway between the corners the face's own motion tells where the lids have gone.
        self._middle = [(points[ids[side][4]][None, None]).astype(np.float32) for ids in (UPPER, LOWER)]

    def patch(self, image: np.ndarray, closure: float, shift: Shift) -> Patch:
        upper, lower = (
            edge - float((shift(at) @ self._down)[0, 0]) for edge, at in zip((self._upper, self._lower), self._middle)
        )
        edge = upper + closure * MEETS * np.maximum(lower - upper, 0)
        stretched = self._top + (self._v - self._top) * (upper - self._rigid - self._top) / np.maximum(
            edge - self._rigid - self._top, 1e-3
        )
        back = np.where(self._v > edge - self._rigid, edge - upper, self._v - stretched)
        where = self._at - back[..., None] * self._down
        where = (where + shift(where)).astype(np.float32)
        skin = cv2.remap(image, where, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        alpha = self._fade * np.clip((edge + self._lashes - self._v) / self._soft + 0.5, 0, 1)
        alpha = (255 * alpha).astype(np.uint8)
        lit = cv2.multiply(skin, cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), scale=1 / 255)
        return Patch(cv2.merge([*cv2.split(lit), alpha]), *self.corner)


class Lids:
    """One portrait's upper lids."""

    def __init__(self, image: np.ndarray, points: np.ndarray, units: np.ndarray):
        """`image` RGB uint8; `points` [478, 2] landmarks in its pixels; `units` [46] as photographed."""
        self._image, self._own = image, units
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

    def __call__(self, closures: np.ndarray, shift: Shift) -> list[Patch]:
        """Patches of the lids that come down by `closures` [2], on a face that moves by `shift`."""
        return [
            eye.patch(self._image, float(closed), shift)
            for eye, closed in zip(self._eyes, closures)
            if closed > NOTHING and not eye.empty
        ]
