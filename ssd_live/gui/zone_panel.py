"""The panel for lines, areas and masks, and for the counts at them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QColorDialog,
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ssd_live.analytics.counting import ZoneCounts
from ssd_live.analytics.zones import Anchor, Zone, ZoneKind
from ssd_live.gui.count_list import CountList
from ssd_live.gui.zone_editor import ZoneEditor
from ssd_live.gui.zone_painter import zone_text
from ssd_live.live.zone_watch import Audit, LiveCount

_SWATCH_PIXELS = 12
_LIST_HEIGHT = 110


class ZonePanel(QWidget):
    """A panel that shows the zones of the selected source, and the counts at them.

    `editor_of` is the `ZoneEditor` of the selected source, which `show_editor` sets. The signals
    and their values are:
    - `import_asked` and `export_asked`: no value; the user wants to read or write a zones file.
    - `judged`: the number of a count and the verdict on it.
    - `count_chosen`: a `LiveCount` that the user clicked on.
    - `missed`: the zone, the direction and the class of a count that the user adds.
    - `table_asked`: no value; the user wants the table of counts.
    """

    import_asked = Signal()
    export_asked = Signal()
    judged = Signal(int, str)
    count_chosen = Signal(object)
    missed = Signal(object, str, str)
    table_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editor = ZoneEditor(self)
        self._editor.repainted.connect(self._follow)
        self._classes: Sequence[str] = ()
        self._counts: Mapping[str, ZoneCounts] = {}
        self._make_buttons()
        self._make_form()
        self._make_counts()
        layout = QVBoxLayout(self)
        layout.addLayout(self._buttons)
        layout.addWidget(self._hint)
        layout.addWidget(self._list)
        layout.addWidget(self._form)
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        layout.addWidget(line)
        layout.addWidget(self._summary)
        layout.addWidget(self.counts, 1)
        layout.addLayout(self._verdicts)
        self._follow()

    # Building.

    def _make_buttons(self) -> None:
        self._buttons = QHBoxLayout()
        self._kinds: dict[ZoneKind, QPushButton] = {}
        for kind, text, tip in (
            ("line", self.tr("Line"), self.tr("Draw a line that objects cross: two clicks")),
            (
                "area",
                self.tr("Area"),
                self.tr("Draw an area: click its corners, then double-click or press Enter"),
            ),
            (
                "mask",
                self.tr("Mask"),
                self.tr("Draw a mask, in which nothing is detected: click its corners"),
            ),
        ):
            button = QPushButton(text)
            button.setCheckable(True)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, kind=kind: self._begin(cast(ZoneKind, kind)))
            self._kinds[cast(ZoneKind, kind)] = button
            self._buttons.addWidget(button)
        self._undo, self._redo = QToolButton(), QToolButton()
        for tool, text, tip, slot in (
            (self._undo, "↶", self.tr("Undo (Ctrl+Z)"), lambda: self._editor.undo()),
            (self._redo, "↷", self.tr("Redo (Ctrl+Shift+Z)"), lambda: self._editor.redo()),
        ):
            tool.setText(text)
            tool.setToolTip(tip)
            tool.setAccessibleName(tip)
            tool.setAutoRaise(True)
            tool.clicked.connect(slot)
            self._buttons.addWidget(tool)
        more = QToolButton()
        more.setText("⋯")
        more.setAutoRaise(True)
        more.setToolTip(self.tr("Import or export the zones"))
        more.setAccessibleName(more.toolTip())
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(more)
        menu.addAction(self.tr("Import zones…")).triggered.connect(lambda: self.import_asked.emit())
        menu.addAction(self.tr("Export zones…")).triggered.connect(lambda: self.export_asked.emit())
        more.setMenu(menu)
        self._buttons.addWidget(more)
        self._hint = QLabel()
        self._hint.setWordWrap(True)
        self._list = QListWidget()
        self._list.setMaximumHeight(_LIST_HEIGHT)
        self._list.setAccessibleName(self.tr("Zones"))
        self._list.currentRowChanged.connect(lambda row: self._editor.select(row))

    def _make_form(self) -> None:
        self._form = QWidget()
        form = QFormLayout(self._form)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._name = QLineEdit()
        self._name.setAccessibleName(self.tr("Name"))
        self._name.editingFinished.connect(lambda: self._change(name=self._name.text().strip()))
        self._anchor = QComboBox()
        self._anchor.addItem(self.tr("Feet"), "feet")
        self._anchor.addItem(self.tr("Centre"), "centre")
        self._anchor.setToolTip(self.tr("The point of a box that says where the object is"))
        self._anchor.setAccessibleName(self._anchor.toolTip())
        self._anchor.activated.connect(
            lambda _: self._change(anchor=cast(Anchor, self._anchor.currentData()))
        )
        self._only = QToolButton()
        self._only.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._only.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._only.setToolTip(self.tr("Only these classes count"))
        self._only.setMenu(QMenu(self._only))
        self._only.menu().aboutToShow.connect(self._fill_classes)
        row = QHBoxLayout()
        self._colour, self._turn, self._delete = (
            QPushButton(self.tr("Colour…")),
            QPushButton(self.tr("Turn round")),
            QPushButton(self.tr("Delete")),
        )
        self._turn.setToolTip(self.tr("Swap in and out"))
        self._colour.clicked.connect(self._ask_colour)
        self._turn.clicked.connect(lambda: self._turn_round())
        self._delete.clicked.connect(lambda: self._editor.delete_selected())
        for button in (self._colour, self._turn, self._delete):
            row.addWidget(button)
        form.addRow(self.tr("Name"), self._name)
        form.addRow(self.tr("Counts"), self._only)
        form.addRow(self.tr("Anchor"), self._anchor)
        form.addRow(row)

    def _make_counts(self) -> None:
        self._summary = QLabel()
        self._summary.setWordWrap(True)
        self.counts = CountList()
        self.counts.judged.connect(self.judged)
        self.counts.chosen.connect(self.count_chosen)
        self._verdicts = QHBoxLayout()
        right, wrong = QPushButton(self.tr("Right")), QPushButton(self.tr("Wrong"))
        right.setToolTip(self.tr("The selected count is right (Y)"))
        wrong.setToolTip(self.tr("The selected count is wrong (X)"))
        right.clicked.connect(lambda: self.counts.judge("right"))
        wrong.clicked.connect(lambda: self.counts.judge("wrong"))
        self._missed = QPushButton(self.tr("Missed"))
        self._missed.setToolTip(self.tr("Add a count that was missed just now"))
        self._missed.setMenu(QMenu(self._missed))
        self._missed.menu().aboutToShow.connect(self._fill_missed)
        table = QPushButton(self.tr("Table…"))
        table.setToolTip(self.tr("Write the counts with your corrections to a CSV file"))
        table.clicked.connect(lambda: self.table_asked.emit())
        for button in (right, wrong, self._missed, table):
            button.setMinimumWidth(40)
            self._verdicts.addWidget(button)

    # What is shown.

    def show_editor(self, editor: ZoneEditor) -> None:
        """Show the zones of another source."""
        self._editor.repainted.disconnect(self._follow)
        self._editor = editor
        editor.repainted.connect(self._follow)
        self._follow()

    def show_classes(self, classes: Sequence[str]) -> None:
        """Offer the classes of the model in use."""
        self._classes = classes

    def show_counts(
        self,
        totals: Mapping[str, ZoneCounts],
        counts: list[LiveCount],
        audit: Audit,
        *,
        is_file: bool,
    ) -> None:
        """Show the totals of the zones, the list of counts, and what their verdicts say."""
        if totals != self._counts:
            self._counts = dict(totals)
            self._show_texts()
        colours = {zone.name: QColor(zone.colour) for zone in self._editor.zones}
        self.counts.show_counts(counts, colours, is_file=is_file)
        if not audit.checked and not audit.missed:
            self._summary.setText(
                self.tr("%n count(s); check some to learn how many are wrong", "", len(counts))
            )
            return
        low, high = audit.interval
        self._summary.setText(
            self.tr(
                "{checked} checked, {wrong} wrong, {missed} missed: {rate} errors ({low} to {high})"
            ).format(
                checked=audit.checked,
                wrong=audit.wrong,
                missed=audit.missed,
                rate=f"{audit.error_rate:.0%}",
                low=f"{low:.0%}",
                high=f"{high:.0%}",
            )
        )

    def _follow(self) -> None:
        """Show the zones of the editor, what is selected, and what can be done."""
        editor = self._editor
        for kind, button in self._kinds.items():
            button.setChecked(editor.drawn_kind == kind)
        self._undo.setEnabled(editor.can_undo)
        self._redo.setEnabled(editor.can_redo)
        hint = {
            None: "" if editor.zones else self.tr("Draw a line or an area on the picture"),
            "line": self.tr("Click the two ends of the line; the arrow shows where in is"),
            "area": self.tr("Click the corners; double-click or press Enter at the last one"),
            "mask": self.tr("Click the corners; double-click or press Enter at the last one"),
        }[editor.drawn_kind]
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))
        self._list.blockSignals(True)
        names = [zone.name for zone in editor.zones]
        if [
            self._list.item(row).data(Qt.ItemDataRole.UserRole) for row in range(self._list.count())
        ] != names:
            self._list.clear()
            for name in names:
                item = QListWidgetItem()
                item.setData(Qt.ItemDataRole.UserRole, name)
                self._list.addItem(item)
        self._show_texts()
        self._list.setCurrentRow(editor.selected)
        if editor.selected < 0:
            self._list.clearSelection()
        self._list.blockSignals(False)
        self._list.setVisible(bool(names))
        self._show_form(editor.selected_zone)

    def _show_texts(self) -> None:
        for row, zone in enumerate(self._editor.zones):
            if row >= self._list.count():
                return
            item = self._list.item(row)
            text = zone_text(zone, self._counts.get(zone.name))
            item.setText(f"{zone.name}   {text}" if text else zone.name)
            item.setIcon(_swatch(zone.colour))

    def _show_form(self, zone: Zone | None) -> None:
        self._form.setVisible(zone is not None)
        if zone is None:
            return
        if not self._name.hasFocus() or self._name.text().strip() == zone.name:
            self._name.setText(zone.name)
        self._anchor.setCurrentIndex(self._anchor.findData(zone.anchor))
        self._only.setText(", ".join(zone.classes) or self.tr("All classes"))
        self._only.setEnabled(zone.kind != "mask")
        self._turn.setVisible(zone.kind == "line")

    # What the user does.

    def _begin(self, kind: ZoneKind) -> None:
        if self._editor.drawn_kind == kind:
            self._editor.cancel_drawing()
        else:
            self._editor.begin(kind)
        self._follow()

    def _change(self, **properties: object) -> None:
        zone = self._editor.selected_zone
        if zone is not None:
            self._editor.change_selected(replace(zone, **properties))  # type: ignore[arg-type]
            self._follow()

    def _turn_round(self) -> None:
        zone = self._editor.selected_zone
        if zone is not None and zone.kind == "line":
            self._editor.change_selected(zone.turned())

    def _ask_colour(self) -> None:
        zone = self._editor.selected_zone
        if zone is None:
            return
        colour = QColorDialog.getColor(QColor(zone.colour), self, self.tr("Colour of the zone"))
        if colour.isValid():
            self._change(colour=colour.name())

    def _fill_classes(self) -> None:
        """Offer all classes; those that count are checked. None checked is all."""
        menu, zone = self._only.menu(), self._editor.selected_zone
        menu.clear()
        if zone is None:
            return
        for name in self._classes:
            action = menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(name in zone.classes)
            action.triggered.connect(lambda _=False, name=name: self._toggle_class(name))

    def _toggle_class(self, name: str) -> None:
        zone = self._editor.selected_zone
        if zone is not None:
            kept = tuple(its for its in zone.classes if its != name)
            self._change(classes=kept if name in zone.classes else (*kept, name))

    def _fill_missed(self) -> None:
        """Offer what may have been missed, for each zone."""
        menu = self._missed.menu()
        menu.clear()
        for zone in self._editor.zones:
            if zone.kind == "mask":
                continue
            names = zone.classes or tuple(self._classes)
            what = ("in", "out") if zone.kind == "line" else ("entered", "left")
            texts = {
                "in": self.tr("in"),
                "out": self.tr("out"),
                "entered": self.tr("entered"),
                "left": self.tr("left"),
            }
            for direction in what:
                each = menu.addMenu(f"{zone.name}: {texts[direction]}")
                for name in names:
                    each.addAction(name).triggered.connect(
                        lambda _=False, its=(zone, direction, name): self.missed.emit(*its)
                    )


def _swatch(colour: str) -> QIcon:
    pixmap = QPixmap(_SWATCH_PIXELS, _SWATCH_PIXELS)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)
