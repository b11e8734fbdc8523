"""Open projects from the window, put frames into them, and use what they have learned."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMainWindow

from ssd_live.errors import SsdLiveError
from ssd_live.gui.grid import VideoGrid
from ssd_live.gui.model_controller import ModelController
from ssd_live.gui.notice import Notices
from ssd_live.gui.teach_window import TeachWindow
from ssd_live.imaging.frame import Frame
from ssd_live.live.session import LiveSession
from ssd_live.project.labels import doubt_of
from ssd_live.project.store import Project, create_project
from ssd_live.settings import Settings
from ssd_live.system.paths import printable, resolve

_TOPIC = "project"


class TeachController(QObject):
    """Opens one project at a time in a window of its own.

    `model` loads what a project has learned. `folder` returns where a new project is suggested.
    """

    def __init__(
        self,
        window: QMainWindow,
        session: LiveSession,
        grid: VideoGrid,
        notice: Notices,
        model: ModelController,
        settings: Settings,
        folder: Callable[[], Path],
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._grid = window, session, grid
        self._notice, self._model, self._settings = notice, model, settings
        self._folder = folder
        self.teach_window: TeachWindow | None = None

    def ask_new(self) -> None:
        """Ask for the folder and the classes of a new project, and open it."""
        start = str(self._folder() / "my-objects")
        name, _ = QFileDialog.getSaveFileName(
            self._window, self.tr("New project: the name of its folder"), start
        )
        if not name:
            return
        classes, given = QInputDialog.getText(
            self._window,
            self.tr("New project"),
            self.tr("The objects to find, with commas between them, for example Mug, Bowl"),
        )
        if given:
            self.make(Path(name), classes)

    def make(self, folder: Path, classes: str) -> None:
        """Make a project, and open it. `classes` are names with commas between them."""
        try:
            create_project(folder, [name for name in classes.split(",") if name.strip()])
        except SsdLiveError as error:
            self._notice.say("error", str(error), _TOPIC)
        else:
            self.open(folder)

    def ask_open(self) -> None:
        """Ask for the folder of a project, and open it."""
        start = self._settings.project or str(self._folder())
        name = QFileDialog.getExistingDirectory(self._window, self.tr("Open a project"), start)
        if name:
            self.open(Path(name))

    def open(self, folder: Path) -> None:
        """Open a project in its window."""
        if self.teach_window is not None and self.teach_window.isVisible():
            if self.teach_window.project.folder == folder:
                self.teach_window.raise_()
                self.teach_window.activateWindow()
                return
            self.teach_window.close()
        project: Project | None = None
        try:
            project = Project(folder)
            window = TeachWindow(project, lambda: self._model.in_use, self._window)
        except SsdLiveError as error:
            if project is not None:
                project.close()
            self._notice.say("error", str(error), _TOPIC)
            return
        self._settings.project = str(folder)
        self._notice.resolved(_TOPIC)
        self.teach_window = window
        self.teach_window.used.connect(self._use)
        self.teach_window.show()

    def add_frame(self) -> None:
        """Put the frame that is shown into the project, which is opened if it is not."""
        picture = self._grid.view.picture
        if picture is None:
            self._notice.say("error", self.tr("There is no video to take a frame of"), _TOPIC)
            return
        if self.teach_window is None or not self.teach_window.isVisible():
            if not self._settings.project:
                text = self.tr("Make a project first, or open one (in the menu Tools)")
                self._notice.say("error", text, _TOPIC)
                return
            self.open(Path(self._settings.project))
        if self.teach_window is not None and self.teach_window.isVisible():
            found = self._grid.view.visible_detections()
            doubt = None if found is None else doubt_of(found.scores.tolist())
            place = self._place_of(picture.frame)
            said = self.teach_window.add_frame(picture.frame, *place, doubt)
            self._notice.say("done", said, _TOPIC)

    def _place_of(self, frame: Frame) -> tuple[str, float]:
        """Return where a frame comes from, and its time there in seconds.

        The times of a live source begin anew with each connection, so the time of day counts.
        """
        state = self._session.pipeline.state
        if state is None:
            return "", frame.time
        if state.info is not None and state.info.duration is not None:
            return printable(resolve(Path(state.spec.address))), frame.time
        return state.spec.title, round(time.time(), 2)

    def close(self) -> None:
        """Close the project."""
        if self.teach_window is not None:
            self.teach_window.close()

    def _use(self, name: str) -> None:
        """Load the model of this name, or the one that a new user has."""
        self._model.load(replace(self._model.requested, model=name or Settings().model))
