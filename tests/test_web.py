"""The web page's rooms without a browser: what visitors get, what they may send, and what is left behind."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import left
from PIL import Image

from talkinghead.errors import ClipError, OptionError, PortraitError, SoundError, TalkingHeadError
from talkinghead.media.ffmpeg import executable
from talkinghead.media.video import VideoReader
from talkinghead.options import PortraitOptions
from talkinghead.samples import PORTRAITS, VOICE
from talkinghead.surfaces import web_room
from talkinghead.surfaces.web_expressions import GROUPS, PRESETS, expressions, group, liveliest, telling
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


def test_units_speak_instead_of_the_voice(room, uploads, head):
    made = room.speak(uploads / "portrait.png", None, uploads / "au.csv", fps="5")
    clip = head.animate(uploads / "portrait.png", read_csv(uploads / "au.csv"), fps="5")
    again = read_csv(made.units)
    assert again.relative and len(again.units) == 5
    np.testing.assert_allclose(again.units, [clip.units.copy() for _ in clip], atol=1e-5)


def test_preview_is_the_edited_picture_and_says_it_is_synthetic(room, uploads, head):
    sitting = room.sit(uploads / "portrait.png")
    wanted = sitting.own | {"JawOpen": 0.75}
    jpeg = Image.open(io.BytesIO(room.preview(sitting, wanted)))
    expected = head.edit(uploads / "portrait.png", {"JawOpen": 0.75})
    assert np.abs(np.asarray(jpeg, int) - expected).mean() < 2  # JPEG
    assert np.abs(np.asarray(jpeg, int) - head.edit(uploads / "portrait.png")).mean() > 3
    assert "Synthetic media" in jpeg.getexif()[0x010E]
    assert left(room, uploads) == []


def test_a_clip_drives_a_portrait_as_on_the_command_line(room, uploads, head):
    made = room.drive(uploads / "portrait.png", uploads / "clip.mp4", fps="5", head=1.5)
    clip = head.drive(uploads / "portrait.png", uploads / "clip.mp4", fps="5", head=1.5)
    driven = [(clip.units, clip.pose) for _ in clip]
    track = read_csv(made.units)
    assert track.relative
    np.testing.assert_allclose(track.units, [units for units, _ in driven], atol=1e-5)
    np.testing.assert_allclose(track.pose, [pose for _, pose in driven], atol=1e-5)
    with pytest.raises(PortraitError, match="no portrait"):
        room.drive(None, uploads / "clip.mp4")


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


def test_the_face_is_outlined_before_anything_runs(room, uploads, astronaut_face, head, monkeypatch):
    monkeypatch.setattr(head.generator, "encode", None)  # nothing is made ready
    seen = room.look_at(uploads / "portrait.png")
    assert (seen.width, seen.height, seen.taken) == (512, 512, 1) and seen.remark == "This face speaks"
    (line,) = seen.faces
    points = astronaut_face.points
    np.testing.assert_allclose([line.min(0), line.max(0)], [points.min(0), points.max(0)], atol=2)
    inside = [cv2.pointPolygonTest(line.astype(np.float32), tuple(map(float, p)), False) >= 0 for p in points]
    assert np.mean(inside) > 0.9
    assert np.abs(np.asarray(Image.open(io.BytesIO(seen.jpeg)), int) - Image.open(uploads / "portrait.png")).mean() < 3


def test_the_outline_fits_the_reduced_picture_and_tells_faces_apart(room, uploads, astronaut):
    two = np.hstack([astronaut[:256, 96:352], astronaut[:256, 96:352]])
    Image.fromarray(two).resize((3072, 1536)).save(uploads / "two.png")
    seen = room.look_at(uploads / "two.png", 2)
    assert (seen.width, seen.height, seen.taken) == (PREVIEW_SIDE, PREVIEW_SIDE // 2, 2)
    left, right = sorted(line[:, 0].mean() for line in seen.faces)
    assert right - left == pytest.approx(PREVIEW_SIDE / 2, abs=10)
    assert seen.remark == "2 faces found; face 2 speaks"
    third = room.look_at(uploads / "two.png", 3)
    assert third.taken is None and third.remark.startswith("two.png: there is no face 3")


def test_samples_are_the_portraits_of_the_package_and_can_be_had(room):
    assert len(PORTRAITS) == 3
    for path in (*PORTRAITS.values(), VOICE):
        copy = room.sample(path)
        assert copy.is_relative_to(room.folder) and copy.read_bytes() == path.read_bytes()
        assert room.sample(path) == copy
    assert all(room.look_at(path).taken == 1 for path in PORTRAITS.values())


def test_telling_units_are_of_mouth_brow_and_lid():
    units = np.zeros((10, 46), np.float32)
    names = ["EyeIn_L", "JawOpen", "MouthSmile_R", "LipsPucker", "LipsFunnel", "MouthSmile_L", "BrowsU_L", "Puff"]
    for i, name in enumerate(names):
        units[::2, INDEX[name]] = 1 - 0.1 * i
    wanted = ["JawOpen", "LipsPucker", "LipsFunnel", "MouthSmile_L", "BrowsU_L", "EyeBlink_L"]
    assert telling(UnitTrack(np.arange(10.0), units)) == wanted


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
