"""The objects that a search found, as a grid of pictures."""

from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from ssd_live.gui.transport import clock
from ssd_live.imaging.overlay import class_colour
from ssd_live.index.query import FoundTrack

_PICTURE = QSize(124, 124)
_CELL = QSize(148, 178)
_STRIP = 3
ModelIndex = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, eq=False)
class FoundItem:
    """An object that was found, with its picture, the name of its source, and where it was."""

    track: FoundTrack
    picture: QImage | None
    source: str
    places: tuple[str, ...]


class _Found(QAbstractListModel):
    """The objects; `more_wanted` is emitted when the user comes to the end of them."""

    more_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.items: list[FoundItem] = []
        self.total = 0
        self._icons: dict[int, QIcon] = {}
        self._is_asked = False

    def rowCount(self, parent: ModelIndex = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name
        return 0 if parent.isValid() else len(self.items)

    def canFetchMore(self, parent: ModelIndex) -> bool:  # noqa: N802 - Qt's name
        return not parent.isValid() and len(self.items) < self.total and not self._is_asked

    def fetchMore(self, parent: ModelIndex) -> None:  # noqa: N802 - Qt's name
        self._is_asked = True
        self.more_wanted.emit()

    def show(self, items: list[FoundItem], total: int) -> None:
        self.beginResetModel()
        self.items, self.total = list(items), total
        self._icons.clear()
        self._is_asked = False
        self.endResetModel()

    def add(self, items: list[FoundItem]) -> None:
        self._is_asked = False
        if not items:
            # What was there has been deleted.
            self.total = len(self.items)
            return
        self.beginInsertRows(QModelIndex(), len(self.items), len(self.items) + len(items) - 1)
        self.items += items
        self.endInsertRows()

    def data(self, index: ModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        item = self.items[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{item.track.class_name}\n{_when(item.track)}"
        if role == Qt.ItemDataRole.DecorationRole:
            if item.track.row not in self._icons:
                self._icons[item.track.row] = _icon(item)
            return self._icons[item.track.row]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(item)
        return None

    def _tip(self, item: FoundItem) -> str:
        track = item.track
        lines = [
            f"{track.class_name} {track.track_id}",
            item.source,
            self.tr("at {time}, for {seconds} s").format(
                time=clock(track.begin, tenths=True), seconds=f"{track.seconds:.1f}"
            ),
        ]
        if item.places:
            lines.append(", ".join(item.places))
        return "\n".join(lines)


class FoundList(QListView):
    """A grid of the objects that were found.

    `opened` is emitted with a `FoundTrack` that the user double-clicks, and `more_wanted` when he
    comes to the end of those that are shown.
    """

    opened = Signal(object)
    more_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found = _Found(self)
        self.setModel(self._found)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setIconSize(_PICTURE)
        self.setGridSize(_CELL)
        self.setViewportMargins(0, 6, 0, 0)
        self.setUniformItemSizes(True)
        self.setWordWrap(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName(self.tr("Objects that were found"))
        self._found.more_wanted.connect(self.more_wanted)
        self.activated.connect(lambda index: self.opened.emit(self._track_at(index)))

    def show_found(self, items: list[FoundItem], total: int) -> None:
        """Show the first of `total` objects."""
        self._found.show(items, total)
        self.scrollToTop()

    def add_found(self, items: list[FoundItem]) -> None:
        """Show more of them."""
        self._found.add(items)

    @property
    def last(self) -> FoundTrack | None:
        """The last object that is shown, or None."""
        return self._found.items[-1].track if self._found.items else None

    @property
    def selected(self) -> list[FoundTrack]:
        """The selected objects, in their order."""
        rows = sorted(index.row() for index in self.selectedIndexes())
        return [self._found.items[row].track for row in rows]

    def _track_at(self, index: ModelIndex) -> FoundTrack:
        return self._found.items[index.row()].track


def _when(track: FoundTrack) -> str:
    if track.clock is None:
        return clock(track.begin, tenths=True)
    moment = datetime.fromtimestamp(track.clock)
    today = datetime.now().date()
    return f"{moment:%X}" if moment.date() == today else f"{moment:%Y-%m-%d %H:%M:%S}"


def _icon(item: FoundItem) -> QIcon:
    """Return the picture in the middle of a cell, over a strip in the colour of the class."""
    cell = QPixmap(_PICTURE)
    cell.fill(Qt.GlobalColor.transparent)
    painter = QPainter(cell)
    blue, green, red = class_colour(item.track.class_name)
    colour = QColor(red, green, blue)
    room = _PICTURE - QSize(0, _STRIP + 2)
    if item.picture is None:
        painter.setPen(colour)
        painter.drawText(
            cell.rect(), Qt.AlignmentFlag.AlignCenter, item.track.class_name[:1].upper()
        )
    else:
        shown = item.picture.scaled(
            room,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        painter.drawImage(
            (room.width() - shown.width()) // 2, room.height() - shown.height(), shown
        )
    painter.fillRect(0, _PICTURE.height() - _STRIP, _PICTURE.width(), _STRIP, colour)
    painter.end()
    return QIcon(cell)
