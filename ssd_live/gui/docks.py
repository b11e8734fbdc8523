"""The docks of the window: the detection panel and the plots."""

from collections.abc import Callable

from PySide6.QtCore import QByteArray, QObject, QSize, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QLabel, QMainWindow, QToolButton, QWidget

from ssd_live.gui.actions import Actions
from ssd_live.gui.detection_panel import DetectionPanel
from ssd_live.gui.theme import icon

_PLOTS_HEIGHT = 340
_PLOTS_LOWEST_HEIGHT = 260


class _TitleBar(QWidget):
    """The title of a dock, with buttons that make it a window of its own and close it.

    The buttons that Qt draws are dark in every theme.
    """

    def __init__(self, title: str, dock: QDockWidget) -> None:
        super().__init__(dock)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 2, 4, 2)
        layout.addWidget(QLabel(title), 1)
        self._buttons = {"float": QToolButton(), "close": QToolButton()}
        self._buttons["float"].setToolTip(self.tr("Make this panel a window, or put it back"))
        self._buttons["float"].clicked.connect(lambda: dock.setFloating(not dock.isFloating()))
        self._buttons["close"].setToolTip(self.tr("Hide this panel"))
        self._buttons["close"].clicked.connect(dock.hide)
        for button in self._buttons.values():
            button.setAutoRaise(True)
            button.setIconSize(QSize(14, 14))
            button.setAccessibleName(button.toolTip())
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            layout.addWidget(button)

    def colour_icons(self, colour: QColor) -> None:
        """Draw the icons in `colour`."""
        for name, button in self._buttons.items():
            button.setIcon(icon(name, colour))


class Docks(QObject):
    """The two docks (panels that the user can move) of the window.

    The detection panel is at the right, and the plots are at the bottom. Each dock has an action,
    which is checked while the dock is shown. `make_plots` makes and returns the panel of plots. It
    is called only when the plots are first shown, because it takes time.
    """

    def __init__(
        self,
        window: QMainWindow,
        actions: Actions,
        panel: DetectionPanel,
        make_plots: Callable[[], QWidget],
    ) -> None:
        super().__init__(window)
        self._window = window
        self._actions = actions
        self._panel = panel
        self._make_plots = make_plots
        self._has_plots = False
        # Whether each dock was shown before full-screen mode.
        self._shown_before = (True, False)
        self._panel_dock = self._dock(
            self.tr("Detection"), panel, Qt.DockWidgetArea.RightDockWidgetArea, "detection"
        )
        self._plots_dock = self._dock(
            self.tr("Plots"), QWidget(), Qt.DockWidgetArea.BottomDockWidgetArea, "plots"
        )
        self._plots_dock.hide()
        window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        for dock in (self._panel_dock, self._plots_dock):
            dock.visibilityChanged.connect(lambda _: self._follow())

    def _dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea, name: str) -> QDockWidget:
        dock = QDockWidget(title, self._window)
        dock.setObjectName(name)
        dock.setTitleBarWidget(_TitleBar(title, dock))
        dock.setWidget(widget)
        self._window.addDockWidget(area, dock)
        return dock

    def _follow(self) -> None:
        self._actions["detection_panel"].setChecked(not self._panel_dock.isHidden())
        self._actions["numbers_panel"].setChecked(not self._plots_dock.isHidden())

    def reset(self) -> None:
        """Put both docks back at their first places; only the detection panel is shown."""
        for dock, area in (
            (self._panel_dock, Qt.DockWidgetArea.RightDockWidgetArea),
            (self._plots_dock, Qt.DockWidgetArea.BottomDockWidgetArea),
        ):
            dock.setFloating(False)
            self._window.addDockWidget(area, dock)
        self._panel_dock.show()
        self._plots_dock.hide()
        self._window.resizeDocks(
            [self._panel_dock], [self._panel.sizeHint().width()], Qt.Orientation.Horizontal
        )

    def restore(self, layout: QByteArray) -> None:
        """Give the docks the places and sizes that they had in an earlier run.

        `layout` is what `QMainWindow.saveState` returned in that run.
        """
        self._window.restoreState(layout)
        if not self._plots_dock.isHidden():
            self.show_plots(True)

    def colour_icons(self, colour: QColor) -> None:
        """Draw the icons of the docks in `colour`, so that they are readable in the theme."""
        for dock in (self._panel_dock, self._plots_dock):
            bar = dock.titleBarWidget()
            assert isinstance(bar, _TitleBar)
            bar.colour_icons(colour)

    def show_panel(self, on: bool) -> None:
        """Show the detection panel if `on` is true, else hide it."""
        self._panel_dock.setVisible(on)
        # A panel that is a window of its own may be behind this one.
        self._panel_dock.raise_()

    def show_plots(self, on: bool) -> None:
        """Show the panel of plots if `on` is true, else hide it."""
        if on and not self._has_plots:
            plots = self._make_plots()
            plots.setMinimumHeight(_PLOTS_LOWEST_HEIGHT)
            self._plots_dock.setWidget(plots)
            self._window.resizeDocks([self._plots_dock], [_PLOTS_HEIGHT], Qt.Orientation.Vertical)
            self._has_plots = True
        self._plots_dock.setVisible(on)
        self._plots_dock.raise_()

    def search_classes(self) -> None:
        """Show the detection panel and move the keyboard focus to its search field."""
        self._panel_dock.show()
        self._panel.focus_search()

    def hide_all(self) -> None:
        """Hide both docks until `show_again` is called."""
        self._shown_before = (self._panel_dock.isVisible(), self._plots_dock.isVisible())
        self._panel_dock.hide()
        self._plots_dock.hide()

    def show_again(self) -> None:
        """Show the docks that were shown when `hide_all` was called."""
        for dock, was_shown in zip(
            (self._panel_dock, self._plots_dock), self._shown_before, strict=True
        ):
            dock.setVisible(was_shown)
