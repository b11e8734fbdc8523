"""The slot between two stages: the newest wins, and nobody is late for another."""

import threading

import pytest

from ssd_live.pipeline.live import NewestSlot
from tests.waiting import LIMIT_SECONDS, wait_until


def test_what_is_put_is_taken_once() -> None:
    slot: NewestSlot[str] = NewestSlot()
    assert slot.put("a") is None
    assert slot.take() == "a"
    assert slot.take() is None


def test_the_newest_replaces_what_nobody_took_and_gives_it_back() -> None:
    slot: NewestSlot[str] = NewestSlot()
    slot.put("old")
    assert slot.put("new") == "old"
    assert slot.take() == "new"


def test_a_waiting_taker_gets_what_comes() -> None:
    slot: NewestSlot[str] = NewestSlot()
    taken: list[str | None] = []
    taker = threading.Thread(target=lambda: taken.append(slot.take(LIMIT_SECONDS)))
    taker.start()
    slot.put("a")
    taker.join(LIMIT_SECONDS)
    assert taken == ["a"]


def test_taking_from_an_empty_slot_ends_when_time_is_up() -> None:
    slot: NewestSlot[str] = NewestSlot()
    assert slot.take(0.01) is None


def test_a_waiting_taker_can_be_woken_without_anything() -> None:
    slot: NewestSlot[str] = NewestSlot()
    taken: list[str | None] = []
    taker = threading.Thread(target=lambda: taken.append(slot.take(LIMIT_SECONDS)))
    taker.start()

    def woken() -> bool:
        slot.wake()
        return not taker.is_alive()

    wait_until(woken, LIMIT_SECONDS / 2)
    assert taken == [None]


@pytest.mark.parametrize("writers", [1, 3])
def test_everything_put_is_either_taken_or_given_back_exactly_once(writers: int) -> None:
    slot: NewestSlot[tuple[int, int]] = NewestSlot()
    replaced: list[tuple[int, int]] = []
    taken: list[tuple[int, int]] = []
    done = threading.Event()

    def write(writer: int) -> None:
        for number in range(2000):
            earlier = slot.put((writer, number))
            if earlier is not None:
                replaced.append(earlier)

    def read() -> None:
        while not done.is_set():
            item = slot.take(0.001)
            if item is not None:
                taken.append(item)

    reader = threading.Thread(target=read)
    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    reader.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_SECONDS)
    done.set()
    reader.join(LIMIT_SECONDS)
    left = slot.take()
    everything = [*replaced, *taken, *([left] if left else [])]
    assert sorted(everything) == [
        (writer, number) for writer in range(writers) for number in range(2000)
    ]
    for writer in range(writers):
        numbers = [number for who, number in taken if who == writer]
        assert numbers == sorted(numbers)
