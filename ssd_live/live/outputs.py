"""What a live session leaves on disk: snapshots, names of recordings, numbers."""

import glob
import json
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from ssd_live.detections import Detections
from ssd_live.imaging.overlay import Overlay
from ssd_live.pipeline.picture import Picture
from ssd_live.system.atomic_files import atomic_write
from ssd_live.system.paths import printable


def annotated(picture: Picture, found: Detections | None) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """The whole frame of a picture with boxes drawn, BGR (H, W, 3)."""
    image = np.array(picture.frame.bgr())
    if found is not None:
        Overlay((image.shape[1], image.shape[0])).draw((image,), found, stale=picture.stale)
    return image


def write_numbers(path: Path, numbers: dict[str, Any]) -> None:
    """As JSON, whole or not at all. Raises `OutputError`."""
    with atomic_write(path) as file:
        file.write(json.dumps(numbers, indent=1, ensure_ascii=False).encode() + b"\n")


def default_recording(folder: Path, now: time.struct_time, taken: Collection[Path] = ()) -> Path:
    """A name that tells when: ssd_live 2026-11-22 14.03.59.mkv, numbered if a file is called so,
    whatever its ending, or it is `taken`.
    """
    stem = time.strftime("ssd_live %Y-%m-%d %H.%M.%S", now)
    number = 1
    while (path := folder / f"{stem}{f' {number}' if number > 1 else ''}.mkv") in taken or any(
        folder.glob(f"{glob.escape(path.stem)}.*")
    ):
        number += 1
    return Path(printable(path))
