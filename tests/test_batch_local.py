from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing import active_children
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from talkinghead.errors import ModelError
from talkinghead.media.outputs import _PARTIAL
from talkinghead.media.video import VideoReader
from talkinghead.surfaces import batch_local
from talkinghead.surfaces.batch import FAILED, KEPT, MADE, Batch, read_jobs
from talkinghead.units.unit_csv import write_csv
from tests.batches import HEADER, environment, listed, long_jobs, wait_for

pytestmark = pytest.mark.skipif(batch_local.cores() < 2, reason="needs two cores")


@pytest.fixture
def two(monkeypatch):
    """Two cores; what other tests have left running is none of ours, and of ours nothing is left."""
    monkeypatch.setattr(batch_local, "cores", lambda: 2)
    before = {child.pid for child in active_children()}
    yield
    assert {child.pid for child in active_children()} <= before


def begun(jobs, **options):
    jobs, batch = read_jobs(jobs), Batch("out", **options)
    batch.open(jobs)
    return jobs, batch


def pictures(folder):
    return {path.name: np.stack(list(VideoReader(path))) for path in Path(folder).glob("*.mp4")}


def writing():
    """The processes that are in the middle of a video."""
    found = (_PARTIAL.match(path.name) for path in Path("out").glob(".talkinghead-*"))
    return {int(of[2]) for of in found if of}


def test_processes_make_what_one_makes(folder, two):
    list_ = listed(*(f"{('anna', 'bea')[n % 2]}.png,voice.wav,,{n}.mp4,{n}" for n in range(8)), header=f"{HEADER},seed")
    jobs, batch = begun(list_)
    results = list(batch_local.run(batch, jobs))
    assert {result.status for result in results} == {MADE} and len(results) == 8
    made = pictures("out")
    assert [result.status for result in batch_local.run(batch, jobs)] == [KEPT] * 8
    alone = Batch("alone")
    alone.open(jobs)
    list(alone.run(jobs))
    for name, frames in pictures("alone").items():
        assert np.abs(frames.astype(int) - made[name]).mean() < 1, name


def test_a_process_that_dies_costs_its_own_job_alone(folder, two, untrained):
    long_jobs(1)
    write_csv("material/longer.csv", np.full((1500, 46), 0.2, np.float32), 25)
    rows = [f"{('anna', 'bea')[n % 2]}.png,,{'longer' if n == 1 else 'long'}.csv,{n}.mp4" for n in range(8)]
    jobs, batch = begun(listed(*rows), weights=untrained)
    results = batch_local.run(batch, jobs)
    first = next(results)  # of anna; a minute of bea is far from done
    killed = writing()
    for process in killed:
        os.kill(process, signal.SIGKILL)
    rest = list(results)
    assert first.status == MADE and sorted(r.output for r in [first, *rest]) == [f"{n}.mp4" for n in range(8)]
    lost = [result for result in rest if result.status == FAILED]
    assert len(lost) == len(killed) and "1.mp4" in {result.output for result in lost}
    assert {result.message for result in lost} == {"its process died (-9); free some memory"}
    assert [r.status for r in batch_local.run(batch, jobs)].count(MADE) == len(lost)  # the same again goes on


def test_a_process_goes_on_with_its_portrait_and_leaves_others_theirs(folder):
    jobs = read_jobs(listed(*(f"{name}.png,voice.wav,,{name}{n}.mp4" for n in range(2) for name in ("anna", "bea"))))
    looks = {job.output: job.look for job in jobs}
    first, second = (SimpleNamespace(look=look) for look in (looks["bea0.mp4"], None))
    taken = [batch_local._taken(jobs, [first, second], worker).output for worker in (first, second)]
    assert taken == ["bea0.mp4", "anna0.mp4"]
    second.look = looks["anna0.mp4"]
    assert batch_local._taken(jobs, [first, second], second).output == "anna1.mp4"
    assert batch_local._taken(jobs, [first, second], second).output == "bea1.mp4"  # rather than none


def test_models_that_do_not_load_end_the_batch_with_one_line(folder, two):
    Path("broken.safetensors").write_bytes(b"none")
    jobs, batch = begun(long_jobs(8), weights="broken.safetensors")
    with pytest.raises(ModelError, match="do not load"):
        list(batch_local.run(batch, jobs))


def descendants(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(child) for child in children.read_text().split()] if children.exists() else []
    return found + [below for child in found for below in descendants(child)]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_batch_that_is_stopped_leaves_no_process_behind(folder, untrained, number, status):
    program = [sys.executable, "-c", "from talkinghead.surfaces.cli import main; main()"]
    arguments = ["batch", str(long_jobs(8, seconds=20)), "--out", "out", "--generator", str(untrained)]
    process = subprocess.Popen([*program, *arguments], env=environment(), stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len(list(Path("out").glob(".talkinghead-*"))) >= 2)
    below = descendants(process.pid)
    process.send_signal(number)
    assert process.wait(20) == status
    deadline = time.monotonic() + 10
    while any(map(alive, below)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(below) >= 4 and not any(map(alive, below))  # two that make jobs, and their encoders
    said = process.stderr.read()
    assert said == "" if status == -9 else said == "talkinghead: interrupted; the same command goes on from here\n"
    if status != -9:
        assert not list(Path("out").glob(".talkinghead-*")) and not list(Path("out").glob("*.mp4"))
