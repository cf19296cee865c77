"""The command that needs no recording: a portrait and a text in, a talking video out."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from talkinghead.media.encoders import X264
from talkinghead.options import FrameOptions, Signing
from talkinghead.surfaces.cli_options import EncoderOption, ForceOption, Models, OutputOption, PortraitArg
from talkinghead.surfaces.running import check_outputs, film

RATE = 16000  # of the copy that vowels are measured in


def say(
    portrait: PortraitArg,
    text: Annotated[str, typer.Argument(help="What is said.")],
    *,
    output: OutputOption,
    voice: Annotated[
        str | None, typer.Option(help="Of the synthesiser: de, en-us+f2 (espeak-ng), rms (flite), Anna (macOS).")
    ] = None,
    voice_command: Annotated[
        str | None,
        typer.Option(help="Another synthesiser: 'piper -m amy.onnx -f {output}'. Reads {text}, or standard input."),
    ] = None,
    save_au: Annotated[Path | None, typer.Option(help="Write the action units of every frame to this CSV.")] = None,
    options: FrameOptions,
    models: Models,
    signing: Signing,
    encoder: EncoderOption = X264,
    force: ForceOption = False,
) -> None:
    """Make a portrait say a text, by a speech synthesiser of this machine.

    talkinghead say portrait.jpg "Hello" -o out.mp4

    espeak-ng, flite or macOS say, the first that is installed. The first two tell which sounds they make when, and the
    lips follow that; the others are listened to.
    """
    from talkinghead.media.synthesis import synthesise
    from talkinghead.pipeline import TalkingHead

    check_outputs(output, save_au, force, encoder)
    seal = signing.seal(output)
    with TemporaryDirectory() as folder:
        sound = Path(folder, "said.wav")
        said = synthesise(text, sound, voice, voice_command)
        speech = None
        if said:
            import numpy as np

            from talkinghead.media.audio import decode
            from talkinghead.models import recite

            speech = recite(*said, np.concatenate(list(decode(sound, RATE))), RATE)
        head = TalkingHead(models.generator, speech, models.device)
        film(head.speak(portrait, sound, options), output, sound, save_au, force, seal, encoder)
