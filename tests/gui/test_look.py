"""Full screen, numbers, plots, colours, the notice bar and the small dialogs."""

from collections.abc import Callable, Iterator

import pytest
from pyqtgraph import PlotWidget
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialog,
    QDockWidget,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QTextBrowser,
    QToolButton,
    QWidget,
)

from ssd_live import __version__
from ssd_live.gui.dialogs import PreferencesDialog
from ssd_live.gui.notice import Notices
from ssd_live.gui.numbers_panel import NumbersPanel, Plot
from ssd_live.gui.transport import TransportBar
from ssd_live.settings import Settings
from tests.clips import SAMPLE
from tests.gui.desk import Desk, part, red_green_blue
from tests.gui.waiting import in_dialog, settle, wait_until

Desks = Callable[..., Desk]


@pytest.fixture
def playing(desk: Desks) -> Desk:
    opened = desk(SAMPLE)
    opened.wait_for_picture()
    wait_until(lambda: opened.seek_bar.maximum() == 1000, "the seek bar knows the length")
    return opened


def bars(desk: Desk) -> list[bool]:
    window = desk.window
    docks = window.findChildren(QDockWidget)
    return [
        part.isVisible()
        for part in (window.menuBar(), window.statusBar(), desk.child(TransportBar), *docks)
    ]


def test_full_screen_shows_only_the_video_and_escape_restores_the_window(playing: Desk) -> None:
    playing.trigger("numbers_panel")
    settle()
    before = bars(playing)
    assert sum(before) == 5
    playing.press("F11")
    wait_until(playing.window.isFullScreen, "the window is full screen")
    settle()
    assert bars(playing) == [False] * 8
    playing.press("Escape")
    wait_until(lambda: not playing.window.isFullScreen(), "the window is as before")
    # The transport bar comes back when the window looks at the source again.
    wait_until(lambda: bars(playing) == before, "all bars are as before")


def test_in_full_screen_no_bar_returns_by_itself(playing: Desk) -> None:
    playing.trigger("full_screen")
    shown = playing.counts.shown
    wait_until(lambda: playing.counts.shown >= shown + 15, "half a second is played")
    assert bars(playing) == [False] * 8


def test_every_key_works_in_full_screen(playing: Desk) -> None:
    playing.trigger("full_screen")
    wait_until(playing.window.isFullScreen, "the window is full screen")
    playing.press("Space")
    assert not playing.is_on("play")
    playing.press("H")
    assert playing.settings.hud is False


def test_full_screen_leaves_the_window_maximised_if_it_was(playing: Desk) -> None:
    playing.window.showMaximized()
    wait_until(playing.window.isMaximized, "the window is maximised")
    playing.trigger("full_screen")
    wait_until(playing.window.isFullScreen, "the window is full screen")
    playing.trigger("leave_full_screen")
    wait_until(lambda: not playing.window.isFullScreen(), "full screen is left")
    assert playing.window.isMaximized()


def test_leaving_full_screen_twice_changes_nothing(playing: Desk) -> None:
    playing.window.set_full_screen(False)
    assert bars(playing)[:3] == [True] * 3
    assert not playing.window.isFullScreen()


def hud_is_shown(desk: Desk) -> bool:
    """Its text is lighter than anything else above the letterboxed film."""
    image = desk.view.grab().toImage().copy(10, 10, 200, 40)
    return any(
        image.pixelColor(x, y).lightness() > 200
        for x in range(image.width())
        for y in range(image.height())
    )


def test_the_numbers_over_the_video_are_switched_on_and_off(playing: Desk) -> None:
    wait_until(lambda: hud_is_shown(playing), "the numbers are there")
    playing.trigger("hud")
    assert not hud_is_shown(playing)
    assert playing.settings.hud is False
    playing.trigger("hud")
    assert hud_is_shown(playing)


def test_the_numbers_over_the_video_are_those_that_are_counted(playing: Desk) -> None:
    playing.wait_for_picture()
    playing.pause()
    playing.trigger("hud")
    playing.trigger("hud")
    dropped = sum(playing.session.pipeline.dropped().values())
    frames = "frame" if dropped == 1 else "frames"
    assert (f"{dropped} {frames} dropped" in playing.view.hud[0]) is bool(dropped)
    few = len(playing.view.hud)
    playing.press("H", Qt.KeyboardModifier.ShiftModifier)
    assert playing.settings.hud_details
    many = len(playing.view.hud)
    assert few == 1
    assert many >= 3
    assert "inferred" in playing.view.hud[1]


def test_the_plots_open_and_get_data(playing: Desk) -> None:
    assert playing.window.findChildren(NumbersPanel) == []
    playing.press("P")
    panel = playing.child(NumbersPanel)
    assert panel.isVisible()
    lines = ("display", "render", "objects", "processor", "memory")
    places = (0, 1, 3, 4, 5)
    wait_until(
        lambda: all(
            len(panel.plots[place].points(line)) >= 2
            for place, line in zip(places, lines, strict=True)
        ),
        "every plot has a line",
    )
    for name in ("captured", "inferred", "shown"):
        assert name in panel.plots[0].legend


