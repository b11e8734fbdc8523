"""Rules are made in the window, kept for each source, tried, and followed in the list of events."""

import re
from collections.abc import Callable, Iterator
from datetime import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QToolButton,
)

from ssd_live.analytics.action_plans import (
    ActionPlan,
    ClipAction,
    CommandAction,
    MqttAction,
    NotificationAction,
    SnapshotAction,
    SoundAction,
    WebhookAction,
)
from ssd_live.analytics.rules import Rule, RuleBook
from ssd_live.analytics.zones import Zone
from ssd_live.gui.event_controller import EventController
from ssd_live.gui.event_list import EventList
from ssd_live.gui.event_panel import EventPanel
from ssd_live.gui.picture_rows import ROW_ROLE, PictureRow
from ssd_live.gui.rule_dialog import RuleDialog
from ssd_live.gui.rule_sentence import rule_sentence
from ssd_live.live.rule_store import load_rules
from ssd_live.live.zone_store import save_zones
from ssd_live.remote.network import ModelRequest
from ssd_live.settings import Settings
from ssd_live.video.sources import parse_source
from tests.clips import write_clip
from tests.gui.desk import SMALL_PATTERN, Desk, part
from tests.gui.waiting import settle, wait_until

Desks = Callable[..., Desk]
AREA = Zone("Yard", "area", ((0, 0), (1, 0), (1, 1), (0, 1)))
LINE = Zone("Gate", "line", ((0.1, 0.5), (0.9, 0.5)))
FULL = Rule(
    "Full", "Yard", "count", ("cat",), 2.0, 3, time(18), time(7), (0, 4), 60.0, ("a", "b", "c", "d")
)
PLAN = ActionPlan(
    (
        SnapshotAction("a", boxes=False),
        ClipAction("b", 2.0, 3.0),
        WebhookAction("c", "https://h/x"),
        MqttAction("d", "mqtt://h/t", picture=False, home_assistant=True),
        CommandAction("e", ("bell", "two words")),
        ClipAction("f", boxes=False),
        NotificationAction("g"),
        SoundAction("h", "gong.wav"),
    )
)


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSD_LIVE_SETTINGS", str(tmp_path / "config" / "settings.json"))


@pytest.fixture
def dialog(application: QApplication) -> Iterator[Callable[..., RuleDialog]]:
    made: list[RuleDialog] = []

    def make(book: RuleBook = RuleBook(), row: int = -1) -> RuleDialog:  # noqa: B008
        made.append(RuleDialog(book, row, (AREA, LINE), ("cat", "dog")))
        made[-1].show()
        return made[-1]

    yield make
    for each in made:
        each.deleteLater()
    settle()


def _ok(dialog: RuleDialog) -> bool:
    (button,) = [b for b in dialog.findChildren(QPushButton) if b.text() == "OK"]
    button.click()
    return dialog.result() == RuleDialog.DialogCode.Accepted


def _check(dialog: RuleDialog, text: str) -> QCheckBox:
    (box,) = [b for b in dialog.findChildren(QCheckBox) if b.text() == text]
    return box


def test_a_new_rule_begins_with_what_is_usual(dialog: Callable[..., RuleDialog]) -> None:
    made = dialog()
    assert _ok(made)
    assert made.book == RuleBook((Rule("Rule 1", "Yard", "inside", seconds=3.0),))
    second = dialog(made.book)
    assert _ok(second)
    assert [rule.name for rule in second.book.rules] == ["Rule 1", "Rule 2"]


def test_a_rule_stays_as_it_is_if_nothing_is_changed(dialog: Callable[..., RuleDialog]) -> None:
    book = RuleBook((FULL, Rule("Other", "Gate", "out", do=("f", "g", "h", "e"))), PLAN)
    for row in (0, 1):
        made = dialog(book, row)
        assert _ok(made)
        assert made.book == book


def test_what_the_dialog_does_not_show_stays(dialog: Callable[..., RuleDialog]) -> None:
    rule = Rule("Two", "Gate", "out", pause=0.25, do=("x", "y"))
    other, unused = WebhookAction("y", "https://h/y"), MqttAction("z", "mqtt://h/z", picture=False)
    book = RuleBook((rule,), ActionPlan((WebhookAction("x", "https://h/x"), other, unused)))
    made = dialog(book, 0)
    assert _ok(made)
    assert made.book == book
    made = dialog(book, 0)
    _check(made, "Send to a web address").setChecked(False)
    assert _ok(made)
    assert made.book.plan.actions == (unused,)


