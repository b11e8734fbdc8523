"""The fate of rendered frames: each is counted once, whatever happens to its images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_live.imaging.frame import Frame, Region
from ssd_live.pipeline.counters import Cause, FrameCounter
from ssd_live.pipeline.picture import Picture, PictureSlot

FRAME = Frame((np.zeros((2, 2, 3), np.uint8),))
PIXELS = np.zeros((2, 2, 4), np.uint8)


def image(number: int) -> Picture:
    return Picture(number, FRAME, PIXELS, 2, Region(0, 0, 2, 2), None)


@pytest.fixture
def counter() -> FrameCounter:
    return FrameCounter()


@pytest.fixture
def slot(counter: FrameCounter) -> PictureSlot:
    return PictureSlot(counter)


def fates(counter: FrameCounter) -> tuple[int, dict[str, int]]:
    counts = counter.counts()
    return counts.shown, counts.dropped


def test_a_painted_frame_is_shown_once(slot: PictureSlot, counter: FrameCounter) -> None:
    slot.put(image(1))
    taken = slot.take()
    assert taken is not None
    assert slot.painted(taken)
    assert not slot.painted(taken)
    assert fates(counter) == (1, {})


def test_the_view_is_told_once_until_it_has_taken(slot: PictureSlot) -> None:
    assert slot.put(image(1))
    assert not slot.put(image(2))
    slot.take()
    assert slot.put(image(3))


def test_a_frame_that_a_newer_one_replaces_is_dropped(
    slot: PictureSlot, counter: FrameCounter
) -> None:
    slot.put(image(1))
    slot.put(image(2))
    assert fates(counter) == (0, {Cause.DISPLAY.value: 1})


def test_another_image_of_the_same_frame_replaces_it_without_a_drop(
    slot: PictureSlot, counter: FrameCounter
) -> None:
    slot.put(image(1))
    slot.put(image(1))
    assert fates(counter) == (0, {})


def test_a_frame_that_was_taken_and_never_painted_is_dropped_when_the_next_is_taken(
    slot: PictureSlot, counter: FrameCounter
) -> None:
    for number in (1, 2):
        slot.put(image(number))
        slot.take()
    assert fates(counter) == (0, {Cause.DISPLAY.value: 1})


def test_a_shown_frame_that_is_drawn_again_is_not_shown_twice(
    slot: PictureSlot, counter: FrameCounter
) -> None:
    for _ in range(3):
        slot.put(image(1))
        taken = slot.take()
        assert taken is not None
        slot.painted(taken)
    assert fates(counter) == (1, {})


def test_a_frame_that_the_caller_counted_is_not_counted_again(
    slot: PictureSlot, counter: FrameCounter
) -> None:
    slot.discard(Cause.HIDDEN, counted=1)
    slot.put(image(1))
    taken = slot.take()
    assert taken is not None
    assert not slot.painted(taken)
    assert fates(counter) == (0, {})


def test_discarding_drops_what_waits_for_that_cause(
    slot: PictureSlot, counter: FrameCounter
) -> None:
    slot.put(image(1))
    slot.discard(Cause.CHANGED)
    slot.discard(Cause.CHANGED)
    assert slot.take() is None
    assert fates(counter) == (0, {Cause.CHANGED.value: 1})


def test_closing_drops_what_waits_and_what_was_taken(
    slot: PictureSlot, counter: FrameCounter
) -> None:
    slot.put(image(1))
    slot.take()
    slot.put(image(2))
    slot.close()
    slot.close()
    assert fates(counter) == (0, {Cause.STOPPED.value: 2})


STEPS = st.lists(st.sampled_from(["new", "again", "take", "paint", "hide", "change"]), max_size=40)


@given(STEPS)
def test_after_any_steps_each_frame_has_exactly_one_fate(steps: list[str]) -> None:
    counter, number, taken = FrameCounter(), 0, None
    slot = PictureSlot(counter)
    for step in steps:
        match step:
            case "new":
                number += 1
                slot.put(image(number))
            case "again" if number:
                slot.put(image(number))
            case "take":
                taken = slot.take() or taken
            case "paint" if taken is not None:
                slot.painted(taken)
            case "hide":
                # The renderer counts a frame that it does not render.
                number += 1
                counter.drop(Cause.HIDDEN)
                slot.discard(Cause.HIDDEN, counted=number)
            case "change":
                slot.discard(Cause.CHANGED)
    slot.close()
    shown, dropped = fates(counter)
    assert shown + sum(dropped.values()) == number
