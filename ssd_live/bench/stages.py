"""What each stage of `process` costs, alone in one thread: the bound that end-to-end figures are held against."""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import av
import numpy as np

from ssd_live.backends import ENGINE_BACKENDS, load_backend
from ssd_live.backends.base import Backend, LoadOptions
from ssd_live.choosing import Choice
from ssd_live.detector import only_over
from ssd_live.filtering import detection_filter
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.int8 import form_for
from ssd_live.overlay import Overlay
from ssd_live.pixels import Pixels
from ssd_live.types import Detections, Frame
from ssd_live.video.encoders import DEFAULT_CRF, open_encoder, software_encoder
from ssd_live.video.planes import even_sided, planes_of, writable
from ssd_live.video.reader import VideoReader

T = TypeVar("T")
# To detections only, and what a video takes besides.
ANALYSIS = ("decode", "preprocess", "inference", "detections")
VIDEO = (*ANALYSIS, "draw", "encode")
# Not a stage of its own: NMS is inside the network's file, and costs what the file costs more than where no score reaches its threshold.
NMS = "NMS"
_NOTHING = 0.9999
_MOST_BYTES = 250e6
_MOST_FRAMES = 120


def stage_costs(clip: Path, model: ModelFile, choice: Choice) -> dict[str, float]:
    """CPU seconds a frame of each of `VIDEO`, and of `NMS`, on the first frames of a clip. Raises `MediaError`, `BackendError`."""
    wanted = detection_filter(model.metadata)
    costs: dict[str, float] = {}
    with VideoReader(clip) as reader:
        reader.container.streams.video[0].thread_type = "NONE"
        most = int(min(_MOST_FRAMES, max(_MOST_BYTES / (1.5 * reader.info.width * reader.info.height), 8)))
        frames = list(_timed(costs, "decode", islice((item for item in reader.read() if isinstance(item, Frame)), most)))
        inputs = list(_timed(costs, "preprocess", (frame.network_input(model.metadata.input_size) for frame in frames)))
        # An engine has its threshold for good; elsewhere `process` sets it.
        form = model if choice.backend in ENGINE_BACKENDS else only_over(form_for(model, choice.precision), wanted.threshold)
        found: list[Detections] = []
        cost_of_detections = 0.0
        with _single(form, choice) as backend:
            cpu = time.process_time()
            for image, frame in zip(inputs, frames, strict=True):
                outputs = backend.submit(image[None]).result()
                before = time.process_time()
                found.append(wanted.detections(outputs, 0, (frame.width, frame.height)))
                cost_of_detections += time.process_time() - before
            costs["inference"] = (time.process_time() - cpu - cost_of_detections) / len(frames)
        costs["detections"] = cost_of_detections / len(frames)
        if choice.backend not in ENGINE_BACKENDS:
            costs[NMS] = max(costs["inference"] - _inference_cost(only_over(form, _NOTHING), choice, inputs), 0.0)
        del inputs
        overlay = Overlay((frames[0].width, frames[0].height), frames[0].pixel_format, frames[0].matrix)
        drawn = list(_timed(costs, "draw", (_draw(overlay, frame, detections) for frame, detections in zip(frames, found, strict=True))))
        for _ in _timed(costs, "encode", _encoded(reader, drawn)):
            pass
    return costs


def _single(form: ModelFile, choice: Choice) -> Backend:
    """Loaded for one thread, and warm."""
    backend = load_backend(choice.backend, form, LoadOptions(choice.device, choice.precision, "latency", threads=1))
    backend.submit(np.zeros((1, *form.metadata.input_size[::-1], 3), np.uint8)).result()
    return backend


def _inference_cost(form: ModelFile, choice: Choice, inputs: Sequence[Pixels]) -> float:
    with _single(form, choice) as backend:
        cpu = time.process_time()
        for image in inputs:
            backend.submit(image[None]).result()
        return (time.process_time() - cpu) / len(inputs)


def _draw(overlay: Overlay, frame: Frame, detections: Detections) -> Frame:
    if not len(detections):
        return even_sided(frame)
    frame = writable(frame)
    overlay.draw(planes_of(frame.native), detections)  # type: ignore[arg-type]
    return frame


def _encoded(reader: VideoReader, frames: Sequence[Frame]) -> Iterator[object]:
    encoder = software_encoder("h264")
    first: av.VideoFrame = frames[0].native  # type: ignore[assignment]
    options = encoder.options_for(DEFAULT_CRF["h264"])
    context = open_encoder(encoder.name, "yuv420p", (first.width, first.height), options, rate=reader.info.rate, threads=1)
    for number, frame in enumerate(frames):
        native: av.VideoFrame = frame.native  # type: ignore[assignment]
        native.pts, native.time_base, native.pict_type = number, context.time_base, av.video.frame.PictureType.NONE
        yield context.encode(native)
    context.encode(None)


def _timed(costs: dict[str, float], stage: str, items: Iterable[T]) -> Iterator[T]:
    """Pass items on; what making them cost goes into `costs`."""
    source = iter(items)
    cpu, count = 0.0, 0
    while True:
        before = time.process_time()
        try:
            item = next(source)
        except StopIteration:
            cpu += time.process_time() - before
            break
        cpu += time.process_time() - before
        count += 1
        yield item
    costs[stage] = cpu / max(count, 1)
