"""Show the statistics of the session in the window.

Statistics appear in the overlay on the video, in the status bar, beside the classes and in the
plots.
"""

import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QLabel

from ssd_live.gui.detection_panel import DetectionPanel
from ssd_live.gui.grid import VideoGrid
from ssd_live.live.session import LiveSession
from ssd_live.pipeline.live import LivePipeline
from ssd_live.settings import Settings

if TYPE_CHECKING:
    from ssd_live.gui.numbers_panel import NumbersPanel

# The number of samples in a minute and in a second; `MainWindow` calls `sample` that often.
_SAMPLES, _SAMPLES_A_SECOND = 240, 4
Sample = tuple[Mapping[str, float], ...]


class Readout(QObject):
    """An object that reads the session's counters and updates the widgets that show them.

    The widgets are the statistics overlays of the views in `grid`, the numbers beside the classes
    in `panel`, the plots, and `rates`, a label for the status bar.
    """

    def __init__(
        self,
        parent: QObject,
        session: LiveSession,
        settings: Settings,
        grid: VideoGrid,
        panel: DetectionPanel,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._settings = settings
        self._grid = grid
        self._panel = panel
        self.rates = QLabel()
        self._plots: NumbersPanel | None = None
        # The samples of the last minute, for plots that are shown later.
        self._history: deque[Sample] = deque(maxlen=_SAMPLES)
        self._usage = 0.0, 0.0
        self._samples = 0
        # Whether the plots lack samples, because they were not visible.
        self._is_behind = False
        self.begin_anew()
        grid.chosen.connect(self.begin_anew)

    def begin_anew(self) -> None:
        """Make the next `sample` count only the frames from now on, of the selected source.

        This object calls it whenever another source is selected, because `sample` must not compare
        the counts of two sources.
        """
        self._last_counts = self._session.pipeline.frame_counter.counts()
        self._last_sample = time.monotonic()

    def make_plots(self) -> "NumbersPanel":
        """Return a new panel of plots, which `sample` updates from now on."""
        # The import takes time, so it waits until the plots are needed.
        from ssd_live.gui.numbers_panel import NumbersPanel

        self._plots = NumbersPanel()
        self._plots.add_all(self._history)
        return self._plots

    def sample(self) -> None:
        """Read the counters once, and update all widgets that show statistics.

        While the plots are not visible, the use of CPU and memory is read only once a second.
        """
        self.show_hud()
        pipeline = self._session.pipeline
        self._panel.show_counts(
            self._grid.view.seen_detections(), pipeline.rates["inference"].per_second()
        )
        frame_counts, now = pipeline.frame_counter.counts(), time.monotonic()
        new, elapsed = frame_counts.since(self._last_counts), now - self._last_sample
        self._last_counts, self._last_sample = frame_counts, now
        rates = {stage: rate.per_second(now) for stage, rate in pipeline.rates.items()}
        self.rates.setText(
            self.tr("{shown} FPS shown, {captured} captured").format(
                shown=f"{rates['display']:.1f}", captured=f"{rates['capture']:.1f}"
            )
        )
        is_visible = self._plots is not None and self._plots.isVisible()
        self._samples += 1
        if is_visible or self._samples % _SAMPLES_A_SECOND == 0:
            self._usage = self._session.usage()
        names = {"inference": "infer"}
        stages = {
            names.get(stage, stage): 1000 * taken.last
            for stage, taken in pipeline.durations.items()
            if taken.longest
        }
        drops = {cause: new.dropped.get(cause, 0) / elapsed for cause in frame_counts.dropped}
        found = self._grid.view.visible_detections()
        objects = {"objects": float(len(found) if found is not None else 0)}
        processor, memory = self._usage
        sample = rates, stages, drops, objects, {"processor": processor}, {"memory": memory}
        self._history.append(sample)
        if self._plots is not None:
            if not is_visible:
                self._is_behind = True
            elif self._is_behind:
                self._is_behind = False
                self._plots.show_all(self._history)
            else:
                self._plots.add(sample)

    def show_hud(self) -> None:
        """Update the statistics overlay of every video view."""
        for view in self._grid.views:
            view.set_hud(self._hud(view.stream.pipeline))

    def _hud(self, pipeline: LivePipeline) -> tuple[str, ...]:
        """Return the lines of the statistics overlay for the source of `pipeline`.

        All numbers are those of the last two seconds, but dropped frames are counted since the
        source was opened.
        """
        if not self._settings.hud or pipeline.state is None:
            return ()
        loaded, dropped = self._session.loaded, pipeline.dropped()
        rates = {stage: f"{rate.per_second():.1f}" for stage, rate in pipeline.rates.items()}
        latency = pipeline.recent_latency.percentile(50)
        info = pipeline.state.info if pipeline.state else None
        line = [] if info and info.is_still else [self.tr("{display} FPS").format(**rates)]
        if loaded is None:
            line.append(
                self.tr("Loading model …")
                if self._session.is_loading
                else self.tr("No model is loaded")
            )
        elif latency:
            line.append(self.tr("{latency} ms").format(latency=f"{1000 * latency:.0f}"))
        if count := sum(dropped.values()):
            line.append(self.tr("%n frame(s) dropped", "", count))
        if len(self._grid.views) > 1 or not self._settings.hud_details:
            return (" · ".join(line),)
        worst = pipeline.recent_latency.percentile(99)
        details = [
            " · ".join(line),
            self.tr("{inference} inferred, {capture} captured per second").format(**rates),
            self.tr("99 % of the frames within {p99} ms").format(p99=f"{1000 * worst:.0f}"),
            *(f"{cause}: {number}" for cause, number in dropped.items()),
        ]
        if loaded is not None:
            details.append(f"{loaded.metadata.name} · {loaded.description}")
        return tuple(details)
