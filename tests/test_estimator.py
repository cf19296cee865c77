"""The unit estimator against its stated architecture, and the paper's figures against hand-computed ones."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch.nn import functional as F

import gath
from gath.data import mirror_units, to_tensor
from gath.estimator import Estimator, EstimatorConfig
from gath.generator import FlowConfig, FlowGenerator
from gath.metrics import correlation, pixel_errors, rmse, summarise, unit_scores
from recipes.parts.estimator_scores import predict
from talkinghead.units.names import UNIT_NAMES

SMALL = EstimatorConfig(UNIT_NAMES, size=40, width=8, hidden=16)


@pytest.fixture(scope="module")
def estimator():
    torch.manual_seed(0)
    return Estimator(SMALL, torch.rand(46)).eval()


@pytest.fixture(scope="module")
def faces():
    return torch.rand(3, 3, 40, 40, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_parameters_are_those_of_the_lead():
    """VGG-9 as CNTK's examples have it, on 100x100 pictures, counted layer by layer."""
    channels, total = 3, 0
    for c in 64, 64, 96, 96, 128, 128:
        total += 9 * channels * c + c
        channels = c
    inputs = 128 * 11 * 11  # 100 -> 49 -> 24 -> 11
    for outputs in 1024, 1024, 46:
        total += inputs * outputs + outputs
        inputs = outputs
    with torch.device("meta"):
        model = Estimator(EstimatorConfig(UNIT_NAMES))
        features = model.features(torch.empty(2, 3, 100, 100))
        units = model.judge(features)
    assert sum(p.numel() for p in model.parameters()) == total == 17_392_942
    assert features.shape == (2, 128, 24, 24) and units.shape == (2, 46)


def test_layers_follow_each_other_as_stated(estimator, faces):
    """The same weights through a plain list of operations give the same units and the same features."""
    weights = dict(estimator.named_parameters())
    x = faces
    for name in "conv1_1", "conv1_2", "pool", "conv2_1", "conv2_2", "pool", "conv3_1", "conv3_2":
        if name == "pool":
            x = F.max_pool2d(x, kernel_size=3, stride=2, padding=0)
        else:
            x = F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1).clamp(min=0)
    torch.testing.assert_close(estimator.features(faces), x)
    x = F.max_pool2d(x, kernel_size=3, stride=2, padding=0).reshape(3, -1)
    x = (x @ weights["dense1.weight"].T + weights["dense1.bias"]).clamp(min=0)
    x = (x @ weights["dense2.weight"].T + weights["dense2.bias"]).clamp(min=0)
    torch.testing.assert_close(estimator(faces), x @ weights["out.weight"].T + weights["out.bias"])


def test_forward_uses_the_features(estimator, faces, monkeypatch):
    monkeypatch.setattr(estimator, "features", lambda picture: torch.zeros(len(picture), 16, 9, 9))
    torch.testing.assert_close(estimator(faces), estimator.out.bias.expand(3, -1))  # no other way in: all biases are 0


def test_pictures_of_another_size_are_resized_and_pass_gradients(estimator):
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, 80),) * 2, indexing="ij")
    large = torch.stack([x, y, x * y])[None].requires_grad_()
    y, x = torch.meshgrid(*(F.avg_pool1d(torch.linspace(-1, 1, 80)[None], 2)[0],) * 2, indexing="ij")
    torch.testing.assert_close(estimator(large), estimator(torch.stack([x, y, x * y])[None]), atol=5e-3, rtol=0)
    estimator.features(large).square().mean().backward()
    assert large.grad.abs().sum() > 0


def test_prediction_knows_no_left_and_right(estimator):
    """The mean of a face and its mirror image: that of the mirrored face is the same, sides exchanged."""
    images = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), np.uint8)
    rows, mirrored = np.arange(3), np.ascontiguousarray(images[:, :, ::-1])
    read = predict(estimator, images, rows)
    np.testing.assert_allclose(predict(estimator, mirrored, rows), read[:, mirror_units(UNIT_NAMES)], atol=1e-5)
    assert np.abs(read - estimator(to_tensor(images)).detach().numpy().clip(0, 1)).max() > 1e-3


