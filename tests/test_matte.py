from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest
import torch

from gath import files
from gath.layers import request
from gath.matte import MatteNet
from recipes import train_matte
from recipes.parts import behind, net_run
from talkinghead.face.align import transform
from talkinghead.face.matte import EYE_LINE, SIDE, described, matte, window
from talkinghead.face.matte_colours import by_colour


def test_window_is_upright_around_the_eyes():
    """Eyes on its eye line, 1 / 5.4 of its side apart, wherever and however the face lies in the picture."""
    from talkinghead.face.align import ALIGN_POINTS, TEMPLATE

    points = np.zeros((478, 2))
    points[list(ALIGN_POINTS)] = TEMPLATE
    for angle, scale, shift in ((0, 100, 20), (40, 700, -50), (-170, 30, 300)):
        turn = cv2.getRotationMatrix2D((0.5, 0.5), angle, scale)
        seen = transform(window(transform(turn, points) + shift), transform(turn, points)[[33, 263]] + shift)
        np.testing.assert_allclose(seen.mean(0), (SIDE / 2 - 0.5, EYE_LINE * SIDE - 0.5), atol=0.05)
        assert seen[1, 0] - seen[0, 0] == pytest.approx(SIDE / 5.4, rel=0.01)


def test_the_person_is_opaque_and_what_is_beside_clear(astronaut, astronaut_face):
    opacity = matte(astronaut, astronaut_face.points)
    assert opacity.shape == astronaut.shape[:2] and opacity.dtype == np.uint8
    hull = cv2.convexHull(astronaut_face.points.astype(np.int32))
    face = cv2.fillConvexPoly(np.zeros_like(opacity), hull, 1) > 0
    assert opacity[cv2.erode(face.astype(np.uint8), np.ones((5, 5))) > 0].min() > 200
    assert (opacity[25:45, 200:245] > 200).mean() > 0.9  # her hair
    assert (opacity[5:80, 90:140] < 60).mean() > 0.8 and (opacity[5:80, 310:380] < 60).mean() > 0.8  # flag, shuttle


def test_colours_decide_what_is_in_doubt():
    """What has the person's colour is the person's, what has the background's is not; what was sure stays, and where
    both are alike nothing changes."""
    random = np.random.default_rng(0)
    picture = np.full((SIDE, SIDE, 3), (40, 90, 160), np.uint8)
    picture[:, 60:100] = 200, 150, 120
    picture[:, 90:100] = 40, 90, 160
    picture = (picture + random.normal(0, 4, picture.shape)).clip(0, 255).astype(np.uint8)
    opacity = np.where((np.arange(SIDE) >= 60) & (np.arange(SIDE) < 100), 1.0, 0.0)
    opacity[80:100] = 0.5
    found = by_colour(picture, np.tile(opacity.astype(np.float32), (SIDE, 1)))
    assert found[:, 82:88].min() > 0.9 and found[:, 92:98].max() < 0.1
    assert found[:, 60:80].min() == 1 and found[:, :60].max() == 0 and found[:, 100:].max() == 0
    alike = by_colour(np.full_like(picture, 90), np.tile(opacity.astype(np.float32), (SIDE, 1)))
    np.testing.assert_allclose(alike[:, 82:98], 0.5, atol=0.01)


def test_other_people_are_left_where_they_are(astronaut, astronaut_face):
    """A face beside hers, where her shoulder is; one behind hers, of which her own head is in front."""
    own = astronaut_face.points
    alone, wide = matte(astronaut, own), np.ptp(own, axis=0)
    beside = own + wide * (0.8, 1.3)
    x, y = beside.mean(0).astype(int)
    inside = np.s_[y - 9 : y + 9, x - 9 : x + 9]
    assert alone[inside].min() > 200 and matte(astronaut, own, [beside])[inside].max() == 0
    behind = matte(astronaut, own, [own + 0.2 * wide])
    head = cv2.convexHull(own.astype(np.int32))
    head = cv2.fillConvexPoly(np.zeros_like(alone), head, 1) > 0
    np.testing.assert_array_equal(behind[head], alone[head])
    assert (behind[25:45, 200:245] > 200).mean() > 0.9  # her hair


