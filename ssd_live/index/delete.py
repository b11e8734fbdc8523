"""Delete from the index: rows, pictures and, if wanted, the files of recordings."""

import re
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ssd_live.errors import OutputError
from ssd_live.index.database import Index, path_in
from ssd_live.system.atomic_files import os_error_text
from ssd_live.system.texts import counted

_AT_ONCE = 500
# A part file that was changed so shortly ago belongs to a recording that goes on.
_STILL_WRITTEN_SECONDS = 10.0
_PART = re.compile(r"\.part(-\d+)?$")


@dataclass(frozen=True)
class Deleted:
    """What was deleted: rows by kind, files, and bytes of files and of the index."""

    sources: int = 0
    tracks: int = 0
    pictures: int = 0
    files: int = 0
    bytes_freed: int = 0

    def __str__(self) -> str:
        numbers = (
            (self.sources, "source"),
            (self.tracks, "track"),
            (self.pictures, "picture"),
            (self.files, "file"),
        )
        what = ", ".join(counted(*each) for each in numbers)
        return f"deleted: {what}; {self.bytes_freed / 1e6:.1f} MB freed"


def delete_sources(index: Index, numbers: Collection[int], *, files: bool = False) -> Deleted:
    """Delete sources with all that belongs to them, so that nothing of it can be read any more.

    With `files`, their logs are deleted too, unless other sources have the same one, and the videos
    that the program recorded into this index. Any other video is the user's own, and stays.

    Raises `OutputError` if a file cannot be deleted; its source then stays in the index.
    """
    before = index.bytes_on_disk()
    tracks = pictures = count = 0
    deleted_files, freed = 0, 0
    for number in numbers:
        if files:
            its_files, its_bytes = _delete_files(index, number, numbers)
            deleted_files, freed = deleted_files + its_files, freed + its_bytes
        # In parts, so that a recording that goes on can write between them.
        while rows := _some_rows(index, number):
            its_tracks, its_pictures = _delete_rows(index, rows)
            tracks, pictures = tracks + its_tracks, pictures + its_pictures
        with index.writing() as database:
            for table in ("counts", "events"):
                database.execute(f"DELETE FROM {table} WHERE source = ?", (number,))
            count += database.execute("DELETE FROM sources WHERE id = ?", (number,)).rowcount
    if count:
        _delete_unused_names(index)
        index.shrink()
        freed += max(before - index.bytes_on_disk(), 0)
    return Deleted(count, tracks, pictures, deleted_files, freed)


def delete_tracks(index: Index, rows: Iterable[int]) -> Deleted:
    """Delete tracks with their pictures and visits. Their counts and the videos stay."""
    before = index.bytes_on_disk()
    tracks = pictures = 0
    wanted = list(rows)
    for begin in range(0, len(wanted), _AT_ONCE):
        its_tracks, its_pictures = _delete_rows(index, wanted[begin : begin + _AT_ONCE])
        tracks, pictures = tracks + its_tracks, pictures + its_pictures
    if tracks:
        _delete_unused_names(index)
        index.shrink()
    return Deleted(0, tracks, pictures, 0, max(before - index.bytes_on_disk(), 0))


def _some_rows(index: Index, source: int) -> list[int]:
    with index.reading() as database:
        rows = database.execute(
            "SELECT id FROM tracks WHERE source = ? LIMIT ?", (source, _AT_ONCE)
        ).fetchall()
    return [row for (row,) in rows]


def _delete_rows(index: Index, rows: Sequence[int]) -> tuple[int, int]:
    """Delete tracks with what belongs to them; return (tracks, pictures)."""
    marks = ",".join("?" * len(rows))
    with index.writing() as database:
        pictures = database.execute(
            f"DELETE FROM pictures.jpegs WHERE track IN ({marks})", rows
        ).rowcount
        database.execute(f"DELETE FROM visits WHERE track IN ({marks})", rows)
        tracks = database.execute(f"DELETE FROM tracks WHERE id IN ({marks})", rows).rowcount
    return tracks, pictures


def _delete_unused_names(index: Index) -> None:
    """Delete the names of classes, zones and rules that nothing has any more."""
    with index.writing() as database:
        database.execute(
            "DELETE FROM names WHERE id NOT IN (SELECT class FROM tracks UNION SELECT place FROM "
            "visits UNION SELECT class FROM counts UNION SELECT zone FROM counts UNION SELECT rule "
            "FROM events)"
        )


def _delete_files(index: Index, number: int, deleted: Collection[int]) -> tuple[int, int]:
    """Delete the files of a source, one of those that are `deleted`; return (files, bytes)."""
    with index.reading() as database:
        row = database.execute(
            "SELECT log, video, is_own FROM sources WHERE id = ?", (number,)
        ).fetchone()
        if row is None:
            return 0, 0
        log, video, is_own = row
        others = database.execute("SELECT id FROM sources WHERE log = ?", (log,)).fetchall()
    is_shared = any(other not in deleted for (other,) in others)
    count = freed = 0
    for path in (None if is_shared else path_in(log), path_in(video) if is_own else None):
        if path is None:
            continue
        try:
            state = path.stat()
            age = time.time() - state.st_mtime
            if _PART.search(path.stem) and age < _STILL_WRITTEN_SECONDS:
                raise OutputError(f"{path}: is being written; stop the recording first")
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            raise OutputError(
                f"{path}: cannot be deleted ({os_error_text(error)}); check the permissions"
            ) from error
        count, freed = count + 1, freed + state.st_size
    return count, freed
