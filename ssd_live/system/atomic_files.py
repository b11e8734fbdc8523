"""Write files so that no half-written one ever bears its final name."""

import contextlib
import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ssd_live.errors import OutputError, SsdLiveError

# File systems take 255; `.part` and a number must fit as well.
_LONGEST_NAME_BYTES = 240
# Windows would else change line ends.
_BINARY = getattr(os, "O_BINARY", 0)


def reserve_part(path: Path) -> Path:
    """A new empty file beside `path`, under which it is written until it is whole: clip.mp4 ->
    clip.part.mp4, or clip.part-2.mp4 ...

    What bears such a name already is never touched: it may be another run's, or the user's. Raises
    `OutputError`.
    """
    stem = _part_stem(path)
    number = 1
    while True:
        part = path.with_name(f"{stem}.part{f'-{number}' if number > 1 else ''}{path.suffix}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            if not path.parent.is_dir():
                raise OutputError(
                    f"{path}: cannot be written ({path.parent} is not a folder); choose another "
                    "place"
                ) from None
            number += 1
        except OSError as error:
            raise OutputError(
                f"{path}: cannot be written ({os_error_text(error)}); choose another place"
            ) from error
        else:
            return part


def parts_of(path: Path) -> set[Path]:
    """Files beside `path` that bear names which `reserve_part` gives."""
    name = re.compile(rf"{re.escape(_part_stem(path))}\.part(-\d+)?{re.escape(path.suffix)}")
    return {part for part in path.parent.glob("*.part*") if name.fullmatch(part.name)}


def _part_stem(path: Path) -> str:
    if len(os.fsencode(path.name)) > _LONGEST_NAME_BYTES:
        return f"{path.stem[:40]}-{sha256(os.fsencode(path.name))[:8]}"
    return path.stem


def rename_new(source: Path, target: Path) -> None:
    """Rename, but never over an existing file: `FileExistsError` then. Where hard links are not to
    be had, a moment is left unguarded.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        if target.exists():
            raise FileExistsError(target) from None
        source.replace(target)
    else:
        source.unlink()


def check_writable(path: Path) -> None:
    """Before long work whose result `atomic_write` is to keep: whether it can be written there.
    Nothing is left. Raises `OutputError`.
    """
    try:
        _refuse_special(path)
        if path.is_dir():
            raise OutputError(f"{path}: is a folder; name a file")
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        tempfile.TemporaryFile(dir=folder).close()
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({os_error_text(error)}); choose another place"
        ) from error


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that appears under `path` only once it is written whole; on an exception
    nothing is left.
    """
    _refuse_special(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".ssd_live-{secrets.token_hex(8)}"
        # The system applies the user's umask; asking for it would change it for other threads.
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _BINARY, 0o666)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({os_error_text(error)}); choose another place"
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except SsdLiveError:
        raise
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({os_error_text(error)}); free some space or choose "
            "another place"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _refuse_special(path: Path) -> None:
    if path.exists() and not path.is_file() and not path.is_dir():
        # Renaming over /dev/null would put an end to it.
        raise OutputError(f"{path}: is not a regular file; choose another place")


def os_error_text(error: OSError) -> str:
    """The operating system's words for an error, in lower case: `no space left on device`."""
    return (error.strerror or str(error)).lower()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
