"""Pack what speech to units trains on into one file, which is all that a machine for training needs.

    python -m recipes.pack_speech CORPUS DATA FILE.npz --voices VOICES [--voices NATURAL]
    python -m recipes.train_audio2au pack=FILE.npz device=cuda workers=12 ...

CORPUS, DATA and VOICES are what `recipes.train_audio2au` reads without a pack; about 10 MB for an hour of sound.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audio2au.features import FeatureConfig
from recipes.parts.speech_pack import RATE, gather, pack


def main(
    corpus: Path,
    data: Path,
    file: Path,
    voices: Annotated[list[Path], typer.Option(help="Folders of recipes.make_voices.")] = [],
    sets: str = "grid",
) -> None:
    splits = gather(corpus, data, voices, sets, FeatureConfig(sample_rate=RATE), facegood=True, talkers=True)
    pack(file, splits)
    hours = sum(len(r.samples) for split in splits for r in split) / RATE / 3600
    print(f"{sum(map(len, splits))} recordings, {hours:.2f} hours, {file.stat().st_size / 2**20:.1f} MiB in {file}")


if __name__ == "__main__":
    typer.run(main)
