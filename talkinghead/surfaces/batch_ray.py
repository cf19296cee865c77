"""The jobs of a batch on a Ray cluster. Every machine needs this package, and the files under the same paths."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from talkinghead.errors import ModelError
from talkinghead.surfaces.batch import FAILED, KEPT, Batch, Job, Puppets, Result

if TYPE_CHECKING:
    from talkinghead.pipeline import TalkingHead

RETRIES = 5  # of a job whose worker died


@cache
def _head(weights: str | None, device: str) -> tuple[TalkingHead, Puppets]:
    """Models and the last portrait, once in each worker process."""
    head = Batch(".", weights, device).head()
    return head, Puppets(head)


def _do(batch: Batch, job: Job) -> Result:
    """One job in a worker. A job that comes back, because the worker died after it was whole, is kept."""
    return batch.do(job, *_head(batch.weights, batch.device))


def run(batch: Batch, jobs: list[Job], address: str) -> Iterator[Result]:
    """Results as they come. `address` is Ray's: `auto`, `host:6379`, or `local` for a cluster of this
    machine's own cores. Raises ModelError without Ray or a cluster there."""
    try:
        import ray
    except ImportError:
        raise ModelError("--ray needs a package more; pip install 'talkinghead[ray]'") from None
    try:
        ray.init(address, log_to_driver=False, logging_level="error")
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"no Ray cluster answers at {address} ({reason}); start one with `ray start --head`") from None
    try:
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(_do)
        waiting = {}
        for job in jobs:
            if batch.is_done(job):  # the worker asks as well, but would load models first
                yield Result(job.output, KEPT)
            else:
                waiting[task.remote(batch, job)] = job
        while waiting:
            (ready,), _ = ray.wait(list(waiting), num_returns=1)
            job = waiting.pop(ready)
            try:
                yield ray.get(ready)
            except ray.exceptions.RayError as error:
                yield Result(job.output, FAILED, " ".join(str(error).split()))
    finally:
        ray.shutdown()
