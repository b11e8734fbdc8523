"""Write the HTML page of a report. It needs no other files, no network and no scripts."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ssd_live.reporting.charts import MOST_LANES, Axis, bin_seconds, histograms, timeline
from ssd_live.reporting.maps import MOST_PATHS, heat_legend, heat_map, path_map, still_of
from ssd_live.reporting.markup import Markup, element, joined
from ssd_live.reporting.sections import (
    MOST_PICTURES,
    MOST_TRACK_ROWS,
    PICTURE_PIXELS,
    Section,
)
from ssd_live.reporting.style import SCRIPT, STYLE
from ssd_live.reporting.summary import MOST_COUNT_ROWS, MOST_SOURCES
from ssd_live.reporting.tables import class_table, count_table, track_table, zone_table
from ssd_live.reporting.times import clock

_LIMITS = (
    f"Limits of this page: {MOST_PICTURES} pictures of objects and {MOST_PICTURES} of counts, of "
    f"at most {PICTURE_PIXELS} pixels on a side; for each video, {MOST_TRACK_ROWS:,} objects and "
    f"{MOST_COUNT_ROWS:,} counts in the tables, {MOST_PATHS} paths and {MOST_LANES} classes in the "
    f"timeline; and {MOST_SOURCES} videos. The numbers above count everything."
)


@dataclass(frozen=True)
class Imprint:
    """What the page says about itself: its title, when it was made, and by which version.

    An empty `title` stands for one that names the source.
    """

    made: datetime
    version: str
    title: str = ""


def page(imprint: Imprint, sections: Sequence[Section], notes: Sequence[str]) -> str:
    """Return the text of the page.

    `notes` say what is missing in all of it. All text that comes from files is escaped, and the
    page forbids itself to load anything.
    """
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", imprint.title or f"What was seen in {_subject(sections)}"),
        element("style", Markup(STYLE)),
    )
    many = len(sections) > 1
    made_on = f"Report of {imprint.made:%Y-%m-%d %H:%M}, made by ssd_live {imprint.version}."
    main = element(
        "main",
        element(
            "header",
            element("h1", imprint.title or "What was seen"),
            element("p", made_on, class_="soft"),
        ),
        _notes(notes),
        _contents(sections) if many else "",
        *(_section(number, section) for number, section in enumerate(sections, 1)),
        element("footer", element("p", _LIMITS)),
    )
    script = element("script", Markup(SCRIPT))
    return f"<!doctype html>\n{element('html', head, element('body', main, script), lang='en')}\n"


def _subject(sections: Sequence[Section]) -> str:
    if len(sections) == 1:
        return sections[0].summary.header.source
    return f"{len(sections)} videos"


def _contents(sections: Sequence[Section]) -> Markup:
    rows = [
        element("li", element("a", section.summary.header.source, href=f"#s{number}"))
        for number, section in enumerate(sections, 1)
    ]
    return element("nav", element("ul", *rows), aria_label="Sources")


def _section(number: int, section: Section) -> Markup:
    summary = section.summary
    axis = Axis(summary.begin, summary.end)
    size = summary.header.width, summary.header.height
    notes = list(section.notes)
    if not summary.is_tracked and summary.detections:
        notes.append(
            "Objects were not followed, so each one is counted anew in every frame. Run process "
            "with --track two-pass to learn how many different objects there were."
        )
    parts: list[Markup] = [
        element("h2", summary.header.source, id=f"s{number}"),
        _facts(summary.header.settings, section),
        _notes(notes),
        _tiles(section),
        class_table(summary),
    ]
    if summary.zones:
        parts.append(zone_table(summary))
    if summary.detections:
        parts += [_where(number, section, size), _when(number, section, axis)]
    if summary.count_total:
        parts.append(_histograms(section, axis))
    if section.tracks:
        parts.append(track_table(number, section))
    if summary.count_total:
        parts.append(count_table(section))
    return element("section", *parts, aria_labelledby=f"s{number}")


def _facts(settings: Sequence[tuple[str, str]], section: Section) -> Markup:
    summary = section.summary
    facts = [
        ("Size", f"{summary.header.width} x {summary.header.height} pixels"),
        ("Time", f"{clock(summary.begin)} to {clock(summary.end)}"),
        ("Frames in the log", f"{summary.frames:,}"),
        *settings,
    ]
    rows = [element("div", element("dt", name), element("dd", value)) for name, value in facts]
    return element("dl", *rows, class_="facts")


def _tiles(section: Section) -> Markup:
    summary = section.summary
    total = sum(summary.objects.values())
    tiles = [
        (f"{total:,}", "different objects" if summary.is_tracked else "detections"),
        (f"{summary.most:,}", f"most at one time, first at {clock(summary.most_time)}"),
    ]
    lines = [totals for totals in summary.zones.values() if totals.is_line]
    areas = [totals for totals in summary.zones.values() if not totals.is_line]
    if lines:
        came, went = (
            sum(len(one.in_times) for one in lines),
            sum(len(one.out_times) for one in lines),
        )
        what = f"crossings of {_counted(len(lines), 'line')}: {came:,} in, {went:,} out"
        tiles.append((f"{came + went:,}", what))
    if areas:
        visits = sum(one.visits for one in areas)
        mean = sum(one.seconds for one in areas) / max(visits, 1)
        what = f"visits to {_counted(len(areas), 'area')}, {mean:.1f} s on average"
        tiles.append((f"{visits:,}", what))
    tiles.append((clock(summary.end - summary.begin), "from the first frame to the last"))
    rows = [element("li", element("b", number), element("span", text)) for number, text in tiles]
    return element("ul", *rows, class_="tiles")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _where(number: int, section: Section, size: tuple[int, int]) -> Markup:
    summary, still = section.summary, f"still{number}"
    zones = summary.header.zones
    caption = "Where objects stood (the middle of the lower side of their boxes)."
    behind = f" Behind it is the frame at {clock(summary.most_time)}." if section.still else ""
    figures = [
        element(
            "figure",
            heat_map(summary.heat, zones, size, still),
            element("figcaption", caption, behind, " ", heat_legend()),
        )
    ]
    paths = section.tracks[:MOST_PATHS]
    if paths:
        all_or_some = (
            "Where they moved"
            if len(paths) == len(summary.tracks)
            else f"Where the {len(paths)} objects moved that were seen the longest"
        )
        figures.append(
            element(
                "figure",
                path_map(paths, zones, size, still),
                element("figcaption", f"{all_or_some}. A dot is the end of a path."),
            )
        )
    return joined(
        element("h3", "Where"),
        still_of(section.still, size, still),
        element("div", *figures, class_="maps"),
    )


def _when(number: int, section: Section, axis: Axis) -> Markup:
    summary = section.summary
    left_out = len(summary.objects) - MOST_LANES
    text = [
        "A bar is one object; where there are too many, the height is the number at one time."
        if summary.is_tracked
        else "The height is the number at one time."
    ]
    if any(totals.is_line for totals in summary.zones.values()):
        text.append("Marks are crossings: in above the middle, out below it.")
    if left_out > 0:
        text.append(f"{left_out} classes with fewer objects are left out.")
    listed = [track.track_id for track in section.tracks]
    return joined(
        element("h3", "When"),
        element("p", " ".join(text), class_="note"),
        timeline(summary, axis, f"s{number}-o", listed),
    )


def _histograms(section: Section, axis: Axis) -> Markup:
    step = bin_seconds(axis)
    length = f"{step:.0f} s" if step < 60 else clock(step, 0)
    key = (
        element("i", class_="in"),
        "in, or entered (above)",
        element("i", class_="out"),
        "out, or left (below)",
    )
    return joined(
        element("h3", "Counts over time"),
        element("p", *key, f". Each bar is {length}.", class_="key"),
        histograms(section.summary, axis),
    )


def _notes(notes: Sequence[str]) -> Markup:
    if not notes:
        return Markup("")
    rows = [element("p", note) for note in notes]
    return element("div", *rows, class_="notes", role="note")
