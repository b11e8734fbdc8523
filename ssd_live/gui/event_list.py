"""The list of events, each with a picture, the newest first."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QListView, QWidget

from ssd_live.analytics.rules import WhyNot
from ssd_live.gui.picture_rows import ITEM_ROLE, PictureModel, PictureRow, PictureRows
from ssd_live.gui.transport import clock
from ssd_live.imaging.pixels import Pixels


@dataclass(frozen=True, eq=False)
class EventEntry:
    """An event in the list; `number` counts from 1.

    `time` is in seconds of the source, and `clock` its time of day in seconds since 1970, or None
    if the rules were only tried on a file. `who` is the object, or how many. If `why_not` is not
    "", it was suppressed. `files` are those that its actions write.
    """

    number: int
    rule: str
    zone: str
    who: str
    time: float
    clock: float | None
    why_not: WhyNot = ""
    picture: Pixels | None = None
    files: Sequence[Path] = ()


class _Events(PictureModel):
    """The events. The times are positions in the source if `is_file`."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.is_file = False
        self.colours: dict[str, QColor] = {}

    def row_of(self, item: EventEntry) -> PictureRow:
        if self.is_file or item.clock is None:
            when = clock(item.time, tenths=True)
        else:
            when = time.strftime("%X", time.localtime(item.clock))
        reason = {
            "": "",
            "hours": self.tr("not at this hour"),
            "day": self.tr("not on this day"),
            "pause": self.tr("too soon after the last"),
        }[item.why_not]
        text = f"{when} · {item.who}" if item.who else when
        if item.clock is None:
            text += " · " + self.tr("tried")
        return PictureRow(
            item.rule,
            f"{text} · {reason}" if reason else text,
            item.picture,
            (item.number, 1.0),
            self.colours.get(item.zone, QColor("#888888")),
            is_bold=not item.why_not,
            mark="📎" if item.files else "",
        )


class EventList(QListView):
    """A list of events. `chosen` is emitted with the `EventEntry` that the user double-clicks."""

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._events = _Events(self)
        self.setModel(self._events)
        self._rows = PictureRows(self)
        self.setItemDelegate(self._rows)
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName(self.tr("Events"))
        self.setToolTip(
            self.tr("A double click goes to the event in a file, or shows the files that it wrote")
        )
        self.activated.connect(lambda index: self.chosen.emit(index.data(ITEM_ROLE)))

    def show_events(
        self, events: Sequence[EventEntry], colours: dict[str, QColor], *, is_file: bool
    ) -> None:
        """Show events, the newest first; `colours` are those of the zones by name."""
        self._events.colours, self._events.is_file = colours, is_file
        numbers = [event.number for event in events]
        self._events.show_items(events, numbers)
        self._rows.keep_only(set(numbers))
