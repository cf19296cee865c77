"""The command that tells how fast this machine is: sizes in, a table out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from talkinghead.media.encoders import X264
from talkinghead.surfaces.cli_options import EncoderOption

COLUMNS = (
    "| pixels | first frame, s | real-time factor (worst) | encoding alone | ratio | by veryfast | ratio"
    " | units, ms | drawing, ms | encoder, ms | memory, MiB |"
)


def bench(
    portrait: Annotated[Path, typer.Argument(help="Picture of one face; its upper square is used.")],
    voice: Annotated[Path, typer.Argument(help="Anything with a voice in it; repeated to the length.")],
    *,
    sides: Annotated[str, typer.Option(help="Pixels a side, with commas.")] = "512,1080,2160,3840",
    seconds: Annotated[float, typer.Option(min=1, help="Length of the videos.")] = 10.0,
    repeats: Annotated[int, typer.Option(min=1, help="Videos of each size; the median counts.")] = 3,
    head: Annotated[float, typer.Option(min=0, help="How strongly the head moves; 0 keeps it still.")] = 1.0,
    encoder: EncoderOption = X264,
) -> None:
    """Measure how fast this machine is.

    talkinghead bench portrait.jpg speech.wav

    The real-time factor is seconds of work by seconds of video, once models are loaded; beside it that of the encoder
    given the same finished frames, the limit, and their ratio; and that of x264's preset veryfast at the same rate
    factor, by which others may be compared. Milliseconds are those of one core for a frame.
    """
    try:
        sizes = [int(side) for side in sides.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{sides!r} are not whole numbers with commas", param_hint="--sides") from None
    print(COLUMNS)
    print("| ---: " * COLUMNS.count(" | ") + "| ---: |")
    for side in sizes:
        module = [sys.executable, "-m", "talkinghead.surfaces.bench"]
        done = subprocess.run(
            [*module, str(portrait), str(voice), str(side), str(seconds), str(repeats), str(head), encoder],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        if done.returncode:  # it has said why
            raise typer.Exit(1)
        f = json.loads(done.stdout)
        alone = " | ".join(f"{f[name]:.3f} | {f['factor'] / f[name]:.2f}" for name in ("encoding", "veryfast"))
        print(
            f"| {side} | {f['first']:.2f} | {f['factor']:.3f} ({f['worst']:.3f}) | {alone}"
            f" | {f['own']:.1f} | {f['drawing']:.1f} | {f['encoder']:.1f}"
            f" | {f['mebibytes']:.0f} + {f['encoder_mebibytes']:.0f} |",
            flush=True,
        )
