"""The panel that lists the objects that were followed, each with a picture and its times."""

import time
from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QListView, QVBoxLayout, QWidget

from ssd_live.gui.picture_rows import ITEM_ROLE, PictureModel, PictureRow, PictureRows
from ssd_live.gui.transport import clock
from ssd_live.imaging.overlay import class_colour
from ssd_live.live.seen_objects import SeenObject

# An object is here if it was shown in the last frame, or shortly before it.
_HERE_SECONDS = 0.3
# How opaque the colour of an object is that is not here, of 255.
_GONE_ALPHA = 90


class _Objects(PictureModel):
    """The objects, the newest first."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._now = 0.0
        self._is_file = False

    def row_of(self, item: SeenObject) -> PictureRow:
        is_here = self.is_here(item)
        blue, green, red = class_colour(item.name)
        return PictureRow(
            f"{item.name} #{item.track_id}",
            self._times(item),
            item.picture,
            (item.track_id, item.picture_worth),
            QColor(red, green, blue, 255 if is_here else _GONE_ALPHA),
            is_here,
        )

    def is_here(self, its: SeenObject) -> bool:
        """Return whether the object is in the picture now."""
        return abs(self._now - its.last) <= _HERE_SECONDS

    def _times(self, its: SeenObject) -> str:
        """Return when the object was seen, and for how long."""
        if self._is_file:
            times = f"{clock(its.first, tenths=True)} – {clock(its.last, tenths=True)}"
        else:
            first, last = (
                time.strftime("%X", time.localtime(its.first_clock + seconds))
                for seconds in (0.0, its.seconds)
            )
            times = f"{first} – {last}"
        seconds = self.tr("{seconds} s").format(seconds=f"{its.seconds:.1f}")
        return f"{times} · {seconds}"

    def show(self, objects: Sequence[SeenObject], now: float, *, is_file: bool) -> None:
        """Show these objects at the time `now` of the last frame."""
        self._now, self._is_file = now, is_file
        self.show_items(objects, [its.track_id for its in objects])


class ObjectPanel(QWidget):
    """A list of the objects that were followed, the newest first.

    `chosen` is emitted with a `SeenObject` when the user clicks on one, and whether it is in the
    picture now.
    """

    chosen = Signal(object, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._summary = QLabel()
        self._summary.setWordWrap(True)
        self._model = _Objects(self)
        self._list = QListView()
        self._list.setModel(self._model)
        self._rows = PictureRows(self._list)
        self._list.setItemDelegate(self._rows)
        self._list.setMouseTracking(True)
        self._list.setUniformItemSizes(True)
        self._list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self._list.setAccessibleName(self.tr("Objects"))
        self._list.setToolTip(
            self.tr(
                "Click on an object that is in the picture to follow it; in a file, click on "
                "another one to go to where it came in"
            )
        )
        layout = QVBoxLayout(self)
        layout.addWidget(self._summary)
        layout.addWidget(self._list, 1)
        self._list.clicked.connect(self._choose)
        self._list.activated.connect(self._choose)
        self._ids: list[int] = []

    def show_objects(self, objects: Sequence[SeenObject], now: float, *, is_file: bool) -> None:
        """Show the objects of a source, the newest first, at the time `now` of its last frame.

        The times are positions in the source if `is_file`, and times of day otherwise.
        """
        self._model.show(objects, now, is_file=is_file)
        ids = {its.track_id for its in objects}
        self._rows.keep_only(ids)
        here = sum(self._model.is_here(its) for its in objects)
        self._summary.setText(
            self.tr("{here} here now, {all} seen").format(here=here, all=len(objects))
        )

    def show_off(self) -> None:
        """Show that objects are not followed."""
        self._model.show([], 0.0, is_file=False)
        self._summary.setText(self.tr("Objects are listed while they are followed (key T)"))

    def _choose(self, index: QModelIndex) -> None:
        its: SeenObject = index.data(ITEM_ROLE)
        self.chosen.emit(its, self._model.is_here(its))
