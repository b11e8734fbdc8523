"""Following objects in the window: numbers, steady boxes and ways."""

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDoubleSpinBox, QLabel, QListView

from ssd_live.detections import Detections
from ssd_live.gui.dialogs import PreferencesDialog
from ssd_live.gui.object_panel import ObjectPanel
from ssd_live.gui.picture_rows import ROW_ROLE
from ssd_live.gui.trails import Trails
from ssd_live.live.seen_objects import SeenObject
from ssd_live.remote.network import ModelRequest
from ssd_live.settings import Settings
from tests.gui.desk import Desk
from tests.gui.waiting import wait_until

Desks = Callable[..., Desk]


@pytest.fixture
def watching(desk: Desks, cat_and_dog: ModelRequest) -> Desk:
    """A window in which a cat and a dog are seen."""
    opened = desk(model_request=cat_and_dog)
    opened.wait_for_boxes()
    opened.wait_for_live_layout()
    return opened


def _ids(desk: Desk) -> list[int]:
    found = desk.view.visible_detections()
    return [] if found is None or found.track_ids is None else sorted(found.track_ids.tolist())


def test_the_key_t_gives_objects_numbers_that_stay(watching: Desk) -> None:
    assert _ids(watching) == []
    watching.view.setFocus()
    watching.press("T")
    wait_until(lambda: _ids(watching) == [1, 2], "the cat and the dog have numbers")
    time = watching.time
    wait_until(lambda: watching.time > time + 0.5, "half a second goes by")
    assert _ids(watching) == [1, 2]
    watching.press("T")
    wait_until(
        lambda: _ids(watching) == [] and len(watching.view.visible_detections() or ()) == 2,
        "both are there without numbers",
    )


def test_the_choice_is_remembered(watching: Desk) -> None:
    before = watching.settings.track
    watching.trigger("track")
    assert (before, watching.settings.track) == (False, True)


def test_the_length_of_the_ways_is_a_preference() -> None:
    settings = Settings()
    dialog = PreferencesDialog(settings, ["a"], "/tmp")
    boxes = [box for box in dialog.findChildren(QDoubleSpinBox) if box.suffix() == " s"]
    assert [box.value() for box in boxes] == [2.0]
    boxes[0].setValue(5)
    dialog.change(settings)
    assert settings.trail_seconds == 5


def _at(x: float, track_id: int = 1) -> Detections:
    return Detections(
        np.array([[x - 5, 10, x + 5, 50]], np.float32),
        np.array([0.9], np.float32),
        np.zeros(1, np.int32),
        ("cat",),
        np.array([track_id], np.int64),
        np.array([True]),
    )


