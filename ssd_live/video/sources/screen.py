"""Capture the desktop, a region of it, or a window."""

import os
import sys
from typing import Any

import numpy as np

from ssd_live.closing import Closing
from ssd_live.errors import AddressError, MediaError, MissingPackageError, UsageError
from ssd_live.imaging.frame import Frame
from ssd_live.video.sources.base import WINDOW, SourceInfo, SourceOptions
from ssd_live.video.sources.desktop_windows import DesktopWindow
from ssd_live.video.sources.pace import Metronome

_DEFAULT_RATE = 30.0


class ScreenSource(Closing):
    """A source that captures a monitor, a region of the desktop, or a window.

    `address` is empty for the first monitor, the number of a monitor from 1, X,Y,W,H in pixels of
    the whole desktop, or `window=TITLE`. A window is captured as it lies on the desktop, with what
    covers it; the size of the frames changes with it. `options.rate` is in frames per second, by
    default 30.

    The constructor raises `MediaError` if the screen cannot be read or there is no such window,
    `MissingPackageError` if a package for it is not installed, and `UsageError` if there is no such
    monitor or the region is not inside the desktop.
    """

    def __init__(self, address: str, options: SourceOptions) -> None:
        if sys.platform.startswith("linux"):
            if os.environ.get("WAYLAND_DISPLAY") or os.environ.get("XDG_SESSION_TYPE") == "wayland":
                raise AddressError(
                    "Wayland does not let programs read the screen; log in to an X11 session, or "
                    "give another source"
                )
            if not os.environ.get("DISPLAY"):
                raise AddressError(
                    "there is no screen to capture (DISPLAY is not set); give another source"
                )
        try:
            import mss
        except ImportError as error:
            raise MissingPackageError(
                "reading the screen needs the package mss; run `pip install mss`"
            ) from error
        self._screen: Any = None
        try:
            self._screen = mss.MSS()
            self._window = None
            if address.startswith(WINDOW):
                self._window = DesktopWindow(address.removeprefix(WINDOW))
            else:
                self._area = _area(address, self._screen.monitors)
            self._rate = options.rate or _DEFAULT_RATE
            self._metronome = Metronome(self._rate)
            picture = self._grab()
        except mss.ScreenShotError as error:
            self.close()
            raise MediaError(
                f"the screen cannot be read ({str(error).lower()}); give another source"
            ) from error
        except BaseException:
            self.close()
            raise
        self._errors = mss.ScreenShotError
        self.info = SourceInfo(picture.width, picture.height, rate=self._rate, mode="screen")

    def read(self) -> Frame | None:
        """Wait until the next frame is due and capture it.

        Raises `MediaError` if the screen can no longer be captured, or if the window was closed or
        is minimised.
        """
        self._metronome.wait()
        try:
            picture = self._grab()
        except self._errors as error:
            raise MediaError(
                f"the screen cannot be read any more ({str(error).lower()}); give another source"
            ) from error
        bgra = np.frombuffer(picture.raw, np.uint8).reshape(picture.height, picture.width, 4)
        return Frame((np.ascontiguousarray(bgra[..., :3]),))

    def _grab(self) -> Any:
        if self._window is not None:
            self._area = self._window.area(self._screen.monitors[0])
        return self._screen.grab(self._area)

    def seek(self, seconds: float) -> None:
        """Raise `AssertionError`, because a screen is not seekable."""
        raise AssertionError("a screen is not seekable")

    def close(self) -> None:
        """End the connection to the window system."""
        if self._screen is not None:
            self._screen.close()


def _area(address: str, monitors: list[dict[str, int]]) -> dict[str, int]:
    """Return the region of the desktop that `address` names, as left, top, width and height.

    `address` is empty for the first monitor, the number of a monitor from 1, or X,Y,W,H.
    `monitors[0]` is the whole desktop, and the others are single monitors. All values are in
    pixels. Raises `UsageError` if there is no such monitor or the region is not inside the desktop.
    """
    if not address:
        return monitors[min(1, len(monitors) - 1)]
    try:
        numbers = [int(part) for part in address.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 1 and 1 <= numbers[0] < len(monitors):
        return monitors[numbers[0]]
    whole = monitors[0]
    if len(numbers) == 4:
        x, y, width, height = numbers
        right, bottom = whole["left"] + whole["width"], whole["top"] + whole["height"]
        if (
            width >= 2
            and height >= 2
            and x >= whole["left"]
            and y >= whole["top"]
            and x + width <= right
            and y + height <= bottom
        ):
            return {"left": x, "top": y, "width": width, "height": height}
    raise UsageError(
        f"screen:{address} is not a part of the desktop; give `screen`, `screen:N` (N is a monitor "
        f"from 1 to {len(monitors) - 1}), `screen:X,Y,W,H` (a region inside {whole['width']} x "
        f"{whole['height']} pixels), or `screen:window=TITLE`"
    )
