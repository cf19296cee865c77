"""What a voice network says, units as people have them, and what is drawn from those."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import audio2au
from audio2au.model import AudioToUnits, ModelConfig
from audio2au.recurrent import Settled
from audio2au.speech import PURSE as DRAWN_PURSE
from audio2au.speech import Speech
from recipes.fit_outputs import settle, with_purse
from talkinghead.units.names import INDEX, UNIT_NAMES
from talkinghead.units.width import drawn

LOWER, UPPER, PURSE = (INDEX[name] for name in ("LipsLowerOpen", "LipsUpperOpen", "LipsPucker"))


def state_of(**settings: float | None) -> dict[str, np.ndarray]:
    model = AudioToUnits(ModelConfig(hidden=8), UNIT_NAMES)
    settle(model, *(settings.get(name) for name in ("upper", "lower", "shut", "less")))
    return {name: value.numpy() for name, value in model.state_dict().items()}


@pytest.fixture
def said() -> np.ndarray:
    return np.random.default_rng(0).random((200, len(UNIT_NAMES)), np.float32)


def test_what_is_drawn_is_what_the_network_says(said):
    """However people's lips differ from that; but for what is drawn shut."""
    settled, plain = Settled(state_of(lower=0.25, shut=0.12, less=1.4)), Settled(state_of(lower=0.12))
    assert np.allclose(settled.drawn(settled(said)), plain(said), atol=1e-5)
    assert np.allclose(plain.drawn(plain(said)), plain(said), atol=1e-6)


def test_lips_that_purse_open_less_and_small_openings_are_smaller():
    units = np.zeros((3, len(UNIT_NAMES)), np.float32)
    units[:, [LOWER, UPPER]], units[1, PURSE], units[2, LOWER] = 0.5, 0.3, 0.1
    people = Settled(state_of(upper=0.12, lower=0.25, less=1.4))(units)
    assert people[0, LOWER] == 0.5 and people[1, LOWER] < 0.4 and people[2, LOWER] < 0.05
    assert (people[:, UPPER] == 0.5).all() and people[1, PURSE] == units[1, PURSE]


def test_torch_settles_alike():
    torch.manual_seed(0)
    model = AudioToUnits(ModelConfig(hidden=8), UNIT_NAMES).eval()
    settle(model, 0.12, 0.25, 0.12, 1.4)
    hidden = torch.randn(50, 8)
    said = torch.sigmoid(model.output(hidden)).detach().numpy()
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    assert np.allclose(model.units(hidden).detach().numpy(), Settled(state)(said), atol=1e-6)


def test_phones_that_are_known_are_drawn_as_they_are(said):
    assert drawn(object(), said) is said
    speech = audio2au.ready()
    heard = np.pad(said, ((0, 0), (0, len(speech.unit_names) - len(UNIT_NAMES))))
    assert not np.array_equal(drawn(speech, heard), heard)


def test_a_drawn_face_purses_as_before_where_people_purse_otherwise():
    """By an output of its own, which stays when the network is fitted again."""
    torch.manual_seed(0)
    before = AudioToUnits(ModelConfig(hidden=8), UNIT_NAMES).eval()
    settle(before, 0.12, 0.25, 0.12, 1.4)
    fitted = AudioToUnits(ModelConfig(hidden=8), UNIT_NAMES).eval()
    fitted.load_state_dict(before.state_dict())
    torch.nn.init.normal_(fitted.output.weight[PURSE])
    apart = with_purse(fitted, before)
    assert apart.unit_names == (*UNIT_NAMES, DRAWN_PURSE) == with_purse(fitted, apart).unit_names
    hidden = torch.randn(50, 8)
    for after in (apart, with_purse(fitted, apart)):
        was, now = (m.units(hidden).detach().numpy() for m in (before, after))
        others = np.delete(np.arange(len(UNIT_NAMES)), PURSE)
        assert np.allclose(now[:, others], was[:, others], atol=1e-6) and not np.allclose(now[:, PURSE], was[:, PURSE])
        seen = [drawn(speech_of(m), u)[:, : len(UNIT_NAMES)] for m, u in ((before, was), (after, now))]
        assert np.allclose(*seen, atol=1e-6)


def speech_of(model: AudioToUnits) -> Speech:
    return Speech(model.config, model.unit_names, {name: value.numpy() for name, value in model.state_dict().items()})
