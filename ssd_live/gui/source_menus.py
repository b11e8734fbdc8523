"""The menus of cameras, screens and recent sources, and the dialogs that open a source."""

import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QAction, QGuiApplication, QScreen
from PySide6.QtWidgets import QFileDialog, QMainWindow, QMenu

from ssd_live.gui.address_dialog import AddressDialog
from ssd_live.gui.bridge import Bridge
from ssd_live.gui.region_picker import RegionPicker, screen_text
from ssd_live.imaging.image_files import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from ssd_live.settings import Settings
from ssd_live.system.paths import one_line, printable
from ssd_live.video.sources import SourceOptions
from ssd_live.video.sources.base import WINDOW
from ssd_live.video.sources.camera import Camera, cameras
from ssd_live.video.sources.desktop_windows import window_titles

# The time that desktops take to minimise a window, in milliseconds.
_MINIMISE_MS = 400
_MOST_WINDOWS, _LONGEST_TITLE = 30, 60


class SourceMenus(QObject):
    """The menus of cameras, screens and recent sources, and dialogs that ask for a source.

    The dialogs ask for a file, a folder or an address. The menus `cameras`, `screens` and `recent`
    are filled each time they open. `open_source` is called when the user has chosen a source. Its
    arguments are the source's text (such as a camera number, a path or an address) and the source
    options. If the options are None, the options that were given last must be used again.
    `clear_recent` is the action that forgets the recent sources.
    """

    def __init__(
        self,
        window: QMainWindow,
        bridge: Bridge,
        settings: Settings,
        open_source: Callable[[str, SourceOptions | None], None],
        clear_recent: QAction,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._bridge = bridge
        self._settings = settings
        self._open = open_source
        self._clear_recent = clear_recent
        self.cameras = QMenu(self.tr("&Cameras"), window)
        self.cameras.aboutToShow.connect(self._list_cameras)
        self.recent = QMenu(self.tr("&Recent"), window)
        self.recent.addAction(clear_recent)
        self.recent.aboutToShow.connect(self._list_recent)
        self.screens = QMenu(self.tr("&Screen"), window)
        self.screens.aboutToShow.connect(self._list_screens)
        self._windows = QMenu(self.tr("&Window"), window)
        bridge.cameras_listed.connect(self._show_cameras)
        bridge.windows_listed.connect(self._show_windows)
        self._picker: RegionPicker | None = None

    def ask_file(self) -> None:
        """Ask the user for a video or image file, and open it as the source."""
        suffixes = " ".join(f"*{suffix}" for suffix in sorted(VIDEO_SUFFIXES | IMAGE_SUFFIXES))
        videos, everything = self.tr("Videos and images"), self.tr("All files")
        filters = f"{videos} ({suffixes});;{everything} (*)"
        name, _ = QFileDialog.getOpenFileName(
            self._window, self.tr("Open file"), self._settings.open_folder, filters
        )
        if name:
            self._settings.open_folder = str(Path(name).parent)
            self._open(name, None)

    def ask_folder(self) -> None:
        """Ask the user for a folder of images, and open it as the source."""
        if name := QFileDialog.getExistingDirectory(
            self._window, self.tr("Open folder of images"), self._settings.open_folder
        ):
            self._settings.open_folder = str(Path(name).parent)
            self._open(name, None)

    def ask_address(self) -> None:
        """Ask the user for the address of a network camera or video, and open it as the source."""
        dialog = AddressDialog(self._settings.recent_sources, self._window)
        if dialog.exec():
            self._open(dialog.address, None)

    def ask_region(self, screen: QScreen) -> None:
        """Let the user draw a rectangle on a screen, and open this part of it as the source."""
        # The window hides what the user may want to choose.
        self._window.showMinimized()
        QTimer.singleShot(_MINIMISE_MS, lambda: self._pick(screen))

    def _pick(self, screen: QScreen) -> None:
        picker = self._picker = RegionPicker(screen)
        picker.picked.connect(lambda text: self._open(text, None))
        picker.destroyed.connect(self._window.showNormal)
        picker.show()
        picker.activateWindow()

    def _list_screens(self) -> None:
        self.screens.clear()
        screens = QGuiApplication.screens()
        for number, screen in enumerate(screens, 1):
            size = screen.geometry().size() * screen.devicePixelRatio()
            text = self.tr("Monitor {number}: {width} x {height}").format(
                number=number, width=size.width(), height=size.height()
            )
            self.screens.addAction(text).triggered.connect(self._opener(screen_text(screen), None))
        self.screens.addSeparator()
        for number, screen in enumerate(screens, 1):
            text = self.tr("Region…")
            if len(screens) > 1:
                text = self.tr("Region of monitor {number}…").format(number=number)
            self.screens.addAction(text).triggered.connect(
                lambda _=False, screen=screen: self.ask_region(screen)
            )
        self._windows.clear()
        self._windows.addAction(self.tr("Looking for windows …")).setEnabled(False)
        self.screens.addMenu(self._windows)
        # The first look loads a package and connects to the window system.
        threading.Thread(
            target=lambda: self._bridge.windows_listed.emit(window_titles()),
            name="windows",
            daemon=True,
        ).start()

    def _show_windows(self, titles: list[str]) -> None:
        self._windows.clear()
        for title in titles[:_MOST_WINDOWS]:
            # Qt would take a single & in a title as the mark of an access key.
            name = one_line(title).replace("&", "&&")
            name = name if len(name) <= _LONGEST_TITLE else f"{name[:_LONGEST_TITLE]}…"
            self._windows.addAction(name).triggered.connect(
                self._opener(f"screen:{WINDOW}{title}", None)
            )
        if not titles:
            self._windows.addAction(self.tr("No other windows")).setEnabled(False)

    def look_for_cameras(self) -> None:
        """Begin to look for cameras. The bridge reports them as `cameras_listed`."""
        # A separate thread lists the cameras, because some drivers take long to answer.
        threading.Thread(
            target=lambda: self._bridge.cameras_listed.emit(cameras()), name="cameras", daemon=True
        ).start()

    def _list_cameras(self) -> None:
        self.cameras.clear()
        self.cameras.addAction(self.tr("Looking for cameras …")).setEnabled(False)
        self.look_for_cameras()

    def _show_cameras(self, found: list[Camera]) -> None:
        self.cameras.clear()
        if not found:
            self.cameras.addAction(self.tr("No camera is connected")).setEnabled(False)
        for camera in found:
            modes = self.cameras.addMenu(f"{camera.index}: {camera.name}")
            modes.addAction(self.tr("Best mode")).triggered.connect(
                self._opener(str(camera.index), SourceOptions())
            )
            for mode in camera.modes:
                width, height = mode.size or (0, 0)
                text = self.tr("{width} x {height} at {rate} FPS").format(
                    width=width, height=height, rate=f"{mode.rate:g}"
                )
                modes.addAction(f"{text} {mode.pixel_format or ''}".strip()).triggered.connect(
                    self._opener(str(camera.index), mode)
                )

    def _list_recent(self) -> None:
        self.recent.clear()
        for text in self._settings.recent_sources:
            self.recent.addAction(printable(text)).triggered.connect(self._opener(text, None))
        if not self._settings.recent_sources:
            self.recent.addAction(self.tr("No recent sources")).setEnabled(False)
        else:
            self.recent.addSeparator()
            self.recent.addAction(self._clear_recent)

    def _opener(self, text: str, options: SourceOptions | None) -> Callable[..., None]:
        return lambda *_: self._open(text, options)
