"""Losses, batches and steps of training, on small made-up data."""

import numpy as np
import pytest
import torch

from gath.back_translation import INNER_LIP, OUTER_LIP, back_translate, fill_mouth
from gath.data import Batch, Pack, Sampler, mirror_points, mirror_units
from gath.discriminator import PatchDiscriminator
from gath.generator import FlowConfig, FlowGenerator
from gath.losses import adversarial_loss, discriminator_loss, flow_loss, total_variation, weighted_l1
from gath.motion import LandmarkEstimator, LandmarkMover
from gath.training import Weights, discriminator_losses, generator_losses

NAMES = ("EyeBlink_L", "EyeBlink_R", "JawLeft", "JawOpen", "JawRight", "LipsLowerDown", "LipsLowerOpen", "LipsPucker",
         "LipsUpperOpen", "LipsUpperUp")  # fmt: skip
INDEX = {n: i for i, n in enumerate(NAMES)}
K = len(NAMES)
ESTIMATOR = LandmarkEstimator(478, K).eval()
NO_CAST = torch.autocast("cpu", torch.bfloat16, enabled=False)


def test_discriminator_loss_is_equation_9():
    real, fake = [torch.tensor([1.0, 0.5])], [torch.tensor([0.0, 0.2]), torch.tensor([0.4, 0.4])]
    assert discriminator_loss(real, fake).item() == pytest.approx(0.25 / 2 + (0.04 / 2 + 0.16) / 2)


def test_adversarial_loss_pulls_toward_one():
    assert adversarial_loss([torch.tensor([0.0, 0.5])]).item() == pytest.approx((1 + 0.25) / 2)


def test_total_variation_is_equation_8_per_pixel():
    image = torch.tensor([[[[0.0, 1.0], [2.0, 5.0]]]])
    assert total_variation(image).item() == pytest.approx((1 + 9) / 2 + (4 + 16) / 2)


def test_weighted_l1_ignores_what_has_no_weight():
    target, output = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    output[..., 3] = 9.0
    weight = torch.ones(1, 1, 4, 4)
    weight[..., 3] = 0
    assert weighted_l1(output, target, weight).item() == 0
    assert weighted_l1(output, target, torch.ones(1, 1, 4, 4)).item() == pytest.approx(9 / 4 + 0.5 * 9 / 3)


def test_flow_loss_is_a_percentage_of_the_side():
    flow, teacher = torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)
    flow[:, 0], flow[:, 1] = 0.03, 0.04
    assert flow_loss(flow, teacher, torch.ones(1, 1, 4, 4)).item() == pytest.approx(5.0, rel=1e-3)


def test_mirrored_units_swap_sides():
    swapped = [NAMES[i] for i in mirror_units(NAMES)]
    assert swapped[:5] == ["EyeBlink_R", "EyeBlink_L", "JawRight", "JawOpen", "JawLeft"]


def test_mirrored_points_are_found_on_a_symmetric_face():
    half = np.random.default_rng(0).uniform([0.1, 0.1], [0.45, 0.9], (20, 2))
    face = np.concatenate([half, half * [-1, 1] + [1, 0]])[None]
    np.testing.assert_array_equal(mirror_points(face), np.r_[20:40, 0:20])


@pytest.fixture(scope="session")
def pack_folder(tmp_path_factory):
    """Sixty photographs and two clips of noise, laid out as recipes.prepare lays them out."""
    folder = tmp_path_factory.mktemp("pack") / "train"
    folder.mkdir()
    rng = np.random.default_rng(0)
    n = 100
    half = rng.uniform([0.2, 0.2], [0.48, 0.8], (239, 2))
    face = np.concatenate([half, half * [-1, 1] + [1, 0]])
    group = np.r_[np.full(60, -1), np.zeros(20), np.ones(20)].astype(np.int64)
    arrays = {
        "images": rng.integers(0, 255, (n, 32, 32, 3), np.uint8),
        "landmarks": (face + rng.normal(0, 0.004, (n, 478, 2))).astype(np.float32),
        "units": rng.random((n, K)).astype(np.float32),
        "pose": rng.normal(0, 2, (n, 3)).astype(np.float32),
        "group": group, "person": np.where(group < 0, np.arange(n), 1000 + group), "source": group + 1,
    }  # fmt: skip
    for name, value in arrays.items():
        np.save(folder / f"{name}.npy", value)
    return folder


def parts(seed: int = 0):
    torch.manual_seed(seed)
    mover = LandmarkMover(torch.randn(K, 478, 2) * 0.01, torch.randn(4, 478, 2) * 0.01).requires_grad_(False)
    generator = FlowGenerator(FlowConfig(NAMES, size=32, width=8, blocks=1, features=4, painter=8))
    return mover, generator, PatchDiscriminator(8, 2)


def test_sampler_draws_pairs_of_one_clip_and_same_state_same_batch(pack_folder):
    sampler = Sampler(Pack(pack_folder), NAMES, 3, back_share=0.5)
    state = sampler.rng.bit_generator.state
    first = sampler.draw(8)
    assert first.back.sum() == 4
    torch.testing.assert_close(first.source[first.back], first.target[first.back])
    assert not torch.equal(first.source[~first.back], first.target[~first.back])
    sampler.rng.bit_generator.state = state
    again = sampler.draw(8)
    for a, b in zip(vars(first).values(), vars(again).values()):
        assert torch.equal(a, b)


