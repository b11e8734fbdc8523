"""Recordings by the real encoder: they play, say when each frame was taken, and outlive the
program.
"""

import json
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ssd_live.analytics.counting import CountRecord, ZoneCounts
from ssd_live.analytics.rules import Event
from ssd_live.analytics.zone_drawing import CountedZones
from ssd_live.analytics.zones import Zone
from ssd_live.detection.filter import DetectionFilter
from ssd_live.detections import Detections
from ssd_live.errors import OutputError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.overlay import BoxStyle
from ssd_live.imaging.planes import copied
from ssd_live.index.database import Index
from ssd_live.index.query import Query, search, sources
from ssd_live.live import recorder as recording
from ssd_live.live.recorder import Recorded, Recorder, RecordingPlan
from ssd_live.live.zone_watch import LiveCount, LiveEvent
from ssd_live.pipeline.live import LiveFrame
from ssd_live.system import machine
from ssd_live.video.reader import VideoReader
from ssd_live.video.sources import SourceOptions
from ssd_live.video.sources.pattern import PatternSource
from tests.clips import SAMPLE, pictures, stream_of, write_clip, x264_options
from tests.waiting import LIMIT_SECONDS, wait_until

CHECKOUT = Path(__file__).resolve().parents[3]
CLASSES = ("cat", "dog")
ALL = DetectionFilter(CLASSES, 0.0, np.array([True, True]))
SIZE = (160, 90)


@dataclass
class Recording:
    """A recorder and what it said at its end."""

    path: Path
    boxes: bool = False
    shown: DetectionFilter | None = ALL
    style: BoxStyle = field(default_factory=BoxStyle)
    ended: list[Recorded] = field(default_factory=list)
    counted: CountedZones | None = None
    index: Path | None = None

    def __post_init__(self) -> None:
        plan = RecordingPlan(
            self.path,
            self.boxes,
            lambda: self.shown,
            lambda: self.style,
            lambda: {"source": "test", "classes": list(CLASSES)},
            index=self.index,
            counted=lambda: self.counted,
        )
        self.recorder = Recorder(plan, self.ended.append)

    def offer(self, *live_frames: LiveFrame) -> None:
        """Without losing any."""
        for live_frame in live_frames:
            wait_until(lambda: not self.recorder.is_full)
            self.recorder.offer(live_frame)

    def stop(self) -> Recorded:
        self.recorder.stop()
        assert self.recorder.join(LIMIT_SECONDS)
        (ended,) = self.ended
        return ended


def _found(*boxes: tuple[float, float, float, float], score: float = 0.8) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(count, 4),
        np.full(count, score, np.float32),
        np.zeros(count, np.int32),
        CLASSES,
    )


def _live_frames(
    count: int, size: tuple[int, int] = SIZE, found: Detections | None = None
) -> list[LiveFrame]:
    """Taken at uneven times."""
    with PatternSource("", SourceOptions(size)) as source:
        frames = [
            Frame((source.picture(index),), captured_at=1000 + _moment(index))
            for index in range(count)
        ]
    return [LiveFrame(frame, found) for frame in frames]


def _moment(index: int) -> float:
    return index * 0.033 + (0.005 if index % 3 == 1 else 0.0)


def _times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0) if frame.time is not None]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_recording_plays_every_frame_at_the_time_it_was_taken(tmp_path: Path) -> None:
    made = Recording(tmp_path / "a.mkv")
    made.offer(*_live_frames(40))
    ended = made.stop()
    times = _times(tmp_path / "a.mkv")
    assert times == pytest.approx([_moment(index) for index in range(40)], abs=0.0011)
    assert times == sorted(set(times))
    assert (ended.path, ended.frames, ended.lost, ended.error_message) == (
        tmp_path / "a.mkv",
        40,
        0,
        "",
    )
    assert ended.seconds == pytest.approx(_moment(39), abs=0.002)


def test_the_pictures_recorded_are_the_pictures_taken(tmp_path: Path) -> None:
    live_frames = _live_frames(3)
    made = Recording(tmp_path / "a.mkv")
    made.offer(*live_frames)
    made.stop()
    for live_frame, picture in zip(live_frames, pictures(tmp_path / "a.mkv"), strict=True):
        assert np.abs(picture.astype(int) - live_frame.frame.planes[0].astype(int)).mean() < 6


