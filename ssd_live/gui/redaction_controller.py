"""Lead from a video through the search and the review to its redacted copy."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMainWindow

from ssd_live.errors import SsdLiveError
from ssd_live.gui.capture_actions import CaptureActions
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
        # What an earlier search found may be of another video.
        review.unlink(missing_ok=True)
        self._capture.start_process(
            source, output, words, lambda: self._show(source, output, review, words)
        )

    def close(self) -> None:
        """Close the review."""
        if self._review is not None:
            self._review.close_threads()
            self._review.close()

    def _show(self, source: Path, output: Path, review: Path, words: list[str]) -> None:
        try:
            file = ReviewFile(review)
        except SsdLiveError as error:
            self._notice.say("error", str(error), "export")
            return
        self.close()
        self._review = ReviewWindow(source, file, self._window)
        self._review.write_asked.connect(lambda: self._write(source, output, words))
        self._review.show()
        self._review.raise_()

    def _write(self, source: Path, output: Path, words: list[str]) -> None:
        if self._capture.is_exporting:
            text = self.tr("An export is already running; wait until it ends or cancel it")
            self._notice.say("error", text, "export")
            return
        self.close()
        self._capture.start_process(source, output, words)
