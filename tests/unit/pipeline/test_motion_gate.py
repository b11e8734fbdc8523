"""On which frames the network looks."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ssd_live.imaging.frame import Frame
from ssd_live.imaging.pixels import bgr_to_yuv420
from ssd_live.pipeline.motion_gate import LONGEST_SECONDS, FrameUse, MotionGate

NOISE = np.random.default_rng(1)
STREET = NOISE.integers(60, 190, (36, 64, 3), np.uint8)
STREET = cv2.resize(STREET, (640, 360), interpolation=cv2.INTER_CUBIC)
SPECKS = NOISE.normal(0, 2, (5, *STREET.shape)).astype(np.int16)
Scene = Callable[[float], NDArray[np.uint8]]


def _still(time: float) -> NDArray[np.uint8]:
    """A camera that sees nothing but has noise."""
    image: NDArray[np.uint8] = np.clip(STREET + SPECKS[round(time * 120) % 5], 0, 255)
    return image.astype(np.uint8)


def _walker(speed: float, begin: float = 0.0) -> Scene:
    """A person of 36 x 90 pixels who walks at this speed in pixels per second."""

    def scene(time: float) -> NDArray[np.uint8]:
        image = _still(time)
        x = int(40 + speed * (time - begin))
        if time >= begin:
            image[150:240, x : x + 36] = 30
        return image

    return scene


def _looks(scene: Scene, seconds: float = 4.0, rate: float = 30.0) -> list[tuple[float, FrameUse]]:
    gate, looks = MotionGate(), []
    for index in range(round(seconds * rate)):
        frame = Frame((scene(index / rate),), index=index, time=index / rate)
        looks.append((frame.time, gate.use(frame)))
    return looks


def _times(looks: list[tuple[float, FrameUse]]) -> list[float]:
    return [time for time, look in looks if look == "detect"]


@pytest.mark.parametrize("rate", [10, 25, 30, 60])
def test_where_nothing_moves_it_looks_after_the_longest_time(rate: float) -> None:
    waits = np.diff(_times(_looks(_still, rate=rate)))
    assert waits.max() <= LONGEST_SECONDS + 1e-9
    assert waits.min() > LONGEST_SECONDS - 1 / rate - 1e-3


def test_faster_motion_is_detected_at_more_often() -> None:
    counts = [len(_times(_looks(_walker(speed)))) for speed in (0, 100, 300)]
    assert counts[0] < counts[1] < counts[2] <= 4 / 0.06


def test_what_enters_is_seen_at_once() -> None:
    times = _times(_looks(_walker(60, begin=1.93)))
    after = [time for time in times if time >= 1.93]
    assert after[0] <= 2.0


def test_a_cut_is_seen_at_once() -> None:
    other = np.roll(STREET, 250, axis=1)
    times = _times(_looks(lambda time: STREET if time < 2.1 else other))
    assert any(abs(time - 2.1) < 0.02 for time in times)


def test_light_that_changes_slowly_is_no_motion() -> None:
    looks = _looks(lambda time: np.clip(_still(time) + 8.0 * time, 0, 255).astype(np.uint8))
    assert len(_times(looks)) <= 12


def test_yuv_frames_are_judged_like_bgr() -> None:
    scene = _walker(75)
    gates = MotionGate(), MotionGate()
    for index in range(60):
        image = scene(index / 30)
        bgr = Frame((image,), index=index, time=index / 30)
        frame_matrix = bgr.matrix
        yuv = Frame(bgr_to_yuv420(image, frame_matrix), "yuv420p", index=index, time=index / 30)
        assert gates[0].use(bgr) == gates[1].use(yuv)


def test_some_frames_between_are_checked() -> None:
    looks = [look for _, look in _looks(_still, seconds=20)]
    between = [look for look in looks if look != "detect"]
    assert between.count("check") == pytest.approx(len(between) / 40, abs=1)


def test_the_same_frames_are_chosen_in_every_run() -> None:
    frames = [_walker(150)(index / 30) for index in range(60)]
    scene = lambda time: frames[round(time * 30)]  # noqa: E731
    assert _looks(scene, 2) == _looks(scene, 2)


def test_time_that_goes_back_is_detected_at() -> None:
    gate = MotionGate()
    assert gate.use(Frame((STREET,), time=50.0)) == "detect"
    assert gate.use(Frame((STREET,), time=1.0)) == "detect"
    assert gate.use(Frame((STREET,), time=1.2)) == "none"


def test_another_size_is_detected_at() -> None:
    gate = MotionGate()
    gate.use(Frame((STREET,), time=0.0))
    assert gate.use(Frame((STREET[:200],), time=0.1)) == "detect"


def test_a_tiny_frame_has_one_tile() -> None:
    gate = MotionGate()
    for index in range(8):
        gate.use(Frame((np.full((2, 2, 3), 30 * index, np.uint8),), time=index / 10))
