"""Recordings, pictures and exports, made from the window."""

import json
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QToolButton,
    QWidget,
)

from ssd_live.gui.export_dialog import ExportDialog
from ssd_live.imaging.overlay import class_colour
from ssd_live.remote.network import ModelRequest
from ssd_live.settings import Settings
from tests.clips import SAMPLE, frame_times, pictures, write_clip
from tests.gui.desk import Desk, red_green_blue
from tests.gui.waiting import in_dialog, wait_until

Desks = Callable[..., Desk]


@pytest.fixture
def watching(desk: Desks, cat_and_dog: ModelRequest) -> Desk:
    opened = desk(model_request=cat_and_dog)
    opened.wait_for_boxes()
    return opened


def record(desk: Desk, frames: int = 15) -> Path:
    """By the action, until the notice says that it is written."""
    desk.trigger("record")
    recorder = desk.session.stream.recorder
    assert recorder is not None
    wait_until(lambda: recorder.frames >= frames, f"{frames} frames are recorded")
    desk.trigger("record")
    wait_until(lambda: desk.window.notice.text.startswith("Recorded"), "the end is told")
    return recorder.path


def cat_line(picture: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> bool:
    """Whether the left side of the cat's box is drawn, near enough after a codec."""
    height, width = picture.shape[:2]
    column = picture[height // 2, width // 4 - 4 : width // 4 + 5].astype(int)
    return bool((np.abs(column - class_colour("cat")).max(axis=1) < 60).any())


def test_a_recording_is_a_film_that_plays_with_its_detections_beside_it(watching: Desk) -> None:
    path = record(watching)
    times = frame_times(path)
    assert len(times) >= 15
    assert times == sorted(times)
    lines = [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
    assert len(lines) >= len(times)
    assert "cat" in json.dumps(lines[-1])
    assert path.parent == Path(watching.settings.output_folder)


def test_a_recording_carries_the_boxes(watching: Desk) -> None:
    assert cat_line(pictures(record(watching))[-1])


def test_a_recording_without_boxes_by_choice(watching: Desk) -> None:
    watching.trigger("record_boxes")
    assert watching.settings.record_boxes is False
    assert not cat_line(pictures(record(watching))[-1])


def test_while_recording_the_view_shows_it_and_stops_showing_it_afterwards(watching: Desk) -> None:
    watching.wait_for_live_layout()
    watching.trigger("record")
    wait_until(lambda: has_red_dot(watching), "the mark is there")
    watching.trigger("record")
    wait_until(lambda: not has_red_dot(watching), "the mark is gone")
    wait_until(lambda: watching.window.notice.text, "the end is told")


def has_red_dot(desk: Desk) -> bool:
    image = desk.view.grab().toImage()
    points = (
        (x, y) for x in range(image.width() - 120, image.width() - 10, 3) for y in range(12, 40, 3)
    )
    return any(red_green_blue(image, x, y) == (239, 68, 68) for x, y in points)


def test_two_recordings_have_two_names(watching: Desk) -> None:
    first = record(watching, 3)
    watching.window.notice.clear()
    second = record(watching, 3)
    assert first != second
    assert first.exists()
    assert second.exists()


def test_another_source_ends_the_recording(watching: Desk) -> None:
    watching.trigger("record")
    recorder = watching.session.stream.recorder
    assert recorder is not None
    wait_until(lambda: recorder.frames >= 3, "frames are recorded")
    watching.window.open(str(SAMPLE))
    assert not watching.is_on("record")
    wait_until(lambda: watching.window.notice.text.startswith("Recorded"), "the end is told")
    assert len(frame_times(recorder.path)) >= 3


def test_closing_the_window_finishes_the_recording(watching: Desk) -> None:
    watching.trigger("record")
    recorder = watching.session.stream.recorder
    assert recorder is not None
    wait_until(lambda: recorder.frames >= 5, "frames are recorded")
    watching.close()
    assert len(frame_times(recorder.path)) >= 5
    assert not list(recorder.path.parent.glob("*.part*"))


def test_a_folder_that_cannot_take_a_recording_is_said_so_and_the_button_goes_up(
    desk: Desks, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    opened = desk(settings=Settings(output_folder=str(tmp_path / "file")))
    opened.wait_for_picture()
    opened.trigger("record")
    assert str(tmp_path / "file") in opened.window.notice.text
    assert not opened.is_on("record")
    assert opened.session.stream.recorder is None


def test_a_picture_is_saved_whole_with_its_boxes_however_the_view_is_zoomed(watching: Desk) -> None:
    watching.view.set_zoom(4.0)
    watching.trigger("snapshot")
    wait_until(lambda: watching.window.notice.text.startswith("Saved"), "it is told")
    path = Path(watching.window.notice.text.removeprefix("Saved "))
    saved = cv2.imread(str(path))
    assert saved is not None
    assert saved.shape == (180, 320, 3)
    assert cat_line(np.asarray(saved, np.uint8))
    assert path.suffix == ".png"


def test_a_picture_that_cannot_be_saved_is_said_so(desk: Desks, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    opened = desk(settings=Settings(output_folder=str(tmp_path / "file")))
    opened.wait_for_picture()
    opened.trigger("snapshot")
    wait_until(lambda: str(tmp_path / "file") in opened.window.notice.text, "the failure is shown")
    assert not opened.window.notice.text.startswith("Saved")


def test_the_picture_on_the_clipboard_is_the_whole_frame_with_its_boxes(watching: Desk) -> None:
    watching.pause()
    watching.trigger("copy")
    image = QApplication.clipboard().image()
    assert (image.width(), image.height()) == (320, 180)
    assert watching.window.notice.text == "Frame copied to the clipboard"
    blue, green, red = class_colour("cat")
    line = [red_green_blue(image, x, 90) for x in range(76, 86)]
    assert (red, green, blue) in line


def test_the_folder_for_recordings_is_chosen_in_a_dialog(watching: Desk, tmp_path: Path) -> None:
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    in_dialog(lambda: watching.trigger("folder"), lambda dialog: type_path(dialog, chosen))
    assert Path(watching.settings.output_folder) == chosen


def type_path(dialog: QWidget, path: Path) -> None:
    assert isinstance(dialog, QFileDialog)
    field = dialog.findChild(QLineEdit, "fileNameEdit")
    assert isinstance(field, QLineEdit)
    field.setText(str(path))
    QTest.keyClick(field, Qt.Key.Key_Return)


def test_an_export_is_the_whole_film_with_the_boxes_that_are_shown(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    clip, output = write_clip(tmp_path / "clip.mp4", 20, size=(320, 136)), tmp_path / "copy.mp4"
    opened = desk(clip, model_request=cat_and_dog)
    opened.wait_for_boxes()
    in_dialog(lambda: opened.trigger("export"), lambda dialog: accept(dialog, output))
    assert export_bar(opened).isVisible()
    wait_until(lambda: opened.window.notice.text, "the end is told")
    assert opened.window.notice.text == f"Exported to {output}"
    made = pictures(output)
    assert len(made) == 20
    assert cat_line(made[-1])
    assert not export_bar(opened).isVisible()


def accept(dialog: QWidget, output: Path, *choices: str) -> None:
    """Type the output into the dialog of the export, make choices by their texts, and accept."""
    assert isinstance(dialog, ExportDialog)
    field = next(edit for edit in dialog.findChildren(QLineEdit) if edit.text().endswith(".mp4"))
    field.setText(str(output))
    for choice in choices:
        for box in dialog.findChildren(QCheckBox):
            box.setChecked(box.isChecked() or box.text() == choice)
        for picker in dialog.findChildren(QComboBox):
            if picker.findText(choice) >= 0:
                picker.setCurrentText(choice)
    export_button(dialog).click()


def export_button(dialog: QWidget) -> QPushButton:
    return next(one for one in dialog.findChildren(QPushButton) if one.text() == "Export")


def test_the_choices_of_an_export_reach_the_file(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    clip, output = write_clip(tmp_path / "clip.mp4", 50, size=(320, 136)), tmp_path / "copy.mkv"
    opened = desk(clip, model_request=cat_and_dog)
    opened.wait_for_boxes()

    def choose(dialog: QWidget) -> None:
        start, end = dialog.findChildren(QDoubleSpinBox)
        start.setValue(0.4)
        end.setValue(1.0)
        accept(
            dialog,
            output,
            "Motion JPEG",
            "Only a part of the video",
            "Write the detections to a file too (.jsonl)",
        )

    in_dialog(lambda: opened.trigger("export"), choose)
    wait_until(lambda: opened.window.notice.text.startswith("Exported"), "the end is told")
    assert len(pictures(output)) == 15
    with av.open(str(output)) as container:
        assert container.streams.video[0].codec_context.name == "mjpeg"
    assert len(output.with_suffix(".jsonl").read_text().splitlines()) > 15


def test_an_export_says_which_classes_it_leaves_out_and_keeps_the_choice_of_detections(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    clip, output = write_clip(tmp_path / "clip.mp4", 10, size=(320, 136)), tmp_path / "copy.mp4"
    opened = desk(clip, model_request=cat_and_dog)
    opened.wait_for_boxes()
    opened.panel.classes.hide_class("cat")

    def look(dialog: QWidget) -> None:
        assert any("hidden: cat" in label.text() for label in dialog.findChildren(QLabel))
        accept(dialog, output, "Write the detections to a file too (.jsonl)")

    in_dialog(lambda: opened.trigger("export"), look)
    wait_until(lambda: opened.window.notice.text.startswith("Exported"), "the end is told")
    assert opened.settings.export_detections
    in_dialog(
        lambda: opened.trigger("export"),
        lambda dialog: QTest.keyClick(dialog, Qt.Key.Key_Escape),
    )


def test_enter_in_the_dialog_of_the_export_starts_it(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    clip, output = write_clip(tmp_path / "clip.mp4", 10, size=(320, 136)), tmp_path / "copy.mp4"
    opened = desk(clip, model_request=cat_and_dog)
    opened.wait_for_boxes()

    def press_enter(dialog: QWidget) -> None:
        field = next(
            edit for edit in dialog.findChildren(QLineEdit) if edit.text().endswith(".mp4")
        )
        field.setText(str(output))
        QTest.keyClick(dialog, Qt.Key.Key_Return)

    in_dialog(lambda: opened.trigger("export"), press_enter)
    wait_until(output.is_file, "it is written")


def test_an_export_asks_before_it_replaces_a_file_and_refuses_an_empty_part(
    desk: Desks, tmp_path: Path
) -> None:
    clip, output = write_clip(tmp_path / "clip.mp4", 20, size=(320, 136)), tmp_path / "copy.mp4"
    output.write_bytes(b"old")
    opened = desk(clip)
    opened.wait_for_picture()

    def look(dialog: QWidget) -> None:
        accept(dialog, output)
        assert dialog.isVisible()
        assert any("exists" in label.text() for label in dialog.findChildren(QLabel))
        start, end = dialog.findChildren(QDoubleSpinBox)
        accept(dialog, output, "Only a part of the video")
        start.setValue(end.value())
        export_button(dialog).click()
        assert any("after its beginning" in label.text() for label in dialog.findChildren(QLabel))

    in_dialog(lambda: opened.trigger("export"), look)
    assert output.read_bytes() == b"old"


def export_bar(desk: Desk) -> QProgressBar:
    return next(bar for bar in desk.window.statusBar().findChildren(QProgressBar))


def cancel_button(desk: Desk) -> QToolButton:
    return next(
        button for button in desk.window.statusBar().findChildren(QToolButton) if button.text()
    )


def test_an_export_shows_how_far_it_is(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    opened = desk(SAMPLE, model_request=cat_and_dog)
    opened.wait_for_boxes()
    opened.window.export(SAMPLE, tmp_path / "copy.mp4")
    wait_until(
        lambda: 0 < export_bar(opened).value() < export_bar(opened).maximum(), "it is under way"
    )
    assert export_bar(opened).maximum() == 250
    wait_until(lambda: opened.window.notice.text.startswith("Exported"), "the end is told")


def test_a_cancelled_export_ends_soon_and_leaves_no_finished_file(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    opened = desk(SAMPLE, model_request=cat_and_dog)
    opened.wait_for_boxes()
    before = {child.pid for child in psutil.Process().children()}
    opened.window.export(SAMPLE, tmp_path / "copy.mp4")
    wait_until(lambda: export_bar(opened).value() > 0, "it is under way")
    QTest.mouseClick(cancel_button(opened), Qt.MouseButton.LeftButton)
    wait_until(lambda: not export_bar(opened).isVisible(), "it has ended")
    assert not (tmp_path / "copy.mp4").exists()
    assert {child.pid for child in psutil.Process().children()} == before
    assert opened.window.notice.text
    # What the user wanted is no error.
    assert opened.window.notice.kind == "done"


def test_the_user_is_asked_before_an_export_is_ended_by_closing(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    opened = desk(SAMPLE, model_request=cat_and_dog)
    opened.wait_for_boxes()
    opened.window.export(SAMPLE, tmp_path / "copy.mp4")
    for answer in ("Keep exporting", "Stop and close"):

        def press(dialog: QWidget, answer: str = answer) -> None:
            assert isinstance(dialog, QMessageBox)
            assert dialog.defaultButton().text() == "Keep exporting"
            (chosen,) = [one for one in dialog.buttons() if one.text() == answer]
            QTest.mouseClick(chosen, Qt.MouseButton.LeftButton)

        in_dialog(lambda: opened.trigger("quit"), press)
        assert opened.window.isVisible() is (answer == "Keep exporting")


def test_an_export_without_an_ending_becomes_an_mp4(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 5, size=(320, 136))
    opened = desk(clip, model_request=cat_and_dog)
    opened.wait_for_boxes()
    in_dialog(lambda: opened.trigger("export"), lambda dialog: accept(dialog, tmp_path / "copy"))
    wait_until(lambda: (tmp_path / "copy.mp4").is_file(), "it is written")
    wait_until(lambda: opened.window.notice.text.startswith("Exported"), "it is told")
    (show,) = [
        button
        for button in opened.window.notice.findChildren(QToolButton)
        if button.text() == "Show in folder"
    ]
    assert show.isVisible()


def test_snapshot_and_export_look_as_the_screen_does(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 5, size=(320, 136))
    styles = (Settings(), Settings(labels="none", line_width=6))
    pictures = []
    for number, settings in enumerate(styles):
        opened = desk(clip, model_request=cat_and_dog, settings=settings)
        opened.wait_for_boxes()
        output = tmp_path / f"{number}.mp4"
        opened.window.export(clip, output)
        wait_until(output.is_file, "it is written")
        with av.open(str(output)) as container:
            frame = next(container.decode(video=0))
        pictures.append(frame.to_ndarray(format="bgr24").astype(int))
    # The label of the cat, above its box; and its line, two pixels inside.
    above, inside = (slice(26, 32), slice(84, 100)), (slice(60, 70), slice(82, 84))
    near = [
        [np.abs(picture[place] - class_colour("cat")).max() < 60 for place in (above, inside)]
        for picture in pictures
    ]
    assert [row[1] for row in near] == [False, True]
    assert np.abs(pictures[0][above] - pictures[1][above]).mean() > 20


def test_an_export_uses_the_classes_and_the_threshold_that_are_shown(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    clip, output = write_clip(tmp_path / "clip.mp4", 5, size=(320, 136)), tmp_path / "copy.mp4"
    opened = desk(
        clip, model_request=cat_and_dog, settings=Settings(hidden_classes={"cat_and_dog": ["cat"]})
    )
    opened.wait_for_boxes()
    opened.window.export(clip, output)
    wait_until(lambda: opened.window.notice.text, "the end is told")
    assert not cat_line(pictures(output)[-1])


def test_only_one_export_at_a_time(desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path) -> None:
    opened = desk(SAMPLE, model_request=cat_and_dog)
    opened.wait_for_boxes()
    opened.window.export(SAMPLE, tmp_path / "copy.mp4")
    opened.trigger("export")
    assert "An export is already running" in opened.window.notice.text


def test_closing_the_window_ends_the_export(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    opened = desk(SAMPLE, model_request=cat_and_dog)
    opened.wait_for_boxes()
    opened.window.export(SAMPLE, tmp_path / "copy.mp4")
    wait_until(lambda: export_bar(opened).value() > 0, "it is under way")
    opened.close()
    assert not psutil.Process().children(recursive=True)


def test_a_live_source_cannot_be_exported_and_the_window_says_what_to_do(watching: Desk) -> None:
    watching.trigger("export")
    assert "record a camera or a stream instead" in watching.window.notice.text


def test_a_failed_export_says_why(desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path) -> None:
    opened = desk(SAMPLE, model_request=cat_and_dog)
    opened.wait_for_boxes()
    opened.window.export(SAMPLE, tmp_path / "missing" / "folder" / "copy.avi2")
    wait_until(lambda: opened.window.notice.text, "the failure is told")
    assert "copy.avi2" in opened.window.notice.text
    assert not opened.window.notice.text.startswith("Exported")


def test_a_recordings_pictures_keep_their_size_in_the_codec(watching: Desk) -> None:
    with av.open(str(record(watching, 5))) as container:
        context = container.streams.video[0].codec_context
        assert (context.width, context.height) == (320, 180)


def test_a_recording_of_a_paused_source_has_no_length(watching: Desk) -> None:
    watching.pause()
    watching.trigger("record")
    dropped = watching.counts.dropped["paused"]
    wait_until(lambda: watching.counts.dropped["paused"] >= dropped + 45, "seconds pass")
    assert watching.view.badge == "0:00"
    watching.trigger("play")
    wait_until(lambda: watching.view.badge == "0:01", "a second is recorded")
    recorder = watching.session.stream.recorder
    assert recorder is not None
    assert 10 <= recorder.frames <= 45
    watching.trigger("record")
