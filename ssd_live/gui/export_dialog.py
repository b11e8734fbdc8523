"""The dialog that asks how to export an annotated copy of a video."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from ssd_live.gui.check_box import CheckBox
from ssd_live.gui.output_row import OutputRow

# Codec of the command `process` -> its name for users.
_CODECS = {
    "h264": "H.264",
    "hevc": "H.265 (HEVC)",
    "av1": "AV1",
    "vp9": "VP9",
    "mjpeg": "Motion JPEG",
    "ffv1": "FFV1",
}


@dataclass(frozen=True)
class ExportPlan:
    """What the user chose: the output file, and further arguments for the command `process`."""

    output: Path
    arguments: list[str]


class ExportDialog(QDialog):
    """A dialog for the output file, the detections file, the codec, the effort and the part.

    `source` is the video file, `duration` its length in seconds, or None if it is unknown, and
    `position` the time of the frame that is shown now, in seconds. `hidden` are the classes that
    the export leaves out.
    """

    def __init__(
        self,
        source: Path,
        duration: float | None,
        position: float,
        hidden: Sequence[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Export annotated copy"))
        copy = source.with_name(f"{source.stem} annotated.mp4")
        self._file = OutputRow(copy, self.tr("Export"))
        self._detections = CheckBox(self.tr("Write the detections to a file too (.jsonl)"))
        self._index = CheckBox(self.tr("Find its objects again (follows them, writes that file)"))
        self._index.toggled.connect(self._follow_index)
        self._codec = QComboBox()
        self._codec.addItem(self.tr("Automatic"), "")
        for codec, name in _CODECS.items():
            self._codec.addItem(name, codec)
        self._preset = QComboBox()
        for preset, name in (
            ("fast", self.tr("Normal")),
            ("slow", self.tr("Small file, takes longer")),
            ("fastest", self.tr("Fast, larger file")),
        ):
            self._preset.addItem(name, preset)
        self._codec.currentIndexChanged.connect(self._follow_codec)
        self._part = CheckBox(self.tr("Only a part of the video"))
        self._from, self._to = QDoubleSpinBox(), QDoubleSpinBox()
        for field, value in ((self._from, position), (self._to, duration or position + 10)):
            field.setDecimals(1)
            field.setRange(0, duration or 1e6)
            field.setSuffix(self.tr(" s"))
            field.setValue(value)
            field.setEnabled(False)
            self._part.toggled.connect(field.setEnabled)
        part = QHBoxLayout()
        part.addWidget(self._from)
        part.addWidget(QLabel("–"))
        part.addWidget(self._to)
        part.addStretch()
        file_label = QLabel(self.tr("&File"))
        file_label.setBuddy(self._file.field)
        form = QFormLayout()
        form.addRow(file_label, self._file)
        form.addRow("", self._detections)
        form.addRow("", self._index)
        if hidden:
            left_out = QLabel(self.tr("Left out, because they are hidden: {names}"))
            left_out.setText(left_out.text().format(names=", ".join(hidden)))
            left_out.setWordWrap(True)
            form.addRow("", left_out)
        form.addRow(self.tr("&Codec"), self._codec)
        form.addRow(self.tr("&Effort"), self._preset)
        form.addRow("", self._part)
        form.addRow(self.tr("From – to"), part)
        self._problem = QLabel()
        self._problem.setWordWrap(True)
        self._problem.hide()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        start = buttons.addButton(self.tr("Export"), QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self._problem)
        layout.addWidget(buttons)
        # Outside the dialog, the button would not become the one that Enter presses.
        start.setDefault(True)

    def write_detections(self, on: bool) -> None:
        """Check or uncheck that the detections are written to a file too."""
        self._detections.setChecked(on)

    @property
    def plan(self) -> ExportPlan:
        """What the user chose."""
        output = self._file.path
        arguments: list[str] = []
        if self._detections.isChecked():
            arguments += ["--detections", str(output.with_suffix(".jsonl"))]
        if self._index.isChecked():
            arguments.append("--index")
        if codec := self._codec.currentData():
            arguments += ["--codec", codec]
        if self._preset.isEnabled() and self._preset.currentIndex():
            arguments += ["--preset", self._preset.currentData()]
        if self._part.isChecked():
            start, end = self._from.value(), self._to.value()
            arguments += ["--start", f"{start:g}", "--duration", f"{end - start:g}"]
        return ExportPlan(output, arguments)

    def _follow_index(self, on: bool) -> None:
        if on:
            self._detections.setChecked(True)
        self._detections.setEnabled(not on)

    def _follow_codec(self) -> None:
        self._preset.setEnabled(self._codec.currentData() not in ("mjpeg", "ffv1"))

    def _accept(self) -> None:
        problem = ""
        if self._part.isChecked() and self._to.value() <= self._from.value():
            problem = self.tr("The end of the part must be after its beginning.")
        problem = problem or self._file.problem()
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))
        if not problem:
            self.accept()
