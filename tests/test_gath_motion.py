"""Landmarks to flow: the geometry that training borrows."""

import numpy as np
import torch

from gath.motion import (
    LandmarkEstimator,
    LandmarkMover,
    MotionJudge,
    WarpReader,
    backward_flow,
    carry,
    fit_unit_map,
    splat,
    warp,
    wish_error,
)


def test_warp_reads_the_picture_where_the_flow_points():
    picture = torch.arange(64.0).view(1, 1, 8, 8)
    flow = torch.zeros(1, 2, 8, 8)
    flow[:, 0] = 2 / 8  # two pixels to the right, in fractions of the side
    torch.testing.assert_close(warp(picture, flow)[..., :6], picture[..., 2:])
    flow = torch.zeros(1, 2, 8, 8)
    flow[:, 1] = -1 / 8
    torch.testing.assert_close(warp(picture, flow)[..., 1:, :], picture[..., :-1, :])


def test_splat_keeps_the_value_at_a_lone_point_and_pins_the_border():
    points = torch.tensor([[[0.5, 0.5]]])
    field = splat(points, torch.tensor([[[2.0, -3.0]]]), 64)
    torch.testing.assert_close(field[0, :, 31:33, 31:33].mean((1, 2)), torch.tensor([2.0, -3.0]), atol=0.05, rtol=0)
    assert field[..., 0, :].abs().max() < 1e-3


def test_backward_flow_brings_every_landmark_home():
    """target picture(p) = source picture(p + flow(p)): at a target landmark the flow points to the source's."""
    rng = torch.Generator().manual_seed(0)
    grid = torch.stack(torch.meshgrid(*[torch.linspace(0.25, 0.75, 8)] * 2, indexing="xy"), -1).reshape(1, -1, 2)
    move = 0.03 * torch.sin(6 * grid.flip(-1)) + 0 * torch.rand(1, generator=rng)
    flow = backward_flow(grid, grid + move, 64)
    where = (grid + move) * 2 - 1
    found = torch.nn.functional.grid_sample(flow, where[:, None], align_corners=False)[:, :, 0].transpose(1, 2)
    assert (found + move).abs().max() < 0.004  # half a pixel of 128


def test_unit_map_recovers_a_known_linear_face():
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 0.05, (4, 6, 2)).astype(np.float32)
    clips = []
    for _ in range(5):
        units, pose = rng.random((200, 4)).astype(np.float32), rng.normal(0, 5, (200, 3)).astype(np.float32)
        person = rng.random((6, 2))
        nod = pose[:, 1, None, None] * 0.01  # the head's own motion must not be blamed on the units
        clips.append(((person + np.einsum("tk,kpc->tpc", units, truth) + nod).astype(np.float32), units, pose))
    np.testing.assert_allclose(fit_unit_map(clips, ridge=1e-6), truth, atol=1e-4)


def test_mover_leaves_a_face_alone_when_its_units_stay():
    torch.manual_seed(0)
    mover = LandmarkMover(torch.randn(5, 20, 2), torch.randn(3, 20, 2))
    torch.nn.init.normal_(mover.net[-1].weight)
    points, own = torch.rand(4, 20, 2), torch.rand(4, 5)
    torch.testing.assert_close(mover(points, own, own), points)
    assert (mover(points, own, 1 - own) - points).abs().max() > 0.01


def test_carried_points_lie_where_the_warp_takes_what_they_mark():
    """A bright spot at a point of the source, warped: its centre of mass is where `carry` says."""
    at = torch.tensor([[[0.45, 0.55]]])
    ys, xs = torch.meshgrid(*[(torch.arange(96) + 0.5) / 96] * 2, indexing="ij")
    spot = torch.exp(-((xs - at[0, 0, 0]) ** 2 + (ys - at[0, 0, 1]) ** 2) / (2 * 0.03**2))[None, None]
    flow = torch.stack([0.04 * torch.sin(5 * ys), -0.05 * torch.cos(4 * xs)])[None]
    mass = warp(spot, flow)[0, 0]
    centre = torch.stack([(xs * mass).sum(), (ys * mass).sum()]) / mass.sum()
    assert (centre - at[0, 0]).norm() > 0.015
    torch.testing.assert_close(carry(at, flow)[0, 0], centre, atol=0.004, rtol=0)


def test_units_asked_alone_count_more_than_those_that_should_stay():
    own, wish = torch.zeros(1, 20), torch.zeros(1, 20)
    wish[0, 3] = 0.5
    missed, leaked = own.clone(), wish.clone()
    leaked[0, 4] = 0.5
    assert wish_error(missed, own, wish) > 4 * wish_error(leaked, own, wish) > 0
    whole = torch.full((1, 20), 0.5)  # a whole expression: all count alike
    torch.testing.assert_close(wish_error(own, own, whole), torch.tensor(0.25))


def test_judge_of_motion_asks_landmarks_about_eyes_and_tracked_warps_about_the_rest():
    torch.manual_seed(0)
    landmarks, warps = LandmarkEstimator(20, 5).eval(), WarpReader(20, 5, 8, 4).eval()
    warps.motions.normal_()
    eyes = torch.tensor([True, False, False, True, False])
    judge = MotionJudge(landmarks, warps, eyes)
    points, own = torch.rand(3, 20, 2), torch.rand(3, 5)
    moved = points + 0.02 * torch.randn_like(points)
    torch.testing.assert_close(judge(points, points, own), own)  # what stays shows what it showed
    shown = judge(points, moved, own)
    by_landmarks = own + landmarks(moved) - landmarks(points)
    torch.testing.assert_close(shown[:, eyes], by_landmarks[:, eyes])
    by_warps = own + warps(points, moved - points, own) - warps(points, torch.zeros_like(points), own)
    torch.testing.assert_close(shown[:, ~eyes], by_warps[:, ~eyes])
