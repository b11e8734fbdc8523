"""Opening sources: by menu, by drop, again; and sources that go away."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLineEdit, QMenu, QPushButton, QWidget

from ssd_live.gui import source_menus
from ssd_live.gui.address_dialog import AddressDialog
from ssd_live.pipeline.capture import Phase
from ssd_live.remote.network import ModelRequest
from ssd_live.settings import Settings
from ssd_live.video.sources import SourceOptions
from ssd_live.video.sources.camera import Camera
from tests.clips import SAMPLE, write_clip
from tests.gui.desk import Desk, drop, part, write_map
from tests.gui.waiting import in_dialog, wait_until
from tests.servers import MjpegServer, RefusingServer
from tests.waiting import wait_until as wait_without_qt

Desks = Callable[..., Desk]


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    with MjpegServer(size=(320, 180)) as running:
        yield running


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", 50, size=(320, 136))


def wait_for_source(desk: Desk, title: str) -> None:
    wait_until(
        lambda: desk.state.spec.title == title and desk.state.info and desk.view.picture,
        f"{title} is shown",
    )


def choose_path(dialog: QWidget, path: Path) -> None:
    """Type a path into Qt's file dialog."""
    field = dialog.findChild(QLineEdit, "fileNameEdit")
    assert isinstance(field, QLineEdit)
    field.setText(str(path))
    QTest.keyClick(field, Qt.Key.Key_Return)


def submenu(desk: Desk, title: str) -> QMenu:
    menus = [
        menu for menu in desk.window.findChildren(QMenu) if menu.title().replace("&", "") == title
    ]
    assert len(menus) == 1
    return menus[0]


def entries(menu: QMenu) -> list[str]:
    """What stands in a menu when it is opened."""
    menu.aboutToShow.emit()
    return [action.text() for action in menu.actions()]


def test_open_file_shows_the_chosen_file(desk: Desks, clip: Path) -> None:
    opened = desk()
    in_dialog(lambda: opened.trigger("open_file"), lambda dialog: choose_path(dialog, clip))
    wait_for_source(opened, str(clip))
    assert opened.state.info is not None
    assert (opened.state.info.width, opened.state.info.height) == (320, 136)


def test_leaving_the_file_dialog_leaves_the_source(desk: Desks) -> None:
    opened = desk()
    opened.wait_for_picture()
    in_dialog(lambda: opened.trigger("open_file"), lambda dialog: None)
    assert opened.state.spec.kind == "pattern"


