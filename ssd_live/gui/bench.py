"""The dialog that runs the command `bench` with the current model and shows its report."""

import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from ssd_live.gui.busy_bar import BusyBar
from ssd_live.gui.child import Child
from ssd_live.remote.network import ModelRequest

_SIZE = (860, 560)


class BenchDialog(QDialog):
    """A dialog that runs the command `bench`, and shows and saves its report.

    `model_request` is the model to measure. `file` is the video file that the window shows now,
    which is offered as the source, or None. `hold(True)` must pause the videos in the window,
    because they would compete with the measurement for the CPU. `hold(False)` must resume them.
    `words` are extra arguments for the command.
    """

    def __init__(
        self,
        model_request: ModelRequest,
        file: Path | None,
        hold: Callable[[bool], None],
        parent: QWidget | None = None,
        *,
        words: Sequence[str] = (),
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Benchmark"))
        self.resize(*_SIZE)
        self._model_request, self._hold, self._words = model_request, hold, words
        self._folder = Path(tempfile.mkdtemp(prefix="ssd_live-"))
        self._child = Child(self)
        self._child.told.connect(self._hear)
        self._child.ended.connect(self._end)
        self._source = QComboBox()
        self._source.addItem(self.tr("Sample clip"), "")
        if file is not None:
            self._source.addItem(file.name, str(file))
            self._source.setCurrentIndex(1)
        self._source.addItem(self.tr("Test pattern, 1920 x 1080"), "pattern:1920x1080")
        self._status = QLabel(
            self.tr(
                "Measures FPS, latency and the cost of each stage in about 30 seconds. The video "
                "is paused meanwhile."
            )
        )
        self._status.setWordWrap(True)
        self._busy = BusyBar()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.setMaximumHeight(6)
        self._busy.hide()
        self._report = QTextBrowser()
        self._report.setAccessibleName(self.tr("Report"))
        self._measure, self._save = (
            QPushButton(self.tr("&Start")),
            QPushButton(self.tr("&Save report…")),
        )
        self._save.setEnabled(False)
        self._lay_out()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow(self.tr("&Source"), self._source)
        form.addRow(
            self.tr("Model"),
            QLabel(
                f"{self._model_request.model}, {self._model_request.backend} "
                f"{self._model_request.precision}"
            ),
        )
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.addButton(self._measure, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(self._save, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.close)
        self._measure.clicked.connect(self._start_or_cancel)
        self._save.clicked.connect(self._ask_save)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self._status)
        layout.addWidget(self._busy)
        layout.addWidget(self._report, 1)
        layout.addWidget(buttons)

    def _start_or_cancel(self) -> None:
        if self._child.is_running:
            self._child.cancel()
            return
        model_request = self._model_request
        words = [
            "bench",
            "--model",
            model_request.model,
            "--backend",
            model_request.backend,
            "--precision",
            model_request.precision,
        ]
        if source := self._source.currentData():
            words += ["--source", source]
        self._hold(True)
        self._busy.show()
        self._source.setEnabled(False)
        self._measure.setText(self.tr("&Cancel"))
        self._child.start(
            [*words, *self._words, "--html", str(self._html), "--json", str(self._json)]
        )

    @property
    def _html(self) -> Path:
        return self._folder / "bench.html"

    @property
    def _json(self) -> Path:
        return self._folder / "bench.json"

    def _hear(self, line: str) -> None:
        self._status.setText(line)

    def _end(self, code: int, last: str) -> None:
        self._hold(False)
        self._busy.hide()
        self._source.setEnabled(True)
        self._measure.setText(self.tr("&Start"))
        if code:
            self._status.setText(
                last.removeprefix("error: ")
                or self.tr(
                    "The benchmark failed. Run the command `bench` in a terminal to see why."
                )
            )
            return
        self._status.setText(
            self.tr(
                "The measurement is finished. Other programs affect the results, so compare only "
                "numbers of the same run."
            )
        )
        page = self._html.read_text(encoding="utf-8")
        self._report.setHtml(re.sub(r"<style>.*?</style>", self._style(), page, flags=re.DOTALL))
        self._save.setEnabled(True)

    def _style(self) -> str:
        """Return a style sheet with the colours of the theme."""
        palette = self.palette()
        ink, line = palette.text().color().name(), palette.alternateBase().color().name()
        return (
            f"<style>body, p, li, h1, h2 {{ color: {ink} }} code {{ background: {line} }}"
            "th, td { text-align: left; padding: 3px 10px 3px 0; white-space: nowrap }"
            "td.n, th.n { text-align: right } .bar { background: #3b82f6 }"
            ".warning { background: #fff3d6; color: #6a4b00 }</style>"
        )

    def _ask_save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save report"), "bench.html", "HTML (*.html);;JSON (*.json)"
        )
        if not name:
            return
        try:
            shutil.copyfile(self._json if name.endswith(".json") else self._html, name)
        except OSError as error:
            self._status.setText(
                self.tr("{path} cannot be written ({reason}); choose another place").format(
                    path=name, reason=error.strerror
                )
            )
        else:
            self._status.setText(self.tr("Saved {path}").format(path=name))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        if self._child.is_running:
            self._child.kill()
            self._hold(False)
        shutil.rmtree(self._folder, ignore_errors=True)
        super().closeEvent(event)
