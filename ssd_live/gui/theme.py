"""The light and the dark theme: the colours of the window."""

from typing import Literal

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from ssd_live.system.paths import assets_folder

Theme = Literal["system", "light", "dark"]

_ICON_SIZES = (16, 20, 24, 32, 48)
# The icons that were drawn, by name and colour.
_icons: dict[tuple[str, str], QIcon] = {}

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


def icon(name: str, colour: QColor) -> QIcon:
    """Return the icon `name` of `assets/icons`, drawn in this colour, and grey when it is disabled.

    Parts of an icon that have a colour of their own, such as the red of "record", keep it.
    """
    key = (name, colour.name())
    if key in _icons:
        return _icons[key]
    drawn = _icons[key] = QIcon()
    grey = QColor(colour)
    grey.setAlphaF(0.35)
    for mode, ink in ((QIcon.Mode.Normal, colour), (QIcon.Mode.Disabled, grey)):
        for size in _ICON_SIZES:
            drawn.addPixmap(_rendered(name, ink, size), mode)
    return drawn


def application_icon() -> QIcon:
    """Return the icon of the application in all sizes that desktops ask for."""
    drawn = QIcon()
    for size in (16, 24, 32, 48, 64, 128, 256, 512):
        drawn.addPixmap(_rendered("ssd_live", QColor(), size))
    return drawn


def _rendered(name: str, ink: QColor, size: int) -> QPixmap:
    drawing = (assets_folder() / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    drawing = drawing.replace("currentColor", ink.name())
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setOpacity(ink.alphaF())
    QSvgRenderer(QByteArray(drawing.encode())).render(painter)
    painter.end()
    return pixmap


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
