"""Objects are followed through a video, and their boxes are carried into its images."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from ssd_live.errors import MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.pixels import Pixels
from ssd_live.project.collect import Collector, add_video
from ssd_live.project.follow import Follower, carried_through
from ssd_live.project.labels import Box, LabelledBox, ProjectImage
from ssd_live.project.store import Project, create_project

WIDTH, HEIGHT, RATE, COUNT = 320, 240, 10, 50
_random = np.random.default_rng(3)
BACKGROUND = np.asarray(
    cv2.resize(_random.integers(60, 160, (30, 40, 3)).astype(np.uint8), (WIDTH, HEIGHT)), np.uint8
)
THING = cv2.resize(_random.integers(0, 255, (8, 6, 3)).astype(np.uint8), (60, 80))


def _place(index: int) -> Box:
    """Where the first object is in a frame: it goes across, turns, and grows by half."""
    size = 1 + index / COUNT / 2
    x, y = 60 + 3 * index, 100 + 25 * np.sin(index / 8)
    return x - 15 * size, y - 20 * size, x + 15 * size, y + 20 * size


def _leaving(index: int) -> Box:
    """Where the second object is: it leaves the picture at the bottom after 20 frames."""
    return 20.0, 150.0 + 5 * index, 60.0, 200.0 + 5 * index


def _frame(index: int) -> Pixels:
    """A frame with both objects."""
    image = BACKGROUND.copy()
    for (x1, y1, x2, y2), thing in ((_place(index), THING), (_leaving(index), THING[::-1])):
        height, width = thing.shape[:2]
        turn = np.array([[(x2 - x1) / width, 0, x1], [0, (y2 - y1) / height, y1]], np.float64)
        cv2.warpAffine(thing, turn, (WIDTH, HEIGHT), dst=image, borderMode=cv2.BORDER_TRANSPARENT)
    return np.ascontiguousarray(image)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("follow") / "things.mp4"
    with av.open(str(path), "w") as target:
        stream: Any = target.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(COUNT):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(_frame(index), "bgr24")))
        target.mux(stream.encode(None))
    return path


@pytest.fixture
def project(tmp_path: Path, clip: Path) -> Iterator[Project]:
    """A project with a frame of each half second, of which the first has both boxes."""
    create_project(tmp_path / "things", ["Mug", "Bowl"])
    with Project(tmp_path / "things") as project:
        collector = Collector(project, keeps_near=True)
        add_video(collector, clip, 0.5, 100)
        collector.finish()
        boxes = (LabelledBox(1, _place(0)), LabelledBox(2, _leaving(0), difficult=True))
        project.put([replace(project.images[0], boxes=boxes, is_labelled=True)])
        yield project


def _overlap(one: Box, other: Box) -> float:
    common = np.maximum(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0).prod()
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return float(common / (sum(areas) - common))


def _of_class(image: ProjectImage, number: int) -> list[LabelledBox]:
    return [each for each in image.boxes if each.class_id == number]


def test_objects_are_followed_through_all_frames_of_their_video(project: Project) -> None:
    told: list[tuple[int, int]] = []
    first = project.images[0]
    carried = list(
        carried_through(project, first, progress=lambda done, count: told.append((done, count)))
    )
    assert [image.number for image in carried] == [its.number for its in project.images[1:]]
    assert told == [(done, 9) for done in range(1, 10)]
    for image in carried:
        index = round((image.seconds or 0) * RATE)
        (mug,) = _of_class(image, 1)
        assert _overlap(mug.box, _place(index)) > 0.75
        assert mug.score is not None
        assert 0.3 <= mug.score <= 1
        assert not image.is_labelled
    # Less than 40 % of the bowl can be seen from the frame 13 on.
    bowls = [_of_class(image, 2) for image in carried]
    assert [len(its) for its in bowls] == [1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert bowls[1][0].difficult
    assert bowls[1][0].box == pytest.approx((20, 200, 60, 240), abs=4)
    # Nothing is changed by it.
    assert not any(image.boxes for image in project.images[1:])


def test_following_ends_at_labels_and_keeps_what_was_drawn(project: Project) -> None:
    images = project.images
    drawn = LabelledBox(1, tuple(value + 2 for value in _place(10)))  # type: ignore[arg-type]
    wrong = LabelledBox(1, (200.0, 20.0, 240.0, 60.0), score=0.9)
    project.put(
        [replace(images[2], boxes=(drawn, wrong)), replace(images[4], is_labelled=True, boxes=())]
    )
    carried = list(carried_through(project, images[0]))
    assert [image.number for image in carried] == [images[its].number for its in (1, 2, 3)]
    # The drawn box stays, and a suggestion for the same object is not put beside it.
    assert _of_class(carried[1], 1) == [drawn]
    assert len(_of_class(carried[1], 2)) == 1


def test_following_can_be_stopped(project: Project) -> None:
    seen: list[int] = []
    carried = carried_through(
        project,
        project.images[0],
        is_stopped=lambda: len(seen) >= 2,
        progress=lambda done, count: seen.append(done),
    )
    assert len(list(carried)) == 2


@pytest.mark.parametrize("what", ["gone", "another", "smaller", "damaged"])
def test_without_the_video_boxes_are_carried_from_image_to_image(
    project: Project, tmp_path: Path, what: str
) -> None:
    path = tmp_path / "video.mp4"
    if what in ("another", "smaller"):
        height = HEIGHT if what == "another" else HEIGHT // 2
        with av.open(str(path), "w") as target:
            stream: Any = target.add_stream("libx264", rate=RATE)
            stream.width, stream.height, stream.pix_fmt = WIDTH, height, "yuv420p"
            for index in range(20):
                plain = np.full((height, WIDTH, 3), 12 * index, np.uint8)
                plain[:, : 15 * index] = 0
                target.mux(stream.encode(av.VideoFrame.from_ndarray(plain, "bgr24")))
            target.mux(stream.encode(None))
    elif what == "damaged":
        path.write_bytes(b"no video")
    project.put([replace(image, source=str(path)) for image in project.images])
    stops: list[int] = []
    carried = list(
        carried_through(
            project, project.images[0], progress=lambda done, count: stops.append(count)
        )
    )
    (mug,) = _of_class(carried[0], 1)
    assert _overlap(mug.box, _place(5)) > 0.6
    assert stops[0] == 9
    assert not list(carried_through(project, project.images[0], is_stopped=lambda: True))


def test_only_frames_of_the_same_video_and_size_are_carried_into(project: Project) -> None:
    photo = replace(project.images[0], seconds=None)
    assert not list(carried_through(project, photo))
    last = project.images[-1]
    assert not list(carried_through(project, last))
    others = [replace(image, width=100) for image in project.images[1:5]]
    others += [replace(image, source="other.mp4") for image in project.images[5:]]
    project.put(others)
    assert not list(carried_through(project, project.images[0]))


def test_an_object_that_is_hidden_or_outside_is_lost() -> None:
    follower = Follower(_place(0), _frame(0))
    assert follower.follow(_frame(1))
    assert not follower.follow(BACKGROUND)
    # In a picture of one colour, nothing is like it.
    assert not Follower(_place(0), _frame(0)).follow(np.zeros_like(BACKGROUND))
    # The object is outside at once.
    assert not Follower((-40.0, -40.0, -1.0, -1.0), _frame(0)).follow(_frame(0))


def test_an_object_is_found_at_the_edge_of_where_it_is_looked_for() -> None:
    x1, y1, x2, y2 = _place(0)
    follower = Follower((x1, y1, x2, y2), _frame(0))
    assert follower.follow(np.roll(_frame(0), 12, axis=1))
    assert follower.box == pytest.approx((x1 + 12, y1, x2 + 12, y2), abs=1.5)


def test_a_large_object_is_followed_in_smaller_pictures() -> None:
    def large(index: int) -> Pixels:
        return cv2.resize(_frame(index), None, fx=6, fy=6)  # type: ignore[return-value]

    x1, y1, x2, y2 = _place(0)
    follower = Follower((6 * x1, 6 * y1, 6 * x2, 6 * y2), large(0))
    for index in range(1, 15):
        assert follower.follow(large(index))
    x1, y1, x2, y2 = _place(14)
    assert _overlap(follower.box, (6 * x1, 6 * y1, 6 * x2, 6 * y2)) > 0.75


def test_an_image_may_be_gone_if_the_video_is_there(project: Project, tmp_path: Path) -> None:
    project.path_of(project.images[0]).unlink()
    assert len(list(carried_through(project, project.images[0]))) == 9
    gone = str(tmp_path / "gone.mp4")
    project.put([replace(image, source=gone) for image in project.images])
    with pytest.raises(MediaError, match="no such file"):
        list(carried_through(project, project.images[0]))


def test_nothing_is_changed_where_no_object_was_found(project: Project) -> None:
    """Suggestions of a model stay where every object was lost."""
    first, *others = project.images
    guess = LabelledBox(1, (5.0, 5.0, 50.0, 50.0), score=0.7)
    project.put([replace(image, boxes=(guess,)) for image in others])
    only_bowl = replace(first, boxes=(LabelledBox(2, _leaving(0)),))
    changed = list(carried_through(project, only_bowl))
    assert [image.number for image in changed] == [image.number for image in others[:2]]
    assert all(len(image.boxes) == 1 and image.boxes[0].class_id == 2 for image in changed)
    # From image to image it is the same.
    project.put([replace(image, source="gone.mp4") for image in project.images])
    changed = list(carried_through(project, replace(only_bowl, source="gone.mp4")))
    assert 0 < len(changed) < len(others)


def test_a_path_that_is_no_path_is_no_video(project: Project) -> None:
    project.put([replace(image, source="x" * 5000) for image in project.images])
    assert list(carried_through(project, project.images[0]))


def test_an_object_without_contrast_cannot_be_followed() -> None:
    plain = BACKGROUND.copy()
    plain[50:90, 50:90] = 255
    assert not Follower((50.0, 50.0, 90.0, 90.0), plain).follow(plain)
    # A box without a size is one of a pixel.
    assert not Follower((60.0, 60.0, 60.0, 60.0), plain).follow(plain)


def test_images_that_fall_on_one_frame_are_all_carried_into(project: Project) -> None:
    first, second, *_ = project.images
    twin = replace(second, number=project.next_number(), seconds=(second.seconds or 0) - 0.04)
    project.put([twin])
    numbers = [image.number for image in carried_through(project, first)]
    assert numbers[:2] == [twin.number, second.number]


def test_frames_of_a_camera_are_carried_from_image_to_image(tmp_path: Path) -> None:
    create_project(tmp_path / "camera", ["Mug"])
    with Project(tmp_path / "camera") as project:
        collector = Collector(project, keeps_near=True)
        for index in range(3):
            frame = Frame((_frame(2 * index),))
            collector.add_frame(frame, "live", "Camera 0", 1.7e9 + 2 * index)
        collector.finish()
        first = replace(project.images[0], boxes=(LabelledBox(1, _place(0)),))
        project.put([first])
        carried = list(carried_through(project, first))
        assert [
            _overlap(image.boxes[0].box, _place(2 * at)) > 0.7
            for at, image in enumerate(carried, 1)
        ] == [
            True,
            True,
        ]
