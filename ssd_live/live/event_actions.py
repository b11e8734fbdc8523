"""Do what the rules of one live source start: files, commands and messages about events."""

import contextlib
import json
import logging
import queue
import threading
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2

from ssd_live.actions.command import CommandRunner
from ssd_live.actions.desktop import DesktopWorker
from ssd_live.actions.event_files import delete_old, event_stem
from ssd_live.actions.mqtt import MqttBroker
from ssd_live.actions.outbox import MOST_WAITING, Message, Outbox
from ssd_live.actions.sender import Sender, Target
from ssd_live.actions.webhook import Webhook
from ssd_live.analytics.action_plans import (
    ClipAction,
    CommandAction,
    MessageAction,
    MqttAction,
    NotificationAction,
    SnapshotAction,
    SoundAction,
    WebhookAction,
)
from ssd_live.analytics.rules import RuleBook
from ssd_live.analytics.zone_drawing import CountedZones
from ssd_live.closing import Closing
from ssd_live.detections import Detections
from ssd_live.errors import OutputError, SsdLiveError
from ssd_live.imaging.crops import crop
from ssd_live.imaging.image_files import write_image
from ssd_live.imaging.overlay import BoxStyle
from ssd_live.live.clip_contents import (
    ClipContent,
    Drawing,
    FileContent,
    FileSound,
    FrameContent,
    PacketContent,
    PacketSound,
    Sound,
)
from ssd_live.live.clips import Clip
from ssd_live.live.frame_ring import FrameRing
from ssd_live.live.outputs import annotated
from ssd_live.live.packet_ring import PacketRing
from ssd_live.live.zone_watch import LiveEvent
from ssd_live.pipeline.live import LiveFrame
from ssd_live.results.growing_table import clock_text
from ssd_live.system.paths import assets_folder
from ssd_live.system.texts import counted
from ssd_live.video.sources import SourcePacket

_logger = logging.getLogger(__name__)

# So many events wait for their actions. If more come at once, these get no actions.
MOST_WAITING_EVENTS = 64
_MOST_USED = 1000
# The longer side of the picture in a message, in pixels.
_PICTURE_PIXELS = 320
_PICTURE_QUALITY = 85
_CLOSE_SECONDS = 3.0


@dataclass(frozen=True, eq=False)
class ActionSettings:
    """What the actions of a source need besides its events.

    `source` is its name. `folder` is the folder of the files, `base` the one in which sounds are
    looked for, and `outbox` the file in which messages wait. `visible` returns what is shown of a
    frame, or None; `style` is how snapshots and clips show it. `notify` gets a line of text for the
    user. `counted` returns the zones that are drawn with the boxes, or None. `hides` returns
    whether objects are hidden now; then the packets and the sound of the source are not copied.
    `file` returns the path of the video file that is played, or None.
    """

    source: str
    folder: Path
    base: Path
    outbox: Path
    visible: Callable[[LiveFrame], Detections | None]
    style: BoxStyle
    notify: Callable[[str], None]
    counted: Callable[[], CountedZones | None] = lambda: None
    hides: Callable[[], bool] = lambda: False
    file: Callable[[], Path | None] = lambda: None


@dataclass(frozen=True, eq=False)
class _Work:
    """The actions of an event, with the names of the files that they write."""

    live_event: LiveEvent
    names: Sequence[str]
    files: dict[str, Path] = field(default_factory=dict)


@dataclass(eq=False)
class _RunningClip:
    """A clip that goes on. `clip` is None until the actions' thread has begun to write it."""

    path: Path
    content: ClipContent
    end: float
    clip: Clip | None = None

    def extend(self, end: float) -> bool:
        """Let the clip go on until `end`; return whether it can."""
        if self.clip is not None:
            return self.clip.extend(end)
        self.end = max(self.end, end)
        return True


