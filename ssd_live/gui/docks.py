"""The docks of the window: the detection panel and the plots."""

from collections.abc import Callable

from PySide6.QtCore import QByteArray, QObject, Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

from ssd_live.gui.actions import Actions
from ssd_live.gui.detection_panel import DetectionPanel

_PLOTS_HEIGHT = 340
_PLOTS_LOWEST_HEIGHT = 260


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
        dock.setWidget(widget)
        self._window.addDockWidget(area, dock)
        return dock

    def _follow(self) -> None:
        self._actions["detection_panel"].setChecked(not self._panel_dock.isHidden())
        self._actions["numbers_panel"].setChecked(not self._plots_dock.isHidden())

    def restore(self, layout: QByteArray) -> None:
        """Give the docks the places and sizes that they had in an earlier run.

        `layout` is what `QMainWindow.saveState` returned in that run.
        """
        self._window.restoreState(layout)
        if not self._plots_dock.isHidden():
            self.show_plots(True)

    def show_panel(self, on: bool) -> None:
        """Show the detection panel if `on` is true, else hide it."""
        self._panel_dock.setVisible(on)

    def show_plots(self, on: bool) -> None:
        """Show the panel of plots if `on` is true, else hide it."""
        if on and not self._has_plots:
            plots = self._make_plots()
            plots.setMinimumHeight(_PLOTS_LOWEST_HEIGHT)
            self._plots_dock.setWidget(plots)
            self._window.resizeDocks([self._plots_dock], [_PLOTS_HEIGHT], Qt.Orientation.Vertical)
            self._has_plots = True
        self._plots_dock.setVisible(on)

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
