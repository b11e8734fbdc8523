"""The video view: where the picture is, and that each is counted once."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest

from ssd_live.pipeline.capture import Phase
from ssd_live.pipeline.counters import Cause
from ssd_live.remote.network import ModelRequest
from ssd_live.settings import Settings
from tests.gui.desk import Desk, place_of, turn_wheel, write_map
from tests.gui.waiting import settle, wait_until
from tests.waiting import wait_until as wait_without_qt

Desks = Callable[..., Desk]
_BACKGROUND = (11, 12, 15)
# Colours have 256 steps over the picture, and a pixel's middle is half a pixel from its edge.
_TOLERANCE = 0.012


@pytest.fixture
def map_desk(desk: Desks, tmp_path: Path) -> Desk:
    """A window that shows the map, which is twice as wide as high."""
    opened = desk(write_map(tmp_path / "map.png"), settings=Settings(loop=False, hud=False))
    opened.wait_for_picture()
    opened.wait_for_phase(Phase.ENDED)
    settle()
    return opened


def picture_rectangle(desk: Desk) -> tuple[float, float, float, float]:
    """Left, top, width and height of the whole map in the view, by arithmetic of its own."""
    width, height = desk.view.width(), desk.view.height()
    scale = min(width / 512, height / 256)
    return (width - 512 * scale) / 2, (height - 256 * scale) / 2, 512 * scale, 256 * scale


def wait_for_sharp_picture(desk: Desk) -> None:
    """Until the pipeline has rendered for the view as it is."""

    def is_sharp() -> bool:
        picture = desk.view.picture
        return (
            picture is not None
            and abs(picture.width - min(desk.view.width(), 2 * desk.view.height())) <= 2
        )

    wait_until(is_sharp, "the picture is rendered for this size")


def test_a_picture_keeps_its_aspect_and_is_letterboxed(map_desk: Desk) -> None:
    left, top, width, height = picture_rectangle(map_desk)
    assert top > 20, "the view is meant to be higher than the picture"
    for x, y in ((0.25, 0.25), (0.75, 0.5), (0.5, 0.9)):
        place = place_of(map_desk.colour(left + x * width, top + y * height))
        assert place == pytest.approx((x, y), abs=_TOLERANCE)
    assert map_desk.colour(left + width / 2, top - 3) == _BACKGROUND
    assert map_desk.colour(left + width / 2, top + height + 3) == _BACKGROUND
    assert map_desk.colour(left + width / 2, top + 2) != _BACKGROUND


def test_a_high_window_and_a_wide_one_both_show_the_whole_picture(map_desk: Desk) -> None:
    for size in ((500, 700), (1400, 420)):
        map_desk.window.resize(*size)
        wait_for_sharp_picture(map_desk)
        left, top, width, height = picture_rectangle(map_desk)
        assert place_of(map_desk.colour(left + 1, top + 1)) == pytest.approx(
            (0, 0), abs=2 * _TOLERANCE
        )
        assert place_of(map_desk.colour(left + width - 2, top + height - 2)) == pytest.approx(
            (1, 1), abs=2 * _TOLERANCE
        )


def test_the_wheel_zooms_around_the_point_under_it(map_desk: Desk) -> None:
    left, top, width, height = picture_rectangle(map_desk)
    x, y = left + 0.3 * width, top + 0.6 * height
    turn_wheel(map_desk.view, x, y, 3)
    assert map_desk.view.zoom == pytest.approx(1.25**3)
    assert place_of(map_desk.colour(x, y)) == pytest.approx((0.3, 0.6), abs=_TOLERANCE)
    away = place_of(map_desk.colour(x + 50, y))
    assert away[0] == pytest.approx(0.3 + 50 / width / 1.25**3, abs=_TOLERANCE)


def test_a_zoomed_picture_is_rendered_anew_at_the_same_place(map_desk: Desk) -> None:
    left, top, width, height = picture_rectangle(map_desk)
    x, y = left + 0.3 * width, top + 0.6 * height
    turn_wheel(map_desk.view, x, y, 5)
    wait_until(
        lambda: map_desk.view.picture is not None and map_desk.view.picture.region.width < 512,
        "the visible part is rendered",
    )
    assert place_of(map_desk.colour(x, y)) == pytest.approx((0.3, 0.6), abs=_TOLERANCE)


@pytest.mark.parametrize("steps", [1, 3, 5, 8])
def test_a_zoomed_picture_reaches_every_edge_of_the_view(map_desk: Desk, steps: int) -> None:
    left, top, width, height = picture_rectangle(map_desk)
    turn_wheel(map_desk.view, left + 0.613 * width, top + 0.587 * height, steps)
    wait_until(
        lambda: map_desk.view.picture is not None and map_desk.view.picture.region.width < 512,
        "the visible part is rendered",
    )
    settle()
    middle, bottom = map_desk.view.width() / 2, map_desk.view.height() - 1
    for x in (0, map_desk.view.width() - 1):
        assert map_desk.colour(x, map_desk.view.height() / 2) != _BACKGROUND
    if height * 1.25**steps > map_desk.view.height() + 2:
        for y in (0, bottom):
            assert map_desk.colour(middle, y) != _BACKGROUND


def test_zooming_out_stops_at_the_whole_picture(map_desk: Desk) -> None:
    turn_wheel(map_desk.view, 100, 100, 2)
    turn_wheel(map_desk.view, 300, 200, -9)
    assert map_desk.view.zoom == 1.0
    left, top, width, height = picture_rectangle(map_desk)
    wait_until(
        lambda: map_desk.view.picture is not None and map_desk.view.picture.region.width == 512,
        "the whole picture is rendered",
    )
    assert place_of(map_desk.colour(left + width / 2, top + height / 2)) == pytest.approx(
        (0.5, 0.5), abs=_TOLERANCE
    )


def test_zooming_in_stops_at_sixteen_times(map_desk: Desk) -> None:
    turn_wheel(map_desk.view, 100, 100, 40)
    assert map_desk.view.zoom == 16.0


def test_dragging_moves_the_picture_with_the_mouse(map_desk: Desk) -> None:
    view = map_desk.view
    view.set_zoom(4.0)
    before = place_of(map_desk.colour(200, 200))
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(200, 200))
    QTest.mouseMove(view, QPoint(260, 230))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(260, 230))
    assert place_of(map_desk.colour(260, 230)) == pytest.approx(before, abs=_TOLERANCE)


def test_panning_stops_at_the_edge_of_the_picture(map_desk: Desk) -> None:
    view = map_desk.view
    view.set_zoom(4.0)
    for _ in range(30):
        view.pan(-0.5, -0.5)
    assert place_of(map_desk.colour(1, 1)) == pytest.approx((0, 0), abs=_TOLERANCE)
    for _ in range(30):
        view.pan(0.5, 0.5)
    assert place_of(map_desk.colour(view.width() - 2, view.height() - 2)) == pytest.approx(
        (1, 1), abs=_TOLERANCE
    )


def test_arrow_keys_move_a_zoomed_picture(map_desk: Desk) -> None:
    map_desk.view.setFocus()
    map_desk.trigger("zoom_in")
    before = place_of(map_desk.colour(200, 200))
    map_desk.press("Right")
    assert place_of(map_desk.colour(200, 200))[0] > before[0] + 0.02


def test_the_zoom_actions_enlarge_shrink_and_fit(map_desk: Desk) -> None:
    zooms = []
    for action in ("zoom_in", "zoom_in", "zoom_out", "zoom_fit"):
        map_desk.trigger(action)
        zooms.append(map_desk.view.zoom)
    assert zooms == pytest.approx([1.5, 2.25, 1.5, 1.0])


def test_a_point_stays_where_it_is_while_the_zoomed_view_is_resized(map_desk: Desk) -> None:
    map_desk.view.set_zoom(4.0)
    map_desk.window.resize(700, 500)
    settle()
    middle = place_of(map_desk.colour(map_desk.view.width() / 2, map_desk.view.height() / 2))
    assert middle == pytest.approx((0.5, 0.5), abs=_TOLERANCE)


_HIDPI = """
import sys
from PySide6.QtWidgets import QApplication
from ssd_live.remote.network import ModelRequest
from ssd_live.settings import Settings
from tests.gui.desk import open_desk, place_of
from tests.gui.waiting import wait_until

