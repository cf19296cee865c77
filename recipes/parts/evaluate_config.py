"""Settings of recipes.evaluate: words of the command line in (recipes.parts.config.parse), one dataclass out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Config:
    """Settings of one evaluation."""

    data: Path  # folder made by recipes.prepare
    out: Path  # folder of the tables
    split: str = "test"
    gath_dc: str = ""  # weights of the paper's generator, trained without discriminator and classifier
    gath_c: str = ""  # trained without classifier
    gath: str = ""  # trained with both
    flow: str = "shipped"  # weights of the flow generator, or none
    corpus: str = ""  # folder with the corpus's manifest.csv: its clips with sound judge audio2au as well
    every: int = 4  # targets are every n-th frame of a sequence
    most: int = 32  # but no more than so many for one intra-class pair
    inter_most: int = 2  # and so many for one inter-class pair
    sequences: int = 12  # at most so many of one person; the paper has 13 of each
    photos: int = 6  # photographs that are inter-class sources as well
    sweep: int = 2  # portraits whose every single unit is asked for
    glides: int = 1  # sequences driven frame by frame, for jitter
    identities: int = 32  # faces of each kind whose identity is compared: dlib takes 0.1 s a face
    workers: int = 2  # processes that track
    threads: int = 2  # of the generators
    bfloat16: bool = False  # generators compute in bfloat16: faster, and by rounding not quite what they say
    force: bool = False  # write over tables.md
