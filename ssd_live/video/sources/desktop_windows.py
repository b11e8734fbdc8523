"""Find the windows of other programs, and where they are on the desktop."""

import contextlib
import os
import threading
from typing import Any

from ssd_live.errors import MediaError, MissingPackageError

Area = dict[str, int]
# PyWinCtl has one connection to the window system, which all threads share.
_LOCK = threading.Lock()
_MOST_NAMED = 20


def window_titles() -> list[str]:
    """Return the titles of the windows of other programs, sorted, each only once.

    Return an empty list if the system does not list its windows.
    """
    try:
        with _LOCK:
            titles = {title for title, _ in _other_windows()}
    except Exception:  # an error of the window system must not end the program
        return []
    return sorted(titles, key=str.casefold)


class DesktopWindow:
    """A window of another program, found by its title.

    `title` is the title, or a part of it if no window has exactly this title. Upper and lower case
    are the same. A window that is found is followed even if its title changes.

    The constructor raises `MediaError` if there is no such window, and `MissingPackageError` if the
    package PyWinCtl is not installed.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        with _LOCK:
            self._window = self._found(_other_windows())

    def area(self, desktop: Area) -> Area:
        """Return the part of the window that is on the desktop: left, top, width and height.

        All values are in pixels. `desktop` is the area of the whole desktop. Raises `MediaError` if
        the window is closed, is minimised, or lies outside the desktop.
        """
        closed = self._error("was closed; open it again, or give another source")
        window = self._window
        with _LOCK:
            try:
                is_alive, is_minimised = window.isAlive, window.isMinimized
                left, top, width, height = map(
                    int, (window.left, window.top, window.width, window.height)
                )
            except Exception as error:  # it may close at any moment, and each system has its errors
                raise closed from error
        if not is_alive:
            raise closed
        if is_minimised:
            raise self._error("is minimised; show it again")
        right = min(left + width, desktop["left"] + desktop["width"])
        bottom = min(top + height, desktop["top"] + desktop["height"])
        left, top = max(left, desktop["left"]), max(top, desktop["top"])
        if right - left < 2 or bottom - top < 2:
            raise self._error("lies outside the desktop; move it back")
        return {"left": left, "top": top, "width": right - left, "height": bottom - top}

    def _found(self, windows: list[tuple[str, Any]]) -> Any:
        wanted = self._title.strip().casefold()
        for is_it in (wanted.__eq__, lambda title: wanted in title):
            for title, window in windows:
                if is_it(title.casefold()):
                    return window
        names = ", ".join(repr(title) for title, _ in windows[:_MOST_NAMED])
        raise MediaError(
            f"there is no window with the title {self._title!r}; "
            + (f"there are {names}" if names else "the window system lists none")
        )

    def _error(self, what: str) -> MediaError:
        return MediaError(f"the window {self._title!r} {what}")


def _other_windows() -> list[tuple[str, Any]]:
    """Return the windows of other programs with their titles, except those without a title.

    Raises `MissingPackageError` if PyWinCtl is not installed, and `MediaError` if the window system
    does not list its windows.
    """
    try:
        # The import connects to the window system.
        import pywinctl
    except ImportError as error:
        raise MissingPackageError(
            "finding windows needs the package PyWinCtl; run `pip install pywinctl`"
        ) from error
    try:
        windows = pywinctl.getAllWindows()
    except Exception as error:  # each window system has errors of its own
        raise MediaError(
            f"the window system does not list its windows ({type(error).__name__}); give another "
            "source"
        ) from error
    found = []
    for window in windows:
        # A window may close at any moment.
        with contextlib.suppress(Exception):
            title = (window.title or "").strip()
            if title and window.getPID() != os.getpid():
                found.append((title, window))
    return found
