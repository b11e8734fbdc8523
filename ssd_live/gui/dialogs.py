"""The small dialogs: keyboard shortcuts, about, and settings."""

from PySide6.QtCore import Signal, qVersion
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from ssd_live import __version__
from ssd_live.gui.actions import Actions, plain
from ssd_live.gui.check_box import CheckBox
from ssd_live.gui.translation import LANGUAGES
from ssd_live.settings import Settings
from ssd_live.system import machine

# Package -> licence, for the packages that the window uses.
_LICENCES = {
    "PySide6-Essentials": "LGPL-3.0",
    "pyqtgraph": "MIT",
    "opencv-python": "Apache-2.0",
    "av": "BSD-3-Clause",
    "numpy": "BSD-3-Clause",
    "openvino": "Apache-2.0",
    "onnxruntime": "MIT",
    "onnx": "Apache-2.0",
    "mss": "MIT",
    "torch": "BSD-3-Clause",
}
_MOST_REDACTED = 100


class ShortcutsDialog(QDialog):
    """A dialog that lists every action that has a keyboard shortcut."""

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        rows = [spec for spec in actions.specs if spec.keys]
        table = QTableWidget(len(rows), 3)
        table.setHorizontalHeaderLabels(
            [self.tr("Keys"), self.tr("Action"), self.tr("Description")]
        )
        table.verticalHeader().hide()
        table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        for row, spec in enumerate(rows):
            keys = ", ".join(
                QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
                for key in spec.keys
            )
            for column, text in enumerate((keys, plain(spec.text), spec.tip)):
                table.setItem(row, column, QTableWidgetItem(text))
        table.resizeColumnsToContents()
        table.horizontalHeader().setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(table)
        layout.addWidget(buttons)
        self.resize(760, 560)


