"""One live session: pipeline, network and recording together, without any window."""

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from ssd_live import machine
from ssd_live.backends import ENGINE_BACKENDS
from ssd_live.closing import Closing
from ssd_live.errors import BackendError, MissingPackageError, SsdLiveError, UsageError
from ssd_live.files import atomic_write, printable
from ssd_live.filtering import DetectionFilter, detection_filter
from ssd_live.inference.loader import LoaderEvents, NetworkLoader
from ssd_live.inference.remote import Loaded, Wish
from ssd_live.live.recorder import Recorded, Recorder, RecordingPlan
from ssd_live.live.shown import ShownByNetwork
from ssd_live.modelfile.metadata import Metadata
from ssd_live.overlay import Overlay
from ssd_live.pipeline.capture import CaptureOptions
from ssd_live.pipeline.live import LivePipeline, Network, Show
from ssd_live.pipeline.meters import Account
from ssd_live.pipeline.picture import Picture
from ssd_live.process.records import Record
from ssd_live.types import Detections
from ssd_live.video.images import write_image
from ssd_live.video.sources import SourceSpec

# What starting takes is left out of the steady figures.
START_SECONDS = 2.0
_RECORDER_SECONDS = 2.0
# A network that dies is started again, but not for ever.
_RESTARTS, _RESTART_WINDOW_SECONDS = 3, 60.0


@dataclass(frozen=True)
class SessionEvents:
    """Who is told what, from whatever thread it happens in; none of these may wait.

    `picture`: there is one to fetch. `loading`: a line of progress. `loaded`, `load_failed`: a network is in use, or is not to be had and
    the one before goes on. `trouble`: a line about what went wrong. `recorded`: a recording ended.
    """

    picture: Callable[[], None]
    loading: Callable[[str], None]
    loaded: Callable[[Wish, Loaded], None]
    load_failed: Callable[[Wish, SsdLiveError], None]
    trouble: Callable[[str], None]
    recorded: Callable[[Recorded], None]


