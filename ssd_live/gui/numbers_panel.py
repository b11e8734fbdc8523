"""The panel with plots of frame rates, times, dropped frames, CPU and memory."""

from collections import deque
from typing import Any

import pyqtgraph
from PySide6.QtCore import QEvent
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QGridLayout, QWidget

SAMPLE_MS = 250
_SAMPLES = 240
_COLOURS = ("#3b82f6", "#22c55e", "#f59e0b", "#ef4444", "#a855f7", "#14b8a6", "#ec4899", "#84cc16")


class Plot:
    """A plot of the last minute of one or more values, with a named line for each value.

    `unit` is the text beside the vertical axis. A line is added when its name first appears.
    """

    def __init__(self, title: str, unit: str) -> None:
        self.widget = pyqtgraph.PlotWidget()
        self.widget.setAccessibleName(title)
        self._item = self.widget.getPlotItem()
        self._item.setTitle(title)
        self._item.setLabel("left", unit)
        self._item.addLegend(offset=(5, 5))
        self._item.setMenuEnabled(False)
        self._item.setMouseEnabled(False, False)
        self._item.hideButtons()
        self._item.showGrid(y=True, alpha=0.2)
        self._item.setXRange(-_SAMPLES * SAMPLE_MS / 1000, 0, padding=0)
        self._lines: dict[str, tuple[Any, deque[float]]] = {}

    def add(self, values: dict[str, float]) -> None:
        """Append one point to each line, and fit the vertical axis to the highest value.

        `values` maps the names of the lines to their new values. Call this every `SAMPLE_MS`
        milliseconds, because the time axis assumes this interval.
        """
        for name, value in values.items():
            if name not in self._lines:
                pen = pyqtgraph.mkPen(_COLOURS[len(self._lines) % len(_COLOURS)], width=2)
                self._lines[name] = (
                    self._item.plot([], [], pen=pen, name=name),
                    deque(maxlen=_SAMPLES),
                )
            curve, points = self._lines[name]
            points.append(value)
            curve.setData(
                [(index + 1 - len(points)) * SAMPLE_MS / 1000 for index in range(len(points))],
                list(points),
            )
        highest = max((max(points) for _, points in self._lines.values() if points), default=1.0)
        self._item.setYRange(0, max(highest * 1.1, 1.0), padding=0)

    def recolour(self, palette: QPalette) -> None:
        """Draw the background, axes, title and legend in the colours of `palette`."""
        self.widget.setBackground(palette.base().color())
        ink = palette.text().color()
        for side in ("left", "bottom"):
            axis = self._item.getAxis(side)
            axis.setPen(ink)
            axis.setTextPen(ink)
        self._item.setTitle(self._item.titleLabel.text, color=ink.name())
        self._item.legend.setLabelTextColor(ink)


class NumbersPanel(QWidget):
    """A panel with five plots: frame rates, times, dropped frames, CPU and memory."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rates = Plot(self.tr("Frame rate"), "FPS")
        self._stages = Plot(self.tr("Time by stage"), "ms")
        self._drops = Plot(self.tr("Dropped frames per second, by cause"), "FPS")
        self._processor = Plot(self.tr("CPU"), "%")
        self._memory = Plot(self.tr("Memory"), "MB")
        self._names = {
            "capture": self.tr("captured"),
            "inference": self.tr("inferred"),
            "display": self.tr("shown"),
            "read": self.tr("read"),
            "resize": self.tr("resize"),
            "infer": self.tr("inference"),
            "render": self.tr("render"),
            "latency": self.tr("capture to screen"),
            "inference busy": self.tr("inference busy"),
            "rendering busy": self.tr("rendering busy"),
            "display busy": self.tr("display busy"),
            "not visible": self.tr("not visible"),
            "rate cap": self.tr("rate cap"),
            "paused": self.tr("paused"),
            "source changed": self.tr("source changed"),
            "processor": self.tr("CPU"),
            "memory": self.tr("memory"),
        }
        layout = QGridLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        self._plots = (self._rates, self._stages, self._drops, self._processor, self._memory)
        for place, plot in enumerate(self._plots):
            layout.addWidget(plot.widget, place // 3, place % 3)
        self._recolour()

    def add(self, *samples: dict[str, float]) -> None:
        """Append one sample to each of the five plots.

        `samples` are five dictionaries {name: value}, in this order: frame rates (frames per
        second), times by stage (ms), dropped frames by cause (frames per second), CPU (percent) and
        memory (MB). The names are those of the pipeline's counters.
        """
        for plot, values in zip(self._plots, samples, strict=True):
            plot.add({self._names.get(name, name): value for name, value in values.items()})

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._recolour()

    def _recolour(self) -> None:
        for plot in self._plots:
            plot.recolour(self.palette())
