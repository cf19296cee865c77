"""Speech to units: features against librosa, streaming, and what the shipped network does with sound."""

from __future__ import annotations

import tracemalloc
from functools import cache
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from torchaudio.functional import melscale_fbanks

import audio2au
from audio2au.data import (
    Mixture,
    Recording,
    above_rest,
    at_frames,
    change_voice,
    coloured_noise,
    from_speech,
    level_to,
    reverberate,
    shut_in_pauses,
)
from audio2au.features import (
    DEPTH,
    FeatureConfig,
    FeatureStream,
    Normaliser,
    chroma_filters,
    features,
    frame_count,
    mel_filters,
)
from audio2au.metrics import against_tracker, correlation, follows_energy
from audio2au.model import AudioToUnits, ModelConfig
from audio2au.speech import WEIGHTS
from talkinghead.units.names import HEARD, INDEX, LIP_OPENING_SCALE, UNIT_NAMES

CORPUS = Path(__file__).parents[1].parent / "shared" / "corpus"
RATE = 16000
LOGMEL = FeatureConfig()
PHAM = FeatureConfig("pham2017", 24000, steps=3, n_fft=1024, n_mels=128, fmin=0, fmax=8000)


@cache
def syllables(seconds: float = 6.0, pitch: float = 120.0, rate: int = RATE) -> np.ndarray:
    """A voice of sorts: harmonics with vowel formants, four syllables a second, a pause in the middle, faint hiss."""
    time = np.arange(int(seconds * rate)) / rate
    sound = np.zeros(len(time))
    for k in range(1, int(4000 / pitch)):
        formants = sum(np.exp(-(((k * pitch - f) / w) ** 2)) for f, w in ((600, 200), (1300, 250), (2500, 400)))
        sound += formants / np.sqrt(k) * np.sin(2 * np.pi * k * pitch * time * (1 + 0.01 * np.sin(time)))
    envelope = np.sin(np.pi * 4 * time).clip(0) ** 2 * ((time % 3) > 1) * (time > 0.5)
    hiss = 1e-3 * np.random.default_rng(0).standard_normal(len(time))
    return (0.3 * envelope * sound / np.abs(sound).max() + hiss).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> AudioToUnits:
    torch.set_num_threads(1)
    return audio2au.load()


def untrained(config: FeatureConfig = LOGMEL) -> AudioToUnits:
    torch.manual_seed(0)
    return AudioToUnits(ModelConfig(config, hidden=16), UNIT_NAMES).eval()


