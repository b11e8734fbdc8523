"""A detector is trained in the window of a project, with the packages that this needs."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QMessageBox,
)

from ssd_live.gui import child as child_module
from ssd_live.gui import training_panel
from ssd_live.gui.teach_window import TeachWindow
from ssd_live.gui.training_chart import TrainingChart
from ssd_live.imaging.frame import Frame
from ssd_live.project.labels import LabelledBox
from tests.clips import SAMPLE, pictures
from tests.gui.teach.desk import (
    add_frame,
    boxes_of,
    button_of,
    drag,
    press,
    says,
    wait_for,
    wait_for_image,
)

CHECKOUT = Path(__file__).resolve().parents[3]


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
    button_of(opened, "Train").click()
    assert says(opened, "label at least 5 images")
    project = opened.project
    frames = pictures(SAMPLE)
    for number in range(0, 240, 20):
        add_frame(opened, Frame((frames[number],)), "more")
    project.put(
        [
            replace(image, boxes=(LabelledBox(1, (50.0, 50.0, 250.0, 200.0)),), is_labelled=True)
            for image in project.images
        ]
    )
    press(opened, Qt.Key.Key_D)
    press(opened, Qt.Key.Key_A)
    wait_for_image(opened)
    names: list[str] = []
    opened.used.connect(names.append)
    button_of(opened, "Train").click()
    # A second click would pause it at once.
    assert not button_of(opened, "Pause").isEnabled()
    wait_for(lambda: says(opened, "Step 20 of 600 · "), 100)
    asked: list[str] = []

    def refuse(*words: Any, **_: Any) -> QMessageBox.StandardButton:
        asked.append(words[2])
        return QMessageBox.StandardButton.No

    monkeypatch.setattr(QMessageBox, "question", refuse)
    assert not opened.close()
    assert "It pauses if you close the window" in asked[0]
    (chart,) = opened.findChildren(TrainingChart)
    assert chart.isVisible()
    # Labelling goes on meanwhile.
    drag(opened, (300, 50), (400, 150))
    assert len(boxes_of(opened)) == 2
    button_of(opened, "Pause").click()
    wait_for(lambda: says(opened, "The training is paused"), 60)
    wait_for(button_of(opened, "Keep what is learned").isVisible)
    button_of(opened, "Keep what is learned").click()
    wait_for(lambda: says(opened, "A new version is there"), 100)
    assert says(opened, "objects in ")
    assert not chart.isVisible()
    facts = json.loads((project.folder / "versions" / "1" / "version.json").read_text())
    assert facts["steps"] < 600
    button_of(opened, "Use it").click()
    wait_for(lambda: names == ["street"], 60)
    assert says(opened, "Version 1 is in use")
    # One key goes back, and again to the version.
    control = Qt.KeyboardModifier.ControlModifier
    press(opened, Qt.Key.Key_U, control)
    wait_for(lambda: names == ["street", ""], 60)
    wait_for(button_of(opened, "Use it").isEnabled)
    press(opened, Qt.Key.Key_U, control)
    wait_for(lambda: names == ["street", "", "street"], 60)
    wait_for(button_of(opened, "Back to the one before").isEnabled)
    button_of(opened, "Back to the one before").click()
    wait_for(lambda: names[3:] == [""], 60)
    assert says(opened, "No version is in use any more")


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
    button_of(opened, "Train").click()
    assert says(opened, "cannot be installed from here")
    button_of(opened, "Train").click()
    wait_for(lambda: asked)
    assert "some hundred MB" in asked[0]
    assert not done.exists()
    button_of(opened, "Train").click()
    wait_for(lambda: len(asked) == 2)
    assert "117.3 MB" in asked[1]
    # An installation is not broken off without a question.
    assert not opened.close()
    assert "may be there only in part" in asked[2]
    go.touch()
    # The training begins then, and says what is missing in the project.
    wait_for(lambda: says(opened, "label at least 5 images"))
    assert done.exists()
    assert project.labelled == []
