"""The list of classes, with how many objects of each are seen, and which classes are shown."""

from collections import Counter
from collections.abc import Iterable

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QMouseEvent, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from ssd_live.detections import Detections
from ssd_live.imaging.overlay import class_colour

_NAME = Qt.ItemDataRole.UserRole
_COUNT = Qt.ItemDataRole.UserRole + 1
_SWATCH_PIXELS = 12
_COUNT_WIDTH = 36
# A class stays among the seen ones for this long after its last object has gone, so that the list
# does not jump.


class _Rows(QStyledItemDelegate):
    """Paints the rows of the list: what Qt paints, and the count at the right."""

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        # PySide gives a reference, which the next line would change.
        place = QRect(option.rect)
        option.rect = place.adjusted(0, 0, -_COUNT_WIDTH, 0)
        super().paint(painter, option, index)
        option.rect = place
        is_shown = index.data(Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Checked.value
        palette: QPalette = option.palette
        if not is_shown:
            self._outline_box(painter, option, palette)
        if count := index.data(_COUNT):
            group = QPalette.ColorGroup.Active if is_shown else QPalette.ColorGroup.Disabled
            painter.setPen(palette.color(group, QPalette.ColorRole.Text))
            painter.drawText(
                place.adjusted(0, 0, -8, 0),
                Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
                str(count),
            )

    def _outline_box(
        self, painter: QPainter, option: QStyleOptionViewItem, palette: QPalette
    ) -> None:
        """Draw the outline of a check box. Qt's own cannot be seen in a dark theme."""
        whole = QStyleOptionViewItem(option)
        whole.features |= QStyleOptionViewItem.ViewItemFeature.HasCheckIndicator
        box = QApplication.style().subElementRect(
            QStyle.SubElement.SE_ItemViewItemCheckIndicator, whole
        )
        painter.setPen(palette.color(QPalette.ColorRole.PlaceholderText))
        painter.drawRect(box.adjusted(0, 0, -1, -1))

    def editorEvent(  # noqa: N802 - Qt's name
        self,
        event: QEvent,
        model: QAbstractItemModel,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> bool:
        # A click anywhere on a row counts, see `_Classes`.
        return not isinstance(event, QMouseEvent) and super().editorEvent(
            event, model, option, index
        )


class _Classes(QListWidget):
    """A list in which a click anywhere on a row checks or unchecks it."""

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        super().mousePressEvent(event)
        item = self.itemAt(event.position().toPoint())
        if item is not None and event.button() == Qt.MouseButton.LeftButton:
            checked = item.checkState() is Qt.CheckState.Checked
            item.setCheckState(Qt.CheckState.Unchecked if checked else Qt.CheckState.Checked)


class _Search(QLineEdit):
    """A search field that Esc clears."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        # Esc also leaves full-screen mode; here it is for the search, while there is one.
        if (
            event.type() is QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Escape
            and self.text()
        ):
            event.accept()
            return True
        return super().event(event)


class ClassList(QWidget):
    """The classes of a model; those that are seen come first.

    `hidden_changed` is emitted with the names of all hidden classes, a frozenset, when the user has
    checked or unchecked some.
    """

    hidden_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._search = _Search()
        self._search.setPlaceholderText(self.tr("Search classes"))
        self._search.setAccessibleName(self._search.placeholderText())
        self._search.setClearButtonEnabled(True)
        self._list = _Classes()
        self._list.setItemDelegate(_Rows(self._list))
        self._list.setAccessibleName(self.tr("Classes"))
        self._list.setToolTip(
            self.tr("Only checked classes are shown; the number counts the objects that are seen")
        )
        self._list.setMinimumHeight(120)
        all_button, none_button = QPushButton(self.tr("All")), QPushButton(self.tr("None"))
        all_button.setToolTip(self.tr("Check every class in the list"))
        none_button.setToolTip(self.tr("Uncheck every class in the list"))
        self._order: list[str] = []
        self._counts: Counter[str] = Counter()
        # The classes that were seen, in the order in which they were first seen.
        self._seen: list[str] = []
        row = QHBoxLayout()
        row.addWidget(self._search, 1)
        for button in (all_button, none_button):
            button.setMaximumWidth(button.fontMetrics().horizontalAdvance(button.text()) + 28)
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self._list, 1)
        self._search.textChanged.connect(self._filter)
        self._list.itemChanged.connect(lambda _: self.hidden_changed.emit(self._hidden()))
        all_button.clicked.connect(lambda: self._check(Qt.CheckState.Checked))
        none_button.clicked.connect(lambda: self._check(Qt.CheckState.Unchecked))

    def show_classes(self, names: Iterable[str], hidden: frozenset[str]) -> None:
        """Show the classes of a model in this order; those in `hidden` are unchecked."""
        order = list(names)
        if order == self._order and hidden == self._hidden():
            return
        self._order, self._counts, self._seen = order, Counter(), []
        self._list.blockSignals(True)
        self._list.clear()
        for name in order:
            item = QListWidgetItem(_swatch(name), name)
            item.setData(_NAME, name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked if name in hidden else Qt.CheckState.Checked)
            self._list.addItem(item)
        self._list.blockSignals(False)
        self._filter(self._search.text())

    def show_counts(self, found: Detections | None) -> None:
        """Show beside each class the number of its detections in `found`; None counts as empty."""
        counts = Counter(found.names if found is not None else [])
        self._seen += [name for name in counts if name not in self._seen]
        self._list.blockSignals(True)
        if counts != self._counts:
            self._counts = counts
            for item in self._items():
                count = counts[item.data(_NAME)]
                if item.data(_COUNT) != count:
                    item.setData(_COUNT, count)
                    font = item.font()
                    font.setBold(bool(count))
                    item.setFont(font)
        self._sort()
        self._list.blockSignals(False)

    def count_of(self, name: str) -> int:
        """Return the number that is shown beside a class."""
        return self._counts[name]

    @property
    def hidden(self) -> frozenset[str]:
        """The names of the hidden classes."""
        return self._hidden()

    def hide_class(self, name: str) -> None:
        """Hide a class, as if the user had unchecked it."""
        for item in self._items():
            if item.data(_NAME) == name:
                item.setCheckState(Qt.CheckState.Unchecked)

    def show_only(self, name: str | None) -> None:
        """Hide all classes except `name`, or show all classes if `name` is None."""
        self._list.blockSignals(True)
        for item in self._items():
            is_shown = name in (None, item.data(_NAME))
            item.setCheckState(Qt.CheckState.Checked if is_shown else Qt.CheckState.Unchecked)
        self._list.blockSignals(False)
        self._list.viewport().update()
        self.hidden_changed.emit(self._hidden())

    def focus_search(self) -> None:
        """Move the keyboard focus to the search field and select its text."""
        self._search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._search.selectAll()

    def _items(self) -> list[QListWidgetItem]:
        return [self._list.item(row) for row in range(self._list.count())]

    def _sort(self) -> None:
        """Move the classes that were seen to the top, in the order in which they were first seen.

        So the rows move only when a class is seen for the first time, and nothing moves while the
        mouse is over the list. The user can hit the right row.
        """
        if self._list.underMouse():
            return
        wanted = [*self._seen, *(name for name in self._order if name not in self._seen)]
        for row, name in enumerate(wanted):
            if self._list.item(row).data(_NAME) != name:
                at = next(
                    number
                    for number in range(row + 1, self._list.count())
                    if self._list.item(number).data(_NAME) == name
                )
                is_current = self._list.currentRow() == at
                item = self._list.takeItem(at)
                self._list.insertItem(row, item)
                item.setHidden(not self._matches(name))
                if is_current:
                    self._list.setCurrentItem(item)

    def _matches(self, name: str) -> bool:
        return self._search.text().casefold() in name.casefold()

    def _filter(self, _: str) -> None:
        for item in self._items():
            item.setHidden(not self._matches(str(item.data(_NAME))))

    def _check(self, state: Qt.CheckState) -> None:
        """Set the check state of every class that the search does not hide."""
        self._list.blockSignals(True)
        for item in self._items():
            if not item.isHidden():
                item.setCheckState(state)
        self._list.blockSignals(False)
        self._list.viewport().update()
        self.hidden_changed.emit(self._hidden())

    def _hidden(self) -> frozenset[str]:
        return frozenset(
            str(item.data(_NAME))
            for item in self._items()
            if item.checkState() is not Qt.CheckState.Checked
        )


def _swatch(name: str) -> QIcon:
    """Return a square in the colour of the boxes of a class."""
    pixmap = QPixmap(_SWATCH_PIXELS, _SWATCH_PIXELS)
    blue, green, red = class_colour(name)
    pixmap.fill(QColor(red, green, blue))
    return QIcon(pixmap)