class LiveSession(Closing):
    """A with-block. Methods return at once, but `close`.

    `shown` says what of a network's detections is to be seen, before the first of them is.
    """

    def __init__(self, events: SessionEvents, shown: ShownByNetwork, *, show: Show = "inferred") -> None:
        self._events = events
        self._shown = shown
        self.pipeline = LivePipeline(events.picture, lambda error: events.trouble(str(error)), self._network_died, show=show)
        self._loader = NetworkLoader(LoaderEvents(events.loading, self._ready, self._load_failed))
        # What is being loaded, else what is in use.
        self._wish: Wish | None = None
        self._wish_in_use: Wish | None = None
        self.loaded: Loaded | None = None
        self.filter: DetectionFilter | None = None
        self._recorder: Recorder | None = None
        self._ending: list[Recorder] = []
        self._deaths: deque[float] = deque(maxlen=_RESTARTS + 1)
        self._started = time.monotonic()
        self._after_start: Account | None = None
        self._spec: SourceSpec | None = None
        self._process = psutil.Process()
        self._known: dict[int, psutil.Process] = {}

    # Source and network.

    def open(self, spec: SourceSpec, options: CaptureOptions) -> None:
        """Show another source; a recording of the one before ends."""
        if self._spec is not None:
            self.stop_recording()
        self._spec = spec
        self.pipeline.open(spec, options)

    def load(self, wish: Wish) -> None:
        """Go on with another network once it is ready."""
        self._wish = wish
        self._loader.load(wish)

    def cancel_loading(self) -> None:
        """Stay with the network in use, if there is one."""
        self._loader.cancel()

    def set_threshold(self, threshold: float) -> None:
        """The least score that is shown of the network in use. Below what the model gives, all is shown."""
        if self.loaded is not None:
            self._shown.choose_threshold(self.loaded.metadata, threshold)
            self._make_filter(self.loaded.metadata)

    def set_hidden_classes(self, names: frozenset[str]) -> None:
        if self.loaded is not None:
            self._shown.choose_hidden(self.loaded.metadata, names)
            self._make_filter(self.loaded.metadata)

    def _make_filter(self, metadata: Metadata) -> None:
        shown = self._shown.of(metadata)
        checked = detection_filter(metadata, min(max(shown.threshold, metadata.score_threshold), 1.0))
        wanted = np.array([name not in shown.hidden for name in metadata.classes])
        self.filter = replace(checked, wanted=wanted)

    def visible(self, found: Detections | None) -> Detections | None:
        """What of a picture's detections is to be shown."""
        shown = self.filter
        if found is None or shown is None or found.classes != shown.classes:
            return None
        return shown.of(found)

    def _ready(self, wish: Wish, loaded: Loaded, network: Network) -> None:
        self._wish_in_use = wish
        self.loaded = loaded
        self._make_filter(loaded.metadata)
        self.pipeline.use(network)
        self._events.loaded(wish, loaded)

    def _load_failed(self, wish: Wish, error: SsdLiveError) -> None:
        if wish is self._wish:
            if isinstance(error, BackendError | MissingPackageError) and _may_use_gpu(wish) and self.pipeline.network is None:
                self._go_on_without_gpu(wish, error)
                return
            self._wish = self._wish_in_use
        self._events.load_failed(wish, error)

    def _network_died(self, error: BaseException) -> None:
        """In the infer thread. It is started again, unless it keeps dying."""
        now = time.monotonic()
        self._deaths.append(now)
        often = len(self._deaths) > _RESTARTS and self._deaths[0] > now - _RESTART_WINDOW_SECONDS
        wish = self._wish
        if often and wish is not None and _may_use_gpu(wish):
            self._go_on_without_gpu(wish, error)
            return
        self._events.trouble(str(error))
        if wish is not None and not often:
            self._loader.load(wish)

    def _go_on_without_gpu(self, wish: Wish, error: BaseException) -> None:
        self._events.trouble(f"{error}; going on without the GPU")
        self._wish = replace(wish, backend="cpu", precision="auto")
        self._loader.load(self._wish)

    # Recording and snapshots.

    @property
    def recorder(self) -> Recorder | None:
        return self._recorder

    def start_recording(self, path: Path, *, boxes: bool) -> None:
        """Raises `OutputError`, `UsageError`."""
        if self._recorder is not None:
            raise UsageError("a recording is going on; stop it first")
        recorder = Recorder(RecordingPlan(path, boxes, lambda: self.filter, self._header), self._recorded)
        self._recorder = recorder
        self.pipeline.tap = recorder.offer

    def _header(self) -> Record:
        """What the detections' file says first."""
        state, loaded = self.pipeline.state, self.loaded
        info = state.info if state else None
        return {
            "source": state.spec.title if state else "",
            "width": info.width if info else None,
            "height": info.height if info else None,
            "time_base": "1/1000",
            "model": loaded.metadata.name if loaded else None,
            "model_sha256": loaded.sha256 if loaded else None,
            "backend": loaded.backend if loaded else None,
            "precision": loaded.precision if loaded else None,
            "threshold": self.filter.threshold if self.filter else None,
            "classes": list(loaded.metadata.classes) if loaded else [],
            "category_ids": list(loaded.metadata.category_ids) if loaded else [],
        }

    def stop_recording(self) -> None:
        self.pipeline.tap = None
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.stop()
            self._ending = [*(earlier for earlier in self._ending if not earlier.join(0)), recorder]

    def _recorded(self, recorded: Recorded) -> None:
        if self._recorder is not None and self._recorder.path == recorded.path:
            self.pipeline.tap = None
            self._recorder = None
        self._events.recorded(recorded)

    def save_snapshot(self, picture: Picture, path: Path, done: Callable[[Path, str], None]) -> None:
        """Write a picture's whole frame with its boxes, in a thread of its own; `done` is called there with the path and a line of trouble."""
        found = self.visible(picture.detections)

        def save() -> None:
            try:
                write_image(path, annotated(picture, found))
            except SsdLiveError as error:
                done(path, str(error))
            else:
                done(path, "")

        threading.Thread(target=save, name="snapshot", daemon=True).start()

    # Numbers.

    def tick(self) -> None:
        """To be called now and then: notes where the steady time begins."""
        if self._after_start is None and time.monotonic() - self._started >= START_SECONDS:
            self._after_start = self.pipeline.ledger.account()

    def numbers(self) -> dict[str, Any]:
        """Everything counted and measured so far."""
        account = self.pipeline.ledger.account()
        state, loaded = self.pipeline.state, self.loaded
        steady = account.since(self._after_start) if self._after_start else None
        return {
            "seconds": round(time.monotonic() - self._started, 3),
            "source": state.spec.title if state else None,
            "phase": state.phase.value if state else None,
            "model": loaded.metadata.name if loaded else None,
            "backend": loaded.description if loaded else None,
            **_counts(account),
            "after_start": _counts(steady) if steady else None,
            "fps": {stage: round(rate.per_second(), 2) for stage, rate in self.pipeline.rates.items()},
            "latency_ms": self.pipeline.durations["latency"].milliseconds(),
            "stages_ms": {stage: taken.milliseconds() for stage, taken in self.pipeline.durations.items() if stage != "latency"},
            "memory_mb": round(self.usage()[1], 1),
        }

    def counts(self) -> dict[str, Any]:
        """The final account, once closed."""
        return _counts(self.pipeline.ledger.account())

    def usage(self) -> tuple[float, float]:
        """Percent of all cores since the last call, and resident megabytes, of all processes of this program."""
        percent = memory = 0.0
        running = {process.pid: self._known.get(process.pid, process) for process in self.processes()}
        for process in running.values():
            with contextlib.suppress(psutil.Error):
                percent += process.cpu_percent()
                memory += process.memory_info().rss / 1e6
        self._known = running
        return percent / machine.available_cores(), memory

    def processes(self) -> list[psutil.Process]:
        """This one, and those that it started."""
        try:
            return [self._process, *self._process.children(recursive=True)]
        except psutil.Error:
            return [self._process]

    def close(self) -> None:
        """End everything; a recording is finished first, for at most two seconds."""
        self.stop_recording()
        self._loader.close()
        self.pipeline.close()
        for recorder in self._ending:
            recorder.join(_RECORDER_SECONDS)


