"""Our CUDA kernels: per-class NMS, and the resize and colour conversion before a network.

They ship as PTX, which the driver compiles for the GPU that is there; `tools/compile_kernels.py`
makes it from the sources beside this file. The tests compile the same sources for the CPU and hold
them against NumPy and OpenCV.
"""

import ctypes
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuda.bindings import driver

from ssd_live.backends.tensorrt.device import failure
from ssd_live.errors import UsageError

_FOLDER = Path(__file__).resolve().parent
SOURCES = tuple(_FOLDER / name for name in ("blocks.h", "nms.cu", "preprocess.cu"))
PTX_PATH = _FOLDER / "kernels.ptx"
# As in the sources: threads of a block, and candidates of a class in one image.
THREADS = CANDIDATES = 1024
_KEY_BYTES, _COUNT_BYTES = 8, 4


def source_digest() -> str:
    """Return the SHA-256 of the kernels' sources, which the PTX file carries in its first line."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES)).hexdigest()


@dataclass(frozen=True)
class NmsShape:
    """Sizes of one NMS: `images` (B), `boxes` of each (N), `classes` without the background (C),
    and the most detections of an image (K).
    """

    images: int
    boxes: int
    classes: int
    limit: int

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= CANDIDATES:
            raise UsageError(
                f"{self.limit} detections of an image are not between 1 and {CANDIDATES}"
            )

    @property
    def key_bytes(self) -> int:
        """Device memory for the keys that the classes keep."""
        return self.images * self.classes * self.limit * _KEY_BYTES

    @property
    def scratch_bytes(self) -> int:
        """Device memory that `Kernels.nms` needs beside its inputs and outputs."""
        return self.key_bytes + self.images * self.classes * _COUNT_BYTES


@dataclass(frozen=True)
class NmsOutputs:
    """Device addresses of the four outputs of `EfficientNMS_TRT`: int32 (B, 1), float32 (B, K, 4),
    float32 (B, K), int32 (B, K).
    """

    counts: int
    boxes: int
    scores: int
    classes: int


class Kernels:
    """The kernels, loaded into the CUDA context that is current in this thread.

    Launching neither allocates nor waits, so that a stream's capture can hold it. Raises
    `BackendError` where the driver refuses the PTX.
    """

    def __init__(self) -> None:
        self._module = _call(
            "loading our kernels", driver.cuModuleLoadData, PTX_PATH.read_bytes() + b"\0"
        )
        self._suppress, self._gather = (
            _call("loading our kernels", driver.cuModuleGetFunction, self._module, name)
            for name in (b"suppress_class", b"gather_best")
        )

    def nms(
        self,
        stream: int,
        shape: NmsShape,
        decoded: int,
        scores: int,
        scratch: int,
        outputs: NmsOutputs,
        *,
        score_threshold: float,
        iou_threshold: float,
    ) -> None:
        """Put per-class greedy NMS on a stream: boxes whose IoU with a better one of their class is
        over `iou_threshold` go.

        `decoded` is the address of float32 (B, N, 4) xyxy, `scores` of float32 (B, N, C), `scratch`
        of `shape.scratch_bytes` bytes. Of a class in one image the best 1024 boxes over
        `score_threshold` (0 or more) are looked at; the answer is exact below that cut.
        """
        counts = scratch + shape.key_bytes
        pointer, number, real = ctypes.c_void_p, ctypes.c_int, ctypes.c_float
        sizes = (number(shape.boxes), number(shape.classes), number(shape.limit))
        thresholds = (real(score_threshold), real(iou_threshold))
        _launch(
            self._suppress,
            (shape.classes, shape.images),
            stream,
            (
                pointer(decoded),
                pointer(scores),
                *sizes,
                *thresholds,
                pointer(scratch),
                pointer(counts),
            ),
        )
        targets = (
            pointer(address)
            for address in (outputs.counts, outputs.boxes, outputs.scores, outputs.classes)
        )
        _launch(
            self._gather,
            (shape.images, 1),
            stream,
            (pointer(decoded), pointer(scratch), pointer(counts), *sizes, *targets),
        )

    def close(self) -> None:
        """Unload the kernels; a GPU that was lost frees nothing any more."""
        driver.cuModuleUnload(self._module)


def _launch(function: Any, grid: tuple[int, int], stream: int, arguments: tuple[Any, ...]) -> None:
    """The driver copies the arguments before the call returns."""
    addresses = (ctypes.c_void_p * len(arguments))(
        *(ctypes.addressof(argument) for argument in arguments)
    )
    _call(
        "computing",
        driver.cuLaunchKernel,
        function,
        *grid,
        1,
        THREADS,
        1,
        1,
        0,
        stream,
        ctypes.addressof(addresses),
        0,
    )


def _call(doing: str, function: Callable[..., Any], *arguments: Any) -> Any:
    code, *values = function(*arguments)
    if code != driver.CUresult.CUDA_SUCCESS:
        raise failure(int(code), getattr(code, "name", "unknown"), doing) from None
    return values[0] if values else None
