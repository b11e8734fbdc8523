"""Finding again in the window: the search, what is done with its finds, and the timeline."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QMessageBox,
    QPushButton,
    QSpinBox,
    QToolButton,
)

from ssd_live.gui.export_dialog import ExportDialog
from ssd_live.gui.found_list import FoundList
from ssd_live.gui.index_thread import IndexThread
from ssd_live.gui.search_form import SearchForm
from ssd_live.gui.search_window import SearchWindow
from ssd_live.gui.timeline_view import TimelineView
from ssd_live.index.add import add_log
from ssd_live.index.database import Index, index_path
from ssd_live.index.query import Query, Source, count, search, sources
from ssd_live.index.timeline import timeline_of
from ssd_live.remote.network import ModelRequest
from tests.clips import write_clip
from tests.gui.desk import SMALL_PATTERN, Desk, part, turn_wheel
from tests.gui.waiting import settle, wait_until
from tests.unit.index.worlds import EVENING
from tests.unit.reporting.logs import count as counted
from tests.unit.reporting.logs import found, frame, header, write_log

Desks = Callable[..., Desk]


@pytest.fixture(autouse=True)
def own_index(own_engines: Path) -> Iterator[None]:
    yield
    for path in own_engines.glob("index*"):
        path.unlink()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video of 4 s, with a person for 1 s and a car from second 2 on, in the index."""
    video = write_clip(tmp_path / "a.mp4", 100)
    lines = [
        frame(
            n / 25,
            *([found(track_id=1)] if n <= 25 else []),
            *([found(track_id=2, name="car")] if n >= 50 else []),
        )
        for n in range(100)
    ]
    lines[10]["counts"] = [counted(0.4, "Door", "crossed", direction="in")]
    lines[20]["counts"] = [counted(0.8, "Door", "crossed", direction="out")]
    lines[60]["events"] = [
        {"rule": "Stays", "zone": "Door", "class": "car", "track_id": 2, "number": 1}
    ]
    log = write_log(tmp_path / "a.jsonl", header(recorded_at=EVENING), *lines)
    with Index(index_path()) as index:
        add_log(index, log)
    return video


@pytest.fixture
def window(application: QApplication) -> Iterator[SearchWindow]:
    made = SearchWindow(index_path())
    made.show()
    yield made
    made.close()
    made.close_index()
    made.deleteLater()
    settle()


def _list(window: SearchWindow) -> FoundList:
    return part(window, FoundList)


def _texts(window: SearchWindow) -> list[str]:
    model = _list(window).model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def _says(window: SearchWindow, text: str) -> bool:
    return any(text in label.text() for label in window.findChildren(QLabel))


def _wait_for(window: SearchWindow, number: int) -> None:
    wait_until(lambda: len(_texts(window)) == number, f"{number} objects are shown")
    settle()


def _box(window: SearchWindow, name: str) -> QComboBox:
    (box,) = [its for its in window.findChildren(QComboBox) if its.accessibleName() == name]
    return box


def _button(window: SearchWindow, text: str) -> QPushButton:
    (its,) = [button for button in window.findChildren(QPushButton) if button.text() == text]
    return its


def test_without_an_index_it_says_how_it_is_filled(window: SearchWindow) -> None:
    wait_until(lambda: _says(window, "Nothing is here yet"), "it says so")
    assert not _button(window, "Export").isEnabled()


