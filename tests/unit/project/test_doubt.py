"""What a network is unsure of is worth a label."""

from dataclasses import replace

import numpy as np
import pytest

from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame
from ssd_live.project.collect import most_unsure
from ssd_live.project.doubt import doubt_in, doubt_of


def _found(*scores: tuple[int, float]) -> Detections:
    """Mugs (0) and bowls (1) with these scores."""
    return Detections(
        np.array([[0, 0, 9, 9]] * len(scores), np.float32).reshape(-1, 4),
        np.array([score for _, score in scores], np.float32),
        np.array([class_id for class_id, _ in scores], np.int64),
        ("Mug", "Bowl"),
    )


def test_a_score_in_the_middle_is_the_most_unsure() -> None:
    assert doubt_of([]) == 0
    assert doubt_of([0.5, 0.99]) == 1
    assert doubt_of([0.9, 0.2]) == pytest.approx(0.4)


def test_only_the_classes_of_the_project_count_if_the_network_knows_one() -> None:
    found = _found((0, 0.9), (1, 0.5))
    assert doubt_in(found, ["mug"]) == pytest.approx(0.2)
    assert doubt_in(found, ["BOWL", "Cup"]) == 1
    assert doubt_in(found, ["Cup"]) == 1
    assert doubt_in(_found(), ["Mug"]) == 0


def test_an_object_that_only_the_tracker_sees_is_unsure() -> None:
    tracked = replace(
        _found((0, 0.95), (1, 0.95)),
        track_ids=np.array([1, 2], np.int64),
        observed=np.array([True, False]),
    )
    assert doubt_in(tracked, ["Bowl"]) == 0.8
    assert doubt_in(tracked, ["Mug"]) == pytest.approx(0.1, abs=1e-6)


def test_the_most_unsure_frame_of_each_time_is_taken() -> None:
    doubts = [0.1, 0.7, 0.9, 0.2, 0.1, 0.1, 0.1, 0.6, 0.6, 0.95]
    frames = [
        (Frame((np.zeros((2, 2, 3), np.uint8),), time=index / 4), doubt)
        for index, doubt in enumerate(doubts)
    ]
    # Nothing in the second from 1 s on is as unsure as 0.6 before 1.75 s.
    assert [(frame.time, doubt) for frame, doubt in most_unsure(frames, 1.0)] == [
        (0.5, 0.9),
        (1.75, 0.6),
        (2.25, 0.95),
    ]
    assert [frame.time for frame, _ in most_unsure(frames[:5], 10.0)] == [0.5]
    assert len(list(most_unsure(frames, 0.0))) == 5
    assert list(most_unsure([], 1.0)) == []
