"""Gain auto: the mouth opens as people's do, whatever the voice."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import audio2au
from talkinghead.media import audio
from talkinghead.options import FrameOptions
from talkinghead.samples import VOICE
from talkinghead.units import driving
from talkinghead.units import width as width_module
from talkinghead.units.moods import gain_vector, is_auto
from talkinghead.units.names import INDEX, UNIT_NAMES
from talkinghead.units.speech import SpeechStream
from talkinghead.units.width import LEAST, LIVELY, MOST, Begun, Width, with_jaw, with_tuck


def spoken(frames: int, high: float) -> np.ndarray:
    """Half of the frames are a pause; the jaw's 95th percentile in the others is `high`."""
    units = np.zeros((frames, len(UNIT_NAMES)), np.float32)
    units[::2, INDEX["JawOpen"]] = np.linspace(0, high / 0.95, len(units[::2]))
    units[::2, INDEX["LipsLowerOpen"]] = 0.2
    return units


@pytest.mark.parametrize("high", [0.2, 0.3, 0.4])
def test_any_voice_opens_as_widely_as_people_do(high):
    width = Width()
    units = spoken(20000, high)
    width.hear(units)
    jaw = (units * width.factors)[::2, INDEX["JawOpen"]]
    assert np.percentile(jaw, 95) == pytest.approx(LIVELY, rel=0.03)
    assert (width.factors[[INDEX["BrowsU_C"], INDEX["LipsUpperClose"]]] == 1).all()


def test_little_is_heard_with_caution_and_nothing_changes_nothing():
    assert Width().gain == 1
    gains = []
    for frames in (10, 100, 10000):
        width = Width()
        width.hear(spoken(frames, 0.15))
        gains.append(width.gain)
    assert 1 < gains[0] < gains[1] < gains[2] <= MOST
    width.hear(spoken(10**6, 0.9))
    assert width.gain == LEAST


def test_lips_part_as_far_as_the_jaw_falls_and_stay_shut_where_they_touch():
    jaw, lower, upper = (INDEX[name] for name in ("JawOpen", "LipsLowerOpen", "LipsUpperOpen"))
    units = np.zeros((4, len(UNIT_NAMES)), np.float32)
    units[:, jaw], units[:, [lower, upper]] = (0.4, 0.2, 0.1, 0.4), np.array([[0.2, 0.2, 0.2, 0.0]]).T
    followed = with_jaw(units)
    assert followed[0, lower] > followed[1, lower] > followed[2, lower] > 0.1
    assert (followed[3, [lower, upper]] == 0).all()
    np.testing.assert_allclose(followed[:, lower], followed[:, upper])
    others = np.delete(np.arange(len(UNIT_NAMES)), [jaw, lower, upper])
    assert (followed[:, others] == units[:, others]).all()
    assert (with_jaw(units[0]) == followed[0]).all()


def test_jaws_move_apart_but_open_as_widely_as_before():
    units = np.zeros((5, len(UNIT_NAMES)), np.float32)
    units[:, INDEX["JawOpen"]] = asked = np.array([0, LIVELY / 4, LIVELY / 2, LIVELY, 2 * LIVELY])
    jaw = with_jaw(units)[:, INDEX["JawOpen"]]
    assert jaw[0] == 0 and jaw[3:] == pytest.approx(asked[3:])
    assert (0.8 * asked[1:3] < jaw[1:3]).all() and (jaw[1:3] < asked[1:3]).all()


def test_a_lower_lip_that_rolls_in_alone_lies_at_the_teeth():
    lower, upper, raised = (INDEX[name] for name in ("LipsLowerClose", "LipsUpperClose", "LipsUpperUp"))
    units = np.zeros((4, len(UNIT_NAMES)), np.float32)
    units[:, lower], units[:, upper] = (0.12, 0.16, 0.03, 0.3), (0.02, 0.16, 0.0, 0.0)  # f, m, a vowel, f for sure
    tucked = with_tuck(units)
    assert tucked[0, lower] - tucked[0, upper] >= 0.2 and tucked[0, raised] >= 0.03
    assert (tucked[1:3] == units[1:3]).all() and tucked[3, lower] == units[3, lower]
    others = np.delete(np.arange(len(UNIT_NAMES)), [lower, raised])
    assert (tucked[:, others] == units[:, others]).all()


def test_where_a_network_tells_f_and_v_the_lip_tucks_there_alone():
    lower, upper = INDEX["LipsLowerClose"], INDEX["LipsUpperClose"]
    units = np.zeros(len(UNIT_NAMES), np.float32)
    assert with_tuck(units, 0.95)[lower] >= 0.2 and (with_tuck(units, 0.2) == units).all()
    units[[lower, upper]] = 0.15, 0.02  # would be taken for an f
    assert (with_tuck(units, 0.1) == units).all()


def test_auto_is_a_gain():
    assert (gain_vector("auto") == 1).all() and is_auto("auto") and FrameOptions().auto
    assert gain_vector("auto,brows=0.5")[INDEX["BrowsU_C"]] == 0.5 and is_auto("auto,brows=0.5")
    assert not is_auto("1.2") and not is_auto(1.2) and not FrameOptions(gain="jaw=2").auto


@pytest.mark.parametrize("minute", [3.0, 60.0])
def test_a_sound_whose_beginning_was_heard_gives_the_same_units(minute, monkeypatch):
    """In pieces of any size, the sound longer than what was heard of it or shorter."""
    monkeypatch.setattr(width_module, "HEARD_SECONDS", minute)
    speech = audio2au.ready(whole=True)
    samples = np.concatenate(list(audio.decode(VOICE, speech.sample_rate)))[: 8 * speech.sample_rate]
    monkeypatch.setattr(audio, "decode", lambda sound, rate: iter(np.array_split(samples, 7)))
    begun = Begun(speech, VOICE)
    assert begun.width.gain != 1
    stream, sizes = begun.stream(), np.random.default_rng(0).integers(1, 40000, 50)
    pieces = [stream.push(piece) for piece in np.split(samples, np.cumsum(sizes)[np.cumsum(sizes) < len(samples)])]
    units = np.concatenate([*pieces, stream.finish()])
    assert np.array_equal(units, speech.predict(samples))


@pytest.mark.parametrize("minute", [3.0, 60.0])
def test_a_sound_is_decoded_once(minute, monkeypatch):
    monkeypatch.setattr(width_module, "HEARD_SECONDS", minute)
    speech, decode, times = audio2au.ready(whole=True), audio.decode, []
    monkeypatch.setattr(audio, "decode", lambda sound, rate: times.append(rate) or decode(sound, rate, 2.0))
    begun = Begun(speech, VOICE)
    stream = SpeechStream(begun, np.zeros(len(UNIT_NAMES), np.float32), Fraction(25))
    frames = [motion.units for motion in driving.spoken(stream, VOICE, begun.blocks)]
    assert times == [speech.sample_rate]
    again = SpeechStream(speech, np.zeros(len(UNIT_NAMES), np.float32), Fraction(25))
    assert np.array_equal(frames, [motion.units for motion in driving.spoken(again, VOICE)])


def test_lips_purse_and_spread_further_than_they_are_asked_to():
    units = np.zeros(len(UNIT_NAMES), np.float32)
    shaped = [INDEX[name] for name in ("LipsPucker", "LipsFunnel", "LipsStretch_L", "LipsStretch_R")]
    units[shaped] = 0.05
    assert (units * Width().factors)[shaped].min() > 0.06 and Width().factors[INDEX["MouthSmile_L"]] == 1
