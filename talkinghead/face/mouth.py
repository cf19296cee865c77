"""A mouth of layers: the portrait, its landmarks and where the lips go in; a patch to lay over the frame out.

Behind the lips lie a cavity, an upper arch that stands still in the skull, a lower arch and a tongue that ride with the
jaw. The lips themselves are the photograph's own pixels, upper and lower moved apart or together each for itself, so
that they part where the photograph has them closed and close over teeth that it shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from talkinghead.face.curves import curve, spline
from talkinghead.face.head import Posed
from talkinghead.face.lips import PHOTOGRAPHED_OPEN
from talkinghead.face.mouth_layers import LOWER_EDGE, MILLIMETRE, Place, layers
from talkinghead.face.outline import IOD, LOWER, RING, UPPER

GRID = (32, 30)  # cells of the region in which motion is smooth, across and down
HALF_WIDTH, ABOVE, BELOW = 0.24, 0.05, 0.14  # of that region around the skin's ring of points, fractions of the side
EDGE = 0.15  # of the region's half fades out
BLEND = 1.0  # cells over which the lips' motion becomes the face's
TONGUE_LAG = 0.75  # of the jaw's way
UPPER_LIP_SHADOW, SHADE = 0.012, 0.026  # inter-ocular distances: how far it falls and how soft it is
LIP_SHADE = 0.3  # how dark lips turn where they roll inward
SEAM, SEAM_WIDTH = 0.5, 0.008  # how dark and wide a line there is between lips that were photographed apart
STILL = (0.002, 0.008)  # inter-ocular distances of motion from which and by which the patch replaces the photograph
TALLEST = 4.5  # millimetres of lower teeth that are seen above the lip at most
CHIN = slice(3 * RING, None)


@dataclass(frozen=True)
class Patch:
    """RGBA uint8 [h, w, 4], RGB premultiplied, and where its first pixel lies in the photograph."""

    rgba: np.ndarray
    left: int
    top: int

    def carried(self, posed: Posed) -> Patch:
        """Where it lies on a posed head."""
        h, w = self.rgba.shape[:2]
        rgba, box = posed.carry(self.rgba, (self.left, self.top, self.left + w, self.top + h))
        return Patch(rgba, *box[:2])

    def lay(self, frame: np.ndarray) -> None:
        """Over a frame RGB uint8 [H, W, 3], in place."""
        h, w = self.rgba.shape[:2]
        under = frame[self.top : self.top + h, self.left : self.left + w]
        keep = cv2.cvtColor(255 - self.rgba[..., 3], cv2.COLOR_GRAY2RGB)
        under[:] = cv2.add(cv2.multiply(under, keep, scale=1 / 255), self.rgba[..., :3])


class Mouth:
    """One portrait's mouth. Called once a frame, it gives a Patch in the photograph's pixels."""

    def __init__(
        self,
        image: np.ndarray,
        to_face: np.ndarray,
        own: np.ndarray,
        rest: np.ndarray,
        eyes: list[np.ndarray],
        teeth: int | str = "own",
    ):
        """`image` RGB uint8; `to_face` [2, 3] takes its pixels to fractions of the aligned face; `own` and `rest`
        [P, 2] the mouth's points as photographed and with closed lips; `eyes` the lids' outlines; `teeth` a seed, "own"
        or "none"."""
        skin = own[2 * RING : 3 * RING]
        middle = (skin[:, 0].min() + skin[:, 0].max()) / 2
        self._low = np.array([middle - HALF_WIDTH, skin[:, 1].min() - ABOVE])
        self._high = np.array([middle + HALF_WIDTH, min(skin[:, 1].max() + BELOW, 0.99)])
        self._place = place = Place(image, to_face, self._low, self._high)
        self._own, self._rest = own.astype(np.float32), rest.astype(np.float32)
        self._open = float(np.clip((own[LOWER, 1] - own[UPPER, 1]).max() / IOD / PHOTOGRAPHED_OPEN - 1, 0, 1))
        self._layers = layers(place, own, rest, eyes, teeth)
        self._cell = (self._high - self._low) / (np.array(GRID) - 1)
        x, y = (np.linspace(self._low[k], self._high[k], GRID[k], dtype=np.float32) for k in (0, 1))
        self._grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
        linear = place.to_face[:, :2] / self._cell[:, None]
        shift = (place.to_face[:, :2] @ place.box[:2] + place.to_face[:, 2] - self._low) / self._cell
        self._to_grid = np.hstack([linear, shift[:, None]])  # from pixels of the box
        self._turn = place.to_image[:, :2].T.astype(np.float32)
        self._pixels = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in place.shape[::-1])), -1)
        fades = [np.clip((1 - np.abs(np.linspace(-1, 1, n))) / EDGE, 0, 1) for n in GRID]
        self._edge = np.outer(fades[1], fades[0]).astype(np.float32)

    def __call__(self, points: np.ndarray, flow: np.ndarray) -> Patch:
        """The mouth with its `points` [P, 2] there, over a face moved by the backward `flow` [2, S, S]; both in
        fractions of the aligned face."""
        moved = float(np.abs(points - self._own).max()) / IOD
        strength = np.clip((moved - STILL[0]) / STILL[1], 0, 1)
        near = self._near(points)
        weight = cv2.GaussianBlur(near, (0, 0), BLEND) * self._edge
        alpha = cv2.GaussianBlur(cv2.dilate(near, np.ones((5, 5))), (0, 0), BLEND) * self._edge * (255 * strength)
        where = self._where(points, weight[..., None], self._base(flow))
        face = cv2.remap(self._layers.lips, where, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        self._inside(face, points)
        alpha = self._large(alpha.astype(np.uint8))
        rgb = cv2.multiply(face, cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), scale=1 / 255)
        return Patch(np.dstack([rgb, alpha]), *self._place.box[:2])

    def _near(self, points: np.ndarray) -> np.ndarray:
        """Which cells of the grid lie at the lips, float32 [GRID]."""
        ring = (points[2 * RING : 3 * RING] - self._low) / self._cell
        near = np.zeros(GRID[::-1], np.uint8)
        cv2.fillPoly(near, [np.round(ring * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return near.astype(np.float32) / 255

    def _base(self, flow: np.ndarray) -> np.ndarray:
        """The face's motion at the grid's cells."""
        size = flow.shape[-1]
        place = np.hstack([np.diag(self._cell * size), (self._low * size - 0.5)[:, None]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        flow = np.ascontiguousarray(flow.transpose(1, 2, 0))
        return cv2.warpAffine(flow, place, GRID, flags=flags, borderMode=cv2.BORDER_REPLICATE)

    def _large(self, values: np.ndarray) -> np.ndarray:
        """Values of the grid [GRID, ...] at the box's pixels."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(
            values, self._to_grid, self._place.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE
        )

    def _where(self, points: np.ndarray, weight: np.ndarray, base: np.ndarray) -> np.ndarray:
        """Which of the box's pixels is seen at each, float32 [h, w, 2]: two sheets, one a lip."""
        sheets = []
        for half in (UPPER, LOWER):
            index = np.concatenate([ring * RING + half for ring in range(3)])
            sheet = spline(points[index], self._own[index] - points[index], self._grid).reshape(base.shape)
            sheets.append(self._large((base + weight * (sheet - base)) @ self._turn))
        seam = curve((points[LOWER] + points[UPPER]) / 2)
        first, last = seam[0] - (1, 0), seam[-1] + (1, 0)
        below = self._place.filled(np.vstack([first, seam, last, last + (0, 1), first + (0, 1)])) > 127
        return self._pixels + np.where(below[..., None], sheets[1], sheets[0])

    def _inside(self, face: np.ndarray, points: np.ndarray) -> None:
        """Draw what is seen between the lips into the box's pixels uint8 [h, w, 3], in place."""
        lower, upper = curve(points[LOWER]), curve(points[UPPER])
        gaps = (lower - upper)[:, 1].clip(0)
        self._line(face, (lower + upper) / 2, float(gaps.max()) / IOD)
        pixel = IOD / self._place.iod
        # A filled polygon covers its edge as well: half a pixel all around, and a line where it has no area at all.
        inset = np.stack([0 * gaps, np.minimum(gaps, pixel) / 2], -1)
        opening = self._place.filled(np.vstack([lower - inset, (upper + inset)[::-1]]))
        opening = cv2.convertScaleAbs(opening, alpha=float(np.clip(gaps.max() / pixel - 0.5, 0, 1)))
        x, y, w, h = cv2.boundingRect(opening)
        if not w:
            return
        iod, soft = self._place.iod, self._layers.soft
        pad = int(0.06 * iod) + 2
        x0, y0 = max(x - pad, 0), max(y - pad, 0)
        x1, y1 = min(x + w + pad, face.shape[1]), min(y + h + pad, face.shape[0])
        opening, lips = opening[y0:y1, x0:x1], face[y0:y1, x0:x1].astype(np.float32)
        mask = cv2.GaussianBlur(opening, (0, 0), 0.8 * soft).astype(np.float32)[..., None] / 255
        shadow = cv2.GaussianBlur(opening, (0, 0), max(SHADE * iod, 0.7)).astype(np.float32)[..., None] / 255
        inside = self._behind(points, (x0, y0, x1, y1), self._shade(shadow))
        lips *= 1 - LIP_SHADE * shadow
        face[y0:y1, x0:x1] = (lips + mask * (inside - lips) + 0.5).astype(np.uint8)

    def _shade(self, shadow: np.ndarray) -> np.ndarray:
        """How much light falls on what lies between the lips."""
        drop = round(UPPER_LIP_SHADOW * self._place.iod)
        above = np.vstack([shadow[:1].repeat(drop, 0), shadow[: len(shadow) - drop]])
        return above * shadow

    def _behind(self, points: np.ndarray, box: tuple[int, int, int, int], light: np.ndarray) -> np.ndarray:
        x0, y0, x1, y1 = box
        jaw = (points[CHIN] - self._rest[CHIN]).mean(0)
        lip = points[LOWER][3:8, 1].mean() - self._rest[LOWER][3:8, 1].mean()
        jaw[1] = max(jaw[1], lip - (LOWER_EDGE + TALLEST) * MILLIMETRE)
        jaw = jaw @ self._turn
        deep = np.clip(0.25 + 1.2 * light, 0, 1)
        out = self._layers.cavity * deep
        for layer, share, bright in (
            (self._layers.tongue, TONGUE_LAG, deep),
            (self._layers.lower, 1.0, np.clip(0.3 + 0.9 * light, 0, 1)),
            (self._layers.upper, 0.0, np.clip(0.42 + 0.9 * light, 0, 1)),
        ):
            shift = np.array([[1, 0, share * jaw[0] - x0], [0, 1, share * jaw[1] - y0]])
            part = cv2.warpAffine(layer, shift, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR).astype(np.float32)
            out = out * (1 - part[..., 3:] / 255) + part[..., :3] * bright
        return out

    def _line(self, face: np.ndarray, seam: np.ndarray, gap: float) -> None:
        """The shadow between touching lips, which a photograph of open ones does not have."""
        dark = SEAM * self._open * max(0.0, 1 - gap / 0.03)
        if dark < 0.02:
            return
        wide = max(1.0, SEAM_WIDTH * self._place.iod)
        line = np.zeros(face.shape[:2], np.uint8)
        path = np.round(self._place.points(seam) * 16).astype(np.int32)
        cv2.polylines(line, [path], False, 255, max(1, round(wide)), cv2.LINE_AA, 4)
        keep = 255 - dark * cv2.GaussianBlur(line, (0, 0), max(0.6 * wide, 0.7))
        face[:] = cv2.multiply(face, cv2.cvtColor(keep.astype(np.uint8), cv2.COLOR_GRAY2RGB), scale=1 / 255)
