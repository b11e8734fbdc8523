"""A small chart of how a training goes: the loss, and the check on images held out of it."""

from collections.abc import Sequence

import pyqtgraph
from PySide6.QtCore import QEvent
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from ssd_live.project.training_log import LogRow

_HEIGHT, _SPACE = 96, 8
_LOSS_COLOUR, _CHECK_COLOUR = "#3b82f6", "#22c55e"


class TrainingChart(QWidget):
    """Charts of the reports of a training. The check is shown if there was one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self._plots: list[pyqtgraph.PlotWidget] = []
        self._curves = []
        self._titles = []
        for text, colour in (
            (self.tr("Error while learning (falls)"), _LOSS_COLOUR),
            (self.tr("Precision on images it has not learned (rises)"), _CHECK_COLOUR),
        ):
            title, plot = QLabel(text), pyqtgraph.PlotWidget()
            title.setWordWrap(True)
            plot.setAccessibleName(text)
            plot.setFixedHeight(_HEIGHT)
            item = plot.getPlotItem()
            item.setMenuEnabled(False)
            item.setMouseEnabled(False, False)
            item.hideButtons()
            # The first and the last number of the axis must not be cut.
            item.setContentsMargins(0, _SPACE, _SPACE, 0)
            pen = pyqtgraph.mkPen(colour, width=2)
            self._curves.append(plot.plot([], [], pen=pen, symbol="o", symbolSize=4))
            self._plots.append(plot)
            self._titles.append(title)
            layout.addWidget(title)
            layout.addWidget(plot)
        self._paint()

    def show_rows(self, rows: Sequence[LogRow], steps: int | None = None) -> None:
        """Show reports of a training of `steps` steps; without any, nothing is shown."""
        checks = [(row.step, 100 * row.check) for row in rows if row.check is not None]
        losses = [(row.step, row.loss) for row in rows]
        for points, curve, plot, title in zip(
            (losses, checks), self._curves, self._plots, self._titles, strict=True
        ):
            curve.setData([step for step, _ in points], [value for _, value in points])
            if steps:
                plot.setXRange(0, steps)
            for widget in (plot, title):
                widget.setVisible(bool(points))
        self.setVisible(bool(losses))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._paint()

    def _paint(self) -> None:
        """Take the colours of the window."""
        palette = self.palette()
        for plot in self._plots:
            plot.setBackground(palette.color(QPalette.ColorRole.Base))
            for side in ("left", "bottom"):
                axis = plot.getPlotItem().getAxis(side)
                axis.setPen(palette.color(QPalette.ColorRole.PlaceholderText))
                axis.setTextPen(palette.color(QPalette.ColorRole.Text))
