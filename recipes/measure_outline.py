"""How far the lips' outline lies from where a tracker sees the lips of finished frames.

    python -m recipes.measure_outline CORPUS [--split test|val] [--portraits 10] [--frames 12]

The portraits and drivers of recipes.judge: every portrait is drawn under `--frames` units of each driver, evenly spaced
through its clip, and tracked. The figures are mean distances of the 40 points of inner and outer lip, in distances of
the outer corners of the photograph's eyes: of the outline as the mouth draws it; as the lip mover has it; of the
photograph's landmarks, for comparison; and of the outline as drawn once each portrait's mean error is taken off, for
the tracker has its own way to see each.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import typer

from gath.mesh import MOUTH
from recipes.parts.manifest import choose
from talkinghead.face.align import to_fractions, transform
from talkinghead.face.crossed import uncrossed
from talkinghead.face.lips import possible
from talkinghead.face.outline import RING
from talkinghead.media.pictures import read_portrait
from talkinghead.pipeline import TalkingHead

LIPS, CORNERS = list(MOUTH[: 2 * RING]), (33, 263)


def errors(head: TalkingHead, portrait: Path, wishes: np.ndarray) -> np.ndarray | None:
    """How far from the tracker's points the outline lies under units `wishes` [N, 46], as drawn and as the lip mover
    has it, and those of the photograph, [3, N, 40, 2] in distances of the eyes' corners; None where a face is lost."""
    image = read_portrait(portrait)
    faces = head.tracker(image)
    if not faces:
        return None
    photographed = faces[0].points
    to_face = to_fractions(photographed)
    puppet = head.prepare(image)
    mouth, lids = puppet.renderer.mouth, puppet.renderer.lids
    units = uncrossed(possible(wishes, puppet.units), puppet.units)
    moved = puppet.outline(units)
    flows = [puppet.decode(one if lids is None else lids.without(one))[0] for one in units[:, None]]
    drawn = np.stack([mouth.with_face(one, flow) for one, flow in zip(moved, flows)])
    seen = [head.tracker(frame) for frame in puppet.draw(wishes)]
    if not all(seen):
        return None
    found = np.stack([faces[0].points[LIPS] for faces in seen])
    size = np.linalg.norm(np.subtract(*photographed[list(CORNERS)]))
    back = cv2.invertAffineTransform(to_face)
    placed = [transform(back, points[:, : 2 * RING]) for points in (drawn, moved)]
    return np.stack([points - found for points in (*placed, photographed[LIPS])]) / size


def length(vectors: np.ndarray) -> float:
    """The mean length of vectors [..., 2]."""
    return float(np.linalg.norm(vectors, axis=-1).mean())


def main(corpus: Path, split: str = "test", portraits: int = 10, frames: int = 12) -> None:
    head = TalkingHead()
    photos, clips = choose(corpus, split, portraits)
    tracks = [head.track(corpus / clip["path"])[0].units for clip in clips]
    wishes = np.concatenate([t[np.linspace(0, len(t) - 1, frames).astype(int)] for t in tracks]).astype(np.float32)
    figures = []
    for photo in photos:
        found = errors(head, corpus / photo["path"], wishes)
        if found is None:
            print(f"{Path(photo['path']).stem}: face lost")
            continue
        own = found[0] - found[0].mean(0)
        figures.append([length(away) for away in (*found, own)])
        print(f"{photo['set']} {Path(photo['path']).stem}: " + ", ".join(f"{x:.4f}" for x in figures[-1]), flush=True)
    print(f"{len(figures)} portraits, as drawn, as moved, photographed, drawn less means:")
    for name, of in (("mean", np.mean), ("median", np.median), ("most", np.max)):
        print(f"{name} " + ", ".join(f"{x:.4f}" for x in of(figures, 0)))


if __name__ == "__main__":
    typer.run(main)
