"""Distortions of faces in training, against OpenCV's own."""

import cv2
import numpy as np
import pytest
import torch

from gath.data import to_tensor
from recipes.parts import distortion


@pytest.fixture
def faces():
    """Two smooth pictures with some grain, uint8 [2, 64, 64, 3]."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(40, 210, (2, 8, 8, 3))
    smooth = np.stack([cv2.resize(x, (64, 64), interpolation=cv2.INTER_CUBIC) for x in coarse])
    return (smooth + rng.normal(0, 3, smooth.shape)).clip(0, 255).astype(np.uint8)


def levels(pictures: torch.Tensor) -> np.ndarray:
    return ((pictures + 1) * 127.5).permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("quality", [25, 50, 90])
def test_compression_is_that_of_jpeg(faces, quality):
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    there_and_back = [cv2.imdecode(cv2.imencode(".jpg", x[..., ::-1], flags)[1], 1)[..., ::-1] for x in faces]
    ours = levels(distortion.compressed(to_tensor(faces), torch.full((2,), float(quality))))
    lost = np.abs(there_and_back - faces.astype(float)).mean()
    assert np.abs(ours - there_and_back).mean() < 0.2 * lost + 0.5


def test_odd_sizes_are_compressed_too(faces):
    small = to_tensor(faces)[..., :61, :61]
    out = distortion.compressed(small, torch.tensor([80.0, 80.0]))
    assert out.shape == small.shape and (out - small).abs().mean() < 0.05


def test_blur_is_that_of_opencv_and_none_leaves_a_picture_alone(faces):
    ours = levels(distortion.blurred(to_tensor(faces), torch.tensor([1.2, 0.0])))
    np.testing.assert_allclose(ours[1], faces[1], atol=1e-3)
    theirs = cv2.GaussianBlur(faces[0].astype(np.float32), (9, 9), 1.2, borderType=cv2.BORDER_REFLECT_101)
    np.testing.assert_allclose(ours[0], theirs, atol=0.2)


def test_moves_turn_scale_shift_and_mirror_about_the_middle(faces):
    drawn = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    ours = levels(distortion.moved(to_tensor(faces), drawn, torch.tensor([0.0, 1.0]), 64))
    np.testing.assert_allclose(ours[1], faces[1][:, ::-1], atol=1e-2)
    turn = cv2.getRotationMatrix2D((31.5, 31.5), -distortion.ANGLE, 1.0)
    theirs = cv2.warpAffine(faces[0].astype(np.float32), turn, (64, 64), borderMode=cv2.BORDER_REFLECT)
    inside = np.s_[8:-8, 8:-8]
    wrong = min(np.abs(ours[0][inside] - x[inside]).mean() for x in (theirs,))
    assert wrong < 1.0
    further = levels(distortion.moved(to_tensor(faces), torch.tensor([[0.0, 0.0, 1.0, 0.0]] * 2), torch.zeros(2), 64))
    step = distortion.SHIFT * 64
    there = cv2.warpAffine(faces[0].astype(np.float32), np.float64([[1, 0, -step], [0, 1, 0]]), (64, 64))
    assert np.abs(further[0][inside] - there[inside]).mean() < 1.0
