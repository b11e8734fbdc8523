"""Runtimes behind one small contract."""

import importlib
from typing import TYPE_CHECKING, cast

from ssd_live.backends.base import Backend, BackendModule, LoadOptions
from ssd_live.errors import UsageError

if TYPE_CHECKING:
    from ssd_live.modelfile.file import ModelFile

BACKENDS = ("openvino", "onnxruntime", "torch")


def backend_module(name: str) -> BackendModule:
    """The module of a runtime. Raises `UsageError` for an unknown name and `MissingPackageError` for one that is not installed."""
    if name not in BACKENDS:
        raise UsageError(f"there is no backend {name!r}; choose auto, {', '.join(BACKENDS)}")
    return cast(BackendModule, importlib.import_module(f"ssd_live.backends.{name}"))


def load_backend(name: str, model: "ModelFile", options: LoadOptions) -> Backend:
    """Load a model file on a runtime; for int8 the quantised form of it. Raises `BackendError`, `MissingPackageError`, `UsageError`."""
    if options.precision == "int8" and model.metadata.precision != "int8":
        raise UsageError(f"{model.name} is no INT8 model; make one with `quantize`")
    return backend_module(name).load(model, options)
