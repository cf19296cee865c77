"""Lips that meet at rest and part as far as the voice wants, checked on faces whose lips follow a known law."""

from fractions import Fraction

import numpy as np
import pytest
from conftest import StubSpeech

from talkinghead.face.lips import BELOW, CLOSED, KEPT, PART, REST_LIMITS, fit
from talkinghead.units.moods import CLOSED_SMILE, Mood
from talkinghead.units.names import INDEX, SOURCES, UNIT_NAMES, lip_gap, lip_opening, units_from_scores
from talkinghead.units.speech import SpeechStream

JAW, UPPER, LOWER, BROW = (INDEX[name] for name in ("JawOpen", "LipsUpperOpen", "LipsLowerOpen", "BrowsU_C"))
SMILE = [INDEX["MouthSmile_L"], INDEX["MouthSmile_R"]]


def vector(**named):
    out = np.zeros(len(UNIT_NAMES), np.float32)
    for name, value in named.items():
        out[INDEX[name]] = value
    return out


def laughing():
    return vector(MouthSmile_L=0.9, MouthSmile_R=0.9, LipsUpperOpen=0.8, LipsLowerOpen=0.5, BrowsU_C=0.7)


class Face:
    """Lips that part late: nothing shows until the units speak of `dead`, and a smile holds them open."""

    def __init__(self, dead=0.0, slope=1.0, smile=0.0, floor=0.0):
        self.dead, self.slope, self.smile, self.floor = dead, slope, smile, floor
        self.drawn = 0

    def gap(self, units):
        opening = lip_gap(units) + self.floor - self.dead
        return self.slope * np.maximum(opening, 0) + self.smile * units[..., SMILE[0]]

    def __call__(self, units):
        assert units.dtype == np.float32 and -BELOW[-1] <= units.min() and units.max() <= 1
        self.drawn += len(units)
        return self.gap(units)


def test_the_gap_of_units_is_the_gap_of_the_landmarks_they_were_read_from():
    points = np.zeros((478, 2), np.float32)
    points[[33, 263]] = (0, 0), (100, 0)
    points[[78, 308]], points[13], points[14] = ((30, 60), (70, 60)), (50, 55), (50, 70)
    scores = dict.fromkeys((score for sources, _ in SOURCES.values() for score in sources), 0.0)
    units = units_from_scores(scores, points)
    assert lip_gap(units) == pytest.approx(0.15) == lip_opening(points).sum()


def test_a_calm_face_stays_as_it_is():
    calm = vector(MouthSmile_L=0.3, MouthSmile_R=0.2, BrowsU_C=0.4)
    np.testing.assert_allclose(fit(calm, Face(dead=0.01)).rest, calm)


def test_own_units_are_limited_even_where_every_mouth_counts_as_closed():
    rest = fit(np.full(46, 0.9, np.float32), lambda units: np.zeros(len(units))).rest
    assert {name: rest[INDEX[name]] for name in REST_LIMITS} == pytest.approx(REST_LIMITS)
    assert all(rest[INDEX[name]] == np.float32(0.9) for name in UNIT_NAMES if name not in REST_LIMITS)


def test_a_laugh_gives_up_its_mouth_until_the_lips_meet_and_one_step_more():
    face = Face(dead=0.2, smile=0.03)  # the lips meet under a smile of 0.4: half of what may stay at rest, 0.6
    rest = fit(laughing(), face).rest
    assert rest[SMILE[0]] == pytest.approx(KEPT[3] * REST_LIMITS["MouthSmile_L"])
    assert face.gap(rest) <= CLOSED and rest[BROW] == np.float32(0.7)


def test_a_mood_smiles_no_broader_than_the_lips_of_the_portrait_close_under():
    laughs, calm = fit(laughing(), Face(dead=0.2, smile=0.03)), fit(vector(), Face())
    assert laughs.smile == pytest.approx(laughs.rest[SMILE[0]]) and calm.smile == CLOSED_SMILE
    happy = Mood("happy")
    assert happy(laughs.rest, laughs.rest, laughs.smile)[SMILE].max() == pytest.approx(laughs.smile)
    assert happy(calm.rest, calm.rest, calm.smile)[SMILE].min() > 0.3


def test_lips_that_no_calm_closes_are_drawn_below_zero():
    """A gap of 0.06 is gone at half of PART, whose gap is 0.12; three quarters are taken to be sure."""
    face = Face(floor=0.06)
    lips = fit(laughing(), face)
    assert not lips.rest[SMILE].any() and lips.rest.min() >= 0
    np.testing.assert_allclose(lips.below, BELOW[2] * vector(**PART))
    assert face.gap(lips.drawn(lips.rest)) <= CLOSED and lips.left == 0


