"""Pictures drawn by several processes: rows of numbers in, the pictures drawn of them out, in their order.

Threads of Python get in each other's way where work is many small pieces: two that draw are no faster than one. A
process that is forked has all that was made ready, copies none of it until it is written to, and draws into memory that
it shares with this one. It does nothing else, for none of its parent's other threads are there: no network runs in it,
OpenCV has one thread, and it ends when it is no longer asked.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress

import numpy as np

from talkinghead.errors import DrawingError

POSSIBLE = sys.platform == "linux"  # other systems' libraries do not bear to be forked
MOST = 4  # processes: then encoding is what takes longest
ASKED = 2  # pictures that a process has been asked for at once
LARGE = 1 << 23  # bytes of a picture: what was needed to make ready for larger ones counts, and goes back to the system
PLACES = 4  # for its pictures: two that it draws, two that have been given away

Draw = Callable[[np.ndarray, np.ndarray], None]


def cores() -> int:
    """How many processes can work at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(
    draw: Draw, rows: Iterator[np.ndarray], shape: tuple[int, ...], lock: AbstractContextManager
) -> Iterator[np.ndarray]:
    """Pictures uint8 of a `shape`, to read only, which `draw(row, picture)` makes of float32 rows of one length; forked
    when the first is asked for.

    `lock` is an RLock, the only one that `draw` may want: no other thread must hold it at the moment of forking, for
    none is there afterwards to let go of it. Raises DrawingError when a process dies, having said why on stderr.
    """
    forks: list[_Fork] = []
    count = asked = taken = 0
    try:
        for row in rows:
            if not forks:
                with lock:
                    forks = _begun(draw, row.size, shape)
                count = len(forks)
            if asked - taken == (count * ASKED if taken else count):  # the first is given before others are known
                yield forks[taken % count].take()
                taken += 1
            forks[asked % count].ask(row)
            asked += 1
        for turn in range(taken, asked):
            yield forks[turn % count].take()
    finally:
        for fork in forks:
            fork.end()


def _begun(draw: Draw, length: int, shape: tuple[int, ...]) -> list[_Fork]:
    """As many as make sense, or as the system lets us have."""
    import cv2

    if np.prod(shape) > LARGE:
        with suppress(OSError, AttributeError):  # other C libraries have nothing of the kind
            ctypes.CDLL(None).malloc_trim(0)
    threads, forks = cv2.getNumThreads(), list[_Fork]()
    cv2.setNumThreads(1)  # a fork has none of its parent's other threads, and is told so by this
    try:
        while len(forks) < min(cores(), MOST):
            forks.append(_Fork(draw, length, shape))
    except OSError as error:
        if not forks:
            raise DrawingError(f"no process to draw frames can be started: {error.strerror}") from None
    finally:
        cv2.setNumThreads(threads)
    return forks


class _Fork:
    """A process that draws rows of a length, in `PLACES` places of memory."""

    def __init__(self, draw: Draw, length: int, shape: tuple[int, ...]):
        size = int(np.prod(shape))
        self._memory = [np.frombuffer(mmap.mmap(-1, size), np.uint8) for _ in range(PLACES)]
        self._places = [memory.reshape(shape) for memory in self._memory]
        self._idle = sys.getrefcount(self._memory[0])  # when nobody holds what was drawn there
        self._asked: deque[int] = deque()  # places
        todo, self._todo = os.pipe()
        self._done, done = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            self._work(draw, length, todo, done)
        os.close(todo)
        os.close(done)

    def ask(self, row: np.ndarray) -> None:
        """Have a row drawn. There must be room: fewer than ASKED are waited for."""
        place = self._free()[0]
        self._asked.append(place)
        with suppress(BrokenPipeError):  # it has failed: `take` will say so
            os.write(self._todo, bytes([place]) + row.astype(np.float32).tobytes())

    def _free(self) -> list[int]:
        """Places in which nothing is drawn, or held by who was given it."""
        places = set(range(PLACES)).difference(self._asked)
        return [place for place in places if sys.getrefcount(self._memory[place]) == self._idle]

    def take(self) -> np.ndarray:
        """What was asked for first. Who keeps many pictures gets copies."""
        if not os.read(self._done, 1):
            raise DrawingError("a process that draws frames has died; free some memory, or take a smaller picture")
        place = self._asked.popleft()
        drawn = self._places[place][:] if len(self._free()) > 1 else self._places[place].copy()
        drawn.flags.writeable = False
        return drawn

    def end(self) -> None:
        """At once: what it draws is not wanted any more."""
        os.close(self._todo)
        os.close(self._done)
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)

    def _work(self, draw: Draw, length: int, todo: int, done: int) -> None:
        """All that the process does. It never returns, and what was open in its parent is not its own."""
        status = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # its parent is told as well, and ends it
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            first, second = sorted((todo, done))
            for low, high in ((3, first), (first + 1, second), (second + 1, os.sysconf("SC_OPEN_MAX"))):
                os.closerange(low, high)
            while message := os.read(todo, 1 + 4 * length):
                draw(np.frombuffer(message, np.float32, offset=1), self._places[message[0]])
                os.write(done, b"1")
            status = 0
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(status)
