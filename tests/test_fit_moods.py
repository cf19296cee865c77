"""The recipe of the moods on made-up people whose offsets are known."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from recipes import fit_moods
from talkinghead.units.moods import MOODS
from talkinghead.units.names import INDEX, UNIT_NAMES

MEAD_WORDS = {"fearful": "fear", "disgust": "disgusted"}
TRUE = {mood: np.zeros(46) for mood in MOODS}
for number, one in enumerate(MOODS[2:]):
    TRUE[one][[INDEX["BrowsU_C"], INDEX["LipsUpperUp"]]] = 0.3 * np.cos(number), 0.3 * np.sin(number)
    TRUE[one][[INDEX["MouthSmile_L"], INDEX["MouthSmile_R"]]] = 0.1 * number - 0.23


def clip(tracks, name, mood, base, extra=0.0):
    """Noise around a person's own face and the mood, with a lost frame and a blink that a median passes over."""
    rng = np.random.default_rng(len(list(tracks.iterdir())))
    units = base + TRUE[mood] + extra + rng.normal(0, 0.004, (60, 46))
    units[3], units[10:14, :2] = np.nan, 1
    np.savez(tracks / f"{name}.npz", units=units.astype(np.float32))


@pytest.fixture
def data(tmp_path):
    """Two people of MEAD, three of val, and what must not count."""
    (tmp_path / "tracks").mkdir()
    tracks, rng = tmp_path / "tracks", np.random.default_rng(5)
    for person in "M101", "W102":
        base = 0.4 + 0.2 * rng.random(46)
        odd = np.zeros(46)
        odd[INDEX["Puff"]] = 0.2 if person == "M101" else -0.2  # the two disagree
        odd[INDEX["EyeIn_L"]] = 0.3  # gaze is no mood
        odd[INDEX["BrowsD_L"]] = 0.2  # one-sided in both: half of it on either side
        for mood in MOODS:
            if mood != "calm":
                word = MEAD_WORDS.get(mood, mood)
                name = f"train_clip_mead_style_{person}_front_{word}_level{1 if mood == 'neutral' else 3}_001_7"
                clip(tracks, name, mood, base, odd * (mood != "neutral"))
    clip(tracks, "train_clip_mead_style_W109_front_happy_level3_001_9", "happy", np.ones(46))  # no neutral of hers
    clip(tracks, "train_clip_styletalk_style_happyenglish_clip1_8", "happy", np.ones(46))  # nobody knows whose
    clip(tracks, "train_clip_grid_bbaf2n_3", "neutral", np.ones(46))
    for mood in MOODS[2:]:
        clip(tracks, f"val_clip_mead_eamm_{MEAD_WORDS.get(mood, mood)}_4", mood, np.full(46, 0.5))
    return tmp_path


def fit(data, capsys):
    fit_moods.main([f"data={data}", f"out={data / 'moods.csv'}"])
    with open(data / "moods.csv", newline="") as file:
        rows = {row["mood"]: row for row in csv.DictReader(file)}
    offsets = {mood: np.array([float(row[name]) for name in UNIT_NAMES]) for mood, row in rows.items()}
    return rows, offsets, capsys.readouterr().out


def test_offsets_are_found(data, capsys):
    rows, offsets, said = fit(data, capsys)
    assert tuple(rows) == MOODS
    for mood in MOODS[2:]:
        wanted = TRUE[mood].copy()
        wanted[[INDEX["BrowsD_L"], INDEX["BrowsD_R"]]] = 0.1
        wanted[np.abs(wanted) < fit_moods.SMALLEST] = 0
        np.testing.assert_allclose(offsets[mood], wanted, atol=0.01)
        assert rows[mood]["from"] == "2 people" and offsets[mood][INDEX["Puff"]] == 0
    assert not offsets["neutral"].any()
    np.testing.assert_allclose(offsets["calm"], fit_moods.CALM_OF_HAPPY * offsets["happy"], atol=2e-3)
    assert rows["calm"]["from"] == "0.25 of happy; no clip shows it"
    assert "2 people, each told by the offsets of the others: 12 of 12" in said and "clips of val: 6 of 6" in said


def test_calm_is_learned_where_actors_show_it(data, capsys):
    """RAVDESS's names: the third field is the emotion, the last the actor."""
    for actor in "03", "04":
        for code, mood in ("01", "neutral"), ("02", "sad"):  # a calm that looks sad here
            clip(data / "tracks", f"train_clip_ravdess_01-01-{code}-01-01-01-{actor}_5", mood, np.full(46, 0.5))
    rows, offsets, _ = fit(data, capsys)
    assert rows["calm"]["from"] == "2 people"
    np.testing.assert_allclose(offsets["calm"][INDEX["BrowsU_C"]], TRUE["sad"][INDEX["BrowsU_C"]], atol=0.01)


def test_moods_that_nobody_shows_are_named(data, capsys):
    for path in (data / "tracks").glob("train_*angry*"):
        path.unlink()
    with pytest.raises(SystemExit, match="no train clip shows angry by a person"):
        fit(data, capsys)
    assert not (data / "moods.csv").exists()


@pytest.mark.parametrize(
    "name, wanted",
    [("train_clip_mead_style_M030_front_fear_level3_001_14366", ("M030", "fearful")),
     ("train_clip_mead_style_M030_front_contempt_level3_001_14364", ("M030", None)),
     ("train_clip_ravdess_02-01-08-02-02-01-17_3", ("actor 17", "surprised")),
     ("val_clip_mead_eamm_disgusted_14388", (None, "disgust")), ("train_clip_grid_bbaf2n_3", (None, None))],
)  # fmt: skip
def test_names_tell_person_and_mood(name, wanted):
    assert fit_moods.label(name) == wanted
