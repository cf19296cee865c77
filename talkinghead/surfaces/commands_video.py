"""The commands that write a video: portrait, voice or units in, a finished file out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkinghead.media.encoders import X264
from talkinghead.media.ffmpeg import playlists_allowed
from talkinghead.options import FrameOptions, Signing
from talkinghead.samples import DEMO, VOICE
from talkinghead.surfaces.cli_options import (
    EncoderOption,
    ForceOption,
    Models,
    OutputOption,
    PlaylistsOption,
    PortraitArg,
)
from talkinghead.surfaces.running import check_outputs, film, one_line, progress


def speak(
    portrait: PortraitArg,
    speech: Annotated[Path | None, typer.Argument(help="Anything with a voice in it that ffmpeg decodes.")] = None,
    *,
    output: OutputOption,
    au: Annotated[Path | None, typer.Option(help="CSV of action units to use instead of the voice.")] = None,
    audio: Annotated[Path | None, typer.Option(help="The sound, with --au.")] = None,
    save_au: Annotated[Path | None, typer.Option(help="Write the action units of every frame to this CSV.")] = None,
    options: FrameOptions,
    models: Models,
    signing: Signing,
    encoder: EncoderOption = X264,
    allow_playlists: PlaylistsOption = False,
    force: ForceOption = False,
) -> None:
    """Make a portrait speak.

    talkinghead speak portrait.jpg speech.wav -o out.mp4
    """
    if speech and audio:
        raise typer.BadParameter("the sound is given twice; leave one out", param_hint="--audio")
    sound = speech or audio
    if not (sound or au):
        raise typer.BadParameter("give a sound file, or action units with --au", param_hint="speech")
    check_outputs(output, save_au, force, encoder)
    seal = signing.seal(output)
    head = models.head()
    with playlists_allowed(allow_playlists):
        if au:
            from talkinghead.units.convert import read_csv

            clip = head.animate(portrait, read_csv(au, options.rate), options, sound=sound)
        else:
            clip = head.speak(portrait, sound, options)
        film(clip, output, sound, save_au, force, seal, encoder)


def drive(
    portrait: PortraitArg,
    clip: Annotated[Path, typer.Argument(help="A video of one face.")],
    *,
    output: OutputOption,
    save_au: Annotated[Path | None, typer.Option(help="Write the action units of every frame to this CSV.")] = None,
    options: FrameOptions,
    models: Models,
    signing: Signing,
    encoder: EncoderOption = X264,
    allow_playlists: PlaylistsOption = False,
    force: ForceOption = False,
) -> None:
    """Make a portrait do what a face in a video does, with the video's sound.

    talkinghead drive portrait.jpg clip.mp4 -o out.mp4
    """
    from talkinghead.media.audio import has_sound

    check_outputs(output, save_au, force, encoder)
    seal = signing.seal(output)
    with playlists_allowed(allow_playlists):
        driven = models.head().drive(portrait, clip, options, progress=progress)
        film(driven, output, clip if has_sound(clip) else None, save_au, force, seal, encoder)


def demo(
    *,
    output: OutputOption = Path("demo.mp4"),
    signing: Signing,
    force: ForceOption = False,
) -> None:
    """Make the portrait of somebody who does not exist speak, to see that everything works.

    talkinghead demo -o demo.mp4
    """
    check_outputs(output, None, force)
    seal = signing.seal(output)
    film(Models().head().speak(DEMO, VOICE), output, VOICE, None, force, seal)
    print(one_line(f"{output} is written; play it"))
