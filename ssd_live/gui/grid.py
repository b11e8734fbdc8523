"""The grid that shows the video views of all sources side by side."""

import math

from PySide6.QtCore import QPoint, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QGridLayout, QWidget

from ssd_live.gui.view import BACKGROUND, VideoView
from ssd_live.live.session import LiveSession
from ssd_live.live.source import LiveSource

_GAP = 2


class VideoGrid(QWidget):
    """A grid with one video view for each source of the session.

    The number of columns is the square root of the number of views, rounded up. One view is
    selected, and `session.stream` is its source. A view becomes selected when it gets the keyboard
    focus. `chosen` is emitted when another view is selected, `added` with a view that was added,
    `count_changed` when a view was added or removed, and `double_clicked` when the user
    double-clicks a view.
    """

    chosen = Signal()
    added = Signal(VideoView)
    count_changed = Signal()
    double_clicked = Signal()

    def __init__(self, session: LiveSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._is_alone = False
        self.views: list[VideoView] = []
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, BACKGROUND)
        self.setPalette(palette)
        self.setAutoFillBackground(True)
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(_GAP)
        for stream in session.streams:
            self._add_view(stream)
        self._arrange()
        self.choose(0)

    def add(self) -> VideoView:
        """Add a source to the session, select its view, and return the view.

        The source is not open yet. All views are shown.
        """
        self._is_alone = False
        view = self._add_view(self._session.add_stream())
        self._arrange()
        self.added.emit(view)
        self.count_changed.emit()
        self.choose(len(self.views) - 1)
        return view

    def remove(self, view: VideoView) -> None:
        """Close the source of a view, and remove the source and the view. One view must remain."""
        was_selected = view is self.view
        self.views.remove(view)
        self._session.remove_stream(view.stream)
        self._layout.removeWidget(view)
        view.hide()
        view.deleteLater()
        self._is_alone = self._is_alone and len(self.views) > 1
        self._arrange()
        self.count_changed.emit()
        self.choose(self.index)
        if was_selected:
            self.view.setFocus()
            self.chosen.emit()

    def _add_view(self, stream: LiveSource) -> VideoView:
        view = VideoView(self._session, stream)
        self.views.append(view)
        view.focused.connect(lambda: self.choose(self.views.index(view)))
        view.double_clicked.connect(self.double_clicked)
        return view

    def _arrange(self) -> None:
        """Put all views into their cells."""
        self._columns = math.ceil(math.sqrt(len(self.views)))
        for index, view in enumerate(self.views):
            self._layout.addWidget(view, *self._cell(index))
            view.set_one_of_several(len(self.views) > 1)

    @property
    def index(self) -> int:
        """The index of the selected view in `views`."""
        return self._session.streams.index(self._session.stream)

    @property
    def view(self) -> VideoView:
        """The selected view."""
        return self.views[self.index]

    def choose(self, index: int) -> None:
        """Select the view at `index` in `views`.

        An index past the end starts again at the first view: with 4 views, index 4 selects view 0.
        """
        index %= len(self.views)
        is_new = index != self.index
        self._session.stream = self._session.streams[index]
        for number, view in enumerate(self.views):
            view.set_framed(number == index and len(self.views) > 1 and not self._is_alone)
            view.setVisible(number == index or not self._is_alone)
        self._share_out()
        if is_new:
            self.view.setFocus()
            self.chosen.emit()

    def _cell(self, index: int) -> tuple[int, int]:
        """Return the place (row, column) in the grid for the view at `index` in `views`."""
        return divmod(index, self._columns)

    def _share_out(self) -> None:
        """Give each row and each column that has a shown view the same share of the space."""
        used = [self._cell(index) for index, view in enumerate(self.views) if not view.isHidden()]
        # Rows and columns that are empty now may still have the share of earlier views.
        for number in range(max(self._layout.columnCount(), self._layout.rowCount())):
            self._layout.setRowStretch(number, int(number in {row for row, _ in used}))
            self._layout.setColumnStretch(number, int(number in {column for _, column in used}))

    def choose_at(self, place: QPoint) -> None:
        """Select the view at the point `place`, if there is a view at this point.

        `place` is in logical pixels of this widget.
        """
        for index, view in enumerate(self.views):
            if view.isVisible() and view.geometry().contains(place):
                self.choose(index)

    @property
    def is_solo(self) -> bool:
        """Whether only the selected view is shown although there are several views."""
        return self._is_alone

    def show_solo(self, on: bool) -> None:
        """Show only the selected view if `on` is true, else show all views."""
        self._is_alone = on and len(self.views) > 1
        self.choose(self.index)