def test_a_cheek_at_the_cheek_is_not_the_persons(astronaut_face, monkeypatch):
    """Somebody whom no tracker found, as a network sees that: in doubt, and of the person's own colour."""
    points = astronaut_face.points
    to_picture = cv2.invertAffineTransform(window(points))
    own = transform(window(points), points)
    left, top = own.min(0).round().astype(int)
    opacity = np.zeros((SIDE, SIDE), np.float32)
    opacity[top : top + 40, left - 30 : left + 1] = 0.6
    cv2.fillConvexPoly(opacity, cv2.convexHull(np.round(own).astype(np.int32)), 1.0)
    seen = np.where(opacity[..., None] > 0, (200, 150, 120), (40, 90, 160)).astype(np.uint8)
    picture = cv2.warpAffine(seen, to_picture, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    monkeypatch.setattr("talkinghead.face.matte._predict", lambda _: opacity)
    found = cv2.warpAffine(matte(picture, points), window(points), (SIDE, SIDE))
    assert found[top + 5 : top + 35, left - 25 : left - 10].max() == 0
    assert found[top + 20, own[:, 0].mean().astype(int)] == 255


def test_network_runs_without_torch_as_it_does_in_torch(tmp_path):
    torch.manual_seed(0)
    net, picture = MatteNet().eval(), torch.rand(1, 3, SIDE, SIDE) * 2 - 1
    files.save(net, tmp_path / "net.safetensors", steps=3)
    kind, _, state = files.read(tmp_path / "net.safetensors")
    assert kind == "matte" and (tmp_path / "net.safetensors").stat().st_size < 1_000_000
    found = request(described(state)).infer([picture.numpy()])[0]
    with torch.inference_mode():
        np.testing.assert_allclose(found, net(picture).numpy(), atol=5e-3)


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Discs on grounds of another colour, in the form that recipes.label_mattes gives."""
    folder, rng, size = tmp_path_factory.mktemp("mattes"), np.random.default_rng(0), SIDE + 40
    y, x = np.mgrid[:size, :size]
    disc = (np.hypot(x - size / 2, y - size / 2) < size / 4)[..., None]
    for split, count in (("train", 6), ("val", 3)):
        colours = rng.integers(0, 255, (2, count, 1, 1, 3))
        np.save(folder / f"{split}_pictures.npy", np.where(disc, *colours).astype(np.uint8))
        np.save(folder / f"{split}_mattes.npy", np.repeat(255 * disc[None, ..., 0], count, 0).astype(np.uint8))
        np.save(folder / f"{split}_sets.npy", np.array(["a"] * (count - 1) + ["b"]))
    return folder


def test_a_resumed_run_equals_one_that_was_never_stopped(material, tmp_path, monkeypatch):
    monkeypatch.setattr(train_matte, "VAL_PICTURES", 2)

    def run(name, *steps):
        for count in steps:
            train_matte.main([f"data={material}", f"run={tmp_path / name}", "batch=2", f"steps={count}"])
        return torch.load(tmp_path / name / "latest.pt", weights_only=False)

    # The learning rate falls over `steps`, so a stop is made by time and not by them.
    monkeypatch.setattr(net_run.time, "monotonic", iter([0, 0, 0, 1e9, 0, 0, 0, 0, 0, 0, *[0] * 50]).__next__)
    whole_after_stop = run("stopped", 4, 4)
    whole = run("whole", 4)
    assert whole_after_stop["step"] == whole["step"] == 4
    for name, value in whole["net"].items():
        assert torch.equal(value, whole_after_stop["net"][name]), name
    rows = list(csv.DictReader(open(tmp_path / "stopped" / "val.csv")))
    assert [int(row["step"]) for row in rows][-1] == 4


def shares(faces):
    return np.bincount(faces.rows(3000), minlength=len(faces)) / 3000


def test_material_is_set_before_other_backgrounds(material, monkeypatch):
    monkeypatch.setattr(train_matte, "hats", lambda pictures, mattes: np.zeros(len(pictures), bool))
    faces = train_matte.Pictures(material, "train", 0)
    pictures, mattes = faces.draw(faces.rows(8), composed=1.0)
    assert pictures.shape == (8, 3, SIDE, SIDE) and mattes.shape == (8, 1, SIDE, SIDE)
    assert -1 <= pictures.min() and pictures.max() <= 1 and 0 <= mattes.min() and mattes.max() <= 1
    plain, _ = train_matte.Pictures(material, "train", 0).draw(np.zeros(8, int), composed=0.0)
    behind, ground = (part[:, :, :12, :12].flatten(2).std(2).mean() for part in (pictures, plain))
    assert behind > 3 * ground
    plainly = shares(faces)
    assert plainly[-1] > 0.25  # of a small set: 1 / (1 + 5 ** 0.5) = 0.31
    monkeypatch.setattr(train_matte, "hats", lambda pictures, mattes: np.arange(len(pictures)) == 0)
    favoured = shares(train_matte.Pictures(material, "train", 0))
    ratio = (favoured[0] / favoured[1]) / (plainly[0] / plainly[1])
    assert 0.6 * train_matte.HATS < ratio < 1.6 * train_matte.HATS


def test_patterns_fill_the_picture_and_are_many():
    rng = np.random.default_rng(0)
    drawn = [behind.pattern(rng, SIDE) for _ in range(30)]
    assert all(p.shape == (SIDE, SIDE, 3) and 0 <= p.min() and p.max() <= 255 for p in drawn)
    assert len({p.tobytes() for p in drawn}) == 30
    assert np.mean([p.std((0, 1)).max() > 5 for p in drawn]) > 0.9
    np.testing.assert_array_equal(behind.pattern(np.random.default_rng(0), SIDE), drawn[0])


def test_a_cut_picture_repeats_its_border(material):
    faces = train_matte.Pictures(material, "train", 2)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    for _ in range(20):
        across, down = faces.cut(x, y)
        assert np.abs(across - x).max() < 0.5 * SIDE
        middle = np.s_[70:90, 70:90]  # no cut comes so far in
        np.testing.assert_allclose(across[middle], x[middle], atol=0.1)
        np.testing.assert_allclose(down[middle], y[middle], atol=0.1)
    assert sum(np.abs(faces.cut(x, y)[0] - x).max() > 5 for _ in range(20)) > 10


def test_a_run_begins_with_the_weights_it_is_given(material, tmp_path):
    first = train_matte.Run(train_matte.Config(material, tmp_path, seed=1))
    files.save(first.net, tmp_path / "start.safetensors")
    later = train_matte.Run(train_matte.Config(material, tmp_path, start=str(tmp_path / "start.safetensors"), seed=2))
    for name, value in first.net.state_dict().items():
        np.testing.assert_allclose(later.average.state_dict()[name], value, atol=2e-3)
