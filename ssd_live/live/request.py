"""Define `LiveRequest`, the validated arguments of the command `live`."""

from dataclasses import dataclass, field
from pathlib import Path

from ssd_live.analytics.rules import RuleBook
from ssd_live.analytics.zones import Zone
from ssd_live.detection.tile_chooser import Tiles
from ssd_live.imaging.redaction import HidingStyle
from ssd_live.remote.network import ModelRequest
from ssd_live.video.sources import SourceOptions, SourceSpec


@dataclass(frozen=True)
class Overrides:
    """Values of the command line that replace values of the settings.

    They apply only to the first model of this run, and they are not stored. `threshold` is the
    lowest score to show, from 0 to 1; None keeps the threshold of the settings. `classes` are the
    names of the only classes to show; an empty tuple keeps the classes of the settings.
    """

    threshold: float | None = None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveRequest:
    """The validated arguments of the command `live`.

    `sources` are shown side by side, and `options` are the size and the frame rate to request from
    them. `model`, `backend` and `precision` are None if the settings decide. `overrides` replace
    values of the settings. `record`, `screenshot` and `stats` are the paths of the files to write,
    or None: a recording, an image of the window, and the statistics. If `full_screen` is true, the
    window starts in full-screen mode. `exit_after` is the time in seconds after which the program
    ends, or None. `is_default` means that the command line names no source. `no_camera` means that
    the program then looked for a camera and found none. `detections` is the file for the detections
    of a session without a window, "-" for the standard output, or "" for none. `track` says whether
    objects are tracked, `save_power` whether inference runs only where something moves, and `tiles`
    where it looks for small objects; None leaves it to the settings. `zones` are those of the one
    source; None leaves them to the window. `counts` and `events` are the files for the counts and
    the events of a session without a window, or None. `book` has the rules and their actions, and
    `rules_file` is the file of both, or None. `index` is whether the objects of recordings go into
    the index; None leaves it to the settings. `redact` are the names of the classes that are hidden
    in all frames, and `redact_style` says how; None leaves both to the settings.
    """

    sources: tuple[SourceSpec, ...]
    options: SourceOptions = field(default_factory=SourceOptions)
    model: str | None = None
    backend: str | None = None
    precision: str | None = None
    overrides: Overrides = field(default_factory=Overrides)
    record: Path | None = None
    full_screen: bool = False
    exit_after: float | None = None
    screenshot: Path | None = None
    stats: Path | None = None
    is_default: bool = False
    no_camera: bool = False
    detections: str = ""
    track: bool | None = None
    save_power: bool | None = None
    tiles: Tiles | None = None
    zones: tuple[Zone, ...] | None = None
    counts: Path | None = None
    book: RuleBook = field(default_factory=RuleBook)
    rules_file: Path | None = None
    events: Path | None = None
    index: bool | None = None
    redact: tuple[str, ...] | None = None
    redact_style: HidingStyle | None = None

    @property
    def rate_caps(self) -> tuple[float | None, ...]:
        """For each source, the highest number of frames to process in a second, or None.

        None means that there is no limit. Only files and network streams can have a limit, because
        other sources are opened at the requested rate.
        """
        return tuple(
            self.options.rate if source.kind in ("file", "stream") else None
            for source in self.sources
        )

    def model_request(self, model: str, backend: str, precision: str) -> ModelRequest:
        """Return the model to load, with its backend and precision.

        The arguments are the values of the settings. Each is used if the command line gives no
        value.
        """
        return ModelRequest(
            self.model or model, self.backend or backend, self.precision or precision
        )
