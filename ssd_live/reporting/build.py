"""Make a report of a log: read it, find the videos, take pictures, and write the page."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ssd_live.errors import DataError, MediaError, UsageError
from ssd_live.reporting.log import LogFrame, LogHeader, LogReader
from ssd_live.reporting.page import Imprint, page
from ssd_live.reporting.sections import MOST_PICTURES, Section, with_pictures, without_pictures
from ssd_live.reporting.summary import MOST_SOURCES, LogSummary, Summary, summarise
from ssd_live.system.paths import printable

# Each source gets so many pictures of each kind, however many sources there are.
_FEWEST_PICTURES = 7


@dataclass(frozen=True)
class ReportOptions:
    """How a report is made.

    `videos` are the files that the user named. `has_pictures` is whether pictures of the video are
    shown.
    """

    imprint: Imprint

    videos: tuple[Path, ...] = ()
    has_pictures: bool = True


def make_report(log: Path, options: ReportOptions, notify: Callable[[str], None]) -> str:
    """Return the HTML page of a log.

    `notify` is called with a line before each video that is read, and with one for each thing that
    is missing in the page. Raises `DataError` if the file is not a log with frames, and
    `MediaError` or `UsageError` if a video that the user named cannot be used.
    """
    reader = LogReader(log)
    whole = summarise(reader.read())
    if not whole.sources:
        what = "only images" if whole.images else "no frame that can be read"
        raise DataError(f"{log}: has {what}; a report needs the detections of a video")
    notes = _notes(log, whole, reader.damaged)
    videos = _named_videos(whole.sources, options.videos)
    parts = [(log, summary, videos.get(summary.header.source)) for summary in whole.sources]
    return _page(parts, options, notify, notes)


def make_report_of(
    parts: Iterable[tuple[Path, Iterable[LogHeader | LogFrame], Path | None]],
    options: ReportOptions,
    notify: Callable[[str], None],
) -> str:
    """Return the HTML page of parts of logs.

    A part is a log, the header and the frames of one of its sources, and its video, or None if that
    is looked for. Raises as `make_report` does.
    """
    summaries: list[tuple[Path, Summary, Path | None]] = []
    left_out = 0
    for log, items, video in parts:
        found = summarise(items).sources
        if found and len(summaries) == MOST_SOURCES:
            left_out += 1
        elif found:
            summaries.append((log, found[0], video))
    if not summaries:
        raise DataError("the logs have no frame that can be read; add them to the index again")
    notes = [f"{left_out:,} more sources are left out."] if left_out else []
    return _page(summaries, options, notify, notes)


def _page(
    parts: Sequence[tuple[Path, Summary, Path | None]],
    options: ReportOptions,
    notify: Callable[[str], None],
    notes: Sequence[str],
) -> str:
    share = max(MOST_PICTURES // len(parts), _FEWEST_PICTURES)
    sections = []
    for log, summary, video in parts:
        section = _section(log, summary, video, share, options, notify)
        sections.append(section)
        for note in section.notes:
            notify(f"note: {summary.header.source}: {note}")
    for note in notes:
        notify(f"note: {note}")
    return page(options.imprint, sections, notes)


def find_video(log: Path, header: LogHeader) -> Path | None:
    """Return the video of a source, found by its name, or None.

    It is looked for beside the log and in the current folder. A recording is found by the name of
    its log. Names that lead out of these folders are not followed, because logs come from others.
    """
    name, recording = Path(header.source), log.with_suffix(".mkv")
    places = [recording] if header.is_recording else [log.parent / name, name, recording]
    leads_out = name.is_absolute() or name.drive or ".." in name.parts or "\0" in header.source
    if leads_out and not header.is_recording:
        return None
    for path in places:
        try:
            if path.is_file():
                return path
        except OSError:
            # The name is too long for a file.
            continue
    return None


def _section(
    log: Path,
    summary: Summary,
    named: Path | None,
    share: int,
    options: ReportOptions,
    notify: Callable[[str], None],
) -> Section:
    if not options.has_pictures:
        return without_pictures(summary, "Pictures of the video were left out on request.")
    if named is None and summary.header.hides_objects:
        note = (
            "There are no pictures, because the objects are hidden in the copy of this video; name "
            "the copy with --video."
        )
        return without_pictures(summary, note)
    video = named or find_video(log, summary.header)
    if video is None:
        note = "There are no pictures, because the video was not found; name it with --video."
        return without_pictures(summary, note)
    # This may take minutes.
    notify(f"taking pictures out of {video}")
    try:
        return with_pictures(summary, video, share)
    except MediaError as error:
        if named in options.videos:
            raise
        return without_pictures(summary, f"There are no pictures: {error}.")


def _named_videos(sources: Sequence[Summary], videos: Sequence[Path]) -> dict[str, Path]:
    """Return the video of each source for which the user named one, by the name of the source.

    Raises `UsageError` if a video belongs to no source.
    """
    names = [summary.header.source for summary in sources]
    if len(names) == len(videos) == 1:
        return {names[0]: videos[0]}
    found: dict[str, Path] = {}
    for video in videos:
        its = [name for name in names if Path(name).name == printable(video.name)]
        if len(its) != 1 or its[0] in found:
            raise UsageError(
                f"--video {video}: {len(its) or 'none'} of the {len(names)} sources of the log "
                "have this name; give videos whose names are those of the sources"
            )
        found[its[0]] = video
    return found


def _notes(log: Path, whole: LogSummary, damaged: int) -> list[str]:
    notes = []
    if re.search(r"\.part(-\d+)?$", log.stem):
        notes.append("The log is of an unfinished run, so the end of the video may be missing.")
    if damaged:
        lines = "1 line of the log is" if damaged == 1 else f"{damaged:,} lines of the log are"
        notes.append(f"{lines} damaged and left out; an interrupted run leaves half a line.")
    if whole.left_out:
        notes.append(
            f"The log has {whole.left_out:,} more sources, which are left out: a page holds "
            f"{len(whole.sources)}."
        )
    if whole.images:
        found = ", ".join(f"{name} {n:,}" for name, n in whole.image_detections.most_common(10))
        with_what = f", with {found}" if found else ""
        notes.append(f"Images have no times, so they are left out: {whole.images:,}{with_what}.")
    return notes
