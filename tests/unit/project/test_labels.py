"""Images of a project stand in the order that a person expects."""

from ssd_live.project.carry import without_copies
from ssd_live.project.labels import LabelledBox, ProjectImage, in_order


def _image(number: int, source: str, seconds: float | None) -> ProjectImage:
    return ProjectImage(number, f"{number}.png", 64, 48, source=source, seconds=seconds)


def test_frames_of_a_video_stand_together_by_their_time() -> None:
    images = [
        _image(1, "a", 3.0),
        _image(2, "photos", None),
        _image(3, "b", 1.0),
        _image(4, "a", 1.0),
        _image(5, "photos", None),
        _image(6, "b", 0.5),
        _image(7, "a", 3.0),
    ]
    assert [image.number for image in in_order(reversed(images))] == [4, 1, 7, 2, 6, 3, 5]


def test_a_box_at_the_place_of_one_of_its_class_is_a_copy() -> None:
    there = [LabelledBox(1, (0.0, 0.0, 10.0, 10.0)), LabelledBox(1, (50.0, 0.0, 60.0, 10.0))]
    new = [
        LabelledBox(1, (1.0, 1.0, 11.0, 11.0)),
        LabelledBox(2, (1.0, 1.0, 11.0, 11.0)),
        LabelledBox(1, (5.0, 5.0, 15.0, 15.0)),
        LabelledBox(1, (50.0, 0.0, 60.0, 9.0), score=0.5),
    ]
    assert without_copies(new, there) == new[1:3]
    assert without_copies(new, []) == new
