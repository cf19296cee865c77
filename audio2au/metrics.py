"""How good predicted units are: against tracked ones, and against the sound alone for voices without a picture."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from audio2au.data import frame_level

LAGS = range(-2, 3)  # frames


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's r over the finite pairs; NaN if either does not vary."""
    ok = np.isfinite(a) & np.isfinite(b)
    if ok.sum() < 5 or a[ok].std() < 1e-6 or b[ok].std() < 1e-6:
        return float("nan")
    return float(np.corrcoef(a[ok], b[ok])[0, 1])


def by_lag(late: np.ndarray, early: np.ndarray, lags: Iterable[int]) -> dict[int, float]:
    """Correlation of two series [T] for each lag in frames; a positive lag pairs `late` with an earlier `early`."""
    end = len(late)
    return {
        lag: correlation(late[max(0, lag) : end + min(0, lag)], early[max(0, -lag) : end + min(0, -lag)])
        for lag in lags
    }


def against_tracker(predicted: np.ndarray, tracked: np.ndarray, constant: np.ndarray) -> dict[str, np.ndarray]:
    """Per unit over all frames of all clips, [T, U] each (NaN: no face): r, RMSE, and RMSE of `constant` [U]."""
    return {
        "r": np.array([correlation(p, t) for p, t in zip(predicted.T, tracked.T)]),
        "rmse": np.sqrt(np.nanmean((predicted - tracked) ** 2, axis=0)),
        "constant": np.sqrt(np.nanmean((constant - tracked) ** 2, axis=0)),
    }


def follows_energy(opening: np.ndarray, samples: np.ndarray, sample_rate: int, fps: float) -> dict[str, float]:
    """Does a mouth [T] move with the sound?

    `r` correlation of the opening with log energy at the best lag within 2 frames, that `lag` (positive: the mouth is
    late), and `quiet_over_loud`: mean opening in the quietest tenth of the sound over that in the loudest tenth.
    """
    level = frame_level(samples, len(opening), sample_rate, fps)
    opening = np.asarray(opening, float)
    r = by_lag(opening, level, LAGS)
    lag = max(r, key=lambda k: -np.inf if np.isnan(r[k]) else r[k])
    quiet, loud = np.nanpercentile(level, [10, 90])
    ratio = opening[level <= quiet].mean() / max(1e-6, opening[level >= loud].mean())
    return {"r": r[lag], "lag": lag, "quiet_over_loud": float(ratio)}
