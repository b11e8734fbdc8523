"""Open projects from the window, put frames into them, and use what they have learned."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QStandardPaths, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMainWindow

from ssd_live.errors import SsdLiveError
from ssd_live.gui.actions import Actions
from ssd_live.gui.adding import Said
from ssd_live.gui.grid import VideoGrid
from ssd_live.gui.model_controller import ModelController
from ssd_live.gui.notice import Notices
from ssd_live.imaging.frame import Frame
from ssd_live.live.session import LiveSession
from ssd_live.project.doubt import UNSURE, doubt_in, doubt_of
from ssd_live.project.store import Project, create_project
from ssd_live.settings import Settings
from ssd_live.system.paths import printable, resolve

if TYPE_CHECKING:
    # Its charts take a fifth of a second to be imported, and few users open it.
    from ssd_live.gui.teach_window import TeachWindow

_TOPIC = "project"
# So often a frame is collected, and after so many it ends.
_COLLECT_MS, _MOST_COLLECTED = 2000, 500


class TeachController(QObject):
    """Opens one project at a time in a window of its own.

    `model` loads what a project has learned.
    """

    def __init__(
        self,
        window: QMainWindow,
        session: LiveSession,
        grid: VideoGrid,
        notice: Notices,
        model: ModelController,
        settings: Settings,
        actions: Actions,
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._grid = window, session, grid
        self._notice, self._model, self._settings = notice, model, settings
        self._actions = actions
        self.teach_window: TeachWindow | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_COLLECT_MS)
        self._timer.timeout.connect(self._collect_frame)
        self._only_unsure, self._collected = False, 0
        self._last_collected: Frame | None = None

    def ask_new(self) -> None:
        """Ask for the folder and the classes of a new project, and open it."""
        documents = QStandardPaths.StandardLocation.DocumentsLocation
        folder = Path(QStandardPaths.writableLocation(documents) or Path.home())
        start = str((folder if folder.is_dir() else Path.home()) / "my-objects")
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
        start = self._settings.project or str(Path.home())
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
            if not self.teach_window.close():
                return
            self._stop_collecting()
        from ssd_live.gui.teach_window import TeachWindow

        project: Project | None = None
        try:
            project = Project(folder)
            window = TeachWindow(
                project, lambda: self._model.in_use, self._window, self._media_folder
            )
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
        window = self._opened_window()
        if window is not None:
            found = self._grid.view.visible_detections()
            doubt = None if found is None else doubt_of(found.scores.tolist())
            place = self._place_of(picture.frame)
            window.adding.add_frame(picture.frame, *place, doubt, self._said)

    def collect(self, *, only_unsure: bool) -> None:
        """Put frames into the project from now on, or stop that.

        With `only_unsure`, only those of which the network is unsure are taken.
        """
        action = self._actions["collect_unsure" if only_unsure else "collect"]
        is_wanted = action.isChecked()
        self._stop_collecting()
        if not is_wanted:
            self._said("added", self.tr("No more frames are collected"))
        elif self._opened_window() is not None:
            action.setChecked(True)
            self._only_unsure, self._collected = only_unsure, 0
            self._said("added", self.tr("Collecting frames …"))
            self._timer.start()

    @property
    def _collecting_actions(self) -> list[QAction]:
        return [self._actions["collect"], self._actions["collect_unsure"]]

    def _collect_frame(self) -> None:
        """Put the frame that is shown into the project, if it is wanted."""
        picture, window = self._grid.view.picture, self.teach_window
        if window is None or not window.isVisible():
            self._stop_collecting()
            return
        if not window.isEnabled():
            # Images are being added.
            return
        if picture is None or picture.frame is self._last_collected:
            # The source is lost or paused.
            return
        found = self._grid.view.visible_detections()
        names = window.project.classes.values()
        doubt = None if found is None else doubt_in(found, names)
        if self._only_unsure and (doubt is None or doubt < UNSURE):
            return
        self._last_collected = picture.frame
        window.adding.add_frame(
            picture.frame, *self._place_of(picture.frame), doubt, self._was_collected
        )

    def _said(self, kind: Said, text: str) -> None:
        self._notice.say("error" if kind == "failed" else "done", text, _TOPIC)

    def _was_collected(self, kind: Said, text: str) -> None:
        if kind == "failed":
            self._stop_collecting()
            self._said(kind, text)
        elif kind == "added" and self._timer.isActive():
            self._collected += 1
            count = self._collected
            text = self.tr("Collected %n frame(s)", "", count)
            if count >= _MOST_COLLECTED:
                self._stop_collecting()
                text = self.tr("Collected %n frame(s), which is enough for now", "", count)
            self._said(kind, text)

    def _stop_collecting(self) -> None:
        self._timer.stop()
        for action in self._collecting_actions:
            action.setChecked(False)

    def _opened_window(self) -> "TeachWindow | None":
        """Return the window of the project, which is opened if it is not; None if there is none."""
        if self.teach_window is None or not self.teach_window.isVisible():
            if not self._settings.project:
                text = self.tr("Make a project first, or open one (in the menu Tools)")
                self._notice.say("error", text, _TOPIC)
                return None
            self.open(Path(self._settings.project))
        is_open = self.teach_window is not None and self.teach_window.isVisible()
        return self.teach_window if is_open else None

    def _media_folder(self) -> str:
        """Return the folder of the file that is shown, or "" if none is."""
        state = self._session.pipeline.state
        path = Path(state.spec.address) if state is not None else Path()
        return str(path.parent) if path.is_file() else ""

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

    def may_close(self) -> bool:
        """Return whether the project may be closed; while it trains or installs, ask the user."""
        return self.teach_window is None or self.teach_window.may_close()

    def close(self) -> None:
        """Close the project, without a question."""
        self._timer.stop()
        if self.teach_window is not None:
            self.teach_window.close_project()
            self.teach_window.close()

    def _use(self, name: str) -> None:
        """Load the model of this name, or the one that a new user has."""
        self._model.load(replace(self._model.requested, model=name or Settings().model))
