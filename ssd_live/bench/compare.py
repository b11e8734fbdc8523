"""Compare the results of two `bench` runs, with the uncertainty of each change."""

import math
from dataclasses import dataclass

from ssd_live.bench.records import Measurement, Report

# Two runs on one machine differ by this much by chance.
_BETWEEN_RUNS = 0.03
_FACTS = {
    "processor": "another processor",
    "cores": "another number of cores",
    "gpus": "another GPU or driver",
    "governor": "another power state",
    "on_battery": "on battery",
}


@dataclass(frozen=True)
class Change:
    """The change from an earlier measurement to a later one with the same key.

    `ratio` is the FPS of `after` divided by the FPS of `before`, plus or minus `uncertainty`.
    `verdict` is "faster", "slower", "the same", or "unsure" if a measurement has only one sample.
    """

    before: Measurement
    after: Measurement
    ratio: float
    uncertainty: float
    verdict: str


def changes(old: Report, new: Report) -> list[Change]:
    """Return one `Change` for each measurement that both reports have, in the order of `new`.

    The reports are compared by the keys of their measurements. A measurement with 0 FPS in `old` is
    left out.
    """
    known = {measurement.key: measurement for measurement in old.measurements}
    return [
        _change(known[after.key], after)
        for after in new.measurements
        if after.key in known and known[after.key].fps
    ]


def differences(old: Report, new: Report) -> list[str]:
    """Return one line of text for each difference between the machines of two reports.

    The lines cover the hardware, the power state and the package versions. If there are any, the
    two reports are hard to compare.
    """
    found = []
    for name, what in _FACTS.items():
        before, after = (_words(getattr(report.machine, name)) for report in (old, new))
        if before != after:
            found.append(f"{what}: {before}, now {after}")
    versions = sorted(old.machine.versions.keys() | new.machine.versions.keys())
    for package in versions:
        before, after = (report.machine.versions.get(package, "absent") for report in (old, new))
        if before != after:
            found.append(f"{package} {before}, now {after}")
    return found


def _change(before: Measurement, after: Measurement) -> Change:
    ratio = after.fps / before.fps
    uncertainty = ratio * math.hypot(before.uncertainty, after.uncertainty, _BETWEEN_RUNS)
    if math.isinf(uncertainty):
        verdict = "unsure"
    elif abs(ratio - 1) <= uncertainty:
        verdict = "the same"
    else:
        verdict = "faster" if ratio > 1 else "slower"
    return Change(before, after, ratio, uncertainty, verdict)


def _words(fact: object) -> str:
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    if isinstance(fact, tuple):
        return ", ".join(fact) or "none"
    return str(fact or "unknown")
