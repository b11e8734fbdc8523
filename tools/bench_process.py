"""Speed of `process` against a plain loop, and against the bound that its own stages allow. Ratios of one run; prints a table.

    python tools/bench_process.py [--size 1280x720] [--rounds 3] [--clip FILE]

The plain loops are what one writes first: cv2.VideoCapture, cv2.resize, ONNX Runtime in float32 on the same network without its NMS tail,
and NumPy NMS. The lean one looks only at scores over the display threshold, as `process` does: it is the like-for-like one. The heavy one
does NMS as SSD's usual code does (per class, scores over 0.01, the best 200 of them). The bound is cores / (sum of the CPU seconds a frame
that each stage takes alone in one thread, no runtime spinning).
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
import cv2
import numpy as np
import onnx
import psutil
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ssd_live import machine
from ssd_live.agreement import iou_matrix
from ssd_live.backends import load_backend, onnxruntime
from ssd_live.backends.base import LoadOptions
from ssd_live.choosing import choose
from ssd_live.detector import only_over
from ssd_live.files import assets_folder
from ssd_live.filtering import detection_filter
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.int8 import form_for
from ssd_live.modelfile.nms import strip_nms
from ssd_live.overlay import Overlay
from ssd_live.types import Detections, Frame
from ssd_live.video.encoders import DEFAULT_CRF, software_encoder
from ssd_live.video.planes import planes_of, writable
from ssd_live.video.reader import VideoReader

T = TypeVar("T")
CHECKOUT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clip", type=Path, help="a clip of your own in place of the scaled sample")
    options = parser.parse_args()
    model = find_model(DEFAULT_MODEL)
    choice = choose(model, workload="throughput", notify=print)
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip or scaled_sample(options.size, Path(folder) / "clip.mp4")
        output = Path(folder) / "out.mp4"
        runs: dict[str, Callable[[], float]] = {
            "heavy plain loop": lambda: plain_loop(clip, model, model.metadata.score_threshold),
            "lean plain loop": lambda: plain_loop(clip, model, model.metadata.display_threshold),
            "process --no-video": lambda: command_fps([str(clip), "--no-video"]),
            "process to H.264": lambda: command_fps([str(clip), "-o", str(output), "--overwrite"]),
        }
        fps: dict[str, list[float]] = {name: [] for name in runs}
        costs: dict[str, list[float]] = {}
        for _ in range(options.rounds):
            for name, run in runs.items():
                fps[name].append(run())
            for stage, seconds in stage_costs(clip, model).items():
                costs.setdefault(stage, []).append(seconds)
    report(clip, str(choice), fps, {stage: statistics.median(seconds) for stage, seconds in costs.items()})


def report(clip: Path, choice: str, fps: dict[str, list[float]], costs: dict[str, float]) -> None:
    cores = machine.available_cores()
    analysis = ("decode", "resize", "inference", "detections")
    bounds = {
        "process --no-video": cores / sum(costs[stage] for stage in analysis),
        "process to H.264": cores / sum(costs.values()),
    }
    print(f"{machine.cpu_name()}, {cores} cores; {clip.name}; {choice}; load {psutil.getloadavg()[0]:.1f}")
    print("CPU ms a frame, each stage alone: " + ", ".join(f"{stage} {1000 * seconds:.2f}" for stage, seconds in costs.items()))
    plain = statistics.median(fps["heavy plain loop"])
    for name, values in fps.items():
        middle = statistics.median(values)
        lean = middle / statistics.median(fps["lean plain loop"])
        share = f", {lean:.2f} x lean; {middle / bounds[name]:.2f} of the bound {bounds[name]:.0f}" if name in bounds else ""
        print(f"{name:20} {middle:7.1f} FPS ({min(values):.1f} to {max(values):.1f})  {middle / plain:.2f} x heavy{share}")


def scaled_sample(size: str, path: Path) -> Path:
    """The sample clip scaled up and encoded anew with H.264 at 20 on its CRF scale."""
    width, height = (int(part) for part in size.split("x"))
    with av.open(str(assets_folder() / "media" / "bikes.mp4")) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=Fraction(25), options={"crf": "20", "preset": "medium"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in source.decode(video=0):
            scaled = frame.reformat(width=width, height=height)
            scaled.pict_type = av.video.frame.PictureType.NONE
            target.mux(stream.encode(scaled))
        target.mux(stream.encode(None))
    return path


def command_fps(arguments: Sequence[str]) -> float:
    """The figure that the command itself prints last."""
    command = [sys.executable, str(CHECKOUT / "main.py"), "process", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=CHECKOUT)
    return float(re.findall(r"([\d.]+) FPS", answer.stdout)[-1])


def plain_loop(clip: Path, model: ModelFile, threshold: float) -> float:
    proto = onnx.load_model_from_string(model.data)
    strip_nms(proto.graph)
    session = onnxruntime.runtime().InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    capture = cv2.VideoCapture(str(clip))
    session.run(None, {"image": np.zeros((1, 300, 300, 3), np.uint8)})
    count, started = 0, time.perf_counter()
    while True:
        more, image = capture.read()
        if not more:
            break
        boxes, scores = session.run(None, {"image": cv2.resize(image, model.metadata.input_size)[None]})
        numpy_nms(np.asarray(boxes)[0], np.asarray(scores)[0], threshold, model.metadata.iou_threshold)
        count += 1
    return count / (time.perf_counter() - started)


def numpy_nms(boxes: NDArray[np.float32], scores: NDArray[np.float32], threshold: float, iou_threshold: float) -> list[tuple[int, int]]:
    """Greedy, per class: (box, class) of the best 200."""
    kept = []
    for class_id in np.flatnonzero((scores > threshold).any(0)):
        order = np.flatnonzero(scores[:, class_id] > threshold)
        order = order[np.argsort(-scores[order, class_id])][:200]
        while len(order):
            kept.append((int(order[0]), int(class_id)))
            order = order[1:][iou_matrix(boxes[order[:1]], boxes[order[1:]])[0] <= iou_threshold]
    return sorted(kept, key=lambda pair: -scores[pair])[:200]


def stage_costs(clip: Path, model: ModelFile) -> dict[str, float]:
    """CPU seconds a frame of each stage, alone in one thread."""
    choice = choose(model, workload="throughput")
    wanted = detection_filter(model.metadata)
    options = LoadOptions(choice.device, choice.precision, "latency", threads=1)
    costs: dict[str, float] = {}
    form = only_over(form_for(model, choice.precision), wanted.threshold)
    with VideoReader(clip) as reader, load_backend(choice.backend, form, options) as backend:
        reader.container.streams.video[0].thread_type = "NONE"
        frames = list(timed(costs, "decode", (item for item in reader.read() if isinstance(item, Frame))))
        backend.submit(np.zeros((1, *model.metadata.input_size[::-1], 3), np.uint8)).result()
        inputs = list(timed(costs, "resize", (frame.network_input(model.metadata.input_size) for frame in frames)))
        cpu = time.process_time()
        found: list[Detections] = []
        cost_of_detections = 0.0
        for image, frame in zip(inputs, frames, strict=True):
            outputs = backend.submit(image[None]).result()
            before = time.process_time()
            found.append(wanted.detections(outputs, 0, (frame.width, frame.height)))
            cost_of_detections += time.process_time() - before
        costs["inference"] = (time.process_time() - cpu - cost_of_detections) / len(frames)
        costs["detections"] = cost_of_detections / len(frames)
        del inputs
        overlay = Overlay((frames[0].width, frames[0].height), frames[0].pixel_format, frames[0].matrix)
        drawn = list(timed(costs, "draw", (draw(overlay, frame, detections) for frame, detections in zip(frames, found, strict=True))))
        encoder = software_encoder("h264")
        context = av.VideoCodecContext.create(encoder.name, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        context.time_base, context.framerate = reader.info.time_base, reader.info.rate
        context.options = encoder.options_for(DEFAULT_CRF["h264"])
        context.thread_count = 1
        for _ in timed(costs, "encode", encoded(context, drawn)):
            pass
    return costs


def draw(overlay: Overlay, frame: Frame, detections: Detections) -> Frame:
    if not len(detections):
        return frame
    frame = writable(frame)
    overlay.draw(planes_of(frame.native), detections)  # type: ignore[arg-type]
    return frame


def encoded(context: "av.VideoCodecContext", frames: Sequence[Frame]) -> Iterator[object]:
    for frame in frames:
        native: av.VideoFrame = frame.native  # type: ignore[assignment]
        native.pict_type = av.video.frame.PictureType.NONE
        yield context.encode(native)
    context.encode(None)


def timed(costs: dict[str, float], stage: str, items: Iterator[T]) -> Iterator[T]:
    """Pass items on; what making them cost goes into `costs`."""
    cpu, count = 0.0, 0
    while True:
        before = time.process_time()
        try:
            item = next(items)
        except StopIteration:
            cpu += time.process_time() - before
            break
        cpu += time.process_time() - before
        count += 1
        yield item
    costs[stage] = cpu / count


if __name__ == "__main__":
    main()
