"""Write a clip of an event: the seconds before it, and those after it."""

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ssd_live.errors import OutputError, SsdLiveError
from ssd_live.live.clip_contents import ClipContent
from ssd_live.system.atomic_files import os_error_text, rename_new, reserve_part

_LONGEST_SECONDS = 600.0
_POLL_SECONDS = 0.1
# If the source gives no more frames, the clip ends so long after its last moment.
PATIENCE_SECONDS = 2.0


class Clip:
    """A clip that is written in a thread of its own, as a part file until it is complete.

    It has all of `content` up to `end`, a time of capture on the monotonic clock, in seconds; the
    content is closed at its end. `on_end` is called in that thread with the clip and an error
    message, which is "" if there was none. Raises `OutputError` if `path`, which ends in .mkv,
    cannot be written.
    """

    def __init__(
        self,
        path: Path,
        content: ClipContent,
        end: float,
        on_end: Callable[["Clip", str], None],
    ) -> None:
        self.path = path
        self._content, self._begin, self._end = content, content.begin, end
        self._on_end = on_end
        self._lock = threading.Lock()
        self._is_stopped = self._is_over = False
        self._part = reserve_part(path)
        content.open(self._part)
        self._thread = threading.Thread(target=self._run, name="clip", daemon=True)
        self._thread.start()

    @property
    def frames(self) -> int:
        """How many frames were written."""
        return self._content.frames

    @property
    def lost(self) -> int:
        """How many frames were lost, because writing was too slow."""
        return self._content.lost

    @property
    def paths(self) -> tuple[Path, Path]:
        """The path of the clip, and that of its part file."""
        return self.path, self._part

    def extend(self, end: float) -> bool:
        """Let the clip go on until `end`, but for 10 minutes at most; return whether it can."""
        with self._lock:
            if self._is_over or end - self._begin > _LONGEST_SECONDS:
                return False
            self._end = max(self._end, end)
            return True

    def stop(self) -> None:
        """Let the clip end now; return at once."""
        self._is_stopped = True

    def join(self, seconds: float) -> None:
        """Wait at most so long until the clip is complete."""
        self._thread.join(seconds)

    def _run(self) -> None:
        message = ""
        try:
            try:
                self._write_all()
            finally:
                self._content.close()
            if not self.frames:
                raise OutputError("the source gave no frame")
            self._content.finish()
            rename_new(self._part, self.path)
        except Exception as error:  # whatever the error is, it must be told
            self._content.abandon()
            is_system = isinstance(error, OSError) and not isinstance(error, SsdLiveError)
            detail = os_error_text(error) if is_system else str(error)  # type: ignore[arg-type]
            message = f"{self.path}: the clip cannot be written ({detail})"
            with contextlib.suppress(OSError):
                if not self._part.stat().st_size:
                    self._part.unlink()
        self._on_end(self, message)

    def _write_all(self) -> None:
        while True:
            wrote = self._content.write_next(_POLL_SECONDS, self._ends_before)
            if wrote is None:
                if self._is_stopped or self._ends_before(time.monotonic() - PATIENCE_SECONDS):
                    return
            elif not wrote:
                self._end_now()
                return

    def _ends_before(self, moment: float) -> bool:
        """Return whether the clip ends before a moment. If it does, it cannot be extended."""
        with self._lock:
            self._is_over = self._end < moment
            return self._is_over

    def _end_now(self) -> None:
        with self._lock:
            self._is_over = True
