"""Objects are labelled by mouse and keyboard, in the window of a project."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QInputDialog,
    QMessageBox,
)

from ssd_live.gui.class_panel import ClassPanel
from ssd_live.gui.teach_window import TeachWindow
from ssd_live.project.collect import Collector, add_video
from ssd_live.project.labels import LabelledBox
from ssd_live.project.store import Project, create_project
from tests.clips import write_clip
from tests.gui.teach.desk import (
    MODEL,
    boxes_of,
    button_of,
    click,
    drag,
    filter_of,
    list_of,
    near,
    place_of,
    press,
    says,
    view_of,
    wait_for,
    wait_for_image,
)
from tests.gui.waiting import settle


def test_boxes_are_drawn_moved_resized_and_deleted_by_mouse(opened: TeachWindow) -> None:
    drag(opened, (100, 50), (200, 150))
    assert near(boxes_of(opened), [(1, 100, 50, 200, 150)])
    # A click is no box, and one backwards is.
    drag(opened, (300, 50), (301, 51))
    drag(opened, (400, 200), (300, 100))
    assert near(boxes_of(opened), [(1, 100, 50, 200, 150), (1, 300, 100, 400, 200)])
    # Inside, one is drawn, unless the box was clicked before: then it is moved, but never out of
    # the image.
    drag(opened, (320, 120), (360, 160))
    assert near(boxes_of(opened)[2:], [(1, 320, 120, 360, 160)])
    drag(opened, (340, 140), (380, 180))
    assert len(boxes_of(opened)) == 4
    for _ in range(2):
        press(opened, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    click(opened, (150, 100))
    assert (view_of(opened).selected, len(boxes_of(opened))) == (0, 2)
    drag(opened, (150, 100), (170, 110))
    assert near(boxes_of(opened)[:1], [(1, 120, 60, 220, 160)])
    drag(opened, (170, 110), (170, 600))
    assert near(boxes_of(opened)[:1], [(1, 120, 172, 220, 272)])
    # At the edges of the selected one, it is resized.
    drag(opened, (120, 172), (100, 150))
    assert near(boxes_of(opened)[:1], [(1, 100, 150, 220, 272)])
    drag(opened, (220, 200), (250, 200))
    assert near(boxes_of(opened)[:1], [(1, 100, 150, 250, 272)])
    # With Ctrl, one is drawn inside another.
    drag(opened, (120, 180), (150, 220), modifiers=Qt.KeyboardModifier.ControlModifier)
    assert near(boxes_of(opened)[2:], [(1, 120, 180, 150, 220)])
    press(opened, Qt.Key.Key_Delete)
    assert len(boxes_of(opened)) == 2
    press(opened, Qt.Key.Key_Escape)
    press(opened, Qt.Key.Key_Delete)
    assert len(boxes_of(opened)) == 2


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        (Qt.Key.Key_Delete, [(1, 300, 50, 400, 150)]),
        (Qt.Key.Key_Tab, [(1, 100, 50, 200, 150), (1, 300, 50, 400, 150)]),
    ],
)
def test_a_key_ends_what_the_mouse_moves(
    opened: TeachWindow, key: Qt.Key, kept: list[tuple[int, ...]]
) -> None:
    view = view_of(opened)
    drag(opened, (300, 50), (400, 150))
    drag(opened, (100, 50), (200, 150))
    view.select(1)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=place_of(opened, 150, 100))
    QTest.mouseMove(view, place_of(opened, 160, 110))
    assert view.boxes[1].box != opened.project.images[0].boxes[1].box
    press(opened, key)
    QTest.mouseMove(view, place_of(opened, 200, 150))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=place_of(opened, 200, 150))
    settle()
    assert near(sorted(boxes_of(opened)), kept)
    assert view.boxes == opened.project.images[0].boxes


def test_the_last_box_can_be_deleted_while_the_mouse_moves_it(opened: TeachWindow) -> None:
    view = view_of(opened)
    drag(opened, (100, 50), (200, 150))
    click(opened, (150, 100))
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=place_of(opened, 150, 100))
    press(opened, Qt.Key.Key_Delete)
    QTest.mouseMove(view, place_of(opened, 200, 150))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=place_of(opened, 200, 150))
    assert (boxes_of(opened), view.boxes) == ([], ())


def test_another_box_begins_close_beside_the_selected_one(opened: TeachWindow) -> None:
    drag(opened, (100, 50), (200, 150))
    view = view_of(opened)
    assert view.selected == 0
    corner = place_of(opened, 200, 150)
    begin, end = corner + QPoint(6, 6), corner + QPoint(60, 60)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=begin)
    for place in (begin + QPoint(20, 20), end):
        QTest.mouseMove(view, place)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=end)
    assert len(boxes_of(opened)) == 2


def test_a_click_does_not_accept_a_suggestion(opened: TeachWindow) -> None:
    project, view = opened.project, view_of(opened)
    suggestion = LabelledBox(1, (100.0, 50.0, 200.0, 150.0), score=0.5)
    project.put([replace(project.images[1], boxes=(suggestion,))])
    press(opened, Qt.Key.Key_D)
    wait_for_image(opened)
    drag(opened, (150, 100), (150, 100))
    assert (view.selected, view.boxes) == (0, (suggestion,))


def test_keys_choose_classes_and_mark_images(opened: TeachWindow) -> None:
    drag(opened, (100, 50), (200, 150))
    press(opened, Qt.Key.Key_2)
    press(opened, Qt.Key.Key_X)
    (box,) = opened.project.images[0].boxes
    assert (box.class_id, box.difficult) == (2, True)
    drag(opened, (300, 50), (400, 150))
    # The next box has the class of the last one; there is no ninth class.
    press(opened, Qt.Key.Key_9)
    assert [each.class_id for each in opened.project.images[0].boxes] == [2, 2]
    for key, modifiers in (
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier),
    ):
        press(opened, key, modifiers)
    assert near(boxes_of(opened)[1:], [(2, 301, 60, 400, 160)])
    press(opened, Qt.Key.Key_Tab)
    assert view_of(opened).selected == 0
    press(opened, Qt.Key.Key_Return)
    assert opened.project.images[0].is_labelled
    assert list_of(opened).currentRow() == 1
    assert list_of(opened).item(0).text().startswith("✓ ")
    wait_for_image(opened)
    press(opened, Qt.Key.Key_N)
    assert (opened.project.images[1].boxes, opened.project.images[1].is_labelled) == ((), True)
    assert says(opened, "2 of 4 images labelled")
    press(opened, Qt.Key.Key_A)
    press(opened, Qt.Key.Key_U)
    assert not opened.project.images[1].is_labelled
    press(opened, Qt.Key.Key_D)
    assert list_of(opened).currentRow() == 2


def test_boxes_are_carried_through_the_video_and_taken_back_together(
    application: QApplication, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 50)
    create_project(tmp_path / "street", ["Car"])
    with Project(tmp_path / "street") as project:
        collector = Collector(project, keeps_near=True)
        add_video(collector, clip, 0.2, 5, start=1.0)
        collector.finish()
    window = TeachWindow(Project(tmp_path / "street"), lambda: MODEL)
    window.show()
    wait_for_image(window)
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    press(window, Qt.Key.Key_T, shift)
    assert says(window, "Draw a box around each object first")
    drag(window, (200, 100), (280, 180))
    # All images after it get the box, and one step takes it back from all of them.
    QTest.mouseClick(
        button_of(window, "Follow through the video (Shift+T)"), Qt.MouseButton.LeftButton
    )
    wait_for(lambda: says(window, "Carried boxes into 4 images"))
    images = window.project.images
    assert [len(image.boxes) for image in images] == [1] * 5
    assert all(image.boxes[0].score is not None for image in images[1:])
    assert list_of(window).currentRow() == 0
    texts = [list_of(window).item(row).text() for row in range(5)]
    assert texts[:2] == ["clip 0:01 (1)", "clip 0:01.2 (1?)"]
    wait_for_image(window)
    press(window, Qt.Key.Key_Z, control)
    assert [len(image.boxes) for image in window.project.images] == [1, 0, 0, 0, 0]
    assert "?" not in list_of(window).item(4).text()
    # A step that changed several images leads nowhere, and says so.
    assert list_of(window).currentRow() == 0
    assert says(window, "Changed 4 images")
    press(window, Qt.Key.Key_Y, control)
    assert [len(image.boxes) for image in window.project.images] == [1] * 5
    # What was labelled meanwhile stays.
    wait_for_image(window)
    press(window, Qt.Key.Key_A)
    wait_for_image(window)
    QTest.keyClick(view_of(window), Qt.Key.Key_T, shift)
    labelled = replace(window.project.images[1], boxes=(), is_labelled=True)
    window.project.put([labelled])
    wait_for(lambda: any(says(window, its) for its in ("Carried boxes into", "No box was carried")))
    assert window.project.images[1] == labelled
    list_of(window).setCurrentRow(4)
    wait_for_image(window)
    press(window, Qt.Key.Key_T, shift)
    wait_for(lambda: says(window, "No box was carried"))
    # What is stopped leaves no line, and nothing is stored after the window was closed.
    for _ in range(2):
        QTest.keyClick(view_of(window), Qt.Key.Key_T, shift)
    wait_for(lambda: not says(window, "Following") and not says(window, "No box was carried"))
    QTest.keyClick(view_of(window), Qt.Key.Key_T, shift)
    window.close()
    window.deleteLater()
    settle()


def test_everything_is_undone_and_done_again(opened: TeachWindow) -> None:
    for place in range(5):
        drag(opened, (10 + 100 * place, 20), (80 + 100 * place, 90))
    press(opened, Qt.Key.Key_Return)
    wait_for_image(opened)
    drag(opened, (10, 20), (80, 90))
    press(opened, Qt.Key.Key_D)
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    press(opened, Qt.Key.Key_Z, control)
    # The image whose change was undone is shown.
    assert (list_of(opened).currentRow(), boxes_of(opened, 1)) == (1, [])
    for _ in range(6):
        press(opened, Qt.Key.Key_Z, control)
    assert [len(boxes_of(opened, row)) for row in range(4)] == [0, 0, 0, 0]
    for _ in range(4):
        press(opened, Qt.Key.Key_Z, control | shift)
    assert len(boxes_of(opened)) == 4
    press(opened, Qt.Key.Key_Y, control)
    press(opened, Qt.Key.Key_Y, control)
    assert opened.project.images[0].is_labelled


def test_boxes_are_copied_and_carried_from_the_image_before(opened: TeachWindow) -> None:
    press(opened, Qt.Key.Key_C)
    assert boxes_of(opened) == []
    drag(opened, (100, 50), (200, 150))
    press(opened, Qt.Key.Key_D)
    wait_for_image(opened)
    press(opened, Qt.Key.Key_C)
    assert boxes_of(opened, 1) == boxes_of(opened, 0)
    assert opened.project.images[1].boxes[0].score is None
    press(opened, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    # The same image again: what is carried stays where it is.
    image = opened.project.images[0]
    path = opened.project.path_of(opened.project.images[1])
    path.write_bytes(opened.project.path_of(image).read_bytes())
    press(opened, Qt.Key.Key_A)
    press(opened, Qt.Key.Key_D)
    wait_for_image(opened)
    press(opened, Qt.Key.Key_T)
    wait_for(lambda: bool(boxes_of(opened, 1)))
    (carried,) = opened.project.images[1].boxes
    assert carried.score == pytest.approx(1.0, abs=0.01)
    assert near(boxes_of(opened, 1), boxes_of(opened, 0))


def test_nothing_is_labelled_that_is_not_shown(opened: TeachWindow) -> None:
    """While the next image is read, keys and mouse do nothing to it, nor to the last one."""
    drag(opened, (100, 50), (200, 150))
    view, before = view_of(opened), opened.project.images[0].boxes
    list_of(opened).setCurrentRow(1)
    # No event has been handled since, so it is not there yet.
    assert view.boxes == ()
    for key in (Qt.Key.Key_Return, Qt.Key.Key_N, Qt.Key.Key_Delete, Qt.Key.Key_C):
        QTest.keyClick(view, key)
        if opened.has_image:
            break
    assert opened.project.images[0].boxes == before
    opened.project.path_of(opened.project.images[2]).unlink()
    list_of(opened).setCurrentRow(2)
    wait_for(lambda: says(opened, "cannot be read"))
    press(opened, Qt.Key.Key_Return)
    assert not opened.project.images[2].is_labelled


def test_copies_leave_what_is_there(opened: TeachWindow) -> None:
    project = opened.project
    first, second, *_ = project.images
    guess = LabelledBox(2, (1.0, 1.0, 9.0, 9.0), score=0.5)
    project.put([replace(first, boxes=(LabelledBox(1, (5.0, 5.0, 50.0, 50.0)), guess))])
    project.put([replace(second, boxes=(replace(guess, score=0.6),))])
    press(opened, Qt.Key.Key_D)
    wait_for_image(opened)
    for _ in range(2):
        press(opened, Qt.Key.Key_C)
    # No suggestion becomes a label, nothing comes twice, and suggestions make room.
    assert boxes_of(opened, 1) == [(1, 5, 5, 50, 50)]


def test_the_view_zooms_and_pans(opened: TeachWindow) -> None:
    view = view_of(opened)
    before = place_of(opened, 320, 136)
    wheel = QWheelEvent(
        QPointF(before),
        view.mapToGlobal(QPointF(before)),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    for _ in range(4):
        QApplication.sendEvent(view, wheel)
    # The place under the mouse stays.
    assert (place_of(opened, 320, 136) - before).manhattanLength() <= 1
    far = place_of(opened, 330, 136).x() - before.x()
    drag(opened, (300, 130), (340, 136), Qt.MouseButton.MiddleButton)
    assert place_of(opened, 320, 136).x() - before.x() == pytest.approx(4 * far, abs=3)
    # A box that is drawn while zoomed is where it is seen.
    drag(opened, (300, 120), (330, 140))
    assert near(boxes_of(opened), [(1, 300, 120, 330, 140)])
    press(opened, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert (place_of(opened, 320, 136) - before).manhattanLength() <= 1


def test_the_model_in_use_suggests_boxes(opened: TeachWindow) -> None:
    drag(opened, (2, 2), (30, 30))
    press(opened, Qt.Key.Key_S)
    wait_for(lambda: len(boxes_of(opened)) > 1)
    boxes = opened.project.images[0].boxes
    assert boxes[0].score is None
    assert all(each.score is not None and each.score >= 0.3 for each in boxes[1:])
    assert says(opened, f"Suggested boxes: {len(boxes) - 1}")
    # A suggestion that is moved is the person's own.
    view = view_of(opened)
    view.select(1)
    press(opened, Qt.Key.Key_Right)
    assert opened.project.images[0].boxes[1].score is None
    press(opened, Qt.Key.Key_Return)
    assert all(each.score is None for each in opened.project.images[0].boxes)


def test_images_are_listed_by_what_is_to_do(opened: TeachWindow) -> None:
    project = opened.project
    first, second, *_ = project.images
    project.put([replace(first, is_labelled=True)])
    project.put([replace(second, boxes=(LabelledBox(1, (0.0, 0.0, 9.0, 9.0), score=0.5),))])
    choice = filter_of(opened)
    for row, count in ((1, 3), (2, 1), (3, 4), (4, 1), (5, 0), (0, 4)):
        choice.setCurrentIndex(row)
        settle()
        assert list_of(opened).count() == count
    choice.setCurrentIndex(3)
    assert list_of(opened).item(0).text() == f"{Path(second.file_name).stem} (1?)"


def test_classes_are_added_and_refused(
    opened: TeachWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter((("Bus", True), ("bus", True), ("", False)))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: next(answers))
    for _ in range(3):
        button_of(opened, "Add a class…").click()
    assert list(opened.project.classes.values()) == ["Car", "Bicycle", "Bus"]
    assert says(opened, "there are two classes")
    classes = list_of(opened, "Classes")
    assert classes.count() == 3
    # The new class is the one that is drawn next.
    drag(opened, (100, 50), (200, 150))
    assert boxes_of(opened)[0][0] == 3
    for row in (0, 2):
        place = classes.visualItemRect(classes.item(row)).center()
        QTest.mouseClick(classes.viewport(), Qt.MouseButton.LeftButton, pos=place)
        assert boxes_of(opened)[0][0] == row + 1


def test_classes_are_renamed_and_merged(
    opened: TeachWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    drag(opened, (100, 50), (200, 150))
    (panel,) = opened.findChildren(ClassPanel)
    rename, merge = button_of(opened, "Change").menu().actions()
    names = iter((("Motor car", True), ("bicycle", True), ("", False)))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: next(names))
    for _ in range(3):
        rename.trigger()
    assert list(opened.project.classes.values()) == ["Motor car", "Bicycle"]
    assert says(opened, "there are two classes")
    choice = filter_of(opened)
    texts = [choice.itemText(row) for row in range(4, choice.count())]
    assert texts == ["With Motor car", "With Bicycle"]
    choice.setCurrentIndex(4)
    assert list_of(opened).count() == 1
    asked: list[Any] = []

    def answer(*words: Any, **_: Any) -> tuple[str, bool]:
        asked.append(words[3])
        return "Bicycle", len(asked) > 1

    monkeypatch.setattr(QInputDialog, "getItem", answer)
    merge.trigger()
    assert list(opened.project.classes.values()) == ["Motor car", "Bicycle"]
    merge.trigger()
    assert asked == [["Bicycle"]] * 2
    assert list(opened.project.classes.values()) == ["Bicycle"]
    assert opened.project.images[0].boxes[0].class_id == 2
    # The list shows all images again, because there is no such class any more.
    assert (choice.currentIndex(), list_of(opened).count()) == (0, 4)
    # The boxes of before cannot come back.
    wait_for_image(opened)
    press(opened, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert opened.project.images[0].boxes[0].class_id == 2
    merge.trigger()
    assert says(opened, "no other class")
    assert panel.number_at(0) == 2


def test_an_image_is_deleted_after_a_question(
    opened: TeachWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [image.file_name for image in opened.project.images]
    shift = Qt.KeyboardModifier.ShiftModifier
    answers = [QMessageBox.StandardButton.Yes] * 4 + [QMessageBox.StandardButton.No]
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answers.pop())
    press(opened, Qt.Key.Key_D)
    wait_for_image(opened)
    press(opened, Qt.Key.Key_Delete, shift)
    assert len(opened.project.images) == 4
    for left in (3, 2, 1, 0):
        press(opened, Qt.Key.Key_Delete, shift)
        assert (len(opened.project.images), list_of(opened).count()) == (left, left)
        if left == 3:
            # The next image is shown.
            wait_for_image(opened)
            assert opened.project.images[1].file_name == names[2]
            assert list_of(opened).currentRow() == 1
    assert not any((opened.project.folder / "images").iterdir())
    assert says(opened, "0 of 0 images labelled")
    press(opened, Qt.Key.Key_Delete, shift)
    assert answers == []


def test_what_cannot_be_stored_is_told_and_not_shown(
    opened: TeachWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", no_room)
        drag(opened, (100, 50), (200, 150))
        press(opened, Qt.Key.Key_Return)
    assert says(opened, "nothing was changed")
    assert (boxes_of(opened), view_of(opened).boxes) == ([], ())
    assert list_of(opened).currentRow() == 0
