"""The form that says what is looked for in the index."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from PySide6.QtCore import QDate, QSignalBlocker, QSize, QTime, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QDateEdit,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QTimeEdit,
    QToolButton,
    QWidget,
)

from ssd_live.gui.check_box import CheckBox
from ssd_live.imaging.colour_names import COLOUR_NAMES
from ssd_live.index.query import Query, Source

_SWATCHES = {
    "black": "#111111",
    "white": "#ffffff",
    "grey": "#888888",
    "red": "#dc2626",
    "orange": "#f97316",
    "brown": "#7c4a1e",
    "yellow": "#facc15",
    "green": "#16a34a",
    "blue": "#2563eb",
    "purple": "#7e22ce",
    "pink": "#f472b6",
}
_SWATCH_COLUMNS, _SWATCH_PIXELS = 6, 18


class SearchForm(QWidget):
    """A form with everything that a search can ask for. `changed` is emitted after each change."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._class, self._place, self._source, self._days = (QComboBox() for _ in range(4))
        for box, name in (
            (self._class, self.tr("Class")),
            (self._place, self.tr("Zone or rule")),
            (self._source, self.tr("Recording")),
            (self._days, self.tr("Day")),
        ):
            box.setAccessibleName(name)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(14)
        for key, text in (
            ("", self.tr("Any day")),
            ("today", self.tr("Today")),
            ("yesterday", self.tr("Yesterday")),
            ("week", self.tr("The last 7 days")),
            ("between", self.tr("From – to")),
        ):
            self._days.addItem(text, key)
        self._first_day, self._last_day = (QDateEdit(QDate.currentDate()) for _ in range(2))
        for day in (self._first_day, self._last_day):
            day.setCalendarPopup(True)
            day.setDisplayFormat("yyyy-MM-dd")
        self._has_hours = CheckBox(self.tr("Time of day"))
        self._first_hour, self._last_hour = QTimeEdit(QTime(22, 0)), QTimeEdit(QTime(6, 0))
        for hour in (self._first_hour, self._last_hour):
            hour.setDisplayFormat("HH:mm")
        self._seconds = QDoubleSpinBox()
        self._seconds.setRange(0, 86_400)
        self._seconds.setDecimals(1)
        self._seconds.setSuffix(self.tr(" s"))
        self._seconds.setSpecialValueText(self.tr("any"))
        self._seconds.setToolTip(
            self.tr("How long it was seen, or how long it was in the zone if one is chosen")
        )
        self._together = QSpinBox()
        self._together.setRange(1, 1000)
        self._together.setSpecialValueText(self.tr("any"))
        self._together.setToolTip(self.tr("How many of its class were seen at one time"))
        self._colours = {name: self._swatch(name) for name in COLOUR_NAMES}
        self._reset = QPushButton(self.tr("Reset"))
        self._reset.setAutoDefault(False)
        self._reset.clicked.connect(self.reset)
        self._lay_out()
        for box in (self._class, self._place, self._source, self._days):
            box.currentIndexChanged.connect(self._tell)
        for day in (self._first_day, self._last_day):
            day.dateChanged.connect(self._tell)
        for hour in (self._first_hour, self._last_hour):
            hour.timeChanged.connect(self._tell)
        self._has_hours.toggled.connect(self._tell)
        self._seconds.valueChanged.connect(self._tell)
        self._together.valueChanged.connect(self._tell)
        self._follow()

    def _swatch(self, name: str) -> QToolButton:
        button = QToolButton()
        button.setCheckable(True)
        button.setStyleSheet(
            "QToolButton { padding: 2px; border: 2px solid transparent; border-radius: 4px }"
            "QToolButton:checked { border-color: palette(highlight) }"
            "QToolButton:focus { border-color: palette(text) }"
        )
        pixmap = QPixmap(_SWATCH_PIXELS, _SWATCH_PIXELS)
        pixmap.fill(QColor(_SWATCHES[name]))
        button.setIcon(QIcon(pixmap))
        button.setIconSize(QSize(_SWATCH_PIXELS, _SWATCH_PIXELS))
        button.setToolTip(self._colour_text(name))
        button.setAccessibleName(self._colour_text(name))
        button.toggled.connect(self._tell)
        return button

    def _colour_text(self, name: str) -> str:
        return {
            "black": self.tr("black"),
            "white": self.tr("white"),
            "grey": self.tr("grey"),
            "red": self.tr("red"),
            "orange": self.tr("orange"),
            "brown": self.tr("brown"),
            "yellow": self.tr("yellow"),
            "green": self.tr("green"),
            "blue": self.tr("blue"),
            "purple": self.tr("purple"),
            "pink": self.tr("pink"),
        }[name]

    def _lay_out(self) -> None:
        self._days_row, self._hours_row = QWidget(), QWidget()
        for row, first, last in (
            (self._days_row, self._first_day, self._last_day),
            (self._hours_row, self._first_hour, self._last_hour),
        ):
            layout = QHBoxLayout(row)
            layout.setContentsMargins(0, 0, 0, 0)
            layout.addWidget(first)
            layout.addWidget(QLabel("–"))
            layout.addWidget(last)
            layout.addStretch()
        colours = QWidget()
        grid = QGridLayout(colours)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        for number, button in enumerate(self._colours.values()):
            grid.addWidget(button, number // _SWATCH_COLUMNS, number % _SWATCH_COLUMNS)
        grid.setColumnStretch(_SWATCH_COLUMNS, 1)
        form = QFormLayout(self)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        form.addRow(self.tr("&Class"), self._class)
        form.addRow(self.tr("&Zone or rule"), self._place)
        form.addRow(self.tr("Seen for at &least"), self._seconds)
        form.addRow(self.tr("At &once, at least"), self._together)
        form.addRow(self.tr("Colour"), colours)
        form.addRow(self.tr("&Day"), self._days)
        form.addRow(self._days_row)
        form.addRow(self._has_hours)
        form.addRow(self._hours_row)
        form.addRow(self.tr("&Recording"), self._source)
        form.addRow(self._reset)

    def offer(
        self, classes: Sequence[str], places: Sequence[str], sources: Sequence[Source]
    ) -> None:
        """Offer these names and sources; what is chosen stays if it is still there."""
        is_gone = False
        for box, any_text, choices in (
            (self._class, self.tr("Any class"), [(name, name) for name in classes]),
            (self._place, self.tr("Anywhere"), [(name, name) for name in places]),
            (
                self._source,
                self.tr("All recordings"),
                [(_source_text(source), source.number) for source in sources],
            ),
        ):
            with QSignalBlocker(box):
                chosen = box.currentData()
                is_gone = is_gone or (chosen is not None and chosen not in dict(choices).values())
                box.clear()
                box.addItem(any_text, None)
                for text, data in choices:
                    box.addItem(text, data)
                box.setCurrentIndex(max(box.findData(chosen), 0))
        if is_gone:
            self._tell()

    def reset(self) -> None:
        """Look for everything."""
        with QSignalBlocker(self):
            for box in (self._class, self._place, self._source, self._days):
                box.setCurrentIndex(0)
            self._has_hours.setChecked(False)
            self._seconds.setValue(0)
            self._together.setValue(1)
            for button in self._colours.values():
                button.setChecked(False)
        self._tell()

    @property
    def query(self) -> Query:
        """What the form asks for."""
        begin, end = self._between()
        minutes = None
        if self._has_hours.isChecked():
            first, last = (
                60 * time.hour() + time.minute()
                for time in (self._first_hour.time(), self._last_hour.time())
            )
            # The end is not included.
            minutes = first, (last - 1) % (24 * 60)
        name, place, source = (
            box.currentData() for box in (self._class, self._place, self._source)
        )
        return Query(
            () if name is None else (name,),
            () if place is None else (place,),
            () if source is None else (source,),
            begin,
            end,
            minutes,
            (self._seconds.value(), None),
            tuple(name for name, button in self._colours.items() if button.isChecked()),
            self._together.value(),
        )

    def _between(self) -> tuple[float | None, float | None]:
        """Return the times, in seconds since 1970, between which objects must have come."""
        days = self._days.currentData()
        today = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
        day = timedelta(days=1)
        if days == "today":
            return today.timestamp(), None
        if days == "yesterday":
            return (today - day).timestamp(), today.timestamp()
        if days == "week":
            return (today - 6 * day).timestamp(), None
        if days == "between":
            first, last = (
                datetime(date.year(), date.month(), date.day())
                for date in (self._first_day.date(), self._last_day.date())
            )
            return first.timestamp(), (last + day).timestamp()
        return None, None

    def _tell(self) -> None:
        self._follow()
        self.changed.emit()

    def _follow(self) -> None:
        self._days_row.setVisible(self._days.currentData() == "between")
        self._hours_row.setVisible(self._has_hours.isChecked())


def _source_text(source: Source) -> str:
    if source.recorded_at is None:
        return source.name
    return f"{source.name} · {datetime.fromtimestamp(source.recorded_at):%Y-%m-%d %H:%M}"
