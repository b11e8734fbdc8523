"""Watch one live source for what the rules of a file name, and start their actions."""

from collections.abc import Callable
from pathlib import Path

from ssd_live.actions.outbox import outbox_of
from ssd_live.analytics.rules import RuleBook
from ssd_live.closing import Closing
from ssd_live.live.event_actions import ActionSettings, EventActions
from ssd_live.live.session import LiveSession
from ssd_live.live.source import LiveSource
from ssd_live.live.zone_watch import LiveCount, LiveEvent
from ssd_live.results.growing_table import clock_text


class RuleWatch(Closing):
    """The rules of `book` at the zones of a source, until `close`.

    `book` was read from `rules_file`. `title` is the name of the source. `on_event` is called in
    the infer thread with each event, also a suppressed one, and the files that its actions write;
    it must not wait. `notify` gets a line of text for the user. Raises `OutputError` if messages
    cannot be kept.
    """

    def __init__(
        self,
        session: LiveSession,
        source: LiveSource,
        title: str,
        book: RuleBook,
        rules_file: Path,
        on_event: Callable[[LiveEvent, list[Path]], None],
        notify: Callable[[str], None],
    ) -> None:
        self._source = source
        self._on_event = on_event
        self._actions = EventActions(
            book,
            ActionSettings(
                title,
                rules_file.parent / book.plan.files.folder,
                rules_file.parent,
                outbox_of(rules_file, title),
                lambda live_frame: session.visible(live_frame.detections),
                session.style,
                notify,
                source.zone_watch.counted,
                lambda: source.pipeline.redactor is not None,
                lambda: _played_file(source),
            ),
        )
        if self._actions.makes_clips:
            source.pipeline.listen(self._actions.note_frame)
            source.pipeline.packet_listener = self._actions.note_packet
        source.zone_watch.set_rules(book.rules)
        source.zone_watch.listen(self._note)

    def close(self) -> None:
        """Watch no more, and complete the files."""
        self._source.zone_watch.unlisten(self._note)
        self._source.zone_watch.set_rules(())
        self._source.pipeline.unlisten(self._actions.note_frame)
        self._source.pipeline.packet_listener = None
        self._actions.close()

    def _note(self, news: LiveCount | LiveEvent) -> None:
        if isinstance(news, LiveEvent):
            self._on_event(news, self._actions.start(news))


def _played_file(source: LiveSource) -> Path | None:
    """Return the path of the video file that a source plays, or None."""
    state = source.pipeline.state
    if state is None or state.spec.kind != "file" or state.info is None:
        return None
    return None if state.info.duration is None else Path(state.spec.address)


def event_text(live_event: LiveEvent) -> str:
    """Return a line about an event: the time of day, the rule and the object."""
    event = live_event.event
    who = f" ({event.class_name} {event.track_id})" if event.track_id else ""
    return f"{clock_text(live_event.clock)[11:19]} {event.rule}{who}"
