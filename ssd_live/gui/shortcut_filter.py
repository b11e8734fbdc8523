"""Let the focused widget use keys that are also shortcuts of the window's actions."""

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QComboBox, QListWidget, QWidget


class ShortcutFilter(QObject):
    """An event filter for widgets that use keys which are also shortcuts of the window.

    If such a widget has the focus, it gets the key, and the shortcut is not triggered. Space
    presses a button, opens a combo box, or checks or unchecks a class in a list. Other printable
    characters find an entry in a combo box or list. Keys with Ctrl or Shift remain shortcuts.
    """

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and isinstance(watched, QWidget)
        ):
            plain = event.modifiers() in (
                Qt.KeyboardModifier.NoModifier,
                Qt.KeyboardModifier.KeypadModifier,
            )
            is_space = event.key() == Qt.Key.Key_Space and isinstance(
                watched, QAbstractButton | QComboBox | QListWidget
            )
            finds = (
                isinstance(watched, QComboBox | QListWidget)
                and event.text().isprintable()
                and bool(event.text())
            )
            if plain and (is_space or finds):
                event.accept()
                return True
        return super().eventFilter(watched, event)
