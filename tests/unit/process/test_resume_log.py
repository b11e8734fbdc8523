"""What an output folder remembers of earlier runs."""

import csv
import json
import os
from pathlib import Path

import pytest

from ssd_live.errors import OutputError
from ssd_live.imaging.frame import Region
from ssd_live.process.job import ProcessOptions
from ssd_live.process.plan import Task
from ssd_live.process.resume_log import Outcome, ResumeLog, settings_key, write_summary
from ssd_live.video.writer import Quality

KEY = "the settings"


def _task(folder: Path, name: str = "a.mp4") -> Task:
    source = folder / "in" / name
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_bytes(b"video")
    return Task(source, Path(name), folder / "out" / name)


def _outcome(task: Task) -> Outcome:
    return Outcome(str(task.source), str(task.output), "done", 250, 2.5, 100.0, "犬 3")


def _finish(task: Task, folder: Path, key: str = KEY) -> ResumeLog:
    """The task's output and its entry in the resume log of the output folder."""
    assert task.output is not None
    task.output.parent.mkdir(parents=True, exist_ok=True)
    task.output.write_bytes(b"annotated")
    resume_log = ResumeLog(folder / "out")
    resume_log.note(task, key, _outcome(task))
    return resume_log


def _memory(folder: Path) -> Path:
    (path,) = (folder / "out" / ".ssd_live").glob("*.json")
    return path


def test_a_new_folder_remembers_nothing(tmp_path: Path) -> None:
    task = _task(tmp_path)
    resume_log = ResumeLog(tmp_path / "out")
    assert resume_log.finished(task, KEY, with_log=False) is None
    assert not resume_log.knows(task)


def test_a_finished_result_is_remembered_by_the_next_run(tmp_path: Path) -> None:
    task = _task(tmp_path)
    _finish(task, tmp_path)
    again = ResumeLog(tmp_path / "out")
    assert again.finished(task, KEY, with_log=False) == Outcome(
        str(task.source), str(task.output), "skipped", 250, 2.5, 100.0, "犬 3"
    )
    assert again.knows(task)


def test_other_settings_do_not_count_as_finished_but_the_output_is_known(tmp_path: Path) -> None:
    task = _task(tmp_path)
    _finish(task, tmp_path)
    assert ResumeLog(tmp_path / "out").finished(task, "other settings", with_log=False) is None
    assert ResumeLog(tmp_path / "out").knows(task)


def test_a_result_whose_output_is_gone_is_not_finished(tmp_path: Path) -> None:
    task = _task(tmp_path)
    resume_log = _finish(task, tmp_path)
    assert task.output is not None
    task.output.unlink()
    assert resume_log.finished(task, KEY, with_log=False) is None


def test_a_result_without_its_detections_is_not_finished_where_they_are_wanted(
    tmp_path: Path,
) -> None:
    task = _task(tmp_path)
    resume_log = _finish(task, tmp_path)
    assert resume_log.finished(task, KEY, with_log=True) is None
    resume_log.log_path(task).parent.mkdir(parents=True)
    resume_log.log_path(task).write_text("{}\n")
    # These are the lines of another run.
    assert resume_log.finished(task, KEY, with_log=True) is None
    resume_log = _finish(task, tmp_path)
    assert resume_log.finished(task, KEY, with_log=True) is not None


def test_inputs_of_one_name_in_several_folders_have_logs_of_their_own(tmp_path: Path) -> None:
    resume_log = ResumeLog(tmp_path / "out")
    names = ("monday/a.mp4", "tuesday/a.mp4", "monday/a.avi")
    assert len({resume_log.log_path(_task(tmp_path, name)) for name in names}) == 3


