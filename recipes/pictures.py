"""The pictures in docs/: frames of a video side by side, and a sheet of portraits under single units.

python -m recipes.pictures frames VIDEO OUT.png [--count 4]
python -m recipes.pictures sheet CORPUS OUT.png [--set us_congress] [--split test] [--generator FILE]
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import typer

from recipes.parts.manifest import rows_of, spread
from talkinghead.face.align import alignment, crop
from talkinghead.face.tracker import Tracker
from talkinghead.media.pictures import read_portrait, write_picture
from talkinghead.media.video import VideoReader
from talkinghead.pipeline import TalkingHead

SHEET = {
    "jaw": {"JawOpen": 0.5, "LipsLowerOpen": 0.9, "LipsUpperOpen": 0.6},
    "smile": {"MouthSmile_L": 0.9, "MouthSmile_R": 0.9},
    "blink": {"EyeBlink_L": 0.9, "EyeBlink_R": 0.9},
    "pucker": {"LipsPucker": 0.95, "LipsFunnel": 0.3},
    "brows": {"BrowsU_C": 0.9, "BrowsU_L": 0.9, "BrowsU_R": 0.9},
}
SIDE = 192  # pixels of one face

app = typer.Typer(help=__doc__)


@app.command()
def frames(video: Path, out: Path, count: int = 4) -> None:
    """The first frame of a video, and the face in frames evenly spaced through it."""
    every = list(VideoReader(video))
    matrix = alignment(Tracker()(every[0])[0].points, 2 * SIDE)
    chosen = [every[i] for i in np.linspace(0, len(every) - 1, count + 2).astype(int)[1:-1]]
    scale = 2 * SIDE / every[0].shape[0]
    first = cv2.resize(every[0], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    write_picture(out, np.hstack([first] + [crop(frame, matrix, 2 * SIDE) for frame in chosen]), True)


@app.command()
def sheet(
    corpus: Path,
    out: Path,
    set: str = "us_congress",
    split: str = "test",
    generator: Path | None = None,
    count: int = 10,
) -> None:
    """One row a portrait: the photograph, then each of SHEET's units on top of its own, aligned faces only."""
    rows = [row for row in rows_of(corpus, split, "portrait") if row["set"] == set]
    head = TalkingHead(generator=generator)
    lines = []
    for row in spread(rows, count):
        image = read_portrait(corpus / row["path"])
        matrix = alignment(head.tracker(image)[0].points, SIDE)
        puppet = head.prepare(image)
        faces = [image] + [head.edit(puppet, units) for units in SHEET.values()]
        lines.append(np.hstack([crop(face, matrix, SIDE) for face in faces]))
    write_picture(out, np.vstack(lines), True)


if __name__ == "__main__":
    app()
