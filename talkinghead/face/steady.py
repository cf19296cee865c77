"""What an expression looks like as a turn of the head, measured on a portrait and taken from a driver's turns.

Where brows, lips and chin are tells an eye, and a tracker, how a head is turned: a portrait that stands still and opens
its lips is seen to nod, one with uneven brows to turn, by a degree or two. So a few of the driver's expressions are
drawn on the portrait, its head still, and looked at; what units and angles have in common is what the driver's head
need not do as well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from talkinghead.units.pose import ANGLES
from talkinghead.units.track import UnitTrack

if TYPE_CHECKING:
    from talkinghead.face.puppet import Puppet
    from talkinghead.face.tracker import TrackedFace, Tracker

LOOKS = 64  # pictures that are drawn and looked at
FEWEST = 12  # on which a face must be found
RIDGE = 0.1  # how little a single unit's share is trusted, in units squared
MOST = 5.0  # degrees


def steadied(track: UnitTrack, puppet: Puppet, tracker: Tracker, head: float) -> UnitTrack:
    """The track of a driver whose pose will be multiplied by `head`, less the turns that its expressions will look like
    on that portrait. A track whose head stands still, or that counts from a portrait, is returned as it is."""
    if track.pose is None or track.relative or not np.ptp(track.pose[:, ANGLES], axis=0).any():
        return track
    chosen = np.unique(np.linspace(0, len(track.units) - 1, LOOKS).astype(int))
    units, angles = _seen(track.units[chosen], puppet, tracker)
    if len(units) < FEWEST:
        return track
    change, turned = units - units.mean(0), angles - angles.mean(0)
    degrees = np.linalg.solve(change.T @ change + RIDGE * np.eye(change.shape[1]), change.T @ turned)
    pose = track.pose.copy()
    looks = ((track.units - track.units.mean(0)) @ degrees).clip(-MOST, MOST)
    pose[:, ANGLES] -= looks / max(head, 1.0)
    return replace(track, pose=pose)


def _seen(units: np.ndarray, puppet: Puppet, tracker: Tracker) -> tuple[np.ndarray, np.ndarray]:
    """Units [N, 46], and the angles [N, 3] of the face as drawn under them, where one is found."""
    place = puppet.landmarks[:, :2].mean(0) - puppet.shown[:2]

    def away(face: TrackedFace) -> float:
        return float(np.linalg.norm(face.points.mean(0) - place))

    kept, angles = [], []
    for vector, frame in zip(units, puppet.draw(units)):
        if faces := tracker(frame):
            kept.append(vector)
            angles.append(min(faces, key=away).pose)
    return np.array(kept).reshape(-1, units.shape[1]).astype(np.float64), np.array(angles).reshape(-1, 3)
