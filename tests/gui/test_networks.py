"""Another network, backend or precision while the window runs."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QProgressBar, QToolButton

from ssd_live.gui.detection_panel import DetectionPanel
from ssd_live.modelfile.file import read_model_file
from ssd_live.pipeline.counters import FrameCounts
from ssd_live.remote.network import ModelRequest
from ssd_live.settings import Settings
from tests.clips import write_clip
from tests.fake_engine import know_the_fastest, without_tensorrt
from tests.gui.desk import Desk, part, write_model
from tests.gui.waiting import settle, wait_until

Desks = Callable[..., Desk]


@pytest.fixture
def bird(tmp_path: Path) -> ModelRequest:
    return write_model(
        tmp_path / "bird.onnx", [[0.1, 0.1, 0.4, 0.4]], [[0.8, 0.02]], classes=("bird", "boat")
    )


@pytest.fixture
def watching(desk: Desks, cat_and_dog: ModelRequest, bird: ModelRequest) -> Desk:
    """A window that runs the first of two networks; the backend's picker has the one that is in
    use.
    """
    opened = desk(model_request=cat_and_dog, models=[cat_and_dog.model, bird.model])
    opened.wait_for_boxes()
    return opened


def pickers(panel: DetectionPanel) -> list[QComboBox]:
    """Network, backend, precision."""
    return [box for box in panel.findChildren(QComboBox) if box.findData("none") < 0]


def pick(desk: Desk, place: int, text: str) -> None:
    """As a user does: the change, and Qt's word that it was a user's."""
    picker = pickers(desk.panel)[place]
    picker.setCurrentText(text)
    assert picker.currentText() == text
    picker.activated.emit(picker.currentIndex())


def picked(desk: Desk) -> list[str]:
    return [picker.currentText() for picker in pickers(desk.panel)]


def is_busy(desk: Desk) -> bool:
    return part(desk.panel, QProgressBar).isVisible()


def names(desk: Desk) -> set[str]:
    found = desk.view.visible_detections()
    return set(found.names) if found is not None else set()


@contextlib.contextmanager
def new_process_held(before: set[int]) -> Iterator[None]:
    """Stop the process that is being started, so that it does not become ready; it goes on
    afterwards.
    """
    found: list[psutil.Process] = []

    def look() -> bool:
        # Before it runs its own program it is a copy of this one, and whoever starts it waits for
        # it.
        found[:] = [
            child
            for child in psutil.Process().children()
            if child.pid not in before and "ssd_live.remote.server" in child.cmdline()
        ]
        return bool(found)

    wait_until(look, "a process is started for the new network")
    found[0].suspend()
    try:
        yield
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            found[0].resume()


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def test_picking_another_network_shows_what_it_finds(watching: Desk, bird: ModelRequest) -> None:
    pick(watching, 0, bird.model)
    wait_until(lambda: names(watching) == {"bird"}, "the new network's detections are shown")
    assert not is_busy(watching)
    assert watching.settings.model == bird.model


def test_a_paused_file_shows_what_another_network_finds(
    desk: Desks, cat_and_dog: ModelRequest, bird: ModelRequest, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 100)
    opened = desk(clip, model_request=cat_and_dog, models=[cat_and_dog.model, bird.model])
    opened.wait_for_boxes()
    opened.pause()
    at = opened.time
    pick(opened, 0, bird.model)
    wait_until(lambda: names(opened) == {"bird"}, "the new network looks at the frame")
    assert opened.time == pytest.approx(at, abs=0.05)
    assert not opened.is_on("play")


def test_the_old_network_goes_on_until_the_new_one_is_ready(
    watching: Desk, bird: ModelRequest
) -> None:
    before = children()
    pick(watching, 0, bird.model)
    with new_process_held(before):
        start = watching.counts
        wait_until(lambda: _since(watching, start).shown >= 10, "pictures go on")
        # Of the first ones shown, some may have been inferred before.
        wait_until(lambda: _since(watching, start).inferred >= 10, "inference goes on")
        assert names(watching) == {"cat", "dog"}
        assert is_busy(watching)
    wait_until(lambda: names(watching) == {"bird"}, "the new network's detections are shown")


def _since(desk: Desk, start: FrameCounts) -> FrameCounts:
    return desk.counts.since(start)


def test_the_old_networks_process_ends_when_the_new_one_has_taken_over(
    watching: Desk, bird: ModelRequest
) -> None:
    before = children()
    pick(watching, 0, bird.model)
    wait_until(lambda: names(watching) == {"bird"}, "the new network's detections are shown")
    wait_until(
        lambda: len(children()) == len(before) and not children() & before,
        "only the new process is left",
    )


def test_no_frame_fails_while_networks_change(watching: Desk, bird: ModelRequest) -> None:
    pick(watching, 0, bird.model)
    wait_until(lambda: names(watching) == {"bird"}, "the new network's detections are shown")
    assert watching.counts.failed == 0


def test_picking_another_backend_runs_the_same_network_on_it(
    watching: Desk, cat_and_dog: ModelRequest
) -> None:
    pick(watching, 1, "openvino")
    wait_until(
        lambda: (
            watching.session.loaded is not None and watching.session.loaded.backend == "openvino"
        ),
        "the new backend is in use",
    )
    watching.wait_for_boxes()
    wait_until(lambda: not is_busy(watching), "the panel knows")
    assert names(watching) == {"cat", "dog"}
    assert picked(watching) == [cat_and_dog.model, "openvino", "fp32"]


def test_the_last_of_two_quick_wishes_wins(watching: Desk, bird: ModelRequest) -> None:
    pick(watching, 1, "openvino")
    pick(watching, 0, bird.model)
    wait_until(lambda: names(watching) == {"bird"}, "the last model request is in use")
    assert not is_busy(watching)
    assert not watching.window.notice.text


def test_a_network_that_cannot_be_loaded_leaves_the_old_one_and_says_so(
    watching: Desk, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    watching.window.model_request(ModelRequest(str(broken), "onnxruntime", "fp32"))
    wait_until(lambda: watching.window.notice.text, "the failure is shown")
    assert "broken.onnx: is not an ONNX file" in watching.window.notice.text
    assert not is_busy(watching)
    assert picked(watching) == [cat_and_dog.model, "onnxruntime", "fp32"]
    start = watching.counts
    wait_until(lambda: _since(watching, start).inferred >= 5, "the old network goes on")
    assert names(watching) == {"cat", "dog"}
    assert watching.settings.model == cat_and_dog.model


def test_a_precision_that_a_backend_lacks_leaves_the_old_one_and_says_so(watching: Desk) -> None:
    pick(watching, 2, "bf16")
    wait_until(lambda: watching.window.notice.text, "the failure is shown")
    assert "bf16" in watching.window.notice.text
    assert picked(watching)[2] == "fp32"
    assert names(watching) == {"cat", "dog"}


def test_the_line_about_a_failed_network_goes_when_another_is_loaded(
    watching: Desk, bird: ModelRequest, tmp_path: Path
) -> None:
    watching.window.model_request(
        ModelRequest(str(tmp_path / "missing.onnx"), "onnxruntime", "fp32")
    )
    wait_until(lambda: watching.window.notice.text, "the failure is shown")
    pick(watching, 0, bird.model)
    wait_until(lambda: names(watching) == {"bird"}, "the new network's detections are shown")
    settle()
    assert not watching.window.notice.text


def test_a_failed_wish_keeps_the_threshold_of_the_old_network(
    watching: Desk, tmp_path: Path
) -> None:
    watching.window.panel.nudge_threshold(4)
    threshold = watching.session.filter.threshold if watching.session.filter else 0
    watching.window.model_request(
        ModelRequest(str(tmp_path / "missing.onnx"), "onnxruntime", "fp32")
    )
    wait_until(lambda: watching.window.notice.text, "the failure is shown")
    assert watching.session.filter is not None
    assert watching.session.filter.threshold == threshold == pytest.approx(0.6)
    assert names(watching) == {"cat"}


def test_a_network_whose_process_dies_is_said_so_and_started_again(watching: Desk) -> None:
    (process,) = psutil.Process().children()
    process.kill()
    wait_until(
        lambda: "choose another backend, or try again" in watching.window.notice.text,
        "its death is shown",
    )
    start = watching.counts
    wait_until(lambda: _since(watching, start).inferred >= 5, "it runs again")
    assert names(watching) == {"cat", "dog"}


def test_the_window_can_close_while_a_network_is_loading(
    watching: Desk, bird: ModelRequest
) -> None:
    before = children()
    pick(watching, 0, bird.model)
    with new_process_held(before):
        watching.close()
        wait_until(lambda: not children(), "its process is ended")


# Cancelling, and how far it is.


def cancel_button(desk: Desk) -> QToolButton:
    (button,) = [
        button for button in desk.panel.findChildren(QToolButton) if button.text() == "Cancel"
    ]
    return button


def test_loading_can_be_cancelled_only_while_something_loads(
    watching: Desk, bird: ModelRequest
) -> None:
    assert not cancel_button(watching).isVisible()
    before = children()
    pick(watching, 0, bird.model)
    with new_process_held(before):
        assert cancel_button(watching).isVisible()
    wait_until(lambda: names(watching) == {"bird"}, "the new network's detections are shown")
    assert not cancel_button(watching).isVisible()


def test_cancelled_loading_leaves_the_network_in_use(
    watching: Desk, cat_and_dog: ModelRequest, bird: ModelRequest
) -> None:
    before = children()
    pick(watching, 0, bird.model)
    with new_process_held(before):
        QTest.mouseClick(cancel_button(watching), Qt.MouseButton.LeftButton)
        wait_until(lambda: not is_busy(watching), "the panel is told")
    assert not cancel_button(watching).isVisible()
    assert watching.window.notice.text == "loading the model was cancelled"
    assert picked(watching) == [cat_and_dog.model, "onnxruntime", "fp32"]
    assert watching.settings.model == cat_and_dog.model
    start = watching.counts
    wait_until(lambda: _since(watching, start).inferred >= 5, "the old network goes on")
    assert names(watching) == {"cat", "dog"}
    wait_until(lambda: children() == before, "the process that was loading ends")


def test_after_a_cancelled_wish_the_same_can_be_wished_again(
    watching: Desk, bird: ModelRequest
) -> None:
    before = children()
    pick(watching, 0, bird.model)
    with new_process_held(before):
        QTest.mouseClick(cancel_button(watching), Qt.MouseButton.LeftButton)
        wait_until(lambda: not is_busy(watching), "the panel is told")
    pick(watching, 0, bird.model)
    wait_until(lambda: names(watching) == {"bird"}, "the new network's detections are shown")
    assert watching.settings.model == bird.model


def test_how_far_an_engine_is_built_is_shown(watching: Desk) -> None:
    bar, told = part(watching.panel, QProgressBar), watching.bridge.events().loading

    def shown() -> tuple[bool, int, int]:
        settle()
        return bar.isVisible(), bar.maximum(), bar.value()

    told("building the TensorRT engine of bird: 37%")
    assert shown() == (True, 100, 37)
    told("building the TensorRT engine of bird: 100%")
    assert shown() == (True, 100, 100)
    told("comparing the engine with float32 ...")
    assert shown()[:2] == (True, 0)


def test_what_falls_back_to_the_processor_says_so_and_is_not_remembered(
    desk: Desks, tmp_path: Path, cat_and_dog: ModelRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The GPU may be back at the next start."""
    without_tensorrt(tmp_path, monkeypatch)
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "engines"))
    know_the_fastest(read_model_file(Path(cat_and_dog.model)))
    opened = desk(
        model_request=replace(cat_and_dog, backend="tensorrt", precision="fp16"),
        models=[cat_and_dog.model],
    )
    opened.wait_for_boxes()
    settle()
    assert opened.window.notice.text.endswith("; the CPU is used instead of the GPU")
    assert picked(opened) == [cat_and_dog.model, "cpu", "auto"]
    assert opened.settings.backend == Settings().backend
    assert not is_busy(opened)