def test_the_form_narrows_what_is_shown(clip: Path, window: SearchWindow) -> None:
    _wait_for(window, 2)
    assert _says(window, "2 objects found")
    car, person = _texts(window)
    assert car == "car\n2026-11-28 17:30:02"
    assert person.startswith("person\n")
    model = _list(window).model()
    tip = model.index(1, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert tip == "person 1\na.mp4\nat 0:00.0, for 1.0 s\nDoor"
    assert not model.index(0, 0).data(Qt.ItemDataRole.DecorationRole).isNull()
    box = _box(window, "Class")
    assert [box.itemText(n) for n in range(box.count())] == ["Any class", "car", "person"]
    box.setCurrentText("person")
    _wait_for(window, 1)
    place = _box(window, "Zone or rule")
    assert [place.itemText(n) for n in range(place.count())] == ["Anywhere", "Door", "Stays"]
    place.setCurrentText("Stays")
    _wait_for(window, 0)
    _button(window, "Reset").click()
    _wait_for(window, 2)
    part(window, QSpinBox).setValue(2)
    _wait_for(window, 0)
    _button(window, "Reset").click()
    _wait_for(window, 2)


def test_every_field_of_the_form_is_in_the_query(application: QApplication) -> None:
    form = SearchForm()
    source = Source(7, "cam", "recording", Path("x"), None, 1, 1, EVENING, 1.0, True, 1, 0.0)
    form.offer(["cat"], ["Door"], [source])
    assert form.query == Query()
    changes: list[int] = []
    form.changed.connect(lambda: changes.append(1))
    boxes = {box.accessibleName(): box for box in form.findChildren(QComboBox)}
    boxes["Recording"].setCurrentText("cam · 2026-11-28 17:30")
    form.findChildren(QCheckBox)[0].setChecked(True)
    for name in ("red", "blue"):
        swatches = [b for b in form.findChildren(QToolButton) if b.accessibleName() == name]
        swatches[0].setChecked(True)
    query = form.query
    assert (query.sources, query.minutes, query.colours) == ((7,), (1320, 359), ("red", "blue"))
    day = 86_400
    for text, length in (("Today", None), ("Yesterday", day), ("From – to", day)):
        boxes["Day"].setCurrentText(text)
        begin, end = form.query.begin, form.query.end
        assert begin is not None
        # A day on which the clocks change is an hour longer or shorter.
        assert end is None if length is None else abs((end or 0) - begin - length) <= 3600
    boxes["Day"].setCurrentText("The last 7 days")
    assert form.query.begin is not None
    assert len(changes) == 8
    # A choice that is gone is told, because the search changes by it.
    form.offer(["cat"], ["Door"], [])
    assert form.query.sources == ()
    assert len(changes) == 9
    form.reset()
    assert form.query == Query()
    form.deleteLater()
    settle()


def test_more_is_fetched_at_the_end(application: QApplication, tmp_path: Path) -> None:
    frames = [frame(n / 5, found(track_id=n + 1)) for n in range(250)]
    log = write_log(tmp_path / "a.jsonl", header(), *frames)
    with Index(index_path()) as index:
        add_log(index, log)
    window = SearchWindow(index_path())
    window.show()
    _wait_for(window, 100)
    bar = _list(window).verticalScrollBar()

    def at_the_end() -> bool:
        bar.setValue(bar.maximum())
        return len(_texts(window)) == 250

    wait_until(at_the_end, "all are shown")
    assert len(set(_texts(window))) == 250
    window.close()
    window.close_index()
    window.deleteLater()
    settle()


def test_finds_are_exported(clip: Path, window: SearchWindow, tmp_path: Path) -> None:
    _wait_for(window, 2)
    window.export_table(tmp_path / "t.csv")
    wait_until(lambda: _says(window, "2 rows written"), "the table is written")
    _list(window).setCurrentIndex(_list(window).model().index(0, 0))
    window.export_clips(tmp_path / "clips")
    wait_until(lambda: _says(window, "1 clip written"), "the clip is written")
    assert len(list((tmp_path / "clips").iterdir())) == 1
    window.export_report(tmp_path / "r.html")
    wait_until(lambda: _says(window, "Report written"), "the report is written")
    assert (tmp_path / "r.html").exists()
    clip.unlink()
    window.export_clips(tmp_path / "clips")
    wait_until(lambda: _says(window, "0 clips written; "), "the trouble is told")
    window.export_table(tmp_path / "none" / "x" / "t.txt" / "\0")
    wait_until(lambda: _says(window, "null"), "an unexpected error is told too")


def test_finds_are_deleted(
    clip: Path, window: SearchWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    _wait_for(window, 2)
    assert not _button(window, "Delete").isEnabled()
    _list(window).setCurrentIndex(_list(window).model().index(0, 0))
    selected, recordings = _button(window, "Delete").menu().actions()
    assert (selected.text(), recordings.text()) == (
        "1 selected object…",
        "1 whole recording…",
    )
    answers = iter(("Keep", "Delete", "Delete"))

    def answer(box: QMessageBox) -> int:
        text = next(answers)
        (button,) = [its for its in box.buttons() if its.text() == text]
        button.click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", answer)
    selected.trigger()
    selected.trigger()
    wait_until(lambda: _says(window, "Deleted: 1 objects, 1 pictures, 0 files"), "it is told")
    _wait_for(window, 1)
    _list(window).setCurrentIndex(_list(window).model().index(0, 0))
    recordings.trigger()
    wait_until(lambda: _says(window, "Deleted: 1 objects, 1 pictures, 1 files"), "it is told")
    _wait_for(window, 0)
    assert clip.exists()
    assert not clip.with_suffix(".jsonl").exists()


def test_a_find_is_shown_in_its_video(clip: Path, desk: Desks) -> None:
    opened = desk(SMALL_PATTERN)
    opened.trigger("find_again")
    window = opened.child(SearchWindow)
    _wait_for(window, 2)
    items = _list(window)
    items.setCurrentIndex(items.model().index(0, 0))
    _button(window, "Show in the video").click()
    wait_until(lambda: opened.state.spec.address == str(clip), "the video is open")
    wait_until(lambda: opened.time >= 1.0, "the moment is shown")
    assert opened.time < 3.5
    # It is open already now.
    opened.pause()
    items.setCurrentIndex(items.model().index(1, 0))
    items.activated.emit(items.currentIndex())
    wait_until(lambda: 0 <= opened.time < 0.5, "the other moment is shown")
    clip.unlink()
    items.activated.emit(items.currentIndex())
    assert _says(window, "The video is not there any more")
    opened.close()


def test_the_timeline_shows_the_file_and_goes_where_it_is_clicked(clip: Path, desk: Desks) -> None:
    opened = desk(clip)
    view = opened.child(TimelineView)
    wait_until(view.isVisible, "the timeline is shown")
    settle()
    assert view.timeline is not None
    assert view.timeline.classes == ("car", "person")
    opened.pause()
    # Half of the lanes, which begin after the names.
    x = 110 + (view.width() - 110) // 2
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(x, 10))
    wait_until(lambda: abs(opened.time - 2.0) < 0.2, "the middle is shown")
    opened.trigger("timeline")
    assert not view.isVisible()
    assert not opened.settings.timeline
    opened.trigger("timeline")
    wait_until(view.isVisible, "the timeline is shown again")
    opened.window.open(SMALL_PATTERN)
    wait_until(lambda: not view.isVisible(), "a live source has none")


@pytest.fixture
def timeline(clip: Path, application: QApplication) -> Iterator[TimelineView]:
    with Index(index_path()) as index:
        its = timeline_of(index, clip)
        assert timeline_of(index, clip.with_name("other.mp4")) is None
    view = TimelineView()
    view.show_timeline(its, 4.0)
    view.resize(510, view.sizeHint().height())
    view.show()
    settle()
    yield view
    view.deleteLater()
    settle()


def test_lanes_have_a_place_and_a_text_for_each_thing(timeline: TimelineView) -> None:
    # 400 pixels for 4 s, and the lanes of two classes, a line and a rule.
    assert timeline.sizeHint().height() == 4 * 18 + 16
    assert timeline.text_at(50, 10) == ""
    assert timeline.text_at(110 + 300, 10) == "0:03.0\ncar #2"
    assert timeline.text_at(110 + 300, 28) == "0:03.0"
    assert timeline.text_at(110 + 50, 28) == "0:00.5\nperson #1"
    assert timeline.text_at(110 + 40, 46).endswith("Door: in")
    assert timeline.text_at(110 + 81, 46).endswith("Door: out")
    assert timeline.text_at(110 + 240, 64).endswith("Stays: car")
    image = timeline.grab().toImage()
    ratio = image.devicePixelRatio()

    def colour(x: float, y: float) -> str:
        return image.pixelColor(int(x * ratio), int(y * ratio)).name()

    empty = colour(110 + 150, 10)
    assert colour(110 + 300, 10) != empty
    assert colour(110 + 50, 28) != empty
    assert colour(110 + 300, 28) == empty
    assert colour(110 + 40, 36 + 4) == "#16a34a"
    assert colour(110 + 80, 36 + 12) == "#ea580c"


def test_it_zooms_moves_and_follows(timeline: TimelineView) -> None:
    assert timeline.span == (0.0, 4.0)
    turn_wheel(timeline, 110 + 100, 10, 2)
    begin, end = timeline.span
    assert end - begin == pytest.approx(4.0 / 1.25**2)
    # What is under the mouse stays.
    assert begin + (end - begin) / 4 == pytest.approx(1.0)
    turn_wheel(timeline, 110 + 100, 10, 100)
    assert timeline.span[1] - timeline.span[0] == 2.0
    timeline.follow(timeline.span[0] + 1.0)
    timeline.follow(3.9)
    begin, end = timeline.span
    assert begin <= 3.9 <= end
    pressed = QPoint(300, 10)
    QTest.mousePress(timeline, Qt.MouseButton.MiddleButton, pos=pressed)
    QTest.mouseMove(timeline, pressed + QPoint(50, 0))
    QTest.mouseRelease(timeline, Qt.MouseButton.MiddleButton, pos=pressed + QPoint(50, 0))
    assert timeline.span[0] < begin
    QTest.mouseDClick(timeline, Qt.MouseButton.LeftButton, pos=QPoint(300, 10))
    assert timeline.span == (0.0, 4.0)
    help_event = QHelpEvent(
        QHelpEvent.Type.ToolTip, QPoint(400, 10), timeline.mapToGlobal(QPointF(400, 10)).toPoint()
    )
    assert QApplication.sendEvent(timeline, help_event)
    timeline.show_timeline(None, 0.0)
    assert timeline.text_at(300, 10) == ""


def test_what_the_window_records_is_found(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    opened = desk(SMALL_PATTERN, model_request=cat_and_dog)
    opened.session.use_index(index_path())
    opened.trigger("track")
    opened.wait_for_boxes()
    opened.window.record(True, tmp_path / "r.mkv")
    with Index(index_path()) as index:
        wait_until(lambda: count(index, Query()) == 2, "both objects are there")
        opened.window.record(False)
        wait_until(lambda: sources(index)[0].is_complete, "the recording is complete")
        assert {track.class_name for track in search(index, Query())} == {"cat", "dog"}
    opened.window.open(str(tmp_path / "r.mkv"))
    wait_until(opened.child(TimelineView).isVisible, "its timeline is shown")


def test_an_export_may_go_into_the_index(application: QApplication, tmp_path: Path) -> None:
    dialog = ExportDialog(tmp_path / "a.mp4", 10.0, 0.0)
    (box,) = [b for b in dialog.findChildren(QCheckBox) if b.text().startswith("Find its")]
    assert "--index" not in dialog.plan.arguments
    box.setChecked(True)
    assert "--index" in dialog.plan.arguments
    assert "--detections" in dialog.plan.arguments
    dialog.deleteLater()
    settle()


def test_a_damaged_index_is_told(application: QApplication, tmp_path: Path) -> None:
    (tmp_path / "index.db").write_bytes(b"no database" * 1000)
    thread, told = IndexThread(tmp_path / "index.db"), list[str]()
    thread.noted.connect(told.append)
    numbers: list[int] = []
    thread.run(lambda index: count(index, Query()), numbers.append)
    wait_until(lambda: numbers == [0], "it begins anew")
    assert "was damaged" in told[0]
    thread.close()
