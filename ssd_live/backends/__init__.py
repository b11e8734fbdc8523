"""Runtimes behind one small contract."""

import importlib.util
from typing import TYPE_CHECKING, cast

from ssd_live.backends.base import Backend, BackendModule, LoadOptions
from ssd_live.errors import UsageError

if TYPE_CHECKING:
    from ssd_live.modelfile.file import ModelFile

# Where each is, and what it is there: the engines' package stands beside this one.
_PLACES = {
    "openvino": "ssd_live.backends.openvino",
    "onnxruntime": "ssd_live.backends.onnxruntime",
    "torch": "ssd_live.backends.torch",
    "tensorrt": "ssd_live.backends.tensorrt.backend:TENSORRT",
    "tensorrt-rtx": "ssd_live.backends.tensorrt.backend:TENSORRT_RTX",
}
BACKENDS = tuple(_PLACES)
# These run an engine, which is built from the model file and may compute something else.
ENGINE_BACKENDS = ("tensorrt", "tensorrt-rtx")


def backend_module(name: str) -> BackendModule:
    """The module of a runtime. Raises `UsageError` for an unknown name and `MissingPackageError`
    for one that is not installed.
    """
    if name not in BACKENDS:
        raise UsageError(f"there is no backend {name!r}; choose auto, cpu, {', '.join(BACKENDS)}")
    module, _, part = _PLACES[name].partition(":")
    found = importlib.import_module(module)
    return cast(BackendModule, getattr(found, part) if part else found)


def installed() -> list[str]:
    """Backends whose package is there, which says nothing of a driver; nothing is imported."""
    return [
        name for name in BACKENDS if importlib.util.find_spec(name.replace("-", "_")) is not None
    ]


def load_backend(name: str, model: "ModelFile", options: LoadOptions) -> Backend:
    """Load a model file on a runtime; for int8 the quantised form of it. Raises `BackendError`,
    `MissingPackageError`, `UsageError`.
    """
    if options.precision == "int8" and model.metadata.precision != "int8":
        raise UsageError(f"{model.name} is no INT8 model; make one with `quantize`")
    return backend_module(name).load(model, options)
