"""`doctor`: report what this machine can do, and what to install for what is missing."""

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Column, Table

from ssd_live import __version__
from ssd_live.backends.tensorrt.device import cuda_version, gpus
from ssd_live.commands.progress import notify
from ssd_live.errors import BackendError, SsdLiveError
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection.choose import choose
from ssd_live.selection.measure import measured
from ssd_live.selection.table import BackendMeasurement, known
from ssd_live.system import machine
from ssd_live.system.paths import assets_folder, engines_folder
from ssd_live.video.encoders import working_encoders
from ssd_live.video.sources.camera import cameras

# The packages to report, and advice for a machine that lacks the package. An empty text means no
# advice. The program cannot run without the first four packages.
_PACKAGES = {
    "numpy": "",
    "opencv-python": "",
    "av": "",
    "onnx": "",
    "openvino": "it is the fastest backend on most CPUs; run `pip install openvino`",
    "onnxruntime": "it is another backend for CPUs; run `pip install onnxruntime`",
    "torch": "training and export need it; run `pip install '.[train]'`",
    "nncf": "",
    "tensorrt": "",
    "tensorrt-rtx": "",
    "pycuda": "",
    "cuda-bindings": "",
    "ray": "",
}


# The compute capabilities in the documentation of TensorRT-RTX: Turing, Ampere, Ada, Blackwell.
_RTX_CAPABILITIES = ((7, 5), (8, 0), (8, 6), (8, 9), (12, 0), (12, 1))


def run(model_name: str, as_json: bool, measure: bool) -> None:
    """Print a report about this machine, as text or, if `as_json` is true, as JSON.

    `model_name` is the name or file of the model on which the backends are compared. If `measure`
    is true, the backends are measured first. Otherwise the report shows what is known. Where a part
    of the report cannot be made, the report shows the reason. Raises `UnknownModelError` if there
    is no such model, and `ModelFileError` if its file cannot be read.
    """
    model = find_model(model_name)
    rows = measured(model, notify, again=True) if measure else known(model) or []
    facts = _gather(model, rows)
    if as_json:
        print(json.dumps(facts, indent=1, ensure_ascii=False))
    else:
        _print(facts, rows, Console(width=400, soft_wrap=True, highlight=False))


def _gather(model: ModelFile, rows: list[BackendMeasurement]) -> dict[str, Any]:
    return {
        "ssd_live": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": {
            "name": machine.cpu_name(),
            "cores": machine.available_cores(),
            "features": list(machine.cpu_features()),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        },
        "gpus": _gpus(),
        "packages": {name: machine.package_version(name) for name in _PACKAGES},
        "encoders": working_encoders(),
        "cameras": _cameras(),
        "display": _display(),
        "assets": str(assets_folder()),
        "engines": str(engines_folder()),
        "model": model.name,
        "backends": [asdict(row) for row in rows],
        "auto": {workload: _auto(model, workload) for workload in ("latency", "throughput")},
        "advice": _advice(),
    }


def _auto(model: ModelFile, workload: Any) -> str:
    try:
        return str(choose(model, workload=workload))
    except BackendError as error:
        return f"none: {error}"


def _gpus() -> list[str]:
    """Return a line for each NVIDIA GPU that `nvidia-smi` lists, and the paths of all render nodes.

    A render node is a Linux device file of a GPU of any maker. If `nvidia-smi` does not respond,
    the result contains a line that says so.
    """
    found: list[str] = []
    if tool := shutil.which("nvidia-smi"):
        query = [tool, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
        try:
            answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=False)
            found += [
                line
                for line in answer.stdout.splitlines()
                if line.strip() and answer.returncode == 0
            ]
        except (OSError, subprocess.TimeoutExpired):
            found.append("nvidia-smi does not respond; reinstall the NVIDIA driver")
    return found + [str(path) for path in sorted(Path("/dev/dri").glob("renderD*"))]


def _cameras() -> list[str]:
    """Return a line for each camera, with the number by which `live` opens it."""
    return [f"{camera.index}: {camera.name}" for camera in cameras()]


def _display() -> str:
    if sys.platform in ("win32", "darwin"):
        return sys.platform
    return os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or "none"


