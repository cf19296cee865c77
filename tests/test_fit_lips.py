"""The recipe of the lip mover, on mouths whose motion is known: a line between units and landmarks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gath
from gath.lean_lips import ready_lips
from gath.mesh import MOUTH as POINTS
from recipes import fit_lips
from talkinghead.units.names import INDEX, UNIT_NAMES


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """JawOpen drops the lower lip and the chin, nothing else moves a point."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    half = rng.uniform([0.2, 0.2], [0.48, 0.8], (239, 2))
    face = np.concatenate([half, half * [-1, 1] + [1, 0]])
    falls = np.zeros((478, 1))
    falls[list(POINTS[:11] + POINTS[-2:])] = 0.1
    for split, n in ("train", 240), ("val", 80):
        (folder / split).mkdir()
        units = rng.random((n, len(UNIT_NAMES))).astype(np.float32)
        jaw = units[:, INDEX["JawOpen"], None, None]
        group = np.where(np.arange(n) < n // 2, -1, np.arange(n) // 20)
        arrays = {
            "images": np.zeros((n, 8, 8, 3), np.uint8), "units": units,
            "landmarks": (face + jaw * falls * [0, 1] + rng.normal(0, 0.0003, (n, 478, 2))).astype(np.float32),
            "pose": rng.normal(0, 2, (n, 3)).astype(np.float32),
            "group": group, "person": np.maximum(group, 0), "source": (group >= 0).astype(int),
        }  # fmt: skip
        for name, value in arrays.items():
            np.save(folder / split / f"{name}.npy", value)
    return folder


def test_the_mover_learns_what_moves_the_lips(data, tmp_path):
    fit_lips.main(data, 30, tmp_path / "lips.safetensors")
    mover = gath.load_lips(tmp_path / "lips.safetensors")
    assert mover.unit_names == UNIT_NAMES
    points = torch.from_numpy(np.load(data / "val" / "landmarks.npy")[:1, list(POINTS)])
    own = torch.from_numpy(np.load(data / "val" / "units.npy")[:1])
    own[0, INDEX["JawOpen"]] = 0.0
    wish = own.clone()
    assert torch.equal(mover(points, own, wish), points)
    wish[0, INDEX["JawOpen"]] = 0.4
    moved = (mover(points, own, wish) - points)[0]
    # A ridge and few frames hold it back.
    assert 0.02 < moved[:11, 1].mean() < 0.045 and moved[11:60].abs().mean() < 0.25 * moved[:11, 1].mean()


def test_a_wild_wish_still_gives_a_mouth(data, tmp_path):
    """No component goes further than LIMIT times what talkers show."""
    fit_lips.main(data, 2, tmp_path / "lips.safetensors")
    mover = gath.load_lips(tmp_path / "lips.safetensors")
    points, own = torch.rand(4, len(POINTS), 2), torch.zeros(4, len(UNIT_NAMES))
    moved = (mover(points, own, own + 50) - points).flatten(1)
    coefficients = moved @ torch.linalg.pinv(mover.components)
    assert coefficients.abs().max() <= fit_lips.LIMIT + 0.05


def test_a_lip_mover_is_no_generator(data, tmp_path):
    fit_lips.main(data, 2, tmp_path / "lips.safetensors")
    with pytest.raises(ValueError, match="not a generator"):
        gath.load(tmp_path / "lips.safetensors")


def test_at_work_without_torch_it_computes_the_same(data, tmp_path):
    fit_lips.main(data, 4, tmp_path / "lips.safetensors")
    mover, lean = gath.load_lips(tmp_path / "lips.safetensors"), ready_lips(tmp_path / "lips.safetensors")
    points, (own, *wish) = torch.rand(len(POINTS), 2), torch.rand(6, len(UNIT_NAMES))
    wish = torch.stack(wish)
    expected = mover(points.expand(5, -1, -1), own.expand(5, -1), wish).numpy()
    np.testing.assert_allclose(lean(points.numpy(), own.numpy(), wish.numpy()), expected, atol=1e-5)


def test_the_shape_of_pursed_lips_is_found_whatever_opens_the_mouth():
    rng, shape = np.random.default_rng(3), np.zeros((len(POINTS), 2))
    rest = rng.uniform(0.3, 0.7, shape.shape)
    rest[[20, 30]] = (0.4, 0.6), (0.6, 0.6)  # the corners, a fifth of the face apart
    shape[:, 1] = 0.05  # the same on both sides
    units = np.zeros((60, len(UNIT_NAMES)), np.float32)
    units[30:, INDEX["LipsPucker"]] = 0.9
    units[:, INDEX["LipsLowerOpen"]] = rng.random(60)
    points = rest + units[:, INDEX["LipsLowerOpen"], None, None] * rng.normal(0, 0.1, shape.shape) * [0, 1]
    points[30:] += 0.2 * shape
    found = fit_lips.fit_shapes([(points, units, np.zeros((60, 3)))])
    np.testing.assert_allclose(found[0], shape, atol=1e-4)
    assert not found[1].any()
