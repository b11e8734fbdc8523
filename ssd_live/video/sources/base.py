"""The contract of a source."""

from dataclasses import dataclass
from typing import Literal, Protocol, Self

from ssd_live.imaging.frame import Frame

Kind = Literal["camera", "stream", "file", "images", "screen", "pattern"]


@dataclass(frozen=True)
class SourceSpec:
    """What a source string means. `title` is what people read: no password stands in it."""

    kind: Kind
    address: str
    title: str

    @property
    def returns(self) -> bool:
        """Whether it may go away and come back."""
        return self.kind in ("camera", "stream")


@dataclass(frozen=True)
class SourceOptions:
    """What is asked of a source that can choose: `size` (width, height) in pixels, `rate` in frames
    a second.
    """

    size: tuple[int, int] | None = None
    rate: float | None = None
    pixel_format: str | None = None


@dataclass(frozen=True)
class SourceInfo:
    """What was granted. `rate` is None where it is unknown, `duration` (seconds) where there is no
    end; `start` is the first frame's time.

    `paced` says that frames come sooner than their times and are to be held back until then;
    `seekable` that `seek` works.
    """

    width: int
    height: int
    rate: float | None = None
    start: float = 0.0
    duration: float | None = None
    paced: bool = False
    seekable: bool = False
    mode: str = ""

    @property
    def is_live(self) -> bool:
        """Whether what is not taken is lost."""
        return self.duration is None


class Source(Protocol):
    """An open source, used by one thread: a with-block."""

    info: SourceInfo

    def read(self) -> Frame | None:
        """The next frame, upright; waits for it. None at the end. Raises `MediaError` when the
        source is gone.
        """
        ...

    def seek(self, seconds: float) -> None:
        """Go on with the first frame at or after this time from the beginning, where
        `info.seekable`.
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...
