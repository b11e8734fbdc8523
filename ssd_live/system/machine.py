"""Report the facts about this machine that measurements depend on, and lower thread priority."""

import contextlib
import math
import os
import platform
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TypeVar

_NVIDIA = Path("/proc/driver/nvidia")
_CGROUP_LIST, _CGROUP_ROOT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
# Each step of niceness costs about 10 % of CPU time. With this many steps a thread yields to the
# other threads of the program but does not starve beside other programs.
_NICENESS = 5
# The highest niceness.
_LEAST = 19

T = TypeVar("T")


@cache
def cpu_name() -> str:
    """Return the name of the CPU, on Linux with its family and model number."""
    if (info := _cpuinfo()).get("model name"):
        return (
            f"{info['model name']} (family {info.get('cpu family', '?')} model "
            f"{info.get('model', '?')})"
        )
    return platform.processor() or platform.machine()


@cache
def cpu_features() -> tuple[str, ...]:
    """Return the CPU's vector extensions that matter for inference, by their Linux names.

    The tuple is empty if the platform does not report them.
    """
    wanted = (
        "avx2",
        "f16c",
        "fma",
        "avx512f",
        "avx512_vnni",
        "avx512_bf16",
        "avx512_fp16",
        "avx_vnni",
        "amx_bf16",
        "amx_int8",
        "amx_fp16",
    )
    arm = ("asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve")
    flags = (_cpuinfo().get("flags") or _cpuinfo().get("Features") or "").split()
    return tuple(flag for flag in (*wanted, *arm) if flag in flags)


def nvidia_gpus(folder: Path = _NVIDIA) -> list[str]:
    """Return a line of text for the NVIDIA driver, and a line for each of its GPUs.

    The lines come from the files of the Linux kernel in `folder`. Reading them does not wake the
    GPUs. On other systems the list is empty.
    """
    found = []
    with contextlib.suppress(OSError):
        found.append(
            (folder / "version").read_text(encoding="utf-8", errors="replace").splitlines()[0]
        )
        for path in sorted(folder.glob("gpus/*/information")):
            model = next(
                (
                    line
                    for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
                    if line.startswith("Model:")
                ),
                "",
            )
            found.append(f"{path.parent.name} {model.removeprefix('Model:').strip()}")
    return found


@cache
def _cpuinfo() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return {}
    lines = (
        line.split(":", 1) for line in path.read_text().split("\n\n")[0].splitlines() if ":" in line
    )
    return {key.strip(): value.strip() for key, value in lines}


def available_cores() -> int:
    """Return the number of CPU cores that this process may use.

    These are the cores that the process may be scheduled on, or fewer if a control group (a
    container) limits its CPU time.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    quota = cgroup_cores()
    return cores if quota is None else max(min(cores, math.ceil(quota)), 1)


@cache
def cgroup_cores(groups: Path = _CGROUP_LIST, root: Path = _CGROUP_ROOT) -> float | None:
    """Return how many cores Linux control groups allow this process, or None if there is no limit.

    `groups` is the file /proc/self/cgroup, and `root` is the folder that the groups are mounted at.
    Source: the admin guide of Linux, cgroup-v2 `cpu.max` and cgroup-v1 `cpu.cfs_quota_us`.
    """
    try:
        lines = groups.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    limits = []
    for line in lines:
        _, controllers, name = (*line.split(":", 2), "", "")[:3]
        own = root if not controllers else root / controllers
        if controllers and "cpu" not in controllers.split(","):
            continue
        folder = own / name.lstrip("/")
        # A group has the limits of all groups above it too; in a container only the root is seen.
        for group in (folder, *folder.parents):
            if group != own and own not in group.parents:
                break
            limits.append(_quota(group, is_version_2=not controllers))
    return min((limit for limit in limits if limit is not None), default=None)


def _quota(group: Path, *, is_version_2: bool) -> float | None:
    with contextlib.suppress(OSError, ValueError):
        if is_version_2:
            quota, period = (group / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota, period = (
                (group / f"cpu.cfs_{part}_us").read_text(encoding="ascii").strip()
                for part in ("quota", "period")
            )
        if quota not in ("max", "-1"):
            return int(quota) / int(period)
    return None


def at_low_priority(make: Callable[[], T]) -> T:
    """Call `make` in a thread of low priority and return its result.

    Threads that `make` starts inherit the low priority. Only Linux has such priorities for threads.
    On other systems `make` is called in the current thread.
    """
    if sys.platform != "linux":
        return make()

    def lower() -> None:
        thread = threading.get_native_id()
        # A sandbox may forbid this. The thread then keeps its priority.
        with contextlib.suppress(OSError):
            os.setpriority(
                os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS
            )

    with ThreadPoolExecutor(1, thread_name_prefix="low", initializer=lower) as pool:
        return pool.submit(make).result()


def wait_without_spinning() -> None:
    """Let the threads of OpenMP, as PyTorch uses them, give the CPU free while they wait.

    They would spin otherwise, which slows down all programs on the same cores. What the user has
    set in the environment stays. It counts for libraries that are loaded after this call, and for
    processes that begin after it.
    """
    for name, value in (
        ("OMP_WAIT_POLICY", "PASSIVE"),
        ("GOMP_SPINCOUNT", "0"),
        ("KMP_BLOCKTIME", "0"),
    ):
        os.environ.setdefault(name, value)


def seconds_since_start() -> float:
    """Return for how many seconds this process has been running."""
    if sys.platform == "linux":
        # The time that psutil gives is wrong by up to a second: it is based on the time of the
        # boot, which the kernel gives in whole seconds (proc_pid_stat(5), field 22).
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            ticks = int(fields[19])
            return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    import psutil

    return time.time() - float(psutil.Process().create_time())


def yield_to_all() -> None:
    """Give this process and its later child processes the lowest priority.

    While other processes want the CPU, these get only a small share of it.
    """
    # A sandbox may forbid this. The process then keeps its priority.
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            import psutil

            psutil.Process().nice(psutil.IDLE_PRIORITY_CLASS)
        else:
            os.nice(_LEAST)
            # Linux may treat a session as one process among others ("autogroup", see sched(7)).
            Path("/proc/self/autogroup").write_text(str(_LEAST), encoding="ascii")


def package_version(name: str) -> str | None:
    """Return the version of a package without importing it, or None if it is not installed.

    The package `NAME-headless` counts too, because a frozen app has opencv-python-headless.
    """
    for installed in (name, f"{name}-headless"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(installed)
    return None
