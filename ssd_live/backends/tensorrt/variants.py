"""Describe the two libraries that share one API: TensorRT, and TensorRT-RTX for desktop GPUs.

TensorRT-RTX can also build engines on machines without a GPU.
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
    """One of the two libraries that build and run engines: TensorRT or TensorRT-RTX.

    `title` is the name of the library for users, and `install` the part of a message that says how
    to install it. `package` is the Python package, which is imported when it is needed. `graft`
    appends to a graph the NMS nodes that the library can run. `measures_kernels` is whether the
    library measures kernels when it builds an engine. Measuring takes long, so the kernel times are
    kept in a timing cache. TensorRT-RTX measures when an engine is loaded.
    """

    name: VariantName
    title: str
    package: str
    graft: Callable[..., None]
    install: str
    measures_kernels: bool

    def library(self) -> Any:
        """Import the library and return it.

        Raises `MissingPackageError` if it is not installed or does not load.
        """
        try:
            return importlib.import_module(self.package)
        except (ImportError, OSError, RuntimeError) as error:
            if isinstance(error, ModuleNotFoundError) and error.name == self.package:
                raise MissingPackageError(
                    f"{self.title} is not installed; {self.install}"
                ) from error
            # TensorRT's Python package from PyPI loads the shared libraries when it is imported.
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise MissingPackageError(
                f"{self.title} is installed but does not load ({reason}); {self.install}"
            ) from error

    def prepare(self, logger: Any) -> None:
        """Load the plugins of TensorRT, such as its NMS. For TensorRT-RTX this does nothing.

        Call this before a graph is parsed or an engine is loaded. `logger` gets the library's
        messages.
        """
        if self.name == "tensorrt":
            self.library().init_libnvinfer_plugins(logger, "")


_TENSORRT_INSTALL = "run `pip install '.[tensorrt]'` on a machine with an NVIDIA driver"
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
        "run `pip install '.[rtx]'`",
        measures_kernels=False,
    ),
}
