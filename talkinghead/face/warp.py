"""Motion and paint at a photograph's own resolution: smooth maps in, the tiles of a frame that they change.

The maps are read at the nodes of a grid that stands upright in the picture, a few pixels apart, and enlarged from there
tile by tile, so that tiles in which nothing happens cost nothing, and what is worked on fits a processor's cache.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from talkinghead.face.frames import Box, Frame
from talkinghead.face.sheets import Blocks, Sheet

# Pixels of a tile, about, and how many across a box, at the least and the most: small ones leave out more and cost
# more calls.
TILE, FEWEST, MOST = 64, 8, 32
LARGEST = 1 << 16  # pixels, or blocks of four, drawn at once: their maps fit a core's cache
SPARE = 1 << 15  # pixels over which what is behind may be laid for nothing, which take as long as one call more
WIDE = 12  # pixels of a cell from which on a product of matrices enlarges faster than OpenCV
MIN_SHIFT = 0.02  # pixels: tiles that move less stay the photograph's own
BLOCK = 4  # pixels, in which a person's opacity is summed up
MARGIN = 2  # pixels that a tile may read beyond what its corners do


class Drawn(NamedTuple):
    """Tiles, bool [rows, columns], that are drawn; and of a person over what is behind also those of them where that
    shows `through`, where it is all there is, and those of the `rim`, in which the photograph stays where nothing
    `moves`, which is positive at nodes [gh, gw] that do."""

    tiles: np.ndarray
    through: np.ndarray | None = None
    bare: np.ndarray | None = None
    rim: np.ndarray | None = None
    moves: np.ndarray | None = None


class Warp:
    """The grid over an even box of a picture, and what is drawn by it. `at` [gh, gw, 2] are the nodes' places,
    none for an empty box."""

    def __init__(self, box: Box, spacing: float, in_blocks: bool = False):
        """Nodes are about `spacing` of the picture's pixels apart, an even number; `in_blocks` is the sheet's."""
        self.box = box
        self.cell = cell = max(2, 2 * round(spacing / 2))
        span = max(box[2] - box[0], box[3] - box[1])
        side = min(max(TILE, span / MOST), span / FEWEST)
        n = max(1, round(side / cell))
        if in_blocks:  # which are four pixels wide
            n += n * cell % 4 // 2
        self._per_tile, self._most = n, LARGEST * (4 if in_blocks else 1)
        self.side = n * cell  # of a tile
        self._tiles = [-(-(end - first) // self.side) for first, end in zip(box[:2], box[2:])]
        if min(self._tiles) <= 0:
            self.at = np.empty((0, 0, 2), np.float32)
            return
        self.at = nodes(box[:2], cell, [tiles * n for tiles in self._tiles])

    def moved(self, where: np.ndarray) -> Drawn:
        """What is to be drawn of what is seen `where` [gh, gw, 2]: tiles at rest stay as they are."""
        further = np.abs(where - self.at)
        return Drawn(self.tiles(cv2.max(further[..., 0], further[..., 1]) > MIN_SHIFT))

    def turned(self, where: np.ndarray, turning: Turning) -> Drawn:
        """The same of a person and what is behind, where `turning` says."""
        some, lacks = turning.clear(*self.reach(where))
        bare = some == 0
        tiles = turning.takes_part & ~(turning.empty & bare)
        return Drawn(tiles, tiles & (lacks > 0) & ~bare, tiles & bare, turning.rim & tiles, turning.moves)

    def draw(self, frame: Frame, where: np.ndarray, sheet: Sheet | Blocks, drawn: Drawn) -> None:
        """Draw from a sheet what is seen `where` [gh, gw, 2], in pixels of the picture."""
        places = _Places(sheet.place(where), self.box[:2], self.cell)
        for x0, y0, x1, y1 in self._rectangles(drawn.tiles):
            covered: list[Box] = []
            if drawn.through is not None:
                inner = _loosely(drawn.through[y0:y1, x0:x1], SPARE // self.side**2)
                covered = [self._pixels((x0 + a, y0 + b, x0 + c, y0 + d)) for a, b, c, d in inner]
            sheet.draw(frame, self._pixels((x0, y0, x1, y1)), places, covered)
        if drawn.bare is not None:
            for cells in self._rectangles(drawn.bare):
                sheet.bare(frame, self._pixels(cells))
        if drawn.rim is not None and drawn.moves is not None:
            for cells in self._rectangles(drawn.rim):
                self._rest(frame, self._pixels(cells), drawn.moves)

    def _rest(self, frame: Frame, box: Box, moves: np.ndarray) -> None:
        """The photograph again where nothing moves."""
        steps, size = frame.colours.steps, (box[2] - box[0], box[3] - box[1])
        known = moves[part_of(box, self.box[:2], self.cell)]
        still = {step: enlarged(known, self.cell, size, step) <= 0 for step in set(steps)}
        frame.rest(box, [still[step].view(np.uint8) for step in steps])

    def tiles(self, nodes: np.ndarray) -> np.ndarray:
        """Tiles of which a node, or a neighbour of one, is true."""
        wide = cv2.dilate(nodes.astype(np.uint8), np.ones((3, 3), np.uint8))[1:-1, 1:-1]
        n = self._per_tile
        return np.maximum.reduceat(np.maximum.reduceat(wide, np.arange(0, wide.shape[0], n), 0),
                                   np.arange(0, wide.shape[1], n), 1) > 0  # fmt: skip

    def reach(self, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The least and the largest place [tiles, 2] at the corners of every tile."""
        n = self._per_tile
        corners = [where[y::n, x::n][: self._tiles[1], : self._tiles[0]] for y in (0, n + 1) for x in (0, n + 1)]
        return np.minimum.reduce(corners), np.maximum.reduce(corners)

    def _rectangles(self, tiles: np.ndarray) -> Iterator[Box]:
        """True tiles in rectangles that are drawn at once."""
        return _rectangles(tiles, max(1, self._most // self.side**2))

    def _pixels(self, tiles: Box) -> Box:
        """The picture's pixels of a rectangle of tiles."""
        (left, top, right, bottom), (x0, y0, x1, y1), side = self.box, tiles, self.side
        return left + x0 * side, top + y0 * side, min(left + x1 * side, right), min(top + y1 * side, bottom)


def nodes(corner: Sequence[float], cell: int, count: Sequence[int]) -> np.ndarray:
    """Places [gh, gw, 2] float32 in the middle of `count` cells across and down, which begin at the pixel `corner`; and
    one more all round, for enlargement needs neighbours."""
    x, y = (np.arange(-1, n + 1) * cell + (cell - 1) / 2 + first for n, first in zip(count, corner))
    out = np.empty((len(y), len(x), 2), np.float32)
    out[..., 0], out[..., 1] = x, y[:, None]
    return out


def part_of(box: Box, corner: Sequence[int], cell: int) -> tuple[slice, slice]:
    """Which of the `nodes` from a `corner` on tell what is seen in a box that begins where one of their cells does."""
    left, top, right, bottom = ((edge - first) / cell for edge, first in zip(box, (*corner, *corner)))
    return slice(int(top), math.ceil(bottom) + 2), slice(int(left), math.ceil(right) + 2)


class _Places:
    """What is known at the nodes of a grid, called as sheets.At."""

    def __init__(self, placed: np.ndarray, corner: Sequence[int], cell: int):
        """`placed` [gh, gw, 2] at nodes from a `corner` on."""
        self._placed, self._corner, self._cell = placed, corner, cell
        self._scaled: dict[tuple[float, tuple[float, float]], np.ndarray] = {}

    def __call__(
        self, box: Box, block: tuple[int, int], scale: float, more: tuple[float, float], around: int
    ) -> Sequence[np.ndarray | None]:
        if (scale, more) not in self._scaled:
            self._scaled[scale, more] = cv2.transform(self._placed, np.column_stack([scale * np.eye(2), more]))
        known = self._scaled[scale, more][part_of(box, self._corner, self._cell)]
        size = [-(-(end - first) // step) for first, end, step in zip(box[:2], box[2:], block)]
        if self._cell < WIDE:
            return _between(known, [self._cell / step for step in block], size, around), None
        across, down = (
            shares(n, self._cell / step, side, around) for n, step, side in zip(known.shape[1::-1], block, size)
        )
        return [down.T @ (values @ across) for values in cv2.split(known)]


def _between(known: np.ndarray, cell: Sequence[float], size: Sequence[int], around: int) -> np.ndarray:
    """What `shares` makes of [gh, gw, ...] for cells of so many pixels across and down, halves of which may be over."""
    before = 1
    if any(side % 1 for side in cell):  # so that the first pixel is a whole one
        before, known = 2, cv2.copyMakeBorder(known, 1, 0, 1, 0, cv2.BORDER_REPLICATE)
    whole = cv2.resize(known, None, fx=cell[0], fy=cell[1], interpolation=cv2.INTER_LINEAR)
    left, top = (round(before * side) - around for side in cell)
    return whole[top : top + size[1] + 2 * around, left : left + size[0] + 2 * around]


@lru_cache(256)
def shares(count: int, cell: float, size: int, around: int = 0) -> np.ndarray:
    """How much each of `count` nodes counts at each of the first pixels of their cells, [count, size], and at so many
    more on either side."""
    at = (np.arange(-around, size + around) + 0.5) / cell + 0.5
    return np.maximum(1 - np.abs(at - np.arange(count)[:, None]), 0).astype(np.float32)


def enlarged(known: np.ndarray, cell: int, size: tuple[int, int], step: int = 1) -> np.ndarray:
    """What is known at `nodes` [gh, gw, ...] at the first `size` (width, height) pixels of their cells, or at those of
    a plane that has a pixel for `step` by `step` of them."""
    return _between(known, [cell / step] * 2, [side // step for side in size], 0)


class Clear:
    """Where a person's opacity is nothing or all, asked of many boxes at once."""

    def __init__(self, opacity: np.ndarray, corner: tuple[int, int]):
        """`opacity` uint8 [h, w], from the picture's pixel `corner` on."""
        self._corner, block = np.array(corner), BLOCK
        pad = [-side % block for side in opacity.shape]
        padded = cv2.copyMakeBorder(opacity, 0, pad[0], 0, pad[1], cv2.BORDER_REPLICATE)
        most, least = (  # in a block's first pixel
            of(padded, np.ones((block, block), np.uint8), anchor=(at, at))[::block, ::block]
            for of, at in ((cv2.dilate, 0), (cv2.erode, 0))
        )
        counted = [(most > 0).astype(np.uint8), (least < 255).astype(np.uint8)]
        self._sums = np.stack([cv2.integral(each) for each in counted], -1)

    def __call__(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How many blocks of the boxes [..., 2] to [..., 2], and a MARGIN around, have something of the person, and
        how many lack something."""
        of = self._sums
        most = np.array(of.shape[1::-1]) - 1
        first = ((low - self._corner - MARGIN) // BLOCK).astype(int).clip(0, most - 1)
        last = ((high - self._corner + MARGIN) // BLOCK).astype(int).clip(0, most - 1) + 1
        x0, y0, x1, y1 = first[..., 0], first[..., 1], last[..., 0], last[..., 1]
        counts = of[y1, x1] - of[y0, x1] - of[y1, x0] + of[y0, x0]
        return counts[..., 0], counts[..., 1]


class Turning:
    """Which tiles a posed head's frames draw anew: it does not change with time, or texture would come and go."""

    def __init__(self, warp: Warp, moves: np.ndarray, clear: Clear):
        """`moves` [gh, gw] is positive at nodes of the warp that take part in the head's motion."""
        self.moves, self.clear = moves, clear
        self.takes_part = warp.tiles(moves > 0)
        self.rim = self.takes_part & warp.tiles(moves <= 0)  # in part only
        self.empty = clear(*warp.reach(warp.at))[0] == 0  # nothing of the person there when it is not posed


def _rectangles(cells: np.ndarray, most: int) -> Iterator[Box]:
    """True cells of [h, w] in few rectangles of at most `most`: neighbours in a row, and rows with the same."""
    begun: dict[tuple[int, int], int] = {}  # the first row of runs that have not ended
    for row, line in enumerate([*cells.tolist(), []]):
        runs, first = set(), None
        for i, cell in enumerate([*line, False]):
            if first is not None and (not cell or i - first == most):
                runs.add((first, i))
                first = None
            if cell and first is None:
                first = i
        for run in [run for run in begun if run not in runs or (row + 1 - begun[run]) * (run[1] - run[0]) > most]:
            yield run[0], begun.pop(run), run[1], row
        for run in runs:
            begun.setdefault(run, row)


def _loosely(cells: np.ndarray, spare: int) -> Iterator[Box]:
    """Rectangles in which all true cells of [h, w] lie, in none twice: parts of rows that follow each other, with at
    most `spare` others between."""
    # A row as the bits of a number: what rows have together takes one step, and this is done many times a frame.
    lines = [int.from_bytes(line.tobytes(), "little") for line in np.packbits(cells, 1, bitorder="little")]
    top = 0
    while top < len(lines):
        joint, true, end = lines[top], lines[top].bit_count(), top + 1
        for line in lines[end:]:
            wider, more = joint | line, true + line.bit_count()
            if wider.bit_count() * (end + 1 - top) - more > spare:
                break
            joint, true, end = wider, more, end + 1
        high = end - top
        left, parts = spare + true - joint.bit_count() * high, list[tuple[int, int]]()
        for first, last in _runs(joint):
            gap = (first - parts[-1][1]) * high if parts else left + 1
            if gap <= left:
                left, first = left - gap, parts.pop()[0]
            parts.append((first, last))
        yield from ((first, top, last, end) for first, last in parts)
        top = end


def _runs(bits: int) -> Iterator[tuple[int, int]]:
    """Where ones of a number begin and end, from the lowest on."""
    return (ones.span() for ones in re.finditer("1+", f"{bits:b}"[::-1]))
