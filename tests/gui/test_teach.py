"""Objects are labelled by mouse and keyboard, a detector learns them, and the window uses it."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QInputDialog,
    QLabel,
    QListWidget,
    QMessageBox,
    QPushButton,
)

from ssd_live.gui import child as child_module
from ssd_live.gui import training_panel
from ssd_live.gui.class_panel import ClassPanel
from ssd_live.gui.label_view import LabelView
from ssd_live.gui.mistakes_window import MistakesWindow
from ssd_live.gui.teach_window import TeachWindow
from ssd_live.gui.training_chart import TrainingChart
from ssd_live.gui.verdict import verdict_of
from ssd_live.gui.versions_panel import VersionsPanel
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.image_files import write_image
from ssd_live.project.collect import Collector, add_video
from ssd_live.project.labels import LabelledBox
from ssd_live.project.store import Project, create_project
from ssd_live.project.versions import Version, complete_version
from ssd_live.remote.network import ModelRequest
from ssd_live.system.paths import assets_folder
from tests.clips import SAMPLE, pictures, write_clip
from tests.gui.desk import SMALL_PATTERN, Desk
from tests.gui.waiting import settle, wait_until
from tests.waiting import LIMIT_SECONDS

CHECKOUT = Path(__file__).resolve().parents[2]
Desks = Callable[..., Desk]
MODEL = ModelRequest("ssd300-mobilenetv2-oid", "onnxruntime", "fp32")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with four frames of the sample clip, 640 x 272."""
    folder = tmp_path / "street"
    create_project(folder, ["Car", "Bicycle"])
    frames = pictures(write_clip(tmp_path / "clip.mp4", 100))
    with Project(folder) as project:
        collector = Collector(project, keeps_near=True)
        for number in (0, 30, 60, 90):
            collector.add_frame(Frame((frames[number],)), f"{number:02}", "clip", number / 25)
        collector.finish()
    return folder


@pytest.fixture
def opened(application: QApplication, folder: Path) -> Iterator[TeachWindow]:
    window = TeachWindow(Project(folder), lambda: MODEL)
    window.resize(1100, 700)
    window.show()
    _await(lambda: not _view(window).grab().isNull() and window.isVisible())
    _await_image(window)
    yield window
    window.close()
    window.deleteLater()
    settle()


def _await(condition: Callable[[], object], limit: float = LIMIT_SECONDS) -> None:
    wait_until(condition, "the window has done it", limit)


def _view(window: TeachWindow) -> LabelView:
    (view,) = window.findChildren(LabelView)
    return view


def _list(window: TeachWindow, name: str = "Images") -> QListWidget:
    (found,) = [its for its in window.findChildren(QListWidget) if its.accessibleName() == name]
    return found


def _filter(window: TeachWindow) -> QComboBox:
    name = "Which images are listed"
    (found,) = [its for its in window.findChildren(QComboBox) if its.accessibleName() == name]
    return found


def _button(window: TeachWindow, text: str) -> QPushButton:
    (found,) = [its for its in window.findChildren(QPushButton) if its.text() == text]
    return found


def _says(window: TeachWindow, text: str) -> bool:
    return any(text in label.text() for label in window.findChildren(QLabel))


def _await_image(window: TeachWindow) -> None:
    """Until the chosen image is shown."""
    _await(lambda: window.has_image)