def test_a_class_that_cannot_be_hidden_is_told(desk: Desks, cat_and_dog: ModelRequest) -> None:
    opened = desk(model_request=cat_and_dog)
    opened.wait_for_boxes()
    opened.session.redact(["horse"])
    opened.window.model_request(cat_and_dog)
    wait_until(
        lambda: (
            "Everything is hidden, because the model has no class horse"
            in opened.window.notice.text
        ),
        "it is told",
    )
    opened.session.redact(["cat"])
    opened.window.model_request(replace(cat_and_dog))
    wait_until(lambda: "Everything is hidden" not in opened.window.notice.text, "it is resolved")


def test_what_is_hidden_from_now_on_is_hidden_in_a_still_picture_too(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    picture = tmp_path / "white.png"
    cv2.imwrite(str(picture), np.full((300, 400, 3), 255, np.uint8))
    opened = desk(picture, model_request=cat_and_dog)
    opened.wait_for_boxes()
    frame = opened.view.picture
    assert frame is not None
    assert frame.frame.bgr().min() == 255
    opened.session.redact(["Cat"])

    def hidden() -> bool:
        shown = opened.view.picture
        return shown is not None and bool(shown.frame.bgr().min() == 0)

    wait_until(hidden, "the cat is hidden")
    opened.session.redact([])
    wait_until(lambda: not hidden(), "it is shown again")
    opened.window.open(str(write_clip(tmp_path / "a.mp4", 50)))
    wait_until(lambda: opened.time >= 0, "the video plays")
    opened.pause()
    opened.session.redact(["Horse"])
    wait_until(
        lambda: opened.view.picture is not None and not opened.view.picture.frame.bgr().any(),
        "everything is hidden in the pause",
    )