def test_back_translation_pairs_every_photograph_with_a_labelled_pseudo_face(pack_folder):
    mover, _, _ = parts()
    batch = Sampler(Pack(pack_folder), NAMES, 0, back_share=0.5).draw(8)
    made = back_translate(batch, mover, ESTIMATOR, INDEX)
    pairs = ~batch.back
    for name in ("source", "source_units", "source_points", "target", "target_units", "target_points"):
        assert torch.equal(getattr(made, name)[pairs], getattr(batch, name)[pairs])
    for i in torch.nonzero(batch.back).flatten():
        forward = torch.equal(made.target[i], batch.target[i])
        real, pseudo = ("target", "source") if forward else ("source", "target")
        for part, own in ("", batch.target), ("_units", batch.target_units), ("_points", batch.target_points):
            assert torch.equal(getattr(made, real + part)[i], own[i])
        assert not torch.equal(getattr(made, pseudo)[i], batch.target[i])
        # The label says what the pseudo-face shows, not what was asked of it.
        shown = ESTIMATOR(getattr(made, f"{pseudo}_points")[i : i + 1]).clamp(0, 1)[0]
        torch.testing.assert_close(getattr(made, f"{pseudo}_units")[i], shown)


def test_generator_step_leaves_discriminator_untouched_and_vice_versa(pack_folder):
    mover, generator, discriminator = parts()
    batch = back_translate(Sampler(Pack(pack_folder), NAMES, 0, back_share=0.5).draw(4), mover, ESTIMATOR, INDEX)
    discriminator.requires_grad_(False)
    losses, frames, wishes = generator_losses(
        generator, mover, discriminator, batch, Weights(adversarial=1.0, matching=1.0), NO_CAST
    )
    assert set(losses) == {"pixel", "basis", "basis_wish", "flow", "flow_wish", "adversarial", "matching"}
    sum(losses.values()).backward()
    assert all(p.grad is None for p in discriminator.parameters())
    assert any(p.grad.abs().sum() > 0 for p in generator.parameters() if p.grad is not None)
    generator.zero_grad(set_to_none=True)
    discriminator.requires_grad_(True)
    discriminator_losses(discriminator, batch.target, [frames, wishes], NO_CAST).backward()
    assert all(p.grad is None for p in generator.parameters())
    assert all(p.grad.abs().sum() > 0 for p in discriminator.parameters())


def test_a_few_steps_learn_the_motion_of_one_batch(pack_folder):
    mover, generator, discriminator = parts()
    batch = back_translate(Sampler(Pack(pack_folder), NAMES, 0, back_share=0.5).draw(4), mover, ESTIMATOR, INDEX)
    optimiser = torch.optim.Adam(generator.parameters(), 3e-3)
    totals = []
    for _ in range(30):
        losses, _, wishes = generator_losses(generator, mover, discriminator, batch, Weights(), NO_CAST)
        assert wishes is None  # nobody judges the picture of a wish without an adversary
        optimiser.zero_grad()
        sum(losses.values()).backward()
        optimiser.step()
        totals.append(sum(losses[n].item() for n in ("basis", "basis_wish", "flow")))
    assert totals[-1] < 0.8 * totals[0]  # the pictures are noise: only their motion can be learned


def test_batch_fields_are_aligned(pack_folder):
    batch = Sampler(Pack(pack_folder), NAMES, 0, back_share=0.25).draw(8)
    assert isinstance(batch, Batch)
    assert batch.source.shape == batch.target.shape == (8, 3, 32, 32)
    assert batch.source.abs().max() <= 1
    assert batch.source_points.shape == (8, 478, 2) and batch.wish.shape == (8, K)


def test_filled_mouth_shows_lip_where_teeth_were():
    """A white mouth inside red lips turns red; everything outside the lips stays."""
    points = torch.full((1, 478, 2), 0.5)
    angle = torch.linspace(0, 2 * torch.pi, 21)[:-1]
    circle = torch.stack([torch.cos(angle), torch.sin(angle)], -1)
    points[:, list(OUTER_LIP)], points[:, list(INNER_LIP)] = 0.5 + 0.2 * circle, 0.5 + 0.1 * circle
    y, x = torch.meshgrid(*[(torch.arange(64) + 0.5) / 64 - 0.5] * 2, indexing="ij")
    radius = (x**2 + y**2).sqrt()
    red = torch.tensor([0.6, -0.8, -0.8]).view(1, 3, 1, 1)
    picture = torch.where(radius < 0.1, torch.ones(1, 3, 1, 1), torch.where(radius < 0.2, red, -torch.ones(1, 3, 1, 1)))
    filled = fill_mouth(picture, points)
    near = (radius < 0.08) & (radius > 0.06)
    assert (filled[0, 0][near] > 0.2).all() and (filled[0, 1][near] < -0.7).all()
    assert torch.equal(filled[..., radius > 0.15], picture[..., radius > 0.15])
