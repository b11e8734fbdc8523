"""Connect the zones that are drawn in the window with the sources that count at them."""

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QMainWindow

from ssd_live.analytics.counting import CountRecord
from ssd_live.analytics.zones import Zone, read_zones, write_zones
from ssd_live.errors import SsdLiveError
from ssd_live.gui.grid import VideoGrid
from ssd_live.gui.notice import Notices
from ssd_live.gui.playback import Playback
from ssd_live.gui.view import VideoView
from ssd_live.gui.zone_panel import ZonePanel
from ssd_live.live.session import LiveSession
from ssd_live.live.source import LiveSource
from ssd_live.live.zone_store import load_zones, save_zones
from ssd_live.live.zone_watch import LiveCount
from ssd_live.results.counts import COLUMNS, count_dict, count_row
from ssd_live.results.growing_table import clock_text
from ssd_live.results.records import write_table
from ssd_live.video.sources import SourceSpec

# Who clicks on a count of a file sees what led to it.
_BEFORE_SECONDS = 1.0
_VERDICTS = {"": "", "right": "confirmed", "wrong": "struck", "added": "added"}


class ZoneController(QObject):
    """The zones of all sources of the window.

    They are loaded when a source is opened, and stored when the user changes them. Objects are
    tracked while there are zones; `begin_tracking` of the window is called for that.
    """

    def __init__(
        self,
        window: QMainWindow,
        session: LiveSession,
        grid: VideoGrid,
        notice: Notices,
        playback: Playback,
        panel: ZonePanel,
        given: tuple[Zone, ...] | None,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._session = session
        self._grid = grid
        self._notice = notice
        self._playback = playback
        self._panel = panel
        # The zones of the command line, for the first source.
        self._given = given
        self._specs: dict[LiveSource, SourceSpec | None] = {}
        self.begin_tracking: Callable[[], None] = lambda: None
        for view in grid.views:
            self.watch(view)
        grid.added.connect(self.watch)
        grid.chosen.connect(self.show_selected)
        panel.import_asked.connect(self._ask_import)
        panel.export_asked.connect(self._ask_export)
        panel.table_asked.connect(self._ask_table)
        panel.judged.connect(lambda *said: self._session.stream.zone_watch.judge(*said))
        panel.count_chosen.connect(self._go_to)
        panel.missed.connect(self._add_missed)
        self.show_selected()

    def watch(self, view: VideoView) -> None:
        """Use and store the zones that are drawn in a view."""
        view.zones.edited.connect(lambda zones: self._edited(view, zones))
        view.zones.refused.connect(lambda text: self._notice.say("error", text, "zones"))

    def edit(self, on: bool) -> None:
        """Let the mouse draw and move zones in the selected view, or no more."""
        for view in self._grid.views:
            view.zones.is_on = on and view is self._grid.view
            if not view.zones.is_on:
                view.zones.cancel_drawing()
            view.update()

    def show_selected(self) -> None:
        """Show the zones of the selected view in the panel."""
        self._panel.show_editor(self._grid.view.zones)
        self.edit(self._panel.isVisible())

    def follow(self) -> None:
        """Load the zones of sources that were opened, and show the counts. Call it regularly."""
        for view in self._grid.views:
            spec = view.stream.spec
            if self._specs.get(view.stream) != spec:
                self._specs[view.stream] = spec
                self._load(view, spec)
            if view.stream.zone_watch.zones:
                view.show_zone_counts(view.stream.zone_watch.totals())
        if not self._panel.isVisible():
            return
        watch, loaded = self._session.stream.zone_watch, self._session.loaded
        self._panel.show_classes(loaded.metadata.classes if loaded else ())
        self._panel.show_counts(
            watch.totals(), watch.newest_first(), watch.audit(), is_file=self._is_file
        )

    @property
    def _is_file(self) -> bool:
        state = self._session.pipeline.state
        return state is not None and state.info is not None and state.info.duration is not None

    def _load(self, view: VideoView, spec: SourceSpec | None) -> None:
        zones, message = ((), "") if spec is None else load_zones(spec)
        if self._given is not None and spec is not None:
            zones, self._given = self._given, None
        if message:
            self._notice.say("error", message, "zones")
        view.zones.load(zones)
        view.stream.set_zones(zones)
        if zones:
            self.begin_tracking()
        view.show_zone_counts(view.stream.zone_watch.totals())

    def _edited(self, view: VideoView, zones: tuple[Zone, ...]) -> None:
        view.stream.set_zones(zones)
        view.show_zone_counts(view.stream.zone_watch.totals())
        if zones:
            self.begin_tracking()
        spec = view.stream.spec
        if spec is None:
            return
        try:
            save_zones(spec, zones)
        except (SsdLiveError, OSError) as error:
            self._notice.say("error", str(error), "zones")

    # Counts.

    def _go_to(self, count: LiveCount) -> None:
        if self._is_file:
            self._playback.seek(max(count.record.time - _BEFORE_SECONDS, 0.0))

    def _add_missed(self, zone: Zone, what: str, class_name: str) -> None:
        state = self._session.pipeline.state
        position = state.position if state else 0.0
        is_line = zone.kind == "line"
        record = CountRecord(
            "crossed" if is_line else what,  # type: ignore[arg-type]
            zone.name,
            position,
            0,
            class_name,
            (0.0, 0.0, 0.0, 0.0),
            position,
            what if is_line else "",  # type: ignore[arg-type]
        )
        self._session.stream.zone_watch.add(record, time.time())

    # Files.

    def _ask_import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self._window, self.tr("Import zones"), "", self.tr("Zones (*.json)")
        )
        if path:
            self.import_zones(Path(path))

    def import_zones(self, path: Path) -> None:
        """Use the zones of a file in the selected view; this can be undone."""
        try:
            self._grid.view.zones.replace_all(read_zones(path))
        except SsdLiveError as error:
            self._notice.say("error", str(error), "zones")

    def _ask_export(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self._window, self.tr("Export zones"), "zones.json", self.tr("Zones (*.json)")
        )
        if path:
            self._write(lambda: write_zones(self._grid.view.zones.zones, Path(path)), Path(path))

    def _ask_table(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self._window, self.tr("Write the table of counts"), "counts.csv", self.tr("CSV (*.csv)")
        )
        if path:
            self._write(lambda: self.write_table(Path(path)), Path(path))

    def _write(self, write: Callable[[], None], path: Path) -> None:
        try:
            write()
        except (SsdLiveError, OSError) as error:
            self._notice.say("error", str(error), "zones")
        else:
            self._notice.say("done", self.tr("Written: {path}").format(path=path.name), "zones")

    def write_table(self, path: Path) -> None:
        """Write the counts of the selected source, with the verdicts, to a CSV file.

        Raises `OutputError` if the file cannot be written.
        """
        stream = self._session.stream
        title = stream.spec.title if stream.spec else ""
        rows = (
            (
                *count_row(title, count_dict(count.record)),
                clock_text(count.clock),
                _VERDICTS[count.verdict],
            )
            for count in reversed(stream.zone_watch.newest_first())
        )
        write_table(path, (*COLUMNS, "clock", "verdict"), rows)
