"""The panel for what is seen: the classes, which detections are shown and how, and the model."""

from collections.abc import Iterable
from typing import cast

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ssd_live.detections import Detections
from ssd_live.gui.class_list import ClassList
from ssd_live.gui.model_box import ModelBox
from ssd_live.imaging.overlay import BoxStyle, Labels
from ssd_live.live.display_filter import DisplayFilter
from ssd_live.remote.network import ModelInfo, ModelRequest

_PERCENT = 100


class DetectionPanel(QScrollArea):
    """A panel that shows the current settings of detection, and emits a signal when the user
    changes one.

    The signals and their values are:
    - `wished`: a `ModelRequest`; the user chose a model, backend or precision.
    - `threshold_changed`: the new threshold, a score from 0 to 1.
    - `hidden_changed`: a frozenset of the names of all hidden classes.
    - `style_changed`: a `BoxStyle`.
    - `loading_cancelled`: no value; the user pressed "Cancel" while a model was loading.

    `models`, `backends` and `precisions` are the names to offer.
    """

    wished = Signal(object)
    threshold_changed = Signal(float)
    hidden_changed = Signal(object)
    loading_cancelled = Signal()
    style_changed = Signal(object)

    def __init__(
        self,
        models: Iterable[str],
        backends: Iterable[str],
        precisions: Iterable[str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.classes = ClassList()
        self.model = ModelBox(models, backends, precisions)
        self._threshold = QSlider(Qt.Orientation.Horizontal)
        self._threshold.setRange(1, _PERCENT)
        self._threshold.setToolTip(self.tr("Minimum score"))
        self._threshold_box = QDoubleSpinBox()
        self._threshold_box.setRange(0.01, 1.0)
        self._threshold_box.setSingleStep(0.01)
        self._threshold_box.setDecimals(2)
        self._threshold_box.setToolTip(self._threshold.toolTip())
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
        for widget in (self._threshold, self._threshold_box, self._labels, self._width):
            widget.setAccessibleName(widget.toolTip())
        self._lay_out()
        self._connect()

    def show_settings(self, model_request: ModelRequest, style: BoxStyle) -> None:
        """Show the model, backend and precision of `model_request`, and `style`; emit no signal."""
        self.model.show_request(model_request)
        self._labels.blockSignals(True)
        self._labels.setCurrentIndex(self._labels.findData(style.labels))
        self._labels.blockSignals(False)
        self._width.blockSignals(True)
        self._width.setValue(style.line_width)
        self._width.blockSignals(False)

    def show_loading(self, line: str) -> None:
        """Show `line`, a text about the progress of loading; see `ModelBox.show_loading`."""
        self.model.show_loading(line)

    def show_loaded(self, loaded: ModelInfo, shown: DisplayFilter) -> None:
        """Show the model in use, its threshold, and its classes. Hidden classes are unchecked.

        `shown` is the display filter of this model.
        """
        self.model.show_loaded(loaded)
        threshold = shown.threshold
        self.show_threshold(loaded.metadata.display_threshold if threshold is None else threshold)
        self._threshold.setMinimum(max(round(loaded.metadata.score_threshold * _PERCENT), 1))
        self._threshold_box.setMinimum(loaded.metadata.score_threshold)
        self.classes.show_classes(loaded.metadata.classes, shown.hidden)

    def show_not_loaded(self, in_use: ModelRequest | None) -> None:
        """Show that loading has ended without success; see `ModelBox.show_not_loaded`."""
        self.model.show_not_loaded(in_use)

    def show_threshold(self, threshold: float) -> None:
        """Show the threshold (0 to 1), without emitting a signal."""
        for widget, value in (
            (self._threshold, round(threshold * _PERCENT)),
            (self._threshold_box, threshold),
        ):
            widget.blockSignals(True)
            widget.setValue(value)  # type: ignore[arg-type]
            widget.blockSignals(False)

    def show_counts(self, found: Detections | None, rate: float) -> None:
        """Show how many objects of each class `found` has, and the frames inferred per second."""
        self.classes.show_counts(found)
        self.model.show_rate(rate)

    def focus_search(self) -> None:
        """Move the keyboard focus to the search field and select its text."""
        self.classes.focus_search()

    def nudge_threshold(self, steps: int) -> None:
        """Raise the threshold by 0.05 * `steps` (negative lowers it); emit `threshold_changed`."""
        self._threshold.setValue(self._threshold.value() + 5 * steps)

    def _lay_out(self) -> None:
        threshold = QHBoxLayout()
        threshold.addWidget(self._threshold, 1)
        threshold.addWidget(self._threshold_box)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        threshold_label = QLabel(self.tr("&Threshold"))
        threshold_label.setBuddy(self._threshold)
        form.addRow(threshold_label, threshold)
        form.addRow(self.tr("&Labels"), self._labels)
        form.addRow(self.tr("Line &width"), self._width)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.addWidget(self.classes, 1)
        layout.addWidget(_line())
        layout.addLayout(form)
        layout.addWidget(_line())
        layout.addWidget(self.model)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(content.minimumSizeHint().width())
        for widget in content.findChildren(QWidget):
            if isinstance(widget, QComboBox | QAbstractSpinBox | QSlider):
                widget.installEventFilter(self)
                widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        # The wheel scrolls the panel, and changes no value that the mouse happens to be over.
        if event.type() is QEvent.Type.Wheel:
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def _connect(self) -> None:
        self.model.wished.connect(self.wished)
        self.model.loading_cancelled.connect(self.loading_cancelled)
        self.classes.hidden_changed.connect(self.hidden_changed)
        self._threshold.valueChanged.connect(lambda value: self._change_threshold(value / _PERCENT))
        self._threshold_box.valueChanged.connect(self._change_threshold)
        self._labels.currentIndexChanged.connect(lambda _: self._emit_style())
        self._width.valueChanged.connect(lambda _: self._emit_style())

    def _change_threshold(self, threshold: float) -> None:
        self.show_threshold(threshold)
        self.threshold_changed.emit(threshold)

    def _emit_style(self) -> None:
        self.style_changed.emit(
            BoxStyle(cast(Labels, self._labels.currentData()), self._width.value())
        )


def _line() -> QFrame:
    line = QFrame()
    line.setFrameShape(QFrame.Shape.HLine)
    line.setFrameShadow(QFrame.Shadow.Plain)
    line.setForegroundRole(QPalette.ColorRole.Button)
    return line
