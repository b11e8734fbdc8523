"""What the tests of choosing and measuring share."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ssd_live.backends.base import Precision
from ssd_live.errors import SsdLiveError
from ssd_live.selection import choose, measure
from ssd_live.selection.agreement import NormalisedDetections
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.table import BackendMeasurement
from ssd_live.selection.trial import Speed, TrialResults
from ssd_live.system import machine

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
GPU_ROW = BackendMeasurement(BackendChoice("tensorrt", "GPU", "fp16"), 1.0, 900.0, 1.0, "boxes")
ANSWER = NormalisedDetections(
    np.array([[0, 0, 1, 1]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int32)
)


class Trials:
    """Stands in for trials, which it lists, and for what machine this is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.choices: list[BackendChoice] = []
        self.rounds: list[BackendChoice] = []
        self.asked: list[str] = []
        self.gpus: list[str] = ["NVRM version: 580.1", "0000:01:00.0 A Card"]
        self.devices = {
            "openvino": ["CPU", "GPU"],
            "onnxruntime": ["CPU"],
            "torch": ["CPU", "CUDA"],
            "tensorrt": ["GPU"],
            "tensorrt-rtx": ["GPU"],
        }
        self.precisions: list[Precision] = ["fp32"]
        self.error_message: dict[str, SsdLiveError] = {}
        # What the trial and the rounds of a choice raise or return, instead of what they usually
        # do.
        self.fails: dict[str, SsdLiveError] = {}
        self.speeds: dict[str, list[Speed | SsdLiveError]] = {}
        monkeypatch.setattr(measure, "Trial", self._trial)
        for module in (choose, measure):
            monkeypatch.setattr(module, "backend_module", self._module)
        monkeypatch.setattr(choose, "installed", lambda: list(self.devices))
        monkeypatch.setattr(machine, "nvidia_gpus", lambda: self.gpus)

    def _trial(self, model: Path, choice: BackendChoice) -> "_OneTrial":
        self.choices.append(choice)
        if choice.backend in self.fails:
            raise self.fails[choice.backend]
        return _OneTrial(self, choice, len(self.choices))

    def _module(self, name: str) -> Any:
        self.asked.append(name)

        def devices() -> list[str]:
            if name in self.error_message:
                raise self.error_message[name]
            return self.devices[name]

        def precisions(device: str) -> list[Precision]:
            return self.precisions

        return SimpleNamespace(devices=devices, precisions=precisions, version=devices)

    def take(self) -> list[BackendChoice]:
        taken, self.choices = self.choices, []
        return taken


class _OneTrial:
    results = TrialResults([ANSWER], [ANSWER])

    def __init__(self, trials: Trials, choice: BackendChoice, number: int) -> None:
        self._trials, self._choice, self._number = trials, choice, number

    def round(self) -> Speed:
        self._trials.rounds.append(self._choice)
        speeds = self._trials.speeds.get(self._choice.backend)
        if not speeds:
            # The later, the faster: what is for GPUs comes last.
            return Speed(100 / self._number, self._number)
        speed = speeds.pop(0)
        if isinstance(speed, SsdLiveError):
            raise speed
        return speed

    def __enter__(self) -> "_OneTrial":
        return self

    def __exit__(self, *exception: object) -> None:
        pass
