"""Measure the CPU time of each stage of `process`, alone in one thread.

The sum of the costs gives the highest FPS that an end-to-end run can reach.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from ssd_live.backends import ENGINE_BACKENDS, load_backend
from ssd_live.backends.base import Backend, LoadOptions
from ssd_live.detection.filter import detection_filter, for_tracking
from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame, InputRegion, Region
from ssd_live.imaging.overlay import Overlay
from ssd_live.imaging.pixels import Pixels
from ssd_live.imaging.planes import even_sided, planes_of, writable
from ssd_live.modelfile.catalogue import file_for_precision
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection.choice import BackendChoice, batch_for_video
from ssd_live.selection.load import with_score_threshold
from ssd_live.tracking.appearance import colour_histograms
from ssd_live.tracking.options import FrameTracker, TrackingForm
from ssd_live.video.encoders import DEFAULT_CRF, Codec, open_encoder, software_encoder, works
from ssd_live.video.reader import VideoReader

# The stages for detections only, and the additional stages for a video.
ANALYSIS = ("decode", "preprocess", "inference", "detections")
VIDEO = (*ANALYSIS, "draw", "encode")
# NMS is not a stage of its own, because it is part of the network. Its cost is that of the network
# minus that of the network with a threshold that no score reaches.
NMS = "NMS"
# Tracking runs only if it is asked for, so no sum contains it.
TRACKING: dict[str, TrackingForm] = {"tracking, live": "live", "tracking, two-pass": "two-pass"}
_NOTHING = 0.9999
_MOST_PIXELS = 500e6
_MOST_FRAMES = 250
# Every how many network inputs one is kept, and how often each one is run.
_KEPT_EVERY, _TURNS = 5, 3


def stage_costs(clip: Path, model: ModelFile, choice: BackendChoice) -> dict[str, float]:
    """Return the CPU seconds per frame of each stage: {name: seconds}.

    The names are those in `VIDEO` and `TRACKING`, and also `NMS` if the backend does not run
    TensorRT engines. The first frames of the clip are measured. Tracking, with the colour
    histograms that it needs, is measured on one frame in five. Raises `MediaError` if the clip
    cannot be read, and `BackendError` if the backend cannot load or run the model.

    Only one frame is held at a time. The decoder then reuses the memory of the previous frame,
    which is still in the CPU caches. If the frames were kept, each would cost a third more.
    """
    # OpenCV must use only one thread too.
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return _costs(clip, model, choice)
    finally:
        cv2.setNumThreads(threads)


def _costs(clip: Path, model: ModelFile, choice: BackendChoice) -> dict[str, float]:
    wanted, fit = detection_filter(model.metadata), model.metadata.input_fit
    clocks = {stage: _Clock() for stage in VIDEO}
    with VideoReader(clip, cores=1) as reader:
        # The reader has already decoded the first frame, so start again.
        reader.restart()
        with clocks["decode"]:
            count = sum(1 for _ in _frames(reader))
        clocks["decode"].turns = count
    inputs: list[Pixels] = []
    times: list[float] = []
    with VideoReader(clip, cores=1) as reader:
        size = reader.info.width, reader.info.height
        shown = fit.region(size)
        for number, frame in enumerate(_frames(reader)):
            with clocks["preprocess"]:
                image = frame.network_input(fit.size, shown)
            if number % _KEPT_EVERY == 0:
                inputs.append(image)
                times.append(frame.time)
    # The threshold of an engine is fixed; for other backends `process` sets it.
    is_engine = choice.backend in ENGINE_BACKENDS

    def with_threshold(threshold: float) -> ModelFile:
        return (
            model
            if is_engine
            else with_score_threshold(file_for_precision(model, choice.precision), threshold)
        )

    form = with_threshold(wanted.threshold)
    found: list[Detections] = []
    with _single(form, choice) as backend:
        for images in _batches(inputs * _TURNS, choice):
            with clocks["inference"]:
                outputs = backend.submit(images).result()
            with clocks["detections"]:
                found += [
                    wanted.detections(outputs, index, size, shown) for index in range(len(images))
                ]
        clocks["inference"].turns = clocks["detections"].turns = len(found)
    with VideoReader(clip, cores=1) as reader:
        _write(reader, found, clocks["draw"], clocks["encode"])
    costs = {stage: clock.mean for stage, clock in clocks.items()}
    trackers = {name: for_tracking(its, model.metadata, wanted) for name, its in TRACKING.items()}
    weak = trackers["tracking, live"][1]
    weakly_found: list[Detections] = []
    with _single(with_threshold(weak.threshold), choice) as backend:
        for images in _batches(inputs, choice):
            outputs = backend.submit(images).result()
            weakly_found += [
                weak.detections(outputs, index, size, shown) for index in range(len(images))
            ]
    for name, (tracking, _) in trackers.items():
        costs[name] = _tracking_cost(
            tracking.tracker(), times, inputs, weakly_found, shown or Region(0, 0, *size)
        )
    if not is_engine:
        costs[NMS] = max(
            costs["inference"]
            - _inference_cost(with_score_threshold(form, _NOTHING), choice, inputs * _TURNS),
            0.0,
        )
    return costs


def _frames(reader: VideoReader) -> Iterator[Frame]:
    most = max(int(_MOST_PIXELS // (reader.info.width * reader.info.height)), 8)
    yield from islice(
        (item for item in reader.read() if isinstance(item, Frame)), min(most, _MOST_FRAMES)
    )


def _tracking_cost(
    tracker: FrameTracker,
    times: Sequence[float],
    images: Sequence[Pixels],
    found: Sequence[Detections],
    shown: InputRegion,
) -> float:
    """Return the CPU seconds per frame of a tracker with the colour histograms that it needs.

    The frames have these times in seconds, network inputs and detections; `shown` is what the
    network inputs show of a frame.
    """
    clock = _Clock()
    # Copies of the last image fill the last batch.
    for time_, image, its in zip(times, images, found, strict=False):
        with clock:
            tracker.add(time_, its, colour_histograms(image, its.boxes, shown))
    with clock:
        tracker.finish()
    clock.turns -= 1
    return clock.mean


def _write(
    reader: VideoReader, found: Sequence[Detections], draw: "_Clock", encode: "_Clock"
) -> None:
    codec: Codec = "h264" if works("libx264", "yuv420p") else "vp9"
    encoder = software_encoder(codec)
    context: av.VideoCodecContext | None = None
    overlay: Overlay | None = None
    for number, frame in enumerate(_frames(reader)):
        overlay = overlay or Overlay((frame.width, frame.height), frame.pixel_format, frame.matrix)
        with draw:
            drawn = _draw(overlay, frame, found[number // _KEPT_EVERY])
        native: av.VideoFrame = drawn.native  # type: ignore[assignment]
        size, options = (native.width, native.height), encoder.options_for(DEFAULT_CRF[codec])
        context = context or open_encoder(
            encoder.name, "yuv420p", size, options, rate=reader.info.rate, threads=1
        )
        native.pts, native.time_base, native.pict_type = (
            number,
            context.time_base,
            av.video.frame.PictureType.NONE,
        )
        with encode:
            context.encode(native)
    if context is not None:
        with encode:
            context.encode(None)
        # The frames that the encoder held back were counted before.
        encode.turns -= 1


class _Clock:
    """A stopwatch for CPU time, used as a with-block again and again.

    `seconds` is the CPU time of this process in all the blocks. `turns` counts the blocks; a caller
    may set it to another count, such as a number of frames. `mean` is `seconds` divided by `turns`.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.turns = 0

    @property
    def mean(self) -> float:
        return self.seconds / max(self.turns, 1)

    def __enter__(self) -> None:
        self.turns += 1
        self.seconds -= time.process_time()

    def __exit__(self, *exception: object) -> None:
        self.seconds += time.process_time()


