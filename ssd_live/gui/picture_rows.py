"""Paint the rows of a list, each with a picture, a title and a line of text."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QImage, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from ssd_live.imaging.pixels import Pixels

# The roles under which a model gives the `PictureRow` of an index, and its item.
ROW_ROLE = Qt.ItemDataRole.UserRole
ITEM_ROLE = Qt.ItemDataRole.UserRole + 1
PICTURE_SIZE, _SPACE = 52, 6
_STRIP_WIDTH = 3

Index = QModelIndex | QPersistentModelIndex


class PictureRow(NamedTuple):
    """What a row shows.

    `picture` is BGR (h, w, 3) uint8, or None. `picture_key` says which picture it is, so that it is
    scaled only once. `colour` is that of a strip at the left. `mark` is a short text at the right,
    in the colour `mark_colour`.
    """

    title: str
    text: str
    picture: Pixels | None
    picture_key: tuple[int, float]
    colour: QColor
    is_bold: bool = False
    mark: str = ""
    mark_colour: QColor | None = None


class PictureModel(QAbstractListModel):
    """A list of items, the newest first, each with a key that stays the same.

    `row_of` of a subclass returns the `PictureRow` of an item.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._items: Sequence[Any] = ()
        self._keys: list[int] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name
        return 0 if parent.isValid() else len(self._items)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        item = self._items[index.row()]
        if role == ITEM_ROLE:
            return item
        if role == ROW_ROLE:
            return self.row_of(item)
        if role == Qt.ItemDataRole.DisplayRole:
            return self.row_of(item).title
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return self.row_of(item).text
        return None

    def row_of(self, item: Any) -> PictureRow:
        """Return what the row of an item shows."""
        raise NotImplementedError

    def show_items(self, items: Sequence[Any], keys: list[int]) -> None:
        """Show these items. Rows that stay keep their place, so that a selection stays too."""
        new = len(keys) - len(self._keys)
        if new < 0 or keys[new:] != self._keys:
            self.beginResetModel()
            self._items, self._keys = items, keys
            self.endResetModel()
            return
        before = len(self._keys)
        if new:
            self.beginInsertRows(QModelIndex(), 0, new - 1)
        self._items, self._keys = items, keys
        if new:
            self.endInsertRows()
        if before:
            self.dataChanged.emit(self.index(new), self.index(len(keys) - 1))


class PictureRows(QStyledItemDelegate):
    """Paints the rows of a list whose model gives a `PictureRow` for each index."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        # The scaled pictures by the first number of their keys, with the whole key.
        self._pixmaps: dict[int, tuple[tuple[int, float], QPixmap]] = {}

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802
        return QSize(4 * PICTURE_SIZE, PICTURE_SIZE + 2 * _SPACE)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: PictureRow = index.data(ROW_ROLE)
        # PySide gives a reference, which painting may change.
        place = QRect(option.rect)
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        palette: QPalette = option.palette
        roles = QPalette.ColorRole
        painter.save()
        if is_selected:
            painter.fillRect(place, palette.color(roles.Highlight))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(place, palette.color(roles.AlternateBase))
        self._paint_picture(painter, place, row, option.widget.devicePixelRatioF())
        painter.fillRect(
            place.left(), place.top() + 1, _STRIP_WIDTH, place.height() - 2, row.colour
        )
        text = place.adjusted(PICTURE_SIZE + 3 * _SPACE, _SPACE, -_SPACE, -_SPACE)
        ink = palette.color(roles.HighlightedText if is_selected else roles.Text)
        quiet = ink if is_selected else palette.color(roles.PlaceholderText)
        font = option.font
        if row.mark:
            font.setBold(True)
            painter.setFont(font)
            painter.setPen(ink if is_selected or row.mark_colour is None else row.mark_colour)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(text, right, row.mark)
            text.setRight(text.right() - painter.fontMetrics().horizontalAdvance(row.mark) - _SPACE)
        half = text.height() // 2
        lines = (
            (row.title, row.is_bold, ink, text.top(), Qt.AlignmentFlag.AlignBottom),
            (row.text, False, quiet, text.top() + half + 2, Qt.AlignmentFlag.AlignTop),
        )
        for line, is_bold, colour, top, side in lines:
            font.setBold(is_bold)
            painter.setFont(font)
            painter.setPen(colour)
            shown = painter.fontMetrics().elidedText(
                line, Qt.TextElideMode.ElideRight, text.width()
            )
            place = QRect(text.left(), top, text.width(), half)
            painter.drawText(place, side | Qt.AlignmentFlag.AlignLeft, shown)
        painter.restore()

    def _paint_picture(
        self, painter: QPainter, place: QRect, row: PictureRow, ratio: float
    ) -> None:
        """Paint the picture at the left of a row."""
        if row.picture is None:
            return
        key, pixmap = self._pixmaps.get(row.picture_key[0], ((0, 0.0), QPixmap()))
        if key != row.picture_key:
            pixmap = _scaled(row.picture, round(PICTURE_SIZE * ratio))
            pixmap.setDevicePixelRatio(ratio)
            self._pixmaps[row.picture_key[0]] = row.picture_key, pixmap
        size = pixmap.deviceIndependentSize()
        painter.drawPixmap(
            place.left() + 2 * _SPACE + round((PICTURE_SIZE - size.width()) / 2),
            place.top() + _SPACE + round((PICTURE_SIZE - size.height()) / 2),
            pixmap,
        )

    def keep_only(self, numbers: set[int]) -> None:
        """Forget the pictures whose keys do not begin with one of `numbers`."""
        for number in self._pixmaps.keys() - numbers:
            del self._pixmaps[number]


def _scaled(picture: Pixels, side: int) -> QPixmap:
    height, width, _ = picture.shape
    image = QImage(picture.data, width, height, picture.strides[0], QImage.Format.Format_BGR888)
    return QPixmap.fromImage(image).scaled(
        side,
        side,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
