"""What an expression looks like on a portrait, also as a turn of the head, and what to ask for instead.

Where brows, lips and chin are tells an eye, and a tracker, how a head is turned: a portrait that stands still and opens
its lips is seen to nod, one with uneven brows to turn, by a degree or two. So a few of the driver's expressions are
drawn on the portrait, its head still, and looked at; what units and angles have in common is what the driver's head
need not do as well. Of a voice closed lids are looked at, and a few mouths, which tell what sort of face it is
(looks.py), and how its purses are read (purses.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from talkinghead.face import purses
from talkinghead.face.as_seen import as_seen
from talkinghead.face.looks import COLUMNS, NOISE, Looks, common, mouth, own_map
from talkinghead.media.threads import ahead
from talkinghead.media.yuv import planes, to_rgb
from talkinghead.units.blink import close_lids
from talkinghead.units.pose import ANGLES, NEUTRAL
from talkinghead.units.track import UnitTrack

if TYPE_CHECKING:
    from talkinghead.face.puppet import Puppet
    from talkinghead.face.tracker import TrackedFace, Tracker

SIDE = 720  # pixels at most of what is looked at
LOOKS, FEW = 64, 16  # pictures that are drawn and looked at, and so many if the head stands still
FEWEST = 12  # on which a face must be found
NARROWEST = 60  # pixels of a face there; expressions of one that is narrower are not read well enough
RIDGE = 0.1  # how little a single unit's share is trusted, in units squared
MOST = 5.0  # degrees
AHEAD = 1  # pictures that are drawn while the tracker looks at the one before
# A turn too small to see, in degrees: faces that stand still are looked at as they are drawn when they turn, for which
# all is at hand.
UNSEEN = np.array([1e-3, 0, 0, 0, 0, 0])


def steadied(track: UnitTrack, puppet: Puppet, tracker: Tracker, head: float) -> UnitTrack:
    """What to ask of a portrait for the track of a driver whose pose will be multiplied by `head`: units that look like
    the driver's on it, and the turns less those that its expressions will look like. A track that counts from a
    portrait is returned as it is."""
    if track.relative:
        return track
    turns = track.pose is not None and head > 0 and bool(np.ptp(track.pose[:, ANGLES], axis=0).any())
    chosen = np.unique(np.linspace(0, len(track.units) - 1, LOOKS if turns else FEW).astype(int))
    seen_wide = np.ptp(puppet.landmarks[:, 0]) * min(1, SIDE / max(puppet.width, puppet.height)) >= NARROWEST
    if len(chosen) < FEWEST or not (turns or seen_wide):
        return track
    units, angles, read = seen(track.units[chosen], puppet, tracker, turns)
    if len(units) < FEWEST:
        return track
    asked = as_seen(track.units, units, read, puppet.units) if seen_wide else track.units
    if track.pose is None or not turns:
        return replace(track, units=asked)
    degrees = _shares(units, angles, RIDGE)
    pose = track.pose.copy()
    looks = ((track.units - track.units.mean(0)) @ degrees).clip(-MOST, MOST)
    pose[:, ANGLES] -= looks / max(head, 1.0)
    return replace(track, units=asked, pose=pose)


def of_speech(puppet: Puppet, tracker: Tracker) -> Looks:
    """What a portrait's mouth and lids look like while it speaks; nothing, where its face is not found."""
    faces, drawn = common(), puppet.parting.drawn
    wanted = np.tile(puppet.rest, (len(faces.mouths) + 2, 1))
    wanted[2:, COLUMNS] = (wanted[2:, COLUMNS] + faces.mouths[:, :-1]).clip(0, 1)
    wanted[1] = close_lids(wanted[1], 1.0)
    units, angles, read = seen(wanted, puppet, tracker)
    if len(units) < len(wanted):
        return Looks(puppet.rest, drawn, np.zeros_like(faces.mean), np.zeros(3), puppet.purses)
    shut, *turned = angles[1:] - angles[0]
    shut = shut**3 / (shut**2 + 2 * NOISE**2)  # as far as one look tells
    beyond = units[2:] - units[0]
    own = purses.Purses(purses.updated(puppet.purses.table, beyond, read[2:], purses.common()))
    return Looks(puppet.rest, drawn, own_map(mouth(beyond, drawn), np.array(turned), faces), shut, own)


def seen(
    units: np.ndarray, puppet: Puppet, tracker: Tracker, turns: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Units [N, 46], the angles [N, 3] of the face as drawn under them and the units [N, 46] that are read on it, where
    one is found; of a portrait that `turns` as it is drawn then. Another thread may draw on the portrait between one
    look and the next."""
    busy, still = puppet.renderer.busy, np.tile(NEUTRAL + UNSEEN * turns, (len(units), 1))
    if max(puppet.width, puppet.height) > 2 * SIDE:  # to make another takes less time than to draw on this one
        with busy:
            puppet, still = puppet.smaller(SIDE), np.tile(NEUTRAL, (len(units), 1))
    place = (puppet.landmarks[:, :2].mean(0) - puppet.shown[:2]) * min(1, SIDE / max(puppet.width, puppet.height))

    def away(face: TrackedFace) -> float:
        return float(np.linalg.norm(face.points.mean(0) - place))

    def drawn() -> Iterator[np.ndarray]:
        frames = puppet.draw(units, still, planar=True)
        for _ in units:
            with busy:
                picture = _reduced(next(frames))
            yield picture

    kept, angles, read = [], [], []
    for vector, picture in zip(units, ahead(drawn(), AHEAD)):
        if faces := tracker(picture):
            face = min(faces, key=away)
            kept.append(vector)
            angles.append(face.pose)
            read.append(face.units)
    asked, shown = (np.array(part).reshape(-1, units.shape[1]).astype(np.float64) for part in (kept, read))
    return asked, np.array(angles).reshape(-1, 3), shown


def _reduced(frame: np.ndarray) -> np.ndarray:
    """RGB uint8 [h, w, 3] of a frame as media.yuv has it, no larger than SIDE."""
    whole = planes(frame)
    scale = min(1, SIDE / max(whole[0].shape))
    height, width = (2 * max(1, round(scale * side / 2)) for side in whole[0].shape)
    out = np.empty((height * 3 // 2, width), np.uint8)
    for small, plane in zip(planes(out), whole):
        small[:] = cv2.resize(plane, small.shape[::-1], interpolation=cv2.INTER_AREA)
    return to_rgb(out)


def _shares(units: np.ndarray, angles: np.ndarray, ridge: float) -> np.ndarray:
    """Degrees [K, 3] for every one of the units [N, K] under which the angles [N, 3] were seen."""
    change, turned = units - units.mean(0), angles - angles.mean(0)
    return np.linalg.solve(change.T @ change + ridge * np.eye(change.shape[1]), change.T @ turned)