def test_the_plots_know_what_was_before_they_were_opened(playing: Desk) -> None:
    wait_until(lambda: playing.counts.shown > 30, "frames were shown", limit=20.0)
    playing.window.show_plots(True)
    panel = playing.child(NumbersPanel)
    assert len(panel.plots[0].points("display")) > 2
    playing.window.show_plots(False)
    before = len(panel.plots[0].points("display"))
    shown = playing.counts.shown
    wait_until(lambda: playing.counts.shown > shown + 20, "frames were shown", limit=20.0)
    playing.window.show_plots(True)
    wait_until(lambda: len(panel.plots[0].points("display")) > before + 1, "no sample is missing")


def test_a_line_has_the_same_colour_in_every_run(desk: Desks) -> None:
    colours = set()
    for order in (("capture", "display"), ("display", "capture")):
        plot = Plot("Rate", "FPS", {})
        for name in order:
            plot.add({name: 1.0})
        plot.add({"display": 2.0, "capture": 1.0})
        colours.add(plot.legend.split("display")[0][-60:].split("color:")[1][:7])
    assert colours == {"#22c55e"}


def test_the_plots_show_what_is_dropped_by_its_cause(desk: Desks) -> None:
    opened = desk(settings=Settings(rate_cap=5.0))
    opened.window.show_plots(True)
    panel = opened.child(NumbersPanel)
    wait_until(lambda: "rate&nbsp;cap" in panel.plots[2].legend, "the cause has a line")


def test_closing_the_plots_by_their_own_button_unchecks_the_action(playing: Desk) -> None:
    playing.trigger("numbers_panel")
    settle()
    dock = next(
        dock for dock in playing.window.findChildren(QDockWidget) if dock.objectName() == "plots"
    )
    dock.close()
    settle()
    assert not playing.is_on("numbers_panel")


def lightness(widget: QWidget) -> int:
    return widget.grab().toImage().pixelColor(3, 3).lightness()


def test_dark_and_light_colour_the_window_at_once(playing: Desk) -> None:
    for name, is_dark in (("dark", True), ("light", False)):
        in_dialog(
            lambda: playing.trigger("preferences"),
            lambda dialog, name=name: choose(dialog, name),  # type: ignore[misc]
        )
        settle()
        assert playing.settings.theme == name
        assert (lightness(playing.window.menuBar()) < 100) is is_dark
        assert (lightness(playing.panel) < 100) is is_dark


def choose(dialog: QWidget, key: str) -> None:
    """A theme or language, by its key, and OK."""
    assert isinstance(dialog, QDialog)
    box = next(box for box in reversed(dialog.findChildren(QComboBox)) if box.findData(key) >= 0)
    box.setCurrentIndex(box.findData(key))
    dialog.accept()


def test_icons_stand_out_from_their_background_in_both_themes(playing: Desk) -> None:
    for theme in ("dark", "light"):
        playing.settings.theme = theme
        playing.window.set_theme()
        settle()
        icon = playing.window.actions_by_name["step"].icon().pixmap(32, 32).toImage()
        ink = {
            icon.pixelColor(x, y).lightness()
            for x in range(32)
            for y in range(32)
            if icon.pixelColor(x, y).alpha() > 200
        }
        background = playing.window.palette().color(QPalette.ColorRole.Button).lightness()
        assert all(abs(tone - background) > 80 for tone in ink)


def test_plots_follow_the_theme(playing: Desk) -> None:
    playing.window.show_plots(True)
    panel = playing.child(NumbersPanel)
    for theme, is_dark in (("dark", True), ("light", False)):
        playing.settings.theme = theme  # type: ignore[assignment]
        playing.window.set_theme()
        settle()
        background = part(panel, PlotWidget).backgroundBrush().color()
        assert (background.lightness() < 100) is is_dark


def test_leaving_the_settings_dialog_changes_nothing(playing: Desk) -> None:
    before = playing.settings.model_copy(deep=True)

    def look(dialog: QWidget) -> None:
        part(dialog, QDoubleSpinBox).setValue(10)

    in_dialog(lambda: playing.trigger("preferences"), look)
    assert playing.settings == before


def test_a_frame_rate_limit_holds_at_once(desk: Desks) -> None:
    opened = desk("pattern:320x180@60")
    opened.wait_for_picture()

    def limit(dialog: QWidget) -> None:
        assert isinstance(dialog, QDialog)
        part(dialog, QDoubleSpinBox).setValue(10)
        dialog.accept()

    in_dialog(lambda: opened.trigger("preferences"), limit)
    assert opened.settings.rate_cap == 10
    start = opened.counts
    wait_until(lambda: opened.counts.since(start).captured >= 60, "a second passes")
    assert opened.counts.since(start).shown <= 14
    assert opened.counts.since(start).dropped["rate cap"] >= 40