def test_open_folder_shows_its_images(desk: Desks, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    write_map(folder / "1.png")
    write_map(folder / "2.png")
    opened = desk()
    in_dialog(lambda: opened.trigger("open_folder"), lambda dialog: choose_path(dialog, folder))
    wait_for_source(opened, str(folder))


def test_open_address_shows_the_network_camera(desk: Desks, server: MjpegServer) -> None:
    opened = desk()

    def type_address(dialog: QWidget) -> None:
        assert isinstance(dialog, AddressDialog)
        part(dialog, QComboBox).setEditText(server.address)
        dialog.accept()

    in_dialog(lambda: opened.trigger("open_address"), type_address)
    wait_for_source(opened, server.address)


def test_test_pattern_is_one_action_away(desk: Desks, clip: Path) -> None:
    opened = desk(clip)
    opened.trigger("open_pattern")
    wait_for_source(opened, "pattern")


def test_a_dropped_file_is_shown(desk: Desks, clip: Path) -> None:
    content = QMimeData()
    content.setUrls([QUrl.fromLocalFile(str(clip))])
    opened = desk()
    drop(opened.window, content)
    wait_for_source(opened, str(clip))


def test_a_dropped_address_is_shown(desk: Desks, server: MjpegServer) -> None:
    content = QMimeData()
    content.setText(server.address)
    opened = desk()
    drop(opened.window, content)
    wait_for_source(opened, server.address)


def test_a_dropped_link_is_shown(desk: Desks, server: MjpegServer) -> None:
    content = QMimeData()
    content.setUrls([QUrl(server.address)])
    opened = desk()
    drop(opened.window, content)
    wait_for_source(opened, server.address)


def test_a_source_that_makes_no_sense_leaves_the_one_shown_and_says_why(desk: Desks) -> None:
    opened = desk()
    opened.wait_for_picture()
    opened.window.open("/nowhere/at/all.mp4")
    assert "there is no such file" in opened.window.notice.text
    assert opened.state.spec.kind == "pattern"
    assert opened.settings.recent_sources == []


def test_a_file_that_is_no_video_says_so_and_how_to_go_on(desk: Desks, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    opened = desk()
    opened.window.open(str(tmp_path / "text.mp4"))
    opened.wait_for_phase(Phase.FAILED)
    wait_until(lambda: "text.mp4" in opened.view.signal_panel.text, "the failure is shown")
    assert opened.view.picture is None
    assert opened.settings.recent_sources == []


def test_the_line_about_a_source_goes_when_another_one_plays(desk: Desks, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    opened = desk(tmp_path / "text.mp4")
    wait_until(lambda: opened.view.signal_panel.text, "the failure is shown")
    opened.trigger("open_pattern")
    opened.wait_for_picture()
    wait_until(lambda: not opened.view.signal_panel.text, "the line is gone")


def test_recent_sources_stand_in_the_menu_newest_first_and_open_again(
    desk: Desks, clip: Path
) -> None:
    opened = desk()
    for path in (SAMPLE, clip):
        opened.window.open(str(path))
        wait_until(
            lambda path=path: opened.settings.recent_sources[:1] == [str(path)],  # type: ignore[misc]
            "it is remembered",
        )
    recent = submenu(opened, "Recent")
    assert entries(recent) == [str(clip), str(SAMPLE), "", "Clear recent sources"]
    recent.actions()[1].trigger()
    wait_for_source(opened, str(SAMPLE))
    wait_until(
        lambda: opened.settings.recent_sources == [str(SAMPLE), str(clip)], "it is the newest"
    )
    assert entries(recent)[:2] == [str(SAMPLE), str(clip)]
    recent.actions()[-1].trigger()
    assert entries(recent) == ["No recent sources"]
    assert opened.settings.recent_sources == []


def test_with_nothing_recent_the_menu_says_so(desk: Desks) -> None:
    recent = submenu(desk(), "Recent")
    assert entries(recent) == ["No recent sources"]
    assert not recent.actions()[0].isEnabled()


def test_an_address_with_a_password_is_shown_without_it_and_not_remembered(
    desk: Desks, server: MjpegServer
) -> None:
    opened = desk()
    opened.window.open(server.address.replace("http://", "http://user:secret@"))
    wait_for_source(opened, server.address.replace("http://", "http://user@"))
    assert opened.settings.recent_sources == []
    assert "secret" not in " ".join(label for label in _texts(opened.window))


def _texts(window: QWidget) -> list[str]:
    from PySide6.QtWidgets import QLabel

    return [label.text() for label in window.findChildren(QLabel)]


def test_a_password_does_not_show_in_a_failure(desk: Desks) -> None:
    opened = desk()
    opened.window.open("http://user:secret@127.0.0.1:9/x")
    wait_until(lambda: opened.view.signal_panel.text, "the failure is shown")
    assert "secret" not in opened.view.signal_panel.text


def test_the_camera_menu_says_when_none_is_connected_or_lists_them_by_number(desk: Desks) -> None:
    opened = desk()
    cameras = submenu(opened, "Cameras")
    assert entries(cameras) == ["Looking for cameras …"]
    wait_until(
        lambda: [a.text() for a in cameras.actions()] != ["Looking for cameras …"],
        "the cameras are listed",
    )
    found = [action.text() for action in cameras.actions()]
    assert found == ["No camera is connected"] or all(
        text.split(":")[0].isdecimal() for text in found
    )


def test_a_camera_opens_in_the_mode_that_is_chosen_for_it(
    desk: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = desk()
    chosen: list[tuple[str, SourceOptions]] = []
    monkeypatch.setattr(
        opened.session.stream,
        "open",
        lambda spec, options: chosen.append((spec.address, options.source)),
    )
    modes = (SourceOptions((1280, 720), 30.0, "MJPG"), SourceOptions((640, 480), 30.0, "YUYV"))
    opened.bridge.cameras_listed.emit([Camera(2, "Desk camera", modes)])
    (camera,) = submenu(opened, "Cameras").actions()
    assert camera.text() == "2: Desk camera"
    listed = camera.menu()
    assert isinstance(listed, QMenu)
    assert [mode.text() for mode in listed.actions()] == [
        "Best mode",
        "1280 x 720 at 30 FPS MJPG",
        "640 x 480 at 30 FPS YUYV",
    ]
    for mode in listed.actions():
        mode.trigger()
    assert chosen == [("2", SourceOptions()), ("2", modes[0]), ("2", modes[1])]


def test_a_window_of_another_program_is_chosen_by_its_title(
    desk: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_menus, "window_titles", list)
    opened = desk()
    chosen: list[str] = []
    monkeypatch.setattr(
        opened.session.stream, "open", lambda spec, options: chosen.append(spec.address)
    )
    menu = submenu(opened, "Screen")
    menu.aboutToShow.emit()
    (windows,) = (action.menu() for action in menu.actions() if action.text() == "&Window")
    assert isinstance(windows, QMenu)
    wait_until(lambda: windows.actions()[0].text() == "No other windows", "they are listed")
    opened.bridge.windows_listed.emit(["Map & more", "x" * 100, "odd\x1b"])
    assert [action.text() for action in windows.actions()] == [
        "Map && more",
        "x" * 60 + "…",
        "odd\\x1b",
    ]
    windows.actions()[0].trigger()
    assert chosen == ["window=Map & more"]


def button(desk: Desk, text: str) -> QPushButton:
    """A button of the panel over the view."""
    return next(
        button
        for button in desk.view.signal_panel.findChildren(QPushButton)
        if button.text() == text
    )


def test_a_camera_that_goes_away_is_shown_as_such_and_resumed_when_it_returns(
    desk: Desks, server: MjpegServer, cat_and_dog: ModelRequest
) -> None:
    opened = desk(server.address, model_request=cat_and_dog)
    opened.wait_for_boxes()
    bright = opened.colour(20, opened.view.height() / 2)
    server.stop()
    wait_until(lambda: "No signal 0:0" in opened.view.signal_panel.text, "the loss is shown")
    assert opened.state.phase is Phase.RECONNECTING
    # A frozen frame with boxes and counts would look alive.
    assert opened.view.visible_detections() is None
    wait_until(lambda: not opened.panel.classes.count_of("cat"), "nothing is counted")
    assert sum(opened.colour(20, opened.view.height() / 2)) < sum(bright)
    server.start()
    wait_until(lambda: not opened.view.signal_panel.text, "the line is gone", limit=3.0)
    shown = opened.counts.shown
    wait_until(lambda: opened.counts.shown > shown, "pictures are shown again")
    wait_until(lambda: opened.view.visible_detections(), "boxes are shown again")


def test_the_time_without_a_signal_goes_on(desk: Desks) -> None:
    opened = desk("http://127.0.0.1:9/x")
    wait_until(lambda: "No signal 0:02" in opened.view.signal_panel.text, "two seconds pass")
    assert "no server listens there" in opened.view.signal_panel.text
    assert opened.window.notice.text == ""


def test_the_rest_of_the_window_goes_on_while_a_camera_is_away(
    desk: Desks, server: MjpegServer
) -> None:
    opened = desk(server.address)
    opened.wait_for_picture()
    server.stop()
    wait_until(lambda: opened.view.signal_panel.text, "the loss is shown")
    # A wrong address is answered meanwhile.
    opened.window.open("ftp://host/clip.mp4")
    assert "ftp:// is not supported" in opened.window.notice.text
    opened.trigger("open_pattern")
    wait_for_source(opened, "pattern")
    wait_until(lambda: not opened.view.signal_panel.text, "the line is gone")


def test_a_source_that_failed_is_tried_again_at_a_click(desk: Desks, tmp_path: Path) -> None:
    late = tmp_path / "late.mp4"
    late.write_text("no video")
    opened = desk(late)
    wait_until(lambda: "late.mp4" in opened.view.signal_panel.text, "the failure is shown")
    late.write_bytes(SAMPLE.read_bytes())
    QTest.mouseClick(button(opened, "Retry"), Qt.MouseButton.LeftButton)
    opened.wait_for_picture()
    assert opened.view.signal_panel.text == ""


def test_a_source_is_closed_at_a_click_and_the_view_says_how_to_go_on(desk: Desks) -> None:
    opened = desk("http://127.0.0.1:9/x")
    wait_until(lambda: opened.view.signal_panel.text, "the failure is shown")
    QTest.mouseClick(button(opened, "Close source"), Qt.MouseButton.LeftButton)
    assert opened.session.pipeline.state is None
    assert opened.view.signal_panel.text == ""
    assert opened.view.welcome.isVisible()
    assert opened.window.windowTitle() == "ssd_live"
    opened.window.open(str(SAMPLE))
    opened.wait_for_picture()
    assert opened.window.windowTitle() == f"{SAMPLE} – ssd_live"


@pytest.mark.parametrize(
    ("code", "part"),
    [(401, "sign-in failed (401)"), (403, "(403)"), (404, "no such video (404)")],
)
def test_a_server_that_refuses_is_not_asked_again(desk: Desks, code: int, part: str) -> None:
    with RefusingServer(code) as refusing:
        opened = desk()
        opened.wait_for_picture()
        opened.window.open(refusing.address)
        opened.wait_for_phase(Phase.FAILED)
        wait_until(lambda: part in opened.view.signal_panel.text, "the refusal is shown")
        asked = refusing.asked
        # A source that is tried again is tried after 0.6 s at the latest.
        QTest.qWait(1000)
    assert refusing.asked == asked
    assert opened.settings.recent_sources == []


def test_a_source_that_is_opened_while_paused_plays(desk: Desks, clip: Path) -> None:
    opened = desk()
    opened.wait_for_picture()
    opened.pause()
    opened.window.open(str(clip))
    assert opened.is_on("play")
    opened.wait_for_phase(Phase.PLAYING)


def test_an_image_that_comes_once_is_never_lost_while_it_is_opened(
    desk: Desks, tmp_path: Path
) -> None:
    image = write_map(tmp_path / "map.png")
    opened = desk(settings=Settings(loop=False))
    for _ in range(20):
        opened.window.open(str(image))
        wait_until(
            lambda: opened.view.picture is not None and opened.view.picture.frame.width == 512,
            "the image is shown",
            limit=3.0,
        )


def test_the_last_picture_of_a_source_does_not_show_when_another_is_being_opened(
    desk: Desks,
) -> None:
    opened = desk()
    opened.wait_for_picture()
    # Announced, and not yet fetched when the other source is chosen.
    announced = opened.session.pipeline.durations["render"].count
    wait_without_qt(lambda: opened.session.pipeline.durations["render"].count >= announced + 2)
    opened.window.open("http://127.0.0.1:9/x")
    opened.wait_for_phase(Phase.RECONNECTING)
    assert opened.view.picture is None


def test_a_single_image_is_not_read_again_faster_than_its_rate(desk: Desks, tmp_path: Path) -> None:
    opened = desk(write_map(tmp_path / "map.png"), settings=Settings(loop=True))
    opened.wait_for_picture()
    other = desk("pattern:64x64@30")
    wait_until(lambda: other.counts.captured >= 15, "half a second passes")
    assert opened.counts.captured <= 3


def test_the_rate_cap_of_a_file_does_not_stay_with_the_next_source(
    desk: Callable[..., Desk],
) -> None:
    """`live FILE --fps 1`, then another source: at one frame a second this would take too long."""
    opened = desk(SAMPLE)
    opened.session.stream.pipeline.cap_rate(1.0)
    opened.window.open("pattern:320x240")
    shown = opened.session.stream.pipeline.frame_counter.counts().shown
    wait_until(
        lambda: opened.session.stream.pipeline.frame_counter.counts().shown > shown + 20,
        "20 frames",
    )
