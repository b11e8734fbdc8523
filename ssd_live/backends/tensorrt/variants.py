"""The two libraries of one API: TensorRT, and TensorRT-RTX for desktop GPUs, which builds on
machines without a GPU too.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ssd_live.errors import MissingPackageError
from ssd_live.modelfile.nms import graft_efficient_nms, graft_fixed_nms

VariantName = Literal["tensorrt", "tensorrt-rtx"]


@dataclass(frozen=True)
class Variant:
    """`graft` appends the NMS tail that the library can run; `package` is imported when it is
    needed.

    `measures_kernels`: when it builds, which takes long and is worth keeping; TensorRT-RTX does so
    when an engine is loaded.
    """

    name: VariantName
    title: str
    package: str
    graft: Callable[..., None]
    install: str
    measures_kernels: bool

    def library(self) -> Any:
        """The library itself. Raises `MissingPackageError`."""
        try:
            return importlib.import_module(self.package)
        except (ImportError, OSError, RuntimeError) as error:
            if isinstance(error, ModuleNotFoundError) and error.name == self.package:
                raise MissingPackageError(
                    f"{self.title} is not installed; {self.install}"
                ) from error
            # PyPI's bindings of TensorRT look for its shared libraries when they are imported.
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise MissingPackageError(
                f"{self.title} is installed but does not load ({reason}); {self.install}"
            ) from error

    def prepare(self, logger: Any) -> None:
        """Before anything is parsed or loaded: TensorRT finds its plugins only then."""
        if self.name == "tensorrt":
            self.library().init_libnvinfer_plugins(logger, "")


_TENSORRT_INSTALL = "`pip install '.[tensorrt]'` on a machine with an NVIDIA driver"
VARIANTS: dict[str, Variant] = {
    "tensorrt": Variant(
        "tensorrt",
        "TensorRT",
        "tensorrt",
        graft_efficient_nms,
        _TENSORRT_INSTALL,
        measures_kernels=True,
    ),
    "tensorrt-rtx": Variant(
        "tensorrt-rtx",
        "TensorRT-RTX",
        "tensorrt_rtx",
        graft_fixed_nms,
        "`pip install '.[rtx]'` brings it",
        measures_kernels=False,
    ),
}
