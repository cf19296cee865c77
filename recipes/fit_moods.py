"""Learn what each mood adds to the units, from actors who said sentences neutrally and in a mood: seconds.

    python -m recipes.fit_moods data=DATA [out=talkinghead/assets/moods.csv]

Reads DATA/tracks (see recipes/prepare.py): of the train split, the clips whose names carry person and emotion as
RAVDESS's and MEAD's do; of the val split, clips with an emotion in their name. Writes one row per mood and prints how
well the offsets tell people's moods who were not asked.

A mood's offset is the mean over the people of (median of the units in the mood - median in neutral). A person's own
brows and resting lips cancel out, and a median passes over blinks. Left and right are averaged, gaze and sideways
motion are left out, and so is a unit on which two people disagree in sign or that moves by less than SMALLEST: a few
seconds of a few people would otherwise pass their chances on as a mood.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.parts.config import parse
from recipes.parts.datasets import emotion_of, ravdess_take
from talkinghead.units.moods import MOODS
from talkinghead.units.names import UNIT_NAMES

SMALLEST = 0.03
NOT_MOOD = ("EyeIn", "EyeOut", "EyeUp", "EyeDown", "JawLeft", "JawRight", "MouthLeft", "MouthRight")
# Nobody in the corpus acts calm. RAVDESS means by it a second neutral with a mildly pleasant face, so where no clip
# says better it is this part of happy.
CALM_OF_HAPPY = 0.25
MEAD = re.compile(r"([MW]\d{3})_[a-z]+_[a-z]+_level\d_\d{3}")
RAVDESS = re.compile(r"\d\d(?:-\d\d){6}")


@dataclass(frozen=True)
class MoodConfig:
    data: Path
    """Folder that `recipes.prepare` wrote."""
    out: Path = Path(__file__).parents[1] / "talkinghead" / "assets" / "moods.csv"
    """CSV to write."""


def label(name: str) -> tuple[str | None, str | None]:
    """Person and mood that the name of a track tells; None where it does not, or where the mood is none of MOODS."""
    if found := RAVDESS.search(name):
        read = ravdess_take(found[0])
        return (f"actor {read[1].actor}", MOODS[read[1].emotion - 1]) if read else (None, None)
    found = MEAD.search(name)
    number = emotion_of(found[0] if found else name)
    return found[1] if found else None, MOODS[int(number) - 1] if number else None


def medians(tracks: Path, split: str) -> list[tuple[str | None, str, np.ndarray]]:
    """(person, mood, median units [46], sides averaged) of every clip of a split whose name tells a mood."""
    out = []
    for path in sorted(tracks.glob(f"{split}_clip_*.npz")):
        person, mood = label(path.stem)
        if mood is None:
            continue
        units = np.load(path)["units"]
        units = units[~np.isnan(units[:, 0])]
        if len(units):
            out.append((person, mood, symmetric(np.median(units, 0))))
    return out


def symmetric(units: np.ndarray) -> np.ndarray:
    """Units [46] with left and right averaged, and what says nothing of a mood set to zero."""
    out = units.astype(np.float64)
    for i, name in enumerate(UNIT_NAMES):
        if name.startswith(NOT_MOOD):
            out[i] = 0
        elif name.endswith("_L"):
            out[i : i + 2] = out[i : i + 2].mean()  # _R follows _L everywhere
    return out


def differences(clips: list[tuple[str | None, str, np.ndarray]]) -> dict[str, dict[str, np.ndarray]]:
    """mood -> person -> how the mood differs from the same person's neutral; without a neutral clip there is none."""
    takes: dict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
    for person, mood, units in clips:
        if person is not None:
            takes[person, mood].append(units)
    out: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    for (person, mood), units in takes.items():
        if mood != "neutral" and (person, "neutral") in takes:
            out[mood][person] = np.mean(units, 0) - np.mean(takes[person, "neutral"], 0)
    return out


def agreed(found: list[np.ndarray]) -> np.ndarray:
    """The mean of several people's differences, zero where they disagree in sign or it is small."""
    stacked = np.stack(found)
    mean = stacked.mean(0)
    same = (stacked > 0).all(0) | (stacked < 0).all(0)
    return np.where(same & (np.abs(mean) >= SMALLEST), mean, 0.0)


def nearest(vector: np.ndarray, moods: dict[str, np.ndarray]) -> str:
    """The mood whose direction is most like `vector`'s."""
    cosine = {m: vector @ o / max(np.linalg.norm(vector) * np.linalg.norm(o), 1e-9) for m, o in moods.items()}
    return max(cosine, key=cosine.get)


def report(found: dict[str, dict[str, np.ndarray]], val: list[tuple[str | None, str, np.ndarray]]) -> None:
    people = sorted({person for takes in found.values() for person in takes})
    right = total = 0
    for person in people if len(people) > 1 else []:
        others = {m: [d for p, d in takes.items() if p != person] for m, takes in found.items()}
        moods = {m: agreed(d) for m, d in others.items() if d}
        own = {m: takes[person] for m, takes in found.items() if person in takes and m in moods}
        right += sum(nearest(difference, moods) == m for m, difference in own.items())
        total += len(own)
    print(f"{len(people)} people, each told by the offsets of the others: {right} of {total} clips")
    moods = {m: agreed(list(takes.values())) for m, takes in found.items()}
    val = [(mood, units) for _, mood, units in val if mood in moods]
    if len(val) > 1:  # without neutral clips of their people: they differ from each other's mean, and so do the moods
        centre = np.mean([units for _, units in val], 0)
        middle = np.mean([moods[mood] for mood, _ in val], 0)
        centred = {mood: offset - middle for mood, offset in moods.items()}
        right = sum(nearest(units - centre, centred) == mood for mood, units in val)
        print(f"clips of val: {right} of {len(val)}")


def table(found: dict[str, dict[str, np.ndarray]]) -> dict[str, tuple[str, np.ndarray]]:
    """mood -> (where its offset comes from, offset [46]), for all MOODS; SystemExit names those that no clip shows."""
    nothing = np.zeros(len(UNIT_NAMES))
    rows = {"neutral": ("nothing is added", nothing)}
    for mood, takes in found.items():
        rows[mood] = (f"{len(takes)} people", agreed(list(takes.values())))
    if "calm" not in rows and "happy" in rows:
        rows["calm"] = (f"{CALM_OF_HAPPY:g} of happy; no clip shows it", CALM_OF_HAPPY * rows["happy"][1])
    if missing := [mood for mood in MOODS if mood not in rows]:
        sys.exit(f"no train clip shows {', '.join(missing)} by a person whose neutral face is known")
    return {mood: rows[mood] for mood in MOODS}


def main(words: list[str]) -> None:
    config = parse(MoodConfig, words)
    found = differences(medians(config.data / "tracks", "train"))
    rows = table(found)
    report(found, medians(config.data / "tracks", "val"))
    lines = [",".join(("mood", "from", *UNIT_NAMES))]
    lines += [",".join((mood, source, *(f"{v:.3f}" if v else "0" for v in o))) for mood, (source, o) in rows.items()]
    config.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{config.out} is written")


if __name__ == "__main__":
    main(sys.argv[1:])
