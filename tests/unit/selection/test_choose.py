"""The choice of backend is measured, remembered, and made again when anything changes."""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ssd_live.backends.base import Precision
from ssd_live.errors import BackendError, MissingPackageError, SsdLiveError, UsageError
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection import choose as choosing
from ssd_live.selection import measure, trial
from ssd_live.selection.agreement import NormalisedDetections
from ssd_live.selection.choice import BackendChoice, batch_for_video
from ssd_live.selection.choose import choose
from ssd_live.selection.measure import candidates, measured
from ssd_live.selection.table import BackendMeasurement, store_table, table_identity, table_path
from ssd_live.selection.trial import Trial
from ssd_live.system import machine


@pytest.fixture
def model() -> ModelFile:
    return find_model("ssdlite300-mobilenetv2-person")


@pytest.fixture(autouse=True)
def empty_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path))


def write_table(model: ModelFile, rows: list[BackendMeasurement]) -> None:
    store_table(table_path(model), table_identity(model), rows)


ROWS = [
    BackendMeasurement(BackendChoice("openvino", "CPU", "fp32"), 5.0, 200.0, 1.0, "boxes"),
    BackendMeasurement(BackendChoice("onnxruntime", "CPU", "fp32"), 4.0, 150.0, 1.0, "boxes"),
    BackendMeasurement(
        BackendChoice("openvino", "CPU", "bf16"),
        3.0,
        400.0,
        0.7,
        "boxes",
        "finds only 70.0% of what float32 finds",
    ),
]


def test_auto_measures_once_and_remembers(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "MEASURE_SECONDS", 0.1)
    lines: list[str] = []
    first = choose(model, notify=lines.append)
    assert f"trying {candidates(model)[0]} ..." in lines
    rows = measured(model)
    best = min((row for row in rows if not row.error_message), key=lambda row: row.latency_ms)
    assert first == best.choice
    assert all(row.agreement > 0.9 for row in rows)
    lines.clear()
    assert choose(model, notify=lines.append) == first
    assert not lines


def test_the_fastest_that_agrees_is_taken_for_each_workload(model: ModelFile) -> None:
    write_table(model, ROWS)
    assert choose(model, workload="throughput") == BackendChoice("openvino", "CPU", "fp32")
    assert choose(model, workload="latency") == BackendChoice("onnxruntime", "CPU", "fp32")


def test_a_named_backend_restricts_the_choice(model: ModelFile) -> None:
    write_table(model, ROWS)
    assert choose(model, "openvino", workload="latency") == BackendChoice("openvino", "CPU", "fp32")


def test_a_named_backend_and_precision_need_no_measuring(model: ModelFile) -> None:
    assert choose(model, "onnxruntime", "fp32") == BackendChoice("onnxruntime", "CPU", "fp32")
    assert not table_path(model).exists()


@pytest.mark.parametrize(
    ("backend", "device", "precision", "batch"),
    [
        ("openvino", "CPU", "int8", 2),
        ("openvino", "CPU", "bf16", 1),
        ("onnxruntime", "CPU", "int8", 1),
        ("tensorrt", "GPU", "fp16", 8),
    ],
)
def test_frames_of_files_are_computed_so_many_at_once(
    backend: str, device: str, precision: Precision, batch: int
) -> None:
    assert batch_for_video(BackendChoice(backend, device, precision)) == batch