def test_detections_stand_beside_it_frame_by_frame(tmp_path: Path) -> None:
    made = Recording(tmp_path / "a.mkv")
    box = (10.0, 20.0, 50.0, 60.0)
    live_frames = [
        replace(live_frame, detections=_found(*[box] * (index % 3)))
        for index, live_frame in enumerate(_live_frames(9))
    ]
    made.offer(*live_frames)
    ended = made.stop()
    header, *lines = _lines(ended.detections)
    assert (header["source"], header["classes"]) == ("test", list(CLASSES))
    assert ended.detections == tmp_path / "a.jsonl"
    assert [len(line["detections"]) for line in lines] == [index % 3 for index in range(9)]
    assert [line["frame"] for line in lines] == list(range(9))
    assert [line["time"] for line in lines] == pytest.approx(_times(tmp_path / "a.mkv"), abs=1e-6)
    assert lines[1]["detections"][0] == {
        "box": list(box),
        "score": 0.8,
        "class_id": 0,
        "class": "cat",
    }


def test_what_is_hidden_is_neither_drawn_nor_written(tmp_path: Path) -> None:
    hidden = Recording(
        tmp_path / "hidden.mkv",
        boxes=True,
        shown=DetectionFilter(CLASSES, 0.9, np.array([True, True])),
    )
    plain = Recording(tmp_path / "plain.mkv", boxes=False)
    live_frames = _live_frames(3, found=_found((10, 20, 50, 60), score=0.8))
    for made in (hidden, plain):
        made.offer(*live_frames)
        made.stop()
    assert all(not line["detections"] for line in _lines(tmp_path / "hidden.jsonl")[1:])
    assert np.array_equal(pictures(tmp_path / "hidden.mkv"), pictures(tmp_path / "plain.mkv"))


@pytest.mark.parametrize("boxes", [True, False])
def test_boxes_are_drawn_if_they_are_wanted_and_nowhere_else(boxes: bool, tmp_path: Path) -> None:
    made = Recording(tmp_path / "a.mkv", boxes=boxes)
    (live_frame,) = _live_frames(1, (320, 180), _found((40, 60, 140, 160)))
    before = live_frame.frame.planes[0].copy()
    made.offer(live_frame)
    made.stop()
    (picture,) = pictures(tmp_path / "a.mkv")
    difference = np.abs(picture.astype(int) - before.astype(int)).max(axis=2)
    assert (difference[58:163, 38:143].max() > 80) == boxes
    assert difference[:, 200:].max() < 60
    assert np.array_equal(live_frame.frame.planes[0], before)


def test_frames_of_a_decoder_are_recorded_without_writing_into_them(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 4, size=SIZE)
    made = Recording(tmp_path / "a.mkv", boxes=True)
    with VideoReader(clip) as reader:
        frames = [item for item in reader.read() if isinstance(item, Frame)]
        before = [frame.planes[0].copy() for frame in frames]
        made.offer(
            *[
                LiveFrame(replace(frame, captured_at=5 + frame.time), _found((10, 20, 50, 60)))
                for frame in frames
            ]
        )
        made.stop()
        assert all(
            np.array_equal(frame.planes[0], luma)
            for frame, luma in zip(frames, before, strict=True)
        )
    assert _times(tmp_path / "a.mkv") == pytest.approx([0, 0.04, 0.08, 0.12], abs=1e-3)


@pytest.mark.parametrize("size", [(33, 17), (2, 2), (1, 1), (641, 361)])
def test_odd_sizes_are_recorded_with_an_edge_repeated(
    size: tuple[int, int], tmp_path: Path
) -> None:
    made = Recording(tmp_path / "a.mkv", boxes=True)
    made.offer(
        *[
            LiveFrame(
                Frame((np.full((size[1], size[0], 3), 90, np.uint8),), captured_at=number / 10),
                _found(),
            )
            for number in range(3)
        ]
    )
    assert made.stop().error_message == ""
    facts = stream_of(tmp_path / "a.mkv")
    assert (facts["width"], facts["height"]) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    assert len(_times(tmp_path / "a.mkv")) == 3


def test_frames_of_another_size_are_scaled_to_the_first_ones(tmp_path: Path) -> None:
    made = Recording(tmp_path / "a.mkv", boxes=True)
    later = [
        replace(
            live_frame,
            frame=replace(live_frame.frame, captured_at=live_frame.frame.captured_at + 1),
        )
        for live_frame in _live_frames(3, (320, 240), _found((1, 1, 90, 90)))
    ]
    made.offer(*_live_frames(3), *later)
    assert made.stop().error_message == ""
    assert {picture.shape for picture in pictures(tmp_path / "a.mkv")} == {(90, 160, 3)}
    assert len(_times(tmp_path / "a.mkv")) == 6


