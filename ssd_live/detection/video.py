"""Iterate over the frames of a video, a camera or a folder of images with their detections."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, Self

from ssd_live.backends.base import Precision
from ssd_live.closing import Closing
from ssd_live.detection.detector import Detector, load
from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import DEFAULT_MODEL
from ssd_live.video.sources import SourceInfo, SourceOptions, open_source, parse_source

# Each frame in flight takes memory, and this many keep a backend busy.
_MOST_IN_FLIGHT = 16


class SourceDetections(Closing):
    """An iterator over the frames of a source; `detect` returns it.

    Each item is (image, detections): the image is (H, W, 3) uint8 BGR, and belongs to the caller.
    `info` describes the source: its `width`, `height`, `rate` and `duration`. `index` and `time`
    are the number of the newest frame, from 0, and its time in seconds from the start of the
    source. The source and the network are closed at the end of the iteration. If you leave the
    iteration early, use a `with` block or call `close`. The iteration raises `MediaError` if the
    source fails, and `BackendError` if inference fails.
    """

    def __init__(self, source: str, options: SourceOptions, detector: Detector) -> None:
        self._detector = detector
        try:
            self._source = open_source(parse_source(source), options)
        except BaseException:
            detector.close()
            raise
        self.info: SourceInfo = self._source.info
        self.index, self.time = -1, 0.0
        # Frames of a camera must not wait for later ones.
        most = 1 if self.info.is_live else _MOST_IN_FLIGHT
        self._results = detector._frames(self._frames(), most)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[Pixels, Detections]:
        try:
            frame, found = next(self._results)
        except BaseException:
            self.close()
            raise
        self.index += 1
        self.time = frame.time - self.info.start
        image = frame.bgr()
        return (image if image.flags.writeable else image.copy()), found

    def close(self) -> None:
        """Close the source and the network. A second call does nothing."""
        self._results.close()
        self._source.close()
        self._detector.close()

    def _frames(self) -> Iterator[Frame]:
        while (frame := self._source.read()) is not None:
            yield frame


def detect(
    source: str | Path | int,
    *,
    model: str = DEFAULT_MODEL,
    backend: str = "auto",
    precision: Precision | Literal["auto"] = "auto",
    threshold: float | None = None,
    classes: Sequence[str] = (),
    size: tuple[int, int] | None = None,
    rate: float | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> SourceDetections:
    """Return an iterator over the frames of a source, each with its detections.

    `source` is what the command `live` takes: a video file, an image or a folder of images, the
    number or name of a camera, an address such as rtsp://host/path, "screen" or "pattern". Files
    are read as fast as their frames can be computed, and no frame is left out. `size` (width,
    height) in pixels is requested from a camera or the pattern. `rate` in frames per second is
    requested from these, the screen or a folder. The other arguments are those of `load`.

    Raises what `load` raises, `UsageError` if `source` is not valid, `MediaError` if it cannot be
    opened, and `MissingPackageError` if a package for it is not installed.
    """
    detector = load(
        model,
        backend=backend,
        precision=precision,
        threshold=threshold,
        classes=classes,
        notify=notify,
        workload="throughput",
    )
    return SourceDetections(str(source), SourceOptions(size, rate), detector)
