"""Backends are measured in turns, compared with float32, and left out where they fail."""

import os
import sys
from pathlib import Path

import pytest

from ssd_live.errors import BackendError, MissingPackageError
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection import measure, trial
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.measure import ROUNDS, candidates, measured
from ssd_live.selection.table import known
from ssd_live.selection.trial import Speed
from tests.unit.selection.parts import Trials

pytestmark = pytest.mark.usefixtures("empty_engines")


def test_real_backends_are_measured_once_and_remembered(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One round is enough here.
    monkeypatch.setattr(measure, "ROUNDS", 1)
    lines: list[str] = []
    rows = measured(model, lines.append)
    assert f"trying {candidates(model)[0]} ..." in lines
    assert [row.choice for row in rows] == candidates(model)
    for row in rows:
        assert not row.error_message
        assert row.agreement > 0.9
        assert 0 < row.latency_ms < 1000
        assert row.throughput_fps > 1
    lines.clear()
    assert measured(model, lines.append) == rows
    assert not lines


def test_a_backend_that_crashes_is_left_out_with_one_line(
    model: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash = tmp_path / "crash.py"
    crash.write_text(
        "import os, signal, sys\n"
        "from ssd_live.selection.trial import main\n"
        "if sys.argv[2] == 'openvino': os.kill(os.getpid(), signal.SIGSEGV)\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    monkeypatch.setattr(trial, "own_program", lambda *_: [sys.executable, str(crash)])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setattr(measure, "ROUNDS", 1)
    lines: list[str] = []
    rows = measured(model, lines.append)
    usable = {row.choice.backend for row in rows if not row.error_message}
    assert usable == {"onnxruntime"}
    crashed = "the trial crashed (signal 11); update the package of the backend and the drivers"
    assert f"openvino fp32 is left out: {crashed}" in lines


def test_every_backend_has_its_turn_in_every_round_and_its_best_counts(
    model: ModelFile, trials: Trials
) -> None:
    """While the machine is busy for one round, no backend looks slow."""
    trials.speeds["openvino"] = [
        *(Speed(90.0, 10.0), Speed(9.0, 20.0)),  # the first round, on the CPU and the GPU
        *(Speed(10.0, 110.0), Speed(90.0, 2.0)),
        *(Speed(30.0, 100.0), Speed(8.0, 21.0)),
    ]
    rows = {row.choice: row for row in measured(model)}
    once = trials.rounds[: len(rows)]
    assert trials.rounds == once * ROUNDS
    processor = rows[BackendChoice("openvino", "CPU", "fp32")]
    assert (processor.latency_ms, processor.throughput_fps) == (10.0, 110.0)
    gpu = rows[BackendChoice("openvino", "GPU", "fp32")]
    assert (gpu.latency_ms, gpu.throughput_fps) == (8.0, 21.0)


def test_a_backend_that_fails_in_a_later_round_is_left_out(
    model: ModelFile, trials: Trials
) -> None:
    trials.speeds["onnxruntime"] = [Speed(1.0, 1000.0), BackendError("the GPU was lost")]
    lines: list[str] = []
    rows = {row.choice.backend: row for row in measured(model, lines.append)}
    assert rows["onnxruntime"].error_message == "the GPU was lost"
    assert trials.rounds.count(BackendChoice("onnxruntime", "CPU", "fp32")) == 2
    assert "onnxruntime fp32 is left out: the GPU was lost" in lines


def test_when_nothing_works_nothing_is_stored(model: ModelFile, trials: Trials) -> None:
    trials.fails = {name: BackendError("the trial crashed (signal 11)") for name in trials.devices}
    assert all(row.error_message for row in measured(model))
    assert known(model) is None


def test_all_that_there_is_on_gpus_is_measured(model: ModelFile, trials: Trials) -> None:
    measured(model)
    assert {(choice.backend, choice.device) for choice in trials.choices} == {
        ("openvino", "CPU"),
        ("openvino", "GPU"),
        ("onnxruntime", "CPU"),
        ("torch", "CUDA"),
        ("tensorrt", "GPU"),
        ("tensorrt-rtx", "GPU"),
    }


def test_without_gpu_no_gpu_is_touched(model: ModelFile, trials: Trials) -> None:
    """One that is lost may never answer."""
    measured(model, without_gpu=True)
    assert {choice.device for choice in trials.take()} == {"CPU"}
    assert not {"torch", "tensorrt", "tensorrt-rtx"} & set(trials.asked)
    trials.gpus.clear()
    measured(model, without_gpu=True)
    assert not trials.take()


def test_again_measures_what_is_known(model: ModelFile, trials: Trials) -> None:
    measured(model)
    assert trials.take()
    measured(model)
    assert not trials.take()
    measured(model, again=True)
    assert trials.take()


def test_a_driver_that_does_not_start_is_told_of_and_leaves_the_others(
    model: ModelFile, trials: Trials
) -> None:
    trials.error_message["tensorrt-rtx"] = BackendError(
        "the NVIDIA driver and its libraries are of different versions; restart the machine"
    )
    lines: list[str] = []
    measured(model, lines.append)
    assert (
        "tensorrt-rtx is left out: the NVIDIA driver and its libraries are of different versions; "
        "restart the machine" in lines
    )
    assert {choice.backend for choice in trials.choices} == {
        "openvino",
        "onnxruntime",
        "torch",
        "tensorrt",
    }


def test_a_backend_that_is_not_installed_is_left_out_without_a_word(
    model: ModelFile, trials: Trials
) -> None:
    trials.error_message["torch"] = MissingPackageError("PyTorch is not installed")
    lines: list[str] = []
    measured(model, lines.append)
    assert not [line for line in lines if "torch" in line]
