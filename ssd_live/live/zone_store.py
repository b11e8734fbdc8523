"""Keep the zones of each source in the user's configuration folder."""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from ssd_live.analytics.zones import Zone, read_zones, zones_text
from ssd_live.errors import UsageError
from ssd_live.settings import settings_path
from ssd_live.system.atomic_files import atomic_write, set_aside
from ssd_live.system.paths import resolve
from ssd_live.video.sources import SourceSpec

_NAME_LETTERS = 40


def zones_path(spec: SourceSpec) -> Path:
    """Return the path of the zones file of a source. The file may not exist.

    A file or a folder is known by its path, a camera by its name, and a network stream by its
    address without the password.
    """
    return settings_path().parent / "zones" / f"{source_key(spec)}.json"


def source_key(spec: SourceSpec) -> str:
    """Return a name for the files that are kept for a source; see `zones_path`."""
    key = str(resolve(Path(spec.address))) if spec.kind in ("file", "images") else spec.title
    digest = hashlib.sha256(f"{spec.kind} {key}".encode(errors="surrogatepass")).hexdigest()
    name = re.sub(r"[^\w.-]+", "-", Path(spec.title).name)[-_NAME_LETTERS:].strip("-.") or "source"
    return f"{name}-{digest[:12]}"


def load_zones(spec: SourceSpec) -> tuple[tuple[Zone, ...], str]:
    """Return (zones, message) of a source; the message is empty on success.

    Without a file, there are no zones. If the file is not valid, it is renamed, and the message
    says so. This function raises no error.
    """
    path = zones_path(spec)
    if not path.exists():
        return (), ""
    try:
        return read_zones(path), ""
    except UsageError as error:
        aside = set_aside(path)
        kept = f"; they are kept in {aside.name}" if aside else ""
        return (), f"the zones of this source are not used: {error}{kept}"


def save_zones(spec: SourceSpec, zones: Sequence[Zone]) -> None:
    """Store the zones of a source, completely or not at all.

    Only the user may read the file, because it names a camera. Without zones, an existing file is
    removed. Raises `OutputError` if the file cannot be written.
    """
    path = zones_path(spec)
    if not zones:
        path.unlink(missing_ok=True)
        return
    data = {"source": spec.title, **json.loads(zones_text(zones))}
    with atomic_write(path, mode=0o600) as file:
        file.write(json.dumps(data, ensure_ascii=False, indent=1).encode(errors="replace") + b"\n")
