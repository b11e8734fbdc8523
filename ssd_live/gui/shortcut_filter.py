"""Keys that a focused widget wants for itself, though the window has given them to an action."""

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QComboBox, QListWidget, QWidget


class ShortcutFilter(QObject):
    """An event filter: Space presses the focused button, opens the list of a picker, and checks a
    class; letters find one in a list.
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
