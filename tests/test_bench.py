"""The benchmark: one row of plausible numbers for every size, and one line for what cannot be measured."""

import subprocess
import sys
from fractions import Fraction
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image

from talkinghead.surfaces.bench import _veryfast

VOICE = str(files("talkinghead") / "assets" / "demo_voice.flac")


def bench(*arguments):
    command = [sys.executable, "-c", "from talkinghead.surfaces.cli import main; main()", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_row_for_every_size(astronaut, tmp_path):
    Image.fromarray(astronaut[:400, 50:450]).save(tmp_path / "face.png")
    done = bench(str(tmp_path / "face.png"), VOICE, "--sides", "256,400", "--seconds", "1", "--repeats", "1")
    assert done.returncode == 0, done.stderr
    head, _, *rows = done.stdout.splitlines()
    assert len(rows) == 2 and all(row.count("|") == head.count("|") for row in rows)
    for side, row in zip((256, 400), rows):
        pixels, first, factor, *ratios, own, drawing, encoder, memory = (
            cell.strip() for cell in row.strip("|").split("|")
        )
        assert int(pixels) == side and 0 < float(first) < 60
        factor, (encoding, ratio, veryfast, by_veryfast) = float(factor.split()[0]), map(float, ratios)
        assert factor > encoding > 0 and ratio == pytest.approx(factor / encoding, rel=0.05)
        assert veryfast > 0 and by_veryfast == pytest.approx(factor / veryfast, rel=0.05)
        assert all(0 < float(stage) < 1000 for stage in (own, drawing, encoder))
        assert 50 < int(memory.split()[0]) < 2000


def test_a_head_that_is_still_takes_less_to_draw(astronaut, tmp_path):
    Image.fromarray(astronaut[:400, 50:450]).save(tmp_path / "face.png")
    options = "--sides", "400", "--seconds", "2", "--repeats", "1", "--head"
    rows = [bench(str(tmp_path / "face.png"), VOICE, *options, head).stdout.splitlines()[-1] for head in ("0", "1")]
    still, moving = (float(row.split("|")[9]) for row in rows)
    assert 0 < still < moving


def test_a_missing_portrait_and_a_size_that_is_none(tmp_path):
    done = bench(str(tmp_path / "none.png"), VOICE, "--sides", "256", "--seconds", "1")
    assert done.returncode == 1 and done.stderr.startswith("talkinghead: ") and done.stderr.count("\n") == 1
    assert bench("a.png", VOICE, "--sides", "large").returncode == 2


def test_the_usual_preset_is_measured_by_the_frames_it_is_given():
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (720, 640), np.uint8) for _ in range(3)]
    still, busy = _veryfast([np.zeros_like(noise[0])] * 3, Fraction(25)), _veryfast(noise, Fraction(25))
    assert 0 < 2 * still < busy < 100
