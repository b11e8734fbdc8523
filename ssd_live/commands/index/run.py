"""`index add`, `list`, `search`, `export` and `delete`: find again what was seen."""

import functools
import itertools
import json
import re
import time
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Column, Table

from ssd_live import __version__
from ssd_live.commands.index import Criteria, DeleteRequest, ExportRequest, SearchRequest
from ssd_live.commands.options import names_in, time_in
from ssd_live.commands.progress import notify
from ssd_live.errors import CancelledError, IncompleteError, UsageError
from ssd_live.index.add import add_log
from ssd_live.index.database import Index, index_path
from ssd_live.index.delete import delete_sources, delete_tracks
from ssd_live.index.export import make_selection_report, write_clips, write_csv
from ssd_live.index.query import (
    FoundTrack,
    Query,
    Source,
    count,
    is_file,
    places_of,
    search,
    search_all,
    sources,
)
from ssd_live.reporting.build import ReportOptions
from ssd_live.reporting.log import LogHeader
from ssd_live.reporting.page import Imprint
from ssd_live.reporting.times import clock
from ssd_live.results.growing_table import clock_text
from ssd_live.system.atomic_files import atomic_write, check_writable
from ssd_live.system.paths import one_line, printable
from ssd_live.system.texts import counted

_DAY_SECONDS = 86_400.0
_HOURS = re.compile(r"(\d{1,2})(?::(\d{2}))?-(\d{1,2})(?::(\d{2}))?")
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?")
_LAST_MINUTE = 24 * 60 - 1
_LONGEST_NAME = 60


def opened() -> Index:
    """Open the index of this user, and tell what is to be told."""
    index = Index(index_path())
    for note in index.notes:
        notify(f"note: {note}")
    return index


def add(logs: Sequence[Path], videos: tuple[Path, ...], recorded_at: str) -> None:
    """Add logs to the index; go on after one that cannot be added.

    Raises `IncompleteError` if some could not be added, and the error of a single log.
    """
    clock = time_in("--recorded-at", recorded_at)
    failures = []
    video_of = functools.partial(_video_of, videos)
    with opened() as index:
        for log in logs:
            try:
                added = add_log(index, log, video_of=video_of, recorded_at=clock, progress=notify)
            except Exception as error:
                if len(logs) == 1:
                    raise
                failures.append(str(error))
                notify(f"error: {error}")
                continue
            for note in added.notes:
                notify(f"note: {note}")
            print(f"{log}: {added}")
    if failures:
        raise IncompleteError(
            f"{len(failures)} of {len(logs)} logs failed, see the errors above; the others are done"
        )


def show_sources(as_json: bool) -> None:
    """Print the sources in the index, as a table or as JSON."""
    with opened() as index:
        found = sources(index)
    if as_json:
        print(json.dumps([_source_dict(source) for source in found], indent=1))
        return
    table = _table(("no.", "source", "kind", "recorded", "length", "tracks", "state"), "no.")
    for source in found:
        table.add_row(
            str(source.number),
            _shortened(source.name),
            source.kind,
            "" if source.recorded_at is None else _short(source.recorded_at),
            clock(source.seconds, 0),
            f"{source.tracks:,}",
            _state(source),
        )
    Console(width=200, emoji=False).print(table, markup=False)
    print(f"{counted(len(found), 'source')} in {index_path()}")


def show_found(request: SearchRequest) -> None:
    """Print what a search finds, as a table or as JSON."""
    query = query_of(request)
    with opened() as index:
        found = search(index, query, request.limit)
        total = count(index, query)
        places = {track.row: places_of(index, track.row) for track in found}
        names = {source.number: source for source in sources(index)}
    if request.as_json:
        print(
            json.dumps(
                [_track_dict(track, names.get(track.source), places[track.row]) for track in found],
                indent=1,
            )
        )
        return
    table = _table(("when", "source", "class", "id", "seconds", "colours", "zones and rules"))
    for track in found:
        source = names.get(track.source)
        table.add_row(
            clock(track.begin) if track.clock is None else _short(track.clock),
            _shortened(source.name) if source else "",
            one_line(track.class_name),
            str(track.track_id),
            f"{track.seconds:.1f}",
            ", ".join(track.colours),
            one_line(", ".join(places[track.row])),
        )
    if found:
        Console(width=200, emoji=False).print(table, markup=False)
    more = f", the newest {len(found)} are shown" if total > len(found) else ""
    print(f"{total:,} found{more}")