def test_detections_of_another_network_are_not_taken_for_this_ones(tmp_path: Path) -> None:
    made = Recording(tmp_path / "a.mkv", boxes=True)
    other = replace(_found((1, 1, 9, 9)), classes=("person",))
    made.offer(*_live_frames(2, found=other))
    assert made.stop().error_message == ""
    assert all(not line["detections"] for line in _lines(tmp_path / "a.jsonl")[1:])


def test_a_frame_no_later_than_the_one_before_is_left_out(tmp_path: Path) -> None:
    made = Recording(tmp_path / "a.mkv")
    live_frames = _live_frames(3)
    made.offer(live_frames[0], live_frames[2], live_frames[1], live_frames[2])
    assert made.stop().frames == 2
    assert len(_times(tmp_path / "a.mkv")) == len(_lines(tmp_path / "a.jsonl")) - 1 == 2


def test_names_of_parts_are_used_until_the_end(tmp_path: Path) -> None:
    made = Recording(tmp_path / "a.mkv")
    made.offer(*_live_frames(2))
    wait_until(lambda: made.recorder.frames == 2)
    assert _left(tmp_path) == {"a.part.mkv", "a.part.jsonl"}
    made.stop()
    assert _left(tmp_path) == {"a.mkv", "a.jsonl"}


def test_an_existing_file_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_text("precious")
    with pytest.raises(OutputError, match="exists already"):
        Recording(tmp_path / "a.mkv")
    assert _left(tmp_path) == {"a.mkv"}
    assert (tmp_path / "a.mkv").read_text() == "precious"


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a", "a.mkv.mp4"])
def test_other_endings_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"end the name in \.mkv"):
        Recording(tmp_path / name)
    assert not _left(tmp_path)


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="choose another place"):
        Recording(tmp_path / "file" / "a.mkv")


def test_detections_of_somebody_else_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("precious")
    try:
        made = Recording(tmp_path / "a.mkv")
    except OutputError:
        pass
    else:
        made.offer(*_live_frames(2))
        made.stop()
    assert (tmp_path / "a.jsonl").read_text() == "precious"


def test_a_file_made_meanwhile_is_not_replaced_and_the_recording_is_kept(tmp_path: Path) -> None:
    made = Recording(tmp_path / "a.mkv")
    made.offer(*_live_frames(3))
    wait_until(lambda: made.recorder.frames == 3)
    (tmp_path / "a.mkv").write_text("precious")
    ended = made.stop()
    assert (tmp_path / "a.mkv").read_text() == "precious"
    assert "a.part.mkv" in ended.error_message
    assert len(_times(tmp_path / "a.part.mkv")) == 3


def test_detections_made_meanwhile_are_not_replaced_and_the_recording_is_kept(
    tmp_path: Path,
) -> None:
    made = Recording(tmp_path / "a.mkv")
    made.offer(*_live_frames(3))
    wait_until(lambda: made.recorder.frames == 3)
    (tmp_path / "a.jsonl").write_text("precious")
    ended = made.stop()
    assert (tmp_path / "a.jsonl").read_text() == "precious"
    assert "the frames so far are in a.part.mkv" in ended.error_message
    assert len(_times(tmp_path / "a.part.mkv")) == 3
    assert len((tmp_path / "a.part.jsonl").read_text().splitlines()) == 4


def test_a_recording_of_nothing_leaves_nothing_and_names_no_file_that_is_not_there(
    tmp_path: Path,
) -> None:
    ended = Recording(tmp_path / "a.mkv").stop()
    assert not _left(tmp_path)
    assert "the source gave no frame" in ended.error_message
    assert "part" not in ended.error_message


def test_frames_that_come_too_fast_are_lost_and_counted_and_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def held_up(frame: Frame) -> av.VideoFrame:
        assert gate.wait(LIMIT_SECONDS)
        return copied(frame)

    monkeypatch.setattr(recording, "copied", held_up)
    made = Recording(tmp_path / "a.mkv")
    for live_frame in _live_frames(60):
        made.recorder.offer(live_frame)
    gate.set()
    ended = made.stop()
    assert ended.frames + ended.lost == 60
    assert ended.lost >= 40
    assert len(_times(tmp_path / "a.mkv")) == ended.frames


