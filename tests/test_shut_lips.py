"""Lips photographed shut, as they part: drawn by hand, so that what lies where is known."""

import cv2
import numpy as np
import pytest

from talkinghead.face import shut_lips
from talkinghead.face.mouth_place import Place
from talkinghead.face.outline import RING

SIDE = 720  # pixels of the aligned face
MIDDLE, HALF, THICK = np.array([0.5, 0.7]), 0.13, 0.04  # of the mouth, in fractions of it
UPPER_LIP, LOWER_LIP, LINE, SKIN = (120, 60, 50), (200, 120, 110), (30, 10, 10), (220, 180, 160)
SOFT = 0.5


def mouth(turn: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """RGB, [2, 3] to the aligned face, and the mouth's points, of a face that leans by `turn` degrees."""
    angles = np.pi - 2 * np.pi * np.arange(RING) / RING
    across, round_ = np.cos(angles), np.sin(angles)
    rings = [
        np.stack([across * HALF * wide, round_ * THICK * high], -1) for wide, high in ((1, 0), (1.05, 1), (1.4, 2))
    ]
    own = MIDDLE + np.vstack([*rings, [[0, 0.15]]])
    to_image = cv2.getRotationMatrix2D((0.5, 0.7), turn, SIDE)
    to_image[:, 2] = [SIDE / 2, SIDE / 2] - to_image[:, :2] @ MIDDLE
    return np.full((SIDE, SIDE, 3), SKIN, np.uint8), cv2.invertAffineTransform(to_image), own


def painted(turn: float = 0.0, creases: bool = False) -> tuple[np.ndarray, Place, np.ndarray]:
    """The picture, its place around the mouth and the points: a dark and a pale lip that meet in a black line."""
    image, to_face, own = mouth(turn)
    place = Place(image, to_face, MIDDLE - 0.2, MIDDLE + 0.2)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    along, down = np.moveaxis(np.stack([x, y], -1) @ to_face[:, :2].T + to_face[:, 2] - MIDDLE, -1, 0)
    inside = (along / HALF / 1.05) ** 2 + (down / THICK) ** 2 < 1
    image[inside & (down < 0)], image[inside & (down >= 0)] = UPPER_LIP, LOWER_LIP
    if creases:
        image[inside & (np.sin(along * SIDE * 0.7) > 0.6)] = (150, 80, 70)
    image[inside & (np.abs(down) < 1.5 / SIDE)] = LINE
    return image, place, own


def along_seam(place: Place, picture: np.ndarray, down: float, count: int = 60) -> np.ndarray:
    """The box's colours so many pixels below the seam, between its corners [count, 3]."""
    at = MIDDLE + np.stack([np.linspace(-0.6, 0.6, count) * HALF, np.full(count, down / SIDE)], -1)
    x, y = place.points(at).astype(np.float32).T
    return cv2.remap(picture, x[None], y[None], cv2.INTER_LINEAR)[0].astype(int)


@pytest.mark.parametrize("turn", [0.0, 20.0, -90.0])
def test_each_lip_goes_on_to_the_edge_in_its_own_colour(turn):
    _, place, own = painted(turn)
    made = shut_lips.parted(place, own, SOFT)
    assert np.abs(along_seam(place, place.pixels, 0.0) - LINE).mean() < 20  # as photographed
    for down, colour in ((-2, UPPER_LIP), (-1.2, UPPER_LIP), (1.2, LOWER_LIP), (2, LOWER_LIP)):
        assert np.abs(along_seam(place, made, down) - colour).mean() < 20, down


def test_gloss_beside_the_line_and_all_else_stay_the_photographs():
    image, place, own = painted()
    y, x = (SIDE / 2 + np.array([0.5 * THICK, 0.1]) * SIDE).round().astype(int)
    cv2.ellipse(image, (SIDE // 2, y), (30, 3), 0, 0, 360, (255, 250, 250), -1)  # as bright and as pale as teeth
    made = shut_lips.parted(place, own, SOFT)
    changed = np.abs(made.astype(int) - place.pixels).max(-1) > 8
    rows = np.flatnonzero(changed.any(1)) + place.box[1] - SIDE / 2
    assert np.abs(rows).max() < (shut_lips.LINE + 0.01) * place.iod + 2


def test_creases_run_on_to_the_edge(monkeypatch):
    _, place, own = painted(creases=True)
    edge, beside = (along_seam(place, shut_lips.parted(place, own, SOFT), down)[:, 0] for down in (1.0, 8.0))
    assert np.corrcoef(edge, beside)[0, 1] > 0.7
    monkeypatch.setattr(shut_lips, "STRUCTURE", (1.0, 1.0))  # the colours alone
    assert edge.std() > 1.5 * along_seam(place, shut_lips.parted(place, own, SOFT), 1.0)[:, 0].std()


def test_corners_stay_as_dark_as_they_are():
    """And what lies beside them is no lip."""
    _, place, own = painted()
    made = shut_lips.parted(place, own, SOFT)
    columns = np.flatnonzero((made != place.pixels).any((0, 2)))
    left, right = place.points(own[[0, RING // 2]])[:, 0]
    assert left <= columns[0] and columns[-1] <= right
    corner = np.s_[:, : round(left + 0.03 * (right - left))]
    assert np.abs(made[corner].astype(int) - place.pixels[corner]).max() < 40


def test_a_mouth_at_the_border_or_of_few_pixels_is_no_error():
    image, _, own = mouth()
    for scale, shift in ((0.02, 0.0), (1.0, 0.45)):
        to_face = np.array([[1 / SIDE / scale, 0, shift], [0, 1 / SIDE / scale, shift]])
        place = Place(image, to_face, MIDDLE - 0.2, MIDDLE + 0.2)
        assert shut_lips.parted(place, own, SOFT).shape == place.pixels.shape
