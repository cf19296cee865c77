"""The `flow` generator without torch against the one with it, on a tiny random network and on the one that ships."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import audio2au
import gath
from gath.generator import FlowConfig, FlowGenerator
from gath.lean import LeanFlow
from gath.runtime import OnTorch, chosen, ready
from talkinghead.face.align import alignment, crop
from talkinghead.media.audio import decode

NAMES = ("JawOpen", "EyeBlink_L", "EyeBlink_R")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random where training starts from zero, so that every part does something."""
    torch.manual_seed(0)
    model = FlowGenerator(FlowConfig(NAMES, size=32, width=8, blocks=1))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.05)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    gath.save(model, path)
    return path


def face(side):
    return np.random.default_rng(1).integers(0, 256, (side, side, 3), np.uint8)


def spoken(frames):
    """Units [frames, 46] of the demo's voice, over rest."""
    speech = audio2au.ready()
    voice = files("talkinghead") / "assets" / "demo_voice.flac"
    return speech.predict(next(decode(voice, speech.sample_rate)))[50 : 50 + frames]


def frames(face, flow, mask, colour):
    """Of a motion that paints nothing: grey levels [N, S, S, 3] that it makes of a face, by a warp of our own."""
    side = len(face)
    y, x = np.mgrid[:side, :side]
    out = []
    assert mask is None and colour is None
    for f in flow:
        px, py = (np.clip(grid + side * part, 0, side - 1) for grid, part in zip((x, y), f))
        x0, y0 = np.minimum(px.astype(int), side - 2), np.minimum(py.astype(int), side - 2)
        wx, wy = (px - x0)[..., None], (py - y0)[..., None]
        rows = [(1 - wx) * face[y0 + i, x0] + wx * face[y0 + i, x0 + 1] for i in (0, 1)]
        out.append((1 - wy) * rows[0] + wy * rows[1])
    return np.stack(out)


def test_the_same_motion_as_torch_to_single_precision(weights):
    lean, reference, picture = ready(weights, "cpu"), OnTorch(gath.load(weights)), face(32)
    own, units = np.array([0.1, 0.2, 0.0], np.float32), np.random.default_rng(2).random((5, 3), np.float32)
    ours = lean.decode(lean.encode(picture, own), units)
    theirs = reference.decode(reference.encode(picture, own), units)
    assert ours[0].shape == theirs[0].shape and np.abs(theirs[0]).max() > 1e-3
    np.testing.assert_allclose(ours[0], theirs[0], atol=2e-5)
    assert ours[1:] == theirs[1:] == (None, None)


def test_frames_of_the_shipped_network_are_those_of_torch(astronaut, astronaut_face):
    lean, reference = ready(device="cpu"), OnTorch(gath.load())
    picture, own = crop(astronaut, alignment(astronaut_face.points, 128), 128), astronaut_face.units
    units = (own + spoken(40)[:, : len(own)]).clip(0, 1)
    ours, theirs = (frames(picture, *g.decode(g.encode(picture, own), units)) for g in (lean, reference))
    assert np.abs(theirs - picture).max() > 20  # something moves
    assert np.abs(ours - theirs).max() < 0.1


def test_one_frame_at_a_time_gives_the_same(weights):
    lean = ready(weights, "cpu")
    code = lean.encode(face(32), np.zeros(3, np.float32))
    units = np.random.default_rng(4).random((3, 3), np.float32)
    together = lean.decode(code, units)
    for i in range(3):
        np.testing.assert_allclose(together[0][i], lean.decode(code, units[i : i + 1])[0][0], atol=1e-6)


def test_loads_neither_torch_nor_what_training_needs():
    code = (
        "import sys, numpy as np, gath, audio2au; g = gath.ready(device='auto');"
        "g.decode(g.encode(np.zeros((128, 128, 3), np.uint8), np.zeros(46, np.float32)), np.zeros((1, 46)));"
        "audio2au.ready().predict(np.zeros(16000, np.float32));"
        "print(*(m for m in ('torch', 'librosa', 'scipy', 'skimage') if m in sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(gath.__file__).parents[1]
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == []


def test_auto_is_the_processor_for_a_sum_and_a_gpu_for_a_painter(weights, tmp_path, monkeypatch):
    monkeypatch.setattr("gath.runtime.nvidia_devices", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert isinstance(ready(weights), LeanFlow)
    assert chosen("auto") == "cuda" and chosen("cpu") == "cpu" and chosen("mps") == "mps"
    monkeypatch.setattr("gath.runtime.nvidia_devices", lambda: 0)
    assert chosen("auto") == "cpu"


def test_models_and_devices_without_a_lean_form_run_on_torch(weights):
    model = gath.load(weights)
    assert isinstance(ready(model), OnTorch)
    anything = object()
    assert ready(anything) is anything


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_draws_what_the_processor_draws(astronaut, astronaut_face):
    picture, own = crop(astronaut, alignment(astronaut_face.points, 128), 128), astronaut_face.units
    units = (own + spoken(40)[:, : len(own)]).clip(0, 1)
    ours, theirs = (
        frames(picture, *g.decode(g.encode(picture, own), units)) for g in (ready(device="cuda"), ready(device="cpu"))
    )
    assert np.abs(ours - theirs).max() < 1


def test_weights_that_are_not_a_generator_are_refused(tmp_path):
    (tmp_path / "text.safetensors").write_text("no")
    with pytest.raises(ValueError, match="not a safetensors file"):
        ready(tmp_path / "text.safetensors", "cpu")


def test_weights_of_another_versions_network_say_so(tmp_path):
    config = json.dumps({"unit_names": NAMES, "size": 32, "width": 8, "blocks": 1, "painter": 8})
    save_file({"x": np.zeros(1)}, tmp_path / "old.safetensors", {"format": "talkinghead-flow-1", "config": config})
    with pytest.raises(ValueError, match="another version's network: this one has no painter"):
        ready(tmp_path / "old.safetensors", "cpu")


def test_threads_ask_one_network_in_turn(weights):
    lean, units, faces = ready(weights), np.zeros(len(NAMES)), [face(32), 255 - face(32)]
    alone = [lean.encode(picture, units).basis for picture in faces]
    given = [picture[None].astype(np.float32) / 127.5 - 1 for picture in faces]
    wanted = [lean._looker.infer([picture, units[None].astype(np.float32)])[0] for picture in given]
    assert not np.array_equal(*alone)

    def ask(k):
        return lean._looker.infer([given[k % 2], units[None].astype(np.float32)])[0]

    with ThreadPoolExecutor(4) as threads:
        assert all(np.array_equal(found, wanted[k % 2]) for k, found in enumerate(threads.map(ask, range(200))))
