"""The recipe of the generator on made-up data: its files, and that a resumed run equals an uninterrupted one."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import gath
from gath.motion import LandmarkEstimator, LandmarkMover
from recipes import train_gath
from talkinghead.action_units import UNIT_NAMES

TINY = ["size=32", "width=8", "painter=8", "batch=4", "minutes=10", "threads=1", "bfloat16=false", "adversarial=0.1"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    half = rng.uniform([0.2, 0.2], [0.48, 0.8], (239, 2))
    face = np.concatenate([half, half * [-1, 1] + [1, 0]])
    for split, n in ("train", 60), ("val", 12):
        (folder / split).mkdir()
        group = np.where(np.arange(n) < n // 2, -1, 0)
        arrays = {
            "images": rng.integers(0, 255, (n, 32, 32, 3), np.uint8),
            "landmarks": (face + rng.normal(0, 0.004, (n, 478, 2))).astype(np.float32),
            "units": rng.random((n, len(UNIT_NAMES))).astype(np.float32),
            "pose": rng.normal(0, 2, (n, 3)).astype(np.float32),
            "group": group, "person": np.arange(n), "source": group + 1,
        }  # fmt: skip
        for name, value in arrays.items():
            np.save(folder / split / f"{name}.npy", value)
    torch.manual_seed(0)
    mover = LandmarkMover(torch.randn(46, 478, 2) * 0.01, torch.randn(4, 478, 2) * 0.01)
    estimator = LandmarkEstimator(478, 46)
    torch.save({"mover": mover.state_dict(), "estimator": estimator.state_dict()}, folder / "motion.pt")
    return folder


def train(data, run, *words):
    train_gath.main([f"data={data}", f"run={run}", *TINY, *words])


def test_resumed_run_equals_an_uninterrupted_one_bit_for_bit(data, tmp_path):
    train(data, tmp_path / "whole", "steps=6")
    train(data, tmp_path / "halves", "steps=3")
    train(data, tmp_path / "halves", "steps=6")
    a, b = (torch.load(tmp_path / r / "latest.pt", weights_only=False) for r in ("whole", "halves"))
    assert a["step"] == b["step"] == 6
    for part in ("generator", "average", "discriminator"):
        assert all(torch.equal(x, b[part][n]) for n, x in a[part].items()), part


def test_a_run_leaves_settings_metrics_sheets_checkpoint_and_weights(data, tmp_path):
    run = tmp_path / "run"
    train(data, run, "steps=50", "sheet_every=50")
    assert {p.name for p in run.iterdir()} == {
        "config.json", "metrics.csv", "sheet_0000050.png", "latest.pt", "weights.safetensors"
    }  # fmt: skip
    assert json.loads((run / "config.json").read_text())["steps"] == 50
    (row,) = csv.reader(open(run / "metrics.csv"))
    assert row[0] == "50" and any(cell.startswith("discriminator=") for cell in row)
    generator = gath.load(run / "weights.safetensors")
    assert generator.unit_names == UNIT_NAMES and generator.config.size == 32


def test_every_mistake_in_the_settings_is_named_at_once(capsys):
    with pytest.raises(SystemExit) as stop:
        train_gath.main(["data=D", "speed=3", "batch=many"])
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert "unknown key 'speed'" in said and "batch: 'many' is not a int" in said and "missing: run" in said


def test_two_processes_average_to_one_of_twice_the_batch(data, tmp_path):
    """Both processes must end with the same weights, which differ from those of one process alone."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, *torchrun, "-m", "recipes.train_gath"]
    words = [f"data={data}", f"run={tmp_path / 'two'}", *TINY, "steps=2"]
    done = subprocess.run(command + words, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-2000:]
    train(data, tmp_path / "one", "steps=2")
    two, one = (torch.load(tmp_path / r / "latest.pt", weights_only=False) for r in ("two", "one"))
    assert two["step"] == 2 and len(two["random"]) == 2 and len(one["random"]) == 1
    assert not torch.equal(two["generator"]["painter.out.weight"], one["generator"]["painter.out.weight"])
