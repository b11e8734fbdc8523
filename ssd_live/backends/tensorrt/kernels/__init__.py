"""Load and launch the program's own CUDA kernels: per-class NMS, and the resize and colour
conversion before a network.

The kernels ship as PTX, which the driver compiles for the GPU of the machine.
`tools/compile_kernels.py` makes the PTX from the sources beside this file. The tests compile the
same sources for the CPU and compare the results with NumPy and OpenCV.
"""

import ctypes
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cuda.bindings import driver
from numpy.typing import NDArray

from ssd_live.backends.tensorrt.device import failure
from ssd_live.errors import UsageError

_FOLDER = Path(__file__).resolve().parent
SOURCES = tuple(_FOLDER / name for name in ("blocks.h", "nms.cu", "preprocess.cu"))
PTX_PATH = _FOLDER / "kernels.ptx"
# Threads per block, and candidates per class and image. The sources use the same numbers.
THREADS = CANDIDATES = 1024
_KEY_BYTES, _COUNT_BYTES = 8, 4
# The bytes from one U to the next.
_NV12_STEP = 2


def source_digest() -> str:
    """Return the SHA-256 of the kernels' source files as hexadecimal digits.

    The first line of the PTX file contains the SHA-256 of the sources that it was made from.
    """
    return hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES)).hexdigest()


@dataclass(frozen=True)
class NmsShape:
    """The sizes of one NMS call.

    `images` is the number of images in the batch (B), `boxes` the number of boxes per image (N),
    `classes` the number of classes without the background (C), and `limit` the largest number of
    detections per image (K). Raises `UsageError` if `limit` is not between 1 and 1024.
    """

    images: int
    boxes: int
    classes: int
    limit: int

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= CANDIDATES:
            raise UsageError(
                f"{self.limit} detections per image is not between 1 and {CANDIDATES}; choose "
                "another backend for this model"
            )

    @property
    def key_bytes(self) -> int:
        """The size in bytes of the device memory for the boxes that NMS keeps.

        It has room for K boxes of each class of each image, and takes 8 bytes for each box.
        """
        return self.images * self.classes * self.limit * _KEY_BYTES

    @property
    def scratch_bytes(self) -> int:
        """The size in bytes of the working memory on the device that `Kernels.nms` needs."""
        return self.key_bytes + self.images * self.classes * _COUNT_BYTES


@dataclass(frozen=True)
class NmsOutputs:
    """The device addresses of the four outputs, which have the layout of `EfficientNMS_TRT`.

    `counts` is int32 (B, 1), `boxes` float32 (B, K, 4), `scores` float32 (B, K), and `classes`
    int32 (B, K).
    """

    counts: int
    boxes: int
    scores: int
    classes: int


@dataclass(frozen=True)
class Nv12Planes:
    """The device addresses of a picture in NV12, or of a part of it.

    `luma` is the address of the luma plane. `chroma` is the address of the chroma plane, in which U
    and V alternate. The sizes are (width, height), in pixels for luma and in pairs of U and V for
    chroma. The pitches are the bytes from one row to the next.
    """

    luma: int
    luma_pitch: int
    luma_size: tuple[int, int]
    chroma: int
    chroma_pitch: int
    chroma_size: tuple[int, int]


class Kernels:
    """The program's CUDA kernels, loaded into the CUDA context of this thread.

    A launch neither allocates nor waits, so it can be captured in a CUDA graph. Raises
    `BackendError` if the driver refuses the kernels.
    """

    def __init__(self) -> None:
        self._module = _call(
            "loading the CUDA kernels", driver.cuModuleLoadData, PTX_PATH.read_bytes() + b"\0"
        )
        self._suppress, self._gather, self._resize = (
            _call("loading the CUDA kernels", driver.cuModuleGetFunction, self._module, name)
            for name in (b"suppress_class", b"gather_best", b"planes_to_input")
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
        """Start per-class greedy NMS on a CUDA stream. The detections go to `outputs`.

        NMS removes each box whose IoU with a higher scoring box of its class is over
        `iou_threshold`. `stream` is the handle of the CUDA stream. Three arguments are device
        addresses: `decoded` points to the boxes, float32 (B, N, 4) xyxy, `scores` to the scores,
        float32 (B, N, C), and `scratch` to working memory of `shape.scratch_bytes` bytes.

        Only boxes whose score is over `score_threshold` take part, and of these only the 1024 with
        the highest scores of each class in an image. The result is exact if no class has more than
        1024 boxes over `score_threshold` in an image. `score_threshold` must be 0 or more. Raises
        `BackendError` if the driver reports an error.
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

    def network_input(
        self,
        stream: int,
        planes: Nv12Planes,
        matrix: NDArray[np.float32],
        output: int,
        size: tuple[int, int],
    ) -> None:
        """Start to resize a picture to a network input on a CUDA stream.

        Each value differs by at most 1 from the value in the result of `Frame.network_input`.
        `stream` is the handle of the CUDA stream. `matrix` (3, 4) float32 turns (y, u, v, 1) into
        (b, g, r). `output` is a device address with room for (height, width, 3) uint8, and `size`
        is (width, height). Raises `BackendError` if the driver reports an error.
        """
        pointer, number = ctypes.c_void_p, ctypes.c_int
        width, height = size
        _launch(
            self._resize,
            (-(-width * height // THREADS), 1),
            stream,
            (
                pointer(planes.luma),
                number(planes.luma_pitch),
                *(number(side) for side in planes.luma_size),
                pointer(planes.chroma),
                pointer(planes.chroma + 1),
                number(planes.chroma_pitch),
                *(number(side) for side in planes.chroma_size),
                number(_NV12_STEP),
                (ctypes.c_float * matrix.size)(*matrix.ravel().tolist()),
                pointer(output),
                number(width),
                number(height),
            ),
        )

    def close(self) -> None:
        """Unload the kernels. Errors are ignored, because nothing can be freed on a lost GPU."""
        driver.cuModuleUnload(self._module)


def _launch(function: Any, grid: tuple[int, int], stream: int, arguments: tuple[Any, ...]) -> None:
    """Launch a kernel on a CUDA stream.

    One block of threads computes each cell of `grid` (columns, rows). `arguments` are the kernel's
    arguments as ctypes values. They need not outlive the call, because the driver copies them
    before it returns.
    """
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
    """Call a function of the driver and return its first result, or None if it has none.

    `doing` says in the error message what failed, as in "creating a stream". Raises `BackendError`
    if the function returns an error code.
    """
    code, *values = function(*arguments)
    if code != driver.CUresult.CUDA_SUCCESS:
        raise failure(int(code), getattr(code, "name", "unknown"), doing) from None
    return values[0] if values else None
