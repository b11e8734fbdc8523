"""The docks of the window: the detection panel, the other panels behind it, and the plots."""

from collections.abc import Callable

from PySide6.QtCore import QByteArray, QObject, QSize, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QTabWidget,
    QToolButton,
    QWidget,
)

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
    """The docks (panels that the user can move) of the window.

    The detection panel `panel`, the list of objects `objects`, the panel of zones `zones` and that
    of rules and events `events` are at the right, behind each other, and the plots are at the
    bottom. Each dock has an action, which is
    checked while the dock is shown. `make_plots` makes and returns the panel of plots. It is called
    only when the plots are first shown, because it takes time.
    """

    def __init__(
        self,
        window: QMainWindow,
        actions: Actions,
        panel: DetectionPanel,
        objects: QWidget,
        zones: QWidget,
        events: QWidget,
        make_plots: Callable[[], QWidget],
    ) -> None:
        super().__init__(window)
        self._window = window
        self._actions = actions
        self._panel = panel
        self._make_plots = make_plots
        self._has_plots = False
        self._panel_dock = self._dock(
            self.tr("Detection"), panel, Qt.DockWidgetArea.RightDockWidgetArea, "detection"
        )
        self._plots_dock = self._dock(
            self.tr("Plots"), QWidget(), Qt.DockWidgetArea.BottomDockWidgetArea, "plots"
        )
        self._objects_dock = self._dock(
            self.tr("Objects"), objects, Qt.DockWidgetArea.RightDockWidgetArea, "objects"
        )
        self._zones_dock = self._dock(
            self.tr("Zones"), zones, Qt.DockWidgetArea.RightDockWidgetArea, "zones"
        )
        self._events_dock = self._dock(
            self.tr("Events"), events, Qt.DockWidgetArea.RightDockWidgetArea, "events"
        )
        # Those that are not shown at first, and which of them lie behind the detection panel.
        self._behind = (self._objects_dock, self._zones_dock, self._events_dock)
        self._others = (self._plots_dock, *self._behind)
        self._docks = (self._panel_dock, *self._others)
        # Whether each dock was shown before full-screen mode.
        self._shown_before = [dock is self._panel_dock for dock in self._docks]
        for dock in self._behind:
            window.tabifyDockWidget(self._panel_dock, dock)
        window.setTabPosition(Qt.DockWidgetArea.RightDockWidgetArea, QTabWidget.TabPosition.North)
        for dock in self._others:
            dock.hide()
        window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        for dock in self._docks:
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
        self._actions["object_panel"].setChecked(not self._objects_dock.isHidden())
        self._actions["zone_panel"].setChecked(not self._zones_dock.isHidden())
        self._actions["event_panel"].setChecked(not self._events_dock.isHidden())

    def reset(self) -> None:
        """Put all docks back at their first places; only the detection panel is shown."""
        for dock in self._docks:
            dock.setFloating(False)
            is_plots = dock is self._plots_dock
            areas = Qt.DockWidgetArea
            area = areas.BottomDockWidgetArea if is_plots else areas.RightDockWidgetArea
            self._window.addDockWidget(area, dock)
        for dock in self._behind:
            self._window.tabifyDockWidget(self._panel_dock, dock)
        self._panel_dock.show()
        for dock in self._others:
            dock.hide()
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
        for dock in self._docks:
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

    def show_objects(self, on: bool) -> None:
        """Show the list of objects in front of the detection panel if `on` is true, or hide it."""
        self._objects_dock.setVisible(on)
        self._objects_dock.raise_()

    def show_zones(self, on: bool) -> None:
        """Show the panel of zones in front of the detection panel if `on` is true, or hide it."""
        self._zones_dock.setVisible(on)
        self._zones_dock.raise_()

    def show_events(self, on: bool) -> None:
        """Show the panel of rules and events in front if `on` is true, or hide it."""
        self._events_dock.setVisible(on)
        self._events_dock.raise_()

    def search_classes(self) -> None:
        """Show the detection panel and move the keyboard focus to its search field."""
        self._panel_dock.show()
        self._panel_dock.raise_()
        self._panel.focus_search()

    def hide_all(self) -> None:
        """Hide all docks until `show_again` is called."""
        self._shown_before = [not dock.isHidden() for dock in self._docks]
        for dock in self._docks:
            dock.hide()

    def show_again(self) -> None:
        """Show the docks that were shown when `hide_all` was called."""
        for dock, was_shown in zip(self._docks, self._shown_before, strict=True):
            dock.setVisible(was_shown)
