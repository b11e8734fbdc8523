"""Define `Report`, the statistics of one processed input."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Report:
    """The statistics of one processed input.

    `frames` counts the finished frames. `seconds` is the total time. `stages` maps the name of each
    stage to its seconds of work. `objects` counts the detections by class name. `tracks` maps the
    id of each track to its class name. `detected_frames` counts the frames on which inference ran
    for the objects. On some others it ran to check; `checked` counts the detections there and
    `missed` those that no track shows. `counts` maps (zone, what, class) to a number, where what is
    in or out for a line, and entered or left for an area; `zone_seconds` maps an area to the sum of
    the times in it of those that left. `events` maps (rule, why it was suppressed or "") to a
    number. `doubts` is the number of
    doubtful moments of a redaction. `notes` are messages for the user. `first_done_at` is the
    time when the first frame was finished, as `time.time` returns it, or None if there is no such
    frame yet.
    """

    frames: int = 0
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    objects: Counter[str] = field(default_factory=Counter)
    tracks: dict[int, str] = field(default_factory=dict)
    detected_frames: int = 0
    checked: int = 0
    missed: int = 0
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    zone_seconds: dict[str, float] = field(default_factory=dict)
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    doubts: int = 0
    notes: list[str] = field(default_factory=list)
    first_done_at: float | None = None

    def note(self, text: str) -> None:
        """Add a message for the user, unless it is there."""
        if text not in self.notes:
            self.notes.append(text)

    @property
    def fps(self) -> float:
        """The mean number of frames per second, or 0 while the input is processed."""
        return self.frames / self.seconds if self.seconds else 0.0
