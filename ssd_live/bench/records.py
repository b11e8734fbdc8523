"""The classes for the measurements of `bench`, as they are stored in JSON."""

import math
import statistics
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field

# network: pixels at the network's size in, detections out. detector: a frame in, detections out.
# end to end: a source in, a list of detections or a file out.
Kind = Literal["network", "detector", "end to end"]
KINDS: tuple[Kind, ...] = ("network", "detector", "end to end")
# The standard error of a median is this many times that of a mean, for normal samples.
_MEDIAN_ERROR = 1.2533
# Student's t for 95 % by degrees of freedom, starting at 1. Beyond the last value, 1.96 (the normal
# distribution) + 2.4 / degrees is close.
_STUDENT_95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)


class Record(BaseModel):
    """The base class of all records. Records are immutable, and unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Latency(Record):
    """The 50th, 95th and 99th percentiles of the latency, in milliseconds."""

    p50: float
    p95: float
    p99: float


class Measurement(Record):
    """A measurement for one combination of model, backend and precision.

    `kind` is what was measured: the network, a detector, or `process` from end to end. `what` says
    more: "one at a time" or "many in flight" for the network, "a frame to its detections" for a
    detector, and the output for end to end. `samples` holds the FPS of one short period after
    another, in the order of measurement. `description` is the backend's text about itself. `source`
    is the name of the source; it is empty for the kind "network". `batch` is the number of images
    in one call of the backend, and `streams` the number of `process` runs in parallel. `frames`
    counts the measured frames. `memory_mb` is the peak memory in megabytes. `bound_fps` is the
    highest FPS that the CPU costs of the stages allow. `joules` is the energy of the CPU per frame.
    A value that was not measured is None.
    """

    # The computed fields are in the JSON too. They are ignored when it is read and computed again.
    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Kind
    what: str
    model: str
    backend: str
    precision: str
    description: str
    source: str
    batch: int = 1
    streams: int = 1
    samples: tuple[float, ...]
    frames: int
    latency_ms: Latency | None = None
    memory_mb: float
    bound_fps: float | None = None
    joules: float | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def fps(self) -> float:
        """The median of `samples` in frames per second, or 0 if there are no samples."""
        return statistics.median(self.samples) if self.samples else 0.0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def uncertainty(self) -> float:
        """Half the width of the 95 % confidence interval of `fps`, as a share of it: 0.02 is 2 %.

        It is infinite for fewer than two samples.
        """
        return uncertainty(self.samples)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def share(self) -> float | None:
        """The ratio of `fps` to `bound_fps`, or None if there is no `bound_fps`."""
        return self.fps / self.bound_fps if self.bound_fps else None

    @property
    def key(self) -> tuple[str, ...]:
        """The values that identify what was measured.

        Two measurements can be compared only if their keys are equal.
        """
        return (
            self.kind,
            self.what,
            self.model,
            self.backend,
            self.precision,
            self.source,
            str(self.batch),
            str(self.streams),
        )


class Stage(Record):
    """The CPU time of one stage of `process`, in milliseconds per frame.

    The stage is measured alone in one thread. `within` is the name of the stage that this one is a
    part of, or empty. `optional` means that the stage runs only if it is asked for. The backend
    does not busy-wait, so the time contains no waiting.
    """

    name: str
    cpu_ms: float
    within: str = ""
    optional: bool = False


class StageCosts(Record):
    """The CPU time of each stage of `process` for one combination of model, backend and precision.

    `source` is the name of the video that was measured.
    """

    model: str
    backend: str
    precision: str
    source: str
    stages: tuple[Stage, ...]


class Machine(Record):
    """The machine, and its state during the measurements. All shares are from 0 to 1.

    `on_battery` is None if no battery is known. `load_before` is the load average of the minute
    before the start. `others_busy` is the share of all cores that other programs used. `steal` is
    the share of CPU time that the host took from this virtual machine. For nine tenths of the time,
    the clock of the fastest core was at least `slowest_clock`, a share of its maximum. `throttled`
    is how often a core slowed down because of heat. `slowest_clock` and `throttled` are None if the
    system does not report them. `versions` maps package names to versions. `governor` is the power
    setting of the CPU on Linux; it is empty elsewhere.
    """

    processor: str
    cores: int
    memory_gib: float
    gpus: tuple[str, ...]
    system: str
    versions: dict[str, str]
    governor: str
    on_battery: bool | None
    load_before: float
    others_busy: float
    steal: float
    slowest_clock: float | None
    throttled: int | None = None


class Report(Record):
    """The result of a whole `bench` run.

    `created` is the time in ISO 8601 format, `command` the command line, and `seconds` the length
    of the run. `warnings` holds one line for each condition that makes the results unreliable.
    """

    format: Literal[1] = 1
    created: str
    command: str
    seconds: float
    machine: Machine
    warnings: tuple[str, ...]
    measurements: tuple[Measurement, ...]
    stages: tuple[StageCosts, ...]


def uncertainty(samples: Sequence[float]) -> float:
    """Return half the width of the 95 % confidence interval of the median of `samples`.

    The result is a share of the median: 0.02 is 2 %. It is infinite for fewer than two samples, or
    if the median is 0.
    """
    if len(samples) < 2 or not (middle := statistics.median(samples)):
        return math.inf
    degrees = len(samples) - 1
    student = _STUDENT_95[degrees - 1] if degrees <= len(_STUDENT_95) else 1.96 + 2.4 / degrees
    return student * _MEDIAN_ERROR * statistics.stdev(samples) / math.sqrt(len(samples)) / middle


def percentiles(milliseconds: Sequence[float]) -> Latency | None:
    """Return the 50th, 95th and 99th percentiles of `milliseconds`, or None if it is empty.

    Each percentile is one of the values (the nearest-rank method).
    """
    if not milliseconds:
        return None
    ordered = sorted(milliseconds)
    p50, p95, p99 = (
        ordered[min(math.ceil(share * len(ordered)), len(ordered)) - 1]
        for share in (0.50, 0.95, 0.99)
    )
    return Latency(p50=round(p50, 3), p95=round(p95, 3), p99=round(p99, 3))
