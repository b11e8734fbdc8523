"""What a live source takes into its lists, counts and sums: only what is shown."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from ssd_live.analytics.zones import Zone
from ssd_live.detection.filter import DetectionFilter
from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame
from ssd_live.live.source import ActiveModel, LiveSource
from ssd_live.pipeline.live import LiveFrame, LivePipeline

SHOWN = DetectionFilter(("cat", "dog"), 0.5, np.array([True, False]))
EVERYWHERE = Zone("all", "area", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))


@pytest.fixture
def source() -> Iterator[LiveSource]:
    with LivePipeline(lambda: None) as pipeline:
        made = LiveSource(pipeline, ActiveModel(filter=SHOWN), lambda _: None)
        made.set_zones([EVERYWHERE])
        yield made


def _frame(
    score: float = 0.9, class_id: int = 0, classes: tuple[str, ...] = ("cat", "dog")
) -> LiveFrame:
    found = Detections(
        np.array([[40, 20, 60, 60]], np.float32),
        np.array([score], np.float32),
        np.array([class_id], np.int32),
        classes,
        np.ones(1, np.int64),
        np.full(1, True),
    )
    return LiveFrame(Frame((np.zeros((100, 100, 3), np.uint8),)), found, source_number=1)


def _taken(source: LiveSource) -> list[bool]:
    return [
        bool(source.seen_objects.newest_first()[0]),
        bool(source.zone_watch.newest_first()),
        source.heat_map.pixels() is not None,
    ]


def test_what_is_shown_is_taken(source: LiveSource) -> None:
    assert source.pipeline.detections_listener is not None
    source.pipeline.detections_listener(_frame())
    assert _taken(source) == [True] * 3


@pytest.mark.parametrize(
    "frame",
    [
        _frame(score=0.4),
        _frame(class_id=1),
        _frame(classes=("another", "model")),
        replace(_frame(), detections=None),
    ],
    ids=["weak", "hidden", "of another model", "without a network"],
)
def test_what_is_not_shown_is_not_taken(frame: LiveFrame, source: LiveSource) -> None:
    assert source.pipeline.detections_listener is not None
    source.pipeline.detections_listener(frame)
    assert _taken(source) == [False] * 3


def test_before_a_model_is_loaded_nothing_is_taken() -> None:
    with LivePipeline(lambda: None) as pipeline:
        made = LiveSource(pipeline, ActiveModel(), lambda _: None)
        made.set_zones([EVERYWHERE])
        assert pipeline.detections_listener is not None
        pipeline.detections_listener(_frame())
        assert _taken(made) == [False] * 3


def test_a_closed_source_forgets_all(source: LiveSource) -> None:
    assert source.pipeline.detections_listener is not None
    source.pipeline.detections_listener(_frame())
    source.close_source()
    assert _taken(source) == [False] * 3
    assert source.zone_watch.zones == ()
    assert not source.pipeline.always_infers
