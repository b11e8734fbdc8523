"""Facts of the machine, and threads of lower priority."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ssd_live.detection.filter import detection_filter
from ssd_live.errors import BackendError
from ssd_live.process.job import ModelConfig
from ssd_live.process.workers import load_model_config
from ssd_live.selection.choice import BackendChoice
from ssd_live.system import machine
from tests.tiny_model import tiny_model
from tests.waiting import wait_until

LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux gives threads priorities of their own"
)


def niceness(thread: int = 0) -> int:
    return os.getpriority(os.PRIO_PROCESS, thread)


def nicenesses(threads: set[int]) -> list[int]:
    """Those of the threads that have not ended meanwhile."""
    found = []
    for thread in threads:
        with contextlib.suppress(ProcessLookupError):
            found.append(niceness(thread))
    return found


def running() -> set[int]:
    """Threads of this process, also those that Python knows nothing of."""
    return {int(path.name) for path in Path("/proc/self/task").iterdir()}


@LINUX
def test_work_at_low_priority_yields_and_so_does_what_it_begins() -> None:
    own = niceness(threading.get_native_id())
    found: list[int] = []

    def work() -> str:
        found.append(niceness(threading.get_native_id()))
        thread = threading.Thread(target=lambda: found.append(niceness(threading.get_native_id())))
        thread.start()
        thread.join()
        return "done"

    assert machine.at_low_priority(work) == "done"
    assert found == [own + 5, own + 5]
    assert niceness(threading.get_native_id()) == own


def test_work_at_low_priority_fails_as_it_would_otherwise() -> None:
    def work() -> None:
        raise BackendError("the runtime is gone")

    with pytest.raises(BackendError, match="the runtime is gone"):
        machine.at_low_priority(work)


@LINUX
@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_threads_that_infer_beside_decoding_yield_to_it(backend: str) -> None:
    model = tiny_model()
    # What a runtime begins once for all is there.
    load_model_config(
        ModelConfig(model, BackendChoice(backend, "CPU", "fp32"), detection_filter(model.metadata))
    ).close()
    own, before = niceness(threading.get_native_id()), running()
    with load_model_config(
        ModelConfig(model, BackendChoice(backend, "CPU", "fp32"), detection_filter(model.metadata))
    ):
        # A thread gets its niceness a moment after it began.
        wait_until(
            lambda: nicenesses(running() - before).count(own + 5) >= machine.available_cores()
        )
        assert own not in nicenesses(running() - before)


@LINUX
def test_where_priorities_are_forbidden_it_is_done_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forbidden(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", forbidden)
    assert machine.at_low_priority(lambda: "done") == "done"


def test_without_such_priorities_it_is_done_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with ThreadPoolExecutor(1) as pool:
        assert (
            pool.submit(machine.at_low_priority, threading.current_thread)
            .result()
            .name.startswith("ThreadPoolExecutor")
        )


@pytest.mark.parametrize(
    ("listed", "files", "cores"),
    [
        ("0::/job/step", {"job/cpu.max": "150000 100000", "job/step/cpu.max": "max 100000"}, 1.5),
        ("0::/job", {"job/cpu.max": "max 100000"}, None),
        ("0::/../elsewhere", {"cpu.max": "200000 100000"}, 2.0),
        (
            "4:cpu,cpuacct:/job\n3:memory:/job",
            {
                "cpu,cpuacct/job/cpu.cfs_quota_us": "50000",
                "cpu,cpuacct/job/cpu.cfs_period_us": "100000",
            },
            0.5,
        ),
        ("4:cpu,cpuacct:/", {"cpu,cpuacct/cpu.cfs_quota_us": "-1"}, None),
        ("nonsense", {}, None),
    ],
)
def test_control_groups_limit_the_cores(
    tmp_path: Path, listed: str, files: dict[str, str], cores: float | None
) -> None:
    """As Linux's admin guide has the files of both versions."""
    groups, root = tmp_path / "groups", tmp_path / "root"
    groups.write_text(listed)
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content + "\n")
    assert machine.cgroup_cores(groups, root) == cores


def test_the_kernel_tells_of_driver_and_gpus(tmp_path: Path) -> None:
    (tmp_path / "version").write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19\nGCC version: "
        "11.4.0\n"
    )
    for place, name in (("0000:02:00.0", "NVIDIA L4"), ("0000:01:00.0", "NVIDIA A10")):
        (tmp_path / "gpus" / place).mkdir(parents=True)
        (tmp_path / "gpus" / place / "information").write_text(f"Model: \t {name}\nIRQ:   11\n")
    assert machine.nvidia_gpus(tmp_path) == [
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19",
        "0000:01:00.0 NVIDIA A10",
        "0000:02:00.0 NVIDIA L4",
    ]
    assert machine.nvidia_gpus(tmp_path / "nowhere") == []


def test_a_process_knows_how_long_it_runs() -> None:
    """To a few hundredths of a second, which the boot time of the kernel does not give."""
    program = (
        "import sys, time; from ssd_live.system.machine import seconds_since_start\n"
        "print(time.time() - float(sys.argv[1]) - seconds_since_start())"
    )
    differences = []
    for _ in range(3):
        words = [sys.executable, "-c", program, str(time.time())]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        differences.append(abs(float(done.stdout)))
    assert min(differences) < 0.15


def test_the_processor_has_a_name() -> None:
    assert machine.cpu_name()
    assert machine.available_cores() >= 1


def test_what_the_user_has_set_for_openmp_stays() -> None:
    code = (
        "import os; from ssd_live.system.machine import wait_without_spinning as wait; wait(); "
        "print(os.environ['OMP_WAIT_POLICY'], os.environ['KMP_BLOCKTIME'])"
    )
    plain = {name: value for name, value in os.environ.items() if "OMP_" not in name}
    for given, expected in (({}, "PASSIVE 0"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE 0")):
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, env=plain | given, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected
