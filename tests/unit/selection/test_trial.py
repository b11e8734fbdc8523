"""A trial loads a backend in a process of its own, which ends with whoever asked for it."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from ssd_live import cli
from ssd_live.errors import BackendError
from ssd_live.selection import trial
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.trial import Trial
from tests.tiny_model import tiny_model
from tests.waiting import wait_until

CHOICE = BackendChoice("onnxruntime", "CPU", "fp32")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_model().data)
    return path


def test_a_trial_tells_what_it_finds_and_how_fast(tiny: Path) -> None:
    with Trial(tiny, CHOICE) as running:
        assert len(running.results.detections) == 1
        assert len(running.results.boxes) == 1
        first, second = running.round(), running.round()
    assert min(*first, *second) > 0
    assert not psutil.Process().children()


def test_a_model_that_cannot_be_loaded_is_an_error_in_one_line(tiny: Path) -> None:
    with pytest.raises(BackendError, match="no INT8 version") as failed:
        Trial(tiny, BackendChoice("onnxruntime", "CPU", "int8"))
    assert "\n" not in str(failed.value)
    assert not psutil.Process().children()


def test_a_trial_that_dies_between_two_rounds_is_an_error(tiny: Path) -> None:
    with Trial(tiny, CHOICE) as running:
        running.round()
        psutil.Process().children()[0].kill()
        with pytest.raises(BackendError, match=r"crashed \(signal 9\)"):
            running.round()


def test_a_trial_that_gives_no_answer_is_ended(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = tmp_path / "silent.py"
    silent.write_text("import time; time.sleep(600)")
    monkeypatch.setattr(trial, "own_program", lambda *_: [sys.executable, str(silent)])
    monkeypatch.setattr(trial, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(BackendError, match="did not answer within 0 s"):
        Trial(tiny, CHOICE)
    assert not psutil.Process().children()


@pytest.mark.parametrize(("seconds", "slots"), [(0.002, 1), (0.3, 1), (0.3, 4)])
def test_the_speed_of_a_slow_model_is_measured_too(seconds: float, slots: int) -> None:
    """Most of the time then goes into images that are still in flight when the time is over."""
    free_at = 0.0

    class InFlight:
        def __init__(self) -> None:
            nonlocal free_at
            free_at = max(free_at, time.monotonic()) + seconds
            self._done_at = free_at

        def result(self, timeout: float | None = None) -> Any:
            time.sleep(max(self._done_at - time.monotonic(), 0))

    image = np.zeros((4, 4, 3), np.uint8)
    found = trial.images_per_second(lambda _: InFlight(), slots, [image])
    assert found == pytest.approx(1 / seconds, rel=0.35)


def test_a_trial_ends_with_its_parent(tiny: Path) -> None:
    """Killed too, while an engine may still be built for minutes."""
    program = (
        "import sys, time; from pathlib import Path; from ssd_live.selection.trial import Trial\n"
        "from ssd_live.selection.choice import BackendChoice\n"
        "trial = Trial(Path(sys.argv[1]), BackendChoice('onnxruntime', 'CPU', 'fp32'))\n"
        "print('loaded', flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tiny)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"loaded\n"
    (child,) = psutil.Process(parent.pid).children()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_frozen_app_takes_the_word(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(trial, "main", lambda words: done.append(f"tries {' '.join(words)}"))
    cli.main([trial.TRIAL_COMMAND, "a.onnx", "openvino"])
    assert done == ["tries a.onnx openvino"]
