"""Frames drawn on a GPU, or what torch calls a device: what `Warp.draw` does tile by tile, for a whole box at once.

A portrait's planes stay there. A frame sends the nodes' places, a few kilobytes, and gets its rows back, finished but
for mouth and lids, while those are drawn on the processor.
"""

from __future__ import annotations

import warnings
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np

from talkinghead.face.frames import Frame
from talkinghead.face.sheets import Planes
from talkinghead.face.warp import Drawn, Turning, Warp, shares
from talkinghead.media.yuv import planes


class _Layer(NamedTuple):
    """Planes of one size, tensors: `still` uint8 [C, rows, W] the photograph's rows; if something shows through,
    `behind` float32 [C, h, w] of the box, and `moves` bool [h, w] where the head's motion draws at all. One pixel is
    `step` by `step` of the picture's."""

    step: int
    still: Any
    behind: Any = None
    moves: Any = None


class OnDevice:
    """A Warp's frames, in the encoder's own colours, drawn from a sheet. Nothing is on the device before the first is
    drawn, so that each process which is forked may have its own share of a GPU."""

    def __init__(self, name: str, warp: Warp, sheet: Planes, still: np.ndarray, turning: Turning | None = None):
        """`name` is torch's of the device, `still` the photograph, see media.yuv."""
        self._name, self._warp, self._sheet, self._still, self._turning = name, warp, sheet, still, turning
        self._cuda = name.startswith("cuda")
        left, top, right, bottom = warp.box
        self.whole = 0, top, 2 * self._planes[1].shape[1], bottom  # a box of rows, for those arrive at once
        self._size = right - left, bottom - top
        self._shares: dict[tuple[int, int], list[Any]] = {}

    @property
    def _planes(self) -> tuple[np.ndarray, ...]:
        return planes(self._still)

    @cached_property
    def _layers(self) -> list[_Layer]:
        sheet, (_, top, _, bottom) = self._sheet, self._warp.box
        layers = []
        for step, some in (1, slice(0, 1)), (2, slice(1, 3)):
            layer = _Layer(step, self._sent(*(plane[top // step : bottom // step] for plane in self._planes[some])))
            if sheet.behind is not None and self._turning is not None:
                moves = self._enlarged(self._sent(self._turning.moves)[0], (step, step)) > 0
                layer = layer._replace(behind=self._sent(*sheet.behind[some]).float(), moves=moves)
            layers.append(layer)
        return layers

    @cached_property
    def _lit(self) -> list[Any]:
        """What frames are read from, tensors float32 [1, C, h, w]: Y, U with V, and the opacity, if there is any."""
        import torch

        with warnings.catch_warnings(action="ignore"):  # torch asks NVML, which says nothing to who was forked
            torch.empty(0, device=self._name)
        sheet = self._sheet
        parts = [[sheet.lit[0]], sheet.colours, *([] if sheet.opacity is None else [[sheet.opacity]])]
        return [self._sent(*part)[None].float() for part in parts]

    def _sent(self, *parts: np.ndarray) -> Any:
        import torch

        return torch.from_numpy(np.stack(parts)).to(self._name)

    def _enlarged(self, known: Any, block: tuple[int, int]) -> Any:
        """What is known at nodes, a tensor [..., gh, gw], in the middle of blocks of (width, height) pixels."""
        if block not in self._shares:
            import torch

            counts, cell = self._warp.at.shape[1::-1], self._warp.cell
            self._shares[block] = [
                torch.from_numpy(shares(count, cell / step, -(-side // step))).to(self._name)
                for count, step, side in zip(counts, block, self._size)
            ]
        across, down = self._shares[block]
        return down.T @ (known @ across)

    def _places(self, known: Any, of: Any, step: int, wide: int, apart: int) -> Any:
        """Where pixels [1, h, w, 2], each `step` by `step` of the picture's, are read in the tensor `of`, of what is
        known at the nodes [1, 2, gh, gw]: two below each other, and as many across as `wide` says, move alike, so many
        of the tensor's pixels `apart`."""
        import torch

        at = self._enlarged(known, (wide * step, 2 * step)).permute(0, 2, 3, 1)
        at = at.repeat_interleave(2, 1).repeat_interleave(wide, 2)
        at = at[:, : self._size[1] // step, : self._size[0] // step]
        x, y = (torch.arange(side, device=self._name) for side in at.shape[2:0:-1])
        if wide > 1:
            at[..., 0] += (x % 2 * 2 - 1) * apart / of.shape[3]
        at[..., 1] += ((y % 2 * 2 - 1) * apart / of.shape[2])[:, None]
        return at

    def draw(self, frame: Frame, where: np.ndarray, what: Drawn) -> None:
        """Begin to draw what is `where`, see Warp.draw; `settle` waits for it."""
        import torch

        if self._cuda and frame.lasts:
            _pinned(frame.pixels.ctypes.data, frame.pixels.nbytes)
        size = self._lit[0].shape[:1:-1]
        # As torch counts: from -1 to 1 between a plane's borders, whatever its size.
        places = (2 * self._sheet.place(where).astype(np.float64) + 1) / size - 1
        places = torch.from_numpy(places.transpose(2, 0, 1)[None].astype(np.float32)).to(self._name)
        tiles = torch.from_numpy(what.tiles).to(self._name)
        host, left = iter(frame.part(self.whole)), self._warp.box[0]
        with torch.inference_mode():
            for layer, (lit, much) in zip(self._layers, self._seen(places)):
                out = lit
                if layer.behind is not None:
                    out = (layer.behind * (255 - much) / 255).round_().add_(lit).clamp_(max=255)
                side = self._warp.side // layer.step
                drawn = tiles.repeat_interleave(side, 0).repeat_interleave(side, 1)[: out.shape[1], : out.shape[2]]
                drawn = drawn if layer.moves is None else drawn & layer.moves
                rows, first = layer.still.clone(), left // layer.step
                box = rows[..., first : first + out.shape[2]]
                box.copy_(torch.where(drawn, out, box))
                for plane in rows:
                    torch.from_numpy(next(host)).copy_(plane, non_blocking=self._cuda)

    def _seen(self, places: Any) -> list[tuple[Any, Any]]:
        """Grey levels [C, h, w] of Y, and of U and V, each with their opacity [1, h, w], if there is any."""
        from torch.nn.functional import avg_pool2d, grid_sample, interpolate

        def read(lit: Any, at: Any) -> Any:
            return grid_sample(lit, at, mode="bilinear", padding_mode="border", align_corners=False)[0].round_()

        (luma, colours, *opacity), times = self._lit, self._sheet.times
        y = read(luma, self._places(places, luma, 1, 2, times))
        at = self._places(places, colours, 2, 1, times)
        for axis, side in enumerate(colours.shape[:1:-1]):
            at[..., axis] += (times - 1) / side
        chroma = read(colours, at)
        if not opacity:
            return [(y, None), (chroma, None)]
        much = read(opacity[0], self._places(places, opacity[0], 2 // times, 2, 1))
        if times == 1:
            fine = interpolate(much[None], scale_factor=2, mode="bilinear", align_corners=False)[0].round_()
            return [(y, fine), (chroma, much)]
        return [(y, much), (chroma, (avg_pool2d(much, 2) + 0.5).floor_())]

    def settle(self) -> None:
        """Wait until the frame's rows have come."""
        if self._cuda:
            import torch

            torch.cuda.current_stream(self._name).synchronize()


def forks(name: str) -> bool:
    """Whether processes that are forked from now on can use the device of this name, as torch calls it: of a GPU that
    this one uses they would know nothing."""
    import torch

    return name.startswith("cuda") and not torch.cuda.is_initialized()


@cache
def _pinned(address: int, size: int) -> None:
    """Have the GPU write to memory by itself, while the processor does something else; it must last as long as the
    process. Where the system allows no more of it, nothing is lost but time."""
    import torch

    torch.cuda.cudart().cudaHostRegister(address, size, 0)
