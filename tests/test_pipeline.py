from __future__ import annotations

import itertools
import tracemalloc
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import StubGenerator, StubSpeech

import talkinghead
from talkinghead.clip import AHEAD
from talkinghead.errors import ClipError, ModelError, PortraitError, SoundError, UnitsError
from talkinghead.face.aside import ASIDE
from talkinghead.media import audio
from talkinghead.media.video import VideoWriter
from talkinghead.pipeline import TalkingHead
from talkinghead.samples import DEMO, VOICE
from talkinghead.units.names import INDEX, UNIT_NAMES
from talkinghead.units.track import UnitTrack
from talkinghead.units.width import with_jaw

JAW, LIDS = INDEX["JawOpen"], [INDEX["EyeBlink_L"], INDEX["EyeBlink_R"]]


def wave(path, samples, rate=16000):
    soundfile.write(path, samples.astype(np.float32), rate, "FLOAT")
    return path


@pytest.fixture
def voice(tmp_path):
    """Two seconds whose loudness grows in steps of a tenth every fifth of a second."""
    return wave(tmp_path / "voice.wav", np.repeat(np.arange(10) / 10, 3200) * np.sign(np.sin(np.arange(32000))))


STILL = {"head": 0, "still": True}


def units_of(clip):
    return np.array([clip.units for _ in clip])


@pytest.mark.parametrize("fps, frames", [("25", 50), ("24", 48), ("29.97", 60), (30, 60), (50, 100), ("60", 120)])
def test_a_voice_gives_ceil_of_duration_times_fps_frames(head, astronaut, voice, fps, frames):
    clip = head.speak(astronaut, voice, fps=fps)
    assert (clip.width, clip.height, clip.frames) == (512, 512, frames)
    assert clip.fps == (Fraction(30000, 1001) if fps == "29.97" else Fraction(fps))
    pictures = list(clip)
    assert len(pictures) == frames
    assert all(p.shape == (512, 512, 3) and p.dtype == np.uint8 for p in pictures)


def test_units_are_the_resting_face_plus_what_the_voice_adds(head, astronaut, voice):
    puppet = head.prepare(astronaut)
    units = units_of(head.speak(puppet, voice, blink=False, gain=0.5, **STILL))
    said = np.zeros((50, len(puppet.rest)), np.float32)
    said[:, JAW] = np.repeat(np.arange(10) / 10, 5)
    expected = puppet.rest + 0.5 * with_jaw(said)
    np.testing.assert_allclose(units, expected.clip(0, 1), atol=1e-6)
    faster = units_of(head.speak(puppet, voice, blink=False, gain=0.5, fps=50, **STILL))
    np.testing.assert_allclose(faster[1:-1].reshape(-1, 2, 46).mean(1), (units[:-1] + units[1:]) / 2, atol=2e-3)
    assert units_of(head.speak(puppet, voice, blink=False, gain=9, **STILL)).max() == 1


def test_blinks_close_both_lids_and_follow_the_seed(head, astronaut, tmp_path):
    quiet = wave(tmp_path / "quiet.wav", 0.01 * np.ones(16000 * 12))
    puppet = head.prepare(astronaut)
    one, same, other, none = (
        units_of(head.speak(puppet, quiet, fps=10, **STILL, **options))
        for options in ({"seed": 1}, {"seed": 1}, {"seed": 2}, {"blink": False})
    )
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    assert one[:, LIDS].max() > 0.8 and (none[:, LIDS] == puppet.rest[LIDS]).all()
    assert (one[:, LIDS] >= none[:, LIDS]).all()
    # The gaze falls and the lower lid tightens with the lid, as MediaPipe sees it in people; nothing else moves.
    shut = one[:, LIDS[0]].argmax()
    assert one[shut, INDEX["EyeDown_L"]] > 0.8 and one[shut, INDEX["EyeUp_L"]] < 0.2 * none[shut, INDEX["EyeUp_L"]]
    lid_units = ("EyeBlink", "EyeDown", "EyeSquint", "EyeUp", "EyeOpen")
    around = [i for name, i in INDEX.items() if name.startswith(lid_units)]
    np.testing.assert_array_equal(np.delete(one, around, 1), np.delete(none, around, 1))


def test_silent_and_empty_sounds_work_with_a_warning(head, astronaut, tmp_path):
    silent, empty = (wave(tmp_path / f"{n}.wav", np.zeros(n)) for n in (8000, 0))
    with pytest.warns(UserWarning, match="sound is silent"):
        assert len(list(head.speak(astronaut, silent))) == 13
    with pytest.warns(UserWarning, match="sound is empty"):
        assert len(list(head.speak(astronaut, empty))) == 1


def test_frames_are_made_when_asked_for(head, astronaut, voice):
    frames = iter(head.speak(astronaut, voice))
    mouths = 4  # are drawn to know what they look like
    assert head.generator.decoded <= mouths
    next(frames)
    assert 1 <= head.generator.decoded <= mouths + 2 + AHEAD


