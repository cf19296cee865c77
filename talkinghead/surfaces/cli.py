"""The command line: words in, one of the commands run, and an exit status out. Heavy imports stand inside commands, so
that --help answers at once."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from talkinghead.errors import TalkingHeadError
from talkinghead.surfaces.cli_options import spread
from talkinghead.surfaces.commands_batch import batch
from talkinghead.surfaces.commands_bench import bench
from talkinghead.surfaces.commands_edit import edit
from talkinghead.surfaces.commands_say import say
from talkinghead.surfaces.commands_serving import live, web
from talkinghead.surfaces.commands_units import aus, convert, track
from talkinghead.surfaces.commands_video import demo, drive, speak
from talkinghead.surfaces.running import Stopped, one_line, remarks, stop_on_signals, tell_no_more

USAGE = 2  # exit status
COMMANDS = (speak, say, drive, track, edit, convert, aus, demo, live, batch, web, bench)  # as --help lists them

app = typer.Typer(
    help="From a photograph and a voice to a talking video.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in COMMANDS:
    app.command()(spread(command))


def _version(wanted: bool) -> None:
    if wanted:
        import talkinghead

        print(f"talkinghead {talkinghead.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    pass


def main() -> None:
    """Entry point: exit status 1 after one line for what the user can mend, 2 for usage, 128 + n for signal n."""
    remarks.begin()
    stop_on_signals()
    try:
        app()
    except SystemExit as end:  # how every command ends that was not refused
        if end.code != USAGE:
            remarks.say()
        raise
    except TalkingHeadError as error:
        sys.exit(f"talkinghead: {one_line(error)}")
    except Stopped as stopped:
        print("talkinghead: interrupted; nothing was written", file=sys.stderr)
        sys.exit(128 + stopped.args[0])
    finally:
        tell_no_more()
