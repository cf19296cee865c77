"""Lists of jobs for the tests of batches, and what those tests share."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from talkinghead.units.unit_csv import write_csv

ROOT = Path(__file__).parents[1]
HEADER = "portrait,audio,au,output"


def listed(*rows, header=HEADER, name="material/jobs.csv"):
    Path(name).write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return Path(name)


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def wait_for(condition, seconds=90):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.02)


def long_jobs(count, seconds=3):
    write_csv("material/long.csv", np.full((25 * seconds, 46), 0.2, np.float32), 25, force=True)
    return listed(*(f"{('anna', 'bea')[n % 2]}.png,,long.csv,{n}.mp4" for n in range(count)))
