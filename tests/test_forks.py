"""Pictures drawn by other processes: the same, in order, kept as long as wanted, and nobody left behind."""

import errno
import itertools
import os
import threading
import time

import numpy as np
import pytest

from talkinghead.errors import DrawingError
from talkinghead.face.looks import of_faces
from talkinghead.media import forks
from talkinghead.media.forks import spread
from talkinghead.pipeline import TalkingHead
from talkinghead.samples import DEMO, VOICE

pytestmark = pytest.mark.skipif(not forks.POSSIBLE, reason="processes are forked on Linux alone")
SHAPE = (6, 4)


def rows(count):
    return (np.array([k, 2 * k], np.float32) for k in range(count))


def tell(row, picture):
    """What was asked, and in which process."""
    picture[:3] = row.sum()
    picture[3] = np.frombuffer(np.uint32(os.getpid()).tobytes(), np.uint8)


def process(picture):
    return int(picture[3].view(np.uint32)[0])


def test_pictures_come_in_order_from_several_processes(monkeypatch):
    monkeypatch.setattr(forks, "cores", lambda: 3)
    seen = [(picture[0, 0], process(picture)) for picture in spread(tell, rows(50), SHAPE, threading.RLock())]
    assert [value for value, _ in seen] == [3 * k for k in range(50)]
    makers = [maker for _, maker in seen]
    assert len(set(makers)) == 3 and os.getpid() not in makers
    assert makers[:-3] == makers[3:]  # in turn


@pytest.mark.parametrize("kept", [1, 2, 7])
def test_pictures_that_are_kept_do_not_change(kept):
    held = []
    for k, picture in enumerate(spread(tell, rows(40), SHAPE, threading.RLock())):
        held = [*held, (3 * k, picture)][-kept:]
        time.sleep(0.001)  # for others to be drawn meanwhile
        assert all((picture[:3] == value).all() for value, picture in held)
        with pytest.raises(ValueError):
            picture[:] = 0


def test_nothing_is_asked_for_before_the_first_picture_and_little_ahead(monkeypatch):
    monkeypatch.setattr(forks, "cores", lambda: 2)
    begun = []
    pictures = spread(tell, (begun.append(0) or row for row in rows(100)), SHAPE, threading.RLock())
    assert not begun
    next(pictures)
    assert len(begun) <= 2 * forks.ASKED + 1
    pictures.close()


def test_a_process_that_fails_is_told_of_and_none_is_left(capfd):
    made = []

    def fail(row, picture):
        if row[0] == 20:
            raise ValueError("that one")
        tell(row, picture)

    with pytest.raises(DrawingError):
        for picture in spread(fail, rows(100), SHAPE, threading.RLock()):
            made.append(process(picture))
    assert len(made) == 20 and "that one" in capfd.readouterr().err
    for maker in set(made):
        with pytest.raises(ProcessLookupError):
            os.kill(maker, 0)


@pytest.mark.parametrize("most", [0, 1, 2])
def test_as_many_processes_as_the_system_grants(monkeypatch, most):
    fork, granted = os.fork, []

    def grudging():
        if len(granted) == most:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        granted.append(0)
        return fork()

    monkeypatch.setattr(forks, "cores", lambda: 3)
    monkeypatch.setattr(os, "fork", grudging)
    pictures = spread(tell, rows(9), SHAPE, threading.RLock())
    if most == 0:
        with pytest.raises(DrawingError, match="can be started: Resource temporarily unavailable"):
            next(pictures)
        return
    seen = list(pictures)
    assert [picture[0, 0] for picture in seen] == [3 * k for k in range(9)]
    assert len({process(picture) for picture in seen}) == most


def test_a_caller_who_stops_leaves_none_behind():
    pictures = spread(tell, rows(100), SHAPE, threading.RLock())
    makers = {process(next(pictures)) for _ in range(5)}
    pictures.close()
    for maker in makers:
        with pytest.raises(ProcessLookupError):
            os.kill(maker, 0)


def test_what_another_thread_holds_is_waited_for():
    lock, held = threading.RLock(), threading.Event()

    def hold():
        with lock:
            held.set()
            time.sleep(0.2)

    def draw(row, picture):
        with lock:
            tell(row, picture)

    threading.Thread(target=hold).start()
    held.wait()
    assert [picture[0, 0] for picture in spread(draw, rows(3), SHAPE, lock)] == [0, 3, 6]


def test_processes_hold_nothing_open_that_is_not_theirs():
    reads, writes = os.pipe()
    pictures = spread(tell, rows(9), SHAPE, threading.RLock())
    next(pictures)
    os.close(writes)
    assert os.read(reads, 1) == b""  # nobody else could still write
    pictures.close()
    os.close(reads)


@pytest.mark.parametrize("options", [{}, {"crop": True}, {"enhance": True, "head": 0}])
def test_frames_are_those_that_this_process_draws(monkeypatch, options):
    head, drawn = TalkingHead(), []
    for possible in (True, False):
        monkeypatch.setattr(forks, "POSSIBLE", possible)
        clip = head.speak(DEMO, VOICE, fps=10, seed=5, **options)
        drawn.append([(frame, clip.units, clip.pose) for frame in itertools.islice(clip.pictures(planar=True), 20)])
    for ours, theirs in zip(*drawn, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs))
    assert not np.array_equal(drawn[0][0][0], drawn[0][-1][0])


def test_a_portrait_is_looked_at_once_its_first_frame_is_asked_for(monkeypatch):
    """What frames are forked with is not in the middle of being drawn on."""
    said, begun = [], forks._begun
    monkeypatch.setattr(forks, "_begun", lambda *args: said.append("forked") or begun(*args))

    def looked(self, puppet):
        said.append("looked")
        return of_faces(puppet.rest, puppet.parting.drawn, puppet.purses)

    monkeypatch.setattr(TalkingHead, "_looks", looked)
    for picture in (True, False):
        clip = TalkingHead().speak(DEMO, VOICE)
        assert said == []
        assert len(list(itertools.islice(clip.pictures(planar=picture), 40))) == 40
        assert said == (["forked", "looked"] if picture else ["looked"])
        said.clear()


def test_the_first_picture_does_not_wait_for_rows_that_come_late(monkeypatch):
    """With as many processes as there are: rows from the seventh on wait for a look at the portrait."""
    monkeypatch.setattr(forks, "cores", lambda: 8)
    begun = []
    pictures = spread(tell, (begun.append(0) or row for row in rows(20)), SHAPE, threading.RLock())
    assert next(pictures)[0, 0] == 0 and len(begun) <= 5
    assert [picture[0, 0] for picture in pictures] == [3 * k for k in range(1, 20)]
