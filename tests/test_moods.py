"""Moods keep what speech does with the lips; gains by region; both arrive in the video and in --save-au."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import commands_of
from PIL import Image
from typer.testing import CliRunner

from talkinghead.face.puppet import Puppet
from talkinghead.surfaces import cli
from talkinghead.surfaces.cli_options import Models
from talkinghead.units.convert import read_csv
from talkinghead.units.moods import (
    CLOSED_SMILE,
    CLOSING,
    KEPT,
    MOODS,
    OPENING,
    PARTED,
    REGIONS,
    SHUT,
    Mood,
    gain_vector,
    offsets,
    openness,
    parse_mood,
)
from talkinghead.units.names import INDEX, LIP_OPENING_SCALE, UNIT_NAMES
from talkinghead.units.speech import SpeechStream

OPENS, CLOSES = [INDEX[n] for n in OPENING], [INDEX[n] for n in CLOSING]
LIPS = [INDEX["LipsUpperOpen"], INDEX["LipsLowerOpen"]]
SMILE = [INDEX["MouthSmile_L"], INDEX["MouthSmile_R"]]
ALL = [{m: s} for m in MOODS for s in (0.5, 1.0, 2.0)] + [{"happy": 2.0, "surprised": 2.0}, {"sad": 0.3, "angry": 1.7}]


def faces(count=300, gap=None):
    """Random units; with `gap`, the lips that far apart."""
    rng = np.random.default_rng(0)
    units = rng.random((count, 46)).astype(np.float32)
    if gap is not None:
        units[:, LIPS] *= (gap / (units[:, LIPS] @ LIP_OPENING_SCALE))[:, None]
        assert units.max() <= 1
    return units


def test_the_file_has_ravdess_eight_and_all_units():
    table = offsets()
    assert tuple(table) == MOODS and all(o.shape == (46,) and np.abs(o).max() <= 1 for o in table.values())
    assert not table["neutral"].any()
    # What makes these faces what they are, as anybody would say.
    up = {"happy": "MouthSmile_L", "sad": "MouthFrown_L", "angry": "BrowsD_L", "fearful": "BrowsU_C",
          "disgust": "LipsUpperUp", "surprised": "BrowsU_L", "calm": "MouthSmile_L"}  # fmt: skip
    assert all(table[mood][INDEX[unit]] > 0.02 for mood, unit in up.items())
    assert table["surprised"][INDEX["EyeOpen_L"]] > 0 > table["angry"][INDEX["BrowsU_C"]]
    for offset in table.values():  # no gaze, nothing one-sided
        assert all(offset[k] == offset[k + 1] for k, name in enumerate(UNIT_NAMES) if name.endswith("_L"))
        assert not any(offset[k] for k, name in enumerate(UNIT_NAMES) if name.startswith(("EyeIn", "EyeUp", "JawL")))


@pytest.mark.parametrize("mood", ALL, ids=str)
def test_closed_lips_stay_closed(mood):
    feel = Mood(mood)
    for spoken in faces(gap=0.99 * SHUT):
        out = feel(spoken)
        assert (out[OPENS] <= spoken[OPENS]).all() and (out[CLOSES] >= spoken[CLOSES]).all()
        assert (out[SMILE] <= np.maximum(spoken[SMILE], CLOSED_SMILE) + 1e-6).all()
        assert openness(out) == 0


@pytest.mark.parametrize("mood", ALL, ids=str)
def test_open_lips_stay_open_and_the_rest_of_the_face_feels(mood):
    feel, rest = Mood(mood), [k for k in range(46) if k not in (*OPENS, *CLOSES, *SMILE)]
    for spoken in faces():
        out = feel(spoken)
        assert 0 <= out.min() and out.max() <= 1 and out.dtype == np.float32
        assert (out[OPENS] >= KEPT * spoken[OPENS] - 1e-6).all()
        np.testing.assert_allclose(out[rest], (spoken + feel.offset)[rest].clip(0, 1), atol=1e-6)


@pytest.mark.parametrize("mood", ALL, ids=str)
def test_a_mood_has_no_jumps(mood):
    """While the lips part evenly, no unit moves faster than 60 times as fast as the gap does."""
    feel, (start, end) = Mood(mood), faces(2)
    start, end = start.copy(), end.copy()
    start[LIPS], end[LIPS] = 0, 0.6
    steps = 2000
    path = np.stack([feel(start + (end - start) * np.float32(t)) for t in np.linspace(0, 1, steps)])
    gap = 0.6 * sum(LIP_OPENING_SCALE) / steps
    assert np.abs(np.diff(path, axis=0)).max() < 60 * gap + 1.0 / steps


def test_lips_count_as_open_from_the_face_at_rest():
    rest = np.zeros(46, np.float32)
    rest[LIPS] = 0.3, 0.4  # a portrait whose closed lips measure so
    assert openness(rest) == 1 and openness(rest, rest) == 0
    np.testing.assert_allclose(Mood("happy")(rest, rest)[OPENS], rest[OPENS])
    spoken = rest.copy()
    spoken[LIPS[1]] += PARTED / LIP_OPENING_SCALE[1]
    assert openness(spoken, rest) == pytest.approx(1)
    assert Mood("happy")(spoken, rest)[INDEX["LipsUpperUp"]] > 0.3


def test_without_a_mood_nothing_changes():
    for spoken in faces(20):
        for mood in None, "neutral", "happy:0", {}:
            assert np.array_equal(Mood(mood)(spoken), spoken)


def test_moods_are_read_and_add_up():
    assert parse_mood("happy") == {"happy": 1} and parse_mood(" sad : 0.5,angry:2") == {"sad": 0.5, "angry": 2}
    assert parse_mood(None) == {}
    mixed = Mood("happy:0.5,sad:0.25").offset
    np.testing.assert_allclose(mixed, 0.5 * offsets()["happy"] + 0.25 * offsets()["sad"], atol=1e-6)


@pytest.mark.parametrize(
    "text, message",
    [("hapy", "there is no mood 'hapy'; the moods are neutral, calm,"), ("happy:x", "happy: 'x' is not a number"),
     ("happy:3", "happy: a strength of 3 is outside 0 to 2"), ("happy:-1", "outside"), ("happy:nan", "outside"),
     ("", "there is no mood ''"), ("happy:", "happy: '' is not a number")],
)  # fmt: skip
def test_what_is_no_mood_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Mood(text)


def test_regions_share_out_the_units():
    owners = [[r for r, begins in REGIONS.items() if name.startswith(begins)] for name in UNIT_NAMES]
    assert all(len(one) == 1 for one in owners)


def test_gains():
    assert (gain_vector(1.5) == 1.5).all() and (gain_vector("1.5") == 1.5).all()
    for form in "mouth=1.25,brows=0.5", {"mouth": 1.25, "brows": 0.5}:
        gains = dict(zip(UNIT_NAMES, gain_vector(form)))
        assert gains["MouthSmile_L"] == gains["LipsPucker"] == 1.25 and gains["BrowsU_C"] == 0.5
        assert gains["JawOpen"] == gains["EyeBlink_L"] == gains["Puff"] == 1
    gains = dict(zip(UNIT_NAMES, gain_vector("0.5, jaw=2")))
    assert gains["JawOpen"] == 2 and gains["MouthSmile_L"] == gains["Sneer"] == 0.5


@pytest.mark.parametrize(
    "text, message",
    [("loud", "gain: 'loud' is not a number"), ("lips=1", "there is no region 'lips'; the regions are eyes, brows"),
     ("mouth=x", "mouth: 'x' is not a number"), ("mouth=11", "mouth: a gain of 11 is outside 0 to 10"),
     ("-1", "gain: a gain of -1"), ("nan", "outside"), ("", "gain: '' is not a number")],
)  # fmt: skip
def test_what_is_no_gain_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        gain_vector(text)


def test_a_stream_needs_no_look_ahead_and_silence_stays_closed(head):
    sound = (np.sin(np.arange(16000)) * (np.arange(16000) > 8000)).astype(np.float32)
    runs = []
    for block in 16000, 640, 333:
        stream = SpeechStream(head.speech, np.zeros(46, np.float32), Fraction(25), seed=None, mood=Mood("happy"))
        motions = [m for i in range(0, 16000, block) for m in stream.push(sound[i : i + block])] + stream.finish()
        runs.append(np.stack([motion.units for motion in motions]))
    for run in runs[1:]:
        np.testing.assert_array_equal(runs[0], run)
    units = runs[0]
    assert (units[:12, OPENS] == 0).all() and (units[:12, SMILE] > 0.4).all()


# The command


@pytest.fixture
def folder(tmp_path, head, astronaut, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Models, "head", lambda self: head)
    Image.fromarray(astronaut).save("portrait.jpg")
    soundfile.write("speech.wav", 0.3 * np.sin(np.arange(8000)), 16000)
    (tmp_path / "au.csv").write_text("time,JawOpen,BrowsU_C\n" + "".join(f"{i / 25},0.5,0.25\n" for i in range(5)))
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(a) for a in arguments])


def test_what_drove_the_video_is_saved(folder, head, monkeypatch):
    drawn, borne = [], Puppet.borne
    monkeypatch.setattr(Puppet, "borne", lambda puppet, motion: drawn.append(motion.units) or borne(puppet, motion))
    options = "--gain", "1.5,brows=0.5", "--mood", "surprised:0.5", "--save-au", "saved.csv"
    assert run("speak", "portrait.jpg", "--au", "au.csv", "-o", "out.mp4", *options).exit_code == 0
    saved = read_csv("saved.csv").units
    np.testing.assert_allclose(saved, drawn, atol=1e-5)
    surprise = offsets()["surprised"]
    assert saved[2, INDEX["JawOpen"]] == pytest.approx(0.75, abs=1e-5)  # the lips do not part, so nor does surprise
    assert saved[2, INDEX["BrowsU_C"]] == pytest.approx(0.125 + 0.5 * surprise[INDEX["BrowsU_C"]], abs=1e-5)
    assert saved[2, INDEX["EyeOpen_L"]] == pytest.approx(0.5 * surprise[INDEX["EyeOpen_L"]], abs=1e-5)


@pytest.mark.parametrize("option", [("--mood", "hapy"), ("--gain", "lips=2"), ("--mood", "happy:9"), ("--gain", "x")])
def test_usage_errors(folder, option):
    done = run("speak", "portrait.jpg", "speech.wav", "-o", "out.mp4", *option)
    assert done.exit_code == 2 and not Path("out.mp4").exists()


def test_the_commands_of_the_page(folder):
    for arguments in commands_of("moods.md")[0]:
        done = run(*arguments)
        assert done.exit_code == 0, (arguments, done.output, done.exception)
        assert Path(arguments[arguments.index("-o") + 1]).stat().st_size
