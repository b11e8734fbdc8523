"""The panel for rules, and for the events that they make."""

from collections.abc import Collection, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ssd_live.analytics.rules import Rule
from ssd_live.gui.check_box import CheckBox
from ssd_live.gui.event_list import EventEntry, EventList
from ssd_live.gui.rule_sentence import rule_sentence

_LIST_HEIGHT = 150


class EventPanel(QWidget):
    """A panel that shows the rules of the selected source, and their events.

    The signals and their values are:
    - `add_asked` and `trial_asked`: no value; the user wants a new rule, or to try the rules.
    - `edit_asked` and `delete_asked`: the row of a rule.
    - `event_chosen`: the `EventEntry` that the user wants to see.
    """

    add_asked = Signal()
    trial_asked = Signal()
    edit_asked = Signal(int)
    delete_asked = Signal(int)
    event_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[tuple[Rule, ...], frozenset[str]] | None = None
        self._rules = QListWidget()
        self._add, self._edit, self._delete, self._try = (
            QPushButton(self.tr("Add…")),
            QPushButton(self.tr("Change…")),
            QPushButton(self.tr("Delete")),
            QPushButton(self.tr("Try")),
        )
        self._try.setToolTip(self.tr("Say how often the rules would have fired in this file"))
        self._add.clicked.connect(lambda: self.add_asked.emit())
        self._try.clicked.connect(lambda: self.trial_asked.emit())
        self._edit.clicked.connect(lambda: self.edit_asked.emit(self._rules.currentRow()))
        self._delete.clicked.connect(lambda: self.delete_asked.emit(self._rules.currentRow()))
        buttons = QHBoxLayout()
        for button in (self._add, self._edit, self._delete, self._try):
            button.setMinimumWidth(40)
            buttons.addWidget(button)
        self._hint = QLabel()
        self._hint.setWordWrap(True)
        self._rules.setWordWrap(True)
        self._rules.setAccessibleName(self.tr("Rules"))
        self._rules.itemActivated.connect(lambda item: self.edit_asked.emit(self._rules.row(item)))
        self._rules.currentRowChanged.connect(lambda _: self._follow())
        self._with_suppressed = CheckBox(self.tr("Suppressed events too"))
        self._result = QLabel()
        self._result.setWordWrap(True)
        self._events = EventList()
        self._events.chosen.connect(self.event_chosen)
        layout = QVBoxLayout(self)
        layout.addLayout(buttons)
        layout.addWidget(self._hint)
        layout.addWidget(self._rules)
        layout.addWidget(self._result)
        layout.addWidget(self._with_suppressed)
        layout.addWidget(self._events, 1)
        self.show_rules((), frozenset(), has_zones=False, can_try=False, is_tracking=True)
        self.show_result("")

    def show_rules(
        self,
        rules: tuple[Rule, ...],
        working: Collection[str],
        *,
        has_zones: bool,
        can_try: bool,
        is_tracking: bool,
    ) -> None:
        """Show rules; those whose names are not in `working` have no zone that fits them.

        `has_zones` is whether there is a zone for a rule, `can_try` whether the source is a file,
        and `is_tracking` whether objects are followed.
        """
        self._add.setEnabled(has_zones)
        self._try.setEnabled(can_try and bool(working))
        if not has_zones:
            hint = self.tr("First draw a line or an area (Z); a rule says what must happen there")
        elif rules and not is_tracking:
            hint = self.tr("Objects are not followed (T), so that no rule sees them")
        else:
            hint = self.tr("A rule says what must happen at a line or an area to make an event")
        self._hint.setText(hint)
        self._hint.setVisible(not rules or not has_zones or not is_tracking)
        self._rules.setVisible(bool(rules))
        shown = rules, frozenset(working)
        if shown == self._shown:
            return
        self._shown = shown
        row = self._rules.currentRow()
        self._rules.clear()
        for rule in rules:
            text = f"{rule.name}\n{rule_sentence(rule)}"
            item = QListWidgetItem(text)
            if rule.name not in working:
                item.setText(
                    f"{rule.name}\n"
                    + self.tr("There is no zone that fits: {zone}").format(zone=rule.zone)
                )
                item.setForeground(Qt.GlobalColor.gray)
            item.setToolTip(text)
            self._rules.addItem(item)
        height = sum(self._rules.sizeHintForRow(row) for row in range(len(rules)))
        self._rules.setFixedHeight(min(height + 2 * self._rules.frameWidth(), _LIST_HEIGHT))
        self._rules.setCurrentRow(min(row, len(rules) - 1))
        self._follow()

    def show_result(self, text: str) -> None:
        """Show the result of a trial, or that it goes on; "" shows nothing."""
        self._result.setText(text)
        self._result.setVisible(bool(text))

    def show_events(
        self, events: Sequence[EventEntry], colours: dict[str, QColor], *, is_file: bool
    ) -> None:
        """Show events, the newest first; `colours` are those of the zones by name."""
        if not self._with_suppressed.isChecked():
            events = [event for event in events if not event.why_not]
        self._events.show_events(events, colours, is_file=is_file)

    def _follow(self) -> None:
        is_chosen = self._rules.currentRow() >= 0
        self._edit.setEnabled(is_chosen)
        self._delete.setEnabled(is_chosen)
