"""Write files so that an incomplete file never has its final name."""

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
from ssd_live.system.standard_streams import STANDARD_OUTPUT, data_output, is_standard_output

# File systems allow 255 bytes, and `.part` and a number must fit too.
_LONGEST_NAME_BYTES = 240
# Without this flag Windows would change line ends.
_BINARY = getattr(os, "O_BINARY", 0)


def reserve_part(path: Path) -> Path:
    """Create an empty part file beside `path` and return its path.

    The part file is for the caller, who writes the output there until it is complete. For clip.mp4
    the part file is clip.part.mp4, or clip.part-2.mp4 and so on. An existing file of such a name is
    never changed, because it may belong to another run or to the user. Raises `OutputError` if the
    file cannot be created.
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
    """Return the part files of `path`: files beside it with a name that `reserve_part` gives.

    For clip.mp4 these are clip.part.mp4, clip.part-2.mp4 and so on, if they exist.
    """
    name = re.compile(rf"{re.escape(_part_stem(path))}\.part(-\d+)?{re.escape(path.suffix)}")
    return {part for part in path.parent.glob("*.part*") if name.fullmatch(part.name)}


def fitting_name(path: Path) -> str:
    """Return the name of a file, or a shorter name with the same ending if it is too long.

    The shorter name is always the same for the same long name.
    """
    return f"{_part_stem(path)}{path.suffix}"


def _part_stem(path: Path) -> str:
    if len(os.fsencode(path.name)) > _LONGEST_NAME_BYTES:
        return f"{path.stem[:40]}-{sha256(os.fsencode(path.name))[:8]}"
    return path.stem


def rename_new(source: Path, target: Path) -> None:
    """Rename the file `source` to `target`, but never replace an existing file.

    Raises `FileExistsError` if `target` exists. On a file system without hard links, a file that
    another process creates at the same moment may be replaced.
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
    """Check that `atomic_write` can write to `path`. Call this before long work.

    The check leaves no file behind. `-` can always be written. Raises `OutputError` if `path`
    cannot be written.
    """
    if is_standard_output(path):
        return
    try:
        _refuse_special(path)
        if path.is_dir():
            raise OutputError(f"{path}: is a folder; give the name of a file")
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        tempfile.TemporaryFile(dir=folder).close()
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({os_error_text(error)}); choose another place"
        ) from error


@contextlib.contextmanager
def atomic_write(path: Path, *, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """Yield a binary file to write to, which gets the name `path` when the with-block ends.

    `mode` is the file's permissions, of which the user's umask takes some away. If `path` is `-`,
    the data goes to the standard output.

    If the block raises an error, no new file is left behind and an existing file at `path` stays as
    it was. Raises `OutputError` if the file cannot be written.
    """
    if is_standard_output(path):
        try:
            with data_output() as output:
                yield output
        except OSError as error:
            raise OutputError(f"{STANDARD_OUTPUT}: {os_error_text(error)}") from error
        return
    _refuse_special(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".ssd_live-{secrets.token_hex(8)}"
        # The system applies the user's umask here. Python can read the umask only by changing it,
        # and that would affect other threads.
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _BINARY, mode)
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
        # Renaming a file over a device such as /dev/null would replace the device.
        raise OutputError(f"{path}: is not a regular file; choose another place")


def set_aside(path: Path) -> Path | None:
    """Rename the file `path` to `NAME.broken-N.EXT`. Return the new path, or None if that fails.

    N is the smallest number from 1 on for which no such file exists.
    """
    number = 1
    while (aside := path.with_name(f"{path.stem}.broken-{number}{path.suffix}")).exists():
        number += 1
    try:
        path.replace(aside)
    except OSError:
        return None
    return aside


def os_error_text(error: OSError) -> str:
    """Return the system's text for an error in lower case, as in "no space left on device"."""
    return (error.strerror or str(error)).lower()


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
