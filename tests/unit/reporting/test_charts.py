"""What happened over time, as drawings that can be read back."""

import re
from pathlib import Path
from typing import Any

import pytest

from ssd_live.reporting.charts import Axis, bin_seconds, binned, histograms, timeline
from ssd_live.reporting.log import LogReader
from ssd_live.reporting.summary import Summary, summarise
from tests.unit.reporting.logs import Page, count, found, frame, header, write_log


def _summary(tmp_path: Path, *records: dict[str, Any]) -> Summary:
    log = write_log(tmp_path / "a.jsonl", header(), *records)
    return summarise(LogReader(log).read()).sources[0]


def _titles(drawn: str) -> list[str]:
    return re.findall(r"<title>(.*?)</title>", drawn)


def _boxes(drawn: str, look: str) -> list[tuple[float, ...]]:
    found = re.findall(
        r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" class="(.*?)"', drawn
    )
    return [tuple(map(float, values)) for *values, its in found if its == look]


def test_each_track_has_a_bar_from_its_begin_to_its_end(tmp_path: Path) -> None:
    lines = [
        frame(float(t), *(found(track_id=n) for n, begin, end in _SPANS if begin <= t <= end))
        for t in range(101)
    ]
    summary = _summary(tmp_path, *lines)
    drawn = timeline(summary, Axis(0.0, 100.0), "s1-o", [1, 2])
    Page(drawn)
    assert sorted(_titles(drawn)) == [
        "person 1: 0:00.0 to 0:40.0",
        "person 2: 0:30.0 to 1:40.0",
        "person 3: 0:50.0 to 0:50.0",
    ]
    bars = {(x, width): y for x, y, width, _ in _boxes(drawn, "bar")}
    # The third is drawn 2.5 units wide, so that it can be seen, in the free row.
    assert bars == {(0.0, 400.0): 2.0, (300.0, 700.0): 14.0, (500.0, 2.5): 2.0}
    assert re.findall(r'href="(.*?)"', drawn) == ["#s1-o1", "#s1-o2"]


_SPANS = ((1, 0, 40), (2, 30, 100), (3, 50, 50))


@pytest.mark.parametrize("number", [11, 500])
def test_too_many_tracks_are_shown_as_their_number(number: int, tmp_path: Path) -> None:
    """11 at one time need too many rows, and 500 one after the other have too many bars."""
    at_once = number == 11
    lines = [
        frame(float(t), *(found(track_id=n) for n in range(number) if at_once or n == t))
        for t in range(500)
    ]
    drawn = timeline(_summary(tmp_path, *lines), Axis(0.0, 499.0), "s1-o", [])
    assert f"up to {11 if at_once else 1} at one time" in Page(drawn).text
    assert len(_boxes(drawn, "bar area")) <= 400
    assert _boxes(drawn, "bar") == []


def test_crossings_are_marked_above_and_below_the_middle(tmp_path: Path) -> None:
    counts = [
        count(25.0, "Door", "crossed", direction="in"),
        count(50.0, "Door", "crossed", direction="out"),
    ]
    drawn = timeline(
        _summary(tmp_path, frame(0.0), frame(100.0, counts=counts)), Axis(0.0, 100.0), "", []
    )
    (came,), (went,) = _boxes(drawn, "in"), _boxes(drawn, "out")
    assert (came[0], went[0]) == (248.5, 498.5)
    assert came[1] + came[3] < went[1]
    assert "1 in, 1 out" in Page(drawn).text


def test_a_histogram_counts_each_crossing_once(tmp_path: Path) -> None:
    times = [0.2, 0.4, 3.9, 4.0, 39.9, 40.0]
    counts = [count(t, "Door", "crossed", direction="in") for t in times]
    axis = Axis(0.0, 40.0)
    assert bin_seconds(axis) == 2.0
    assert binned(times, axis) == {0: 2, 1: 1, 2: 1, 19: 1, 20: 1}
    assert binned([-1e7, 1e7], axis) == {0: 1, 20: 1}
    drawn = histograms(_summary(tmp_path, frame(0.0), frame(40.0, counts=counts)), axis)
    heights = [height for *_, height in _boxes(drawn, "in")]
    assert heights == [47.0, 23.5, 23.5, 23.5, 23.5]
    assert _titles(drawn)[:2] == ["0:00 to 0:02: 2 in", "0:02 to 0:04: 1 in"]
    assert _boxes(drawn, "out") == []


@pytest.mark.parametrize(
    ("span", "step"), [(5, 1), (40, 2), (300, 10), (3600, 120), (86400, 3600), (864000, 43200)]
)
def test_bins_are_chosen_by_the_duration(span: float, step: float) -> None:
    assert bin_seconds(Axis(100.0, 100.0 + span)) == step


def test_one_frame_is_no_trouble(tmp_path: Path) -> None:
    drawn = timeline(_summary(tmp_path, frame(7.0, found(track_id=1))), Axis(7.0, 7.0), "", [])
    assert [box[2] for box in _boxes(drawn, "bar")] == [2.5]
