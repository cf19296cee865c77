"""The pictures of README and docs/, made anew: shipped weights and samples in, and finished files out.

python -m recipes.pictures moving docs/demo.webp              # the three samples speaking, side by side
python -m recipes.pictures page docs --browser /usr/bin/chromium     # the web page: web_speak, web_edit, web_phone
python -m recipes.pictures poses docs/head.jpg                # the three samples, turned
python -m recipes.pictures sheet CORPUS docs/portraits.jpg [--set us_congress] [--split test] [--generator FILE]
python -m recipes.pictures mouths docs/mouth.jpg PORTRAIT... [--teeth own]
"""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import typer
from PIL import ExifTags, Image

from recipes.parts.manifest import rows_of, spread
from recipes.parts.web_client import WebPage, in_pictures
from talkinghead.face.align import alignment, crop
from talkinghead.media.pictures import read_portrait, write_picture
from talkinghead.media.video import synthetic_notice
from talkinghead.pipeline import TalkingHead
from talkinghead.samples import PORTRAITS, VOICE
from talkinghead.units.names import INDEX
from talkinghead.units.pose import NEUTRAL

SHEET = {
    "jaw": {"JawOpen": 0.5, "LipsLowerOpen": 0.9, "LipsUpperOpen": 0.6},
    "smile": {"MouthSmile_L": 0.9, "MouthSmile_R": 0.9},
    "blink": {"EyeBlink_L": 0.9, "EyeBlink_R": 0.9},
    "pucker": {"LipsPucker": 0.95, "LipsFunnel": 0.3},
    "brows": {"BrowsU_C": 0.9, "BrowsU_L": 0.9, "BrowsU_R": 0.9},
}
# As photographed, then turned left and right, looking up and down, and all at once: yaw, pitch, roll, x, y, scale.
POSES = (NEUTRAL, (10, 0, 0, 0, 0, 1), (-10, 0, 0, 0, 0, 1), (0, 7, 0, 0, 0, 1), (0, -7, 0, 0, 0, 1),
         (7, 4, -8, 0.1, 0.05, 1.03))  # fmt: skip
POSED_SIDE = 256  # pixels of one picture of a turned head
SENTENCE = 3.4  # seconds, of the voice's first
# On top of the face at rest, as in the sounds; "laugh closed" is the face without expression.
MOUTHS = {
    "rest": {},
    "m": {"LipsUpperClose": 0.25, "LipsLowerClose": 0.35, "ChinLowerRaise": 0.2},
    "ah": {"JawOpen": 0.45, "LipsUpperOpen": 0.3, "LipsLowerOpen": 0.5, "LipsLowerDown": 0.2},
    "ee": {
        "JawOpen": 0.1, "LipsUpperOpen": 0.3, "LipsLowerOpen": 0.3, "LipsUpperUp": 0.2, "LipsLowerDown": 0.35,
        "LipsStretch_L": 0.3, "LipsStretch_R": 0.3, "MouthSmile_L": 0.3, "MouthSmile_R": 0.3,
    },
    "oo": {"JawOpen": 0.08, "LipsPucker": 0.8, "LipsFunnel": 0.35, "LipsUpperOpen": 0.12, "LipsLowerOpen": 0.15},
    "f": {"LipsLowerClose": 0.5, "LipsUpperUp": 0.25, "LipsUpperOpen": 0.25, "JawOpen": 0.05},
    "wide smile": {
        "JawOpen": 0.1, "LipsUpperOpen": 0.3, "LipsLowerOpen": 0.45, "LipsUpperUp": 0.5, "LipsLowerDown": 0.35,
        "MouthSmile_L": 0.9, "MouthSmile_R": 0.9,
    },
    "laugh closed": None,
}  # fmt: skip
SIDE = 192  # pixels of one face
LOWER_FACE = np.s_[340:600, 150:490]  # of an aligned face of 640 pixels

app = typer.Typer(help=__doc__)


@app.command()
def moving(out: Path, seconds: float = SENTENCE, side: int = 288, quality: int = 75) -> None:
    """An animated WebP of the samples speaking the beginning of their voice, which plays again and again."""
    head = TalkingHead()
    clips = [list(itertools.islice(head.speak(path, VOICE), round(25 * seconds))) for path in PORTRAITS.values()]
    small = [[cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA) for frame in clip] for clip in clips]
    first, *others = (Image.fromarray(np.hstack(faces)) for faces in zip(*small))
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = synthetic_notice()
    first.save(out, save_all=True, append_images=others, duration=40, loop=0, quality=quality, method=6, exif=exif)
    print(f"{out}: {1 + len(others)} frames, {out.stat().st_size / 2**20:.2f} MiB")


@app.command()
def poses(out: Path) -> None:
    """One row a sample: as photographed, then under each of POSES."""
    head, lines = TalkingHead(), []
    for path in PORTRAITS.values():
        puppet = head.prepare(path)
        frames = puppet.draw(np.tile(puppet.units, (len(POSES), 1)), pose=np.array(POSES, np.float32))
        small = [cv2.resize(frame, (POSED_SIDE, POSED_SIDE), interpolation=cv2.INTER_AREA) for frame in frames]
        lines.append(np.hstack(small))
    write_picture(out, np.vstack(lines), True)


@app.command()
def page(folder: Path, browser: str = "/usr/bin/chromium") -> None:
    """The web page as a browser shows it: speaking, editing, and on a telephone."""
    with WebPage() as page:
        in_pictures(browser, page.address, folder)


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


@app.command()
def mouths(out: Path, portraits: list[Path], teeth: str = "own") -> None:
    """One row a portrait: the photograph's mouth, then each of MOUTHS."""
    head, lines = TalkingHead(), []
    for path in portraits:
        image = read_portrait(path)
        puppet = head.prepare(image, teeth=teeth)
        matrix = alignment(head.tracker(image)[0].points, 640)
        faces = [image, *puppet.draw(np.stack([_mouth(puppet.rest, units) for units in MOUTHS.values()]))]
        cut = [np.ascontiguousarray(crop(face, matrix, 640)[LOWER_FACE]) for face in faces]
        lines.append(np.hstack([cv2.resize(face, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for face in cut]))
    write_picture(out, np.vstack(lines), True)


def _mouth(rest: np.ndarray, units: dict[str, float] | None) -> np.ndarray:
    out = np.zeros_like(rest) if units is None else rest.copy()
    for name, value in (units or {}).items():
        out[INDEX[name]] = max(out[INDEX[name]], value)
    return out


if __name__ == "__main__":
    app()
