"""The list of counts, each with a picture, which a person checks."""

import time

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent
from PySide6.QtWidgets import QListView, QWidget

from ssd_live.gui.picture_rows import ITEM_ROLE, PictureModel, PictureRow, PictureRows
from ssd_live.gui.transport import clock
from ssd_live.live.zone_watch import LiveCount, Verdict

_MARKS: dict[Verdict, tuple[str, QColor | None]] = {
    "": ("", None),
    "right": ("✓", QColor("#16a34a")),
    "wrong": ("✗", QColor("#dc2626")),
    "added": ("+", QColor("#2563eb")),
}


class _Counts(PictureModel):
    """The counts, the newest first. `colours` are those of the zones by name."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.colours: dict[str, QColor] = {}
        self.is_file = False

    def row_of(self, item: LiveCount) -> PictureRow:
        record = item.record
        what = {
            "in": self.tr("in"),
            "out": self.tr("out"),
            "entered": self.tr("entered"),
            "left": self.tr("left after {seconds} s").format(seconds=f"{record.seconds:.1f}"),
        }[record.direction or record.kind]
        if self.is_file:
            when = clock(record.time, tenths=True)
        else:
            when = time.strftime("%X", time.localtime(item.clock))
        who = f"{record.class_name} #{record.track_id}" if record.track_id else record.class_name
        mark, mark_colour = _MARKS[item.verdict]
        return PictureRow(
            f"{record.zone}: {what}",
            f"{who} · {when}",
            item.picture,
            (item.number, 1.0),
            self.colours.get(record.zone, QColor("#888888")),
            is_bold=not item.verdict,
            mark=mark,
            mark_colour=mark_colour,
        )


class CountList(QListView):
    """A list of counts, the newest first.

    `judged` is emitted with the number of a count and the verdict on it, and `chosen` with the
    `LiveCount` that the user double-clicks. The keys Y and Enter say that a count is right, X and
    Delete that it is wrong; then the next older one is selected.
    """

    judged = Signal(int, str)
    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts = _Counts(self)
        self.setModel(self._counts)
        self._rows = PictureRows(self)
        self.setItemDelegate(self._rows)
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName(self.tr("Counts"))
        self.setToolTip(
            self.tr("Y: this count is right; X: it is wrong; in a file, a double click goes there")
        )
        self.doubleClicked.connect(lambda index: self.chosen.emit(index.data(ITEM_ROLE)))

    def show_counts(
        self, counts: list[LiveCount], colours: dict[str, QColor], *, is_file: bool
    ) -> None:
        """Show counts; `colours` are those of the zones by name.

        The times are positions in the source if `is_file`, and times of day otherwise.
        """
        self._counts.colours, self._counts.is_file = colours, is_file
        numbers = [count.number for count in counts]
        self._counts.show_items(counts, numbers)
        self._rows.keep_only(set(numbers))

    @property
    def current(self) -> LiveCount | None:
        """The selected count, or None."""
        index = self.currentIndex()
        count: LiveCount | None = index.data(ITEM_ROLE) if index.isValid() else None
        return count

    def judge(self, verdict: Verdict) -> None:
        """Judge the selected count, and select the next older one."""
        count = self.current
        if count is None:
            return
        self.judged.emit(count.number, verdict)
        row = min(self.currentIndex().row() + 1, self._counts.rowCount() - 1)
        self.setCurrentIndex(self._counts.index(row))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in (Qt.Key.Key_Y, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.judge("right")
        elif event.key() in (Qt.Key.Key_X, Qt.Key.Key_Delete):
            self.judge("wrong")
        else:
            super().keyPressEvent(event)
