"""What was measured is remembered until anything changes."""

import json
import os
from dataclasses import replace

import pytest

from ssd_live.modelfile.file import ModelFile
from ssd_live.selection.table import known, measured_at, store, table_path
from ssd_live.system import machine
from tests.unit.selection.parts import ROWS, Trials

pytestmark = pytest.mark.usefixtures("empty_engines")


def test_what_was_stored_is_known(model: ModelFile) -> None:
    assert known(model) is None
    store(model, ROWS)
    assert known(model) == ROWS


@pytest.mark.parametrize("changed", ["versions", "cpu", "cores", "model"])
def test_another_machine_or_version_makes_it_unknown(changed: str, model: ModelFile) -> None:
    store(model, ROWS)
    table = json.loads(table_path(model).read_text())
    table["identity"][changed] = "another"
    table_path(model).write_text(json.dumps(table))
    assert known(model) is None


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
def test_a_wrong_value_makes_it_unknown(name: str, value: object, model: ModelFile) -> None:
    store(model, ROWS)
    table = json.loads(table_path(model).read_text())
    table["rows"][0][name] = value
    table_path(model).write_text(json.dumps(table))
    assert known(model) is None


def test_a_damaged_file_is_as_good_as_none(model: ModelFile) -> None:
    table_path(model).write_text('{"identity"')
    assert known(model) is None


def test_another_gpu_or_driver_makes_it_unknown_but_not_what_is_of_the_cpu(
    model: ModelFile, trials: Trials
) -> None:
    store(model, ROWS)
    store(model, ROWS, without_gpu=True)
    trials.gpus[0] = "NVRM version: 590.1"
    assert known(model) is None
    assert known(model, without_gpu=True) == ROWS
    trials.gpus.clear()
    assert known(model, without_gpu=True) == ROWS


def test_without_a_gpu_the_newer_measurements_count(model: ModelFile) -> None:
    newer = [replace(ROWS[0], latency_ms=1.0)]
    store(model, ROWS)
    store(model, newer, without_gpu=True)
    os.utime(table_path(model), (1000, 1000))
    assert known(model, without_gpu=True) == newer
    assert known(model) == ROWS
    os.utime(table_path(model, "cpu"), (500, 500))
    assert known(model, without_gpu=True) == ROWS
    assert measured_at(model) == 1000


@pytest.mark.parametrize("package", ["tensorrt", "tensorrt-rtx", "pycuda", "cuda-bindings"])
def test_a_new_package_for_gpus_makes_it_unknown(
    model: ModelFile, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(model, ROWS)
    real = machine.package_version
    monkeypatch.setattr(
        machine, "package_version", lambda name: "99" if name == package else real(name)
    )
    assert known(model) is None
