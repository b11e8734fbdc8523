"""Turn a report into tables of text for the terminal, or into one HTML page."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ssd_live.bench.compare import Change
from ssd_live.bench.records import KINDS, Kind, Measurement, Report, StageCosts

_TITLES: dict[Kind, str] = {
    "network": "network alone: pixels of its own size in, detections out",
    "detector": "detector: a frame in, detections out, one at a time",
    "end to end": "end to end: a source to detections or a file",
}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em }
body { color: #1d2330; background: #fff }
h1 { font-size: 1.5em } h2 { font-size: 1.1em; margin: 1.8em 0 .4em } p, li { color: #4a5265 }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .3em .8em .3em 0; border-bottom: 1px solid #e3e6ee }
th, td { white-space: nowrap } td.n, th.n { text-align: right }
.bar { display: inline-block; height: .7em; background: #3d6fd6; border-radius: 2px }
.warning { background: #fff3d6; padding: .4em .8em; border-radius: 4px; color: #6a4b00 }
code { background: #f1f3f8; padding: .1em .3em }
"""
_BAR_PIXELS = 160


@dataclass(frozen=True)
class Table:
    """A table of text cells.

    `numbers` holds the names of the columns with numbers, which are right-aligned. `bars` holds the
    length of a bar for each row, from 0 to 1, or is empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[str] = frozenset()
    bars: tuple[float, ...] = field(default=())


def tables(report: Report) -> list[Table]:
    """Return one table for each kind of measurement in `report`, then one for each `StageCosts`."""
    found = []
    for kind in KINDS:
        rows = [measurement for measurement in report.measurements if measurement.kind == kind]
        if rows:
            found.append(_of_kind(_TITLES[kind], rows))
    found += [_of_stages(costs) for costs in report.stages]
    return found


def comparison(changes: Sequence[Change]) -> Table:
    """Return a table with one row for each change of a measurement since an earlier run."""
    rows = []
    for change in changes:
        before, after = change.before, change.after
        rows.append(
            (
                after.kind,
                _subject(after),
                after.what,
                f"{before.fps:.1f}",
                f"{after.fps:.1f}",
                _ratio(change),
                change.verdict,
            )
        )
    columns = ("kind", "what runs", "how", "FPS before", "FPS now", "ratio", "")
    return Table(
        "against the earlier run",
        columns,
        tuple(rows),
        frozenset({"FPS before", "FPS now", "ratio"}),
    )


def headline(report: Report) -> str:
    """Return one line of text about the machine: CPU, cores, memory, GPUs and power setting."""
    where = report.machine
    parts = [where.processor, f"{where.cores} cores", f"{where.memory_gib:g} GiB", *where.gpus]
    if where.governor:
        parts.append(f"governor {where.governor}")
    return ", ".join(parts)


def as_html(report: Report, changes: Sequence[Change] = ()) -> str:
    """Return the report, and a table of `changes` if there are any, as the text of an HTML page.

    The page needs no other files.
    """
    every = [*tables(report), *([comparison(changes)] if changes else [])]
    versions = ", ".join(f"{name} {version}" for name, version in report.machine.versions.items())
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' "
        "content='width=device-width'>",
        f"<title>ssd_live bench</title><style>{_STYLE}</style><h1>ssd_live bench</h1>",
        f"<p>{html.escape(headline(report))}<br>{html.escape(versions)}<br>",
        f"{html.escape(report.created)}, {report.seconds:.0f} s: ",
        f"<code>{html.escape(report.command)}</code></p>",
        *(f"<p class='warning'>{html.escape(line)}</p>" for line in report.warnings),
        *(_html_table(table) for table in every),
        "<p>FPS are medians; &plusmn; is half of their 95 % interval within this run.</p></html>",
    ]
    return "\n".join(parts)


def _of_kind(title: str, rows: Sequence[Measurement]) -> Table:
    cells = []
    for row in rows:
        latency = row.latency_ms
        shown = (
            (f"{latency.p50:.2f}", f"{latency.p95:.2f}", f"{latency.p99:.2f}")
            if latency
            else ("", "", "")
        )
        bound = (
            (f"{row.bound_fps:.0f}", f"{row.share:.2f}")
            if row.bound_fps and row.share
            else ("", "")
        )
        joules = f"{row.joules:.3f}" if row.joules else ""
        cells.append(
            (
                _subject(row),
                row.what,
                f"{row.fps:.1f}",
                _spread(row.uncertainty),
                *shown,
                *bound,
                f"{row.memory_mb:.0f}",
                joules,
            )
        )
    columns = (
        "what runs",
        "how",
        "FPS",
        "±",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "bound",
        "share",
        "MB",
        "J a frame",
    )
    best = max(row.fps for row in rows)
    return _without_empty(
        Table(
            title,
            columns,
            tuple(cells),
            frozenset(columns[2:]),
            tuple(row.fps / best for row in rows),
        )
    )


def _of_stages(costs: StageCosts) -> Table:
    whole = (
        sum(stage.cpu_ms for stage in costs.stages if not (stage.within or stage.optional)) or 1.0
    )
    rows = []
    for stage in costs.stages:
        name = f"{stage.name} (within {stage.within})" if stage.within else stage.name
        if stage.optional:
            name += " (not in the sum)"
        rows.append((name, f"{stage.cpu_ms:.2f}", f"{stage.cpu_ms / whole:.0%}"))
    title = (
        f"stages of {costs.model} on {costs.backend} {costs.precision}, each alone in one thread"
    )
    return Table(
        title,
        ("stage", "CPU ms a frame", "share"),
        tuple(rows),
        frozenset({"CPU ms a frame", "share"}),
    )


def _subject(row: Measurement) -> str:
    batch = f", batch {row.batch}" if row.batch > 1 else ""
    streams = f", {row.streams} streams" if row.streams > 1 else ""
    return f"{row.model}, {row.backend} {row.precision}{batch}{streams}"


def _spread(uncertainty: float) -> str:
    if math.isinf(uncertainty):
        return "one sample"
    return f"{uncertainty:.1%}" if uncertainty < 1 else "over 100%"


def _ratio(change: Change) -> str:
    return (
        f"{change.ratio:.3f} ± {change.uncertainty:.3f}"
        if math.isfinite(change.uncertainty)
        else f"{change.ratio:.3f}"
    )


def _without_empty(table: Table) -> Table:
    """Return the table without the columns whose cells are all empty."""
    kept = [
        number for number in range(len(table.columns)) if any(row[number] for row in table.rows)
    ]
    rows = tuple(tuple(row[number] for number in kept) for row in table.rows)
    return Table(
        table.title,
        tuple(table.columns[number] for number in kept),
        rows,
        table.numbers,
        table.bars,
    )


def _html_table(table: Table) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        aligned = (
            (" class='n'" if name in table.numbers else "", text)
            for name, text in zip(table.columns, row, strict=True)
        )
        return "".join(f"<{tag}{kind}>{html.escape(text)}</{tag}>" for kind, text in aligned)

    bars = [
        f"<td><span class='bar' style='width:{_BAR_PIXELS * bar:.0f}px'></span></td>"
        for bar in table.bars
    ] or [""] * len(table.rows)
    rows = "".join(
        f"<tr>{cells('td', row)}{bar}</tr>" for row, bar in zip(table.rows, bars, strict=True)
    )
    head = cells("th", table.columns) + ("<th></th>" if table.bars else "")
    return f"<h2>{html.escape(table.title)}</h2><table><tr>{head}</tr>{rows}</table>"
