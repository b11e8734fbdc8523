"""From the threads of a session to the window's: Qt's queued signals."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from ssd_live.live.session import SessionEvents


class Bridge(QObject):
    """Lives in the window's thread; may be emitted from any.

    What a session tells waits for the event loop, and so for the window, which is built while
    network and source begin; only a picture that nobody waits for yet is lost.
    """

    picture = Signal()
    loading = Signal(str)
    loaded = Signal(object, object)
    load_failed = Signal(object, object)
    trouble = Signal(str)
    recorded = Signal(object)
    snapshot_saved = Signal(object, str)
    cameras_listed = Signal(object)

    _told = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._told.connect(self._pass_on, Qt.ConnectionType.QueuedConnection)

    def events(self) -> SessionEvents:
        def later(signal: Any) -> Callable[..., None]:
            return lambda *news: self._told.emit(lambda: signal.emit(*news))

        loading, loaded, failed, trouble, recorded = map(
            later, (self.loading, self.loaded, self.load_failed, self.trouble, self.recorded)
        )
        return SessionEvents(self.picture.emit, loading, loaded, failed, trouble, recorded)

    def _pass_on(self, tell: Callable[[], None]) -> None:
        tell()
