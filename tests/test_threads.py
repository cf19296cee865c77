"""Work in other threads: order, bounds, errors, and ends that leave nothing running."""

import os
import threading
import time

import pytest

from talkinghead.media.threads import Feed, Once, ahead, beside


def test_the_same_items_made_in_another_thread():
    threads = set()

    def items():
        for i in range(50):
            threads.add(threading.current_thread())
            yield i

    assert list(ahead(items(), 3)) == list(range(50))
    assert threading.current_thread() not in threads


def test_what_is_made_once_is_made_once_for_all_who_ask_and_may_be_begun_before():
    makers, begun = [], threading.Event()

    def make():
        makers.append(threading.current_thread())
        begun.set()
        time.sleep(0.05)
        return object()

    once, given = Once(make).begin(), []
    assert begun.wait(5)
    askers = [threading.Thread(target=lambda: given.append(once())) for _ in range(8)]
    for thread in askers:
        thread.start()
    for thread in askers:
        thread.join()
    assert len(set(map(id, given))) == 1 and len(given) == 8 and once() is given[0]
    assert len(makers) == 1 and makers[0] not in [threading.current_thread(), *askers]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_fails_once_is_told_to_who_asks_and_tried_again(error):
    tried = []

    def make():
        tried.append(1)
        if len(tried) < 3:
            raise error("not yet")
        return 7

    once = Once(make)
    for _ in range(2):
        with pytest.raises(error, match="not yet"):
            once()
    assert once() == 7 and once() == 7 and len(tried) == 3


def test_no_more_than_so_many_are_made_ahead():
    made = []
    items = ahead((made.append(i) or i for i in range(100)), 4)
    for i in range(10):
        assert next(items) == i
        time.sleep(0.01)
        assert len(made) <= i + 1 + 4 + 1
    assert len(made) > 10
    items.close()


def test_they_are_made_while_the_ones_before_are_used():
    begun = [threading.Event() for _ in range(4)]

    def items():
        for i in range(4):
            begun[i].set()
            yield i

    for i in ahead(items(), 2):
        if i < 3:
            assert begun[i + 1].wait(30)  # made while this one is held here


def test_what_making_raises_comes_in_its_turn():
    def items():
        yield 1
        raise KeyError("two")

    seen = ahead(items(), 5)
    assert next(seen) == 1
    with pytest.raises(KeyError, match="two"):
        next(seen)


def test_stopping_early_closes_the_items_and_ends_the_thread():
    closed, before = [], threading.active_count()

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    seen = ahead(items(), 2)
    next(seen)
    seen.close()
    assert closed and threading.active_count() == before


def test_a_feed_writes_all_in_order():
    read, write = os.pipe()
    feed, got = Feed(os.fdopen(write, "wb"), 2), []
    reader = threading.Thread(target=lambda: got.append(os.fdopen(read, "rb").read()))
    reader.start()
    parts = [bytes([i]) * 100_000 for i in range(20)]
    for part in parts:
        feed.put(part)
    feed.finish()
    reader.join()
    assert got == [b"".join(parts)]


def test_a_broken_pipe_is_told_and_nothing_waits_for_ever():
    read, write = os.pipe()
    feed = Feed(os.fdopen(write, "wb"), 2)
    os.close(read)
    with pytest.raises(BrokenPipeError):
        for _ in range(10):
            feed.put(bytes(100_000))
            time.sleep(0.01)
    feed.end()


def test_made_beside_a_block():
    here, there = threading.Event(), threading.Event()

    def make():
        there.set()
        assert here.wait(5)
        return 7

    with beside(make) as made:
        assert there.wait(5)
        here.set()
    assert made() == 7


def test_what_is_raised_beside_comes_when_it_is_asked_for():
    with beside(lambda: 1 / 0) as made:
        pass
    with pytest.raises(ZeroDivisionError):
        made()
    with pytest.raises(KeyError), beside(lambda: 1 / 0):
        raise KeyError
