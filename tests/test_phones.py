"""Phones to units against what phonetics says, and recited phones as a stream."""

from __future__ import annotations

import numpy as np
import pytest

from audio2au.phones import (
    BILABIAL,
    PHONES,
    TONGUE,
    VOWELS,
    Articulation,
    Phone,
    at_frames,
    closures,
    from_ipa,
    from_symbols,
    loudness,
    tongue,
)
from audio2au.reciting import Reciter

TABLE = Articulation.load()
INDEX = {name: i for i, name in enumerate(TABLE.unit_names)}
GAP = [INDEX["LipsUpperOpen"], INDEX["LipsLowerOpen"]]


def said(*names: str, each: float = 0.1) -> list[Phone]:
    return [Phone(name, 0.4 + i * each, 0.4 + (i + 1) * each) for i, name in enumerate(names)]


def units(*names: str, fps: float = 100.0, **options) -> np.ndarray:
    return TABLE(said(*names), 120, fps, **options)


def middle(units: np.ndarray, number: int, fps: float = 100.0) -> np.ndarray:
    return units[int((0.4 + (number + 0.5) * 0.1) * fps)]


@pytest.mark.parametrize("closed", sorted(BILABIAL))
@pytest.mark.parametrize("vowel", VOWELS)
def test_lips_shut_between_any_vowels(closed, vowel):
    frames = units("T", vowel, closed, vowel, "T")
    open_lips, shut = middle(frames, 1)[GAP].sum(), middle(frames, 2)[GAP].sum()
    assert shut < 0.06 and shut < open_lips / 3 and open_lips > 0.05
    assert middle(frames, 2)[INDEX["LipsUpperClose"]] > 0.08


@pytest.mark.parametrize("rounded, spread", [("UW", "IY"), ("OW", "EY"), ("W", "Y"), ("SH", "S"), ("UE", "IY")])
def test_rounded_sounds_purse_the_lips(rounded, spread):
    purse = [INDEX["LipsPucker"], INDEX["LipsFunnel"]]
    one, two = (middle(units("T", name, "T"), 1)[purse].sum() for name in (rounded, spread))
    assert one > two + 0.1


def test_vowels_open_by_their_height():
    jaw = [middle(units("T", name, "T"), 1)[INDEX["JawOpen"]] for name in ("AA", "EH", "IH", "UW")]
    assert jaw == sorted(jaw, reverse=True) and jaw[0] > 2 * jaw[-1]


def test_f_tucks_the_lower_lip_and_h_looks_like_its_neighbours():
    tuck = INDEX["LipsLowerClose"]
    assert middle(units("AA", "F", "AA"), 1)[tuck] > middle(units("AA", "S", "AA"), 1)[tuck] + 0.1
    purse = INDEX["LipsPucker"]
    assert middle(units("UW", "HH", "UW"), 1)[purse] > middle(units("IY", "HH", "IY"), 1)[purse] + 0.1


def test_a_louder_vowel_opens_further_and_silence_rests():
    phones = [Phone("SIL", 0, 0.4), *said("T", "AA", "T"), Phone("SIL", 0.7, 1.2)]
    soft, loud = (TABLE(phones, 120, 100.0, np.array([0, 0, level, 0, 0])) for level in (-1.0, 0.7))
    assert middle(loud, 1)[INDEX["JawOpen"]] > 1.05 * middle(soft, 1)[INDEX["JawOpen"]]
    assert TABLE([], 10).max() == 0 and np.abs(loud[:20]).max() < 0.02 and np.abs(loud[-20:]).max() < 0.02


def test_loudness_is_counted_from_the_median_vowel():
    time = np.arange(16000) / 16000
    sound = np.sin(2 * np.pi * 200 * time) * np.where(time < 0.5, 0.1, 0.1 * np.e**0.5)
    phones = [Phone("AA", 0.1, 0.2), Phone("S", 0.2, 0.3), Phone("AA", 0.3, 0.4), Phone("IY", 0.6, 0.7)]
    np.testing.assert_allclose(loudness(phones, sound, 16000), [0, 0, 0, 0.5], atol=0.02)


@pytest.mark.parametrize(
    "symbol, names",
    [("oʊ", "OW"), ("iː", "IY"), ("tʃ", "CH"), ("əl", "AH L"), ("aɪɚ", "AY ER"), ("ts", "T S"), ("ɯᵝ", "UX"),
     ("", "SIL"), ("ʁ", "G"), ("ø", "OE"), ("s.", "S"), ("ɔ̃", "AO")],
)  # fmt: skip
def test_ipa(symbol, names):
    phones = from_ipa(symbol, 1.0, 2.0)
    assert [phone.name for phone in phones] == names.split()
    assert phones[0].start == 1 and phones[-1].end == 2


def test_names_of_synthesisers():
    found = from_symbols([("pau", 0, 1), ("ax", 1, 2), ("hh", 2, 3), ("iy1", 3, 4)], "cmu")
    assert [phone.name for phone in found] == ["SIL", "AH", "HH", "IY"]
    with pytest.raises(ValueError, match="QQ"):
        from_symbols([("qq", 0, 1)], "cmu")


def test_frames_and_closures():
    phones = said("AA", "B", "AA", each=0.08)
    names = [PHONES[i] for i in at_frames(phones, 20, 25)]
    assert names[:10] == ["SIL"] * 10 and names[10:16] == ["AA", "AA", "B", "B", "AA", "AA"]
    assert np.flatnonzero(closures(phones, 20, 25)).tolist() == [int(0.52 * 25)]


def test_a_table_goes_to_disk_and_back(tmp_path):
    TABLE.save(tmp_path / "t.json")
    again = Articulation.load(tmp_path / "t.json")
    np.testing.assert_allclose(again(said("M", "AA"), 30), TABLE(said("M", "AA"), 30), atol=2e-3)


@pytest.mark.parametrize("size", [1, 777, 16000])
def test_recited_phones_come_with_their_sound(size):
    sound = np.random.default_rng(0).standard_normal(16100).astype(np.float32) * 0.1
    reciter = Reciter(said("M", "AA", "M"), sound, 16000)
    whole = reciter.stream()
    expected = np.concatenate([whole.push(sound), whole.finish(30)])
    stream = reciter.stream()
    pieces = [stream.push(sound[i : i + size]) for i in range(0, len(sound), size)]
    assert len(np.concatenate(pieces)) == 25  # of 25.2 frames
    np.testing.assert_array_equal(np.concatenate([*pieces, stream.finish(30)]), expected)
    assert expected.shape == (30, len(TABLE.unit_names) + 1) and (expected[26:] == 0).all()


def test_the_tongue_rises_before_an_l_and_lies_between_the_teeth_in_th():
    up = tongue(said("AA", "L", "AA", "TH", "M", "K"), 120, 100.0)
    at = [up[int((0.4 + (i + 0.5) * 0.1) * 100)] for i in range(6)]
    assert at[1] == np.float32(TONGUE["L"]) < at[3] == TONGUE["TH"] and max(at[0], at[2], at[4]) < 0.4 and at[5] == 0
    assert 0 < up[48] < up[49] < at[1] and (up[:40] == 0).all()
