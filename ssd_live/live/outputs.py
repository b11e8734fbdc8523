"""Make the files of a live session: snapshots, names of recordings, statistics."""

import glob
import json
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import av
import numpy as np

from ssd_live.analytics.zone_drawing import CountedZones, ZoneDrawer
from ssd_live.detections import Detections
from ssd_live.imaging.overlay import BoxStyle, Overlay
from ssd_live.imaging.pixels import Pixels
from ssd_live.imaging.planes import matrix_of, planes_of
from ssd_live.pipeline.live import LiveFrame
from ssd_live.pipeline.picture import Picture
from ssd_live.system.atomic_files import atomic_write
from ssd_live.system.paths import printable
from ssd_live.tracking.marks import Marks


def annotated(
    picture: Picture | LiveFrame,
    found: Detections | None,
    style: BoxStyle,
    counted: CountedZones | None = None,
) -> Pixels:
    """Return the whole frame of `picture` with the detections `found` drawn on it in this style.

    The zones `counted` are drawn too. The result is uint8 BGR (H, W, 3). If `found` is None,
    nothing is drawn.
    """
    image = np.array(picture.frame.bgr())
    if found is None:
        return image
    overlay, zones = Overlay((image.shape[1], image.shape[0]), style=style), ZoneDrawer()
    if counted is not None:
        zones.draw(overlay, (image,), counted)
    marked = Marks().of(found, inferred=picture.inferred)
    overlay.draw((image,), found, stale=picture.stale, marked=marked)
    if counted is not None:
        zones.draw_labels(overlay, (image,), counted)
    return image


class BoxDrawer:
    """Draws the boxes and zones of the frames of one live source on copies of them."""

    def __init__(self) -> None:
        self._zones = ZoneDrawer()
        self._overlay: Overlay | None = None
        self._marks = Marks()

    def draw(
        self,
        picture: av.VideoFrame,
        live_frame: LiveFrame,
        found: Detections | None,
        style: BoxStyle,
        counted: CountedZones | None = None,
    ) -> None:
        """Draw the detections `found` of a frame, and the zones `counted`, on `picture`.

        `picture` is a yuv420p copy of the frame.
        """
        if (found is None or not len(found)) and counted is None:
            return
        size = picture.width, picture.height
        if self._overlay is None or self._overlay.size != size or self._overlay.style != style:
            self._overlay = Overlay(size, "yuv420p", matrix_of(picture), style)
        planes = planes_of(picture)
        if counted is not None:
            self._zones.draw(self._overlay, planes, counted)
        if found is not None:
            marked = self._marks.of(found, inferred=live_frame.inferred)
            self._overlay.draw(planes, found, stale=live_frame.stale, marked=marked)
        if counted is not None:
            self._zones.draw_labels(self._overlay, planes, counted)


def write_numbers(path: Path, numbers: dict[str, Any]) -> None:
    """Write `numbers`, the statistics of a live session, to the file `path` as JSON.

    The file is written completely or not at all. Raises `OutputError` if it cannot be written.
    """
    with atomic_write(path) as file:
        file.write(json.dumps(numbers, indent=1, ensure_ascii=False).encode() + b"\n")


def default_recording(folder: Path, now: time.struct_time, taken: Collection[Path] = ()) -> Path:
    """Return a path for a new recording in `folder`, with the time `now` in its name.

    An example of a name is `ssd_live 2026-11-22 14.03.59.mkv`. `taken` holds paths that other
    recordings or snapshots will use. A number is added to the name if the path is in `taken`, or if
    the folder has a file with the same name and any suffix.
    """
    stem = time.strftime("ssd_live %Y-%m-%d %H.%M.%S", now)
    number = 1
    while (path := folder / f"{stem}{f' {number}' if number > 1 else ''}.mkv") in taken or any(
        folder.glob(f"{glob.escape(path.stem)}.*")
    ):
        number += 1
    return Path(printable(path))
