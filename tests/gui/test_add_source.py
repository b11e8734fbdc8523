"""Sources that are added and closed in the window, the page that offers them, and their menus."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QUrl
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QLineEdit,
    QListWidget,
    QMenu,
    QPushButton,
    QToolButton,
    QWidget,
)

from ssd_live.gui.address_dialog import AddressDialog, whole_address
from ssd_live.gui.model_card import ModelCard
from ssd_live.gui.region_picker import RegionPicker, screen_text
from ssd_live.gui.view import VideoView
from ssd_live.pipeline.capture import Phase
from ssd_live.remote.network import ModelRequest
from ssd_live.settings import Settings
from tests.clips import SAMPLE, write_clip
from tests.gui.desk import SMALL_PATTERN, Desk, drop, part, write_model
from tests.gui.waiting import in_dialog, settle, wait_until

Desks = Callable[..., Desk]


def button(view: VideoView, text: str) -> QPushButton:
    (found,) = [one for one in view.welcome.buttons if one.text() == text]
    return found


def has_boxes(view: VideoView) -> bool:
    return bool(len(view.visible_detections() or ()))


def test_an_added_source_has_boxes_of_the_network_in_use(
    desk: Desks, cat_and_dog: ModelRequest
) -> None:
    opened = desk(model_request=cat_and_dog)
    opened.wait_for_boxes()
    opened.trigger("add_source")
    first, added = opened.window.grid.views
    assert opened.view is added
    assert added.welcome.isVisible()
    assert added.name_strip.text == ("No source", "")
    opened.window.open("pattern:480x360@20")
    assert not added.welcome.isVisible()
    wait_until(lambda: has_boxes(first) and has_boxes(added), "both have boxes")
    wait_until(lambda: added.name_strip.text[0] == "pattern:480x360@20", "the strip has the name")
    assert first.name_strip.isVisible()


def test_a_source_is_added_while_the_model_is_still_loading(
    desk: Desks, cat_and_dog: ModelRequest
) -> None:
    opened = desk(model_request=cat_and_dog)
    opened.trigger("add_source")
    opened.window.open(SMALL_PATTERN)
    wait_until(lambda: all(map(has_boxes, opened.window.grid.views)), "both have boxes")


def test_the_button_of_the_strip_closes_a_source_and_the_others_go_on(
    desk: Desks, cat_and_dog: ModelRequest
) -> None:
    opened = desk(SMALL_PATTERN, "pattern:480x360@20", model_request=cat_and_dog)
    first, second = opened.window.grid.views
    wait_until(lambda: has_boxes(first) and has_boxes(second), "both have boxes")
    closed = first.stream
    part(first.name_strip, QToolButton).click()
    assert opened.window.grid.views == [second]
    assert opened.view is second
    assert not second.name_strip.isVisible()
    assert closed not in opened.session.streams
    shown = second.stream.pipeline.frame_counter.counts().inferred
    wait_until(
        lambda: second.stream.pipeline.frame_counter.counts().inferred > shown + 5,
        "inference goes on",
    )
    wait_until(lambda: closed.pipeline.frame_counter.counts().in_flight == 0, "its frames are gone")


def test_closing_the_last_source_shows_what_can_be_opened(desk: Desks) -> None:
    opened = desk(settings=Settings(recent_sources=[str(SAMPLE)]))
    opened.wait_for_picture()
    opened.trigger("close_source")
    assert opened.view.welcome.isVisible()
    assert opened.view.picture is None
    wait_until(lambda: opened.window.windowTitle() == "ssd_live", "the title has no source")
    button(opened.view, "Sample clip").click()
    opened.wait_for_phase(Phase.PLAYING)
    opened.wait_for_picture()
    assert not opened.view.welcome.isVisible()


def test_a_recent_source_is_one_click_away(desk: Desks, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 50, size=(320, 136))
    opened = desk(settings=Settings(recent_sources=[str(clip)]))
    opened.wait_for_picture()
    opened.trigger("close_source")
    opened.view.welcome.buttons[-1].click()
    wait_until(lambda: opened.state.spec.address == str(clip), "the clip is open")
    opened.trigger("clear_recent")
    assert opened.settings.recent_sources == []


def test_several_dropped_files_are_shown_side_by_side(desk: Desks, tmp_path: Path) -> None:
    clips = [write_clip(tmp_path / f"{name}.mp4", 50, size=(320, 136)) for name in "abc"]
    opened = desk()
    opened.wait_for_picture()
    content = QMimeData()
    content.setUrls([QUrl.fromLocalFile(str(clip)) for clip in clips])
    drop(opened.window, content)
    wait_until(
        lambda: (
            [
                state.spec.address if (state := view.stream.pipeline.state) else ""
                for view in opened.window.grid.views
            ]
            == [str(clip) for clip in clips]
        ),
        "all three are open",
    )
    wait_until(lambda: all(view.picture for view in opened.window.grid.views), "all have a picture")


def test_more_sources_than_fit_are_refused(desk: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = desk(*[SMALL_PATTERN] * 64)
    assert opened.window.add_source() is None
    assert "64" in opened.window.notice.text
    assert len(opened.window.grid.views) == 64


def menu_at(view: VideoView, x: float, y: float) -> QMenu:
    """The menu of the right mouse button at a point, as shares of the view's size."""
    at = QPoint(round(x * view.width()), round(y * view.height()))
    QApplication.sendEvent(
        view, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, view.mapToGlobal(at))
    )
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def choose(menu: QMenu, text: str) -> None:
    (found,) = [action for action in menu.actions() if action.text() == text]
    found.trigger()
    menu.close()
    settle()


