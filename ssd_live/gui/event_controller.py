"""Show the events of rules in the window."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QMainWindow

from ssd_live.analytics.rules import RuleBook
from ssd_live.errors import OutputError
from ssd_live.gui.notice import Notices
from ssd_live.live.rule_watch import RuleWatch, event_text
from ssd_live.live.session import LiveSession
from ssd_live.live.zone_watch import LiveEvent
from ssd_live.remote.network import ModelInfo, ModelRequest


class EventController(QObject):
    """Shows a notice for each event of the rules of `book`, at the first source of the session.

    Their actions are started too. A notice has a button that calls `show_folder` with the folder of
    the files. The name of the window in the task bar is marked while another window is in front.
    """

    _happened = Signal(object, object)
    _told = Signal(str)

    def __init__(
        self,
        window: QMainWindow,
        session: LiveSession,
        notice: Notices,
        book: RuleBook,
        rules_file: Path,
        show_folder: Callable[[Path], None],
    ) -> None:
        super().__init__(window)
        self._window, self._notice, self._book = window, notice, book
        self._show_folder = show_folder
        self._watch: RuleWatch | None = None
        # Other threads emit these signals, so the slots run later, in the thread of the window.
        self._happened.connect(self._show)
        self._told.connect(lambda text: self._notice.say("error", text, "actions"))
        source = session.streams[0]
        title = source.spec.title if source.spec is not None else ""
        try:
            self._watch = RuleWatch(
                session, source, title, book, rules_file, self._happened.emit, self._told.emit
            )
        except OutputError as error:
            notice.say("error", str(error), "rules")

    def check(self, request: ModelRequest, loaded: ModelInfo) -> None:
        """Say which rule names a class that the model in use does not have."""
        known = loaded.metadata.classes
        for rule in self._book.rules:
            for name in rule.classes:
                if name not in known:
                    said = self.tr("Rule {rule}: the model has no class {name}")
                    self._notice.say("error", said.format(rule=rule.name, name=name), "classes")
                    return
        self._notice.resolved("classes")

    def close(self) -> None:
        """Watch no more, and complete the files."""
        if self._watch is not None:
            self._watch.close()

    def _show(self, live_event: LiveEvent, files: list[Path]) -> None:
        if live_event.event.why_not:
            return
        button = (self.tr("Show in folder"), lambda: self._show_folder(files[0].parent))
        self._notice.say("done", event_text(live_event), "event", [button] if files else [])
        QApplication.alert(self._window)