def test_memory_does_not_grow_with_the_length(head, astronaut, monkeypatch, voice):
    """At one frame a second, so that twenty minutes are 1,200 frames."""
    puppet = head.prepare(astronaut[::2, ::2][:200, :200].repeat(2, 0).repeat(2, 1), crop=True)

    def peak(blocks):
        one = np.sin(np.arange(160000, dtype=np.float32))
        monkeypatch.setattr(audio, "decode", lambda *_: (one for _ in range(blocks)))
        tracemalloc.start()
        count = sum(1 for _ in head.speak(puppet, voice, fps=1))
        assert count == 10 * blocks
        _, top = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return top

    peak(1)
    assert peak(40) < 1.25 * peak(6)  # a frame more or less is on its way; 34 pieces of sound would be seven times that


def test_array_track_and_iterator_drive_alike(head, astronaut):
    units = np.random.default_rng(0).random((20, 46)).astype(np.float32)
    puppet = head.prepare(astronaut)
    asked = UnitTrack(np.arange(20) / 25, units, relative=True)
    for given in (units, asked, iter(units), list(units)):
        np.testing.assert_allclose(units_of(head.animate(puppet, given)), units, atol=1e-6)
    slower = head.animate(puppet, asked, fps="12.5")
    assert slower.frames == 10
    np.testing.assert_allclose(units_of(slower), units[::2], atol=1e-6)
    np.testing.assert_allclose(units_of(head.animate(puppet, units, gain=2)), (2 * units).clip(0, 1), atol=1e-6)


def test_a_drivers_eyes_are_asked_for_as_they_are_seen(head, astronaut):
    """This generator draws eyes that never move."""
    down = [INDEX["EyeDown_L"], INDEX["EyeDown_R"]]
    puppet = head.prepare(astronaut)
    units = np.tile(puppet.units, (20, 1))
    units[:, down] = 0.6
    more = units_of(head.animate(puppet, UnitTrack(np.arange(20) / 25, units))) - units
    assert more[:, down].min() > 0.15 and np.abs(np.delete(more, down, 1)).max() < 0.05


def test_units_play_as_long_as_the_sound(head, astronaut, voice):
    units = np.full((10, 46), 0.25, np.float32)
    with pytest.warns(UserWarning, match="units last 0.4 s and .*voice.wav 2.0 s; the video is as long as the sound"):
        clip = head.animate(astronaut, units, sound=voice)
    assert clip.frames == 50 and (units_of(clip) == 0.25).all()
    assert audio.seconds(voice) == 2


@pytest.mark.parametrize("bad", [np.full((3, 46), 1.5), np.full((3, 46), np.nan), [np.zeros(45)]])
def test_units_out_of_range_are_refused(head, astronaut, bad):
    with pytest.raises(UnitsError):
        list(head.animate(astronaut, bad))


def test_edit_moves_what_is_named_and_neutral_suppresses_the_rest(head, astronaut, astronaut_face):
    wanted = []
    head.generator.decode, decode = (
        lambda code, units: wanted.append(units[0].copy()) or decode(code, units),
        head.generator.decode,
    )
    image = head.edit(astronaut, {"JawOpen": 0.6, "Puff": 1.0})
    assert wanted[-1][JAW] == np.float32(0.6) and wanted[-1][INDEX["Puff"]] == 1
    others = np.delete(np.arange(len(UNIT_NAMES)), [JAW, INDEX["Puff"], INDEX["LipsLowerOpen"]])
    np.testing.assert_array_equal(wanted[-1][others], astronaut_face.units[others])
    assert wanted[-1][INDEX["LipsLowerOpen"]] >= astronaut_face.units[INDEX["LipsLowerOpen"]]  # the jaw takes it along
    changed = (image != astronaut).any(-1)
    low, high = astronaut_face.points.min(0), astronaut_face.points.max(0)
    ys, xs = np.nonzero(changed)
    assert changed.any() and (low - 30 < (xs.min(), ys.min())).all() and ((xs.max(), ys.max()) < high + 30).all()
    neutral = head.neutral(astronaut)
    mouth = np.s_[110:210, 170:280]
    neutral[mouth] = astronaut[mouth]  # the stub moves nothing; her laugh closes, its folds go, her chin rises
    assert np.array_equal(neutral, astronaut)
    assert not np.delete(wanted[-1], ASIDE).any()  # eyes are asked for more than they are to do
    head.edit(astronaut, {"Puff": 0.5}, neutral=True)
    assert np.delete(wanted[-1], ASIDE).sum() == 0.5


def test_edit_refuses_what_it_does_not_know(head, astronaut):
    with pytest.raises(UnitsError, match="did you mean MouthSmile_L"):
        head.edit(astronaut, {"MouthSmile_l": 1})
    with pytest.raises(UnitsError, match="JawOpen=1.5 is outside"):
        head.edit(astronaut, {"JawOpen": 1.5})


def test_crop_is_the_even_face_square(head, astronaut, voice):
    clip = head.speak(astronaut, voice, crop=True)
    frame = next(iter(clip))
    assert frame.shape == (256, 256, 3) == (clip.height, clip.width, 3)


