"""The panel with plots of frame rates, times, dropped frames, objects, CPU and memory."""

import html
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import pyqtgraph
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

SAMPLE_MS = 250
SAMPLES = 240
# The colour of each line, by its meaning, so that it is the same in every run.
_COLOURS = {
    "capture": "#f59e0b",
    "read": "#f59e0b",
    "inference": "#3b82f6",
    "infer": "#3b82f6",
    "inference busy": "#3b82f6",
    "display": "#22c55e",
    "render": "#22c55e",
    "rendering busy": "#22c55e",
    "display busy": "#84cc16",
    "resize": "#14b8a6",
    "latency": "#a855f7",
    "not visible": "#9aa1ad",
    "rate cap": "#ec4899",
    "paused": "#14b8a6",
    "source changed": "#a855f7",
    "objects": "#ef4444",
    "processor": "#3b82f6",
    "memory": "#a855f7",
}
_OTHER_COLOUR = "#ef4444"
# The values of one moment: for each plot, the value of each line by its name.
Sample = tuple[Mapping[str, float], ...]


class Plot(QWidget):
    """A plot of the last minute of one or more values, with a named line for each value.

    `unit` is the text beside the vertical axis. `names` maps the names of the lines to the texts
    that users see. A line is added when its name first appears.
    """

    def __init__(self, title: str, unit: str, names: Mapping[str, str]) -> None:
        super().__init__()
        self._title, self._names = title, names
        # The names stand above the plot, where they may wrap and cover no line.
        self._legend = QLabel()
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self._legend.setWordWrap(True)
        self._graph = pyqtgraph.PlotWidget()
        self._graph.setAccessibleName(title)
        self._item = self._graph.getPlotItem()
        self._item.setLabel("left", unit)
        self._item.setMenuEnabled(False)
        self._item.setMouseEnabled(False, False)
        self._item.hideButtons()
        self._item.showGrid(y=True, alpha=0.2)
        self._item.setXRange(-SAMPLES * SAMPLE_MS / 1000, 0, padding=0)
        self._lines: dict[str, tuple[Any, deque[float]]] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._legend)
        layout.addWidget(self._graph, 1)
        self._show_legend()

    @property
    def legend(self) -> str:
        """The title and the names of the lines, as HTML."""
        return self._legend.text()

    def points(self, name: str) -> list[float]:
        """Return the values of the line `name`, the oldest first."""
        return list(self._lines[name][1]) if name in self._lines else []

    def add(self, values: Mapping[str, float]) -> None:
        """Append one point to each line, and fit the vertical axis to the highest value.

        `values` maps the names of the lines to their new values. Call this every `SAMPLE_MS`
        milliseconds, because the time axis assumes this interval.
        """
        self.add_all([values])

    def add_all(self, samples: Iterable[Mapping[str, float]]) -> None:
        """Append several points to each line, the oldest first, and draw them once."""
        for values in samples:
            for name, value in values.items():
                if name not in self._lines:
                    pen = pyqtgraph.mkPen(_COLOURS.get(name, _OTHER_COLOUR), width=2)
                    self._lines[name] = self._item.plot([], [], pen=pen), deque(maxlen=SAMPLES)
                self._lines[name][1].append(value)
        for curve, points in self._lines.values():
            curve.setData(
                [(index + 1 - len(points)) * SAMPLE_MS / 1000 for index in range(len(points))],
                list(points),
            )
        highest = max((max(points) for _, points in self._lines.values() if points), default=1.0)
        self._item.setYRange(0, max(highest * 1.1, 1.0), padding=0)
        self._show_legend()

    def clear(self) -> None:
        """Forget all points."""
        for _, points in self._lines.values():
            points.clear()

    def _show_legend(self) -> None:
        """Show the title, and the name, colour and newest value of each line."""
        parts = [f"<b>{html.escape(self._title)}</b>"]
        for name, (_, points) in self._lines.items():
            if points:
                colour = _COLOURS.get(name, _OTHER_COLOUR)
                text = html.escape(self._names.get(name, name)).replace(" ", "&nbsp;")
                parts.append(
                    f"<span style='color:{colour}'>■</span>&nbsp;{text}&nbsp;{points[-1]:.3g}"
                )
        text = " &nbsp; ".join(parts)
        if text != self._legend.text():
            self._legend.setText(text)

    def recolour(self, palette: QPalette) -> None:
        """Draw the background and the axes in the colours of `palette`."""
        self._graph.setBackground(palette.base().color())
        ink = palette.text().color()
        for side in ("left", "bottom"):
            axis = self._item.getAxis(side)
            axis.setPen(ink)
            axis.setTextPen(ink)


class NumbersPanel(QWidget):
    """A panel with six plots: frame rates, times, dropped frames, objects, CPU and memory."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        names = {
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
            "objects": self.tr("objects"),
            "processor": self.tr("CPU"),
            "memory": self.tr("memory"),
        }
        self.plots = tuple(
            Plot(title, unit, names)
            for title, unit in (
                (self.tr("Frame rate"), "FPS"),
                (self.tr("Time by stage"), "ms"),
                (self.tr("Dropped frames per second"), "FPS"),
                (self.tr("Objects that are shown"), ""),
                (self.tr("CPU"), "%"),
                (self.tr("Memory"), "MB"),
            )
        )
        layout = QGridLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        for place, plot in enumerate(self.plots):
            layout.addWidget(plot, place // 3, place % 3)
        self._recolour()

    def add(self, sample: Sample) -> None:
        """Append one sample to each of the six plots.

        `sample` has a dictionary {name: value} for each plot: frame rates (frames per second),
        times by stage (ms), dropped frames by cause (frames per second), objects, CPU (percent) and
        memory (MB). The names are those of the pipeline's counters.
        """
        self.add_all([sample])

    def show_all(self, samples: Iterable[Sample]) -> None:
        """Show these samples instead of all earlier ones; see `add`."""
        for plot in self.plots:
            plot.clear()
        self.add_all(samples)

    def add_all(self, samples: Iterable[Sample]) -> None:
        """Append several samples, the oldest first; see `add`."""
        kept = list(samples)
        for place, plot in enumerate(self.plots):
            plot.add_all(sample[place] for sample in kept)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._recolour()

    def _recolour(self) -> None:
        for plot in self.plots:
            plot.recolour(self.palette())
