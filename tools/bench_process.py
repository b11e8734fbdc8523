"""Speed of `process` and of the network against a plain loop, OpenCV's DNN module, OpenVINO's
benchmark_app, and the bound that its own stages allow. Prints a table: medians, and ratios of
neighbours in time, since these machines change their speed from minute to minute.

    python tools/bench_process.py [--size 1280x720] [--rounds 3] [--minutes 0.5] [--clip FILE]
    [--bound-only]

The plain loops are what one writes first: cv2.VideoCapture, cv2.resize, ONNX Runtime in float32 on
the same network without its NMS tail, and NumPy NMS. The heavy one does NMS as SSD's usual code
does (class by class, scores over 0.01, the best 200 of them). The batched one does it for all
classes at once, on no more than the best 400 scores. The lean one looks only at scores over the
display threshold, as `process` does: it is the like-for-like one. The OpenVINO loop is what one
writes next: a thread reads and scales, two requests are in flight in bfloat16, NMS is in the
network. The bound is cores / (sum of the CPU seconds a frame that each stage takes alone in one
thread, no runtime spinning), each stage measured before and after every round.
"""

import argparse
import queue
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import onnx
import openvino
import psutil
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ssd_live.backends import onnxruntime
from ssd_live.bench.records import Report
from ssd_live.bench.stages import ANALYSIS, VIDEO, stage_costs
from ssd_live.imaging.boxes import iou_matrix
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, file_for_precision, find_model, int8_form
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.nms import strip_nms
from ssd_live.selection.agreement import sample_images
from ssd_live.selection.choose import choose
from ssd_live.system import machine
from ssd_live.system.paths import assets_folder

_NETWORK_SECONDS = 4
Answering = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]]
Suppressing = Callable[
    [NDArray[np.float32], NDArray[np.float32], float, float], list[tuple[int, int]]
]
CHECKOUT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--minutes",
        type=float,
        default=0.5,
        help="of the sample over and over; in its ten seconds beginning and ending count",
    )
    parser.add_argument(
        "--clip", type=Path, help="a clip of your own in place of the scaled sample"
    )
    parser.add_argument(
        "--bound-only", action="store_true", help="only `process` against the bound of its stages"
    )
    options = parser.parse_args()
    model = find_model(DEFAULT_MODEL)
    choice = choose(model, workload="throughput", notify=print)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = options.clip or longer(
            scaled_sample(options.size, folder / "clip.mp4"), options.minutes, folder / "clips.mp4"
        )
        threshold = model.metadata.lowest_shown
        runs: dict[str, Callable[[], float]] = {
            "heavy plain loop": lambda: plain_loop(
                clip, model, model.metadata.score_threshold, nms_by_class
            ),
            "batched plain loop": lambda: plain_loop(
                clip, model, model.metadata.score_threshold, nms_at_once
            ),
            "lean plain loop": lambda: plain_loop(clip, model, threshold, nms_by_class),
            "lean OpenCV DNN loop": lambda: opencv_loop(clip, model, threshold),
            "OpenVINO loop": lambda: openvino_loop(clip, model),
            "process --no-video": lambda: command_fps([str(clip), "--no-video"]),
            "process to H.264": lambda: command_fps(
                [str(clip), "-o", str(folder / "out.mp4"), "--overwrite"]
            ),
            "benchmark_app fp32": lambda: benchmark_app(model, folder),
            "network fp32": lambda: network_fps(folder, "fp32"),
        }
        if int8_form(model) is not None:
            runs["benchmark_app int8"] = lambda: benchmark_app(
                file_for_precision(model, "int8"), folder
            )
            runs["network int8"] = lambda: network_fps(folder, "int8")
        runs["network auto"] = lambda: network_fps(folder, "auto")
        if options.bound_only:
            runs = {name: run for name, run in runs.items() if name.startswith("process")}
        fps: dict[str, list[float]] = {name: [] for name in runs}
        costs = [stage_costs(clip, model, choice)]
        for _ in range(options.rounds):
            for name, run in runs.items():
                fps[name].append(run())
            costs.append(stage_costs(clip, model, choice))
    report(clip, str(choice), fps, costs)


