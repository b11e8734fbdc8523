"""The names of the files of events, and what is deleted when."""

import os
from datetime import datetime
from pathlib import Path

import pytest

from ssd_live.actions.event_files import delete_old, event_stem
from ssd_live.analytics.action_plans import FileLimits

NOON = datetime(2026, 11, 29, 12, 0, 0, 123_400).timestamp()
DAY = 86_400.0


def _write(folder: Path, clock: float, size: int, suffix: str = ".jpg") -> Path:
    path = folder / f"{event_stem(clock, 'R')}{suffix}"
    path.write_bytes(bytes(size))
    os.utime(path, (clock, clock))
    return path


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("Somebody stays", "Somebody stays"),
        ('a/b\\c:d*?"<>|\n', "a_b_c_d_______"),
        (" .. ", "event"),
        ("Tür", "Tür"),
        ("\udcff", "?"),
    ],
)
def test_a_name_has_the_time_and_the_rule(rule: str, name: str) -> None:
    stem = event_stem(NOON, rule)
    assert stem == f"2026-11-29 12.00.00.123 {name}"


def test_a_name_fits_every_file_system() -> None:
    assert len(event_stem(NOON, "漢" * 80).encode()) < 200


def test_a_day_of_events_keeps_the_limit_and_the_newest(tmp_path: Path) -> None:
    limits = FileLimits(megabytes=1)
    other = tmp_path / "my holiday.mkv"
    other.write_bytes(bytes(5_000_000))
    written = []
    # An event a minute, for a day in simulated time.
    for minute in range(1440):
        clock = NOON + 60 * minute
        written.append(_write(tmp_path, clock, 10_000, ".mkv" if minute % 3 else ".jpg"))
        deleted, freed = delete_old(tmp_path, limits, now=clock)
        assert (deleted, freed) == ((0, 0) if minute < 100 else (1, 10_000))
    assert sorted(tmp_path.iterdir()) == sorted([*written[-100:], other])


def test_files_that_are_too_old_are_deleted(tmp_path: Path) -> None:
    old, new = _write(tmp_path, NOON, 10), _write(tmp_path, NOON + DAY, 10)
    assert delete_old(tmp_path, FileLimits(days=2), now=NOON + 2 * DAY) == (0, 0)
    assert delete_old(tmp_path, FileLimits(days=2), now=NOON + 2 * DAY + 1) == (1, 10)
    assert (old.exists(), new.exists()) == (False, True)
    # The clock is set back.
    assert delete_old(tmp_path, FileLimits(days=2), now=NOON - DAY) == (0, 0)


def test_a_file_that_is_being_written_counts_and_stays(tmp_path: Path) -> None:
    clip = _write(tmp_path, NOON, 900_000, ".part.mkv")
    photo = _write(tmp_path, NOON + 1, 200_000)
    assert delete_old(tmp_path, FileLimits(megabytes=1), {clip}, NOON + 2) == (1, 200_000)
    assert (clip.exists(), photo.exists()) == (True, False)


def test_a_folder_that_is_not_there_has_nothing_to_delete(tmp_path: Path) -> None:
    assert delete_old(tmp_path / "none", FileLimits()) == (0, 0)