def _key(
    window: TeachWindow,
    key: Qt.Key,
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    QTest.keyClick(_view(window), key, modifiers)
    settle()


def _at(window: TeachWindow, x: float, y: float) -> QPoint:
    """Where a place of the image, 640 x 272 pixels, is in the view."""
    return _view(window).place_of(QPointF(x, y)).toPoint()


def _drag(
    window: TeachWindow,
    start: tuple[float, float],
    end: tuple[float, float],
    button: Qt.MouseButton = Qt.MouseButton.LeftButton,
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    view, a, b = _view(window), _at(window, *start), _at(window, *end)
    QTest.mouseMove(view, a)
    QTest.mousePress(view, button, modifiers, a)
    QTest.mouseMove(view, (a + b) / 2)
    QTest.mouseMove(view, b)
    QTest.mouseRelease(view, button, modifiers, b)
    settle()


def _click(window: TeachWindow, place: tuple[float, float]) -> None:
    QTest.mouseClick(_view(window), Qt.MouseButton.LeftButton, pos=_at(window, *place))
    settle()


def _boxes(window: TeachWindow, row: int = 0) -> list[tuple[int, ...]]:
    """The class and the box of each object of an image, to whole pixels."""
    image = window.project.images[row]
    return [(each.class_id, *(round(value) for value in each.box)) for each in image.boxes]


def _near(found: list[tuple[int, ...]], wanted: list[tuple[int, ...]]) -> bool:
    return len(found) == len(wanted) and all(
        one[0] == other[0] and max(abs(a - b) for a, b in zip(one, other, strict=True)) <= 2
        for one, other in zip(found, wanted, strict=True)
    )


def test_boxes_are_drawn_moved_resized_and_deleted_by_mouse(opened: TeachWindow) -> None:
    _drag(opened, (100, 50), (200, 150))
    assert _near(_boxes(opened), [(1, 100, 50, 200, 150)])
    # A click is no box, and one backwards is.
    _drag(opened, (300, 50), (301, 51))
    _drag(opened, (400, 200), (300, 100))
    assert _near(_boxes(opened), [(1, 100, 50, 200, 150), (1, 300, 100, 400, 200)])
    # Inside, one is drawn, unless the box was clicked before: then it is moved, but never out of
    # the image.
    _drag(opened, (320, 120), (360, 160))
    assert _near(_boxes(opened)[2:], [(1, 320, 120, 360, 160)])
    _drag(opened, (340, 140), (380, 180))
    assert len(_boxes(opened)) == 4
    for _ in range(2):
        _key(opened, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    _click(opened, (150, 100))
    assert (_view(opened).selected, len(_boxes(opened))) == (0, 2)
    _drag(opened, (150, 100), (170, 110))
    assert _near(_boxes(opened)[:1], [(1, 120, 60, 220, 160)])
    _drag(opened, (170, 110), (170, 600))
    assert _near(_boxes(opened)[:1], [(1, 120, 172, 220, 272)])
    # At the edges of the selected one, it is resized.
    _drag(opened, (120, 172), (100, 150))
    assert _near(_boxes(opened)[:1], [(1, 100, 150, 220, 272)])
    _drag(opened, (220, 200), (250, 200))
    assert _near(_boxes(opened)[:1], [(1, 100, 150, 250, 272)])
    # With Ctrl, one is drawn inside another.
    _drag(opened, (120, 180), (150, 220), modifiers=Qt.KeyboardModifier.ControlModifier)
    assert _near(_boxes(opened)[2:], [(1, 120, 180, 150, 220)])
    _key(opened, Qt.Key.Key_Delete)
    assert len(_boxes(opened)) == 2
    _key(opened, Qt.Key.Key_Escape)
    _key(opened, Qt.Key.Key_Delete)
    assert len(_boxes(opened)) == 2


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
    view = _view(opened)
    _drag(opened, (300, 50), (400, 150))
    _drag(opened, (100, 50), (200, 150))
    view.select(1)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=_at(opened, 150, 100))
    QTest.mouseMove(view, _at(opened, 160, 110))
    assert view.boxes[1].box != opened.project.images[0].boxes[1].box
    _key(opened, key)
    QTest.mouseMove(view, _at(opened, 200, 150))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=_at(opened, 200, 150))
    settle()
    assert _near(sorted(_boxes(opened)), kept)
    assert view.boxes == opened.project.images[0].boxes


def test_the_last_box_can_be_deleted_while_the_mouse_moves_it(opened: TeachWindow) -> None:
    view = _view(opened)
    _drag(opened, (100, 50), (200, 150))
    _click(opened, (150, 100))
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=_at(opened, 150, 100))
    _key(opened, Qt.Key.Key_Delete)
    QTest.mouseMove(view, _at(opened, 200, 150))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=_at(opened, 200, 150))
    assert (_boxes(opened), view.boxes) == ([], ())


def test_a_click_does_not_accept_a_suggestion(opened: TeachWindow) -> None:
    project, view = opened.project, _view(opened)
    suggestion = LabelledBox(1, (100.0, 50.0, 200.0, 150.0), score=0.5)
    project.put([replace(project.images[1], boxes=(suggestion,))])
    _key(opened, Qt.Key.Key_D)
    _await_image(opened)
    _drag(opened, (150, 100), (150, 100))
    assert (view.selected, view.boxes) == (0, (suggestion,))


