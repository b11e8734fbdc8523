"""Define `LiveRequest`, the validated arguments of the command `live`."""

from dataclasses import dataclass, field
from pathlib import Path

from ssd_live.remote.network import ModelRequest
from ssd_live.video.sources import SourceOptions, SourceSpec


@dataclass(frozen=True)
class Overrides:
    """Values of the command line that replace the settings for the first model, in this run only.

    `threshold` is the lowest score to show; None keeps the threshold of the settings. `classes` are
    the only classes to show; an empty tuple keeps the classes of the settings.
    """

    threshold: float | None = None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveRequest:
    """The validated arguments of the command `live`.

    `model`, `backend` and `precision` are None if the settings decide. `record`, `screenshot` and
    `stats` are the paths of the files to write, or None. `exit_after` is in seconds. `no_camera`
    means that the program looked for a camera and found none.
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
    no_camera: bool = False

    @property
    def rate_caps(self) -> tuple[float | None, ...]:
        """For each source, the most frames per second to process, or None without a limit.

        Only files and network streams have a limit, because other sources are opened at the
        requested rate.
        """
        return tuple(
            self.options.rate if source.kind in ("file", "stream") else None
            for source in self.sources
        )

    def model_request(self, model: str, backend: str, precision: str) -> ModelRequest:
        """Return which model to load, and how.

        The arguments are the values of the settings, used where the command line gives no value.
        """
        return ModelRequest(
            self.model or model, self.backend or backend, self.precision or precision
        )
