"""The figures of the paper's protocol (section 5): pixel errors of Table 1, unit errors of Tables 2 and 3, correlation.

All take NumPy arrays (or what NumPy can read) and compute in double precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

VARIES = 0.05  # a unit counts in the mean correlation if its standard deviation exceeds this
SMALLEST = 1e-9  # standard deviation below which a series counts as constant


class PixelErrors(NamedTuple):
    """Of one picture or of many together, on the scale of 0 to 255."""

    mae: float  # per channel
    rmse: float  # per channel
    # Of the absolute errors' sum over the channels: the paper's unit, judging by its figures. An MAE of 127 and an RMSE
    # of 173 fit no root of the squares' sum over the channels: nearly every error would have to be 0 or 255.
    mae_sum: float
    rmse_sum: float


class UnitScores(NamedTuple):
    """Per unit, [K] each, over the same faces."""

    rmse: np.ndarray
    constant: np.ndarray  # RMSE of a predictor that always says the same
    correlation: np.ndarray  # Pearson's; NaN where either side does not vary
    deviation: np.ndarray  # standard deviation of the true values


class UnitSummary(NamedTuple):
    """`UnitScores` in three figures."""

    correlation: float  # mean over the units that vary; one that is always predicted the same counts as 0
    varying: int  # how many those are
    rmse: float  # over all faces and units
    constant: float

    @property
    def gain(self) -> float:
        """How far the RMSE is under the constant predictor's: 0 is no better, 1 is perfect."""
        return 1 - self.rmse / self.constant


def pixel_errors(output: ArrayLike, target: ArrayLike, mask: ArrayLike | None = None) -> PixelErrors:
    """Errors of pictures [..., H, W, C] in 0 to 255, each pixel weighted by `mask` [..., H, W] if one is given.

    Raises ValueError where the shapes differ or the mask is empty.
    """
    output, target = np.asarray(output, float), np.asarray(target, float)
    if output.shape != target.shape:
        raise ValueError(f"pictures of different shapes: {output.shape} and {target.shape}")
    weight = np.ones(output.shape[:-1]) if mask is None else np.broadcast_to(mask, output.shape[:-1]).astype(float)
    if weight.sum() <= 0:
        raise ValueError("the mask is empty")
    error, channels = output - target, output.shape[-1]
    total = np.abs(error).sum(-1)
    mae_sum, mean_square, rmse_sum = (
        float((x * weight).sum() / weight.sum()) for x in (total, (error**2).mean(-1), total**2)
    )
    return PixelErrors(mae_sum / channels, mean_square**0.5, mae_sum, rmse_sum**0.5)


def rmse(predicted: ArrayLike, true: ArrayLike, axis: int | None = None) -> np.ndarray:
    """Root mean squared error over `axis` (default: over everything, as Tables 2 and 3 report unit intensities)."""
    error = np.asarray(predicted, float) - np.asarray(true, float)
    return np.sqrt((error**2).mean(axis))


def correlation(predicted: ArrayLike, true: ArrayLike) -> np.ndarray:
    """Pearson's r of each column of [N, K] arrays: [K], NaN where either side does not vary."""
    a, b = (np.asarray(x, float) for x in (predicted, true))
    a, b = a - a.mean(0), b - b.mean(0)
    spread = a.std(0) * b.std(0)
    varies = (a.std(0) > SMALLEST) & (b.std(0) > SMALLEST)
    return np.where(varies, (a * b).mean(0) / np.where(varies, spread, 1), np.nan)


def unit_scores(predicted: ArrayLike, true: ArrayLike, constant: ArrayLike) -> UnitScores:
    """Predicted against true units [N, K], beside a predictor that always says `constant` [K]."""
    true = np.asarray(true, float)
    return UnitScores(rmse(predicted, true, 0), rmse(constant, true, 0), correlation(predicted, true), true.std(0))


def summarise(scores: UnitScores, varies: float = VARIES) -> UnitSummary:
    """The mean correlation over units whose deviation exceeds `varies`, and total RMSEs over all units."""
    counted = scores.deviation > varies
    r = float(np.nan_to_num(scores.correlation[counted]).mean()) if counted.any() else float("nan")
    total, constant = (float(np.sqrt((x**2).mean())) for x in (scores.rmse, scores.constant))
    return UnitSummary(r, int(counted.sum()), total, constant)


def pool(errors: Sequence[PixelErrors], weights: ArrayLike | None = None) -> PixelErrors:
    """Errors over several groups of pictures, from each group's and its pixels (default: groups count alike)."""
    mae, rmse, mae_sum, rmse_sum = np.array(errors, float).T
    mean = (np.average(x, weights=weights) for x in (mae, rmse**2, mae_sum, rmse_sum**2))
    a, b, c, d = map(float, mean)
    return PixelErrors(a, b**0.5, c, d**0.5)


class UnitResponse(NamedTuple):
    """What a face does when one unit is asked for alone."""

    slope: float  # least-squares change read per change asked: 0 no answer, 1 exact
    correlation: float  # between asked and read; NaN where nothing moves
    leakage: float  # root mean square change of the other units, per root mean square change asked


def unit_response(asked: ArrayLike, own: ArrayLike, read: ArrayLike, rest: ArrayLike, unit: int) -> UnitResponse:
    """A sweep of one unit over N pictures.

    `asked`, `own` [N]: the unit's value wanted and the portrait's; `read`, `rest` [N, K]: all units read in the
    picture, and in the same portrait's picture with its own units asked.
    """
    asked, step = np.asarray(asked, float), np.asarray(asked, float) - np.asarray(own, float)
    read, change = np.asarray(read, float), np.asarray(read, float) - np.asarray(rest, float)
    wanted = (step**2).sum()
    others = np.delete(change, unit, axis=1)
    r = correlation(read[:, unit, None], asked[:, None])[0]
    return UnitResponse(
        float(change[:, unit] @ step / wanted), float(r), float(np.sqrt((others**2).mean() / (step**2).mean()))
    )


def jitter(points: ArrayLike, unit: ArrayLike) -> float:
    """Mean absolute second difference over time, times 1000, of points [T, N, 2] that ought to stand still or glide,
    once their common motion is gone, in lengths of `unit` [T] (the distance of the eyes)."""
    points = np.asarray(points, float) / np.asarray(unit, float)[:, None, None]
    points = points - points.mean(1, keepdims=True)
    return float(1000 * np.abs(np.diff(points, 2, axis=0)).mean())
