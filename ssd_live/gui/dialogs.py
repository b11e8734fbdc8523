"""The small dialogs."""

from PySide6.QtCore import QCoreApplication, Qt, qVersion
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QHeaderView,
    QInputDialog,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from ssd_live import __version__
from ssd_live.gui.actions import Actions, plain
from ssd_live.gui.translation import LANGUAGES
from ssd_live.settings import Settings
from ssd_live.system import machine

# Package -> licence, of what the window stands on.
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


class ShortcutsDialog(QDialog):
    """Every action with its keys."""

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        rows = [spec for spec in actions.specs if spec.keys]
        table = QTableWidget(len(rows), 3)
        table.setHorizontalHeaderLabels(
            [self.tr("Keys"), self.tr("Action"), self.tr("What it does")]
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
    """Versions and licences."""

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
            self.tr(
                "Qt {version}. The licences of bundled models and media stand in NOTICE."
            ).format(version=qVersion())
        )
        where.setWordWrap(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (title, what, text, where, buttons):
            layout.addWidget(widget)


class PreferencesDialog(QDialog):
    """Language, colours, and how many frames a second are looked at. `change` puts the answers into
    settings.
    """

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Settings"))
        self._language, self._theme = QComboBox(), QComboBox()
        self._language.addItem(self.tr("As the system"), "system")
        for key, name in LANGUAGES.items():
            self._language.addItem(name, key)
        for key, name in (
            ("system", self.tr("As the system")),
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
        self._cap.setToolTip(self.tr("Look at no more frames than this; saves batteries"))
        form = QFormLayout()
        form.addRow(self.tr("&Language"), self._language)
        form.addRow(self.tr("&Colours"), self._theme)
        form.addRow(self.tr("&Frame rate limit"), self._cap)
        note = QLabel(self.tr("A new language is used from the next start on."))
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

    def change(self, settings: Settings) -> None:
        settings.language = self._language.currentData()
        settings.theme = self._theme.currentData()
        settings.rate_cap = self._cap.value()


def ask_address(parent: QWidget, recent: list[str]) -> str:
    """An address, or nothing."""
    known = [text for text in recent if "://" in text] or ["rtsp://"]
    dialog = QInputDialog(parent)
    dialog.setWindowTitle(QCoreApplication.translate("Address", "Open address"))
    dialog.setLabelText(
        QCoreApplication.translate(
            "Address",
            "Address of a network camera or video, as rtsp://host/path or http://host/path",
        )
    )
    dialog.setComboBoxItems(known)
    dialog.setComboBoxEditable(True)
    dialog.setWindowFlag(Qt.WindowType.WindowContextHelpButtonHint, False)
    dialog.resize(520, dialog.sizeHint().height())
    return dialog.textValue().strip() if dialog.exec() else ""
