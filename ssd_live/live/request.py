"""The request of the command `live`."""

from dataclasses import dataclass, field
from pathlib import Path

from ssd_live.remote.client import ModelRequest
from ssd_live.video.sources import SourceOptions, SourceSpec


@dataclass(frozen=True)
class Overrides:
    """Values of the command line for the first model, in this run only.

    `classes` are the only classes to show; empty shows all.
    """

    threshold: float | None = None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveRequest:
    """A validated request.

    Model, backend and precision are None where the settings decide. `exit_after` is in seconds.
    `no_camera` means that no camera was found when one was searched for.
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
        """The rate cap of each source in frames per second, or None.

        Only files and streams have a cap, because they cannot be asked for a rate.
        """
        return tuple(
            self.options.rate if source.kind in ("file", "stream") else None
            for source in self.sources
        )

    def model_request(self, model: str, backend: str, precision: str) -> ModelRequest:
        """Return the request for a model; the arguments are the values of the settings."""
        return ModelRequest(
            self.model or model, self.backend or backend, self.precision or precision
        )
