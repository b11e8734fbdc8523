"""Delete from the index: rows, pictures and, if wanted, the files of recordings."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from ssd_live.errors import OutputError
from ssd_live.index.database import Index
from ssd_live.system.atomic_files import os_error_text

_AT_ONCE = 500


@dataclass(frozen=True)
class Deleted:
    """What was deleted: rows by kind, files, and bytes of files and of the index."""

    sources: int = 0
    tracks: int = 0
    pictures: int = 0
    files: int = 0
    bytes_freed: int = 0

    def __str__(self) -> str:
        return (
            f"deleted: {self.sources} sources, {self.tracks:,} tracks, {self.pictures:,} pictures, "
            f"{self.files} files; {self.bytes_freed / 1e6:.1f} MB freed"
        )


def delete_sources(index: Index, numbers: Collection[int], *, files: bool = False) -> Deleted:
    """Delete sources with all that belongs to them, so that nothing of it can be read any more.

    With `files`, their logs are deleted too, unless other sources have the same one, and the videos
    that the program recorded. A video that was processed is the user's own, and stays.

    Raises `OutputError` if a file cannot be deleted; its source then stays in the index.
    """
    before = index.bytes_on_disk()
    tracks = pictures = count = 0
    deleted_files, freed = 0, 0
    for number in numbers:
        if files:
            its_files, its_bytes = _delete_files(index, number, numbers)
            deleted_files, freed = deleted_files + its_files, freed + its_bytes
        with index.writing() as database:
            pictures += database.execute(
                "DELETE FROM pictures.jpegs WHERE track IN (SELECT id FROM tracks WHERE source = "
                "?)",
                (number,),
            ).rowcount
            database.execute(
                "DELETE FROM visits WHERE track IN (SELECT id FROM tracks WHERE source = ?)",
                (number,),
            )
            tracks += database.execute("DELETE FROM tracks WHERE source = ?", (number,)).rowcount
            for table in ("counts", "events"):
                database.execute(f"DELETE FROM {table} WHERE source = ?", (number,))
            count += database.execute("DELETE FROM sources WHERE id = ?", (number,)).rowcount
    if count:
        index.shrink()
        freed += max(before - index.bytes_on_disk(), 0)
    return Deleted(count, tracks, pictures, deleted_files, freed)


def delete_tracks(index: Index, rows: Iterable[int]) -> Deleted:
    """Delete tracks with their pictures and visits. Their counts and the videos stay."""
    before = index.bytes_on_disk()
    tracks = pictures = 0
    wanted = list(rows)
    for begin in range(0, len(wanted), _AT_ONCE):
        some = wanted[begin : begin + _AT_ONCE]
        marks = ",".join("?" * len(some))
        with index.writing() as database:
            pictures += database.execute(
                f"DELETE FROM pictures.jpegs WHERE track IN ({marks})", some
            ).rowcount
            database.execute(f"DELETE FROM visits WHERE track IN ({marks})", some)
            tracks += database.execute(f"DELETE FROM tracks WHERE id IN ({marks})", some).rowcount
    if tracks:
        index.shrink()
    return Deleted(0, tracks, pictures, 0, max(before - index.bytes_on_disk(), 0))


def _delete_files(index: Index, number: int, deleted: Collection[int]) -> tuple[int, int]:
    """Delete the files of a source, one of those that are `deleted`; return (files, bytes)."""
    with index.reading() as database:
        row = database.execute(
            "SELECT log, video, kind FROM sources WHERE id = ?", (number,)
        ).fetchone()
        if row is None:
            return 0, 0
        log, video, kind = row
        others = database.execute("SELECT id FROM sources WHERE log = ?", (log,)).fetchall()
    is_shared = any(other not in deleted for (other,) in others)
    count = freed = 0
    for name in ("" if is_shared else log, video if kind == "recording" else ""):
        if not name:
            continue
        path = Path(name)
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OutputError(
                f"{path}: cannot be deleted ({os_error_text(error)}); check the permissions"
            ) from error
        count, freed = count + 1, freed + size
    return count, freed
