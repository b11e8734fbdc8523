"""`index`: what was seen is found again, exported and deleted; and recordings fill it."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ssd_live.analytics.zones import Zone, write_zones
from ssd_live.index.database import Index, index_path
from ssd_live.index.query import Query, count, sources
from tests.clips import SAMPLE, frame_times, write_clip
from tests.conftest import FIXED_BACKEND, Answer
from tests.unit.reporting.logs import found, frame, header, write_log
from tests.waiting import wait_until

Run = Callable[..., Answer]
CHECKOUT = Path(__file__).resolve().parents[2]
EVERYTHING = Zone("Street", "area", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))


@pytest.fixture(autouse=True)
def own_index(own_engines: Path) -> Iterator[None]:
    yield
    for path in own_engines.glob("index*"):
        path.unlink()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of two objects beside its video."""
    write_clip(tmp_path / "a.mp4", 50)
    frames = [frame(n / 25, found(track_id=1), found(track_id=2, name="car")) for n in range(50)]
    return write_log(tmp_path / "a.jsonl", header(), *frames)


def _rows(answer: Answer) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(answer.out)
    return rows


def test_a_processed_video_is_found_again(tmp_path: Path, process: Run, ssd: Run) -> None:
    write_zones([EVERYTHING], tmp_path / "zones.json")
    answer = process(
        SAMPLE,
        "--no-video",
        "--index",
        *("--detections", tmp_path / "s.jsonl", "--zones", tmp_path / "zones.json"),
        *("--recorded-at", "2026-11-28T23:59:58"),
    )
    assert answer.code == 0, answer.err
    assert "added to the index: 1 source, " in answer.out
    every = _rows(ssd("index", "search", "--json", "--limit", "500"))
    assert f"added to the index: 1 source, {len(every)} tracks" in answer.out
    assert {row["video"] for row in every} == {str(SAMPLE)}
    assert {row["class"] for row in every} >= {"Bicycle", "Car"}
    cars = _rows(ssd("index", "search", "--json", "--class", "Car", "--zone", "Street"))
    assert cars == [row for row in every if row["class"] == "Car" and row["places"]][: len(cars)]
    late = _rows(ssd("index", "search", "--json", "--hours", "0-1", "--seconds", "0-100"))
    assert 0 < len(late) < len(every)
    assert all(row["clock"].startswith("2026-11-29T00:00") for row in late)
    answer = ssd("index", "search", "--since", "2026-11-29T00:00:00", "--limit", "1")
    assert answer.out.splitlines()[-1] == f"{len(late)} found, the newest 1 are shown"
    (source,) = _rows(ssd("index", "list", "--json"))
    assert (source["name"], source["kind"], source["tracks"]) == (SAMPLE.name, "result", len(every))
    assert "1 source in " in ssd("index", "list").out


def test_a_search_is_exported(tmp_path: Path, log: Path, ssd: Run) -> None:
    assert ssd("index", "add", log).out == f"{log}: 1 source, 2 tracks, 2 pictures\n"
    answer = ssd(
        *("index", "export", "--class", "car", "--clips", tmp_path / "clips"),
        *("--table", tmp_path / "t.csv", "--report", tmp_path / "r.html"),
    )
    assert answer.code == 0, answer.err
    (clip,) = (tmp_path / "clips").iterdir()
    assert clip.name == "a 00.00.00 car 2.mkv"
    assert len(frame_times(clip)) == 50
    with (tmp_path / "t.csv").open(newline="") as file:
        assert [row["class"] for row in csv.DictReader(file)] == ["car"]
    assert "made by ssd_live" in (tmp_path / "r.html").read_text()
    answer = ssd("index", "export", "--limit", "1", "--table", tmp_path / "u.csv")
    assert "note: 2 were found, and the newest 1 exported; see --limit" in answer.err
    (tmp_path / "a.mp4").unlink()
    answer = ssd("index", "export", "--clips", tmp_path / "clips")
    assert answer.code == 1
    assert "a.mp4: the video is not there any more" in answer.err


