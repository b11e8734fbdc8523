"""The file pipeline between a source, a backend kept in memory, and a sink: every frame, in order,
none lost.
"""

import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import ClassVar

import numpy as np
import pytest

from ssd_live.backends.base import Outputs
from ssd_live.closing import Closing
from ssd_live.detection.filter import DetectionFilter
from ssd_live.errors import BackendError, MediaError, OutputError
from ssd_live.imaging.frame import Frame, InputRegion, Region
from ssd_live.imaging.pixels import Pixels
from ssd_live.pipeline.batch import BatchPipeline, Counters
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.pipeline.in_flight import FrameDetections, InferenceConfig

SIDE = 8
# Far more than any test needs: it only keeps a broken pipeline from hanging the run.
_LIMIT_SECONDS = 60.0
# Two queues of a burst, and one burst in the hands of each of the three stages.
_FRAMES_BETWEEN_SOURCE_AND_SINK = 5 * 16


class MemoryBackend(Closing):
    """Finds one thing a picture, whose place tells the picture's brightness.

    As strict as the contract allows: it reads the picture only when the answer is asked for,
    answers out of buffers that it uses again for the next picture of the slot, and refuses more
    pictures in flight than it has slots.
    """

    description = "memory"

    def __init__(
        self,
        slots: int,
        fail_at_submit: int | None = None,
        fail_at_result: int | None = None,
        batch: int = 1,
    ) -> None:
        self.slots, self.batch = slots, batch
        self.in_flight = 0
        self.most_in_flight = 0
        self.submitted = 0
        self._fail_at_submit = fail_at_submit
        self._fail_at_result = fail_at_result
        kinds = (((1,), np.int32), ((5, 4), np.float32), ((5,), np.float32), ((5,), np.int32))
        self._buffers = [
            Outputs(*(np.zeros((batch, *shape), kind) for shape, kind in kinds))
            for _ in range(slots)
        ]

    def submit(self, images: Pixels) -> "MemoryPending":
        if self.submitted == self._fail_at_submit:
            raise BackendError("the runtime took no picture")
        assert images.shape == (self.batch, SIDE, SIDE, 3)
        if self.in_flight == self.slots:
            raise AssertionError("more pictures in flight than slots")
        buffers = self._buffers[self.submitted % self.slots]
        for array in buffers:
            array.fill(-1)  # the slot's last answer is gone
        pending = MemoryPending(self, images, buffers, fails=self.submitted == self._fail_at_result)
        self.submitted += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        return pending

    def share(self) -> None:
        return None

    def close(self) -> None:
        pass


@dataclass
class MemoryPending:
    backend: MemoryBackend
    images: Pixels
    outputs: Outputs
    fails: bool

    def result(self, timeout: float | None = None) -> Outputs:
        self.backend.in_flight -= 1
        if self.fails:
            raise BackendError("the runtime failed")
        self.outputs.num_detections[:] = 1
        for place, image in enumerate(self.images):
            self.outputs.boxes[place, 0] = float(image.mean()) / 256, 0, 1, 1
            self.outputs.scores[place, 0], self.outputs.classes[place, 0] = 0.9, 0
        return self.outputs


def _frame(index: int) -> Frame:
    return Frame((np.full((SIDE, SIDE, 3), index % 256, np.uint8),), index=index)


def _number_in(item: FrameDetections) -> int:
    """Which picture the detections were found in."""
    return round(float(item.detections.boxes[0, 0]) / SIDE * 256)


def _inference(
    backend: MemoryBackend, every: int = 1, region: Region | None = None, resize_threads: int = 0
) -> InferenceConfig:
    return InferenceConfig(
        backend,
        (SIDE, SIDE),
        DetectionFilter(("thing",), 0.5, np.array([True])),
        every,
        region,
        backend.batch,
        resize_threads,
    )


Item = FrameDetections | str


@dataclass
class Collected:
    """What a pipeline handed to its sink."""

    items: list[Item] = field(default_factory=list)

    def __call__(self, item: Item) -> None:
        self.items.append(item)

    @property
    def detected(self) -> list[FrameDetections]:
        return [item for item in self.items if isinstance(item, FrameDetections)]


def _pipeline(
    source: Iterable[Frame | str],
    backend: MemoryBackend,
    sink: Collected,
    every: int = 1,
    resize_threads: int = 0,
) -> BatchPipeline[str]:
    return BatchPipeline(source, _inference(backend, every, resize_threads=resize_threads), sink)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_every_frame_comes_out_once_in_order_with_its_own_detections(slots: int) -> None:
    sink = Collected()
    pipeline = _pipeline(map(_frame, range(100)), MemoryBackend(slots), sink)
    pipeline.run()
    assert [item.frame.index for item in sink.detected] == list(range(100))
    assert [_number_in(item) for item in sink.detected] == list(range(100))
    assert not any(item.stale for item in sink.detected)
    assert (pipeline.counters.read, pipeline.counters.done) == (100, 100)


