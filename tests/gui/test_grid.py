"""Several sources side by side in one window."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget

from ssd_live.gui.bench import BenchDialog
from ssd_live.gui.view import VideoView
from ssd_live.pipeline.capture import Phase
from ssd_live.remote.network import ModelRequest
from ssd_live.settings import Settings
from ssd_live.video.sources import SourceOptions
from ssd_live.video.sources.pattern import PatternSource
from tests.clips import write_clip
from tests.gui.desk import SMALL_PATTERN, Desk, drop, write_map
from tests.gui.waiting import in_dialog, settle, wait_until

Desks = Callable[..., Desk]
LARGE_PATTERN = "pattern:480x360@20"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", 50, size=(320, 136))


def views(desk: Desk) -> list[VideoView]:
    return desk.window.grid.views


def wait_for_pictures(desk: Desk) -> None:
    wait_until(lambda: all(view.picture is not None for view in views(desk)), "all have a picture")
    settle()


def phase(view: VideoView) -> Phase:
    state = view.stream.pipeline.state
    assert state is not None
    return state.phase


def is_framed(view: VideoView) -> bool:
    return view.grab().toImage().pixelColor(0, 0).name() == "#3b82f6"


def captured(view: VideoView) -> int:
    return view.stream.pipeline.frame_counter.counts().captured


@pytest.mark.parametrize(("count", "columns"), [(2, 2), (3, 2), (4, 2), (5, 3)])
def test_all_sources_are_seen_side_by_side_in_views_of_one_size(
    desk: Desks, count: int, columns: int
) -> None:
    opened = desk(*[SMALL_PATTERN] * count)
    wait_for_pictures(opened)
    assert len({view.x() for view in views(opened)}) == columns
    widths, heights = (
        {view.width() for view in views(opened)},
        {view.height() for view in views(opened)},
    )
    assert max(widths) - min(widths) <= 1
    assert max(heights) - min(heights) <= 1
    areas = [view.geometry() for view in views(opened)]
    assert not any(
        one.intersects(other) for index, one in enumerate(areas) for other in areas[index + 1 :]
    )


def test_each_view_shows_its_own_source_with_boxes_of_the_one_network(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    opened = desk(
        SMALL_PATTERN, LARGE_PATTERN, write_map(tmp_path / "map.png"), model_request=cat_and_dog
    )
    wait_until(
        lambda: all(len(view.visible_detections() or ()) == 2 for view in views(opened)),
        "boxes everywhere",
    )
    sizes = [
        (view.picture.frame.width, view.picture.frame.height)
        for view in views(opened)
        if view.picture
    ]
    assert sizes == [(320, 180), (480, 360), (512, 256)]
    for view, (width, height) in zip(views(opened), sizes, strict=True):
        found = view.visible_detections()
        assert found is not None
        assert found.boxes[0].tolist() == pytest.approx(
            [width / 4, height / 4, width * 3 / 4, height * 3 / 4], abs=0.1
        )
    processes = opened.session.processes()
    assert len(processes) == 2


def test_the_threshold_holds_for_all_of_them(desk: Desks, cat_and_dog: ModelRequest) -> None:
    opened = desk(SMALL_PATTERN, LARGE_PATTERN, model_request=cat_and_dog)
    wait_until(
        lambda: all(len(view.visible_detections() or ()) == 2 for view in views(opened)),
        "boxes everywhere",
    )
    opened.session.set_threshold(0.7)
    assert [view.visible_detections().names for view in views(opened)] == [["cat"], ["cat"]]  # type: ignore[union-attr]


def test_each_view_tells_its_own_numbers_and_its_name(desk: Desks) -> None:
    opened = desk(SMALL_PATTERN, LARGE_PATTERN)
    wait_for_pictures(opened)
    wait_until(
        lambda: all("FPS" in "".join(view.hud) for view in views(opened)), "numbers over the video"
    )
    names = [view.name_strip.text[0] for view in views(opened)]
    assert names == [SMALL_PATTERN, LARGE_PATTERN]
    opened.trigger("hud")
    settle()
    assert [view.hud for view in views(opened)] == [(), ()]
    assert all(view.name_strip.isVisible() for view in views(opened))


def test_a_click_says_which_one_is_worked_on(desk: Desks, clip: Path) -> None:
    opened = desk(SMALL_PATTERN, clip)
    wait_for_pictures(opened)
    assert opened.view is views(opened)[0]
    assert not opened.seek_bar.isVisible()
    QTest.mouseClick(views(opened)[1], Qt.MouseButton.LeftButton)
    settle()
    assert opened.view is views(opened)[1]
    assert opened.state.spec.title == str(clip)
    wait_until(opened.seek_bar.isVisible, "the seek bar of the file")


def test_only_the_one_that_is_worked_on_has_a_frame(desk: Desks, tmp_path: Path) -> None:
    still = write_map(tmp_path / "map.png")
    opened = desk(still, still)
    wait_for_pictures(opened)

    def framed() -> list[bool]:
        settle()
        return [is_framed(view) for view in views(opened)]

    assert framed() == [True, False]
    opened.trigger("next_source")
    assert framed() == [False, True]
    opened.trigger("next_source")
    assert framed() == [True, False]


def test_pausing_holds_only_the_one_that_is_worked_on(desk: Desks, clip: Path) -> None:
    opened = desk(clip, clip)
    wait_for_pictures(opened)
    opened.trigger("next_source")
    opened.trigger("play")
    wait_until(lambda: phase(views(opened)[1]) is Phase.PAUSED, "the second one is paused")
    assert phase(views(opened)[0]) is Phase.PLAYING
    assert not opened.is_on("play")
    opened.trigger("next_source")
    assert opened.is_on("play")
    before = captured(views(opened)[0])
    wait_until(lambda: captured(views(opened)[0]) > before + 3, "the first one goes on")


def test_another_source_takes_the_place_of_the_one_that_is_worked_on(
    desk: Desks, clip: Path
) -> None:
    opened = desk(SMALL_PATTERN, SMALL_PATTERN)
    wait_for_pictures(opened)
    opened.trigger("next_source")
    opened.window.open(str(clip))
    titles = [
        view.stream.pipeline.state.spec.title
        for view in views(opened)
        if view.stream.pipeline.state
    ]
    assert titles == [SMALL_PATTERN, str(clip)]


def test_a_file_dropped_on_a_view_is_shown_there(desk: Desks, clip: Path) -> None:
    opened = desk(SMALL_PATTERN, SMALL_PATTERN)
    wait_for_pictures(opened)
    content = QMimeData()
    content.setUrls([QUrl.fromLocalFile(str(clip))])
    at = views(opened)[1].mapTo(opened.window, QPoint(20, 20))
    drop(opened.window, content, at.x(), at.y())
    state = views(opened)[1].stream.pipeline.state
    assert state is not None
    assert state.spec.title == str(clip)


def test_a_double_click_shows_one_large_and_another_brings_all_back(desk: Desks) -> None:
    opened = desk(*[SMALL_PATTERN] * 4)
    wait_for_pictures(opened)
    small = views(opened)[3].size()
    QTest.mouseDClick(views(opened)[3], Qt.MouseButton.LeftButton)
    settle()
    assert [view.isVisible() for view in views(opened)] == [False, False, False, True]
    assert opened.is_on("solo")
    assert views(opened)[3].size() == opened.window.grid.size()
    opened.trigger("next_source")
    settle()
    assert [view.isVisible() for view in views(opened)] == [True, False, False, False]
    assert views(opened)[0].size() == opened.window.grid.size()
    QTest.mouseDClick(views(opened)[0], Qt.MouseButton.LeftButton)
    settle()
    assert all(view.isVisible() for view in views(opened))
    assert views(opened)[3].size() == small


def test_with_one_source_there_is_nothing_to_choose(desk: Desks) -> None:
    opened = desk()
    opened.wait_for_picture()
    actions = opened.window.actions_by_name
    assert not actions["solo"].isEnabled()
    assert not actions["next_source"].isEnabled()
    assert opened.view.size() == opened.window.grid.size()
    assert not is_framed(opened.view)


def test_a_source_that_is_not_there_says_so_in_its_place_and_the_others_go_on(desk: Desks) -> None:
    opened = desk(SMALL_PATTERN, "http://127.0.0.1:9/x")
    lost = views(opened)[1].signal_panel
    wait_until(lambda: "127.0.0.1:9" in lost.text, "the line about the source")
    before = captured(views(opened)[0])
    wait_until(lambda: captured(views(opened)[0]) > before + 3, "the first one goes on")
    opened.trigger("next_source")
    opened.window.open(SMALL_PATTERN)
    wait_for_pictures(opened)
    wait_until(lambda: not lost.text, "the line is taken back")


def test_two_are_recorded_at_once_each_into_its_own_file(desk: Desks, tmp_path: Path) -> None:
    opened = desk(SMALL_PATTERN, LARGE_PATTERN, settings=Settings(output_folder=str(tmp_path)))
    wait_for_pictures(opened)
    for index in (0, 1):
        opened.window.grid.choose(index)
        assert not opened.is_on("record")
        opened.window.record(True, tmp_path / f"{index}.mkv")
        assert opened.is_on("record")
    assert [bool(view.badge) for view in views(opened)] == [True, True]
    recorders = [view.stream.recorder for view in views(opened)]
    wait_until(
        lambda: all(recorder is not None and recorder.frames > 5 for recorder in recorders),
        "both record",
    )
    opened.trigger("record")
    assert [bool(view.badge) for view in views(opened)] == [True, False]
    opened.trigger("next_source")
    assert opened.is_on("record")
    opened.trigger("record")
    wait_until(
        lambda: all((tmp_path / f"{index}.mkv").exists() for index in (0, 1)),
        "both files are there",
    )


def test_the_buttons_tell_of_the_one_that_is_worked_on(desk: Desks, clip: Path) -> None:
    opened = desk("http://127.0.0.1:9/x", clip)
    opened.wait_for_phase(Phase.RECONNECTING)
    opened.trigger("play")
    opened.trigger("loop")
    for is_playing in (True, False):
        opened.trigger("next_source")
        capture = opened.session.pipeline.capture
        assert capture is not None
        assert opened.is_on("play") == is_playing
        assert capture.is_paused == (not is_playing)
        assert capture.is_looping == opened.is_on("loop")


def test_a_source_without_a_picture_has_no_place_of_another_one(
    desk: Desks, clip: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video" * 100)
    opened = desk(clip, broken)
    wait_until(
        lambda: opened.seek_bar.isVisible() and opened.seek_bar.maximum() > 0, "the seek bar"
    )
    opened.trigger("next_source")
    wait_until(lambda: phase(opened.view) is Phase.FAILED, "the file is refused")
    wait_until(
        lambda: not opened.seek_bar.isVisible() or not opened.seek_bar.isEnabled(),
        "nothing to seek in",
    )


def test_two_recordings_begun_in_one_second_have_names_of_their_own(
    desk: Desks, tmp_path: Path
) -> None:
    opened = desk(SMALL_PATTERN, SMALL_PATTERN)
    wait_for_pictures(opened)
    for _ in views(opened):
        opened.trigger("record")
        opened.trigger("next_source")
    recorders = [view.stream.recorder for view in views(opened)]
    wait_until(
        lambda: all(recorder is not None and recorder.frames > 3 for recorder in recorders),
        "both record",
    )
    for _ in views(opened):
        opened.trigger("record")
        opened.trigger("next_source")
    wait_until(
        lambda: len(list(tmp_path.glob("*.mkv"))) == 2 and not list(tmp_path.glob("*.part*")),
        "two whole files",
    )


def test_two_pictures_saved_in_one_second_have_names_of_their_own(
    desk: Desks, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    sources = (write_map(tmp_path / "a.png", (64, 32)), write_map(tmp_path / "b.png", (32, 64)))
    opened = desk(*sources, settings=Settings(output_folder=str(folder)))
    wait_for_pictures(opened)
    for _ in views(opened):
        opened.trigger("snapshot")
        opened.trigger("next_source")
    wait_until(lambda: len(list(folder.glob("*.png"))) == 2, "two pictures")


def test_measuring_holds_all_of_them_and_lets_go_on_what_played(desk: Desks, clip: Path) -> None:
    opened = desk(clip, clip, clip)
    wait_for_pictures(opened)
    opened.trigger("play")

    def paused() -> list[bool]:
        return [
            view.stream.pipeline.capture.is_paused
            for view in views(opened)
            if view.stream.pipeline.capture
        ]

    def start(dialog: QWidget) -> None:
        assert isinstance(dialog, BenchDialog)
        measure = next(
            button for button in dialog.findChildren(QPushButton) if button.text() == "&Start"
        )
        QTest.mouseClick(measure, Qt.MouseButton.LeftButton)
        assert paused() == [True, True, True]

    in_dialog(lambda: opened.trigger("bench"), start)
    assert paused() == [True, False, False]


def test_a_source_that_tries_again_does_not_cover_what_is_said_of_another(desk: Desks) -> None:
    opened = desk(SMALL_PATTERN, "http://127.0.0.1:9/x")
    wait_until(lambda: views(opened)[1].signal_panel.text, "the line about the source")
    opened.window.notice.say("error", "the recording ended: disk full", "recording")
    capture = views(opened)[1].stream.pipeline.capture
    assert capture is not None
    before = capture.state.attempts
    wait_until(lambda: capture.state.attempts > before + 1, "two more tries")
    # The window looks at the sources when another one is selected.
    opened.trigger("next_source")
    assert opened.window.notice.text == "the recording ended: disk full"


def test_a_mirror_is_before_every_camera(desk: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    # There is no camera here: a test pattern stands in for each.
    monkeypatch.setattr(
        "ssd_live.pipeline.capture.open_source",
        lambda spec, options: PatternSource("320x180@30", options),
    )
    opened = desk("0", "1")
    wait_for_pictures(opened)
    with PatternSource("320x180", SourceOptions()) as source:
        plain = source.picture(0).astype(np.int16)

    def is_mirrored(view: VideoView) -> bool:
        assert view.picture is not None
        seen = view.picture.frame.planes[0]
        return bool(np.abs(seen - plain[:, ::-1]).mean() < np.abs(seen - plain).mean())

    assert not any(is_mirrored(view) for view in views(opened))
    opened.trigger("mirror")
    wait_until(lambda: all(is_mirrored(view) for view in views(opened)), "both are mirrored")
    opened.trigger("mirror")
    wait_until(lambda: not any(is_mirrored(view) for view in views(opened)), "neither is")
