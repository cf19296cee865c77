"""Batches and steps of training, on small made-up data."""

import numpy as np
import pytest
import torch

from gath.back_translation import back_translate
from gath.data import (
    Batch,
    Pack,
    Sampler,
    UnpairedSampler,
    mirror_points,
    mirror_units,
    to_tensor,
    with_pairs,
)
from gath.estimator import Estimator, EstimatorConfig
from gath.generator import FlowConfig, FlowGenerator
from gath.losses import (
    NOBODY,
)
from gath.mesh import OUTER_LIP
from gath.motion import LandmarkEstimator, LandmarkMover
from gath.training import Weights, generator_losses, without_mouth

NAMES = ("EyeBlink_L", "EyeBlink_R", "JawLeft", "JawOpen", "JawRight", "LipsLowerDown", "LipsLowerOpen", "LipsPucker",
         "LipsUpperOpen", "LipsUpperUp")  # fmt: skip
INDEX = {n: i for i, n in enumerate(NAMES)}
K = len(NAMES)
ESTIMATOR = LandmarkEstimator(478, K).eval()
NO_CAST = torch.autocast("cpu", torch.bfloat16, enabled=False)


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
    generator = FlowGenerator(FlowConfig(NAMES, size=32, width=8, blocks=1))
    return mover, generator


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
    mover, _ = parts()
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


def test_a_few_steps_learn_the_motion_of_one_batch(pack_folder):
    mover, generator = parts()
    batch = back_translate(Sampler(Pack(pack_folder), NAMES, 0, back_share=0.5).draw(4), mover, ESTIMATOR, INDEX)
    optimiser = torch.optim.Adam(generator.parameters(), 1e-3)
    totals = []
    for _ in range(120):
        losses = generator_losses(generator, mover, batch, Weights(), NO_CAST)
        optimiser.zero_grad()
        sum(losses.values()).backward()
        optimiser.step()
        totals.append(sum(losses[n].item() for n in ("flow", "flow_wish")))
    assert totals[-1] < 0.8 * totals[0]  # the pictures are noise: only their motion can be learned


def test_the_estimator_teaches_motion_and_does_not_look_into_mouths(pack_folder):
    mover, generator = parts()
    estimator = Estimator(EstimatorConfig(NAMES, size=32, width=4, hidden=8)).requires_grad_(False)
    batch = back_translate(Sampler(Pack(pack_folder), NAMES, 0, back_share=0.5).draw(4), mover, ESTIMATOR, INDEX)
    losses = generator_losses(generator, mover, batch, Weights(), NO_CAST, estimator)
    assert set(losses) == {"pixel", "flow", "flow_wish", "au", "units"}
    (losses["au"] + losses["units"]).backward()
    assert generator.mean_basis.grad.abs().sum() > 0


def test_between_the_lips_no_pixel_counts():
    points, turn = torch.zeros(1, 478, 2), torch.linspace(0, 2 * torch.pi, len(OUTER_LIP) + 1)[:-1]
    points[0, list(OUTER_LIP)] = 0.5 + 0.25 * torch.stack([turn.cos(), turn.sin()], 1)
    weight = without_mouth(torch.ones(1, 1, 64, 64), points)[0, 0]
    assert weight[22:42, 22:42].max() == 0 and weight[:14].min() == 1 and weight[:, 50:].min() == 1


def test_batch_fields_are_aligned(pack_folder):
    batch = Sampler(Pack(pack_folder), NAMES, 0, back_share=0.25).draw(8)
    assert isinstance(batch, Batch)
    assert batch.source.shape == batch.target.shape == (8, 3, 32, 32)
    assert batch.source.abs().max() <= 1
    assert batch.source_points.shape == (8, 478, 2) and batch.wish.shape == (8, K)


def test_source_and_target_sets_are_those_of_section_4_2(pack_folder):
    """Targets are frames of clips; sources are photographs, but for a share of the target set's people."""
    pack = Pack(pack_folder)
    sampler = UnpairedSampler(Sampler(pack, NAMES, 0, back_share=0.0), mix=0.25, least_photos=1)
    assert sampler.identities == 62  # everybody photographed, and the people of two clips
    rows = sampler.faces(4000)
    assert (pack.group[rows] >= 0).mean() == pytest.approx(0.25, abs=0.03)
    batch = sampler.draw(8, 5)
    assert batch.source.shape == batch.target.shape == (8, 3, 32, 32) and batch.real.shape == (5, 3, 32, 32)
    for picture, units in zip(batch.target, batch.target_units):
        (row,) = np.flatnonzero((pack.units == units.numpy()).all(1))
        assert pack.group[row] >= 0
        torch.testing.assert_close(picture, to_tensor(pack.images[row : row + 1])[0])
    for picture, identity in zip(batch.source, batch.identity):
        (row,) = (i for i in range(len(pack)) if torch.equal(to_tensor(pack.images[i : i + 1])[0], picture))
        assert sampler.class_of[pack.person[row]] == identity != NOBODY
    with pytest.raises(ValueError, match="nobody has 2 photographs"):
        UnpairedSampler(Sampler(pack, NAMES, 0, back_share=0.0), mix=0.0, least_photos=2)


def test_pairs_join_an_unpaired_batch_without_a_class(pack_folder):
    pairs = Sampler(Pack(pack_folder), NAMES, 0, back_share=0.0)
    batch = with_pairs(UnpairedSampler(pairs, 0.0, 1).draw(3, 4), pairs.draw(2))
    assert batch.paired.tolist() == [False] * 3 + [True] * 2
    assert (batch.identity[3:] == NOBODY).all() and len(batch.source) == len(batch.target_units) == 5
    assert len(batch.real) == 4


def test_processes_share_out_what_one_would_draw(pack_folder):
    def samplers(rank, count):
        pairs = Sampler(Pack(pack_folder), NAMES, 5, 0.5, rank, count)
        return pairs, UnpairedSampler(pairs, 0.1, 1)

    drawn = []
    for rank, count in (0, 1), (0, 2), (1, 2):
        pairs, unpaired = samplers(rank, count)
        batches = [(pairs.draw(8 // count), unpaired.draw(6 // count, 6 // count)) for _ in range(2)]
        drawn.append([vars(part) for both in batches for part in both])
    for whole, first, second in zip(*drawn):
        for name in whole:
            assert torch.equal(whole[name][0::2], first[name]) and torch.equal(whole[name][1::2], second[name])
