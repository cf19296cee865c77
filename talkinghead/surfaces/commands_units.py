"""The commands about action units: a video or another tracker's file in, a file of units out, and the list of names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from talkinghead.media.ffmpeg import playlists_allowed
from talkinghead.media.timing import frame_rate
from talkinghead.surfaces.cli_options import ForceOption, Models, PlaylistsOption, check_fps
from talkinghead.surfaces.running import progress

Kind = Literal["ours", "arkit", "livelink", "openface", "mediapipe"]


def track(
    clip: Annotated[Path, typer.Argument(help="A video of one face.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV to write.")],
    allow_playlists: PlaylistsOption = False,
    force: ForceOption = False,
) -> None:
    """Measure the action units and the head's pose in a video.

    talkinghead track clip.mp4 -o au.csv
    """
    from talkinghead.media.outputs import check_output
    from talkinghead.units.unit_csv import write_csv

    check_output(output, force, (".csv",))
    with playlists_allowed(allow_playlists):
        found, fps = Models().head().track(clip, progress)
    write_csv(output, found.units, fps, force, found.pose)


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Its kind is seen from its content.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .csv or .json.")],
    to: Annotated[
        Kind | None, typer.Option(help="Kind of the output. Default: mediapipe for .json, ours for .csv.")
    ] = None,
    fps: Annotated[
        str | None,
        typer.Option(callback=check_fps, help="Of IN, where its clock counts frames. Default: 25, or as seen."),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Convert between our action units and the files of other face trackers.

    talkinghead convert livelink.csv -o au.csv

    Kinds: ours, arkit (52 blendshapes), livelink (Live Link Face), openface (17 intensities), mediapipe (blendshapes
    as JSON). What is lost is said.
    """
    from talkinghead.units.convert import convert

    convert(source, output, to, frame_rate(fps) if fps else None, force)


def aus() -> None:
    """List the 46 action units and what each does.

    Left and right are the subject's own.
    """
    from talkinghead.units.names import SOURCES

    for name, (_, does) in SOURCES.items():
        print(f"{name:<16}{does}")
