"""What the command `live` asks for."""

from dataclasses import dataclass, field
from pathlib import Path

from ssd_live.remote.client import ModelRequest
from ssd_live.video.sources import SourceOptions, SourceSpec


@dataclass(frozen=True)
class Overrides:
    """Of the command line, for this run only, on the first network: a threshold, and the only
    classes to show (none for all).
    """

    threshold: float | None = None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveRequest:
    """A checked request. Model, backend and precision are None where the settings decide.

    `no_camera` says that a camera was looked for and not found.
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
        """Of sources that cannot be asked for a rate."""
        return tuple(
            self.options.rate if source.kind in ("file", "stream") else None
            for source in self.sources
        )

    def model_request(self, model: str, backend: str, precision: str) -> ModelRequest:
        return ModelRequest(
            self.model or model, self.backend or backend, self.precision or precision
        )
