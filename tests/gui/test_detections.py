"""Boxes over the picture, and the panel that decides which of them are shown."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSlider,
    QSpinBox,
    QToolButton,
)

from ssd_live.imaging.overlay import class_colour
from ssd_live.live.request import Overrides
from ssd_live.remote.network import ModelRequest
from ssd_live.settings import Settings
from tests.gui.desk import Desk, part, toggle, turn_wheel, write_model
from tests.gui.waiting import wait_until

Desks = Callable[..., Desk]
CAT, DOG = 0, 1


@pytest.fixture
def watching(desk: Desks, cat_and_dog: ModelRequest) -> Desk:
    """A window in which a cat and a dog are seen."""
    opened = desk(model_request=cat_and_dog)
    opened.wait_for_boxes()
    opened.wait_for_live_layout()
    return opened


def ink(class_id: int) -> tuple[int, int, int]:
    blue, green, red = class_colour(("cat", "dog")[class_id])
    return red, green, blue


def spot(desk: Desk, x: float, y: float) -> tuple[float, float]:
    """Where a part (0..1) of the 16:9 frame is in the view."""
    width, height = desk.view.width(), desk.view.height()
    scale = min(width / 16, height / 9)
    return (width - 16 * scale) / 2 + x * 16 * scale, (height - 9 * scale) / 2 + y * 9 * scale


def has_box(desk: Desk, class_id: int, x: float, y: float) -> bool:
    """Whether a box's line in that class's colour runs through a part of the frame. Painted now,
    with no event handled before.
    """
    return near(desk.colour(*spot(desk, x, y)), ink(class_id))


def near(colour: tuple[int, int, int], wanted: tuple[int, int, int]) -> bool:
    return all(abs(a - b) <= 30 for a, b in zip(colour, wanted, strict=True))


def pixels(desk: Desk) -> NDArray[np.int64]:
    """The view as painted now, (H, W, 3) red, green, blue."""
    image = desk.view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
    return rows[:, : 3 * image.width()].reshape(image.height(), -1, 3).astype(np.int64)


def sees_cat(desk: Desk) -> bool:
    return has_box(desk, CAT, 0.25, 0.5)


def sees_dog(desk: Desk) -> bool:
    return has_box(desk, DOG, 0.875, 0.95)


def shown(desk: Desk) -> set[str]:
    found = desk.view.visible_detections()
    return set(found.names) if found is not None else set()


def item(desk: Desk, name: str) -> QListWidgetItem:
    classes = desk.child(QListWidget, "Classes")
    return next(
        classes.item(row)
        for row in range(classes.count())
        if classes.item(row).data(Qt.ItemDataRole.UserRole) == name
    )


def threshold_slider(desk: Desk) -> QSlider:
    return next(
        slider
        for slider in desk.panel.findChildren(QSlider)
        if slider.orientation() is Qt.Orientation.Horizontal
    )


@pytest.mark.parametrize(("x", "y"), [(0.25, 0.5), (0.75, 0.5), (0.5, 0.25), (0.5, 0.75)])
def test_every_side_of_a_box_is_drawn_where_the_network_found_it(
    watching: Desk, x: float, y: float
) -> None:
    assert has_box(watching, CAT, x, y)


def test_nothing_is_drawn_beside_a_box(watching: Desk) -> None:
    assert not has_box(watching, CAT, 0.2, 0.5)
    assert not has_box(watching, CAT, 0.3, 0.5)


def test_a_box_stays_on_its_object_when_the_view_is_zoomed(watching: Desk) -> None:
    view = watching.view
    view.set_zoom(2.0)
    # The middle half is what is visible: the box around it runs along the view's middle lines at a
    # quarter.
    scale = min(view.width() / 16, view.height() / 9)
    assert near(watching.colour(view.width() / 2 - 8 * scale, view.height() / 2), ink(CAT))


def test_zoomed_in_nothing_is_drawn_of_a_box_that_is_not_in_view(watching: Desk) -> None:
    view = watching.view
    view.set_zoom(16.0)
    view.pan(-100.0, -100.0)
    assert {"cat", "dog"} <= shown(watching)
    colours = pixels(watching).reshape(-1, 3)
    for class_id in (CAT, DOG):
        assert np.abs(colours - np.array(ink(class_id))).max(axis=1).min() > 30


def test_labels_stay_inside_the_picture(watching: Desk) -> None:
    """Beside it is a black margin, which is not a part of it."""
    watching.trigger("hud")
    left, top = (round(value) for value in spot(watching, 0.0, 0.0))
    assert top > 20 or left > 20
    picture = pixels(watching)
    outside = picture[: top - 1] if top > 20 else picture[:, : left - 1]
    assert (outside == np.array((11, 12, 15))).all()


def test_a_dark_line_keeps_a_box_visible_on_a_background_of_its_colour(watching: Desk) -> None:
    x, y = spot(watching, 0.25, 0.5)
    row = pixels(watching)[round(y), round(x) - 4 : round(x) + 5]
    assert row.max(axis=1).min() < 90


def test_each_class_has_its_own_colour(watching: Desk) -> None:
    assert sees_cat(watching)
    assert sees_dog(watching)


def test_a_label_stands_on_its_box_and_is_left_out_by_choice(watching: Desk) -> None:
    x, y = spot(watching, 0.25, 0.25)
    above = (x + 3, y - 4)
    assert near(watching.colour(*above), ink(CAT))
    labels = next(
        box for box in watching.panel.findChildren(QComboBox) if box.findData("none") >= 0
    )
    labels.setCurrentIndex(labels.findData("none"))
    assert not near(watching.colour(*above), ink(CAT))
    assert watching.settings.labels == "none"


def test_the_line_width_acts_at_once(watching: Desk) -> None:
    watching.pause()
    x, y = spot(watching, 0.25, 0.5)
    assert not near(watching.colour(x + 3, y), ink(CAT))
    watching.child(QSpinBox).setValue(8)
    assert near(watching.colour(x + 3, y), ink(CAT))
    assert watching.settings.line_width == 8


def test_the_threshold_slider_acts_at_once_while_playing(watching: Desk) -> None:
    assert sees_dog(watching)
    threshold_slider(watching).setValue(60)
    assert not sees_dog(watching)
    assert sees_cat(watching)


def test_the_threshold_slider_acts_at_once_while_paused(watching: Desk) -> None:
    watching.pause()
    threshold_slider(watching).setValue(60)
    assert not sees_dog(watching)
    threshold_slider(watching).setValue(40)
    assert sees_dog(watching)


def test_slider_and_number_show_the_same_threshold_and_it_is_remembered_for_the_network(
    watching: Desk,
) -> None:
    number = watching.child(QDoubleSpinBox)
    threshold_slider(watching).setValue(63)
    assert number.value() == pytest.approx(0.63)
    number.setValue(0.27)
    assert threshold_slider(watching).value() == 27
    assert watching.settings.thresholds == {"cat_and_dog": 0.27}


def test_a_typed_threshold_filters_exactly_at_its_value(watching: Desk) -> None:
    watching.child(QDoubleSpinBox).setValue(0.51)
    assert shown(watching) == {"cat"}
    watching.child(QDoubleSpinBox).setValue(0.49)
    assert shown(watching) == {"cat", "dog"}


def test_the_threshold_keys_move_it_by_five_percent(watching: Desk) -> None:
    watching.press("BracketRight")
    assert threshold_slider(watching).value() == 45
    watching.press("BracketLeft")
    watching.press("BracketLeft")
    assert threshold_slider(watching).value() == 35


def test_an_unchecked_class_is_not_drawn_even_while_paused_and_is_remembered(
    watching: Desk,
) -> None:
    watching.pause()
    toggle(item(watching, "cat"))
    assert not sees_cat(watching)
    assert sees_dog(watching)
    assert watching.settings.hidden_classes == {"cat_and_dog": ["cat"]}
    toggle(item(watching, "cat"))
    assert sees_cat(watching)
    assert watching.settings.hidden_classes == {"cat_and_dog": []}


def test_the_space_bar_checks_and_unchecks_a_class_and_does_not_pause(watching: Desk) -> None:
    classes = watching.child(QListWidget, "Classes")
    classes.setFocus()
    classes.setCurrentItem(item(watching, "cat"))
    watching.press("Space")
    assert shown(watching) == {"dog"}
    assert watching.is_on("play")


def test_the_space_bar_presses_the_button_that_has_the_focus_and_does_not_pause(
    watching: Desk,
) -> None:
    watching.panel.findChildren(QPushButton)[1].setFocus()
    watching.press("Space")
    assert shown(watching) == set()
    assert watching.is_on("play")


def test_letters_typed_into_the_search_trigger_no_action(watching: Desk) -> None:
    watching.trigger("search_classes")
    for key in "HDPV":
        watching.press(key)
    assert (
        next(
            field for field in watching.panel.findChildren(QLineEdit) if field.placeholderText()
        ).text()
        == "hdpv"
    )
    assert [
        watching.is_on(action)
        for action in ("hud", "detection_panel", "numbers_panel", "source_rate")
    ] == [True, True, False, False]


def test_the_buttons_check_and_uncheck_every_class(watching: Desk) -> None:
    everything, nothing = watching.panel.findChildren(QPushButton)
    QTest.mouseClick(nothing, Qt.MouseButton.LeftButton)
    assert shown(watching) == set()
    QTest.mouseClick(everything, Qt.MouseButton.LeftButton)
    assert shown(watching) == {"cat", "dog"}


def test_the_search_leaves_the_classes_that_contain_its_text_in_any_case(watching: Desk) -> None:
    search(watching, "DO")
    assert (item(watching, "cat").isHidden(), item(watching, "dog").isHidden()) == (True, False)
    search(watching, "")
    assert (item(watching, "cat").isHidden(), item(watching, "dog").isHidden()) == (False, False)


def test_the_buttons_change_only_the_classes_that_the_search_leaves(watching: Desk) -> None:
    search(watching, "cat")
    QTest.mouseClick(watching.panel.findChildren(QPushButton)[1], Qt.MouseButton.LeftButton)
    assert shown(watching) == {"dog"}


def search(desk: Desk, text: str) -> None:
    field = next(field for field in desk.panel.findChildren(QLineEdit) if field.placeholderText())
    field.selectAll()
    QTest.keyClicks(field, text) if text else QTest.keyClick(field, Qt.Key.Key_Delete)


def test_classes_carry_the_count_of_what_is_seen_also_when_they_are_hidden(watching: Desk) -> None:
    classes = watching.panel.classes
    wait_until(lambda: classes.count_of("cat") == 1, "the cat is counted")
    assert item(watching, "cat").font().bold()
    toggle(item(watching, "cat"))
    wait_until(lambda: not sees_cat(watching), "the cat is hidden")
    counted = watching.counts.shown
    wait_until(lambda: watching.counts.shown > counted + 5, "more frames are shown")
    assert (classes.count_of("cat"), classes.count_of("dog")) == (1, 1)


def test_a_click_anywhere_on_a_row_hides_or_shows_the_class(watching: Desk) -> None:
    row = watching.child(QListWidget, "Classes").visualItemRect(item(watching, "cat"))
    for is_shown in (False, True):
        QTest.mouseClick(
            watching.child(QListWidget, "Classes").viewport(),
            Qt.MouseButton.LeftButton,
            pos=row.center() + QPoint(row.width() // 4, 0),
        )
        assert ("cat" in shown(watching)) is is_shown
    QTest.mouseClick(
        watching.child(QListWidget, "Classes").viewport(),
        Qt.MouseButton.LeftButton,
        pos=QPoint(row.left() + 10, row.center().y()),
    )
    assert "cat" not in shown(watching)


def test_what_is_seen_stands_first(desk: Desks, tmp_path: Path) -> None:
    only_dog = write_model(tmp_path / "four.onnx", [(0.1, 0.1, 0.5, 0.5)], [(0.0, 0.9)])
    opened = desk(model_request=only_dog)
    opened.wait_for_boxes()
    listed = opened.child(QListWidget, "Classes")
    wait_until(lambda: listed.item(0).text() == "dog", "the dog is first")
    assert [listed.item(row).text() for row in range(listed.count())] == ["dog", "cat"]


def test_escape_clears_the_search(watching: Desk) -> None:
    search(watching, "ca")
    assert item(watching, "dog").isHidden()
    watching.trigger("search_classes")
    watching.press("Escape")
    assert not item(watching, "dog").isHidden()


def test_the_wheel_changes_no_value_of_the_panel(watching: Desk) -> None:
    slider = threshold_slider(watching)
    before = slider.value()
    turn_wheel(slider, slider.width() / 2, slider.height() / 2, 3)
    labels = watching.child(QComboBox, "Text on each box")
    turn_wheel(labels, 5, 5, -2)
    assert (slider.value(), labels.currentIndex()) == (before, 0)


def test_one_line_says_what_runs_and_the_choice_is_folded_away(watching: Desk) -> None:
    model = watching.panel.model
    wait_until(lambda: " FPS" in model.line, "the rate is known")
    assert re.fullmatch(r"cat_and_dog\nONNX Runtime FP32 · \d+ FPS", model.line)
    picker = watching.child(QComboBox, "Model that detects objects")
    assert not picker.isVisible()
    line = next(button for button in model.findChildren(QToolButton) if button.isCheckable())
    QTest.mouseClick(line, Qt.MouseButton.LeftButton)
    assert picker.isVisible()


def test_the_commands_threshold_and_classes_hold_for_the_first_network_and_are_not_kept(
    desk: Desks, cat_and_dog: ModelRequest
) -> None:
    opened = desk(model_request=cat_and_dog, overrides=Overrides(0.3, ("Dog",)))
    opened.wait_for_boxes()
    assert shown(opened) == {"dog"}
    assert threshold_slider(opened).value() == 30
    assert (opened.settings.thresholds, opened.settings.hidden_classes) == ({}, {})


def test_remembered_threshold_and_classes_return_with_their_network(
    desk: Desks, cat_and_dog: ModelRequest
) -> None:
    kept = Settings(thresholds={"cat_and_dog": 0.2}, hidden_classes={"cat_and_dog": ["cat"]})
    opened = desk(model_request=cat_and_dog, settings=kept)
    opened.wait_for_boxes()
    assert shown(opened) == {"dog"}
    assert threshold_slider(opened).value() == 20
    assert item(opened, "cat").checkState() is Qt.CheckState.Unchecked


def test_shown_at_the_sources_rate_older_boxes_are_dotted(watching: Desk) -> None:
    watching.trigger("source_rate")
    wait_until(
        lambda: watching.view.picture is not None and watching.view.picture.stale,
        "boxes of an earlier frame are shown",
    )
    x, top = spot(watching, 0.25, 0.3)
    _, bottom = spot(watching, 0.25, 0.7)
    line = [near(watching.colour(x, y), ink(CAT)) for y in range(round(top), round(bottom), 5)]
    assert True in line
    assert False in line
    assert watching.settings.show == "source"


def test_the_default_network_finds_the_cars_of_the_sample_clip(desk: Desks) -> None:
    from tests.clips import SAMPLE

    opened = desk(SAMPLE, model_request=ModelRequest("ssd300-mobilenetv2-oid", "openvino", "fp32"))
    wait_until(lambda: "Car" in shown(opened), "a car is found")


def test_without_a_network_the_panel_is_busy_and_no_box_is_drawn(desk: Desks) -> None:
    opened = desk()
    opened.wait_for_picture()
    assert part(opened.panel, QProgressBar).isVisible()
    assert opened.view.visible_detections() is None
