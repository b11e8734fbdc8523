"""Read inputs from storage that fsspec opens, such as s3://bucket/clip.mp4, and store outputs.

Each kind of storage has its package for fsspec, such as s3fs.
"""

import contextlib
import posixpath
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ssd_live.errors import (
    CancelledError,
    MediaError,
    MissingPackageError,
    OutputError,
    SsdLiveError,
    UsageError,
)
from ssd_live.imaging.image_files import IMAGE_SUFFIXES, VIDEO_SUFFIXES, natural_order
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.system.atomic_files import os_error_text
from ssd_live.system.logs import hide_parameters

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_WEB = ("http", "https")
# These are streams, which have no end and no size.
_STREAMS = ("rtsp", "rtsps", "rtmp", "udp", "rtp", "srt")
# An object appears in such storage only when it is whole.
_OBJECT_STORES = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oci", "oss", "memory"}
)
_QUERY = re.compile(r"(https?://[^\s?'\"]*)\?[^\s'\"]*")
_COPY_BYTES = 4 << 20
_LONGEST_MESSAGE = 200
# Waits between attempts to store a file; hours of work may be in it.
RETRY_SECONDS = (1.0, 3.0)


@dataclass(frozen=True)
class StoredFile:
    """A file in storage.

    `address` is its whole address, such as s3://bucket/clip.mp4. `path` is the path in that storage
    without the kind of storage, the server and a query. `version` is a text that changes with the
    file.
    """

    address: str
    path: str
    version: str


def is_address(text: str) -> bool:
    """Return whether `text` is the address of a file or folder in storage, and not a path.

    Addresses of streams, such as rtsp://, are not.
    """
    match = _ADDRESS.match(text)
    return match is not None and match[0][:-3].lower() not in _STREAMS


def shown(address: str) -> str:
    """Return an address, or a text with addresses, without passwords, to show and to store it."""
    hidden = re.sub(r"//([^/:]*):[^/]*@", r"//\1@", address)
    # Queries of signed addresses are secrets.
    return hide_parameters(_QUERY.sub(r"\1", hidden))


def listed(address: str) -> list[StoredFile]:
    """Return the files that an address names, in natural order: `file2` before `file10`.

    The address is that of a file, of a folder, whose videos and images are taken with those of its
    subfolders, or a pattern with wildcards. Raises `MediaError` if there is no such file, if the
    folder has no video or image, or if the storage cannot be read, `MissingPackageError` if the
    package for this kind of storage is not installed, and `UsageError` if there is no such kind.
    """
    with _storage(address) as (files, path):
        if address.partition("://")[0].lower() in _WEB:
            # Web servers do not list what they have.
            found, is_single = [path], True
        elif _has_wildcards(path) and not files.exists(path):
            found, is_single = [name for name in files.glob(path) if not files.isdir(name)], False
            if not found:
                raise MediaError(f"{shown(address)}: nothing matches this pattern; correct it")
        elif files.isdir(path):
            found, is_single = [name for name in files.find(path) if _is_media(name, path)], False
            if not found:
                raise MediaError(
                    f"{shown(address)}: there is no video or image in this folder; give another "
                    "folder"
                )
        else:
            found, is_single = [path], True
        if not is_single and not address.rstrip("/").endswith(path):
            raise UsageError(
                f"{shown(address)}: folders and wildcards of this kind of storage cannot be used; "
                "give the addresses of single files"
            )
        before = address.rstrip("/").removesuffix(path)
        listed_files = []
        for name in sorted(found, key=lambda name: natural_order(Path(name))):
            facts = files.info(name)
            if facts.get("size") is None:
                raise MediaError(
                    f"{shown(address)}: the server does not tell the size, as of a stream; use "
                    "`live ADDRESS --record FILE.mkv`, or download the file first"
                )
            if ".." in name.split("/"):
                raise MediaError(f"{shown(before + name)}: `..` in a name; rename this file first")
            whole = address if is_single else before + name
            listed_files.append(StoredFile(whole, _path(name), _version(facts)))
        return listed_files


def _has_wildcards(path: str) -> bool:
    return any(letter in path for letter in "*?[")


def _path(name: str) -> str:
    """Return the path in a name of fsspec, which is a whole address for web servers."""
    return urlsplit(name).path if _ADDRESS.match(name) else name


