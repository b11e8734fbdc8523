"""Download a file with progress, resume an earlier download, and check the hash.

The file gets its final name only if its hash is correct.
"""

import hashlib
import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ssd_live.errors import DownloadError
from ssd_live.system.atomic_files import atomic_write, os_error_text

_CHUNK_BYTES = 1 << 18
_TIMEOUT_SECONDS = 30.0
_PARTIAL = 206
_RANGE_NOT_SATISFIABLE = 416


def fetch(
    url: str,
    path: Path,
    digits: str,
    on_progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> str:
    """Download `url` to `path` unless it exists, and return the SHA-256 of the file.

    The SHA-256 (hexadecimal) must begin with `digits`. An interrupted download stays as
    `NAME.part`, and the next call continues it. `on_progress` is called with the number of bytes
    done and the total number, which is None if the server does not send it. The hash of the first
    complete file is recorded in `hashes.json` beside the file, and later calls compare the file
    with that hash. Raises `DownloadError` if the download fails or the hash is wrong, and
    `OutputError` if the hash cannot be recorded.
    """
    if not path.is_file():
        part = path.with_name(f"{path.name}.part")
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            _fetch_part(url, part, on_progress)
        except urllib.error.HTTPError as error:
            raise DownloadError(
                f"{url}: the server answered {error.code} {error.reason}; try again later"
            ) from error
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
            detail = str(getattr(error, "reason", error)).lower()
            raise DownloadError(
                f"{url}: cannot be fetched ({detail}); check the network and try again; the "
                "download continues where it stopped"
            ) from error
        except OSError as error:
            raise DownloadError(
                f"{part}: cannot be written ({os_error_text(error)}); free some space or make the "
                "folder writable"
            ) from error
        found = _sha256(part)
        if not found.startswith(digits):
            part.unlink()
            raise DownloadError(
                f"{url}: the downloaded file has the hash {found[:8]}, not {digits}; the file "
                "was deleted; try again"
            )
        part.replace(path)
    return _held(path, digits)


def _fetch_part(url: str, part: Path, on_progress: Callable[[int, int | None], None]) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == _RANGE_NOT_SATISFIABLE:
            # The part file is already complete.
            return
        raise
    with answer, part.open("ab" if answer.status == _PARTIAL else "wb") as file:
        done = file.tell()
        length = answer.headers.get("Content-Length")
        total = done + int(length) if length else None
        while chunk := answer.read(_CHUNK_BYTES):
            file.write(chunk)
            done += len(chunk)
            on_progress(done, total)
        file.flush()
        os.fsync(file.fileno())
    if total is not None and done < total:
        raise http.client.IncompleteRead(b"", total - done)


def _held(path: Path, digits: str) -> str:
    """Return the SHA-256 of a downloaded file, and record it in `hashes.json` beside the file.

    A hash that is already recorded stays. Raises `DownloadError` if the hash of the file differs
    from the recorded hash, or if none is recorded and the hash does not begin with `digits`. Raises
    `OutputError` if the hash cannot be recorded.
    """
    found = _sha256(path)
    record = path.with_name("hashes.json")
    try:
        known: dict[str, str] = json.loads(record.read_text())
    except (OSError, ValueError):
        known = {}
    wanted = known.get(path.name, found if found.startswith(digits) else "")
    if found != wanted:
        raise DownloadError(
            f"{path}: does not have the expected hash; delete the file and try again"
        )
    if path.name not in known:
        with atomic_write(record) as file:
            file.write(json.dumps(known | {path.name: found}, indent=1).encode())
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
