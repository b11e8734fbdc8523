"""Draw what happened over time: a lane for each class and each line, and counts in bins."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ssd_live.reporting.colours import class_colours
from ssd_live.reporting.markup import Markup, element, joined
from ssd_live.reporting.series import Series
from ssd_live.reporting.summary import Summary, Track, ZoneTotals
from ssd_live.reporting.times import clock, step_for, ticks

# Classes with the most objects have lanes, so many at most.
MOST_LANES = 12
# A class with more tracks than this, or with more at one time than there are rows, is shown as the
# number of its objects over time.
_MOST_BARS, _MOST_ROWS = 400, 10
_ROW_PIXELS = 12
_MARKS_PIXELS, _NUMBER_PIXELS, _HISTOGRAM_PIXELS = 26, 46, 96
_MOST_BINS = 30
_MOST_TICKS = 8
# Drawings are so wide in their own units, and stretched to the width of the page.
_WIDTH = 1000.0
# The narrowest bar, and the gap after a bar, in these units.
_NARROWEST, _GAP = 2.5, 3.0


@dataclass(frozen=True)
class Axis:
    """A time axis from `begin` to `end`, in seconds."""

    begin: float
    end: float

    @property
    def span(self) -> float:
        """The length in seconds, at least a tenth."""
        return max(self.end - self.begin, 0.1)

    def x(self, time: float) -> float:
        """Return the place of a time in the units of a drawing."""
        return _WIDTH * min(max((time - self.begin) / self.span, 0.0), 1.0)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The (time, text) of its ticks."""
        return ticks(self.begin, self.begin + self.span, _MOST_TICKS)


def timeline(summary: Summary, axis: Axis, anchors: str, listed: Iterable[int]) -> Markup:
    """Return the lanes of the classes and lines of a source.

    The bar of each track whose id is in `listed` is a link to the element whose id is `anchors`
    followed by that of the track.
    """
    links = {track_id: f"#{anchors}{track_id}" for track_id in listed}
    by_class: dict[str, list[Track]] = {}
    for track in summary.tracks.values():
        by_class.setdefault(track.class_name, []).append(track)
    lanes = []
    for name, number in summary.objects.most_common(MOST_LANES):
        note = f"{number:,}"
        rows = _rows(by_class.get(name, []), axis)
        if not rows:
            note += f", up to {summary.most_of.get(name, (0, 0.0))[0]} at one time"
        drawn = (
            _bars(rows, axis, links)
            if rows
            else _number_area(summary.at_once_of.get(name, Series()), axis)
        )
        lanes.append(_lane(name, note, drawn, class_colours(name)))
    for zone, totals in summary.zones.items():
        if totals.is_line:
            note = f"{len(totals.in_times):,} in, {len(totals.out_times):,} out"
            lanes.append(_lane(zone, note, _marks(zone, totals, axis), ""))
    return element("div", *lanes, _axis_lane(axis), class_="lanes")


def histograms(summary: Summary, axis: Axis) -> Markup:
    """Return the counts of each zone in bins of time: in above, and out below."""
    lanes = []
    for zone, totals in summary.zones.items():
        words = ("in", "out") if totals.is_line else ("entered", "left")
        bins = binned(totals.in_times, axis), binned(totals.out_times, axis)
        most = max([*bins[0].values(), *bins[1].values(), 0])
        note = f"{len(totals.in_times):,} {words[0]}, {len(totals.out_times):,} {words[1]}"
        if most:
            note += f", up to {most:,} a bar"
        lanes.append(_lane(zone, note, _histogram(zone, bins, axis, words), ""))
    return element("div", *lanes, _axis_lane(axis), class_="lanes")


def bin_seconds(axis: Axis) -> float:
    """Return the width of the bins of `histograms` in seconds."""
    return max(step_for(axis.span, _MOST_BINS), 1.0)


def binned(times: Iterable[float], axis: Axis) -> dict[int, int]:
    """Return how many times are in each bin; bin n begins at n times `bin_seconds`."""
    step = bin_seconds(axis)
    bins: dict[int, int] = {}
    for time in times:
        # A damaged log may have counts outside of its frames.
        number = math.floor(min(max(time, axis.begin), axis.begin + axis.span) / step)
        bins[number] = bins.get(number, 0) + 1
    return bins


def _lane(name: str, note: str, drawn: Markup, style: str) -> Markup:
    swatch = element("span", class_="swatch") if style else ""
    title = element("div", swatch, element("b", name), " ", element("span", note), class_="name")
    return element(
        "div", title, element("div", drawn, class_="plot"), class_="lane k", style=style or None
    )


def _axis_lane(axis: Axis) -> Markup:
    labels = [
        element("span", text, style=f"left:{axis.x(time) / _WIDTH:.2%}")
        for time, text in axis.ticks
    ]
    plot = element("div", *labels, class_="plot ticks")
    return element("div", element("div", class_="name"), plot, class_="lane axis")


