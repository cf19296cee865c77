"""Motion and paint at a photograph's own resolution: smooth maps in, the tiles of a frame that they change.

The maps are read at the nodes of a grid that stands upright in the picture, a few pixels apart, and enlarged from there
tile by tile, so that tiles in which nothing happens cost nothing, and what is worked on fits a processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from talkinghead.face.frames import Box, Frame
from talkinghead.face.sheets import Sheet

TILES = 8  # across a box, about: smaller ones leave out more and cost more calls
LARGEST = 1 << 18  # pixels drawn at once
MIN_SHIFT = 0.02  # pixels: tiles that move less stay the photograph's own
BLOCK = 8  # pixels, in which a person's opacity is summed up


class Warp:
    """The grid over an even box of a picture, and what is drawn by it. `at` [gh, gw, 2] are the nodes' places,
    none for an empty box."""

    def __init__(self, box: Box, spacing: float):
        """Nodes are about `spacing` of the picture's pixels apart, an even number."""
        self._end = box[2:]
        self._cell = cell = max(2, 2 * round(spacing / 2))
        self._per_tile = n = max(1, -(-max(box[2] - box[0], box[3] - box[1]) // (TILES * cell)))
        self._corner = np.array(box[:2])
        self._tiles = [int(-(-(end - first) // (n * cell))) for end, first in zip(box[2:], self._corner)]
        if min(self._tiles) <= 0:
            self.at = np.empty((0, 0, 2), np.float32)
            return
        self.at = nodes(self._corner, cell, [tiles * n for tiles in self._tiles])

    def move(self, frame: Frame, where: np.ndarray, sheet: Sheet) -> None:
        """Draw from a sheet what is `where` [gh, gw, 2], in pixels of the picture; tiles at rest stay as they are."""
        further = np.abs(where - self.at)
        moves = self.tiles(cv2.max(further[..., 0], further[..., 1]) > MIN_SHIFT)
        self._draw(frame, where, sheet, [(moves, False)])

    def turn(self, frame: Frame, where: np.ndarray, sheet: Sheet, turning: Turning) -> None:
        """The same of a person and what is behind, where `turning` says."""
        low, high = self.reach(where)
        empty = turning.empty & (turning.clear.some(low, high) == 0)
        opaque = turning.clear.lacks(low, high) == 0
        whole, rim = turning.whole, turning.rim & ~empty
        self._draw(frame, where, sheet, [(whole & opaque, False), (whole & ~opaque & ~empty, True)])
        self._draw(frame, where, sheet, [(rim, True)], turning.moves)

    def _draw(
        self,
        frame: Frame,
        where: np.ndarray,
        sheet: Sheet,
        kinds: list[tuple[np.ndarray, bool]],
        moves: np.ndarray | None = None,
    ) -> None:
        placed, steps = sheet.place(where), frame.colours.steps
        # A plane of half the size has its pixels in the middle of four.
        by_step = {step: (placed + np.float32(0.5)) / np.float32(step) - np.float32(0.5) for step in set(steps)}
        for tiles, through in kinds:
            for box, part in self._boxes(tiles):
                large = {step: self._enlarged(at[part], box, step) for step, at in by_step.items()}
                sheet.draw(frame, box, [large[step] for step in steps], through)
                if moves is not None:
                    still = {step: (self._enlarged(moves[part], box, step) <= 0).astype(np.uint8) for step in by_step}
                    frame.rest(box, [still[step] for step in steps])

    def _enlarged(self, known: np.ndarray, box: Box, step: int) -> np.ndarray:
        return enlarged(known, self._cell, (box[2] - box[0], box[3] - box[1]), step)

    def tiles(self, nodes: np.ndarray) -> np.ndarray:
        """Tiles of which a node, or a neighbour of one, is true."""
        wide = cv2.dilate(nodes.astype(np.uint8), np.ones((3, 3), np.uint8))[1:-1, 1:-1]
        n = self._per_tile
        return np.maximum.reduceat(np.maximum.reduceat(wide, np.arange(0, wide.shape[0], n), 0),
                                   np.arange(0, wide.shape[1], n), 1) > 0  # fmt: skip

    def reach(self, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The least and the largest place [tiles, 2] at the corners of every tile."""
        firsts = [np.arange(tiles) * self._per_tile for tiles in self._tiles[::-1]]
        ends = [(first, first + self._per_tile + 1) for first in firsts]
        corners = [where[np.ix_(rows, columns)] for rows in ends[0] for columns in ends[1]]
        return np.minimum.reduce(corners), np.maximum.reduce(corners)

    def _boxes(self, tiles: np.ndarray) -> Iterator[tuple[Box, tuple[slice, slice]]]:
        """True tiles in rectangles, as boxes of the picture, and their nodes with one more all round."""
        n, side = self._per_tile, self._per_tile * self._cell
        (first_x, first_y), (end_x, end_y) = self._corner.tolist(), self._end
        for x0, y0, x1, y1 in _rectangles(tiles, max(1, LARGEST // side**2)):
            left, top = first_x + x0 * side, first_y + y0 * side
            box = left, top, min(first_x + x1 * side, end_x), min(first_y + y1 * side, end_y)
            yield box, np.s_[y0 * n : y1 * n + 2, x0 * n : x1 * n + 2]


def nodes(corner: Sequence[float], cell: int, count: Sequence[int]) -> np.ndarray:
    """Places [gh, gw, 2] float32 in the middle of `count` cells across and down, which begin at the pixel `corner`; and
    one more all round, for enlargement needs neighbours."""
    x, y = (np.arange(-1, n + 1) * cell + (cell - 1) / 2 + first for n, first in zip(count, corner))
    return np.stack(np.meshgrid(x, y), -1).astype(np.float32)


def enlarged(known: np.ndarray, cell: int, size: tuple[int, int], step: int = 1) -> np.ndarray:
    """What is known at `nodes` [gh, gw, ...] at the first `size` (width, height) pixels of their cells, or at those of
    a plane that has a pixel for `step` by `step` of them."""
    cell = cell // step
    whole = cv2.resize(known, (known.shape[1] * cell, known.shape[0] * cell), interpolation=cv2.INTER_LINEAR)
    return whole[cell : cell + size[1] // step, cell : cell + size[0] // step]


class Clear:
    """Where a person's opacity is nothing or all, asked of many boxes at once."""

    def __init__(self, opacity: np.ndarray, corner: tuple[int, int]):
        """`opacity` uint8 [h, w], from the picture's pixel `corner` on."""
        self._corner, block = np.array(corner), BLOCK
        pad = [(0, -side % block) for side in opacity.shape]
        blocks = np.pad(opacity, pad, mode="edge").reshape(-1, block, -(-opacity.shape[1] // block), block)
        self._some = cv2.integral((blocks.max((1, 3)) > 0).astype(np.uint8))
        self._lacks = cv2.integral((blocks.min((1, 3)) < 255).astype(np.uint8))

    def some(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """How many blocks of the boxes [..., 2] to [..., 2], and around them, have something of the person."""
        return self._sum(self._some, low, high)

    def lacks(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """How many of them lack something of the person."""
        return self._sum(self._lacks, low, high)

    def _sum(self, of: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        most = np.array(of.shape[::-1]) - 1
        x0, y0 = np.moveaxis(((low - self._corner) // BLOCK - 1).astype(int).clip(0, most - 1), -1, 0)
        x1, y1 = np.moveaxis(((high - self._corner) // BLOCK + 1).astype(int).clip(0, most - 1) + 1, -1, 0)
        return of[y1, x1] - of[y0, x1] - of[y1, x0] + of[y0, x0]


class Turning:
    """Which tiles a posed head's frames draw anew: it does not change with time, or texture would come and go."""

    def __init__(self, warp: Warp, moves: np.ndarray, clear: Clear):
        """`moves` [gh, gw] is positive at nodes of the warp that take part in the head's motion."""
        self.moves, self.clear = moves, clear
        self.whole = ~warp.tiles(moves <= 0)
        self.rim = warp.tiles(moves > 0) & ~self.whole  # in part only
        self.empty = clear.some(*warp.reach(warp.at)) == 0  # nothing of the person there when it is not posed


def _rectangles(cells: np.ndarray, most: int) -> Iterator[Box]:
    """True cells of [h, w] in few rectangles of about `most` cells: neighbours in a row, and rows with the same."""
    begun: dict[tuple[int, int], int] = {}  # the first row of runs that have not ended
    for row, line in enumerate([*cells.tolist(), [False] * cells.shape[1]]):
        runs, first = set(), None
        for i, cell in enumerate([*line, False]):
            if cell and first is None:
                first = i
            elif first is not None and (not cell or i - first >= most):
                runs.add((first, i))
                first = i if cell else None
        for run in [r for r, start in begun.items() if r not in runs or (row - start) * (r[1] - r[0]) >= most]:
            yield run[0], begun.pop(run), run[1], row
        for run in runs:
            begun.setdefault(run, row)