def _single(form: ModelFile, choice: BackendChoice) -> Backend:
    """Load the model `form` on a backend with one CPU thread, warm it up and return it."""
    batch = batch_for_video(choice)
    backend = load_backend(
        choice.backend,
        form,
        LoadOptions(choice.device, choice.precision, "latency", batch, threads=1),
    )
    backend.submit(np.zeros((batch, *form.metadata.input_size[::-1], 3), np.uint8)).result()
    return backend


def _batches(images: Sequence[Pixels], choice: BackendChoice) -> Iterator[Pixels]:
    """Yield the images in batches (B, H, W, 3) of the size that `process` uses.

    Copies of the last image fill the last batch.
    """
    size = batch_for_video(choice)
    for first in range(0, len(images), size):
        some = list(images[first : first + size])
        yield np.stack(some + some[-1:] * (size - len(some)))


def _inference_cost(form: ModelFile, choice: BackendChoice, inputs: Sequence[Pixels]) -> float:
    clock = _Clock()
    with _single(form, choice) as backend:
        for images in _batches(inputs, choice):
            with clock:
                backend.submit(images).result()
    return clock.seconds / (clock.turns * batch_for_video(choice))


def _draw(overlay: Overlay, frame: Frame, detections: Detections) -> Frame:
    if not len(detections):
        return even_sided(frame)
    frame = writable(frame)
    overlay.draw(planes_of(frame.native), detections)  # type: ignore[arg-type]
    return frame