def test_the_settings_dialog_shows_what_is_set(application: QApplication) -> None:
    settings = Settings(language="ko", theme="dark", rate_cap=15, start_with="last", model="mine")
    dialog = PreferencesDialog(settings, ["one", "two"], "/videos")
    language, theme, start, model, hiding = dialog.findChildren(QComboBox)
    assert [language.currentData(), theme.currentData()] == ["ko", "dark"]
    assert [model.itemText(row) for row in range(model.count())] == ["mine", "one", "two"]
    assert start.currentData() == "last"
    assert part(dialog, QDoubleSpinBox).value() == 15
    model.setCurrentText("two")
    start.setCurrentIndex(start.findData("welcome"))
    assert hiding.currentData() == "solid"
    hiding.setCurrentIndex(hiding.findData("blur"))
    (names,) = [
        edit for edit in dialog.findChildren(QLineEdit) if "Person" in edit.placeholderText()
    ]
    names.setText(" Person, ,Car")
    changed = Settings()
    dialog.change(changed)
    assert (changed.redact, changed.redact_style) == (["Person", "Car"], "blur")
    assert (changed.model, changed.start_with, changed.output_folder) == ("two", "welcome", "")


@pytest.fixture
def notice(application: QApplication) -> Iterator[Notices]:
    over = QWidget()
    over.resize(400, 300)
    over.show()
    yield Notices(over)
    over.deleteLater()


def test_an_error_stays_until_it_is_closed(notice: Notices) -> None:
    notice.say("error", "it broke", "camera")
    assert notice.text == "it broke"
    assert not any(timer.isActive() for timer in notice.findChildren(QTimer))
    QTest.mouseClick(part(notice, QToolButton), Qt.MouseButton.LeftButton)
    assert notice.text == ""


def test_what_was_done_goes_by_itself(notice: Notices) -> None:
    notice.say("done", "saved")
    (timer,) = notice.findChildren(QTimer)
    assert timer.isActive()
    timer.timeout.emit()
    assert notice.text == ""


def test_an_error_that_follows_something_done_does_not_go_by_itself(notice: Notices) -> None:
    notice.say("done", "saved")
    notice.say("error", "it broke")
    assert not any(timer.isActive() for timer in notice.findChildren(QTimer))


def test_only_its_own_topic_mends_an_error(notice: Notices) -> None:
    notice.say("error", "it broke", "camera")
    notice.resolved("network")
    assert notice.text == "it broke"
    notice.resolved("camera")
    assert notice.text == ""


def test_a_mended_source_does_not_take_another_message_away(notice: Notices) -> None:
    notice.say("error", "it broke", "camera")
    notice.say("done", "saved")
    notice.resolved("camera")
    assert notice.text == "saved"


def test_a_closed_error_is_not_said_again(desk: Desks) -> None:
    opened = desk()
    opened.window.open("/nowhere/text.mp4")
    assert "there is no such file" in opened.window.notice.text
    QTest.mouseClick(part(opened.window.notice, QToolButton), Qt.MouseButton.LeftButton)
    other = desk("pattern:64x64@30")
    wait_until(lambda: other.counts.captured >= 10, "a third of a second passes")
    assert opened.window.notice.text == ""


def test_a_message_in_markup_is_shown_as_it_is(notice: Notices) -> None:
    notice.say("error", "<b>bold</b>")
    assert part(notice, QLabel).textFormat() is Qt.TextFormat.PlainText


def test_errors_and_news_differ_in_colour_and_are_readable(notice: Notices) -> None:
    colours = []
    for kind in ("error", "done"):
        notice.say(kind, "line")
        image = notice.grab().toImage()
        colours.append(red_green_blue(image, 3, 3))
    assert colours == [(0xB3, 0x26, 0x1E), (0x1F, 0x6F, 0x43)]


def test_the_about_box_tells_versions_and_licences(playing: Desk) -> None:
    def read(dialog: QWidget) -> None:
        labels = " ".join(label.text() for label in dialog.findChildren(QLabel))
        table = part(dialog, QTextBrowser).toPlainText()
        assert f"ssd_live {__version__}" in labels
        assert "Apache-2.0" in labels
        for package in ("PySide6-Essentials", "LGPL-3.0", "opencv-python", "openvino", "numpy"):
            assert package in table

    in_dialog(lambda: playing.trigger("about"), read)


def test_the_status_bar_tells_source_mode_and_rates(playing: Desk) -> None:
    def text() -> str:
        return " ".join(label.text() for label in playing.window.statusBar().findChildren(QLabel))

    wait_until(
        lambda: "640 x 272, 25 FPS h264" in text() and "FPS shown" in text(), "they are there"
    )
    assert str(SAMPLE) in text()
