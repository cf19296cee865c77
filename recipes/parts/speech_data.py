"""Clips with sound, and rig weights, as recordings that audio2au trains on: samples in, units above rest out."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from audio2au.data import Recording, above_rest, at_frames
from audio2au.features import FeatureConfig
from audio2au.model import AudioToUnits
from talkinghead.media.audio import decode
from talkinghead.units.names import INDEX, LIP_OPENING_SCALE, UNIT_NAMES

# Lids and gaze are not in the voice, and brows hardly (tried: r 0.1 to 0.2, no better than a constant): always 0.
UNHEARD = [INDEX[u] for u in UNIT_NAMES if u.startswith(("Eye", "Brows"))]


def read_sound(path: Path, sample_rate: int, cache: Path | None = None) -> np.ndarray:
    """A whole sound, float32 [N]; decoded once if a `cache` folder is given (kept, and so returned, as 16 bits)."""
    if cache is None:
        return np.concatenate([np.zeros(0, np.float32), *decode(path, sample_rate)])
    kept = cache / f"{'_'.join([*path.parts[-3:-1], path.stem])}_{sample_rate}.npy"  # <speaker>/audio/sa1.wav
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".part")
        with open(partial, "wb") as file:
            np.save(file, (read_sound(path, sample_rate).clip(-1, 1) * 32767).round().astype(np.int16))
        partial.replace(kept)
    return np.load(kept).astype(np.float32) / 32767


def read_clip(track: Path, sound: Path, source: str, config: FeatureConfig, cache: Path | None) -> Recording | None:
    """One tracked clip as a recording of units above rest; None if the tracker lost the face in most of it."""
    with np.load(track) as file:
        units, fps = file["units"], float(file["fps"])
    if np.isnan(units[:, 0]).mean() > 0.5:
        return None
    samples = read_sound(sound, config.sample_rate, cache)
    frames = min(round(len(units) * config.fps / fps), len(samples) * config.fps // config.sample_rate)
    units = at_frames(units, (np.arange(len(units)) + 0.5) / fps, frames, config.fps)
    units = above_rest(units, samples, config.sample_rate, config.fps)
    units[:, UNHEARD] = 0
    return Recording(samples, units, np.ones(len(UNIT_NAMES), bool), source)


def clip_rows(corpus: Path, data: Path, split: str, source: str) -> list[tuple[Path, Path]]:
    """Track and sound of each clip with sound of one set (`source`) and split."""
    manifest = data / "manifest.csv"
    with open(manifest if manifest.exists() else corpus / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    out = []
    for number, row in enumerate(rows):
        if (row["kind"], row["audio"], row["set"], row["split"]) != ("clip", "1", source, split):
            continue
        track = data / "tracks" / f"{split}_clip_{source}_{Path(row['path']).stem}_{number}.npz"
        sound = Path(row.get("root", corpus)) / row.get("sound", row["path"])
        out.append((track, sound))
    return out


def read_clips(corpus: Path, data: Path, split: str, config: FeatureConfig, source: str = "grid") -> list[Recording]:
    """The clips with sound of one set (`source`) and split."""
    rows = clip_rows(corpus, data, split, source)
    found = (read_clip(track, sound, source, config, data / "sound") for track, sound in rows)
    return [recording for recording in found if recording]


def read_facegood(corpus: Path, config: FeatureConfig, clips: list[Recording]) -> list[Recording]:
    """The rig weights brought to the tracker's scale: each unit's 99th percentile is that of `clips`.

    Units that hardly move in either have no label. The two lip openings, which the rig lacks, are estimated from the
    other mouth units by least squares over `clips`.
    """
    tracked = np.concatenate([c.units for c in clips])
    tracked = tracked[np.isfinite(tracked).all(1)]
    folder = corpus / "coefficients" / "facegood"
    rigs = {}
    for path in sorted(folder.glob("*.csv")):
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
        rigs[path.stem] = np.array([[float(r[u] or "nan") for u in UNIT_NAMES] for r in rows], np.float32)
    high = np.nanpercentile(np.nan_to_num(np.concatenate(list(rigs.values()))), 99, axis=0)
    target = np.percentile(tracked, 99, axis=0)
    known = (high > 0.05) & (target > 0.05)
    scale = np.where(known, target / np.maximum(high, 0.05), 0)
    lips = [INDEX["LipsUpperOpen"], INDEX["LipsLowerOpen"]]
    fit, *_ = np.linalg.lstsq(tracked[:, known], tracked[:, lips], rcond=None)
    covered = known.copy()
    covered[lips] = True
    out = []
    for stem, rig in rigs.items():
        samples = read_sound(folder / f"{stem}.flac", config.sample_rate)
        frames = min(len(rig) * config.fps // 30, len(samples) * config.fps // config.sample_rate)
        units = (np.nan_to_num(at_frames(rig, np.arange(len(rig)) / 30, frames, config.fps)) * scale).clip(0, 1)
        units[:, lips] = (units[:, known] @ fit).clip(0, 1)
        out.append(Recording(samples, units.astype(np.float32), covered, "facegood"))
    return out


def opening(units: np.ndarray) -> np.ndarray:
    """Distance of the inner lips in eye distances, [T]."""
    return units[:, [INDEX["LipsUpperOpen"], INDEX["LipsLowerOpen"]]] @ np.float32(LIP_OPENING_SCALE)


def predictions(model: AudioToUnits, clips: list[Recording]) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and tracked units of all clips end to end, [T, U] each."""
    predicted = [model.predict(c.samples, len(c.units))[:, : len(UNIT_NAMES)] for c in clips]
    return np.concatenate(predicted), np.concatenate([c.units for c in clips])
