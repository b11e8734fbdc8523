"""Store what was measured of the backends on this machine, and read it again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ssd_live.backends import BACKENDS
from ssd_live.backends.base import PRECISIONS, Workload
from ssd_live.errors import OutputError
from ssd_live.modelfile.catalogue import int8_identity
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection.choice import BackendChoice
from ssd_live.system import machine
from ssd_live.system.atomic_files import atomic_write
from ssd_live.system.paths import cache_folder, engines_folder

_PACKAGES = (
    "ssd_live",
    "openvino",
    "onnxruntime",
    "torch",
    "numpy",
    "tensorrt",
    "tensorrt-rtx",
    "pycuda",
    "cuda-bindings",
)
_TABLE_VERSION = 1
# Larger whole numbers cannot be converted to `float`.
_LARGEST = 1e300
# The key of `error_message` in the files, which is that of version 0.1.0.
_MESSAGE_KEY = "trouble"


@dataclass(frozen=True)
class BackendMeasurement:
    """The speed and the agreement of a backend choice for one model on this machine.

    Decoding and drawing are not part of the speed. `latency_ms` is the time from an image to its
    detections. `throughput_fps` is the number of images per second with as many in flight as the
    backend takes. `agreement` is the share of results that match those of float32, 0..1. `basis` is
    what was compared, `detections` or `boxes`. `error_message` says why the choice cannot be used,
    and is empty if it can.
    """

    choice: BackendChoice
    latency_ms: float = 0.0
    throughput_fps: float = 0.0
    agreement: float = 0.0
    basis: str = ""
    error_message: str = ""

    def speed(self, workload: Workload) -> float:
        """Return the speed for a workload in frames per second.

        For latency, this is one frame divided by the latency.
        """
        return self.throughput_fps if workload == "throughput" else 1000 / self.latency_ms


def known(model: ModelFile, *, without_gpu: bool = False) -> list[BackendMeasurement] | None:
    """Return the backend measurements of a model that are stored on this machine, or None.

    The result is None if nothing valid is stored: nothing was measured, the file is damaged, or the
    model, the machine or the version of a package has changed. With `without_gpu`, measurements
    that were made without a GPU are valid too, and the newer ones are returned.
    """
    rows = _stored(table_path(model), table_identity(model))
    if without_gpu and (rows is None or _time_of(model, "cpu") > _time_of(model)):
        on_cpu = _stored(table_path(model, "cpu"), table_identity(model, without_gpu=True))
        rows = rows if on_cpu is None else on_cpu
    return rows


def measured_at(model: ModelFile) -> float:
    """Return when the backends were last measured for a model, in seconds since 1970, or 0."""
    return max(_time_of(model), _time_of(model, "cpu"))


def _time_of(model: ModelFile, scope: str = "backends") -> float:
    try:
        return table_path(model, scope).stat().st_mtime
    except OSError:
        return 0.0


def store(model: ModelFile, rows: list[BackendMeasurement], *, without_gpu: bool = False) -> None:
    """Store the backend measurements `rows` of a model.

    `without_gpu` is whether they were made without a GPU. If the file cannot be written, this
    function does nothing.
    """
    table = {
        "identity": table_identity(model, without_gpu=without_gpu),
        "rows": [_to_json(row) for row in rows],
    }
    try:
        with atomic_write(table_path(model, "cpu" if without_gpu else "backends")) as file:
            file.write(json.dumps(table, indent=1).encode())
    except OutputError:
        # If the folder is read-only, the measurements are lost. That is no reason to fail.
        pass


def table_path(model: ModelFile, scope: str = "backends") -> Path:
    """Return the path of the file that stores the backend measurements of a model.

    `scope` is the first part of the file's name: `backends` for the measurements on all devices, or
    `cpu` for those made without a GPU.
    """
    name = f"{scope}-{model.name}-{model.sha256[:8]}.json"
    path = cache_folder() / name
    # Version 0.1.0 kept them beside the user's models.
    old = engines_folder() / name
    return old if old.is_file() and not path.exists() else path


def table_identity(model: ModelFile, *, without_gpu: bool = False) -> dict[str, Any]:
    """Return all values that the backend measurements of a model depend on, by name.

    They describe the model, its INT8 version, the machine and the versions of packages. Stored
    measurements are used again only if all these values are the same. `without_gpu` is whether the
    measurements are made without a GPU.
    """
    return {
        "table": _TABLE_VERSION,
        "model": model.sha256,
        "int8": int8_identity(model),
        "cpu": machine.cpu_name(),
        "cores": machine.available_cores(),
        "gpus": [] if without_gpu else machine.nvidia_gpus(),
        "versions": {package: machine.package_version(package) for package in _PACKAGES},
    }


def _stored(path: Path, identity: dict[str, Any]) -> list[BackendMeasurement] | None:
    """Return the backend measurements that the file `path` holds, or None if they are not valid.

    They are not valid if `identity`, the result of `table_identity`, differs from that in the file,
    or if the file is missing or damaged.
    """
    try:
        table = json.loads(path.read_text())
        if table["identity"] != identity:
            return None
        rows = [_from_json(row) for row in table["rows"]]
        return rows if rows and all(_is_sound(row) for row in rows) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _is_sound(row: BackendMeasurement) -> bool:
    """Return whether the values of a row from a file have the right types and ranges."""
    choice, speeds = row.choice, (row.latency_ms, row.throughput_fps)
    numbers = (*speeds, row.agreement)
    texts = (choice.backend, choice.device, choice.precision, row.basis, row.error_message)
    return (
        all(isinstance(text, str) for text in texts)
        and choice.backend in BACKENDS
        and choice.precision in PRECISIONS
        and all(isinstance(number, int | float) and 0 <= number < _LARGEST for number in numbers)
        and (bool(row.error_message) or min(speeds) > 0)
    )


def _to_json(row: BackendMeasurement) -> dict[str, Any]:
    fields = asdict(row)
    fields[_MESSAGE_KEY] = fields.pop("error_message")
    return fields


def _from_json(fields: dict[str, Any]) -> BackendMeasurement:
    others = {name: value for name, value in fields.items() if name not in ("choice", _MESSAGE_KEY)}
    return BackendMeasurement(
        BackendChoice(**fields["choice"]), error_message=fields[_MESSAGE_KEY], **others
    )
