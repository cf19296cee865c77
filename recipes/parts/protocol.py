"""Who drives whom in the paper's evaluation (section 5): source frames, test sequences, and their pairs.

Every person of the held-out split gives two source frames: the one nearest to no expression, and the one with the
widest mouth (largest JawOpen). Each source is paired with every sequence of the same person (intra-class: what comes
out can be compared with the real frame) and with every sequence of other people (inter-class: only units can).
Photographs of the split, where there are any, are further inter-class sources.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gath.data import Pack
from talkinghead.units.names import INDEX

SHORTEST = 4  # frames of a sequence
FRONTAL = 15.0  # degrees of yaw and of pitch from the usual, of the photographs taken as sources


@dataclass(frozen=True)
class Pair:
    """One source and the frames that drive it: rows of the pack."""

    source: int
    targets: np.ndarray  # [T], frames of one sequence
    group: int  # the sequence's number in the pack


def spread(rows: np.ndarray, count: int) -> np.ndarray:
    """`count` of the rows, evenly spaced; all of them if there are no more."""
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)] if len(rows) else rows


def sequences(pack: Pack, most: int) -> dict[int, np.ndarray]:
    """Rows of each test sequence, by its number in the pack; at most `most` of each person, evenly spaced."""
    out: dict[int, np.ndarray] = {}
    clips = np.flatnonzero(pack.group >= 0)
    for person in np.unique(pack.person[clips]):
        rows = clips[pack.person[clips] == person]
        groups, counts = np.unique(pack.group[rows], return_counts=True)
        for group in spread(groups[counts >= SHORTEST], most):
            out[int(group)] = rows[pack.group[rows] == group]
    return out


def sources(pack: Pack, clips: dict[int, np.ndarray]) -> dict[int, tuple[int, int]]:
    """Two rows for each person of the sequences: the frame nearest to zero units, and that with the largest JawOpen."""
    out = {}
    rows = np.concatenate(list(clips.values()))
    for person in np.unique(pack.person[rows]):
        own = rows[pack.person[rows] == person]
        neutral = own[(pack.units[own] ** 2).sum(1).argmin()]
        mouth_open = own[pack.units[own, INDEX["JawOpen"]].argmax()]
        out[int(person)] = int(neutral), int(mouth_open)
    return out


def photographs(pack: Pack, count: int) -> np.ndarray:
    """Rows of frontal photographs, at most one a person, evenly spaced."""
    nod = np.abs(pack.pose[:, 1] - np.median(pack.pose[:, 1]))
    rows = np.flatnonzero((pack.group < 0) & (np.abs(pack.pose[:, 0]) < FRONTAL) & (nod < FRONTAL))
    return spread(rows[np.unique(pack.person[rows], return_index=True)[1]], count)


def driving(rows: np.ndarray, every: int, most: int) -> np.ndarray:
    """Every `every`-th frame of a sequence, from the middle of the first stretch; at most `most`, evenly spaced."""
    return spread(rows[min(every // 2, len(rows) // 2) :: every], most)


def intra_pairs(pack: Pack, clips: dict[int, np.ndarray], every: int, most: int) -> list[Pair]:
    """Two pairs a sequence, driven as by `driving`; a source is never its own target."""
    chosen, out = sources(pack, clips), []
    for group, rows in clips.items():
        for source in chosen[int(pack.person[rows[0]])]:
            targets = driving(rows, every, most)
            out.append(Pair(source, targets[targets != source], group))
    return [pair for pair in out if len(pair.targets)]


def inter_pairs(pack: Pack, clips: dict[int, np.ndarray], photos: np.ndarray, every: int, most: int) -> list[Pair]:
    """Both frames of every person, and every photograph, with each sequence of somebody else, as by `driving`."""
    portraits = [row for pair in sources(pack, clips).values() for row in pair] + [int(row) for row in photos]
    return [
        Pair(source, driving(rows, every, most), group)
        for source in portraits
        for group, rows in clips.items()
        if pack.person[source] != pack.person[rows[0]]
    ]
