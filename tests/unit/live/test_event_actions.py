"""What an event starts: files, a command and messages, and their limits."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssd_live.actions.desktop import DesktopWorker
from ssd_live.actions.outbox import Outbox
from ssd_live.analytics.rules import Event, RuleBook, rules_in
from ssd_live.analytics.zones import Zone
from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.image_files import read_image
from ssd_live.imaging.overlay import BoxStyle
from ssd_live.live import event_actions
from ssd_live.live.event_actions import ActionSettings, EventActions
from ssd_live.live.zone_watch import LiveEvent
from ssd_live.pipeline.live import LiveFrame
from ssd_live.results.growing_table import clock_text
from ssd_live.video.reader import VideoReader
from tests.clips import pictures, stream_of, write_clip
from tests.unit.actions.receivers import Mosquitto, PostServer, Subscriber, free_port
from tests.unit.live.test_packet_clips import Camera
from tests.waiting import wait_until

ZONES = [Zone("All", "area", ((0, 0), (1, 0), (1, 1)))]
CLASSES = ("cat", "dog")
FOUND = Detections(
    np.array([[40, 20, 120, 70]], np.float32),
    np.array([0.9], np.float32),
    np.zeros(1, np.int32),
    CLASSES,
    np.array([7], np.int64),
    np.ones(1, bool),
)
CLOCK = 1_796_000_000.25
RATE = 25


def _book(*actions: dict[str, Any], files: dict[str, Any] | None = None) -> RuleBook:
    """A rule "Stays" that starts all of these actions, and a rule "Quiet" that starts nothing."""
    rules = [
        {"name": "Stays", "zone": "All", "when": "inside", "do": [its["name"] for its in actions]},
        {"name": "Quiet", "zone": "All", "when": "inside"},
    ]
    data = {"version": 1, "rules": rules, "actions": list(actions), "files": files or {}}
    return rules_in(data, ZONES, CLASSES)


class Watched:
    """The actions of a source, of which `lines` are what the user is told."""

    def __init__(self, book: RuleBook, folder: Path, hides: bool = False) -> None:
        self.lines: list[str] = []
        self.hides = hides
        self.file: Path | None = None
        self.folder = folder / "events"
        self.outbox = folder / "outbox.db"
        self.actions = EventActions(
            book,
            ActionSettings(
                "yard",
                self.folder,
                folder,
                self.outbox,
                lambda _: FOUND,
                BoxStyle(),
                self.lines.append,
                hides=lambda: self.hides,
                file=lambda: self.file,
            ),
        )

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *exception: object) -> None:
        self.actions.close()

    def frames(self, count: int, first: int = 0) -> LiveFrame:
        """Give it frames at the rate of a camera, as fast as possible, and return the last."""
        for number in range(first, first + count):
            picture = np.full((90, 160, 3), 90, np.uint8)
            time = number / RATE
            frame = Frame((picture,), index=number, time=time, captured_at=time)
            its = LiveFrame(frame, FOUND)
            self.actions.note_frame(its)
        return its

    def event(
        self, live_frame: LiveFrame, rule: str = "Stays", clock: float = CLOCK, **more: Any
    ) -> list[Path]:
        event = Event(rule, "All", 1.0, "cat", 7, 1, **more)
        return self.actions.start(LiveEvent(event, clock, live_frame, FOUND))


def test_an_event_writes_a_snapshot_with_boxes(tmp_path: Path) -> None:
    photo, plain = (
        {"name": name, "kind": "snapshot", "boxes": boxes}
        for name, boxes in (("photo", True), ("plain", False))
    )
    with Watched(_book(photo, plain), tmp_path) as watched:
        assert not watched.actions.makes_clips
        frame = watched.frames(1)
        files = watched.event(frame)
        more = watched.event(frame)
        assert watched.event(frame, why_not="pause") == []
        assert watched.event(frame, "Quiet") == []
    assert watched.lines == []
    assert len(set(files + more)) == 4
    assert sorted(watched.folder.iterdir()) == sorted(files + more)
    assert files[0].name.endswith("250 Stays.jpg")
    with_boxes, without = (read_image(path).planes[0] for path in files)
    assert with_boxes.std() > 10
    assert without.std() < 1


def test_events_during_a_clip_make_it_longer(tmp_path: Path) -> None:
    film = {"name": "film", "kind": "clip", "before": 1, "after": 1}
    with Watched(_book(film), tmp_path) as watched:
        assert watched.actions.makes_clips
        # The second event comes before the clip was begun, perhaps, and the third long after it.
        first = watched.event(watched.frames(50))
        assert watched.event(watched.frames(10, 50)) == first
        watched.frames(100, 60)
        wait_until(lambda: first[0].exists())
        second = watched.event(watched.frames(30, 160), clock=CLOCK + 4)
        assert second != first
    assert watched.lines == []
    with VideoReader(first[0]) as reader:
        times = [frame.time for frame in reader.read() if isinstance(frame, Frame)]
    # From 1 s before frame 49 to 1 s after frame 59.
    assert len(times) == 84 - 24 + 1
    assert sorted(watched.folder.iterdir()) == sorted(first + second)


@pytest.mark.parametrize("hides", [False, True])
def test_a_clip_is_copied_unless_something_is_drawn_or_hidden(tmp_path: Path, hides: bool) -> None:
    video = write_clip(tmp_path / "camera.mkv", 50, sound="aac")
    film = {"kind": "clip", "before": 1, "after": 1}
    book = _book({"name": "drawn", **film}, {"name": "plain", "boxes": False, **film})
    with Watched(book, tmp_path, hides) as watched:
        for packet in Camera(video, 0.0).packets():
            watched.actions.note_packet(packet)
        files = watched.event(watched.frames(25))
        watched.frames(50, 25)
        wait_until(lambda: all(path.exists() for path in files))
    assert watched.lines == []
    with_sound = ["video"] if hides else ["video", "audio"]
    shapes = []
    for path in files:
        assert stream_of(path)["streams"] == with_sound
        shapes.append(pictures(path)[0].shape)
    # The frames of this test are smaller than those of the camera.
    assert shapes == [(90, 160, 3), (90, 160, 3) if hides else (272, 640, 3)]


def test_a_clip_that_is_encoded_goes_on_although_it_could_be_copied_now(tmp_path: Path) -> None:
    """No key frame had come when it began."""
    film = {"name": "plain", "kind": "clip", "before": 1, "after": 1, "boxes": False}
    video = write_clip(tmp_path / "camera.mkv", 10)
    with Watched(_book(film), tmp_path) as watched:
        (path,) = watched.event(watched.frames(25))
        for packet in Camera(video, 1.0).packets():
            watched.actions.note_packet(packet)
        watched.frames(50, 25)
        wait_until(path.exists)
    assert len(pictures(path)) == 50


@pytest.mark.parametrize("hides", [False, True])
def test_clips_of_a_file_have_its_sound_unless_objects_are_hidden(
    tmp_path: Path, hides: bool
) -> None:
    video = write_clip(tmp_path / "played.mkv", 100, sound="aac")
    film = {"kind": "clip", "before": 1, "after": 1}
    book = _book({"name": "drawn", **film}, {"name": "plain", "boxes": False, **film})
    with Watched(book, tmp_path, hides) as watched:
        watched.file = video
        files = watched.event(watched.frames(25))
        watched.frames(50, 25)
        wait_until(lambda: all(path.exists() for path in files))
    assert watched.lines == []
    streams = ["video"] if hides else ["video", "audio"]
    assert [stream_of(path)["streams"] for path in files] == [streams, streams]
    shapes = [pictures(path)[0].shape for path in files]
    assert shapes == [(90, 160, 3), (90, 160, 3) if hides else (272, 640, 3)]


def test_hiding_ends_a_copied_clip_and_the_next_one_is_encoded(tmp_path: Path) -> None:
    film = {"name": "plain", "kind": "clip", "before": 1, "after": 100, "boxes": False}
    video = write_clip(tmp_path / "camera.mkv", 50)
    with Watched(_book(film), tmp_path) as watched:
        for packet in Camera(video, 0.0).packets():
            watched.actions.note_packet(packet)
        (first,) = watched.event(watched.frames(25))
        wait_until(lambda: any(watched.folder.glob("*.part.mkv")))
        watched.hides = True
        (second,) = watched.event(watched.frames(50, 25))
        watched.frames(10, 75)
    assert first != second
    assert [pictures(path)[0].shape for path in (first, second)] == [(272, 640, 3), (90, 160, 3)]


def test_notifications_and_sounds_that_fail_are_told_beside_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    book = _book(
        {"name": "note", "kind": "notification"},
        {"name": "gong", "kind": "sound", "file": "gong.wav"},
        {"name": "photo", "kind": "snapshot"},
    )
    with Watched(book, tmp_path) as watched:
        (photo,) = watched.event(watched.frames(1))
        wait_until(lambda: photo.exists() and len(watched.lines) == 2)
    note, gong = sorted(watched.lines, reverse=True)
    assert note.startswith("note: no notification can be shown here")
    assert gong.startswith(f"gong: {tmp_path}/gong.wav: there is no such sound file")


def test_a_notification_says_what_is_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, ...]] = []
    monkeypatch.setattr(DesktopWorker, "show", lambda _, *words: shown.append(words))
    played: list[Path] = []
    monkeypatch.setattr(DesktopWorker, "play", lambda _, name, file: played.append(file))
    with Watched(
        _book({"name": "note", "kind": "notification"}, {"name": "bell", "kind": "sound"}), tmp_path
    ) as watched:
        frame = watched.frames(1)
        watched.event(frame)
        crowd = Event("Stays", "All", 1.0, "", 0, 4)
        watched.actions.start(LiveEvent(crowd, CLOCK, frame, FOUND))
        wait_until(lambda: len(played) == 2)
    time_of_day = clock_text(CLOCK)[11:19]
    assert shown == [
        ("note", "Stays", f"{time_of_day}: cat at All, yard"),
        ("note", "Stays", f"{time_of_day}: 4 objects at All, yard"),
    ]
    assert played[0].exists()


def test_frames_are_not_kept_if_all_clips_are_copied(tmp_path: Path) -> None:
    film = {"name": "plain", "kind": "clip", "before": 1, "after": 1, "boxes": False}
    video = write_clip(tmp_path / "camera.mkv", 50)
    with Watched(_book(film), tmp_path) as watched:
        (first,) = watched.event(watched.frames(25))
        watched.frames(50, 25)
        wait_until(first.exists)
        for packet in Camera(video, 10.0).packets():
            watched.actions.note_packet(packet)
        (second,) = watched.event(watched.frames(25, 250))
    assert [pictures(path)[0].shape for path in (first, second)] == [(90, 160, 3), (272, 640, 3)]


def test_a_clip_that_can_be_no_longer_is_completed_beside_the_next_one(tmp_path: Path) -> None:
    film = {"name": "film", "kind": "clip", "before": 1, "after": 400}
    with Watched(_book(film), tmp_path) as watched:
        first = watched.event(watched.frames(50))
        wait_until(lambda: list(watched.folder.glob("*.part.mkv")))
        # 10 minutes later, the first one still goes on.
        later = LiveFrame(replace(watched.frames(1, 60).frame, captured_at=300.0), FOUND)
        second = watched.event(later, clock=CLOCK + 300)
        assert second != first
    assert watched.lines == [f"{second[0]}: the clip cannot be written (the source gave no frame)"]
    assert list(watched.folder.iterdir()) == first


def test_a_command_and_messages_tell_of_the_event(tmp_path: Path) -> None:
    write = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"
    told = tmp_path / "told.json"
    with (
        PostServer() as server,
        Mosquitto(tmp_path) as broker,
        Subscriber(broker.port) as subscriber,
    ):
        book = _book(
            {"name": "photo", "kind": "snapshot"},
            {"name": "do", "kind": "command", "command": [sys.executable, "-c", write, str(told)]},
            {"name": "post", "kind": "webhook", "address": server.address},
            {
                "name": "home",
                "kind": "mqtt",
                "address": f"mqtt://127.0.0.1:{broker.port}/yard",
                "home_assistant": True,
            },
        )
        with Watched(book, tmp_path) as watched:
            (photo,) = watched.event(watched.frames(1))
            wait_until(lambda: server.bodies and subscriber.of("yard/stays"))
            wait_until(lambda: told.exists() and told.stat().st_size)
    assert watched.lines == []
    body = json.loads(told.read_bytes())
    assert body.pop("time").startswith("2026-11-")
    assert body == {
        "source": "yard",
        "rule": "Stays",
        "text": "an object is in All",
        "zone": "All",
        "class": "cat",
        "track_id": 7,
        "number": 1,
        "files": [str(photo)],
    }
    posted = server.bodies[0]
    assert posted.pop("picture")
    assert posted.pop("time")
    assert posted == body
    published = json.loads(subscriber.of("yard/stays")[0])
    assert (published["event_type"], published["rule"]) == ("fired", "Stays")
    topics = [topic for topic, _ in subscriber.got]
    assert "homeassistant/event/yard_stays/config" in topics
    assert "homeassistant/event/yard_quiet/config" not in topics


def test_messages_that_were_not_delivered_wait_for_the_next_run(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}/"
    post = {"name": "post", "kind": "webhook", "address": address}
    with Watched(_book(post), tmp_path) as watched:
        watched.event(watched.frames(1))
        wait_until(lambda: watched.lines)
    assert watched.lines[1:] == ["post: 1 message waits, and will be sent by the next run"]
    with (
        PostServer() as server,
        Watched(_book({**post, "address": server.address}), tmp_path) as watched,
    ):
        wait_until(lambda: server.bodies)
        wait_until(lambda: not watched.actions.waiting("post"))
    assert watched.lines == []


def test_a_full_folder_is_told_and_the_other_actions_run(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("no folder")
    with PostServer() as server:
        book = _book(
            {"name": "photo", "kind": "snapshot"},
            {"name": "film", "kind": "clip"},
            {"name": "post", "kind": "webhook", "address": server.address, "picture": False},
        )
        with Watched(book, tmp_path) as watched:
            frame = watched.frames(1)
            watched.event(frame)
            watched.event(frame)
            wait_until(lambda: len(server.bodies) == 2)
    # The second event may have come while the clip of the first one was still to be begun.
    names = [line.partition(":")[0] for line in watched.lines]
    assert (names.count("photo"), names.count("film") in (1, 2)) == (2, True)
    assert all(str(tmp_path / "events") in line for line in watched.lines)
    assert "picture" not in server.bodies[0]


def test_files_over_the_limit_are_deleted(tmp_path: Path) -> None:
    book = _book({"name": "photo", "kind": "snapshot"}, files={"megabytes": 1})
    folder = tmp_path / "events"
    folder.mkdir()
    old = folder / "2025-01-01 00.00.00.000 Stays.mkv"
    old.write_bytes(bytes(1_200_000))
    with Watched(book, tmp_path) as watched:
        wait_until(lambda: not old.exists())
        (path,) = watched.event(watched.frames(1))
    assert list(folder.iterdir()) == [path]


def test_too_many_events_at_once_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_actions, "MOST_WAITING_EVENTS", 1)
    monkeypatch.setattr(event_actions, "write_image", lambda *_: time.sleep(0.2))
    with Watched(_book({"name": "photo", "kind": "snapshot"}), tmp_path) as watched:
        frame = watched.frames(1)
        started = [watched.event(frame) for _ in range(4)]
        assert [] in started
    assert "Stays: too many events at once; this one starts no actions" in watched.lines


def test_a_damaged_outbox_is_told(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").write_bytes(b"damaged" * 1000)
    post = {"name": "post", "kind": "webhook", "address": "http://127.0.0.1:9/"}
    with Watched(_book(post), tmp_path) as watched:
        pass
    assert "was damaged, so messages that waited are lost" in watched.lines[0]
    with Outbox(tmp_path / "outbox.db") as outbox:
        assert outbox.waiting("post") == 0
