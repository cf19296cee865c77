"""What measures the lips' outline, on a face that does not move."""

import numpy as np
import pytest
from PIL import Image

from recipes.measure_outline import errors, length


def test_under_its_own_units_a_face_is_where_it_was(head, astronaut, astronaut_face, tmp_path):
    path = tmp_path / "astronaut.png"
    Image.fromarray(astronaut).save(path)
    drawn, moved, photographed = errors(head, path, astronaut_face.units[None].astype(np.float32))
    assert length(photographed) < 0.01 and length(drawn) < 0.02 and length(moved) < 0.02


def test_no_figure_without_a_face(head, tmp_path):
    path = tmp_path / "grey.png"
    Image.fromarray(np.full((96, 96, 3), 128, np.uint8)).save(path)
    assert errors(head, path, np.zeros((1, 46), np.float32)) is None


def test_the_mean_length_of_vectors():
    assert length(np.array([[3.0, 4], [0, 0]])) == pytest.approx(2.5)
