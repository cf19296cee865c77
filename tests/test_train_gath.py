"""The recipe of the generator on made-up data: its files, and that a resumed run equals an uninterrupted one."""

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import gath
from gath.estimator import Estimator, EstimatorConfig
from gath.motion import LandmarkEstimator, LandmarkMover, WarpReader
from gath.paper import PaperGenerator
from recipes import train_gath
from recipes.parts.config import parse
from recipes.parts.runs import move_average
from talkinghead.units.names import UNIT_NAMES

CONFIGS = Path(train_gath.__file__).parent / "configs"
TINY = ["size=32", "width=8", "batch=4", "max_minutes=10", "threads=1", "bfloat16=false"]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
NOISE = 0.02  # of a loss


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    half = rng.uniform([0.2, 0.2], [0.48, 0.8], (239, 2))
    face = np.concatenate([half, half * [-1, 1] + [1, 0]])
    for split, n in ("train", 60), ("val", 30):
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
    reader = WarpReader(478, 46, 6, 3)
    models = {"mover": mover, "estimator": estimator, "reader": reader}
    torch.save({name: model.state_dict() for name, model in models.items()}, folder / "motion.pt")
    return folder


def train(data, run, *words):
    train_gath.main([f"data={data}", f"run={run}", *TINY, *words])


def state(run):
    return torch.load(run / "latest.pt", weights_only=False)


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def same(a, b, *parts):
    for part in parts:
        assert a[part].keys() == b[part].keys()
        for name, value in a[part].items():
            assert torch.equal(value, b[part][name]), f"{part}.{name}"


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    """Words that select a tiny generator of the paper's."""
    path = tmp_path_factory.mktemp("estimator") / "estimator.safetensors"
    torch.manual_seed(0)
    gath.save(Estimator(EstimatorConfig(UNIT_NAMES, size=32, width=4, hidden=8)), path)
    tiny = ["size=32", "width=4", "blocks=1", "batch=4"]
    return [str(CONFIGS / "gath.json"), f"estimator={path}", *tiny]


@pytest.mark.parametrize("generator", ["flow", "paper"])
def test_resumed_run_equals_an_uninterrupted_one_bit_for_bit(generator, data, paper, tmp_path):
    words = [*paper, "clip_share=0.25", "back_share=0.25"] if generator == "paper" else ["carried=1"]
    for name, steps in ("whole", 6), ("halves", 3), ("halves", 6):
        train(data, tmp_path / name, *words, f"steps={steps}", "rate=3e-4", "final_rate=3e-4")
    a, b = state(tmp_path / "whole"), state(tmp_path / "halves")
    assert a["step"] == b["step"] == 6
    same(a, b, "generator", "average", *(["discriminator"] if generator == "paper" else []))


def test_killed_run_goes_on_as_if_it_had_not_been(data, tmp_path):
    """SIGKILL at any moment after a checkpoint: weights of the resumed run equal those of one never killed."""
    killed, words = tmp_path / "killed", ["checkpoint_every=3", "log_every=1", "carried=1"]
    command = [sys.executable, "-m", "recipes.train_gath", f"data={data}", f"run={killed}", *TINY, *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=ENVIRONMENT) as process:
        while not (killed / "latest.pt").exists() and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    at = state(killed)["step"]
    assert at % 3 == 0
    for run in killed, tmp_path / "whole":
        train(data, run, *words, f"steps={at + 2}")
    same(state(killed), state(tmp_path / "whole"), "generator", "average")
    for a, b in zip(rows(killed / "metrics.csv"), rows(tmp_path / "whole" / "metrics.csv"), strict=True):
        assert a | {"faces_per_second": ""} == b | {"faces_per_second": ""}


