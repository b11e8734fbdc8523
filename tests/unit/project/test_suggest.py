"""Suggestions are boxes of a model that nobody has accepted yet."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ssd_live.detections import Detections
from ssd_live.imaging.image_files import write_image
from ssd_live.project.labels import LabelledBox, ProjectImage
from ssd_live.project.store import Project, create_project
from ssd_live.project.suggest import accepted, numbers_by_name, suggest, suggested
from ssd_live.project.versions import activate, complete_version

FOUND = Detections(
    np.array([[-5, 2, 30, 60], [1, 1, 9, 9], [100, 10, 120, 20], [4, 4, 8, 8]], np.float32),
    np.array([0.9, 0.6, 0.5, 0.4], np.float32),
    np.array([0, 1, 0, 0], np.int32),
    ("MUG", "dog"),
)
OWN = LabelledBox(1, (0.0, 0.0, 9.0, 9.0))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    create_project(tmp_path / "p", ["Mug"])
    with Project(tmp_path / "p") as opened:
        for number in (1, 2):
            write_image(opened.folder / "images" / f"{number}.png", np.zeros((48, 64, 3), np.uint8))
        opened.put(
            [
                ProjectImage(1, "1.png", 64, 48, (OWN, replace(OWN, score=0.3))),
                ProjectImage(2, "2.png", 64, 48, (OWN,), is_labelled=True),
                ProjectImage(3, "gone.png", 64, 48),
            ]
        )
        yield opened


def test_detections_of_known_classes_are_cut_at_the_edges() -> None:
    boxes = suggested(FOUND, {"mug": 7}, (64, 48))
    # Another class, and a box outside, are left out.
    assert [each.box for each in boxes] == [(0.0, 2.0, 30.0, 48.0), (4.0, 4.0, 8.0, 8.0)]
    assert [each.class_id for each in boxes] == [7, 7]
    assert [each.score for each in boxes] == pytest.approx([0.9, 0.4])


def test_a_renamed_class_has_the_name_in_the_version_in_use_too(project: Project) -> None:
    project.add_class("Bowl")
    project.add_class("Cup")
    for number, classes in ((1, ["Mug"]), (2, ["Mug", "Bowl", "Cup"])):
        folder = project.folder / "versions" / str(number)
        folder.mkdir(parents=True)
        complete_version(folder, {"classes": classes, "class_numbers": [1, 2, 3][: len(classes)]})
    project.rename_class("Mug", "Tankard")
    project.merge_class("Cup", "Bowl")
    # A new class takes the old name.
    project.add_class("Mug")
    now = {"tankard": 1, "bowl": 2, "mug": 4}
    assert numbers_by_name(project, of_version=True) == now
    activate(project.folder, 2)
    assert numbers_by_name(project, of_version=False) == now
    of_version = numbers_by_name(project, of_version=True)
    assert of_version == {"tankard": 1, "mug": 1, "bowl": 2, "cup": 2}
    (box, *_) = suggested(FOUND, of_version, (64, 48))
    assert box.class_id == 1


def test_images_without_labels_get_new_suggestions(project: Project) -> None:
    notes: list[str] = []
    (changed,) = list(suggest(project, lambda _: FOUND, notes.append))
    assert changed == project.image(1)
    # What a person has drawn stays, and earlier suggestions go.
    assert [each.score for each in changed.boxes] == [None, pytest.approx(0.9), pytest.approx(0.4)]
    assert not changed.is_labelled
    assert project.image(2).boxes == (OWN,)
    assert len(notes) == 1
    assert "gone.png" in notes[0]
    taken = accepted(changed, 0.5)
    assert taken.is_labelled
    assert [each.score for each in taken.boxes] == [None, None]
