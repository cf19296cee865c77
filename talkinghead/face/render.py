"""Put the animated face back into the photograph, at the photograph's own resolution."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from talkinghead.face.align import alignment, crop, transform
from talkinghead.face.curves import rise
from talkinghead.face.frames import RGB, YUV, Box, Colours, Frame, Frames, evened
from talkinghead.face.head import Head, Posed
from talkinghead.face.lids import Lids
from talkinghead.face.mouth import Mouth, Patch
from talkinghead.face.sheets import Blocks, Planes, Sheet, laid
from talkinghead.face.warp import Turning, Warp, enlarged, nodes
from talkinghead.media.yuv import even, to_yuv

if TYPE_CHECKING:
    from talkinghead.face.on_device import OnDevice

FEATHER = 0.06  # of the crop's side: motion and paint fade to nothing toward its border, so that there is no seam
REACH = 0.25  # of the face's region: how far beyond its border motion may look
MIN_MASK = 0.004  # a grey level: less is not to be seen
FLOW_STEP = 2  # pixels of the crop: a generator's flow is half as fine, its paint is not
MIN_SQUARE, MAX_SQUARE = 256, 1024  # pixels, the side of what `--crop` makes
NOTHING_OUTSIDE = cv2.INTER_LINEAR, None, cv2.BORDER_CONSTANT  # of cv2.remap
INSIDE = 0.98  # of a row around the square must be the picture's own
# Section 4.2 of the paper: CLAHE, non-local means, unsharp masking, on luminance alone so that colours stay.
CLAHE_CLIP, CLAHE_TILES = 1.5, (4, 4)
DENOISE_STRENGTH, DENOISE_PATCH, DENOISE_SEARCH = 3, 3, 7
UNSHARP_AMOUNT, UNSHARP_SIGMA = 0.5, 1.5


@dataclass(frozen=True)
class Stage:
    """What frames of one kind are drawn with: heads as photographed, or posed and `turning`; and on a device."""

    warp: Warp
    sheet: Sheet | Blocks | None
    turning: Turning | None
    device: OnDevice | None

    def settle(self) -> None:
        """Wait until what was moved is seen."""
        if self.device is not None:
            self.device.settle()


class Renderer:
    """One photograph and where its face lies; turns what the generator says of the aligned crop into full pictures.

    A frame costs time in proportion to the part of the face that moves; every other pixel is the photograph's own. The
    face may hang over the photograph's edge, whose pixels are then repeated.
    """

    def __init__(
        self,
        image: np.ndarray,
        matrix: np.ndarray,
        size: int,
        enhance: bool = False,
        mouth: Mouth | None = None,
        lids: Lids | None = None,
        device: str | None = None,
    ):
        """`image` RGB uint8 [H, W, 3]; `matrix` [2, 3] takes its pixels to the aligned crop of `size` pixels; `mouth`
        draws lips and what is behind them, `lids` lids that close. Planar frames are drawn on the `device` of which
        this is torch's name, if there is any."""
        self.image, self._size = np.ascontiguousarray(image), size
        self.mouth, self.lids, self.device = mouth, lids, device
        self._to_crop = matrix.astype(np.float64)
        self._from_crop = cv2.invertAffineTransform(self._to_crop)
        # A shift by one whole side of the crop, in the photograph's pixels: turned and scaled with the face.
        self._turn = (self._from_crop[:, :2] * size).astype(np.float32)
        self._fade = _fade(size)
        self._fades = cv2.merge([self._fade] * 2)
        self._region = evened(self._box(self._fade > 0))
        self._weight = self._upsample(self._fade, self._region)[..., None] if enhance else None
        self._frames = Frames(self.image)
        self._stages: dict[tuple[bool, int], Stage] = {}
        self.busy = threading.RLock()  # one frame is drawn at a time: held by the thread that draws it

    def __call__(
        self,
        flow: np.ndarray,
        mask: np.ndarray | None = None,
        colour: np.ndarray | None = None,
        posed: Posed | None = None,
        patches: Iterable[Patch] = (),
        planar: bool = False,
        onto: np.ndarray | None = None,
    ) -> np.ndarray:
        """One frame, RGB uint8 [H, W, 3], or `planar` as media.yuv has it, from maps of the crop's size S, its head
        `posed` or as photographed, with `patches` over it; a planar one may be drawn `onto` memory.

        `flow` [2, S, S] backward (x, y) in fractions of the crop's side, `mask` [1, S, S] in [0, 1], `colour`
        [3, S, S] in [-1, 1]: out(p) = (1 - mask) * photograph(p + flow(p)) + mask * colour; the moved photograph alone
        where there is no mask.
        """
        colours = self._colours(planar)
        stage = self._stage(None if posed is None else posed.head, colours)
        whole = None if stage.device is None else stage.device.whole
        onto = onto if colours is YUV else None
        frame = self._frames.new(colours, whole) if onto is None else self._frames.onto(onto, whole)
        flow = self._faded(flow)
        if stage.sheet is not None:
            self._move(frame, stage, flow, posed)
            if mask is not None:
                stage.settle()
                self._paint(frame, mask[0] * self._fade, colour, posed)
        for patch in patches:
            stage.settle()  # only now: a patch may be made while the rest is drawn
            self._lay(frame, patch)
        stage.settle()
        given = self._frames.given(frame)
        if self._weight is not None:
            left, top, right, bottom = self._region
            face = given[top:bottom, left:right]
            weight = self._weight[: len(face), : face.shape[1]]  # a region is even, a picture need not be
            face[:] = (face + weight * (_enhanced(face) - face.astype(np.float32)) + 0.5).astype(np.uint8)
        return to_yuv(even(given)) if planar and colours is RGB else given

    def patches(
        self,
        flow: np.ndarray,
        posed: Posed | None,
        lips: np.ndarray,
        closures: np.ndarray | None,
        tongue: float = 0.0,
    ) -> Iterator[Patch]:
        """What is drawn over the frame moved by `flow`: the mouth with its points `lips` [P, 2] and its
        `tongue`, see Mouth, and lids closed by `closures` [2], see Lids; made when it is asked for."""
        flow = self._faded(flow)
        if self.mouth is not None:
            yield self.mouth(lips, flow.transpose(2, 0, 1), posed, tongue)
        if self.lids is not None and closures is not None:
            yield from self.lids(closures, lambda at: self._shift(flow, at), posed)

    def _faded(self, flow: np.ndarray) -> np.ndarray:
        """[S, S, 2], nothing at the crop's border."""
        return cv2.multiply(cv2.merge([*flow]), self._fades)

    def _move(self, frame: Frame, stage: Stage, flow: np.ndarray, posed: Posed | None) -> None:
        """Face and head, moved by the crop's `flow` [S, S, 2]."""
        warp = stage.warp
        seen = warp.at if posed is None else posed.seen(warp.at)  # the photograph's own pixels, before the face moves
        where = seen + self._shift(flow, seen)
        drawn = warp.moved(where) if posed is None else warp.turned(where, stage.turning)
        if stage.device is None:
            warp.draw(frame, where, stage.sheet, drawn)
        else:
            stage.device.draw(frame, where, drawn)

    def _shift(self, flow: np.ndarray, at: np.ndarray) -> np.ndarray:
        """The crop's `flow` [S, S, 2] at pixels [h, w, 2] of the photograph, in its pixels."""
        return cv2.remap(cv2.transform(flow, self._turn), cv2.transform(at, self._to_crop), None, *NOTHING_OUTSIDE)

    def _paint(self, frame: Frame, mask: np.ndarray, colour: np.ndarray, posed: Posed | None) -> None:
        """The crop's `colour` [3, S, S] over the frame where its `mask` [S, S] says so."""
        box = self._box(mask > MIN_MASK)
        if posed is not None:
            box = posed.around(box)
        left, top, right, bottom = evened(box)
        if left >= right or top >= bottom:
            return
        cell = max(2, 2 * round(0.5 / float(np.hypot(*self._to_crop[:, 0]))))
        size = right - left, bottom - top
        at = nodes((left, top), cell, [-(-side // cell) for side in size])
        in_crop = cv2.transform(at if posed is None else posed.seen(at), self._to_crop)
        paint = ((colour.transpose(1, 2, 0) + 1) * 127.5).clip(0, 255).astype(np.uint8)
        paint = cv2.remap(paint, in_crop, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask = cv2.remap(mask, in_crop, None, *NOTHING_OUTSIDE)
        weights = {step: enlarged(mask, cell, size, step) for step in set(frame.colours.steps)}
        for out, plane, step in zip(
            frame.part((left, top, right, bottom)), cv2.split(frame.colours.of(paint)), frame.colours.steps
        ):
            weight = weights[step]
            cv2.blendLinear(out, enlarged(plane, cell, size, step), 1 - weight, weight, dst=out)

    @staticmethod
    def _lay(frame: Frame, patch: Patch) -> None:
        height, width = patch.rgba.shape[:2]
        if not height:
            return
        left, top, right, bottom = box = evened((patch.left, patch.top, patch.left + width, patch.top + height))
        around = patch.top - top, bottom - patch.top - height, patch.left - left, right - patch.left - width
        frame.lay(box, cv2.copyMakeBorder(patch.rgba, *around, cv2.BORDER_CONSTANT) if any(around) else patch.rgba)

    def expect(self, head: Head | None, planar: bool) -> None:
        """Make what the first frame of that kind would wait for."""
        colours = self._colours(planar)
        self._stage(head, colours)
        self._frames.still(colours)
        if self.mouth is not None:
            self.mouth.expect()

    def _colours(self, planar: bool) -> Colours:
        return YUV if planar and self._weight is None else RGB

    def _stage(self, head: Head | None, colours: Colours) -> Stage:
        kind = head is not None, id(colours)
        if kind not in self._stages:
            spacing = FLOW_STEP / float(np.hypot(*self._to_crop[:, 0]))
            sheet: Sheet | Planes | Blocks | None = None
            box, turning, device = self._region, None, None
            if head is not None:
                sheet, box = head.sheet(colours), head.box
            else:
                left, top, right, bottom = evened(self._around())
                if left < right and top < bottom:
                    sheet = laid(self.image[top:bottom, left:right], (left, top), colours)
            warp = Warp(box, spacing, isinstance(sheet, Planes))
            if head is not None:
                turning = Turning(warp, head.moves(warp.at), head.clear)
            if self.device is not None and colours is YUV and sheet is not None:
                from talkinghead.face.on_device import OnDevice

                device = OnDevice(self.device, warp, sheet, self._frames.still(YUV), turning)
            elif isinstance(sheet, Planes):
                sheet = Blocks(sheet)
                if head is not None and sheet.times == 1:  # a large picture
                    head.let_go(colours)
            self._stages[kind] = Stage(warp, sheet, turning, device)
        return self._stages[kind]

    def _around(self) -> Box:
        """The face's region and what its motion may look for beside it."""
        left, top, right, bottom = self._region
        reach = round(REACH * max(right - left, bottom - top))
        if left >= right or top >= bottom:  # no part of the face lies in the picture
            return 0, 0, 0, 0
        height, width = self.image.shape[:2]
        return max(left - reach, 0), max(top - reach, 0), min(right + reach, width), min(bottom + reach, height)

    def _box(self, active: np.ndarray) -> Box:
        """The photograph's pixels (left, top, right, bottom) that the `active` [S, S] pixels of the crop can touch."""
        ys, xs = np.flatnonzero(active.any(1)), np.flatnonzero(active.any(0))
        if not len(ys):
            return 0, 0, 0, 0
        (x0, x1), (y0, y1) = (xs[0] - 1, xs[-1] + 1), (ys[0] - 1, ys[-1] + 1)
        corners = transform(self._from_crop, np.array([(x0, y0), (x1, y0), (x0, y1), (x1, y1)], np.float64))
        extent = self.image.shape[1::-1]
        low = np.clip(np.floor(corners.min(0)), 0, extent).astype(int)
        high = np.clip(np.ceil(corners.max(0)) + 1, 0, extent).astype(int)
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])

    def _upsample(self, values: np.ndarray, box: Box, border: int = cv2.BORDER_CONSTANT) -> np.ndarray:
        """A map of the crop's pixels [S, S] or [S, S, C], seen at the photograph's pixels in `box`."""
        left, top, right, bottom = box
        to_crop = self._to_crop.copy()
        to_crop[:, 2] += to_crop[:, :2] @ (left, top)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = right - left, bottom - top
        return cv2.warpAffine(np.ascontiguousarray(values), to_crop, size, flags=flags, borderMode=border)


def square(image: np.ndarray, points: np.ndarray, around: float = 0.0) -> tuple[np.ndarray, np.ndarray, Box]:
    """The aligned face alone, at its own resolution within MIN_SQUARE and MAX_SQUARE, its landmarks there, and its box.

    `image` RGB uint8, `points` [478, 2] in its pixels. The square, the box of what is returned, has an even side, as
    video codecs want it; on each side there is as much of the picture around it as there is, `around` of its side at
    most.
    """
    matrix = alignment(points, 1)
    natural = 1 / np.hypot(matrix[0, 0], matrix[1, 0])
    size = 2 * round(float(np.clip(natural, MIN_SQUARE, MAX_SQUARE)) / 2)
    margin = round(around * size)
    to_square = alignment(points, size)
    matrix, whole, inner = to_square.copy(), size + 2 * margin, slice(margin, margin + size)
    matrix[:, 2] += margin
    picture = crop(image, matrix, whole)
    picture[inner, inner] = crop(image, to_square, size)
    # From the square outwards, the rows and columns that lie in the picture.
    known = cv2.warpAffine(np.ones(image.shape[:2], np.float32), matrix, (whole, whole))
    rows, columns = known[:, inner].mean(1) > INSIDE, known[inner].mean(0) > INSIDE
    runs = rows[:margin][::-1], rows[margin + size :], columns[:margin][::-1], columns[margin + size :]
    top, bottom, left, right = (int(np.argmin(np.r_[run, False])) for run in runs)
    picture = picture[margin - top : margin + size + bottom, margin - left : margin + size + right]
    points = transform(matrix, points) - (margin - left, margin - top)
    return np.ascontiguousarray(picture), points, (left, top, left + size, top + size)


def _fade(size: int) -> np.ndarray:
    """[size, size] weight: one inside, a smooth fall over FEATHER to exactly zero in the outermost pixels."""
    t = np.arange(size) / (size - 1)
    ramp = rise(np.minimum(t, 1 - t) / FEATHER)
    return np.outer(ramp, ramp).astype(np.float32)


def _enhanced(face: np.ndarray) -> np.ndarray:
    lab = cv2.cvtColor(face, cv2.COLOR_RGB2LAB)
    light = cv2.createCLAHE(CLAHE_CLIP, CLAHE_TILES).apply(np.ascontiguousarray(lab[..., 0]))
    light = cv2.fastNlMeansDenoising(light, None, DENOISE_STRENGTH, DENOISE_PATCH, DENOISE_SEARCH)
    soft = cv2.GaussianBlur(light, (0, 0), UNSHARP_SIGMA)
    lab[..., 0] = cv2.addWeighted(light, 1 + UNSHARP_AMOUNT, soft, -UNSHARP_AMOUNT, 0)
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
