"""The process that measures one thing."""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from ssd_live import cli
from ssd_live.bench import worker
from ssd_live.bench.run import WORKER_COMMAND
from ssd_live.bench.stages import VIDEO
from ssd_live.system.child_process import run_child
from tests.clips import write_clip
from tests.tiny_model import tiny_model

ORDER = {
    "backend": "openvino",
    "device": "CPU",
    "precision": "fp32",
    "batch": 1,
    "seconds": 0.05,
    "streams": 1,
}


@pytest.fixture
def order(tmp_path: Path) -> dict[str, Any]:
    """Of a model that finds one thing in a clip of a few frames; what is measured, and how, is left
    to say.
    """
    model = tmp_path / "tiny.onnx"
    model.write_bytes(tiny_model([[0.1, 0.1, 0.5, 0.9]], [[0.9, 0.0]]).data)
    (tmp_path / "meeting").mkdir()
    clip = write_clip(tmp_path / "in.mp4", 4, size=(320, 136))
    return ORDER | {
        "model": str(model),
        "clip": str(clip),
        "meeting": str(tmp_path / "meeting"),
        "what": "",
    }


def _found(order: dict[str, Any], folder: Path, **words: Any) -> dict[str, Any]:
    """What the worker leaves, run in this process."""
    folder.mkdir()
    assert worker.main([json.dumps(order | words), str(folder)]) == 0
    (result,) = folder.iterdir()
    found: dict[str, Any] = json.loads(result.read_text())
    assert found["memory_mb"] > 10
    assert found["cpu_seconds"] > 0
    return found


@pytest.mark.parametrize("batch", [1, 4])
def test_a_network_one_at_a_time_has_latencies(
    batch: int, order: dict[str, Any], tmp_path: Path
) -> None:
    found = _found(order, tmp_path / "out", kind="network", what="one at a time", batch=batch)
    assert all(sample > 0 for sample in found["samples"])
    assert found["frames"] % batch == 0
    assert (
        0 < found["latency_ms"]["p50"] <= found["latency_ms"]["p95"] <= found["latency_ms"]["p99"]
    )
    assert "OpenVINO" in found["description"]


def test_a_network_with_many_in_flight_has_none(order: dict[str, Any], tmp_path: Path) -> None:
    found = _found(order, tmp_path / "out", kind="network", what="many in flight", batch=2)
    assert found["samples"]
    assert found["latency_ms"] is None


@pytest.mark.parametrize("source", ["a clip", "noise"])
def test_a_detector_is_measured_on_frames(
    source: str, order: dict[str, Any], tmp_path: Path
) -> None:
    clip = order["clip"] if source == "a clip" else None
    found = _found(order, tmp_path / "out", kind="detector", clip=clip)
    assert found["frames"] > 0
    assert found["latency_ms"]["p50"] > 0


@pytest.mark.parametrize("what", ["detections only", worker.VIDEO_FILE])
def test_end_to_end_turns_are_whole_clips_and_leave_no_file(
    what: str, order: dict[str, Any], tmp_path: Path
) -> None:
    found = _found(order, tmp_path / "out", kind="end to end", what=what)
    assert found["frames"] % 4 == 0
    assert found["frames"] > 0
    assert found["samples"]


def test_windows_are_of_what_was_done_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssd_live.bench.worker.time.perf_counter", lambda: 100.0)
    windows = worker.Windows()
    for count, moment in ((10, 100.2), (20, 100.5), (22, 100.6), (47, 101.5)):
        windows.note(count, moment)
    assert windows.samples == pytest.approx([20 / 0.5, 27 / 1.0])
    assert windows.count == 47


def test_bursts_do_not_make_windows_of_another_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 frames each 0.12 s, looked at each 0.1 s: whole bursts in windows of half a second would
    be 160 or 200 FPS.
    """
    monkeypatch.setattr("ssd_live.bench.worker.time.perf_counter", lambda: 0.0)
    windows = worker.Windows()
    for look in range(1, 200):
        bursts = look * 10 // 12
        windows.note(20 * bursts, 0.12 * bursts)
    assert len(windows.samples) > 20
    assert windows.samples == pytest.approx([20 / 0.12] * len(windows.samples))


def test_stages_are_told_as_costs(order: dict[str, Any], tmp_path: Path) -> None:
    assert set(VIDEO) <= _found(order, tmp_path / "out", kind="stages")["costs"].keys()


def test_streams_begin_once_all_of_them_are_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", threading.get_ident)
    begun: list[int] = []

    def stream(number: int) -> None:
        worker.meet(tmp_path, 3)
        begun.append(number)

    threads = [threading.Thread(target=stream, args=(number,), daemon=True) for number in range(3)]
    for thread in threads[:2]:
        thread.start()
    threads[0].join(0.1)
    assert begun == []
    threads[2].start()
    for thread in threads:
        thread.join(20)
    assert sorted(begun) == [0, 1, 2]


def test_what_cannot_be_measured_is_one_line(
    order: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        worker.main(
            [
                json.dumps(order | {"kind": "detector", "clip": str(tmp_path / "none.mp4")}),
                str(tmp_path),
            ]
        )
        == 1
    )
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert not (tmp_path / worker.RESULT_NAME).exists()


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux lets children begin with their parent's size"
)
def test_memory_is_the_workers_own_however_large_its_parent_is(
    order: dict[str, Any], tmp_path: Path
) -> None:
    large = np.ones(400 * 2**20, np.uint8)
    words = json.dumps(order | {"kind": "network", "what": "one at a time"})
    code, told = run_child(
        [sys.executable, "-P", "-m", "ssd_live.bench.worker", words, str(tmp_path)], 60
    )
    assert code == 0, told
    assert psutil.Process().memory_info().rss > large.nbytes
    assert json.loads((tmp_path / worker.RESULT_NAME).read_text())["memory_mb"] < large.nbytes / 1e6


def test_a_frozen_app_measures_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own program takes the word."""
    done: list[str] = []
    monkeypatch.setattr(worker, "end_with_parent", lambda: done.append("watches"))

    def measure(words: list[str]) -> int:
        done.append(f"measures {' '.join(words)}")
        return 0

    monkeypatch.setattr(worker, "main", measure)
    assert cli.main([WORKER_COMMAND, "{}", "folder"]) == 0
    assert done == ["watches", "measures {} folder"]