def test_a_new_run_starts_from_given_weights_and_a_resumed_one_from_its_own(data, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    train(data, first, "steps=2", "rate=1e-2", "final_rate=1e-2")
    train(data, second, f"init={first / 'weights.safetensors'}", "steps=1", "rate=0", "final_rate=0", "ema=0")
    given, after = gath.load(first / "weights.safetensors").state_dict(), state(second)["generator"]
    for name, value in given.items():
        torch.testing.assert_close(after[name], value, msg=name)
    train(data, second, f"init={first / 'best.safetensors'}", "steps=2", "rate=1e-2", "final_rate=1e-2")
    assert state(second)["step"] == 2
    with pytest.raises(SystemExit, match="init=.*width=8"):
        train(data, tmp_path / "third", f"init={first / 'weights.safetensors'}", "width=16")


def test_wishes_are_judged_by_carried_landmarks(data, tmp_path):
    train(data, tmp_path, "steps=1", "carried=1", "log_every=1")
    (row,) = rows(tmp_path / "metrics.csv")
    assert float(row["carried"]) > 0 and "flow_wish" in row


def test_resume_says_which_setting_wins(data, tmp_path, capsys):
    train(data, tmp_path, "steps=1", "rate=1e-3")
    capsys.readouterr()
    train(data, tmp_path, "steps=2", "rate=2e-3", "final_rate=2e-3", "seed=5")
    said = capsys.readouterr().out
    assert "rate: 0.001 in the run so far, 0.002 now; 0.002 wins" in said
    assert "seed: 0 in the run so far, 5 now; the checkpoint's random state goes on" in said
    assert state(tmp_path)["optimiser"]["param_groups"][0]["lr"] == 2e-3
    with pytest.raises(SystemExit, match="does not fit.*resume with.*width=8"):
        train(data, tmp_path, "steps=3", "width=16")


def test_a_run_leaves_settings_metrics_sheets_checkpoint_and_weights(data, tmp_path):
    run = tmp_path / "run"
    train(data, run, "steps=4", "sheet_every=2", "log_every=2", "carried=1")
    assert {p.name for p in run.iterdir()} == {
        "config.json", "metrics.csv", "val.csv", "sheet_0000002.png", "sheet_0000004.png", "latest.pt",
        "weights.safetensors", "best.safetensors",
    }  # fmt: skip
    assert json.loads((run / "config.json").read_text())["steps"] == 4
    losses = {"pixel", "flow", "flow_wish", "carried"}
    metrics = rows(run / "metrics.csv")
    assert [row["step"] for row in metrics] == ["2", "4"]
    assert metrics[0].keys() == {"step", "faces_per_second"} | losses
    assert [row["step"] for row in rows(run / "val.csv")] == ["2", "4"]
    best = min(float(row["relative_error"]) for row in rows(run / "val.csv"))
    assert state(run)["best"] == pytest.approx(best, abs=1e-5)
    generator = gath.load(run / "weights.safetensors")
    assert generator.unit_names == UNIT_NAMES and generator.config.size == 32


def test_metrics_of_other_columns_are_kept_aside(data, tmp_path):
    train(data, tmp_path, "steps=1", "log_every=1")
    train(data, tmp_path, "steps=2", "log_every=1", "carried=1")
    assert [row["step"] for row in rows(tmp_path / "metrics_before_2.csv")] == ["1"]
    assert [row["step"] for row in rows(tmp_path / "metrics.csv")] == ["2"]


def test_paper_recipe_and_its_two_ablations(data, paper, tmp_path):
    ours = {"au", "reconstruction", "variation"}
    both = {"adversarial", "discriminator"}
    for name, words, losses in (
        ("gath", [], ours | both | {"classification", "classifier"}),
        ("gath_c", [str(CONFIGS / "gath_c.json")], ours | both),
        ("gath_dc", [str(CONFIGS / "gath_dc.json")], ours),
    ):
        train(data, tmp_path / name, *paper, *words, "steps=2", "log_every=1")
        assert set(rows(tmp_path / name / "metrics.csv")[0]) == {"step", "faces_per_second"} | losses
        assert ("discriminator" in state(tmp_path / name)) == (name != "gath_dc")
        assert isinstance(gath.load(tmp_path / name / "best.safetensors"), PaperGenerator)


def test_override_files_hold_the_papers_settings():
    words = [str(CONFIGS / "gath.json"), "data=D", "run=R"]
    full = parse(train_gath.Config, words)
    assert (full.generator, full.size, full.width, full.blocks, full.batch) == ("paper", 100, 64, 6, 64)
    assert (full.rate, full.final_rate, full.beta1, full.d_beta1) == (1e-4, 1e-4, 0.9, 0.9)
    assert (full.au, full.reconstruction, full.variation) == (1, 1, 1)
    assert (full.adversarial, full.classification) == (0.05, 0.05)
    assert (full.clip_share, full.back_share, full.target_mix) == (0, 0, 0.027)
    for name, adversarial in ("gath_c", 0.05), ("gath_dc", 0.0):
        less = parse(train_gath.Config, words + [str(CONFIGS / f"{name}.json")])
        assert less == dataclasses.replace(full, classification=0.0, adversarial=adversarial)


def test_a_loss_that_is_not_finite_stops_with_step_and_term(data, tmp_path):
    with pytest.raises(SystemExit, match="step 0: loss 'flow' is nan"):
        train(data, tmp_path, "steps=2", "flow=nan")


def test_every_mistake_in_the_settings_is_named_at_once(capsys, tmp_path):
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "half.json").write_text('{"blocks": 2.5, "compile": 7}')
    with pytest.raises(SystemExit) as stop:
        train_gath.main(["data=D", "speed=3", "batch=many", *(str(tmp_path / f"{n}.json") for n in ("list", "half"))])
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert "unknown key 'speed'" in said and "batch: 'many' is not a int" in said and "missing: run" in said
    assert "blocks: 2.5 is not a int" in said and "compile: 7 is not a bool" in said and "list.json: not an" in said


