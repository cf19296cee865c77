"""The paper's generator: its shape, its interface, its file."""

import pytest
import torch
from torch import nn

import gath
from gath.generator import compose, fade
from gath.paper import PaperConfig, PaperGenerator, ResNetBlock

NAMES = tuple(f"Unit{i}" for i in range(46))


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    made = PaperGenerator(PaperConfig(NAMES, width=4))
    with torch.no_grad():  # some batches, so that running statistics are those of something
        for _ in range(20):
            made(torch.rand(4, 3, 100, 100) * 2 - 1, None, torch.rand(4, 46))
    return made.eval().requires_grad_(False)


def face(count: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, 100, 100, generator=torch.Generator().manual_seed(count)) * 2 - 1


def test_layers_are_those_of_section_4_1(generator):
    assert len(generator.encoder) == 4
    for conv, norm, activation in generator.encoder:
        assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        assert activation.negative_slope == 0.1
    code = generator.encode(face())
    assert code.features.shape == (1, 16, 25, 25)
    decoder = generator.decoder
    assert decoder.join[0].in_channels == 16 + 46
    assert [type(block) for block in decoder.bottleneck] == [ResNetBlock] * 6
    assert [type(block[0]) for block in decoder.up] == [nn.ConvTranspose2d] * 2


def test_residual_connection_carries_the_code_past_the_bottleneck(generator):
    """With a bottleneck that says nothing, the picture depends on the code still, and not on the units."""
    silent = PaperGenerator(PaperConfig(NAMES, width=4, blocks=0)).eval()
    nn.init.zeros_(silent.decoder.join[1].weight)
    a, b = silent(face(2), None, torch.zeros(2, 46))
    assert not torch.allclose(a, b)
    torch.testing.assert_close(silent(face(2), None, torch.ones(2, 46)), torch.stack([a, b]))


def test_pixels_are_in_range_and_follow_units_but_not_the_own_ones(generator):
    units = torch.rand(2, 46, generator=torch.Generator().manual_seed(1))
    out = generator(face(2), torch.zeros(2, 46), units)
    assert out.shape == (2, 3, 100, 100) and out.abs().max() <= 1
    assert torch.equal(out, generator(face(2), torch.ones(2, 46), units))
    assert not torch.allclose(out, generator(face(2), None, 1 - units), atol=1e-3)


def test_motion_moves_nothing_and_fades_into_the_photograph(generator):
    picture, units = face(), torch.rand(3, 46)
    motion = generator.decode(generator.encode(picture, units[:1]), units)
    assert motion.flow.shape == (3, 2, 100, 100) and not motion.flow.any()
    torch.testing.assert_close(motion.mask, fade(100).expand(3, -1, -1, -1))
    frames, plain = compose(picture, motion), generator(picture.expand(3, -1, -1, -1), None, units)
    torch.testing.assert_close(frames[..., 30:70, 30:70], plain[..., 30:70, 30:70])
    torch.testing.assert_close(frames[..., 0, :], picture[..., 0, :].expand(3, -1, -1), atol=1e-2, rtol=0)


def test_a_frame_does_not_depend_on_what_it_is_made_with(generator):
    """Inference uses running statistics: a face alone is the same face in a batch."""
    units = torch.rand(3, 46)
    together = generator(face(3), None, units)
    for i in range(3):
        alone = generator(face(3)[i : i + 1], None, units[i : i + 1])
        torch.testing.assert_close(alone[0], together[i], atol=1e-5, rtol=1e-4)


def test_file_holds_the_generator_with_its_statistics(generator, tmp_path):
    gath.save(generator, tmp_path / "paper.safetensors", steps=7)
    loaded = gath.load(tmp_path / "paper.safetensors")
    assert isinstance(loaded, PaperGenerator) and not loaded.training and loaded.config == generator.config
    own, units = torch.zeros(1, 46), torch.rand(1, 46)
    torch.testing.assert_close(loaded(face(), own, units), generator(face(), own, units), atol=2e-2, rtol=0)
    with pytest.raises(ValueError, match="not a unit estimator"):
        gath.load_estimator(tmp_path / "paper.safetensors")


def test_size_must_survive_two_halvings():
    with pytest.raises(ValueError, match="102"):
        PaperGenerator(PaperConfig(NAMES, size=102))
