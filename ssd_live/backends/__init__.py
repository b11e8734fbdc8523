"""Find and load the backends, which all follow one small contract (see `base`)."""

import importlib.util
from typing import TYPE_CHECKING, cast

from ssd_live.backends.base import Backend, BackendModule, LoadOptions
from ssd_live.errors import UsageError

if TYPE_CHECKING:
    from ssd_live.modelfile.file import ModelFile

# The module of each backend. A name after the colon is the object in that module that follows the
# `BackendModule` contract.
_PLACES = {
    "openvino": "ssd_live.backends.openvino",
    "onnxruntime": "ssd_live.backends.onnxruntime",
    "torch": "ssd_live.backends.torch",
    "tensorrt": "ssd_live.backends.tensorrt.backend:TENSORRT",
    "tensorrt-rtx": "ssd_live.backends.tensorrt.backend:TENSORRT_RTX",
}
BACKENDS = tuple(_PLACES)
# These backends run an engine. It is built from the model file, so its results may differ from
# those of the file and are checked.
ENGINE_BACKENDS = ("tensorrt", "tensorrt-rtx")


def backend_module(name: str) -> BackendModule:
    """Return the module or object that follows the `BackendModule` contract for the backend `name`.

    Raises `UsageError` if there is no backend of this name, and `MissingPackageError` if its module
    needs a package that is not installed.
    """
    if name not in BACKENDS:
        raise UsageError(f"there is no backend {name!r}; choose auto, cpu, {', '.join(BACKENDS)}")
    module, _, part = _PLACES[name].partition(":")
    found = importlib.import_module(module)
    return cast(BackendModule, getattr(found, part) if part else found)


def installed() -> list[str]:
    """Return the names of the backends whose package is installed. No package is imported.

    An installed package does not mean that a device or its driver is available.
    """
    return [
        name for name in BACKENDS if importlib.util.find_spec(name.replace("-", "_")) is not None
    ]


def load_backend(name: str, model: "ModelFile", options: LoadOptions) -> Backend:
    """Load a model file on the backend `name` and return the loaded backend.

    The precision int8 needs a model file that `quantize` made. Raises `BackendError` if the backend
    cannot load the model, `MissingPackageError` if the package of the backend is not installed, and
    `UsageError` if there is no backend `name` or if int8 is requested for another model file.
    """
    if options.precision == "int8" and model.metadata.precision != "int8":
        raise UsageError(
            f"{model.name} is not an INT8 model; run `quantize` to make its INT8 version, or "
            "choose another --precision"
        )
    return backend_module(name).load(model, options)
