"""Drawing lines, areas and masks in the window, and checking the counts."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QListWidget

from ssd_live.analytics.zones import Point, Zone, read_zones, write_zones
from ssd_live.gui.count_list import CountList
from ssd_live.gui.zone_controller import ZoneController
from ssd_live.gui.zone_editor import ZoneEditor
from ssd_live.gui.zone_painter import paint_zones
from ssd_live.live.zone_store import load_zones, zones_path
from ssd_live.remote.network import ModelRequest
from tests.gui.desk import Desk
from tests.gui.waiting import settle, wait_until

Desks = Callable[..., Desk]
# The picture is shown with 400 x 300 pixels.
SCALE: Point = (400.0, 300.0)
SQUARE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zones are stored beside the settings."""
    monkeypatch.setenv("SSD_LIVE_SETTINGS", str(tmp_path / "config" / "settings.json"))


@pytest.fixture
def editor() -> ZoneEditor:
    made = ZoneEditor()
    made.is_on = True
    return made


def _click(editor: ZoneEditor, *places: Point) -> None:
    for place in places:
        editor.press(place, SCALE)
        editor.release()


def _drag(editor: ZoneEditor, begin: Point, end: Point) -> None:
    editor.press(begin, SCALE)
    editor.move(end)
    editor.release()


def _area(editor: ZoneEditor, points: tuple[Point, ...] = SQUARE) -> None:
    editor.begin("area")
    _click(editor, *points)
    editor.finish_drawing()


def test_a_line_is_two_clicks(editor: ZoneEditor) -> None:
    edited: list[tuple[Zone, ...]] = []
    editor.edited.connect(edited.append)
    editor.begin("line")
    _click(editor, (0.1, 0.5), (0.9, 0.5))
    (zone,) = editor.zones
    assert (zone.kind, zone.points, zone.name) == ("line", ((0.1, 0.5), (0.9, 0.5)), "Line 1")
    assert edited == [editor.zones]
    assert editor.selected_zone == zone
    assert editor.drawn_kind is None


def test_an_area_ends_at_its_first_corner_or_when_it_is_finished(editor: ZoneEditor) -> None:
    _area(editor)
    editor.begin("area")
    _click(editor, (0.1, 0.1), (0.3, 0.1), (0.3, 0.3), (0.105, 0.105))
    assert [len(zone.points) for zone in editor.zones] == [4, 3]
    assert [zone.name for zone in editor.zones] == ["Area 1", "Area 2"]


def test_a_double_click_adds_one_corner(editor: ZoneEditor) -> None:
    editor.begin("mask")
    _click(editor, (0.1, 0.1), (0.5, 0.1), (0.3, 0.6), (0.3, 0.6))
    editor.finish_drawing()
    assert len(editor.zones[0].points) == 3


def test_too_few_corners_are_nothing(editor: ZoneEditor) -> None:
    editor.begin("area")
    _click(editor, (0.1, 0.1), (0.3, 0.1))
    editor.finish_drawing()
    assert editor.zones == ()


def test_corners_outside_the_picture_are_moved_inside(editor: ZoneEditor) -> None:
    editor.begin("line")
    _click(editor, (-0.2, 0.5), (1.3, 0.7))
    assert editor.zones[0].points == ((0.0, 0.5), (1.0, 0.7))


def test_the_last_corner_can_be_taken_back(editor: ZoneEditor) -> None:
    editor.begin("line")
    _click(editor, (0.1, 0.1))
    editor.take_back_point()
    _click(editor, (0.2, 0.2), (0.9, 0.9))
    assert editor.zones[0].points == ((0.2, 0.2), (0.9, 0.9))


def test_a_corner_and_a_whole_zone_are_dragged(editor: ZoneEditor) -> None:
    _area(editor)
    _drag(editor, (0.2, 0.2), (0.1, 0.15))
    assert editor.zones[0].points[0] == (0.1, 0.15)
    _drag(editor, (0.5, 0.5), (0.55, 0.45))
    assert editor.zones[0].points[1] == pytest.approx((0.85, 0.15))
    # It stays in the picture.
    _drag(editor, (0.5, 0.5), (5.0, 0.5))
    assert max(x for x, _ in editor.zones[0].points) == pytest.approx(1.0)


def test_the_middle_of_a_side_becomes_a_corner_and_a_corner_is_removed(editor: ZoneEditor) -> None:
    _area(editor)
    _drag(editor, (0.5, 0.2), (0.5, 0.05))
    assert editor.zones[0].points[:3] == ((0.2, 0.2), (0.5, 0.05), (0.8, 0.2))
    assert editor.delete_point((0.5, 0.05), SCALE)
    assert editor.zones[0].points == SQUARE
    assert not editor.delete_point((0.5, 0.5), SCALE)


