"""The actions that save output: recordings, snapshots and annotated copies of files."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QStandardPaths, QUrl
from PySide6.QtGui import QAction, QDesktopServices, QImage
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QMainWindow,
    QMessageBox,
    QToolButton,
)

from ssd_live.errors import SsdLiveError
from ssd_live.gui.bridge import Bridge
from ssd_live.gui.busy_bar import BusyBar
from ssd_live.gui.export import Export
from ssd_live.gui.export_dialog import ExportDialog
from ssd_live.gui.grid import VideoGrid
from ssd_live.gui.notice import NoticeAction, Notices
from ssd_live.gui.transport import clock
from ssd_live.live.outputs import annotated, default_recording
from ssd_live.live.recorder import Recorded
from ssd_live.live.session import LiveSession
from ssd_live.remote.network import ModelRequest
from ssd_live.settings import Settings
from ssd_live.system.paths import printable


class CaptureActions(QObject):
    """The user's actions that save output of the selected source of a window.

    The user can record the source, save or copy a snapshot, and export an annotated copy of a file.
    Notices show the results and errors. `record_action` is kept checked while the selected
    source is recorded. `model_request` is a function that returns the model for an export.
    """

    def __init__(
        self,
        window: QMainWindow,
        session: LiveSession,
        bridge: Bridge,
        settings: Settings,
        grid: VideoGrid,
        notice: Notices,
        record_action: QAction,
        model_request: Callable[[], ModelRequest],
    ) -> None:
        super().__init__(window)
        self._window = window
        self._session = session
        self._bridge = bridge
        self._settings = settings
        self._grid = grid
        self._notice = notice
        self._record_action = record_action
        self._model_request = model_request
        self._record_to: Path | None = None
        # Names that snapshots reserve until they are written.
        self._saving: set[Path] = set()
        # The reason why the recording that the command line asked for did not start, or "".
        self.failure = ""
        self._export = Export(self)
        self._export_began = 0.0
        self._export_done: Callable[[], None] | None = None
        self._export_bar = BusyBar()
        self._export_bar.setMaximumWidth(240)
        self._export_cancel = QToolButton()
        self._export_cancel.setText(self.tr("Cancel export"))
        self._export_cancel.clicked.connect(self._cancel_export)
        for widget in (self._export_bar, self._export_cancel):
            window.statusBar().addPermanentWidget(widget)
            widget.hide()
        bridge.recorded.connect(self._recorded)
        bridge.snapshot_saved.connect(self._saved)
        self._export.advanced.connect(self._export_advanced)
        self._export.ended.connect(self._export_ended)

    def show_time(self) -> None:
        """Show in each view how long its source has been recorded, and update the record action.

        A view whose source is not recorded shows no time.
        """
        for view in self._grid.views:
            recorder = view.stream.recorder
            if recorder is None:
                view.set_badge("")
                continue
            since = recorder.first_frame_at
            view.set_badge(clock(0.0 if since is None else time.monotonic() - since))
        self._record_action.setChecked(self._session.stream.recorder is not None)

    def close(self) -> None:
        """Stop the running export, if there is one, and wait at most two seconds for its end."""
        self._export.kill()

    def record_when_ready(self, path: Path) -> None:
        """Start to record to `path` as soon as the model is loaded or has failed to load.

        The recording waits for the model, because it must show the same detections as the window.
        """
        self._record_to = path

    def never_recorded(self) -> str:
        """Return an error message if the recording of `record_when_ready` never began, or else "".

        A recording never begins if the window closes while the model is still loading.
        """
        return (
            f"{self._record_to}: nothing was recorded because the model was still loading; keep "
            "the window open until the model is loaded"
            if self._record_to
            else ""
        )

    def record_if_asked(self) -> None:
        """Start the recording that `record_when_ready` asked for, if there is one.

        If the recording does not start, store the error message in `failure`.
        """
        path, self._record_to = self._record_to, None
        if path is not None:
            self.record(True, path)
            if self._session.stream.recorder is None:
                self.failure = self._notice.text

    def record(self, on: bool, path: Path | None = None) -> None:
        """Start a recording of the selected source if `on` is true, else stop it.

        If `path` is None, the file gets a new name in the output folder. If the recording cannot
        start, a notice shows the error.
        """
        if not on:
            self._session.stream.stop_recording()
        elif path is None and not self._has_picture():
            self._notice.say("error", self.tr("There is no video to record"), "recording")
        else:
            try:
                path = path or default_recording(
                    self.output_folder(), time.localtime(), self._saving
                )
                self._session.stream.start_recording(path, boxes=self._settings.record_boxes)
            except SsdLiveError as error:
                self._notice.say("error", str(error), "recording")
        self.show_time()

    def _has_picture(self) -> bool:
        """Whether the selected source gives frames, or gave some and is paused or at its end."""
        view = self._grid.view
        return view.stream.pipeline.state is not None and not view.signal_panel.text

    def _recorded(self, recorded: Recorded) -> None:
        if recorded.error_message:
            self._notice.say("error", recorded.error_message, "recording")
        else:
            text = self.tr("Recorded {seconds} s, %n frame(s), to {path}", "", recorded.frames)
            said = text.format(seconds=f"{recorded.seconds:.1f}", path=printable(recorded.path))
            lost = (
                self.tr("%n frame(s) lost because writing was too slow", "", recorded.lost)
                if recorded.lost
                else ""
            )
            whole = f"{said} ({lost})" if lost else said
            self._notice.say("done", whole, "recording", self._show(recorded.path))
        self.show_time()

    def save_picture(self) -> None:
        """Save the current frame with its boxes as a PNG file in the output folder.

        A separate thread writes the file. If there is no frame, a notice says so.
        """
        picture = self._grid.view.picture
        if picture is None or not self._has_picture():
            self._notice.say("error", self.tr("There is no video to save a frame of"), "snapshot")
            return
        name = default_recording(self.output_folder(), time.localtime(), self._saving)
        self._saving.add(name)
        path = name.with_suffix(".png")
        self._session.save_snapshot(
            picture, path, lambda path, message: self._bridge.snapshot_saved.emit(path, message)
        )

    def _saved(self, path: Path, message: str) -> None:
        self._saving.discard(path.with_suffix(".mkv"))
        if message:
            self._notice.say("error", message, "snapshot")
        else:
            said = self.tr("Saved {path}").format(path=printable(path))
            self._notice.say("done", said, "snapshot", self._show(path))

    def _show(self, path: Path) -> list[NoticeAction]:
        """Return a list with one button for a notice, which opens the folder of the file `path`."""
        return [(self.tr("Show in folder"), lambda: self.open_folder(path.parent))]

    def open_output_folder(self) -> None:
        """Show the folder of recordings and snapshots in the file manager."""
        self.open_folder(self.output_folder())

    def open_folder(self, folder: Path) -> None:
        """Show a folder in the file manager."""
        if not (folder.is_dir() and QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))):
            said = self.tr("No program here shows the folder {path}")
            self._notice.say("error", said.format(path=printable(folder)), "folder")
            return
        # The desktop does not tell whether a program has really opened it.
        said = self.tr("The folder is {path}")
        self._notice.say("done", said.format(path=printable(folder)), "folder")

    def copy_picture(self) -> None:
        """Copy the current frame with its boxes to the clipboard.

        Do nothing if there is no frame yet.
        """
        if (picture := self._grid.view.picture) is None:
            return
        found = self._grid.view.visible_detections()
        counted = self._session.stream.zone_watch.counted()
        image = annotated(picture, found, self._session.style, counted)
        height, width = image.shape[:2]
        QApplication.clipboard().setImage(
            QImage(image.data, width, height, image.strides[0], QImage.Format.Format_BGR888).copy()
        )
        self._notice.say("done", self.tr("Frame copied to the clipboard"))

    def output_folder(self) -> Path:
        """Return the folder of recordings and snapshots."""
        own = self._settings.output_folder
        return Path(own) if own else self.usual_folder()

    def usual_folder(self) -> Path:
        """Return the folder of recordings and snapshots if the settings name none."""
        movies = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation)
        return Path(movies or Path.home())

    def ask_output_folder(self) -> None:
        """Ask the user for the folder of recordings and snapshots, and store it as a setting."""
        if name := QFileDialog.getExistingDirectory(
            self._window, self.tr("Folder for recordings and snapshots"), str(self.output_folder())
        ):
            self._settings.output_folder = name

    def ask_export(self) -> None:
        """Ask the user for an output file, and start to export the current video file to it.

        If an export is already running or the source is not a file, show a notice instead.
        """
        state = self._session.pipeline.state
        if self._export.is_running:
            self._notice.say(
                "error",
                self.tr("An export is already running; wait until it ends or cancel it"),
                "export",
            )
            return
        if state is None or state.spec.kind != "file":
            self._notice.say(
                "error",
                self.tr("Only a video file can be exported; record a camera or a stream instead"),
                "export",
            )
            return
        source = Path(state.spec.address)
        duration = state.info.duration if state.info else None
        shown = self._session.filter
        hidden = (
            [name for name, wanted in zip(shown.classes, shown.wanted, strict=True) if not wanted]
            if shown is not None
            else []
        )
        settings = self._settings
        dialog = ExportDialog(source, duration, state.position, hidden, self._window)
        dialog.write_detections(settings.export_detections)
        if dialog.exec():
            plan = dialog.plan
            settings.export_detections = "--detections" in plan.arguments
            self.export(source, plan.output, plan.arguments)

    @property
    def is_exporting(self) -> bool:
        """Whether an export is running."""
        return self._export.is_running

    def may_close(self) -> bool:
        """Ask the user whether to stop a running export, and return whether the window may close.

        Without an export, return True.
        """
        if not self._export.is_running:
            return True
        question = QMessageBox(
            QMessageBox.Icon.Question,
            self.tr("Export annotated copy"),
            self.tr(
                "An export is running. Stop it and close the window? The frames written so far "
                "stay in a .part file."
            ),
            parent=self._window,
        )
        stop = question.addButton(self.tr("Stop and close"), QMessageBox.ButtonRole.DestructiveRole)
        go_on = question.addButton(self.tr("Keep exporting"), QMessageBox.ButtonRole.RejectRole)
        question.setDefaultButton(go_on)
        question.exec()
        return question.clickedButton() is stop

    def export(self, source: Path, output: Path, arguments: Sequence[str] = ()) -> None:
        """Start to write an annotated copy of the file `source` to `output`, and return at once.

        The export uses the current model, threshold and classes. `arguments` are further
        arguments of the command `process`. Call this only when no export is running.
        """
        self.start_process(source, output, [*self.process_options(), *arguments])

    def start_process(
        self,
        source: Path,
        output: Path,
        arguments: Sequence[str],
        done: Callable[[], None] | None = None,
    ) -> None:
        """Start `process` on the file `source` with these arguments, and return at once.

        If it succeeds, `done` is called; without it, a notice tells the output. Call this only when
        no export is running.
        """
        self._export_done = done
        self._export.start(source, output, list(arguments))
        self._export_began = time.monotonic()
        self._export_bar.setRange(0, 0)
        self._export_bar.setFormat("")
        self._export_bar.show()
        self._export_cancel.setText(self.tr("Cancel export"))
        self._export_cancel.setEnabled(True)
        self._export_cancel.show()

    def process_options(self) -> list[str]:
        """Return the arguments of `process` for the current model, threshold, classes and style."""
        model_request = self._model_request()
        options = [
            "--model",
            model_request.model,
            "--backend",
            model_request.backend,
            "--precision",
            model_request.precision,
            "--labels",
            self._session.style.labels,
            "--line-width",
            str(self._session.style.line_width),
        ]
        if (shown := self._session.filter) is not None:
            if shown.class_thresholds is None:
                options += ["--threshold", f"{shown.threshold:g}"]
            if not shown.wanted.all():
                options += [
                    "--classes",
                    ",".join(
                        name
                        for name, wanted in zip(shown.classes, shown.wanted, strict=True)
                        if wanted
                    ),
                ]
        return options

    def _cancel_export(self) -> None:
        self._export_cancel.setText(self.tr("Cancelling …"))
        self._export_cancel.setEnabled(False)
        self._export.cancel()

    def _export_advanced(self, done: int, total: int) -> None:
        self._export_bar.setRange(0, total)
        self._export_bar.setValue(done)
        if done and total:
            left = (time.monotonic() - self._export_began) / done * (total - done)
            text = self.tr("%p % · {time} left").format(time=clock(left))
            self._export_bar.setFormat(text)

    def _export_ended(self, output: str, message: str, cancelled: bool) -> None:
        self._export_bar.hide()
        self._export_cancel.hide()
        if message:
            self._notice.say("done" if cancelled else "error", message, "export")
        elif self._export_done is not None:
            self._export_done()
        else:
            said = self.tr("Exported to {path}").format(path=output)
            self._notice.say("done", said, "export", self._show(Path(output)))