def _svg(content: Markup, axis: Axis, height: float, label: str) -> Markup:
    grid = [
        element(
            "line", x1=f"{axis.x(time):.1f}", x2=f"{axis.x(time):.1f}", y2=height, class_="grid"
        )
        for time, _ in axis.ticks
    ]
    return element(
        "svg",
        *grid,
        content,
        viewBox=f"0 0 {_WIDTH:.0f} {height:.0f}",
        preserveAspectRatio="none",
        style=f"height:{height:.0f}px",
        role="img",
        aria_label=label,
    )


def _rows(tracks: Sequence[Track], axis: Axis) -> list[list[Track]]:
    """Return the tracks in rows in which no bars overlap, or nothing if there are too many."""
    if len(tracks) > _MOST_BARS:
        return []
    rows: list[list[Track]] = []
    ends: list[float] = []
    for track in sorted(tracks, key=lambda track: (track.begin, track.track_id)):
        begin = axis.x(track.begin)
        end = begin + _bar_width(track, axis) + _GAP
        row = next((number for number, last in enumerate(ends) if last <= begin), len(rows))
        if row == _MOST_ROWS:
            return []
        if row == len(rows):
            rows.append([])
            ends.append(0.0)
        rows[row].append(track)
        ends[row] = end
    return rows


def _bar(title: str, x: float, y: float, width: float, height: float, style: str) -> Markup:
    return element(
        "rect",
        element("title", title),
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        width=f"{width:.1f}",
        height=f"{height:.1f}",
        class_=style,
    )


def _bar_width(track: Track, axis: Axis) -> float:
    return max(axis.x(track.end) - axis.x(track.begin), _NARROWEST)


def _bars(rows: Sequence[Sequence[Track]], axis: Axis, links: dict[int, str]) -> Markup:
    bars = []
    for number, row in enumerate(rows):
        for track in row:
            times = f"{clock(track.begin)} to {clock(track.end)}"
            bar = _bar(
                f"{track.class_name} {track.track_id}: {times}",
                axis.x(track.begin),
                number * _ROW_PIXELS + 2,
                _bar_width(track, axis),
                _ROW_PIXELS - 4,
                "bar",
            )
            link = links.get(track.track_id)
            # The table has the same, so the keyboard need not stop at each bar.
            bars.append(element("a", bar, href=link, tabindex=-1) if link else bar)
    count = sum(map(len, rows))
    label = f"{count} {'bar' if count == 1 else 'bars'}, one for each object"
    return _svg(joined(*bars), axis, len(rows) * _ROW_PIXELS, label)


def _number_area(series: Series, axis: Axis) -> Markup:
    bins = series.bins()
    most = max((value for _, value in bins), default=1)
    # At least two pixels wide, so that single frames can be seen.
    width = max(_WIDTH * series.width / axis.span, _NARROWEST)
    bars = [
        _bar(
            f"{value} at {clock(begin)}",
            axis.x(begin),
            _NUMBER_PIXELS * (1 - value / most),
            width,
            _NUMBER_PIXELS * value / most,
            "bar area",
        )
        for begin, value in bins
        if value
    ]
    label = f"The number at one time, at most {most}"
    return _svg(joined(*bars), axis, _NUMBER_PIXELS, label)


def _marks(zone: str, totals: ZoneTotals, axis: Axis) -> Markup:
    middle = _MARKS_PIXELS / 2
    marks = [
        _bar(
            f"{zone}: {direction} at {clock(time)}",
            axis.x(time) - 1.5,
            middle - reach,
            3,
            middle - 1,
            direction,
        )
        for direction, times, reach in (
            ("in", totals.in_times, middle),
            ("out", totals.out_times, -1.0),
        )
        # Marks in one place look like one.
        for time in {round(axis.x(time)): time for time in times}.values()
    ]
    label = f"Crossings of {zone}: in above the middle, out below it"
    return _svg(joined(*marks), axis, _MARKS_PIXELS, label)


def _histogram(
    zone: str, bins: Sequence[dict[int, int]], axis: Axis, words: tuple[str, str]
) -> Markup:
    step, middle = bin_seconds(axis), _HISTOGRAM_PIXELS / 2
    most = max([*bins[0].values(), *bins[1].values(), 1])
    bars = []
    for numbers, word, look in zip(bins, words, ("in", "out"), strict=True):
        for number, count in sorted(numbers.items()):
            left, right = axis.x(number * step), axis.x((number + 1) * step)
            height = (middle - 1) * count / most
            when = f"{clock(number * step, 0)} to {clock((number + 1) * step, 0)}"
            bars.append(
                _bar(
                    f"{when}: {count} {word}",
                    left + 0.5,
                    middle - height if look == "in" else middle + 1,
                    max(right - left - 1, 1),
                    height,
                    look,
                )
            )
    base = element("line", x2=_WIDTH, y1=middle, y2=middle, class_="base")
    label = f"{zone} over time: {words[0]} above the middle, {words[1]} below it, at most {most}"
    return _svg(joined(*bars, base), axis, _HISTOGRAM_PIXELS, label)
