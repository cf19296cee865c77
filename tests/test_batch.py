from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from talkinghead.errors import JobsError
from talkinghead.media.video import VideoReader
from talkinghead.surfaces import cli
from talkinghead.surfaces.batch import FAILED, KEPT, MADE, OPTIONS, Batch, read_jobs
from talkinghead.units.unit_csv import write_csv
from tests.batches import HEADER, environment, listed, long_jobs, wait_for

ROOT = Path(__file__).parents[1]


FOUR = ("anna.png,voice.wav,,anna/one.mp4", "bea.png,voice.wav,,two.mp4", "anna.png,,au.csv,three.gif",
        "bea.png,voice.wav,au.csv,four.mp4")  # fmt: skip


@pytest.fixture
def work(folder, head, monkeypatch):
    """Run the jobs of a list with stub models; returns output -> result."""
    batch = Batch("out")
    monkeypatch.setattr(Batch, "head", lambda self: head)

    def run(path):
        jobs = read_jobs(path)
        batch.open(jobs)
        return {result.output: result for result in batch.run(jobs)}

    return run


def statuses(results):
    return {output: result.status for output, result in results.items()}


def outputs():
    return sorted(str(path.relative_to("out")) for path in Path("out").rglob("*.*") if ".records" not in path.parts)


def test_every_job_is_made_and_each_portrait_encoded_once(work, head):
    encoded = []
    encode = head.generator.encode
    head.generator.encode = lambda *args: encoded.append(1) or encode(*args)
    assert statuses(work(listed(*FOUR))) == {
        "anna/one.mp4": MADE, "three.gif": MADE, "two.mp4": MADE, "four.mp4": MADE
    }  # fmt: skip
    assert len(encoded) == 2
    assert outputs() == ["anna/one.mp4", "four.mp4", "three.gif", "two.mp4"]
    assert all(len(list(VideoReader(Path("out", name)))) == 5 for name in outputs())


def test_a_job_is_what_speak_makes(work, head):
    work(listed("anna.png,voice.wav,,out.mp4,0.5,happy,3,yes,no,10", header=f"{HEADER},gain,mood,seed,crop,blink,fps"))
    made = list(VideoReader("out/out.mp4"))
    options = {"gain": 0.5, "mood": "happy", "seed": 3, "crop": True, "blink": False, "fps": 10}
    frames = list(head.speak("material/anna.png", "material/voice.wav", **options))
    assert len(made) == len(frames) == 2
    assert np.abs(made[1].astype(int) - frames[1]).mean() < 2


def test_what_is_whole_is_not_made_again(work, head):
    jobs = listed(*FOUR)
    work(jobs)
    before = {name: os.stat(Path("out", name)).st_mtime_ns for name in outputs()}
    head.prepare = None  # nothing is even looked at
    assert set(statuses(work(jobs)).values()) == {KEPT}
    assert before == {name: os.stat(Path("out", name)).st_mtime_ns for name in outputs()}


@pytest.mark.parametrize("change", ["row", "portrait", "au", "output gone", "output replaced"])
def test_what_changed_is_made_again_and_nothing_else(work, change):
    work(listed(*FOUR))
    rows = list(FOUR)
    if change == "row":
        rows = [f"{row}," for row in rows]
        rows[2] += "0.5"
        redone = {"three.gif"}
    elif change == "portrait":
        os.utime("material/anna.png", (1, 2_000_000_000))
        redone = {"anna/one.mp4", "three.gif"}
    elif change == "au":
        write_csv("material/au.csv", np.full((6, 46), 0.25, np.float32), 25, force=True)
        redone = {"three.gif", "four.mp4"}
    elif change == "output gone":
        os.unlink("out/two.mp4")
        redone = {"two.mp4"}
    else:
        Path("out/two.mp4").write_bytes(b"somebody else's")
    results = work(listed(*rows, header=f"{HEADER},gain" if change == "row" else HEADER))
    if change == "output replaced":
        assert results["two.mp4"].status == FAILED and "exists already" in results["two.mp4"].message
        assert Path("out/two.mp4").read_bytes() == b"somebody else's"
    else:
        assert statuses(results) == {name: MADE if name in redone else KEPT for name in outputs()}


