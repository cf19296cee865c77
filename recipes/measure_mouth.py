"""How much the inside of a mouth flickers: videos in, one figure each out.

    python -m recipes.measure_mouth VIDEO...

Of every frame whose lips are at least OPEN apart: the mean luminance inside the inner lip, over the median of the lips.
The figure is the mean of its absolute second difference over time, wherever three frames in a row are open. Measure a
real speaker's clip the same way, and compare.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import typer

from gath.mesh import INNER_LIP, OUTER_LIP
from talkinghead.face.mouth_place import LUMINANCE
from talkinghead.face.tracker import Tracker
from talkinghead.media.video import VideoReader

OPEN = 0.07  # inter-ocular distances
EYES, MIDDLES = (33, 263), (13, 14)  # outer corners of the eyes; the inner lips' middles


def inside(frame: np.ndarray, points: np.ndarray) -> float:
    """The luminance between the lips of RGB uint8 [H, W, 3] over that of the lips; NaN where they are hardly open.
    `points` [478, 2] are the face's landmarks, in pixels."""
    eyes, lips = (np.linalg.norm(np.diff(points[list(pair)], axis=0)) for pair in (EYES, MIDDLES))
    inner, outer = (np.zeros(frame.shape[:2], np.uint8) for _ in range(2))
    for mask, ring in ((inner, INNER_LIP), (outer, OUTER_LIP)):
        cv2.fillPoly(mask, [points[list(ring)].round().astype(np.int32)], 1)
    light = frame @ LUMINANCE
    flesh = light[(outer > 0) & (inner == 0)]
    if lips < OPEN * eyes or not inner.any() or not len(flesh):
        return float("nan")
    return float(light[inner > 0].mean() / np.median(flesh))


def flicker(values: Iterable[float]) -> float:
    """The mean absolute second difference of values over time, NaN left out; NaN where no three are in a row."""
    steps = np.abs(np.diff(np.asarray(list(values), float), 2))
    known = steps[np.isfinite(steps)]
    return float(known.mean()) if len(known) else float("nan")


def main(videos: list[Path]) -> None:
    tracker, figures = Tracker(1), []
    for video in videos:
        values = []
        for frame in VideoReader(video):
            faces = tracker(frame)
            values.append(inside(frame, faces[0].points) if faces else float("nan"))
        figures.append(flicker(values))
        print(f"{video.name}: {figures[-1]:.4f}, {np.isfinite(values).sum()} of {len(values)} frames open", flush=True)
    print(f"median {np.nanmedian(figures):.4f}, most {np.nanmax(figures):.4f}")


if __name__ == "__main__":
    typer.run(main)
