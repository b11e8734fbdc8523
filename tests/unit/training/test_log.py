"""The record of a run."""

import csv
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ssd_live.training.log import COLUMNS, Progress, RunLog


def progress(step: int, validated: float | None = None) -> Progress:
    return Progress(step, 10, 1e-3, 2.0 / step, 1.0 / step, 30.0, 5.0, validated)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_line_of_progress_is_a_row(tmp_path: Path) -> None:
    with RunLog(tmp_path, 0) as log:
        log.write(progress(1))
        log.write(progress(2, 0.25))
    assert [row["step"] for row in rows(tmp_path)] == ["1", "2"]
    assert tuple(rows(tmp_path)[0]) == COLUMNS
    assert [row["validation_map"] for row in rows(tmp_path)] == ["", "0.250000"]


def test_a_run_that_goes_on_takes_back_the_steps_that_it_repeats(tmp_path: Path) -> None:
    with RunLog(tmp_path, 0) as log:
        for step in range(1, 6):
            log.write(progress(step))
    with RunLog(tmp_path, 3) as log:
        log.write(progress(4))
    assert [row["step"] for row in rows(tmp_path)] == ["1", "2", "3", "4"]


def test_a_row_cut_in_two_by_a_crash_is_taken_back(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(",".join(COLUMNS) + "\n1,0.1,1,1,1,\n2,0.1,1,1,1,\nga")
    with RunLog(tmp_path, 2):
        pass
    assert [row["step"] for row in rows(tmp_path)] == ["1", "2"]


def test_a_new_run_begins_a_new_record(tmp_path: Path) -> None:
    for _ in range(2):
        with RunLog(tmp_path, 0) as log:
            log.write(progress(1))
    assert len(rows(tmp_path)) == 1


def test_tensorboard_reads_the_same_figures(tmp_path: Path) -> None:
    with RunLog(tmp_path, 0) as log:
        log.write(progress(1))
        log.write(progress(2, 0.25))
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss/localisation")] == [
        (1, 2.0),
        (2, 1.0),
    ]
    assert [(event.step, event.value) for event in events.Scalars("validation_map")] == [
        (2, pytest.approx(0.25))
    ]