def test_the_menu_of_a_box_hides_its_class(desk: Desks, cat_and_dog: ModelRequest) -> None:
    opened = desk(model_request=cat_and_dog)
    opened.wait_for_boxes()
    choose(menu_at(opened.view, 0.5, 0.5), "Hide cat")
    found = opened.view.visible_detections()
    assert found is not None
    assert set(found.names) == {"dog"}
    texts = [action.text() for action in menu_at(opened.view, 0.5, 0.5).actions()]
    assert "Hide cat" not in texts
    choose(menu_at(opened.view, 0.5, 0.5), "Show all classes")
    choose(menu_at(opened.view, 0.5, 0.5), "Show only cat")
    found = opened.view.visible_detections()
    assert found is not None
    assert set(found.names) == {"cat"}


def test_the_menu_of_the_picture_has_the_actions_of_the_source(
    desk: Desks, cat_and_dog: ModelRequest
) -> None:
    opened = desk(model_request=cat_and_dog)
    opened.wait_for_boxes()
    choose(menu_at(opened.view, 0.02, 0.02), "Close so&urce")
    assert opened.view.welcome.isVisible()


@pytest.mark.parametrize(
    ("text", "user", "password", "whole"),
    [
        ("192.168.1.20/stream", "", "", "rtsp://192.168.1.20/stream"),
        ("http://host/a", "", "", "http://host/a"),
        ("rtsp://host:554/a?b=c", "me", "p@ss/word", "rtsp://me:p%40ss%2Fword@host:554/a?b=c"),
        ("rtsp://old:secret@host/a", "me", "", "rtsp://me@host/a"),
        ("  host  ", "a b", "c", "rtsp://a%20b:c@host"),
        ("http://[bad/a", "me", "", "http://[bad/a"),
    ],
)
def test_an_address_gets_a_scheme_and_the_user(
    text: str, user: str, password: str, whole: str
) -> None:
    assert whole_address(text, user, password) == whole


def test_the_address_dialog_opens_what_was_typed(desk: Desks) -> None:
    opened = desk()

    def type_it(dialog: QWidget) -> None:
        assert isinstance(dialog, AddressDialog)
        address, user, password = dialog.findChildren(QLineEdit)
        address.setText("127.0.0.1:9/none")
        user.setText("me")
        password.setText("secret")
        assert password.echoMode() is QLineEdit.EchoMode.Password
        dialog.accept()

    in_dialog(lambda: opened.trigger("open_address"), type_it)
    wait_until(
        lambda: opened.state.spec.address == "rtsp://me:secret@127.0.0.1:9/none", "it is opened"
    )
    assert "secret" not in opened.state.spec.title


