"""Real targets out of unpaired photographs: warp a photograph to a more closed face, and ask for the photograph.

The target is always a real picture, so the generator learns real teeth; the warp's flaws are only ever in its input.
A mouth merely squeezed shut still holds its teeth, a few pixels high, and a generator that finds them there unwarps
instead of painting (tried). So most open mouths are filled with lip first.

A few pairs are turned round, photograph to pseudo-face: or the generator would never see an open mouth that must close.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gath.data import Batch
from gath.mesh import INNER_LIP, OUTER_LIP
from gath.motion import LandmarkEstimator, LandmarkMover, backward_flow, surroundings, warp

# MediaPipe mesh points: the inner lip's upper ones and the lower ones below them.
INNER_UPPER = (191, 80, 81, 82, 13, 312, 311, 310, 415)
INNER_LOWER = (95, 88, 178, 87, 14, 317, 402, 318, 324)
OPENING = ("JawOpen", "LipsUpperOpen", "LipsLowerOpen", "LipsLowerDown", "LipsUpperUp")
SHUT_SHARE = 0.75  # of the photographs with an open mouth
OPEN_MOUTH = 0.015  # height of the inner mouth, in fractions of the side, from which it counts as open
LIP_BLUR = 0.03  # how far the lips' colour reaches into the mouth, in fractions of the side
REVERSED_SHARE = 0.3  # of the pairs
SEAM_SHADE = 0.85  # the line between closed lips is darker than they are


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
    shut = torch.rand(len(own), device=own.device) < SHUT_SHARE
    share[shut] = 0
    other[:, mouth] = torch.minimum(other[:, mouth], share * own[:, mouth])
    eyes = [i for n, i in index.items() if n.startswith("Eye")]
    other[:, eyes] = own[:, eyes]  # a warp cannot open a closed lid, nor turn an iris well
    moved = mover(points, own, other)
    gap = points[:, INNER_LOWER[4], 1] - points[:, INNER_UPPER[4], 1]
    shut &= gap > OPEN_MOUTH
    if shut.any():
        upper, lower = list(INNER_UPPER), list(INNER_LOWER)
        seam = (moved[shut][:, upper] + moved[shut][:, lower]) / 2
        both = moved[shut]
        both[:, upper] = both[:, lower] = seam
        moved[shut] = both
        pictures = pictures.clone()
        pictures[shut] = fill_mouth(pictures[shut], points[shut])
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
    out.real = batch.real.clone()
    out.real[back] = ~turned
    return out


def fill_mouth(pictures: Tensor, points: Tensor) -> Tensor:
    """Cover the inside of every mouth with the colour of the lips around it; [B, 3, S, S] and landmarks [B, 478, 2]."""
    size = pictures.shape[-1]
    inner, outer = (polygons(points, ring, size) for ring in (INNER_LIP, OUTER_LIP))
    lips = (outer - inner).clamp_min(0)
    radius = max(1, round(LIP_BLUR * size))
    blur = lambda x: F.avg_pool2d(F.avg_pool2d(x, 2 * radius + 1, 1, radius), 2 * radius + 1, 1, radius)  # noqa: E731
    colour = (blur((pictures + 1) * lips) / blur(lips).clamp_min(1e-3)).clamp(0, 2) * SEAM_SHADE - 1
    inside = F.avg_pool2d(inner, 3, 1, 1)
    return (1 - inside) * pictures + inside * colour


def polygons(points: Tensor, ring: tuple[int, ...], size: int) -> Tensor:
    """Filled outlines [B, 1, size, size], one inside."""
    corners = (points[:, list(ring)] * size - 0.5).round().int().cpu().numpy()
    masks = np.zeros((len(points), size, size), np.float32)
    for mask, outline in zip(masks, corners):
        cv2.fillPoly(mask, [outline], 1.0)
    return torch.from_numpy(masks)[:, None].to(points.device)
