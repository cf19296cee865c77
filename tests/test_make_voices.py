"""Sentences to be spoken, and the voices that speak them: what is held out stays out, and phones fit their sound."""

from __future__ import annotations

import csv
import itertools
from ctypes.util import find_library

import numpy as np
import pytest

from audio2au.features import FeatureConfig
from recipes import make_voices
from recipes.make_voices import HELD_OUT_FLITE, HELD_OUT_VARIANTS, Job, judging_jobs, make, natural_jobs, training_jobs
from recipes.parts import texts
from recipes.parts.aligning import align_words
from recipes.parts.spoken import read_phones, read_voices
from recipes.parts.synthesisers import read_wav
from talkinghead.media.synthesis import write_wav

WORDS = {"".join(word): list(word) for word in itertools.permutations(["b", "uw", "m", "iy", "th"], 4)}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(make_voices, "pronunciations", lambda: WORDS)
    monkeypatch.setattr(make_voices.synthesisers, "espeak_variants", lambda: ["f1", "m1", *HELD_OUT_VARIANTS])


def test_what_is_for_judging_is_never_trained_on():
    train, test = training_jobs(3, 2), judging_jobs()
    assert not {job.text for job in train} & {job.text for job in test}
    assert not {job.voice.split("+")[-1] for job in train} & {*HELD_OUT_VARIANTS, *HELD_OUT_FLITE}
    assert {job.voice.split("+")[-1] for job in test} <= {*HELD_OUT_VARIANTS, *HELD_OUT_FLITE}
    english = [job for job in test if job.language == "en"]
    assert len({job.text for job in english}) == 40 and len({job.voice for job in english}) == 8
    assert training_jobs(3, 2) == train


def test_natural_voices_are_mixed_anew_and_say_nothing_that_judges(tmp_path):
    (tmp_path / "core-sounds-en.txt").write_text(
        "; a list\nhello: Press 1, please.\nbeep: [a beep]\nnone: Not there.\n"
    )
    (tmp_path / "hello.g722").touch()
    (tmp_path / "beep.g722").touch()
    jobs = natural_jobs(["joe.onnx"], 6, [tmp_path])
    assert jobs == natural_jobs(["joe.onnx"], 6, [tmp_path])
    assert not {job.text for job in jobs} & {job.text for job in judging_jobs()}
    kokoro = [job for job in jobs if job.synthesiser == "kokoro"]
    mixtures = {job.voice.split(":")[1] for job in kokoro}
    assert len(mixtures) == 6 and len(kokoro) == 60 and len({job.language for job in kokoro}) > 2
    assert all(sum(map(float, voice.split(","))) == pytest.approx(1, abs=0.03) for voice in mixtures)
    assert [(job.text, job.voice) for job in jobs if job.synthesiser == "recorded"] == [
        ("Press one, please.", str(tmp_path / "hello.g722"))
    ]


def test_every_twentieth_voice_validates_in_all_its_languages(tmp_path):
    names = [f"{language}+v{number:02d}" for number in range(21) for language in ("en", "de")]
    rows = [["file", "synthesiser", "voice"], *([f"{i}.wav", "espeak", name] for i, name in enumerate(names))]
    for i in range(len(names)):
        write_wav(tmp_path / f"{i}.wav", np.full(16000, 100 * i + 100), 16000)
        (tmp_path / f"{i}.json").write_text("[]")
    with open(tmp_path / "voices.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    train, val = (read_voices(tmp_path, FeatureConfig(), validating=held) for held in (False, True))
    assert (len(train), len(val)) == (38, 4) and {r.source for r in train + val} == {"synthetic"}


@pytest.mark.skipif(find_library("espeak-ng") is None, reason="espeak-ng is not installed")
def test_words_of_any_language_are_aligned_by_their_phones(tmp_path):
    pytest.importorskip("pocketsphinx")
    make(Job("a.wav", "espeak", "de+f1", "de", "Papa mag süßen Pudding.", 1.0, 1.0), tmp_path)
    spoken = [phone for phone in read_phones(tmp_path / "a.wav") if phone.name != "SIL"]
    sound = read_wav(tmp_path / "a.wav", 16000)
    found = [p for p in align_words(sound, [spoken[:7], spoken[7:]]) if p.name != "SIL"]
    assert [p.name for p in found] == [p.name for p in spoken] and "UE" in {p.name for p in found}
    assert np.median([abs(a.start - b.start) for a, b in zip(found, spoken)]) < 0.06


def test_sentences_cover_pairs_of_phones_that_were_not_heard():
    spoken = " ".join(texts.english(WORDS, 80, seed=0))
    said = [WORDS[word] for word in spoken.replace(".", "").replace("?", "").lower().split() if word in WORDS]
    pairs = {pair for phones in said for pair in itertools.pairwise(phones)}
    assert len(pairs) == 20  # all there are of five phones


@pytest.mark.skipif(find_library("espeak-ng") is None, reason="espeak-ng is not installed")
def test_a_sentence_comes_with_its_phones(tmp_path):
    assert make(Job("a.wav", "espeak", "de+f1", "de", "Papa mag Pudding.", 1.2, 1.0), tmp_path) == ""
    phones, sound = read_phones(tmp_path / "a.wav"), read_wav(tmp_path / "a.wav", 16000)
    assert [p.name for p in phones if p.name in "PBM"] == ["P", "P", "M", "P"]
    assert abs(phones[-1].end - len(sound) / 16000) < 0.05
    assert "no voice" in make(Job("b.wav", "espeak", "xx-none", "xx", "a", 1, 1), tmp_path)


def test_the_list_says_what_was_made(tmp_path, monkeypatch):
    monkeypatch.setattr(make_voices, "training_jobs", lambda *_: [Job("a.wav", "none", "v", "en", "a, b", 1, 1)])
    monkeypatch.setattr(make_voices, "make", _pretend)
    make_voices.main(tmp_path)
    assert [row["text"] for row in csv.DictReader(open(tmp_path / "voices.csv"))] == ["a, b"]


def _pretend(job, out):
    (out / job.file).with_suffix(".json").write_text("[]")
    return ""
