"""Stressed syllables found with hindsight, and how fast a head is there: what head motion is judged by.

Nothing here is shared with talkinghead/units/prosody.py, which drives heads and hears no further than 0.12 s ahead: the
envelope is another one, and a peak's prominence is measured on both of its sides over the whole sound.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, find_peaks, sosfiltfilt

BAND = (300.0, 3000.0)  # Hz, where vowels are
SMOOTHED = 0.03  # seconds, standard deviation
APART = 0.12  # seconds between syllables
RANGE = 30.0  # dB below the loudest that count as silence
STRESSED = 1 / 3  # of all syllables, those that stand out most
NEAR = 0.1  # seconds
FAST = 75  # percentile of speed that a peak lies above
SHIFTS = 200


def stressed_syllables(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Seconds of the nuclei of the stressed third of the syllables of float32 [N]."""
    sound = sosfiltfilt(butter(4, BAND, "bandpass", fs=sample_rate, output="sos"), samples.astype(np.float64))
    level = 10 * np.log10(gaussian_filter1d(sound**2, SMOOTHED * sample_rate) + 1e-12)
    level = np.maximum(level, level.max() - RANGE)
    nuclei, about = find_peaks(level, distance=APART * sample_rate, prominence=2.0)
    weight = about["prominences"] + (level[nuclei] - level.mean())
    return nuclei[weight >= np.quantile(weight, 1 - STRESSED)] / sample_rate


def speed(pose: np.ndarray) -> np.ndarray:
    """Angular speed of poses [T, 3 or more], the tracker's noise smoothed away, per frame: [T]."""
    return np.linalg.norm(np.gradient(gaussian_filter1d(pose[:, :3], 1.0, axis=0), axis=0), axis=1)


def speed_at(pose: np.ndarray, frames: np.ndarray) -> float:
    """Mean speed in the three frames around `frames`, over the mean of all."""
    fast = speed(pose)
    return float(gaussian_filter1d(fast, 1.0)[frames[frames < len(pose)]].mean() / fast.mean())


def shifted_speeds(pose: np.ndarray, frames: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The same for SHIFTS shifts of the frames by random times of a second or more, [SHIFTS]: chance."""
    shifts = random.integers(25, max(len(pose) - 25, 26), SHIFTS)
    return np.array([speed_at(pose, (frames + shift) % len(pose)) for shift in shifts])


def coincidences(pose: np.ndarray, seconds: np.ndarray, fps: float, shift: float = 0.0) -> float:
    """Share of the peaks of speed within NEAR of one of `seconds`, these moved on by `shift` in a circle."""
    fast = speed(pose)
    peaks = find_peaks(fast, height=np.percentile(fast, FAST))[0]
    moved = (seconds + shift) % (len(pose) / fps)
    return float((np.abs((peaks[:, None] + 0.5) / fps - moved).min(1) <= NEAR).mean())
