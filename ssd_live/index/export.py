"""Export what a search found: as clips, as a table, or as a report."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from ssd_live.errors import OutputError, SsdLiveError, UsageError
from ssd_live.index.database import Index
from ssd_live.index.query import FoundTrack, Source, places_of, sources
from ssd_live.reporting.build import ReportOptions, make_report_of
from ssd_live.reporting.log import LogFrame, LogHeader, LogReader
from ssd_live.results.growing_table import clock_text
from ssd_live.results.records import write_table
from ssd_live.system.atomic_files import os_error_text
from ssd_live.system.paths import printable, safe_name
from ssd_live.video.cut import cut

COLUMNS = (
    "source",
    "clock",
    "time",
    "seconds",
    "class",
    "track_id",
    "score",
    "colours",
    "together",
    "places",
    "video",
    "log",
)
# So much of the video is kept before and after an object, in seconds.
ROLL_SECONDS = 2.0


def write_csv(index: Index, found: Iterable[FoundTrack], path: Path) -> int:
    """Write a CSV table with a row for each object, and return the number of rows.

    `time` is when it came and `seconds` how long it was seen, in seconds of the source. `clock` is
    the time of day when it came, or empty. Raises `OutputError` if the file cannot be written.
    """
    by_number = {source.number: source for source in sources(index)}
    return write_table(path, COLUMNS, (_row(index, by_number, track) for track in found))


def write_clips(
    index: Index,
    found: Iterable[FoundTrack],
    folder: Path,
    progress: Callable[[Path], None] = lambda _: None,
) -> tuple[int, list[str]]:
    """Write a clip of each object to a folder, and return their number and what failed.

    A clip has two seconds before and after the object, and the sound. Nothing is encoded again, so
    it begins at the key frame before. `progress` gets the path of each clip that is complete.
    Raises `OutputError` if the folder cannot be made.
    """
    by_number = {source.number: source for source in sources(index)}
    count, failures = 0, []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be made ({os_error_text(error)}); choose another folder"
        ) from error
    for track in found:
        source = by_number.get(track.source)
        if source is None:
            continue
        path = _free_path(folder, _stem(track, source))
        try:
            cut(
                _video_of(source),
                path,
                track.begin - ROLL_SECONDS,
                track.begin + track.seconds + ROLL_SECONDS,
            )
        except (SsdLiveError, OSError) as error:
            if str(error) not in failures:
                failures.append(str(error))
            continue
        count += 1
        progress(path)
    return count, failures


def make_selection_report(
    index: Index,
    found: Sequence[FoundTrack],
    options: ReportOptions,
    notify: Callable[[str], None],
) -> str:
    """Return an HTML page that shows these objects only; see `reporting.build.make_report`.

    The logs of their sources are read again. Raises `DataError` if one of them is gone.
    """
    wanted: dict[int, set[int]] = {}
    for track in found:
        wanted.setdefault(track.source, set()).add(track.track_id)
    by_number = {source.number: source for source in sources(index)}
    chosen = [source for number, source in by_number.items() if number in wanted]
    if not chosen:
        raise UsageError("nothing was found, so there is nothing to report; search for more")

    def items(source: Source) -> Iterator[LogHeader | LogFrame]:
        is_wanted = False
        for item in LogReader(source.log).read():
            if isinstance(item, LogHeader):
                is_wanted = printable(item.source) == source.name
                if is_wanted:
                    yield item
            elif is_wanted:
                yield _only(item, wanted[source.number])

    parts = [(source.log, items(source), source.playable) for source in chosen]
    return make_report_of(parts, options, notify)


def _only(frame: LogFrame, track_ids: set[int]) -> LogFrame:
    return LogFrame(
        frame.time,
        tuple(one for one in frame.found if one.track_id in track_ids),
        tuple(count for count in frame.counts if count.track_id in track_ids),
    )


def _row(index: Index, by_number: dict[int, Source], track: FoundTrack) -> tuple[object, ...]:
    source = by_number.get(track.source)
    return (
        source.name if source else "",
        "" if track.clock is None else clock_text(track.clock),
        f"{track.begin:.3f}",
        f"{track.seconds:.3f}",
        track.class_name,
        track.track_id,
        f"{track.score:.4f}",
        " ".join(track.colours),
        track.together,
        "; ".join(places_of(index, track.row)),
        source.video or "" if source else "",
        source.log if source else "",
    )


def _video_of(source: Source) -> Path:
    path = source.playable
    if path is None:
        where = source.video or source.name
        raise UsageError(f"{where}: the video is not there any more; put it back, then add its log")
    return path


def _stem(track: FoundTrack, source: Source) -> str:
    if track.clock is not None:
        begin = f"{datetime.fromtimestamp(track.clock):%Y-%m-%d %H.%M.%S}"
    else:
        minutes, seconds = divmod(int(track.begin), 60)
        begin = f"{Path(source.name).stem} {minutes // 60:02}.{minutes % 60:02}.{seconds:02}"
    return safe_name(f"{begin} {track.class_name} {track.track_id}")


def _free_path(folder: Path, stem: str) -> Path:
    number = 1
    while True:
        path = folder / (f"{stem}.mkv" if number == 1 else f"{stem} {number}.mkv")
        if not path.exists():
            return path
        number += 1
