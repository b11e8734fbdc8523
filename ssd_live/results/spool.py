"""Keep the objects of all frames of a video on the disk, between two readings of the video."""

import contextlib
import os
import pickle
import tempfile
from types import TracebackType
from typing import NamedTuple, Self

from ssd_live.detections import Detections
from ssd_live.errors import OutputError
from ssd_live.system.atomic_files import os_error_text


class SpooledFrame(NamedTuple):
    """What is known of a frame: see `Spool.add`."""

    found: Detections
    inferred: bool
    pts: int


class Spool:
    """A temporary file with the detections of frames, in order. Use it in a `with` block.

    First `add` the detections of all frames, then call `next` once for each. The file has no name
    that another program could open.
    """

    def __init__(self) -> None:
        # The with block of this object closes it.
        try:
            self._file = tempfile.TemporaryFile(prefix="ssd_live-")  # noqa: SIM115
        except OSError as error:
            raise _full(error) from error
        self._left = 0
        self._is_written = False

    def add(self, found: Detections, *, inferred: bool = True, pts: int = 0) -> None:
        """Add the detections of the next frame, whether inference ran on it, and its time.

        `pts` is in units of the time base of the source.

        Raises `OutputError` if the disk is full.
        """
        arrays = (
            *(found.boxes, found.scores, found.class_ids, found.track_ids, found.observed),
            inferred,
            pts,
        )
        try:
            pickle.dump(arrays, self._file, pickle.HIGHEST_PROTOCOL)
        except OSError as error:
            raise _full(error) from error
        self._left += 1

    def next(self, classes: tuple[str, ...]) -> SpooledFrame | None:
        """Return what was added for the next frame, or None if there is no more.

        `classes` are the names of the classes.
        """
        if not self._is_written:
            self._is_written = True
            try:
                self._file.seek(0)
            except OSError as error:
                raise _full(error) from error
        if not self._left:
            return None
        self._left -= 1
        *arrays, inferred, pts = pickle.load(self._file)
        boxes, scores, class_ids, track_ids, observed = arrays
        found = Detections(boxes, scores, class_ids, classes, track_ids, observed)
        return SpooledFrame(found, inferred, pts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # What could not be written is not needed any more.
        with contextlib.suppress(OSError):
            self._file.close()


def _full(error: OSError) -> OutputError:
    folder = os.environ.get("TMPDIR", "/tmp") if tempfile.tempdir is None else tempfile.tempdir
    return OutputError(
        f"{folder}: the tracks cannot be kept there until the video is drawn "
        f"({os_error_text(error)}); free some space, or set TMPDIR to another folder"
    )