def test_a_failure_does_not_stop_the_rest(work, head):
    Path("material/broken.png").write_bytes(b"no picture")
    soundfile.write("material/silent.wav", np.zeros(3200), 16000)
    results = work(
        listed("none.png,voice.wav,,1.mp4", "broken.png,voice.wav,,2.mp4", "anna.png,none.wav,,3.mp4",
               "anna.png,,voice.wav,4.mp4", "anna.png,silent.wav,,5.mp4", "anna.png,voice.wav,,6.mp4")
    )  # fmt: skip
    assert [statuses(results)[f"{n}.mp4"] for n in range(1, 7)] == [FAILED] * 4 + [MADE] * 2
    for number, message in (1, "none.png: no such file"), (2, "not a picture"), (4, "not a CSV file"):
        assert message in results[f"{number}.mp4"].message
    assert "the sound is silent" in results["5.mp4"].message and not results["6.mp4"].message
    assert outputs() == ["5.mp4", "6.mp4"]


def test_surprises_are_failures_too(work, head):
    decode = head.generator.decode
    head.generator.decode = lambda code, units: 1 / 0
    assert "ZeroDivisionError" in work(listed(*FOUR))["two.mp4"].message
    head.generator.decode = decode
    assert set(statuses(work(listed(*FOUR))).values()) == {MADE}


@pytest.mark.parametrize(
    "rows, header, line",
    [
        ([",voice.wav,,1.mp4"], HEADER, "row 2, column portrait: empty"),
        (["a.png,,,1.mp4"], HEADER, "row 2, column audio: empty, and so is au"),
        (["a.png,b.wav,,1.avi"], HEADER, "row 2, column output: '1.avi' must end in one of .mp4"),
        (["a.png,b.wav,,"], HEADER, "row 2, column output: '' must end in"),
        (["a.png,b.wav,,../1.mp4"], HEADER, "row 2, column output: '../1.mp4' must lie in"),
        (["a.png,b.wav,,/1.mp4"], HEADER, "row 2, column output: '/1.mp4' must lie in"),
        (["a.png,b.wav,,1.mp4", "", "c.png,b.wav,,x/../1.mp4"], HEADER, "row 4, column output: 1.mp4 is that of row 2"),
        (["a.png,b.wav,1.mp4"], HEADER, "row 2 has 3 columns, the header 4"),
        (["a.png,b.wav,,1.mp4,fast"], f"{HEADER},fps", "row 2, column fps: 'fast' is not a frame rate"),
        (["a.png,b.wav,,1.mp4,maybe"], f"{HEADER},blink", "row 2, column blink: 'maybe' is neither yes nor no"),
        (["a.png,b.wav,,1.mp4,1.5"], f"{HEADER},seed", "row 2, column seed: '1.5' is not a whole number from 0"),
        (["a.png,b.wav,,1.mp4,0"], f"{HEADER},face", "row 2, column face: '0' is not a whole number from 1"),
        (["a.png,b.wav,,1.mp4,11"], f"{HEADER},gain", "row 2, column gain: .*11"),
        (["a.png,b.wav,,1.mp4,merry"], f"{HEADER},mood", "row 2, column mood: there is no mood 'merry'"),
        (["a.png,b.wav,,1.mp4,1"], f"{HEADER},colour", "row 1: column 'colour' is unknown; the columns are portrait,"),
        (["a.png,b.wav,,1.mp4,1"], f"{HEADER},au", "row 1: column 'au' is twice there"),
        (["a.png,b.wav"], "portrait,audio", "row 1: there is no column output"),
        ([], HEADER, "there is no job"),
    ],
)
def test_a_bad_list_names_row_and_column(folder, rows, header, line):
    with pytest.raises(JobsError, match=f"jobs.csv: .*{line}" if "no job" not in line else line) as error:
        read_jobs(listed(*rows, header=header))
    assert "\n" not in str(error.value)


def test_a_list_that_is_no_csv(folder):
    with pytest.raises(JobsError, match="not a CSV file"):
        read_jobs("material/anna.png")
    with pytest.raises(JobsError, match="no such file"):
        read_jobs("none.csv")


def command(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["talkinghead", "batch", *map(str, arguments)])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    try:
        cli.main()
    except SystemExit as end:
        return end.code or 0
    return 0


