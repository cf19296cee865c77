"""Small made-up videos and sounds for the tests of videos, and how ffmpeg is asked about them."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import soundfile

from talkinghead.media import ffmpeg
from talkinghead.media.video import VideoWriter

PAL, NTSC = Fraction(25), Fraction(30000, 1001)
RATES = [Fraction(24), PAL, NTSC, Fraction(30), Fraction(50), Fraction(60)]


def ask(*arguments: str | Path) -> subprocess.CompletedProcess:
    return subprocess.run([ffmpeg.executable(), "-hide_banner", *map(str, arguments)], capture_output=True, timeout=60)


def pictures(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """Smooth colours in which a square walks, so that every frame is known from all others."""
    y, x = np.mgrid[:height, :width]
    base = np.stack([40 + 2 * x % 160, 60 + 2 * y % 120, 200 - x], -1).astype(np.uint8)
    frames = []
    for k in range(count):
        frame = base.copy()
        frame[10:26, 2 * (k % 20) : 2 * (k % 20) + 12] = (230, 220, 30)
        frames.append(frame)
    return frames


def write(path: Path, frames: list[np.ndarray], fps: Fraction = PAL, **options) -> Path:
    height, width = frames[0].shape[:2]
    with VideoWriter(path, width, height, fps, **options) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def noise(path: Path, seconds: float, rate: int = 44100, channels: int = 1) -> Path:
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, (round(seconds * rate), channels)), rate)
    return path


def opencv_frames(path: Path) -> list[np.ndarray]:
    capture, frames = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        frames.append(read[1][..., ::-1])
    return frames