def _painted(trails: Trails, found: Detections) -> set[tuple[int, int]]:
    """The pixels that a way changes on a white image of 200 x 100, at half the frame's size."""
    image = QImage(200, 100, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    trails.paint(painter, found, (10.0, 20.0, 0.5), 1)
    painter.end()
    return {
        (x, y) for x in range(200) for y in range(100) if image.pixelColor(x, y).lightness() < 250
    }


def test_a_way_runs_along_the_feet_for_the_last_seconds() -> None:
    trails = Trails(seconds=2.0)
    for step in range(40):
        trails.add(step / 10, _at(5.0 * step))
    ink = _painted(trails, _at(195))
    # The frame's x of 95 (at 1.9 s) to 195 (at 3.9 s), and y of 50.
    assert min(x for x, _ in ink) == pytest.approx(10 + 95 / 2, abs=4)
    assert max(x for x, _ in ink) == pytest.approx(10 + 195 / 2, abs=4)
    assert {y for _, y in ink} <= set(range(42, 49))


def test_a_way_fades_to_the_past() -> None:
    trails = Trails(seconds=4.0)
    for step in range(40):
        trails.add(step / 10, _at(5.0 * step))
    image = QImage(200, 100, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    trails.paint(painter, _at(195), (0.0, 0.0, 1.0), 2)
    painter.end()
    assert image.pixelColor(10, 50).saturation() < image.pixelColor(180, 50).saturation()


def test_a_seek_begins_the_ways_anew() -> None:
    for time in (1.0, 60.0):
        trails = Trails(seconds=2.0)
        for step in range(20):
            trails.add(3 + step / 10, _at(5.0 * step))
        trails.add(time, _at(30))
        assert _painted(trails, _at(30)) == set()


def test_only_objects_that_are_shown_have_ways() -> None:
    trails = Trails(seconds=2.0)
    for step in range(20):
        trails.add(step / 10, _at(5.0 * step))
    assert _painted(trails, _at(95, track_id=2)) == set()
    trails.clear()
    assert _painted(trails, _at(95)) == set()


def test_no_seconds_are_no_ways() -> None:
    trails = Trails(seconds=0.0)
    for step in range(20):
        trails.add(step / 10, _at(5.0 * step))
    assert _painted(trails, _at(95)) == set()


def test_a_day_needs_no_memory() -> None:
    trails = Trails(seconds=60.0)
    for step in range(5000):
        trails.add(step / 30, _at(5.0, track_id=step))
    assert len(_painted(trails, _at(5.0, track_id=4999))) == 0


def _click_on_the_cat(desk: Desk) -> None:
    found = desk.view.visible_detections()
    assert found is not None
    x1, y1, x2, y2 = next(one.box for one in found if one.name == "cat")
    picture = desk.view.picture
    assert picture is not None
    scale = min(desk.view.width() / picture.frame.width, desk.view.height() / picture.frame.height)
    left = (desk.view.width() - scale * picture.frame.width) / 2
    top = (desk.view.height() - scale * picture.frame.height) / 2
    place = QPoint(round(left + scale * (x1 + x2) / 2), round(top + scale * (y1 + y2) / 2))
    QTest.mouseClick(desk.view, Qt.MouseButton.LeftButton, pos=place)


def test_a_click_on_an_object_follows_it_until_the_whole_frame_is_shown(watching: Desk) -> None:
    watching.trigger("track")
    wait_until(lambda: len(_ids(watching)) == 2, "the cat and the dog have numbers")
    _click_on_the_cat(watching)
    assert watching.view.followed in _ids(watching)
    assert watching.view.zoom > 1
    watching.trigger("zoom_fit")
    assert watching.view.followed == 0


def test_a_drag_ends_following(watching: Desk) -> None:
    watching.trigger("track")
    wait_until(lambda: len(_ids(watching)) == 2, "the cat and the dog have numbers")
    _click_on_the_cat(watching)
    view = watching.view
    middle = view.rect().center()
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=middle)
    QTest.mouseMove(view, middle + QPoint(30, 20))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=middle + QPoint(30, 20))
    assert view.followed == 0
    assert view.zoom > 1


def test_without_tracking_a_click_does_nothing(watching: Desk) -> None:
    _click_on_the_cat(watching)
    assert (watching.view.followed, watching.view.zoom) == (0, 1)


def test_a_way_is_as_long_as_it_is_set_at_any_rate() -> None:
    trails = Trails(seconds=30.0)
    for step in range(1800):
        trails.add(step / 30, _at(step / 10))
        trails.add(step / 30, _at(step / 10))
    ink = _painted(trails, _at(180))
    # From 30 s to 60 s the frame's x goes from 90 to 180.
    assert min(x for x, _ in ink) == pytest.approx(10 + 90 / 2, abs=3)


def _rows(desk: Desk) -> list[str]:
    model = desk.child(QListView, "Objects").model()
    return [str(model.index(row, 0).data()) for row in range(model.rowCount())]


def test_the_object_list_shows_who_was_seen_and_turns_following_on(watching: Desk) -> None:
    watching.view.setFocus()
    watching.press("O")
    assert watching.is_on("track")
    wait_until(lambda: set(_rows(watching)) == {"cat #1", "dog #2"}, "both are listed")
    labels = [label.text() for label in watching.window.findChildren(QLabel)]
    assert "2 here now, 2 seen" in labels
    view = watching.child(QListView, "Objects")
    wait_until(lambda: _has_pictures(view), "both have a picture")
    watching.trigger("object_panel")
    assert not view.isVisible()


def _has_pictures(view: QListView) -> bool:
    model = view.model()
    return all(
        model.index(row, 0).data(ROW_ROLE).picture is not None for row in range(model.rowCount())
    )


