"""The runner on a device and a library that only note what is done: this holds ordering and
lifetime, and proves nothing about a GPU.
"""

import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from ssd_live.backends.tensorrt.runner import EngineRunner
from ssd_live.errors import BackendError
from ssd_live.modelfile.nms import OUTPUTS
from tests.fake_engine import (
    ENGINE,
    LOST,
    OUT_OF_MEMORY,
    TAKING,
    Context,
    Engine,
    Library,
    Log,
    RecordingDevice,
    check_found,
    one_line,
    picture,
    tensors_of,
    variant_of,
)
from tests.tiny_model import MAX_DETECTIONS, tiny_metadata

METADATA = tiny_metadata()
ENQUEUED = ["upload", "execute", *["download"] * 4]
FREED = ["free context", "free context", "free engine", "free runtime"]


class Bench:
    """A device, a library and the runner on them."""

    def __init__(self, library: dict[str, Any] | None = None, **device: Any) -> None:
        self.log = Log()
        self.device = RecordingDevice(self.log, **device)
        self.library = Library(self.device, tensors_of(MAX_DETECTIONS), **(library or {}))

    def runner(self, batch: int = 1, slots: int = 2, **options: Any) -> EngineRunner:
        return EngineRunner(
            self.device, variant_of(self.library), ENGINE, METADATA, batch, slots, **options
        )

    def since(self, work: Callable[[], object]) -> list[str]:
        """What `work` does."""
        before = len(self.log.lines)
        work()
        return self.log.lines[before:]


