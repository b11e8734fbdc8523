"""The part of a project's window that shows and changes the classes of the project."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ssd_live.errors import SsdLiveError
from ssd_live.imaging.overlay import numbered_colour
from ssd_live.project.store import Project

# The classes that have a key of their own, 1 to 9.
MOST_KEYS = 9
_SWATCH = 12


class ClassPanel(QWidget):
    """The classes of `project`, with the number of objects of each.

    `chosen` is emitted with the number of the class that the user clicks. `changed` is emitted when
    a class was added or renamed, `added` with the number of a class that was added, and `merged`
    when one was merged into another. `said` is emitted with a line for the user.
    """

    chosen = Signal(int)
    changed = Signal()
    added = Signal(int)
    merged = Signal()
    said = Signal(str)

    def __init__(self, project: Project, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self._list = QListWidget()
        self._list.setAccessibleName(self.tr("Classes"))
        self._list.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._list.itemClicked.connect(lambda item: self.chosen.emit(_number_of(item)))
        self._add = QPushButton(self.tr("Add a class…"))
        self._add.clicked.connect(self._ask_for_new)
        self._change = QPushButton(self.tr("Change"))
        self._change.setToolTip(self.tr("Rename the chosen class, or make it another one"))
        menu = QMenu(self._change)
        menu.addAction(self.tr("Rename the class…")).triggered.connect(self._ask_for_name)
        menu.addAction(self.tr("Merge the class into another…")).triggered.connect(self._ask_merge)
        self._change.setMenu(menu)
        buttons = QHBoxLayout()
        buttons.addWidget(self._add, 1)
        buttons.addWidget(self._change)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel(self.tr("Classes")))
        layout.addWidget(self._list, 1)
        layout.addLayout(buttons)
        self.refresh()

    def refresh(self) -> None:
        """Show the classes that there are now."""
        self._list.clear()
        for number in self._project.classes:
            item = QListWidgetItem()
            item.setData(Qt.ItemDataRole.UserRole, number)
            blue, green, red = numbered_colour(max(number - 1, 0))
            swatch = QPixmap(_SWATCH, _SWATCH)
            swatch.fill(QColor(red, green, blue))
            item.setIcon(QIcon(swatch))
            self._list.addItem(item)
        self.show_counts()

    def show_counts(self) -> None:
        """Show how many objects each class has now."""
        objects, names = self._project.object_counts, self._project.classes
        for row in range(self._list.count()):
            item = self._list.item(row)
            number = _number_of(item)
            key = f"{row + 1}  " if row < MOST_KEYS else ""
            item.setText(f"{key}{names[number]}  ({objects[number]})")

    def number_at(self, row: int) -> int | None:
        """Return the number of the class in a row, or None if there is none."""
        item = self._list.item(row)
        return None if item is None else _number_of(item)

    def select(self, number: int) -> None:
        """Mark a class as the chosen one."""
        for row in range(self._list.count()):
            if self.number_at(row) == number:
                self._list.setCurrentRow(row)

    def _try(self, what: Callable[[], object]) -> bool:
        try:
            what()
        except SsdLiveError as error:
            self.said.emit(str(error))
            return False
        self.refresh()
        return True

    def _selected(self) -> str | None:
        item = self._list.currentItem()
        return None if item is None else self._project.classes[_number_of(item)]

    def _ask_for_new(self) -> None:
        name, given = QInputDialog.getText(self, self.tr("Add a class"), self.tr("Name"))
        if given and self._try(lambda: self._project.add_class(name)):
            self.changed.emit()
            self.added.emit(self._project.class_number(name.strip()))

    def _ask_for_name(self) -> None:
        """Ask for another name of the chosen class."""
        old = self._selected()
        if old is None:
            return
        name, given = QInputDialog.getText(
            self, self.tr("Rename the class"), self.tr("Name"), text=old
        )
        if given and self._try(lambda: self._project.rename_class(old, name)):
            self.changed.emit()

    def _ask_merge(self) -> None:
        """Ask into which class the chosen one is to be merged."""
        old = self._selected()
        others = [name for name in self._project.classes.values() if name != old]
        if old is None or not others:
            self.said.emit(self.tr("There is no other class to merge it into"))
            return
        text = self.tr("Objects of “{name}” become objects of this class. There is no way back.")
        new, given = QInputDialog.getItem(
            self, self.tr("Merge the class"), text.format(name=old), others, editable=False
        )
        if given and self._try(lambda: self._project.merge_class(old, new)):
            self.merged.emit()


def _number_of(item: QListWidgetItem) -> int:
    return int(item.data(Qt.ItemDataRole.UserRole))
