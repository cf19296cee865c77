"""All recordings of one training in one file, for machines that have neither the corpus nor its tools."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from audio2au.data import Recording, shut_in_pauses
from audio2au.features import FeatureConfig
from recipes.parts.speech_data import read_facegood
from recipes.parts.spoken import read_set, read_talkers, read_voices

RATE = 24000  # of the packed sound
SQUEEZE = 0.942  # Opus at 20 kbit/s, as soundfile counts it
SPLITS = ("train", "val")


def gather(
    corpus: Path, data: Path, voices: list[Path], sets: str, sound: FeatureConfig, facegood: bool, talkers: bool
) -> tuple[list[Recording], list[Recording]]:
    """What trains and what validates. `sets` are names of sets with clips, separated by commas; `voices` are folders
    of recipes.make_voices, of whose voices every twentieth validates. SystemExit where there are no clips."""
    out = []
    for split in SPLITS:
        found = [
            replace(shut_in_pauses(r, sound.sample_rate, sound.fps), source="clips")
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


def pack(path: Path, splits: tuple[list[Recording], list[Recording]]) -> None:
    """The recordings, at RATE, into one .npz; the sound loses what Opus leaves out at 20 kbit/s, the units digits."""
    out: dict[str, np.ndarray] = {}
    for name, recordings in zip(SPLITS, splits):
        for source in dict.fromkeys(r.source for r in recordings):
            group, key = [r for r in recordings if r.source == source], f"{name}/{source}"
            file = io.BytesIO()
            joined = np.concatenate([r.samples for r in group])
            soundfile.write(file, joined, RATE, format="OGG", subtype="OPUS", compression_level=SQUEEZE)
            out[f"{key}/sound"] = np.frombuffer(file.getvalue(), np.uint8)
            units = np.concatenate([r.units for r in group])
            out[f"{key}/samples"] = np.array([len(r.samples) for r in group])
            out[f"{key}/frames"] = np.array([len(r.units) for r in group])
            out[f"{key}/units"] = np.where(np.isnan(units), 255, np.round(units * 254)).astype(np.uint8)
            out[f"{key}/known"] = np.stack([r.known for r in group])
            out[f"{key}/many_voiced"] = np.array([r.many_voiced for r in group])
            for what, none in (("phones", -1), ("closed", -1)):
                whole = [getattr(r, what) for r in group]
                whole = [np.full(len(r.units), none) if w is None else w for r, w in zip(group, whole)]
                out[f"{key}/{what}"] = np.concatenate(whole).astype(np.int8)
    with open(path, "wb") as file:
        np.savez_compressed(file, **out)


def unpack(path: Path, sound: FeatureConfig) -> tuple[list[Recording], list[Recording]]:
    """What `pack` wrote, with the sound at the features' rate."""
    splits: dict[str, list[Recording]] = {name: [] for name in SPLITS}
    with np.load(path) as file:
        for key in (k.removesuffix("/sound") for k in file.files if k.endswith("/sound")):
            name, source = key.split("/")
            samples, _ = soundfile.read(io.BytesIO(file[f"{key}/sound"].tobytes()), dtype="float32")
            parts = {what: file[f"{key}/{what}"] for what in ("units", "phones", "closed")}
            parts["units"] = np.where(parts["units"] == 255, np.nan, parts["units"] / np.float32(254))
            ends = np.cumsum(file[f"{key}/frames"])
            pieces = {what: np.split(whole, ends[:-1]) for what, whole in parts.items()}
            sounds = np.split(samples, np.cumsum(file[f"{key}/samples"])[:-1])
            divisor = np.gcd(sound.sample_rate, RATE)
            for i, (piece, known, many) in enumerate(zip(sounds, file[f"{key}/known"], file[f"{key}/many_voiced"])):
                if sound.sample_rate != RATE:
                    piece = resample_poly(piece, sound.sample_rate // divisor, RATE // divisor)
                phones, closed = pieces["phones"][i].astype(int), pieces["closed"][i]
                splits[name].append(
                    Recording(
                        piece.astype(np.float32), pieces["units"][i].astype(np.float32), known, source,
                        None if (phones < 0).all() else phones, None if (closed < 0).any() else closed.astype(bool),
                        bool(many),
                    )
                )  # fmt: skip
    return splits["train"], splits["val"]