def test_every_change_can_be_taken_back_and_done_again(editor: ZoneEditor) -> None:
    seen = [editor.zones]
    _area(editor)
    seen.append(editor.zones)
    _drag(editor, (0.2, 0.2), (0.1, 0.15))
    seen.append(editor.zones)
    editor.delete_selected()
    seen.append(editor.zones)
    for expected in reversed(seen[:-1]):
        editor.undo()
        assert editor.zones == expected
    assert not editor.can_undo
    for expected in seen[1:]:
        editor.redo()
        assert editor.zones == expected
    assert not editor.can_redo


def test_a_click_without_a_move_is_nothing_to_take_back(editor: ZoneEditor) -> None:
    _area(editor)
    _click(editor, (0.2, 0.2), (0.5, 0.5))
    editor.undo()
    assert editor.zones == ()


def test_sides_that_cross_are_refused_and_undone(editor: ZoneEditor) -> None:
    refused: list[str] = []
    editor.refused.connect(refused.append)
    _area(editor)
    _drag(editor, (0.2, 0.2), (0.95, 0.5))
    assert refused == ["The sides of a zone must not cross each other"]
    assert editor.zones[0].points == SQUARE
    _area(editor, ((0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)))
    assert len(editor.zones) == 1


def test_a_name_is_not_given_twice(editor: ZoneEditor) -> None:
    from dataclasses import replace

    refused: list[str] = []
    editor.refused.connect(refused.append)
    _area(editor)
    _area(editor, SQUARE[:3])
    zone = editor.selected_zone
    assert zone is not None
    editor.change_selected(replace(zone, name="Area 1"))
    editor.change_selected(replace(zone, name=" "))
    assert refused == ["Another zone has this name already", "A zone needs a name"]
    assert [zone.name for zone in editor.zones] == ["Area 1", "Area 2"]


def test_a_press_beside_everything_is_left_to_the_view(editor: ZoneEditor) -> None:
    _area(editor)
    assert not editor.press((0.05, 0.05), SCALE)
    assert editor.selected_zone is None


@pytest.fixture
def drawing(desk: Desks, cat_and_dog: ModelRequest) -> Desk:
    """A window in which a cat and a dog are seen, with the panel of zones."""
    opened = desk(model_request=cat_and_dog)
    opened.wait_for_boxes()
    opened.wait_for_live_layout()
    opened.view.setFocus()
    opened.press("Z")
    settle()
    return opened


def _at(desk: Desk, x: float, y: float) -> QPoint:
    """The place in the view of a place in the picture, as shares."""
    view = desk.view
    assert view.picture is not None
    frame = view.picture.frame
    scale = min(view.width() / frame.width, view.height() / frame.height)
    return QPoint(
        round(view.width() / 2 + (x - 0.5) * frame.width * scale),
        round(view.height() / 2 + (y - 0.5) * frame.height * scale),
    )


def _press_button(desk: Desk, text: str) -> None:
    from PySide6.QtWidgets import QPushButton

    (button,) = [b for b in desk.window.findChildren(QPushButton) if b.text() == text]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def _draw(desk: Desk, kind: str, *points: Point) -> None:
    _press_button(desk, kind)
    for point in points:
        QTest.mouseClick(desk.view, Qt.MouseButton.LeftButton, pos=_at(desk, *point))
    if kind != "Line":
        desk.view.setFocus()
        QTest.keyClick(desk.view, Qt.Key.Key_Return)
    settle()


EVERYTHING = ((0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99))


def test_an_area_that_is_drawn_counts_and_is_kept_for_this_source(
    drawing: Desk, desk: Desks, cat_and_dog: ModelRequest
) -> None:
    _draw(drawing, "Area", *EVERYTHING)
    watch = drawing.session.stream.zone_watch
    assert [zone.name for zone in watch.zones] == ["Area 1"]
    assert drawing.is_on("track")
    wait_until(lambda: watch.totals()["Area 1"].inside.total() == 2, "both are inside")
    texts = drawing.child(QListWidget, "Zones")
    wait_until(lambda: "2 inside" in texts.item(0).text(), "the panel shows it")
    spec = drawing.session.stream.spec
    assert spec is not None
    drawing.close()
    assert [zone.name for zone in load_zones(spec)[0]] == ["Area 1"]
    again = desk(model_request=cat_and_dog)
    wait_until(
        lambda: [zone.name for zone in again.view.zones.zones] == ["Area 1"], "it is there again"
    )
    assert again.is_on("track")