def report(
    clip: Path, choice: str, fps: dict[str, list[float]], costs: Sequence[dict[str, float]]
) -> None:
    """`costs` stand before, between and after the rounds."""
    cores = machine.available_cores()
    around = [
        {stage: (before[stage] + after[stage]) / 2 for stage in VIDEO}
        for before, after in pairwise(costs)
    ]
    bounds = {
        "process --no-video": [cores / sum(each[stage] for stage in ANALYSIS) for each in around],
        "process to H.264": [cores / sum(each[stage] for stage in VIDEO) for each in around],
    }
    loops = (
        "heavy plain loop",
        "batched plain loop",
        "lean plain loop",
        "lean OpenCV DNN loop",
        "OpenVINO loop",
    )
    against: dict[str, tuple[str, ...]] = dict.fromkeys(bounds, loops)
    against["network fp32"] = against["network auto"] = ("benchmark_app fp32",)
    against["network int8"] = ("benchmark_app int8",)
    print(
        f"{machine.cpu_name()}, {cores} cores; {clip.name}; {choice}; load "
        f"{psutil.getloadavg()[0]:.1f}"
    )
    middle = {stage: statistics.median(each[stage] for each in costs) for stage in costs[0]}
    print(
        "CPU ms a frame, each stage alone: "
        + ", ".join(f"{stage} {1000 * seconds:.2f}" for stage, seconds in middle.items())
    )
    for name, values in fps.items():
        ratios = [
            f"{ratio(values, fps[other])} x {other}"
            for other in against.get(name, ())
            if other in fps
        ]
        if name in bounds:
            ratios.append(
                f"{ratio(values, bounds[name])} of the bound {statistics.median(bounds[name]):.0f}"
            )
        print(f"{name:20} {spread(values, '.1f')} FPS  {'; '.join(ratios)}")


def ratio(values: Sequence[float], others: Sequence[float]) -> str:
    """Of each round's values, not of the medians of all rounds."""
    return spread([value / other for value, other in zip(values, others, strict=True)], ".2f")


def spread(values: Sequence[float], form: str) -> str:
    """The median; smallest and largest."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def scaled_sample(size: str, path: Path) -> Path:
    """The sample clip scaled up and encoded anew with H.264 at 20 on its CRF scale."""
    width, height = (int(part) for part in size.split("x"))
    with (
        av.open(str(assets_folder() / "media" / "bikes.mp4")) as source,
        av.open(str(path), "w") as target,
    ):
        stream = target.add_stream(
            "libx264", rate=Fraction(25), options={"crf": "20", "preset": "medium"}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in source.decode(video=0):
            scaled = frame.reformat(width=width, height=height)
            scaled.pict_type = av.video.frame.PictureType.NONE
            target.mux(stream.encode(scaled))
        target.mux(stream.encode(None))
    return path


def longer(clip: Path, minutes: float, path: Path) -> Path:
    """The clip over and over, its packets copied."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        out = target.add_stream_from_template(stream)
        assert stream.duration is not None
        assert stream.time_base is not None
        turns = round(60 * minutes / float(stream.duration * stream.time_base))
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        for turn in range(turns):
            for packet in packets:
                copy = av.Packet(bytes(packet))
                copy.stream, copy.time_base, copy.is_keyframe, copy.duration = (
                    out,
                    packet.time_base,
                    packet.is_keyframe,
                    packet.duration,
                )
                copy.pts, copy.dts = (
                    (packet.pts or 0) + turn * stream.duration,
                    (packet.dts or 0) + turn * stream.duration,
                )
                target.mux(copy)
    return path


def command_fps(arguments: Sequence[str]) -> float:
    """The figure that the command itself prints last."""
    command = [sys.executable, str(CHECKOUT / "main.py"), "process", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=CHECKOUT)
    return float(re.findall(r"([\d.]+) FPS", answer.stdout)[-1])


def plain_loop(clip: Path, model: ModelFile, threshold: float, nms: Suppressing) -> float:
    session = onnxruntime.runtime().InferenceSession(
        without_nms(model), providers=["CPUExecutionProvider"]
    )

    def answer(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        boxes, scores = session.run(None, {"image": image[None]})
        return np.asarray(boxes)[0], np.asarray(scores)[0]

    return loop(clip, model, threshold, answer, nms)


def nms_by_class(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], threshold: float, iou_threshold: float
) -> list[tuple[int, int]]:
    """Greedy, class by class: (box, class) of the best 200."""
    kept = []
    for class_id in np.flatnonzero((scores > threshold).any(0)):
        order = np.flatnonzero(scores[:, class_id] > threshold)
        order = order[np.argsort(-scores[order, class_id])][:200]
        while len(order):
            kept.append((int(order[0]), int(class_id)))
            order = order[1:][iou_matrix(boxes[order[:1]], boxes[order[1:]])[0] <= iou_threshold]
    return sorted(kept, key=lambda pair: -scores[pair])[:200]


def nms_at_once(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], threshold: float, iou_threshold: float
) -> list[tuple[int, int]]:
    """For all classes at once, whose boxes are moved apart, but of no more than the best 400
    scores: it finds less.
    """
    found = np.flatnonzero(scores > threshold)
    best = found[np.argsort(-scores.ravel()[found])[:400]]
    rows, classes = np.divmod(best, scores.shape[1])
    apart = boxes[rows] + 2 * classes[:, None].astype(np.float32)
    suppresses = iou_matrix(apart, apart) > iou_threshold
    left = np.ones(len(best), bool)
    for index in range(len(best)):
        if left[index]:
            left[index + 1 :] &= ~suppresses[index, index + 1 :]
    return [
        (int(row), int(class_id))
        for row, class_id in zip(rows[left][:200], classes[left][:200], strict=True)
    ]


