"""How a portrait is made ready: a picture, the face found in it and the networks in, a Puppet out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from gath.mesh import EYES
from talkinghead.face import closed_lids, closed_lips
from talkinghead.face.align import alignment, to_fractions, transform
from talkinghead.face.align import crop as cut
from talkinghead.face.aside import looking_aside
from talkinghead.face.chin import Chin
from talkinghead.face.frames import YUV, Box
from talkinghead.face.head import Head
from talkinghead.face.lids import Lids
from talkinghead.face.lips import purse
from talkinghead.face.mouth import Mouth
from talkinghead.face.outline import Outline
from talkinghead.face.puppet import Decode, Puppet
from talkinghead.face.render import Renderer, square
from talkinghead.face.tracker import TrackedFace
from talkinghead.media.threads import Once

AROUND = 0.35  # of its side: how much a head that moves sees of what lies around the square that `crop` keeps


def make_puppet(
    image: np.ndarray,
    found: TrackedFace,
    generator: Any,
    mover: Any,
    crop: bool = False,
    enhance: bool = False,
    teeth: int | str = "own",
    turns: bool = False,
    device: str | None = None,
) -> Puppet:
    """The face `found` in RGB uint8 [H, W, 3], made ready; `mover` is a gath.lean_lips.LeanLips. For `crop`, `enhance`
    and `teeth` see TalkingHead.prepare. What turns is begun beside the rest if it `turns`. A video's frames are drawn
    on the `device` that torch calls so, if there is any, of a generator that warps."""
    size = generator.config.size
    view = _squared(image, found) if crop else _View(image, found, (0, 0, image.shape[1], image.shape[0]))
    head = Once(lambda: _head(view, turns))
    if turns:
        head.begin()
    outline = Outline(mover, view.image, view.to_face, view.face.points, found.units)
    if generator.warps:
        closed_lips.network.begin()
        closed_lids.network.begin()
    code = generator.encode(cut(image, alignment(found.points, size), size), found.units)
    mouth = lids = chin = None
    if generator.warps:  # one that paints the whole face paints mouth and lids as well
        mouth, lids = _mouth_and_lids(view, outline, teeth, turns)
        chin = Chin(transform(view.to_face, view.face.points), found.units, size)
    to_crop = alignment(view.face.points, size)
    return Puppet(
        units=found.units,
        renderer=Renderer(view.image, to_crop, size, enhance, mouth, lids, device if generator.warps else None),
        decode=_decoding(generator, code, found.units, chin),
        outline=outline,
        landmarks=view.face.landmarks,
        making_head=head,
        shown=view.shown,
        decode_forks=getattr(generator, "forks", False),
        smaller=lambda side: make_puppet(*view.reduced(side), generator, mover, teeth=teeth),
    )


@dataclass(frozen=True)
class _View:
    """The picture that is drawn on, RGB uint8 [h, w, 3], the face as it lies there, and the box of it that frames
    show."""

    image: np.ndarray
    face: TrackedFace
    shown: Box

    @cached_property
    def to_face(self) -> np.ndarray:
        """[2, 3] from its pixels to fractions of the aligned face."""
        return to_fractions(self.face.points)

    def reduced(self, side: int) -> tuple[np.ndarray, TrackedFace]:
        """Picture and face, `side` pixels at its longer side."""
        scale = side / max(self.image.shape[:2])
        picture = cv2.resize(self.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        others = tuple(other * scale for other in self.face.others)
        return picture, replace(self.face, landmarks=self.face.landmarks * scale, others=others)


def _squared(image: np.ndarray, found: TrackedFace) -> _View:
    """The face alone, upright, and of the picture as much around it as there is."""
    picture, points, shown = square(image, found.points, AROUND)
    scale = np.ptp(points[:, 0]) / found.width
    into, back = alignment(found.points, 1), cv2.invertAffineTransform(alignment(points, 1))
    others = tuple(transform(back, transform(into, other)) for other in found.others)
    landmarks = np.c_[points, found.landmarks[:, 2] * scale]
    return _View(picture, replace(found, landmarks=landmarks, others=others), shown)


def _head(view: _View, turns: bool) -> Head:
    head = Head(view.image, view.face.landmarks, view.face.pose, view.face.others)
    if turns:  # what a video's frames are drawn from
        head.sheet(YUV)
    return head


def _mouth_and_lids(view: _View, outline: Outline, teeth: int | str, turns: bool) -> tuple[Mouth, Lids]:
    points, to_face = view.face.points, view.to_face
    rest, pursed = (outline(units[None])[0] for units in (outline.rest, purse(outline.rest)))
    eyes = [transform(to_face, points[list(eye)]) for eye in EYES]
    mouth = Mouth(view.image, to_face, outline.own, rest, eyes, teeth, pursed)
    if turns:
        mouth.begin()
    return mouth, Lids(view.image, to_face, points, view.face.units)


def _decoding(generator: Any, code: Any, own: np.ndarray, chin: Chin | None) -> Decode:
    """What says how a face with this `code` and its `own` units [46] moves under others, as Puppet has it."""

    def decode(units: np.ndarray) -> tuple[np.ndarray | None, ...]:
        aside = looking_aside(units, own) if generator.warps else units
        flow, *painted = (None if part is None else part[0] for part in generator.decode(code, aside))
        return flow if chin is None else chin(flow, units[0]), *painted

    return decode
