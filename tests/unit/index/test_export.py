"""What a search found becomes clips, a table, and a page."""

import csv
from datetime import datetime
from pathlib import Path

import pytest

from ssd_live.errors import DataError, UsageError
from ssd_live.index.add import add_log
from ssd_live.index.database import Index
from ssd_live.index.export import COLUMNS, make_selection_report, write_clips, write_csv
from ssd_live.index.query import Query, search, sources
from ssd_live.reporting import build
from ssd_live.reporting.build import ReportOptions
from ssd_live.reporting.page import Imprint
from tests.clips import frame_times, write_clip
from tests.unit.index.worlds import EVENING
from tests.unit.reporting.logs import Page, found, frame, header, write_log
from tests.unit.reporting.logs import count as counted

OPTIONS = ReportOptions(Imprint(datetime(2026, 11, 29, 12, 30), "9.9"))


def _added(index: Index, folder: Path, name: str, **more: object) -> Path:
    lines = [
        frame(
            n / 25,
            *([found(track_id=1)] if n < 30 else []),
            *([found(track_id=2, name="car")] if n >= 100 else []),
        )
        for n in range(125)
    ]
    lines[3]["counts"] = [counted(0.1, "Yard", "entered")]
    log = write_log(folder / f"{name}.jsonl", header(f"{name}.mp4", **more), *lines)
    add_log(index, log)
    return log


def test_a_table_has_a_row_for_each(tmp_path: Path) -> None:
    with Index(tmp_path / "index.db") as index:
        log = _added(index, tmp_path, "a", recorded_at=EVENING)
        assert write_csv(index, search(index, Query()), tmp_path / "t.csv") == 2
    with (tmp_path / "t.csv").open(newline="") as file:
        car, person = csv.DictReader(file)
    assert tuple(car) == COLUMNS
    assert (car["class"], car["time"], car["seconds"], car["places"]) == (
        "car",
        "4.000",
        "0.960",
        "",
    )
    assert (person["class"], person["places"], person["log"]) == ("person", "Yard", str(log))
    assert person["clock"].startswith("2026-11-28T17:30:00.000")


def test_clips_have_two_seconds_around_the_object_and_the_sound(tmp_path: Path) -> None:
    write_clip(
        tmp_path / "a.mp4",
        125,
        sound="aac",
        setup=lambda stream: setattr(stream.codec_context, "gop_size", 25),
    )
    with Index(tmp_path / "index.db") as index:
        _added(index, tmp_path, "a", recorded_at=EVENING)
        _added(index, tmp_path, "b")
        cars = search(index, Query(classes=("car",)))
        done: list[Path] = []
        written, failures = write_clips(index, cars, tmp_path / "clips", done.append)
        assert (written, len(done)) == (1, 1)
        assert failures == ["b.mp4: the video is not there any more; put it back, then add its log"]
        assert done[0].name == "2026-11-28 17.30.04 car 2.mkv"
        times = frame_times(done[0])
        # From the key frame at 2 s to the end.
        assert (float(times[0]), len(times)) == (0.0, 75)
        write_clips(index, cars, tmp_path / "clips")
        names = sorted(path.name for path in (tmp_path / "clips").iterdir())
        assert names == ["2026-11-28 17.30.04 car 2 2.mkv", done[0].name]
        write_clip(tmp_path / "b.mp4", 20)
        _added(index, tmp_path, "b")
        people = [track for track in search(index, Query()) if track.clock is None]
        written, failures = write_clips(index, people, tmp_path / "more")
        assert written == 1
        assert "has no frame from 2.0 s to 7.0 s; the video is shorter" in failures[0]
        assert [path.name for path in (tmp_path / "more").iterdir()] == ["b 00.00.00 person 1.mkv"]


def test_a_page_shows_only_the_selection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Index(tmp_path / "index.db") as index:
        _added(index, tmp_path, "a")
        log = _added(index, tmp_path, "b")
        chosen = search(index, Query(classes=("person",)))
        lines: list[str] = []
        page = Page(make_selection_report(index, chosen, OPTIONS, lines.append))
        objects = ("Class", "Id", "From", "To", "Seconds", "Mean score")
        assert page.table(*objects)[0][:2] == ["person", "1"]
        assert [row[0] for row in page.table(*objects)] == ["person"]
        assert "Yard" in page.text
        assert any("b.mp4: There are no pictures" in line for line in lines)
        monkeypatch.setattr(build, "MOST_SOURCES", 1)
        lines.clear()
        make_selection_report(index, chosen, OPTIONS, lines.append)
        assert "note: 1 more sources are left out." in lines
        with pytest.raises(UsageError, match="nothing was found"):
            make_selection_report(index, [], OPTIONS, lines.append)
        (source, _) = sources(index)
        log.unlink()
        alone = [track for track in chosen if track.source == source.number]
        with pytest.raises(DataError, match=r"b\.jsonl: there is no such file"):
            make_selection_report(index, alone, OPTIONS, lines.append)
        write_log(log, header("other.mp4"), frame(0.0, found(track_id=1)))
        with pytest.raises(DataError, match="the logs have no frame that can be read"):
            make_selection_report(index, alone, OPTIONS, lines.append)