def test_a_dropped_model_shows_its_card_and_is_used(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    other = write_model(tmp_path / "other.onnx", [[0.1, 0.1, 0.4, 0.4]], [[0.9, 0.1]])
    opened = desk(model_request=cat_and_dog)
    opened.wait_for_boxes()
    content = QMimeData()
    content.setUrls([QUrl.fromLocalFile(other.model)])
    drop(opened.window, content)
    wait_until(lambda: QApplication.activeModalWidget() is not None, "the card is shown")
    card = QApplication.activeModalWidget()
    assert isinstance(card, ModelCard)
    card.accept()
    wait_until(
        lambda: opened.session.loaded and opened.session.loaded.metadata.name == "other",
        "it is in use",
    )


def test_a_file_that_is_no_model_is_said_so(desk: Desks, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    opened = desk()
    opened.window.show_model(str(tmp_path / "bad.onnx"))
    wait_until(lambda: "bad.onnx" in opened.window.notice.text, "a notice says so")


def test_a_region_of_the_screen_is_drawn_with_the_mouse(desk: Desks) -> None:
    screen = QGuiApplication.primaryScreen()
    picker, picked = RegionPicker(screen), list[str]()
    picker.picked.connect(picked.append)
    picker.show()
    QTest.mousePress(picker, Qt.MouseButton.LeftButton, pos=QPoint(100, 50))
    QTest.mouseMove(picker, QPoint(200, 90))
    QTest.mouseRelease(picker, Qt.MouseButton.LeftButton, pos=QPoint(300, 150))
    settle()
    assert picked == [screen_text(screen, QRect(100, 50, 101, 41))]
    ratio = screen.devicePixelRatio()
    assert picked[0].split(",")[2:] == [f"{round(101 * ratio)}", f"{round(41 * ratio)}"]


def test_a_click_is_no_region(desk: Desks) -> None:
    picker, picked = RegionPicker(QGuiApplication.primaryScreen()), list[str]()
    picker.picked.connect(picked.append)
    picker.show()
    QTest.mouseClick(picker, Qt.MouseButton.LeftButton, pos=QPoint(100, 50))
    assert picker.isVisible()
    QTest.keyClick(picker, Qt.Key.Key_Escape)
    settle()
    assert picked == []


def test_in_full_screen_the_bar_comes_with_the_mouse_and_goes(desk: Desks) -> None:
    opened = desk(SAMPLE)
    opened.wait_for_picture()
    wait_until(opened.seek_bar.isVisible, "the bar is shown")
    opened.window.set_full_screen(True)
    wait_until(lambda: not opened.seek_bar.isVisible(), "the bar is hidden")
    wait_until(lambda: opened.view.size() == opened.window.size(), "the video fills the window")
    size = opened.view.size()
    QTest.mouseMove(opened.view, QPoint(60, 60))
    QTest.mouseMove(opened.view, QPoint(80, 80))
    wait_until(opened.seek_bar.isVisible, "the bar is back")
    assert opened.view.size() == size
    wait_until(lambda: not opened.seek_bar.isVisible(), "the bar goes again", limit=6.0)
    opened.window.set_full_screen(False)
    wait_until(opened.seek_bar.isVisible, "the bar is shown")


def test_a_single_image_has_no_seek_bar_and_gets_the_boxes_of_a_later_model(
    desk: Desks, cat_and_dog: ModelRequest
) -> None:
    photo = SAMPLE.with_name("chelsea.png")
    opened = desk(photo)
    opened.wait_for_phase(Phase.ENDED)
    assert not opened.seek_bar.isVisible()
    captured = opened.counts.captured
    opened.window.model_request(cat_and_dog)
    wait_until(lambda: has_boxes(opened.view), "the boxes are there")
    assert opened.counts.captured == captured + 1
    wait_until(lambda: part(opened.window, QListWidget).count(), "the panel lists the classes")


def test_the_layout_is_reset(desk: Desks) -> None:
    opened = desk(size=(600, 400))
    opened.trigger("numbers_panel")
    opened.trigger("detection_panel")
    assert opened.is_on("numbers_panel")
    opened.trigger("reset_layout")
    settle()
    assert not opened.is_on("numbers_panel")
    assert opened.is_on("detection_panel")
    assert opened.window.width() > 600


def test_a_point_outside_all_boxes_has_no_class(desk: Desks, cat_and_dog: ModelRequest) -> None:
    opened = desk(model_request=cat_and_dog)
    opened.wait_for_boxes()
    asked: list[str] = []
    opened.view.context_menu_asked.connect(lambda place, name: asked.append(name))
    at = QPointF(opened.view.rect().center()).toPoint()
    for place in (at, QPoint(3, 3)):
        QApplication.sendEvent(
            opened.view,
            QContextMenuEvent(
                QContextMenuEvent.Reason.Mouse, place, opened.view.mapToGlobal(place)
            ),
        )
        menu = QApplication.activePopupWidget()
        assert menu is not None
        menu.close()
    assert asked == ["cat", ""]


def test_what_the_new_page_opens_is_the_selected_source(
    desk: Desks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also when the user came by the mouse, which gives the button the focus."""
    clip = write_clip(tmp_path / "clip.mp4", 50, size=(320, 136))
    opened = desk()
    opened.wait_for_picture()
    opened.trigger("add_source")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(clip), ""))
    choice = button(opened.view, "Video or image file…")
    choice.setFocus()
    QTest.mouseClick(choice, Qt.MouseButton.LeftButton)
    settle()
    wait_until(lambda: opened.window.grid.views[1].picture is not None, "the clip is shown")
    assert opened.window.grid.index == 1
    assert opened.settings.open_folder == str(tmp_path)


def test_nothing_is_recorded_where_there_is_no_video(desk: Desks) -> None:
    opened = desk()
    opened.wait_for_picture()
    opened.trigger("close_source")
    opened.trigger("record")
    assert "no video to record" in opened.window.notice.text
    assert not opened.is_on("record")
    opened.trigger("snapshot")
    wait_until(lambda: "no video to save" in opened.window.notice.text, "a notice says so")
    opened.window.open(SMALL_PATTERN)
    opened.wait_for_picture()
    assert opened.session.stream.recorder is None


def test_classes_stay_in_their_rows_once_they_were_seen(
    desk: Desks, cat_and_dog: ModelRequest
) -> None:
    """So that a click hits the row that the user aims at."""
    opened = desk(model_request=cat_and_dog)
    opened.wait_for_boxes()
    rows = part(opened.window, QListWidget)
    found = opened.view.visible_detections()
    assert found is not None

    def order() -> list[str]:
        return [rows.item(row).text() for row in range(rows.count())]

    dogs = found.where(found.class_ids == 1)
    classes = opened.panel.classes
    classes.show_classes(["bird", "cat", "dog"], frozenset())
    classes.show_counts(dogs)
    assert order() == ["dog", "bird", "cat"]
    classes.show_counts(found)
    assert order() == ["dog", "cat", "bird"]
    classes.show_counts(None)
    assert order() == ["dog", "cat", "bird"]