def export(request: ExportRequest) -> None:
    """Export what a search finds.

    Raises `UsageError` if an option is not valid or nothing is found, and `IncompleteError` if a
    clip could not be written.
    """
    if not (request.clips or request.table or request.report):
        raise UsageError(
            "say what to write: --clips FOLDER, --table FILE.csv or --report FILE.html"
        )
    for path, ending in ((request.table, ".csv"), (request.report, ".html")):
        if path is None:
            continue
        if path.suffix.lower() != ending:
            raise UsageError(f"{path}: end the name in {ending}")
        check_writable(path)
        if path.exists():
            raise UsageError(f"{path}: exists already; choose another name")
    query = query_of(request)
    failures: list[str] = []
    with opened() as index:
        found = list(itertools.islice(search_all(index, query), request.limit))
        if not found:
            raise UsageError("nothing was found; change the options, or look with index search")
        if request.table is not None:
            print(f"table: {request.table}, {write_csv(index, found, request.table)} rows")
        if request.report is not None:
            options = ReportOptions(Imprint(datetime.now().astimezone(), __version__))
            text = make_selection_report(index, found, options, notify).encode()
            with atomic_write(request.report) as file:
                file.write(text)
            print(f"report: {request.report}, {len(text) / 1e6:.1f} MB")
        if request.clips is not None:
            written, failures = write_clips(
                index, found, request.clips, lambda path: notify(f"{path}")
            )
            print(f"clips: {request.clips}, {written} files")
        total = count(index, query)
    if total > len(found):
        notify(f"note: {total:,} were found, and the newest {len(found):,} exported; see --limit")
    if failures:
        raise IncompleteError("; ".join(failures[:3]))


def delete(request: DeleteRequest) -> None:
    """Delete sources or objects, after a question.

    Raises `UsageError` if no option says which, and `CancelledError` if the user says no.
    """
    query = query_of(request)
    criteria = {field.name: getattr(request, field.name) for field in fields(Criteria)}
    is_whole = criteria == {**dict.fromkeys(criteria), "sources": request.sources, "together": 1}
    chooses_sources = request.older_than is not None or request.missing
    if is_whole and not query.sources and not chooses_sources:
        raise UsageError(
            "say what to delete, with the options of a search, --older-than or --missing"
        )
    if not is_whole and (chooses_sources or request.files):
        raise UsageError(
            "--older-than, --missing and --files are for whole sources; of the options of a "
            "search, give only --source with them"
        )
    with opened() as index:
        if is_whole:
            chosen = _chosen(sources(index), query.sources, request)
            tracks = sum(source.tracks for source in chosen)
            what = f"{counted(len(chosen), 'source')} with {counted(tracks, 'track')}"
            if request.files:
                what += ", and the files"
            _confirm(what, request)
            numbers = [source.number for source in chosen]
            print(delete_sources(index, numbers, files=request.files))
        else:
            rows = [track.row for track in search_all(index, query)]
            _confirm(f"{counted(len(rows), 'track')} with their pictures", request)
            print(delete_tracks(index, rows))


def query_of(criteria: Criteria) -> Query:
    """Return the query that the options stand for. Raises `UsageError` if one is not valid."""
    for field in fields(Criteria):
        if getattr(criteria, field.name) == "":
            raise UsageError("an option of the search is empty; give its value, or leave it out")
    begin = time_in("--since", criteria.since or "")
    end = time_in("--until", criteria.until or "")
    if begin is not None and end is not None and begin >= end:
        raise UsageError("--since must be before --until; swap them")
    return Query(
        names_in(criteria.classes or ""),
        names_in(criteria.zones or ""),
        _numbers_in(criteria.sources or ""),
        begin,
        end,
        _hours_in(criteria.hours or ""),
        _seconds_in(criteria.seconds or ""),
        names_in(criteria.colours or ""),
        criteria.together,
    )