def librosa_power(samples: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """librosa's power spectrogram on the grid of the features: steps' middles, window of unit energy, [steps, bins]."""
    before = config.n_fft // 2 - config.hop // 2
    padded = np.pad(samples, (before, config.n_fft + 4 * config.hop * config.steps))
    spectrum = librosa.stft(padded, n_fft=config.n_fft, hop_length=config.hop, center=False)
    return (np.abs(spectrum) ** 2).T / (librosa.filters.get_window("hann", config.n_fft) ** 2).sum()


@pytest.mark.parametrize("config", [LOGMEL, PHAM], ids=lambda c: c.kind)
def test_features_match_librosa(config):
    samples = syllables(2.0, rate=config.sample_rate)
    ours = features(samples, config)
    power = librosa_power(samples, config)
    mel = librosa.filters.mel(
        sr=config.sample_rate, n_fft=config.n_fft, n_mels=config.n_mels, fmin=config.fmin, fmax=config.fmax, norm=1
    )
    bands, loudness = Normaliser(config)(power @ mel.T)
    base, extras = bands, [loudness]
    if config.kind == "pham2017":
        base = librosa.feature.mfcc(S=bands.T, n_mfcc=13).T
        chroma = librosa.feature.chroma_stft(S=power.T, sr=config.sample_rate, n_fft=config.n_fft, tuning=0.0).T
        extras = [bands, chroma]
    first, second = (librosa.feature.delta(base.T, width=5, order=order).T for order in (1, 2))
    theirs = np.concatenate([base, first, second, *extras], axis=1)
    inside = slice(1, len(ours) - 1)  # librosa guesses the differences at its ends
    reference = theirs[: len(ours) * config.steps].reshape(len(ours), -1)
    assert ours.shape == (50, config.dimension)
    np.testing.assert_allclose(ours[inside], reference[inside], atol=3e-3)


@pytest.mark.parametrize("config", [LOGMEL, PHAM], ids=lambda c: c.kind)
def test_mel_filters_are_those_of_torchaudio(config):
    bins, rate = config.n_fft // 2 + 1, config.sample_rate
    theirs = melscale_fbanks(bins, config.fmin, config.fmax, config.n_mels, rate, mel_scale="slaney").numpy().T
    np.testing.assert_allclose(mel_filters(config), theirs / theirs.sum(1, keepdims=True), atol=1e-5)


def test_pham_has_the_papers_size():
    assert PHAM.dimension == 537


@pytest.mark.parametrize(("rate", "n_fft"), [(24000, 2048), (16000, 512)])
def test_chroma_filters_match_librosa(rate, n_fft):
    config = FeatureConfig(kind="pham2017", sample_rate=rate, n_fft=n_fft)
    np.testing.assert_allclose(chroma_filters(config), librosa.filters.chroma(sr=rate, n_fft=n_fft), atol=1e-6)


def test_filters_match_librosa():
    theirs = librosa.filters.mel(sr=RATE, n_fft=512, n_mels=40, fmin=80, fmax=7600, norm=1)
    np.testing.assert_allclose(mel_filters(LOGMEL), theirs, atol=1e-6)


def test_features_ignore_gain_and_soon_the_microphone():
    samples = syllables(9.0)
    plain = features(samples, LOGMEL)
    np.testing.assert_allclose(features(samples * 4, LOGMEL), plain, atol=0.1)
    bright = np.convolve(samples, [1, -0.7])[: len(samples)].astype(np.float32)
    loud = np.abs(samples).reshape(-1, 640)[:225].max(1) > 0.05
    raw = np.abs(np.log(np.abs(np.fft.rfft(bright[-16000:])).mean() / np.abs(np.fft.rfft(samples[-16000:])).mean()))
    assert raw > 0.3  # the microphone does change the sound
    late = np.flatnonzero(loud)[-30:]
    assert np.abs(features(bright, LOGMEL)[late, :40] - plain[late, :40]).mean() < 0.5


def test_digital_silence_is_a_constant():
    vectors = features(np.zeros(RATE, np.float32), LOGMEL)
    np.testing.assert_allclose(vectors, vectors[-1:].repeat(25, 0), atol=2e-3)
    np.testing.assert_allclose(vectors[:, :40], -DEPTH, atol=2e-3)


@pytest.mark.parametrize("change", [{"kind": "mfcc"}, {"steps": 1}, {"fps": 24}, {"fmax": 9000.0}])
def test_impossible_features_are_refused(change):
    with pytest.raises(ValueError):
        FeatureConfig(**change)


@pytest.mark.parametrize("sizes", [(1,), (37, 1000, 3), (641,), (16000,)], ids=str)
@pytest.mark.parametrize("config", [LOGMEL, PHAM], ids=lambda c: c.kind)
def test_pieces_of_any_size_give_the_same_numbers(config, sizes):
    samples = syllables(0.7 if sizes == (1,) else 2.5, rate=config.sample_rate)
    network = untrained(config)
    stream, parts, at, turn = network.stream(), [], 0, 0
    while at < len(samples):
        parts.append(stream.push(samples[at : at + sizes[turn % len(sizes)]]))
        at, turn = at + sizes[turn % len(sizes)], turn + 1
    streamed = np.concatenate([*parts, stream.finish()])
    assert np.array_equal(streamed, network.predict(samples))


def test_stream_runs_the_network_that_was_trained():
    network, samples = untrained(), syllables(2.0)
    vectors = torch.from_numpy(features(np.pad(samples, (0, 4 * 640)), LOGMEL))
    with torch.inference_mode():
        whole = network(vectors[None])[0][0, network.config.delay :]
    np.testing.assert_allclose(network.predict(samples), whole[:50], atol=1e-5)


@pytest.mark.parametrize("length, frames", [(0, 0), (1, 1), (640, 1), (641, 2), (RATE, 25), (3 * RATE + 5, 76)])
def test_frames_cover_the_sound(length, frames):
    assert frame_count(length, LOGMEL) == frames
    assert untrained().predict(np.zeros(length, np.float32)).shape == (frames, 46)


def test_a_stream_gives_as_many_frames_as_asked():
    network, samples = untrained(), syllables(1.0)
    assert len(network.predict(samples, 40)) == 40
    stream = network.stream()
    ready = stream.push(samples)
    assert len(ready) == 25 - network.look_ahead - 1  # one waits for the last milliseconds of its window
    assert len(stream.finish(24)) == 24 - len(ready)
    late = network.stream()
    late.push(samples)
    assert len(late.finish(3)) == 0  # cannot be taken back


def test_a_frame_waits_for_no_more_sound_than_stated():
    network, samples = untrained(), syllables(2.0)
    other = samples.copy()
    other[RATE:] = 0  # the sound differs from second 1 on
    a, b = network.predict(samples), network.predict(other)
    differ = np.flatnonzero((a != b).any(1))[0]
    assert 25 - network.look_ahead - 1 <= differ < 25


def test_an_hour_needs_no_more_memory_than_a_minute():
    stream, block = untrained().stream(), syllables(10.0)
    sizes = []
    tracemalloc.start()
    for _ in range(4):
        stream.push(block)
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[-1] - sizes[1] < 50_000


def test_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="one channel"):
        FeatureStream(LOGMEL).push(np.zeros((2, 100)))