def test_what_is_deleted_is_gone(
    tmp_path: Path, log: Path, ssd: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssd("index", "add", log)
    assert "0 sources, 1 track, 1 picture" in ssd("index", "delete", "--class", "car", "--yes").out
    assert [row["class"] for row in _rows(ssd("index", "search", "--json"))] == ["person"]
    monkeypatch.setattr("typer.confirm", lambda question, default: False)
    answer = ssd("index", "delete", "--source", "1")
    assert (answer.code, answer.err) == (130, "nothing was deleted\n")
    assert "0 sources" in ssd("index", "delete", "--older-than", "1", "--yes").out
    assert "0 sources" in ssd("index", "delete", "--missing", "--yes").out
    assert "1 source, 1 track" in ssd("index", "delete", "--source", "1", "--files", "--yes").out
    assert not log.exists()
    assert (tmp_path / "a.mp4").exists()
    write_log(log, header(), frame(0.0, found(track_id=1)))
    ssd("index", "add", log, "--video", tmp_path / "a.mp4")
    log.unlink()
    assert "log is missing" in ssd("index", "list").out
    assert "1 source, 1 track" in ssd("index", "delete", "--missing", "--yes").out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("search", "--class", "cat"), "the index has no class 'cat'; it has: car, person"),
        (("search", "--hours", "25-3"), "--hours '25-3' must be two times of day like 22:00-6:00"),
        (("search", "--seconds", "x"), "--seconds 'x' must be like 5 or 5-60"),
        (("search", "--seconds", "5-1"), "the second number must be the larger one"),
        (("search", "--hours", "22-24:30"), "must be two times of day like 22:00-6:00"),
        (("search", "--class", ""), "an option of the search is empty; give its value"),
        (("delete", "--source", "1", "--class", ""), "an option of the search is empty"),
        (
            ("search", "--since", "2026-11-28", "--until", "2026-11-27"),
            "--since must be before --until; swap them",
        ),
        (("search", "--since", "0001-01-02"), "must be from 1970 to 2999"),
        (("export", "--clips", "{log}"), "cannot be made (file exists); choose another folder"),
        (("search", "--since", "now"), "--since 'now' is not a time like 2026-11-29T18:00"),
        (("search", "--source", "a"), "--source 'a' must be numbers like 3,5; see index list"),
        (("search", "--colour", "mauve"), "'mauve' is not a colour; choose of black"),
        (("export",), "say what to write: --clips FOLDER, --table FILE.csv or --report FILE.html"),
        (("export", "--table", "t.txt"), "t.txt: end the name in .csv"),
        (("export", "--report", "{log}.html"), "exists already; choose another name"),
        (("export", "--colour", "pink", "--table", "t.csv"), "nothing was found; change the"),
        (("delete",), "say what to delete, with the options of a search, --older-than or"),
        (("delete", "--class", "car", "--files"), "--files are for whole sources"),
        (("delete", "--source", "77"), "--source 77: there is no such source; see index list"),
        (("add", "none.jsonl"), "none.jsonl: there is no such file"),
        (("add", "none.jsonl", "{log}"), "1 of 2 logs failed, see the errors above"),
        (("add", "{log}", "--recorded-at", "soon"), "--recorded-at 'soon' is not a time like"),
    ],
)
def test_one_line_says_what_is_wrong(
    tmp_path: Path, log: Path, ssd: Run, words: tuple[str, ...], text: str
) -> None:
    ssd("index", "add", log)
    Path(f"{log}.html").touch()
    answer = ssd("index", *(word.replace("{log}", str(log)) for word in words))
    assert answer.code in (1, 2)
    assert text in answer.err.splitlines()[-1]
    assert answer.err.splitlines()[-1].startswith("error: ")


def test_a_condition_that_allows_everything_deletes_no_source(log: Path, ssd: Run) -> None:
    ssd("index", "add", log)
    answer = ssd("index", "delete", "--source", "1", "--seconds", "0", "--yes")
    assert "0 sources, 2 tracks" in answer.out


