"""The light and the dark theme: the colours of the window."""

from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPalette
from PySide6.QtWidgets import QApplication

Theme = Literal["system", "light", "dark"]

_ROLES = QPalette.ColorRole
_LIGHT = {
    _ROLES.Window: "#f3f4f6",
    _ROLES.WindowText: "#16181d",
    _ROLES.Base: "#ffffff",
    _ROLES.AlternateBase: "#eceef2",
    _ROLES.Text: "#16181d",
    _ROLES.Button: "#e6e8ed",
    _ROLES.ButtonText: "#16181d",
    _ROLES.ToolTipBase: "#ffffff",
    _ROLES.ToolTipText: "#16181d",
    _ROLES.PlaceholderText: "#6b7280",
    _ROLES.Highlight: "#2563eb",
    _ROLES.HighlightedText: "#ffffff",
    _ROLES.Link: "#1d4ed8",
    _ROLES.BrightText: "#b91c1c",
}
_DARK = {
    _ROLES.Window: "#1b1d22",
    _ROLES.WindowText: "#e7e9ee",
    _ROLES.Base: "#121317",
    _ROLES.AlternateBase: "#22252b",
    _ROLES.Text: "#e7e9ee",
    _ROLES.Button: "#2b2e36",
    _ROLES.ButtonText: "#e7e9ee",
    _ROLES.ToolTipBase: "#2b2e36",
    _ROLES.ToolTipText: "#e7e9ee",
    _ROLES.PlaceholderText: "#9aa1ad",
    _ROLES.Highlight: "#3b82f6",
    _ROLES.HighlightedText: "#ffffff",
    _ROLES.Link: "#7cb0ff",
    _ROLES.BrightText: "#f87171",
}
_DISABLED = {"light": "#9ca3af", "dark": "#6b7280"}


def is_dark(theme: Theme) -> bool:
    """Return whether a theme is dark; "system" is dark if the desktop has a dark colour scheme."""
    if theme == "system":
        return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    return theme == "dark"


def tinted(icon: QIcon, colour: QColor, size: int = 32) -> QIcon:
    """Return a copy of the icon, `size` x `size` pixels, drawn only in the colour `colour`.

    The icons of a Qt style are made for light windows and are hard to see on dark ones.
    """
    pixmap = icon.pixmap(size, size)
    painter = QPainter(pixmap)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
    painter.fillRect(pixmap.rect(), colour)
    painter.end()
    return QIcon(pixmap)


def apply(application: QApplication, theme: Theme) -> None:
    """Set the colours of `theme` for all widgets of the application.

    The Qt style "Fusion" is used, so that the widgets look the same on every platform.
    """
    dark = is_dark(theme)
    palette = QPalette()
    for role, colour in (_DARK if dark else _LIGHT).items():
        palette.setColor(role, QColor(colour))
    for role in (_ROLES.WindowText, _ROLES.Text, _ROLES.ButtonText):
        palette.setColor(
            QPalette.ColorGroup.Disabled, role, QColor(_DISABLED["dark" if dark else "light"])
        )
    application.setStyle("Fusion")
    application.setPalette(palette)
