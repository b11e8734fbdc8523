"""What several models found in one frame, as one."""

import numpy as np

from ssd_live.detections import Detections
from ssd_live.process.job import ProcessOptions
from ssd_live.process.redaction import RedactionOptions, united
from ssd_live.video.writer import Quality


def _found(classes: tuple[str, ...], scores: list[float], *, tracked: bool = True) -> Detections:
    count = len(scores)
    return Detections(
        np.arange(4 * count, dtype=np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.arange(count, dtype=np.int32) % len(classes),
        classes,
        np.arange(1, count + 1) if tracked else None,
        np.full(count, True) if tracked else None,
    )


def test_classes_and_ids_of_two_models_stay_apart() -> None:
    both = united([_found(("dog", "person"), [0.9, 0.3]), _found(("Face",), [0.5])], [0, 2])
    assert both.names == ["dog", "Face", "person"]
    assert both.classes == ("dog", "person", "Face")
    assert both.track_ids is not None
    assert both.track_ids.tolist() == [1, 3, 2]
    assert both.boxes[:, 0].tolist() == [0, 0, 4]


def test_images_have_no_ids() -> None:
    both = united([_found(("a",), [0.2], tracked=False), _found(("b",), [], tracked=False)], [0, 0])
    assert both.track_ids is None
    assert both.names == ["a"]


def test_settings_that_change_the_result_change_the_key_and_no_other_key() -> None:
    keys = {
        ProcessOptions(Quality("h264", 21), redaction=redaction).key_text
        for redaction in (
            None,
            RedactionOptions(("person",)),
            RedactionOptions(("face",)),
            RedactionOptions(("face",), "blur"),
            RedactionOptions(("face",), margin=0.3),
            RedactionOptions(("face",), sound="remove"),
        )
    }
    assert len(keys) == 6
    assert "redaction" not in ProcessOptions(Quality("h264", 21)).key_text