def opencv_loop(clip: Path, model: ModelFile, threshold: float) -> float:
    """The lean plain loop on OpenCV's own DNN module."""
    network = cv2.dnn.readNetFromONNX(np.frombuffer(without_nms(model), np.uint8))
    names = network.getUnconnectedOutLayersNames()

    def answer(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        network.setInput(image[None])
        boxes, scores = network.forward(names)
        return np.asarray(boxes)[0], np.asarray(scores)[0]

    return loop(clip, model, threshold, answer, nms_by_class)


def openvino_loop(clip: Path, model: ModelFile) -> float:
    """A thread reads and scales, the network with NMS inside has two requests in flight; bfloat16
    where the processor has it.
    """
    width, height = model.metadata.input_size
    core = openvino.Core()
    network = core.read_model(model.data)
    network.reshape([1, height, width, 3])
    precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
    compiled = core.compile_model(
        network, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": precision}
    )
    free = deque(compiled.create_infer_request() for _ in range(2))
    free[0].infer([np.zeros((1, height, width, 3), np.uint8)])
    images: queue.Queue[NDArray[np.uint8] | None] = queue.Queue(8)
    capture = cv2.VideoCapture(str(clip))

    def read() -> None:
        while True:
            more, image = capture.read()
            images.put(np.asarray(cv2.resize(image, (width, height)), np.uint8) if more else None)
            if not more:
                return

    count, started = 0, time.perf_counter()
    threading.Thread(target=read, daemon=True).start()
    working: deque[openvino.InferRequest] = deque()
    while (image := images.get()) is not None:
        if not free:
            working[0].wait()
            free.append(working.popleft())
        request = free.popleft()
        request.start_async([image[None]])
        working.append(request)
        count += 1
    for request in working:
        request.wait()
    return count / (time.perf_counter() - started)


def without_nms(model: ModelFile) -> bytes:
    proto = onnx.load_model_from_string(model.data)
    strip_nms(proto.graph)
    return bytes(proto.SerializeToString())


def loop(
    clip: Path, model: ModelFile, threshold: float, answer: Answering, nms: Suppressing
) -> float:
    capture = cv2.VideoCapture(str(clip))
    answer(np.zeros((*model.metadata.input_size[::-1], 3), np.uint8))
    count, started = 0, time.perf_counter()
    while True:
        more, image = capture.read()
        if not more:
            break
        boxes, scores = answer(np.asarray(cv2.resize(image, model.metadata.input_size), np.uint8))
        nms(boxes, scores, threshold, model.metadata.iou_threshold)
        count += 1
    return count / (time.perf_counter() - started)


def benchmark_app(model: ModelFile, folder: Path) -> float:
    """OpenVINO's own benchmark of a file, throughput, in float32 where the file does not say
    otherwise; on the pictures that `bench` takes.

    Left to itself it looks at noise, in which there is nothing for NMS to do: with the INT8 form
    that is a fifth faster.
    """
    path = folder / f"{model.metadata.precision}.onnx"
    path.write_bytes(model.data)
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    for number, image in enumerate(sample_images(model)):
        cv2.imwrite(str(pictures / f"{number}.png"), image)
    width, height = model.metadata.input_size
    program = Path(sys.executable).with_name("benchmark_app")
    words = [
        "-m",
        path,
        "-d",
        "CPU",
        "-hint",
        "throughput",
        "-t",
        _NETWORK_SECONDS,
        "-shape",
        f"[1,{height},{width},3]",
        "-infer_precision",
        "f32",
    ]
    words += ["-i", pictures, "-layout", "image[NHWC]"]
    answer = subprocess.run(
        [str(word) for word in (program, *words)], capture_output=True, text=True, check=True
    )
    return float(re.findall(r"Throughput:\s+([\d.]+) FPS", answer.stdout)[-1])


def network_fps(folder: Path, precision: str) -> float:
    """The network alone, many in flight, as `bench` measures it."""
    report = folder / "bench.json"
    words = [
        "--kinds",
        "network",
        "--backend",
        "openvino",
        "--precision",
        precision,
        "--seconds",
        _NETWORK_SECONDS,
        "--json",
        report,
    ]
    command = [sys.executable, CHECKOUT / "main.py", "bench", *words]
    subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    measured = Report.model_validate_json(report.read_bytes()).measurements
    return next(row.fps for row in measured if row.what == "many in flight")


if __name__ == "__main__":
    main()
