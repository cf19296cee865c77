"""All recordings of one training in one file, for machines that have neither the corpus nor its tools."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from audio2au.data import Recording, shut_in_pauses
from audio2au.features import FeatureConfig
from recipes.parts.speech_data import read_facegood
from recipes.parts.spoken import read_set, read_talkers, read_voices
from talkinghead.media.ffmpeg import executable
from talkinghead.units.names import INDEX

RATE = 24000  # of the packed sound
OPUS = ("-c:a", "libopus", "-b:a", "20k", "-compression_level", "0")
PIECE = 600 * RATE  # samples squeezed into one stream
SPLITS = ("train", "val")
LOST = 65535  # stands for NaN; eight bits would hide lips that hardly move, as s1's LipsLowerClose


def gather(
    corpus: Path, data: Path, voices: list[Path], sets: str, sound: FeatureConfig, facegood: bool, talkers: bool
) -> tuple[list[Recording], list[Recording]]:
    """What trains and what validates. `sets` are names of sets with clips, separated by commas; `voices` are folders
    of recipes.make_voices, of whose voices every twentieth validates. SystemExit where there are no clips."""
    out = []
    for split in SPLITS:
        found = [
            replace(_shut_in_pauses(r, sound), source="clips")
            for source in sets.split(",")
            for r in read_set(corpus, data, split, sound, source)
        ]
        if not found:
            raise SystemExit(f"{data}: no {split} clips with sound of {sets}; change sets")
        out.append(found)
    train, val = out
    if facegood:
        train = train + read_facegood(corpus, sound, train)
    if talkers:
        train = train + read_talkers(corpus, data, sound)
    for folder in voices:
        train = train + read_voices(folder, sound)
        val = val + read_voices(folder, sound, validating=True)
    return train, val


def _shut_in_pauses(recording: Recording, sound: FeatureConfig) -> Recording:
    """As audio2au.data.shut_in_pauses, but lips press and purse as they do: that opens no mouth."""
    out, kept = shut_in_pauses(recording, sound.sample_rate, sound.fps), [INDEX["LipsLowerClose"], INDEX["LipsPucker"]]
    out.units[:, kept] = recording.units[:, kept]
    return out


def pack(path: Path, splits: tuple[list[Recording], list[Recording]]) -> None:
    """The recordings, at RATE, into one .npz; the sound loses what Opus leaves out at 20 kbit/s, units their fifth
    digit."""
    out: dict[str, np.ndarray] = {}
    for name, recordings in zip(SPLITS, splits):
        for source in dict.fromkeys(r.source for r in recordings):
            group, key = [r for r in recordings if r.source == source], f"{name}/{source}"
            joined = np.concatenate([r.samples for r in group])
            for i, start in enumerate(range(0, len(joined), PIECE)):
                out[f"{key}/sound/{i}"] = _squeezed(joined[start : start + PIECE])
            units = np.concatenate([r.units for r in group])
            out[f"{key}/samples"] = np.array([len(r.samples) for r in group])
            out[f"{key}/frames"] = np.array([len(r.units) for r in group])
            out[f"{key}/units"] = np.where(np.isnan(units), LOST, np.round(units * (LOST - 1))).astype(np.uint16)
            out[f"{key}/known"] = np.stack([r.known for r in group])
            out[f"{key}/many_voiced"] = np.array([r.many_voiced for r in group])
            for what, none in (("phones", -1), ("closed", -1)):
                whole = [getattr(r, what) for r in group]
                whole = [np.full(len(r.units), none) if w is None else w for r, w in zip(group, whole)]
                out[f"{key}/{what}"] = np.concatenate(whole).astype(np.int8)
    with open(path, "wb") as file:
        np.savez_compressed(file, **out)


def _squeezed(samples: np.ndarray) -> np.ndarray:
    words = [
        executable(),
        "-loglevel",
        "error",
        "-f",
        "s16le",
        "-ar",
        str(RATE),
        "-ac",
        "1",
        "-i",
        "-",
        *OPUS,
        "-f",
        "ogg",
        "-",
    ]
    given = (samples.clip(-1, 1) * 32767).round().astype("<i2").tobytes()
    return np.frombuffer(subprocess.run(words, input=given, capture_output=True, check=True).stdout, np.uint8)


def _heard(squeezed: np.ndarray) -> np.ndarray:
    return soundfile.read(io.BytesIO(squeezed.tobytes()), dtype="float32")[0]


def _resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    divisor = np.gcd(rate, RATE)
    return resample_poly(samples, rate // divisor, RATE // divisor).astype(np.float32) if rate != RATE else samples


def unpack(path: Path, sound: FeatureConfig, split: str) -> list[Recording]:
    """Those of a split, train or val, that `pack` wrote, with the sound at the features' rate."""
    out = []
    with np.load(path) as file, ThreadPool() as threads:
        for key in (k.removesuffix("/units") for k in file.files if k.startswith(split) and k.endswith("/units")):
            source = key.split("/")[1]
            squeezed = [file[f"{key}/sound/{i}"] for i in range(sum(k.startswith(f"{key}/sound/") for k in file.files))]
            samples = np.concatenate(threads.map(_heard, squeezed))
            sounds = np.split(samples, np.cumsum(file[f"{key}/samples"])[:-1])
            sounds = threads.map(partial(_resampled, rate=sound.sample_rate), sounds)
            parts = {what: file[f"{key}/{what}"] for what in ("units", "phones", "closed")}
            parts["units"] = np.where(parts["units"] == LOST, np.nan, parts["units"] / np.float32(LOST - 1))
            ends = np.cumsum(file[f"{key}/frames"])[:-1]
            rows = zip(*(np.split(parts[what], ends) for what in ("units", "phones", "closed")))
            known, many_voiced = file[f"{key}/known"], file[f"{key}/many_voiced"]
            for i, (units, phones, closed) in enumerate(rows):
                said = None if (phones < 0).all() else phones.astype(int)
                shut = None if (closed < 0).any() else closed.astype(bool)
                out.append(
                    Recording(sounds[i], units.astype(np.float32), known[i], source, said, shut, bool(many_voiced[i]))
                )
    return out