def test_weights_go_to_disk_and_back(tmp_path):
    network = untrained(PHAM)
    network.save(tmp_path / "w.safetensors")
    again = audio2au.load(tmp_path / "w.safetensors")
    assert again.config == network.config and again.unit_names == UNIT_NAMES
    assert (again.sample_rate, again.fps, again.look_ahead) == (24000, 25.0, 3)
    for name, tensor in again.state_dict().items():
        torch.testing.assert_close(tensor, network.state_dict()[name], atol=1e-3, rtol=1e-3)


def test_what_is_not_weights_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="train"):
        audio2au.load(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("no")
    with pytest.raises(ValueError, match="text.safetensors"):
        audio2au.load(tmp_path / "text.safetensors")


# The shipped network.


def opening(units: np.ndarray) -> np.ndarray:
    return units[:, [INDEX["LipsUpperOpen"], INDEX["LipsLowerOpen"]]] @ np.float32(LIP_OPENING_SCALE)


def test_shipped_weights_fit_the_product(model):
    assert model.unit_names == (*UNIT_NAMES, *HEARD[:2]) and model.fps == 25.0 and model.sample_rate == RATE
    assert audio2au.ready(whole=True).unit_names == (*UNIT_NAMES, *HEARD) and WEIGHTS.stat().st_size < 10e6


def test_units_are_in_range_whatever_comes(model):
    rng = np.random.default_rng(0)
    for sound in (rng.standard_normal(RATE), np.full(RATE, 1.0), 50 * rng.standard_normal(RATE), np.zeros(RATE)):
        units = model.predict(sound.astype(np.float32))
        assert np.isfinite(units).all() and units.min() >= 0 and units.max() <= 1


@pytest.mark.parametrize("level", [None, -70, -55, -40])
def test_without_speech_the_face_rests(model, level):
    rng = np.random.default_rng(3)
    samples = np.zeros(8 * RATE, np.float32)
    if level is not None:
        samples = level_to(coloured_noise(rng, len(samples), RATE), level)
    units = model.predict(samples)[5:]
    assert units[:, INDEX["JawOpen"]].max() < 0.06 and opening(units).mean() < 0.01


def test_mouth_follows_syllables_and_shuts_in_the_pause(model):
    samples = syllables()
    score = follows_energy(opening(model.predict(samples)), samples, RATE, 25)
    assert score["r"] >= 0.4 and score["quiet_over_loud"] <= 0.35


@pytest.mark.parametrize("gain", [0.1, 3.0])
def test_gain_changes_nothing(model, gain):
    quiet, plain = (model.predict(g * syllables())[:, : len(UNIT_NAMES)] for g in (np.float32(gain), 1))
    np.testing.assert_allclose(quiet, plain, atol=0.05)


@pytest.mark.skipif(not CORPUS.exists(), reason="needs the corpus beside the repository, ../shared/corpus")
@pytest.mark.parametrize("actor", [2, 7, 14, 21])
def test_mouth_follows_voices_never_heard(model, actor):
    path = next((CORPUS / "ravdess_audio" / f"Actor_{actor:02d}").glob("*.wav"))
    samples = librosa.load(path, sr=RATE)[0]
    score = follows_energy(opening(model.predict(samples)), samples, RATE, 25)
    assert score["r"] >= 0.4 and score["quiet_over_loud"] <= 0.35


# Training data and metrics.


def test_rest_is_the_face_in_silence():
    samples = np.r_[np.zeros(RATE), syllables(3.0)[RATE:]].astype(np.float32)
    units = np.zeros((75, 46), np.float32) + 0.3
    units[40:60, 21] = 0.8
    np.testing.assert_allclose(above_rest(units, samples, RATE, 25)[50, 20:23], [0, 0.5, 0], atol=1e-6)


def test_a_mouth_left_open_in_a_pause_shuts():
    samples = syllables(6.0)  # speaks from second 1 to 3 and from 4 to 6
    distance = from_speech(samples, 150, RATE, 25)
    assert distance[0] > 20 and (distance[28:72] <= 4).all() and distance[87] > 10
    units = np.full((150, 46), 0.5, np.float32)
    units[50] = np.nan
    shut = shut_in_pauses(Recording(samples, units, np.ones(46, bool), "a"), RATE, 25).units
    assert (shut[28:50] > 0.3).all() and np.isnan(shut[50]).all()
    assert (shut[:18] == 0).all() and (shut[82:92] == 0).all()


def test_units_move_to_other_frame_rates():
    times = (np.arange(60) + 0.5) / 30
    moved = at_frames(times[:, None], times, 50, 25)[1:-1, 0]
    np.testing.assert_allclose(moved, (np.arange(50) + 0.5)[1:-1] / 25, atol=1e-6)


@pytest.mark.parametrize("pitch, tempo", [(1.5, 1.0), (0.75, 1.2), (1.8, 0.8)])
def test_a_changed_voice_has_its_pitch_and_length(pitch, tempo):
    tone = np.sin(2 * np.pi * 200 * np.arange(2 * RATE) / RATE).astype(np.float32)
    changed = change_voice(tone, pitch, tempo)
    assert len(changed) / len(tone) == pytest.approx(1 / tempo, rel=0.04)
    middle = changed[4000:20000] * np.hanning(16000)
    assert np.abs(np.fft.rfft(middle)).argmax() == pytest.approx(200 * pitch, rel=0.04)


def test_a_room_adds_its_tail_and_nothing_before():
    click = np.zeros(RATE, np.float32)
    click[100] = 1
    heard = reverberate(np.random.default_rng(0), click, RATE)
    assert heard.shape == click.shape and heard[100] == pytest.approx(1, abs=1e-5)
    assert np.abs(heard[:100]).max() < 1e-5 and 0.1 < np.linalg.norm(heard[101:]) < 0.9
    quarters = [np.linalg.norm(part) for part in np.array_split(heard[101:], 8)]
    assert quarters[0] > quarters[2] > quarters[5]


def test_examples_depend_on_their_seed_alone():
    samples = syllables(3.0)
    units = np.random.default_rng(0).random((75, 46)).astype(np.float32)
    mixture = Mixture([Recording(samples, units, np.ones(46, bool), "a")], {"a": 1.0}, LOGMEL, 50)
    for seed in range(6):
        one, two = (mixture.example(np.random.default_rng(seed)) for _ in range(2))
        assert all(np.array_equal(a, b) for a, b in zip(one, two))
        vectors, values, weight, _ = one
        assert vectors.shape == (50, LOGMEL.dimension) and values.shape == weight.shape == (50, 46)
        assert np.isfinite(vectors).all() and (values[weight == 2] == 0).all() and values.max() <= 1


def test_metrics():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 200, 3))
    scores = against_tracker(a, b, b.mean(0))
    np.testing.assert_allclose(scores["r"], [np.corrcoef(a[:, i], b[:, i])[0, 1] for i in range(3)])
    np.testing.assert_allclose(scores["constant"], b.std(0))
    assert np.isnan(correlation(np.ones(9), np.arange(9)))
    samples = syllables()
    energy = np.sqrt((samples.reshape(-1, 640) ** 2).mean(1))
    late = follows_energy(np.r_[0, energy[:-1]], samples, RATE, 25)
    assert late["lag"] == 1 and late["r"] > 0.7 and late["quiet_over_loud"] < 0.05
