"""The training recipe on a toy corpus: it resumes exactly, refuses nonsense, and stops when the loss breaks."""

from __future__ import annotations

import csv
import itertools
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from safetensors import safe_open

import audio2au
from audio2au.data import Mixture, Recording
from audio2au.features import FeatureConfig
from audio2au.model import AudioToUnits
from audio2au.phones import PHONES
from recipes import fit_outputs, train_audio2au
from recipes.parts.examples import Pool
from recipes.parts.speech_data import read_clips
from recipes.parts.speech_pack import RATE, gather, pack
from recipes.parts.speech_training import Contrasts, Levels, Objective
from recipes.train_audio2au import Config, main, parse
from talkinghead.models import load_speech
from talkinghead.units.names import INDEX, UNIT_NAMES

ROOT = Path(__file__).parents[1]
TINY = ["hidden=8", "layers=2", "batch=2", "frames=25", "steps=12", "warmup=2", "validate_every=3", "save_every=4"]
TINY += ["facegood=0"]


def syllables(seconds: float, pitch: float = 120.0) -> np.ndarray:
    """A buzz in four bursts a second, silent at first."""
    time = np.arange(int(seconds * 16000)) / 16000
    bursts = np.sin(2 * np.pi * 4 * time).clip(0) * (time > 0.4)
    return (0.4 * bursts * np.sign(np.sin(2 * np.pi * pitch * time))).astype(np.float32)


