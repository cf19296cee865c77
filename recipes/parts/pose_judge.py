"""What an independent tracker sees of heads: frames in, angles, units and identities out, by the project's scorer."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np

SIGNS = np.array([1.0, -1.0, 1.0])  # the scorer's pitch is positive where the subject looks down
IDENTITY_EVERY = 10  # frames, as the scorer has it


@dataclass(frozen=True)
class Seen:
    """A clip as the judge sees it: `angles` [T, 3] degrees with units/pose.py's signs, `units` [T, 44] in the order of
    the judge's names, NaN in frames without a face; `identity`, the mean distance to the portrait."""

    angles: np.ndarray
    units: np.ndarray
    identity: float = float("nan")

    @property
    def lost(self) -> int:
        return int(np.isnan(self.angles[:, 0]).sum())


class PoseJudge:
    """`scorer` is the path of score.py, whose own functions see and compare."""

    def __init__(self, scorer: Path):
        self._score = _module(scorer)
        self._landmarker, self._sources = self._score.landmarker(), self._score.names_and_sources()
        self.names = list(self._sources)
        self._identity = self._score.Identity()

    def look(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Landmarks [478, 2], units [44] and angles [3] in a BGR uint8 picture; None without a face."""
        found = self._score.track(self._landmarker, picture)
        if found is None:
            return None
        points, scores, angles = found
        units = np.array([np.mean([scores[name] for name in sources]) for sources in self._sources.values()])
        return points, units, angles * SIGNS

    def frames(self, pictures: list[np.ndarray], portrait: np.ndarray | None = None) -> Seen:
        """BGR pictures, and the portrait whose identity is looked for."""
        own = None if portrait is None else self._embedded(portrait)
        angles = np.full((len(pictures), 3), np.nan)
        units = np.full((len(pictures), len(self.names)), np.nan)
        distances = []
        for k, picture in enumerate(pictures):
            if (found := self.look(picture)) is None:
                continue
            points, units[k], angles[k] = found
            if own is not None and k % IDENTITY_EVERY == 0:
                distances.append(np.linalg.norm(self._identity(picture, points) - own))
        return Seen(angles, units, float(np.mean(distances)) if distances else float("nan"))

    def video(self, path: Path, portrait: np.ndarray | None = None, every: int = 1) -> Seen:
        return self.frames(read_frames(path, every), portrait)

    def close(self) -> None:
        """Before the interpreter's end: MediaPipe does not close by itself then."""
        self._landmarker.close()

    def _embedded(self, picture: np.ndarray) -> np.ndarray:
        found = self.look(picture)
        if found is None:
            raise SystemExit("no face in a portrait")
        return self._identity(picture, found[0])


def read_frames(path: Path, every: int = 1) -> list[np.ndarray]:
    """Every `every`th picture of a video, BGR uint8."""
    video, out, count = cv2.VideoCapture(str(path)), [], 0
    while True:
        known, picture = video.read()
        if not known:
            return out
        if count % every == 0:
            out.append(picture)
        count += 1


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("scorer", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
