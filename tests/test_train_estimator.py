"""The estimator's recipe on made-up faces: learning, files, distortions; a resumed run equals an uninterrupted one."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import gath
from gath.data import Pack, to_tensor
from recipes import evaluate_estimator, train_estimator
from recipes.parts import distortion
from recipes.train_estimator import Config, Faces, rate_at, squared_loss
from talkinghead.units.names import INDEX, UNIT_NAMES

SIDE = 40
TINY = ["size=32", "width=8", "hidden=32", "batch=8", "threads=1", "bfloat16=false", "rate=0.002", "max_minutes=10"]


def face(units):
    """[SIDE, SIDE, 3]: JawOpen darkens the lower half, MouthSmile_L and _R the subject's own side of it."""
    image = np.full((SIDE, SIDE, 3), 220.0)
    image[SIDE // 2 :, :, 0] -= 150 * units[INDEX["JawOpen"]]
    image[SIDE // 2 :, SIDE // 2 :, 1] -= 150 * units[INDEX["MouthSmile_L"]]  # the subject's left is at the right
    image[SIDE // 2 :, : SIDE // 2, 1] -= 150 * units[INDEX["MouthSmile_R"]]
    return image.astype(np.uint8)


def write_pack(folder, first_person, count, seed):
    """Half photographs of one person each, half frames of one clip."""
    folder.mkdir()
    units = np.zeros((count, 46), np.float32)
    moving = [INDEX[n] for n in ("JawOpen", "MouthSmile_L", "MouthSmile_R")]
    units[:, moving] = np.random.default_rng(seed).random((count, 3))
    group = np.where(np.arange(count) < count // 2, -1, 0)
    arrays = {
        "images": np.stack([face(u) for u in units]), "landmarks": np.zeros((count, 478, 2), np.float32),
        "units": units, "pose": np.zeros((count, 3), np.float32), "group": group, "source": group + 1,
        "person": first_person + np.where(group < 0, np.arange(count), count),
    }  # fmt: skip
    for name, value in arrays.items():
        np.save(folder / f"{name}.npy", value)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_pack(folder / "train", 0, 64, 0)
    write_pack(folder / "val", 20, 32, 1)  # persons 20 to 31 are in training too
    return folder


def train(data, run, *words):
    train_estimator.main([f"data={data}", f"run={run}", *TINY, *words])


def figures(run):
    return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(open(run / "val.csv"))]


def test_it_learns_faces_of_people_it_never_saw_and_leaves_its_files(data, tmp_path, capsys):
    run = tmp_path / "run"
    train(data, run, "steps=400", "check_every=100", "ema=0.9")
    assert {p.name for p in run.iterdir()} == {
        "config.json", "metrics.csv", "val.csv", "latest.pt", "weights.safetensors", "best.safetensors"
    }  # fmt: skip
    assert json.loads((run / "config.json").read_text())["steps"] == 400
    losses = [float(row["squared"]) for row in csv.DictReader(open(run / "metrics.csv"))]
    assert losses[-1] < losses[0] / 2
    first, *_, last = figures(run)
    assert last["step"] == 400 and last["varying"] == 3
    assert last["rmse"] < first["rmse"] and last["rmse"] < 0.6 * last["constant"] and last["correlation"] > 0.8
    capsys.readouterr()
    evaluate_estimator.main(data, run / "weights.safetensors", "val", tmp_path / "table.csv")
    said = capsys.readouterr().out
    assert "val, people not in training, 20 faces" in said and "val, everybody, 32 faces" in said
    table = {row["unit"]: row for row in csv.DictReader(open(tmp_path / "table.csv"))}
    assert list(table) == list(UNIT_NAMES) and float(table["JawOpen"]["correlation"]) > 0.8


def test_resumed_run_equals_an_uninterrupted_one_bit_for_bit(data, tmp_path, capsys):
    train(data, tmp_path / "whole", "steps=8")
    train(data, tmp_path / "halves", "steps=8", "max_minutes=0")
    assert torch.load(tmp_path / "halves" / "latest.pt", weights_only=False)["step"] == 0
    run = train_estimator.Run(config(data, tmp_path / "halves", checkpoint_every=4), train_estimator.Peers())
    run.restore()
    for _ in range(4):
        run.train_step()
    run.save()
    run.train_step()  # lost: killed before the next checkpoint
    run.check()
    capsys.readouterr()
    train(data, tmp_path / "halves", "steps=8")
    assert "checkpoint_every: was 4, goes on with 250" in capsys.readouterr().out
    assert [row["step"] for row in figures(tmp_path / "halves")] == [0, 5, 8]
    a, b = (torch.load(tmp_path / r / "latest.pt", weights_only=False) for r in ("whole", "halves"))
    assert a["step"] == b["step"] == 8 and a["random"][0][1] == b["random"][0][1]
    for part in ("estimator", "average"):
        assert all(torch.equal(x, b[part][n]) for n, x in a[part].items()), part
    for i, moments in a["optimiser"]["state"].items():
        assert all(torch.equal(x, b["optimiser"]["state"][i][n]) for n, x in moments.items())


def config(data, run, **changed):
    words = [f"data={data}", f"run={run}", *TINY, "steps=8", *(f"{k}={v}" for k, v in changed.items())]
    return train_estimator.parse(Config, words)


def test_a_checkpoint_of_another_shape_says_what_to_resume_with(data, tmp_path):
    train(data, tmp_path, "steps=1")
    with pytest.raises(SystemExit, match=r"latest.pt holds an estimator of another shape: resume with width=8"):
        train(data, tmp_path, "width=16")


def test_a_loss_that_is_not_finite_stops_with_its_step_and_name(data, tmp_path):
    run = train_estimator.Run(config(data, tmp_path), train_estimator.Peers())
    run.train_step()
    run.estimator.out.bias.data[0] = torch.inf
    with pytest.raises(SystemExit, match="step 1: loss 'squared' is inf"):
        run.train_step()


def test_val_without_strangers_is_refused(data, tmp_path):
    for split in "train", "val":
        os.symlink(data / "train", tmp_path / split)
    with pytest.raises(SystemExit, match="nobody there who is not in"):
        train(tmp_path, tmp_path / "run", "steps=1")


def test_two_processes_average_to_one_of_twice_the_batch(data, tmp_path):
    """One step of two processes moves the weights by the mean of what each alone would ask for."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = ["-m", "recipes.train_estimator", f"data={data}", f"run={tmp_path / 'two'}", *TINY, "steps=1"]
    done = subprocess.run(torchrun + words, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-2000:]
    runs = [train_estimator.Run(config(data, tmp_path), train_estimator.Peers()) for _ in range(2)]
    runs[1].faces.rng = np.random.default_rng(1)  # what the second process draws from
    drawn = [run.faces.draw(8) for run in runs]
    pictures, units = (torch.cat(parts) for parts in zip(*drawn))
    model = runs[0].estimator
    squared_loss(model(pictures), units, runs[0].deviation).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    state = torch.load(tmp_path / "two" / "latest.pt", weights_only=False)
    assert len(state["random"]) == 2
    moments = state["optimiser"]["state"]  # Adam's first moment after one step is a tenth of the gradient
    for i, parameter in enumerate(model.parameters()):
        torch.testing.assert_close(moments[i]["exp_avg"], 0.1 * parameter.grad, rtol=1e-3, atol=1e-6)


def test_mirrored_faces_swap_left_and_right_units(data, monkeypatch):
    """The darker cheek of a drawn face is the one that its units say smiles more, mirrored or not."""
    for name in "ANGLE", "ZOOM", "SHIFT", "GAIN", "TINT", "NOISE", "BLURRED", "COMPRESSED":
        monkeypatch.setattr(distortion, name, 0.0)
    pictures, units = Faces(Pack(data / "train"), UNIT_NAMES, 0, 0.5, 32).draw(64)
    levels = (pictures + 1) * 127.5
    for name, side in ("MouthSmile_L", slice(20, 28)), ("MouthSmile_R", slice(4, 12)):
        dark = (220 - levels[:, 1, 20:28, side].mean((1, 2))) / 150
        torch.testing.assert_close(dark, units[:, INDEX[name]], atol=0.01, rtol=0)
    rows = {tuple(u) for u in np.load(data / "train" / "units.npy")}
    kept = [tuple(u) in rows for u in units.numpy()]
    assert 10 < sum(kept) < 54  # about half of them are mirrored


def test_one_speaker_does_not_crowd_out_the_others(tmp_path):
    write_pack(tmp_path / "p", 0, 200, 0)
    pack = Pack(tmp_path / "p")
    pack.person[100:184] = 1000  # of a hundred frames one speaker has 84 ...
    pack.person[184:] = 1001 + np.arange(16) // 4  # ... and four have 4 each
    faces = Faces(pack, UNIT_NAMES, 0, 0.25, 32)
    assert faces.weight[:100].sum() == pytest.approx(0.25)
    assert faces.weight[100:184].sum() == pytest.approx(0.75 * 84**0.5 / (84**0.5 + 4 * 4**0.5))


def test_distortions_keep_the_face_in_place_on_average(data):
    """Every distortion on: pictures stay within [-1, 1], differ from draw to draw, and average to the face itself."""
    pack = Pack(data / "train")
    face = to_tensor(pack.images[:1])
    rng, none = np.random.default_rng(0), np.zeros(400, bool)
    drawn = distortion.distorted(face.expand(400, -1, -1, -1), rng, none, SIDE)
    assert drawn.std(0).max() > 0.04
    corners = np.s_[:, :, [6, 6, -7, -7], [6, -7, 6, -7]]
    torch.testing.assert_close(drawn[corners].mean(0), face[corners][0], atol=0.07, rtol=0)
    pictures, _ = Faces(pack, UNIT_NAMES, 0, 0.5, SIDE).draw(32)
    assert pictures.dtype == torch.float32 and -1 <= pictures.min() and pictures.max() <= 1


def test_squared_loss_and_learning_rate_by_hand(data, tmp_path):
    a, b = torch.tensor([[0.0, 1.0], [0.5, 0.0]]), torch.tensor([[0.2, 0.0], [0.5, 0.1]])
    assert float(squared_loss(a, b)) == pytest.approx((0.04 + 1 + 0 + 0.01) / 4)
    assert float(squared_loss(a, b, torch.tensor([0.1, 0.5]))) == pytest.approx((4 + 4 + 0 + 0.04) / 4)
    settings = Config(data, tmp_path, steps=1000, rate=1e-3, final_rate=1e-5)
    rates = [rate_at(settings, step) for step in (0, 99, 500, 1000)]
    half_way = 1e-5 + (1e-3 - 1e-5) / 2
    np.testing.assert_allclose([rates[0], rates[2], rates[3]], [1e-5, half_way, 1e-5], rtol=1e-6)
    assert 0.95e-3 < rates[1] < 1e-3


def test_weights_of_a_run_load(data, tmp_path):
    train(data, tmp_path, "steps=1")
    estimator = gath.load_estimator(tmp_path / "weights.safetensors")
    assert estimator.config.size == 32 and estimator.config.hidden == 32
