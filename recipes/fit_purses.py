"""Learn how pursed lips are read on faces: what talkinghead/face/purses.py begins from.

    python -m recipes.fit_purses CORPUS [--out talkinghead/assets/purses.json] [--portraits 360]

Portraits of the train split, half of LFW, half sharp, are drawn with the mouths of a table, heads still, and the
product's own tracker reads how pursed they are. Written are the mean table, what the shape of a mouth tells of it
(ridge regression) and the WAYS in which tables differ most besides (principal components). Printed is by how much
tables of faces that were left out differ from the mean, from what their shapes tell, and from what the looks at a
portrait that speaks (face/steady.py) tell then.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import typer

from recipes.parts.manifest import choose
from talkinghead.errors import PortraitError
from talkinghead.face import looks
from talkinghead.face.purses import BOTH, SIZE, Common, features, mouths, predicted, updated
from talkinghead.face.steady import seen
from talkinghead.pipeline import TalkingHead
from talkinghead.units.names import UNIT_NAMES

WAYS = 8
RIDGE = 10.0  # in standard deviations of a feature
PARTS = 5  # of the faces are left out in turn


class Face(NamedTuple):
    features: np.ndarray
    """[F]"""
    table: np.ndarray
    """[S]"""
    beyond: np.ndarray
    """Units [N, 46] beyond rest of the looks at a portrait that speaks..."""
    read: np.ndarray
    """...and what is read then, [N, 46]."""


def look(head: TalkingHead, portrait: Path) -> Face | None:
    """None where no face is found in every picture."""
    try:
        puppet = head.prepare(portrait)
    except PortraitError:
        return None
    table, few = mouths().reshape(SIZE, -1), np.zeros((len(looks.common().mouths), len(UNIT_NAMES)))
    few[:, looks.COLUMNS] = looks.common().mouths[:, :-1]
    units, _, read = seen((puppet.rest + np.concatenate([table, few])).clip(0, 1), puppet, head.tracker, turns=False)
    if len(units) < SIZE + len(few):
        return None
    return Face(features(puppet.outline), read[:SIZE, BOTH].sum(1), units[SIZE:] - puppet.rest, read[SIZE:])


def in_common(faces: list[Face], ways: int = WAYS, ridge: float = RIDGE) -> Common:
    """What these faces have in common."""
    given, tables = (np.stack([getattr(face, name) for face in faces]) for name in ("features", "table"))
    usual, mean, size = given.mean(0), tables.mean(0), given.std(0).clip(1e-6)
    scaled = (given - usual) / size
    told = np.linalg.solve(scaled.T @ scaled + ridge * np.eye(len(size)), scaled.T @ (tables - mean)) / size[:, None]
    values, axes = np.linalg.svd(tables - mean - (given - usual) @ told, full_matrices=False)[1:]
    return Common(mean, usual, told, values[:ways, None] / np.sqrt(max(len(faces) - 1, 1)) * axes[:ways])


def left_over(faces: list[Face]) -> np.ndarray:
    """By how much tables of faces that were left out differ (root of the mean square) from the mean, from what their
    shapes tell, and from what looks tell, [3]."""
    errors = []
    for part in range(PARTS):
        known = in_common([face for k, face in enumerate(faces) if k % PARTS != part])
        for face in faces[part::PARTS]:
            by_shape = predicted(face.features, known)
            by_looks = updated(by_shape, face.beyond, face.read, known)
            errors.append([np.mean((table - face.table) ** 2) for table in (known.mean, by_shape, by_looks)])
    return np.sqrt(np.mean(errors, 0))


def main(corpus: Path, out: Path = Path("talkinghead/assets/purses.json"), portraits: int = 360) -> None:
    head, rows = TalkingHead(), choose(corpus, "train", portraits // 2)[0]
    faces = [face for row in rows if (face := look(head, corpus / row["path"])) is not None]
    for name, left in zip(("the mean", "shapes", "looks"), left_over(faces)):
        print(f"left out, {len(faces)} faces, differ from what {name} tell: {left:.3f}")
    common = {name: np.round(value, 4).tolist() for name, value in vars(in_common(faces)).items()}
    out.write_text(json.dumps(common) + "\n", encoding="utf-8")
    print(f"wrote {out}")


if __name__ == "__main__":
    typer.run(main)
