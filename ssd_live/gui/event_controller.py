"""Connect the rules of the window with the sources that are watched, and show their events."""

import queue
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QMainWindow

from ssd_live.analytics.action_plans import ActionPlan, FileLimits
from ssd_live.analytics.rules import Rule, RuleBook, WhyNot, fitting
from ssd_live.analytics.zones import Zone
from ssd_live.closing import Closing
from ssd_live.errors import SsdLiveError
from ssd_live.gui.event_list import EventEntry
from ssd_live.gui.event_panel import EventPanel
from ssd_live.gui.grid import VideoGrid
from ssd_live.gui.notice import Notices
from ssd_live.gui.playback import Playback
from ssd_live.gui.rule_dialog import RuleDialog
from ssd_live.gui.rule_trial import RuleTrial
from ssd_live.imaging.crops import crop
from ssd_live.live.rule_store import load_rules, rules_path, save_rules
from ssd_live.live.rule_watch import RuleWatch, event_text
from ssd_live.live.session import LiveSession
from ssd_live.live.source import LiveSource
from ssd_live.live.zone_watch import PICTURE_PIXELS, LiveEvent
from ssd_live.remote.network import ModelInfo, ModelRequest
from ssd_live.video.sources import SourceSpec

# So many events of a source are listed, the newest ones.
MOST_EVENTS = 500
# Who looks at an event in a file sees what led to it.
_BEFORE_SECONDS = 1.0
_CLOSE_SECONDS = 5.0


@dataclass(eq=False)
class _Watched:
    """A source with its rules. `path` is their file; `zones` are those that they were fitted to."""

    spec: SourceSpec | None
    book: RuleBook = field(default_factory=RuleBook)
    path: Path = field(default_factory=Path)
    zones: tuple[Zone, ...] = ()
    events: deque[EventEntry] = field(default_factory=lambda: deque(maxlen=MOST_EVENTS))

    @property
    def working(self) -> tuple[Rule, ...]:
        """The rules whose zones are there."""
        return fitting(self.book.rules, self.zones)


