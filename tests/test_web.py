"""The web page's rooms without a browser: what visitors get, what they may send, and what is left behind."""

from __future__ import annotations

import asyncio
import base64
import io
import re
import shlex
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import left
from PIL import Image

from talkinghead.errors import ClipError, OptionError, OutputError, PortraitError, SoundError, TalkingHeadError
from talkinghead.media.ffmpeg import executable
from talkinghead.media.video import VideoReader
from talkinghead.options import PortraitOptions
from talkinghead.surfaces import cli, web_room
from talkinghead.surfaces.web_expressions import GROUPS, PRESETS, expressions, group, liveliest
from talkinghead.surfaces.web_room import PREVIEW_SIDE, Limits
from talkinghead.units.convert import read_csv
from talkinghead.units.names import INDEX, UNIT_NAMES
from talkinghead.units.track import UnitTrack

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-c", "from talkinghead.surfaces.cli import main; main()", "web"]


# What visitors get.


def test_groups_hold_every_unit_once_and_presets_are_units():
    assert sorted(sum(map(group, GROUPS), [])) == sorted(UNIT_NAMES)
    for units in PRESETS.values():
        assert set(units) <= set(UNIT_NAMES) and all(0 < value <= 1 for value in units.values())


def test_expressions_leave_other_units_alone():
    own = dict.fromkeys(UNIT_NAMES, 0.25)
    for name, units in expressions(own).items():
        assert set(units) == set(UNIT_NAMES) and all(0 <= value <= 1 for value in units.values())
        if name in PRESETS:
            assert units == own | PRESETS[name]
    assert expressions(own)["Happy"]["MouthSmile_L"] > 0.25


def test_speak_is_the_command(room, uploads, head):
    made = room.speak(uploads / "portrait.png", uploads / "voice.wav", seed=3, gain="jaw=0.5")
    clip = head.speak(uploads / "portrait.png", uploads / "voice.wav", seed=3, gain="jaw=0.5")
    expected = np.stack([clip.units for _ in clip])
    np.testing.assert_allclose(read_csv(made.units).units, expected, atol=1e-5)
    assert sum(1 for _ in VideoReader(made.path)) == 25
    assert left(room, uploads) == sorted(
        [made.path.parent.name, *(str(p.relative_to(room.folder)) for p in (made.path, made.units))]
    )
    said = subprocess.run([executable(), "-i", made.path], capture_output=True, text=True).stderr
    assert "Synthetic media" in said and "Audio: aac" in said


def test_units_speak_instead_of_the_voice(room, uploads):
    made = room.speak(uploads / "portrait.png", None, uploads / "au.csv", fps="5")
    np.testing.assert_allclose(read_csv(made.units).units, np.full((5, 46), 0.125), atol=1e-5)


def test_preview_is_the_edited_picture_and_says_it_is_synthetic(room, uploads, head):
    sitting = room.sit(uploads / "portrait.png")
    wanted = sitting.own | {"JawOpen": 0.75}
    jpeg = Image.open(io.BytesIO(room.preview(sitting, wanted)))
    expected = head.edit(uploads / "portrait.png", {"JawOpen": 0.75})
    assert np.abs(np.asarray(jpeg, int) - expected).mean() < 2  # JPEG
    assert np.abs(np.asarray(jpeg, int) - head.edit(uploads / "portrait.png")).mean() > 3
    assert "Synthetic media" in jpeg.getexif()[0x010E]
    assert left(room, uploads) == []


def test_picture_is_exact_and_of_full_size(room, uploads, head, astronaut):
    large = uploads / "large.png"
    Image.fromarray(astronaut).resize((1500, 1500)).save(large)
    sitting = room.sit(large)
    assert Image.open(io.BytesIO(room.preview(sitting, sitting.own))).size == (PREVIEW_SIDE, PREVIEW_SIDE)
    path = room.picture(sitting, {"JawOpen": 0.75})
    np.testing.assert_array_equal(Image.open(path), head.edit(large, {"JawOpen": 0.75}))


