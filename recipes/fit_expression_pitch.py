"""Learn what a drawn expression does to the pitch that a tracker sees, though the head stands still.

    python -m recipes.fit_expression_pitch DATA [--portraits 24] [--frames 120]

DATA is what recipes.prepare made. Portraits of the train split, half of LFW, half of the sharp sets, are drawn without
head motion under units of random frames of SETS, and the tracker looks at each picture. Within each portrait angles are
regressed on units by ridge regression, together with the mirror images, so that a face and its mirror image do the
same. Into talkinghead/assets/expression_pitch.json go the degrees of pitch for each unit. Printed: the standard
deviation of what is seen and, with portraits left out of the fit, of what is left. The yaw that expressions look like
is left alone: it comes from brows that trackers raise unevenly in a turned face, so that it goes with the turn.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import typer
from tqdm import tqdm

from recipes.parts.manifest import SHARP, spread
from talkinghead.media.pictures import at_most, read_portrait
from talkinghead.pipeline import TalkingHead
from talkinghead.units.names import INDEX, UNIT_NAMES
from talkinghead.units.pose import PITCH

SETS = ("styletalk_style", "mead_style")  # others are left to judge by
SIDE = 400  # pixels
RIDGES = (1.0, 3.0, 10.0, 30.0)
FOLDS = 4
MIRRORED = np.array([-1.0, 1.0, -1.0])
_ASIDE = {"JawLeft": "JawRight", "JawRight": "JawLeft", "MouthLeft": "MouthRight", "MouthRight": "MouthLeft"}
_OTHER = {"_L": "_R", "_R": "_L"}


def mirror() -> np.ndarray:
    """The index of every unit in a mirror image."""
    names = [_ASIDE.get(n, n[:-2] + _OTHER[n[-2:]] if n[-2:] in _OTHER else n) for n in UNIT_NAMES]
    return np.array([INDEX[name] for name in names])


def driving_units(data: Path, rows: list[dict[str, str]]) -> np.ndarray:
    """Units [N, 46] of every frame of the clips."""
    found = []
    for number, row in enumerate(rows):
        if (row["kind"], row["split"]) == ("clip", "train") and row["set"] in SETS:
            (path,) = (data / "tracks").glob(f"train_clip_{row['set']}_*_{number}.npz")
            with np.load(path) as track:
                found.append(track["units"][np.isfinite(track["pose"][:, 0])])
    return np.concatenate(found)


def drawn(head: TalkingHead, picture: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Units [N, 46] and the angles [N, 3] that are seen, each from its mean."""
    puppet, kept, angles = head.prepare(picture), [], []
    for vector, frame in zip(units, puppet.draw(units)):
        if faces := head.tracker(frame):
            kept.append(vector)
            angles.append(faces[0].pose)
    return np.array(kept) - np.mean(kept, 0), np.array(angles) - np.mean(angles, 0)


def fitted(seen: list[tuple[np.ndarray, np.ndarray]], ridge: float) -> np.ndarray:
    """Degrees [46, 3] for each unit."""
    units, angles = (np.concatenate(parts) for parts in zip(*seen))
    units, angles = np.concatenate([units, units[:, mirror()]]), np.concatenate([angles, angles * MIRRORED])
    return np.linalg.solve(units.T @ units + ridge * np.eye(len(UNIT_NAMES)), units.T @ angles)


def left_over(seen: list[tuple[np.ndarray, np.ndarray]], ridge: float) -> np.ndarray:
    """Standard deviation [3] of what remains on portraits that had no part in the fit."""
    rests = []
    for fold in range(FOLDS):
        degrees = fitted([s for k, s in enumerate(seen) if k % FOLDS != fold], ridge)
        rests += [angles - units @ degrees for k, (units, angles) in enumerate(seen) if k % FOLDS == fold]
    return np.concatenate(rests).std(0)


def main(
    data: Path,
    portraits: int = 24,
    frames: int = 120,
    out: Path = Path("talkinghead/assets/expression_pitch.json"),
) -> None:
    with open(data / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    photos = [row for row in rows if (row["kind"], row["split"]) == ("portrait", "train")]
    chosen = spread([r for r in photos if r["set"] == "lfw"], portraits // 2)
    chosen += spread([r for r in photos if r["set"] in SHARP], portraits - portraits // 2)
    units, random, head = driving_units(data, rows), np.random.default_rng(0), TalkingHead()
    seen = []
    for row in tqdm(chosen):
        picture = at_most(read_portrait(Path(row["root"]) / row["path"]), SIDE)
        seen.append(drawn(head, picture, units[random.choice(len(units), frames, replace=False)]))
    print(f"seen {np.concatenate([angles for _, angles in seen]).std(0).round(2)} degrees of yaw, pitch, roll")
    left = {ridge: left_over(seen, ridge) for ridge in RIDGES}
    for ridge, rest in left.items():
        print(f"ridge {ridge:g}: {rest.round(2)} left on portraits that had no part in the fit")
    degrees = fitted(seen, min(left, key=lambda ridge: left[ridge][PITCH]))[:, PITCH]
    out.write_text(json.dumps({n: round(float(d), 2) for n, d in zip(UNIT_NAMES, degrees)}, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