class AboutDialog(QDialog):
    """A dialog that shows the versions and licences of this program and its packages."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("About ssd_live"))
        title = QLabel(f"<h2>ssd_live {__version__}</h2>")
        what = QLabel(
            self.tr(
                "Real-time object detection with SSD (Single Shot MultiBox Detector, Liu et al. "
                "2016). Apache-2.0."
            )
        )
        what.setWordWrap(True)
        text = QTextBrowser()
        rows = [
            (name, machine.package_version(name), licence) for name, licence in _LICENCES.items()
        ]
        lines = [
            f"<tr><td>{name}</td><td>{version}</td><td>{licence}</td></tr>"
            for name, version, licence in rows
            if version
        ]
        heads = "".join(
            f"<th align='left'>{head}</th>"
            for head in (self.tr("Package"), self.tr("Version"), self.tr("Licence"))
        )
        text.setHtml(f"<table cellspacing='8'><tr>{heads}</tr>{''.join(lines)}</table>")
        text.setMinimumSize(420, 260)
        where = QLabel(
            self.tr("Qt {version}. The licences of bundled models and media are in NOTICE.").format(
                version=qVersion()
            )
        )
        where.setWordWrap(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (title, what, text, where, buttons):
            layout.addWidget(widget)


class PreferencesDialog(QDialog):
    """A dialog for the settings that are not in the panel or in a menu.

    `models` are the names of the models that the program may start with, and `output_folder` is the
    folder that is used if the settings name none. The dialog does not change `settings`; call
    `change` when the user has accepted the dialog. `layout_reset` is emitted when the user wants
    the panels and the window back at their first places, and `recent_cleared` when the user wants
    to clear the recent sources. Both are emitted at once, before the dialog is accepted.
    """

    layout_reset = Signal()
    recent_cleared = Signal()

    def __init__(
        self,
        settings: Settings,
        models: list[str],
        output_folder: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Settings"))
        self._language, self._theme = QComboBox(), QComboBox()
        self._language.addItem(self.tr("System default"), "system")
        for key, name in LANGUAGES.items():
            self._language.addItem(name, key)
        for key, name in (
            ("system", self.tr("System default")),
            ("light", self.tr("Light")),
            ("dark", self.tr("Dark")),
        ):
            self._theme.addItem(name, key)
        self._language.setCurrentIndex(self._language.findData(settings.language))
        self._theme.setCurrentIndex(self._theme.findData(settings.theme))
        self._cap = QDoubleSpinBox()
        self._cap.setRange(0, 1000)
        self._cap.setDecimals(1)
        self._cap.setSpecialValueText(self.tr("no limit"))
        self._cap.setSuffix(self.tr(" FPS"))
        self._cap.setValue(settings.rate_cap)
        self._cap.setToolTip(self.tr("Process no more frames per second than this, to save power"))
        self._trail = QDoubleSpinBox()
        self._trail.setRange(0, 60)
        self._trail.setDecimals(1)
        self._trail.setSpecialValueText(self.tr("none"))
        self._trail.setSuffix(self.tr(" s"))
        self._trail.setValue(settings.trail_seconds)
        self._trail.setToolTip(self.tr("How much of its way is shown behind a followed object"))
        self._model, self._start = QComboBox(), QComboBox()
        self._model.addItems(list(dict.fromkeys([settings.model, *models])))
        for key, name in (
            ("camera", self.tr("First camera, or the sample clip")),
            ("last", self.tr("What was open last")),
            ("welcome", self.tr("Nothing: let me choose")),
        ):
            self._start.addItem(name, key)
        self._start.setCurrentIndex(self._start.findData(settings.start_with))
        self._folder = QLineEdit(settings.output_folder)
        self._folder.setPlaceholderText(output_folder)
        choose = QPushButton(self.tr("Choose…"))
        choose.setAutoDefault(False)
        choose.clicked.connect(self._choose_folder)
        folder = QHBoxLayout()
        folder.addWidget(self._folder)
        folder.addWidget(choose)
        self._record_boxes = CheckBox(self.tr("Draw boxes in recordings"))
        self._record_boxes.setChecked(settings.record_boxes)
        self._redact, self._redact_style = QLineEdit(", ".join(settings.redact)), QComboBox()
        self._redact.setPlaceholderText(self.tr("nothing; for example: Person, Car"))
        self._redact.setToolTip(
            self.tr("Objects of these classes are hidden in what is shown, recorded and kept")
        )
        for style, text in (
            ("solid", self.tr("Black, which cannot be undone")),
            ("pixelate", self.tr("Pixelated")),
            ("blur", self.tr("Blurred")),
        ):
            self._redact_style.addItem(text, style)
        self._redact_style.setCurrentIndex(self._redact_style.findData(settings.redact_style))
        self._index = CheckBox(self.tr("Find again what recordings show"))
        self._index.setToolTip(
            self.tr("Keeps a list with small pictures of the objects that were followed")
        )
        self._index.setChecked(settings.index_recordings)
        self._save_power = CheckBox(self.tr("Detect less often where nothing moves"))
        self._save_power.setToolTip(
            self.tr("Saves power while objects are followed (T); something new waits 0.4 s at most")
        )
        self._save_power.setChecked(settings.save_power)
        reset = QPushButton(self.tr("Reset layout"))
        reset.setAutoDefault(False)
        reset.clicked.connect(self.layout_reset)
        forget = QPushButton(self.tr("Clear recent sources"))
        forget.setAutoDefault(False)
        forget.clicked.connect(self.recent_cleared)
        forget.clicked.connect(lambda: forget.setEnabled(False))
        forget.setEnabled(bool(settings.recent_sources))
        form = QFormLayout()
        form.addRow(self.tr("&Language"), self._language)
        form.addRow(self.tr("&Theme"), self._theme)
        form.addRow(self.tr("&When the program starts, open"), self._start)
        form.addRow(self.tr("&Model at the start"), self._model)
        folder_label = QLabel(self.tr("F&older for recordings"))
        folder_label.setBuddy(self._folder)
        form.addRow(folder_label, folder)
        form.addRow("", self._record_boxes)
        form.addRow("", self._index)
        form.addRow(self.tr("&Hide objects of"), self._redact)
        form.addRow(self.tr("How they are hi&dden"), self._redact_style)
        form.addRow(self.tr("&Frame rate limit"), self._cap)
        form.addRow(self.tr("Way &behind objects"), self._trail)
        form.addRow("", self._save_power)
        once = QHBoxLayout()
        once.addWidget(reset)
        once.addWidget(forget)
        once.addStretch()
        form.addRow("", once)
        note = QLabel(self.tr("Language changes take effect after a restart."))
        note.setWordWrap(True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(note)
        layout.addWidget(buttons)

    def _choose_folder(self) -> None:
        if name := QFileDialog.getExistingDirectory(
            self, self.tr("Folder for recordings and snapshots"), self._folder.text()
        ):
            self._folder.setText(name)

    def change(self, settings: Settings) -> None:
        """Write what the user chose into `settings`."""
        settings.start_with = self._start.currentData()
        settings.model = self._model.currentText()
        settings.output_folder = self._folder.text().strip()
        settings.record_boxes = self._record_boxes.isChecked()
        settings.index_recordings = self._index.isChecked()
        names = [name.strip() for name in self._redact.text().split(",")]
        settings.redact = [name for name in names if name][:_MOST_REDACTED]
        settings.redact_style = self._redact_style.currentData()
        settings.language = self._language.currentData()
        settings.theme = self._theme.currentData()
        settings.rate_cap = self._cap.value()
        settings.trail_seconds = self._trail.value()
        settings.save_power = self._save_power.isChecked()
