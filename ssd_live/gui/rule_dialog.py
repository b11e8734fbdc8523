"""The dialog that makes or changes a rule, and says what its events start."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import time

from PySide6.QtCore import QLocale, QTime
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QSpinBox,
    QTimeEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ssd_live.analytics.action_plans import (
    Action,
    ClipAction,
    CommandAction,
    MqttAction,
    NotificationAction,
    SnapshotAction,
    SoundAction,
    WebhookAction,
)
from ssd_live.analytics.rule_text import rules_text
from ssd_live.analytics.rules import Rule, RuleBook, rules_in
from ssd_live.analytics.zones import Zone
from ssd_live.errors import UsageError
from ssd_live.gui.check_box import CheckBox

_DAYS = 7
_LONGEST_SECONDS = 86_400.0


class RuleDialog(QDialog):
    """A dialog for the rule at `row` of `book`, or for a new one if `row` is -1.

    `zones` are the lines and areas that it may name, and `classes` those of the model. When the
    user has accepted, `book` has the changed rules and actions.
    """

    def __init__(
        self,
        book: RuleBook,
        row: int,
        zones: Sequence[Zone],
        classes: Sequence[str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Rule"))
        self.book = book
        self._row = row
        self._zones = [zone for zone in zones if zone.kind != "mask"]
        self._classes = classes
        self._chosen: list[str] = []
        self._make_fields()
        self._make_actions()
        self._lay_out()
        self._show(book.rules[row] if row >= 0 else self._new_rule())

    # Building.

    def _make_fields(self) -> None:
        self._name = QLineEdit()
        self._zone, self._when = QComboBox(), QComboBox()
        for zone in self._zones:
            self._zone.addItem(zone.name)
        self._zone.currentIndexChanged.connect(lambda _: self._offer_kinds())
        self._when.currentIndexChanged.connect(lambda _: self._follow())
        self._only = QToolButton()
        self._only.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self._only)
        for name in self._classes:
            action = menu.addAction(name)
            action.setCheckable(True)
            action.toggled.connect(lambda on, name=name: self._toggle_class(name, on))
        self._only.setMenu(menu)
        self._seconds, self._pause = QDoubleSpinBox(), QDoubleSpinBox()
        for box in (self._seconds, self._pause):
            box.setRange(0, _LONGEST_SECONDS)
            box.setDecimals(2)
            box.setSuffix(self.tr(" s"))
        self._pause.setToolTip(self.tr("After an event, the rule is silent for so long"))
        self._at_least = QSpinBox()
        self._at_least.setRange(1, 10_000)
        self._has_hours = CheckBox(self.tr("Only between"))
        self._begin, self._end = QTimeEdit(QTime(18, 0)), QTimeEdit(QTime(7, 0))
        for edit in (self._begin, self._end):
            edit.setDisplayFormat("HH:mm")
            self._has_hours.toggled.connect(edit.setEnabled)
            edit.setEnabled(False)
        self._days = [
            CheckBox(QLocale().dayName(day + 1, QLocale.FormatType.ShortFormat))
            for day in range(_DAYS)
        ]

    def _make_actions(self) -> None:
        self._snapshot = CheckBox(self.tr("Write a picture"))
        self._clip = CheckBox(self.tr("Write a clip"))
        self._before, self._after = QDoubleSpinBox(), QDoubleSpinBox()
        self._before.setRange(0, 60)
        self._after.setRange(0, 600)
        self._before.setPrefix(self.tr("before: "))
        self._after.setPrefix(self.tr("after: "))
        for box in (self._before, self._after):
            box.setDecimals(2)
            box.setSuffix(self.tr(" s"))
        self._boxes = CheckBox(self.tr("Boxes"))
        self._boxes.setToolTip(
            self.tr("Without boxes, the clip of a network camera is copied, not encoded")
        )
        self._notification = CheckBox(self.tr("Show a notification"))
        self._sound = CheckBox(self.tr("Play a sound"))
        self._file, self._browse = QLineEdit(), QToolButton()
        self._file.setPlaceholderText(self.tr("A bell"))
        self._browse.setText(self.tr("Browse…"))
        self._browse.clicked.connect(self._choose_sound)
        self._webhook = CheckBox(self.tr("Send to a web address"))
        self._mqtt = CheckBox(self.tr("Send to an MQTT broker"))
        self._command = CheckBox(self.tr("Run a command"))
        self._web_address, self._broker, self._words = (QLineEdit() for _ in range(3))
        self._web_address.setPlaceholderText("https://example.com/events")
        self._broker.setPlaceholderText("mqtt://user:password@broker:1883/yard")
        self._words.setPlaceholderText("paplay bell.wav")
        self._home = CheckBox("Home Assistant")
        self._home.setToolTip(self.tr("The rule shows up in Home Assistant by itself"))
        for check, name, fields in (
            (self._clip, self.tr("Seconds"), (self._before, self._after)),
            (self._clip, self.tr("Boxes"), (self._boxes,)),
            (self._sound, self.tr("Sound file"), (self._file, self._browse)),
            (self._webhook, self.tr("Web address"), (self._web_address,)),
            (self._mqtt, self.tr("MQTT broker"), (self._broker, self._home)),
            (self._command, self.tr("Command"), (self._words,)),
        ):
            for field in fields:
                field.setAccessibleName(name)
                field.setEnabled(False)
                check.toggled.connect(field.setEnabled)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow(self.tr("&Name"), self._name)
        form.addRow(self.tr("&Zone"), self._zone)
        form.addRow(self.tr("&When"), self._when)
        form.addRow(self.tr("&Classes"), self._only)
        form.addRow(self.tr("&At least"), self._at_least)
        form.addRow(self.tr("&For over"), self._seconds)
        hours, days = QHBoxLayout(), QHBoxLayout()
        for widget in (self._has_hours, self._begin, QLabel("–"), self._end):
            hours.addWidget(widget)
        hours.addStretch()
        for day in self._days:
            days.addWidget(day)
        form.addRow(self.tr("Hours"), hours)
        form.addRow(self.tr("Days"), days)
        form.addRow(self.tr("&Pause after it"), self._pause)
        self._form = form
        group = QGroupBox(self.tr("What an event starts, besides its place in the list"))
        actions = QFormLayout(group)
        clip, sound, mqtt = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        clip.addWidget(self._before)
        clip.addWidget(self._after)
        clip.addWidget(self._boxes)
        sound.addWidget(self._file, 1)
        sound.addWidget(self._browse)
        mqtt.addWidget(self._broker, 1)
        mqtt.addWidget(self._home)
        actions.addRow(self._snapshot)
        actions.addRow(self._clip, clip)
        actions.addRow(self._notification)
        actions.addRow(self._sound, sound)
        actions.addRow(self._webhook, self._web_address)
        actions.addRow(self._mqtt, mqtt)
        actions.addRow(self._command, self._words)
        self._problem = QLabel()
        self._problem.setWordWrap(True)
        self._problem.hide()
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(group)
        layout.addWidget(self._problem)
        layout.addWidget(buttons)

    # What is shown.

    def _new_rule(self) -> Rule:
        names = {rule.name for rule in self.book.rules}
        number = 1
        while (name := self.tr("Rule {number}").format(number=number)) in names:
            number += 1
        zone = self._zones[0]
        return Rule(name, zone.name, "in" if zone.kind == "line" else "inside", seconds=3.0)

    def _show(self, rule: Rule) -> None:
        self._name.setText(rule.name)
        self._zone.setCurrentText(rule.zone)
        self._offer_kinds()
        self._when.setCurrentIndex(max(self._when.findData(rule.kind), 0))
        for entry in self._only.menu().actions():
            entry.setChecked(entry.text() in rule.classes)
        # A class that the model in use does not have stays as it is.
        self._chosen = list(rule.classes)
        self._show_classes()
        self._seconds.setValue(rule.seconds)
        self._at_least.setValue(rule.at_least)
        self._pause.setValue(rule.pause)
        self._has_hours.setChecked(rule.begin is not None)
        if rule.begin is not None and rule.end is not None:
            self._begin.setTime(QTime(rule.begin.hour, rule.begin.minute))
            self._end.setTime(QTime(rule.end.hour, rule.end.minute))
        for number, day in enumerate(self._days):
            day.setChecked(not rule.days or number in rule.days)
        self._before.setValue(ClipAction.before)
        self._after.setValue(ClipAction.after)
        self._boxes.setChecked(ClipAction.boxes)
        for action in reversed(self._actions_of(rule)):
            self._show_action(action)
        self._follow()

    def _show_action(self, action: Action) -> None:
        if isinstance(action, SnapshotAction):
            self._snapshot.setChecked(True)
        elif isinstance(action, ClipAction):
            self._clip.setChecked(True)
            self._before.setValue(action.before)
            self._after.setValue(action.after)
            self._boxes.setChecked(action.boxes)
        elif isinstance(action, NotificationAction):
            self._notification.setChecked(True)
        elif isinstance(action, SoundAction):
            self._sound.setChecked(True)
            self._file.setText(action.file)
        elif isinstance(action, WebhookAction):
            self._webhook.setChecked(True)
            self._web_address.setText(action.address)
        elif isinstance(action, MqttAction):
            self._mqtt.setChecked(True)
            self._broker.setText(action.address)
            self._home.setChecked(action.home_assistant)
        elif isinstance(action, CommandAction):
            self._command.setChecked(True)
            self._words.setText(shlex.join(action.words))

    def _offer_kinds(self) -> None:
        """Offer what can happen at the chosen zone."""
        zone = self._zones[max(self._zone.currentIndex(), 0)]
        kind = self._when.currentData()
        self._when.blockSignals(True)
        self._when.clear()
        if zone.kind == "line":
            self._when.addItem(self.tr("an object goes in"), "in")
            self._when.addItem(self.tr("an object goes out"), "out")
        else:
            self._when.addItem(self.tr("an object is inside"), "inside")
            self._when.addItem(self.tr("an object enters"), "in")
            self._when.addItem(self.tr("an object leaves"), "out")
            self._when.addItem(self.tr("so many are inside"), "count")
        self._when.setCurrentIndex(max(self._when.findData(kind), 0))
        self._when.blockSignals(False)
        self._follow()

    def _follow(self) -> None:
        """Show the fields that matter for what is chosen."""
        kind = self._when.currentData()
        self._form.setRowVisible(self._at_least, kind == "count")
        self._form.setRowVisible(self._seconds, kind in ("inside", "count"))

    def _toggle_class(self, name: str, on: bool) -> None:
        self._chosen = [its for its in self._chosen if its != name] + [name] * on
        self._show_classes()

    def _show_classes(self) -> None:
        self._only.setText(", ".join(self._chosen) or self.tr("All classes"))

    def _choose_sound(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, self.tr("Sound file"), "", self.tr("Sounds (*.wav *.mp3 *.ogg *.flac)")
        )
        if path:
            self._file.setText(path)

    # What the user chose.

    def _actions_of(self, rule: Rule) -> list[Action]:
        by_name = {action.name: action for action in self.book.plan.actions}
        return [by_name[name] for name in rule.do if name in by_name]

    def _rule(self) -> Rule:
        kind = self._when.currentData()
        hours = [
            time(edit.time().hour(), edit.time().minute()) for edit in (self._begin, self._end)
        ]
        has_hours = self._has_hours.isChecked()
        days = tuple(number for number, day in enumerate(self._days) if day.isChecked())
        return Rule(
            self._name.text().strip(),
            self._zone.currentText(),
            kind,
            tuple(self._chosen),
            self._seconds.value() if kind in ("inside", "count") else 0.0,
            self._at_least.value() if kind == "count" else 1,
            hours[0] if has_hours else None,
            hours[1] if has_hours else None,
            () if len(days) in (0, _DAYS) else days,
            self._pause.value(),
        )

    def _wanted(self) -> list[Action]:
        """Return the actions as the fields say; their names are their kinds.

        Raises `ValueError` if the command has an open quotation mark.
        """
        wanted: list[Action] = []
        if self._snapshot.isChecked():
            wanted.append(SnapshotAction("picture"))
        if self._clip.isChecked():
            before, after = self._before.value(), self._after.value()
            wanted.append(ClipAction("clip", before, after, self._boxes.isChecked()))
        if self._notification.isChecked():
            wanted.append(NotificationAction("notification"))
        if self._sound.isChecked():
            wanted.append(SoundAction("sound", self._file.text().strip()))
        if self._webhook.isChecked():
            wanted.append(WebhookAction("web", self._web_address.text().strip()))
        if self._mqtt.isChecked():
            address, home = self._broker.text().strip(), self._home.isChecked()
            wanted.append(MqttAction("mqtt", address, picture=False, home_assistant=home))
        if self._command.isChecked():
            wanted.append(CommandAction("command", tuple(shlex.split(self._words.text()))))
        return wanted

    def _accept(self) -> None:
        try:
            self.book = self._changed()
        except (UsageError, ValueError) as error:
            self._problem.setText(str(error))
            self._problem.show()
        else:
            self.accept()

    def _changed(self) -> RuleBook:
        """Return the rules and actions with what the user chose. Raises `UsageError` if invalid."""
        rules = list(self.book.rules)
        actions = {action.name: action for action in self.book.plan.actions}
        before = self._actions_of(rules[self._row]) if self._row >= 0 else []
        names = []
        for wanted in self._wanted():
            # An action may have properties that this dialog does not show.
            its_kind = [its for its in before if type(its) is type(wanted)]
            if its_kind:
                wanted = _with_hidden(wanted, its_kind[0])
            same = next(
                (name for name, its in actions.items() if its == replace(wanted, name=name)), None
            )
            name = same or _free_name(wanted.name, actions)
            actions[name] = replace(wanted, name=name)
            # The dialog shows one of each kind; others stay as they are.
            names += [name, *(its.name for its in its_kind[1:])]
        rule = replace(self._rule(), do=tuple(names))
        if self._row >= 0:
            rules[self._row] = rule
        else:
            rules.append(rule)
        # What this rule alone used is not needed any more; what nobody used is the user's own.
        used = {name for its in rules for name in its.do}
        gone = {its.name for its in before} - used
        kept = tuple(its for name, its in actions.items() if name not in gone)
        book = RuleBook(tuple(rules), replace(self.book.plan, actions=kept))
        # Other rules may name zones that are not there any more.
        rules_in(json.loads(rules_text(book)), None, None)
        return book


def _with_hidden(wanted: Action, old: Action) -> Action:
    """Return an action with those properties of an old one that the dialog does not show."""
    if isinstance(wanted, SnapshotAction):
        assert isinstance(old, SnapshotAction)
        return replace(wanted, boxes=old.boxes)
    if isinstance(wanted, WebhookAction | MqttAction):
        assert isinstance(old, WebhookAction | MqttAction)
        return replace(wanted, picture=old.picture)
    return wanted


def _free_name(name: str, taken: dict[str, Action]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} {number}"
    return free
