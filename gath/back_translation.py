"""Real targets out of unpaired photographs: warp a photograph to a more closed face, and ask for the photograph.

The target is always a real picture; the warp's flaws are only ever in the generator's input. A few pairs are turned
round, photograph to pseudo-face: or the generator would never see an open mouth that must close.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F

from gath.data import Batch
from gath.motion import LandmarkEstimator, LandmarkMover, backward_flow, surroundings, warp

OPENING = ("JawOpen", "LipsUpperOpen", "LipsLowerOpen", "LipsLowerDown", "LipsUpperUp")
REVERSED_SHARE = 0.3  # of the pairs

PARTS = ("", "_units", "_points")
PAIRED = tuple(f"{side}{part}" for side in ("source", "target") for part in PARTS)


@torch.no_grad()
def back_translate(batch: Batch, mover: LandmarkMover, estimator: LandmarkEstimator, index: dict[str, int]) -> Batch:
    """Give every photograph of the batch (those marked `back`) a pseudo-source; everything else stays as it is.

    REVERSED_SHARE of them become the source instead, and the pseudo-face their target.
    """
    back = batch.back
    if not back.any():
        return batch
    pictures, own, points = batch.target[back], batch.target_units[back], batch.target_points[back]
    other = batch.wish[back].clone()
    mouth = [index[n] for n in OPENING]
    share = torch.rand(len(own), 1, device=own.device)
    other[:, mouth] = torch.minimum(other[:, mouth], share * own[:, mouth])
    eyes = [i for n, i in index.items() if n.startswith("Eye")]
    other[:, eyes] = own[:, eyes]  # a warp cannot open a closed lid, nor turn an iris well
    moved = mover(points, own, other)
    ring = surroundings(points)
    before, after = torch.cat([points, ring], 1), torch.cat([moved, ring], 1)
    flow = F.interpolate(backward_flow(before, after, pictures.shape[-1] // 2), scale_factor=2, mode="bilinear")
    made = warp(pictures, flow)
    labels = estimator(moved).clamp(0, 1)  # what the tracker would say of it, not what was asked
    turned = torch.rand(len(own), device=own.device) < REVERSED_SHARE
    out = replace(batch, **{name: getattr(batch, name).clone() for name in PAIRED})
    for name, pseudo, real in zip(PARTS, (made, labels, moved), (batch.target[back], own, points)):
        flags = turned.view(-1, *[1] * (real.dim() - 1))
        getattr(out, f"source{name}")[back] = torch.where(flags, real, pseudo)
        getattr(out, f"target{name}")[back] = torch.where(flags, pseudo, real)
    return out