def test_settings_are_read_from_files_first_then_words_in_either_form(tmp_path):
    (tmp_path / "a.json").write_text('{"max_minutes": 3, "batch": 5, "run": "A", "size": 64}')
    (tmp_path / "b.json").write_text('{"batch": 6}')
    words = ["data=D", "--max-minutes", "10", str(tmp_path / "a.json"), "--run=B", str(tmp_path / "b.json")]
    config = parse(train_gath.Config, words)
    assert (config.max_minutes, config.batch, config.size) == (10, 6, 64)
    assert (str(config.data), str(config.run)) == ("D", "B")


def test_wrong_choices_are_said_before_anything_is_read(tmp_path):
    for words, said in (
        (["generator=oil"], "'oil' is none of flow, paper"),
        (["clip_share=0.2"], "must add up to 1"),
        (["generator=paper"], "estimator=FILE"),
    ):
        with pytest.raises(SystemExit, match=said):
            train_gath.main([f"data={tmp_path / 'none'}", f"run={tmp_path / 'run'}", *words])


def test_average_takes_parameters_slowly_and_buffers_at_once():
    models = [torch.nn.BatchNorm2d(1) for _ in range(2)]
    average, model = models
    with torch.no_grad():
        model.weight.fill_(3.0)
        model.running_mean.fill_(5.0)
    move_average(average, model, 0.75, step=1000)
    assert average.weight.item() == pytest.approx(1.5) and average.running_mean.item() == 5.0
    move_average(average, model, 0.0, step=1000)
    assert average.weight.item() == 3.0


def test_two_processes_follow_the_curve_of_one_with_twice_the_batch(data, tmp_path):
    """The same faces in the same order; NOISE is what each process's own normalisation of face weights leaves."""
    words = [*TINY, "back_share=0", "clip_share=1", "carried=1", "log_every=1"]
    words += ["steps=5"]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "recipes.train_gath"]
    command = [sys.executable, *torchrun, f"data={data}", f"run={tmp_path / 'two'}", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr[-2000:]
    train(data, tmp_path / "one", *words, "batch=8")
    train(data, tmp_path / "small", *words)
    two, one, small = (rows(tmp_path / name / "metrics.csv") for name in ("two", "one", "small"))
    assert len(two) == len(one) == 5

    def distance(a, b):
        losses = a[0].keys() - {"step", "faces_per_second"}
        return max(abs(float(x[k]) / float(y[k]) - 1) for x, y in zip(a, b) for k in losses)

    assert distance(two, one) < NOISE < distance(small, one) / 2
    assert len(state(tmp_path / "two")["random"]) == 2
    with pytest.raises(SystemExit, match="of 2 processes; resume with as many"):
        train(data, tmp_path / "two", *words)
