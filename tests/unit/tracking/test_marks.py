"""Which boxes are marked as filled in."""

import numpy as np

from ssd_live.detections import Detections, no_detections
from ssd_live.tracking.marks import Marks


def _found(**observed: bool) -> Detections:
    """Tracks with the ids 1, 2 ... for each letter of the alphabet."""
    count = len(observed)
    return Detections(
        np.zeros((count, 4), np.float32),
        np.zeros(count, np.float32),
        np.zeros(count, np.int32),
        ("a",),
        np.array([ord(name) - ord("a") + 1 for name in observed], np.int64),
        np.array(list(observed.values()), bool),
    )


def test_what_inference_missed_is_marked() -> None:
    assert Marks().of(_found(a=True, b=False), inferred=True).tolist() == [False, True]


def test_between_two_inferences_nothing_changes() -> None:
    marks = Marks()
    marks.of(_found(a=True, b=False), inferred=True)
    for _ in range(3):
        assert marks.of(_found(a=False, b=False), inferred=False).tolist() == [False, True]
    assert marks.of(_found(b=True, a=False), inferred=True).tolist() == [False, True]


def test_without_tracks_nothing_is_marked() -> None:
    found = no_detections(("a",))
    assert Marks().of(found, inferred=True).tolist() == []
