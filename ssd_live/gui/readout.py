"""The numbers that are shown: over the video, in the status bar, beside the classes, and in the plots."""

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QLabel

from ssd_live.gui.detection_panel import DetectionPanel
from ssd_live.gui.view import VideoView
from ssd_live.live.session import LiveSession
from ssd_live.settings import Settings

if TYPE_CHECKING:
    from ssd_live.gui.numbers_panel import NumbersPanel


class Readout(QObject):
    """Takes a sample when it is told to; `rates` is the line for the status bar, `plots` the panel, once there is one."""

    def __init__(self, parent: QObject, session: LiveSession, settings: Settings, view: VideoView, panel: DetectionPanel) -> None:
        super().__init__(parent)
        self._session = session
        self._settings = settings
        self._view = view
        self._panel = panel
        self.rates = QLabel()
        self.plots: NumbersPanel | None = None
        self._last_account = session.pipeline.ledger.account()
        self._last_sample = time.monotonic()

    def sample(self) -> None:
        self.show_hud()
        self._panel.show_counts(self._view.visible_detections())
        pipeline = self._session.pipeline
        account, now = pipeline.ledger.account(), time.monotonic()
        new, elapsed = account.since(self._last_account), now - self._last_sample
        self._last_account, self._last_sample = account, now
        rates = {stage: rate.per_second(now) for stage, rate in pipeline.rates.items()}
        self.rates.setText(
            self.tr("{shown} FPS shown, {captured} captured").format(shown=f"{rates['display']:.1f}", captured=f"{rates['capture']:.1f}")
        )
        if self.plots is None or not self.plots.isVisible():
            return
        names = {"inference": "infer"}
        stages = {names.get(stage, stage): 1000 * taken.last for stage, taken in pipeline.durations.items() if taken.longest}
        drops = {cause: new.dropped.get(cause, 0) / elapsed for cause in account.dropped}
        processor, memory = self._session.usage()
        self.plots.add(rates, stages, drops, {"processor": processor}, {"memory": memory})

    def show_hud(self) -> None:
        if not self._settings.hud:
            self._view.set_hud(())
            return
        pipeline = self._session.pipeline
        rates = {stage: f"{rate.per_second():.1f}" for stage, rate in pipeline.rates.items()}
        latency = pipeline.durations["latency"].milliseconds()
        account = pipeline.ledger.account()
        loaded = self._session.loaded
        lines = [
            self.tr("{display} FPS shown · {inference} inferred · {capture} captured").format(**rates),
            self.tr("latency {p50} ms, p99 {p99} ms").format(p50=f"{latency['p50']:.1f}", p99=f"{latency['p99']:.1f}"),
            self.tr("%n frame(s) dropped", "", sum(account.dropped.values())),
            f"{loaded.metadata.name} · {loaded.description}" if loaded else self.tr("network is loading"),
        ]
        self._view.set_hud(tuple(lines))
