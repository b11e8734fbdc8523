"""The log of a training is read while it is written."""

from pathlib import Path

from ssd_live.project.training_log import LogRow, training_log
from ssd_live.training.log import Progress, RunLog


def test_reports_are_read_as_the_training_writes_them(tmp_path: Path) -> None:
    assert training_log(tmp_path) == []
    (tmp_path / "training").mkdir()
    with RunLog(tmp_path / "training", 0) as log:
        log.write(Progress(20, 60, 0.1, 1.5, 2.25, 9.0, 60.0))
        log.write(Progress(40, 60, 0.1, 1.0, 2.0, 9.0, 30.0, validation_map=0.5))
    rows = [LogRow(20, 3.75, None), LogRow(40, 3.0, 0.5)]
    assert training_log(tmp_path) == rows
    # A line that is written at this moment, and one that is damaged.
    with (tmp_path / "training" / "log.csv").open("a", encoding="utf-8") as file:
        file.write("fifty,0,1,1,1,\n60,0.0")
    assert training_log(tmp_path) == rows
    (tmp_path / "training" / "log.csv").write_bytes(b"\xff\x00")
    assert training_log(tmp_path) == []
