"""Everything the window can be told to do can be found, read about, and done with the keyboard."""

import re
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAction, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QMenu,
    QScrollArea,
    QScrollBar,
    QTableWidget,
    QWidget,
)

from ssd_live.gui.actions import plain
from tests.gui.desk import Desk
from tests.gui.waiting import in_dialog, settle, wait_until

Desks = Callable[..., Desk]


@pytest.fixture
def opened(desk: Desks) -> Desk:
    made = desk()
    made.wait_for_picture()
    made.wait_for_live_layout()
    return made


def menu_actions(menu: QMenu) -> Iterator[QAction]:
    for action in menu.actions():
        submenu = action.menu()
        if isinstance(submenu, QMenu):
            yield from menu_actions(submenu)
        elif not action.isSeparator():
            yield action


def all_menu_actions(desk: Desk) -> set[QAction]:
    return {
        action for top in desk.window.menuBar().actions() for action in menu_actions(_menu_of(top))
    }


def _menu_of(action: QAction) -> QMenu:
    menu = action.menu()
    assert isinstance(menu, QMenu)
    return menu


def test_no_key_does_two_things(opened: Desk) -> None:
    keys = [
        sequence.toString()
        for action in opened.window.actions_by_name.all()
        for sequence in action.shortcuts()
    ]
    assert [key for key, count in Counter(keys).items() if count > 1] == []


def test_every_key_is_one_that_qt_knows(opened: Desk) -> None:
    for spec in opened.window.actions_by_name.specs:
        for key in spec.keys:
            assert QKeySequence(key).toString(), f"{spec.name} has the key {key!r}"


def test_every_action_has_a_tip_that_names_its_key(opened: Desk) -> None:
    for spec in opened.window.actions_by_name.specs:
        action = opened.window.actions_by_name[spec.name]
        assert action.toolTip().strip()
        assert action.statusTip().strip()
        if spec.keys:
            assert (
                action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
                in action.toolTip()
            )


def test_every_action_stands_in_a_menu_or_has_a_key(opened: Desk) -> None:
    in_menus = all_menu_actions(opened)
    alone = [
        spec.name
        for spec in opened.window.actions_by_name.specs
        if not spec.keys and opened.window.actions_by_name[spec.name] not in in_menus
    ]
    assert alone == []


def test_the_shortcuts_dialog_lists_every_action_with_all_its_keys(opened: Desk) -> None:
    rows: list[tuple[str, str, str]] = []

    def read(dialog: QWidget) -> None:
        table = dialog.findChild(QTableWidget)
        assert isinstance(table, QTableWidget)
        rows.extend(
            tuple(_cell(table, row, column) for column in range(3))  # type: ignore[misc]
            for row in range(table.rowCount())
        )

    in_dialog(lambda: opened.trigger("shortcuts"), read)
    listed = {action: keys.split(", ") for keys, action, _ in rows}
    for spec in opened.window.actions_by_name.specs:
        if spec.keys:
            written = ", ".join(
                QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
                for key in spec.keys
            )
            assert listed[plain(spec.text)] == written.split(", ")
    assert len(rows) == sum(bool(spec.keys) for spec in opened.window.actions_by_name.specs)


def _cell(table: QTableWidget, row: int, column: int) -> str:
    item = table.item(row, column)
    assert item is not None
    return item.text()


def test_every_row_of_the_shortcuts_dialog_says_what_its_key_does(opened: Desk) -> None:
    def read(dialog: QWidget) -> None:
        table = dialog.findChild(QTableWidget)
        assert isinstance(table, QTableWidget)
        silent = [
            _cell(table, row, 1) for row in range(table.rowCount()) if not _cell(table, row, 2)
        ]
        assert silent == []

    in_dialog(lambda: opened.trigger("shortcuts"), read)


def access_keys(texts: list[str]) -> list[str]:
    return [match[1].upper() for text in texts if (match := re.search(r"&(\w)", text))]


def test_access_keys_are_unique_within_each_menu(opened: Desk) -> None:
    for top in opened.window.menuBar().actions():
        for menu in [_menu_of(top), *_menu_of(top).findChildren(QMenu)]:
            keys = access_keys([action.text() for action in menu.actions()])
            assert len(keys) == len(set(keys)), f"{top.text()}: {keys}"


def test_access_keys_of_menu_bar_and_panel_are_unique(opened: Desk) -> None:
    menus = [action.text() for action in opened.window.menuBar().actions()]
    labels = [
        label.text() for label in opened.panel.findChildren(QLabel) if label.buddy() is not None
    ]
    buttons = [button.text() for button in opened.panel.findChildren(QAbstractButton)]
    keys = access_keys(menus + labels + buttons)
    assert sorted(key for key, count in Counter(keys).items() if count > 1) == []


