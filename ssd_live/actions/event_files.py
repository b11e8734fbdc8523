"""The files of events: their names, and their limits."""

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from time import time

from ssd_live.analytics.action_plans import FileLimits
from ssd_live.system.paths import safe_name

# A name like `2026-11-29 18.03.59.123 Somebody stays.jpg`. Nothing else is ever deleted.
_NAME = re.compile(r"\d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\.\d{3} .+\.(jpg|mkv)")
_SECONDS_PER_DAY = 86_400.0


def event_stem(clock: float, rule: str) -> str:
    """Return the name of the files of an event, without an ending.

    `clock` is its time of day in seconds since 1970. Characters of `rule` that some file system
    does not allow become `_`.
    """
    moment = datetime.fromtimestamp(clock)
    text = f"{moment:%Y-%m-%d %H.%M.%S}.{moment.microsecond // 1000:03d}"
    return f"{text} {safe_name(rule) or 'event'}"


def delete_old(
    folder: Path, limits: FileLimits, keep: Collection[Path] = (), now: float | None = None
) -> tuple[int, int]:
    """Delete files of events until the limits hold; return (files, bytes) that were deleted.

    Files that are too old go first, then the oldest ones. The files in `keep` are being written:
    they count, but stay. Only files with names of events are looked at.
    """
    now = time() if now is None else now
    files = sorted(_files_of(folder))
    total = sum(size for _, size, _ in files)
    deleted = freed = 0
    for changed_at, size, path in files:
        is_old = now - changed_at > limits.days * _SECONDS_PER_DAY
        if not is_old and total - freed <= limits.megabytes * 1e6:
            break
        if path in keep:
            continue
        try:
            path.unlink()
        except OSError:
            continue
        deleted, freed = deleted + 1, freed + size
    return deleted, freed


def _files_of(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield the time of the last change, the size in bytes and the path of each file."""
    try:
        paths = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except OSError:
        return
    for path in paths:
        try:
            state = path.stat(follow_symlinks=False)
        except OSError:
            continue
        yield state.st_mtime, state.st_size, path
