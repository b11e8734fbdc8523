"""The child process of `bench`, which makes one measurement.

The command line is `python -m ssd_live.bench.worker ORDER FOLDER`. ORDER is a JSON object that says
what to measure. The result is written to the file `result.json` in FOLDER.
"""

import json
import os
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from ssd_live.backends.base import Pending
from ssd_live.bench.records import percentiles, uncertainty
from ssd_live.bench.stages import stage_costs
from ssd_live.bench.state import Energy
from ssd_live.detection.filter import detection_filter
from ssd_live.errors import SsdLiveError, UsageError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.process.job import Job, LoadedModel, ModelConfig, ProcessOptions
from ssd_live.process.plan import Task
from ssd_live.process.report import Report
from ssd_live.process.workers import load_model_config, own_this_process
from ssd_live.selection.agreement import sample_images
from ssd_live.selection.choice import BackendChoice, batch_for_video
from ssd_live.selection.load import load_chosen
from ssd_live.system.child_process import end_with_parent
from ssd_live.video.encoders import DEFAULT_CRF, default_codec
from ssd_live.video.reader import VideoReader
from ssd_live.video.writer import Quality

_WARM_UP_SECONDS = 0.3
_WINDOW_SECONDS = 0.2
# Windows of `process` are longer, because its stages take turns on the cores.
_LONG_WINDOW_SECONDS = 0.5
# Measuring ends when the median is this certain, after at least this many windows.
_SMALL_UNCERTAINTY, _FEWEST = 0.01, 8
_FRAMES_IN_MEMORY = 32
_WARM_UP_FRAMES = 30

RESULT_NAME = "result.json"
VIDEO_FILE = "H.264 video"
_POLL_SECONDS = 0.005

Found = dict[str, Any]


def network(model: ModelFile, choice: BackendChoice, order: Found) -> Found:
    """Measure the network alone and return the result, as `_measure` does.

    `order` says what to measure. `order["what"]` selects the method: one batch at a time, or many
    batches in flight. The result also has the backend's `description`.
    """
    batch, many = order["batch"], order["what"] == "many in flight"
    images = [np.repeat(image[None], batch, 0) for image in _network_inputs(model)]
    with load_chosen(model, choice, "throughput" if many else "latency", batch=batch) as backend:
        latencies: list[float] = []
        step = (
            _in_flight(backend.submit, backend.slots, images, batch)
            if many
            else _one_at_a_time(backend.submit, images, batch, latencies)
        )
        return _measure(step, order["seconds"], latencies) | {"description": backend.description}


def detector(model: ModelFile, choice: BackendChoice, order: Found) -> Found:
    """Measure the way from a decoded frame to its detections, and return the result.

    Each frame is scaled, inferred and filtered before the next one begins. `order` says what to
    measure. The result is that of `_measure` with the backend's `description`.
    """
    wanted, fit = detection_filter(model.metadata), model.metadata.input_fit
    frames = _frames(order, model)
    with load_chosen(model, choice) as backend:

        def detect() -> Iterator[int]:
            for frame in cycle(frames):
                began = time.perf_counter()
                image, size = fit.image(frame), (frame.width, frame.height)
                wanted.detections(backend.submit(image[None]).result(), 0, size, fit.region(size))
                latencies.append(1000 * (time.perf_counter() - began))
                yield 1

        latencies: list[float] = []
        return _measure(detect(), order["seconds"], latencies) | {
            "description": backend.description
        }


def end_to_end(model: ModelFile, choice: BackendChoice, order: Found) -> Found:
    """Measure `process` by running it on the clip again and again, and return the result.

    `order` says what to measure. The measured time includes opening and closing the files. The
    result has the same keys as that of `_measure`, and the backend's `description`.
    """
    config = ModelConfig(model, choice, detection_filter(model.metadata), batch_for_video(choice))
    source = Path(order["clip"])
    codec = default_codec()
    output = Path(order["folder"]) / "out.mp4" if order["what"] == VIDEO_FILE else None
    with load_model_config(config) as backend:
        own_this_process()
        engine = LoadedModel(config, backend)
        windows = Windows()

        def turn(most: int) -> Report:
            before = windows.count
            report = Job(
                Task(source, Path(source.name), output),
                engine,
                ProcessOptions(Quality(codec, DEFAULT_CRF[codec]), max_frames=most),
                None,
            ).run(lambda counters: windows.note(before + counters.done, counters.last_done_at))
            if output is not None:
                output.unlink()
            return report

        rate = turn(_WARM_UP_FRAMES).fps
        meet(Path(order["meeting"]), order["streams"])
        windows, energy = Windows(), Energy()
        until = windows.began + order["seconds"]
        while (left := until - time.perf_counter()) > 0 or not windows.count:
            rate = max(rate, turn(max(round(rate * left), _WARM_UP_FRAMES)).fps)
        samples = windows.samples or [windows.count / (time.perf_counter() - windows.began)]
        return {
            "samples": samples,
            "frames": windows.count,
            "joules": energy.joules(),
            "latencies": [],
            "description": backend.description,
        }