def test_an_encoder_that_fails_is_reported_and_what_was_written_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Recording(tmp_path / "a.mkv")
    made.offer(*_live_frames(20))
    wait_until(lambda: made.recorder.frames == 20)

    def broken(frame: Frame) -> av.VideoFrame:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recording, "copied", broken)
    made.offer(_live_frames(1)[0])
    wait_until(lambda: made.ended)
    (ended,) = made.ended
    assert "the recording ended with an error (no space left on device)" in ended.error_message
    assert "a.part.mkv" in ended.error_message
    assert _left(tmp_path) == {"a.part.mkv", "a.part.jsonl"}
    assert len(_times(tmp_path / "a.part.mkv")) == 20
    assert len(_lines(tmp_path / "a.part.jsonl")) == 21


def test_what_came_before_a_failure_is_kept_however_little_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Recording(tmp_path / "a.mkv")
    made.offer(*_live_frames(2))
    wait_until(lambda: made.recorder.frames == 2)
    monkeypatch.setattr(recording, "copied", lambda frame: 1 // 0)
    made.offer(_live_frames(1)[0])
    wait_until(lambda: made.ended)
    assert "a.part.mkv" in made.ended[0].error_message
    assert len(_times(tmp_path / "a.part.mkv")) == 2
    assert len(_lines(tmp_path / "a.part.jsonl")) == 3


def test_of_a_recording_of_which_nothing_could_be_written_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open = av.open

    class FullDisk:
        """A container that has no room for any packet."""

        def __init__(self, *words: Any, **options: Any) -> None:
            self._container = real_open(*words, **options)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._container, name)

        def mux(self, packet: object) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(av, "open", FullDisk)
    made = Recording(tmp_path / "a.mkv")
    made.offer(*_live_frames(8))
    wait_until(lambda: made.ended)
    assert made.ended[0].error_message.endswith(
        "(no space left on device); nothing was written; start a new recording"
    )
    assert not _left(tmp_path)


def test_slow_frames_are_not_waited_for(tmp_path: Path) -> None:
    made = Recording(tmp_path / "a.mkv")
    made.offer(*_live_frames(1))
    wait_until(lambda: (tmp_path / "a.part.mkv").stat().st_size > 0)
    assert made.stop().frames == 1


@pytest.mark.parametrize(("seconds", "subme", "cabac"), [(1000.0, "2", "1"), (0.001, "1", "0")])
def test_the_faster_they_come_the_less_is_done_for_each(
    seconds: float, subme: str, cabac: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "available_cores", lambda: 1)
    made = Recording(tmp_path / "a.mkv")
    live_frames = _live_frames(8, (640, 360))
    made.offer(
        *[
            replace(live_frame, frame=replace(live_frame.frame, captured_at=index * seconds))
            for index, live_frame in enumerate(live_frames)
        ]
    )
    assert made.stop().frames == 8
    options = x264_options(tmp_path / "a.mkv")
    assert (options["subme"], options["cabac"]) == (subme, cabac)
    # Whatever it is, nothing waits in the encoder.
    assert (options.get("rc_lookahead", "0"), options["bframes"], options["sliced_threads"]) == (
        "0",
        "0",
        "1",
    )


def test_an_encoder_that_does_not_open_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(codec: str) -> None:
        raise OutputError("this FFmpeg has no encoder")

    monkeypatch.setattr("ssd_live.video.recording.choose_encoder", none)
    made = Recording(tmp_path / "a.mkv")
    made.offer(*_live_frames(1))
    wait_until(lambda: made.ended)
    assert "this FFmpeg has no encoder" in made.ended[0].error_message
    assert not _left(tmp_path)


def test_a_recording_whose_program_is_killed_plays_up_to_the_last_two_seconds(
    tmp_path: Path,
) -> None:
    script = f"""
import sys, time
from pathlib import Path
import numpy as np
from ssd_live.detection.filter import DetectionFilter
from ssd_live.imaging.overlay import BoxStyle
from ssd_live.live.recorder import Recorder, RecordingPlan
from ssd_live.pipeline.live import LiveFrame
from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame
from ssd_live.video.sources import SourceOptions
from ssd_live.video.sources.pattern import PatternSource

shown = DetectionFilter(("cat",), 0.0, np.array([True]))
boxes, scores = np.ones((1, 4), np.float32), np.ones(1, np.float32)
found = Detections(boxes, scores, np.zeros(1, np.int32), ("cat",))
plan = RecordingPlan(Path({str(tmp_path / "a.mkv")!r}), True, lambda: shown, BoxStyle, lambda: {{}})
recorder = Recorder(plan, print)
source = PatternSource("640x360", SourceOptions())
started = time.monotonic()
for index in range(10000):
    now = time.monotonic()
    recorder.offer(LiveFrame(Frame((source.picture(index),), captured_at=now), found))
    print(now - started, flush=True)
    time.sleep(max(started + (index + 1) / 30 - time.monotonic(), 0))
"""
    program = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=CHECKOUT, text=True
    )
    assert program.stdout is not None
    seconds = 0.0
    while seconds < 3.5:
        seconds = float(program.stdout.readline())
    program.kill()
    program.wait()
    program.stdout.close()
    times = _times(tmp_path / "a.part.mkv")
    assert times == sorted(times)
    assert times[0] == 0
    assert times[-1] >= seconds - 2
    whole_lines = (tmp_path / "a.part.jsonl").read_text().split("\n")[:-1]
    assert json.loads(whole_lines[-1])["time"] >= seconds - 2


