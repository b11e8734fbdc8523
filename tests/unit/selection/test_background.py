"""The backends are measured in a process beside this one."""

import io
import json
import sys
from pathlib import Path

import psutil
import pytest

from ssd_live import cli
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection import background, background_child
from ssd_live.selection.background import BackgroundMeasuring, Fastest, Wanted
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.table import known
from tests.tiny_model import tiny_model
from tests.unit.selection.parts import Trials

pytestmark = pytest.mark.usefixtures("empty_engines")


def test_what_is_measured_is_stored_and_told(model: ModelFile, trials: Trials) -> None:
    answers = io.StringIO()
    words = [str(model.path), "cpu", "auto", "throughput"]
    assert background_child.main(words, answers) == 0
    lines = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert all("progress" in line for line in lines[:-1])
    assert lines[-1]["best"] == {"backend": "onnxruntime", "device": "CPU", "precision": "fp32"}
    assert lines[-1]["speeds"] == {"openvino fp32": 1, "onnxruntime fp32": 2}
    assert known(model, without_gpu=True) is not None
    assert known(model) is None


def test_a_model_that_is_not_there_is_an_error_in_one_line() -> None:
    answers = io.StringIO()
    assert background_child.main(["nothing", "auto", "auto", "latency"], answers) == 1
    assert "nothing" in json.loads(answers.getvalue())["error"]


def test_a_process_of_low_priority_measures_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without OpenVINO, because ONNX Runtime is quicker to load."""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['openvino'] = None")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_model().data)
    told: list[str] = []
    nice: list[int] = []

    def progress(line: str) -> None:
        told.append(line)
        nice.extend(child.nice() for child in psutil.Process().children(recursive=True))

    with BackgroundMeasuring(
        Wanted(str(path), "cpu", "auto", "latency"), progress, low_priority=True
    ) as measuring:
        measuring.wait()
        assert not measuring.is_running
        assert measuring.error_message == ""
        assert measuring.fastest is not None
        assert str(measuring.fastest.choice) == "onnxruntime fp32"
        assert measuring.fastest.speeds["onnxruntime fp32"] > 1
    assert "measuring the speed (1 of 3) ..." in told
    assert set(nice) == {19}
    assert not psutil.Process().children()


def test_measuring_can_be_ended_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = [sys.executable, "-c", "import time; time.sleep(600)"]
    monkeypatch.setattr(background, "own_program", lambda *_: endless)
    with BackgroundMeasuring(
        Wanted("tiny", "auto", "auto", "latency"), lambda _: None, low_priority=False
    ) as measuring:
        began = measuring.is_running
    assert began
    assert not measuring.is_running
    assert measuring.fastest is None
    assert measuring.error_message
    assert not psutil.Process().children()


def test_the_gain_says_how_much_faster_it_is() -> None:
    fast, slow = BackendChoice("openvino", "CPU", "int8"), BackendChoice("openvino", "CPU", "fp32")
    fastest = Fastest(fast, {str(fast): 90.0, str(slow): 60.0})
    assert fastest.gain(slow) == 1.5
    assert fastest.gain(fast) == 1.0
    assert fastest.gain(BackendChoice("torch", "CPU", "fp32")) == 1.0


def test_a_frozen_app_takes_the_word(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(background_child, "end_with_parent", lambda: done.append("watches"))
    monkeypatch.setattr(background_child, "yield_to_all", lambda: done.append("yields"))
    monkeypatch.setattr(
        background_child, "main", lambda words, _: done.append(f"measures {' '.join(words)}")
    )
    cli.main([background.MEASURE_COMMAND, "a", "auto", "auto", "latency", "low"])
    assert done == ["watches", "yields", "measures a auto auto latency"]
