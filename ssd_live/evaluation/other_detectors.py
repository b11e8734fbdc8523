"""Run object detectors of other projects from their ONNX files, to compare them with ssd_live.

Three forms are known, by the names and shapes of their inputs and outputs:

- torchvision (Faster R-CNN, RetinaNet, SSD and others, exported with `torch.onnx.export`): the
  input is an image (3, H, W) or (1, 3, H, W), float32 RGB in 0..1, at its own size. The outputs
  `boxes` (K, 4), `labels` (K,) and `scores` (K,) are in pixels; labels count from 1.
- DETR (RT-DETR and D-FINE, as their `export_onnx.py` writes them): the inputs are `images` (1, 3,
  H, W), float32 RGB in 0..1, and `orig_target_sizes` (1, 2), width and height. The outputs are
  `labels` (1, K), `boxes` (1, K, 4) in pixels of the original image, and `scores` (1, K); labels
  count from 0.
- YOLOX (as its `export_onnx.py` writes it): the input is (1, 3, H, W), float32 BGR in 0..255,
  scaled to fit and padded with 114 on the right and at the bottom. The output (1, N, 5 + C) is
  cx, cy, w, h, objectness and class scores of every cell of the strides 8, 16 and 32.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from ssd_live.backends.onnxruntime import runtime
from ssd_live.errors import BackendError, ModelFileError
from ssd_live.evaluation.average_precision import Predictions
from ssd_live.imaging.pixels import Pixels
from ssd_live.selection.guard import Check, check_in_child, limit_memory, report_errors
from ssd_live.system.atomic_files import os_error_text
from ssd_live.system.child_process import end_with_parent, own_program

Form = Literal["torchvision", "DETR", "YOLOX"]

_STRIDES = (8, 16, 32)
_PADDING = 114
_IOU_THRESHOLD = 0.45
# Lower scores change the average precision in the fourth digit and cost NMS much time.
_LOWEST_SCORE = 0.01
_MOST_DETECTIONS = 300

CHECK_COMMAND = "check-detector"
_TRIED_SHAPE = (480, 640, 3)

# What a form does: image (H, W, 3) uint8 BGR -> boxes in pixels (K, 4), scores (K,), labels (K,).
Answer = Callable[[Pixels], tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]


@dataclass(frozen=True)
class OtherDetector:
    """A detector of another project, loaded with ONNX Runtime on the CPU.

    `name` is the name of its file without the ending, and `form` says how its inputs and outputs
    are read. `first_label` is the label of its first class, 0 or 1. `classes` is the number of
    classes, or None if the file does not say it. `description` names the library.
    """

    name: str
    form: Form
    first_label: int
    classes: int | None
    description: str
    answer: Answer

    def detect(self, image: Pixels, classes: Sequence[int]) -> Predictions:
        """Return the detections in an image (H, W, 3) uint8 BGR, with boxes in its pixels.

        `classes` maps the label of a detection, less `first_label`, to a class id, or to -1 for a
        class that does not count. Raises `BackendError` if the network fails or its outputs are not
        those of its form.
        """
        boxes, scores, labels = self.answer(image)
        if not (boxes.shape == (len(scores), 4) and labels.shape == scores.shape == (len(scores),)):
            raise BackendError(
                f"{self.name}: its outputs have the shapes {boxes.shape}, {scores.shape} and "
                f"{labels.shape}, not those of {self.form}; export the network again"
            )
        numbers = labels.astype(np.int64) - self.first_label
        table = np.append(np.asarray(classes, np.int64), -1)
        ids = table[np.where((numbers >= 0) & (numbers < len(classes)), numbers, len(classes))]
        kept = (ids >= 0) & np.isfinite(boxes).all(1) & (scores > _LOWEST_SCORE)
        return Predictions(
            boxes[kept].astype(np.float32), scores[kept].astype(np.float32), ids[kept]
        )


def load_other(path: Path, threads: int, notify: Callable[[str], None]) -> OtherDetector:
    """Load the ONNX file of another project's detector on `threads` threads of the CPU.

    A file that was not tried before is tried in a child process first, and `notify` gets a line of
    text before that. Raises
    `ModelFileError` if the file cannot be read, is not valid ONNX, has none of the known forms or
    fails in the child process, and `BackendError` if ONNX Runtime cannot load it.
    """
    data, form = _read(path)
    check = Check(
        own_program("ssd_live.evaluation.other_detectors", CHECK_COMMAND),
        "onnxruntime",
        runtime().__version__,
    )
    check_in_child(check, path, data, notify)
    return _load(path, data, form, threads)


def run_as_child(arguments: Sequence[str]) -> int:
    """Try a file in a child process that `load_other` has started; return the exit code, 0 or 1.

    The arguments are the path of the file and the name of the library. If there is an error, its
    message is printed to standard error, and the exit code is 1.
    """
    end_with_parent()
    return report_errors(lambda: _try(Path(arguments[0])))


def _try(path: Path) -> None:
    data, form = _read(path)
    limit_memory(len(data))
    image = np.random.default_rng(0).integers(0, 256, _TRIED_SHAPE, np.uint8)
    _load(path, data, form, 1).detect(image, [])


def _read(path: Path) -> tuple[bytes, Form]:
    """Return the content of an ONNX file and its form."""
    try:
        data = path.read_bytes()
        onnx.checker.check_model(data)
        graph = onnx.load_model_from_string(data).graph
    except OSError as error:
        raise ModelFileError(
            f"{path}: cannot be read ({os_error_text(error)}); give the path of an ONNX file"
        ) from error
    except Exception as error:  # protobuf and ONNX's checker raise classes of their own
        raise ModelFileError(f"{path}: is not valid ONNX; export the network again") from error
    return data, _form_of(graph, path)


def _load(path: Path, data: bytes, form: Form, threads: int) -> OtherDetector:
    onnxruntime = runtime()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(data, settings, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise BackendError(
            f"ONNX Runtime cannot load {path.name}: {str(error).splitlines()[0]}; export the "
            "network again"
        ) from error
    classes = None
    if form == "YOLOX":
        answer, classes = _yolox(session, path)
    else:
        answer = {"torchvision": _torchvision, "DETR": _detr}[form](session, path)
    return OtherDetector(
        path.stem,
        form,
        1 if form == "torchvision" else 0,
        classes,
        f"ONNX Runtime {onnxruntime.__version__} CPU fp32",
        answer,
    )


def _form_of(graph: onnx.GraphProto, path: Path) -> Form:
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    outputs = {value.name: value.type.tensor_type for value in graph.output}
    kinds = [value.type.tensor_type.elem_type for value in inputs]
    if {"boxes", "labels", "scores"} <= set(outputs):
        if {value.name for value in inputs} == {"images", "orig_target_sizes"}:
            return "DETR"
        if kinds == [TensorProto.FLOAT]:
            return "torchvision"
    elif len(outputs) == 1 and kinds == [TensorProto.FLOAT]:
        (output,) = outputs.values()
        sides = [dim.dim_value for dim in output.shape.dim]
        if len(sides) == 3 and sides[2] > 5 and len(_sides(inputs[0])) == 4:
            return "YOLOX"
    raise ModelFileError(
        f"{path}: is neither a model file of ssd_live nor a detector of a known form; give a model "
        "file, or an ONNX file with the outputs boxes, labels and scores (torchvision, RT-DETR, "
        "D-FINE) or of YOLOX"
    )


def _sides(value: Any) -> list[int]:
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]


def _run(session: Any, names: Sequence[str], inputs: dict[str, Any], path: Path) -> list[Any]:
    try:
        return list(session.run(list(names), inputs))
    except Exception as error:  # ONNX Runtime's errors have no common base class
        raise BackendError(
            f"{path}: ONNX Runtime failed: {str(error).splitlines()[0]}; export the network again"
        ) from error


def _rgb(image: Pixels) -> NDArray[np.float32]:
    """Return an image (H, W, 3) uint8 BGR as (3, H, W) float32 RGB in 0..1."""
    return np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1), np.float32) / np.float32(255)


def _torchvision(session: Any, path: Path) -> Answer:
    (place,) = session.get_inputs()
    batched = len(place.shape) == 4

    def answer(image: Pixels) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        height, width = image.shape[:2]
        scale = np.ones(4, np.float32)
        fixed = place.shape[-2:]
        if all(isinstance(side, int) for side in fixed) and tuple(fixed) != (height, width):
            scale = np.array([width / fixed[1], height / fixed[0]] * 2, np.float32)
            image = np.asarray(cv2.resize(image, (fixed[1], fixed[0])), np.uint8)
        pixels = _rgb(image)
        inputs = {place.name: pixels[None] if batched else pixels}
        boxes, labels, scores = _run(session, ("boxes", "labels", "scores"), inputs, path)
        return boxes.reshape(-1, 4) * scale, scores.reshape(-1), labels.reshape(-1)

    return answer


def _detr(session: Any, path: Path) -> Answer:
    shape = next(place.shape for place in session.get_inputs() if place.name == "images")
    side = [value if isinstance(value, int) else 640 for value in shape[-2:]]

    def answer(image: Pixels) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        height, width = image.shape[:2]
        pixels = _rgb(np.asarray(cv2.resize(image, (side[1], side[0])), np.uint8))[None]
        inputs = {"images": pixels, "orig_target_sizes": np.array([[width, height]], np.int64)}
        boxes, labels, scores = _run(session, ("boxes", "labels", "scores"), inputs, path)
        return boxes.reshape(-1, 4), scores.reshape(-1), labels.reshape(-1)

    return answer


def _yolox(session: Any, path: Path) -> tuple[Answer, int]:
    (place,), (output,) = session.get_inputs(), session.get_outputs()
    height, width = place.shape[-2:]
    if not (isinstance(height, int) and isinstance(width, int)):
        raise ModelFileError(
            f"{path}: does not say the size of its input; export YOLOX with a fixed size"
        )
    cells, steps = _cells(width, height)

    def answer(image: Pixels) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        ratio = min(width / image.shape[1], height / image.shape[0])
        size = (max(int(image.shape[1] * ratio), 1), max(int(image.shape[0] * ratio), 1))
        padded = np.full((height, width, 3), _PADDING, np.uint8)
        padded[: size[1], : size[0]] = cv2.resize(image, size)
        pixels = np.ascontiguousarray(padded.transpose(2, 0, 1), np.float32)[None]
        (raw,) = _run(session, (output.name,), {place.name: pixels}, path)
        rows = raw[0]
        if rows.ndim != 2 or len(rows) != len(cells) or rows.shape[1] < 6:
            raise BackendError(
                f"{path}: the output has the shape {rows.shape}, but a YOLOX of {width} x {height} "
                f"pixels has {len(cells)} boxes; export it with the strides 8, 16 and 32"
            )
        centres = (rows[:, :2] + cells) * steps
        sides = np.exp(np.minimum(rows[:, 2:4], 20)) * steps
        scores = rows[:, 4:5] * rows[:, 5:]
        boxes, numbers = np.nonzero(scores > _LOWEST_SCORE)
        found = np.concatenate([centres - sides / 2, sides], 1)[boxes] / ratio
        sure = scores[boxes, numbers]
        kept = np.asarray(
            cv2.dnn.NMSBoxesBatched(
                found.tolist(), sure.tolist(), numbers.tolist(), _LOWEST_SCORE, _IOU_THRESHOLD
            ),
            np.int64,
        ).reshape(-1)[:_MOST_DETECTIONS]
        corners = np.concatenate([found[:, :2], found[:, :2] + found[:, 2:]], 1)
        return corners[kept], sure[kept], numbers[kept]

    return answer, int(output.shape[-1]) - 5


def _cells(width: int, height: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the column and row (N, 2), and the stride in pixels (N, 1), of each cell of YOLOX."""
    cells, steps = [], []
    for stride in _STRIDES:
        across, down = np.meshgrid(np.arange(width // stride), np.arange(height // stride))
        cells.append(np.stack([across, down], -1).reshape(-1, 2))
        steps.append(np.full((cells[-1].shape[0], 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(steps).astype(np.float32)


if __name__ == "__main__":
    sys.exit(run_as_child(sys.argv[1:]))