class _Watches(Closing):
    """The rules that are watched, begun and ended in a thread, because ending may take seconds."""

    def __init__(self) -> None:
        self._orders: queue.Queue[tuple[LiveSource, Callable[[], RuleWatch | None]] | None]
        self._orders = queue.Queue()
        self._thread: threading.Thread | None = None

    def replace(self, source: LiveSource, begin: Callable[[], RuleWatch | None]) -> None:
        """End the watch of a source, and begin the one that `begin` returns, if any."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="rules", daemon=True)
            self._thread.start()
        self._orders.put((source, begin))

    def close(self) -> None:
        """End all watches, and wait at most five seconds for that."""
        if self._thread is not None:
            self._orders.put(None)
            self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        watches: dict[LiveSource, RuleWatch] = {}
        while (order := self._orders.get()) is not None:
            source, begin = order
            if source in watches:
                watches.pop(source).close()
            watch = begin()
            if watch is not None:
                watches[source] = watch
        for watch in watches.values():
            watch.close()


class EventController(QObject):
    """The rules of all sources of the window, and their events.

    The rules are loaded when a source is opened, and stored when the user changes them. `given` has
    the rules of the command line with their file, for the first source; they are stored in that
    file. A notice tells each event, and the name of the window in the task bar is marked while
    another window is in front. `show_folder` shows the folder of the files of an event,
    `output_folder` returns where files are written otherwise, and `process_options` the arguments
    of `process` for the model in use.
    """

    _happened = Signal(object, object, str)
    _told = Signal(str)

    def __init__(
        self,
        window: QMainWindow,
        session: LiveSession,
        grid: VideoGrid,
        notice: Notices,
        playback: Playback,
        panel: EventPanel,
        given: tuple[RuleBook, Path] | None,
        show_folder: Callable[[Path], None],
        output_folder: Callable[[], Path],
        process_options: Callable[[], list[str]],
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._grid = window, session, grid
        self._notice, self._playback, self._panel = notice, playback, panel
        self._given = given
        self._show_folder, self._output_folder = show_folder, output_folder
        self._process_options = process_options
        self._watched: dict[LiveSource, _Watched] = {}
        self._watches = _Watches()
        self._trial = RuleTrial(self)
        self._tried: _Watched | None = None
        self._number = 0
        # Other threads emit these signals, so the slots run later, in the thread of the window.
        queued = Qt.ConnectionType.QueuedConnection
        self._happened.connect(self._show, queued)
        self._told.connect(lambda text: self._notice.say("error", text, "actions"), queued)
        self._trial.ended.connect(self._show_trial)
        panel.add_asked.connect(lambda: self._ask(-1))
        panel.edit_asked.connect(self._ask)
        panel.delete_asked.connect(self._delete)
        panel.trial_asked.connect(self.try_rules)
        panel.event_chosen.connect(self._go_to)

    def follow(self) -> None:
        """Watch by the rules of the sources that are open, and show them. Call it regularly."""
        streams = [view.stream for view in self._grid.views]
        for gone in self._watched.keys() - set(streams):
            del self._watched[gone]
            self._watches.replace(gone, lambda: None)
        for stream in streams:
            watched = self._watched.get(stream)
            if watched is None or watched.spec != stream.spec:
                had_rules = watched is not None and bool(watched.book.rules)
                watched = self._watched[stream] = self._loaded(stream.spec)
                watched.zones = stream.zone_watch.zones
                if had_rules or watched.book.rules:
                    self._restart(stream)
            elif watched.zones != stream.zone_watch.zones:
                self._zones_changed(stream, watched)
        if self._panel.isVisible():
            self._show_selected()

    def check(self, request: ModelRequest, loaded: ModelInfo) -> None:
        """Say which rule names a class that the model in use does not have."""
        known = loaded.metadata.classes
        for watched in self._watched.values():
            for rule in watched.book.rules:
                for name in rule.classes:
                    if name not in known:
                        said = self.tr("Rule {rule}: the model has no class {name}")
                        text = said.format(rule=rule.name, name=name)
                        self._notice.say("error", text, "classes")
                        return
        self._notice.resolved("classes")

    def close(self) -> None:
        """Watch no more, and complete the files."""
        self._trial.kill()
        self._watches.close()

    @property
    def _selected(self) -> _Watched | None:
        return self._watched.get(self._session.stream)

    def _loaded(self, spec: SourceSpec | None) -> _Watched:
        if spec is None:
            return _Watched(None)
        if self._given is not None:
            (book, path), self._given = self._given, None
            return _Watched(spec, book, path)
        book, message = load_rules(spec)
        if message:
            self._notice.say("error", message, "rules")
        return _Watched(spec, book, rules_path(spec))

    def _restart(self, stream: LiveSource) -> None:
        """Watch a source by its rules as they are now."""
        watched = self._watched[stream]
        rules, plan, path = watched.working, watched.book.plan, watched.path
        title = watched.spec.title if watched.spec is not None else ""

        def note(live_event: LiveEvent, files: list[Path]) -> None:
            self._note(stream, live_event, files)

        def begin() -> RuleWatch | None:
            if not rules:
                return None
            book = RuleBook(rules, plan)
            try:
                return RuleWatch(self._session, stream, title, book, path, note, self._told.emit)
            except SsdLiveError as error:
                self._told.emit(str(error))
                return None

        self._watches.replace(stream, begin)

    def _zones_changed(self, stream: LiveSource, watched: _Watched) -> None:
        before, watched.zones = watched.zones, stream.zone_watch.zones
        renamed = _renamed(before, watched.zones)
        if renamed is not None and any(its.zone == renamed[0] for its in watched.book.rules):
            old, new = renamed
            rules = tuple(
                replace(its, zone=new) if its.zone == old else its for its in watched.book.rules
            )
            self._change(stream, replace(watched.book, rules=rules))
        elif watched.book.rules:
            self._restart(stream)

    def _change(self, stream: LiveSource, book: RuleBook) -> None:
        """Use other rules for a source, and store them."""
        watched = self._watched[stream]
        watched.book = book
        self._restart(stream)
        if watched.spec is None:
            return
        try:
            save_rules(book, watched.path, is_own=watched.path == rules_path(watched.spec))
        except (SsdLiveError, OSError) as error:
            self._notice.say("error", str(error), "rules")

    # Events.

    def _note(self, stream: LiveSource, live_event: LiveEvent, files: list[Path]) -> None:
        """Take what the list shows out of an event. The infer thread calls this."""
        event, frame = live_event.event, live_event.live_frame.frame
        its = next((one for one in live_event.visible if one.track_id == event.track_id), None)
        box = (0.0, 0.0, float(frame.width), float(frame.height)) if its is None else its.box
        entry = EventEntry(
            0,
            event.rule,
            event.zone,
            _who(event.class_name, event.track_id, event.number),
            event.time,
            live_event.clock,
            event.why_not,
            crop(frame, box, PICTURE_PIXELS),
            files,
        )
        self._happened.emit(stream, entry, "" if event.why_not else event_text(live_event))

    def _show(self, stream: LiveSource, entry: EventEntry, text: str) -> None:
        watched = self._watched.get(stream)
        if watched is not None:
            self._add(watched, entry)
        if not text:
            return
        button = (self.tr("Show in folder"), lambda: self._show_folder(entry.files[0].parent))
        self._notice.say("done", text, "event", [button] if entry.files else [])
        QApplication.alert(self._window)

    def _add(self, watched: _Watched, entry: EventEntry) -> None:
        self._number += 1
        watched.events.append(replace(entry, number=self._number))

    def _show_selected(self) -> None:
        """Show the rules and events of the selected source in the panel."""
        watched = self._selected
        if watched is None:
            return
        if watched is not self._tried:
            self._panel.show_result("")
        zones = [zone for zone in watched.zones if zone.kind != "mask"]
        self._panel.show_rules(
            watched.book.rules,
            [rule.name for rule in watched.working],
            has_zones=bool(zones),
            can_try=self._file is not None and not self._trial.is_running,
            is_tracking=self._session.tracks_objects,
        )
        colours = {zone.name: QColor(zone.colour) for zone in zones}
        self._panel.show_events(
            list(reversed(watched.events)), colours, is_file=self._file is not None
        )

    @property
    def _file(self) -> Path | None:
        """The video file that the selected source plays, or None."""
        state = self._session.pipeline.state
        is_file = state is not None and state.spec.kind == "file"
        if state is None or not is_file or state.info is None or state.info.duration is None:
            return None
        return Path(state.spec.address)

    def _go_to(self, entry: EventEntry) -> None:
        """Go to an event in a file, or show the files that it wrote."""
        if self._file is not None:
            self._playback.seek(max(entry.time - _BEFORE_SECONDS, 0.0))
        elif entry.files:
            self._show_folder(entry.files[0].parent)

    # Rules.

    def _ask(self, row: int) -> None:
        """Ask the user for a new rule (-1), or for changes of one."""
        watched, loaded = self._selected, self._session.loaded
        if watched is None or not any(zone.kind != "mask" for zone in watched.zones):
            return
        classes = loaded.metadata.classes if loaded else ()
        book, stream = watched.book, self._session.stream
        if not book.rules and not book.plan.actions:
            # Files do not lie beside the rules, in the folder of the settings.
            folder = str(self._output_folder() / "events")
            book = RuleBook((), ActionPlan((), FileLimits(folder)))
        dialog = RuleDialog(book, row, watched.zones, classes, self._window)
        if dialog.exec():
            self._change(stream, dialog.book)
            self._show_selected()

    def _delete(self, row: int) -> None:
        watched = self._selected
        if watched is None or not 0 <= row < len(watched.book.rules):
            return
        rules = (*watched.book.rules[:row], *watched.book.rules[row + 1 :])
        used = {name for rule in rules for name in rule.do}
        gone = set(watched.book.rules[row].do) - used
        plan = watched.book.plan
        kept = tuple(action for action in plan.actions if action.name not in gone)
        self._change(self._session.stream, RuleBook(rules, replace(plan, actions=kept)))
        self._show_selected()

    # Trials.

    def try_rules(self) -> None:
        """Try the rules of the selected source on the whole file that it plays."""
        watched, file = self._selected, self._file
        if watched is None or file is None or self._trial.is_running:
            return
        self._tried = watched
        self._panel.show_result(self.tr("Trying the rules on the whole file …"))
        book = RuleBook(watched.working, ActionPlan())
        book = replace(book, rules=tuple(replace(rule, do=()) for rule in book.rules))
        self._trial.start(file, watched.zones, book, self._process_options())
        self._show_selected()

    def _show_trial(self, rows: list[dict[str, str]], message: str) -> None:
        watched = self._tried
        if message or watched is None:
            self._panel.show_result(message)
            return
        kept = [event for event in watched.events if event.clock is not None]
        watched.events.clear()
        watched.events.extend(kept)
        fired: Counter[str] = Counter()
        for row in rows:
            self._add(watched, _tried_entry(row))
            fired[row["rule"]] += not row["suppressed"]
        lines = [
            f"{rule.name}: " + self.tr("would have fired %n time(s)", "", fired[rule.name])
            for rule in watched.working
        ]
        self._panel.show_result("\n".join(lines))
        self._show_selected()


def _tried_entry(row: dict[str, str]) -> EventEntry:
    who = _who(row["class"], int(row["track_id"]), int(row["number"]))
    why_not = cast(WhyNot, row["suppressed"])
    return EventEntry(0, row["rule"], row["zone"], who, float(row["time"]), None, why_not)


def _who(class_name: str, track_id: int, number: int) -> str:
    return f"{class_name} #{track_id}" if track_id else f"{number} × {class_name or '?'}"


def _renamed(before: tuple[Zone, ...], after: tuple[Zone, ...]) -> tuple[str, str] | None:
    """Return the old and the new name of the one zone that was renamed, or None."""
    if len(before) != len(after):
        return None
    changed = [
        (one.name, other.name)
        for one, other in zip(before, after, strict=True)
        if one.name != other.name
    ]
    return changed[0] if len(changed) == 1 else None
