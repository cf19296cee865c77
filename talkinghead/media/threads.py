"""Work side by side: an iterator in, the same items out, made in a thread of their own; and a pipe that is fed by one.

numpy, cv2, OpenVINO and pipes let other threads run while they work. Queues are short, so memory does not grow. They
are SimpleQueues, one of things and one of the room for them, because an exception out of a signal's handler may strike
anywhere in the main thread, and would leave the lock of a bounded Queue taken for ever.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import IO, Any, Generic, TypeVar

Item = TypeVar("Item")


def ahead(items: Iterator[Item], depth: int) -> Iterator[Item]:
    """The same items in the same order, made in another thread while the ones before are used, `depth` ahead at most.

    What making them raises is raised here in its turn. A caller that stops early stops the thread, which closes `items`
    if it is a generator; nothing is made before the first item is asked for.
    """
    maker = _Maker(items, depth)
    atexit.register(maker.stop)  # for an iterator that was never finished: later on threads freeze where they are
    try:
        while not (made := maker.take()).last:
            yield made.item
        if made.item is not None:
            raise made.item
    finally:
        maker.stop()
        atexit.unregister(maker.stop)


@contextmanager
def beside(make: Callable[[], Item]) -> Iterator[Callable[[], Item]]:
    """Runs `make` in a thread while the block runs; calling what the block is given gives, or raises, what it did."""
    done: Future[Item] = Future()

    def run() -> None:
        try:
            done.set_result(make())
        except BaseException as error:
            done.set_exception(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield done.result
    finally:
        thread.join()


class Once(Generic[Item]):
    """What `make` gives, made when it is first asked for, by any thread, or begun before in a thread of its own. Where
    it fails, or is interrupted, who asks is told, and the next one who asks has it tried again."""

    def __init__(self, make: Callable[[], Item]):
        self._make, self._made, self._lock = make, list[Item](), threading.Lock()

    def __call__(self) -> Item:
        if not self._made:
            with self._lock:
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]

    def begin(self) -> Once[Item]:
        threading.Thread(target=self._begun).start()
        return self

    def _begun(self) -> None:
        with suppress(Exception):  # who asks is told
            self()


class _Made:
    """An item; or, as the last one, the exception that ended them, or None."""

    def __init__(self, item: Any, last: bool = False):
        self.item, self.last = item, last


class _Maker:
    def __init__(self, items: Iterator[Any], depth: int):
        self._items, self._stopped = items, False
        self._made: SimpleQueue[_Made] = SimpleQueue()
        self._room = _room(depth)
        self._thread = threading.Thread(target=self._make, daemon=True)
        self._thread.start()

    def _make(self) -> None:
        error = None
        try:
            self._room.get()
            for item in self._items:
                self._made.put(_Made(item))
                self._room.get()
                if self._stopped:
                    break
        except BaseException as raised:
            error = raised
        finally:
            getattr(self._items, "close", lambda: None)()
            self._made.put(_Made(error, last=True))

    def take(self) -> _Made:
        made = self._made.get()
        self._room.put(None)
        return made

    def stop(self) -> None:
        self._stopped = True
        self._room.put(None)
        self._thread.join()


class Feed:
    """Writes buffers to a pipe in a thread, `depth` of them waiting at most; they must not change any more."""

    def __init__(self, pipe: IO[bytes], depth: int):
        self._pipe = pipe
        self._error: Exception | None = None
        self._waiting: SimpleQueue[Any] = SimpleQueue()
        self._room = _room(depth)
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def _write(self) -> None:
        while (buffer := self._waiting.get()) is not None:
            try:
                if self._error is None:
                    self._pipe.write(buffer)
            except (OSError, ValueError) as error:  # ValueError: closed on this side, because all is given up
                self._error = error
            self._room.put(None)

    def put(self, buffer: Any) -> None:
        """Raises OSError if the pipe broke under an earlier buffer."""
        self._room.get()
        if isinstance(self._error, OSError):
            raise self._error
        self._waiting.put(buffer)

    def finish(self) -> None:
        """Wait until all is written, and close the pipe. Raises OSError if it broke."""
        self.end()
        if isinstance(self._error, OSError):
            raise self._error
        self._pipe.close()

    def end(self) -> None:
        """End the thread, once the pipe took what waits or broke."""
        self._waiting.put(None)
        self._thread.join()


def _room(depth: int) -> SimpleQueue[None]:
    room: SimpleQueue[None] = SimpleQueue()
    for _ in range(depth):
        room.put(None)
    return room