def test_saved_estimator_loads_as_the_same(estimator, faces, tmp_path):
    path = tmp_path / "e.safetensors"
    gath.save(estimator, path, steps=7)
    loaded = gath.load_estimator(path)
    assert loaded.config == SMALL and loaded.unit_names == UNIT_NAMES
    assert not any(p.requires_grad for p in loaded.parameters())
    torch.testing.assert_close(loaded(faces), estimator(faces), atol=0.01, rtol=0)  # half precision
    with safe_open(str(path), "pt") as file:
        assert file.metadata()["steps"] == "7" and json.loads(file.metadata()["config"])["width"] == 8


def test_generators_and_estimators_are_not_mistaken_for_each_other(estimator, tmp_path):
    gath.save(estimator, tmp_path / "e.safetensors")
    with pytest.raises(ValueError, match="e.safetensors: not a .*generator"):
        gath.load(tmp_path / "e.safetensors")
    gath.save(FlowGenerator(FlowConfig(UNIT_NAMES, 32, 8)), tmp_path / "g.safetensors")
    with pytest.raises(ValueError, match="g.safetensors: not a unit estimator"):
        gath.load_estimator(tmp_path / "g.safetensors")
    (tmp_path / "x.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="x.safetensors: not a safetensors file"):
        gath.load_estimator(tmp_path / "x.safetensors")


def test_pixel_errors_by_hand():
    output = np.zeros((1, 2, 3), np.uint8)
    target = np.array([[[3, 0, 6], [0, 12, 0]]], np.uint8)  # a wrap-around of uint8 would make 253 of the 3
    errors = pixel_errors(output, target)
    assert errors.mae == pytest.approx(21 / 6) and errors.mae_sum == pytest.approx(21 / 2)
    assert errors.rmse == pytest.approx((189 / 6) ** 0.5)
    assert errors.rmse_sum == pytest.approx(((9**2 + 12**2) / 2) ** 0.5)
    masked = pixel_errors(output, target, [[True, False]])
    assert masked.mae_sum == pytest.approx(9) and masked.rmse == pytest.approx(15**0.5)
    with pytest.raises(ValueError, match="different shapes"):
        pixel_errors(output, target[:, :1])
    with pytest.raises(ValueError, match="mask is empty"):
        pixel_errors(output, target, [[0, 0]])


def test_unit_scores_by_hand():
    true = np.array([[0.0, 0.2, 0.5], [0.2, 0.2, 0.7], [0.4, 0.2, 0.9], [0.6, 0.2, 0.5]])
    predicted = np.array([[0.1, 0.2, 0.6], [0.3, 0.3, 0.6], [0.5, 0.2, 0.6], [0.7, 0.2, 0.6]])
    scores = unit_scores(predicted, true, [0.3, 0.2, 0.65])
    np.testing.assert_allclose(scores.rmse, [0.1, 0.05, 0.03**0.5])
    np.testing.assert_allclose(scores.constant, [0.05**0.5, 0, 0.0275**0.5])
    np.testing.assert_allclose(scores.deviation, [0.05**0.5, 0, 0.0275**0.5])
    np.testing.assert_allclose(scores.correlation, [1, np.nan, np.nan])
    summary = summarise(scores)  # the unit that never varies is left out; the one predicted flat counts as 0
    assert summary.varying == 2 and summary.correlation == pytest.approx(0.5)
    assert summary.rmse == pytest.approx((0.0425 / 3) ** 0.5) and summary.constant == pytest.approx((0.0775 / 3) ** 0.5)
    assert summary.gain == pytest.approx(1 - (0.0425 / 0.0775) ** 0.5)
    assert rmse(predicted, true) == pytest.approx(summary.rmse)


def test_correlation_is_numpys():
    a, b = np.random.default_rng(0).random((2, 50, 4))
    expected = [np.corrcoef(x, y)[0, 1] for x, y in zip(a.T, b.T)]
    np.testing.assert_allclose(correlation(a, b), expected)