def _video_of(videos: Sequence[Path], header: LogHeader) -> Path | None:
    name = Path(header.source).name
    named = next((video for video in videos if printable(video.name) == name), None)
    return videos[0] if named is None and len(videos) == 1 else named


def _chosen(
    found: Sequence[Source], numbers: tuple[int, ...], request: DeleteRequest
) -> list[Source]:
    known = {source.number for source in found}
    for number in numbers:
        if number not in known:
            raise UsageError(f"--source {number}: there is no such source; see index list")
    limit = None if request.older_than is None else time.time() - request.older_than * _DAY_SECONDS
    return [
        source
        for source in found
        if (not numbers or source.number in numbers)
        and (limit is None or source.ended_at < limit)
        and (not request.missing or not is_file(source.log))
    ]


def _confirm(what: str, request: DeleteRequest) -> None:
    if not request.yes and not typer.confirm(f"Delete {what}?", default=False):
        raise CancelledError("nothing was deleted")


def _numbers_in(text: str) -> tuple[int, ...]:
    names = names_in(text)
    if not all(name.isdecimal() and len(name) < 10 for name in names):
        raise UsageError(f"--source {text!r} must be numbers like 3,5; see index list")
    return tuple(int(name) for name in names)


def _hours_in(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    found = _HOURS.fullmatch(text)
    values = [int(value or 0) for value in found.groups()] if found else [99]
    is_late = 60 * values[2] + values[3] > 24 * 60 if found else True
    if is_late or values[0] > 23 or values[1] > 59 or values[3] > 59:
        raise UsageError(f"--hours {text!r} must be two times of day like 22:00-6:00")
    # The end is not included: 8-9 is the hour from 8:00 to 8:59.
    begin, end = 60 * values[0] + values[1], min(60 * values[2] + values[3] - 1, _LAST_MINUTE)
    return begin, end % (24 * 60)


def _seconds_in(text: str) -> tuple[float, float | None]:
    if not text:
        return 0.0, None
    found = _SECONDS.fullmatch(text)
    if found is None:
        raise UsageError(f"--seconds {text!r} must be like 5 or 5-60")
    least, most = float(found[1]), float(found[2]) if found[2] else None
    if most is not None and most < least:
        raise UsageError(f"--seconds {text!r}: the second number must be the larger one")
    return least, most


def _table(names: Sequence[str], *right: str) -> Table:
    columns = (
        Column(name, no_wrap=True, justify="right" if name in (*right, "tracks") else "left")
        for name in names
    )
    return Table(*columns, box=None, pad_edge=False)


def _shortened(name: str) -> str:
    """Return a name that leaves room for other columns."""
    text = one_line(name)
    return text if len(text) <= _LONGEST_NAME else f"…{text[-_LONGEST_NAME:]}"


def _short(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M:%S}"


def _state(source: Source) -> str:
    if not is_file(source.log):
        return "log is missing"
    if source.playable is None:
        return "video is missing"
    return "" if source.is_complete else "not complete"


def _source_dict(source: Source) -> dict[str, object]:
    return {
        "number": source.number,
        "name": source.name,
        "kind": source.kind,
        "log": printable(source.log),
        "video": None if source.video is None else printable(source.video),
        "recorded_at": None if source.recorded_at is None else clock_text(source.recorded_at),
        "seconds": round(source.seconds, 3),
        "complete": source.is_complete,
        "tracks": source.tracks,
    }


def _track_dict(
    track: FoundTrack, source: Source | None, places: Sequence[str]
) -> dict[str, object]:
    return {
        "source": source.name if source else None,
        "video": printable(source.video) if source and source.video else None,
        "clock": None if track.clock is None else clock_text(track.clock),
        "time": round(track.begin, 3),
        "seconds": round(track.seconds, 3),
        "class": track.class_name,
        "track_id": track.track_id,
        "score": round(track.score, 4),
        "colours": list(track.colours),
        "together": track.together,
        "places": list(places),
    }