def test_units_are_drawn_below_zero_only_as_far_as_they_close_the_lips():
    lips = fit(laughing(), Face(floor=0.06))
    np.testing.assert_array_equal(lips.drawn(laughing()[None])[0], laughing())  # the photograph is its own portrait
    half = 0.5 * laughing()
    np.testing.assert_allclose(lips.drawn(half[None])[0], half - 0.5 * lips.below, atol=1e-6)
    shut = fit(vector(BrowsU_C=1), Face(floor=0.06))  # lips photographed shut need no help, whatever the tracker says
    assert not shut.below.any()


def test_where_nothing_closes_the_lips_the_best_is_taken():
    lips = fit(laughing(), Face(floor=0.3))
    np.testing.assert_allclose(lips.below, BELOW[-1] * vector(**PART))
    assert lips.left == pytest.approx(0.3 - BELOW[-1] * lip_gap(vector(**PART)))


@pytest.mark.parametrize("dead, slope", [(0.0, 0.6), (0.04, 1.0), (0.06, 1.5)])
def test_a_mouth_that_opens_too_little_is_opened_as_far_as_wanted(dead, slope):
    face = Face(dead, slope)
    lips = fit(vector(BrowsU_C=0.5), face)
    for wanted in np.linspace(0.05, 0.12, 8):
        units = lips.rest + vector(LipsUpperOpen=wanted / 0.4, LipsLowerOpen=wanted / 0.4, JawOpen=0.1)
        assert face.gap(units) < wanted - 0.01
        assert face.gap(lips(units)) == pytest.approx(wanted, abs=0.006)
        changed = np.flatnonzero(lips(units) != units)
        assert set(changed) == {JAW, UPPER, LOWER}


def test_closed_lips_and_willing_ones_are_left_alone():
    units = vector(LipsUpperOpen=0.3, LipsLowerOpen=0.3, JawOpen=0.2)
    willing = fit(vector(), Face(slope=1.2))
    np.testing.assert_array_equal(willing(units), units)
    shut = vector(MouthSmile_L=0.5)
    np.testing.assert_array_equal(fit(vector(), Face(dead=0.06))(shut), shut)


def test_the_correction_is_continuous_and_stays_within_bounds():
    lips = fit(vector(), Face(dead=0.06))
    path = np.linspace(0, 1, 400)[:, None] * vector(LipsUpperOpen=1, LipsLowerOpen=1, JawOpen=1)
    out = np.array([lips(units) for units in path.astype(np.float32)])
    assert out.max() <= 1 and np.abs(np.diff(out, axis=0)).max() < 0.05
    assert (np.diff(lip_gap(out)) > -1e-6).all()


@pytest.mark.parametrize("measure", [lambda u: np.full(len(u), np.nan), lambda u: np.full(len(u), 0.1)])
def test_a_face_the_tracker_loses_or_that_does_not_answer_is_not_corrected(measure):
    lips = fit(vector(), measure)
    units = vector(LipsUpperOpen=0.5, LipsLowerOpen=0.5)
    assert np.isfinite(lips.rest).all()
    np.testing.assert_array_equal(lips(units), units)


def test_a_rest_that_the_tracker_loses_is_not_taken():
    """Smiles over 0.2 are never found; what is found is closed."""
    lips = fit(laughing(), lambda units: np.where(units[:, SMILE[0]] > 0.2, np.nan, 0.0))
    assert lips.rest[SMILE[0]] <= 0.2


def test_speech_is_corrected_for_the_portrait():
    lips = fit(vector(BrowsU_C=0.5), Face(dead=0.06))

    class Opening(StubSpeech):
        def stream(self):
            stream = super().stream()
            stream.push, push = lambda samples: [vector(LipsUpperOpen=0.3) for _ in push(samples)], stream.push
            return stream

    stream = SpeechStream(Opening(), lips.rest, Fraction(25), seed=None, lips=lips)
    frames = [motion.units for motion in stream.push(np.zeros(3200, np.float32)) + stream.finish()]
    expected = lips(lips.rest + vector(LipsUpperOpen=0.3))
    np.testing.assert_allclose(frames, np.tile(expected, (5, 1)), atol=1e-6)
    assert expected[JAW] > 0.1


def test_the_shipped_generator_closes_and_opens_the_astronaut(astronaut, tracker):
    """She smiles with her teeth showing."""
    from talkinghead import TalkingHead

    head = TalkingHead()
    head.tracker = tracker
    puppet = head.prepare(astronaut)
    opened = puppet.lips(puppet.lips.rest + vector(LipsUpperOpen=0.3, LipsLowerOpen=0.3, JawOpen=0.2))
    frames = [astronaut, *puppet.draw(np.stack([puppet.lips.rest, opened]), closing=True)]
    own, rest, open_ = (lip_opening(tracker(frame)[0].points).sum() for frame in frames)
    assert own > 0.06 and rest < 0.025 and open_ - rest > 0.06
    # However the neutral face is asked for, as on the web page's sliders.
    np.testing.assert_array_equal(head.edit(puppet, dict.fromkeys(UNIT_NAMES, 0.0)), head.neutral(puppet))
