"""Purses are drawn so that they are seen as they are asked: faces that are read in other ways, and a portrait's own."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from recipes.fit_purses import Face, in_common, left_over
from talkinghead.face.looks import of_faces
from talkinghead.face.purses import (
    BOTH,
    GAPS,
    KNOTS,
    LEAST,
    MOST,
    PURSE,
    PURSES,
    SIZE,
    TOP,
    Purses,
    common,
    features,
    mouths,
    predicted,
    updated,
)  # fmt: skip
from talkinghead.pipeline import TalkingHead
from talkinghead.samples import DEMO
from talkinghead.units.life import EASES
from talkinghead.units.moods import Mood
from talkinghead.units.names import INDEX, UNIT_NAMES, lip_gap

RANDOM = np.random.default_rng(1)


def table(read):
    """Of a face whose purses are `read` so, a function of gap and purse."""
    return np.array([[read(gap, purse) for purse in PURSES] for gap in GAPS]).ravel()


def asked(purses, opened=0.0):
    units = np.zeros((len(purses), len(UNIT_NAMES)), np.float32)
    units[:, PURSE] = purses
    units[:, INDEX["LipsLowerOpen"]] = opened
    return units


def soon(gap, purse):
    return np.tanh(purse / 0.15)


def late(gap, purse):
    return 1 / (1 + np.exp(-(purse - 0.35) / 0.04))


def less_when_open(gap, purse):
    return purse / (1 + 8 * gap)


@pytest.mark.parametrize("read", [soon, late])
def test_purses_are_seen_more_in_proportion_than_they_would_be(read):
    wanted = np.linspace(0.05, 0.45, 9, dtype=np.float32)
    drawn = Purses(table(read))(asked(wanted))[:, PURSE]

    def bent(purses):
        return np.abs(read(0, purses) / read(0, TOP) - wanted / TOP).mean()

    assert bent(drawn) < 0.8 * bent(wanted)
    assert (drawn < wanted).all() if read is soon else (drawn > wanted).any()


def test_parted_lips_purse_further_to_be_seen_as_pursed():
    purses, wanted = Purses(table(less_when_open)), np.array([0.1, 0.2, 0.3], np.float32)
    shut, open_ = (purses(asked(wanted, opened))[:, PURSE] for opened in (0.0, 0.3))
    assert (open_ > 1.15 * shut).all()


def test_a_face_whose_purses_nobody_can_read_purses_further():
    wanted = np.linspace(0, 0.6, 13, dtype=np.float32)
    drawn = Purses(np.zeros(SIZE))(asked(wanted))[:, PURSE]
    assert (drawn >= wanted).all() and (np.diff(drawn) > 0).all()
    assert drawn[0] == 0


@pytest.mark.parametrize("read", [soon, late, less_when_open, lambda gap, purse: RANDOM.random()])
def test_purses_grow_without_jumps_within_bounds_and_nothing_else_changes(read):
    wanted = np.linspace(0, 1, 401, dtype=np.float32)
    for opened in np.linspace(0, 0.6, 7):
        units = asked(wanted, opened)
        out = Purses(table(read))(units)
        drawn = out[:, PURSE]
        assert (np.diff(drawn) > -1e-6).all() and np.diff(drawn).max() < 0.05
        assert (drawn >= LEAST * wanted - 1e-6).all() and (drawn <= np.minimum(MOST * wanted, 1) + 1e-6).all()
        np.testing.assert_array_equal(np.delete(out, PURSE, 1), np.delete(units, PURSE, 1))


def test_gaps_between_those_of_the_table_are_between_and_one_frame_is_as_among_many():
    purses = Purses(table(less_when_open))
    units = np.concatenate([asked(np.array([0.25], np.float32), opened) for opened in np.linspace(0, 0.5, 21)])
    drawn = purses(units)
    assert (np.diff(drawn[:, PURSE]) > -1e-6).all() and np.diff(drawn[:, PURSE]).max() < 0.02
    np.testing.assert_allclose(drawn[7], purses(units[7]))


def face(one, other):
    """Tables vary in two ways, of which the shape tells the first."""
    read = common().mean + one * soon_way + other * late_way
    few = mouths().reshape(SIZE, -1)[[5, 18, 30, 41]]
    seen = np.zeros_like(few)
    seen[:, PURSE] = read[[5, 18, 30, 41]]
    return Face(np.array([one + RANDOM.normal(0, 0.05), RANDOM.normal()]), read, few, seen)


soon_way, late_way = table(soon) - table(late), 0.5 * table(lambda gap, purse: purse)


def test_shapes_and_looks_tell_a_faces_own_table():
    mean, shapes, looks = left_over([face(*RANDOM.normal(0, 1, 2)) for _ in range(40)])
    assert looks < 0.4 * shapes < 0.4 * 0.7 * mean
    faces = in_common([face(*RANDOM.normal(0, 1, 2)) for _ in range(40)], ways=3)
    new = face(1.5, -1.0)
    by_shape = predicted(new.features, faces)
    own = updated(by_shape, new.beyond, new.read, faces)
    assert np.abs(own - new.table).mean() < 0.5 * np.abs(by_shape - new.table).mean()


def test_mouths_of_a_table_lie_where_it_says():
    units = mouths()
    assert units.shape == (len(GAPS), len(PURSES), len(UNIT_NAMES))
    np.testing.assert_allclose(lip_gap(units), np.tile(GAPS[:, None], len(PURSES)), atol=1e-6)
    np.testing.assert_allclose(units[0, :, PURSE], PURSES)
    assert (np.diff(GAPS) > 0).all() and KNOTS[0] == 0 and units[..., BOTH[1]].max() < 0.25


@pytest.fixture(scope="module")
def puppet():
    return TalkingHead().prepare(DEMO)


class Rounding:
    """A voice that says nothing but u."""

    sample_rate, fps = 16000, 25.0

    def stream(self):
        return self

    def push(self, samples):
        return asked(np.full(len(samples) // 640, 0.3, np.float32))

    def finish(self, frames):
        return asked(np.zeros(0, np.float32))


def test_a_portrait_purses_by_its_shape_until_it_has_been_looked_at(puppet):
    waited, (until, after) = [], (round(25 * seconds) for seconds in EASES)

    def looks():
        waited.append(1)
        return of_faces(puppet.rest, puppet.parting.drawn, Purses(table(soon)))

    def said(looks):
        stream = puppet.stream(Rounding(), Fraction(25), 1.0, None, Mood(), None, None, looks)
        motions = stream.pushed(np.zeros(45 * 640, np.float32))
        before = [next(motions).units[PURSE] for _ in range(until)]
        assert not waited  # though the frames after are heard already
        return np.array(before + [motion.units[PURSE] for motion in motions])

    still, moving = said(None), said(looks)
    np.testing.assert_allclose(puppet.purses.table, predicted(features(puppet.outline), common()))
    assert waited and np.ptp(still) < 1e-6
    np.testing.assert_allclose(moving[:until], still[:until])
    assert moving[after] < still[after] - 0.02 and np.ptp(moving[after:]) < 1e-6