def test_an_interrupt_is_told(tmp_path: Path, own_engines: Path) -> None:
    frames = [frame(n / 25, *(found(track_id=k) for k in range(1, 20))) for n in range(30_000)]
    log = write_log(tmp_path / "big.jsonl", header(), *frames)
    with (
        subprocess.Popen(
            [sys.executable, str(CHECKOUT / "main.py"), "index", "add", str(log)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running,
        Index(index_path()) as index,
    ):
        wait_until(lambda: count(index, Query()) > 0, what="the first tracks")
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
        assert (running.returncode, err) == (130, "interrupted\n")
        assert sources(index) == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--index",), "--index needs --detections FILE.jsonl, and inputs that are files"),
        (("--index", "--detections", "x.csv"), "--index needs --detections FILE.jsonl"),
        (("--index", "--track", "off", "--detections", "x.jsonl"), "--index needs tracking"),
        (("--recorded-at", "2026-11-28T10:00"), "--recorded-at needs --rules or --detections"),
    ],
)
def test_process_says_what_the_index_needs(process: Run, words: tuple[str, ...], text: str) -> None:
    answer = process(SAMPLE, "--no-video", *words)
    assert answer.code == 2
    assert text in answer.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--index", "--no-track"), "--index follows objects; leave out --no-track"),
        (("--index", "--no-window"), "--index is for a recording; add --record FILE.mkv"),
    ],
)
def test_live_says_what_the_index_needs(ssd: Run, words: tuple[str, ...], text: str) -> None:
    answer = ssd("live", SAMPLE, *words)
    assert answer.code == 2
    assert text in answer.err


@contextmanager
def _recording(path: Path, zones: Path) -> "Iterator[subprocess.Popen[str]]":
    words = ("live", SAMPLE, "--no-window", "--index", "--record", path, "--zones", zones)
    with subprocess.Popen(
        [sys.executable, str(CHECKOUT / "main.py"), *map(str, words), *FIXED_BACKEND],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def test_a_recording_is_found_while_it_goes_on_and_after_a_crash(tmp_path: Path, ssd: Run) -> None:
    write_zones([EVERYTHING], tmp_path / "zones.json")
    with _recording(tmp_path / "r.mkv", tmp_path / "zones.json") as running:
        with Index(index_path()) as index:
            wait_until(lambda: count(index, Query()) > 3, what="objects to be found")
            assert not sources(index)[0].is_complete
        os.kill(running.pid, signal.SIGKILL)
    rows = _rows(ssd("index", "search", "--json", "--zone", "Street"))
    assert rows
    assert "not complete" in ssd("index", "list").out
    answer = ssd("index", "export", "--class", "Car", "--limit", "1", "--clips", tmp_path / "clips")
    assert answer.code == 0, answer.err
    (clip,) = (tmp_path / "clips").iterdir()
    assert frame_times(clip)
    assert ssd("index", "export", "--report", tmp_path / "r.html").code == 0


def test_a_recording_that_ends_is_complete_with_its_counts(tmp_path: Path, ssd: Run) -> None:
    write_zones([EVERYTHING], tmp_path / "zones.json")
    with _recording(tmp_path / "r.mkv", tmp_path / "zones.json") as running:
        with Index(index_path()) as index:
            wait_until(lambda: count(index, Query()) > 3, what="objects to be found")
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)
    (source,) = _rows(ssd("index", "list", "--json"))
    assert source["complete"]
    assert source["kind"] == "recording"
    first, *lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert (first["kind"], first["tracking"]) == ("recording", "live")
    assert first["zones"][0]["name"] == "Street"
    entered = [one for line in lines for one in line.get("counts", ()) if one["kind"] == "entered"]
    assert entered
    # Their times are those of the recording.
    assert all(-0.2 <= one["time"] <= lines[-1]["time"] + 0.2 for one in entered)
    # Made again from its files, it is the same.
    live = _rows(ssd("index", "search", "--json", "--limit", "500"))
    assert ssd("index", "add", tmp_path / "r.jsonl").code == 0
    again = _rows(ssd("index", "search", "--json", "--limit", "500"))

    def keys(rows: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
        return {(r["track_id"], r["class"], r["time"], r["seconds"], r["together"]) for r in rows}

    assert keys(live) == keys(again)
