"""Tracking in the live pipeline."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

import ssd_live
from ssd_live.detection.filter import DetectionFilter
from ssd_live.detections import Detections, no_detections
from ssd_live.errors import SsdLiveError
from ssd_live.imaging.pixels import Pixels
from ssd_live.pipeline.capture import CaptureOptions
from ssd_live.pipeline.live import LivePipeline
from ssd_live.remote.network import LiveModel
from ssd_live.video.sources import parse_source
from tests.live_parts import VIEW, MemoryBackend, MemoryPending, Painter, network_of
from tests.waiting import wait_until

PATTERN = parse_source("pattern:64x36@100")


def _network(name: str = "thing") -> LiveModel:
    """A network that finds one thing in every frame."""
    network = network_of(MemoryBackend())
    return replace(
        network,
        accept_all=DetectionFilter((name,), 0.0, np.array([True])),
        thresholds=(0.4,),
    )


@contextmanager
def _tracking(source: str = "pattern:64x36@100") -> Iterator[tuple[LivePipeline, Painter]]:
    with LivePipeline(lambda: None) as pipeline:
        pipeline.track_objects(True)
        pipeline.use(_network())
        pipeline.set_viewport(VIEW)
        pipeline.open(parse_source(source), CaptureOptions())
        yield pipeline, Painter()


def _found(pipeline: LivePipeline, painter: Painter) -> Detections:
    found = painter.paint_next(pipeline).detections
    return no_detections() if found is None else found


def _next_ids(pipeline: LivePipeline, painter: Painter) -> list[int]:
    """The ids in the next picture that has any."""
    ids: list[int] = []

    def are_there() -> bool:
        found = _found(pipeline, painter)
        ids[:] = [] if found.track_ids is None else found.track_ids.tolist()
        return bool(ids)

    wait_until(are_there, what="an object with an id")
    return ids


def test_a_thing_keeps_its_id() -> None:
    with _tracking() as (pipeline, painter):
        assert _next_ids(pipeline, painter) == [1]
        for _ in range(20):
            assert _next_ids(pipeline, painter) == [1]


def test_without_tracking_there_are_no_ids() -> None:
    with _tracking() as (pipeline, painter):
        _next_ids(pipeline, painter)
        pipeline.track_objects(False)
        wait_until(
            lambda: (its := _found(pipeline, painter)).track_ids is None and len(its) == 1,
            what="detections without ids",
        )


def test_another_source_has_other_objects() -> None:
    with _tracking() as (pipeline, painter):
        assert _next_ids(pipeline, painter) == [1]
        pipeline.open(PATTERN, CaptureOptions())
        wait_until(lambda: _next_ids(pipeline, painter) == [2], what="a new id")


def test_the_same_model_on_another_backend_goes_on() -> None:
    with _tracking() as (pipeline, painter):
        assert _next_ids(pipeline, painter) == [1]
        other = _network()
        pipeline.use(other)
        wait_until(lambda: pipeline.network is other, what="the other network")
        for _ in range(5):
            assert _next_ids(pipeline, painter) == [1]


def test_no_id_is_given_twice_by_another_model_or_after_a_break() -> None:
    with _tracking() as (pipeline, painter):
        assert _next_ids(pipeline, painter) == [1]
        pipeline.use(_network("other"))
        wait_until(lambda: _next_ids(pipeline, painter) == [2], what="an id of the other model")
        pipeline.track_objects(False)
        wait_until(lambda: _found(pipeline, painter).track_ids is None, what="no ids")
        pipeline.track_objects(True)
        wait_until(lambda: _next_ids(pipeline, painter) == [3], what="an id after the break")


def test_what_is_not_shown_gets_no_id() -> None:
    with _tracking() as (pipeline, painter):
        pipeline.shown_thresholds = np.array([0.95], np.float32)
        pipeline.open(PATTERN, CaptureOptions())
        for _ in range(20):
            found = _found(pipeline, painter)
        assert found.track_ids is not None
        assert len(found) == 0
        pipeline.shown_thresholds = np.array([0.5], np.float32)
        assert len(_next_ids(pipeline, painter)) == 1


def test_an_image_is_not_tracked(tmp_path: Path) -> None:
    import cv2

    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.full((36, 64, 3), 99, np.uint8))
    with _tracking(str(path)) as (pipeline, painter):
        wait_until(lambda: len(_found(pipeline, painter)) == 1, what="the thing in the image")
        assert painter.painted[-1].detections is not None
        assert painter.painted[-1].detections.track_ids is None


@pytest.fixture
def quiet_clip(tmp_path: Path) -> str:
    """Four seconds in which nothing moves."""
    path = tmp_path / "quiet.mkv"
    with ssd_live.VideoFile(path, rate=50) as video:
        for _ in range(200):
            video.write(np.full((64, 64, 3), 99, np.uint8))
    return str(path)


def test_power_is_saved_where_nothing_moves(quiet_clip: str) -> None:
    backend = MemoryBackend()
    with LivePipeline(lambda: None) as pipeline:
        pipeline.track_objects(True)
        pipeline.saves_power = True
        pipeline.use(replace(_network(), backend=backend))
        pipeline.set_viewport(VIEW)
        pipeline.open(parse_source(quiet_clip), CaptureOptions(loop=False))
        painter = Painter()
        pictures = painter.paint_many(pipeline, 120)
    # The first two make the track. After them, it is one every 0.4 s, for 2.4 s or more.
    assert backend.submitted < 25
    foretold = [picture for picture in pictures if not picture.inferred]
    assert len(foretold) > 80
    late = [picture.detections for picture in pictures[60:] if picture.detections is not None]
    assert all(its.track_ids is not None and its.track_ids.tolist() == [1] for its in late)


def test_without_tracking_every_frame_is_inferred(quiet_clip: str) -> None:
    with LivePipeline(lambda: None) as pipeline:
        pipeline.saves_power = True
        pipeline.use(_network())
        pipeline.set_viewport(VIEW)
        pipeline.open(parse_source(quiet_clip), CaptureOptions())
        assert all(picture.inferred for picture in Painter().paint_many(pipeline, 20))


class TogglingBackend(MemoryBackend):
    """A backend during whose work the user turns tracking on and off."""

    pipeline: LivePipeline

    def submit(self, images: Pixels) -> MemoryPending:
        self.pipeline.track_objects(next(self.on))
        return super().submit(images)

    on = cycle([True] * 70 + [False])


def test_tracking_may_be_turned_on_and_off_at_any_moment() -> None:
    deaths: list[SsdLiveError] = []
    backend = TogglingBackend()
    with LivePipeline(lambda: None, on_death=deaths.append) as pipeline:
        backend.pipeline = pipeline
        pipeline.use(replace(_network(), backend=backend))
        pipeline.set_viewport(VIEW)
        pipeline.open(PATTERN, CaptureOptions())
        painter = Painter()
        wait_until(lambda: pipeline.network is not None, what="a network")
        for _ in range(100):
            painter.paint_next(pipeline)
    assert deaths == []
