"""What an independent eye reads in a synthesised face: units and landmarks (MediaPipe), identity (dlib), OpenFace.

An aligned crop fills its picture, and detectors want a margin: its border is repeated by MARGIN of the side all round
and the whole enlarged ENLARGE times before anything looks at it. With these the tracker finds all of 105 real faces of
the corpus's test split at 100 and at 128 pixels, and reads their units with an RMSE of 0.041 and 0.032 of what it read
in the full photograph (0.042 and 0.035 without a margin, 0.047 and 0.036 without enlarging either).
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import shutil
import subprocess
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from talkinghead.units.foreign import INTENSITIES
from talkinghead.units.names import UNIT_NAMES

MARGIN, ENLARGE = 0.5, 3
CHUNK = 16  # pictures a worker gets at a time
LANDMARKS, EMBEDDING = 478, 128
OPENFACE = "FeatureExtraction"
OPENFACE_UNITS = tuple(f"{au}_r" for au in INTENSITIES)

_tracker = None
_identity = None


class Readings(NamedTuple):
    """Of N pictures. A face that is not found reads as no expression at all, as OpenFace writes it."""

    units: np.ndarray  # [N, 46] in [0, 1]
    points: np.ndarray  # [N, 478, 2] fractions of the side, NaN where no face is found
    found: np.ndarray  # [N] bool


def canvas(picture: np.ndarray) -> np.ndarray:
    """The aligned crop [S, S, 3] as detectors like it, see the module's text."""
    margin = round(MARGIN * len(picture))
    wide = cv2.copyMakeBorder(picture, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    return cv2.resize(wide, None, fx=ENLARGE, fy=ENLARGE, interpolation=cv2.INTER_CUBIC)


def _on_crop(points: np.ndarray, side: int) -> np.ndarray:
    """Pixels of the canvas as fractions of the crop's side."""
    return ((points + 0.5) / ENLARGE - round(MARGIN * side)) / side


def _read_chunk(pictures: np.ndarray) -> Readings:
    global _tracker
    from talkinghead.face.tracker import Tracker

    cv2.setNumThreads(1)
    _tracker = _tracker or Tracker()
    units = np.zeros((len(pictures), len(UNIT_NAMES)), np.float32)
    points = np.full((len(pictures), LANDMARKS, 2), np.nan, np.float32)
    for i, picture in enumerate(pictures):
        if faces := _tracker(canvas(picture)):
            units[i], points[i] = faces[0].units, _on_crop(faces[0].points, len(picture))
    return Readings(units, points, np.isfinite(points[:, 0, 0]))


class _Identity:
    """dlib's 128-D face embedding (same person: closer than about 0.6); knows nothing of action units."""

    def __init__(self):
        import dlib

        folder = Path(importlib.util.find_spec("face_recognition_models").origin).parent / "models"
        self.shape = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
        self.net = dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))
        self.box = dlib.rectangle

    def __call__(self, picture: np.ndarray, points: np.ndarray) -> np.ndarray:
        image, side = canvas(picture), len(picture)
        corners = np.r_[points.min(0), points.max(0)] * side + round(MARGIN * side)
        box = self.box(*(int(x) for x in corners * ENLARGE))
        return np.array(self.net.compute_face_descriptor(image, self.shape(image, box)))


def _embed_chunk(pictures: np.ndarray, points: np.ndarray) -> np.ndarray:
    global _identity
    _identity = _identity or _Identity()
    found = np.isfinite(points[:, 0, 0])
    out = np.full((len(pictures), EMBEDDING), np.nan)
    for i in np.flatnonzero(found):
        out[i] = _identity(pictures[i], points[i])
    return out


def identity_missing() -> str:
    """Why there is no identity measure here; empty if there is one."""
    missing = [m for m in ("dlib", "face_recognition_models") if importlib.util.find_spec(m) is None]
    return f"{' and '.join(missing)} not installed (pip install dlib-bin face-recognition-models)" if missing else ""


class Reader:
    """Reads pictures in `workers` processes (0: in this one). Close it or use `with`."""

    def __init__(self, workers: int):
        # Spawned, not forked: a fork of a process that runs MediaPipe's threads can hang.
        self._pool = ProcessPoolExecutor(workers, get_context("spawn")) if workers else None
        self._map = self._pool.map if self._pool else map

    def read(self, pictures: np.ndarray) -> Readings:
        """RGB uint8 [N, S, S, 3]; like pictures are looked at once."""
        keys = [hashlib.blake2b(p.tobytes(), digest_size=16).digest() for p in pictures]
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        order = sorted(first.values())
        chunks = [pictures[order[i : i + CHUNK]] for i in range(0, len(order), CHUNK)]
        parts = list(self._map(_read_chunk, chunks))
        place = {row: i for i, row in enumerate(order)}
        back = [place[first[key]] for key in keys]
        return Readings(*(np.concatenate(column)[back] for column in zip(*parts)))

    def embed(self, pictures: np.ndarray, points: np.ndarray) -> np.ndarray:
        """dlib's embeddings [N, 128] of faces whose landmarks `read` found, NaN where it found none."""
        cuts = range(0, len(pictures), CHUNK)
        parts = self._map(_embed_chunk, *([x[i : i + CHUNK] for i in cuts] for x in (pictures, points)))
        return np.concatenate(list(parts))

    def close(self) -> None:
        global _tracker
        if self._pool:
            self._pool.shutdown()
        elif _tracker:
            _tracker.close()
            _tracker = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exc) -> None:
        self.close()


def openface() -> str | None:
    """OpenFace 2's program, if it is on the PATH."""
    return shutil.which(OPENFACE)


def read_openface(path: Path, frames: int) -> np.ndarray:
    """The 17 intensities [frames, 17], 0 to 5, of one of OpenFace's CSV files, a row a frame in any order of columns.

    Frames without a success (or without a row) are zero. Raises ValueError where a column is missing.
    """
    with open(path, newline="") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        if missing := [n for n in ("frame", "success", *OPENFACE_UNITS) if n not in (reader.fieldnames or ())]:
            raise ValueError(f"{path}: no column {', '.join(missing)}; is it OpenFace 2's output with -aus?")
        out = np.zeros((frames, len(OPENFACE_UNITS)), np.float32)
        for row in reader:
            if int(row["success"]) and 1 <= int(row["frame"]) <= frames:
                out[int(row["frame"]) - 1] = [float(row[name]) for name in OPENFACE_UNITS]
    return out


def openface_units(program: str, pictures: np.ndarray) -> np.ndarray:
    """OpenFace's 17 intensities [N, 17] of pictures [N, S, S, 3], as a folder of frames without a clock: its static
    models, because frames that follow each other here need not have done so before the camera."""
    with tempfile.TemporaryDirectory() as folder:
        frames, out = Path(folder) / "frames", Path(folder) / "out"
        frames.mkdir()
        for i, picture in enumerate(pictures):
            cv2.imwrite(str(frames / f"{i:06d}.png"), np.ascontiguousarray(canvas(picture)[..., ::-1]))
        command = [program, "-fdir", str(frames), "-out_dir", str(out), "-of", "units", "-aus", "-au_static"]
        done = subprocess.run(command, capture_output=True, text=True)
        table = out / "units.csv"
        if done.returncode or not table.exists():
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
            raise SystemExit(f"{program}: failed ({lines[-1]}); take it off the PATH to evaluate without it")
        return read_openface(table, len(pictures))
