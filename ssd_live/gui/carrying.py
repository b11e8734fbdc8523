"""Follow the objects of an image through its video, beside the window of a project."""

import threading
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from ssd_live.errors import SsdLiveError
from ssd_live.gui.jobs import Jobs
from ssd_live.project.editing import Editor
from ssd_live.project.follow import carried_through
from ssd_live.project.labels import ProjectImage

# Images before and after boxes were carried into them.
_Carried = list[tuple[ProjectImage, ProjectImage]]


class Carrying(QObject):
    """Carries the boxes of an image into the images after it, through `editor`, in one step.

    `said` is emitted with lines for the user, and `changed` with the numbers of the images that got
    boxes.
    """

    said = Signal(str)
    changed = Signal(object)
    _progress = Signal(int, int)

    def __init__(self, editor: Editor, parent: QObject) -> None:
        super().__init__(parent)
        self._editor, self._project = editor, editor.project
        # Images are shown meanwhile by another thread.
        self._jobs = Jobs("following objects", self)
        self._jobs.failed.connect(self._failed)
        self._progress.connect(self._show_progress)
        # Set to end what is running; None if nothing is.
        self._running: threading.Event | None = None

    @property
    def is_running(self) -> bool:
        """Whether objects are followed."""
        return self._running is not None

    def start(self, image: ProjectImage) -> None:
        """Begin to follow the objects of an image."""
        if not image.boxes:
            self.said.emit(self.tr("Draw a box around each object first"))
            return
        stop = self._running = threading.Event()
        self.said.emit(self.tr("Following the objects … (Shift+T stops)"))
        self._jobs.do(lambda: self._carried(image, stop), lambda its: self._store(its, stop))

    def stop(self) -> None:
        """End it; what was found so far is kept."""
        if self._running is not None:
            self._running.set()
            self._running = None

    def close(self, seconds: float) -> None:
        """End it and its thread; nothing is kept. Wait at most so many seconds for that."""
        self.stop()
        self._jobs.close(seconds)

    def _carried(self, image: ProjectImage, stop: threading.Event) -> _Carried | str:
        """Return the images after `image`, before and after its boxes were carried into them."""
        before = {its.number: its for its in self._project.images}
        try:
            return [
                (before.get(its.number, its), its)
                for its in carried_through(
                    self._project,
                    image,
                    stop.is_set,
                    lambda done, count: self._progress.emit(done, count),
                )
            ]
        except SsdLiveError as error:
            return str(error)

    def _show_progress(self, done: int, count: int) -> None:
        if self.is_running:
            text = self.tr("Following the objects: {done} of {count} images (Shift+T stops)")
            self.said.emit(text.format(done=done, count=count))

    def _store(self, carried: _Carried | str, stop: threading.Event) -> None:
        """Put boxes into the images, but not into those that were labelled meanwhile."""
        if self._running is stop:
            self._running = None
        if isinstance(carried, str):
            self.said.emit(carried)
            return
        now = {its.number: its for its in self._project.images}
        known = self._project.classes
        kept = [
            # A class may have been merged meanwhile.
            replace(
                now[its.number], boxes=tuple(each for each in its.boxes if each.class_id in known)
            )
            for before, its in carried
            if its.number in now
            and not now[its.number].is_labelled
            and now[its.number].sure_boxes == before.sure_boxes
        ]
        if not kept:
            text = self.tr(
                "No box was carried: the objects were not found again, or no image without labels "
                "follows in the same video"
            )
            self.said.emit("" if stop.is_set() else text)
            return
        try:
            self._editor.replace(kept)
        except SsdLiveError as error:
            self.said.emit(str(error))
            return
        self.changed.emit({its.number for its in kept})
        count = len(kept)
        text = self.tr("Carried boxes into %n image(s).", "", count)
        more = self.tr(
            "Go on with D, correct what is wrong, and press Enter. After a correction, Shift+T "
            "carries on from there."
        )
        self.said.emit(f"{text} {more}")

    def _failed(self, text: str) -> None:
        self._running = None
        self.said.emit(text)