class FrameResizedTogether(Frame):
    """A frame whose resize waits until another one is resized at the same time."""

    together: ClassVar[threading.Barrier]
    by: ClassVar[set[str]]

    def network_input(self, size: tuple[int, int], region: InputRegion | None = None) -> Pixels:
        self.together.wait(_LIMIT_SECONDS)
        self.by.add(threading.current_thread().name)
        return super().network_input(size, region)


def test_resize_threads_make_network_inputs_at_the_same_time_and_keep_the_order() -> None:
    FrameResizedTogether.together, FrameResizedTogether.by = threading.Barrier(2), set()
    source = (FrameResizedTogether(_frame(index).planes, index=index) for index in range(20))
    sink = Collected()
    _pipeline(source, MemoryBackend(2), sink, resize_threads=2).run()
    assert [_number_in(item) for item in sink.detected] == list(range(20))
    assert FrameResizedTogether.by == {"resize_0", "resize_1"}


class UnresizableFrame(Frame):
    """A frame that cannot be resized."""

    def network_input(self, size: tuple[int, int], region: InputRegion | None = None) -> Pixels:
        raise BackendError("no memory")


@pytest.mark.parametrize("resize_threads", [0, 2])
def test_an_error_in_the_resize_ends_the_pipeline(resize_threads: int) -> None:
    source = [_frame(0), UnresizableFrame(_frame(1).planes, index=1), *map(_frame, range(2, 50))]
    with pytest.raises(BackendError, match="no memory"):
        _pipeline(source, MemoryBackend(2), Collected(), resize_threads=resize_threads).run()


