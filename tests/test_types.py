"""Types: what others build on is checked strictly, and a program that uses it as README does is understood."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="types are checked where the extra is: pip install '.[dev]'")
ROOT = Path(__file__).parents[1]
PROGRAM = """
from fractions import Fraction

import numpy as np

from talkinghead import FrameOptions, TalkingHead, TalkingHeadError, UnitTrack, read_csv, write_csv

head = TalkingHead()
try:
    clip = head.speak("portrait.jpg", "speech.wav", FrameOptions(gain="mouth=1.2", fps=Fraction(30000, 1001)))
except TalkingHeadError as error:
    print(error)
track: UnitTrack = read_csv("au.csv")
picture: np.ndarray = head.edit("portrait.jpg", {"JawOpen": 0.5})
write_csv("out.csv", track.units, 25)
"""


def mypy(*arguments, folder=ROOT):
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(folder / ".mypy_cache"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout


def test_the_public_api_is_strictly_typed():
    assert "Success" in mypy()


def test_a_program_that_uses_it_is_understood(tmp_path):
    (tmp_path / "right.py").write_text(PROGRAM)
    (tmp_path / "wrong.py").write_text(
        PROGRAM + "clip.width.upper()\nFrameOptions(gian=1)\nhead.edit(3)\ntrack.units = track.times\n"
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert (ROOT / "talkinghead" / "py.typed").exists()
    assert "py.typed" in project["tool"]["setuptools"]["package-data"]["talkinghead"]
    options = "--strict", "--follow-imports", "silent", "--config-file", "", "--ignore-missing-imports"
    assert "Success" in mypy(*options, tmp_path / "right.py", folder=tmp_path)
    wrong = mypy(*options, tmp_path / "wrong.py", folder=tmp_path)
    assert re.findall(r"\[([a-z-]+)\]", wrong) == ["attr-defined", "call-arg", "arg-type", "misc"], wrong
