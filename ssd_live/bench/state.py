"""The machine's state while it is measured: what makes figures of two runs differ."""

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
    """From its making to `machine`."""

    def __init__(self) -> None:
        self._before = psutil.cpu_times()
        self._began = time.monotonic()
        self._own, self._children = _cpu_seconds()
        self._clocks: list[float] = []
        self._throttled = throttle_count()

    def look(self) -> None:
        """To be called now and then."""
        with contextlib.suppress(OSError, NotImplementedError, AttributeError):
            # Idle cores clock low; the busy one tells.
            clocks = [
                clock.current / clock.max for clock in psutil.cpu_freq(percpu=True) if clock.max
            ]
            if clocks:
                self._clocks.append(max(clocks))

    def machine(self, load_before: float, told: float) -> Machine:
        """`told` are the CPU seconds that the children say they used: not every system counts those
        of children.
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
    """What makes the figures doubtful, a line each."""
    found = []
    if state.others_busy > _BUSY_SHARE:
        found.append(
            f"other programs used {state.others_busy:.0%} of the processor; close them and "
            "measure again"
        )
    if state.load_before > 0.5 * state.cores:
        found.append(
            f"the machine was busy before the start (load {state.load_before:.1f} on "
            f"{state.cores} cores)"
        )
    if state.steal > _STEAL_SHARE:
        found.append(
            f"the virtual machine was without its processor for {state.steal:.0%} of the time"
        )
    if state.slowest_clock is not None and state.slowest_clock < _SLOW_CLOCK:
        found.append(
            f"the clock fell to {state.slowest_clock:.0%} of its most: the machine saves power or "
            "is hot"
        )
    if state.throttled:
        found.append("the processor slowed down for heat; let it cool and measure again")
    if state.governor == "powersave" or state.on_battery:
        found.append("the machine runs on battery or saves power; figures will be lower")
    return tuple(found)


class Energy:
    """The processor's energy counters, where the system lets this user read them."""

    def __init__(self, folder: Path = _RAPL) -> None:
        # One a socket; `psys`, where there is one, counts the same again.
        packages = (
            path
            for path in sorted(folder.glob("intel-rapl:*"))
            if _text(path / "name").startswith("package")
        )
        self._before = {
            path: before for path in packages if (before := _microjoules(path)) is not None
        }

    def joules(self) -> float | None:
        """Since the making; None where nothing tells. A counter that wrapped round tells nothing
        either.
        """
        used = [(_microjoules(path) or 0) - before for path, before in self._before.items()]
        return sum(used) / 1e6 if used and min(used) > 0 else None


def load_average() -> float:
    """Processes that wanted a core, over the last minute."""
    return float(psutil.getloadavg()[0])


def throttle_count(folder: Path = _CPUS) -> int | None:
    """How often cores slowed down for heat since the machine's start, where Linux counts it."""
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
    """Of this process, and of its children that have ended: those are nought on Windows
    and macOS.
    """
    times = psutil.Process().cpu_times()
    return times.user + times.system, getattr(times, "children_user", 0.0) + getattr(
        times, "children_system", 0.0
    )


def _governor() -> str:
    return _text(_CPUS / "cpu0" / "cpufreq" / "scaling_governor")


def _text(path: Path) -> str:
    """Empty where there is no such file, or not for this user."""
    try:
        return path.read_text().strip()
    except (OSError, ValueError):
        return ""
