"""Write the tables of a report."""

from collections import Counter
from collections.abc import Mapping, Sequence

from ssd_live.reporting.colours import class_colours
from ssd_live.reporting.log import Count
from ssd_live.reporting.markup import Markup, data_uri, element, joined
from ssd_live.reporting.pictures import Picture
from ssd_live.reporting.sections import Section
from ssd_live.reporting.summary import Summary
from ssd_live.reporting.times import clock

# Classes in the table of classes.
_MOST_CLASSES = 100
# Classes in one cell of the table of lines and areas.
_MOST_IN_A_CELL = 12
_PICTURE = "Picture"
# Columns with these titles hold numbers and are aligned on the right.
_NUMBERS = frozenset(
    {
        *("Objects", "Detections", "Most at one time", "Id", "From", "To", "At", "Seconds"),
        *("Mean score", "Visits", "Mean seconds", "Longest", "Seconds inside"),
    }
)
_WHY = {
    "appeared": "was there when first seen",
    "lost": "was not seen any more",
    "ended": "was there at the end",
}


def class_table(summary: Summary) -> Markup:
    """Return the table of the classes: how many, and the most at one time."""
    if not summary.objects:
        return element("p", "Nothing was found.", class_="note")
    rows = []
    for name, number in summary.objects.most_common(_MOST_CLASSES):
        most, at = summary.most_of.get(name, (0, 0.0))
        numbers = [number, summary.detections[name]] if summary.is_tracked else [number]
        rows.append(
            element(
                "tr",
                element("th", _with_swatch(name), scope="row"),
                *(_number(f"{value:,}", value) for value in numbers),
                _number(most, most),
                _number(clock(at), at),
            )
        )
    objects = ("Objects", "Detections") if summary.is_tracked else ("Detections",)
    left_out = len(summary.objects) - _MOST_CLASSES
    note = f"{left_out} classes with fewer objects are left out." if left_out > 0 else ""
    columns = ("Class", *objects, "Most at one time", "At")
    return joined(element("h3", "How many"), _note(note), _table("How many", columns, rows))


def zone_table(summary: Summary) -> Markup:
    """Return the table of the lines and areas: what went in and out, and the times in areas."""
    rows = []
    for name, totals in summary.zones.items():
        longest, track_id = totals.longest
        visits = (
            (
                _number(totals.visits, totals.visits),
                _number(f"{totals.seconds / totals.visits:.1f}", totals.seconds / totals.visits),
                _number(f"{longest:.1f} s (id {track_id})", longest),
            )
            if totals.visits
            else (_number("", -1),) * 3
        )
        rows.append(
            element(
                "tr",
                element("th", name, scope="row"),
                element("td", "line" if totals.is_line else "area"),
                element("td", _by_class(totals.went_in), class_="wide"),
                element("td", _by_class(totals.went_out), class_="wide"),
                *visits,
            )
        )
    columns = (
        "Zone",
        "Kind",
        "In, or entered",
        "Out, or left",
        "Visits",
        "Mean seconds",
        "Longest",
    )
    return joined(element("h3", "Lines and areas"), _table("Lines and areas", columns, rows))


def track_table(number: int, section: Section) -> Markup:
    """Return the table of the objects of the source with this number, in the order of time."""
    rows = []
    for track in sorted(section.tracks, key=lambda track: (track.begin, track.track_id)):
        name = f"{track.class_name} {track.track_id} at {clock(track.best_time)}"
        rows.append(
            element(
                "tr",
                _picture(section.track_pictures, track.track_id, name),
                element("td", _with_swatch(track.class_name)),
                _number(track.track_id, track.track_id),
                _number(clock(track.begin), track.begin),
                _number(clock(track.end), track.end),
                _number(f"{track.seconds:.1f}", track.seconds),
                _number(f"{track.mean_score:.0%}", track.mean_score),
                id=f"s{number}-o{track.track_id}",
                data_group=track.class_name,
            )
        )
    total, shown = len(section.summary.tracks), len(rows)
    notes = [f"These {shown:,} of {total:,} were seen the longest."] if shown < total else []
    pictures = len(section.track_pictures)
    if 0 < pictures < shown:
        notes.append(f"{pictures:,} of them have a picture: those that were seen the longest.")
    columns = ("Class", "Id", "From", "To", "Seconds", "Mean score")
    table = _table("Objects", (_PICTURE, *columns) if pictures else columns, rows)
    return joined(element("h3", "Objects"), _note(" ".join(notes)), table)