def test_keys_choose_classes_and_mark_images(opened: TeachWindow) -> None:
    _drag(opened, (100, 50), (200, 150))
    _key(opened, Qt.Key.Key_2)
    _key(opened, Qt.Key.Key_X)
    (box,) = opened.project.images[0].boxes
    assert (box.class_id, box.difficult) == (2, True)
    _drag(opened, (300, 50), (400, 150))
    # The next box has the class of the last one; there is no ninth class.
    _key(opened, Qt.Key.Key_9)
    assert [each.class_id for each in opened.project.images[0].boxes] == [2, 2]
    for key, modifiers in (
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier),
    ):
        _key(opened, key, modifiers)
    assert _near(_boxes(opened)[1:], [(2, 301, 60, 400, 160)])
    _key(opened, Qt.Key.Key_Tab)
    assert _view(opened).selected == 0
    _key(opened, Qt.Key.Key_Return)
    assert opened.project.images[0].is_labelled
    assert _list(opened).currentRow() == 1
    assert _list(opened).item(0).text().startswith("✓ ")
    _await_image(opened)
    _key(opened, Qt.Key.Key_N)
    assert (opened.project.images[1].boxes, opened.project.images[1].is_labelled) == ((), True)
    assert _says(opened, "2 of 4 images labelled")
    _key(opened, Qt.Key.Key_A)
    _key(opened, Qt.Key.Key_U)
    assert not opened.project.images[1].is_labelled
    _key(opened, Qt.Key.Key_D)
    assert _list(opened).currentRow() == 2


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
    _await_image(window)
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    _key(window, Qt.Key.Key_T, shift)
    assert _says(window, "Draw a box around each object first")
    _drag(window, (200, 100), (280, 180))
    # All images after it get the box, and one step takes it back from all of them.
    QTest.mouseClick(
        _button(window, "Follow through the video (Shift+T)"), Qt.MouseButton.LeftButton
    )
    _await(lambda: _says(window, "Carried boxes into 4 images"))
    images = window.project.images
    assert [len(image.boxes) for image in images] == [1] * 5
    assert all(image.boxes[0].score is not None for image in images[1:])
    assert _list(window).currentRow() == 0
    texts = [_list(window).item(row).text() for row in range(5)]
    assert texts[:2] == ["clip 0:01 (1)", "clip 0:01.2 (1?)"]
    _await_image(window)
    _key(window, Qt.Key.Key_Z, control)
    assert [len(image.boxes) for image in window.project.images] == [1, 0, 0, 0, 0]
    assert "?" not in _list(window).item(4).text()
    _key(window, Qt.Key.Key_Y, control)
    assert [len(image.boxes) for image in window.project.images] == [1] * 5
    # What was labelled meanwhile stays.
    _await_image(window)
    _key(window, Qt.Key.Key_A)
    _await_image(window)
    QTest.keyClick(_view(window), Qt.Key.Key_T, shift)
    labelled = replace(window.project.images[1], boxes=(), is_labelled=True)
    window.project.put([labelled])
    _await(lambda: any(_says(window, its) for its in ("Carried boxes into", "No box was carried")))
    assert window.project.images[1] == labelled
    _list(window).setCurrentRow(4)
    _await_image(window)
    _key(window, Qt.Key.Key_T, shift)
    _await(lambda: _says(window, "No box was carried"))
    # What is stopped leaves no line, and nothing is stored after the window was closed.
    for _ in range(2):
        QTest.keyClick(_view(window), Qt.Key.Key_T, shift)
    _await(lambda: not _says(window, "Following") and not _says(window, "No box was carried"))
    QTest.keyClick(_view(window), Qt.Key.Key_T, shift)
    window.close()
    window.deleteLater()
    settle()


def test_everything_is_undone_and_done_again(opened: TeachWindow) -> None:
    for place in range(5):
        _drag(opened, (10 + 100 * place, 20), (80 + 100 * place, 90))
    _key(opened, Qt.Key.Key_Return)
    _await_image(opened)
    _drag(opened, (10, 20), (80, 90))
    _key(opened, Qt.Key.Key_D)
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    _key(opened, Qt.Key.Key_Z, control)
    # The image whose change was undone is shown.
    assert (_list(opened).currentRow(), _boxes(opened, 1)) == (1, [])
    for _ in range(6):
        _key(opened, Qt.Key.Key_Z, control)
    assert [len(_boxes(opened, row)) for row in range(4)] == [0, 0, 0, 0]
    for _ in range(4):
        _key(opened, Qt.Key.Key_Z, control | shift)
    assert len(_boxes(opened)) == 4
    _key(opened, Qt.Key.Key_Y, control)
    _key(opened, Qt.Key.Key_Y, control)
    assert opened.project.images[0].is_labelled


