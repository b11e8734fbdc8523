"""A button that opens a camera, and shows what the camera sees."""

import logging
import threading
import time

import cv2
import numpy as np
from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QEnterEvent, QFocusEvent, QHideEvent, QIcon, QImage, QPixmap
from PySide6.QtWidgets import QPushButton, QWidget

from ssd_live.gui.theme import icon
from ssd_live.video.sources.base import SourceOptions
from ssd_live.video.sources.camera import Camera, CameraSource

# A pointer that only passes over the button does not switch the camera on.
_REST_MS = 400
_MODE = SourceOptions((640, 480), 15.0)
_SECONDS_A_PREVIEW = 0.1
PREVIEW_SIZE = QSize(96, 54)
_ICON_SIZE = QSize(20, 20)


class _Preview(QObject):
    """Reads a camera in a thread of its own, until it is told to stop.

    `image` is emitted with small images, and `ended` when the camera is closed. The thread keeps
    this object alive, so that it may outlive the button.
    """

    image = Signal(QImage)
    ended = Signal()

    def __init__(self, index: int) -> None:
        super().__init__()
        self._index = index
        self._stopped = threading.Event()

    @property
    def is_stopped(self) -> bool:
        return self._stopped.is_set()

    def start(self) -> None:
        threading.Thread(target=self._read, name="preview", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _read(self) -> None:
        try:
            with CameraSource(str(self._index), _MODE) as source:
                due = 0.0
                while not self._stopped.is_set() and (frame := source.read()) is not None:
                    if (now := time.monotonic()) >= due:
                        due = now + _SECONDS_A_PREVIEW
                        self.image.emit(_small(frame.planes[0]))
        except Exception as error:
            # Another program may use the camera, or its driver may fail. Opening it says so.
            logging.getLogger(__name__).info("no preview of camera %d: %s", self._index, error)
        finally:
            self.ended.emit()


class CameraButton(QPushButton):
    """A button for one camera.

    While the pointer rests on the button, or the button has the focus of the keyboard, the camera
    is on, and the button shows what it sees. Then the last image stays. `chosen` is emitted after a
    click, when the camera is free to be opened.
    """

    chosen = Signal()

    def __init__(self, camera: Camera, name: str, ink: QColor, parent: QWidget) -> None:
        # Qt would take a single & in a name as the mark of an access key.
        super().__init__(name.replace("&", "&&"), parent)
        self._camera = camera
        self._preview: _Preview | None = None
        self._is_chosen = self._is_wanted = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._start)
        self.setIcon(icon("camera", ink))
        self.setIconSize(_ICON_SIZE)
        self.setToolTip(self.tr("Rest the pointer here to see what the camera sees"))
        self.clicked.connect(self._choose)

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802 - Qt's name
        self._want()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        self._stop()
        super().leaveEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self._want()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        self._stop()
        super().focusOutEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        self._stop()
        super().hideEvent(event)

    def _want(self) -> None:
        self._is_wanted = True
        self._rest.start()

    def _start(self) -> None:
        if self._preview is not None or self._is_chosen:
            return
        preview = self._preview = _Preview(self._camera.index)
        preview.image.connect(self._show)
        preview.ended.connect(self._end)
        preview.start()

    def _stop(self) -> None:
        self._is_wanted = False
        self._rest.stop()
        if self._preview is not None:
            self._preview.stop()

    def _show(self, image: QImage) -> None:
        self.setIconSize(PREVIEW_SIZE)
        self.setMinimumHeight(PREVIEW_SIZE.height() + 10)
        self.setIcon(QIcon(QPixmap.fromImage(image)))

    def _end(self) -> None:
        was_stopped = self._preview is not None and self._preview.is_stopped
        self._preview = None
        if self._is_chosen:
            self._is_chosen = False
            self.chosen.emit()
        elif self._is_wanted and was_stopped:
            # The pointer came back before the camera was closed. A camera that failed is not tried
            # again until the pointer comes back.
            self._rest.start()

    def _choose(self) -> None:
        self._stop()
        # Most cameras can be opened only once at a time.
        if self._preview is None:
            self.chosen.emit()
        else:
            self._is_chosen = True


def _small(image: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> QImage:
    """Return a BGR image (H, W, 3) as an image that fits into the preview."""
    height, width = image.shape[:2]
    factor = min(PREVIEW_SIZE.width() / width, PREVIEW_SIZE.height() / height)
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    small = np.ascontiguousarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    return QImage(small.data, *size, small.strides[0], QImage.Format.Format_BGR888).copy()
