"""The live pipeline: exact counts, the newest frame, and stages that restart while it runs."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ssd_live.errors import BackendError
from ssd_live.imaging.frame import Frame
from ssd_live.pipeline import live
from ssd_live.pipeline.capture import CaptureOptions, Phase
from ssd_live.pipeline.live import LiveFrame, LivePipeline, Show
from ssd_live.pipeline.picture import Picture, Viewport, render
from ssd_live.video.sources import parse_source
from tests.clips import write_clip
from tests.live_parts import (
    SIDE,
    VIEW,
    MemoryBackend,
    Painter,
    brightness,
    check_account,
    check_closed,
    network_of,
)
from tests.servers import MjpegServer
from tests.waiting import LIMIT_SECONDS, threads_named, wait_for, wait_until

FAST, SLOWER = parse_source("pattern:64x36@300"), parse_source("pattern:32x32@100")
OTHER_VIEW = Viewport(48, 20)


@contextmanager
def _running(
    backend: MemoryBackend | None = None, show: Show = "inferred", source: str = "pattern:64x36@300"
) -> Iterator[LivePipeline]:
    """A pipeline on a fast pattern, closed and its frame counts checked at the end."""
    with LivePipeline(lambda: None, show=show) as pipeline:
        if backend is not None:
            pipeline.use(network_of(backend))
        pipeline.set_viewport(VIEW)
        pipeline.open(parse_source(source), CaptureOptions())
        yield pipeline
    check_closed(pipeline)
    assert not threads_named("infer", "render")


def _captured(pipeline: LivePipeline) -> int:
    return pipeline.frame_counter.counts().captured


def _wait_for_frames(pipeline: LivePipeline, count: int) -> None:
    """Until this many more were captured."""
    goal = _captured(pipeline) + count
    wait_until(lambda: _captured(pipeline) >= goal, what=f"{count} more frames")


def _dropped(pipeline: LivePipeline, cause: str) -> int:
    return pipeline.frame_counter.counts().dropped.get(cause, 0)


def _fetched(pipeline: LivePipeline) -> Picture:
    """The next picture, not yet painted."""
    return wait_for(pipeline.picture, what="a picture")


def _freeze(pipeline: LivePipeline) -> None:
    """Pause, and wait until no frame is on its way to the picture any more."""
    assert pipeline.capture is not None
    pipeline.capture.pause()
    wait_until(lambda: pipeline.state is not None and pipeline.state.phase is Phase.PAUSED)
    _wait_for_frames(pipeline, 3)
    before = -1

    def at_rest() -> bool:
        nonlocal before
        shown, before = before, pipeline.durations["render"].count
        time.sleep(0.02)
        return shown == pipeline.durations["render"].count

    wait_until(at_rest, what="the stages to come to rest")


# What is shown.


def test_every_picture_carries_the_boxes_of_its_own_frame() -> None:
    painter = Painter()
    with _running(MemoryBackend(0.005)) as pipeline:
        wait_until(lambda: pipeline.network is not None)
        painter.paint_many(pipeline, 15)
    looked_at = [picture for picture in painter.painted if picture.detections is not None]
    assert len(looked_at) >= 13
    for picture in looked_at:
        assert picture.detections is not None
        assert not picture.stale
        assert picture.detections.boxes[0, 0] == pytest.approx(
            64 * brightness(picture.frame.network_input((SIDE, SIDE))), abs=1e-3
        )


def test_without_a_network_frames_are_shown_without_boxes() -> None:
    with _running() as pipeline:
        assert Painter().paint_next(pipeline).detections is None


def test_at_the_sources_rate_frames_do_not_wait_and_boxes_are_marked_as_older() -> None:
    backend, painter = MemoryBackend(), Painter()
    with _running(backend, "source") as pipeline:
        wait_until(
            lambda: (
                (picture := painter.paint_next(pipeline)).detections is not None and picture.stale
            ),
            what="older boxes",
        )
        backend.gate.clear()
        _wait_for_frames(pipeline, 3)
        inferred = pipeline.frame_counter.counts().inferred
        painter.paint_many(pipeline, 20)
        assert pipeline.frame_counter.counts().inferred <= inferred + 1
        backend.gate.set()
    assert all(picture.stale for picture in painter.painted[-20:])


def test_pictures_are_fetched_in_the_order_of_their_frames() -> None:
    painter = Painter()
    with _running(MemoryBackend(0.003)) as pipeline:
        painter.paint_many(pipeline, 30)
    indices = [picture.frame.index for picture in painter.painted]
    assert indices == sorted(set(indices))


def test_one_wake_up_is_pending_at_most() -> None:
    calls: list[str] = []
    with LivePipeline(lambda: calls.append("picture")) as pipeline:
        pipeline.set_viewport(VIEW)
        pipeline.open(FAST, CaptureOptions())
        _wait_for_frames(pipeline, 30)
        assert calls == ["picture"]
        assert pipeline.picture() is not None
        wait_until(lambda: len(calls) == 2)
        _wait_for_frames(pipeline, 30)
        assert len(calls) == 2
    check_closed(pipeline)


def test_a_frame_inferred_once_counts_once_however_often_it_is_drawn() -> None:
    painter = Painter()
    with _running(MemoryBackend()) as pipeline:
        painter.paint_next(pipeline)
        _freeze(pipeline)
        painter.paint(pipeline)
        before = pipeline.frame_counter.counts()
        for width in range(20, 30):
            pipeline.set_viewport(Viewport(width, 32))
            wait_until(
                lambda: (
                    (picture := painter.paint(pipeline)) is not None and picture.width == width  # noqa: B023 - called within this round
                ),
                what="the picture in its new size",
            )
        after = pipeline.frame_counter.counts()
    assert (after.shown, after.inferred) == (before.shown, before.inferred)
    assert len({picture.number for picture in painter.painted[-10:]}) == 1


# The newest wins.


def test_the_network_takes_the_newest_frame_however_slow_it_is() -> None:
    captured_at_submit: list[int] = []
    looked_at: list[int] = []
    backend = MemoryBackend(
        0.03, begun=lambda number: captured_at_submit.append(_captured(pipeline))
    )
    with _running(backend) as pipeline:
        wait_until(lambda: pipeline.network is not None)

        def tap(live_frame: LiveFrame) -> None:
            if live_frame.detections is not None:
                looked_at.append(live_frame.frame.index)

        pipeline.listen(tap)
        wait_until(lambda: len(looked_at) >= 15)
        pipeline.unlisten(tap)
    first = len(captured_at_submit) - len(looked_at)
    # A tap set in the middle of the first inference may have seen that one or not.
    matching = [captured for captured in captured_at_submit if captured > looked_at[1]]
    assert first >= 0
    for captured_before, index in zip(matching, looked_at[2:], strict=False):
        # What is looked at next came after the inference before it began; two may have been on
        # their way into the slot.
        assert index >= captured_before - 2


def test_latency_stays_within_two_inferences_and_a_frame() -> None:
    painter = Painter()
    with _running(MemoryBackend(0.1), source="pattern:64x36@30") as pipeline:
        wait_until(lambda: pipeline.network is not None)
        painter.paint_many(pipeline, 12)
        latency = pipeline.durations["latency"].percentile(99)
    assert latency <= 2 * 0.1 + 1 / 30 + 0.15


def test_a_view_that_comes_late_gets_the_newest_picture() -> None:
    with _running() as pipeline:
        _wait_for_frames(pipeline, 60)
        captured = _captured(pipeline)
        pipeline.picture()
        assert _fetched(pipeline).frame.index >= captured - 2


# Accounts.


def test_frames_that_the_network_has_no_time_for_are_dropped_for_that() -> None:
    painter = Painter()
    with _running(MemoryBackend(0.03)) as pipeline:
        painter.paint_many(pipeline, 10)
        check_account(pipeline)
    frame_counts = pipeline.frame_counter.counts()
    assert frame_counts.dropped["inference busy"] > 20
    assert frame_counts.shown == painter.frames
    assert frame_counts.inferred >= frame_counts.shown - 1


def test_frames_that_nobody_can_see_are_dropped_as_hidden_and_shown_again_later() -> None:
    painter = Painter()
    with _running(MemoryBackend()) as pipeline:
        painter.paint_many(pipeline, 3)
        pipeline.set_viewport(None)
        wait_until(lambda: _dropped(pipeline, "not visible") >= 10)
        pipeline.set_viewport(VIEW)
        painter.paint_many(pipeline, 3)
        check_account(pipeline)


def test_inference_stops_while_nobody_can_see_or_records() -> None:
    with _running(MemoryBackend()) as pipeline:
        Painter().paint_many(pipeline, 3)
        pipeline.set_viewport(None)
        _wait_for_frames(pipeline, 30)
        inferred = pipeline.frame_counter.counts().inferred
        _wait_for_frames(pipeline, 60)
        assert pipeline.frame_counter.counts().inferred == inferred
        pipeline.listen(lambda live_frame: None)
        wait_until(lambda: pipeline.frame_counter.counts().inferred >= inferred + 5)


def test_what_the_user_wanted_dropped_is_no_loss() -> None:
    with _running(MemoryBackend()) as pipeline:
        Painter().paint_many(pipeline, 3)
        pipeline.set_viewport(None)
        _wait_for_frames(pipeline, 30)
        pipeline.set_viewport(VIEW)
        assert pipeline.capture is not None
        pipeline.capture.pause()
        wait_until(lambda: _dropped(pipeline, "paused") >= 5)
        assert {"not visible", "paused"} <= pipeline.frame_counter.counts().dropped.keys()
        assert not {"not visible", "paused"} & pipeline.dropped().keys()


def test_lost_frames_are_counted_from_the_opening_of_the_source() -> None:
    with _running(MemoryBackend(seconds=0.02)) as pipeline:
        wait_until(lambda: pipeline.dropped().get("inference busy", 0) >= 10)
        pipeline.open(SLOWER, CaptureOptions(paused=True))
        assert pipeline.dropped() == {}


def test_a_closed_source_gives_no_more_frames_and_another_one_can_be_opened() -> None:
    with _running(MemoryBackend()) as pipeline:
        painter = Painter()
        painter.paint_many(pipeline, 3)
        pipeline.close_source()
        assert pipeline.state is None
        wait_until(lambda: not threads_named("capture"))
        captured = _captured(pipeline)
        pipeline.open(SLOWER, CaptureOptions())
        _wait_for_frames(pipeline, 5)
        painter.paint_many(pipeline, 3)
        assert _captured(pipeline) > captured
        check_account(pipeline)


def test_the_recent_latency_is_that_of_frames_with_boxes_of_their_own() -> None:
    with _running() as pipeline:
        Painter().paint_many(pipeline, 5)
        assert pipeline.recent_latency.percentile(50) == 0.0
        pipeline.use(network_of(MemoryBackend(seconds=0.03)))
        Painter().paint_many(pipeline, 5)
        wait_until(lambda: pipeline.recent_latency.percentile(50) >= 0.03)


def test_a_picture_that_nobody_fetched_before_the_view_was_hidden_keeps_its_fate() -> None:
    announced = threading.Event()
    with LivePipeline(announced.set) as pipeline:
        pipeline.set_viewport(VIEW)
        pipeline.open(FAST, CaptureOptions())
        assert announced.wait(20)
        pipeline.set_viewport(None)
        wait_until(lambda: _dropped(pipeline, "not visible") >= 3)
    check_closed(pipeline)


def test_a_picture_that_nobody_fetched_is_counted_when_hidden_without_another_frame() -> None:
    with _running() as pipeline:
        wait_until(lambda: pipeline.durations["render"].count > 0)
        _freeze(pipeline)
        # The frozen picture lies there; hiding and showing draws the same frame anew.
        pipeline.set_viewport(None)
        _wait_for_frames(pipeline, 100)
        pipeline.set_viewport(OTHER_VIEW)
        Painter().paint_next(pipeline)


def test_a_frame_that_came_while_hidden_counts_once_though_it_is_drawn_later() -> None:
    with _running() as pipeline:
        _fetched(pipeline)  # and never painted
        pipeline.set_viewport(None)
        wait_until(lambda: _dropped(pipeline, "not visible") >= 1)
        _freeze(pipeline)
        pipeline.set_viewport(OTHER_VIEW)
        Painter().paint_next(pipeline)
        pipeline.set_viewport(VIEW)
        Painter().paint_next(pipeline)


def test_pictures_fetched_and_not_painted_are_dropped_by_the_display() -> None:
    with _running(MemoryBackend()) as pipeline:
        for _ in range(5):
            _fetched(pipeline)
        assert _dropped(pipeline, "display busy") >= 4
        assert pipeline.frame_counter.counts().shown == 0


def test_painting_a_picture_twice_or_late_counts_nothing_more() -> None:
    with _running() as pipeline:
        first, second = _fetched(pipeline), _fetched(pipeline)
        for picture in (second, second, first):
            pipeline.painted(picture)
        assert pipeline.frame_counter.counts().shown == 1


def test_a_rate_cap_leaves_frames_out_and_says_so() -> None:
    painter = Painter()
    with _running(MemoryBackend()) as pipeline:
        pipeline.cap_rate(20)
        started, captured = time.monotonic(), _captured(pipeline)
        inferred = pipeline.frame_counter.counts().inferred
        painter.paint_many(pipeline, 10)
        seconds = time.monotonic() - started
        frame_counts = pipeline.frame_counter.counts()
        assert frame_counts.inferred - inferred <= seconds * 20 + 3
        assert frame_counts.dropped["rate cap"] >= (frame_counts.captured - captured) * 0.7
        pipeline.cap_rate(None)
        _wait_for_frames(pipeline, 5)
        before = _dropped(pipeline, "rate cap")
        _wait_for_frames(pipeline, 30)
        assert _dropped(pipeline, "rate cap") == before


def test_of_a_live_source_frames_are_dropped_as_paused_and_the_picture_stands_still() -> None:
    with _running(MemoryBackend()) as pipeline:
        Painter().paint_next(pipeline)
        _freeze(pipeline)
        pipeline.picture()
        before = _dropped(pipeline, "paused")
        _wait_for_frames(pipeline, 20)
        assert _dropped(pipeline, "paused") >= before + 19
        assert pipeline.picture() is None


def test_one_step_of_a_paused_live_source_shows_one_new_frame() -> None:
    painter = Painter()
    with _running(MemoryBackend()) as pipeline:
        painter.paint_next(pipeline)
        _freeze(pipeline)
        painter.paint(pipeline)
        before = painter.painted[-1].frame.index
        shown = pipeline.frame_counter.counts().shown
        assert pipeline.capture is not None
        pipeline.capture.step(1)
        assert painter.paint_next(pipeline).frame.index > before
        _wait_for_frames(pipeline, 20)
        painter.paint(pipeline)
        assert pipeline.frame_counter.counts().shown == shown + 1


def test_sources_can_be_switched_at_any_time_and_frames_of_all_are_counted() -> None:
    painter = Painter()
    with _running(MemoryBackend(0.004)) as pipeline:
        for number in range(12):
            spec = SLOWER if number % 2 else FAST
            pipeline.open(spec, CaptureOptions())
            side = 32 if number % 2 else 64
            wait_until(
                lambda: painter.paint_next(pipeline).frame.width == side,  # noqa: B023 - within this round
                what="a frame of the new source",
            )
            check_account(pipeline)
        wait_until(lambda: len(threads_named("capture")) == 1)
    assert pipeline.frame_counter.counts().shown == painter.frames
    wait_until(lambda: not threads_named("capture"))


def test_frames_shown_at_the_sources_rate_are_counted_once_though_looked_at_as_well() -> None:
    painter = Painter()
    with _running(MemoryBackend(0.01), "source") as pipeline:
        painter.paint_many(pipeline, 30)
        check_account(pipeline)
    frame_counts = pipeline.frame_counter.counts()
    assert frame_counts.shown == painter.frames
    assert 0 < frame_counts.inferred < frame_counts.captured
    assert "inference busy" not in frame_counts.dropped


def test_a_file_shown_to_its_end_is_shown_or_dropped_frame_by_frame(tmp_path: Path) -> None:
    painter = Painter()
    clip = write_clip(tmp_path / "clip.mp4", 15, size=(64, 48))
    with LivePipeline(lambda: None) as pipeline:
        pipeline.use(network_of(MemoryBackend()))
        pipeline.set_viewport(VIEW)
        pipeline.open(parse_source(str(clip)), CaptureOptions(loop=False))
        wait_until(
            lambda: (
                painter.paint(pipeline) is None
                and pipeline.state is not None
                and pipeline.state.phase is Phase.ENDED
            )
        )
        wait_until(
            lambda: (
                painter.paint(pipeline) is None and pipeline.frame_counter.counts().in_flight == 0
            )
        )
    frame_counts = pipeline.frame_counter.counts()
    assert (frame_counts.captured, frame_counts.shown + sum(frame_counts.dropped.values())) == (
        15,
        15,
    )


def test_closing_in_the_middle_of_an_inference_counts_what_was_on_its_way() -> None:
    backend = MemoryBackend(0.3)
    with _running(backend) as pipeline:
        wait_until(lambda: backend.submitted >= 2)
    assert pipeline.frame_counter.counts().dropped["stopped"] >= 1


def test_a_pipeline_closed_twice_or_before_anything_was_opened_is_closed() -> None:
    with LivePipeline(lambda: None) as pipeline:
        pipeline.close()
    pipeline.open(FAST, CaptureOptions())
    assert pipeline.state is None
    assert pipeline.picture() is None


@pytest.mark.parametrize("seed", range(12))
def test_accounts_are_exact_whatever_happens_in_whatever_order(seed: int) -> None:
    chance = random.Random(seed)
    backends: list[MemoryBackend] = []
    fetched: list[Picture] = []
    painted: set[tuple[int, int]] = set()

    def another_network() -> None:
        backends.append(
            MemoryBackend(chance.choice([0, 0.002, 0.02]), dies_at=chance.choice([None, None, 3]))
        )
        pipeline.use(network_of(backends[-1]))

    def fetch() -> None:
        picture = pipeline.picture()
        if picture is not None:
            fetched.append(picture)

    def paint() -> None:
        if fetched:
            picture = chance.choice(fetched[-2:])
            pipeline.painted(picture)
            painted.add((picture.number, picture.frame.index))

    def fetch_and_paint() -> None:
        fetch()
        paint()

    def show() -> None:
        pipeline.show = chance.choice(["inferred", "source"])

    def control() -> None:
        capture = pipeline.capture
        assert capture is not None
        orders: list[Callable[[], None]] = [
            capture.pause,
            capture.play,
            capture.play,
            lambda: capture.step(1),
            lambda: capture.step(-1),
        ]
        chance.choice(orders)()

    acts: list[Callable[[], object]] = [
        *[fetch_and_paint] * 4,
        fetch,
        paint,
        show,
        control,
        another_network,
        lambda: pipeline.set_viewport(chance.choice([None, VIEW, OTHER_VIEW])),
        lambda: pipeline.cap_rate(chance.choice([None, None, 50.0])),
        lambda: pipeline.open(chance.choice([FAST, SLOWER]), CaptureOptions()),
    ]
    with LivePipeline(lambda: None) as pipeline:
        pipeline.set_viewport(VIEW)
        pipeline.open(FAST, CaptureOptions())
        _wait_for_frames(pipeline, 1)
        for _ in range(150):
            chance.choice(acts)()
            check_account(pipeline)
            time.sleep(chance.choice([0, 0, 0.001, 0.005]))
    check_closed(pipeline)
    assert pipeline.frame_counter.counts().shown <= len(painted)
    assert all(backend.closed == 1 for backend in backends)


# Networks come and go.


def test_another_network_takes_over_and_the_one_before_is_closed_by_the_thread_that_used_it() -> (
    None
):
    closers: list[str] = []

    class Noting(MemoryBackend):
        def close(self) -> None:
            super().close()
            closers.append(threading.current_thread().name)

    first, second = Noting(), Noting()
    with _running(first) as pipeline:
        wait_until(lambda: first.submitted > 3)
        pipeline.use(network_of(second, "second"))
        wait_until(lambda: second.submitted > 3)
        assert (first.closed, second.closed) == (1, 0)
        assert pipeline.network is not None
        assert pipeline.network.name == "second"
    assert (first.closed, second.closed) == (1, 1)
    assert closers == ["infer", "infer"]
    assert first.users == second.users == {"infer"}


def test_a_network_that_is_replaced_before_its_turn_is_closed() -> None:
    running, skipped, last = MemoryBackend(), MemoryBackend(), MemoryBackend()
    with _running(running) as pipeline:
        wait_until(lambda: running.submitted > 1)
        running.gate.clear()
        submitted = running.submitted
        wait_until(lambda: running.submitted > submitted or _captured(pipeline) > 0)
        pipeline.use(network_of(skipped))
        pipeline.use(network_of(last))
        running.gate.set()
        wait_until(lambda: last.submitted > 1)
        assert (running.closed, skipped.closed + (skipped.submitted > 0)) in ((1, 1), (1, 2))
    assert (running.closed, skipped.closed, last.closed) == (1, 1, 1)


def test_a_network_that_comes_after_closing_is_closed() -> None:
    backend = MemoryBackend()
    with _running() as pipeline:
        _wait_for_frames(pipeline, 1)
    pipeline.use(network_of(backend))
    assert backend.closed == 1


def test_a_network_that_dies_is_reported_once_and_frames_go_on_without_boxes() -> None:
    troubles: list[BaseException] = []
    backend, painter = MemoryBackend(dies_at=4), Painter()
    with LivePipeline(lambda: None, on_death=troubles.append) as pipeline:
        pipeline.use(network_of(backend))
        pipeline.set_viewport(VIEW)
        pipeline.open(FAST, CaptureOptions())
        wait_until(lambda: troubles)
        _wait_for_frames(pipeline, 10)
        pipeline.picture()
        assert painter.paint_next(pipeline).detections is None
        another = MemoryBackend()
        pipeline.use(network_of(another))
        wait_until(lambda: painter.paint_next(pipeline).detections is not None)
    check_closed(pipeline)
    frame_counts = pipeline.frame_counter.counts()
    assert (frame_counts.failed, backend.submitted, backend.closed) == (1, 4, 1)
    assert [str(trouble) for trouble in troubles] == ["the network died; choose another backend"]


def test_a_network_that_does_not_answer_in_time_is_reported_by_its_name() -> None:
    class Late(MemoryBackend):
        def submit(self, images: object) -> object:  # type: ignore[override]
            class Pending:
                def result(self, timeout: float | None = None) -> None:
                    raise TimeoutError(f"no answer within {timeout:g} s")

            return Pending()

    troubles: list[BaseException] = []
    backend = Late()
    with LivePipeline(lambda: None, on_death=troubles.append) as pipeline:
        pipeline.use(network_of(backend, "slowpoke"))
        pipeline.open(FAST, CaptureOptions())
        wait_until(lambda: troubles)
    check_closed(pipeline)
    assert isinstance(troubles[0], BackendError)
    assert "slowpoke: no answer within" in str(troubles[0])
    assert backend.closed == 1


def test_a_network_that_fails_when_another_has_come_is_no_news() -> None:
    asked, given_up = threading.Event(), threading.Event()

    class Hanging(MemoryBackend):
        def submit(self, images: object) -> object:  # type: ignore[override]
            class Pending:
                def result(self, timeout: float | None = None) -> None:
                    asked.set()
                    assert given_up.wait(LIMIT_SECONDS)
                    raise TimeoutError("no answer")

            return Pending()

    troubles: list[BaseException] = []
    first, second = Hanging(), MemoryBackend()
    with LivePipeline(lambda: None, on_death=troubles.append) as pipeline:
        pipeline.use(network_of(first))
        pipeline.open(FAST, CaptureOptions())
        assert asked.wait(LIMIT_SECONDS)
        pipeline.use(network_of(second))
        given_up.set()
        wait_until(lambda: second.submitted > 3)
    check_closed(pipeline)
    assert not troubles
    assert first.closed == 1


def test_frames_that_failed_while_shown_at_the_sources_rate_are_shown_all_the_same() -> None:
    troubles: list[BaseException] = []
    painter = Painter()
    with LivePipeline(lambda: None, on_death=troubles.append, show="source") as pipeline:
        pipeline.use(network_of(MemoryBackend(dies_at=2)))
        pipeline.set_viewport(VIEW)
        pipeline.open(FAST, CaptureOptions())
        wait_until(lambda: troubles)
        painter.paint_many(pipeline, 3)
    check_closed(pipeline)
    assert pipeline.frame_counter.counts().failed == 0


def test_a_network_that_hangs_does_not_hang_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "JOIN_SECONDS", 0.3)
    backend = MemoryBackend()
    with LivePipeline(lambda: None) as pipeline:
        pipeline.use(network_of(backend))
        pipeline.open(FAST, CaptureOptions())
        wait_until(lambda: backend.submitted > 1)
        backend.gate.clear()
        wait_until(lambda: _dropped(pipeline, "inference busy") > 10)
        started = time.monotonic()
    assert time.monotonic() - started < 3
    backend.gate.set()
    wait_until(lambda: not threads_named("infer"))
    assert backend.closed == 1


# Sources come and go.


def test_a_stalled_stream_holds_up_neither_another_source_nor_closing() -> None:
    painter = Painter()
    with MjpegServer((64, 48), 60) as camera, LivePipeline(lambda: None) as pipeline:
        pipeline.set_viewport(VIEW)
        pipeline.open(parse_source(camera.address), CaptureOptions())
        painter.paint_many(pipeline, 3)
        camera.stalled.set()
        _wait_for_stall(pipeline)
        pipeline.open(parse_source("pattern:32x32@100"), CaptureOptions())
        seconds = wait_until(lambda: painter.paint_next(pipeline).frame.width == 32)
        assert seconds < 2
        camera.stalled.clear()
        pipeline.open(parse_source(camera.address), CaptureOptions())
        wait_until(lambda: painter.paint_next(pipeline).frame.width == 64)
        camera.stalled.set()
        _wait_for_stall(pipeline)
        started = time.monotonic()
        pipeline.close()
        assert time.monotonic() - started < 3
        check_closed(pipeline)
        camera.stalled.clear()
        wait_until(lambda: not threads_named("capture"))


def _wait_for_stall(pipeline: LivePipeline) -> None:
    """Until nothing was captured for a while: several of the camera's periods."""
    since, captured = time.monotonic(), -1

    def still() -> bool:
        nonlocal since, captured
        if _captured(pipeline) != captured:
            since, captured = time.monotonic(), _captured(pipeline)
        return time.monotonic() - since > 0.2

    wait_until(still, what="the stream to stall")