def test_a_click_in_the_list_follows_an_object_that_is_there(watching: Desk) -> None:
    watching.trigger("object_panel")
    wait_until(lambda: len(_rows(watching)) == 2, "both are listed")
    view = watching.child(QListView, "Objects")
    row = _rows(watching).index("dog #2")
    place = view.visualRect(view.model().index(row, 0)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert watching.view.followed == 2
    assert watching.view.zoom > 1


def test_without_following_the_list_says_how_to_begin(watching: Desk) -> None:
    watching.trigger("object_panel")
    wait_until(lambda: len(_rows(watching)) == 2, "both are listed")
    watching.trigger("track")
    wait_until(
        lambda: any(
            "followed (key T)" in label.text() for label in watching.window.findChildren(QLabel)
        ),
        "the list says that nothing is followed",
    )
    assert _rows(watching) == []


def test_a_click_on_an_object_that_has_gone_goes_to_where_it_came_in() -> None:
    panel = ObjectPanel()
    chosen: list[tuple[int, bool]] = []
    panel.chosen.connect(lambda its, here: chosen.append((its.track_id, here)))
    objects = [
        SeenObject(2, "dog", 5.0, 9.0, 0.0),
        SeenObject(1, "cat", 62.0, 64.5, 0.0),
    ]
    panel.show_objects(objects, 9.1, is_file=True)
    panel.resize(300, 400)
    panel.show()
    view = panel.findChild(QListView)
    assert view is not None
    texts = [
        view.model().index(row, 0).data(Qt.ItemDataRole.AccessibleDescriptionRole)
        for row in range(2)
    ]
    assert texts == ["0:05.0 – 0:09.0 · 4.0 s", "1:02.0 – 1:04.5 · 2.5 s"]
    for row in range(2):
        place = view.visualRect(view.model().index(row, 0)).center()
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert chosen == [(2, True), (1, False)]


def test_a_selection_in_the_list_stays_while_others_come() -> None:
    panel = ObjectPanel()
    panel.show_objects([SeenObject(1, "cat", 0.0, 1.0, 0.0)], 1.0, is_file=True)
    view = panel.findChild(QListView)
    assert view is not None
    view.setCurrentIndex(view.model().index(0, 0))
    both = [SeenObject(2, "dog", 2.0, 2.0, 0.0), SeenObject(1, "cat", 0.0, 2.0, 0.0)]
    panel.show_objects(both, 2.0, is_file=True)
    assert view.currentIndex().data() == "cat #1"
    panel.show_objects([SeenObject(3, "dog", 9.0, 9.0, 0.0)], 9.0, is_file=True)
    assert view.model().rowCount() == 1


def test_the_key_m_looks_for_small_objects_and_follows(watching: Desk) -> None:
    watching.view.setFocus()
    watching.press("M")
    assert watching.is_on("track")
    on = watching.session.pipeline.tiles, watching.settings.small_objects
    wait_until(lambda: {1, 2} <= set(_ids(watching)), "both have numbers")
    watching.press("M")
    off = watching.session.pipeline.tiles, watching.settings.small_objects
    assert (on, off) == (("auto", True), (0, False))
    assert watching.is_on("track")


def test_the_key_k_shows_where_objects_stood(watching: Desk) -> None:
    watching.view.setFocus()
    watching.press("K")
    found = watching.view.visible_detections()
    picture = watching.view.picture
    assert found is not None
    assert picture is not None
    x1, _, x2, y2 = next(one.box for one in found if one.name == "cat")
    # Below the feet of the cat, where no box is drawn.
    place = watching.view.rect()
    scale = min(place.width() / picture.frame.width, place.height() / picture.frame.height)
    x = place.width() / 2 + ((x1 + x2) / 2 - picture.frame.width / 2) * scale
    y = place.height() / 2 + (y2 - picture.frame.height / 2) * scale + 6
    wait_until(lambda: _is_hot(watching.colour(x, y)), "the place of the cat is hot")
    watching.press("K")
    assert not watching.is_on("heat_map")
    wait_until(lambda: not _is_hot(watching.colour(x, y)), "the heat map is gone")


def _is_hot(colour: tuple[int, int, int]) -> bool:
    red, green, blue = colour
    return red > 180 and green > 120 and blue < 120
