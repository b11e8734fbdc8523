"""What a training learns from is fixed when it begins, and is the same in another process."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ssd_live.errors import DataError
from ssd_live.project.labels import LabelledBox, ProjectImage
from ssd_live.project.snapshot import read_snapshot, snapshot_of, write_snapshot
from ssd_live.project.store import Project, create_project

BOX = LabelledBox(3, (10.0, 20.0, 30.0, 40.0))
HARD = LabelledBox(1, (0.0, 0.0, 5.0, 5.0), difficult=True)
GUESS = LabelledBox(1, (1.0, 1.0, 9.0, 9.0), score=0.75)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Classes 1 and 3 are left, because one was merged."""
    create_project(tmp_path / "p", ["Mug", "Cup", "Bowl"])
    with Project(tmp_path / "p") as opened:
        opened.merge_class("Cup", "Mug")
        yield opened


def _image(number: int, *boxes: LabelledBox, labelled: bool = True) -> ProjectImage:
    return ProjectImage(number, f"{number}.jpg", 64, 48, boxes, labelled, "a.mp4", 10.0 * number)


def test_labelled_images_are_split_and_numbered_for_training(project: Project) -> None:
    images = [_image(number, BOX, HARD, GUESS) for number in range(1, 11)]
    project.put([*images, _image(11, BOX, labelled=False)])
    snapshot = snapshot_of(project)
    train, judged = snapshot.data("train"), snapshot.data("judge")
    assert (len(train), len(judged)) == (8, 2)
    assert train.classes == ("Mug", "Bowl")
    first = train.images[0]
    assert first.path == project.folder / "images" / "1.jpg"
    # The classes of a network have no gaps, and a suggestion is no label.
    np.testing.assert_array_equal(first.classes, [1, 0])
    np.testing.assert_array_equal(first.ignored, [False, True])
    np.testing.assert_array_equal(first.boxes, [BOX.box, HARD.box])
    # The parts are kept for the trainings to come.
    assert {image.part for image in project.labelled} == {"train", "judge"}
    assert snapshot_of(project) == snapshot
    assert snapshot.merged == {2: 1}


def test_it_is_the_same_in_another_process(project: Project, tmp_path: Path) -> None:
    project.put([_image(number, BOX, HARD) for number in range(1, 7)])
    snapshot = snapshot_of(project)
    write_snapshot(snapshot, tmp_path / "s.json")
    assert read_snapshot(project.folder, tmp_path / "s.json") == snapshot
    for content in ("{", "{}", '{"name": "p", "classes": [], "images": [{}]}'):
        (tmp_path / "s.json").write_text(content)
        with pytest.raises(DataError):
            read_snapshot(project.folder, tmp_path / "s.json")


def test_too_little_to_learn_from_is_told(project: Project) -> None:
    project.put([_image(number, BOX) for number in range(1, 5)])
    with pytest.raises(DataError, match=r"4 labelled images with 4 objects.* at least 5 images"):
        snapshot_of(project)
    project.put([_image(number) for number in range(1, 11)])
    with pytest.raises(DataError, match="0 objects"):
        snapshot_of(project)
    project.put([_image(10, BOX)])
    with pytest.raises(DataError, match="images to learn from show no object"):
        snapshot_of(project)
