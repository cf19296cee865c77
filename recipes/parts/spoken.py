"""Recordings whose phones are known: GRID's sentences, and what `recipes.make_voices` has made."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from audio2au.data import Recording, shut_in_pauses
from audio2au.features import FeatureConfig
from audio2au.metrics import by_lag
from audio2au.phones import Articulation, Phone, at_frames, closures, loudness, with_pauses
from recipes.parts.aligning import RATE, align
from recipes.parts.speech_data import clip_rows, read_clip, read_clips, read_sound
from recipes.parts.synthesisers import read_wav
from talkinghead.units.names import INDEX, UNIT_NAMES

OPENINGS = [INDEX[name] for name in ("LipsUpperOpen", "LipsLowerOpen", "LipsLowerDown", "LipsUpperUp")]
HELD_OUT = ("KristiNoem", "andrew")  # two people of styletalk_talk, three clips
NATURAL = ("piper", "kokoro", "recorded")  # synthesisers whose voices people would take for people
VALIDATING = 20
PURSED = 3.0
"""By so much s1's LipsPucker is multiplied: the tracker sees it at 0.08 at most, and at 0.2 to 0.6 on other talkers."""


def read_grid(corpus: Path, data: Path, split: str, config: FeatureConfig) -> list[tuple[Recording, list[Phone]]]:
    """The sentences of one split with their phones; DATA/phones keeps what was aligned. Sentences that cannot be
    aligned are left out."""
    kept, out = data / "phones", []
    kept.mkdir(exist_ok=True)
    for track, sound in clip_rows(corpus, data, split, "grid"):
        recording = read_clip(track, sound, "grid", config, data / "sound")
        file = kept / f"{sound.stem}.json"
        if not file.exists():
            words = (line.split()[2] for line in sound.with_suffix(".align").read_text().splitlines() if line.strip())
            try:
                phones = align(read_sound(sound, RATE), " ".join(w for w in words if w not in ("sil", "sp")))
            except RuntimeError:
                phones = []
            file.write_text(json.dumps(phones))
        phones = [Phone(*row) for row in json.loads(file.read_text())]
        if phones and recording:
            units = recording.units.copy()
            units[:, INDEX["LipsPucker"]] = (units[:, INDEX["LipsPucker"]] * PURSED).clip(0, 1)
            out.append((replace(recording, units=units), phones))
    return out


def read_phones(sound: Path) -> list[Phone]:
    """What `recipes.make_voices` wrote beside a sound."""
    return [Phone(*row) for row in json.loads(sound.with_suffix(".json").read_text())]


def read_spoken_grid(corpus: Path, data: Path, split: str, config: FeatureConfig) -> list[Recording]:
    """GRID's sentences with their tracked lips, phones and closures; the lips shut wholly where p, b, m are."""
    out = []
    for recording, phones in read_grid(corpus, data, split, config):
        frames = len(recording.units)
        closed, units = closures(phones, frames, config.fps), recording.units.copy()
        units[np.ix_(closed, OPENINGS)] = np.minimum(units[np.ix_(closed, OPENINGS)], 0.02)
        out.append(replace(recording, units=units, phones=at_frames(phones, frames, config.fps), closed=closed))
    return out


def read_set(corpus: Path, data: Path, split: str, config: FeatureConfig, source: str) -> list[Recording]:
    """The clips of one set; GRID's with their phones where the corpus has its words."""
    if source == "grid" and any((corpus / "clips" / "grid").rglob("*.align")):
        return read_spoken_grid(corpus, data, split, config)
    return read_clips(corpus, data, split, config, source)


def _validating(rows: list[dict[str, str]]) -> set[str]:
    """Every twentieth of the voices, whatever language or accent they speak; of few voices all train, and so do
    recordings of people."""
    made = {_identity(row) for row in rows if row["synthesiser"] != "recorded"}
    return set(sorted(made)[::VALIDATING]) if len(made) >= VALIDATING else set()


def _identity(row: dict[str, str]) -> str:
    return row["voice"].split("+")[-1].split(":")[-1]


def read_voices(
    folder: Path, config: FeatureConfig, table: Articulation | None = None, validating: bool = False
) -> list[Recording]:
    """What `recipes.make_voices` wrote, its lips moved by the phones: source `natural` or `synthetic`; the voices for
    training, or those for validation."""
    table, out = table or Articulation.load(), []
    with open(folder / "voices.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = _validating(rows)
    for row in (row for row in rows if (_identity(row) in chosen) == validating):
        sound, natural = folder / row["file"], row["synthesiser"] in NATURAL
        samples = read_wav(sound, config.sample_rate)
        samples = samples / max(1e-3, float(np.abs(samples).max()))
        frames = len(samples) * config.fps // config.sample_rate
        phones = with_pauses(read_phones(sound), frames / config.fps)
        units = table(phones, frames, config.fps, loudness(phones, samples, config.sample_rate))
        said, closed = at_frames(phones, frames, config.fps), closures(phones, frames, config.fps)
        known, source = np.ones(len(UNIT_NAMES), bool), "natural" if natural else "synthetic"
        out.append(Recording(samples, units, known, source, said, closed, many_voiced=not natural))
    return out


def read_talkers(corpus: Path, data: Path, config: FeatureConfig) -> list[Recording]:
    """The public figures of styletalk_talk with their tracked openings, but for HELD_OUT, who are for judging alone.

    Sound and picture of those clips are up to 5 frames apart: each is moved to where its lips agree best with what the
    phones, guessed from the sound, would have them do.
    """
    table, out = Articulation.load(), []
    for track, sound in clip_rows(corpus, data, "train", "styletalk_talk"):
        if sound.stem.startswith(HELD_OUT) or not (r := read_clip(track, sound, "talkers", config, data / "sound")):
            continue
        guessed = table(align(read_sound(sound, RATE), ""), len(r.units), config.fps)
        lower = INDEX["LipsLowerOpen"]
        agree = by_lag(r.units[:, lower], guessed[:, lower], range(-6, 7))
        moved = np.roll(r.units, -max(agree, key=agree.get), axis=0)
        known = np.isin(np.arange(len(UNIT_NAMES)), [*OPENINGS, INDEX["JawOpen"]])
        out.append(shut_in_pauses(replace(r, units=moved, known=known), config.sample_rate, config.fps))
    return out