def test_several_faces_warn(head, astronaut):
    large = astronaut[:256, 96:352]
    with pytest.warns(UserWarning, match="2 faces, the largest is used"):
        head.prepare(np.hstack([large, large]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        head.prepare(np.hstack([large, large]), face=2)


def test_inputs_are_checked_before_models_load(tracker, astronaut, voice, tmp_path):
    head = TalkingHead(tmp_path / "none.safetensors", tmp_path / "none.safetensors")
    head.tracker = tracker
    with pytest.raises(SoundError):
        head.speak(astronaut, tmp_path / "none.wav")
    with pytest.raises(PortraitError):
        head.speak(tmp_path / "none.jpg", voice)
    with pytest.raises(PortraitError):
        head.edit(np.zeros((100, 100, 3), np.uint8))
    with pytest.raises(ValueError, match="frame rate"):
        head.speak(astronaut, voice, fps="fast")
    with pytest.raises(ModelError, match="weights of gath do not load from .*none.safetensors"):
        head.speak(astronaut, voice)
    (tmp_path / "none.safetensors").write_text("no weights")
    with pytest.raises(ModelError, match="weights of audio2au do not load"):
        head.speech


def test_models_that_do_not_fit_are_told_apart(tracker, astronaut, voice):
    odd, turned = StubSpeech(), StubGenerator()
    odd.unit_names = (*UNIT_NAMES[:-1], "Wink")
    turned.unit_names = UNIT_NAMES[::-1]
    with pytest.raises(ModelError, match="audio2au .*Puff, Wink"):
        TalkingHead(StubGenerator(), odd).speech
    with pytest.raises(ModelError, match="gath .*order"):
        TalkingHead(turned).generator
    with pytest.raises(ModelError, match="no device 'warp'"):
        TalkingHead(device="warp").generator


def test_tracking_a_clip_bridges_lost_frames(head, astronaut, astronaut_face, tmp_path):
    large = astronaut[:256, 96:352]
    with VideoWriter(tmp_path / "clip.mp4", 256, 256, Fraction(30)) as video:
        for i in range(9):
            video.write(large if i not in (0, 4) else np.zeros_like(large))
    seen = []
    with pytest.warns(UserWarning, match="no face in 2 of 9 frames"):
        track, fps = head.track(tmp_path / "clip.mp4", lambda frames, total: seen.append(total) or frames)
    assert fps == 30 and seen == [9]
    np.testing.assert_allclose(track.times, np.arange(9) / 30)
    assert track.units.shape == (9, 46)
    np.testing.assert_allclose(track.units[4], (track.units[3] + track.units[5]) / 2, atol=1e-6)
    np.testing.assert_array_equal(track.units[0], track.units[1])
    assert np.abs(track.units - astronaut_face.units).mean() < 0.05


def test_the_models_that_ship_make_the_demo_speak(astronaut, tracker):
    """The first seconds of `talkinghead demo`, measured by the tracker: the mouth follows the units."""
    head = TalkingHead()
    head.tracker = tracker
    clip = head.speak(astronaut, Path(talkinghead.__file__).parent / "assets" / "demo_voice.flac", blink=False, **STILL)
    opening, asked, shown = [JAW, INDEX["LipsLowerOpen"], INDEX["LipsPucker"]], [], []
    for frame in itertools.islice(clip, 10, 120, 2):
        asked.append(clip.units[opening])
        shown.append(tracker(frame)[0].units[opening])
        assert np.array_equal(frame[:, :72], astronaut[:, :72]) and np.array_equal(frame[300:], astronaut[300:])
    assert np.max(asked, 0)[0] > 0.15
    jaw, lip, purse = (np.corrcoef(*pair)[0, 1] for pair in zip(np.transpose(asked), np.transpose(shown)))
    assert lip > 0.85 and purse > 0.7
    assert jaw > 0.65  # she laughs, and lips that purse hide some of it


def test_the_demos_face_is_large_enough_to_see_its_mouth(tracker):
    """At least 300 pixels wide in what `talkinghead demo` writes."""
    frames = itertools.islice(TalkingHead().speak(DEMO, VOICE, fps=2), 5)
    assert min(tracker(frame)[0].width for frame in frames) >= 300


def test_clip_without_a_face(head, tmp_path):
    with VideoWriter(tmp_path / "clip.mp4", 64, 64, Fraction(25)) as video:
        video.write(np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(ClipError, match="no face found in 1 frames"):
        head.track(tmp_path / "clip.mp4")


def test_the_mouth_is_drawn_unless_the_generator_paints_everything(head, astronaut, monkeypatch):
    """The stub paints the middle of the face red."""
    drawn = head.edit(astronaut, {"JawOpen": 1.0})
    monkeypatch.setattr(head.generator, "warps", False, raising=False)
    painted = head.edit(astronaut, {"JawOpen": 1.0})
    red = (painted == (255, 0, 0)).all(-1)
    assert red.any() and (drawn[red] != painted[red]).any()
    assert head.prepare(astronaut).renderer.mouth is None
