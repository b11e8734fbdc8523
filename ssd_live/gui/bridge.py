"""Qt signals that carry the events of a session from its threads to the thread of the window."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from ssd_live.live.session import SessionEvents


class Bridge(QObject):
    """A set of Qt signals that any thread may emit; the slots run in the thread of the window.

    The session starts to load the model and to open the sources before the window exists. Its
    events wait in the queue of the event loop until the window is built. Only `picture` is emitted
    at once, so it is lost while nothing is connected to it.

    The signals and their values are:
    - `picture`: no value; a new frame is ready to be fetched.
    - `loading`: a line of text about the progress of loading a model.
    - `loaded`: the `ModelRequest` and the `ModelInfo` of the model that is now in use.
    - `load_failed`: the `ModelRequest` of a model that could not be loaded, and the `SsdLiveError`.
    - `error`: an error message.
    - `recorded`: a `Recorded`, the result of a recording that has ended.
    - `snapshot_saved`: the path, and an error message that is empty on success.
    - `cameras_listed`: a list of `Camera`, the cameras that were found.
    - `windows_listed`: a list of texts, the titles of the windows of other programs.
    """

    picture = Signal()
    loading = Signal(str)
    loaded = Signal(object, object)
    load_failed = Signal(object, object)
    error = Signal(str)
    recorded = Signal(object)
    snapshot_saved = Signal(object, str)
    cameras_listed = Signal(object)
    windows_listed = Signal(object)

    _told = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._told.connect(self._pass_on, Qt.ConnectionType.QueuedConnection)

    def events(self) -> SessionEvents:
        """Return the callbacks for a session. Each callback emits the signal of the same name.

        The callback for `picture` emits the signal at once, in the thread that calls it. All other
        signals are emitted later, by the event loop of the window.
        """

        def later(signal: Any) -> Callable[..., None]:
            return lambda *news: self._told.emit(lambda: signal.emit(*news))

        loading, loaded, failed, error, recorded = map(
            later, (self.loading, self.loaded, self.load_failed, self.error, self.recorded)
        )
        return SessionEvents(self.picture.emit, loading, loaded, failed, error, recorded)

    def _pass_on(self, tell: Callable[[], None]) -> None:
        tell()
