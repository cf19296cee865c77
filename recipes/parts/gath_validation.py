"""How a generator in training is looked at: one figure on a fixed validation batch, and a sheet of faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gath.data import Pack, Sampler, resize, to_tensor
from gath.generator import compose
from gath.losses import weighted_l1
from gath.training import teacher_flow
from talkinghead.units.names import INDEX, UNIT_NAMES

PAIRS = 48
AT_ONCE = 16  # faces
ROWS = 10  # of a sheet
SHEET_UNITS = (
    {},  # no expression at all
    {"JawOpen": 0.5, "LipsLowerOpen": 0.9, "LipsUpperOpen": 0.5},
    {"MouthSmile_L": 0.9, "MouthSmile_R": 0.9},
    {"EyeBlink_L": 0.9, "EyeBlink_R": 0.9},
    {"LipsPucker": 0.9},
    {"BrowsU_C": 0.9, "BrowsU_L": 0.9, "BrowsU_R": 0.9},
)


class Validation:
    """The same PAIRS pairs of frames from validation clips, always: how near the made frame comes to the real one."""

    def __init__(self, pack: Pack, size: int, device: str):
        batch = Sampler(pack, UNIT_NAMES, 0, back_share=0.0).draw(PAIRS)
        _, look = teacher_flow(batch.source_points, batch.target_points, size // 2)
        self.weight = F.interpolate(look, scale_factor=2, mode="bilinear").to(device)
        self.source, self.target = (resize(x, size).to(device) for x in (batch.source, batch.target))
        self.own, self.units = batch.source_units.to(device), batch.target_units.to(device)
        self.motionless = float(weighted_l1(self.source, self.target, self.weight))

    @torch.inference_mode()
    def __call__(self, generator: nn.Module) -> float:
        """L1 on colours and edges, most at mouth and eyes, over that of the motionless source: 1 is no better."""
        parts = zip(*(x.split(AT_ONCE) for x in (self.source, self.own, self.units)))
        made = torch.cat([generator(*part) for part in parts])
        return float(weighted_l1(made, self.target, self.weight)) / self.motionless


@torch.inference_mode()
def sheet(generator: nn.Module, pack: Pack, path: Path) -> None:
    """A PNG of validation portraits: the photograph, its neutral face, then a few units."""
    photos = np.flatnonzero((pack.group < 0) & (np.abs(pack.pose[:, 0]) < 20))
    photos = photos[:: max(1, len(photos) // ROWS)][:ROWS]
    device = next(generator.parameters()).device
    image = torch.cat([row(generator, pack, i, device) for i in photos], 1)
    pixels = ((image.permute(1, 2, 0) + 1) * 127.5).clamp(0, 255).byte().cpu().numpy()
    cv2.imwrite(str(path), pixels[..., ::-1])


def row(generator: nn.Module, pack: Pack, face: int, device: torch.device) -> Tensor:
    """One portrait's part of the sheet, [3, S, S * (1 + wishes)]."""
    picture = resize(to_tensor(pack.images[face : face + 1]), generator.config.size).to(device)
    own = torch.from_numpy(pack.units[face : face + 1]).to(device)
    wishes = own.repeat(len(SHEET_UNITS), 1)
    wishes[0] = 0
    for wish, units in zip(wishes[1:], SHEET_UNITS[1:]):
        for name, value in units.items():
            wish[INDEX[name]] = value
    motion = generator.decode(generator.encode(picture, own), wishes)
    return torch.cat(list(torch.cat([picture, compose(picture, motion)])), 2)