@pytest.mark.parametrize("count", [1, 3, 4, 20, 22])
@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize("resize_threads", [0, 2])
def test_in_batches_too_every_frame_has_its_own_detections(
    resize_threads: int, slots: int, every: int, count: int
) -> None:
    source: list[Frame | str] = [
        item for index in range(count) for item in (_frame(index), f"sound {index}")
    ]
    backend, sink = MemoryBackend(slots, batch=4), Collected()
    _pipeline(source, backend, sink, every, resize_threads).run()
    assert [item if isinstance(item, str) else item.frame.index for item in sink.items] == [
        item if isinstance(item, str) else item.index for item in source
    ]
    assert [_number_in(item) for item in sink.detected] == [
        index - index % every for index in range(count)
    ]
    looked_at = -(-count // every)
    assert (backend.submitted, backend.in_flight) == (-(-looked_at // 4), 0)
    assert backend.most_in_flight == min(slots, backend.submitted)


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_all_slots_of_the_backend_are_used(slots: int) -> None:
    backend = MemoryBackend(slots)
    _pipeline(map(_frame, range(20)), backend, Collected()).run()
    assert (backend.most_in_flight, backend.in_flight) == (slots, 0)


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("every", [1, 3])
def test_packets_stay_in_their_place_between_frames(slots: int, every: int) -> None:
    source: list[Frame | str] = ["first"]
    for index in range(30):
        source.append(_frame(index))
        source += [f"sound {index}.{number}" for number in range(index % 3)]
    source.append("last")
    sink = Collected()
    _pipeline(source, MemoryBackend(slots), sink, every).run()
    assert [item if isinstance(item, str) else item.frame.index for item in sink.items] == [
        item if isinstance(item, str) else item.index for item in source
    ]


def test_a_source_of_packets_alone_goes_through() -> None:
    sink = Collected()
    _pipeline(["a", "b"], MemoryBackend(2), sink).run()
    assert sink.items == ["a", "b"]


def test_an_empty_source_ends_at_once() -> None:
    sink = Collected()
    _pipeline([], MemoryBackend(2), sink).run()
    assert sink.items == []


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_with_every_third_frame_looked_at_the_others_are_stale(slots: int) -> None:
    backend, sink = MemoryBackend(slots), Collected()
    _pipeline(map(_frame, range(11)), backend, sink, every=3).run()
    assert [item.frame.index for item in sink.detected] == list(range(11))
    assert [item.stale for item in sink.detected] == [False, True, True] * 3 + [False, True]
    assert [_number_in(item) for item in sink.detected] == [0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9]
    assert backend.submitted == 4


def test_a_region_is_looked_at_alone_and_its_boxes_are_those_of_the_whole_picture() -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[10:30, 20:50] = 128
    items: list[FrameDetections | str] = []
    BatchPipeline(
        [Frame((picture,))],
        _inference(MemoryBackend(1), region=Region(20, 10, 30, 20)),
        items.append,
    ).run()
    (item,) = items
    assert isinstance(item, FrameDetections)
    assert item.detections.boxes.tolist() == [[20 + 30 * 0.5, 10, 50, 30]]


def _source_that_fails_after(frames: int) -> Iterator[Frame | str]:
    yield from map(_frame, range(frames))
    raise MediaError("the disk came off")


@pytest.mark.parametrize("frames", [0, 1, 20])
def test_a_failure_of_the_source_is_raised(frames: int) -> None:
    sink = Collected()
    with pytest.raises(MediaError, match="the disk came off"):
        _pipeline(_source_that_fails_after(frames), MemoryBackend(2), sink).run()
    assert [item.frame.index for item in sink.detected] == list(range(len(sink.detected)))


@pytest.mark.parametrize(("at_submit", "at_result"), [(0, None), (7, None), (None, 0), (None, 7)])
@pytest.mark.parametrize("slots", [1, 3])
def test_a_failure_of_the_backend_is_raised_and_ends_an_endless_source(
    slots: int, at_submit: int | None, at_result: int | None
) -> None:
    sink = Collected()
    with pytest.raises(BackendError, match="the runtime"):
        _pipeline(map(_frame, count()), MemoryBackend(slots, at_submit, at_result), sink).run()
    assert [_number_in(item) for item in sink.detected] == list(range(len(sink.detected)))
    assert len(sink.detected) <= 7


def test_a_failure_of_the_sink_is_raised_and_nothing_more_is_written() -> None:
    written: list[int] = []

    def sink(item: FrameDetections | str) -> None:
        assert isinstance(item, FrameDetections)
        if len(written) == 5:
            written.append(-1)
            raise OutputError("the disk is full")
        written.append(item.frame.index)

    with pytest.raises(OutputError, match="the disk is full"):
        BatchPipeline(map(_frame, count()), _inference(MemoryBackend(2)), sink).run()
    assert written == [0, 1, 2, 3, 4, -1]


def test_of_several_failures_the_first_is_raised() -> None:
    sink_is_busy, source_has_failed = threading.Event(), threading.Event()

    def source() -> Iterator[Frame | str]:
        yield from map(_frame, range(3))
        assert sink_is_busy.wait(_LIMIT_SECONDS)
        raise MediaError("first")

    def sink(item: FrameDetections | str) -> None:
        sink_is_busy.set()
        assert source_has_failed.wait(_LIMIT_SECONDS)
        raise OutputError("second")

    def watch(counters: Counters) -> None:
        if all(thread.name != "decode" for thread in threading.enumerate()):
            source_has_failed.set()

    with pytest.raises(MediaError, match="first"):
        BatchPipeline(source(), _inference(MemoryBackend(1)), sink).run(watch)


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("slots", [1, 3])
def test_what_ends_early_leaves_nothing_in_flight(slots: int, batch: int) -> None:
    """Another file may follow on the same backend."""

    def sink(item: FrameDetections | str) -> None:
        raise OutputError("the disk is full")

    backend = MemoryBackend(slots, batch=batch)
    with pytest.raises(OutputError):
        BatchPipeline(map(_frame, count()), _inference(backend), sink).run()
    assert backend.submitted > 0
    assert backend.in_flight == 0


def test_a_pipeline_that_is_given_up_raises_an_interrupt() -> None:
    sink = Collected()

    def sink_that_gives_up(item: FrameDetections | str) -> None:
        sink(item)
        if len(sink.items) == 10:
            cancellation.abort()

    backend, cancellation = MemoryBackend(2), Cancellation()
    pipeline = BatchPipeline(
        map(_frame, count()), _inference(backend), sink_that_gives_up, cancellation=cancellation
    )
    with pytest.raises(KeyboardInterrupt):
        pipeline.run()
    assert (len(sink.items), backend.in_flight) == (10, 0)


def test_an_interrupt_in_the_calling_thread_tears_everything_down() -> None:
    def interrupt(counters: Counters) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _pipeline(map(_frame, count()), MemoryBackend(2), Collected()).run(interrupt)


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("every", [1, 3])
def test_stopping_ends_in_order_and_everything_read_is_written(slots: int, every: int) -> None:
    sink = Collected()

    def sink_that_stops(item: FrameDetections | str) -> None:
        sink(item)
        if len(sink.items) == 10:
            cancellation.stop()

    cancellation = Cancellation()
    pipeline = BatchPipeline(
        map(_frame, count()),
        _inference(MemoryBackend(slots), every),
        sink_that_stops,
        cancellation=cancellation,
    )
    pipeline.run()
    assert pipeline.counters.read == pipeline.counters.done == len(sink.detected) >= 10
    assert [item.frame.index for item in sink.detected] == list(range(len(sink.detected)))


def test_a_pipeline_stopped_before_it_runs_reads_nothing() -> None:
    sink, cancellation = Collected(), Cancellation()
    cancellation.stop()
    pipeline = BatchPipeline(
        map(_frame, count()), _inference(MemoryBackend(1)), sink, cancellation=cancellation
    )
    pipeline.run()
    assert (sink.items, pipeline.counters.read) == ([], 0)


@pytest.mark.parametrize("slots", [1, 3])
def test_the_source_is_never_read_further_ahead_than_the_queues_hold(slots: int) -> None:
    underway = threading.Event()
    sink = Collected()
    leads: list[int] = []

    def source() -> Iterator[Frame | str]:
        for index in range(400):
            leads.append(index + 1 - len(sink.items))
            if index == slots + 3:
                underway.set()
            yield _frame(index)

    def sink_that_waits_at_first(item: FrameDetections | str) -> None:
        # The source runs ahead of the first frame as far as it may.
        assert underway.wait(_LIMIT_SECONDS)
        sink(item)

    BatchPipeline(source(), _inference(MemoryBackend(slots)), sink_that_waits_at_first).run()
    assert len(sink.items) == 400
    assert slots < max(leads) <= _FRAMES_BETWEEN_SOURCE_AND_SINK + slots


def test_progress_is_told_and_the_work_of_each_stage_is_counted() -> None:
    told: list[int] = []
    pipeline = _pipeline(map(_frame, range(10)), MemoryBackend(1), Collected())
    began = time.perf_counter()
    pipeline.run(lambda counters: told.append(counters.done))
    assert began < pipeline.counters.last_done_at < time.perf_counter()
    assert told == sorted(told)
    assert told[-1] == 10
    assert {"decode", "resize", "inference"} <= set(pipeline.counters.seconds)
    assert pipeline.counters.first_done_at is not None


def test_a_sink_that_needs_no_pixels_gets_none_and_their_memory_is_free_at_once() -> None:
    class Picture(np.ndarray[tuple[int, ...], np.dtype[np.uint8]]):
        """One that can be watched."""

    held: list[weakref.ref[Picture]] = []
    most = 0

    def source() -> Iterator[Frame]:
        nonlocal most
        for index in range(50):
            most = max(most, sum(picture() is not None for picture in held))
            frame = _frame(index)
            picture = frame.planes[0].view(Picture)
            held.append(weakref.ref(picture))
            yield replace(frame, planes=(picture,), native=picture)
            del frame, picture

    sink = Collected()
    BatchPipeline(source(), _inference(MemoryBackend(3)), sink, pixels=False).run()
    assert [_number_in(item) for item in sink.detected] == list(range(50))
    assert {(item.frame.planes, item.frame.native) for item in sink.detected} == {((), None)}
    assert most <= 1


def test_what_was_read_is_not_kept_back_by_a_source_that_stalls() -> None:
    all_written = threading.Event()

    def source() -> Iterator[Frame]:
        yield from map(_frame, range(5))
        assert all_written.wait(_LIMIT_SECONDS)
        yield _frame(5)

    def sink(item: FrameDetections | str) -> None:
        assert isinstance(item, FrameDetections)
        # Of the last two one may be in the hands of the stage that reads.
        if item.frame.index == 3:
            all_written.set()

    BatchPipeline(source(), _inference(MemoryBackend(4)), sink).run()
    assert all_written.is_set()


@pytest.mark.parametrize(("side", "most"), [(SIDE, 16), (1000, 2), (2000, 1)])
def test_bursts_of_large_frames_are_short(side: int, most: int) -> None:
    """They are counted where the sink is held up, and everything before it is full."""
    read, sink_waits = 0, threading.Event()

    def source() -> Iterator[Frame]:
        nonlocal read
        picture = np.zeros((side, side, 3), np.uint8)
        for index in range(200):
            read += 1
            yield Frame((picture,), index=index)

    def sink(item: FrameDetections | str) -> None:
        if not sink_waits.is_set():
            before = -1
            while read != before:
                before = read
                time.sleep(0.2)
            sink_waits.set()
            assert most < read <= 5 * most + slots

    slots = 2
    BatchPipeline(source(), _inference(MemoryBackend(slots)), sink).run()
    assert read == 200
