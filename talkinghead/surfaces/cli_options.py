"""Options that several commands share, and how their values are checked before anything loads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkinghead.media.timing import frame_rate


def check_fps(text: str | None) -> str | None:
    try:
        text is None or frame_rate(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def _gain(text: str) -> str:
    from talkinghead.units.moods import gain_vector

    try:
        gain_vector(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def _mood(text: str | None) -> str | None:
    from talkinghead.units.moods import parse_mood

    try:
        parse_mood(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


PortraitArg = Annotated[Path, typer.Argument(help="Picture of one face seen from the front.")]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="File to write: .mp4, .mov, .webm or .gif.")]
FpsOption = Annotated[str, typer.Option(callback=check_fps, help="Frames a second: 25, 29.97, 30000/1001.")]
FaceOption = Annotated[int | None, typer.Option(min=1, help="Which face, from 1, the largest.")]
CropOption = Annotated[bool, typer.Option("--crop", help="Keep the aligned face square only.")]
EnhanceOption = Annotated[bool, typer.Option("--enhance", help="More contrast, less noise, sharper: the face only.")]
GeneratorOption = Annotated[Path | None, typer.Option(help="Weights of another generator.")]
DeviceOption = Annotated[str, typer.Option(help="Where the generator runs: cpu, cuda, mps.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
GainOption = Annotated[
    str, typer.Option(callback=_gain, help="Multiplies the motion: 1.2, or by region, mouth=1.2,brows=0.5.")
]
MoodOption = Annotated[str | None, typer.Option(callback=_mood, help="happy, sad:0.5, ...: docs/moods.md.")]
SignOption = Annotated[bool, typer.Option("--sign", help="Add a signed C2PA manifest: docs/provenance.md.")]
SignCertOption = Annotated[Path | None, typer.Option(help="PEM certificates to sign with. Default: one for tests.")]
SignKeyOption = Annotated[Path | None, typer.Option(help="The private key of --sign-cert, PEM.")]
