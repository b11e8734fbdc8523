"""Check whether a window can be shown on this machine.

Qt ends the program if it cannot open a window, so this check runs first and raises an error.
"""

import ctypes
import os
import sys
from pathlib import Path

from ssd_live.errors import MissingPackageError, SsdLiveError

_LIBRARIES = (
    "libegl1 libgl1 libxkbcommon-x11-0 libdbus-1-3 libfontconfig1 libxcb-cursor0 libxcb-icccm4 "
    "libxcb-keysyms1 "
    "libxcb-image0 libxcb-render-util0 libxcb-shape0 libxcb-xkb1 libxcb-randr0"
)
_WITHOUT = "give --no-window to run in the terminal, or use `process` for files"


def prepare() -> None:
    """Check that Qt can show a window on this machine.

    Raises `SsdLiveError` if there is no display or the display does not answer. Raises
    `MissingPackageError` if PySide6 or a system library is missing, or if the installed PySide6
    crashes on this version of Python. This function also removes the environment variables of
    OpenCV's own Qt, because they would make PySide6 load the wrong plugins.
    """
    _forget_opencv_plugins()
    wanted = os.environ.get("QT_QPA_PLATFORM", "")
    if (
        sys.platform.startswith("linux")
        and not wanted
        and not os.environ.get("DISPLAY")
        and not os.environ.get("WAYLAND_DISPLAY")
    ):
        raise SsdLiveError(f"there is no display for a window; {_WITHOUT}")
    try:
        import PySide6.QtWidgets
    except ImportError as error:
        if not getattr(error, "name", None):
            raise MissingPackageError(
                f"a system library that the window needs is missing ({error}); on Debian, run "
                f"`apt install {_LIBRARIES}`, or {_WITHOUT}"
            ) from error
        raise MissingPackageError(
            f"PySide6 is not installed; run `pip install PySide6-Essentials`, or {_WITHOUT}"
        ) from error
    if sys.version_info < (3, 12) and PySide6.__version_info__[:2] >= (6, 12):
        raise MissingPackageError(
            f"PySide6 {PySide6.__version__} crashes on Python before 3.12; run `pip install "
            f"'PySide6-Essentials<6.12'`, or {_WITHOUT}"
        )
    if (
        sys.platform.startswith("linux")
        and wanted in ("", "xcb")
        and os.environ.get("DISPLAY")
        and not os.environ.get("WAYLAND_DISPLAY")
    ):
        _check_x11(Path(PySide6.__file__).parent)


def _forget_opencv_plugins() -> None:
    """Remove the environment variables that OpenCV sets for its own Qt.

    OpenCV's wheel contains a Qt, and its variables would make PySide6 load the plugins of that Qt.
    """
    for name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        if "cv2" in os.environ.get(name, ""):
            del os.environ[name]


def _check_x11(package: Path) -> None:
    """Check that Qt's X11 plugin can be loaded and that the X server answers.

    `package` is the folder of PySide6. Raises `MissingPackageError` if a system library is missing,
    and `SsdLiveError` if the X server does not answer.
    """
    plugin = package / "Qt" / "plugins" / "platforms" / "libqxcb.so"
    try:
        if plugin.is_file():
            ctypes.CDLL(str(plugin))
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError as error:
        raise MissingPackageError(
            f"a system library that the window needs is missing ({error}); on Debian, run `apt "
            f"install {_LIBRARIES}`, or {_WITHOUT}"
        ) from error
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    failed = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    if failed:
        raise SsdLiveError(
            f"the display {os.environ['DISPLAY']} does not answer; set DISPLAY to one that "
            f"answers, or {_WITHOUT}"
        )
