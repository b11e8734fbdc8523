"""Measuring combination after combination."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ssd_live.bench import run as bench_run
from ssd_live.bench.records import KINDS, Kind, Report
from ssd_live.bench.run import Bench, Plan, Subject
from ssd_live.bench.stages import TRACKING
from ssd_live.bench.worker import RESULT_NAME
from ssd_live.errors import BackendError
from ssd_live.selection.choice import BackendChoice
from ssd_live.system import machine
from tests.tiny_model import tiny_model
from tests.waiting import children

CPU, GPU = BackendChoice("openvino", "CPU", "fp32"), BackendChoice("openvino", "GPU", "fp16")
COSTS = {
    "decode": 0.001,
    "preprocess": 0.0,
    "inference": 0.003,
    "detections": 0.0,
    "draw": 0.001,
    "encode": 0.005,
    "NMS": 0.0002,
    "tracking, live": 0.0003,
    "tracking, two-pass": 0.0004,
}
Order = dict[str, Any]


class Workers:
    """In the place of the processes: answers orders out of memory, and remembers them."""

    def __init__(self, answer: Callable[[Order], Order]) -> None:
        self.orders: list[Order] = []
        self._answer = answer

    def __call__(self, command: list[str], limit: float, alive: int) -> tuple[int, str]:
        order, folder = json.loads(command[-2]), Path(command[-1])
        self.orders.append(order)
        try:
            found = self._answer(order)
        except BackendError as error:
            return 1, f"noise\nerror: {error}\n"
        (folder / RESULT_NAME).write_text(json.dumps(found))
        return 0, ""


def answer(order: Order) -> Order:
    common = {"memory_mb": 100.0, "cpu_seconds": 0.5}
    if order["kind"] == "stages":
        return common | {"costs": COSTS}
    latency = {"p50": 1.0, "p95": 2.0, "p99": 3.0} if order["what"] == "one at a time" else None
    return common | {
        "samples": [100.0, 102.0, 98.0],
        "frames": 300,
        "latency_ms": latency,
        "joules": 30.0,
        "description": "a backend",
    }


def plan(
    *choices: BackendChoice,
    kinds: tuple[Kind, ...] = KINDS,
    streams: tuple[int, ...] = (1,),
    batches: tuple[int, ...] = (1,),
    clip: Path | None = Path("c"),
) -> Plan:
    subjects = tuple(Subject(tiny_model(), choice) for choice in choices or (CPU,))
    return Plan(
        subjects, clip, "the clip", batches, streams, kinds, 2.0, "main.py bench", load=0.25
    )


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Workers]:
    def make(answer: Callable[[Order], Order] = answer) -> Workers:
        found = Workers(answer)
        monkeypatch.setattr(bench_run, "run_child", found)
        return found

    return make


def _report(plan: Plan, told: list[str] | None = None) -> Report:
    return Bench(plan, [].append if told is None else told.append).run()  # type: ignore[arg-type]


def test_end_to_end_runs_take_turns_with_the_stages_that_bound_them(
    workers: Callable[..., Workers],
) -> None:
    seen = workers()
    _report(plan(kinds=("end to end",)))
    turn = [
        ("end to end", "detections only"),
        ("end to end", "H.264 video"),
        ("stages", "each stage alone"),
    ]
    assert [(order["kind"], order["what"]) for order in seen.orders] == turn * 2
    assert {order["seconds"] for order in seen.orders if order["kind"] == "end to end"} == {1.0}


def test_the_bound_is_what_all_cores_make_of_the_stages_of_that_output(
    workers: Callable[..., Workers],
) -> None:
    workers()
    detections, video = _report(plan(kinds=("end to end",))).measurements
    cores = machine.available_cores()
    assert detections.bound_fps == pytest.approx(cores / 0.004, abs=0.1)
    assert video.bound_fps == pytest.approx(cores / 0.010, abs=0.1)
    assert video.share == pytest.approx(100 / (cores / 0.010), rel=0.01)


def test_another_device_is_bound_by_no_core(workers: Callable[..., Workers]) -> None:
    workers()
    report = _report(plan(GPU))
    assert {(row.backend, row.bound_fps) for row in report.measurements} == {("openvino:GPU", None)}


def test_stages_too_quick_for_the_clock_bound_nothing(workers: Callable[..., Workers]) -> None:
    workers(
        lambda order: (
            answer(order)
            | ({"costs": dict.fromkeys(COSTS, 0.0)} if order["kind"] == "stages" else {})
        )
    )
    assert {row.bound_fps for row in _report(plan()).measurements} == {None}


def test_costs_are_the_medians_of_the_turns_in_milliseconds(
    workers: Callable[..., Workers],
) -> None:
    workers()
    (costs,) = _report(plan(kinds=("end to end",))).stages
    assert [(stage.name, stage.cpu_ms, stage.within) for stage in costs.stages] == [
        *(
            (name, 1000 * COSTS[name], "")
            for name in ("decode", "preprocess", "inference", "detections", "draw", "encode")
        ),
        ("NMS", 0.2, "inference"),
        ("tracking, live", 0.3, ""),
        ("tracking, two-pass", 0.4, ""),
    ]
    assert [stage.name for stage in costs.stages if stage.optional] == list(TRACKING)


def test_streams_add_up_and_each_has_its_memory(workers: Callable[..., Workers]) -> None:
    seen = workers()
    rows = _report(plan(kinds=("end to end",), streams=(1, 3))).measurements
    one, three = (next(row for row in rows if row.streams == streams) for streams in (1, 3))
    assert (one.samples, one.memory_mb, one.frames, one.joules) == (
        (100.0, 102.0, 98.0) * 2,
        100.0,
        600,
        0.1,
    )
    assert (three.samples, three.memory_mb, three.frames, three.joules) == (
        (300.0, 306.0, 294.0) * 2,
        300.0,
        1800,
        None,
    )
    together = [order["meeting"] for order in seen.orders if order.get("streams") == 3]
    assert len(together) == 12
    assert len(set(together)) == 4


def test_network_and_detector_have_their_own_figures(workers: Callable[..., Workers]) -> None:
    workers()
    rows = _report(plan(kinds=("network", "detector"), batches=(1, 8))).measurements
    assert [(row.kind, row.what, row.batch, row.latency_ms is not None) for row in rows] == [
        ("network", "one at a time", 1, True),
        ("network", "many in flight", 1, False),
        ("network", "one at a time", 8, True),
        ("network", "many in flight", 8, False),
        ("detector", "a frame to its detections", 1, False),
    ]
    assert [row.source for row in rows] == [""] * 4 + ["the clip"]


def test_a_source_without_a_file_has_no_end_to_end_figures(workers: Callable[..., Workers]) -> None:
    workers()
    report = _report(plan(clip=None))
    assert {row.kind for row in report.measurements} == {"network", "detector"}
    assert report.stages == ()


def test_the_report_says_what_ran_where_and_in_which_state(workers: Callable[..., Workers]) -> None:
    workers()
    report = _report(plan())
    assert (report.command, report.machine.load_before, report.machine.processor) == (
        "main.py bench",
        0.25,
        machine.cpu_name(),
    )
    assert report.machine.versions["openvino"] == machine.package_version("openvino")


def test_a_combination_that_fails_is_told_of_and_the_others_are_measured(
    workers: Callable[..., Workers],
) -> None:
    def fails_on_a_gpu(order: Order) -> Order:
        if order["device"] == "GPU":
            raise BackendError("the GPU is lost")
        return answer(order)

    workers(fails_on_a_gpu)
    told: list[str] = []
    report = _report(plan(GPU, CPU), told)
    assert {row.backend for row in report.measurements} == {"openvino"}
    assert "the GPU is lost" in report.warnings
    assert "tiny on openvino:GPU fp16 is left out: the GPU is lost" in told


def test_where_nothing_could_be_measured_the_reason_is_raised(
    workers: Callable[..., Workers],
) -> None:
    def fails(order: Order) -> Order:
        raise BackendError("no such luck")

    workers(fails)
    with pytest.raises(BackendError, match="no such luck"):
        _report(plan())


def test_when_one_stream_fails_the_others_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real processes: the first to come fails, the other would wait for it for ever."""
    code = """
import json, os, sys, threading
from ssd_live.system.child_process import end_with_parent
end_with_parent()
try:
    os.mkdir(os.path.join(json.loads(sys.argv[1])["meeting"], "first"))
except FileExistsError:
    threading.Event().wait()
sys.exit("error: one failed")
"""
    monkeypatch.setattr(bench_run, "own_program", lambda *_: [sys.executable, "-c", code])
    with pytest.raises(BackendError, match="one failed"):
        _report(plan(kinds=("end to end",), streams=(2,)))
    assert not children()
