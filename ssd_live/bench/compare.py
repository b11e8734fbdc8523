"""What changed between two runs, with how sure that is."""

import math
from dataclasses import dataclass

from ssd_live.bench.records import Measurement, Report

# Two runs on one machine differ by this much without any reason.
_BETWEEN_RUNS = 0.03


@dataclass(frozen=True)
class Change:
    """`ratio` is new FPS over old, give or take `uncertainty` (a share of it); `verdict` is faster, slower or the same."""

    before: Measurement
    after: Measurement
    ratio: float
    uncertainty: float
    verdict: str


def changes(old: Report, new: Report) -> list[Change]:
    """Of everything that both runs measured."""
    known = {measurement.key: measurement for measurement in old.measurements}
    return [_change(known[after.key], after) for after in new.measurements if after.key in known and known[after.key].fps]


def differences(old: Report, new: Report) -> list[str]:
    """What about the two machines makes their figures hard to compare."""
    found = []
    for name, what in (("processor", "another processor"), ("cores", "another number of cores"), ("governor", "another power state")):
        before, after = getattr(old.machine, name), getattr(new.machine, name)
        if before != after:
            found.append(f"{what}: {before or 'unknown'}, now {after or 'unknown'}")
    versions = sorted(old.machine.versions.keys() | new.machine.versions.keys())
    for package in versions:
        before, after = old.machine.versions.get(package), new.machine.versions.get(package)
        if before != after:
            found.append(f"{package} {before or 'absent'}, now {after or 'absent'}")
    return found


def _change(before: Measurement, after: Measurement) -> Change:
    ratio = after.fps / before.fps
    parts = [part if math.isfinite(part) else 0.0 for part in (before.uncertainty, after.uncertainty)]
    uncertainty = math.sqrt(sum(part**2 for part in parts) + _BETWEEN_RUNS**2)
    verdict = "the same" if abs(ratio - 1) <= uncertainty else "faster" if ratio > 1 else "slower"
    return Change(before, after, ratio, uncertainty, verdict)
