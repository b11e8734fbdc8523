"""A project with images, and its window."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import (
    QApplication,
)

from ssd_live.gui.teach_window import TeachWindow
from ssd_live.imaging.frame import Frame
from ssd_live.project.collect import Collector
from ssd_live.project.store import Project, create_project
from tests.clips import pictures, write_clip
from tests.gui.teach.desk import MODEL, view_of, wait_for, wait_for_image
from tests.gui.waiting import settle


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
    wait_for(lambda: not view_of(window).grab().isNull() and window.isVisible())
    wait_for_image(window)
    yield window
    # Without a question, also if a test has failed while a command runs.
    window.close_project()
    window.close()
    window.deleteLater()
    settle()
