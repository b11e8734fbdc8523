"""Iterate over the frames of a video, a camera or a folder of images with their detections."""

from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Literal, Self

from ssd_live.backends.base import Precision
from ssd_live.closing import Closing
from ssd_live.detection.detector import Detector, load
from ssd_live.detection.filter import detection_filter, for_tracking
from ssd_live.detection.tile_chooser import Tiles, check_tiles
from ssd_live.detection.tiles import Found
from ssd_live.detections import Detections, no_detections
from ssd_live.errors import UsageError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.results.spool import Spool
from ssd_live.selection.choose import choose
from ssd_live.tracking.options import TrackingForm, TrackingOptions
from ssd_live.video.sources import SourceInfo, SourceOptions, open_source, parse_source

# Each frame in flight takes memory, and this many keep a backend busy.
_MOST_IN_FLIGHT = 16


class SourceDetections(Closing):
    """An iterator over the frames of a source; `detect` and `track` return it.

    Each item is (image, detections): the image is (H, W, 3) uint8 BGR, and belongs to the caller.
    `info` describes the source: its `width`, `height`, `rate` and `duration`. `index` and `time`
    are the number of the newest frame, from 0, and its time in seconds from the start of the
    source. The source and the network are closed at the end of the iteration. If you leave the
    iteration early, use a `with` block or call `close`. The iteration raises `MediaError` if the
    source fails, and `BackendError` if inference fails.
    """

    def __init__(
        self,
        source: str,
        options: SourceOptions,
        detector: Detector,
        tracking: TrackingOptions | None = None,
        tiles: Tiles = 0,
    ) -> None:
        self._tiles = tiles
        self._spec, self._options = parse_source(source), options
        self._detector = detector
        self._tracking = tracking
        try:
            self._source = open_source(self._spec, options)
        except BaseException:
            detector.close()
            raise
        self.info: SourceInfo = self._source.info
        if tracking is not None and tracking.form == "two-pass" and self.info.is_live:
            self._source.close()
            detector.close()
            raise UsageError(
                f"{source}: the form two-pass reads a file twice; a camera, a stream or the screen "
                'needs form="live"'
            )
        self.index, self.time = -1, 0.0
        self._results = self._frames()

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

    def _frames(self) -> Generator[tuple[Frame, Detections]]:
        """Yield the frames with their detections, or with their tracked objects."""
        if self._tracking is None or self.info.is_still:
            for frame, (its, _) in self._detected():
                yield frame, its if self._tracking is None else self._tracking.of_image(its)
        elif self._tracking.form == "live":
            tracker = self._tracking.tracker()
            for frame, found in self._detected():
                (objects,) = tracker.add(frame.time, *found)
                yield frame, objects
        else:
            yield from self._two_passes(self._tracking)

    def _two_passes(self, tracking: TrackingOptions) -> Generator[tuple[Frame, Detections]]:
        tracker = tracking.tracker()
        with Spool() as spool:
            for frame, found in self._detected():
                for objects in tracker.add(frame.time, *found):
                    spool.add(objects)
            for objects in tracker.finish():
                spool.add(objects)
            self._source.close()
            self._source = open_source(self._spec, self._options)
            while (again := self._source.read()) is not None:
                known = spool.next(tracking.classes)
                yield again, no_detections(tracking.classes) if known is None else known[0]

    def _detected(self) -> Iterator[tuple[Frame, Found]]:
        # Frames of a camera must not wait for later ones.
        most = 1 if self.info.is_live else _MOST_IN_FLIGHT
        is_tracked = self._tracking is not None and not self.info.is_still
        # Nothing moves in an image.
        tiles = "natural" if self._tiles == "auto" and self.info.is_still else self._tiles
        return self._detector._frames(self._read(), most, tiles, with_looks=is_tracked)

    def _read(self) -> Iterator[Frame]:
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
    tiles: int | Literal["auto"] = 0,
    notify: Callable[[str], None] = lambda _: None,
) -> SourceDetections:
    """Return an iterator over the frames of a source, each with its detections.

    `source` is what the command `live` takes: a video file, an image or a folder of images, the
    number or name of a camera, an address such as rtsp://host/path, "screen" or "pattern". Files
    are read as fast as their frames can be computed, and no frame is left out. `size` (width,
    height) in pixels is requested from a camera or the pattern. `rate` in frames per second is
    requested from these, the screen or a folder. With `tiles` from 2 to 16, small objects are
    looked for in so many overlapping tiles of each frame too. The other arguments are those of
    `load`.

    Raises what `load` raises, `UsageError` if `source` or `tiles` is not valid, `MediaError` if the
    source cannot be opened, and `MissingPackageError` if a package for it is not installed.
    """
    if tiles == "auto":
        raise UsageError('tiles="auto" needs tracking; call `track`, or give a number of tiles')
    check_tiles(tiles)
    detector = load(
        model,
        backend=backend,
        precision=precision,
        threshold=threshold,
        classes=classes,
        notify=notify,
        workload="throughput",
    )
    return SourceDetections(str(source), SourceOptions(size, rate), detector, tiles=tiles)


def track(
    source: str | Path | int,
    *,
    form: TrackingForm = "live",
    model: str = DEFAULT_MODEL,
    backend: str = "auto",
    precision: Precision | Literal["auto"] = "auto",
    threshold: float | None = None,
    classes: Sequence[str] = (),
    size: tuple[int, int] | None = None,
    rate: float | None = None,
    tiles: int | Literal["auto"] = 0,
    notify: Callable[[str], None] = lambda _: None,
) -> SourceDetections:
    """Return an iterator over the frames of a source, each with its tracked objects.

    `track_ids` and `observed` of the `Detections` are then set. With the form "live" each frame is
    answered at once. With "two-pass" the whole source is read before the first frame is returned,
    and again for the frames: that finds more, and fills gaps. It needs a file or a folder. A single
    image has no tracks.
    `threshold` is the lowest score of a track that is shown. With `tiles` "auto", small objects are
    looked for in at most two tiles of a frame, where something moves. The other arguments are those
    of `detect`.

    Raises what `detect` raises, and `UsageError` if a live source is to be read twice.
    """
    check_tiles(tiles)
    file = find_model(model)
    shown = detection_filter(file.metadata, threshold, classes)
    tracking, wanted = for_tracking(form, file.metadata, shown)
    choice = choose(file, backend, precision, workload="throughput", notify=notify)
    detector = Detector(file, choice, wanted, "throughput")
    return SourceDetections(str(source), SourceOptions(size, rate), detector, tracking, tiles)