def test_portraits_are_encoded_once_and_few_are_kept(room, uploads, head, monkeypatch):
    encode, seen = head.generator.encode, []
    monkeypatch.setattr(head.generator, "encode", lambda *a: seen.append(1) or encode(*a))
    sitting = room.sit(uploads / "portrait.png")
    for value in np.linspace(0, 1, 8):
        room.preview(sitting, sitting.own | {"JawOpen": value})
    (uploads / "same.png").write_bytes((uploads / "portrait.png").read_bytes())
    room.sit(uploads / "same.png")
    assert len(seen) == 1
    monkeypatch.setattr(web_room, "KEPT_PORTRAITS", 2)
    for crop, enhance in ((True, False), (False, True), (True, True)):
        room.sit(uploads / "portrait.png", PortraitOptions(crop=crop, enhance=enhance))
    assert len(seen) == 4 and len(room._puppets) == 2
    room.preview(sitting, sitting.own)  # made ready again
    assert len(seen) == 5


def test_sliders_are_answered_while_a_job_runs(room, uploads):
    sitting, answered = room.sit(uploads / "portrait.png"), []

    def tell(*_):
        thread = threading.Thread(target=lambda: answered.append(room.preview(sitting, sitting.own)))
        thread.start()
        thread.join(20)

    web_room_tell, web_room.TELL_SECONDS = web_room.TELL_SECONDS, 0
    try:
        room.speak(uploads / "portrait.png", uploads / "voice.wav", tell=tell)
    finally:
        web_room.TELL_SECONDS = web_room_tell
    assert len(answered) == 25 and len(set(answered)) == 1


def test_progress_counts_down(room, uploads, monkeypatch):
    monkeypatch.setattr(web_room, "TELL_SECONDS", 0)
    told = []
    room.speak(uploads / "portrait.png", uploads / "voice.wav", tell=lambda *report: told.append(report))
    assert [done for done, _, _ in told] == list(range(1, 26))
    assert all(total == 25 for _, total, _ in told)
    assert told[-1][2] == 0 and told[0][2] > told[-2][2]


@pytest.mark.parametrize("job", ["speak", "track"])
def test_a_stopped_job_leaves_nothing(room, uploads, monkeypatch, job):
    monkeypatch.setattr(web_room, "TELL_SECONDS", 0)

    def stop(done, *_):
        if done == 3:
            raise web_room.Stopped("stopped; nothing was kept")

    with pytest.raises(web_room.Stopped):
        if job == "speak":
            room.speak(uploads / "portrait.png", uploads / "voice.wav", tell=stop)
        else:
            room.track(uploads / "clip.mp4", tell=stop)
    assert left(room, uploads) == []


def test_track_is_the_command(room, uploads, head):
    track, fps, table = room.track(uploads / "clip.mp4")
    expected, _ = head.track(uploads / "clip.mp4")
    np.testing.assert_array_equal(track.units, expected.units)
    np.testing.assert_allclose(read_csv(table).units, expected.units, atol=1e-5)
    assert fps == 25


def test_liveliest_units_come_first():
    units = np.zeros((10, 46), np.float32)
    units[::2, INDEX["JawOpen"]], units[::2, INDEX["Puff"]] = 1, 0.5
    assert liveliest(UnitTrack(np.arange(10.0), units), 2) == ["JawOpen", "Puff"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"gain": "nose:2"}, "is not a number"),
        ({"gain": "nose=99"}, "outside 0 to 10"),
        ({"mood": {"cross": 1}}, "there is no mood 'cross'"),
        ({"mood": "happy:3"}, "outside 0 to 2"),
        ({"fps": "1000"}, "outside 1 to 240"),
    ],
)
def test_options_are_checked(room, uploads, options, said):
    with pytest.raises(OptionError, match=re.escape(said)):
        room.speak(uploads / "portrait.png", uploads / "voice.wav", **options)


def test_what_is_missing_is_said(room, uploads):
    for call, error in (
        (lambda: room.sit(None), "no portrait"),
        (lambda: room.speak(None, uploads / "voice.wav"), "no portrait"),
        (lambda: room.speak(uploads / "portrait.png"), "no voice"),
        (lambda: room.track(None), "no clip"),
        (lambda: room.sit(uploads / "gone.png"), "gone.png: no such file"),
    ):
        with pytest.raises(TalkingHeadError, match=error):
            call()