def test_every_field_is_used(
    dialog: Callable[..., RuleDialog], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = dialog()
    zone, when = made.findChildren(QComboBox)[:2]
    zone.setCurrentText("Gate")
    assert [when.itemData(n) for n in range(when.count())] == ["in", "out"]
    when.setCurrentIndex(1)
    (menu,) = [button.menu() for button in made.findChildren(QToolButton) if button.menu()]
    assert menu is not None
    for action in menu.actions():
        action.trigger()
    menu.actions()[0].trigger()
    _check(made, "Only between").setChecked(True)
    _check(made, "Write a picture").setChecked(True)
    _check(made, "Write a clip").setChecked(True)
    _check(made, "Boxes").setChecked(False)
    _check(made, "Show a notification").setChecked(True)
    _check(made, "Play a sound").setChecked(True)
    (file,) = [e for e in made.findChildren(QLineEdit) if e.accessibleName() == "Sound file"]
    (browse,) = [b for b in made.findChildren(QToolButton) if b.text() == "Browse…"]
    monkeypatch.setattr(
        QFileDialog, "getOpenFileName", lambda *_, **__: ("/sounds/gong.wav", "Sounds")
    )
    browse.click()
    assert file.text() == "/sounds/gong.wav"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: ("", ""))
    browse.click()
    _check(made, "Run a command").setChecked(True)
    (words,) = [e for e in made.findChildren(QLineEdit) if e.accessibleName() == "Command"]
    words.setText("bell 'two words'")
    assert _ok(made)
    (rule,) = made.book.rules
    assert (rule.zone, rule.kind, rule.classes, rule.seconds) == ("Gate", "out", ("dog",), 0.0)
    assert (rule.begin, rule.end, rule.days) == (time(18), time(7), ())
    assert rule.do == ("picture", "clip", "notification", "sound", "command")
    assert made.book.plan.actions == (
        SnapshotAction("picture"),
        ClipAction("clip", boxes=False),
        NotificationAction("notification"),
        SoundAction("sound", "/sounds/gong.wav"),
        CommandAction("command", ("bell", "two words")),
    )
    # The same actions are used again, and another clip gets a name of its own.
    other = dialog(made.book)
    _check(other, "Write a picture").setChecked(True)
    _check(other, "Write a clip").setChecked(True)
    (before,) = [
        box
        for box in other.findChildren(QDoubleSpinBox)
        if box.accessibleName() == "Seconds" and box.maximum() == 60
    ]
    before.setValue(1.0)
    assert _ok(other)
    assert other.book.rules[1].do == ("picture", "clip 2")


@pytest.mark.parametrize(
    ("action", "field", "text", "problem"),
    [
        ("Send to a web address", "Web address", "ftp://x", "must start with http:// or https://"),
        ("Send to an MQTT broker", "MQTT broker", "", "must start with mqtt:// or mqtts://"),
        ("Run a command", "Command", "", "must be a list of a program and its arguments"),
        ("Run a command", "Command", "say 'x", "No closing quotation"),
    ],
)
def test_what_makes_no_sense_is_told(
    dialog: Callable[..., RuleDialog], action: str, field: str, text: str, problem: str
) -> None:
    made = dialog()
    _check(made, action).setChecked(True)
    edits = [e for e in made.findChildren(QLineEdit) if e.accessibleName() == field]
    edits[0].setText(text)
    assert not _ok(made)
    assert any(problem in label.text() for label in made.findChildren(QLabel))


def test_a_name_that_is_taken_is_told(dialog: Callable[..., RuleDialog]) -> None:
    made = dialog(RuleBook((FULL,), PLAN))
    made.findChildren(QLineEdit)[0].setText("Full")
    assert not _ok(made)
    assert any("two rules have the name" in label.text() for label in made.findChildren(QLabel))


def test_a_rule_is_said_in_a_line() -> None:
    assert rule_sentence(FULL).startswith(
        "3 or more inside Yard (cat) for over 2 s · 18:00 – 07:00 · Mon, Fri · at most every 60 s"
    )
    assert rule_sentence(Rule("x", "Gate", "in")) == "an object goes in at Gate"


# In the window.


def _rules(opened: Desk) -> QListWidget:
    return opened.child(QListWidget, "Rules")


def _press(opened: Desk, text: str) -> None:
    panel = opened.child(EventPanel)
    (button,) = [b for b in panel.findChildren(QPushButton) if b.text() == text]
    assert button.isEnabled()
    button.click()


def _rows(opened: Desk) -> list[PictureRow]:
    model = opened.child(EventList).model()
    return [model.index(row, 0).data(ROW_ROLE) for row in range(model.rowCount())]


def _accept(monkeypatch: pytest.MonkeyPatch, *steps: Callable[[RuleDialog], None]) -> None:
    """Answer the next dialogs: change something, and press OK."""
    answers = iter(steps)

    def answer(dialog: RuleDialog) -> int:
        next(answers)(dialog)
        return int(_ok(dialog))

    monkeypatch.setattr(RuleDialog, "exec", answer)


@pytest.fixture
def watching(desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path) -> Desk:
    """A window with an area, in which a cat and a dog stand."""
    save_zones(parse_source(SMALL_PATTERN), (AREA,))
    settings = Settings(output_folder=str(tmp_path / "out"))
    opened = desk(SMALL_PATTERN, model_request=cat_and_dog, settings=settings)
    opened.wait_for_boxes()
    opened.trigger("event_panel")
    wait_until(opened.child(EventPanel).isVisible, "the panel is shown")
    return opened


