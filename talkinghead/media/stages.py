"""What a run finds and how long its stages take, told to the log `talkinghead`, which --verbose shows.

Takes what is to be told; gives nothing back, and costs nothing where nobody listens.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

LOG = logging.getLogger("talkinghead")


def tell(found: str) -> None:
    """Something that was found, in a few words."""
    LOG.info("%s", found)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """What is done inside, and the seconds that it took; nothing, if it fails."""
    start = time.perf_counter()
    yield
    LOG.info("%s: %.2f s", name, time.perf_counter() - start)
