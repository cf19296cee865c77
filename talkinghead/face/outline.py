"""The lips' outline under given units, without looking at a frame: landmarks and units in, landmarks out.

Takes one portrait's landmarks and its own units; gives where the points of gath.mesh.MOUTH lie under other units, in
fractions of the aligned face's side, with lips that touch where the units say that they do.
"""

from __future__ import annotations

import cv2
import numpy as np

from gath.lean_lips import LeanLips
from gath.mesh import INNER_LIP, MOUTH
from gath.purse import PURSING
from talkinghead.face.curves import SMOOTH, curve
from talkinghead.face.lips import PHOTOGRAPHED_OPEN, REST_LIMITS, possible, pursed, rest_units
from talkinghead.units.moods import REGIONS
from talkinghead.units.names import INDEX, UNIT_NAMES

IOD = 0.36  # inter-ocular distance in fractions of the aligned face's side
# Rings of 20 points each: inner lip, outer lip, skin. A ring's lower and upper half, both from the picture's left
# corner to its right one.
RING = len(INNER_LIP)
OUTER = np.arange(RING, 2 * RING)
LOWER, UPPER = np.arange(RING // 2 + 1), np.r_[0, np.arange(RING - 1, RING // 2 - 1, -1)]
# A gap that the units give is drawn narrower: nothing up to the first, all of it from the second number on, in
# inter-ocular distances. The tracker sees gaps of up to 0.012 between lips that touch.
TOUCH, CLEAR = 0.012, 0.045
SURE = 0.01  # inter-ocular distances by which units must part the lips beyond their rest before it shows
EARLIEST = 0.6  # of the gap in the photograph may be drawn closed at most
SHUT = (0.0, 0.25, 0.5, 0.75, 1.0)  # of what parts lips at rest goes: the first under which they close, else all
LIFT = 0.4  # of the gap that closes is closed by the upper lip coming down, the rest by the lower lip
FOLLOW = (1.0, 0.5, 0.2)  # how far inner lip, outer lip and skin go along
# A lower lip that rolls in more than the upper one, while that is raised, as in f and v, comes up to the upper teeth:
# from the first numbers on (over those at rest), wholly at the second. Pressed lips raise none. So many inter-ocular
# distances of the teeth are seen above it.
TUCKS, RAISED, TEETH_SEEN = (0.06, 0.18), (0.005, 0.025), 0.028
ROUND = 0.65  # how soon pursed lips are thick on the way from corner to corner: a parabola's power
SEARCH, STEPS, BEND = 0.022, 15, 0.012  # where the seam may lie around the landmarks; how dearly a step aside is bought


class Outline:
    """Called with units, gives the mouth's points; see the module's text."""

    def __init__(self, mover: LeanLips, image: np.ndarray, to_face: np.ndarray, points: np.ndarray, units: np.ndarray):
        """`points` [478, 2] of the face in the RGB `image`, in its pixels, which `to_face` [2, 3] takes to fractions
        of the aligned face's side; `units` [46] its own."""
        raw = (points[list(MOUTH)] @ to_face[:, :2].T + to_face[:, 2]).astype(np.float32)
        self._mover, self._points = mover, raw
        # Full lips are read as pursed a little. A mover that took that for a purse would leave little to be pursed.
        self._look = np.zeros(len(UNIT_NAMES), np.float32)
        for name in PURSING:
            self._look[INDEX[name]] = min(units[INDEX[name]], REST_LIMITS[name])
        self._portrait, self._units = units, units - self._look
        # Eyes and brows do not move the lips, however often they were seen to go together.
        still = [name.startswith(REGIONS["eyes"] + REGIONS["brows"]) for name in UNIT_NAMES]
        self._still = np.array(still)
        self.photographed = float((raw[LOWER, 1] - raw[UPPER, 1]).max()) / IOD  # the gap between the lips
        self.apart = self.photographed > PHOTOGRAPHED_OPEN
        self.own = raw if self.apart else meeting(raw, image, to_face)
        self._mended = self.own - raw
        for shut in SHUT:
            self.rest = rest_units(units, self.photographed, shut)
            if self._closes(self.rest):
                break
        shut = max(self.gap(self.rest), self.gap(np.zeros_like(units)), 0.0) + SURE
        self._first, self._last = shut + TOUCH, shut + CLEAR
        if self.apart:  # and stays as it is under its own units
            self._first = min(self._first, EARLIEST * self.photographed)
            self._last = min(self._last, self.photographed)

    def _closes(self, rest: np.ndarray) -> bool:
        """Whether lips under the units [46] can be drawn closed."""
        return self.gap(rest) + SURE <= EARLIEST * self.photographed

    def moved(self, units: np.ndarray) -> np.ndarray:
        """Points [N, P, 2] under units [N, 46], as the landmarks of talkers move."""
        wish = np.where(self._still, self._units, (possible(units, self._portrait) - self._look).clip(0))
        return self._mover(self._points, self._units, wish) + self._mended

    def __call__(self, units: np.ndarray) -> np.ndarray:
        """Points [N, P, 2] under units [N, 46]; lips touch as long as their gap is about that at rest."""
        points = self.moved(units)
        gaps = points[:, LOWER, 1] - points[:, UPPER, 1]  # [N, 11]
        widest = gaps.max(1).clip(1e-6) / IOD
        first, last = self._first, self._last
        wanted = np.where(widest < last, (widest - first).clip(0) * last / (last - first), widest)
        close = gaps - gaps.clip(0) * (wanted / widest)[:, None]
        for ring, share in enumerate(FOLLOW):
            points[:, ring * RING + LOWER, 1] -= share * (1 - LIFT) * close
            points[:, ring * RING + UPPER[1:-1], 1] += share * LIFT * close[:, 1:-1]
        return rounded(self._tucked(points, units), units)

    def _tucked(self, points: np.ndarray, units: np.ndarray) -> np.ndarray:
        """The points [N, P, 2] with the lower lip at the upper teeth where units [N, 46] say so."""
        raised = units[:, INDEX["LipsUpperUp"]] - self.rest[INDEX["LipsUpperUp"]]
        tuck = np.interp(_rolled(units) - _rolled(self.rest), TUCKS, (0, 1)) * np.interp(raised, RAISED, (0, 1))
        if not tuck.any():
            return points
        seen = TEETH_SEEN * IOD * np.sin(np.linspace(0, np.pi, len(LOWER))) ** 2
        change = tuck[:, None] * (seen - (points[:, LOWER, 1] - points[:, UPPER, 1]))
        for ring, share in enumerate(FOLLOW):
            points[:, ring * RING + LOWER, 1] += share * np.minimum(change, 0)  # too wide: the lower lip comes up
            points[:, ring * RING + UPPER, 1] -= share * np.maximum(change, 0)  # too narrow: the upper one goes
        return points

    def gap(self, units: np.ndarray) -> float:
        """How wide the lips part under units [46], in inter-ocular distances."""
        points = self.moved(units[None])[0]
        return float((points[LOWER, 1] - points[UPPER, 1]).max()) / IOD


def rounded(points: np.ndarray, units: np.ndarray) -> np.ndarray:
    """The points [N, P, 2] with lips that thin out towards the corners of a mouth that purses under units [N, 46]: one
    that a laugh has drawn apart would end bluntly."""
    much = pursed(units)[:, None]
    for half, up in ((UPPER, -1), (LOWER, 1)) if much.any() else ():
        inner, outer = points[:, half], points[:, RING + half]
        x = outer[..., 0]
        t = ((x - x[:, :1]) / np.maximum(x[:, -1:] - x[:, :1], 1e-3)).clip(0, 1)
        thick = up * (outer - inner)[..., 1]
        most = thick.max(1, keepdims=True) * (4 * t * (1 - t)) ** ROUND
        over = much * (thick - most).clip(0)
        points[:, RING + half, 1] -= up * over
        points[:, 2 * RING + half, 1] -= up * FOLLOW[1] * over
    return points


def _rolled(units: np.ndarray) -> np.ndarray:
    """How much more the lower lip rolls in than the upper one, under units [..., 46]."""
    return units[..., INDEX["LipsLowerClose"]] - units[..., INDEX["LipsUpperClose"]]


def meeting(points: np.ndarray, image: np.ndarray, to_face: np.ndarray) -> np.ndarray:
    """The same points with both inner lips on the seam of a closed mouth: the darkest line near where they lie."""
    middle = curve((points[LOWER] + points[UPPER]) / 2)
    aside = np.linspace(-SEARCH, SEARCH, STEPS) * IOD
    across = np.stack([np.broadcast_to(middle[:, :1], (len(middle), STEPS)), middle[:, 1:] + aside], -1)
    where = (across - to_face[:, 2]) @ np.linalg.inv(to_face[:, :2]).T
    dark = cv2.remap(image, where.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cost = cv2.GaussianBlur(dark.astype(np.float32).mean(-1), (0, 0), 0.8) / 255
    cost = cost - cost.min(1, keepdims=True) + 0.05 * (aside / aside[-1]) ** 2
    path = _cheapest(cost, BEND)
    seam = np.stack([middle[:, 0], middle[:, 1] + aside[path]], -1)
    seam[:, 1] = _smoothed(seam[:, 1])
    out = points.copy()
    out[LOWER] = out[UPPER] = seam[::SMOOTH]
    return out


def _smoothed(values: np.ndarray) -> np.ndarray:
    return np.convolve(np.pad(values, 2, "edge"), np.array([1, 2, 3, 2, 1]) / 9, "valid")


def _cheapest(cost: np.ndarray, bend: float) -> np.ndarray:
    """The cheapest way [N] through `cost` [N, K] from the first row to the last, steps aside priced by `bend`."""
    k = np.arange(cost.shape[1])
    price = bend * np.abs(k[:, None] - k[None])
    total, came = cost[0], []
    for row in cost[1:]:
        through = total[:, None] + price
        came.append(through.argmin(0))
        total = through.min(0) + row
    path = [int(total.argmin())]
    for step in reversed(came):
        path.append(int(step[path[-1]]))
    return np.array(path[::-1])
