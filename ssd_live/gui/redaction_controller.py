"""Lead from a video through the search and the review to its redacted copy."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMainWindow

from ssd_live.gui.capture_actions import CaptureActions
from ssd_live.gui.jobs import Jobs
from ssd_live.gui.notice import Notices
from ssd_live.gui.redaction_dialog import RedactionDialog
from ssd_live.gui.review_window import ReviewWindow
from ssd_live.live.session import LiveSession
from ssd_live.process.review import ReviewFile
from ssd_live.remote.network import ModelRequest


class RedactionController(QObject):
    """Hides objects in a copy of the file of the selected source, after a review.

    `model_request` returns the model in use.
    """

    def __init__(
        self,
        window: QMainWindow,
        session: LiveSession,
        notice: Notices,
        capture: CaptureActions,
        model_request: Callable[[], ModelRequest],
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._notice = window, session, notice
        self._capture, self._model_request = capture, model_request
        self._review: ReviewWindow | None = None
        self._jobs = Jobs("review", self)
        self._jobs.failed.connect(lambda text: self._notice.say("error", text, "export"))

    def ask(self) -> None:
        """Ask the user what to hide, and begin to search."""
        state = self._session.pipeline.state
        if self._capture.is_exporting:
            text = self.tr("An export is already running; wait until it ends or cancel it")
            self._notice.say("error", text, "export")
            return
        if state is None or state.spec.kind != "file":
            text = self.tr("Objects are hidden in a copy of a video file; open one first")
            self._notice.say("error", text, "export")
            return
        source = Path(state.spec.address)
        dialog = RedactionDialog(source, self._window)
        if dialog.exec():
            self.search(source, dialog.output, dialog.review, dialog.arguments)

    def search(self, source: Path, output: Path, review: Path, arguments: list[str]) -> None:
        """Search for what must be hidden, and then show it for the review."""
        model = self._model_request()
        words = ["--model", model.model, "--backend", model.backend]
        words += ["--precision", model.precision, *arguments]
        if review.exists():
            # Decisions that were made before are not lost; whether they fit is checked later.
            text = self.tr("Going on with {name}, which is there; delete it to search anew")
            self._notice.say("done", text.format(name=review.name), "export")
            self._show(source, output, review, words)
            return
        self._capture.start_process(
            source, output, words, lambda: self._show(source, output, review, words)
        )

    def close(self) -> None:
        """Close the review, and end the thread."""
        self._jobs.close()
        self._close_review()

    def _close_review(self) -> None:
        if self._review is not None:
            self._review.close_threads()
            self._review.close()

    def _show(self, source: Path, output: Path, review: Path, words: list[str]) -> None:
        """Read a review, which takes a while if it is long, and show it."""
        self._jobs.do(
            lambda: ReviewFile(review), lambda file: self._open(source, output, file, words)
        )

    def _open(self, source: Path, output: Path, file: ReviewFile, words: list[str]) -> None:
        self._close_review()
        self._review = ReviewWindow(source, file, self._window)
        self._review.write_asked.connect(lambda: self._write(source, output, words))
        self._review.show()
        self._review.raise_()

    def _write(self, source: Path, output: Path, words: list[str]) -> None:
        if self._capture.is_exporting:
            text = self.tr("An export is already running; wait until it ends or cancel it")
            self._notice.say("error", text, "export")
            return
        self._close_review()
        self._capture.start_process(source, output, words)
