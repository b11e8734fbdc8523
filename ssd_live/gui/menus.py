"""The menus of the window, made from a table of the actions in each menu."""

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QSize, Qt
from PySide6.QtWidgets import QMenu, QMenuBar, QSizePolicy, QToolBar, QWidget

from ssd_live.gui.actions import Actions
from ssd_live.gui.source_menus import SourceMenus

# The menu entries between two separators. An entry is the name of an action, or a menu.
Group = Sequence[str | QMenu]


def fill_menu_bar(bar: QMenuBar, actions: Actions, source_menus: SourceMenus) -> None:
    """Add all menus to the empty menu bar `bar`."""
    translate = QCoreApplication.translate
    video: Group = ("full_screen", "zoom_in", "zoom_out", "zoom_fit", "solo", "next_source")
    _add_menu(
        bar,
        actions,
        translate("Menus", "&Source"),
        (
            source_menus.cameras,
            "open_file",
            "open_folder",
            "open_address",
            source_menus.screens,
            "open_sample",
            "open_pattern",
            source_menus.recent,
        ),
        ("add_source", "close_source"),
        ("open_model",),
        ("export", "redact"),
        ("quit",),
    )
    _add_menu(
        bar,
        actions,
        translate("Menus", "&Playback"),
        ("play", "step", "step_back", "back", "forward", "slower", "faster", "loop", "mirror"),
        ("mute", "louder", "quieter"),
    )
    _add_menu(
        bar,
        actions,
        translate("Menus", "&Record"),
        ("record", "record_boxes", "snapshot", "copy"),
        ("show_folder", "folder"),
    )
    _add_menu(
        bar,
        actions,
        translate("Menus", "&View"),
        video,
        ("hud", "hud_details"),
        ("detection_panel", "object_panel", "zone_panel", "event_panel", "numbers_panel"),
        ("timeline", "find_again"),
        ("source_rate", "track", "small_objects", "heat_map"),
        ("threshold_up", "threshold_down", "search_classes"),
        ("reset_layout", "preferences"),
    )
    _add_menu(
        bar,
        actions,
        translate("Menus", "T&ools"),
        ("new_project", "open_project"),
        ("add_to_project", "collect", "collect_unsure"),
        ("bench", "measure_backends"),
    )
    _add_menu(
        bar,
        actions,
        translate("Menus", "&Help"),
        ("shortcuts", "about"),
    )


def tool_bar(actions: Actions) -> QToolBar:
    """Return a tool bar with the actions that are used the most."""
    translate = QCoreApplication.translate
    bar = QToolBar(translate("Menus", "Tool bar"))
    bar.setObjectName("tools")
    bar.setMovable(False)
    bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    bar.setIconSize(QSize(20, 20))
    texts = {
        "open_file": translate("Menus", "Open"),
        "add_source": translate("Menus", "Add"),
        "open_address": translate("Menus", "Network camera"),
        "record": translate("Menus", "Record"),
        "snapshot": translate("Menus", "Snapshot"),
        "export": translate("Menus", "Export"),
        "find_again": translate("Menus", "Find again"),
        "full_screen": translate("Menus", "Full screen"),
        "preferences": translate("Menus", "Settings"),
    }
    for name, text in texts.items():
        if name == "full_screen":
            space = QWidget()
            space.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            bar.addWidget(space)
        elif name == "record":
            bar.addSeparator()
        actions[name].setIconText(text)
        bar.addAction(actions[name])
    return bar


def _add_menu(bar: QMenuBar, actions: Actions, title: str, *groups: Group) -> None:
    menu = bar.addMenu(title)
    menu.setToolTipsVisible(True)
    for group in groups:
        if not menu.isEmpty():
            menu.addSeparator()
        for entry in group:
            if isinstance(entry, QMenu):
                menu.addMenu(entry)
            else:
                menu.addAction(actions[entry])
