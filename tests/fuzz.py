"""Hostile commands from a seed, and what they may do: end in one line, with a proper exit status, and leave nothing.

    python -m tests.fuzz 5000 [--seed N] [--jobs 2] [--only NUMBER]

Case NUMBER of a seed is always the same. Most run inside a few processes, with stub networks around the real tracker,
readers and writers; one in a hundred is a program of its own, with the weights that ship. What breaks the rules is
printed with its number and command, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import multiprocessing
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np

from tests.fuzz_cases import Case
from tests.fuzz_inputs import materials

ROOT = Path(__file__).parents[1]
PROGRAM = [sys.executable, "-c", "from talkinghead.surfaces.cli import main; main()"]
OWN_PROCESS = 100  # one case in so many
SECONDS = 60  # that a case may take
DISGUISED = re.compile(r"\b(?!OutputError)[A-Z]\w*(Error|Exception|Warning)\b")  # a traceback in one line


@dataclass
class Outcome:
    """What a command did."""

    status: int
    out: str
    err: str


class Runner:
    """Runs cases one after another; stubs stand in for networks, unless a case brings weights of its own."""

    def __init__(self, seed: int, base: Path):
        self.seed, self.base = seed, base
        base.mkdir(parents=True)
        self.materials = shared_materials()
        self.statuses: Counter[str] = Counter()

    def case(self, number: int) -> Case:
        folder = self.base / f"case{number}"
        folder.mkdir()
        return Case(np.random.default_rng([self.seed, number]), folder, self.materials).make()

    def run(self, number: int) -> list[str]:
        """What is wrong with case `number`; nothing, if all is well."""
        case = self.case(number)
        scratch = self.base / f"scratch{number}"
        scratch.mkdir()
        before = contents(case.folder)
        try:
            done = self._alone(case, scratch) if number % OWN_PROCESS == 0 else self._inside(case, scratch)
            wrong = judged(case, done, before)
            self.statuses[f"{case.arguments[0] if case.arguments else ''} {done.status}"] += 1
            wrong += [f"left in the temporary folder: {p.name}" for p in scratch.iterdir()]
        except subprocess.TimeoutExpired:
            wrong = [f"took over {SECONDS} s"]
        shutil.rmtree(case.folder)
        shutil.rmtree(scratch, ignore_errors=True)
        if not wrong:
            return []
        return [f"case {number}: {line}" for line in wrong] + [f"case {number}: {shlex.join(case.arguments)}"]

    def _alone(self, case: Case, scratch: Path) -> Outcome:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*PROGRAM, *_passable(case.arguments)],
            input=case.stdin,
            capture_output=True,
            cwd=case.folder,
            env=environment,
            timeout=SECONDS,
        )
        return Outcome(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    def _inside(self, case: Case, scratch: Path) -> Outcome:
        from talkinghead.surfaces import cli

        before = os.getcwd(), sys.argv, sys.stdin, sys.stdout, sys.stderr, tempfile.tempdir
        err, out = io.StringIO(), io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", write_through=True)
        os.chdir(case.folder)
        sys.argv, sys.stdin = (
            ["talkinghead", *_passable(case.arguments)],
            SimpleNamespace(buffer=io.BytesIO(case.stdin)),
        )
        sys.stdout, sys.stderr, tempfile.tempdir = out, err, str(scratch)
        signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(SECONDS)
        try:
            cli.main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
        except subprocess.TimeoutExpired:
            raise
        except BaseException as error:  # what would be a traceback
            status = 1
            err.write(f"Traceback: {type(error).__name__}: {error} at {_place(error)}\n")
        finally:
            signal.alarm(0)
            os.chdir(before[0])
            sys.argv, sys.stdin, sys.stdout, sys.stderr, tempfile.tempdir = before[1:]
        if isinstance(status, str):  # what Python itself does with it
            err.write(f"{status}\n")
            status = 1
        return Outcome(status, out.buffer.getvalue().decode("utf-8", "replace"), err.getvalue())


@cache
def shared_materials():
    """Made once for a whole process."""
    with tempfile.TemporaryDirectory() as folder:
        return materials(Path(folder))


@cache
def shared_tracker():
    """One for a whole process: MediaPipe takes its time to let go of one."""
    from talkinghead.pipeline import TalkingHead

    return TalkingHead().tracker


@contextmanager
def stubs() -> Iterator[None]:
    """Inside, the commands have stub networks around the real tracker; weights that a case brings are loaded, though,
    and devices are tried."""
    sys.path.insert(0, str(ROOT / "tests"))
    from conftest import StubGenerator, StubSpeech

    from talkinghead.models import WITHOUT_TORCH, check_device
    from talkinghead.pipeline import TalkingHead
    from talkinghead.surfaces.batch import Batch
    from talkinghead.surfaces.cli_options import Models

    tracker = shared_tracker()

    def head(weights, device):
        if device not in WITHOUT_TORCH:
            check_device(device)
        made = TalkingHead(weights or StubGenerator(), StubSpeech(), device)
        made.tracker = tracker
        return made

    def loaded(self):
        made = head(self.weights, self.device)
        made.generator
        return made

    with (
        patch.object(Models, "head", lambda self: head(self.generator, self.device)),
        patch.object(Batch, "head", loaded),
        warnings.catch_warnings(),
    ):
        yield


def judged(case: Case, done: Outcome, before: dict[str, bytes]) -> list[str]:
    """What is wrong with an outcome; `before` are the files that were there."""
    wrong, lines = [], done.err.splitlines()
    if done.status not in (0, 1, 2):
        wrong.append(f"exit status {done.status}: {done.err[-500:]}")
    if "Traceback" in done.err:
        wrong.append(f"a traceback: {done.err[-1500:]}")
    report = case.folder / "out" / "report.csv"
    if done.status == 1 and not (case.arguments[:1] == ["batch"] and report.exists() and not lines):
        if len(lines) != 1 or not lines[0].startswith("talkinghead: ") or DISGUISED.search(lines[0]):
            wrong.append(f"a refusal of {len(lines)} lines: {done.err[-800:]!r}")
    if report.exists() and DISGUISED.search(report.read_text(errors="replace")):
        wrong.append(f"a surprise in the report: {report.read_text(errors='replace')[-800:]!r}")
    if done.status == 2 and "Usage: " not in done.err and not done.err.startswith("Error: "):
        wrong.append(f"no usage: {done.err[-300:]!r}")
    after = contents(case.folder)
    wrong += [f"left behind: {name}" for name in after if ".talkinghead-" in name]
    given = {os.path.normpath(argument) for argument in case.arguments}
    wrong += [f"changed: {name}" for name in before if after.get(name) != before[name] and name not in given]
    if done.status:
        wrong += [f"left behind: {name}" for name in after.keys() - before if not name.startswith("out/")]
    return wrong


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def _passable(arguments: list[str]) -> list[str]:
    """No command line can hold a zero byte."""
    return [argument.replace("\0", "") for argument in arguments]


def _place(error: BaseException) -> str:
    last = error.__traceback__
    while last and last.tb_next:
        last = last.tb_next
    return f"{last.tb_frame.f_code.co_filename}:{last.tb_lineno}" if last else "?"


def _too_long(*_) -> None:
    raise subprocess.TimeoutExpired("case", SECONDS)


def run(seed: int, numbers: Iterable[int], base: Path) -> tuple[list[str], Counter[str]]:
    """What is wrong with these cases, and how often each command ended with which status."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    try:
        with stubs():
            runner = Runner(seed, base)
            return [line for number in numbers for line in runner.run(number)], runner.statuses
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _share(job: tuple[int, list[int], str]) -> tuple[list[str], Counter[str]]:
    faulthandler.enable()
    return run(job[0], job[1], Path(job[2]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", type=int, help="run this case alone")
    given = parser.parse_args()
    numbers = list(range(given.count)) if given.only is None else [given.only]
    start, wrong, statuses, done = time.monotonic(), [], Counter(), 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as base:
        shares = [numbers[k : k + 100] for k in range(0, len(numbers), 100)]
        jobs = [(given.seed, share, f"{base}/{k}") for k, share in enumerate(shares)]
        with multiprocessing.get_context("spawn").Pool(given.jobs) as pool:
            for lines, ended in pool.imap_unordered(_share, jobs):
                done, wrong = done + 1, wrong + lines
                statuses += ended
                took = time.monotonic() - start
                print("\n".join([*lines, f"{done} of {len(jobs)} hundreds, {took:.0f} s"]), flush=True)
            pool.close()
            pool.join()
    for status, count in sorted(statuses.items()):
        print(f"{count:6d} {status}")
    print(f"seed {given.seed}: {len(numbers)} cases, {sum(':' in line for line in wrong) // 2} at fault")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
