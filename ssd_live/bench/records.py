"""What was measured, as it is kept in JSON."""

import math
import statistics
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field

# network: pixels of the network's size in, detections out. detector: a frame in, detections out.
# end to end: a source to a picture or file.
Kind = Literal["network", "detector", "end to end"]
KINDS: tuple[Kind, ...] = ("network", "detector", "end to end")
# The median of normal samples is this much less certain than their mean.
_MEDIAN_ERROR = 1.2533
# Student's t for 95 % by degrees of freedom, from 1 on; beyond the last it is nearly the normal
# distribution's 1.96 + 2.4 / degrees.
_STUDENT_95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Latency(Record):
    """Milliseconds."""

    p50: float
    p95: float
    p99: float


class Measurement(Record):
    """One kind of one combination. `fps` is the median of `samples`, which are FPS over short
    times, in the order they were taken.

    `what` says how: one at a time, many in flight, to which output. `bound_fps` is what the stages
    allow; `joules` are of a frame.
    """

    # What is computed stands in the JSON too, and is computed anew when that is read.
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
        return statistics.median(self.samples) if self.samples else 0.0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def uncertainty(self) -> float:
        """Half of the 95 % interval of the median, as a share of it."""
        return uncertainty(self.samples)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def share(self) -> float | None:
        """Of the bound."""
        return self.fps / self.bound_fps if self.bound_fps else None

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two measurements comparable."""
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
    """One stage alone in one thread, no runtime spinning: CPU milliseconds a frame. `within` names
    the stage it is a part of.
    """

    name: str
    cpu_ms: float
    within: str = ""


class StageCosts(Record):
    """The stages that lead to one kind of output of one combination."""

    model: str
    backend: str
    precision: str
    source: str
    stages: tuple[Stage, ...]


class Machine(Record):
    """Where it was measured, and in which state that machine was.

    `others_busy` is the share of all cores that other programs used; `slowest_clock` is what the
    fastest core's clock, as a share of its most, did not fall below for nine tenths of the time;
    `throttled` is how often a core slowed down for heat.
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
    """A whole run."""

    format: Literal[1] = 1
    created: str
    command: str
    seconds: float
    machine: Machine
    warnings: tuple[str, ...]
    measurements: tuple[Measurement, ...]
    stages: tuple[StageCosts, ...]


def uncertainty(samples: Sequence[float]) -> float:
    """Half of the 95 % interval of the median, as a share of it; infinite for fewer than two
    samples.
    """
    if len(samples) < 2 or not (middle := statistics.median(samples)):
        return math.inf
    degrees = len(samples) - 1
    student = _STUDENT_95[degrees - 1] if degrees <= len(_STUDENT_95) else 1.96 + 2.4 / degrees
    return student * _MEDIAN_ERROR * statistics.stdev(samples) / math.sqrt(len(samples)) / middle


def percentiles(milliseconds: Sequence[float]) -> Latency | None:
    """Nearest rank. None of nothing."""
    if not milliseconds:
        return None
    ordered = sorted(milliseconds)
    p50, p95, p99 = (
        ordered[min(math.ceil(share * len(ordered)), len(ordered)) - 1]
        for share in (0.50, 0.95, 0.99)
    )
    return Latency(p50=round(p50, 3), p95=round(p95, 3), p99=round(p99, 3))