def contents(path: Path) -> tuple[dict, dict]:
    with safe_open(path, "pt") as file:
        return file.metadata(), {name: file.get_tensor(name) for name in file.keys()}


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Path:
    """A corpus of four "clips" whose jaw follows the loudness, with their tracks."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "data" / "tracks").mkdir(parents=True)
    rows = []
    for number, split in enumerate(["train", "train", "train", "val"]):
        samples = syllables(2.0 + 0.2 * number, 100 + 20 * number)
        soundfile.write(folder / f"c{number}.wav", samples, 16000)
        frames = len(samples) // 640
        units = np.full((frames, 46), 0.1, np.float32)
        units[:, INDEX["JawOpen"]] += np.abs(samples[: frames * 640]).reshape(-1, 640).max(1)
        units[3] = np.nan  # the tracker lost one frame
        track = folder / "data" / "tracks" / f"{split}_clip_grid_c{number}_{number}.npz"
        np.savez(track, units=units, fps=np.float32(25))
        rows.append([f"c{number}.wav", "clip", "grid", "grid/s1", split, "1", "own"])
    with open(folder / "manifest.csv", "w", newline="") as file:
        csv.writer(file).writerows([["path", "kind", "set", "identity", "split", "audio", "licence"], *rows])
    return folder


def words(toy: Path, out: Path, *more: str) -> list[str]:
    return [f"corpus={toy}", f"data={toy / 'data'}", f"out={out}", *TINY, *more]


@pytest.fixture(scope="module")
def whole_run(toy, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    main(words(toy, out))
    return out


def test_killed_and_resumed_equals_uninterrupted(toy, whole_run, tmp_path):
    command = [sys.executable, "-m", "recipes.train_audio2au", *words(toy, tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    while not (tmp_path / "latest.pt").exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert torch.load(tmp_path / "latest.pt", weights_only=True)["step"] < 12
    main(words(toy, tmp_path))
    assert (tmp_path / "metrics.csv").read_bytes() == (whole_run / "metrics.csv").read_bytes()
    (about, one), (about_two, two) = (contents(folder / "audio2au.safetensors") for folder in (tmp_path, whole_run))
    assert about == about_two and all(torch.equal(one[name], two[name]) for name in one)
    one, two = (torch.load(folder / "latest.pt", weights_only=True)["model"] for folder in (tmp_path, whole_run))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_what_a_run_leaves(toy, whole_run):
    assert parse(Config, [str(whole_run / "config.json")]) == parse(Config, words(toy, whole_run))
    rows = list(csv.DictReader(open(whole_run / "metrics.csv")))
    assert [int(r["step"]) for r in rows] == [3, 6, 9, 12]
    model = audio2au.load(whole_run / "audio2au.safetensors")
    assert model.unit_names == UNIT_NAMES and model.predict(syllables(1.0)).shape == (25, 46)


def test_a_network_that_reads_both_ways_from_kept_examples(toy, tmp_path):
    more = ["both_ways=true", "delay=0", "examples=5", f"kept={tmp_path / 'kept'}"]
    main(words(toy, tmp_path / "one", *more))
    assert len(list((tmp_path / "kept").glob("*.npy"))) == 5
    main(words(toy, tmp_path / "two", *more))  # the same from what was kept
    one, two = (contents(tmp_path / name / "audio2au.safetensors")[1] for name in ("one", "two"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    model = audio2au.ready(tmp_path / "one" / "audio2au.safetensors")
    assert model.config.both_ways and model.predict(syllables(1.0)).shape == (25, 46)
    main(
        words(
            toy,
            tmp_path / "three",
            "both_ways=true",
            "delay=0",
            "steps=0",
            f"start={tmp_path / 'one' / 'audio2au.safetensors'}",
        )
    )
    three = contents(tmp_path / "three" / "audio2au.safetensors")[1]
    assert all(torch.equal(one[name], three[name]) for name in one)


def test_workers_change_nothing_but_the_time(toy, whole_run, tmp_path):
    main(words(toy, tmp_path, "workers=2"))
    assert (tmp_path / "metrics.csv").read_bytes() == (whole_run / "metrics.csv").read_bytes()
    one, two = (contents(folder / "audio2au.safetensors")[1] for folder in (tmp_path, whole_run))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_pack_trains_as_its_recordings_do(toy, tmp_path):
    config = parse(Config, words(toy, tmp_path))
    pack(tmp_path / "pack.npz", gather(toy, toy / "data", [], "grid", FeatureConfig(sample_rate=RATE), False, False))
    tiny = [word for word in words(toy, tmp_path / "out") if not word.startswith(("corpus", "data"))]
    main([*tiny, f"pack={tmp_path / 'pack.npz'}"])
    last = list(csv.DictReader(open(tmp_path / "out" / "metrics.csv")))[-1]
    main(words(toy, tmp_path / "own"))
    own = list(csv.DictReader(open(tmp_path / "own" / "metrics.csv")))[-1]
    assert int(last["step"]) == config.steps and float(last["val"]) == pytest.approx(float(own["val"]), rel=0.1)


def test_a_training_by_the_clock_draws_from_what_there_is(toy, tmp_path, monkeypatch):
    kept = tmp_path / "kept"
    main(words(toy, tmp_path / "one", "examples=9", f"kept={kept}"))
    clock = itertools.count(0, 0.1)  # a tenth of a second every time that somebody looks at it
    monkeypatch.setattr(train_audio2au, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    main(words(toy, tmp_path / "two", "examples=9", f"kept={kept}", "minutes=0.05", "steps=1"))
    rows = list(csv.DictReader(open(tmp_path / "two" / "metrics.csv")))
    assert int(rows[-1]["step"]) >= 2 and all(np.isfinite(float(row["train"])) for row in rows)


def test_sources_that_are_left_out_are_not_drawn(tmp_path):
    units = {"clips": 0.2, "synthetic": 0.4}
    silent = np.zeros(16000, np.float32)
    recordings = [Recording(silent, np.full((25, 46), u, np.float32), np.ones(46, bool), s) for s, u in units.items()]
    mixture = Mixture(recordings, {"clips": 0.5, "synthetic": 0.5}, FeatureConfig(), 25)
    for left_out, expected in (("", {0.0, 0.2, 0.4}), ("clips", {0.0, 0.4}), ("synthetic", {0.0, 0.2})):
        pool = Pool(mixture, 0, 40, tmp_path, "cpu", left_out)
        pool.grow(40, waiting=False)
        _, drawn, _, _ = pool.draw(np.random.default_rng(0), 200)
        assert {round(float(value), 1) for value in drawn.unique()} == expected


def test_closures_weigh_more_in_lips_alone(toy):
    config = parse(Config, words(toy, toy))
    objective = Objective(config, np.ones(46, np.float32))
    units, ones = torch.zeros(1, 5, 46), torch.ones(1, 5, 46)
    for name, more in (("LipsLowerOpen", config.closure), ("LipsPucker", 1)):
        wrong = units.clone()
        wrong[..., INDEX[name]] = 0.5
        assert objective(wrong, units, 3 * ones) == pytest.approx(more * float(objective(wrong, units, ones)), rel=1e-4)


def test_time_limit_stops_and_still_exports(toy, tmp_path):
    main(words(toy, tmp_path), max_minutes=0)
    assert (tmp_path / "audio2au.safetensors").exists()
    assert torch.load(tmp_path / "latest.pt", weights_only=True)["step"] == 0


def test_other_settings_do_not_mix_with_a_run(toy, whole_run):
    with pytest.raises(SystemExit, match="other settings"):
        main(words(toy, whole_run, "seed=1"))


def test_unknown_keys_are_errors(toy, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words(toy, tmp_path, "hiden=3", "batch=many"))
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert "hiden" in message and "batch" in message


def test_broken_loss_stops_with_its_step(toy, tmp_path, monkeypatch):
    calls = []

    def breaks(self, predicted, units, weight, phones):
        calls.append(1)
        return predicted.sum() * (float("nan") if len(calls) == 3 else 1)

    monkeypatch.setattr(train_audio2au.Objective, "__call__", breaks)
    with pytest.raises(SystemExit, match="step 2"):
        main(words(toy, tmp_path, "validate_every=100"))


def test_labels_count_from_rest_and_leave_the_eyes_out(toy):
    for clip in read_clips(toy, toy / "data", "train", parse(Config, words(toy, toy)).features()):
        assert np.nanpercentile(clip.units[:, INDEX["JawOpen"]], 20) < 0.02
        assert np.nanmax(clip.units[:, INDEX["JawOpen"]]) > 0.2
        assert (clip.units[:, INDEX["EyeBlink_L"]] == 0).all()


def test_objective_ignores_what_has_no_label(toy):
    config = parse(Config, words(toy, toy))
    objective = Objective(config, np.ones(46, np.float32))
    units, weight = torch.zeros(1, 5, 46), torch.zeros(1, 5, 46)
    assert objective(torch.rand(1, 5, 46), units, weight) == 0
    weight[..., 0] = 1
    assert objective(units + 0.5, units, weight) == pytest.approx(objective(units - 0.5, units, weight))
    speech = objective(units + 0.5, units, weight)
    assert objective(units + 0.5, units, 2 * weight) == pytest.approx(config.rest * speech)


def test_contrasts_reward_open_vowels_shut_lips_and_pursed_ones_within_one_example():
    told = Contrasts("cpu")
    phones = torch.tensor([[PHONES.index(name) for name in "SIL AA AA IY M UW".split()], [-1] * 6])
    right, wrong, other = torch.zeros(3, 2, 6, 46)
    for jaw, lips, purse, shown in ((0.4, 0.4, 0.4, right), (0.0, 0.0, 0.0, wrong)):
        shown[0, 1:3, INDEX["JawOpen"]], shown[0, 3, INDEX["JawOpen"]] = jaw, 0.4 - jaw
        shown[0, [1, 2, 3, 5], INDEX["LipsLowerOpen"]], shown[0, 4, INDEX["LipsLowerOpen"]] = lips, 0.4 - lips
        shown[0, 5, INDEX["LipsPucker"]], shown[0, 3, INDEX["LipsPucker"]] = purse, 0.4 - purse
    assert told(right, phones) < 0.5 * told(torch.zeros(2, 6, 46), phones) < told(wrong, phones)
    other[1] = torch.rand(6, 46)  # nobody knows what is said there
    assert told(other, phones) == told(torch.zeros(2, 6, 46), phones)
    assert told(right, torch.full((2, 6), -1)) == 0
    apart = torch.tensor([[PHONES.index(name)] * 6 for name in ("AA", "IY")])
    assert told(wrong, apart) == 0  # vowels of two voices


def test_contrasts_reward_a_lower_lip_that_rolls_in_at_f_alone():
    told = Contrasts("cpu")
    phones = torch.tensor([[PHONES.index(name) for name in "AA AA F F M M".split()]])
    right, wrong = torch.zeros(2, 1, 6, 46)
    right[0, 2:4, INDEX["LipsLowerClose"]] = right[0, 4:, [INDEX["LipsLowerClose"], INDEX["LipsUpperClose"]]] = 0.2
    wrong[0, 4:, INDEX["LipsLowerClose"]] = 0.2
    assert told(right, phones) < told(torch.zeros(1, 6, 46), phones) < told(wrong, phones)


def test_a_network_that_hears_the_level_is_told_so(toy):
    config = replace(parse(Config, words(toy, toy / "none")), levels=1.0)
    recordings = [Recording(syllables(3.0), np.zeros((75, 46), np.float32), np.ones(46, bool), "clips")]
    levels, rng = Levels(recordings, config, np.ones(46, np.float32)), np.random.default_rng(0)
    model = AudioToUnits(config.model(), UNIT_NAMES)
    heard = levels(model, rng, 4)
    torch.nn.init.zeros_(model.output.weight)
    assert levels(model, rng, 4) == 0 < heard


def test_finished_outputs_tell_tongue_and_tuck_and_change_no_unit_but_those_fitted_anew(whole_run, toy, tmp_path):
    voices = [spoken_recording(i) for i in range(3)]
    noise = [np.random.default_rng(i).normal(0, 0.1, 3 * RATE).astype(np.float32) for i in range(3)]
    clips = [replace(spoken_recording(i + 3), source="clips", samples=noise[i]) for i in range(3)]
    pack(tmp_path / "p.npz", ([*voices, *clips], [*voices, *clips]))
    weights = tmp_path / "w.safetensors"
    weights.write_bytes((whole_run / "audio2au.safetensors").read_bytes())
    before = audio2au.ready(weights).predict(syllables(1.0))
    fit_outputs.main(tmp_path / "p.npz", weights, examples=8)
    speech = load_speech(weights)
    after = speech.predict(syllables(1.0))
    assert speech.unit_names == (*UNIT_NAMES, "TongueUp", "LipTuck") and after.shape == (25, 48)
    changed = [UNIT_NAMES[k] for k in range(46) if np.abs(after[:, k] - before[:, k]).max() > 1e-6]
    assert sorted(changed) == sorted(fit_outputs.REFIT)
    fit_outputs.main(tmp_path / "p.npz", weights, examples=8, purse=True)
    assert load_speech(weights).unit_names == (*UNIT_NAMES, "TongueUp", "LipTuck", "LipPurse")
    main(words(toy, tmp_path / "more", f"start={weights}"))  # goes on from such weights


def test_units_fitted_anew_follow_the_clips_and_stay_as_they_were_elsewhere():
    torch.manual_seed(0)
    output, clips, others = torch.nn.Linear(6, 46), torch.randn(400, 6), torch.randn(400, 6)
    clips[:, 3:], others[:, :3] = 0, 0  # what tells of one kind of voice tells nothing of the other
    wanted = torch.sigmoid(clips @ torch.randn(6, 46))
    model = SimpleNamespace(output=output, knee=torch.zeros(46))
    layer = fit_outputs.refitted(model, (clips, wanted), others)
    for k, column in enumerate(INDEX[name] for name in fit_outputs.REFIT):
        kept, was = layer(others)[:, k], output(others)[:, column]
        followed, given = layer(clips)[:, k], wanted[:, column]
        assert all(torch.corrcoef(torch.stack(pair))[0, 1] > 0.95 for pair in ((kept, was), (followed, given)))


def spoken_recording(seed: int) -> Recording:
    """A voice that says l, or a, for half a second each."""
    phones = np.repeat([PHONES.index(name) for name in ("L", "AA") * 3], 13)[:75]
    units = np.random.default_rng(seed).random((75, 46), np.float32)
    return Recording(
        np.repeat(syllables(3.0), 2)[: 3 * RATE],
        units,
        np.ones(46, bool),
        "synthetic",
        phones,
        np.zeros(75, bool),
        True,
    )


def test_the_output_layer_alone_learns(toy, whole_run, tmp_path):
    start = whole_run / "audio2au.safetensors"
    main(words(toy, tmp_path, f"start={start}", "output_only=true", "contrasts=0.1", "learning_rate=0.01"))
    one, two = (contents(path)[1] for path in (start, tmp_path / "audio2au.safetensors"))
    changed = {name for name in one if not torch.equal(one[name], two[name])}
    assert changed == {"output.weight", "output.bias"}
