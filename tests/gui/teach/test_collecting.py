"""Images come into a project: from the live window, from files, and by themselves."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QInputDialog,
    QMessageBox,
)

from ssd_live.gui.teach_window import TeachWindow
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.image_files import write_image
from ssd_live.project.labels import LabelledBox
from ssd_live.project.store import Project
from ssd_live.remote.network import ModelRequest
from tests.clips import SAMPLE, pictures
from tests.gui.desk import SMALL_PATTERN, Desk, drop
from tests.gui.teach.desk import (
    MODEL,
    add_frame,
    button_of,
    drag,
    filter_of,
    list_of,
    says,
    view_of,
    wait_for,
)
from tests.gui.waiting import settle

Desks = Callable[..., Desk]


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


def test_a_frame_of_the_live_window_disturbs_nobody(opened: TeachWindow) -> None:
    drag(opened, (100, 50), (200, 150))
    view = view_of(opened)
    assert view.selected == 0
    frame = Frame((pictures(SAMPLE)[0],))
    assert add_frame(opened, frame, "camera", 5.0, 0.75) == (
        "added",
        "Added live.jpg to the project",
    )
    assert (view.selected, list_of(opened).currentRow(), list_of(opened).count()) == (0, 0, 5)
    added = opened.project.images[-1]
    assert (added.source, added.seconds, added.doubt) == ("camera", 5.0, 0.75)
    # A later frame of the clip stands among those of the clip.
    later = Frame((pictures(SAMPLE)[200],))
    assert add_frame(opened, later, "clip", 1.5)[0] == "added"
    rows = [list_of(opened).item(row).text() for row in range(6)]
    assert rows == ["00 (1)", "30", "live 2", "60", "90", "live"]
    choice = filter_of(opened)
    choice.setCurrentIndex(3)
    # The one of which the network was unsure comes first.
    assert list_of(opened).item(0).text() == "live"
    kind, text = add_frame(opened, frame, "camera")
    assert (kind, "looks the same" in text) == ("near", True)
    # While files are added, frames are not.
    opened.adding.add_files([SAMPLE])
    assert add_frame(opened, frame, "camera")[0] == "failed"
    wait_for(opened.isEnabled)


def test_images_and_videos_are_added(
    opened: TeachWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(tmp_path / "new.png", pictures(SAMPLE)[0])
    (tmp_path / "broken.jpg").write_text("nothing")
    chosen = [str(tmp_path / "new.png"), str(SAMPLE)]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (chosen, ""))
    button_of(opened, "Add images or a video…").click()
    wait_for(opened.isEnabled)
    assert len(opened.project.images) > 10
    assert says(opened, "near-duplicate")
    opened.adding.add_files([tmp_path / "broken.jpg"])
    wait_for(opened.isEnabled)
    assert says(opened, "is not an image")


def _voc(folder: Path) -> Path:
    """A data set with an image, and with labels of one that is not there."""
    for part in ("JPEGImages", "Annotations"):
        (folder / part).mkdir(parents=True)
    write_image(folder / "JPEGImages" / "a.png", pictures(SAMPLE)[0])
    place = "<xmin>11</xmin><ymin>21</ymin><xmax>60</xmax><ymax>120</ymax>"
    for name in ("a", "gone"):
        (folder / "Annotations" / f"{name}.xml").write_text(
            f"<annotation><filename>{name}.png</filename>"
            "<size><width>640</width><height>271</height><depth>3</depth></size>"
            f"<object><name>bus</name><bndbox>{place}</bndbox></object></annotation>"
        )
    return folder


def test_a_data_set_comes_with_its_labels_and_what_is_wrong_in_it(
    opened: TeachWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = str(_voc(tmp_path / "data"))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: chosen)
    button_of(opened, "Add a folder or a data set…").click()
    wait_for(opened.isEnabled)
    assert says(opened, "Added 1 image with 1 labelled object;")
    added = opened.project.images[-1]
    assert added.boxes == (LabelledBox(3, (10.0, 20.0, 60.0, 120.0)),)
    # The new class is listed, and a key chooses it.
    classes = list_of(opened, "Classes")
    assert [classes.item(row).text() for row in range(classes.count())][2] == "3  bus  (1)"
    (box,) = opened.findChildren(QMessageBox)
    assert "2 things in the data" in box.text()
    lines = box.detailedText().splitlines()
    assert sorted("gone.png" in line for line in lines) == [False, True]
    assert any("640 x 271" in line for line in lines)
    box.close()


def test_what_is_dropped_on_the_window_is_added(opened: TeachWindow, tmp_path: Path) -> None:
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    write_image(tmp_path / "photos" / "deep" / "new.png", pictures(SAMPLE)[200])
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "photos"))])
    drop(opened, data)
    wait_for(opened.isEnabled)
    assert opened.project.images[-1].file_name == "new.png"
    # A data set of another kind is told.
    (tmp_path / "photos" / "data.yaml").write_text("nothing")
    write_image(tmp_path / "more.png", pictures(SAMPLE)[150])
    opened.adding.add_files([tmp_path / "photos", tmp_path / "more.png"])
    wait_for(opened.isEnabled)
    assert says(opened, "Added 1 image; ")
    assert says(opened, "is not a known data set")
    assert opened.project.images[-1].file_name == "more.png"


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
    wait_for(lambda: len(project) == 2)
    wait_for(lambda: on.window.notice.text == "Collected 2 frames")
    assert actions["collect"].isChecked()
    assert all(image.seconds is not None for image in project.images)
    # The network is sure of the cat, and not of the dog.
    assert [round(image.doubt or 0, 2) for image in project.images] == [0.2, 0.2]
    project.add_class("Dog")
    # The other way of collecting ends this one.
    actions["collect_unsure"].trigger()
    assert (actions["collect"].isChecked(), actions["collect_unsure"].isChecked()) == (False, True)
    count = len(project)
    wait_for(lambda: len(project) > count)
    assert (project.images[-1].doubt or 0) > 0.9
    actions["collect_unsure"].trigger()
    assert on.window.notice.text == "No more frames are collected"

    def no_room(_: int) -> None:
        raise OSError(28, "No space left on device")

    # A disk that is full ends it with a line, and a project that is closed ends it too.
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", no_room)
        actions["collect"].trigger()
        wait_for(lambda: not actions["collect"].isChecked())
    assert "no space left on device" in on.window.notice.text
    actions["collect"].trigger()
    teach.teach_window.close()
    wait_for(lambda: not actions["collect"].isChecked())


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
    wait_for(lambda: on.window.view.picture is not None)
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
    wait_for(lambda: "to the project" in on.window.notice.text)
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