def annotated(picture: Picture, found: Detections | None) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """The whole frame of a picture with boxes drawn, BGR (H, W, 3)."""
    image = np.array(picture.frame.bgr())
    if found is not None:
        Overlay((image.shape[1], image.shape[0])).draw((image,), found, stale=picture.stale)
    return image


def _may_use_gpu(wish: Wish) -> bool:
    name, _, device = wish.backend.partition(":")
    return name in ("auto", *ENGINE_BACKENDS) or device.upper() not in ("", "CPU")


def write_numbers(path: Path, numbers: dict[str, Any]) -> None:
    """As JSON, whole or not at all. Raises `OutputError`."""
    with atomic_write(path) as file:
        file.write(json.dumps(numbers, indent=1, ensure_ascii=False).encode() + b"\n")


def _counts(account: Account) -> dict[str, Any]:
    return {
        "captured": account.captured,
        "shown": account.shown,
        "inferred": account.inferred,
        "failed": account.failed,
        "dropped": account.dropped,
        "in_flight": account.in_flight,
    }


def default_recording(folder: Path, now: time.struct_time) -> Path:
    """A name that tells when: ssd_live 2026-11-22 14.03.59.mkv, numbered if it is taken."""
    stem = time.strftime("ssd_live %Y-%m-%d %H.%M.%S", now)
    number = 1
    while (path := folder / f"{stem}{f' {number}' if number > 1 else ''}.mkv").exists():
        number += 1
    return Path(printable(path))
