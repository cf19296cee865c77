"""What the paper's tables leave out: identity, sharpness, jitter, every unit alone, and speech to units."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from gath.data import Pack
from gath.metrics import jitter, unit_response
from recipes.parts.material import Protocol
from recipes.parts.protocol import Pair, sources, spread
from recipes.parts.reading import Reader, Readings, identity_missing
from recipes.parts.synthesis import Synthesiser, hull, on_side
from recipes.parts.tables import Table
from talkinghead.units.names import UNIT_NAMES

STABLE = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 2, 98, 327)  # mesh points that expressions hardly move
EYES = (33, 263)  # outer corners
LEVELS = (0.25, 0.5, 0.75, 1.0)  # of the unit asked for alone
GLIDE = 75  # frames of a sequence driven one by one
ANSWERS = 0.5  # slope from which a unit counts as answering
LAGS = range(-6, 7)  # frames


class Made(NamedTuple):
    """What one system made of all pairs of one kind, in their order."""

    pairs: list[Pair]
    pictures: np.ndarray
    readings: Readings


def sharpness(picture: np.ndarray, points: np.ndarray) -> float:
    """Variance of the Laplacian of the grey picture in the hull of its landmarks."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F)[hull(points) > 0].var())


def distances(pack: Pack, made: Made, reader: Reader, count: int) -> float:
    """Mean distance of dlib's embedding from the source's, over `count` faces evenly spaced."""
    rows = spread(np.flatnonzero(made.readings.found), count)
    if not len(rows):
        return float("nan")
    source_of = np.repeat([p.source for p in made.pairs], [len(p.targets) for p in made.pairs])[rows]
    chosen, back = np.unique(source_of, return_inverse=True)
    originals = on_side(pack.images[chosen])
    reference = reader.embed(originals, reader.read(originals).points)[back]
    ours = reader.embed(made.pictures[rows], made.readings.points[rows])
    return float(np.nanmean(np.linalg.norm(ours - reference, axis=1)))


def picture_table(pack: Pack, made: dict[tuple[str, str], Made], reader: Reader, identities: int) -> Table:
    """Identity, sharpness and lost faces of every system that makes pictures."""
    missing = "identities=0" if not identities else identity_missing()
    table = Table(
        "Identity, sharpness, faces found",
        ["system", "identity intra", "identity inter", "sharpness", "faces lost", "of"],
        note="Identity: mean distance of dlib's face embedding from the source's (same person: under 0.6). Of the real "
        "target, intra is the same person's real frame, and inter somebody else. Sharpness, intra-class: variance of "
        "the Laplacian in the face over the source's. Faces lost: syntheses in which the tracker finds none.",
    )
    if missing:
        table.note += f" Identity is not measured: {missing}."
    for name in dict.fromkeys(system for system, _ in made):
        kinds = {kind: made[name, kind] for kind in ("intra", "inter") if (name, kind) in made}
        near = {k: None if missing else distances(pack, m, reader, identities) for k, m in kinds.items()}
        intra, place, ratios = made[name, "intra"], 0, []
        for pair in intra.pairs:
            own = sharpness(on_side(pack.images[pair.source][None])[0], pack.landmarks[pair.source])
            for row in pair.targets:
                ratios.append(sharpness(intra.pictures[place], pack.landmarks[row]) / max(own, 1e-6))
                place += 1
        lost, total = (sum(f(m.readings.found) for m in kinds.values()) for f in (lambda x: int((~x).sum()), len))
        table.rows.append([name, near["intra"], near.get("inter"), float(np.mean(ratios)), lost, total])
    return table


def steadiness(readings: Readings) -> float:
    """`gath.metrics.jitter` of the stable points; NaN where too few faces are found."""
    points = readings.points[readings.found]
    if len(points) < 3:
        return float("nan")
    eyes = np.linalg.norm(points[:, EYES[0]] - points[:, EYES[1]], axis=-1)
    return jitter(points[:, STABLE], eyes)


def jitter_table(protocol: Protocol, models: dict[str, Synthesiser], reader: Reader, count: int) -> Table:
    """Jitter over the longest sequences, each driving its person's neutral frame."""
    pack = protocol.pack
    longest = sorted(protocol.clips, key=lambda g: -len(protocol.clips[g]))[:count]
    neutral = {person: rows[0] for person, rows in sources(pack, protocol.clips).items()}
    pairs = [Pair(neutral[int(pack.person[rows[0]])], rows[:GLIDE], g) for g in longest for rows in [protocol.clips[g]]]
    table = Table(
        "Jitter",
        ["system", "jitter"],
        [],
        f"Mean |second difference| of {len(STABLE)} landmarks that expressions hardly move, in eye distances x 1000, "
        f"over the first {GLIDE} frames of the {len(longest)} longest sequences. The real target moves and is aligned "
        "anew in every frame.",
    )
    for name, frames in {**models, "motionless source": protocol.motionless, "real target": protocol.real}.items():
        shakes = np.array([steadiness(reader.read(frames(pair))) for pair in pairs])
        shakes = shakes[np.isfinite(shakes)]
        table.rows.append([name, float(shakes.mean()) if len(shakes) else None])
    return table