def count_table(section: Section) -> Markup:
    """Return the table of the counts of a source, in the order of time."""
    summary = section.summary
    rows = [
        element(
            "tr",
            _picture(
                section.count_pictures,
                number,
                f"{count.class_name} {count.track_id} at {clock(count.time)}",
            ),
            _number(clock(count.time), count.time),
            element("td", count.zone),
            element("td", _what(count), class_="wide"),
            element("td", _with_swatch(count.class_name)),
            _number(count.track_id, count.track_id),
            _number(f"{count.seconds:.1f}" if count.kind == "left" else "", count.seconds),
            data_group=count.zone,
        )
        for number, count in sorted(enumerate(summary.counts), key=lambda each: each[1].time)
    ]
    notes = []
    if len(rows) < summary.count_total:
        notes.append(f"These are the first {len(rows):,} of {summary.count_total:,} counts.")
    pictures = len(section.count_pictures)
    if 0 < pictures < len(rows):
        notes.append(f"The first {pictures:,} have a picture.")
    columns = ("At", "Zone", "What", "Class", "Id", "Seconds inside")
    table = _table("Counts", (_PICTURE, *columns) if pictures else columns, rows)
    return joined(element("h3", "Counts"), _note(" ".join(notes)), table)


def _what(count: Count) -> str:
    done = f"{count.kind} {count.direction}".strip()
    return f"{done} ({_WHY.get(count.why, count.why)})" if count.why else done


def _by_class(numbers: Counter[str]) -> str:
    shown = [f"{name} {number:,}" for name, number in numbers.most_common(_MOST_IN_A_CELL)]
    others = len(numbers) - len(shown)
    return ", ".join([*shown, *([f"{others} more classes"] if others > 0 else [])]) or "0"


def _with_swatch(name: str) -> Markup:
    swatch = element("span", class_="swatch", aria_hidden="true")
    return element("span", swatch, name, style=class_colours(name), class_="k")


def _number(text: object, value: float) -> Markup:
    """Return a cell with a number; the script sorts by `value`."""
    return element("td", text, class_="n", data_v=f"{value:.6g}")


def _picture(pictures: Mapping[int, Picture], key: int, name: str) -> Markup:
    """Return the cell with the picture of a key, or nothing if the table has no pictures."""
    if not pictures:
        return Markup("")
    if key not in pictures:
        return element("td", class_="shot")
    picture = pictures[key]
    image = element(
        "img",
        src=data_uri("image/jpeg", picture.jpeg),
        width=picture.width,
        height=picture.height,
        alt=name,
    )
    return element("td", image, class_="shot")


def _note(text: str) -> Markup:
    return element("p", text, class_="note") if text else Markup("")


def _table(title: str, columns: Sequence[str], rows: Sequence[Markup]) -> Markup:
    """Return a table with an accessible title. A wide table scrolls, also by the keyboard."""
    looks = dict.fromkeys(_NUMBERS, "n") | {_PICTURE: "shot"}
    heads = [element("th", name, scope="col", class_=looks.get(name)) for name in columns]
    table = element(
        "table",
        element("thead", element("tr", *heads)),
        element("tbody", *rows),
        class_="sortable",
    )
    return element("div", table, class_="scroll", role="region", aria_label=title, tabindex=0)
