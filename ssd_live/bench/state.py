"""The machine's state while it is measured: what makes figures of two runs differ."""

import contextlib
import platform
import time
from pathlib import Path

import psutil

from ssd_live import __version__, machine
from ssd_live.bench.records import Machine

_PACKAGES = ("openvino", "onnxruntime", "torch", "tensorrt", "tensorrt-rtx", "av", "opencv-python", "numpy")
_BUSY_SHARE = 0.05
_STEAL_SHARE = 0.02
_SLOW_CLOCK = 0.8
_RAPL = Path("/sys/class/powercap")


class Watch:
    """From its making to `machine`."""

    def __init__(self) -> None:
        self._load = psutil.getloadavg()[0]
        self._before = psutil.cpu_times()
        self._began = time.monotonic()
        self._own = _own_cpu_seconds()
        self._clocks: list[float] = []

    def look(self) -> None:
        """To be called now and then."""
        with contextlib.suppress(OSError, NotImplementedError, AttributeError):
            clock = psutil.cpu_freq()
            if clock and clock.max:
                self._clocks.append(clock.current / clock.max)

    def machine(self) -> Machine:
        after, cores = psutil.cpu_times(), machine.available_cores()
        capacity = max(time.monotonic() - self._began, 1e-6) * (psutil.cpu_count() or cores)
        busy = sum(getattr(after, name, 0.0) - getattr(self._before, name, 0.0) for name in ("user", "system", "nice", "irq", "softirq"))
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
            load_before=round(self._load, 2),
            others_busy=round(max(busy - (_own_cpu_seconds() - self._own), 0.0) / capacity, 3),
            steal=round(max(steal, 0.0) / capacity, 3),
            slowest_clock=round(min(self._clocks), 2) if self._clocks else None,
        )


def warnings(state: Machine) -> tuple[str, ...]:
    """What makes the figures doubtful, a line each."""
    found = []
    if state.others_busy > _BUSY_SHARE:
        found.append(f"other programs used {state.others_busy:.0%} of the processor; close them and measure again")
    if state.load_before > 0.5 * state.cores:
        found.append(f"the machine was busy before the start (load {state.load_before:.1f} on {state.cores} cores)")
    if state.steal > _STEAL_SHARE:
        found.append(f"the virtual machine was without its processor for {state.steal:.0%} of the time")
    if state.slowest_clock is not None and state.slowest_clock < _SLOW_CLOCK:
        found.append(f"the clock fell to {state.slowest_clock:.0%} of its most: the machine saves power or is hot")
    if state.governor == "powersave" or state.on_battery:
        found.append("the machine runs on battery or saves power; figures will be lower")
    return tuple(found)


class Energy:
    """The processor's energy counters, where the system lets this user read them."""

    def __init__(self) -> None:
        self._counters = [path for path in sorted(_RAPL.glob("intel-rapl:?")) if _microjoules(path) is not None]
        self._before = [_microjoules(path) or 0 for path in self._counters]

    def joules(self) -> float | None:
        """Since the making; None where nothing tells. A counter that wrapped round tells nothing either."""
        if not self._counters:
            return None
        used = sum((_microjoules(path) or 0) - before for path, before in zip(self._counters, self._before, strict=True)) / 1e6
        return used if used > 0 else None


def _microjoules(path: Path) -> int | None:
    try:
        return int((path / "energy_uj").read_text())
    except (OSError, ValueError):
        return None


def _own_cpu_seconds() -> float:
    """Of this process and the children that have ended."""
    times = psutil.Process().cpu_times()
    return float(times.user + times.system + getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0))


def _governor() -> str:
    try:
        return Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").read_text().strip()
    except OSError:
        return ""
