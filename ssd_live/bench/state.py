"""Observe the state of the machine during the measurements, because it affects the results."""

import contextlib
import platform
import time
from pathlib import Path

import psutil

from ssd_live import __version__
from ssd_live.bench.records import Machine
from ssd_live.system import machine

_PACKAGES = (
    "openvino",
    "onnxruntime",
    "torch",
    "tensorrt",
    "tensorrt-rtx",
    "av",
    "opencv-python",
    "numpy",
)
_BUSY_SHARE = 0.05
_STEAL_SHARE = 0.02
_SLOW_CLOCK = 0.8
_RAPL = Path("/sys/class/powercap")
_CPUS = Path("/sys/devices/system/cpu")


class Watch:
    """An observer of the machine's state, from its creation until `machine` is called."""

    def __init__(self) -> None:
        self._before = psutil.cpu_times()
        self._began = time.monotonic()
        self._own, self._children = _cpu_seconds()
        self._clocks: list[float] = []
        self._throttled = throttle_count()

    def look(self) -> None:
        """Store one sample of the CPU clock. Call this method regularly."""
        with contextlib.suppress(OSError, NotImplementedError, AttributeError):
            # Idle cores run at a low clock, so take the fastest core.
            clocks = [
                clock.current / clock.max for clock in psutil.cpu_freq(percpu=True) if clock.max
            ]
            if clocks:
                self._clocks.append(max(clocks))

    def machine(self, load_before: float, told: float) -> Machine:
        """Return a description of the machine and of its state since this object was created.

        `load_before` is the load average before the start. `told` is the CPU time in seconds that
        the child processes report. It is needed because some systems do not count the time of
        children.
        """
        after, cores = psutil.cpu_times(), machine.available_cores()
        own, children = _cpu_seconds()
        ours = own - self._own + max(children - self._children, told)
        throttled = throttle_count()
        capacity = max(time.monotonic() - self._began, 1e-6) * (psutil.cpu_count() or cores)
        busy = sum(
            getattr(after, name, 0.0) - getattr(self._before, name, 0.0)
            for name in ("user", "system", "nice", "irq", "softirq")
        )
        steal = getattr(after, "steal", 0.0) - getattr(self._before, "steal", 0.0)
        battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
        return Machine(
            processor=machine.cpu_name(),
            cores=cores,
            memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
            gpus=tuple(machine.nvidia_gpus()),
            system=platform.platform(),
            versions={"ssd_live": __version__, "python": platform.python_version()}
            | {name: version for name in _PACKAGES if (version := machine.package_version(name))},
            governor=_governor(),
            on_battery=None if battery is None else not battery.power_plugged,
            load_before=round(load_before, 2),
            others_busy=round(max(busy - ours, 0.0) / capacity, 3),
            steal=round(max(steal, 0.0) / capacity, 3),
            slowest_clock=round(sorted(self._clocks)[len(self._clocks) // 10], 2)
            if self._clocks
            else None,
            throttled=None
            if throttled is None or self._throttled is None
            else throttled - self._throttled,
        )


def warnings(state: Machine) -> tuple[str, ...]:
    """Return one line of text for each condition of the machine that makes results unreliable."""
    found = []
    if state.others_busy > _BUSY_SHARE:
        found.append(
            f"other programs used {state.others_busy:.0%} of the CPU; close them and measure again"
        )
    if state.load_before > 0.5 * state.cores:
        found.append(
            f"the machine was busy before the start (load {state.load_before:.1f} on "
            f"{state.cores} cores); close other programs and measure again"
        )
    if state.steal > _STEAL_SHARE:
        found.append(
            f"the virtual machine had no CPU for {state.steal:.0%} of the time; measure again when "
            "its host is less busy"
        )
    if state.slowest_clock is not None and state.slowest_clock < _SLOW_CLOCK:
        found.append(
            f"the CPU clock fell to {state.slowest_clock:.0%} of its maximum; turn off power "
            "saving or let the machine cool, and measure again"
        )
    if state.throttled:
        found.append("the CPU slowed down because of heat; let it cool and measure again")
    if state.governor == "powersave" or state.on_battery:
        found.append(
            "the machine runs on battery or saves power, so the results are too low; plug it in, "
            "turn off power saving and measure again"
        )
    return tuple(found)


class Energy:
    """A reader of the CPU's energy counters, on systems where this user may read them.

    `folder` is where Linux has these counters, as files.
    """

    def __init__(self, folder: Path = _RAPL) -> None:
        # There is one counter per socket. `psys`, if present, counts the same energy again.
        packages = (
            path
            for path in sorted(folder.glob("intel-rapl:*"))
            if _text(path / "name").startswith("package")
        )
        self._before = {
            path: before for path in packages if (before := _microjoules(path)) is not None
        }

    def joules(self) -> float | None:
        """Return the energy that the CPU used since this object was created, in joules.

        Return None if there are no counters, or if a counter started again from zero.
        """
        used = [(_microjoules(path) or 0) - before for path, before in self._before.items()]
        return sum(used) / 1e6 if used and min(used) > 0 else None


def load_average() -> float:
    """Return the load average: how many processes needed a core, as a mean of the last minute."""
    return float(psutil.getloadavg()[0])


def throttle_count(folder: Path = _CPUS) -> int | None:
    """Return how often cores slowed down because of heat since the machine started.

    `folder` is the folder in which Linux has one folder for each core. Return None if the system
    does not count this; only Linux does.
    """
    counts = [
        int(text)
        for path in folder.glob("cpu[0-9]*/thermal_throttle/core_throttle_count")
        if (text := _text(path)).isdecimal()
    ]
    return sum(counts) if counts else None


def _microjoules(path: Path) -> int | None:
    text = _text(path / "energy_uj")
    return int(text) if text.isdecimal() else None


def _cpu_seconds() -> tuple[float, float]:
    """Return (CPU seconds of this process, CPU seconds of its children that have ended).

    The second value is 0 on Windows and macOS.
    """
    times = psutil.Process().cpu_times()
    return times.user + times.system, getattr(times, "children_user", 0.0) + getattr(
        times, "children_system", 0.0
    )


def _governor() -> str:
    return _text(_CPUS / "cpu0" / "cpufreq" / "scaling_governor")


def _text(path: Path) -> str:
    """Return the text of a file, or "" if it does not exist or this user may not read it."""
    try:
        return path.read_text().strip()
    except (OSError, ValueError):
        return ""
