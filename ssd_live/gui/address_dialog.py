"""The dialog that asks for the address of a network camera, with user name and password."""

from urllib.parse import quote, urlsplit

from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

_DEFAULT_SCHEME = "rtsp"
_EXAMPLES = (
    "rtsp://192.168.1.20:554/stream1",
    "http://192.168.1.20/video.mjpg",
    "https://example.com/live/index.m3u8",
)


class AddressDialog(QDialog):
    """A dialog for an address, a user name and a password.

    `recent` holds the recent sources; the dialog offers those that are addresses. `address` is the
    address that the user entered.
    """

    def __init__(self, recent: list[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Network camera"))
        self._address = QComboBox()
        self._address.setEditable(True)
        self._address.addItems([text for text in recent if "://" in text])
        self._address.setCurrentIndex(-1 if not self._address.count() else 0)
        field = self._address.lineEdit()
        assert field is not None
        field.setPlaceholderText(_EXAMPLES[0])
        field.selectAll()
        self._user, self._password = QLineEdit(), QLineEdit()
        self._user.setPlaceholderText(self.tr("only if the camera asks for it"))
        self._password.setEchoMode(QLineEdit.EchoMode.Password)
        form = QFormLayout()
        form.addRow(self.tr("&Address"), self._address)
        form.addRow(self.tr("&User name"), self._user)
        form.addRow(self.tr("&Password"), self._password)
        hint = QLabel(
            self.tr("Examples: {examples}").format(examples="\n".join(("", *_EXAMPLES)))
            + "\n\n"
            + self.tr("Without rtsp:// or http:// in front, rtsp:// is used.")
        )
        hint.setWordWrap(True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self._open = buttons.button(QDialogButtonBox.StandardButton.Open)
        field.textChanged.connect(lambda text: self._open.setEnabled(bool(text.strip())))
        self._open.setEnabled(bool(field.text().strip()))
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(hint)
        layout.addWidget(buttons)
        self.resize(520, self.sizeHint().height())
        self._address.setFocus()

    @property
    def address(self) -> str:
        """The whole address, with a scheme, and with the user name and the password if given."""
        return whole_address(self._address.currentText(), self._user.text(), self._password.text())


def whole_address(text: str, user: str, password: str) -> str:
    """Return an address with a scheme, and with a user name and password if `user` is not empty.

    A user name that is already in the address is replaced.
    """
    text = text.strip()
    if "://" not in text:
        text = f"{_DEFAULT_SCHEME}://{text}"
    if not user:
        return text
    scheme, rest = text.split("://", 1)
    try:
        place = urlsplit(text).netloc
    except ValueError:
        # An error message of `parse_source` says what is wrong.
        return text
    host = place.rpartition("@")[2]
    name = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    return f"{scheme}://{name}@{host}{rest[len(place) :]}"
