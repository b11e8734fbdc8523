"""From a video through the search and the review to its redacted copy."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSlider,
)

from ssd_live.errors import OutputError
from ssd_live.gui.redaction_dialog import RedactionDialog
from ssd_live.gui.review_view import ReviewView
from ssd_live.gui.review_window import ReviewWindow
from ssd_live.process.review import HiddenRegion, Review, ReviewFile
from ssd_live.remote.network import ModelRequest
from tests.clips import pictures, write_clip
from tests.gui.desk import SMALL_PATTERN, Desk, part
from tests.gui.waiting import settle, wait_until
from tests.unit.reporting.logs import found, frame, header, write_log

Desks = Callable[..., Desk]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "a.mp4", 50)


@pytest.fixture
def file(tmp_path: Path) -> ReviewFile:
    """Two tracks, of which one has two doubtful moments."""
    lines = [
        {
            **frame(n / 25, found(track_id=1), found((300, 100, 380, 200), track_id=2, name="car")),
            "pts": n,
        }
        for n in range(50)
    ]
    for number, track_id, why in (
        (5, 1, "begins inside"),
        (20, 1, "gap filled"),
        (30, 2, "low score"),
    ):
        time = number / 25
        lines[number]["doubts"] = [
            {"from": time, "to": time + 0.2, "class": "person", "track_id": track_id, "why": why}
        ]
    head = header(redaction={"classes": ["person"]})
    return ReviewFile(write_log(tmp_path / "a review.jsonl", head, *lines))


@pytest.fixture
def window(application: QApplication, video: Path, file: ReviewFile) -> Iterator[ReviewWindow]:
    made = ReviewWindow(video, file)
    made.show()
    settle()
    yield made
    made.close_threads()
    made.close()
    made.deleteLater()
    settle()


def _moments(window: ReviewWindow) -> list[str]:
    moments = part(window, QListWidget)
    return [moments.item(row).text() for row in range(moments.count())]


def _says(window: ReviewWindow, text: str) -> bool:
    return any(text in label.text() for label in window.findChildren(QLabel))


def _press(window: ReviewWindow, key: Qt.Key, control: bool = False) -> None:
    modifier = Qt.KeyboardModifier.ControlModifier if control else Qt.KeyboardModifier.NoModifier
    # The list has the focus, and takes letters for a search of its own.
    moments = part(window, QListWidget)
    moments.setFocus()
    QTest.keyClick(moments, key, modifier)


def _colour(window: ReviewWindow, x: float, y: float) -> tuple[int, int, int]:
    """The colour in the view at a place of the frame, in pixels of the frame."""
    view = part(window, ReviewView)
    scale = min(view.width() / 640, view.height() / 272)
    left, top = (view.width() - scale * 640) / 2, (view.height() - scale * 272) / 2
    image = view.grab().toImage()
    ratio = image.devicePixelRatio()
    its = image.pixelColor(int((left + scale * x) * ratio), int((top + scale * y) * ratio))
    return its.red(), its.green(), its.blue()


def test_moments_are_confirmed_one_after_the_other(window: ReviewWindow, file: ReviewFile) -> None:
    assert _moments(window) == [
        "0:00.2 · person 1 · begins inside",
        "0:00.8 · person 1 · gap filled",
        "0:01.2 · person 2 · low score",
    ]
    assert _says(window, "0 of 3 moments checked")
    _press(window, Qt.Key.Key_Y)
    _press(window, Qt.Key.Key_Y)
    assert _moments(window)[0].startswith("✓")
    assert part(window, QListWidget).currentRow() == 2
    assert _says(window, "2 of 3 moments checked")
    assert ReviewFile(file.path).review == Review(checked=(0, 1))
    _press(window, Qt.Key.Key_Z, control=True)
    assert ReviewFile(file.path).review == Review(checked=(0,))
    _press(window, Qt.Key.Key_Z, control=True)
    _press(window, Qt.Key.Key_Z, control=True)
    assert ReviewFile(file.path).review == Review()


def test_what_is_no_object_stays_visible(window: ReviewWindow, file: ReviewFile) -> None:
    _press(window, Qt.Key.Key_X)
    assert file.review == Review((1,), (), (0,))
    assert [text.endswith("not hidden") for text in _moments(window)] == [True, True, False]
    _press(window, Qt.Key.Key_X)
    assert file.review == Review((), (), (0,))


def test_a_region_that_is_drawn_is_hidden_around_the_moment(
    window: ReviewWindow, file: ReviewFile
) -> None:
    wait_until(lambda: _colour(window, 320, 30) != (16, 17, 20), "the frame is shown")
    view = part(window, ReviewView)
    scale = min(view.width() / 640, view.height() / 272)
    top = (view.height() - scale * 272) / 2
    begin, end = (
        QPoint(round(scale * x), round(top + scale * y)) for x, y in ((200, 150), (300, 250))
    )
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=begin)
    QTest.mouseMove(view, end)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=end)
    (region,) = file.review.hidden
    assert region.begin == 0.0
    assert region.end == pytest.approx(1.4)
    assert region.box == pytest.approx((200, 150, 300, 250), abs=2)
    part(window, QCheckBox).setChecked(True)
    for place in ((250, 200), (120, 90), (340, 150)):
        assert _colour(window, *place) == (0, 0, 0)
    # A click hides nothing.
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=begin)
    assert len(file.review.hidden) == 1
    part(window, QSlider).setValue(part(window, QSlider).maximum())
    assert _says(window, "0:01.4")


def test_a_review_that_cannot_be_stored_is_told(
    window: ReviewWindow, file: ReviewFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(review: Review) -> None:
        raise OutputError("the disk is full; free some space")

    monkeypatch.setattr(file, "decide", full)
    _press(window, Qt.Key.Key_Y)
    assert _says(window, "the disk is full; free some space")
    assert file.review == Review()


def test_a_video_that_is_gone_is_told(
    application: QApplication, file: ReviewFile, tmp_path: Path
) -> None:
    made = ReviewWindow(tmp_path / "gone.mp4", file)
    wait_until(lambda: _says(made, "gone.mp4"), "it is told")
    made.close_threads()
    made.deleteLater()
    settle()


def test_the_dialog_asks_what_to_hide(application: QApplication, tmp_path: Path) -> None:
    dialog = RedactionDialog(tmp_path / "a.mp4")
    assert dialog.output == tmp_path / "a redacted.mp4"
    assert dialog.review == tmp_path / "a redacted review.jsonl"
    assert dialog.arguments == [
        "--redact", "Person,face", "--redact-style", "solid", "--review", str(dialog.review),
    ]  # fmt: skip
    small, sound = dialog.findChildren(QCheckBox)
    small.setChecked(True)
    sound.setChecked(False)
    assert dialog.arguments[-4:] == ["--tiles", "auto", "--redact-sound", "remove"]
    (search,) = [b for b in dialog.findChildren(QPushButton) if b.text() == "Search"]
    names, path = dialog.findChildren(QLineEdit)[:2]
    for field, text, problem in (
        (names, " ,", "Name at least one class."),
        (path, " ", "Choose a file."),
    ):
        before = field.text()
        field.setText(text)
        search.click()
        assert any(problem in label.text() for label in dialog.findChildren(QLabel))
        field.setText(before)
    dialog.output.touch()
    search.click()
    assert any("Press Search again" in label.text() for label in dialog.findChildren(QLabel))
    search.click()
    assert dialog.result() == RedactionDialog.DialogCode.Accepted
    dialog.deleteLater()
    settle()


def test_from_the_video_to_its_copy(
    video: Path, desk: Desks, cat_and_dog: ModelRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = desk(video, model_request=cat_and_dog)
    opened.wait_for_boxes()
    opened.pause()

    def answer(dialog: RedactionDialog) -> int:
        dialog.findChildren(QLineEdit)[0].setText("Cat")
        return 1

    monkeypatch.setattr(RedactionDialog, "exec", answer)
    opened.trigger("redact")
    # Only one at a time.
    opened.trigger("redact")
    assert "already running" in opened.window.notice.text
    wait_until(lambda: opened.window.findChild(ReviewWindow) is not None, "the review is shown")
    window = opened.child(ReviewWindow)
    copy = video.with_name("a redacted.mp4")
    assert not copy.exists()
    file = ReviewFile(video.with_name("a redacted review.jsonl"))
    assert file.frames == 50
    file.decide(Review((), (HiddenRegion(0.0, 9.0, (0.0, 0.0, 640.0, 272.0)),)))
    (write,) = [b for b in window.findChildren(QPushButton) if b.text() == "Write the copy"]
    write.click()
    wait_until(copy.exists, "the copy is written")
    wait_until(lambda: "a redacted.mp4" in opened.window.notice.text, "it is told")
    assert np.stack(pictures(copy)).max() <= 2
    # The decisions are there again.
    opened.trigger("redact")
    wait_until(lambda: "Going on with a redacted review" in opened.window.notice.text, "it is told")
    opened.window.open(SMALL_PATTERN)
    opened.trigger("redact")
    assert "open one first" in opened.window.notice.text
