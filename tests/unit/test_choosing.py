"""The choice of backend is measured, remembered, and made again when anything changes."""

import json
import os
import sys
from pathlib import Path

import pytest

from ssd_live import choosing, machine, trial
from ssd_live.choosing import Choice, Row, candidates, choose, measured, table_path
from ssd_live.errors import BackendError, UsageError
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile


@pytest.fixture
def model() -> ModelFile:
    return find_model("ssdlite300-mobilenetv2-person")


@pytest.fixture(autouse=True)
def empty_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path))


def write_table(model: ModelFile, rows: list[Row]) -> None:
    choosing._store(table_path(model), choosing._identity(model), rows)


ROWS = [
    Row(Choice("openvino", "CPU", "fp32"), 5.0, 200.0, 1.0, "boxes"),
    Row(Choice("onnxruntime", "CPU", "fp32"), 4.0, 150.0, 1.0, "boxes"),
    Row(Choice("openvino", "CPU", "bf16"), 3.0, 400.0, 0.7, "boxes", "finds only 70.0% of the same"),
]


def test_auto_measures_once_and_remembers(model: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MEASURE_SECONDS", 0.1)
    lines: list[str] = []
    first = choose(model, notify=lines.append)
    assert f"trying {candidates(model)[0]} ..." in lines
    rows = measured(model)
    best = min((row for row in rows if not row.trouble), key=lambda row: row.latency_ms)
    assert first == best.choice
    assert all(row.agreement > 0.9 for row in rows)
    lines.clear()
    assert choose(model, notify=lines.append) == first
    assert not lines


def test_the_fastest_that_agrees_is_taken_for_each_workload(model: ModelFile) -> None:
    write_table(model, ROWS)
    assert choose(model, workload="throughput") == Choice("openvino", "CPU", "fp32")
    assert choose(model, workload="latency") == Choice("onnxruntime", "CPU", "fp32")


def test_a_named_backend_restricts_the_choice(model: ModelFile) -> None:
    write_table(model, ROWS)
    assert choose(model, "openvino", workload="latency") == Choice("openvino", "CPU", "fp32")


def test_a_named_backend_and_precision_need_no_measuring(model: ModelFile) -> None:
    assert choose(model, "onnxruntime", "fp32") == Choice("onnxruntime", "CPU", "fp32")
    assert not table_path(model).exists()


@pytest.mark.parametrize("changed", ["versions", "cpu", "cores", "model"])
def test_a_change_of_machine_or_versions_measures_again(changed: str, model: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(model, ROWS)
    table = json.loads(table_path(model).read_text())
    table["identity"][changed] = "another"
    table_path(model).write_text(json.dumps(table))
    monkeypatch.setattr(choosing, "_measure", lambda *_: [Row(Choice("onnxruntime", "CPU", "fp32"), 1, 1, 1)])
    assert measured(model)[0].latency_ms == 1
    assert json.loads(table_path(model).read_text())["rows"][0]["latency_ms"] == 1


def test_a_damaged_table_is_measured_again(model: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    table_path(model).write_text('{"identity"')
    monkeypatch.setattr(choosing, "_measure", lambda *_: [Row(Choice("onnxruntime", "CPU", "fp32"), 1, 1, 1)])
    assert choose(model) == Choice("onnxruntime", "CPU", "fp32")


def test_a_runtime_that_crashes_is_left_out_with_one_line(model: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crash = tmp_path / "crash.py"
    crash.write_text(
        "import os, signal, sys\n"
        "from ssd_live.trial import main\n"
        "if sys.argv[2] == 'openvino': os.kill(os.getpid(), signal.SIGSEGV)\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    monkeypatch.setattr(trial, "_ENTRY", [str(crash)])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    lines: list[str] = []
    assert choose(model, notify=lines.append).backend == "onnxruntime"
    assert "openvino fp32 is left out: it crashed (signal 11)" in lines


def test_when_nothing_works_the_line_says_why(model: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "_measure", lambda *_: [Row(Choice("openvino", "CPU", "fp32"), trouble="it crashed (signal 11)")])
    with pytest.raises(BackendError, match=r"no backend can run .* \(openvino fp32: it crashed"):
        choose(model)


def test_a_precision_that_no_one_has_is_refused(model: ModelFile) -> None:
    with pytest.raises(UsageError, match="there is no precision 'int3'"):
        choose(model, precision="int3")  # type: ignore[arg-type]


def test_the_processor_has_a_name() -> None:
    assert machine.cpu_name()
    assert machine.available_cores() >= 1