def test_the_command_reports_and_exits_1_if_any_failed(work, monkeypatch, capsys):
    jobs = listed(*FOUR, "none.png,voice.wav,,five.mp4")
    assert command(monkeypatch, jobs, "--out", "out") == 1
    said = capsys.readouterr()
    assert said.out == "5 jobs: 4 made, 1 failed; see out/report.csv\n" and said.err == ""
    with open("out/report.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["output", "status", "message", "seconds"]
    assert Counter(row["status"] for row in rows) == {"made": 4, "failed": 1}
    assert [row["message"] for row in rows if row["status"] == "failed"][0].startswith(str(Path("material").resolve()))
    assert command(monkeypatch, listed(*FOUR), "--out", "out") == 0
    assert capsys.readouterr().out == "4 jobs: 4 kept; see out/report.csv\n"
    assert command(monkeypatch, listed(*FOUR), "--out", "out", "--force") == 0
    assert "4 made" in capsys.readouterr().out


def test_the_page(work, monkeypatch):
    """Its list and its command do what it says."""
    page = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
    (example,), (line,) = (re.findall(f"```{kind}\n(.*?)```", page, re.S) for kind in ("csv", "bash"))
    Path("jobs.csv").write_text(example)
    for name, suffix, copy in (
        ("anna", "png", "anna.jpg"), ("bea", "png", "bea.jpg"), ("voice", "wav", "hello.wav"),
        ("voice", "wav", "song.mp3"), ("au", "csv", "smile.csv"), ("au", "csv", "dance.csv"),
    ):  # fmt: skip
        shutil.copy(f"material/{name}.{suffix}", copy)
    program, name, *arguments = shlex.split(line)
    assert (program, name) == ("talkinghead", "batch") and command(monkeypatch, *arguments) == 0
    assert sorted(str(p.relative_to("videos")) for p in Path("videos").rglob("*.[mw]*")) == [
        "anna/hello.mp4", "anna/smile.mp4", "bea.webm"
    ]  # fmt: skip
    names = re.search(r"^\| (`fps`.*?) \|", page, re.M)[1]
    assert re.findall(r"`(\w+)`", names) == sorted(OPTIONS, key=names.index)


def test_a_bad_list_ends_the_command_before_anything(folder, monkeypatch):
    status = command(monkeypatch, listed("a.png,b.wav,,1.avi"), "--out", "out")
    assert status.startswith("talkinghead: material/jobs.csv: row 2, column output") and not Path("out").exists()


def test_a_killed_batch_goes_on_and_redoes_nothing_that_is_whole(folder, untrained):
    program = [sys.executable, "-c", "from talkinghead.surfaces.cli import main; main()"]
    arguments = [*program, "batch", str(long_jobs(4)), "--out", "out", "--generator", str(untrained)]
    process = subprocess.Popen(arguments, env=environment())
    try:
        wait_for(lambda: len(list(Path("out").glob("[0-9].mp4"))) >= 2 and list(Path("out").glob(".talkinghead-*")))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    whole = {path: path.stat().st_mtime_ns for path in Path("out").glob("[0-9].mp4")}
    assert 2 <= len(whole) < 4
    done = subprocess.run(arguments, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0 and "4 jobs: " in done.stdout, done.stderr
    assert all(path.stat().st_mtime_ns == moment for path, moment in whole.items())
    assert sorted(path.name for path in Path("out").iterdir()) == sorted(
        [".records", "report.csv", *(f"{n}.mp4" for n in range(4))]
    )
    assert all(len(list(VideoReader(Path("out", f"{n}.mp4")))) == 75 for n in range(4))


@pytest.fixture
def cluster(monkeypatch):
    """A Ray cluster on this machine: a head without work, and two nodes with one worker each."""
    pytest.importorskip("ray", reason="needs ray: pip install '.[ray]'")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    yield cluster, [cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)]
    cluster.shutdown()


def test_a_ray_worker_killed_half_way_costs_no_job(folder, cluster, untrained):
    from talkinghead.surfaces import batch_ray

    nodes, (victim, _) = cluster
    jobs, batch = read_jobs(long_jobs(6)), Batch("out", untrained)
    batch.open(jobs)
    results, moments = [], {}
    for result in batch_ray.run(batch, jobs, nodes.address):
        results.append(result)
        if len(results) == 1:
            whole = [path for path in Path("out").glob("[0-9].mp4")]
            moments = {path: path.stat().st_mtime_ns for path in whole}
            wait_for(lambda: len(list(Path("out").glob(".talkinghead-*"))) >= 2)
            nodes.remove_node(victim, allow_graceful=False)
    batch.sweep(jobs)
    assert Counter(r.output for r in results) == {f"{n}.mp4": 1 for n in range(6)}
    assert {r.status for r in results} <= {MADE, KEPT}
    assert all(len(list(VideoReader(Path("out", f"{n}.mp4")))) == 75 for n in range(6))
    assert moments and all(path.stat().st_mtime_ns == moment for path, moment in moments.items())
    assert not list(Path("out").glob(".talkinghead-*"))
    assert {r.status for r in batch_ray.run(batch, jobs, nodes.address)} == {KEPT}
