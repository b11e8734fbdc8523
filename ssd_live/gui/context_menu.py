"""The menus of the right mouse button, on the video and on a box."""

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QMenu, QWidget

from ssd_live.gui.actions import Actions
from ssd_live.gui.class_list import ClassList

# The actions of the menu; "" is a separator.
_ACTIONS = (
    "play",
    "record",
    "snapshot",
    "copy",
    "",
    "zoom_fit",
    "solo",
    "full_screen",
    "",
    "add_source",
    "close_source",
)


def context_menu(parent: QWidget, actions: Actions, classes: ClassList, name: str) -> QMenu:
    """Return the menu for a place on the video; `name` is the class of the box there, or "".

    For a box, the menu offers to hide its class or all other classes.
    """
    translate = QCoreApplication.translate
    menu = QMenu(parent)

    def add(text: str, slot: Callable[[], None]) -> None:
        menu.addAction(text.format(name=name)).triggered.connect(lambda *_: slot())

    if name:
        add(translate("ContextMenu", "Hide {name}"), lambda: classes.hide_class(name))
        add(translate("ContextMenu", "Show only {name}"), lambda: classes.show_only(name))
    if classes.hidden:
        add(translate("ContextMenu", "Show all classes"), lambda: classes.show_only(None))
    if not menu.isEmpty():
        menu.addSeparator()
    for action in _ACTIONS:
        if action:
            menu.addAction(actions[action])
        else:
            menu.addSeparator()
    return menu
