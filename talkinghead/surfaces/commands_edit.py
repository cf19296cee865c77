"""The command that changes one picture: portrait and named units in, a picture out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkinghead.errors import UnitsError
from talkinghead.options import PortraitOptions, Signing
from talkinghead.surfaces.cli_options import ForceOption, Models, PortraitArg


def edit(
    portrait: PortraitArg,
    units: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="JawOpen=0.6, or JawOpen=60%.")
    ] = None,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Picture to write: .png, .jpg or .webp.")],
    neutral: Annotated[bool, typer.Option("--neutral", help="Start from no expression at all.")] = False,
    options: PortraitOptions,
    models: Models,
    signing: Signing,
    force: ForceOption = False,
) -> None:
    """Change the expression of a portrait.

    talkinghead edit portrait.jpg JawOpen=0.6 MouthSmile_L=1 -o out.png

    Action units that are not named keep the portrait's own values.
    """
    from talkinghead.media.outputs import check_output
    from talkinghead.media.pictures import PICTURE_SUFFIXES, write_picture

    check_output(output, force, PICTURE_SUFFIXES)
    wanted = dict(map(_assignment, units or []))
    seal = signing.seal(output)
    image = models.head().edit(portrait, wanted, options, neutral=neutral)
    write_picture(output, image, force, seal)


def _assignment(text: str) -> tuple[str, float]:
    """Name and value of `JawOpen=0.6` or `JawOpen=60%`."""
    from talkinghead.units.track import check_unit

    name, _, value = text.partition("=")
    check_unit(name)
    try:
        return name, float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        raise UnitsError(f"{text!r} does not set a value; write {name}=0.6") from None
