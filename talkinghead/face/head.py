"""A photographed head as a solid that turns: poses in, one backward map and the layers it is drawn from out.

The head is a relief: depths of the tracker's landmarks, continued over hair, ears and neck. It turns about a pivot in
the neck; down the neck the motion fades, so that shoulders follow a little and the body stands. The person is cut from
the photograph by a soft matte and drawn over a plate of the background, so that what is straight behind a moving head
stays straight. Everything that does not depend on the pose is made once per portrait.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property, partial

import cv2
import numpy as np

from talkinghead.face.align import transform
from talkinghead.face.blur import largest, shrunk
from talkinghead.face.curves import rise
from talkinghead.face.frames import Box, Colours, evened
from talkinghead.face.matte import matte
from talkinghead.face.membrane import membrane
from talkinghead.face.plate import extremes, plate, tiles
from talkinghead.face.sheets import Planes, Sheet, cut_out, fineness
from talkinghead.face.warp import Clear
from talkinghead.media.yuv import even
from talkinghead.units.pose import EYES_FROM_PIVOT, rotation

DOUBT = 0.12  # inter-ocular distances inside the outline: there a matte can be wrong
VARIES = 0.08  # inter-ocular distances, standard deviation of what is near by
SAME, OTHER = 4.0, 16.0  # grey levels from the plate: surely background, surely not
CELLS = 12  # nodes of the motion's grid in an inter-ocular distance
STEPS = 4  # of the fixed point that inverts the motion
CHIN, CORNERS = 152, [33, 263]
# Depths over the pivot, inter-ocular distances: of the outline, and of the throat, which lies behind the chin.
RIM, THROAT = 0.1, 0.3
# A warp leaves ears and nostrils as photographed, so that a turn looks smaller than it is: with a deeper relief the
# tracker sees about 0.8 of the yaw and 0.95 of the pitch asked for (medians of 19 portraits: 0.79, 0.91 at 1.35; 0.84,
# 1.00 at 1.45), with a true one 0.58 and 0.67.
RELIEF, AXIS = 1.4, 0.35  # and the depth from which it is deeper
NEAR = 0.25  # inter-ocular distances from a landmark within which the tracker's depth alone counts
TRUST, PRIOR = 4.0, 0.05  # weight of a landmark's and of an assumed depth against a smooth surface
SMOOTH = 0.05  # inter-ocular distances, standard deviation: the relief has no cliffs
# The motion fades from the chin (beside the face: from the ears' lobes) down, in two parts: the neck, inter-ocular
# distances of length, and shoulders with their share, which come to rest where a moving head must leave alone.
NECK, SHOULDERS, SHARE = 0.85, 1.4, 0.2
WIDE, HIGH, REST = 2.3, 2.15, 0.7  # as much aside and over the eyes all is at rest, too, having slowed down over REST
LOBES = 0.45  # of the way from the eyes to the chin
LIMIT = np.array([12.0, 9.0, 10.0, 0.35, 0.3, 0.12])  # what a frontal photograph bears, either way
TURNED = 0.15  # degrees of yaw and pitch less for each degree that the photograph itself is turned aside
# Where the picture's border cuts a head its motion across it fades, over CUT inter-ocular distances; a face closer than
# CLOSE to such a border moves less, but a little.
CUT, CLOSE, LEAST = 0.5, 0.9, 0.4
HEAD = 0.5  # of the head's motion: what makes less is body, which a border may cut
AT_REST = 0.002  # of the head's motion: pixels that make no more than that stay the photograph's own
KNEE = 0.6  # of a limit: up to there poses are taken as they are
NOTABLE = 0.1  # of a limit: warned of when that much is taken away


@dataclass(frozen=True)
class Posed:
    """One pose of a head: `shift` [gh, gw, 2] leads from each node of its grid to the pixel seen there, `motion` from
    each pixel of the photograph to where it is seen."""

    head: Head
    shift: np.ndarray
    motion: np.ndarray

    def seen(self, points: np.ndarray) -> np.ndarray:
        """The pixels of the photograph, float32, that are seen at points [h, w, 2] of the picture."""
        return points.astype(np.float32, copy=False) + self._at(points, self.shift)

    def _at(self, points: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Values [gh, gw, 2] of the head's grid at points [h, w, 2] of the picture."""
        nodes = ((points - self.head.origin) * np.float32(1 / self.head.cell)).astype(np.float32, copy=False)
        return cv2.remap(values, nodes, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def around(self, box: Box) -> Box:
        """A box of the picture in which everything lies that was in `box` of the photograph."""
        left, top, right, bottom = self.head.box
        reach = int(np.ceil(np.abs(self.shift).max()))
        x0, y0 = max(box[0] - reach, left), max(box[1] - reach, top)
        return x0, y0, max(x0, min(box[2] + reach, right)), max(y0, min(box[3] + reach, bottom))

    def carried(self, points: np.ndarray) -> np.ndarray:
        """Where the photograph's pixels [N, 2] are seen."""
        return points + self._at(points[None], self.motion)[0]

    def near(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where a pixel [2] of the photograph is seen, [2], and how pixels of the photograph change with those of the
        picture there, [2, 2]."""
        at, reach = self.carried(point[None])[0], 0.2 * self.head.unit
        steps = reach * np.array([[[1, 0], [-1, 0], [0, 1], [0, -1]]])
        right, left, down, up = self.seen(at + steps)[0].astype(np.float64)
        return np.column_stack([right - left, down - up]) / (2 * reach), at


class Head:
    """One portrait's head. `box`, even, is the part of the picture that it can touch, `opacity` uint8 [h, w] the
    person's there."""

    def __init__(self, image: np.ndarray, landmarks: np.ndarray, own: np.ndarray, others: tuple[np.ndarray, ...] = ()):
        """`image` RGB uint8; `landmarks` [478, 3] in its pixels; `own` [3] the photographed pose in degrees; `others`
        the landmarks [478, 2] of other people's faces, which stay."""
        points = landmarks[:, :2].astype(np.float64)
        self._own = np.asarray(own, np.float64)
        self._axes = axes = rotation(self._own)
        eyes = points[CORNERS].mean(0)
        self.unit = float(np.linalg.norm(np.diff(points[CORNERS], axis=0)) / max(np.linalg.norm(axes[:2, 0]), 0.1))
        lever = axes @ EYES_FROM_PIVOT * self.unit
        self.pivot = eyes - lever[:2] * (1, -1)
        self._upright = _upright(points)
        opacity = matte(image, points, others)
        self._lay(image.shape[1::-1], landmarks, opacity, lever[2])
        unit = self.unit  # and not itself, or its pictures would be kept until Python looks for garbage
        self._behind = lambda: plate(image, matte(image, points, others), unit)
        self._cut_out(image, opacity)
        self._sheets: dict[int, Sheet | Planes] = {}
        self._warned = False

    def _lay(self, size: tuple[int, int], landmarks: np.ndarray, opacity: np.ndarray, eye_depth: float) -> None:
        """The grid, and what moves at each node: `_basis` [gh, gw, 4] = weight times (x, y, z, 1) from the pivot;
        `_shares` [gh, gw, 2] of the motion across and down are made."""
        unit, points = self.unit, landmarks[:, :2].astype(np.float64)
        self.cell = max(2, round(unit / CELLS))
        chin = float(transform(self._upright, points[CHIN])[1])
        ys, xs = np.nonzero(opacity[:: self.cell, :: self.cell])
        reach = 0.45 * unit
        low = np.maximum(np.array([xs.min(), ys.min()]) * self.cell - reach, 0).astype(int)
        high = np.minimum(np.array([xs.max() + 1, ys.max() + 1]) * self.cell + reach, size).astype(int)
        self.box = evened((int(low[0]), int(low[1]), int(high[0]), int(high[1])))
        low, high = np.array(self.box[:2]), np.array(self.box[2:])
        count = -(-(high - low) // self.cell)
        # One node more all round, for the upsampling needs neighbours.
        j, i = np.mgrid[-1 : count[1] + 1, -1 : count[0] + 1]
        nodes = np.stack([i, j], -1) * self.cell + (self.cell - 1) / 2 + low
        self.nodes = nodes.astype(np.float32)
        self.origin = self.nodes[0, 0]
        outline = cv2.remap(opacity, self.nodes, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        weight = _follows(transform(self._upright, nodes), chin)
        cut = [_from_cut(nodes, np.where(weight > HEAD, outline, 0), size, axis) for axis in (0, 1)]
        away = np.minimum(*cut)
        # Across a border that cuts nothing may come in; along it nothing would.
        self._shares = np.stack([cv2.GaussianBlur(rise(far / CUT), (0, 0), 1) for far in cut], -1).astype(np.float32)
        at = np.round((points - self.nodes[0, 0]) / self.cell).astype(int).clip(0, (count + 1))
        self.limit = LIMIT * np.clip(away[at[:, 1], at[:, 0]].min() / CLOSE, LEAST, 1)
        self.limit[:2] -= TURNED * np.abs(self._own[:2]) * self.limit[:2] / LIMIT[:2]
        eye_z = landmarks[CORNERS, 2].mean()
        depth = np.c_[points, eye_depth + eye_z - landmarks[:, 2]]
        z = self._relief(depth, outline, transform(self._upright, nodes)[..., 1] > chin + NEAR)
        self._weight = (weight * self._shares.max(-1)).astype(np.float32)
        offset = nodes - self.pivot
        z = AXIS * unit + RELIEF * (z - AXIS * unit)
        solid = np.stack([offset[..., 0], -offset[..., 1], z, np.full_like(z, unit)], -1)
        self._basis = (weight[..., None] * solid).astype(np.float32)

    def _cut_out(self, image: np.ndarray, opacity: np.ndarray) -> None:
        """What is in the box. What the plate does not explain is the person's, so that no colour of the background
        travels with the hair."""
        self._picture, self.plate = self._inside(image), self._inside(plate(image, opacity, self.unit))
        self.opacity = _explained(self._picture, self.plate, self._inside(opacity), self.unit)
        self._coarse = None
        if fineness(self.opacity.shape) == 1:  # that of large pictures is read half as fine
            self._coarse = cv2.resize(self.opacity, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            self.opacity = cv2.resize(self._coarse, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)

    @cached_property
    def plate(self) -> np.ndarray:
        """What is behind the person in the box, RGB uint8 [h, w, 3]: made anew once it was let go."""
        return self._inside(self._behind())

    def _inside(self, picture: np.ndarray) -> np.ndarray:
        left, top, right, bottom = self.box
        return even(picture[top:bottom, left:right])

    def _relief(self, known: np.ndarray, outline: np.ndarray, below: np.ndarray) -> np.ndarray:
        """Depth over the pivot at every node, in pixels: a membrane through the landmarks [478, 3], the outline and the
        throat."""
        gh, gw = outline.shape
        at = np.round((known[:, :2] - self.nodes[0, 0]) / self.cell).astype(int)
        inside = ((at >= 0) & (at < (gw, gh))).all(1)
        cells = at[inside, 1] * gw + at[inside, 0]
        count = np.bincount(cells, minlength=gh * gw)
        total = np.bincount(cells, known[inside, 2], minlength=gh * gw)
        far = cv2.distanceTransform((count == 0).astype(np.uint8).reshape(gh, gw), cv2.DIST_L2, 3) > NEAR * CELLS
        far = far.ravel()
        pull = TRUST * (count > 0) + PRIOR * (far & ((outline.ravel() < 128) | below.ravel()))
        wanted = np.where(below.ravel(), THROAT, RIM) * self.unit
        wanted = np.where(count > 0, total / np.maximum(count, 1), wanted)
        z = membrane((pull + 1e-4).reshape(gh, gw), wanted.reshape(gh, gw))
        return cv2.GaussianBlur(z, (0, 0), SMOOTH * CELLS)

    def moves(self, points: np.ndarray) -> np.ndarray:
        """Positive at those points [h, w, 2] of the picture that are drawn anew when the head is posed, however
        little."""
        nodes = (points - self.origin) * np.float32(1 / self.cell)
        return cv2.remap(self._weight, nodes, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) - AT_REST

    @cached_property
    def clear(self) -> Clear:
        """Where the person is not, or is all there is."""
        return Clear(self.opacity, self.box[:2])

    def sheet(self, colours: Colours) -> Sheet | Planes:
        """The person over the plate, to draw frames from: finer, and in colours times opacity."""
        if id(colours) not in self._sheets:
            cut = self._picture, self.plate, self.opacity
            self._sheets[id(colours)] = cut_out(*cut, self._coarse, self.box[:2], colours)
        return self._sheets[id(colours)]

    def let_go(self, colours: Colours) -> None:
        """Forget that sheet, and what it was made of, for their memory counts."""
        self._sheets.pop(id(colours), None)
        self.__dict__.pop("plate", None)

    def bear(self, pose: np.ndarray) -> np.ndarray:
        """The pose as far as the photograph bears it, see LIMIT; says once where it does not."""
        moved = np.asarray(pose, np.float64) - (0, 0, 0, 0, 0, 1)
        knee, size = KNEE * self.limit, np.abs(moved)
        room = self.limit - knee
        kept = np.where(size > knee, knee + room * np.tanh((size - knee) / room), size)
        if not self._warned and (size - kept > NOTABLE * self.limit).any():
            self._warned = True
            yaw, pitch, roll = self.limit[:3]
            warnings.warn(
                f"the head is asked to move farther than this photograph bears; it stays within {yaw:.0f} degrees of"
                f" yaw, {pitch:.0f} of pitch and {roll:.0f} of roll"
            )
        return np.copysign(kept, moved) + (0, 0, 0, 0, 0, 1)

    def __call__(self, pose: np.ndarray) -> Posed:
        """The head under a pose [6] that the photograph bears, relative to it; for units and signs see
        units/pose.py."""
        turn = rotation(self._own + pose[:3]) @ self._axes.T
        linear = pose[5] * turn[:2] - np.eye(2, 3)
        linear[1] *= -1  # up is down in a picture
        shift = np.array([[pose[3]], [pose[4]]])
        motion = self._shares * (self._basis @ np.hstack([linear, shift]).T.astype(np.float32))
        shift = -motion
        for _ in range(STEPS - 1):
            at = (self.nodes + shift - self.origin) / np.float32(self.cell)
            shift = -cv2.remap(motion, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return Posed(self, shift, motion)


def _upright(points: np.ndarray) -> np.ndarray:
    """[2, 3] similarity from pixels to inter-ocular distances from between the eyes, along the face's own axes."""
    right, left = points[CORNERS]
    side = left - right
    x, y = side / (side @ side)
    linear = np.array([[x, y], [-y, x]])
    return np.hstack([linear, -linear @ ((right + left) / 2)[:, None]])


def _follows(at: np.ndarray, chin: float) -> np.ndarray:
    """How much of the head's motion is made at points [..., 2] of the upright face whose chin is at `chin`."""
    beside = rise((np.abs(at[..., 0]) - 0.4) / 0.5)
    start = chin * (1 + (LOBES - 1) * beside)
    down = at[..., 1] - start
    length = chin - start  # what starts higher ends no higher
    neck, shoulders = 1 - rise(down / (NECK + length)), 1 - rise(down / (SHOULDERS + length))
    aside = 1 - rise((np.abs(at[..., 0]) - WIDE + REST) / REST)
    above = 1 - rise((-at[..., 1] - HIGH + REST) / REST)
    return aside * above * ((1 - SHARE) * neck + SHARE * shoulders)


def _explained(image: np.ndarray, plate: np.ndarray, opacity: np.ndarray, unit: float) -> np.ndarray:
    """The opacity uint8 [H, W], corrected near its outline by what the plate [H, W, 3] explains.

    Where the image looks like the plate, it is background. Where it differs by more than the background itself varies
    near by, the opacity is at least what is needed to make that of the plate: single hairs that no matte has.
    """
    varies = _variation(plate, unit)
    near, unlike = _near(opacity, DOUBT * unit), _unlike(image, plate, 0.01 * unit)
    out = opacity.copy()
    for tile in tiles(image.shape):
        picture, behind, given = image[tile], plate[tile], opacity[tile]
        least, most = extremes(given)
        change = cv2.absdiff(picture, behind) if least < 255 else None
        if change is None or not (most or change.any()):
            continue
        kept = np.where((given < 240) & (near[tile] > 0), given * (unlike[tile] / np.float32(255)), given)
        brighter = cv2.compare(picture, behind, cv2.CMP_GT)
        room = largest(cv2.bitwise_xor(behind, brighter))  # 255 less it where it must become brighter
        needed = cv2.subtract(largest(change), varies[tile]) / np.maximum(room, np.float32(1))
        out[tile] = np.ceil(np.maximum(kept, 255 * needed.clip(0, 1)))
    return out


def _near(opacity: np.ndarray, reach: float) -> np.ndarray:
    """Positive, uint8 [H, W], where it is not `reach` pixels to where there is no opacity. A distance of many pixels is
    measured in a reduced copy."""
    times = max(1, int(reach / 16))
    some = cv2.threshold(opacity, 0, 255, cv2.THRESH_BINARY)[1]
    some = shrunk(some, [-(-side // times) for side in some.shape[::-1]])
    far = cv2.distanceTransform(cv2.threshold(some, 254, 1, cv2.THRESH_BINARY)[1], cv2.DIST_L2, 3)
    near = (far < reach / times).astype(np.uint8)
    return cv2.resize(near, opacity.shape[::-1], interpolation=cv2.INTER_NEAREST)


def _unlike(image: np.ndarray, plate: np.ndarray, blur: float) -> np.ndarray:
    """How surely the image [H, W, 3] is not the plate [H, W, 3] near each pixel, uint8 [H, W]. A blur of many pixels
    is made of a reduced copy."""
    times = max(1, int(blur / 2))
    size = [-(-side // times) for side in image.shape[1::-1]]
    reduced = (shrunk(part, size) for part in (image, plate))
    change = cv2.GaussianBlur(cv2.subtract(*reduced, dtype=cv2.CV_16S), (0, 0), blur / times)
    much = largest(np.abs(change)).astype(np.float32)
    much = (255 * ((much - SAME) / (OTHER - SAME)).clip(0, 1)).astype(np.uint8)
    return cv2.resize(much, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _variation(picture: np.ndarray, unit: float) -> np.ndarray:
    """The standard deviation uint8 [H, W] of the colours near each pixel, of the one that varies most."""
    sigma = VARIES * unit
    step = max(1, int(sigma / 4))  # a sample of the pixels tells as much
    some = picture[::step, ::step].astype(np.float32)
    around = partial(cv2.GaussianBlur, ksize=(0, 0), sigmaX=sigma / step)
    varies = np.sqrt(largest(around(some**2) - around(some) ** 2).clip(0)).round().astype(np.uint8)
    return cv2.resize(varies, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _from_cut(nodes: np.ndarray, outline: np.ndarray, size: tuple[int, int], axis: int) -> np.ndarray:
    """How far nodes [gh, gw, 2] of a picture of `size` pixels are, in inter-ocular distances, from where its left or
    right border (axis 0), its upper or lower one (1) cuts the person, beyond which nothing is known."""
    outside = (nodes[..., axis] < 0) | (nodes[..., axis] > size[axis] - 1)
    free = (~(outside & (outline > 127))).astype(np.uint8)
    if free.all():
        return np.full(free.shape, np.inf)
    return (cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) - 1) / CELLS
