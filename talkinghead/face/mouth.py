"""A mouth of layers: the portrait, its landmarks and where the lips go in; a patch to lay over the frame out.

Behind the lips lie a cavity, an upper arch that stands still in the skull, a lower arch and a tongue that ride with the
jaw. The lips themselves are the photograph's own pixels, upper and lower moved apart or together each for itself, so
that they part where the photograph has them closed and close over teeth that it shows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from talkinghead.face.align import transform
from talkinghead.face.blur import blurred
from talkinghead.face.closed_lips import aside_by
from talkinghead.face.curves import curve, spline
from talkinghead.face.head import Posed
from talkinghead.face.lip_sheets import LipSheets
from talkinghead.face.mouth_layers import LOWER_EDGE, layers
from talkinghead.face.mouth_place import LUMINANCE, MILLIMETRE, Place, below
from talkinghead.face.mouth_view import Grid, View
from talkinghead.face.outline import IOD, LOWER, RING, UPPER
from talkinghead.face.pursed_lips import ASIDE

GRID = (32, 30)  # cells of the region in which motion is smooth, across and down
HALF_WIDTH, ABOVE, BELOW = 0.24, 0.05, 0.14  # of that region around the skin's ring of points, fractions of the side
EDGE = 0.15  # of the region's half fades out
BLEND = 1.0  # cells over which the lips' motion becomes the face's
# The corners of the mouth lie so far on the way from where the lips' motion has them to where the face's takes them,
# the middle of the lips not at all; as many steps find the way.
WITH_FACE, STEPS = 0.5, 3
BESIDE = 0.25  # of half a mouth's width: as far beside the corners the two sheets have become one
TONGUE_LAG = 0.45  # of the jaw's way
# A tongue begins to rise at the first and has risen at the second number, to so many millimetres below where it lies
# with the jaw up, behind the upper teeth; beyond TIP its tip is seen between the teeth, going TIP_LAG of the jaw's way.
RAISED, LIFTED, TIP, TIP_LAG = (0.1, 0.7), -3.0, 0.75, 0.35
# Inter-ocular distances: how far it falls, and how soft it is, across and down: corners are darker than the middle.
UPPER_LIP_SHADOW, SHADE = 0.02, (0.07, 0.036)
MEET = 2  # pixels beside the seam, and twice the photograph's blur, in which lips are blended
EDGE_SOFT = 0.5  # of the photograph's blur: that of the opening's edge
LIP_SHADE = 0.3  # how dark lips turn where they roll inward
SLIT = 0.012  # inter-ocular distances over which what is behind a slit comes in, or a pixel if that is more
TOUCHING = 0.03  # inter-ocular distances: lips closer than that still show something of the line where they meet
STILL = (0.002, 0.008)  # inter-ocular distances of motion from which and by which the patch replaces the photograph
# The light on what lies deep, on lower and on upper teeth: the least, and how it grows with that between the lips.
DEEP, LOW, HIGH = (0.15, 1.5), (0.25, 1.5), (0.15, 3.1)
# So much of the way to what it is in most frames the light between the lips goes, as a power, by these factors at most.
EVEN, GAIN = 0.5, (0.7, 1.3)
# Millimetres of lower teeth that are seen above the lip: the least, once that has fallen from the first to the second
# number of FALLEN, and the most.
LEAST, TALLEST, FALLEN = 1.2, 3.5, (7.5, 10.0)
RINGS, CHIN = (0, RING, 2 * RING), slice(3 * RING, None)


@dataclass(frozen=True)
class Patch:
    """RGBA uint8 [h, w, 4], RGB premultiplied, and where its first pixel lies in the photograph."""

    rgba: np.ndarray
    left: int
    top: int

    def lay(self, frame: np.ndarray) -> None:
        """Over a frame RGB uint8 [H, W, 3], in place."""
        h, w = self.rgba.shape[:2]
        if not h:
            return
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
        purse: np.ndarray | None = None,
    ):
        """`image` RGB uint8; `to_face` [2, 3] takes its pixels to fractions of the aligned face; `own` and `rest`
        [P, 2] the mouth's points as photographed and with closed lips; `eyes` the lids' outlines; `teeth` a seed, "own"
        or "none"; `purse` the mouth's points when it purses, if that is to change the skin around."""
        skin = own[2 * RING : 3 * RING]
        middle = (skin[:, 0].min() + skin[:, 0].max()) / 2
        self._low = np.array([middle - HALF_WIDTH, skin[:, 1].min() - ABOVE])
        self._high = np.array([middle + HALF_WIDTH, min(skin[:, 1].max() + BELOW, 0.99)])
        self._place = place = Place(image, to_face, self._low, self._high)
        self._own, self._rest = own.astype(np.float32), rest.astype(np.float32)
        made = layers(place, own, rest, eyes, teeth)
        self._layers = replace(made, parted=None, shut=None)  # what these are read from is all that is kept of them
        self._meets = max(EDGE_SOFT * self._layers.soft, 0.4)
        self._lip_sheets = LipSheets(place, own, rest, rest if purse is None else purse, made)
        self._cell = (self._high - self._low) / (np.array(GRID) - 1)
        x, y = (np.linspace(self._low[k], self._high[k], GRID[k], dtype=np.float32) for k in (0, 1))
        self._grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
        linear = place.to_face[:, :2] / self._cell[:, None]
        self._to_grid = np.hstack([linear, ((place.to_face[:, 2] - self._low) / self._cell)[:, None]])  # from pixels
        self._spacing = max(1, round(1 / float(np.hypot(*linear[:, 0]))))  # of the grid, in pixels
        self._middle = transform(place.to_image, rest[np.r_[UPPER, LOWER]].mean(0))
        self._turn = place.to_image[:, :2].T.astype(np.float32)
        self._nodes = place.points(self._grid).reshape(*GRID[::-1], 2).astype(np.float32)  # in pixels of the box
        fades = [np.clip((1 - np.abs(np.linspace(-1, 1, n))) / EDGE, 0, 1) for n in GRID]
        self._edge = np.outer(fades[1], fades[0]).astype(np.float32)

    def __call__(self, points: np.ndarray, flow: np.ndarray, posed: Posed | None = None, tongue: float = 0.0) -> Patch:
        """The mouth with its `points` [P, 2] there, over a face moved by the backward `flow` [2, S, S], both in
        fractions of the aligned face, where it is seen on a head that is posed, or as photographed; `tongue`
        as in Motion."""
        points = self.with_face(points, flow)
        moved = float(np.abs(points - self._own).max()) / IOD
        strength = np.clip((moved - STILL[0]) / STILL[1], 0, 1)
        purse, ring = self._lip_sheets.pursing(points), points[2 * RING : 3 * RING]
        weight = cv2.GaussianBlur(self._near(ring), (0, 0), BLEND) * self._edge
        near = cv2.dilate(self._near(aside_by(purse * ASIDE, ring)), np.ones((5, 5)))
        alpha = cv2.GaussianBlur(near, (0, 0), BLEND) * self._edge * (255 * strength)
        covered = self._reach(alpha)
        if not len(covered):
            return Patch(np.zeros((0, 0, 4), np.uint8), 0, 0)
        view = View(covered, self._place.image.shape[1::-1], self._middle, posed)
        if not min(view.shape):
            return Patch(np.zeros((0, 0, 4), np.uint8), 0, 0)
        large = view.grid(self._to_grid, self._spacing)
        face = self._lips(points, weight, self._base(flow), view, large, purse)
        self._inside(face, points, view, tongue)
        shown = cv2.merge([large(alpha.astype(np.uint8))] * 4)
        return Patch(cv2.multiply(face, shown, scale=1 / 255), *view.box[:2])

    def with_face(self, points: np.ndarray, flow: np.ndarray) -> np.ndarray:
        """The points, their corners no further out and nearer to where the backward `flow` carries the photograph's."""
        size, carried = flow.shape[-1], self._own
        flow = np.ascontiguousarray(flow.transpose(1, 2, 0))
        for _ in range(STEPS):
            at = (carried * np.float32(size) - np.float32(0.5))[None]
            carried = self._own - cv2.remap(flow, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
        left, right = points[[RING, RING + RING // 2], 0]
        aside = np.abs(2 * points[:, 0] - left - right) / max(right - left, 1e-3)
        way = np.float32(WITH_FACE) * aside.clip(0, 1)[:, None] ** 2 * (carried - points)
        outwards = way[:, 0] * (2 * points[:, 0] - left - right) > 0
        way[outwards, 0] = 0  # faces purse less than lips
        way[CHIN] = 0
        for ring in RINGS:  # above and below alike, so that lips which meet still do
            way[ring + UPPER] = way[ring + LOWER] = (way[ring + UPPER] + way[ring + LOWER]) / 2
        return points + way

    def _reach(self, alpha: np.ndarray) -> np.ndarray:
        """The photograph's pixels [N, 2] at the grid's cells around those with `alpha`."""
        ys, xs = np.flatnonzero((alpha >= 1).any(1)), np.flatnonzero((alpha >= 1).any(0))
        if not len(ys):
            return np.empty((0, 2))
        top, bottom, left, right = max(ys[0] - 1, 0), ys[-1] + 2, max(xs[0] - 1, 0), xs[-1] + 2
        return self._nodes[top:bottom, left:right].reshape(-1, 2) + self._place.box[:2]

    def begin(self) -> None:
        """Begin to make, in a thread of its own, what `expect` makes."""
        self._lip_sheets.begin()

    def expect(self) -> None:
        """Make what a frame in which the lips purse would wait for."""
        self._lip_sheets.expect()

    def _near(self, ring: np.ndarray) -> np.ndarray:
        """Which cells of the grid lie within a ring [N, 2], float32 [GRID]."""
        ring = (ring - self._low) / self._cell
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

    def _lips(
        self, points: np.ndarray, weight: np.ndarray, base: np.ndarray, view: View, large: Grid, purse: float
    ) -> np.ndarray:
        """The face in a view, RGBA uint8: two sheets of the photograph, which meet at the seam."""
        skin = self._lip_sheets.skin
        sheets, near = [], weight > 0  # of the grid, where lips are
        grid, moved, share = self._grid[near.ravel()], base[near], weight[near][:, None]
        for half in (UPPER, LOWER):
            index = np.concatenate([ring + half for ring in RINGS])
            sheet, lips = base.copy(), spline(points[index], self._own[index] - points[index], grid)
            sheet[near] += share * (lips - moved)
            sheets.append(skin.place(self._nodes + sheet @ self._turn))
        left, right = points[[RING, RING + RING // 2], 0]
        aside = np.abs(2 * self._grid[:, 0] - left - right) / max(right - left, 1e-3)
        one = ((aside - 1) / BESIDE).clip(0, 1).reshape(*base.shape[:2], 1)  # no seam beyond the corners
        both = one * (sheets[0] + sheets[1]) / 2
        sheets = [large(both + (1 - one) * sheet) for sheet in sheets]
        seam = view.points(self._pixels(curve((points[LOWER] + points[UPPER]) / 2)))
        gap = float((points[LOWER, 1] - points[UPPER, 1]).max()) / IOD
        touching = max(0.0, 1 - gap / TOUCHING)
        rgba, lips = self._lip_sheets(touching, purse), []
        if touching:  # one lip's last pixels are blended with the other's, as softly as the photograph is
            margin = MEET + int(2 * self._layers.soft)
            x0, y0 = (np.floor(seam.min(0)).astype(int) - margin).clip(0)
            x1, y1 = np.ceil(seam.max(0)).astype(int) + margin
            near = np.s_[y0:y1, x0:x1]
            lips = [skin(sheet[near], rgba) for sheet in sheets if sheet[near].size]
        cv2.copyTo(sheets[1], below(seam, view.shape, cv2.LINE_8), sheets[0])
        face = skin(sheets[0], rgba)
        if lips:
            lower = cv2.GaussianBlur(below(seam - (x0, y0), lips[0].shape[:2], cv2.LINE_AA), (0, 0), self._meets)
            share = lower.astype(np.float32) * np.float32(1 / 255)
            face[near] = cv2.blendLinear(*lips, 1 - share, share)
        return face

    def _pixels(self, points: np.ndarray) -> np.ndarray:
        """Fractions of the aligned face [..., 2] in pixels of the photograph."""
        return transform(self._place.to_image, points)

    def _inside(self, face: np.ndarray, points: np.ndarray, view: View, tongue: float) -> None:
        """Draw what is seen between the lips into the face's pixels uint8 [h, w, 4] of a view, in place."""
        lower, upper = curve(points[LOWER]), curve(points[UPPER])
        gaps = (lower - upper)[:, 1].clip(0)
        iod, pixel = self._place.iod, IOD / self._place.iod
        seen = float(np.clip((gaps.max() - pixel / 2) / max(pixel, SLIT * IOD), 0, 1))
        if not seen:
            return
        # A filled polygon covers its edge as well: half a pixel all around.
        inset = np.stack([0 * gaps, np.minimum(gaps, pixel) / 2], -1)
        ring = view.points(self._pixels(np.vstack([lower - inset, (upper + inset)[::-1]])))
        pad = int(0.05 * iod) + 2
        low, high = np.floor(ring.min(0)).astype(int) - pad, np.ceil(ring.max(0)).astype(int) + pad
        x0, y0 = low.clip(0)
        x1, y1 = np.minimum(high, face.shape[1::-1])
        if x1 <= x0 or y1 <= y0:
            return
        opening = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillPoly(opening, [np.round((ring - (x0, y0)) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        # Where lips part by less than a pixel a filled polygon would draw a line, however near its edges are.
        shares = _along(ring[: len(gaps)] - (x0, y0), 255 * seen * (gaps / pixel).clip(0, 1), opening.shape)
        opening = cv2.multiply(opening, shares, scale=1 / 255)
        mask = cv2.GaussianBlur(opening, (0, 0), EDGE_SOFT * self._layers.soft)
        shadow = blurred(opening, *(max(share * iod, 0.7) for share in SHADE))
        around = face[y0:y1, x0:x1]
        # As dark as that the box's edges would be seen.
        least = max(int(side.max()) for side in (shadow[0], shadow[-1], shadow[:, 0], shadow[:, -1]))
        shade = LIP_SHADE * 255 / (256 - least)
        dark = cv2.convertScaleAbs(shadow, alpha=-shade, beta=255 + shade * least)
        cv2.multiply(around, cv2.cvtColor(dark, cv2.COLOR_GRAY2RGBA), dst=around, scale=1 / 255)
        tight = max(pad - 4 - int(2 * self._layers.soft), 0)
        inner = np.s_[tight : y1 - y0 - tight, tight : x1 - x0 - tight]
        light = self._light(shadow)[inner]
        inside = self._behind(points, view, (x0 + tight, y0 + tight), light, tongue)
        inside = cv2.cvtColor(self._evened(inside, mask[inner]), cv2.COLOR_RGB2RGBA)
        weight = mask[inner].astype(np.float32) * np.float32(1 / 255)
        around[inner] = cv2.blendLinear(np.ascontiguousarray(around[inner]), inside, 1 - weight, weight)

    def _evened(self, inside: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """What is seen between the lips, RGB uint8 [h, w, 3], where `mask` [h, w] says, nearer to how bright it is in
        most frames: an eye does not follow teeth that come and go, but light that does."""
        bright = np.dot(cv2.mean(inside, cv2.inRange(mask, 128, 255))[:3], LUMINANCE)
        return cv2.convertScaleAbs(inside, alpha=float(np.clip((self._layers.level / max(bright, 1)) ** EVEN, *GAIN)))

    def _light(self, shadow: np.ndarray) -> np.ndarray:
        """How much light falls on what lies between the lips, whose soft image `shadow` is."""
        drop = min(round(UPPER_LIP_SHADOW * self._place.iod), len(shadow) - 1)
        above = np.vstack([shadow[:1].repeat(drop, 0), shadow[: len(shadow) - drop]])
        return cv2.multiply(above, shadow, scale=1 / 255**2, dtype=cv2.CV_32F)

    def _behind(
        self, points: np.ndarray, view: View, at: tuple[int, int], light: np.ndarray, tongue: float
    ) -> np.ndarray:
        """What lies behind the lips from pixel `at` of the view on, RGB uint8 like `light` [h, w]."""
        jaw = (points[CHIN] - self._rest[CHIN]).mean(0)
        lip = points[LOWER][3:8, 1].mean() - self._rest[LOWER][3:8, 1].mean()
        tall = LEAST * np.interp(lip / MILLIMETRE, FALLEN, (0, 1))
        least, most = (lip - (LOWER_EDGE + seen) * MILLIMETRE for seen in (TALLEST, tall))
        jaw[1] = max(min(jaw[1], most), least, 0.0)
        jaw = jaw @ self._turn
        behind, part = self._layers, (*at, at[0] + light.shape[1], at[1] + light.shape[0])
        out = np.full((*light.shape, 3), behind.cavity, np.uint8)
        raised, tip = np.interp(tongue, RAISED, (0, 1)), tongue > TIP
        lies = TONGUE_LAG * jaw
        lies = lies + raised * (LIFTED * MILLIMETRE * self._turn[1] - lies)
        out = _shaded(_under(out, view.layer(behind.tongue, self._place.box[:2] + lies, part)), light, *DEEP)
        for layer, way, lit in (
            (behind.lower, jaw, LOW),
            *(((behind.tip, TIP_LAG * jaw, LOW),) if tip else ()),
            (behind.upper, 0 * jaw, HIGH),
        ):
            out = _under(out, view.layer(layer, self._place.box[:2] + way, part), light, lit)
        return out


def _along(line: np.ndarray, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The `values` [N] of a line [N, 2] carried to all pixels across from it, uint8 [h, w]."""
    axis = int(np.ptp(line[:, 1]) > np.ptp(line[:, 0]))  # a head may lie on its side
    order = np.argsort(line[:, axis])
    known = np.interp(np.arange(shape[1 - axis]), line[order, axis], values[order]).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(known[:, None] if axis else known, shape))


def _under(
    picture: np.ndarray, top: np.ndarray, light: np.ndarray | None = None, lit: tuple[float, float] = DEEP
) -> np.ndarray:
    """RGB uint8 [h, w, 3] under premultiplied RGBA, which lies in `light` if that is given."""
    keep, colour = cv2.cvtColor(255 - top[..., 3], cv2.COLOR_GRAY2RGB), cv2.cvtColor(top, cv2.COLOR_RGBA2RGB)
    colour = colour if light is None else _shaded(colour, light, *lit)
    return cv2.add(cv2.multiply(picture, keep, scale=1 / 255), colour)


def _shaded(picture: np.ndarray, light: np.ndarray, least: float, more: float) -> np.ndarray:
    """RGB uint8 in `light` [h, w], of which the darkest is `least` and each part more adds `more`."""
    much = cv2.min(light * np.float32(more) + np.float32(least), 1.0)
    return cv2.multiply(picture, cv2.cvtColor(much, cv2.COLOR_GRAY2RGB), dtype=cv2.CV_8U)