def version_of(address: str) -> str:
    """Return a text that changes with the file at `address`, or "" if there is no such file.

    Raises the errors of `listed` if the storage cannot be read.
    """
    with _storage(address) as (files, path):
        return _version(files.info(path)) if files.exists(path) else ""


def fetch(address: str, target: Path, cancellation: Cancellation) -> None:
    """Copy the file at `address` to the path `target`.

    Raises `CancelledError` if the work is cancelled, and the errors of `listed` if the file cannot
    be read.
    """
    with (
        _storage(address) as (files, path),
        files.open(path, "rb") as source,
        target.open("wb") as copy,
    ):
        while block := source.read(_COPY_BYTES):
            if cancellation.is_stopped:
                raise CancelledError(f"stopped before {shown(address)} was processed")
            try:
                copy.write(block)
            except OSError as error:
                raise OutputError(
                    f"{target}: the input cannot be copied ({os_error_text(error)}); free some "
                    "space in the temporary folder"
                ) from error


def store(source: Path, address: str) -> None:
    """Copy the file `source` to `address`, where it appears only when it is whole.

    A file that exists there is replaced. Raises `OutputError` if it cannot be written, and the
    other errors of `listed`.
    """
    for seconds in RETRY_SECONDS:
        try:
            _store(source, address)
            return
        except MediaError:
            time.sleep(seconds)
    try:
        _store(source, address)
    except MediaError as error:
        raise OutputError(str(error)) from error


def _store(source: Path, address: str) -> None:
    with _storage(address) as (files, path):
        kinds = files.protocol if isinstance(files.protocol, tuple) else (files.protocol,)
        if _OBJECT_STORES.intersection(kinds):
            files.put_file(str(source), path)
            return
        folder, name = posixpath.split(path)
        files.makedirs(folder, exist_ok=True)
        # Nobody lists a hidden file as an input, and no other run has this name.
        part = posixpath.join(folder, f".ssd_live-{secrets.token_hex(8)}-{name}")
        try:
            files.put_file(str(source), part)
            if files.exists(path):
                files.rm_file(path)
            files.mv(part, path)
        except BaseException:
            with contextlib.suppress(Exception):
                files.rm_file(part)
            raise


@contextmanager
def _storage(address: str) -> Iterator[tuple[Any, str]]:
    """Yield the fsspec file system of an address, and the path in it.

    Errors of the storage, which are of many classes, become errors of this program.
    """
    kind, _, place = address.partition("://")
    kind = kind.lower()
    try:
        import fsspec
    except ImportError as error:
        raise MissingPackageError(
            f"{kind}:// needs the package fsspec and the one for this storage, such as s3fs; run "
            "`pip install fsspec` and install that one"
        ) from error
    try:
        yield fsspec.core.url_to_fs(f"{kind}://{place}", skip_instance_cache=True)
    except SsdLiveError:
        raise
    except ImportError as error:
        raise MissingPackageError(f"{kind}:// needs another package: {_text(error)}") from error
    except FileNotFoundError as error:
        raise MediaError(f"{shown(address)}: there is no such file; check the address") from error
    except Exception as error:
        if kind not in fsspec.available_protocols():
            raise UsageError(
                f"{shown(address)}: there is no storage {kind}://; give for example "
                "s3://BUCKET/FILE, or a path"
            ) from error
        raise MediaError(
            f"{shown(address)}: the storage cannot be used ({_text(error)}); check the address, "
            "the network and your access"
        ) from error


def _is_media(path: str, folder: str) -> bool:
    """Return whether a path in a folder is that of a video or image that is not hidden."""
    suffix = posixpath.splitext(path)[1].lower()
    parts = path.removeprefix(folder).split("/")
    is_hidden = any(part.startswith(".") for part in parts)
    return not is_hidden and suffix in IMAGE_SUFFIXES | VIDEO_SUFFIXES


def _version(info: dict[str, Any]) -> str:
    stamps = (info.get(name) for name in ("ETag", "etag", "md5", "mtime", "LastModified", "modify"))
    return f"{info.get('size')} {next((stamp for stamp in stamps if stamp), '')}"


def _text(error: Exception) -> str:
    """Return the first line of an error's text, without passwords, or the name of its class."""
    line = next(iter(str(error).splitlines()), "") or type(error).__name__
    return shown(line)[:_LONGEST_MESSAGE]
