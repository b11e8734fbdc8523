"""Labels are changed step by step, and each step can be undone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ssd_live.project.carry import carried
from ssd_live.project.editing import Editor
from ssd_live.project.labels import LabelledBox, ProjectImage
from ssd_live.project.store import Project, create_project

BOX = LabelledBox(1, (10.0, 10.0, 40.0, 60.0))
GUESS = replace(BOX, score=0.8)


@pytest.fixture
def editor(tmp_path: Path) -> Iterator[Editor]:
    create_project(tmp_path / "p", ["Mug"])
    with Project(tmp_path / "p") as project:
        project.put([ProjectImage(number, f"{number}.jpg", 100, 80) for number in (1, 2, 3)])
        yield Editor(project)


def test_changes_are_undone_and_done_again_without_end(editor: Editor) -> None:
    assert editor.undo() == []
    for count in range(1, 101):
        editor.set_boxes(1 + count % 3, (BOX,) * count)
    # What changes nothing is no step.
    editor.set_boxes(2, editor.project.image(2).boxes)
    last = [image.boxes for image in editor.project.images]
    assert [editor.undo() for _ in range(3)] == [[2], [1], [3]]
    for _ in range(97):
        editor.undo()
    assert [image.boxes for image in editor.project.images] == [(), (), ()]
    assert editor.undo() == []
    while editor.redo():
        pass
    assert [image.boxes for image in editor.project.images] == last
    editor.undo()
    editor.set_boxes(1, ())
    assert editor.redo() == []


def test_accepting_and_saying_nothing_are_steps_too(editor: Editor) -> None:
    editor.set_boxes(1, (GUESS,))
    editor.accept(1)
    assert editor.project.image(1).boxes == (BOX,)
    assert editor.project.image(1).is_labelled
    editor.mark_nothing(1)
    assert (editor.project.image(1).boxes, editor.project.image(1).is_labelled) == ((), True)
    editor.mark_unlabelled(1)
    assert not editor.project.image(1).is_labelled
    for _ in range(3):
        editor.undo()
    assert editor.project.image(1).boxes == (GUESS,)


def test_deleted_images_are_passed_over_and_parts_stay(editor: Editor) -> None:
    editor.set_boxes(1, (BOX,))
    editor.set_boxes(2, (BOX,))
    project = editor.project
    project.put([replace(project.image(1), part="judge")])
    project.remove(project.image(2))
    assert editor.undo() == [1]
    assert project.image(1).boxes == ()
    # It was decided after the change, and no step takes it back.
    assert project.image(1).part == "judge"
    assert editor.redo() == [1]
    assert editor.redo() == []


def test_changes_can_be_forgotten(editor: Editor) -> None:
    editor.set_boxes(1, (BOX,))
    editor.set_boxes(2, (BOX,))
    editor.undo()
    editor.forget()
    assert (editor.undo(), editor.redo()) == ([], [])
    assert editor.project.image(1).boxes == (BOX,)


def test_several_images_are_changed_in_one_step(editor: Editor) -> None:
    project = editor.project
    editor.replace([replace(project.image(number), boxes=(BOX,)) for number in (1, 2, 3)])
    project.remove(project.image(1))
    assert editor.undo() == [2, 3]
    assert [image.boxes for image in project.images] == [(), ()]
    assert editor.redo() == [2, 3]
    assert [image.boxes for image in project.images] == [(BOX,), (BOX,)]
    editor.replace([])
    assert editor.undo() == [2, 3]


def _scene(x: int, y: int) -> np.ndarray:
    """A picture of noise with a thing of stripes at a place."""
    image = np.random.default_rng(1).integers(90, 120, (200, 300, 3)).astype(np.uint8)
    image[y : y + 40, x : x + 30] = 20
    image[y : y + 40 : 4, x : x + 30] = 230
    return image


def test_boxes_are_carried_to_where_their_objects_are() -> None:
    box = LabelledBox(1, (100.0, 80.0, 130.0, 120.0), difficult=True)
    (found,) = carried([box], _scene(100, 80), _scene(117, 61))
    assert found.box == pytest.approx((117.0, 61.0, 147.0, 101.0), abs=0.5)
    assert found.score == pytest.approx(1.0, abs=0.01)
    assert found.difficult
    # It went too far, or it is not there any more.
    assert carried([box], _scene(100, 80), _scene(250, 10)) == []
    # A box at the edge stays inside, and one of no size is left out.
    edge = LabelledBox(1, (0.0, 0.0, 30.0, 40.0))
    (kept,) = carried([edge], _scene(0, 0), _scene(0, 0))
    assert kept.box == pytest.approx((0.0, 0.0, 30.0, 40.0))
    assert carried([LabelledBox(1, (5.0, 5.0, 5.5, 9.0))], _scene(0, 0), _scene(0, 0)) == []
    # A picture of another size.
    assert (
        carried([LabelledBox(1, (280.0, 150.0, 300.0, 200.0))], _scene(0, 0)[:100], _scene(0, 0))
        == []
    )


def test_a_large_object_is_carried_too() -> None:
    before, after = (np.zeros((600, 800, 3), np.uint8) for _ in range(2))
    texture = np.random.default_rng(2).integers(0, 255, (30, 20, 3)).astype(np.uint8)
    large = np.kron(texture, np.ones((10, 10, 1), np.uint8))
    before[100:400, 200:400] = large
    after[130:430, 260:460] = large
    box = LabelledBox(1, (200.0, 100.0, 400.0, 400.0))
    (found,) = carried([box], before, after)
    assert found.box == pytest.approx((260.0, 130.0, 460.0, 430.0), abs=4)
