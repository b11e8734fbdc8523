"""The menus of cameras and recent sources, and the dialogs that open another source."""

import threading
from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QMainWindow, QMenu

from ssd_live.gui.bridge import Bridge
from ssd_live.gui.dialogs import ask_address
from ssd_live.imaging.image_files import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from ssd_live.settings import Settings
from ssd_live.system.paths import printable
from ssd_live.video.sources import SourceOptions
from ssd_live.video.sources.camera import Camera, cameras


class SourceMenus(QObject):
    """The menus of cameras and recent sources, and dialogs that ask for another source.

    The dialogs ask for a file, a folder or an address. The menus `cameras` and `recent` are filled
    each time they open. `open_source` is called when the user has chosen a source. Its arguments
    are the source's text (such as a camera number, a path or an address) and the source options. If
    the options are None, the options that were given last must be used again.
    """

    def __init__(
        self,
        window: QMainWindow,
        bridge: Bridge,
        settings: Settings,
        open_source: Callable[[str, SourceOptions | None], None],
    ) -> None:
        super().__init__(window)
        self._window = window
        self._bridge = bridge
        self._settings = settings
        self._open = open_source
        self.cameras = QMenu(self.tr("&Cameras"), window)
        self.cameras.aboutToShow.connect(self._list_cameras)
        self.recent = QMenu(self.tr("&Recent"), window)
        self.recent.aboutToShow.connect(self._list_recent)
        bridge.cameras_listed.connect(self._show_cameras)

    def ask_file(self) -> None:
        """Ask the user for a video or image file, and open it as the source."""
        suffixes = " ".join(f"*{suffix}" for suffix in sorted(VIDEO_SUFFIXES | IMAGE_SUFFIXES))
        videos, everything = self.tr("Videos and images"), self.tr("All files")
        filters = f"{videos} ({suffixes});;{everything} (*)"
        name, _ = QFileDialog.getOpenFileName(self._window, self.tr("Open file"), "", filters)
        if name:
            self._open(name, None)

    def ask_folder(self) -> None:
        """Ask the user for a folder of images, and open it as the source."""
        if name := QFileDialog.getExistingDirectory(self._window, self.tr("Open folder of images")):
            self._open(name, None)

    def ask_address(self) -> None:
        """Ask the user for the address of a network camera or video, and open it as the source."""
        if address := ask_address(self._window, self._settings.recent_sources):
            self._open(address, None)

    def _list_cameras(self) -> None:
        self.cameras.clear()
        self.cameras.addAction(self.tr("Looking for cameras …")).setEnabled(False)
        # A separate thread lists the cameras, because some drivers take long to answer.
        threading.Thread(
            target=lambda: self._bridge.cameras_listed.emit(cameras()), name="cameras", daemon=True
        ).start()

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

    def _opener(self, text: str, options: SourceOptions | None) -> Callable[..., None]:
        return lambda *_: self._open(text, options)