def test_a_stream_that_comes_back_is_shown_again_and_the_account_stays_exact() -> None:
    painter = Painter()
    with MjpegServer((64, 48), 60) as camera, LivePipeline(lambda: None) as pipeline:
        pipeline.use(network_of(MemoryBackend()))
        pipeline.set_viewport(VIEW)
        pipeline.open(parse_source(camera.address), CaptureOptions())
        painter.paint_many(pipeline, 3)
        camera.stop()
        wait_until(
            lambda: pipeline.state is not None and pipeline.state.phase is Phase.RECONNECTING
        )
        painter.paint(pipeline)
        camera.start()
        painter.paint_many(pipeline, 3)
        assert pipeline.state is not None
        assert (pipeline.state.phase, pipeline.state.error_message) == (Phase.PLAYING, "")
    check_closed(pipeline)
    wait_until(lambda: not threads_named("capture"))


def test_a_frame_that_cannot_be_drawn_is_counted_as_failed_and_the_next_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    troubles: list[BaseException] = []
    broken = threading.Event()

    def breaking(frame: Frame, viewport: Viewport) -> object:
        if broken.is_set():
            broken.clear()
            raise RuntimeError("the renderer broke")
        return render(frame, viewport)

    monkeypatch.setattr(live, "render", breaking)
    painter = Painter()
    with LivePipeline(lambda: None, troubles.append) as pipeline:
        pipeline.set_viewport(VIEW)
        pipeline.open(FAST, CaptureOptions())
        painter.paint_next(pipeline)
        broken.set()
        wait_until(lambda: troubles)
        painter.paint_many(pipeline, 3)
    check_closed(pipeline)
    assert pipeline.frame_counter.counts().failed == 1
