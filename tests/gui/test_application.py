"""A whole run of the application: settings, screenshot, statistics, signals, exit codes."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QSlider, QToolButton

from ssd_live.errors import OutputError, SsdLiveError
from ssd_live.gui import app
from ssd_live.gui.window import MainWindow
from ssd_live.live.request import LiveRequest, Overrides
from ssd_live.remote.network import ModelRequest
from ssd_live.settings import Settings, load_settings, save_settings
from ssd_live.video.sources import parse_source
from tests.clips import frame_times
from tests.gui.desk import SMALL_PATTERN, rgb
from tests.gui.waiting import settle, wait_until

Run = Callable[..., int]


@pytest.fixture
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "settings.json"
    monkeypatch.setenv("SSD_LIVE_SETTINGS", str(path))
    return path


@pytest.fixture
def run(
    application: QApplication, settings_file: Path, cat_and_dog: ModelRequest, no_complaint: None
) -> Run:
    """Runs the application; `do` is called with its window when it shows a picture, and closing the
    window ends it.
    """
    failures: list[BaseException] = []

    def start(
        source: str | Path = SMALL_PATTERN,
        do: Callable[[MainWindow], None] = lambda window: None,
        **words: Any,
    ) -> int:
        words = {
            "model": cat_and_dog.model,
            "backend": cat_and_dog.backend,
            "precision": cat_and_dog.precision,
        } | words

        def begin() -> None:
            try:
                if "exit_after" in words:
                    # On a busy machine the time may be over before there are boxes.
                    return
                (window,) = shown_windows()
                wait_until(
                    lambda: (
                        window.view.picture is not None
                        and len(window.view.visible_detections() or ())
                    ),
                    "boxes are shown",
                )
                do(window)
            except BaseException as error:  # must come out of the test, not out of Qt
                failures.append(error)
            finally:
                if "exit_after" not in words:
                    for window in shown_windows():
                        window.close()

        QTimer.singleShot(0, begin)
        code = app.run(LiveRequest((parse_source(str(source)),), **words))
        settle()
        if failures:
            raise failures[0]
        return code

    return start


def shown_windows() -> list[MainWindow]:
    return [
        widget
        for widget in QApplication.topLevelWidgets()
        if isinstance(widget, MainWindow) and widget.isVisible()
    ]


def test_a_closed_window_ends_the_run_and_leaves_no_thread(run: Run) -> None:
    assert run() == 0
    names = {thread.name for thread in threading.enumerate()}
    assert not names & {"capture", "infer", "render", "record"}


def test_the_window_closes_within_three_seconds(run: Run) -> None:
    closing: list[float] = []
    run(do=lambda window: closing.append(time.monotonic()))
    assert time.monotonic() - closing[0] < 3


def test_what_was_chosen_is_there_again_at_the_next_start(run: Run, settings_file: Path) -> None:
    def choose(window: MainWindow) -> None:
        window.panel.nudge_threshold(2)
        window.actions_by_name["hud"].trigger()
        window.actions_by_name["loop"].trigger()
        window.actions_by_name["numbers_panel"].trigger()
        window.resize(700, 560)
        settle()

    run(do=choose)
    kept, note = load_settings(settings_file)
    assert (note, kept.hud, kept.loop, kept.thresholds) == ("", False, False, {"cat_and_dog": 0.5})

    def compare(window: MainWindow) -> None:
        actions = window.actions_by_name
        assert [actions[name].isChecked() for name in ("hud", "loop", "numbers_panel")] == [
            False,
            False,
            True,
        ]
        assert (window.width(), window.height()) == (700, 560)
        sliders = [
            slider.value()
            for slider in window.panel.findChildren(QSlider)
            if slider.maximum() == 100
        ]
        assert sliders == [50]

    run(do=compare)


def test_the_network_is_remembered(
    run: Run, settings_file: Path, cat_and_dog: ModelRequest
) -> None:
    run()
    kept, _ = load_settings(settings_file)
    assert (kept.model, kept.backend, kept.precision) == (
        cat_and_dog.model,
        cat_and_dog.backend,
        cat_and_dog.precision,
    )
    run(model=None, backend=None, precision=None)


def test_what_the_command_line_overrides_is_not_remembered(run: Run, settings_file: Path) -> None:
    run(overrides=Overrides(0.2, ("dog",)))
    kept, _ = load_settings(settings_file)
    assert (kept.thresholds, kept.hidden_classes) == ({}, {})


def test_settings_are_saved_while_the_window_is_still_open(run: Run, settings_file: Path) -> None:
    def change(window: MainWindow) -> None:
        window.actions_by_name["hud"].trigger()
        saver = next(timer for timer in window.findChildren(QTimer) if timer.interval() == 5000)
        saver.timeout.emit()
        wait_until(
            lambda: settings_file.exists() and not load_settings(settings_file)[0].hud,
            "they are on the disk",
        )

    run(do=change)


def test_a_broken_settings_file_is_set_aside_and_said_so(run: Run, settings_file: Path) -> None:
    settings_file.write_text('{"theme": "pink"}')

    def read(window: MainWindow) -> None:
        assert "settings.broken-1.json" in window.notice.text
        assert "the defaults are used" in window.notice.text

    run(do=read)
    assert (settings_file.parent / "settings.broken-1.json").read_text() == '{"theme": "pink"}'
    assert load_settings(settings_file)[1] == ""


@pytest.mark.parametrize(
    "changes", [{"geometry": "broken"}, {"layout": "!!"}, {"geometry": "AAAA", "layout": "AAAA"}]
)
def test_a_broken_place_of_the_window_does_not_keep_it_from_opening(
    run: Run, settings_file: Path, changes: dict[str, str]
) -> None:
    save_settings(Settings(**changes), settings_file)  # type: ignore[arg-type]
    assert run() == 0


def test_settings_that_cannot_be_written_are_no_failure(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SSD_LIVE_SETTINGS", str(tmp_path / "file" / "settings.json"))
    assert run() == 0


def test_the_run_ends_by_itself_after_the_time_that_is_asked_for(run: Run) -> None:
    started = time.monotonic()
    assert run(exit_after=1.0) == 0
    assert time.monotonic() - started >= 1.0


def test_the_screenshot_is_the_window_with_its_boxes(run: Run, tmp_path: Path) -> None:
    from ssd_live.imaging.overlay import class_colour

    sizes: list[tuple[int, int]] = []
    run(
        do=lambda window: sizes.append((window.width(), window.height())),
        screenshot=tmp_path / "new" / "window.png",
    )
    image = cv2.imread(str(tmp_path / "new" / "window.png"))
    assert image is not None
    assert (image.shape[1], image.shape[0]) == sizes[0]
    assert (image == class_colour("cat")).all(axis=2).sum() > 100


def test_a_screenshot_that_cannot_be_written_is_a_failure_after_the_run(
    run: Run, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match=r"window\.nothing"):
        run(screenshot=tmp_path / "window.nothing")


def test_the_statistics_add_up_and_tell_the_heartbeat(run: Run, tmp_path: Path) -> None:
    run(exit_after=3.0, stats=tmp_path / "stats.json")
    numbers = json.loads((tmp_path / "stats.json").read_text())
    assert numbers["captured"] == numbers["shown"] + numbers["failed"] + sum(
        numbers["dropped"].values()
    )
    assert numbers["in_flight"] == 0
    assert numbers["shown"] >= 1
    assert (
        numbers["latency_ms"]["p50"] <= numbers["latency_ms"]["p99"] <= numbers["latency_ms"]["max"]
    )
    # How many there are in a time is for `make soak` to say.
    assert numbers["heartbeat"]["beats"] >= 10
    assert numbers["heartbeat"]["longest_gap_ms"] > 0
    assert numbers["after_start"]["captured"] > 0


def test_a_recording_asked_for_by_the_command_is_there_at_the_end(run: Run, tmp_path: Path) -> None:
    def wait(window: MainWindow) -> None:
        stream = window.view.stream
        wait_until(lambda: stream.recorder is not None, "the recording begins")
        recorder = stream.recorder
        assert recorder is not None
        wait_until(lambda: recorder.frames >= 5, "frames are recorded")
        assert window.actions_by_name["record"].isChecked()

    assert run(do=wait, record=tmp_path / "film.mkv") == 0
    assert len(frame_times(tmp_path / "film.mkv")) >= 5


def test_full_screen_by_the_command(run: Run) -> None:
    seen: list[bool] = []
    run(do=lambda window: seen.append(window.isFullScreen()), full_screen=True)
    assert seen == [True]


def test_a_signal_closes_the_window_and_the_exit_code_says_so(run: Run) -> None:
    assert run(do=lambda window: signal.raise_signal(signal.SIGTERM)) == 130
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_source_that_never_came_is_the_runs_failure(
    application: QApplication, settings_file: Path, cat_and_dog: ModelRequest
) -> None:
    request = LiveRequest(
        (parse_source("http://127.0.0.1:9/x"),),
        model=cat_and_dog.model,
        backend=cat_and_dog.backend,
        exit_after=0.5,
    )
    with pytest.raises(SsdLiveError, match=r"127\.0\.0\.1:9"):
        app.run(request)


def test_the_theme_of_the_settings_holds_from_the_start(run: Run, settings_file: Path) -> None:
    save_settings(Settings(theme="dark"), settings_file)
    colours: list[tuple[int, int, int]] = []
    run(do=lambda window: colours.append(rgb(window.menuBar().grab().toImage().pixelColor(2, 2))))
    assert max(colours[0]) < 80


def test_the_first_window_fits_the_screen(run: Run) -> None:
    fits: list[bool] = []

    def look(window: MainWindow) -> None:
        room = window.screen().availableSize()
        assert room.width() < 1180, "the screen of the tests is meant to be small"
        fits.append(window.width() <= room.width() and window.height() <= room.height())

    run(do=look)
    assert fits == [True]


def test_cancelling_the_first_network_is_no_failure_and_it_can_be_loaded_again(
    application: QApplication,
    settings_file: Path,
    cat_and_dog: ModelRequest,
    no_complaint: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Nothing was measured yet, which takes seconds.
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "engines"))
    said: list[str] = []

    def cancel() -> None:
        (window,) = shown_windows()
        window.panel.loading_cancelled.emit()
        wait_until(lambda: window.notice.text, "the window says so")
        said.append(window.notice.text)
        (retry,) = [
            button for button in window.panel.findChildren(QToolButton) if button.text() == "Retry"
        ]
        wait_until(lambda: "No model is loaded" in "".join(window.view.hud), "the numbers say so")
        QTest.mouseClick(retry, Qt.MouseButton.LeftButton)
        assert not retry.isVisible()
        wait_until(lambda: window.view.visible_detections(), "the model finds something")
        window.close()

    QTimer.singleShot(0, cancel)
    assert (
        app.run(
            LiveRequest((parse_source(SMALL_PATTERN),), model=cat_and_dog.model, backend="auto")
        )
        == 0
    )
    settle()
    assert said == ["loading the model was cancelled"]


def test_what_few_need_is_not_imported_when_the_window_opens() -> None:
    code = (
        "import sys, ssd_live.gui.app\n"
        "slow = 'pyqtgraph', 'matplotlib', 'torch', 'openvino', 'onnxruntime', 'pandas'\n"
        "print([name for name in slow if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
