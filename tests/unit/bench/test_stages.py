"""What each stage costs, alone in one thread."""

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from ssd_live.bench.stages import ANALYSIS, NMS, TRACKING, VIDEO, stage_costs
from ssd_live.errors import MediaError
from ssd_live.selection.choice import BackendChoice
from tests.clips import with_rotation, write_clip
from tests.tiny_model import tiny_model

FRAMES = 6
OPENVINO = BackendChoice("openvino", "CPU", "fp32")
FINDS = tiny_model([[0.1, 0.1, 0.5, 0.9]], [[0.9, 0.0]])
FINDS_NOTHING = tiny_model()

CLIPS: dict[str, Callable[[Path], Path]] = {
    "ordinary": lambda folder: write_clip(folder / "in.mp4", FRAMES, size=(320, 136)),
    "one frame": lambda folder: write_clip(folder / "in.mp4", 1, size=(320, 136)),
    "odd sides": lambda folder: write_clip(
        folder / "in.mkv", FRAMES, size=(161, 121), pixel_format="yuv444p"
    ),
    "rotated": lambda folder: with_rotation(
        write_clip(folder / "flat.mp4", FRAMES, size=(320, 136)), folder / "in.mp4", 90
    ),
    "motion JPEG": lambda folder: write_clip(
        folder / "in.avi", FRAMES, codec="mjpeg", size=(320, 136), pixel_format="yuvj420p"
    ),
    "uneven times": lambda folder: write_clip(
        folder / "in.mkv",
        FRAMES,
        size=(320, 136),
        time_base=Fraction(1, 1000),
        pts=lambda index: 7 * index**2,
    ),
}


@pytest.mark.parametrize("kind", CLIPS)
@pytest.mark.parametrize("model", [FINDS, FINDS_NOTHING], ids=["finds", "finds nothing"])
def test_every_stage_is_measured_of_any_clip(kind: str, model: object, tmp_path: Path) -> None:
    costs = stage_costs(CLIPS[kind](tmp_path), model, OPENVINO)  # type: ignore[arg-type]
    assert set(costs) == {*VIDEO, *TRACKING, NMS}
    assert all(cost >= 0 for cost in costs.values())
    assert costs["decode"] > 0
    assert costs["encode"] > 0


def test_the_stages_together_cost_no_more_than_measuring_them_did(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mp4", FRAMES)
    before = time.process_time()
    costs = stage_costs(clip, FINDS, OPENVINO)
    assert 0 < FRAMES * sum(costs[stage] for stage in VIDEO) <= time.process_time() - before


def test_video_goes_through_all_that_detections_do() -> None:
    assert VIDEO[: len(ANALYSIS)] == ANALYSIS


def test_a_clip_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("these are only words")
    with pytest.raises(MediaError, match="not a video"):
        stage_costs(tmp_path / "text.mp4", FINDS, OPENVINO)