def test_boxes_are_copied_and_carried_from_the_image_before(opened: TeachWindow) -> None:
    _key(opened, Qt.Key.Key_C)
    assert _boxes(opened) == []
    _drag(opened, (100, 50), (200, 150))
    _key(opened, Qt.Key.Key_D)
    _await_image(opened)
    _key(opened, Qt.Key.Key_C)
    assert _boxes(opened, 1) == _boxes(opened, 0)
    assert opened.project.images[1].boxes[0].score is None
    _key(opened, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    # The same image again: what is carried stays where it is.
    image = opened.project.images[0]
    path = opened.project.path_of(opened.project.images[1])
    path.write_bytes(opened.project.path_of(image).read_bytes())
    _key(opened, Qt.Key.Key_A)
    _key(opened, Qt.Key.Key_D)
    _await_image(opened)
    _key(opened, Qt.Key.Key_T)
    _await(lambda: bool(_boxes(opened, 1)))
    (carried,) = opened.project.images[1].boxes
    assert carried.score == pytest.approx(1.0, abs=0.01)
    assert _near(_boxes(opened, 1), _boxes(opened, 0))


def test_nothing_is_labelled_that_is_not_shown(opened: TeachWindow) -> None:
    """While the next image is read, keys and mouse do nothing to it, nor to the last one."""
    _drag(opened, (100, 50), (200, 150))
    view, before = _view(opened), opened.project.images[0].boxes
    _list(opened).setCurrentRow(1)
    # No event has been handled since, so it is not there yet.
    assert view.boxes == ()
    for key in (Qt.Key.Key_Return, Qt.Key.Key_N, Qt.Key.Key_Delete, Qt.Key.Key_C):
        QTest.keyClick(view, key)
        if opened.has_image:
            break
    assert opened.project.images[0].boxes == before
    opened.project.path_of(opened.project.images[2]).unlink()
    _list(opened).setCurrentRow(2)
    _await(lambda: _says(opened, "cannot be read"))
    _key(opened, Qt.Key.Key_Return)
    assert not opened.project.images[2].is_labelled


def test_copies_leave_what_is_there(opened: TeachWindow) -> None:
    project = opened.project
    first, second, *_ = project.images
    guess = LabelledBox(2, (1.0, 1.0, 9.0, 9.0), score=0.5)
    project.put([replace(first, boxes=(LabelledBox(1, (5.0, 5.0, 50.0, 50.0)), guess))])
    project.put([replace(second, boxes=(replace(guess, score=0.6),))])
    _key(opened, Qt.Key.Key_D)
    _await_image(opened)
    for _ in range(2):
        _key(opened, Qt.Key.Key_C)
    # No suggestion becomes a label, and nothing comes twice.
    assert _boxes(opened, 1) == [(2, 1, 1, 9, 9), (1, 5, 5, 50, 50)]


def test_closing_completes_what_is_being_added(
    application: QApplication, folder: Path, tmp_path: Path
) -> None:
    paths = []
    for number, frame in enumerate(pictures(SAMPLE)[:150:3]):
        paths.append(tmp_path / f"more {number}.png")
        write_image(paths[-1], frame)
    window = TeachWindow(Project(folder), lambda: MODEL)
    window.show()
    window.adding.add_files(paths)
    window.close()
    window.deleteLater()
    settle()
    with Project(folder) as project:
        known = {image.file_name for image in project.images}
    assert {path.name for path in (folder / "images").iterdir()} == known


def test_the_view_zooms_and_pans(opened: TeachWindow) -> None:
    view = _view(opened)
    before = _at(opened, 320, 136)
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
    assert (_at(opened, 320, 136) - before).manhattanLength() <= 1
    far = _at(opened, 330, 136).x() - before.x()
    _drag(opened, (300, 130), (340, 136), Qt.MouseButton.MiddleButton)
    assert _at(opened, 320, 136).x() - before.x() == pytest.approx(4 * far, abs=3)
    # A box that is drawn while zoomed is where it is seen.
    _drag(opened, (300, 120), (330, 140))
    assert _near(_boxes(opened), [(1, 300, 120, 330, 140)])
    _key(opened, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert (_at(opened, 320, 136) - before).manhattanLength() <= 1


def test_the_model_in_use_suggests_boxes(opened: TeachWindow) -> None:
    _drag(opened, (2, 2), (30, 30))
    _key(opened, Qt.Key.Key_S)
    _await(lambda: len(_boxes(opened)) > 1)
    boxes = opened.project.images[0].boxes
    assert boxes[0].score is None
    assert all(each.score is not None and each.score >= 0.3 for each in boxes[1:])
    assert _says(opened, f"Suggested boxes: {len(boxes) - 1}")
    # A suggestion that is moved is the person's own.
    view = _view(opened)
    view.select(1)
    _key(opened, Qt.Key.Key_Right)
    assert opened.project.images[0].boxes[1].score is None
    _key(opened, Qt.Key.Key_Return)
    assert all(each.score is None for each in opened.project.images[0].boxes)


def test_images_are_listed_by_what_is_to_do(opened: TeachWindow) -> None:
    project = opened.project
    first, second, *_ = project.images
    project.put([replace(first, is_labelled=True)])
    project.put([replace(second, boxes=(LabelledBox(1, (0.0, 0.0, 9.0, 9.0), score=0.5),))])
    choice = _filter(opened)
    for row, count in ((1, 3), (2, 1), (3, 4), (4, 1), (5, 0), (0, 4)):
        choice.setCurrentIndex(row)
        settle()
        assert _list(opened).count() == count
    choice.setCurrentIndex(3)
    assert _list(opened).item(0).text() == f"{Path(second.file_name).stem} (1?)"


def _add_frame(window: TeachWindow, frame: Frame, *place: Any) -> tuple[str, str]:
    """Add a frame of the live window, and return what became of it."""
    said: list[tuple[str, str]] = []
    source, seconds, doubt = (*place, None, None)[:3]
    window.adding.add_frame(
        frame, source, seconds, doubt, lambda kind, text: said.append((kind, text))
    )
    _await(lambda: said)
    return said[0]


def test_a_frame_of_the_live_window_disturbs_nobody(opened: TeachWindow) -> None:
    _drag(opened, (100, 50), (200, 150))
    view = _view(opened)
    assert view.selected == 0
    frame = Frame((pictures(SAMPLE)[0],))
    assert _add_frame(opened, frame, "camera", 5.0, 0.75) == (
        "added",
        "Added live.jpg to the project",
    )
    assert (view.selected, _list(opened).currentRow(), _list(opened).count()) == (0, 0, 5)
    added = opened.project.images[-1]
    assert (added.source, added.seconds, added.doubt) == ("camera", 5.0, 0.75)
    choice = _filter(opened)
    choice.setCurrentIndex(3)
    # The one of which the network was unsure comes first.
    assert _list(opened).item(0).text() == "live"
    kind, text = _add_frame(opened, frame, "camera")
    assert (kind, "looks the same" in text) == ("near", True)
    # While files are added, frames are not.
    opened.adding.add_files([SAMPLE])
    assert _add_frame(opened, frame, "camera")[0] == "failed"
    _await(opened.isEnabled)


def test_classes_are_added_and_refused(
    opened: TeachWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter((("Bus", True), ("bus", True), ("", False)))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: next(answers))
    for _ in range(3):
        _button(opened, "Add a class…").click()
    assert list(opened.project.classes.values()) == ["Car", "Bicycle", "Bus"]
    assert _says(opened, "there are two classes")
    assert _list(opened, "Classes").count() == 3
    QTest.mouseClick(
        _list(opened, "Classes").viewport(),
        Qt.MouseButton.LeftButton,
        pos=_list(opened, "Classes").visualItemRect(_list(opened, "Classes").item(2)).center(),
    )
    _drag(opened, (100, 50), (200, 150))
    assert _boxes(opened)[0][0] == 3


def test_classes_are_renamed_and_merged(
    opened: TeachWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    _drag(opened, (100, 50), (200, 150))
    (panel,) = opened.findChildren(ClassPanel)
    rename, merge = _button(opened, "Change").menu().actions()
    names = iter((("Motor car", True), ("bicycle", True), ("", False)))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: next(names))
    for _ in range(3):
        rename.trigger()
    assert list(opened.project.classes.values()) == ["Motor car", "Bicycle"]
    assert _says(opened, "there are two classes")
    choice = _filter(opened)
    texts = [choice.itemText(row) for row in range(4, choice.count())]
    assert texts == ["With Motor car", "With Bicycle"]
    choice.setCurrentIndex(4)
    assert _list(opened).count() == 1
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
    assert (choice.currentIndex(), _list(opened).count()) == (0, 4)
    # The boxes of before cannot come back.
    _await_image(opened)
    _key(opened, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert opened.project.images[0].boxes[0].class_id == 2
    merge.trigger()
    assert _says(opened, "no other class")
    assert panel.number_at(0) == 2


def test_an_image_is_deleted_after_a_question(
    opened: TeachWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [image.file_name for image in opened.project.images]
    shift = Qt.KeyboardModifier.ShiftModifier
    answers = [QMessageBox.StandardButton.Yes] * 4 + [QMessageBox.StandardButton.No]
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answers.pop())
    _key(opened, Qt.Key.Key_D)
    _await_image(opened)
    _key(opened, Qt.Key.Key_Delete, shift)
    assert len(opened.project.images) == 4
    for left in (3, 2, 1, 0):
        _key(opened, Qt.Key.Key_Delete, shift)
        assert (len(opened.project.images), _list(opened).count()) == (left, left)
        if left == 3:
            # The next image is shown.
            _await_image(opened)
            assert opened.project.images[1].file_name == names[2]
            assert _list(opened).currentRow() == 1
    assert not any((opened.project.folder / "images").iterdir())
    assert _says(opened, "0 of 0 images labelled")
    _key(opened, Qt.Key.Key_Delete, shift)
    assert answers == []


def test_images_and_videos_are_added(
    opened: TeachWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(tmp_path / "new.png", pictures(SAMPLE)[0])
    (tmp_path / "broken.jpg").write_text("nothing")
    chosen = [str(tmp_path / "new.png"), str(SAMPLE)]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (chosen, ""))
    _button(opened, "Add images or a video…").click()
    _await(opened.isEnabled)
    assert len(opened.project.images) > 10
    assert _says(opened, "near-duplicate")
    opened.adding.add_files([tmp_path / "broken.jpg"])
    _await(opened.isEnabled)
    assert _says(opened, "is not an image")


def test_what_cannot_be_stored_is_told_and_not_shown(
    opened: TeachWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", no_room)
        _drag(opened, (100, 50), (200, 150))
        _key(opened, Qt.Key.Key_Return)
    assert _says(opened, "nothing was changed")
    assert (_boxes(opened), _view(opened).boxes) == ([], ())
    assert _list(opened).currentRow() == 0


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of this window have a network of a few layers."""
    monkeypatch.setattr(
        child_module,
        "own_program",
        lambda: [sys.executable, str(CHECKOUT / "tests" / "toy_training.py")],
    )


def test_a_detector_is_trained_used_and_undone(
    opened: TeachWindow, toy: None, engines_of_their_own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _button(opened, "Train").click()
    assert _says(opened, "label at least 5 images")
    project = opened.project
    frames = pictures(SAMPLE)
    for number in range(0, 240, 20):
        _add_frame(opened, Frame((frames[number],)), "more")
    project.put(
        [
            replace(image, boxes=(LabelledBox(1, (50.0, 50.0, 250.0, 200.0)),), is_labelled=True)
            for image in project.images
        ]
    )
    _key(opened, Qt.Key.Key_D)
    _key(opened, Qt.Key.Key_A)
    _await_image(opened)
    names: list[str] = []
    opened.used.connect(names.append)
    _button(opened, "Train").click()
    _await(lambda: _says(opened, "Step 20 of 600 · "), 100)
    (chart,) = opened.findChildren(TrainingChart)
    assert chart.isVisible()
    # Labelling goes on meanwhile.
    _drag(opened, (300, 50), (400, 150))
    assert len(_boxes(opened)) == 2
    _button(opened, "Pause").click()
    _await(lambda: _says(opened, "The training is paused"), 60)
    _await(_button(opened, "Keep what is learned").isVisible)
    _button(opened, "Keep what is learned").click()
    _await(lambda: _says(opened, "A new version is there"), 100)
    assert _says(opened, "objects in ")
    assert not chart.isVisible()
    facts = json.loads((project.folder / "versions" / "1" / "version.json").read_text())
    assert facts["steps"] < 600
    _button(opened, "Use it").click()
    _await(lambda: names == ["street"], 60)
    assert _says(opened, "Version 1 is in use")
    # One key goes back, and again to the version.
    control = Qt.KeyboardModifier.ControlModifier
    _key(opened, Qt.Key.Key_U, control)
    _await(lambda: names == ["street", ""], 60)
    _await(_button(opened, "Use it").isEnabled)
    _key(opened, Qt.Key.Key_U, control)
    _await(lambda: names == ["street", "", "street"], 60)
    _await(_button(opened, "Back to the one before").isEnabled)
    _button(opened, "Back to the one before").click()
    _await(lambda: names[3:] == [""], 60)
    assert _says(opened, "No version is in use any more")


def _version(project: Project, number: int, **facts: Any) -> Path:
    """Write a version that has the bundled network for persons, and return its folder."""
    folder = project.folder / "versions" / str(number)
    folder.mkdir(parents=True)
    bundled = assets_folder() / "models" / "ssdlite300-mobilenetv2-person.onnx"
    (folder / "model.onnx").write_bytes(bundled.read_bytes())
    (folder / "weights.safetensors").write_bytes(b"weights")
    complete_version(folder, facts)
    return folder


JUDGED = {
    "ap50": 0.912,
    "interval": [0.8, 0.95],
    "images": 6,
    "objects": 30,
    "found": 27,
    "wrong": 4,
    "confused": {"called": "Car", "really": None, "times": 4},
    "label_more": {"without": "Car"},
    "sentence": "in English",
}


def test_versions_are_chosen_put_into_use_and_written_to_a_file(
    application: QApplication,
    folder: Path,
    tmp_path: Path,
    engines_of_their_own: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Project(folder) as project:
        _version(project, 1, images=9)
        before = {**JUDGED, "ap50": 0.5, "found": 20, "wrong": 9}
        _version(project, 2, images=24, judged={"new": JUDGED, "before (street)": before})
    said: list[str] = []
    used: list[str] = []
    project = Project(folder)
    panel = VersionsPanel(project)
    panel.said.connect(said.append)
    panel.used.connect(used.append)
    (choice,), (verdict,) = panel.findChildren(QComboBox), panel.findChildren(QLabel)
    buttons = {its.text(): its for its in panel.findChildren(QPushButton)}
    assert choice.currentText() == "Version 2"
    assert verdict.text() == (
        "Finds 27 of 30 objects in 6 images that it has not learned.\n4 false alarms.\n"
        "The model in use before: 20 found, 9 false alarms.\n"
        "To get better, label about 15 more images without “Car”."
    )
    assert verdict.toolTip() == (
        "Learned from 24 images. Average precision at an overlap of 0.5: 91 of 100. With other "
        "images, very likely 80 to 95. The model in use before: 50 of 100. With other images, very "
        "likely 80 to 95."
    )
    choice.setCurrentIndex(0)
    assert verdict.text() == "Learned from 9 images."
    # An earlier version can be chosen too.
    buttons["Use it"].click()
    assert not buttons["Use it"].isEnabled()
    _await(lambda: used == ["street"])
    assert said[-1] == "Version 1 is in use: see the video in the main window"
    assert [choice.itemText(row) for row in (0, 1)] == ["Version 1 (in use)", "Version 2"]
    assert choice.currentIndex() == 0
    # It is written to a file, and not over one that is there.
    target = tmp_path / "mine"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), ""))
    export, int8 = buttons["More"].menu().actions()
    export.trigger()
    _await(lambda: said[-1].startswith("The file is written"))
    assert target.with_suffix(".onnx").is_file()
    export.trigger()
    _await(lambda: "exists already" in said[-1])
    # Without labels to check it on there is no INT8 version, and the model in use stays.
    int8.trigger()
    _await(lambda: said[-1].startswith("error:"))
    assert used == ["street"]
    # A version that was not in use is, all the same.
    choice.setCurrentIndex(1)
    int8.trigger()
    _await(lambda: len(used) == 2)
    _await(lambda: said[-1].startswith("error:"))
    for count in (3, 4):
        buttons["Back to the one before"].click()
        _await(lambda count=count: len(used) == count)  # type: ignore[misc]
    assert used == ["street", "street", "street", ""]
    (folder / "active.json").write_text("damaged")
    panel.refresh()
    assert "is damaged" in said[-1]
    panel.close_panel()
    panel.deleteLater()
    project.close()


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"objects": 0}, "The images for judging show no object; label more images."),
        ({"wrong": 0, "confused": None, "label_more": None}, "Finds nothing that is not there."),
        ({"wrong": 1}, "1 false alarm."),
        (
            {"confused": {"called": "Car", "really": "Car", "times": 2}},
            "Shows the same “Car” twice",
        ),
        ({"confused": {"called": "Car", "really": "Bus", "times": 2}}, "Takes “Bus” for “Car”"),
        ({"label_more": {"of": "Bus"}}, "To get better, label about 15 more images with “Bus”."),
        ({"label_more": {}}, "These are few: label about 15 more images to know better."),
    ],
)
def test_a_verdict_says_what_is_wrong_and_what_to_do(
    facts: dict[str, Any], text: str, tmp_path: Path
) -> None:
    assert text in verdict_of(Version(tmp_path, 1, {"judged": {"new": {**JUDGED, **facts}}}))


def test_mistakes_are_shown_and_lead_to_their_images(opened: TeachWindow) -> None:
    project = opened.project
    mistakes = _version(project, 1, judged={"new": JUDGED}) / "mistakes"
    mistakes.mkdir()
    name = Path(project.images[2].file_name).stem
    write_image(mistakes / f"001 missed {name}.jpg", pictures(SAMPLE)[0])
    (mistakes / f"002 wrong {name}.jpg").write_bytes(b"damaged")
    write_image(mistakes / f"003 misplaced {name}.jpg", pictures(SAMPLE)[0])
    (mistakes / "notes.jpg").write_bytes(b"no mistake")
    (panel,) = opened.findChildren(VersionsPanel)
    panel.refresh()
    # Only labelled images are listed, and the one with the mistake is not labelled.
    choice = _filter(opened)
    choice.setCurrentIndex(2)
    assert _list(opened).count() == 0
    for _ in range(2):
        _button(opened, "Show the mistakes").click()
        settle()
    (window,) = opened.findChildren(MistakesWindow)
    assert (window.isVisible(), window.windowTitle()) == (True, "Mistakes of version 1")
    (rows,) = window.findChildren(QListWidget)
    assert [rows.item(row).text() for row in range(rows.count())] == [
        f"Missed\n{name}",
        f"Found wrongly\n{name}",
        f"Found, but the box does not fit\n{name}",
    ]
    _await(lambda: not rows.item(0).icon().isNull())
    rows.itemActivated.emit(rows.item(1))
    # It is an image for judging, unless the project was changed since.
    assert _says(opened, "is not in the project any more")
    project.put([replace(project.images[2], part="judge")])
    rows.itemActivated.emit(rows.item(1))
    assert (_list(opened).count(), _list(opened).currentRow()) == (4, 2)
    assert choice.currentIndex() == 0


def test_collecting_puts_frames_into_the_project_until_it_is_stopped(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = desk(str(SAMPLE), model_request=cat_and_dog)
    on.wait_for_boxes()
    actions, teach = on.window.actions_by_name, on.window.teach
    actions["collect"].trigger()
    assert "Make a project first" in on.window.notice.text
    assert not actions["collect"].isChecked()
    teach.make(tmp_path / "cats", "Cat")
    assert teach.teach_window is not None
    project = teach.teach_window.project
    actions["collect"].trigger()
    _await(lambda: len(project) == 2)
    _await(lambda: on.window.notice.text == "Collected 2 frames")
    assert actions["collect"].isChecked()
    assert all(image.seconds is not None for image in project.images)
    # The network is sure of the cat, and not of the dog.
    assert [round(image.doubt or 0, 2) for image in project.images] == [0.2, 0.2]
    project.add_class("Dog")
    # The other way of collecting ends this one.
    actions["collect_unsure"].trigger()
    assert (actions["collect"].isChecked(), actions["collect_unsure"].isChecked()) == (False, True)
    count = len(project)
    _await(lambda: len(project) > count)
    assert (project.images[-1].doubt or 0) > 0.9
    actions["collect_unsure"].trigger()
    assert on.window.notice.text == "No more frames are collected"

    def no_room(_: int) -> None:
        raise OSError(28, "No space left on device")

    # A disk that is full ends it with a line, and a project that is closed ends it too.
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", no_room)
        actions["collect"].trigger()
        _await(lambda: not actions["collect"].isChecked())
    assert "no space left on device" in on.window.notice.text
    actions["collect"].trigger()
    teach.teach_window.close()
    _await(lambda: not actions["collect"].isChecked())


def test_frames_of_which_the_network_is_sure_are_not_collected(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    on = desk(str(SAMPLE), model_request=cat_and_dog)
    on.wait_for_boxes()
    teach = on.window.teach
    teach.make(tmp_path / "cats", "Cat")
    assert teach.teach_window is not None
    project = teach.teach_window.project
    on.trigger("collect_unsure")
    QTest.qWait(2500)
    assert len(project) == 0
    assert on.is_on("collect_unsure")


def test_the_window_opens_projects_and_takes_frames(
    desk: Desks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = desk(SMALL_PATTERN)
    _await(lambda: on.window.view.picture is not None)
    actions, teach = on.window.actions_by_name, on.window.teach
    actions["add_to_project"].trigger()
    assert "Make a project first" in on.window.notice.text
    folder = tmp_path / "mine"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(folder), ""))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("Ball, , Box", True))
    actions["new_project"].trigger()
    assert teach.teach_window is not None
    assert list(teach.teach_window.project.classes.values()) == ["Ball", "Box"]
    actions["add_to_project"].trigger()
    _await(lambda: "to the project" in on.window.notice.text)
    assert len(teach.teach_window.project.images) == 1
    # The same folder again, another one, and none.
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    before = teach.teach_window
    actions["open_project"].trigger()
    assert teach.teach_window is before
    before.close()
    actions["add_to_project"].trigger()
    assert teach.teach_window is not before
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    actions["open_project"].trigger()
    assert "is no project" in on.window.notice.text
    actions["new_project"].trigger()
    assert "has something in it already" in on.window.notice.text


def test_what_a_training_needs_is_installed_if_it_is_wanted(
    opened: TeachWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program in place of pip says that it was run."""
    project = opened.project
    go, done = tmp_path / "go", tmp_path / "installed"
    monkeypatch.setattr(training_panel, "can_train", done.exists)
    no, yes = QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes
    answers = iter((no, yes, no))
    asked: list[str] = []

    def answer(*words: Any, **_: Any) -> Any:
        asked.append(words[2])
        return next(answers)

    sizes = iter((None, 123_000_000))
    monkeypatch.setattr(training_panel, "download_size", lambda _: next(sizes))
    monkeypatch.setattr(QMessageBox, "question", answer)
    code = f"""
import pathlib, sys, time
while not pathlib.Path({str(go)!r}).exists():
    time.sleep(0.05)
open({str(done)!r}, 'w')
print('done', file=sys.stderr)
"""
    commands = iter((None, [sys.executable, "-c", "0"], [sys.executable, "-c", code]))
    monkeypatch.setattr(training_panel, "install_command", lambda: next(commands))
    _button(opened, "Train").click()
    assert _says(opened, "cannot be installed from here")
    _button(opened, "Train").click()
    _await(lambda: asked)
    assert "some hundred MB" in asked[0]
    assert not done.exists()
    _button(opened, "Train").click()
    _await(lambda: len(asked) == 2)
    assert "117.3 MB" in asked[1]
    # An installation is not broken off without a question.
    assert not opened.close()
    assert "may be there only in part" in asked[2]
    go.touch()
    # The training begins then, and says what is missing in the project.
    _await(lambda: _says(opened, "label at least 5 images"))
    assert done.exists()
    assert project.labelled == []
