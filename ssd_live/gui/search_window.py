"""The window that searches the index, shows what it finds, and exports or deletes it."""

import itertools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QImage, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QMessageBox,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from ssd_live import __version__
from ssd_live.errors import UsageError
from ssd_live.gui.found_list import FoundItem, FoundList
from ssd_live.gui.index_thread import IndexThread
from ssd_live.gui.search_form import SearchForm
from ssd_live.index.database import Index
from ssd_live.index.delete import Deleted, delete_sources, delete_tracks
from ssd_live.index.export import make_selection_report, write_clips, write_csv
from ssd_live.index.query import (
    FoundTrack,
    Source,
    count,
    names,
    picture_of,
    places_of,
    search,
    search_all,
    sources,
)
from ssd_live.reporting.build import ReportOptions
from ssd_live.reporting.page import Imprint
from ssd_live.system.atomic_files import atomic_write

_PAGE = 100
# A search begins so long after the last change of the form, in milliseconds.
_SETTLE_MS = 150
_MOST_EXPORTED = 1000
_SIZE = (1000, 680)


class SearchWindow(QWidget):
    """A window that searches the index in the file `path`.

    `play_asked` is emitted with a `Source` and a time in seconds when the user wants to see an
    object in its video. `deleted` is emitted after something was deleted. Call `close_index` at the
    end.
    """

    play_asked = Signal(object, float)
    deleted = Signal()

    def __init__(self, path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(self.tr("Find again"))
        self.resize(*_SIZE)
        self._thread = IndexThread(path, self)
        # Exports take long, so that searches go on beside them.
        self._exports = IndexThread(path, self)
        self._sources: dict[int, Source] = {}
        # Answers to earlier searches are left out.
        self._number = 0
        self._form = SearchForm()
        self._list = FoundList()
        self._summary, self._state = QLabel(), QLabel()
        self._state.setWordWrap(True)
        self._state.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._show = QPushButton(self.tr("Show in the video"))
        self._export = QPushButton(self.tr("Export"))
        self._delete = QPushButton(self.tr("Delete"))
        self._make_menus()
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLE_MS)
        self._timer.timeout.connect(self.search)
        self._form.changed.connect(self._timer.start)
        self._list.more_wanted.connect(self._fetch_more)
        self._list.opened.connect(self._play)
        self._list.selectionModel().selectionChanged.connect(lambda *_: self._follow())
        self._show.clicked.connect(self._play_selected)
        for thread in (self._thread, self._exports):
            thread.failed.connect(self._fail)
            thread.noted.connect(self._state.setText)
        QShortcut(QKeySequence(Qt.Key.Key_Escape), self, self.close)
        self._follow()

    def _make_menus(self) -> None:
        export, delete = QMenu(self._export), QMenu(self._delete)
        export.addAction(self.tr("Clips…"), self._ask_clips)
        export.addAction(self.tr("Table…"), self._ask_table)
        export.addAction(self.tr("Report…"), self._ask_report)
        self._export.setMenu(export)
        self._export.setToolTip(self.tr("Export what is selected, or everything that was found"))
        self._delete_selected = delete.addAction("", self._ask_delete_selected)
        self._delete_source = delete.addAction("", self._ask_delete_sources)
        self._delete.setMenu(delete)

    def _lay_out(self) -> None:
        side = QScrollArea()
        side.setWidget(self._form)
        side.setWidgetResizable(True)
        side.setFrameShape(QScrollArea.Shape.NoFrame)
        side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        side.setFixedWidth(250)
        buttons = QHBoxLayout()
        buttons.addWidget(self._state, 1)
        for button in (self._show, self._export, self._delete):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        right = QVBoxLayout()
        right.addWidget(self._summary)
        right.addWidget(self._list, 1)
        right.addLayout(buttons)
        layout = QHBoxLayout(self)
        layout.addWidget(side)
        layout.addLayout(right, 1)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        self.search()

    def search(self) -> None:
        """Search for what the form asks for, and show it when it is there."""
        self._number += 1
        number, query = self._number, self._form.query
        self._summary.setText(self.tr("Searching …"))

        def look(index: Index) -> tuple[list[FoundItem], int, list[str], list[str], list[Source]]:
            known = sources(index)
            classes = names(index, "class")
            places = [*names(index, "zone"), *names(index, "rule")]
            try:
                total, found = count(index, query), search(index, query, _PAGE)
            except UsageError:
                # What was chosen is not there any more.
                total, found = 0, []
            return _items(index, found, known), total, classes, places, known

        self._thread.run(look, lambda answer: self._found(number, *answer))

    def close_index(self) -> None:
        """End the threads."""
        self._thread.close()
        self._exports.close()

    def _found(
        self,
        number: int,
        items: list[FoundItem],
        total: int,
        classes: list[str],
        places: list[str],
        known: list[Source],
    ) -> None:
        self._sources = {source.number: source for source in known}
        self._form.offer(classes, places, known)
        if number != self._number:
            return
        self._list.show_found(items, total)
        if not known:
            self._summary.setText(
                self.tr(
                    "Nothing is here yet. What a recording shows while objects are followed (T) is "
                    "found here, and what you add with: ssd-live index add"
                )
            )
        else:
            self._summary.setText(self.tr("%n object(s) found", "", total))
        self._follow()

    def _fetch_more(self) -> None:
        number, query, after = self._number, self._form.query, self._list.last

        def look(index: Index) -> list[FoundItem]:
            return _items(index, search(index, query, _PAGE, after), list(self._sources.values()))

        def show(items: list[FoundItem]) -> None:
            if number == self._number:
                self._list.add_found(items)

        self._thread.run(look, show)

    def _follow(self) -> None:
        selected = self._list.selected
        self._show.setEnabled(len(selected) == 1)
        self._export.setEnabled(self._list.last is not None)
        self._delete.setEnabled(bool(selected))
        self._delete_selected.setText(self.tr("%n selected object(s)…", "", len(selected)))
        numbers = {track.source for track in selected}
        self._delete_source.setText(self.tr("%n whole recording(s)…", "", len(numbers)))

    # Seeing it.

    def _play_selected(self) -> None:
        self._play(self._list.selected[0])

    def _play(self, track: FoundTrack) -> None:
        source = self._sources.get(track.source)
        if source is None or source.playable is None:
            self._state.setText(self.tr("The video is not there any more"))
            return
        self._state.clear()
        self.play_asked.emit(source, track.begin)

    # Export.

    def _ask_clips(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Folder for the clips"))
        if folder:
            self.export_clips(Path(folder))

    def export_clips(self, folder: Path) -> None:
        """Write a clip of each selected object, or of all that were found, to a folder."""

        def write(index: Index, found: list[FoundTrack]) -> str:
            written, failures = write_clips(index, found, folder)
            text = self.tr("%n clip(s) written", "", written)
            return "; ".join([text, *failures[:1]])

        self._run_export(write)

    def _ask_table(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, self.tr("Table of the objects"), "found.csv", self.tr("CSV (*.csv)")
        )
        if path:
            self.export_table(Path(path))

    def export_table(self, path: Path) -> None:
        """Write a row for each object to a CSV file."""
        self._run_export(
            lambda index, found: self.tr("%n row(s) written", "", write_csv(index, found, path))
        )

    def _ask_report(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, self.tr("Report of the objects"), "found.html", self.tr("HTML (*.html)")
        )
        if path:
            self.export_report(Path(path))

    def export_report(self, path: Path) -> None:
        """Write an HTML page of the objects."""

        def write(index: Index, found: list[FoundTrack]) -> str:
            options = ReportOptions(Imprint(datetime.now().astimezone(), __version__))
            text = make_selection_report(index, found, options, lambda _: None)
            with atomic_write(path) as file:
                file.write(text.encode())
            return self.tr("Report written")

        self._run_export(write)

    def _run_export(self, write: Callable[[Index, list[FoundTrack]], str]) -> None:
        selected, query = self._list.selected, self._form.query
        self._state.setText(self.tr("Exporting …"))

        def work(index: Index) -> str:
            found = selected or list(itertools.islice(search_all(index, query), _MOST_EXPORTED))
            return write(index, found)

        self._exports.run(work, self._state.setText)

    # Deletion.

    def _ask_delete_selected(self) -> None:
        rows = [track.row for track in self._list.selected]
        question = self.tr(
            "Delete %n object(s) with their pictures? They stay in the videos.", "", len(rows)
        )
        if self._is_sure(question):
            self.delete_tracks(rows)

    def delete_tracks(self, rows: list[int]) -> None:
        """Delete objects from the index; the videos stay."""
        self._thread.run(lambda index: delete_tracks(index, rows), self._deleted)

    def _ask_delete_sources(self) -> None:
        numbers = sorted({track.source for track in self._list.selected})
        question = self.tr(
            "Delete %n recording(s), with everything that was found in them, and the files that "
            "the program recorded?",
            "",
            len(numbers),
        )
        if self._is_sure(question):
            self.delete_sources(numbers)

    def delete_sources(self, numbers: list[int]) -> None:
        """Delete whole recordings with their files."""
        self._thread.run(lambda index: delete_sources(index, numbers, files=True), self._deleted)

    def _is_sure(self, question: str) -> bool:
        box = QMessageBox(QMessageBox.Icon.Question, self.tr("Delete"), question, parent=self)
        delete = box.addButton(self.tr("Delete"), QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(self.tr("Keep"), QMessageBox.ButtonRole.RejectRole))
        box.exec()
        return box.clickedButton() is delete

    def _deleted(self, what: Deleted) -> None:
        self._state.setText(
            self.tr(
                "Deleted: {tracks} objects, {pictures} pictures, {files} files; {size} MB freed"
            ).format(
                tracks=what.tracks,
                pictures=what.pictures,
                files=what.files,
                size=f"{what.bytes_freed / 1e6:.1f}",
            )
        )
        self.search()
        self.deleted.emit()

    def _fail(self, text: str) -> None:
        self._state.setText(text)
        self._summary.clear()


def _items(index: Index, found: list[FoundTrack], known: list[Source]) -> list[FoundItem]:
    by_number = {source.number: source.name for source in known}
    items = []
    for track in found:
        jpeg = picture_of(index, track.row)
        picture = None if jpeg is None else QImage.fromData(jpeg)
        places = tuple(places_of(index, track.row))
        items.append(FoundItem(track, picture, by_number.get(track.source, ""), places))
    return items
