"""Versions of a detector are judged, put into use, and shown with their mistakes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QLabel,
    QListWidget,
    QPushButton,
)

from ssd_live.gui.mistakes_window import MistakesWindow
from ssd_live.gui.teach_window import TeachWindow
from ssd_live.gui.verdict import verdict_of
from ssd_live.gui.versions_panel import VersionsPanel
from ssd_live.imaging.image_files import write_image
from ssd_live.project.store import Project
from ssd_live.project.versions import Version
from tests.clips import SAMPLE, pictures
from tests.gui.teach.desk import button_of, filter_of, list_of, says, wait_for, write_version
from tests.gui.waiting import settle

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
        write_version(project, 1, images=9)
        before = {**JUDGED, "ap50": 0.5, "found": 20, "wrong": 9}
        write_version(project, 2, images=24, judged={"new": JUDGED, "before (street)": before})
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
    wait_for(lambda: used == ["street"])
    assert said[-1] == "Version 1 is in use: see the video in the main window"
    assert [choice.itemText(row) for row in (0, 1)] == ["Version 1 (in use)", "Version 2"]
    assert choice.currentIndex() == 0
    # It is written to a file, and not over one that is there.
    target = tmp_path / "mine"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), ""))
    export, int8 = buttons["More"].menu().actions()
    export.trigger()
    wait_for(lambda: said[-1].startswith("The file is written"))
    assert target.with_suffix(".onnx").is_file()
    export.trigger()
    wait_for(lambda: "exists already" in said[-1])
    # Without labels to check it on there is no INT8 version, and the model in use stays.
    int8.trigger()
    wait_for(lambda: said[-1].startswith("error:"))
    assert used == ["street"]
    # A version that was not in use is, all the same.
    choice.setCurrentIndex(1)
    int8.trigger()
    wait_for(lambda: len(used) == 2)
    wait_for(lambda: said[-1].startswith("error:"))
    for count in (3, 4):
        buttons["Back to the one before"].click()
        wait_for(lambda count=count: len(used) == count)  # type: ignore[misc]
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
        ({"ap50": 0.3}, "It is worse than the model in use before."),
        ({"label_more": {}}, "These are few: label about 15 more images to know better."),
    ],
)
def test_a_verdict_says_what_is_wrong_and_what_to_do(
    facts: dict[str, Any], text: str, tmp_path: Path
) -> None:
    judged = {"new": {**JUDGED, **facts}, "before": {**JUDGED, "ap50": 0.5}}
    verdict = verdict_of(Version(tmp_path, 1, {"judged": judged}))
    assert text in verdict
    assert ("worse" in verdict) == ("worse" in text)


def test_mistakes_are_shown_and_lead_to_their_images(opened: TeachWindow) -> None:
    project = opened.project
    mistakes = write_version(project, 1, judged={"new": JUDGED}) / "mistakes"
    mistakes.mkdir()
    name = Path(project.images[2].file_name).stem
    write_image(mistakes / f"001 missed {name}.jpg", pictures(SAMPLE)[0])
    (mistakes / f"002 wrong {name}.jpg").write_bytes(b"damaged")
    write_image(mistakes / f"003 misplaced {name}.jpg", pictures(SAMPLE)[0])
    (mistakes / "notes.jpg").write_bytes(b"no mistake")
    (panel,) = opened.findChildren(VersionsPanel)
    panel.refresh()
    # Only labelled images are listed, and the one with the mistake is not labelled.
    choice = filter_of(opened)
    choice.setCurrentIndex(2)
    assert list_of(opened).count() == 0
    for _ in range(2):
        button_of(opened, "Show the mistakes").click()
        settle()
    (window,) = opened.findChildren(MistakesWindow)
    assert (window.isVisible(), window.windowTitle()) == (True, "Mistakes of version 1")
    (rows,) = window.findChildren(QListWidget)
    assert [rows.item(row).text() for row in range(rows.count())] == [
        f"Missed\n{name}",
        f"Found wrongly\n{name}",
        f"Found, but the box does not fit\n{name}",
    ]
    wait_for(lambda: not rows.item(0).icon().isNull())
    rows.itemActivated.emit(rows.item(1))
    # It is an image for judging, unless the project was changed since.
    assert says(opened, "is not in the project any more")
    project.put([replace(project.images[2], part="judge")])
    rows.itemActivated.emit(rows.item(1))
    assert (list_of(opened).count(), list_of(opened).currentRow()) == (4, 2)
    assert choice.currentIndex() == 0