def test_a_rule_made_in_the_window_makes_events_and_is_kept(
    watching: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def first(dialog: RuleDialog) -> None:
        dialog.findChildren(QComboBox)[1].setCurrentIndex(3)
        _check(dialog, "Write a picture").setChecked(True)
        part(dialog, QLineEdit).setText("Crowd")

    _accept(monkeypatch, first)
    _press(watching, "Add…")
    wait_until(lambda: len(_rows(watching)) == 1, "the event is listed")
    (row,) = _rows(watching)
    assert row.title == "Crowd"
    assert row.picture is not None
    assert row.mark
    wait_until(lambda: any((tmp_path / "out" / "events").glob("*.jpg")), "the picture is there")
    spec = watching.session.stream.spec
    assert spec is not None
    (kept,) = load_rules(spec)[0].rules
    assert (kept.name, kept.kind) == ("Crowd", "count")
    # A zone that is renamed takes its rules along.
    watching.view.zones.select(0)
    watching.view.zones.change_selected(Zone("Garden", "area", AREA.points))
    wait_until(lambda: load_rules(spec)[0].rules[0].zone == "Garden", "the rule follows")
    watching.view.zones.delete_selected()
    wait_until(lambda: "There is no zone" in _rules(watching).item(0).text(), "it is told")
    watching.view.zones.undo()
    wait_until(lambda: "There is no" not in _rules(watching).item(0).text(), "it works again")
    _rules(watching).setCurrentRow(0)
    _accept(monkeypatch, lambda dialog: part(dialog, QLineEdit).setText("Group"))
    _press(watching, "Change…")
    assert load_rules(spec)[0].rules[0].name == "Group"
    _rules(watching).setCurrentRow(0)
    _press(watching, "Delete")
    assert load_rules(spec)[0] == RuleBook()
    assert _rules(watching).count() == 0


def test_rules_of_a_source_come_back_with_it(
    watching: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _accept(monkeypatch, lambda dialog: part(dialog, QLineEdit).setText("Stays"))
    _press(watching, "Add…")
    wait_until(lambda: len(_rows(watching)) == 2, "both stay for 3 s")
    watching.window.open("pattern:320x180@25")
    wait_until(lambda: _rules(watching).count() == 0, "another source has no rules")
    hints = [label.text() for label in watching.child(EventPanel).findChildren(QLabel)]
    assert any("First draw a line or an area" in text for text in hints)
    watching.window.open(SMALL_PATTERN)
    wait_until(lambda: _rules(watching).count() == 1, "the rule is there again")
    watching.trigger("track")
    wait_until(
        lambda: any(
            "not followed" in label.text()
            for label in watching.child(EventPanel).findChildren(QLabel)
        ),
        "it says that nothing is followed",
    )


def test_rules_are_tried_on_a_file(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "a.mp4", 100)
    save_zones(parse_source(str(clip)), (AREA,))
    opened = desk(clip, model_request=cat_and_dog)
    opened.wait_for_boxes()
    opened.pause()
    opened.trigger("event_panel")

    _accept(monkeypatch, lambda dialog: dialog.findChildren(QComboBox)[1].setCurrentIndex(1))
    _press(opened, "Add…")
    _press(opened, "Try")
    panel = opened.child(EventPanel)
    result = re.compile(r"Rule 1: would have fired (\d+) times")

    def fired() -> int:
        texts = [result.fullmatch(label.text()) for label in panel.findChildren(QLabel)]
        return next((int(found[1]) for found in texts if found), 0)

    def tried() -> int:
        return len([row for row in _rows(opened) if "tried" in row.text])

    wait_until(fired, "the result is told")
    wait_until(lambda: tried() == fired(), "each time is listed")
    # Trying again does not list the same twice.
    wait_until(lambda: _can_try(opened), "it can be tried again")
    _press(opened, "Try")
    wait_until(lambda: _can_try(opened), "it was tried again")
    assert tried() == fired()
    events = opened.child(EventList)
    events.activated.emit(events.model().index(0, 0))
    wait_until(lambda: opened.time < 3.5, "the moment is shown")


def _can_try(opened: Desk) -> bool:
    panel = opened.child(EventPanel)
    (button,) = [b for b in panel.findChildren(QPushButton) if b.text() == "Try"]
    return button.isEnabled()


def test_suppressed_events_are_shown_on_request(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    rule = Rule("In", "Yard", "in", pause=1000.0)
    opened = desk(
        SMALL_PATTERN,
        model_request=cat_and_dog,
        zones=(AREA,),
        book=RuleBook((rule,)),
        rules_file=tmp_path / "rules.json",
    )
    opened.trigger("event_panel")
    wait_until(lambda: len(_rows(opened)) == 1, "the first is listed")
    panel = opened.child(EventPanel)
    box = part(panel, QCheckBox)
    QTest.mouseClick(box, Qt.MouseButton.LeftButton, pos=box.rect().center())
    box.setChecked(True)
    wait_until(lambda: len(_rows(opened)) == 2, "the other one too")
    assert "too soon after the last" in _rows(opened)[0].text
    controller = opened.window.findChild(EventController)
    assert controller is not None
    # A live source cannot be tried.
    controller.try_rules()
    assert not _can_try(opened)
