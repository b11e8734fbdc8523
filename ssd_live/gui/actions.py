"""The table of all actions of the window: names, texts, keys and tips.

The menus, the transport buttons and the dialog of keyboard shortcuts are made from this table.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QObject
from PySide6.QtGui import QAction, QColor, QKeySequence

from ssd_live.gui.theme import icon


@dataclass(frozen=True)
class ActionSpec:
    """The description of one action: something that the user can do from a menu or with a key.

    `name` identifies the action in the code. `text` is the text in menus, with "&" before the
    access key. `keys` are shortcuts in Qt's portable form, such as "Ctrl+O"; menus show the first
    one. `tip` is the tooltip and the text in the status bar. `checkable` means that the action can
    be on or off. `icon` is the name of an icon in `assets/icons`, or "".
    """

    name: str
    text: str
    keys: tuple[str, ...] = ()
    tip: str = ""
    checkable: bool = False
    icon: str = ""


def action_specs() -> list[ActionSpec]:
    """Return the descriptions of all actions, with their texts in the installed language."""
    translate = QCoreApplication.translate
    return [
        ActionSpec(
            "open_file",
            translate("Actions", "Open &file…"),
            ("Ctrl+O",),
            translate("Actions", "Open a video or an image"),
            icon="open",
        ),
        ActionSpec(
            "add_source",
            translate("Actions", "A&dd a source"),
            ("Ctrl+N",),
            translate("Actions", "Show one more source beside the others"),
            icon="add",
        ),
        ActionSpec(
            "close_source",
            translate("Actions", "Close so&urce"),
            ("Ctrl+W",),
            translate("Actions", "Close the selected source"),
        ),
        ActionSpec(
            "open_sample",
            translate("Actions", "Sample c&lip"),
            (),
            translate("Actions", "Play the clip that comes with the program"),
        ),
        ActionSpec(
            "clear_recent",
            translate("Actions", "Clear recent sources"),
            (),
            translate("Actions", "Forget the recent sources"),
        ),
        ActionSpec(
            "reset_layout",
            translate("Actions", "Reset &layout"),
            (),
            translate("Actions", "Put the window and its panels back at their first places"),
        ),
        ActionSpec(
            "open_model",
            translate("Actions", "Open a &model…"),
            (),
            translate("Actions", "Use a model file (.onnx)"),
        ),
        ActionSpec(
            "open_folder",
            translate("Actions", "Open f&older of images…"),
            ("Ctrl+Shift+O",),
            translate("Actions", "Show the images of a folder one after another"),
        ),
        ActionSpec(
            "open_address",
            translate("Actions", "Open &address…"),
            ("Ctrl+L",),
            translate("Actions", "Open a network camera: rtsp:// or http://"),
            icon="network",
        ),
        ActionSpec(
            "open_screen",
            translate("Actions", "&Screen"),
            ("Ctrl+Shift+S",),
            translate("Actions", "Use the desktop as the source"),
        ),
        ActionSpec(
            "open_pattern",
            translate("Actions", "&Test pattern"),
            ("Ctrl+T",),
            translate("Actions", "Show a generated video of moving objects cut from photos"),
        ),
        ActionSpec(
            "export",
            translate("Actions", "&Export annotated copy…"),
            ("Ctrl+E",),
            translate("Actions", "Save a copy of the current file with boxes on every frame"),
            icon="export",
        ),
        ActionSpec(
            "redact",
            translate("Actions", "&Hide objects in a copy…"),
            ("Ctrl+H",),
            translate("Actions", "Save a copy of the current file in which people do not show"),
        ),
        ActionSpec(
            "find_again",
            translate("Actions", "Find a&gain…"),
            ("Ctrl+Shift+F",),
            translate("Actions", "Search what recordings and processed videos showed"),
            icon="search",
        ),
        ActionSpec(
            "new_project",
            translate("Actions", "&New project: teach your own objects…"),
            (),
            translate("Actions", "Collect images, label them, train a detector, and use it"),
        ),
        ActionSpec(
            "open_project",
            translate("Actions", "&Open a project…"),
            ("Ctrl+Shift+P",),
            translate("Actions", "Open the folder of a project with your own objects"),
        ),
        ActionSpec(
            "add_to_project",
            translate("Actions", "&Add the frame to the project"),
            ("J",),
            translate("Actions", "Put the frame that is shown into the project, to label it"),
        ),
        ActionSpec(
            "collect",
            translate("Actions", "&Collect a frame every 2 seconds"),
            (),
            translate("Actions", "Put a frame into the project every 2 seconds, to label it later"),
            checkable=True,
        ),
        ActionSpec(
            "collect_unsure",
            translate("Actions", "Collect frames when the model is &unsure"),
            (),
            translate("Actions", "Put frames into the project of which the model is unsure"),
            checkable=True,
        ),
        ActionSpec(
            "bench",
            translate("Actions", "&Benchmark…"),
            ("Ctrl+B",),
            translate("Actions", "Measure FPS and latency on this machine"),
        ),
        ActionSpec(
            "measure_backends",
            translate("Actions", "&Find the fastest backend"),
            (),
            translate("Actions", "Measure all backends for the current model, and use the fastest"),
        ),
        ActionSpec(
            "quit",
            translate("Actions", "&Quit"),
            ("Ctrl+Q",),
            translate("Actions", "Close the window"),
        ),
        ActionSpec(
            "play",
            translate("Actions", "&Play or pause"),
            ("Space", "Media Play"),
            translate("Actions", "Play or pause"),
            True,
            "play",
        ),
        ActionSpec(
            "step_back",
            translate("Actions", "Step &back"),
            (",",),
            translate("Actions", "Previous frame"),
            False,
            "step_back",
        ),
        ActionSpec(
            "step",
            translate("Actions", "&Step"),
            (".",),
            translate("Actions", "Next frame"),
            False,
            "step",
        ),
        ActionSpec(
            "back",
            translate("Actions", "5 seconds back"),
            ("Alt+Left",),
            translate("Actions", "Seek 5 seconds back"),
            False,
        ),
        ActionSpec(
            "forward",
            translate("Actions", "5 seconds forward"),
            ("Alt+Right",),
            translate("Actions", "Seek 5 seconds forward"),
            False,
        ),
        ActionSpec(
            "slower",
            translate("Actions", "Slo&wer"),
            ("<",),
            translate("Actions", "Play at a lower speed"),
        ),
        ActionSpec(
            "faster",
            translate("Actions", "F&aster"),
            (">",),
            translate("Actions", "Play at a higher speed"),
        ),
        ActionSpec(
            "mute",
            translate("Actions", "M&ute"),
            ("Shift+M",),
            translate("Actions", "Silence the sound of the file"),
            True,
            "sound",
        ),
        ActionSpec(
            "louder",
            translate("Actions", "Louder"),
            ("Ctrl+Up",),
            translate("Actions", "Raise the volume"),
        ),
        ActionSpec(
            "quieter",
            translate("Actions", "Quieter"),
            ("Ctrl+Down",),
            translate("Actions", "Lower the volume"),
        ),
        ActionSpec(
            "loop",
            translate("Actions", "&Loop"),
            ("Ctrl+R",),
            translate("Actions", "Repeat the file when it ends"),
            True,
            "loop",
        ),
        ActionSpec(
            "mirror",
            translate("Actions", "&Mirror the camera"),
            ("Ctrl+M",),
            translate("Actions", "Flip the video of a camera left to right"),
            True,
        ),
        ActionSpec(
            "record",
            translate("Actions", "&Record"),
            ("R",),
            translate("Actions", "Record the displayed frames and their detections"),
            True,
            "record",
        ),
        ActionSpec(
            "record_boxes",
            translate("Actions", "Record with &boxes"),
            (),
            translate("Actions", "Draw boxes in recordings"),
            True,
        ),
        ActionSpec(
            "snapshot",
            translate("Actions", "&Save snapshot"),
            ("S",),
            translate("Actions", "Save the current frame with its boxes as a PNG file"),
            icon="snapshot",
        ),
        ActionSpec(
            "copy",
            translate("Actions", "&Copy frame"),
            ("Ctrl+C",),
            translate("Actions", "Copy the current frame with its boxes to the clipboard"),
        ),
        ActionSpec(
            "show_folder",
            translate("Actions", "S&how the folder"),
            (),
            translate("Actions", "Show the folder of recordings and snapshots"),
        ),
        ActionSpec(
            "folder",
            translate("Actions", "Folder for recordings and snapshots…"),
            (),
            translate("Actions", "Choose the folder for recordings and snapshots"),
        ),
        ActionSpec(
            "full_screen",
            translate("Actions", "&Full screen"),
            ("F11", "F"),
            translate("Actions", "Show only the video; press Escape to exit"),
            True,
            icon="full_screen",
        ),
        ActionSpec(
            "leave_full_screen",
            translate("Actions", "Exit full screen"),
            ("Escape",),
            translate("Actions", "Return to the window"),
        ),
        ActionSpec(
            "zoom_in",
            translate("Actions", "Zoom &in"),
            ("+", "=", "Ctrl++"),
            translate(
                "Actions",
                "Zoom in, also with the mouse wheel; drag or press the arrow keys to move",
            ),
        ),
        ActionSpec(
            "zoom_out",
            translate("Actions", "Zoom &out"),
            ("-", "Ctrl+-"),
            translate("Actions", "Zoom out"),
        ),
        ActionSpec(
            "zoom_fit",
            translate("Actions", "Fit to &window"),
            ("0", "Ctrl+0"),
            translate("Actions", "Show the whole frame"),
        ),
        ActionSpec(
            "solo",
            translate("Actions", "&Maximise this source"),
            ("G",),
            translate(
                "Actions",
                "Show only the selected source, or show all sources; a double click does the same",
            ),
            True,
        ),
        ActionSpec(
            "next_source",
            translate("Actions", "&Next source"),
            ("N",),
            translate("Actions", "Select the next source; you can also click on a source"),
        ),
        ActionSpec(
            "hud",
            translate("Actions", "S&tatistics overlay"),
            ("H",),
            translate("Actions", "Show frame rates and latency over the video"),
            True,
        ),
        ActionSpec(
            "hud_details",
            translate("Actions", "Statisti&cs in detail"),
            ("Shift+H",),
            translate("Actions", "Show every number over the video, not only the most important"),
            True,
        ),
        ActionSpec(
            "detection_panel",
            translate("Actions", "&Detection panel"),
            ("D",),
            translate("Actions", "Settings of model, threshold and classes"),
            True,
        ),
        ActionSpec(
            "numbers_panel",
            translate("Actions", "&Plots"),
            ("P",),
            translate("Actions", "Plots of frame rates, latency, dropped frames, CPU and memory"),
            True,
        ),
        ActionSpec(
            "object_panel",
            translate("Actions", "O&bject list"),
            ("O",),
            translate("Actions", "List the objects that are followed, with pictures and times"),
            True,
        ),
        ActionSpec(
            "zone_panel",
            translate("Actions", "&Zones and counts"),
            ("Z",),
            translate("Actions", "Draw lines and areas, and count who crosses and stays"),
            True,
        ),
        ActionSpec(
            "event_panel",
            translate("Actions", "&Rules and events"),
            ("E",),
            translate("Actions", "Make rules of what must happen at zones, and list their events"),
            True,
        ),
        ActionSpec(
            "timeline",
            translate("Actions", "Timeline &under a file"),
            ("L",),
            translate("Actions", "Show under a file when its objects were there"),
            True,
        ),
        ActionSpec(
            "source_rate",
            translate("Actions", "&Every frame"),
            ("V",),
            translate("Actions", "Show every frame; boxes found on an earlier frame are dotted"),
            True,
        ),
        ActionSpec(
            "track",
            translate("Actions", "Follow ob&jects"),
            ("T",),
            translate(
                "Actions", "Give objects numbers and steady boxes, and show where they came from"
            ),
            True,
        ),
        ActionSpec(
            "heat_map",
            translate("Actions", "&Heat map"),
            ("K",),
            translate("Actions", "Show where objects stood since the source was opened"),
            True,
        ),
        ActionSpec(
            "small_objects",
            translate("Actions", "Find sm&all objects"),
            ("M",),
            translate(
                "Actions",
                "Look closer where something moves, and follow objects; takes up to three times "
                "as long",
            ),
            True,
        ),
        ActionSpec(
            "threshold_up",
            translate("Actions", "Higher threshold"),
            ("]",),
            translate("Actions", "Show only detections with a higher score"),
        ),
        ActionSpec(
            "threshold_down",
            translate("Actions", "Lower threshold"),
            ("[",),
            translate("Actions", "Also show detections with a lower score"),
        ),
        ActionSpec(
            "search_classes",
            translate("Actions", "Search classes"),
            ("Ctrl+F",),
            translate("Actions", "Go to the search field for classes"),
        ),
        ActionSpec(
            "preferences",
            translate("Actions", "&Settings…"),
            ("Ctrl+,",),
            translate("Actions", "Change the language, the colours and the frame rate limit"),
            icon="preferences",
        ),
        ActionSpec(
            "shortcuts",
            translate("Actions", "&Keyboard shortcuts"),
            ("F1", "?"),
            translate("Actions", "Show all keyboard shortcuts"),
        ),
        ActionSpec(
            "about",
            translate("Actions", "&About ssd_live"),
            (),
            translate("Actions", "Show versions and licences"),
        ),
    ]


class Actions:
    """All Qt actions of the window. `actions[name]` is the action with that name."""

    def __init__(self, parent: QObject) -> None:
        self.specs = action_specs()
        self._by_name: dict[str, QAction] = {}
        for spec in self.specs:
            action = QAction(spec.text, parent)
            action.setCheckable(spec.checkable)
            action.setShortcuts([QKeySequence(key) for key in spec.keys])
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            tip = spec.tip or plain(spec.text)
            action.setToolTip(f"{tip} ({keys})" if keys else tip)
            action.setStatusTip(tip)
            self._by_name[spec.name] = action

    def __getitem__(self, name: str) -> QAction:
        return self._by_name[name]

    def colour_icons(self, colour: QColor) -> None:
        """Draw all icons in `colour`, so that they are readable in the current theme."""
        for spec in self.specs:
            if spec.icon:
                self._by_name[spec.name].setIcon(icon(spec.icon, colour))

    def connect(self, name: str, slot: Callable[[], object]) -> None:
        """Call `slot`, without arguments, whenever the action `name` is triggered."""
        self._by_name[name].triggered.connect(lambda _=False: slot())

    def all(self) -> list[QAction]:
        """Return all actions, in the order of `action_specs`."""
        return list(self._by_name.values())


def plain(text: str) -> str:
    """Return a menu text without the "&" of its access key and without a final ellipsis.

    For example, "&Open…" becomes "Open". Korean texts have the access key in brackets at the end,
    and the brackets are removed too.
    """
    return re.sub(r"\s*\(&.\)", "", text).replace("&", "").rstrip("…")