def test_counts_are_checked_with_keys_and_written_as_a_table(drawing: Desk, tmp_path: Path) -> None:
    _draw(drawing, "Area", *EVERYTHING)
    counts = drawing.child(CountList)
    wait_until(lambda: counts.model().rowCount() == 2, "two counts are listed")
    counts.setFocus()
    counts.setCurrentIndex(counts.model().index(0, 0))
    QTest.keyClick(counts, Qt.Key.Key_Y)
    QTest.keyClick(counts, Qt.Key.Key_X)
    watch = drawing.session.stream.zone_watch
    assert (watch.audit().checked, watch.audit().wrong) == (2, 1)
    wait_until(
        lambda: any(
            "2 checked, 1 wrong, 0 missed: 50% errors" in label.text()
            for label in drawing.window.findChildren(QLabel)
        ),
        "the error rate is shown",
    )
    controller = drawing.window.findChild(ZoneController)
    assert controller is not None
    controller.write_table(tmp_path / "counts.csv")
    with (tmp_path / "counts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["verdict"] for row in rows) == ["confirmed", "struck"]
    assert {row["class"] for row in rows} == {"cat", "dog"}


def test_a_mask_hides_what_stands_in_it(drawing: Desk) -> None:
    _draw(drawing, "Area", *EVERYTHING)
    _draw(drawing, "Mask", *EVERYTHING)
    assert [zone.kind for zone in drawing.view.zones.zones] == ["area", "mask"]
    wait_until(lambda: len(drawing.view.visible_detections() or ()) == 0, "nothing is seen")
    drawing.view.setFocus()
    QTest.keyClick(drawing.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    wait_until(lambda: len(drawing.view.visible_detections() or ()) == 2, "both are seen again")


def test_without_the_panel_the_mouse_draws_nothing(drawing: Desk) -> None:
    _draw(drawing, "Line", (0.1, 0.5), (0.9, 0.5))
    drawing.trigger("zone_panel")
    before = drawing.view.zones.zones
    place = _at(drawing, 0.1, 0.5)
    QTest.mousePress(drawing.view, Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseMove(drawing.view, place + QPoint(40, 40))
    QTest.mouseRelease(drawing.view, Qt.MouseButton.LeftButton, pos=place + QPoint(40, 40))
    assert drawing.view.zones.zones == before


def test_a_zone_is_renamed_and_deleted(drawing: Desk) -> None:
    _draw(drawing, "Line", (0.1, 0.5), (0.9, 0.5))
    name = drawing.child(QLineEdit, "Name")
    name.setFocus()
    name.selectAll()
    QTest.keyClicks(name, "Door")
    QTest.keyClick(name, Qt.Key.Key_Return)
    assert drawing.view.zones.zones[0].name == "Door"
    drawing.view.setFocus()
    QTest.keyClick(drawing.view, Qt.Key.Key_Delete)
    assert drawing.view.zones.zones == ()


def test_zones_are_imported_and_a_bad_file_is_named(drawing: Desk, tmp_path: Path) -> None:
    controller = drawing.window.findChild(ZoneController)
    assert controller is not None
    write_zones([Zone("Gate", "area", SQUARE)], tmp_path / "zones.json")
    controller.import_zones(tmp_path / "zones.json")
    assert drawing.view.zones.zones == read_zones(tmp_path / "zones.json")
    (tmp_path / "bad.json").write_text("{")
    controller.import_zones(tmp_path / "bad.json")
    assert any(
        "bad.json: is not JSON" in label.text() for label in drawing.window.findChildren(QLabel)
    )
    drawing.view.zones.undo()
    assert drawing.view.zones.zones == ()


def test_a_stored_file_that_is_broken_is_set_aside(
    desk: Desks, cat_and_dog: ModelRequest, drawing: Desk
) -> None:
    _draw(drawing, "Line", (0.1, 0.5), (0.9, 0.5))
    spec = drawing.session.stream.spec
    assert spec is not None
    path = zones_path(spec)
    drawing.close()
    path.write_text("{broken")
    again = desk(model_request=cat_and_dog)
    wait_until(
        lambda: any(
            "the zones of this source are not used" in label.text()
            for label in again.window.findChildren(QLabel)
        ),
        "a notice says so",
    )
    assert [its.name for its in path.parent.iterdir()] == [f"{path.stem}.broken-1.json"]


def test_labels_of_zones_are_told_so_that_others_avoid_them(editor: ZoneEditor) -> None:
    _area(editor)
    editor.begin("line")
    _click(editor, (0.1, 0.5), (0.9, 0.5))
    image = QImage(400, 300, QImage.Format.Format_RGB32)
    image.fill(QColor("black"))
    painter = QPainter(image)
    labels = paint_zones(painter, QRectF(0, 0, 400, 300), editor, {})
    painter.end()
    assert len(labels) == 2
    for zone, label in zip(editor.zones, labels, strict=True):
        colour = image.pixelColor(label.topLeft().toPoint() + QPoint(2, 2))
        assert colour.name() == zone.colour
