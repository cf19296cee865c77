"""Ask finished frames for one unit alone: does the face answer, and with nothing else?

    python -m recipes.single_units CORPUS [--split test|val] [--generator FILE] [--portraits 10]

The portraits of recipes.judge, each drawn at its own resolution with one unit (or both sides of a pair) at LEVELS over
its own expression, and tracked. Per unit: the slope, change read per change asked; r of what is read with what is
asked, over all portraits together; r_own, the same once each portrait's mean is taken off, for some faces show a unit
at rest; the leak, root mean square change of the other units per change asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import typer

from recipes.parts.manifest import choose
from talkinghead.media.pictures import read_portrait
from talkinghead.pipeline import TalkingHead
from talkinghead.units.names import INDEX, UNIT_NAMES

LEVELS = np.array([0.0, 0.25, 0.5, 0.75, 1.0], np.float32)
PAIRED = ("EyeBlink", "MouthSmile", "LipsStretch", "MouthFrown", "BrowsD")
ALONE = ("LipsPucker", "LipsFunnel", "JawOpen", "LipsUpperUp", "LipsLowerDown", "LipsUpperOpen", "LipsLowerOpen",
         "LipsUpperClose", "LipsLowerClose", "BrowsU_C")  # fmt: skip
ASKED = {name: (name,) for name in ALONE} | {name: (f"{name}_L", f"{name}_R") for name in PAIRED}


class Answer(NamedTuple):
    """To one unit asked alone."""

    slope: float
    r: float
    r_own: float
    leak: float


def answer(read: np.ndarray, units: tuple[str, ...]) -> Answer:
    """`read` [P, L, 46]: what P portraits show at each of LEVELS of `units`, named ones alike."""
    rows = [INDEX[name] for name in units]
    shown = read[..., rows].mean(-1)
    asked = np.broadcast_to(LEVELS, shown.shape)
    change, step = shown - shown.mean(1, keepdims=True), asked - LEVELS.mean()
    others = np.delete(read - read.mean(1, keepdims=True), rows, -1)
    correlation = lambda a, b: float(np.corrcoef(a.ravel(), b.ravel())[0, 1]) if a.std() > 1e-6 else 0.0  # noqa: E731
    return Answer(
        float((change * step).sum() / (step**2).sum()),
        correlation(shown, asked),
        correlation(change, step),
        float(np.sqrt((others**2).mean() / (step**2).mean())),
    )


def sweep(head: TalkingHead, portrait: Path, asked: dict[str, tuple[str, ...]]) -> np.ndarray | None:
    """Units read at every level of everything asked, [A, L, 46]; None where a face is lost."""
    image = read_portrait(portrait)
    puppet = head.prepare(image)
    wishes = np.tile(puppet.units, (len(asked), len(LEVELS), 1)).astype(np.float32)
    for wish, units in zip(wishes, asked.values()):
        wish[:, [INDEX[name] for name in units]] = LEVELS[:, None]
    read = [head.tracker(frame) for frame in puppet.draw(wishes.reshape(-1, wishes.shape[-1]))]
    if not all(read):
        return None
    return np.stack([faces[0].units[: len(UNIT_NAMES)] for faces in read]).reshape(len(asked), len(LEVELS), -1)


def main(corpus: Path, split: str = "test", generator: Path | None = None, portraits: int = 10) -> None:
    head = TalkingHead(generator=generator)
    photos, _ = choose(corpus, split, portraits)
    read = [sweep(head, corpus / photo["path"], ASKED) for photo in photos]
    found = np.stack([x for x in read if x is not None], 1)
    print(f"{found.shape[1]} portraits of {len(photos)}; levels {', '.join(map(str, LEVELS))}")
    print(f"{'unit':16s}" + "".join(f"{name:>8s}" for name in Answer._fields))
    for (name, units), part in zip(ASKED.items(), found):
        print(f"{name:16s}" + "".join(f"{x:8.2f}" for x in answer(part, units)), flush=True)


if __name__ == "__main__":
    typer.run(main)
