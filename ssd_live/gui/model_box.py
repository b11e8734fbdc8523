"""The part of the panel that says which model runs and how, and lets the user choose another."""

import re
from collections.abc import Iterable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ssd_live.gui.busy_bar import BusyBar
from ssd_live.remote.network import ModelInfo, ModelRequest

# A text about the progress of loading may end in a percentage.
_SHARE = re.compile(r"(\d{1,3})%$")
_PERCENT = 100


class ModelBox(QWidget):
    """The model, its backend and its rate; a click shows the choices below it.

    `wished` is emitted with a `ModelRequest` when the user has chosen a model, backend or
    precision, and `loading_cancelled` when the user presses "Cancel" while a model is loading.
    `models`, `backends` and `precisions` are the names to offer.
    """

    wished = Signal(object)
    loading_cancelled = Signal()

    def __init__(
        self,
        models: Iterable[str],
        backends: Iterable[str],
        precisions: Iterable[str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._line = QToolButton()
        self._line.setCheckable(True)
        self._line.setAutoRaise(True)
        self._line.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._line.setToolTip(self.tr("Show or hide the choice of model, backend and precision"))
        self._line.setAccessibleName(self._line.toolTip())
        self._line.toggled.connect(self.unfold)
        self._model = self._picker(models, self.tr("Model that detects objects"))
        self._backend = self._picker(
            ["auto", *backends],
            self.tr("Backend that runs the model; auto uses the fastest one that was measured"),
        )
        self._precision = self._picker(
            ["auto", *precisions],
            self.tr(
                "Number format of the model; auto uses the fastest one that finds the same objects"
            ),
        )
        for picker in (self._model, self._backend, self._precision):
            picker.activated.connect(self._wish)
        self._status = QLabel()
        self._status.setWordWrap(True)
        self._busy = BusyBar()
        self._busy.setMaximumHeight(6)
        self._busy.setTextVisible(False)
        self._cancel, self._retry = QToolButton(), QToolButton()
        self._cancel.setText(self.tr("Cancel"))
        self._cancel.setToolTip(self.tr("Keep the current model"))
        self._cancel.clicked.connect(self.loading_cancelled)
        self._retry.setText(self.tr("Retry"))
        self._retry.setToolTip(self.tr("Load the model again"))
        self._retry.clicked.connect(self._wish)
        self._loaded: ModelInfo | None = None
        self._rate = 0.0
        self._lay_out()
        self._end_loading()
        self.unfold(False)

    def _lay_out(self) -> None:
        self._choices = QWidget()
        form = QFormLayout(self._choices)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.tr("&Model"), self._model)
        form.addRow(self.tr("&Backend"), self._backend)
        form.addRow(self.tr("Pre&cision"), self._precision)
        loading = QHBoxLayout()
        loading.addWidget(self._busy, 1)
        loading.addWidget(self._cancel)
        status = QHBoxLayout()
        status.addWidget(self._status, 1)
        status.addWidget(self._retry)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._line)
        layout.addLayout(loading)
        layout.addLayout(status)
        layout.addWidget(self._choices)

    def _picker(self, names: Iterable[str], tip: str) -> QComboBox:
        picker = QComboBox()
        picker.addItems(list(names))
        picker.setToolTip(tip)
        picker.setAccessibleName(tip)
        picker.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        picker.setMinimumContentsLength(12)
        return picker

    def unfold(self, on: bool) -> None:
        """Show the choices if `on` is true, else only the line."""
        self._line.setChecked(on)
        self._line.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self._choices.setVisible(on)

    @property
    def line(self) -> str:
        """The text of the line."""
        return self._line.text()

    def show_request(self, model_request: ModelRequest) -> None:
        """Show the model, backend and precision of `model_request`; emit no signal."""
        for picker, value in (
            (self._model, model_request.model),
            (self._backend, model_request.backend),
            (self._precision, model_request.precision),
        ):
            if picker.findText(value) < 0:
                picker.addItem(value)
            picker.setCurrentText(value)

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
        self._say(line)

    def show_loaded(self, loaded: ModelInfo) -> None:
        """Show the model in use."""
        self._end_loading()
        self._loaded = loaded
        self._say("")
        self._show_line()
        self._line.setToolTip(loaded.description)

    def show_rate(self, rate: float) -> None:
        """Show the number of frames per second on which the model runs."""
        if round(rate) != round(self._rate):
            self._rate = rate
            self._show_line()

    def show_not_loaded(self, in_use: ModelRequest | None) -> None:
        """Show that loading has ended without success.

        `in_use` is the model that is still in use; it is shown again. It is None if there is no
        such model; the user can then load the chosen model again.
        """
        self._end_loading()
        self._say("" if in_use is not None else self.tr("No model is loaded"))
        self._retry.setVisible(in_use is None)
        if in_use is not None:
            self.show_request(in_use)

    def _end_loading(self) -> None:
        self._busy.hide()
        self._cancel.hide()
        self._retry.hide()

    def _say(self, text: str) -> None:
        self._status.setText(text)
        self._status.setVisible(bool(text))

    def _show_line(self) -> None:
        loaded = self._loaded
        if loaded is None:
            return
        # The library is what stands before its version.
        library = re.split(r" (?=\d)", loaded.description)[0]
        device = "" if loaded.device == "CPU" else f" {loaded.device}"
        parts = [loaded.metadata.name, f"{library}{device} {loaded.precision.upper()}"]
        if self._rate >= 1:
            parts.append(self.tr("{rate} FPS").format(rate=round(self._rate)))
        self._line.setText(f"{parts[0]}\n{' · '.join(parts[1:])}")

    def _wish(self) -> None:
        self.wished.emit(
            ModelRequest(
                self._model.currentText(),
                self._backend.currentText(),
                self._precision.currentText(),
            )
        )
