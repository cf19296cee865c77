"""What befalls a face on its way to a camera's file: moved a little, blurred, compressed, lit otherwise, noisy.

Pictures in and out are [B, 3, S, S] in [-1, 1], on any device; whole batches at once. All that is random follows from
one NumPy generator, on one device and the same kind.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

ANGLE, ZOOM, SHIFT = 5.0, 0.07, 0.04  # standard deviations: degrees, logarithm of the scale, fraction of the side
GAIN, TINT = 0.25, 0.12  # contrast is within 1 -+ GAIN, and each channel moves by up to TINT of [-1, 1]
BLURRED, COMPRESSED = 0.3, 0.3  # shares of the faces
MOST_BLUR = 1.5  # pixels
WORST_JPEG, BEST_JPEG = 25, 95  # quality
NOISE = 0.02  # standard deviation of the standard deviation of the noise, in [-1, 1]

# JPEG's example tables (ITU-T T.81, annex K), which most encoders scale by their quality.
LIGHT = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
HUE = (
    17, 18, 24, 47, *[99] * 4, 18, 21, 26, 66, *[99] * 4, 24, 26, 56, 99, *[99] * 4, 47, 66, *[99] * 38,
)  # fmt: skip
BLOCK = 8  # pixels
# RGB to luminance and two differences of colour (JFIF), rows; and back.
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def distorted(pictures: Tensor, rng: np.random.Generator, flip: np.ndarray, size: int) -> Tensor:
    """`pictures` at side `size`, those of `flip` [B] mirrored, each distorted in its own way."""
    count = len(pictures)

    def each(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(pictures.device)

    out = moved(pictures, each(rng.normal(0, 1, (count, 4))), each(flip), size)
    out = blurred(out, each(np.where(rng.random(count) < BLURRED, rng.uniform(0.3, MOST_BLUR, count), 0)))
    chosen = torch.from_numpy(np.flatnonzero(rng.random(count) < COMPRESSED)).to(pictures.device)
    quality = each(rng.integers(WORST_JPEG, BEST_JPEG, len(chosen)))
    if len(chosen):
        out[chosen] = compressed(out[chosen], quality)
    gain, tint = rng.uniform(1 - GAIN, 1 + GAIN, (count, 1, 1, 1)), rng.uniform(-TINT, TINT, (count, 3, 1, 1))
    grain = each(rng.normal(0, NOISE, (count, 1, 1, 1)))
    noise = torch.Generator(pictures.device).manual_seed(int(rng.integers(2**62)))
    noise = torch.randn(out.shape, generator=noise, device=pictures.device)
    return (out * each(gain) + each(tint) + grain * noise).clamp_(-1, 1)


def moved(pictures: Tensor, drawn: Tensor, flip: Tensor, size: int) -> Tensor:
    """Turned, scaled and shifted by `drawn` [B, 4] standard deviations, mirrored where `flip` [B] is 1."""
    angle, zoom = torch.deg2rad(ANGLE * drawn[:, 0]), torch.exp(-ZOOM * drawn[:, 1])
    mirror = 1 - 2 * flip
    rows = [
        torch.stack([mirror * zoom * angle.cos(), mirror * zoom * angle.sin(), 2 * SHIFT * drawn[:, 2]], 1),
        torch.stack([-zoom * angle.sin(), zoom * angle.cos(), 2 * SHIFT * drawn[:, 3]], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), [len(pictures), 3, size, size], align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def blurred(pictures: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian of `sigma` [B] pixels each; 0 leaves a picture as it is."""
    radius, side = round(3 * MOST_BLUR), pictures.shape[-1]
    t = torch.arange(-radius, radius + 1, device=sigma.device)
    kernel = torch.exp(-0.5 * (t / sigma.clamp_min(1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)[:, None]
    flat = F.pad(pictures.reshape(1, -1, side, side), [radius] * 4, mode="reflect")
    flat = F.conv2d(flat, kernel[:, :, None], groups=len(kernel))
    return F.conv2d(flat, kernel[..., None], groups=len(kernel)).view_as(pictures)


def compressed(pictures: Tensor, quality: Tensor) -> Tensor:
    """As JPEG of `quality` [B] in (0, 100) leaves them, without chroma subsampling."""
    side, spare = pictures.shape[-1], -pictures.shape[-1] % BLOCK
    to_ycc, dct = pictures.new_tensor(TO_YCC), cosines().to(pictures)
    seen = F.pad((pictures + 1) * 127.5, [0, spare, 0, spare], mode="replicate")
    seen = torch.einsum("cd,bdhw->bchw", to_ycc, seen)
    seen[:, 0] -= 128
    blocks = seen.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK)).transpose(3, 4)  # [B, 3, h, w, 8, 8]
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality) / 100
    table = pictures.new_tensor([LIGHT, HUE, HUE]).view(1, 3, 1, 1, BLOCK, BLOCK)
    table = (table * scale.view(-1, 1, 1, 1, 1, 1)).round().clamp(1, 255)
    blocks = dct.T @ ((dct @ blocks @ dct.T / table).round() * table) @ dct
    seen = blocks.transpose(3, 4).flatten(4).flatten(2, 3)
    seen[:, 0] += 128
    seen = torch.einsum("cd,bdhw->bchw", torch.linalg.inv(to_ycc), seen)[..., :side, :side]
    return seen.clamp(0, 255) / 127.5 - 1


def cosines() -> Tensor:
    """The orthonormal discrete cosine transform of a block's rows, [8, 8]."""
    k = torch.arange(BLOCK, dtype=torch.float64)
    basis = torch.cos(torch.pi * (k + 0.5)[None] * k[:, None] / BLOCK) * (2 / BLOCK) ** 0.5
    basis[0] /= 2**0.5
    return basis