@pytest.fixture(autouse=True)
def nothing_waits_for_the_collector() -> Iterator[None]:
    """What is freed is freed at once, by whoever lets it go: it holds a GPU's memory."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# Order.


def test_a_picture_is_uploaded_computed_and_downloaded_before_its_event() -> None:
    bench = Bench()
    runner = bench.runner(graphs=False)
    done = bench.since(lambda: runner.start(1, picture(0)))
    assert [line.split()[0] for line in done] == [*ENQUEUED, "record"]
    assert {line.split()[1] for line in done} == {"s2"}
    assert bench.since(lambda: runner.finish(1)) == ["wait s2"]


@pytest.mark.parametrize("captures", [True, False])
@pytest.mark.parametrize("batch", [1, 3])
def test_the_answer_is_that_of_the_picture_that_was_given(batch: int, captures: bool) -> None:
    runner = Bench(captures=captures).runner(batch)
    for seed in range(4):
        runner.start(seed % 2, picture(seed, batch))
        check_found(runner.finish(seed % 2), picture(seed, batch))


def test_every_slot_runs_once_before_it_is_captured() -> None:
    bench = Bench()
    done = bench.since(bench.runner)
    for stream in ("s1", "s2"):
        words = [line.split()[0] for line in done if line.endswith(stream)]
        assert words == ["stream", *ENQUEUED, "drain", "capture", *ENQUEUED]


def test_a_captured_graph_is_launched_instead_of_its_parts() -> None:
    bench = Bench()
    runner = bench.runner()
    assert runner.captured
    assert bench.since(lambda: runner.start(0, picture(0))) == ["launch s1", "record s1"]


def test_without_graphs_the_parts_are_put_on_the_stream() -> None:
    bench = Bench()
    runner = bench.runner(graphs=False)
    assert not runner.captured
    assert "capture" not in bench.log.words()


def test_what_cannot_be_captured_runs_without_a_graph() -> None:
    bench = Bench(captures=False)
    runner = bench.runner()
    assert not runner.captured
    assert [line.split()[0] for line in bench.since(lambda: runner.start(0, picture(0)))] == [
        *ENQUEUED,
        "record",
    ]


def test_plugins_are_there_before_anything_is_loaded() -> None:
    bench = Bench()
    bench.runner()
    assert bench.log.lines[:3] == ["plugins", "runtime", "engine"]


def test_an_engine_may_bring_code_of_its_own() -> None:
    """One that is version-compatible does; the store vouches for it."""
    bench = Bench()
    bench.runner()
    assert bench.library.allows_host_code


def test_kernels_are_compiled_at_once_where_the_library_would_do_so_in_the_background() -> None:
    """TensorRT-RTX, whose graph would else keep the slow ones."""
    strategies: list[str] = []

    class Config:
        dynamic_shapes_kernel_specialization_strategy = "lazy"

    class RtxEngine(Engine):
        def create_runtime_config(self) -> Config:
            return Config()

        def create_execution_context(self, config: Config | None = None) -> Context | None:
            assert config is not None
            strategies.append(config.dynamic_shapes_kernel_specialization_strategy)
            return super().create_execution_context(config)

    class RtxLibrary(Library):
        class DynamicShapesKernelSpecializationStrategy:
            EAGER = "eager"

        def engine(self) -> Engine:
            return RtxEngine(self)

    bench = Bench()
    bench.library = RtxLibrary(bench.device, tensors_of(MAX_DETECTIONS))
    bench.runner(slots=2)
    assert strategies == ["eager", "eager"]


# Memory.


def test_two_slots_share_no_memory() -> None:
    bench = Bench()
    runner = bench.runner()
    first, second = picture(1), picture(2)
    runner.start(0, first)
    runner.start(1, second)
    check_found(runner.finish(1), second)
    check_found(runner.finish(0), first)
    arrays = [array for slot in runner.slots for array in (slot.images, *slot.outputs)]
    assert not any(
        np.shares_memory(one, other) for one in arrays for other in arrays if one is not other
    )


def test_an_answer_stays_until_its_slot_starts_again() -> None:
    runner = Bench().runner()
    runner.start(0, picture(1))
    answer = runner.finish(0)
    runner.start(1, picture(2))
    runner.finish(1)
    check_found(answer, picture(1))


def test_the_picture_may_change_once_it_was_taken() -> None:
    runner = Bench().runner()
    image = picture(1)
    runner.start(0, image)
    image.fill(0)
    check_found(runner.finish(0), picture(1))


@pytest.mark.parametrize("graphs", [True, False])
def test_nothing_is_taken_for_a_picture(graphs: bool) -> None:
    bench = Bench()
    runner = bench.runner(graphs=graphs)
    before = len(bench.log.lines)
    for number in range(6):
        runner.start(number % 2, picture(number))
        runner.finish(number % 2)
    assert not set(bench.log.words()[before:]) & set(TAKING)


# The end.


def test_contexts_go_before_their_engine_and_the_device_last() -> None:
    bench = Bench()
    runner = bench.runner()
    runner.close()
    bench.device.close()
    assert bench.log.about("free", "close") == [*FREED, "close device"]


def test_nothing_is_freed_that_still_computes() -> None:
    bench = Bench()
    runner = bench.runner()
    runner.start(0, picture(0))
    done = bench.since(runner.close)
    assert done == ["drain s1", "drain s2", *FREED]
    assert bench.device.is_idle


def test_a_lost_gpu_does_not_keep_anything_from_being_freed() -> None:
    # The first two are those of warming up.
    bench = Bench(fail=("drain", 3, LOST))
    runner = bench.runner()
    assert bench.since(runner.close) == ["drain s1", "drain s2", *FREED]


def test_closing_twice_is_closing_once() -> None:
    bench = Bench()
    runner = bench.runner()
    runner.close()
    assert bench.since(runner.close) == []


DEVICE_FAILURES = [
    ("stream", 2),
    ("pinned", 1),
    ("pinned", 7),
    ("memory", 1),
    ("memory", 10),
    ("event", 2),
    ("upload", 2),
    ("drain", 1),
    ("capture", 2),
]


def check_released(bench: Bench, contexts: int) -> None:
    """Everything, although the failure is still held, and before the device, as whoever opened that
    closes it now.
    """
    bench.device.close()
    assert bench.log.about("free", "close") == [
        *["free context"] * contexts,
        "free engine",
        "free runtime",
        "close device",
    ]


@pytest.mark.parametrize(("word", "count"), DEVICE_FAILURES)
def test_a_device_that_fails_in_the_middle_leaves_nothing_behind(word: str, count: int) -> None:
    bench = Bench(fail=(word, count, OUT_OF_MEMORY))
    with pytest.raises(BackendError) as caught:
        bench.runner()
    check_released(bench, bench.library.contexts)
    assert (
        one_line(caught.value)
        == "the GPU is out of memory; close other programs that use it, or choose a smaller "
        "--batch; or choose --backend cpu"
    )


@pytest.mark.parametrize(
    ("what", "contexts"), [("context 1", 0), ("context 2", 1), ("shape", 1), ("execute", 2)]
)
def test_a_library_that_refuses_in_the_middle_leaves_nothing_behind(
    what: str, contexts: int
) -> None:
    bench = Bench({"refuses": {what: ["no"]}})
    with pytest.raises(BackendError) as caught:
        bench.runner()
    check_released(bench, contexts)
    del caught


def test_an_interrupt_in_the_middle_leaves_nothing_behind() -> None:
    bench = Bench({"raises": {"execute": KeyboardInterrupt()}})
    with pytest.raises(KeyboardInterrupt) as caught:
        bench.runner()
    check_released(bench, 2)
    del caught


# What is told.


def refusal(**library: Any) -> str:
    bench = Bench(library)
    with pytest.raises(BackendError) as caught:
        bench.runner()
    return one_line(caught.value)


def test_a_refused_engine_gets_the_first_line_of_why() -> None:
    said = refusal(
        refuses={"engine": ["Error Code 6: built by\n  another version", "and so it was refused"]}
    )
    assert (
        said == "TensorRT cannot load the engine: Error Code 6: built by another version; choose "
        "--backend cpu if this happens again"
    )


def test_a_refused_engine_without_a_reason_gets_a_line_too() -> None:
    assert (
        refusal(refuses={"engine": []})
        == "TensorRT cannot load the engine: no reason given; choose --backend cpu if this happens "
        "again"
    )


def test_an_engine_that_raises_gets_what_it_says() -> None:
    said = refusal(raises={"engine": RuntimeError("the plan\nis torn")})
    assert (
        said == "TensorRT cannot load the engine: the plan is torn; choose --backend cpu if this "
        "happens again"
    )


def test_a_library_that_does_not_start_gets_one_line() -> None:
    """pybind11 makes a `TypeError` of a constructor that gives nothing."""
    said = refusal(
        raises={"runtime": TypeError("pybind11::init(): factory function returned nullptr")}
    )
    assert said.startswith("TensorRT does not start: pybind11::init()")


def test_a_gpu_without_room_for_the_engine_is_told_what_to_do() -> None:
    said = refusal(
        refuses={
            "context 1": [
                "[executionContext.cpp] Error Code 2: OutOfMemory (Requested size was 99 bytes.)"
            ]
        }
    )
    assert said.startswith("TensorRT cannot prepare the engine: ")
    assert said.endswith(
        "; close other programs that use the GPU; choose --backend cpu if this happens again"
    )


def test_other_trouble_with_memory_is_not_taken_for_too_little() -> None:
    said = refusal(
        refuses={"context 1": ["Cuda Runtime (an illegal memory access was encountered)"]}
    )
    assert "close other programs" not in said


def test_a_batch_that_the_engine_does_not_take_is_named() -> None:
    bench = Bench({"refuses": {"shape": ["IExecutionContext::setInputShape: out of range"]}})
    with pytest.raises(
        BackendError,
        match=r"^the engine does not accept a batch of 4; run `build` with --batch 4$",
    ):
        bench.runner(batch=4)


def test_a_picture_that_is_refused_gets_one_line_and_the_next_one_its_own() -> None:
    bench = Bench()
    runner = bench.runner(graphs=False)
    for reason in ("the first", "the second"):
        bench.library.refuses["execute"] = [reason]
        with pytest.raises(BackendError) as caught:
            runner.start(0, picture(0))
        assert (
            one_line(caught.value)
            == f"the GPU refused to compute: {reason}; choose --backend cpu if this happens "
            "again"
        )


def test_what_went_well_in_the_end_is_no_reason_later() -> None:
    """TensorRT also tells errors that it recovers from."""
    bench = Bench()
    bench.library.refuses["shape"] = []
    noted: list[str] = []

    class Talkative(Library):
        def answer(self, what: str) -> bool:
            if what == "engine":
                self.logger.log(self.ILogger.ERROR, "an old sorrow")
            noted.append(what)
            return what != "context 1"

    library = Talkative(bench.device, tensors_of(MAX_DETECTIONS))
    with pytest.raises(BackendError, match="no reason given"):
        EngineRunner(bench.device, variant_of(library), ENGINE, METADATA, 1, 1)
    assert "context 1" in noted


ANOTHER = "run `build --force` to build it again"


@pytest.mark.parametrize(
    "tensors",
    [
        {
            name: kind
            for name, kind in tensors_of(MAX_DETECTIONS).items()
            if name != "detection_classes"
        },
        tensors_of(MAX_DETECTIONS, masks=("float32", (-1, 3))),
        {},
    ],
)
def test_an_engine_with_other_tensors_is_refused(tensors: dict[str, Any]) -> None:
    bench = Bench()
    bench.library.tensors = tensors
    with pytest.raises(
        BackendError, match=f"the engine of tiny has unexpected inputs or outputs; {ANOTHER}"
    ):
        bench.runner()


@pytest.mark.parametrize("name", ["image", *OUTPUTS])
def test_an_engine_with_other_types_is_refused(name: str) -> None:
    bench = Bench()
    bench.library.tensors[name] = ("float16", bench.library.tensors[name][1])
    with pytest.raises(
        BackendError, match=f"the engine of tiny has tensors of another type or shape; {ANOTHER}"
    ):
        bench.runner()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("num_detections", (-1, 2)),
        ("num_detections", (-1,)),
        ("detection_boxes", (-1, MAX_DETECTIONS + 1, 4)),
        ("detection_boxes", (-1, MAX_DETECTIONS, 5)),
        ("detection_boxes", (2, MAX_DETECTIONS, 4)),
        ("detection_scores", (-1, MAX_DETECTIONS - 1)),
        ("detection_classes", (-1, MAX_DETECTIONS, 1)),
    ],
)
def test_an_engine_that_would_write_elsewhere_than_there_is_room_is_refused(
    name: str, shape: tuple[int, ...]
) -> None:
    bench = Bench()
    bench.library.tensors[name] = (bench.library.tensors[name][0], shape)
    with pytest.raises(
        BackendError, match=f"the engine of tiny has tensors of another type or shape; {ANOTHER}"
    ):
        bench.runner()


def test_everything_happens_in_the_thread_that_calls() -> None:
    bench = Bench()

    def run() -> None:
        runner = bench.runner()
        runner.start(0, picture(0))
        runner.finish(0)
        runner.close()
        bench.device.close()

    thread = threading.Thread(target=run, name="owner")
    thread.start()
    thread.join()
    assert bench.log.threads == {"owner"}
    assert bench.log.lines[-1] == "close device"