class Windows:
    """The periods of time (windows), one after another, in which the FPS of `process` are measured.

    A window begins and ends at a moment when a frame was done, because frames come in bursts.
    `samples` are the FPS of the windows that have ended. `count` is the number of frames so far,
    and `began` the time when this object was created, in seconds of `time.perf_counter`.
    """

    def __init__(self) -> None:
        self.samples: list[float] = []
        self.count = self._counted = 0
        self.began = self._opened = time.perf_counter()

    def note(self, count: int, last_done_at: float) -> None:
        """Note that `count` frames in all are done, the last of them at the time `last_done_at`.

        The time is in seconds of `time.perf_counter`. If the current window is at least half a
        second long by then, it ends at this time, and the next window begins.
        """
        self.count = count
        if last_done_at - self._opened >= _LONG_WINDOW_SECONDS:
            self.samples.append((count - self._counted) / (last_done_at - self._opened))
            self._counted, self._opened = count, last_done_at


def stages(model: ModelFile, choice: BackendChoice, order: Found) -> Found:
    """Measure the CPU seconds that each stage takes for a frame, and return them.

    `order` is what the main process asked for, and names the clip.
    """
    return {"costs": stage_costs(Path(order["clip"]), model, choice)}


KINDS: dict[str, Callable[[ModelFile, BackendChoice, Found], Found]] = {
    "network": network,
    "detector": detector,
    "end to end": end_to_end,
    "stages": stages,
}


def main(arguments: Sequence[str]) -> int:
    """Make the measurement, write its result to a file, and return the exit code: 0, or 1 on error.

    `arguments` are a JSON object that says what to measure, and the folder of the result. An error
    is printed to standard error.
    """
    order, folder = json.loads(arguments[0]), Path(arguments[1])
    order["folder"] = str(folder)
    try:
        found = KINDS[order["kind"]](
            find_model(order["model"]),
            BackendChoice(order["backend"], order["device"], order["precision"]),
            order,
        )
    except SsdLiveError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if "latencies" in found:
        latency = percentiles(found.pop("latencies"))
        found["latency_ms"] = latency.model_dump() if latency else None
    found |= {"memory_mb": _peak_memory() / 1e6, "cpu_seconds": time.process_time()}
    (folder / RESULT_NAME).write_text(json.dumps(found))
    return 0


def run_as_child(arguments: Sequence[str]) -> int:
    """Run `main` and return its exit code, but end at once if the parent process ends.

    Without the parent process nobody needs the result.
    """
    end_with_parent()
    return main(arguments)


def meet(place: Path, streams: int) -> None:
    """Wait until the processes of all streams are ready, so that they are measured together.

    Each process creates a file in the folder `place`, and waits until there are `streams` files.
    """
    (place / str(os.getpid())).touch()
    while len(list(place.iterdir())) < streams:
        time.sleep(_POLL_SECONDS)


def _measure(steps: Iterator[int], seconds: float, latencies: list[float]) -> Found:
    """Measure the FPS of one short window after another, and return the result.

    Each item of `steps` is the number of frames that were done in one step. Measuring ends when the
    median is certain enough or after `seconds`. The steps append to `latencies`, in milliseconds;
    the latencies of the warm-up are removed from it. The result has the FPS of the windows
    (`samples`), the number of frames, the energy in `joules` and the latencies.
    """
    warm = time.perf_counter() + _WARM_UP_SECONDS
    next(steps)
    while time.perf_counter() < warm:
        next(steps)
    latencies.clear()
    samples: list[float] = []
    total = count = 0
    energy = Energy()
    began = opened = time.perf_counter()
    while True:
        count += next(steps)
        now = time.perf_counter()
        if now - opened >= _WINDOW_SECONDS:
            samples.append(count / (now - opened))
            total, count, opened = total + count, 0, now
            certain = len(samples) >= _FEWEST and uncertainty(samples) < _SMALL_UNCERTAINTY
            if certain or now - began >= seconds:
                return {
                    "samples": samples,
                    "frames": total,
                    "joules": energy.joules(),
                    "latencies": latencies,
                }


def _one_at_a_time(
    submit: Callable[[Pixels], Pending],
    images: Sequence[Pixels],
    batch: int,
    latencies: list[float],
) -> Iterator[int]:
    for image in cycle(images):
        began = time.perf_counter()
        submit(image).result()
        latencies.append(1000 * (time.perf_counter() - began))
        yield batch


def _in_flight(
    submit: Callable[[Pixels], Pending], slots: int, images: Sequence[Pixels], batch: int
) -> Iterator[int]:
    pending: deque[Pending] = deque()
    for image in cycle(images):
        pending.append(submit(image))
        if len(pending) == slots:
            pending.popleft().result()
            yield batch


def _network_inputs(model: ModelFile) -> list[Pixels]:
    return sample_images(model)[:_FRAMES_IN_MEMORY] or [_noise(*model.metadata.input_size)]


def _frames(order: Found, model: ModelFile) -> list[Frame]:
    if order["clip"] is None:
        return [Frame((_noise(1280, 720),))]
    with VideoReader(Path(order["clip"])) as reader:
        frames = list(
            islice((item for item in reader.read() if isinstance(item, Frame)), _FRAMES_IN_MEMORY)
        )
    if not frames:
        raise UsageError(
            f"{order['clip']}: the file has no frame; choose another one with --source"
        )
    return frames


def _noise(width: int, height: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def _peak_memory() -> float:
    """Return the peak memory of this process in bytes."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset)
    if sys.platform == "darwin":
        import resource

        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    # On Linux, ru_maxrss starts with the size of the parent process that forked, so read VmHWM
    # instead.
    peak = re.search(r"^VmHWM:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return 1024 * float(peak[1]) if peak else float(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    sys.exit(run_as_child(sys.argv[1:]))
