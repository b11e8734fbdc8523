"""From the threads of a session to the window's: Qt's queued signals."""

from PySide6.QtCore import QObject, Signal

from ssd_live.errors import SsdLiveError
from ssd_live.inference.remote import Loaded, Wish
from ssd_live.live.recorder import Recorded
from ssd_live.live.session import SessionEvents


class Bridge(QObject):
    """Lives in the window's thread; may be emitted from any."""

    picture = Signal()
    loading = Signal(str)
    loaded = Signal(object, object)
    load_failed = Signal(object, object)
    trouble = Signal(str)
    recorded = Signal(object)
    snapshot_saved = Signal(object, str)
    cameras_listed = Signal(object)

    def events(self) -> SessionEvents:
        def loaded(wish: Wish, loaded: Loaded) -> None:
            self.loaded.emit(wish, loaded)

        def failed(wish: Wish, error: SsdLiveError) -> None:
            self.load_failed.emit(wish, error)

        def recorded(ended: Recorded) -> None:
            self.recorded.emit(ended)

        return SessionEvents(self.picture.emit, self.loading.emit, loaded, failed, self.trouble.emit, recorded)
