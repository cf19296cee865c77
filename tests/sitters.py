"""A portrait with what a mouth is made of, for tests that draw it."""

from __future__ import annotations

import cv2
import numpy as np

import gath
from gath.mesh import EYES
from talkinghead.face.align import alignment, transform
from talkinghead.face.mouth import Mouth
from talkinghead.face.outline import RING, Outline
from talkinghead.units.names import INDEX

STILL = np.zeros((2, 64, 64), np.float32)
OPEN = {"JawOpen": 0.4, "LipsUpperOpen": 0.5, "LipsLowerOpen": 0.5, "LipsUpperUp": 0.4, "LipsLowerDown": 0.3}


class Sitter:
    """A portrait with what a mouth is made of."""

    def __init__(self, image, face):
        self.image, self.face = image, face
        self.matrix = alignment(face.points, 1)
        self.matrix[:, 2] += 0.5
        self.outline = Outline(gath.ready_lips(), image, self.matrix, face.points, face.units)
        self.rest = self.outline(self.outline.rest[None])[0]
        self.eyes = [transform(self.matrix, face.points[list(eye)]) for eye in EYES]

    def mouth(self, which="own"):
        return Mouth(self.image, self.matrix, self.outline.own, self.rest, self.eyes, which)

    def opened(self, strength=1.0):
        units = self.outline.rest.copy()
        for name, value in OPEN.items():
            units[INDEX[name]] += strength * value
        return self.outline(units[None].clip(0, 1))[0]

    def inside(self, points):
        """Pixels of the photograph well within the inner lip."""
        ring = transform(cv2.invertAffineTransform(self.matrix), points[:RING])
        mask = cv2.fillPoly(np.zeros(self.image.shape[:2], np.uint8), [np.round(ring).astype(np.int32)], 1)
        return cv2.erode(mask, np.ones((3, 3), np.uint8)) > 0


def drawn(mouth, image, points, flow=STILL):
    frame = image.copy()
    mouth(points, flow).lay(frame)
    return frame
