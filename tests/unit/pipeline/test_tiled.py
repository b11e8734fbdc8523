"""Small objects in tiles: the file pipeline and the live pipeline against a slow reference."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from ssd_live.backends.base import Outputs
from ssd_live.closing import Closing
from ssd_live.detection.filter import DetectionFilter
from ssd_live.detection.tile_chooser import TileChooser, Tiles
from ssd_live.detection.tiles import Found, TileMerger
from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame, InputFit, Region, Resize
from ssd_live.imaging.pixels import Pixels
from ssd_live.pipeline.batch import BatchPipeline
from ssd_live.pipeline.capture import CaptureOptions
from ssd_live.pipeline.in_flight import FrameDetections, InferenceConfig
from ssd_live.pipeline.live import LivePipeline
from ssd_live.remote.network import LiveModel
from ssd_live.tracking.appearance import colour_histograms
from ssd_live.video.sources import parse_source
from tests.live_parts import VIEW, Painter
from tests.waiting import wait_until

INPUT = (40, 30)
WIDTH, HEIGHT = 160, 90
MOST_SPOTS = 8
WANTED = DetectionFilter(("spot",), 0.3, np.array([True]))


class SpotBackend(Closing):
    """Finds bright spots; the brighter, the surer. A spot that is shrunk much is not bright.

    It computes only when the outputs are asked for, answers out of buffers that it uses again, and
    refuses more batches in flight than it has slots.
    """

    description = "spots"

    def __init__(self, slots: int = 1, batch: int = 1) -> None:
        self.slots, self.batch = slots, batch
        self.in_flight = self.images = 0
        kinds = (
            ((1,), np.int32),
            ((MOST_SPOTS, 4), np.float32),
            ((MOST_SPOTS,), np.float32),
            ((MOST_SPOTS,), np.int32),
        )
        self._buffers = [
            Outputs(*(np.zeros((batch, *shape), kind) for shape, kind in kinds))
            for _ in range(slots)
        ]

    def submit(self, images: Pixels) -> "_Spots":
        assert images.shape == (self.batch, INPUT[1], INPUT[0], 3)
        buffers = self._buffers[self.images // self.batch % self.slots]
        for array in buffers:
            array.fill(-1)  # the slot's last answer is gone
        self.in_flight += 1
        self.images += self.batch
        assert self.in_flight <= self.slots
        return _Spots(self, images, buffers)

    def share(self) -> "SpotBackend":
        return SpotBackend()

    def close(self) -> None:
        pass


@dataclass
class _Spots:
    backend: SpotBackend
    images: Pixels
    outputs: Outputs

    def result(self, timeout: float | None = None) -> Outputs:
        self.backend.in_flight -= 1
        for place, image in enumerate(self.images):
            _fill(self.outputs, place, image)
        return self.outputs


def _fill(outputs: Outputs, place: int, image: Pixels) -> None:
    """Answer for one image: a box of 5 x 5 pixels around each of the brightest pixels."""
    level = image.max(2).astype(float)
    rows, columns = np.nonzero(level > 60)
    order = np.argsort(-level[rows, columns], kind="stable")[:MOST_SPOTS]
    outputs.num_detections[place] = len(order)
    for number, pixel in enumerate(order):
        x, y = columns[pixel] + 0.5, rows[pixel] + 0.5
        box = ((x - 2.5) / INPUT[0], (y - 2.5) / INPUT[1])
        outputs.boxes[place, number] = (*box, box[0] + 5 / INPUT[0], box[1] + 5 / INPUT[1])
        outputs.scores[place, number] = level[rows[pixel], columns[pixel]] / 255
    outputs.classes[place] = 0


def _scene(index: int) -> NDArray[np.uint8]:
    """A dark place with a few spots, of which one moves."""
    image = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
    for x, y in ((30, 20), (75, 44), (130, 70), (20 + 2 * (index % 40), 60)):
        image[y : y + 2, x : x + 2] = (200, 255, 230)
    return image


def _frames(count: int) -> list[Frame]:
    return [
        Frame((_scene(index),), index=index, pts=index, time=index / 30) for index in range(count)
    ]


def _reference(
    frames: list[Frame], tiles: Tiles, region: Region | None, resize: Resize = "stretch, linear"
) -> list[Found]:
    """Each view of each frame by itself, one after the other."""
    fit = InputFit(INPUT, resize)
    chooser, merger = TileChooser(tiles, INPUT, region), TileMerger(fit)
    outputs = SpotBackend().submit(np.zeros((1, INPUT[1], INPUT[0], 3), np.uint8)).outputs
    found = []
    for frame in frames:

        def look(its: Region | None, frame: Frame = frame) -> Found:
            image, shown = fit.image(frame, its), fit.region((WIDTH, HEIGHT), its)
            _fill(outputs, 0, image)
            found = WANTED.detections(outputs, 0, (WIDTH, HEIGHT), shown)
            area = shown or Region(0, 0, WIDTH, HEIGHT)
            return found, colour_histograms(image, found.boxes, area)

        use = chooser.use(frame)
        looked = {tile: look(tile.region) for tile in use.looked}
        found.append(merger.merged(use.area, look(region), looked, use.unchanged))
    return found


@pytest.mark.parametrize(("slots", "batch"), [(1, 1), (2, 1), (3, 1), (1, 4), (2, 4)])
@pytest.mark.parametrize("tiles", [2, 6, "auto"])
@pytest.mark.parametrize("region", [None, Region(20, 10, 120, 70)])
@pytest.mark.parametrize("resize_threads", [0, 2])
@pytest.mark.parametrize("resize", get_args(Resize))
def test_the_pipeline_finds_what_the_slow_way_finds(
    slots: int,
    batch: int,
    tiles: Tiles,
    region: Region | None,
    resize_threads: int,
    resize: Resize,
) -> None:
    frames = _frames(45)
    items: list[FrameDetections] = []
    backend = SpotBackend(slots, batch)
    config = InferenceConfig(
        backend, INPUT, WANTED, 1, region, batch, resize_threads, True, tiles, resize
    )
    pipeline: BatchPipeline[None] = BatchPipeline(iter(frames), config, items.append, pixels=False)  # type: ignore[arg-type]
    pipeline.run()
    expected = _reference(frames, tiles, region, resize)
    assert [item.frame.index for item in items] == list(range(45))
    for item, (found, looks) in zip(items, expected, strict=True):
        assert item.detections.to_dict() == found.to_dict()
        assert item.looks is not None
        np.testing.assert_array_equal(item.looks, looks)
    assert backend.in_flight == 0


def test_small_things_are_found_only_in_tiles() -> None:
    frames = _frames(10)
    counts = {}
    for tiles in (0, 6):
        items: list[FrameDetections] = []
        config = InferenceConfig(SpotBackend(), INPUT, WANTED, tiles=tiles)
        pipeline: BatchPipeline[None] = BatchPipeline(iter(frames), config, items.append)  # type: ignore[arg-type]
        pipeline.run()
        counts[tiles] = [len(item.detections) for item in items]
    assert min(counts[6]) >= 3 > max(counts[0])


def test_frames_between_have_the_boxes_of_the_frame_before() -> None:
    items: list[FrameDetections] = []
    config = InferenceConfig(SpotBackend(2), INPUT, WANTED, 3, tiles=4)
    pipeline: BatchPipeline[None] = BatchPipeline(iter(_frames(9)), config, items.append)  # type: ignore[arg-type]
    pipeline.run()
    assert [item.stale for item in items] == [False, True, True] * 3
    for index, item in enumerate(items):
        assert item.detections is items[index - index % 3].detections


@contextmanager
def _live(
    tiles: Tiles, resize: Resize = "stretch, linear"
) -> Iterator[tuple[LivePipeline, Painter]]:
    network = LiveModel(
        SpotBackend(), INPUT, replace(WANTED, threshold=0.0), "spots", resize=resize
    )
    with LivePipeline(lambda: None) as pipeline:
        pipeline.tiles = tiles
        pipeline.use(network)
        pipeline.set_viewport(VIEW)
        pipeline.open(parse_source("pattern:160x90@60"), CaptureOptions())
        yield pipeline, Painter()


def _found(pipeline: LivePipeline, painter: Painter) -> tuple[Frame, Detections]:
    picture = painter.paint_next(pipeline)
    wait_until(lambda: pipeline.network is not None, what="a network")
    while picture.detections is None:
        picture = painter.paint_next(pipeline)
    return picture.frame, picture.detections


@pytest.mark.parametrize("tiles", [2, 6])
@pytest.mark.parametrize("resize", get_args(Resize))
def test_the_live_pipeline_finds_what_the_slow_way_finds(tiles: Tiles, resize: Resize) -> None:
    with _live(tiles, resize) as (pipeline, painter):
        for _ in range(10):
            frame, found = _found(pipeline, painter)
            ((expected, _),) = _reference([frame], tiles, None, resize)
            strong = found.where(found.scores >= 0.3)
            assert strong.to_dict() == expected.to_dict()


def test_tiles_can_be_turned_on_and_off_while_it_runs() -> None:
    with _live(0) as (pipeline, painter):
        backend = pipeline.network and pipeline.network.backend
        wait_until(lambda: pipeline.network is not None, what="a network")
        assert pipeline.network is not None
        backend = pipeline.network.backend
        assert isinstance(backend, SpotBackend)

        def images_a_frame() -> float:
            for _ in range(3):
                _found(pipeline, painter)
            before = backend.images, pipeline.frame_counter.counts().inferred
            for _ in range(10):
                _found(pipeline, painter)
            frames = pipeline.frame_counter.counts().inferred - before[1]
            return (backend.images - before[0]) / frames

        assert images_a_frame() == pytest.approx(1, abs=0.15)
        pipeline.tiles = 4
        assert images_a_frame() == pytest.approx(5, abs=0.7)
        pipeline.tiles = 0
        assert images_a_frame() == pytest.approx(1, abs=0.15)