def sweep_tables(protocol: Protocol, models: dict[str, Synthesiser], reader: Reader, count: int) -> dict[str, Table]:
    """Every unit alone at LEVELS on top of the portrait's own units: does it answer, and what else moves?"""
    pack = protocol.pack
    rows = protocol.photos if len(protocol.photos) else np.array([a for a, _ in sources(pack, protocol.clips).values()])
    portraits = spread(rows, count)
    total = Table("Every unit alone", ["system", "slope", "r", "leakage", f"slope >= {ANSWERS}", "of"])
    total.note = (
        f"{len(portraits)} portraits, each unit at {', '.join(map(str, LEVELS))} on top of the portrait's own units. "
        "Slope: change read per change asked. r: correlation of asked and read (0 where nothing moves). Leakage: root "
        "mean square change of the other units per change asked. Means over the units; sweep.csv has each. Real faces "
        "rarely move one unit alone, and the tracker hardly ever reads some units at all."
    )
    each = Table("Every unit alone, unit by unit", ["unit"], [[unit] for unit in UNIT_NAMES])
    k = len(UNIT_NAMES)
    asked = np.repeat(pack.units[portraits], 1 + k * len(LEVELS), 0).reshape(len(portraits), -1, k)
    for unit in range(k):
        first = 1 + unit * len(LEVELS)
        asked[:, first : first + len(LEVELS), unit] = LEVELS
    for name, model in models.items():
        pictures = np.concatenate([model.frames(int(row), units) for row, units in zip(portraits, asked)])
        read = reader.read(pictures).units.reshape(asked.shape)
        answers = []
        for unit in range(k):
            part = slice(1 + unit * len(LEVELS), 1 + (unit + 1) * len(LEVELS))
            wanted = asked[:, part, unit]
            own = np.repeat(pack.units[portraits, unit], len(LEVELS))
            rest = np.repeat(read[:, 0], len(LEVELS), 0)
            answers.append(unit_response(wanted.ravel(), own, read[:, part].reshape(-1, k), rest, unit))
            each.rows[unit] += answers[-1]
        each.columns += [f"{figure} {name}" for figure in ("slope", "r", "leakage")]
        slope, r, leakage = np.nan_to_num(np.array(answers)).T
        means = (float(x.mean()) for x in (slope, r, leakage))
        total.rows.append([name, *means, int((slope >= ANSWERS).sum()), k])
    return {"sweep_summary": total, "sweep": each}


def speech_tables(corpus: Path, data: Path) -> dict[str, Table]:
    """The shipped audio2au against the constant predictor: per unit (s1's test sentences), and per voice."""
    import audio2au
    from audio2au.metrics import against_tracker, by_lag
    from recipes.parts.speech_data import UNHEARD, opening, predictions, read_clips

    model = audio2au.load()
    sound = model.config.features
    training = read_clips(corpus, data, "train", sound)
    groups = {"s1 test": read_clips(corpus, data, "test", sound)}
    for i, clip in enumerate(read_clips(corpus, data, "train", sound, "styletalk_talk")):
        groups[f"styletalk_talk {i + 1}"] = [clip]
    groups = {name: clips for name, clips in groups.items() if clips}
    heard = [i for i in range(len(UNIT_NAMES)) if i not in UNHEARD]
    voices = Table("Speech to units, by voice", ["voice", "frames", "r", "r at best lag", "lag", "RMSE", "constant"])
    voices.note = (
        f"RMSE over the {len(heard)} units that speech drives, against the tracker, beside the constant predictor "
        "(each unit's mean over the training sentences). r: of the lips' opening; lag: of the picture in frames, for "
        "in the clips of styletalk_talk sound and picture are apart. No training uses these clips; s1 is the speaker "
        "of the training sentences, the others are not."
    )
    units = Table("Speech to units, unit by unit (s1 test)", ["unit", "r", "RMSE", "constant"])
    if not training or not groups:
        voices.note = f"Not measured: {data / 'tracks'} holds no clips with sound of {corpus}."
        return {"audio2au_voices": voices}
    constant = np.nanmean(np.concatenate([c.units for c in training]), axis=0)
    for name, clips in groups.items():
        predicted, tracked = predictions(model, clips)
        scores = against_tracker(predicted, tracked, constant)
        total = (float(np.sqrt((scores[k][heard] ** 2).mean())) for k in ("rmse", "constant"))
        r = by_lag(opening(tracked), opening(predicted), LAGS)
        best = max(r, key=lambda lag: np.nan_to_num(r[lag], nan=-1.0))
        voices.rows.append([name, len(tracked), r[0], r[best], best, *total])
        if name == "s1 test":
            units.rows = [[UNIT_NAMES[i], *(float(scores[k][i]) for k in ("r", "rmse", "constant"))] for i in heard]
    return {"audio2au_voices": voices, "audio2au_units": units}
