"""Options: written down once, and the same for the API, the command line, the page and a batch's list."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from talkinghead.errors import JobsError, OptionError, TalkingHeadError
from talkinghead.options import FrameOptions, PortraitOptions, described, option
from talkinghead.surfaces.batch import read_jobs
from talkinghead.surfaces.cli import COMMANDS
from talkinghead.surfaces.cli_options import spread


@pytest.mark.parametrize(
    "changes, name, said",
    [
        ({"fps": "fast"}, "fps", "not a frame rate"),
        ({"fps": 1000}, "fps", "outside 1 to 240"),
        ({"gain": "loud"}, "gain", "not a number"),
        ({"mood": "cross"}, "mood", "no mood 'cross'"),
        ({"face": 0}, "face", "not a whole number from 1"),
        ({"seed": -1}, "seed", "not a whole number from 0"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_option(changes, name, said):
    with pytest.raises(OptionError, match=said) as caught:
        FrameOptions(**changes)
    assert caught.value.option == name
    assert isinstance(caught.value, TalkingHeadError) and isinstance(caught.value, ValueError)


def test_names_change_what_the_object_says():
    options = FrameOptions(gain=2.0, seed=3)
    assert FrameOptions.of(options, {"seed": 4}) == FrameOptions(gain=2.0, seed=4)
    assert FrameOptions.of(None, {"crop": True}).look == PortraitOptions(crop=True)
    assert len({PortraitOptions(), FrameOptions(mood={"happy": 1}).look}) == 1
    with pytest.raises(TypeError, match="gian"):
        FrameOptions.of(options, {"gian": 1})


def test_an_object_and_names_give_the_same_frames(head, astronaut):
    units = np.full((2, 46), 0.3, np.float32)
    puppet = head.prepare(astronaut)
    given, named, mixed = (
        list(head.animate(puppet, units, *arguments, **changes))
        for arguments, changes in (
            ((FrameOptions(gain="jaw=2", fps=30),), {}),
            ((), {"gain": "jaw=2", "fps": 30}),
            ((FrameOptions(fps=30),), {"gain": "jaw=2"}),
        )
    )
    assert np.array_equal(given, named) and np.array_equal(given, mixed)
    assert not np.array_equal(given, list(head.animate(puppet, units)))


def test_every_option_is_on_the_command_line_and_in_lists(tmp_path):
    on = {command.__name__: set(inspect.signature(spread(command)).parameters) for command in COMMANDS}
    assert set(described(FrameOptions)) <= on["speak"] & on["live"] and set(described(PortraitOptions)) <= on["edit"]
    cells = {"bool": "no", "int": "1", "str": "", "float": "1"}
    known = described(FrameOptions)
    (tmp_path / "jobs.csv").write_text(
        f"portrait,audio,output,{','.join(known)}\n"
        f"a.png,a.wav,a.mp4,{','.join(cells[about.kind.__name__] for about in known.values())}\n"
    )
    assert read_jobs(tmp_path / "jobs.csv")[0].frames == FrameOptions(face=1, blink=False, seed=1)
    (tmp_path / "jobs.csv").write_text("portrait,audio,output,seed\na.png,a.wav,a.mp4,1.5\n")
    with pytest.raises(JobsError, match="row 2, column seed: '1.5' is not a whole number from 0"):
        read_jobs(tmp_path / "jobs.csv")


@dataclass(frozen=True, kw_only=True)
class Some:
    strength: float = option(0.5, "How much of it.", float, least=0, most=2)
    seen: bool = option(True, "Show it.", bool)

    def __post_init__(self):
        if self.strength == 1.5:
            raise OptionError("strength", "is an odd number")


def test_one_field_makes_an_option_with_help_default_and_limits():
    got = []

    def command(*, some: Some) -> None:
        """Do it."""
        got.append(some)

    app = typer.Typer()
    app.command()(spread(command))
    run = CliRunner().invoke
    assert run(app, []).exit_code == 0 and run(app, ["--strength", "2", "--no-seen"]).exit_code == 0
    assert got == [Some(), Some(strength=2.0, seen=False)]
    for wrong in "3", "1.5", "much":
        refused = run(app, ["--strength", wrong])
        assert refused.exit_code == 2 and "--strength" in refused.output
    assert "How much of it." in run(app, ["--help"]).output