def test_one_result_does_not_push_out_another(tmp_path: Path) -> None:
    first, second = _task(tmp_path, "a.mp4"), _task(tmp_path, "b.mp4")
    _finish(first, tmp_path)
    _finish(second, tmp_path)
    resume_log = ResumeLog(tmp_path / "out")
    assert resume_log.finished(first, KEY, with_log=False) is not None
    assert resume_log.finished(second, KEY, with_log=False) is not None


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[1, 2]",
        b"null",
        b"\xff\xfe\x00",
        b'{"a.mp4": 5}',
        b'{"a.mp4": null}',
        b'{"a.mp4": {"key": "the settings"}}',
        b'{"a.mp4": {"key": "the settings", "outcome": 7}}',
        b'{"a.mp4": {"key": "the settings", "outcome": {"new": 1}}}',
    ],
)
def test_a_damaged_memory_means_doing_everything_again(tmp_path: Path, damage: bytes) -> None:
    task = _task(tmp_path)
    _finish(task, tmp_path)
    _memory(tmp_path).write_bytes(damage)
    assert ResumeLog(tmp_path / "out").finished(task, KEY, with_log=False) is None


def test_a_damaged_memory_is_replaced_by_the_next_result(tmp_path: Path) -> None:
    task = _task(tmp_path)
    _finish(task, tmp_path)
    _memory(tmp_path).write_bytes(b"{")
    _finish(task, tmp_path)
    assert list(json.loads(_memory(tmp_path).read_text(encoding="utf-8"))) == ["a.mp4"]


def test_a_folder_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file, not a folder")
    with pytest.raises(OutputError, match="cannot be written"):
        ResumeLog(tmp_path / "out").note(_task(tmp_path), KEY, _outcome(_task(tmp_path)))


def test_the_key_is_the_same_for_the_same_work(tmp_path: Path) -> None:
    task = _task(tmp_path)
    assert settings_key(task, ["model", 0.4]) == settings_key(task, ["model", 0.4])


def test_the_key_changes_with_any_setting(tmp_path: Path) -> None:
    task = _task(tmp_path)
    keys = [
        settings_key(task, settings)
        for settings in (
            ["model", 0.4],
            ["model", 0.5],
            ["other", 0.4],
            ["model"],
            ["model", 0.4, None],
        )
    ]
    assert len(set(keys)) == 5


def test_the_key_changes_with_the_inputs_size_and_date_and_place(tmp_path: Path) -> None:
    task = _task(tmp_path)
    os.utime(task.source, ns=(0, 10**18))
    keys = {settings_key(task, [])}
    os.utime(task.source, ns=(0, 10**18 + 1))
    keys.add(settings_key(task, []))
    task.source.write_bytes(b"longer video")
    os.utime(task.source, ns=(0, 10**18))
    keys.add(settings_key(task, []))
    other = _task(tmp_path, "other.mp4")
    os.utime(other.source, ns=(0, 10**18))
    keys.add(settings_key(other, []))
    assert len(keys) == 4


def test_the_summary_has_a_line_a_file(tmp_path: Path) -> None:
    outcomes = [
        Outcome("in/Straße.mp4", "out/Straße.mp4", "done", 250, 2.345, 106.61, "犬 3, car 2"),
        Outcome("b", "", "failed", message="why, so"),
    ]
    path = write_summary(tmp_path, outcomes)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["input"], row["status"], row["objects"], row["message"]) for row in rows] == [
        ("in/Straße.mp4", "done", "犬 3, car 2", ""),
        ("b", "failed", "", "why, so"),
    ]
    assert (rows[0]["frames"], rows[0]["seconds"], rows[0]["fps"]) == ("250", "2.35", "106.6")
    assert [file.name for file in tmp_path.iterdir()] == ["summary.csv"]


def test_settings_have_the_text_that_version_0_1_0_wrote() -> None:
    """Another text would be another key, and finished work would be done again."""
    options = ProcessOptions(Quality("h264", 21), every=2, region=Region(1, 2, 30, 40))
    assert options.key_text == (
        "Settings(quality=Quality(codec='h264', crf=21, preset='fast'), every=2, "
        "region=Region(x=1, y=2, width=30, height=40), start=0.0, duration=None, max_frames=None, "
        "hardware_decoding=False)"
    )
