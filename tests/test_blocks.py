"""The network that reads both ways: block by block against torch's own bidirectional LSTM."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import audio2au
from audio2au.features import FeatureConfig, features
from audio2au.model import AudioToUnits
from audio2au.recurrent import BLOCK, ModelConfig
from talkinghead.units.names import UNIT_NAMES

SOUND = np.random.default_rng(0).standard_normal(16000 * 7).astype(np.float32) * 0.1


@pytest.fixture(scope="module")
def network() -> AudioToUnits:
    torch.manual_seed(0)
    return AudioToUnits(ModelConfig(hidden=16, delay=0, both_ways=True), UNIT_NAMES).eval()


@torch.inference_mode()
def whole(network: AudioToUnits, sound: np.ndarray) -> np.ndarray:
    return network(torch.from_numpy(features(sound, network.config.features))[None])[0][0].numpy()


def test_a_short_sound_is_exactly_what_was_trained(network):
    sound = SOUND[: 640 * (BLOCK + 20)]
    np.testing.assert_allclose(network.predict(sound), whole(network, sound), atol=1e-6)


def test_a_long_one_is_so_but_for_what_is_beyond_a_second(network):
    np.testing.assert_allclose(network.predict(SOUND), whole(network, SOUND), atol=5e-3)


@pytest.mark.parametrize("size", [333, 640, 50000])
def test_pieces_of_any_size_give_the_same_numbers(network, size):
    stream = network.stream()
    pieces = [stream.push(SOUND[i : i + size]) for i in range(0, len(SOUND), size)]
    np.testing.assert_array_equal(np.concatenate([*pieces, stream.finish()]), network.predict(SOUND))
    assert stream.finish().shape == (0, len(UNIT_NAMES))


def test_frames_are_as_many_as_asked(network):
    for frames in (0, 1, 7, 400):
        assert network.predict(SOUND[:10000], frames).shape == (frames, len(UNIT_NAMES))


def test_it_does_not_answer_late(network):
    with pytest.raises(ValueError, match="delay"):
        ModelConfig(FeatureConfig(), both_ways=True)


def test_weights_go_to_disk_and_back(network, tmp_path):
    network.half().float().save(tmp_path / "w.safetensors")
    again = audio2au.ready(tmp_path / "w.safetensors")
    assert again.config == network.config
    np.testing.assert_allclose(again.predict(SOUND[:9000]), network.predict(SOUND[:9000]), atol=2e-3)