application = QApplication([])
desk = open_desk(sys.argv[1], size=(700, 400), settings=Settings(loop=False, hud=False))
view = desk.view
wait_until(lambda: view.picture, "the image is shown")
ratio = desk.view.devicePixelRatio()
width, height = desk.view.width(), desk.view.height()
scale = min(width * ratio / 512, height * ratio / 256)
def has_own_pixels():
    return view.picture is not None and abs(view.picture.width - 512 * scale) <= 1
wait_until(has_own_pixels, "the picture has the screen's own pixels")
x = width / 2 - 0.25 * 512 * scale / ratio
y = height / 2 + 0.25 * 256 * scale / ratio
across, down = place_of(desk.colour(x, y))
print(ratio, round(across, 2), round(down, 2))
desk.close()
"""


@pytest.mark.parametrize("ratio", ["2", "1.5"])
def test_a_dense_screen_gets_every_pixel_it_has(ratio: str, tmp_path: Path) -> None:
    words = [sys.executable, "-c", _HIDPI, str(write_map(tmp_path / "map.png"))]
    ended = subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"QT_SCALE_FACTOR": ratio, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert ended.returncode == 0, ended.stderr
    seen, across, down = (float(word) for word in ended.stdout.split())
    assert seen == float(ratio)
    assert (across, down) == pytest.approx((0.25, 0.75), abs=0.011)


def test_every_picture_that_comes_is_painted_and_counted(desk: Desks) -> None:
    opened = desk("pattern:320x180@60")
    wait_until(lambda: opened.counts.shown >= 30, "30 frames are shown")
    frame_counts = opened.counts
    assert (
        frame_counts.shown + sum(frame_counts.dropped.values()) + frame_counts.in_flight
        == frame_counts.captured
    )
    assert frame_counts.shown >= 0.2 * frame_counts.captured


def test_painting_a_picture_again_does_not_count_it_again(desk: Desks) -> None:
    opened = desk()
    opened.wait_for_picture()
    opened.pause()
    shown = opened.counts.shown
    for _ in range(5):
        opened.view.repaint()
    assert opened.counts.shown == shown


def test_a_frame_that_is_drawn_anew_for_another_size_does_not_count_again(
    desk: Desks, tmp_path: Path
) -> None:
    opened = desk(write_map(tmp_path / "map.png"), settings=Settings(loop=False))
    opened.wait_for_phase(Phase.ENDED)
    opened.wait_for_picture()
    captured, shown = opened.counts.captured, opened.counts.shown
    opened.window.resize(600, 500)
    wait_for_sharp_picture(opened)
    settle()
    assert (opened.counts.captured, opened.counts.shown) == (captured, shown)


def test_frames_of_a_hidden_window_are_dropped_as_not_visible(desk: Desks) -> None:
    opened = desk()
    opened.wait_for_picture()
    opened.window.hide()
    settle()
    wait_until(
        lambda: opened.counts.dropped.get(Cause.HIDDEN.value, 0) >= 5,
        "frames are dropped as not visible",
    )
    shown, dropped = opened.counts.shown, opened.counts.dropped[Cause.HIDDEN.value]
    wait_until(lambda: opened.counts.dropped[Cause.HIDDEN.value] >= dropped + 5, "more are dropped")
    assert opened.counts.shown == shown


def test_a_window_that_comes_back_shows_pictures_again(desk: Desks) -> None:
    opened = desk()
    opened.wait_for_picture()
    opened.window.hide()
    wait_until(
        lambda: Cause.HIDDEN.value in opened.counts.dropped, "a frame is dropped as not visible"
    )
    opened.window.show()
    shown = opened.counts.shown
    wait_until(lambda: opened.counts.shown >= shown + 3, "frames are shown")


def test_frames_of_a_minimised_window_are_dropped_as_not_visible_until_it_is_restored(
    desk: Desks,
) -> None:
    opened = desk()
    opened.wait_for_picture()
    opened.wait_for_live_layout()
    opened.window.showMinimized()
    wait_until(
        lambda: opened.counts.dropped.get(Cause.HIDDEN.value, 0) >= 5,
        "frames are dropped as not visible",
    )
    opened.window.showNormal()
    shown = opened.counts.shown
    wait_until(lambda: opened.counts.shown >= shown + 3, "frames are shown")


def test_a_minimised_window_asks_for_no_pictures_when_its_layout_changes(desk: Desks) -> None:
    opened = desk()
    opened.wait_for_picture()
    opened.wait_for_live_layout()
    wait_until(lambda: opened.counts.shown, "a picture is counted as shown")
    opened.window.showMinimized()
    wait_until(
        lambda: Cause.HIDDEN.value in opened.counts.dropped, "a frame is dropped as not visible"
    )
    wait_until(lambda: opened.counts.in_flight == 0, "no picture is on its way")
    opened.view.resize(400, 300)
    shown, captured = opened.counts.shown, opened.counts.captured
    wait_until(lambda: opened.counts.captured >= captured + 10, "more frames are captured")
    assert opened.counts.shown == shown


def test_a_picture_that_was_never_fetched_is_counted_when_the_window_is_hidden(desk: Desks) -> None:
    opened = desk()
    wait_without_qt(lambda: opened.session.pipeline.durations["render"].count)
    opened.view.hide()
    wait_without_qt(lambda: Cause.HIDDEN.value in opened.counts.dropped)
    opened.close()
    assert opened.counts.in_flight == 0


def test_a_frame_dropped_while_hidden_is_not_counted_again_when_the_window_comes_back(
    desk: Desks,
) -> None:
    opened = desk("pattern:320x180@8")
    wait_without_qt(lambda: opened.session.pipeline.durations["render"].count)
    opened.view.fetch()
    opened.view.hide()
    wait_without_qt(lambda: opened.counts.dropped.get(Cause.HIDDEN.value, 0) >= 2)
    opened.trigger("play")
    fetched = opened.view.picture
    opened.view.show()
    wait_until(lambda: opened.view.picture is not fetched, "the last frame is drawn anew")
    settle()
    opened.close()
    assert opened.counts.in_flight == 0


def test_a_double_click_toggles_full_screen(desk: Desks) -> None:
    opened = desk()
    opened.wait_for_picture()
    QTest.mouseDClick(opened.view, Qt.MouseButton.LeftButton, pos=QPointF(50, 50).toPoint())
    wait_until(opened.window.isFullScreen, "the window is full screen")
    QTest.mouseDClick(opened.view, Qt.MouseButton.LeftButton, pos=QPointF(50, 50).toPoint())
    wait_until(lambda: not opened.window.isFullScreen(), "the window is as before")


def test_before_the_first_picture_the_view_says_that_the_source_is_being_opened(
    desk: Desks,
) -> None:
    opened = desk()
    opened.view.clear()
    image = opened.view.grab().toImage()
    middle = [
        opened.colour(x, opened.view.height() / 2)
        for x in range(opened.view.width() // 2 - 40, opened.view.width() // 2 + 40, 1)
    ]
    assert not image.isNull()
    assert any(colour != _BACKGROUND for colour in middle), "no text is drawn"


def test_inference_stops_while_the_window_is_minimised_and_nothing_records(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    opened = desk(model_request=cat_and_dog)
    opened.wait_for_boxes()
    opened.window.showMinimized()
    wait_until(lambda: opened.counts.dropped.get(Cause.HIDDEN.value, 0) >= 3, "it is minimised")
    inferred = opened.counts.inferred
    wait_until(lambda: opened.counts.dropped[Cause.HIDDEN.value] >= 15, "frames are dropped")
    assert opened.counts.inferred <= inferred + 1
    opened.window.record(True, tmp_path / "a.mkv")
    wait_until(lambda: opened.counts.inferred >= inferred + 5, "what is recorded has boxes")
    opened.window.record(False)
    opened.window.showNormal()
    opened.wait_for_boxes()
