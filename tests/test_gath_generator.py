"""The `flow` generator: its contract, independent of how well it is trained."""

import pytest
import torch

import gath
from gath.generator import Code, FlowConfig, FlowGenerator, compose, fade
from gath.motion import warp

NAMES = ("JawOpen", "EyeBlink_L", "EyeBlink_R")


@pytest.fixture(scope="module")
def generator() -> FlowGenerator:
    """Tiny and random, its zero-initialised heads filled in so that every part does something."""
    torch.manual_seed(0)
    model = FlowGenerator(FlowConfig(NAMES, size=32, width=8, blocks=1))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.05)
    return model.eval()


@pytest.fixture(scope="module")
def portraits() -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(1)
    return torch.rand(3, 3, 32, 32, generator=g) * 2 - 1, torch.rand(3, 3, generator=g)


@torch.inference_mode()
def test_shapes_ranges_and_a_still_border(generator, portraits):
    motion = generator.decode(generator.encode(*portraits), torch.rand(3, 3))
    assert motion.flow.shape == (3, 2, 32, 32) and motion.mask is None and motion.colour is None
    frames = compose(portraits[0], motion)
    inside = motion.flow[..., 8:-8, 8:-8].abs().max()
    assert motion.flow[..., 0, :].abs().max() < 0.25 * inside  # motion dies out at the border of the crop
    assert frames.shape == (3, 3, 32, 32)


@torch.inference_mode()
def test_motion_basis_is_linear_in_the_change_of_units(generator, portraits):
    code = generator.encode(*portraits)
    step = torch.tensor([0.2, -0.1, 0.3])
    once = generator.flow(code, code.units + step)
    torch.testing.assert_close(generator.flow(code, code.units + 2 * step), 2 * once)
    torch.testing.assert_close(generator.flow(code, code.units), torch.zeros_like(once))
    expected = sum(step[k] * code.basis[:, k] for k in range(3)) * generator.window
    torch.testing.assert_close(once, expected)


@torch.inference_mode()
def test_one_portrait_shared_by_many_frames_equals_one_code_per_frame(generator, portraits):
    picture, own = portraits[0][:1], portraits[1][:1]
    units = torch.rand(5, 3)
    shared = generator.decode(generator.encode(picture, own), units)
    code = generator.encode(picture, own)
    repeated = Code(*(x.repeat(5, *[1] * (x.dim() - 1)) for x in code))
    torch.testing.assert_close(shared.flow, generator.decode(repeated, units).flow, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_fresh_generator_is_nearly_the_identity():
    model = FlowGenerator(FlowConfig(NAMES, size=32, width=8, blocks=1)).eval()
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    motion = model.decode(model.encode(picture, torch.zeros(1, 3)), torch.rand(2, 3))
    assert motion.flow.abs().max() == 0


def test_compose_is_the_stated_blend():
    picture = torch.rand(1, 3, 8, 8) * 2 - 1
    flow, mask, colour = torch.rand(2, 2, 8, 8) * 0.1, torch.rand(2, 1, 8, 8), torch.rand(2, 3, 8, 8)
    out = compose(picture, gath.generator.Motion(flow, mask, colour))
    expected = (1 - mask) * warp(picture.repeat(2, 1, 1, 1), flow) + mask * colour
    torch.testing.assert_close(out, expected)
    moved = compose(picture, gath.generator.Motion(flow))
    torch.testing.assert_close(moved, warp(picture.repeat(2, 1, 1, 1), flow))


def test_fade_is_one_inside_and_symmetric():
    window = fade(64)[0, 0]
    assert window[32, 32] == 1 and window[0].max() < 0.02
    torch.testing.assert_close(window, window.flip(0))
    torch.testing.assert_close(window, window.T)


def test_saved_weights_load_as_the_same_generator(generator, portraits, tmp_path):
    gath.save(generator, tmp_path / "g.safetensors", steps=7)
    loaded = gath.load(tmp_path / "g.safetensors")
    assert loaded.unit_names == NAMES and loaded.config == generator.config
    with torch.inference_mode():
        out, expected = (m(portraits[0], portraits[1], portraits[1].flip(0)) for m in (loaded, generator))
    torch.testing.assert_close(out, expected, atol=0.02, rtol=0)  # half precision


def test_other_safetensors_are_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match="not a generator of format"):
        gath.load(tmp_path / "x.safetensors")