def test_every_menu_opens_with_its_access_key(opened: Desk) -> None:
    for top in opened.window.menuBar().actions():
        (key,) = access_keys([top.text()])
        opened.press(key, Qt.KeyboardModifier.AltModifier)
        menu = _menu_of(top)
        assert menu.isVisible(), f"Alt+{key} does not open {top.text()}"
        menu.close()
        settle()


def focus_chain(desk: Desk) -> list[QWidget]:
    """What the tab key reaches, from the video on."""
    desk.view.setFocus()
    reached: list[QWidget] = []
    for _ in range(60):
        desk.press("Tab")
        widget = QApplication.focusWidget()
        if widget is None or widget is desk.view:
            break
        reached.append(widget)
    return reached


@pytest.mark.parametrize(
    "kind", [QComboBox, QAbstractSlider, QAbstractSpinBox, QLineEdit, QListWidget, QAbstractButton]
)
def test_the_tab_key_reaches_every_widget_of_the_panel(opened: Desk, kind: type[QWidget]) -> None:
    reached = focus_chain(opened)
    wanted = [
        widget
        for widget in opened.panel.findChildren(kind)
        if widget.isVisible()
        and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and widget.focusProxy() is None
        and not _is_part(widget)
    ]
    assert wanted
    assert [widget for widget in wanted if widget not in reached] == []


def _is_part(widget: QWidget) -> bool:
    """A field in a spin box, a scroll bar of a list: these belong to another widget."""
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, (QAbstractSpinBox, QComboBox, QAbstractScrollArea, QLineEdit)) and (
            not isinstance(parent, QScrollArea) or isinstance(widget, QScrollBar)
        ):
            return True
        parent = parent.parentWidget()
    return False


def test_the_tab_key_reaches_the_seek_bar_of_a_file(desk: Desks) -> None:
    from tests.clips import SAMPLE

    opened = desk(SAMPLE)
    wait_until(opened.seek_bar.isEnabled, "the file's length is known")
    assert opened.seek_bar in focus_chain(opened)


def test_a_screen_reader_has_a_name_for_everything_that_takes_the_focus(opened: Desk) -> None:
    opened.window.show_plots(True)
    settle()
    nameless = []
    for widget in focus_chain(opened):
        interface = QAccessible.queryAccessibleInterface(widget)
        name = interface.text(QAccessible.Text.Name) if interface is not None else ""
        if not name.strip():
            nameless.append(f"{type(widget).__name__} in {type(widget.parent()).__name__}")
    assert nameless == []


def test_every_panel_control_has_a_tooltip(opened: Desk) -> None:
    kinds = (QComboBox, QAbstractSlider, QAbstractSpinBox, QListWidget, QAbstractButton)
    controls = [
        widget
        for kind in kinds
        for widget in opened.panel.findChildren(kind)
        if not _is_part(widget)
    ]
    assert [type(widget).__name__ for widget in controls if not widget.toolTip()] == []


@pytest.mark.parametrize(
    ("key", "action", "before"),
    [
        ("Space", "play", True),
        ("H", "hud", True),
        ("D", "detection_panel", True),
        ("P", "numbers_panel", False),
        ("V", "source_rate", False),
        ("T", "track", False),
    ],
)
def test_a_single_key_switches_its_action(
    opened: Desk, key: str, action: str, before: bool
) -> None:
    opened.view.setFocus()
    assert opened.is_on(action) is before
    opened.press(key)
    assert opened.is_on(action) is not before


def test_control_f_goes_to_the_class_search_even_when_the_panel_is_away(opened: Desk) -> None:
    opened.trigger("detection_panel")
    opened.press("F", Qt.KeyboardModifier.ControlModifier)
    focus = QApplication.focusWidget()
    assert isinstance(focus, QLineEdit)
    assert focus.placeholderText() == "Search classes"


def test_the_video_has_the_keyboard_when_the_window_opens(opened: Desk) -> None:
    opened.window.activateWindow()
    wait_until(opened.window.isActiveWindow, "the window is active")
    assert QApplication.focusWidget() is opened.view


def test_escape_does_nothing_while_the_window_is_not_full_screen(opened: Desk) -> None:
    opened.press("Escape")
    assert opened.window.isVisible()
    assert not opened.window.isFullScreen()


def test_the_network_is_changed_with_the_keyboard_alone(desk: Desks) -> None:
    opened = desk(models=["one", "two"])
    model_requests: list[object] = []
    # The models do not exist, so nothing may load them.
    opened.panel.wished.disconnect()
    opened.panel.wished.connect(model_requests.append)
    picker = opened.child(QComboBox, "Model that detects objects")
    opened.panel.model.unfold(True)
    picker.setCurrentText("one")
    picker.setFocus()
    QTest.keyClick(picker, Qt.Key.Key_Down)
    assert [getattr(model_request, "model", "") for model_request in model_requests] == ["two"]
