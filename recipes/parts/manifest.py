"""The corpus's manifest: a split's rows in, the few of them that a figure or a sheet is made of out, always alike."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np

from talkinghead.media.pictures import at_most, read_portrait

SHARP = ("mebeauty", "webmorph", "us_congress")  # sets of sharp portraits
SIDE = 384  # pixels, at most, of a portrait whose head moves

Row = dict[str, str]


def rows_of(corpus: Path, split: str, kind: str) -> list[Row]:
    """The rows of one split and kind (portrait or clip), in the manifest's order."""
    with open(corpus / "manifest.csv", newline="") as file:
        return [row for row in csv.DictReader(file) if (row["split"], row["kind"]) == (split, kind)]


def spread(rows: list[Row], count: int) -> list[Row]:
    """`count` of the rows, evenly spaced; all of them if there are no more."""
    return [rows[i] for i in np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)]


def choose(corpus: Path, split: str, count: int) -> tuple[list[Row], list[Row]]:
    """Portraits and driving clips of a split, the same on every run."""
    photos = rows_of(corpus, split, "portrait")
    portraits = spread([r for r in photos if r["set"] == "lfw"], count)
    portraits += spread([r for r in photos if r["set"] in SHARP], count)
    clips = rows_of(corpus, split, "clip")
    grid, strong = ([r for r in clips if (r["set"] == "grid") == g] for g in (True, False))
    return portraits, spread(grid, 2) + strong[-1:]


def portraits_of(corpus: Path, split: str, count: int) -> Iterator[tuple[str, np.ndarray]]:
    """Names and RGB pictures with even sides: half of LFW, half sharp."""
    rows = rows_of(corpus, split, "portrait")
    chosen = spread([r for r in rows if r["set"] == "lfw"], count // 2)
    sharp = spread([r for r in rows if r["set"] in SHARP], count - count // 2)
    for row in chain.from_iterable(zip_longest(chosen, sharp)):
        if row is None:
            continue
        picture = at_most(read_portrait(corpus / row["path"]), SIDE)
        height, width = (side // 2 * 2 for side in picture.shape[:2])
        yield f"{row['set']}_{Path(row['path']).stem}", np.ascontiguousarray(picture[:height, :width])
