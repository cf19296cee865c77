"""The benchmark: one row of plausible numbers for every size, and one line for what cannot be measured."""

import subprocess
import sys
from importlib.resources import files

from PIL import Image

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
        pixels, first, factor, encoding, ratio, *stages, memory = [cell.strip() for cell in row.strip("|").split("|")]
        assert int(pixels) == side and 0 < float(first) < 60
        assert float(factor.split()[0]) > float(encoding) > 0 and float(ratio) > 1
        assert all(0 < float(stage) < 1000 for stage in stages)
        assert 50 < int(memory.split()[0]) < 2000


def test_a_head_that_is_still_takes_less_to_draw(astronaut, tmp_path):
    Image.fromarray(astronaut[:400, 50:450]).save(tmp_path / "face.png")
    options = "--sides", "400", "--seconds", "2", "--repeats", "1", "--head"
    rows = [bench(str(tmp_path / "face.png"), VOICE, *options, head).stdout.splitlines()[-1] for head in ("0", "1")]
    still, moving = (float(row.split("|")[7]) for row in rows)
    assert 0 < still < moving


def test_a_missing_portrait_and_a_size_that_is_none(tmp_path):
    done = bench(str(tmp_path / "none.png"), VOICE, "--sides", "256", "--seconds", "1")
    assert done.returncode == 1 and done.stderr.startswith("talkinghead: ") and done.stderr.count("\n") == 1
    assert bench("a.png", VOICE, "--sides", "large").returncode == 2
