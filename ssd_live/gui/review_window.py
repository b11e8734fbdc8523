"""The window in which a person checks the doubtful moments before a redacted copy is written."""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from ssd_live.errors import SsdLiveError
from ssd_live.gui.check_box import CheckBox
from ssd_live.gui.jobs import Jobs
from ssd_live.gui.review_view import ReviewBox, ReviewView
from ssd_live.gui.transport import clock
from ssd_live.imaging.pixels import Pixels
from ssd_live.live.stills import still_at
from ssd_live.process.review import DoubtfulMoment, HiddenRegion, Review, ReviewFile

# So much before and after a moment can be looked at, and a region that is drawn is hidden so long.
_AROUND_SECONDS = 1.0
_STEPS_A_SECOND = 20
_SIZE = (1080, 700)


class ReviewWindow(QWidget):
    """A window for the doubtful moments of `video` in `file`; each decision is stored at once.

    `write_asked` is emitted when the user wants the copy.
    """

    write_asked = Signal()

    def __init__(self, video: Path, file: ReviewFile, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(self.tr("Check before hiding: {name}").format(name=video.name))
        self.resize(*_SIZE)
        self._video, self._file = video, file
        self._undo: list[Review] = []
        self._jobs = Jobs("stills", self)
        self._jobs.failed.connect(self._say)
        # Frames that come after another one was asked for are left out.
        self._asked = 0
        self._time = 0.0
        self._make_widgets()
        self._lay_out()
        self._show_list()
        self._list.setCurrentRow(0)
        self._list.setFocus()
        # A list takes letters for a search of its own, but shortcuts come first.
        for key, slot in (
            ("Y", self._confirm),
            ("X", self._show_track),
            ("Ctrl+Z", self._take_back),
            ("Escape", self.close),
        ):
            QShortcut(QKeySequence(key), self, slot)

    def _make_widgets(self) -> None:
        self._list = QListWidget()
        self._list.setAccessibleName(self.tr("Doubtful moments"))
        self._list.currentRowChanged.connect(lambda _: self._choose())
        self._view = ReviewView()
        self._view.drawn.connect(self._hide_region)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setAccessibleName(self.tr("Time around the moment"))
        self._slider.valueChanged.connect(lambda _: self._show_moment())
        self._when, self._summary, self._state = QLabel(), QLabel(), QLabel()
        self._covered = CheckBox(self.tr("As in the copy"))
        self._covered.toggled.connect(lambda _: self._show_boxes())
        self._right = QPushButton(self.tr("Right (Y)"))
        self._shown = QPushButton(self.tr("Do not hide it (X)"))
        self._back = QPushButton(self.tr("Undo (Ctrl+Z)"))
        self._write = QPushButton(self.tr("Write the copy"))
        self._right.setToolTip(self.tr("This moment is right; go on with the next"))
        self._shown.setToolTip(self.tr("This is not such an object: it stays visible all the time"))
        self._right.clicked.connect(self._confirm)
        self._shown.clicked.connect(self._show_track)
        self._back.clicked.connect(self._take_back)
        self._write.clicked.connect(lambda: self.write_asked.emit())
        self._hint = QLabel(
            self.tr("Draw with the mouse what must be hidden too around this moment")
        )
        for label in (self._summary, self._state, self._hint):
            label.setWordWrap(True)

    def _lay_out(self) -> None:
        side = QVBoxLayout()
        side.addWidget(self._summary)
        side.addWidget(self._list, 1)
        time_row, buttons = QHBoxLayout(), QHBoxLayout()
        time_row.addWidget(self._slider, 1)
        time_row.addWidget(self._when)
        time_row.addWidget(self._covered)
        for button in (self._right, self._shown, self._back):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        buttons.addWidget(self._state, 1)
        buttons.addWidget(self._write)
        middle = QVBoxLayout()
        middle.addWidget(self._view, 1)
        middle.addWidget(self._hint)
        middle.addLayout(time_row)
        middle.addLayout(buttons)
        layout = QHBoxLayout(self)
        layout.addLayout(side)
        layout.addLayout(middle, 1)
        self._list.setFixedWidth(300)

    def close_threads(self) -> None:
        """End the thread that reads frames."""
        self._jobs.close()

    # What is shown.

    @property
    def _moment(self) -> DoubtfulMoment | None:
        row = self._list.currentRow()
        return self._file.doubts[row] if 0 <= row < len(self._file.doubts) else None

    def _show_list(self) -> None:
        """Show all moments, with a mark at those that were checked."""
        review, reasons = self._file.review, self._reasons()
        row = self._list.currentRow()
        self._list.blockSignals(True)
        for number, moment in enumerate(self._file.doubts):
            who = f"{moment.class_name} {moment.track_id}" if moment.track_id else moment.class_name
            text = f"{clock(moment.begin, tenths=True)} · {who} · {reasons[moment.why]}"
            if number in review.checked:
                text = f"✓ {text}"
            if moment.track_id in review.shown:
                text = f"{text} · " + self.tr("not hidden")
            if number < self._list.count():
                self._list.item(number).setText(text)
            else:
                self._list.addItem(QListWidgetItem(text))
        self._list.setCurrentRow(row)
        self._list.blockSignals(False)
        self._summary.setText(
            self.tr("{checked} of {all} moments checked").format(
                checked=len(review.checked), all=len(self._file.doubts)
            )
        )
        self._back.setEnabled(bool(self._undo))

    def _reasons(self) -> dict[str, str]:
        return {
            "begins inside": self.tr("begins inside"),
            "ends inside": self.tr("ends inside"),
            "gap filled": self.tr("gap filled"),
            "fast motion": self.tr("fast motion"),
            "low score": self.tr("low score"),
        }

    def _choose(self) -> None:
        """Show the moment that was chosen."""
        moment = self._moment
        for widget in (self._right, self._shown, self._slider):
            widget.setEnabled(moment is not None)
        if moment is None:
            return
        begin = max(moment.begin - _AROUND_SECONDS, 0.0)
        end = moment.end + _AROUND_SECONDS
        self._slider.blockSignals(True)
        self._slider.setRange(round(begin * _STEPS_A_SECOND), round(end * _STEPS_A_SECOND))
        self._slider.setValue(round(moment.begin * _STEPS_A_SECOND))
        self._slider.blockSignals(False)
        self._show_moment()

    def _show_moment(self) -> None:
        self._time = self._file.time_near(self._slider.value() / _STEPS_A_SECOND)
        self._when.setText(clock(self._time, tenths=True))
        self._asked += 1
        number, time, video = self._asked, self._time, self._video

        def show(picture: Pixels | None) -> None:
            if number == self._asked and picture is not None:
                self._view.show_frame(picture)
                self._show_boxes()

        # Frames that nobody waits for any more are not decoded.
        self._jobs.do(lambda: still_at(video, time) if number == self._asked else None, show)

    def _show_boxes(self) -> None:
        if not self._file.frames:
            return
        found, review, moment = self._file.planned(self._time), self._file.review, self._moment
        boxes = []
        for one in found:
            kind = "planned"
            if one.track_id in review.shown:
                kind = "shown"
            elif moment is not None and one.track_id == moment.track_id:
                kind = "asked"
            boxes.append(ReviewBox(one.box, kind))
        boxes += [
            ReviewBox(its.box, "drawn")
            for its in review.hidden
            if its.begin <= self._time <= its.end
        ]
        self._view.show_boxes(boxes, is_covered=self._covered.isChecked())

    # What the user decides.

    def _decide(self, review: Review) -> None:
        before = self._file.review
        if self._store(review):
            self._undo.append(before)
            self._show_list()

    def _store(self, review: Review) -> bool:
        """Store a review, and show it; return whether that was possible."""
        try:
            self._file.decide(review)
        except SsdLiveError as error:
            self._say(str(error))
            return False
        self._state.clear()
        self._show_list()
        self._show_boxes()
        return True

    def _checked(self) -> tuple[int, ...]:
        return tuple(sorted({*self._file.review.checked, self._list.currentRow()}))

    def _confirm(self) -> None:
        """The moment is right: go on with the next one."""
        if self._moment is None:
            return
        self._decide(replace(self._file.review, checked=self._checked()))
        self._list.setCurrentRow(min(self._list.currentRow() + 1, self._list.count() - 1))

    def _show_track(self) -> None:
        """Hide the track of this moment no more, or hide it again."""
        moment = self._moment
        if moment is None or not moment.track_id:
            return
        shown = set(self._file.review.shown) ^ {moment.track_id}
        self._decide(
            replace(
                self._file.review,
                shown=tuple(sorted(shown)),
                checked=self._checked(),
            )
        )

    def _hide_region(self, box: tuple[float, float, float, float]) -> None:
        """Hide a region that was drawn, around the moment."""
        moment = self._moment
        begin, end = (self._time, self._time) if moment is None else (moment.begin, moment.end)
        around = min(begin, self._time) - _AROUND_SECONDS, max(end, self._time) + _AROUND_SECONDS
        region = HiddenRegion(max(around[0], 0.0), around[1], box)
        review = self._file.review
        self._decide(replace(review, hidden=(*review.hidden, region)))

    def _take_back(self) -> None:
        """Take the last decision back."""
        if self._undo and self._store(self._undo[-1]):
            self._undo.pop()
            self._show_list()

    def _say(self, text: str) -> None:
        self._state.setText(text)
