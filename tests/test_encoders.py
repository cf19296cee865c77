"""Which encoder writes a video: MPEG-4 part 2, which every ffmpeg has, stands in for a machine's circuits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from videos import ask, pictures, write

from talkinghead.errors import OutputError
from talkinghead.media import encoders
from talkinghead.surfaces.batch import Batch, Job

ABSENT = ["-c:v", "no_such_circuits"]
PRESENT = ["-c:v", "mpeg4", "-q:v", "2"]


@pytest.fixture
def circuits(monkeypatch):
    """Sets which circuits there are, by name."""
    return lambda **known: monkeypatch.setattr(encoders, "HARDWARE", known)


def codec(path: Path) -> str:
    return re.search(rb"Video: (\w+)", ask("-i", path).stderr)[1].decode()


def test_every_option_is_one_that_the_encoder_knows():
    known = 0
    for name, (_, encoder, *options) in encoders.HARDWARE.items():
        told = ask("-h", f"encoder={encoder}").stdout.decode()
        if "is not recognized" in told:
            continue
        known += 1
        common = ("-b:v", "-bf", "-q:v", "-global_quality")
        strange = [o for o in options[::2] if o not in common and not re.search(rf"^\s+{o} ", told, re.MULTILINE)]
        assert not strange, name
    if not known:
        pytest.skip("this ffmpeg was built without any of them")


def test_auto_takes_the_first_that_works_and_x264_where_none_does(tmp_path, circuits):
    circuits(first=ABSENT, second=PRESENT)
    assert codec(write(tmp_path / "a.mp4", pictures(5), encoder="auto")) == "mpeg4"
    circuits(first=ABSENT)
    assert codec(write(tmp_path / "b.mp4", pictures(5), encoder="auto")) == "h264"
    assert (tmp_path / "b.mp4").read_bytes() == write(tmp_path / "c.mp4", pictures(5)).read_bytes()


def test_a_picture_that_circuits_do_not_take_is_the_other_encoders(tmp_path, circuits):
    circuits(small=["-vf", "crop=1000:1000", "-c:v", "mpeg4"])  # fails on less than that
    assert codec(write(tmp_path / "a.mp4", pictures(5), encoder="auto")) == "h264"
    with pytest.raises(OutputError, match=r"^--encoder small does not work here for 64x48 \(.+\); leave it out$"):
        write(tmp_path / "b.mp4", pictures(5), encoder="small")
    assert not (tmp_path / "b.mp4").exists()


def test_other_formats_keep_theirs(tmp_path, circuits):
    circuits(second=PRESENT)
    assert codec(write(tmp_path / "a.webm", pictures(5), encoder="auto")) == "vp9"
    assert codec(write(tmp_path / "a.gif", pictures(5), encoder="auto")) == "gif"


def test_a_batch_makes_again_what_another_encoder_made(tmp_path, circuits, head, astronaut):
    from PIL import Image

    circuits(nvenc=PRESENT)
    Image.fromarray(astronaut).save(tmp_path / "p.png")
    (tmp_path / "au.csv").write_text("time,JawOpen\n0,0\n0.2,1\n")
    job = Job(str(tmp_path / "p.png"), None, str(tmp_path / "au.csv"), "a.mp4", {})
    kinds = []
    for encoder in ("x264", "nvenc", "nvenc"):
        work = Batch(tmp_path / "out", encoder=encoder)
        work.head = lambda: head
        work.open([job])
        kinds += [(result.status, codec(tmp_path / "out/a.mp4")) for result in work.run([job])]
    assert kinds == [("made", "h264"), ("made", "mpeg4"), ("kept", "mpeg4")]
