"""The command that makes many videos: a list of jobs in, a folder of videos and a report out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from talkinghead.media.encoders import X264
from talkinghead.options import Signing
from talkinghead.surfaces.cli_options import EncoderOption, Models, PlaylistsOption
from talkinghead.surfaces.running import Stopped, one_line, progress


def batch(
    jobs: Annotated[Path, typer.Argument(help="CSV of portrait, audio, au, output and options of speak.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder for the videos and report.csv.")],
    ray: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Run on this Ray cluster: auto, local.")] = None,
    models: Models,
    signing: Signing,
    encoder: EncoderOption = X264,
    allow_playlists: PlaylistsOption = False,
    force: Annotated[bool, typer.Option("--force", help="Make every job again, also over other files.")] = False,
) -> None:
    """Make many videos; what is done already is kept.

    talkinghead batch jobs.csv --out videos
    """
    from collections import Counter

    from talkinghead.surfaces.batch import FAILED, REPORT, Batch, read_jobs, report

    listed = read_jobs(jobs)
    work = Batch(out, models.generator, models.device, force, signing, allow_playlists, encoder)
    work.open(listed)
    if ray:
        from talkinghead.surfaces import batch_ray

        results = batch_ray.run(work, listed, ray)
    else:
        from talkinghead.surfaces import batch_local

        results = batch_local.run(work, listed)
    try:
        count = Counter(result.status for result in progress(report(results, work.out), len(listed), "job"))
    except Stopped as stopped:
        print("talkinghead: interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(128 + stopped.args[0])
    work.sweep(listed)
    counts = ", ".join(f"{number} {status}" for status, number in count.items())
    print(one_line(f"{len(listed)} jobs: {counts}; see {out / REPORT}"))
    if count[FAILED]:
        raise typer.Exit(1)
