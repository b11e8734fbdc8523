"""A whole session on real inference processes, without a window."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from ssd_live.errors import OutputError, SsdLiveError, UnknownModelError, UsageError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.overlay import BoxStyle
from ssd_live.live import session as session_module
from ssd_live.live.display_filter import DisplayFilters
from ssd_live.live.outputs import annotated, default_recording, write_numbers
from ssd_live.live.recorder import Recorded
from ssd_live.live.request import Overrides
from ssd_live.live.session import LiveSession, SessionEvents
from ssd_live.pipeline import capture, live
from ssd_live.pipeline.capture import CaptureOptions
from ssd_live.pipeline.picture import Picture, Viewport, render
from ssd_live.remote.client import RemoteBackend
from ssd_live.remote.network import ModelInfo, ModelRequest
from ssd_live.settings import Settings
from ssd_live.video.sources import parse_source
from tests.live_parts import Painter, check_closed
from tests.tiny_model import tiny_model
from tests.waiting import LIMIT_SECONDS, children, threads_named, wait_for, wait_until

PATTERN = parse_source("pattern:160x90@60")
BOXES, SCORES = [(0.25, 0.25, 0.75, 0.75), (0.1, 0.1, 0.3, 0.3)], [(0.9, 0.0), (0.0, 0.3)]


class Session:
    """A session, and everything that it told."""

    def __init__(self, shown: DisplayFilters | None = None) -> None:
        self.loaded: list[tuple[ModelRequest, ModelInfo]] = []
        self.failed: list[tuple[ModelRequest, SsdLiveError]] = []
        self.troubles: list[str] = []
        self.recorded: list[Recorded] = []
        self.painter = Painter()
        events = SessionEvents(
            picture=lambda: None,
            loading=lambda line: None,
            loaded=lambda *words: self.loaded.append(words),
            load_failed=lambda *words: self.failed.append(words),
            error=self.troubles.append,
            recorded=self.recorded.append,
        )
        self.it = LiveSession(events, shown or DisplayFilters(Settings(), Overrides()))
        self.it.pipeline.set_viewport(Viewport(80, 80))

    def paint(self) -> Picture:
        return self.painter.paint_next(self.it.pipeline)

    def paint_until(self, wanted: Callable[[Picture], object]) -> Picture:
        return wait_for(
            lambda: picture if wanted(picture := self.paint()) else None, what="a picture as wanted"
        )

    def network_process(self) -> int:
        """Of the network in use."""
        wait_until(lambda: self.it.pipeline.network is not None)
        network = self.it.pipeline.network
        assert network is not None
        assert isinstance(network.backend, RemoteBackend)
        return network.backend.pid


@contextmanager
def _session(
    source: str = "pattern:160x90@60", shown: DisplayFilters | None = None
) -> Iterator[Session]:
    session = Session(shown)
    try:
        session.it.stream.open(parse_source(source), CaptureOptions())
        yield session
    finally:
        session.it.close()
    check_closed(session.it.pipeline)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> ModelRequest:
    """Finds a cat of 0.9 and a dog of 0.3 in every picture."""
    path = tmp_path_factory.mktemp("models") / "tiny.onnx"
    path.write_bytes(tiny_model(BOXES, SCORES).data)
    return ModelRequest(str(path), "onnxruntime", "fp32")


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    wait_until(lambda: not children(), what="all children to end")
    wait_until(
        lambda: not threads_named("capture", "load", "record", "snapshot"),
        what="all threads to end",
    )


# Networks.


def test_a_real_network_finds_the_cat_in_the_pattern() -> None:
    with _session("pattern:640x360@30") as session:
        session.it.load(ModelRequest("ssd300-mobilenetv2-oid", "openvino", "fp32"))
        picture = session.paint_until(
            lambda picture: (
                (found := session.it.visible(picture.detections)) is not None
                and "Cat" in found.names
            )
        )
        assert picture.detections is not None
        assert not picture.stale
    assert session.loaded[0][1].metadata.name == "ssd300-mobilenetv2-oid"


def test_threshold_and_classes_act_at_once_on_what_was_found(tiny: ModelRequest) -> None:
    with _session() as session:
        session.it.load(tiny)
        found = session.paint_until(lambda picture: picture.detections is not None).detections

        def seen() -> list[str]:
            visible = session.it.visible(found)
            assert visible is not None
            return visible.names

        assert seen() == ["cat"]
        session.it.set_threshold(0.2)
        assert seen() == ["cat", "dog"]
        session.it.set_hidden_classes(frozenset({"cat"}))
        assert seen() == ["dog"]
        session.it.set_threshold(0.0)
        assert seen() == ["dog"]
        session.it.set_threshold(1.0)
        assert seen() == []
        session.it.set_threshold(0.5)
        session.it.set_hidden_classes(frozenset())
        assert seen() == ["cat"]


@pytest.mark.parametrize(
    ("settings", "overrides", "seen"),
    [
        (Settings(), Overrides(0.2, ("DOG",)), ["dog"]),
        (
            Settings(thresholds={"tiny": 0.2}, hidden_classes={"tiny": ["cat"]}),
            Overrides(),
            ["dog"],
        ),
        (Settings(thresholds={"tiny": 0.2}, hidden_classes={"tiny": ["cat"]}), Overrides(0.95), []),
    ],
)
def test_what_was_chosen_holds_for_the_first_picture_that_a_network_saw(
    tiny: ModelRequest, settings: Settings, overrides: Overrides, seen: list[str]
) -> None:
    with _session(shown=DisplayFilters(settings, overrides)) as session:
        session.it.load(tiny)
        found = session.paint_until(lambda picture: picture.detections is not None).detections
        visible = session.it.visible(found)
        assert visible is not None
        assert visible.names == seen


def test_while_another_network_loads_the_one_before_goes_on(tiny: ModelRequest) -> None:
    with _session() as session:
        session.it.load(tiny)
        session.paint_until(lambda picture: picture.detections is not None)
        session.it.load(ModelRequest("ssdlite300-mobilenetv2-person", "openvino", "fp32"))
        while len(session.loaded) < 2:
            assert session.paint().detections is not None
        session.paint_until(
            lambda picture: (
                picture.detections is not None
                and picture.detections.classes == session.loaded[1][1].metadata.classes
            )
        )
        wait_until(lambda: len(children()) == 1)


def test_a_network_that_cannot_be_loaded_leaves_the_one_before(tiny: ModelRequest) -> None:
    with _session() as session:
        session.it.load(tiny)
        session.paint_until(lambda picture: picture.detections is not None)
        session.it.load(ModelRequest("no-such-model"))
        wait_until(lambda: session.failed)
        assert isinstance(session.failed[0][1], UnknownModelError)
        assert session.paint().detections is not None
        assert session.it.loaded is session.loaded[0][1]


def test_a_network_whose_process_is_killed_is_started_again(tiny: ModelRequest) -> None:
    with _session() as session:
        session.it.load(tiny)
        first = session.network_process()
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len(session.loaded) == 2)
        session.paint_until(lambda picture: picture.detections is not None)
        assert session.network_process() != first
        assert len(session.troubles) == 1
        assert "crashed (signal 9)" in session.troubles[0]
    assert session.it.pipeline.frame_counter.counts().failed == 1


def test_a_network_that_keeps_dying_is_not_started_for_ever_but_can_be_by_hand(
    tiny: ModelRequest,
) -> None:
    with _session() as session:
        session.it.load(tiny)
        for deaths in range(1, 5):
            wait_until(lambda: len(session.loaded) == deaths)  # noqa: B023
            os.kill(session.network_process(), signal.SIGKILL)
            wait_until(lambda: len(session.troubles) == deaths)  # noqa: B023
            wait_until(lambda: len(session.loaded) == deaths + 1 or not threads_named("load"))  # noqa: B023
        assert len(session.loaded) == 4
        assert session.paint_until(lambda picture: picture.detections is None)
        wait_until(lambda: not children())
        session.it.load(tiny)
        session.paint_until(lambda picture: picture.detections is not None)


def test_a_frame_that_cannot_be_drawn_does_not_start_the_network_again(
    tiny: ModelRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _session() as session:
        session.it.load(tiny)
        session.paint_until(lambda picture: picture.detections is not None)
        process = session.network_process()

        def broken(frame: Frame, viewport: Viewport) -> object:
            monkeypatch.setattr(live, "render", render)
            raise RuntimeError("the renderer broke")

        monkeypatch.setattr(live, "render", broken)
        wait_until(lambda: session.troubles)
        session.paint()
        wait_until(lambda: not threads_named("load"))
        assert len(session.loaded) == 1
        assert session.network_process() == process


def test_a_network_that_hangs_holds_up_neither_closing_nor_stays(tiny: ModelRequest) -> None:
    session = Session()
    session.it.stream.open(PATTERN, CaptureOptions())
    session.it.load(tiny)
    process = session.network_process()
    os.kill(process, signal.SIGSTOP)
    dropped = session.it.pipeline.frame_counter.counts().dropped.get("inference busy", 0)
    wait_until(
        lambda: (
            session.it.pipeline.frame_counter.counts().dropped.get("inference busy", 0)
            > dropped + 5
        )
    )
    try:
        started = time.monotonic()
        session.it.close()
        assert time.monotonic() - started < 4
        wait_until(lambda: not children(), 3, "the hanging process to end")
    finally:
        if children():
            os.kill(process, signal.SIGKILL)
        wait_until(lambda: not threads_named("infer"))


def test_closing_while_a_network_loads_leaves_no_process() -> None:
    with _session() as session:
        session.it.load(ModelRequest("ssd300-mobilenetv2-oid", "openvino", "fp32"))
        wait_until(children)
        session.paint()
    assert not session.loaded
    assert not session.failed


# Recordings.


def _times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0) if frame.time is not None]


def test_a_recording_holds_every_inferred_frame_and_its_detections(
    tiny: ModelRequest, tmp_path: Path
) -> None:
    with _session() as session:
        session.it.load(tiny)
        session.paint_until(lambda picture: picture.detections is not None)
        session.it.stream.start_recording(tmp_path / "a.mkv", boxes=True)
        before = session.it.pipeline.frame_counter.counts().inferred
        wait_until(lambda: session.it.pipeline.frame_counter.counts().inferred >= before + 20)
        session.it.stream.stop_recording()
        after = session.it.pipeline.frame_counter.counts().inferred
        wait_until(lambda: session.recorded)
        assert session.it.stream.recorder is None
    (recorded,) = session.recorded
    assert recorded.error_message == ""
    assert 18 <= recorded.frames + recorded.lost <= after - before + 1
    assert len(_times(tmp_path / "a.mkv")) == recorded.frames
    header, *lines = (json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines())
    assert (header["source"], header["model"], header["width"], header["height"]) == (
        "pattern:160x90@60",
        "tiny",
        160,
        90,
    )
    assert all([found["class"] for found in line["detections"]] == ["cat"] for line in lines)


def test_only_one_recording_goes_on_at_a_time(tmp_path: Path) -> None:
    with _session() as session:
        session.it.stream.start_recording(tmp_path / "a.mkv", boxes=False)
        with pytest.raises(UsageError, match="stop it first"):
            session.it.stream.start_recording(tmp_path / "b.mkv", boxes=False)
        session.paint()
    assert not (tmp_path / "b.mkv").exists()


def test_another_source_ends_the_recording(tmp_path: Path) -> None:
    with _session() as session:
        session.it.stream.start_recording(tmp_path / "a.mkv", boxes=False)
        session.paint_until(
            lambda picture: (
                session.it.stream.recorder is not None and session.it.stream.recorder.frames > 3
            )
        )
        session.it.stream.open(parse_source("pattern:64x64@60"), CaptureOptions())
        wait_until(lambda: session.recorded)
        assert session.it.stream.recorder is None
    assert _times(tmp_path / "a.mkv")


def test_closing_finishes_the_recording(tmp_path: Path) -> None:
    with _session() as session:
        session.it.stream.start_recording(tmp_path / "a.mkv", boxes=False)
        session.paint_until(
            lambda picture: (
                session.it.stream.recorder is not None and session.it.stream.recorder.frames > 3
            )
        )
    assert session.recorded[0].error_message == ""
    assert len(_times(tmp_path / "a.mkv")) == session.recorded[0].frames


def test_a_recording_goes_on_while_nobody_looks(tmp_path: Path) -> None:
    with _session() as session:
        session.it.pipeline.set_viewport(None)
        session.it.stream.start_recording(tmp_path / "a.mkv", boxes=False)
        wait_until(
            lambda: (
                session.it.stream.recorder is not None and session.it.stream.recorder.frames > 10
            )
        )


def test_a_recording_that_is_refused_leaves_the_session_as_it_was(tmp_path: Path) -> None:
    with _session() as session:
        with pytest.raises(OutputError):
            session.it.stream.start_recording(tmp_path / "a.mp4", boxes=False)
        assert session.it.stream.recorder is None
        assert session.it.pipeline.frame_listeners == ()
        session.it.stream.start_recording(tmp_path / "a.mkv", boxes=False)
        session.paint_until(
            lambda picture: (
                session.it.stream.recorder is not None and session.it.stream.recorder.frames > 0
            )
        )


def test_a_recording_that_fails_is_told_and_another_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(codec: str) -> None:
        raise OutputError("this FFmpeg has no encoder")

    with _session() as session:
        with monkeypatch.context() as broken:
            broken.setattr("ssd_live.video.recording.choose_encoder", none)
            session.it.stream.start_recording(tmp_path / "a.mkv", boxes=False)
            wait_until(lambda: session.recorded)
        assert "this FFmpeg has no encoder" in session.recorded[0].error_message
        session.it.stream.start_recording(tmp_path / "b.mkv", boxes=False)
        session.paint_until(
            lambda picture: (
                session.it.stream.recorder is not None and session.it.stream.recorder.frames > 0
            )
        )


def test_a_recording_that_ends_badly_does_not_end_the_next_one(tmp_path: Path) -> None:
    session = Session()
    # No source yet, so no frame comes, and the first one ends in trouble.
    session.it.stream.start_recording(tmp_path / "a.mkv", boxes=False)
    session.it.stream.stop_recording()
    session.it.stream.start_recording(tmp_path / "b.mkv", boxes=False)
    second = session.it.stream.recorder
    wait_until(lambda: session.recorded)
    assert session.recorded[0].error_message
    session.it.stream.open(PATTERN, CaptureOptions())
    try:
        wait_until(
            lambda: second is not None and second.frames > 3, 5, "frames in the second recording"
        )
        assert session.it.stream.recorder is second
    finally:
        if second is not None:
            second.stop()
        session.it.close()


# Snapshots and numbers.


def test_a_snapshot_is_the_whole_frame_with_its_boxes(tiny: ModelRequest, tmp_path: Path) -> None:
    done: list[tuple[Path, str]] = []
    with _session() as session:
        session.it.load(tiny)
        picture = session.paint_until(lambda picture: picture.detections is not None)
        style = BoxStyle("class", 4)
        session.it.set_style(style)
        session.it.save_snapshot(picture, tmp_path / "a.png", lambda *words: done.append(words))
        wait_until(lambda: done)
        image = cv2.imread(str(tmp_path / "a.png"))
        assert image is not None
        assert image.shape == (90, 160, 3)
        found = session.it.visible(picture.detections)
        assert np.array_equal(image, annotated(picture, found, style))
        assert not np.array_equal(image, annotated(picture, found, BoxStyle()))
        assert not np.array_equal(image, picture.frame.bgr())
    assert done == [(tmp_path / "a.png", "")]


def test_a_snapshot_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    done: list[tuple[Path, str]] = []
    (tmp_path / "file").write_text("in the way")
    with _session() as session:
        session.it.save_snapshot(
            session.paint(), tmp_path / "file" / "a.png", lambda *words: done.append(words)
        )
        wait_until(lambda: done)
    assert done[0][1]


def test_numbers_are_complete_add_up_and_are_json(tiny: ModelRequest) -> None:
    with _session() as session:
        session.it.load(tiny)
        session.paint_until(lambda picture: picture.detections is not None)
        for _ in range(5):
            session.paint()
        numbers: dict[str, Any] = json.loads(json.dumps(session.it.numbers()))
    assert (
        numbers["captured"]
        == numbers["shown"]
        + numbers["failed"]
        + sum(numbers["dropped"].values())
        + numbers["in_flight"]
    )
    assert set(numbers["fps"]) == {"capture", "inference", "display"}
    assert set(numbers["stages_ms"]) == {"read", "resize", "inference", "render"}
    assert (numbers["model"], numbers["phase"], numbers["source"]) == (
        "tiny",
        "playing",
        "pattern:160x90@60",
    )
    assert numbers["latency_ms"]["count"] == numbers["shown"]
    assert numbers["memory_mb"] > 50
    assert session.it.settled(session.it.numbers())["in_flight"] == 0


def test_steady_numbers_begin_after_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "START_SECONDS", 0.2)
    with _session() as session:
        session.paint()
        session.it.tick()
        first = session.it.numbers()["after_start"]

        def steady() -> bool:
            session.it.tick()
            return session.it.numbers()["after_start"] is not None

        wait_until(steady)
        session.paint()
        session.paint()
        numbers = session.it.numbers()
    assert first is None
    assert 0 < numbers["after_start"]["captured"] < numbers["captured"]


def test_memory_counts_the_networks_process_too(tiny: ModelRequest) -> None:
    with _session() as session:
        before = session.it.usage()[1]
        session.it.load(tiny)
        session.network_process()
        assert len(session.it.processes()) == 2
        assert session.it.usage()[1] > before + 10


def test_numbers_that_cannot_be_written_are_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        write_numbers(tmp_path / "file" / "a.json", {})


def test_recordings_are_named_by_the_time_and_numbered(tmp_path: Path) -> None:
    now = time.struct_time((2026, 11, 22, 14, 3, 59, 6, 326, 0))
    first = default_recording(tmp_path, now)
    assert first.name == "ssd_live 2026-11-22 14.03.59.mkv"
    first.touch()
    assert default_recording(tmp_path, now).name == "ssd_live 2026-11-22 14.03.59 2.mkv"


def test_detections_of_another_model_are_not_shown(tiny: ModelRequest) -> None:
    with _session() as session:
        session.it.load(tiny)
        found = session.paint_until(lambda picture: picture.detections is not None).detections
        assert found is not None
        assert session.it.visible(found) is not None
        assert session.it.visible(replace(found, classes=("person", "dog"))) is None


# Several sources.


class Several:
    """A session of two sources, painted in turn; `load` counts what its inference process costs."""

    def __init__(self) -> None:
        self.loaded: list[ModelInfo] = []
        self.troubles: list[str] = []
        self.painters = [Painter(), Painter()]
        events = SessionEvents(
            picture=lambda: None,
            loading=lambda line: None,
            loaded=lambda model_request, loaded: self.loaded.append(loaded),
            load_failed=lambda *words: None,
            error=self.troubles.append,
            recorded=lambda recorded: None,
        )
        self.it = LiveSession(events, DisplayFilters(Settings(), Overrides()), streams=2)
        for stream, source in zip(
            self.it.streams, ("pattern:160x90@60", "pattern:96x64@30"), strict=True
        ):
            stream.pipeline.set_viewport(Viewport(80, 80))
            stream.open(parse_source(source), CaptureOptions())

    def see_boxes(self) -> None:
        """On both."""
        for stream, painter in zip(self.it.streams, self.painters, strict=True):
            wait_until(
                lambda stream=stream, painter=painter: (  # type: ignore[misc]
                    painter.paint_next(stream.pipeline).detections is not None
                )
            )


@pytest.fixture
def several() -> Iterator[Several]:
    session = Several()
    yield session
    session.it.close()
    for stream in session.it.streams:
        check_closed(stream.pipeline)
    assert not threads_named("answers", "infer", "render")


def test_the_numbers_of_all_are_the_sums_of_each_while_frames_come(
    several: Several, tiny: ModelRequest
) -> None:
    several.it.load(tiny)
    several.see_boxes()
    for _ in range(300):
        numbers = several.it.numbers()
        for name in ("captured", "shown", "inferred", "in_flight"):
            assert numbers[name] == sum(stream[name] for stream in numbers["streams"])
        for taken in ("count", "max"):
            each = [stream["latency_ms"][taken] for stream in numbers["streams"]]
            assert numbers["latency_ms"][taken] == (sum(each) if taken == "count" else max(each))


def test_two_sources_share_one_process_and_each_has_its_own_numbers(
    several: Several, tiny: ModelRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    several.it.load(tiny)
    several.see_boxes()
    assert len(several.it.processes()) == 2
    numbers = several.it.numbers()
    first, second = numbers["streams"]
    assert (first["source"], second["source"]) == ("pattern:160x90@60", "pattern:96x64@30")
    for name in ("captured", "shown", "inferred"):
        assert first[name] > 0
        assert second[name] > 0
        assert numbers[name] == first[name] + second[name]
    assert (
        numbers["latency_ms"]["count"]
        == first["latency_ms"]["count"] + second["latency_ms"]["count"]
    )
    assert numbers["latency_ms"]["max"] == max(
        first["latency_ms"]["max"], second["latency_ms"]["max"]
    )
    assert numbers["after_start"] is None
    monkeypatch.setattr(session_module, "START_SECONDS", 0.0)
    several.it.tick()
    wait_until(lambda: several.it.numbers()["after_start"]["captured"])
    steady = several.it.numbers()
    assert steady["after_start"]["captured"] == sum(
        stream["after_start"]["captured"] for stream in steady["streams"]
    )
    several.it.close()
    settled = several.it.settled(numbers)
    assert settled["in_flight"] == 0
    assert [stream["in_flight"] for stream in settled["streams"]] == [0, 0]
    assert (
        settled["captured"]
        == sum(stream["captured"] for stream in settled["streams"])
        >= numbers["captured"]
    )


def test_a_process_that_dies_under_two_sources_is_started_again_once(
    several: Several, tiny: ModelRequest
) -> None:
    several.it.load(tiny)
    several.see_boxes()
    (process,) = several.it.processes()[1:]
    process.kill()
    wait_until(lambda: len(several.loaded) == 2, what="the second start")
    several.see_boxes()
    assert len(several.troubles) == 1
    assert len(several.loaded) == 2


def test_another_network_is_taken_over_by_all(
    several: Several, tiny: ModelRequest, tmp_path: Path
) -> None:
    several.it.load(tiny)
    several.see_boxes()
    other = tmp_path / "other.onnx"
    other.write_bytes(tiny_model(BOXES, SCORES, name="other").data)
    several.it.load(ModelRequest(str(other), "onnxruntime", "fp32"))
    wait_until(lambda: len(several.loaded) == 2)
    wait_until(lambda: len(several.it.processes()) == 2, what="the first one to end")
    several.see_boxes()
    assert {
        stream.pipeline.network.name for stream in several.it.streams if stream.pipeline.network
    } == {"other"}


def test_one_source_that_changes_or_hangs_does_not_hold_up_the_other(
    several: Several, tiny: ModelRequest
) -> None:
    several.it.load(tiny)
    several.see_boxes()
    several.it.streams[0].pipeline.capture.pause()  # type: ignore[union-attr]
    for _ in range(5):
        several.painters[1].paint_next(several.it.streams[1].pipeline)
    several.it.streams[0].open(parse_source("pattern:64x64@60"), CaptureOptions())
    several.see_boxes()


def test_sources_that_hang_are_waited_for_together(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(capture, "open_source", lambda *_: gate.wait(LIMIT_SECONDS))
    events = SessionEvents(*[lambda *_: None] * 6)
    session = LiveSession(events, DisplayFilters(Settings(), Overrides()), streams=4)
    for stream in session.streams:
        stream.open(PATTERN, CaptureOptions())
    started = time.monotonic()
    session.close()
    took = time.monotonic() - started
    gate.set()
    # One alone is given two seconds.
    assert took < 5
