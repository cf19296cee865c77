"""The jobs of a batch on this machine's cores: each has a process, with models of its own, that makes one at a time.

A process alone has its frames drawn side by side, but hears, looks and finishes a file by itself, and of short videos
that is half of the work.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue

from talkinghead.errors import TalkingHeadError
from talkinghead.media.forks import cores
from talkinghead.models import WITHOUT_TORCH
from talkinghead.surfaces.batch import FAILED, KEPT, Batch, Job, Puppets, Result
from talkinghead.surfaces.running import Stopped, stop_on_signals

WORTH = 4  # jobs for which a process is worth its start, a second
PATIENCE = 5.0  # seconds in which a process that is told to end removes what it left half done
_spawn = multiprocessing.get_context("spawn")  # the libraries with threads do not bear to be forked


def run(batch: Batch, jobs: list[Job]) -> Iterator[Result]:
    """Results as they come. Raises ModelError if models do not load."""
    todo = []
    for job in jobs:
        if batch.is_done(job):
            yield Result(job.output, KEPT)
        else:
            todo.append(job)
    count = min(cores(), len(todo) // WORTH)
    if count > 1 and batch.device in WITHOUT_TORCH:
        yield from _dealt(batch, todo, count)
    else:
        yield from batch.run(todo)


def _dealt(batch: Batch, todo: list[Job], count: int) -> Iterator[Result]:
    """Results of jobs made by so many processes. One that dies fails its job alone."""
    at = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [None] * count
    workers = [_Worker(batch, core) for core in at[:count]]
    try:
        for worker in workers:
            worker.ask(_taken(todo, workers, worker))
        while busy := {worker.pipe: worker for worker in workers if worker.job}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]
                result = worker.take()
                if todo and not worker.process.is_alive():
                    workers.remove(worker)
                    worker.end()
                    workers.append(worker := _Worker(batch, worker.core))
                if todo:
                    worker.ask(_taken(todo, workers, worker))
                yield result
    finally:
        for worker in workers:
            worker.end()


def _taken(todo: list[Job], workers: list[_Worker], worker: _Worker) -> Job:
    """The next job for a worker: of the portrait that it has, else of one that no other worker has."""
    others = {other.look for other in workers if other is not worker}
    job = next((job for job in todo if job.look == worker.look), None)
    job = job or next((job for job in todo if job.look not in others), todo[0])
    todo.remove(job)
    return job


class _Worker:
    """A process on a `core` (None: wherever the system likes). `job` is what it is asked for, `look` its portrait."""

    def __init__(self, batch: Batch, core: int | None):
        self.pipe, theirs = _spawn.Pipe()
        self.core, self.job, self.look = core, None, None
        self.process = _spawn.Process(target=_serve, args=(batch, theirs, core), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, job: Job) -> None:
        self.job, self.look = job, job.look
        with suppress(OSError):  # it has died: `take` will say so
            self.pipe.send(job)

    def take(self) -> Result:
        job, self.job = self.job, None
        try:
            result = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            return Result(job.output, FAILED, f"its process died ({self.process.exitcode}); free some memory")
        if isinstance(result, TalkingHeadError):
            raise result
        return result

    def end(self) -> None:
        """What it has not finished is removed."""
        self.process.terminate()
        self.process.join(PATIENCE)
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(batch: Batch, pipe: Connection, core: int | None) -> None:
    """All that a worker does: jobs in, results out, until it is told to end or who asks is gone."""
    if core is not None:
        os.sched_setaffinity(0, {core})  # what it starts stays there, too
    stop_on_signals()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for who asks, who ends this
    asked: SimpleQueue[Job] = SimpleQueue()

    def hear() -> None:
        try:
            while True:
                asked.put(pipe.recv())
        except (EOFError, OSError):
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=hear, daemon=True).start()
    try:
        job = asked.get()
        try:
            head = batch.head()
        except TalkingHeadError as error:
            pipe.send(error)
            return
        puppets = Puppets(head)
        while True:
            pipe.send(batch.do(job, head, puppets))
            job = asked.get()
    except Stopped:
        pass
