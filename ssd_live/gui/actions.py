"""Everything that the window can be told to do: one table of names, keys and tips; menus and the
help dialog are made of it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QObject
from PySide6.QtGui import QAction, QColor, QKeySequence
from PySide6.QtWidgets import QApplication, QStyle

from ssd_live.gui.theme import tinted

_Icon = QStyle.StandardPixmap


@dataclass(frozen=True)
class ActionSpec:
    """`keys` are Qt's portable names; the first is shown in menus."""

    name: str
    text: str
    keys: tuple[str, ...] = ()
    tip: str = ""
    checkable: bool = False
    icon: QStyle.StandardPixmap | None = None


def action_specs() -> list[ActionSpec]:
    """In the language that is installed now."""
    translate = QCoreApplication.translate
    return [
        ActionSpec(
            "open_file",
            translate("Actions", "Open &file…"),
            ("Ctrl+O",),
            translate("Actions", "Watch a video or an image"),
        ),
        ActionSpec(
            "open_folder",
            translate("Actions", "Open f&older of images…"),
            ("Ctrl+Shift+O",),
            translate("Actions", "Watch the images of a folder"),
        ),
        ActionSpec(
            "open_address",
            translate("Actions", "Open &address…"),
            ("Ctrl+L",),
            translate("Actions", "Watch a network camera: rtsp:// or http://"),
        ),
        ActionSpec(
            "open_screen",
            translate("Actions", "&Screen"),
            ("Ctrl+Shift+S",),
            translate("Actions", "Watch the desktop"),
        ),
        ActionSpec(
            "open_pattern",
            translate("Actions", "&Test pattern"),
            ("Ctrl+T",),
            translate("Actions", "Watch moving objects cut from photos"),
        ),
        ActionSpec(
            "export",
            translate("Actions", "&Export annotated copy…"),
            ("Ctrl+E",),
            translate("Actions", "Write the current file with boxes, every frame of it"),
        ),
        ActionSpec(
            "bench",
            translate("Actions", "&Measure…"),
            ("Ctrl+B",),
            translate("Actions", "Measure FPS and latency on this machine"),
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
            translate("Actions", "Go on, or hold the picture"),
            True,
            _Icon.SP_MediaPlay,
        ),
        ActionSpec(
            "step_back",
            translate("Actions", "Step &back"),
            (",",),
            translate("Actions", "The frame before"),
            False,
            _Icon.SP_MediaSkipBackward,
        ),
        ActionSpec(
            "step",
            translate("Actions", "&Step"),
            (".",),
            translate("Actions", "The next frame"),
            False,
            _Icon.SP_MediaSkipForward,
        ),
        ActionSpec(
            "back",
            translate("Actions", "5 seconds back"),
            ("Alt+Left",),
            translate("Actions", "Seek 5 seconds back"),
            False,
            _Icon.SP_MediaSeekBackward,
        ),
        ActionSpec(
            "forward",
            translate("Actions", "5 seconds forward"),
            ("Alt+Right",),
            translate("Actions", "Seek 5 seconds forward"),
            False,
            _Icon.SP_MediaSeekForward,
        ),
        ActionSpec(
            "loop",
            translate("Actions", "&Loop"),
            ("Ctrl+R",),
            translate("Actions", "Begin anew at the end of a file"),
            True,
            _Icon.SP_BrowserReload,
        ),
        ActionSpec(
            "mirror",
            translate("Actions", "&Mirror the camera"),
            ("Ctrl+M",),
            translate("Actions", "Show a camera's picture as a mirror does"),
            True,
        ),
        ActionSpec(
            "record",
            translate("Actions", "&Record"),
            ("R",),
            translate("Actions", "Record what is shown, with its detections"),
            True,
            _Icon.SP_DialogSaveButton,
        ),
        ActionSpec(
            "record_boxes",
            translate("Actions", "Record with &boxes"),
            (),
            translate("Actions", "Draw the boxes into recordings"),
            True,
        ),
        ActionSpec(
            "snapshot",
            translate("Actions", "Save &picture"),
            ("S",),
            translate("Actions", "Save this frame with its boxes as PNG"),
        ),
        ActionSpec(
            "copy",
            translate("Actions", "&Copy picture"),
            ("Ctrl+C",),
            translate("Actions", "Copy this frame with its boxes"),
        ),
        ActionSpec(
            "folder",
            translate("Actions", "Folder for recordings and pictures…"),
            (),
            translate("Actions", "Where recordings and pictures are saved"),
        ),
        ActionSpec(
            "full_screen",
            translate("Actions", "&Full screen"),
            ("F11", "F"),
            translate("Actions", "Only the video; Escape leaves it"),
            True,
        ),
        ActionSpec(
            "leave_full_screen",
            translate("Actions", "Leave full screen"),
            ("Escape",),
            translate("Actions", "Back to the window"),
        ),
        ActionSpec(
            "zoom_in",
            translate("Actions", "Zoom &in"),
            ("+", "=", "Ctrl++"),
            translate("Actions", "Enlarge; the wheel does it too, dragging and arrow keys move"),
        ),
        ActionSpec(
            "zoom_out",
            translate("Actions", "Zoom &out"),
            ("-", "Ctrl+-"),
            translate("Actions", "Make smaller"),
        ),
        ActionSpec(
            "zoom_fit",
            translate("Actions", "&Whole picture"),
            ("0", "Ctrl+0"),
            translate("Actions", "Show the whole frame"),
        ),
        ActionSpec(
            "alone",
            translate("Actions", "&Only this source"),
            ("G",),
            translate("Actions", "One source large, or all of them; so does a double click"),
            True,
        ),
        ActionSpec(
            "next_source",
            translate("Actions", "&Next source"),
            ("N",),
            translate("Actions", "Work on the next one; or click on it"),
        ),
        ActionSpec(
            "hud",
            translate("Actions", "&Numbers over the video"),
            ("H",),
            translate("Actions", "Show rates and latency over the video"),
            True,
        ),
        ActionSpec(
            "detection_panel",
            translate("Actions", "&Detection panel"),
            ("D",),
            translate("Actions", "Network, threshold and classes"),
            True,
        ),
        ActionSpec(
            "numbers_panel",
            translate("Actions", "&Plots"),
            ("P",),
            translate("Actions", "Plots of rates, latency, drops, processor and memory"),
            True,
        ),
        ActionSpec(
            "source_rate",
            translate("Actions", "&Every frame"),
            ("V",),
            translate("Actions", "Show every frame; boxes found on an earlier one are dotted"),
            True,
        ),
        ActionSpec(
            "threshold_up",
            translate("Actions", "Higher threshold"),
            ("]",),
            translate("Actions", "Show only surer detections"),
        ),
        ActionSpec(
            "threshold_down",
            translate("Actions", "Lower threshold"),
            ("[",),
            translate("Actions", "Show less sure detections too"),
        ),
        ActionSpec(
            "search_classes",
            translate("Actions", "Search classes"),
            ("Ctrl+F",),
            translate("Actions", "Go to the class search"),
        ),
        ActionSpec(
            "preferences",
            translate("Actions", "&Settings…"),
            ("Ctrl+,",),
            translate("Actions", "Language, colours, frame rate"),
        ),
        ActionSpec(
            "shortcuts",
            translate("Actions", "&Keyboard shortcuts"),
            ("F1", "?"),
            translate("Actions", "Every key"),
        ),
        ActionSpec(
            "about",
            translate("Actions", "&About ssd_live"),
            (),
            translate("Actions", "Versions and licences"),
        ),
    ]


class Actions:
    """QActions by name; `connect` says what each does."""

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
        """Draw the icons in one colour that goes with the theme."""
        for spec in self.specs:
            if spec.icon is not None:
                self._by_name[spec.name].setIcon(
                    tinted(QApplication.style().standardIcon(spec.icon), colour)
                )

    def connect(self, name: str, slot: Callable[[], object]) -> None:
        self._by_name[name].triggered.connect(lambda _=False: slot())

    def all(self) -> list[QAction]:
        return list(self._by_name.values())


def plain(text: str) -> str:
    """A menu's text without its access key, which Korean puts in brackets behind."""
    return re.sub(r"\s*\(&.\)", "", text).replace("&", "").rstrip("…")