def test_a_header_that_hides_the_length_is_found_out(room, uploads, monkeypatch):
    room.limits = Limits(seconds=0.5)
    monkeypatch.setattr(room, "_check_voice", lambda voice: None)
    with pytest.raises(SoundError, match="longer than 0.5 seconds"):
        room.speak(uploads / "portrait.png", uploads / "voice.wav")
    with pytest.raises(ClipError, match="longer than 0.1 seconds"):
        room.limits = Limits(seconds=0.1)
        room.track(uploads / "clip.mp4")
    assert left(room, uploads) == []


# The page and the server, where Gradio is installed.


@pytest.fixture
def page():
    pytest.importorskip("gradio", reason="needs pip install '.[web]'")
    from talkinghead.surfaces import web_page

    return web_page


def test_the_page_holds_every_unit_and_offers_no_api(page, room):
    blocks = page.build(room)
    labels = [block.label for block in blocks.blocks.values() if isinstance(block, page.gr.Slider)]
    assert set(UNIT_NAMES) <= set(labels)
    assert blocks.analytics_enabled is False
    assert {fn.api_visibility for fn in blocks.fns.values() if fn.targets[0][1] != "unload"} == {"private"}
    heavy = [fn for fn in blocks.fns.values() if fn.concurrency_id == "heavy"]
    assert len(heavy) == 3 and {fn.concurrency_limit for fn in heavy} == {1}


def test_uploads_reach_us_untouched_and_nothing_is_fetched(page, tmp_path):
    upload = page._upload(page.gr.Image(type="filepath"))
    path = tmp_path / "text.jpg"
    path.write_text("not a picture")
    payload = upload.data_model(path=str(path))
    assert upload.preprocess(payload) == str(path) and upload.preprocess(None) is None
    with pytest.raises(page.gr.Error, match="not fetched"):
        asyncio.run(upload.async_move_resource_to_block_cache("http://127.0.0.1/x.jpg"))


def test_errors_are_the_command_lines_and_harmless_as_html(page, room, uploads):
    with pytest.raises(page.gr.Error) as caught, page._plainly(room):
        raise PortraitError(f"{uploads}/a.png: broken picture (<script>)")
    assert caught.value.message == "a.png: broken picture (&lt;script&gt;)"


def test_lines_are_thinned(page):
    track = UnitTrack(np.arange(5000) / 25, np.random.default_rng(0).random((5000, 46), np.float32))
    frame = page.lines(track, ["JawOpen", "Puff"])
    assert len(frame) == 2 * page.PLOT_POINTS
    row = frame[frame.unit == "Puff"].iloc[100]
    assert row.value == pytest.approx(track.units[round(row.seconds * 25), INDEX["Puff"]])
    assert len(page.lines(None, ["JawOpen"])) == 0


def test_the_preview_is_inside_the_page(page):
    found = re.search(r'src="data:image/jpeg;base64,([^"]+)"', page._picture(b"\xff\xd8"))
    assert base64.b64decode(found[1]) == b"\xff\xd8"


def test_a_taken_port_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run(
            [*COMMAND, "--port", str(taken.getsockname()[1])], capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 1 and re.fullmatch(r"talkinghead: port \d+ cannot be had on 127.*\n", done.stderr)


def test_the_commands_of_the_docs_are_understood(monkeypatch):
    blocks = re.findall(r"^```bash\n(.*?)^```", (ROOT / "docs" / "web.md").read_text(encoding="utf-8"), re.M | re.S)
    served = []
    monkeypatch.setattr("talkinghead.surfaces.web.serve", lambda head, *arguments: served.append(arguments))
    for line in "".join(blocks).splitlines():
        monkeypatch.setattr(sys, "argv", shlex.split(line, comments=True))
        cli.app(standalone_mode=False)
    assert served == [
        ("127.0.0.1", 7860, 200, Limits(), False),
        ("127.0.0.1", 7860, 200, Limits(), True),
        ("127.0.0.1", 8080, 50, Limits(seconds=120), False),
        ("0.0.0.0", 8080, 200, Limits(), False),
    ]


def test_without_gradio_it_says_how_to_get_it(monkeypatch):
    from talkinghead.errors import ModelError
    from talkinghead.surfaces.web import serve

    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ModelError, match=r"pip install 'talkinghead\[web\]'"):
        serve(None, "127.0.0.1", 0, 10, Limits(), False)
    with pytest.raises(OutputError, match="port 99999 cannot be had"):
        serve(None, "127.0.0.1", 99999, 10, Limits(), False)
