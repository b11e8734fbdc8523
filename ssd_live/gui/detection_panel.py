"""The panel for the model and its detections.

The panel has controls for model, backend, precision, threshold, classes, and style of the boxes.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSlider,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ssd_live.backends.base import PRECISIONS
from ssd_live.detections import Detections
from ssd_live.imaging.overlay import BoxStyle, Labels
from ssd_live.live.display_filter import DisplayFilter
from ssd_live.remote.network import ModelInfo, ModelRequest

# A text about the progress of loading may end in a percentage.
_SHARE = re.compile(r"(\d{1,3})%$")
_PERCENT = 100


class DetectionPanel(QWidget):
    """A panel that shows the current settings of detection, and emits a signal when the user
    changes one.

    The signals and their values are:
    - `wished`: a `ModelRequest`; the user chose a model, backend or precision.
    - `threshold_changed`: the new threshold, a score from 0 to 1.
    - `hidden_changed`: a frozenset of the names of all hidden classes.
    - `style_changed`: a `BoxStyle`.
    - `loading_cancelled`: no value; the user pressed "Cancel" while a model was loading.

    `models` and `backends` are the names to offer.
    """

    wished = Signal(object)
    threshold_changed = Signal(float)
    hidden_changed = Signal(object)
    loading_cancelled = Signal()
    style_changed = Signal(object)

    def __init__(
        self, models: Iterable[str], backends: Iterable[str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._model = self._picker(models, self.tr("Model that detects objects"))
        self._backend = self._picker(
            ["auto", *backends],
            self.tr("Backend that runs the model; auto uses the fastest one on this machine"),
        )
        self._precision = self._picker(
            ["auto", *PRECISIONS],
            self.tr(
                "Number format of the model; auto uses the fastest one that finds the same objects"
            ),
        )
        self._status = QLabel()
        self._status.setWordWrap(True)
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setMaximumHeight(6)
        self._busy.setTextVisible(False)
        self._busy.hide()
        self._cancel = QToolButton()
        self._cancel.setText(self.tr("Cancel"))
        self._cancel.setToolTip(self.tr("Keep the current model"))
        self._cancel.clicked.connect(self.loading_cancelled)
        self._cancel.hide()
        self._retry = QToolButton()
        self._retry.setText(self.tr("Retry"))
        self._retry.setToolTip(self.tr("Load the model again"))
        self._retry.clicked.connect(self._model_request)
        self._retry.hide()
        self._threshold = QSlider(Qt.Orientation.Horizontal)
        self._threshold.setRange(1, _PERCENT)
        self._threshold.setToolTip(self.tr("Minimum score"))
        self._threshold_box = QDoubleSpinBox()
        self._threshold_box.setRange(0.01, 1.0)
        self._threshold_box.setSingleStep(0.01)
        self._threshold_box.setDecimals(2)
        self._threshold_box.setToolTip(self._threshold.toolTip())
        self._search = QLineEdit()
        self._search.setPlaceholderText(self.tr("Search classes"))
        self._search.setClearButtonEnabled(True)
        self._classes = QListWidget()
        self._classes.setAccessibleName(self.tr("Classes"))
        self._classes.setToolTip(
            self.tr("Only checked classes are shown; the number counts the visible objects")
        )
        self._all, self._none = QPushButton(self.tr("All")), QPushButton(self.tr("None"))
        self._all.setToolTip(self.tr("Check every class in the list"))
        self._none.setToolTip(self.tr("Uncheck every class in the list"))
        self._labels = QComboBox()
        for key, text in (
            ("full", self.tr("Class and score")),
            ("class", self.tr("Class")),
            ("none", self.tr("No labels")),
        ):
            self._labels.addItem(text, key)
        self._labels.setToolTip(self.tr("Text on each box"))
        self._width = QSpinBox()
        self._width.setRange(1, 8)
        self._width.setSuffix(self.tr(" px"))
        self._width.setToolTip(self.tr("Line width of the boxes"))
        self._counts: Counter[str] = Counter()
        for widget in (
            self._model,
            self._backend,
            self._precision,
            self._threshold,
            self._threshold_box,
            self._labels,
            self._width,
        ):
            widget.setAccessibleName(widget.toolTip())
        self._search.setAccessibleName(self._search.placeholderText())
        self._lay_out()
        self._connect()

    def show_settings(self, model_request: ModelRequest, style: BoxStyle) -> None:
        """Show the model, backend and precision of `model_request`, and `style`; emit no signal."""
        for picker, value in (
            (self._model, model_request.model),
            (self._backend, model_request.backend),
            (self._precision, model_request.precision),
        ):
            if picker.findText(value) < 0:
                picker.addItem(value)
            picker.setCurrentText(value)
        self._labels.blockSignals(True)
        self._labels.setCurrentIndex(self._labels.findData(style.labels))
        self._labels.blockSignals(False)
        self._width.blockSignals(True)
        self._width.setValue(style.line_width)
        self._width.blockSignals(False)

    def show_loading(self, line: str) -> None:
        """Show `line`, a text about the progress of loading a model.

        If the line ends in a percentage, such as "45%", the progress bar shows this percentage.
        Otherwise the bar only shows that loading goes on.
        """
        share = _SHARE.search(line)
        self._busy.setRange(0, _PERCENT if share else 0)
        if share:
            self._busy.setValue(int(share[1]))
        self._busy.show()
        self._cancel.show()
        self._retry.hide()
        self._status.setText(line)

    def show_loaded(self, loaded: ModelInfo, shown: DisplayFilter) -> None:
        """Show the model in use, its threshold, and its classes. Hidden classes are unchecked.

        `shown` is the display filter of this model.
        """
        self._end_loading()
        self._status.setText(loaded.description)
        threshold = shown.threshold
        self.show_threshold(loaded.metadata.display_threshold if threshold is None else threshold)
        self._threshold.setMinimum(max(round(loaded.metadata.score_threshold * _PERCENT), 1))
        self._threshold_box.setMinimum(loaded.metadata.score_threshold)
        self._classes.blockSignals(True)
        self._classes.clear()
        for name in loaded.metadata.classes:
            item = QListWidgetItem(name)
            item.setData(Qt.ItemDataRole.UserRole, name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(
                Qt.CheckState.Unchecked if name in shown.hidden else Qt.CheckState.Checked
            )
            self._classes.addItem(item)
        self._classes.blockSignals(False)
        self._counts = Counter()
        self._filter(self._search.text())

    def show_not_loaded(self, in_use: ModelRequest | None) -> None:
        """Show that loading has ended without success.

        `in_use` is the model that is still in use; the panel shows it again. It is None if there is
        no such model; the panel then offers to load the chosen model again.
        """
        self._end_loading()
        self._status.setText("" if in_use is not None else self.tr("No model is loaded"))
        self._retry.setVisible(in_use is None)
        if in_use is not None:
            self._model.setCurrentText(in_use.model)
            self._backend.setCurrentText(in_use.backend)
            self._precision.setCurrentText(in_use.precision)

    def _end_loading(self) -> None:
        self._busy.hide()
        self._cancel.hide()
        self._retry.hide()

    def show_threshold(self, threshold: float) -> None:
        """Show the threshold (0 to 1), without emitting a signal."""
        for widget, value in (
            (self._threshold, round(threshold * _PERCENT)),
            (self._threshold_box, threshold),
        ):
            widget.blockSignals(True)
            widget.setValue(value)  # type: ignore[arg-type]
            widget.blockSignals(False)

    def show_counts(self, found: Detections | None) -> None:
        """Show beside each class the number of its detections in `found`; None counts as empty."""
        counts = Counter(found.names if found is not None else [])
        if counts == self._counts:
            return
        self._counts = counts
        self._classes.blockSignals(True)
        for row in range(self._classes.count()):
            item = self._classes.item(row)
            name = item.data(Qt.ItemDataRole.UserRole)
            text = f"{name}  {counts[name]}" if counts[name] else name
            if item.text() != text:
                item.setText(text)
                font = item.font()
                font.setBold(bool(counts[name]))
                item.setFont(font)
        self._classes.blockSignals(False)

    def focus_search(self) -> None:
        """Move the keyboard focus to the search field and select its text."""
        self._search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._search.selectAll()

    def nudge_threshold(self, steps: int) -> None:
        """Raise the threshold by 0.05 * `steps` (negative lowers it); emit `threshold_changed`."""
        self._threshold.setValue(self._threshold.value() + 5 * steps)

    def _picker(self, names: Iterable[str], tip: str) -> QComboBox:
        picker = QComboBox()
        picker.addItems(list(names))
        picker.setToolTip(tip)
        picker.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        picker.setMinimumContentsLength(12)
        return picker

    def _lay_out(self) -> None:
        threshold = QHBoxLayout()
        threshold.addWidget(self._threshold, 1)
        threshold.addWidget(self._threshold_box)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.tr("&Model"), self._model)
        form.addRow(self.tr("&Backend"), self._backend)
        form.addRow(self.tr("Pre&cision"), self._precision)
        loading = QHBoxLayout()
        loading.addWidget(self._busy, 1)
        loading.addWidget(self._cancel)
        form.addRow(loading)
        status = QHBoxLayout()
        status.addWidget(self._status, 1)
        status.addWidget(self._retry)
        form.addRow(status)
        threshold_label = QLabel(self.tr("&Threshold"))
        threshold_label.setBuddy(self._threshold)
        form.addRow(threshold_label, threshold)
        form.addRow(self.tr("&Labels"), self._labels)
        form.addRow(self.tr("Line &width"), self._width)
        buttons = QHBoxLayout()
        buttons.addWidget(self._all)
        buttons.addWidget(self._none)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self._search)
        layout.addLayout(buttons)
        layout.addWidget(self._classes, 1)

    def _connect(self) -> None:
        for picker in (self._model, self._backend, self._precision):
            picker.activated.connect(self._model_request)
        self._threshold.valueChanged.connect(lambda value: self._change_threshold(value / _PERCENT))
        self._threshold_box.valueChanged.connect(self._change_threshold)
        self._search.textChanged.connect(self._filter)
        self._classes.itemChanged.connect(lambda _: self.hidden_changed.emit(self._hidden()))
        self._all.clicked.connect(lambda: self._check(Qt.CheckState.Checked))
        self._none.clicked.connect(lambda: self._check(Qt.CheckState.Unchecked))
        self._labels.currentIndexChanged.connect(lambda _: self._emit_style())
        self._width.valueChanged.connect(lambda _: self._emit_style())

    def _model_request(self) -> None:
        self.wished.emit(
            ModelRequest(
                self._model.currentText(),
                self._backend.currentText(),
                self._precision.currentText(),
            )
        )

    def _change_threshold(self, threshold: float) -> None:
        self.show_threshold(threshold)
        self.threshold_changed.emit(threshold)

    def _emit_style(self) -> None:
        self.style_changed.emit(
            BoxStyle(cast(Labels, self._labels.currentData()), self._width.value())
        )

    def _filter(self, text: str) -> None:
        for row in range(self._classes.count()):
            item = self._classes.item(row)
            item.setHidden(
                text.casefold() not in str(item.data(Qt.ItemDataRole.UserRole)).casefold()
            )

    def _check(self, state: Qt.CheckState) -> None:
        """Set the check state of every class that the search does not hide."""
        self._classes.blockSignals(True)
        for row in range(self._classes.count()):
            if not self._classes.item(row).isHidden():
                self._classes.item(row).setCheckState(state)
        self._classes.blockSignals(False)
        self.hidden_changed.emit(self._hidden())

    def _hidden(self) -> frozenset[str]:
        items = (self._classes.item(row) for row in range(self._classes.count()))
        return frozenset(
            str(item.data(Qt.ItemDataRole.UserRole))
            for item in items
            if item.checkState() is not Qt.CheckState.Checked
        )
