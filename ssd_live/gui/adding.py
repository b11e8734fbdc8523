"""Add images to a project, beside its window."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal

from ssd_live.errors import DataError, MediaError, SsdLiveError
from ssd_live.gui.jobs import Jobs
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.image_files import VIDEO_SUFFIXES
from ssd_live.project.collect import Collected, Collector, add_files, add_folder, add_video
from ssd_live.project.labels import ProjectImage
from ssd_live.project.store import Project

# What the names of files begin with that came from the live window.
_LIVE_STEM = "live"
_VIDEO_EVERY_SECONDS, _VIDEO_COUNT = 1.0, 60
_TOLD_EVERY = 20

# What became of a frame for the project.
Said = Literal["added", "near", "failed"]


class Adding(QObject):
    """Adds images, and frames of videos, to a project in the thread of `jobs`.

    `added` is emitted with a frame that was added. `began` and `ended` are emitted around the
    adding of files, during which the project must not be changed. `said` is emitted with lines for
    the user, and `found` with the lines about what is wrong in the data, if they are several.
    """

    said = Signal(str)
    added = Signal(object)
    began = Signal()
    ended = Signal()
    found = Signal(object)
    _progress = Signal(int)

    def __init__(self, project: Project, jobs: Jobs, parent: QObject) -> None:
        super().__init__(parent)
        self._project, self._jobs = project, jobs
        self._is_adding_files = self._is_stopped = False
        self._progress.connect(self._show_progress)

    def add_frame(
        self,
        frame: Frame,
        source: str,
        seconds: float | None,
        doubt: float | None,
        said: Callable[[Said, str], None],
    ) -> None:
        """Add a frame that the user sees in the live window.

        `source` says where it comes from, and `seconds` at which time there. `doubt` is how unsure
        the network is of it, 0 to 1. `said` is called with what became of it, and with what to tell
        the user.
        """
        if self._is_adding_files:
            said("failed", self.tr("Images are being added; try again after that"))
            return
        project = self._project

        def add() -> ProjectImage | str | None:
            try:
                collector = Collector(project)
                image = collector.add_frame(frame, _LIVE_STEM, source, seconds, doubt)
                collector.finish()
            except SsdLiveError as error:
                return str(error)
            return image

        def end(image: ProjectImage | str | None) -> None:
            if image is None:
                said("near", self.tr("An image that looks the same is in the project already"))
            elif isinstance(image, str):
                said("failed", image)
            else:
                self.added.emit(image)
                said("added", self.tr("Added {name} to the project").format(name=image.file_name))

        self._jobs.do(add, end)

    def add_files(self, paths: Sequence[Path]) -> None:
        """Add image files, a frame of each second of videos, and folders or data sets."""
        self.said.emit(self.tr("Adding images …"))
        self._is_adding_files = True
        self.began.emit()
        self._jobs.do(lambda: self._collected(paths), self._end)

    def stop(self) -> None:
        """Add no more files after the image that is being read."""
        self._is_stopped = True

    def _collected(self, paths: Sequence[Path]) -> Collected | str:
        """Add files, in the thread of the jobs; return a line for the user if that failed."""
        collector = Collector(self._project)
        told = 0

        def is_stopped() -> bool:
            nonlocal told
            if collector.collected.images >= told + _TOLD_EVERY:
                told = collector.collected.images
                self._progress.emit(told)
            return self._is_stopped

        try:
            try:
                for path in paths:
                    if is_stopped():
                        break
                    try:
                        self._add(collector, path, is_stopped)
                    except (DataError, MediaError) as error:
                        # The others are added all the same.
                        collector.collected.findings.append(str(error))
            finally:
                collected = collector.finish()
        except Exception as error:  # the window must not wait for ever
            return str(error) or type(error).__name__
        return collected

    def _add(self, collector: Collector, path: Path, is_stopped: Callable[[], bool]) -> None:
        if path.is_dir() or path.suffix.lower() == ".json":
            add_folder(collector, self._project, path, "", is_stopped)
        elif path.suffix.lower() in VIDEO_SUFFIXES:
            every, count = _VIDEO_EVERY_SECONDS, _VIDEO_COUNT
            add_video(collector, path, every, count, is_stopped=is_stopped)
        else:
            add_files(collector, [path], "")

    def _end(self, collected: Collected | str) -> None:
        self._is_adding_files = False
        self.ended.emit()
        if isinstance(collected, str):
            self.said.emit(collected)
            return
        texts = [self.tr("Added %n image(s)", "", collected.images)]
        if collected.boxes:
            texts[0] += " " + self.tr("with %n labelled object(s)", "", collected.boxes)
        if collected.near:
            texts.append(self.tr("%n near-duplicate(s) left out", "", collected.near))
        self.said.emit("; ".join((*texts, *collected.findings[:1])))
        if len(collected.findings) > 1:
            self.found.emit(collected.findings)

    def _show_progress(self, images: int) -> None:
        if self._is_adding_files:
            self.said.emit(self.tr("Adding images: {count} so far").format(count=images))