def _advice() -> list[str]:
    missing = [
        f"{name} is missing ({purpose})"
        for name, purpose in _PACKAGES.items()
        if purpose and machine.package_version(name) is None
    ]
    return missing + _gpu_advice(
        shutil.which("nvidia-smi") is not None or bool(machine.nvidia_gpus())
    )


def _gpu_advice(has_driver: bool) -> list[str]:
    """Return lines of advice about NVIDIA GPUs, such as a library to install or a driver to update.

    `has_driver` is whether the machine has an NVIDIA driver.
    """
    if not has_driver:
        installed = [name for name in ("tensorrt", "tensorrt-rtx") if machine.package_version(name)]
        return (
            [
                f"{' and '.join(installed)} can build engines here but not run them, because there "
                "is no NVIDIA driver; install the driver if there is an NVIDIA GPU"
            ]
            if installed
            else []
        )
    if (
        machine.package_version("tensorrt") is None
        and machine.package_version("tensorrt-rtx") is None
    ):
        return [
            "there is an NVIDIA GPU but no TensorRT; run `pip install '.[rtx]'` (for GeForce RTX "
            "and RTX PRO) or `pip install '.[tensorrt]'` (for any NVIDIA GPU)"
        ]
    try:
        present = gpus()
    except SsdLiveError as error:
        return [str(error)]
    advice = []
    for found in present:
        major, minor = (int(part) for part in found.capability.split("."))
        if (
            machine.package_version("tensorrt-rtx")
            and machine.package_version("tensorrt") is None
            and (major, minor) not in _RTX_CAPABILITIES
        ):
            advice.append(
                f"TensorRT-RTX does not support {found.name} (sm{major}{minor}); run "
                "`pip install '.[tensorrt]'`"
            )
    wheels = machine.package_version("cuda-bindings")
    cuda = cuda_version()
    if wheels and cuda and int(wheels.split(".")[0]) > cuda[0]:
        fitting = f"run `pip install 'cuda-bindings<{cuda[0] + 1}'`"
        advice.append(
            f"the driver is for CUDA {cuda[0]}.{cuda[1]}, but cuda-bindings is for {wheels}; "
            f"update the driver, or {fitting}"
        )
    return advice


def _print(facts: dict[str, Any], rows: list[BackendMeasurement], console: Console) -> None:
    processor = facts["processor"]
    lines = {
        "ssd_live": f"{facts['ssd_live']}, Python {facts['python']}, {facts['system']}",
        "processor": f"{processor['name']}, {processor['cores']} cores, {processor['memory_gib']} "
        f"GiB; {' '.join(processor['features'])}",
        "GPUs": "; ".join(facts["gpus"]) or "none",
        "packages": ", ".join(
            f"{name} {version}" for name, version in facts["packages"].items() if version
        ),
        "encoders": "; ".join(
            f"{codec}: {', '.join(names) or 'none'}" for codec, names in facts["encoders"].items()
        ),
        "cameras": "; ".join(facts["cameras"]) or "none",
        "display": facts["display"],
        "assets": facts["assets"],
        "engines": facts["engines"],
    }
    for name, text in lines.items():
        console.print(f"{name:10} {text}", markup=False)
    console.print(f"\nbackends on {facts['model']} (network alone):", markup=False)
    table = Table(
        *(
            Column(name, no_wrap=True)
            for name in ("", "latency", "throughput", "agrees with fp32", "")
        ),
        box=None,
        pad_edge=False,
    )
    for row in rows:
        table.add_row(*_cells(row, facts["auto"]))
    if rows:
        console.print(table)
    else:
        console.print(
            f"not measured yet; auto takes {facts['auto']['throughput']}; run `doctor --measure` "
            "to measure all of them",
            markup=False,
        )
    for line in facts["advice"]:
        console.print(f"advice: {line}", markup=False)


def _cells(row: BackendMeasurement, auto: dict[str, str]) -> tuple[str, ...]:
    uses = ", ".join(workload for workload, chosen in auto.items() if chosen == str(row.choice))
    remark = row.error_message or (f"auto for {uses}" if uses else "")
    if not row.throughput_fps:
        return (str(row.choice), "", "", "", remark)
    return (
        str(row.choice),
        f"{row.latency_ms:.1f} ms",
        f"{row.throughput_fps:.0f} FPS",
        f"{row.agreement:.1%} of {row.basis}",
        remark,
    )
