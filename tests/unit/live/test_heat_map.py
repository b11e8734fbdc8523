"""The heat map of a live source."""

import numpy as np

from ssd_live.detection.filter import DetectionFilter
from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame
from ssd_live.live.heat_map import LiveHeatMap
from ssd_live.pipeline.live import LiveFrame

SHOWN = DetectionFilter(("cat", "dog"), 0.5, np.array([True, False]))


def _frame(
    x: float,
    *,
    score: float = 0.9,
    class_id: int = 0,
    observed: bool | None = None,
    source_number: int = 1,
    size: tuple[int, int] = (200, 100),
) -> tuple[LiveFrame, Detections]:
    """A frame with one object, whose feet are at (x, 80), and what is shown of it."""
    found = Detections(
        np.array([[x - 5, 60, x + 5, 80]], np.float32),
        np.array([score], np.float32),
        np.array([class_id], np.int32),
        SHOWN.classes,
        None if observed is None else np.ones(1, np.int64),
        None if observed is None else np.array([observed]),
    )
    frame = Frame((np.zeros((size[1], size[0], 3), np.uint8),))
    return LiveFrame(frame, found, source_number=source_number), SHOWN.of(found)


def _hottest(heat: LiveHeatMap) -> tuple[float, float] | None:
    """The hottest place, as shares of the frame, or None."""
    pixels = heat.pixels()
    if pixels is None:
        return None
    height, width = pixels.shape[:2]
    rows, columns = np.nonzero(pixels[:, :, 3] == pixels[:, :, 3].max())
    return float(columns.mean() / width), float(rows.mean() / height)


def test_feet_are_where_it_is_hot() -> None:
    heat = LiveHeatMap()
    assert heat.pixels() is None
    for _ in range(10):
        heat.note(*_frame(50))
    heat.note(*_frame(150))
    hottest = _hottest(heat)
    assert hottest is not None
    np.testing.assert_allclose(hottest, (0.25, 0.8), atol=0.03)


def test_only_what_is_shown_and_seen_counts() -> None:
    heat = LiveHeatMap()
    for frame in (
        _frame(50, score=0.4),
        _frame(50, class_id=1),
        _frame(50, observed=False),
    ):
        heat.note(*frame)
    assert heat.pixels() is None
    heat.note(*_frame(50, observed=True))
    assert heat.pixels() is not None


def test_another_source_or_size_begins_anew_and_late_frames_do_not_count() -> None:
    heat = LiveHeatMap()
    heat.note(*_frame(50))
    heat.note(*_frame(150, source_number=2))
    heat.note(*_frame(50, source_number=1))
    assert _hottest(heat) == _hottest_of(150)
    heat.note(*_frame(150, source_number=2, size=(400, 100)))
    pixels = heat.pixels()
    assert pixels is not None
    assert pixels.shape[:2] == (24 * 4, 96 * 4)
    heat.clear()
    assert heat.pixels() is None


def _hottest_of(x: float) -> tuple[float, float] | None:
    heat = LiveHeatMap()
    heat.note(*_frame(x))
    return _hottest(heat)
