"""The bounded queue between two stages."""

import threading
from collections.abc import Callable

import pytest

from ssd_live.pipeline.batch import BoundedQueue, QueueClosedError, QueueFinishedError
from tests.waiting import wait_until

# Far more than any test needs: it only keeps a broken queue from hanging the run.
_LIMIT_SECONDS = 60.0


def _in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def _join(thread: threading.Thread) -> None:
    thread.join(_LIMIT_SECONDS)
    assert not thread.is_alive()


def test_items_come_out_in_the_order_in_which_they_went_in() -> None:
    queue: BoundedQueue[int] = BoundedQueue(5)
    for number in range(5):
        queue.put(number)
    queue.finish()
    assert list(queue) == [0, 1, 2, 3, 4]


def test_a_writer_never_gets_further_ahead_than_the_capacity() -> None:
    capacity, count = 3, 3000
    queue: BoundedQueue[int] = BoundedQueue(capacity)
    full = threading.Event()
    asked_for = 0
    leads: list[int] = []

    def write() -> None:
        for number in range(count):
            queue.put(number)
            # What was put, less what the reader had asked for by then, must fit inside.
            leads.append(number + 1 - asked_for)
            if number + 1 == capacity:
                full.set()
        queue.finish()

    writer = _in_thread(write)
    assert full.wait(_LIMIT_SECONDS)
    items = iter(queue)
    taken = []
    while True:
        asked_for += 1
        item = next(items, None)
        if item is None:
            break
        taken.append(item)
    _join(writer)
    assert taken == list(range(count))
    assert max(leads) == capacity


def test_what_weighs_nothing_is_never_held_up() -> None:
    queue: BoundedQueue[str] = BoundedQueue(1)
    queue.put("frame")
    for _ in range(100):
        queue.put("packet", weight=0)
    queue.finish()
    assert list(queue) == ["frame", *["packet"] * 100]


def test_reading_makes_room_by_the_weight_of_what_was_read() -> None:
    queue: BoundedQueue[str] = BoundedQueue(4)
    queue.put("heavy", weight=3)
    queue.put("light")
    items = iter(queue)
    assert next(items) == "heavy"
    queue.put("heavy again", weight=3)
    queue.finish()
    assert list(items) == ["light", "heavy again"]


def test_what_weighs_more_than_there_is_room_for_waits_until_nothing_is_inside() -> None:
    queue: BoundedQueue[str] = BoundedQueue(4)
    queue.put("too heavy", weight=9)
    writer = _in_thread(lambda: queue.put("as heavy", weight=9))
    items = iter(queue)
    assert [next(items), next(items)] == ["too heavy", "as heavy"]
    _join(writer)


def test_taking_ends_when_time_is_up_and_goes_on_later() -> None:
    queue: BoundedQueue[str] = BoundedQueue(1)
    assert queue.take(0.01) is None
    queue.put("late")
    assert queue.take(0.01) == "late"
    queue.finish()
    with pytest.raises(QueueFinishedError):
        queue.take()


def test_a_queue_tells_that_its_reader_waits() -> None:
    queue: BoundedQueue[int] = BoundedQueue(2)

    def is_awaited() -> bool:
        return queue.is_awaited

    # Before it begins, nothing is kept from it either.
    assert is_awaited()
    queue.put(1)
    assert queue.take() == 1
    assert not is_awaited()
    taken: list[int | None] = []
    reader = _in_thread(lambda: taken.append(queue.take()))
    wait_until(is_awaited)
    queue.put(2)
    _join(reader)
    assert (taken, is_awaited()) == ([2], False)


def test_a_reader_waits_for_what_is_still_to_come() -> None:
    queue: BoundedQueue[int] = BoundedQueue(2)
    taken: list[int] = []
    reader = _in_thread(lambda: taken.extend(queue))
    queue.put(1)
    queue.put(2)
    queue.finish()
    _join(reader)
    assert taken == [1, 2]


def test_an_unfinished_queue_ends_its_reader_when_it_finishes_empty() -> None:
    queue: BoundedQueue[int] = BoundedQueue(2)
    taken: list[int] = []
    reader = _in_thread(lambda: taken.extend(queue))
    queue.finish()
    _join(reader)
    assert taken == []


def test_closing_releases_a_writer_that_waits_for_room() -> None:
    queue: BoundedQueue[int] = BoundedQueue(1)
    queue.put(1)
    outcomes: list[str] = []

    def write() -> None:
        try:
            queue.put(2)
            outcomes.append("put")
        except QueueClosedError:
            outcomes.append("closed")

    writer = _in_thread(write)
    queue.close()
    _join(writer)
    assert outcomes == ["closed"]


def test_closing_releases_a_reader_that_waits_for_an_item() -> None:
    queue: BoundedQueue[int] = BoundedQueue(1)
    outcomes: list[str] = []

    def read() -> None:
        try:
            outcomes.extend(str(item) for item in queue)
            outcomes.append("finished")
        except QueueClosedError:
            outcomes.append("closed")

    reader = _in_thread(read)
    queue.close()
    _join(reader)
    assert outcomes == ["closed"]


def test_a_closed_queue_takes_and_gives_nothing_more() -> None:
    queue: BoundedQueue[int] = BoundedQueue(3)
    queue.put(1)
    queue.close()
    with pytest.raises(QueueClosedError):
        queue.put(2)
    with pytest.raises(QueueClosedError):
        next(iter(queue))


def test_closing_wins_over_finishing() -> None:
    queue: BoundedQueue[int] = BoundedQueue(3)
    queue.put(1)
    queue.finish()
    queue.close()
    with pytest.raises(QueueClosedError):
        list(queue)