class EventActions(Closing):
    """The actions of one source. They run beside inference, in threads of their own.

    `book` has the rules and the actions. If `makes_clips` is true, call `note_frame` with every
    frame, and `note_packet` with every packet of the source that shows nothing hidden. Call `start`
    with every event. The constructor raises `OutputError` if the messages cannot
    be kept. What fails later is told by `notify` of the `settings`, and nothing else stops.
    `close` completes the files, and tries for two seconds to deliver what waits.
    """

    def __init__(self, book: RuleBook, settings: ActionSettings) -> None:
        self._settings = settings
        self._rules = {rule.name: rule for rule in book.rules}
        self._actions = {action.name: action for action in book.plan.actions}
        self._limits = book.plan.files
        self._clips: dict[str, _RunningClip] = {}
        self._clips_lock = threading.Lock()
        # All clips that are being written, also those that cannot be made longer any more.
        self._unfinished: set[Clip] = set()
        # Files that may not exist yet.
        self._used: deque[Path] = deque(maxlen=_MOST_USED)
        self._commands = CommandRunner(settings.notify)
        # Notifications do not wait for sounds.
        self._desktop = {
            kind: DesktopWorker(settings.notify)
            for kind in (NotificationAction, SoundAction)
            if any(isinstance(its, kind) for its in self._actions.values())
        }
        clips = [its for its in self._actions.values() if isinstance(its, ClipAction)]
        longest = max((clip.before for clip in clips), default=0.0)
        self._ring = FrameRing(longest) if clips else None
        self._packets = PacketRing(longest) if clips else None
        self._copies_all = not any(clip.boxes for clip in clips)
        self._outbox: Outbox | None = None
        self._senders: dict[str, Sender] = {}
        self._open_outbox(book)
        self._work: queue.Queue[_Work | None] = queue.Queue(MOST_WAITING_EVENTS)
        self._thread = threading.Thread(target=self._run, name="actions", daemon=True)
        self._thread.start()

    @property
    def makes_clips(self) -> bool:
        """Whether there are actions that make clips."""
        return self._ring is not None

    def note_frame(self, live_frame: LiveFrame) -> None:
        """Keep a frame for the clips. It does not wait."""
        if self._ring is None:
            return
        if self._packets is not None and self._settings.hides():
            # What came before would be shown after it.
            self._packets.clear()
        if self._copies_all and self._can_copy and not self._ring.is_followed:
            if self._ring.raw_frames:
                self._ring.clear()
            return
        self._ring.add(live_frame)

    def note_packet(self, packet: SourcePacket) -> None:
        """Keep a packet for the clips. It does not wait."""
        if self._packets is not None:
            self._packets.add(packet)

    def start(self, live_event: LiveEvent) -> list[Path]:
        """Begin the actions of an event, without waiting; return the files that they will write.

        A suppressed event starts nothing.
        """
        event = live_event.event
        if event.why_not:
            return []
        # Nobody else adds work, so there is still room below.
        if self._work.full():
            self._settings.notify(
                f"{event.rule}: too many events at once; this one starts no actions"
            )
            return []
        names = self._rules[event.rule].do
        work = _Work(live_event, names)
        for name in names:
            path = self._file_of(name, live_event)
            if path is not None:
                work.files[name] = path
        self._work.put(work)
        return list(work.files.values())

    def waiting(self, name: str) -> int:
        """Return how many messages of an action wait to be delivered."""
        return 0 if self._outbox is None else self._outbox.waiting(name)

    def close(self) -> None:
        """Complete the files, and end all threads. Messages that were not delivered stay."""
        self._work.put(None)
        self._thread.join(_CLOSE_SECONDS)
        with self._clips_lock:
            clips = list(self._unfinished)
        for clip in clips:
            clip.stop()
        for clip in clips:
            clip.join(_CLOSE_SECONDS)
        if self._ring is not None:
            self._ring.close()
        self._commands.close()
        for worker in self._desktop.values():
            worker.close()
        for name, sender in self._senders.items():
            sender.close()
            with contextlib.suppress(OutputError):
                if waiting := self.waiting(name):
                    what = "1 message waits" if waiting == 1 else f"{waiting} messages wait"
                    self._settings.notify(f"{name}: {what}, and will be sent by the next run")
        if self._outbox is not None:
            self._outbox.close()

    def _open_outbox(self, book: RuleBook) -> None:
        actions = [its for its in book.plan.actions if isinstance(its, MessageAction)]
        if not actions:
            return
        notify = self._settings.notify
        self._outbox = Outbox(self._settings.outbox)
        if self._outbox.was_broken:
            notify(f"{self._settings.outbox}: was damaged, so messages that waited are lost")
        for action in actions:
            target: Target
            if isinstance(action, WebhookAction):
                target = Webhook(action.address)
            else:
                assert isinstance(action, MqttAction)
                rules = [rule.name for rule in book.rules if action.name in rule.do]
                target = MqttBroker(action.address, rules if action.home_assistant else ())
            self._senders[action.name] = Sender(action.name, target, self._outbox, notify)

    def _file_of(self, name: str, live_event: LiveEvent) -> Path | None:
        """Return the path of the file that an action will write, or None if it writes none."""
        action = self._actions[name]
        if isinstance(action, ClipAction):
            assert self._ring is not None
            moment = live_event.live_frame.frame.captured_at
            with self._clips_lock:
                running = self._clips.get(name)
                if running is not None and self._is_cut_off(running):
                    running = None
                if running is None or not running.extend(moment + action.after):
                    path = self._new_path(live_event, ".mkv")
                    # From now on, no frame is lost, however long the clip takes to begin.
                    content = self._content_of(action, moment - action.before)
                    running = _RunningClip(path, content, moment + action.after)
                    self._clips[name] = running
            return running.path
        return self._new_path(live_event, ".jpg") if isinstance(action, SnapshotAction) else None

    @property
    def _can_copy(self) -> bool:
        """Whether a clip can be copied now, instead of being encoded."""
        return self._packets is not None and self._packets.can_copy and not self._settings.hides()

    def _is_cut_off(self, running: _RunningClip) -> bool:
        """Return whether a clip gets no more packets, because objects are hidden now."""
        is_copied = isinstance(running.content, PacketContent)
        return is_copied and running.clip is not None and self._settings.hides()

    def _content_of(self, action: ClipAction, begin: float) -> ClipContent:
        """Return what the clip of an action is made of, from now on."""
        assert self._ring is not None
        assert self._packets is not None
        settings = self._settings
        file = None if settings.hides() else settings.file()
        if not action.boxes:
            if self._can_copy:
                return PacketContent(self._packets, begin)
            if file is not None:
                return FileContent(self._ring, begin, file)
            drawing = Drawing(lambda _: None, settings.style)
        else:
            drawing = Drawing(settings.visible, settings.style, settings.counted)
        sound: Sound | None = None
        if not settings.hides():
            sound = PacketSound(self._packets) if file is None else FileSound(file)
        return FrameContent(self._ring, begin, drawing, sound)

    def _new_path(self, live_event: LiveEvent, suffix: str) -> Path:
        stem = event_stem(live_event.clock, live_event.event.rule)
        number = 1
        while True:
            more = f" {number}" if number > 1 else ""
            path = self._settings.folder / f"{stem}{more}{suffix}"
            if path not in self._used and not path.exists():
                self._used.append(path)
                return path
            number += 1

    def _run(self) -> None:
        self._delete_old()
        while (work := self._work.get()) is not None:
            for name in work.names:
                try:
                    self._do(name, work)
                except Exception as error:  # the other actions must go on
                    self._settings.notify(f"{name}: {error}")
            if work.files:
                self._delete_old()

    def _do(self, name: str, work: _Work) -> None:
        action, path = self._actions[name], work.files.get(name)
        if isinstance(action, SnapshotAction):
            assert path is not None
            live_frame, style = work.live_event.live_frame, self._settings.style
            found = work.live_event.visible if action.boxes else None
            counted = self._settings.counted() if action.boxes else None
            write_image(path, annotated(live_frame, found, style, counted))
        elif isinstance(action, ClipAction):
            self._start_clip(action)
        elif isinstance(action, CommandAction):
            body = self._body(work)
            self._commands.run(name, action.words, json.dumps(body).encode(), _variables(body))
        elif isinstance(action, NotificationAction):
            its = work.live_event
            self._desktop[NotificationAction].show(name, its.event.rule, self._news(its))
        elif isinstance(action, SoundAction):
            own = assets_folder() / "sounds" / "bell.wav"
            file = self._settings.base / action.file if action.file else own
            self._desktop[SoundAction].play(name, file)
        elif isinstance(action, MessageAction):
            self._send(action, work)

    def _start_clip(self, action: ClipAction) -> None:
        """Begin to write the clip of an action, unless it is being written already."""
        with self._clips_lock:
            running = self._clips.get(action.name)
            if running is None or running.clip is not None:
                return
            try:
                running.clip = Clip(running.path, running.content, running.end, self._clip_ended)
            except SsdLiveError:
                running.content.close()
                del self._clips[action.name]
                raise
            self._unfinished.add(running.clip)

    def _clip_ended(self, clip: Clip, error_message: str) -> None:
        with self._clips_lock:
            self._unfinished.discard(clip)
            self._clips = {name: its for name, its in self._clips.items() if its.clip is not clip}
        if error_message:
            self._settings.notify(error_message)
        elif clip.lost:
            self._settings.notify(f"{clip.path}: {clip.lost} frames are missing; writing was slow")
        self._delete_old()

    def _send(self, action: MessageAction, work: _Work) -> None:
        assert self._outbox is not None
        body = self._body(work)
        picture = self._picture(work.live_event) if action.picture else None
        message = Message(uuid.uuid4().hex, json.dumps(body, ensure_ascii=False).encode(), picture)
        given_up = self._outbox.add(action.name, message)
        if given_up:
            self._settings.notify(
                f"{action.name}: {MOST_WAITING} messages wait already; the oldest is given up"
            )
        self._senders[action.name].wake()

    def _body(self, work: _Work) -> dict[str, Any]:
        event = work.live_event.event
        return {
            "source": self._settings.source,
            "rule": event.rule,
            "text": self._rules[event.rule].sentence,
            "zone": event.zone,
            "class": event.class_name,
            "track_id": event.track_id,
            "number": event.number,
            "time": clock_text(work.live_event.clock),
            "files": [str(path) for path in work.files.values()],
        }

    def _news(self, live_event: LiveEvent) -> str:
        """Return the text of a notification: what is where, and when."""
        event = live_event.event
        who = event.class_name if event.track_id else counted(event.number, "object")
        time = clock_text(live_event.clock)[11:19]
        return f"{time}: {who} at {event.zone}, {self._settings.source}"

    def _picture(self, live_event: LiveEvent) -> bytes | None:
        """Return the picture of the object of an event, or of the whole frame, as JPEG."""
        frame, track_id = live_event.live_frame.frame, live_event.event.track_id
        its = next((one for one in live_event.visible if one.track_id == track_id), None)
        box = (0.0, 0.0, float(frame.width), float(frame.height)) if its is None else its.box
        picture = crop(frame, box, _PICTURE_PIXELS)
        if picture is None:
            return None
        encoded, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _PICTURE_QUALITY])
        return data.tobytes() if encoded else None

    def _delete_old(self) -> None:
        with self._clips_lock:
            keep = {path for clip in self._unfinished for path in clip.paths}
        deleted, freed = delete_old(self._settings.folder, self._limits, keep)
        if deleted:
            _logger.info(
                "deleted %d files of events, %.1f MB, to keep the limits", deleted, freed / 1e6
            )


def _variables(body: dict[str, Any]) -> dict[str, str]:
    """Return the environment variables that tell a command of an event."""
    values = {key: value for key, value in body.items() if not isinstance(value, list)}
    files = "\n".join(body["files"])
    return {
        f"SSD_LIVE_{key.upper()}": str(value).replace("\0", "")
        for key, value in {**values, "files": files}.items()
    }
