"""Add the logs of recordings and of `process` to the index."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import cv2
import numpy as np

from ssd_live.errors import DataError, MediaError
from ssd_live.imaging.colour_names import main_colours
from ssd_live.index.collect import PICTURE_PIXELS, NewSource, SourceWriter
from ssd_live.index.database import Index, stored
from ssd_live.index.delete import delete_sources
from ssd_live.reporting.build import find_video
from ssd_live.reporting.log import LogFrame, LogHeader, LogReader
from ssd_live.reporting.pictures import Moment, pictures_of
from ssd_live.system.paths import resolve
from ssd_live.system.texts import counted

FLUSH_SECONDS = 0.5
# So many pictures are taken out of a video at a time, because they are kept in memory until then.
PICTURES_AT_ONCE = 500


@dataclass(frozen=True)
class Added:
    """What was added to the index: sources, tracks and pictures. `notes` say what is missing."""

    sources: int
    tracks: int
    pictures: int
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        numbers = (self.sources, "source"), (self.tracks, "track"), (self.pictures, "picture")
        return ", ".join(counted(*each) for each in numbers)


def add_log(
    index: Index,
    log: Path,
    *,
    video_of: Callable[[LogHeader], Path | None] = lambda _: None,
    recorded_at: float | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Added:
    """Add the sources of a log to the index, in place of what was added from this file before.

    `video_of` returns the video of a source; if it returns None, it is looked for beside the log.
    `recorded_at` is the time of day of the time 0 of sources whose log does not say it, in seconds
    since 1970. `progress` is called with a line before each long step.

    Raises `DataError` if the file is not a log of a video whose objects were tracked, and
    `OutputError` if the index cannot be written.
    """
    reader = LogReader(log)
    place = resolve(log)
    old = _sources_of(index, place)
    notes = []
    tracks = pictures = 0
    writers: list[SourceWriter] = []
    try:
        for header, frames in _sources(reader):
            video = video_of(header)
            if video is None and not header.hides_objects:
                # In a redacted copy, the video of this name shows what the copy hides.
                video = find_video(log, header)
            video = None if video is None else resolve(video)
            writer = SourceWriter(
                index,
                NewSource(
                    header.source,
                    "recording" if header.is_recording else "result",
                    place,
                    video,
                    header.width,
                    header.height,
                    recorded_at if header.recorded_at is None else header.recorded_at,
                    # A log may claim what it wants, so only the index itself knows this; and the
                    # user may have named a video of his own now.
                    is_own=video is not None and stored(video) in old.values(),
                ),
            )
            writers.append(writer)
            _write(writer, frames)
            if writer.number is None:
                continue
            tracks += writer.tracks
            if video is None:
                notes.append(f"{header.source}: has no pictures, because its video was not found")
                continue
            progress(f"taking pictures out of {video}")
            try:
                pictures += _add_pictures(
                    index, writer.number, video, (header.width, header.height)
                )
            except MediaError as error:
                notes.append(f"{header.source}: has no pictures: {error}")
    except BaseException:
        # Half of it would be found besides what was added before.
        delete_sources(index, [its.number for its in writers if its.number is not None])
        raise
    if not tracks:
        raise DataError(
            f"{log}: has no tracks of a video; process the video with --track two-pass, or record "
            "while objects are followed"
        )
    delete_sources(index, old.keys())
    for writer in writers:
        # Only now, so that a crash leaves a source that is known not to be complete.
        if writer.number is not None:
            writer.finish()
    if reader.damaged:
        notes.append(f"{counted(reader.damaged, 'damaged line')} of the log left out")
    added = sum(its.number is not None for its in writers)
    return Added(added, tracks, pictures, tuple(notes))


def _sources(reader: LogReader) -> Iterator[tuple[LogHeader, Iterator[LogFrame]]]:
    """Yield each source of a log that is not an image, with its frames."""
    header: LogHeader | None = None
    items = reader.read()
    for is_header, group in itertools.groupby(items, lambda item: isinstance(item, LogHeader)):
        if is_header:
            *_, last = group
            assert isinstance(last, LogHeader)
            header = last
        elif header is not None and not header.is_image:
            yield header, (item for item in group if isinstance(item, LogFrame))


def _write(writer: SourceWriter, frames: Iterator[LogFrame]) -> None:
    flushed = monotonic()
    for frame in frames:
        writer.add(frame)
        if monotonic() - flushed > FLUSH_SECONDS:
            writer.flush()
            flushed = monotonic()
    writer.flush()


def _sources_of(index: Index, log: Path) -> dict[int, str | bytes | None]:
    """Return the numbers of the sources of a log, each with its video if the program made it."""
    with index.reading() as database:
        rows = database.execute(
            "SELECT id, CASE is_own WHEN 1 THEN video END FROM sources WHERE log = ?",
            (stored(log),),
        )
        return dict(rows.fetchall())


def _add_pictures(index: Index, source: int, video: Path, size: tuple[int, int]) -> int:
    """Take a picture of each track of a source out of its video; return how many there are."""
    with index.reading() as database:
        rows = database.execute(
            "SELECT id, best_time, x1, y1, x2, y2 FROM tracks WHERE source = ? AND best_time IS "
            "NOT NULL ORDER BY best_time",
            (source,),
        ).fetchall()
    count = 0
    for begin in range(0, len(rows), PICTURES_AT_ONCE):
        moments = {
            row: Moment(time, box, PICTURE_PIXELS)
            for row, time, *box_values in rows[begin : begin + PICTURES_AT_ONCE]
            for box in [(box_values[0], box_values[1], box_values[2], box_values[3])]
        }
        found = pictures_of(video, size, moments.values())
        with index.writing() as database:
            for row, moment in moments.items():
                if moment not in found:
                    continue
                jpeg = found[moment].jpeg
                decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
                colours = main_colours(np.asarray(decoded, np.uint8))
                for table, key in (("tracks", "id"), ("visits", "track")):
                    database.execute(
                        f"UPDATE {table} SET colours = ? WHERE {key} = ?", (colours, row)
                    )
                database.execute(
                    "INSERT OR REPLACE INTO pictures.jpegs (track, jpeg) VALUES (?, ?)", (row, jpeg)
                )
                count += 1
    return count
