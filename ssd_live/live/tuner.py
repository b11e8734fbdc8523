"""Measure the backends while a session runs, and say when a faster one is known.

A session starts with a backend that a rule chose. Measuring before the first frame would keep the
user waiting, and would measure a machine that is busy with starting.
"""

import logging
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

import psutil

from ssd_live.backends.base import Precision, Workload
from ssd_live.closing import Closing
from ssd_live.remote.network import ModelInfo, ModelRequest
from ssd_live.selection.background import BackgroundMeasuring, Wanted
from ssd_live.selection.choice import BackendChoice
from ssd_live.system.atomic_files import os_error_text

# The model must have run for this long before the backends are measured.
STEADY_SECONDS = 20.0
# How often the use of the CPU is looked at.
SAMPLE_SECONDS = 5.0
# Measuring begins only if other programs use less than this share of the CPU.
OTHERS_SHARE = 0.25
# If the whole machine uses less of the CPU than this, nothing delays the model.
_CALM = 0.5
# A live latency contradicts the measured one if it differs by this factor and by this time.
CONTRADICTION, _SLACK_MS = 1.5, 2.0
_DAY_SECONDS = 24 * 3600.0
# A backend must be this many times as fast as the one in use to be worth a switch.
_GAIN = 1.1

_logger = logging.getLogger(__name__)


class BackendTuner(Closing):
    """An object that measures the backends for the model in use while a session runs.

    It measures by itself at most once for each model request. It does so if the backend in use was
    chosen by a rule, or if the live latency contradicts what was measured. `tick` calls `found` if
    a backend is at least 1.1 times as fast as the one in use. If the user asked for measuring and
    there is no such backend, `tick` calls `ended` with an error message, or "" on success.
    `processes` returns all processes of this program.
    """

    def __init__(
        self,
        found: Callable[[], None],
        ended: Callable[[str], None],
        processes: Callable[[], Sequence[psutil.Process]],
    ) -> None:
        self._found = found
        self._ended = ended
        self._load = CpuLoad(processes)
        self._wanted: Wanted | None = None
        self._loaded: ModelInfo | None = None
        self._since = 0.0
        self._is_done = False
        # Whether the user asked for the latest measuring.
        self.was_asked_for = False
        self._latencies: deque[float] = deque(maxlen=100)
        self._measuring: BackgroundMeasuring | None = None

    @property
    def is_asked_for(self) -> bool:
        """Whether measuring goes on that the user asked for."""
        return self._measuring is not None and self.was_asked_for

    def use(self, model_request: ModelRequest, loaded: ModelInfo, workload: Workload) -> None:
        """Set which model is in use. Measuring that goes on for another request ends."""
        wanted = Wanted(
            model_request.model, model_request.backend, model_request.precision, workload
        )
        self.cancel()
        if wanted != self._wanted:
            self._is_done = False
        self._wanted, self._loaded = wanted, loaded
        self._since = time.monotonic()
        self._latencies.clear()

    def measure_now(self, progress: Callable[[str], None]) -> None:
        """Begin to measure the backends of the model in use, because the user asks for it.

        `progress` is called with lines of text in another thread. If no model is in use, nothing
        happens.
        """
        if self._wanted is not None:
            self.cancel()
            self._measure(progress, is_asked_for=True)

    def tick(self, latency_ms: float, *, is_calm: bool) -> None:
        """Begin to measure if it is time, or take the result if measuring has ended.

        Call this method regularly.

        `latency_ms` is how long the model took for the latest image, or 0 if that is not known.
        `is_calm` is whether the session has nothing more urgent to do than to show its sources.
        """
        # Another thread may end measuring meanwhile.
        measuring = self._measuring
        if measuring is not None:
            if not is_calm and not self.was_asked_for:
                self.cancel()
            elif not measuring.is_running:
                self._finish(measuring)
            return
        if self._wanted is None or self._is_done or not is_calm or not self._may_be_due():
            self._since = time.monotonic()
            return
        if latency_ms:
            self._latencies.append(latency_ms)
        shares = self._load.sample()
        if shares is None or time.monotonic() - self._since < STEADY_SECONDS:
            return
        total, own = shares
        if total - own < OTHERS_SHARE and self._is_due(total):
            self._measure(lambda _: None, is_asked_for=False)

    def cancel(self) -> None:
        """End measuring that goes on. It may begin again later."""
        measuring, self._measuring = self._measuring, None
        if measuring is not None:
            self._is_done = not measuring.is_running
            measuring.close()

    def close(self) -> None:
        """End measuring that goes on."""
        self.cancel()

    def _may_be_due(self) -> bool:
        loaded = self._loaded
        if loaded is None or loaded.may_improve:
            return loaded is not None
        # Measuring beside a running session is not exact, and would contradict the next one again.
        return loaded.measured_ms > 0 and time.time() - loaded.measured_at > _DAY_SECONDS

    def _is_due(self, cpu_share: float) -> bool:
        assert self._loaded is not None
        if self._loaded.may_improve:
            return True
        measured = self._loaded.measured_ms
        if not measured or not self._latencies:
            return False
        live = statistics.median(self._latencies)
        is_faster = live * CONTRADICTION < measured - _SLACK_MS
        is_slower = live - _SLACK_MS > measured * CONTRADICTION and cpu_share < _CALM
        return is_faster or is_slower

    def _measure(self, progress: Callable[[str], None], *, is_asked_for: bool) -> None:
        assert self._wanted is not None
        self._is_done, self.was_asked_for = True, is_asked_for
        try:
            self._measuring = BackgroundMeasuring(
                self._wanted, progress, low_priority=not is_asked_for
            )
        except OSError as error:
            _logger.debug("the backends cannot be measured: %s", error)
            if is_asked_for:
                self._ended(
                    f"the backends cannot be measured ({os_error_text(error)}); close other "
                    "programs and try again"
                )

    def _finish(self, measuring: BackgroundMeasuring) -> None:
        self.cancel()
        assert self._loaded is not None
        fastest = measuring.fastest
        if measuring.error_message:
            _logger.debug("the backends were not measured: %s", measuring.error_message)
        loaded = self._loaded
        precision = cast(Precision, loaded.precision)
        in_use = BackendChoice(loaded.backend, loaded.device, precision)
        if fastest is not None and fastest.choice != in_use and fastest.gain(in_use) >= _GAIN:
            self._found()
        elif self.was_asked_for:
            self._ended(measuring.error_message)


class CpuLoad:
    """The shares of the CPU that the whole machine and this program use, 0 to 1."""

    def __init__(self, processes: Callable[[], Sequence[psutil.Process]]) -> None:
        self._processes = processes
        self._last: tuple[float, float, float, float] | None = None

    def sample(self) -> tuple[float, float] | None:
        """Return the shares of the machine and of this program since the last sample.

        Return None if the last sample is less than five seconds old.
        """
        now = time.monotonic()
        if self._last is not None and now - self._last[0] < SAMPLE_SECONDS:
            return None
        times = psutil.cpu_times()
        whole = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        busy = whole - times.idle - getattr(times, "iowait", 0.0)
        own = 0.0
        for process in self._processes():
            try:
                used = process.cpu_times()
            except psutil.Error:
                continue
            own += used.user + used.system
        last, self._last = self._last, (now, whole, busy, own)
        if last is None or whole <= last[1]:
            return None
        _, whole_before, busy_before, own_before = last
        elapsed = whole - whole_before
        return (busy - busy_before) / elapsed, max(own - own_before, 0.0) / elapsed