def test_the_sample_clip_is_recorded_in_its_own_colours(tmp_path: Path) -> None:
    made = Recording(tmp_path / "a.mkv")
    with VideoReader(SAMPLE) as reader:
        frames = []
        for item in reader.read():
            if isinstance(item, Frame):
                frames.append(replace(item, captured_at=item.time))
            if len(frames) == 5:
                break
        originals = [frame.bgr() for frame in frames]
        made.offer(*[LiveFrame(frame) for frame in frames])
        made.stop()
    for original, picture in zip(originals, pictures(tmp_path / "a.mkv"), strict=True):
        assert np.abs(original.astype(int) - picture.astype(int)).mean() < 5


def test_counts_and_events_stand_in_the_log_at_the_time_of_the_recording(tmp_path: Path) -> None:
    made = Recording(tmp_path / "a.mkv")
    live_frames = [
        replace(its, frame=replace(its.frame, time=50 + _moment(number)))
        for number, its in enumerate(_live_frames(4))
    ]
    made.offer(live_frames[0])
    wait_until(lambda: made.recorder.frames == 1)
    record = CountRecord("crossed", "Gate", 50.05, 7, "cat", (1, 2, 3, 4), 50.06, "in")
    made.recorder.note(LiveCount(1, record, 0.0))
    for why_not in ("", "pause"):
        event = Event("Stays", "Gate", 50.05, "cat", 7, 1, why_not)
        made.recorder.note(LiveEvent(event, 0.0, live_frames[0], _found()))
    made.offer(*live_frames[1:])
    made.stop()
    header, first, second, *_ = _lines(tmp_path / "a.jsonl")
    assert header["kind"] == "recording"
    assert "counts" not in first
    (count,) = second["counts"]
    assert (count["zone"], count["time"], count["direction"]) == ("Gate", 0.05, "in")
    assert [one.get("suppressed") for one in second["events"]] == [None, "pause"]


@pytest.mark.parametrize("boxes", [True, False])
def test_zones_are_drawn_with_the_boxes(tmp_path: Path, boxes: bool) -> None:
    area = Zone("Yard", "area", ((0.1, 0.3), (0.9, 0.3), (0.9, 0.9), (0.1, 0.9)), "#ff0000")
    mask = Zone("Tree", "mask", ((0.0, 0.0), (0.1, 0.0), (0.1, 0.1)))
    counted = CountedZones((area, mask), {"Yard": ZoneCounts(inside=Counter(cat=3))})
    live_frames = _live_frames(3, (320, 180))
    shown = {}
    for its in (counted, None):
        made = Recording(tmp_path / f"{its is None}.mkv", boxes=boxes, counted=its)
        made.offer(*live_frames)
        made.stop()
        shown[its is None] = pictures(made.path)[1].astype(int)
    changed = np.abs(shown[False] - shown[True]).max(-1) > 60
    assert changed.any() == boxes
    if boxes:
        # Its sides, its label above the first corner, and nothing else.
        assert changed[100:150, 30:35].any(1).mean() > 0.9
        assert changed[30:54, 32:80].any()
        assert not changed[70:150, 60:250].any()


def test_boxes_of_the_frame_before_are_found_again_too(tmp_path: Path) -> None:
    """With every frame shown, no frame has boxes of its own."""
    ids = replace(
        _found((10, 20, 50, 60)), track_ids=np.array([7], np.int64), observed=np.array([True])
    )
    made = Recording(tmp_path / "a.mkv", index=tmp_path / "index.db")
    made.offer(*(replace(its, stale=True) for its in _live_frames(5, found=ids)))
    made.stop()
    with Index(tmp_path / "index.db") as index:
        (track,) = search(index, Query())
        (source,) = sources(index)
    assert (track.track_id, track.class_name) == (7, "cat")
    assert (source.video, source.is_complete) == (tmp_path / "a.mkv", True)