def test_a_runtime_that_crashes_is_left_out_with_one_line(
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
    lines: list[str] = []
    assert choose(model, notify=lines.append).backend == "onnxruntime"
    crashed = "the test run crashed (signal 11); update the package of the backend and the drivers"
    assert f"openvino fp32 is left out: {crashed}" in lines


def test_when_nothing_works_the_line_says_why(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> Trial:
        raise BackendError("the test run crashed (signal 11)")

    monkeypatch.setattr(measure, "run_trial", crash)
    with pytest.raises(BackendError, match=r"no backend can run .* \(openvino fp32: the test run"):
        choose(model)
    assert not table_path(model).exists()


def test_a_precision_that_no_one_has_is_refused(model: ModelFile) -> None:
    with pytest.raises(UsageError, match="there is no precision 'int3'"):
        choose(model, precision="int3")  # type: ignore[arg-type]


def test_the_processor_has_a_name() -> None:
    assert machine.cpu_name()
    assert machine.available_cores() >= 1


# GPUs.

GPU_ROW = BackendMeasurement(BackendChoice("tensorrt", "GPU", "fp16"), 1.0, 900.0, 1.0, "boxes")
ANSWER = NormalisedDetections(
    np.array([[0, 0, 1, 1]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int32)
)


class Tried:
    """Stands in for trials, which it lists, and for what machine this is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.choices: list[BackendChoice] = []
        self.asked: list[str] = []
        self.gpus: list[str] = ["NVRM version: 580.1", "0000:01:00.0 A Card"]
        self.devices = {
            "openvino": ["CPU", "GPU"],
            "onnxruntime": ["CPU"],
            "torch": ["CPU", "CUDA"],
            "tensorrt": ["GPU"],
            "tensorrt-rtx": ["GPU"],
        }
        self.error_message: dict[str, SsdLiveError] = {}
        monkeypatch.setattr(measure, "run_trial", self._run)
        for module in (choosing, measure):
            monkeypatch.setattr(module, "backend_module", self._module)
        monkeypatch.setattr(machine, "nvidia_gpus", lambda: self.gpus)

    def _run(self, model: Path, backend: str, device: str, precision: Precision) -> Trial:
        self.choices.append(BackendChoice(backend, device, precision))
        # The later, the faster: what is for GPUs comes last.
        return Trial(100 / len(self.choices), len(self.choices), [ANSWER], [ANSWER])

    def _module(self, name: str) -> Any:
        self.asked.append(name)

        def devices() -> list[str]:
            if name in self.error_message:
                raise self.error_message[name]
            return self.devices[name]

        return SimpleNamespace(devices=devices, precisions=lambda device: ["fp32"])

    def take(self) -> list[BackendChoice]:
        taken, self.choices = self.choices, []
        return taken


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Tried:
    return Tried(monkeypatch)


@pytest.mark.parametrize("changed", ["versions", "cpu", "cores", "model"])
def test_a_change_of_machine_or_versions_measures_again(
    changed: str, model: ModelFile, tried: Tried
) -> None:
    write_table(model, ROWS)
    table = json.loads(table_path(model).read_text())
    table["identity"][changed] = "another"
    table_path(model).write_text(json.dumps(table))
    rows = measured(model)
    assert [row.choice for row in rows] == tried.take()
    assert measured(model) == rows
    assert not tried.take()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("latency_ms", 0),
        ("latency_ms", "fast"),
        ("throughput_fps", -1.0),
        ("throughput_fps", float("inf")),
        ("agreement", None),
        ("basis", 3),
        ("trouble", []),
    ],
)
def test_a_table_with_a_wrong_value_is_measured_again(
    name: str, value: object, model: ModelFile, tried: Tried
) -> None:
    write_table(model, ROWS)
    table = json.loads(table_path(model).read_text())
    table["rows"][0][name] = value
    table_path(model).write_text(json.dumps(table))
    choose(model)
    assert tried.take()


def test_a_damaged_table_is_measured_again(model: ModelFile, tried: Tried) -> None:
    table_path(model).write_text('{"identity"')
    fastest = choose(model)
    assert fastest == tried.take()[-1]
    assert choose(model) == fastest
    assert not tried.take()


def test_auto_takes_an_engine_that_is_fastest(model: ModelFile) -> None:
    write_table(model, [*ROWS, GPU_ROW])
    assert choose(model) == GPU_ROW.choice


def test_cpu_takes_the_fastest_that_needs_no_gpu(model: ModelFile) -> None:
    write_table(
        model,
        [
            GPU_ROW,
            BackendMeasurement(BackendChoice("openvino", "GPU", "fp16"), 1.5, 800.0, 1.0, "boxes"),
            *ROWS,
        ],
    )
    assert choose(model, "cpu") == BackendChoice("onnxruntime", "CPU", "fp32")
    assert choose(model, "cpu", workload="throughput") == BackendChoice("openvino", "CPU", "fp32")


def test_auto_tries_what_there_is_on_gpus(model: ModelFile, tried: Tried) -> None:
    choose(model)
    assert {
        (choice.backend, choice.device) for choice in tried.choices if choice.precision == "fp32"
    } == {
        ("openvino", "CPU"),
        ("openvino", "GPU"),
        ("onnxruntime", "CPU"),
        ("torch", "CUDA"),
        ("tensorrt", "GPU"),
        ("tensorrt-rtx", "GPU"),
    }


def test_cpu_touches_no_gpu_where_nothing_was_measured_yet(model: ModelFile, tried: Tried) -> None:
    """One that is lost may never answer."""
    assert choose(model, "cpu").device == "CPU"
    assert {choice.device for choice in tried.choices} == {"CPU"}
    assert not {"torch", "tensorrt", "tensorrt-rtx"} & set(tried.asked)


def test_cpu_is_measured_once_whatever_gpus_come_and_go(model: ModelFile, tried: Tried) -> None:
    choose(model, "cpu")
    assert tried.take()
    tried.gpus.clear()
    choose(model, "cpu")
    assert not tried.take()
    choose(model, "auto")
    assert tried.take()


def test_another_gpu_or_driver_is_measured_again(model: ModelFile, tried: Tried) -> None:
    choose(model)
    assert tried.take()
    choose(model)
    assert not tried.take()
    tried.gpus[0] = "NVRM version: 590.1"
    choose(model)
    assert tried.take()


@pytest.mark.parametrize("package", ["tensorrt", "tensorrt-rtx", "pycuda", "cuda-bindings"])
def test_a_new_package_for_gpus_is_measured(
    model: ModelFile, tried: Tried, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(model)
    tried.take()
    real = machine.package_version
    monkeypatch.setattr(
        machine, "package_version", lambda name: "99" if name == package else real(name)
    )
    choose(model)
    assert tried.take()


def test_a_driver_that_does_not_start_is_told_of_and_leaves_the_others(
    model: ModelFile, tried: Tried
) -> None:
    tried.error_message["tensorrt-rtx"] = BackendError(
        "the NVIDIA driver and its libraries are of different versions; restart the machine"
    )
    lines: list[str] = []
    choose(model, notify=lines.append)
    assert (
        "tensorrt-rtx is left out: the NVIDIA driver and its libraries are of different versions; "
        "restart the machine" in lines
    )
    assert {choice.backend for choice in tried.choices} == {
        "openvino",
        "onnxruntime",
        "torch",
        "tensorrt",
    }


def test_a_driver_that_does_not_start_is_an_error_for_who_asks_for_it(
    model: ModelFile, tried: Tried
) -> None:
    tried.error_message["tensorrt-rtx"] = BackendError("there is no working NVIDIA GPU")
    with pytest.raises(BackendError, match="no working NVIDIA GPU"):
        choose(model, "tensorrt-rtx")


def test_a_runtime_that_is_not_installed_is_left_out_without_a_word(
    model: ModelFile, tried: Tried
) -> None:
    tried.error_message["torch"] = MissingPackageError("PyTorch is not installed")
    lines: list[str] = []
    choose(model, notify=lines.append)
    assert all(line.startswith("trying ") for line in lines)


def test_the_kernel_tells_of_driver_and_gpus(tmp_path: Path) -> None:
    (tmp_path / "version").write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19\nGCC version: "
        "11.4.0\n"
    )
    for place, name in (("0000:02:00.0", "NVIDIA L4"), ("0000:01:00.0", "NVIDIA A10")):
        (tmp_path / "gpus" / place).mkdir(parents=True)
        (tmp_path / "gpus" / place / "information").write_text(f"Model: \t {name}\nIRQ:   11\n")
    assert machine.nvidia_gpus(tmp_path) == [
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19",
        "0000:01:00.0 NVIDIA A10",
        "0000:02:00.0 NVIDIA L4",
    ]
    assert machine.nvidia_gpus(tmp_path / "nowhere") == []
