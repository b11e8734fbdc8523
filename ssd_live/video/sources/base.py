"""Define the interface of a source and the data classes that describe it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self, runtime_checkable

from ssd_live.imaging.frame import Frame

if TYPE_CHECKING:
    import av

Kind = Literal["camera", "stream", "file", "images", "screen", "pattern"]
# What the address of a window begins with; its title follows.
WINDOW = "window="


@dataclass(frozen=True)
class SourceSpec:
    """A source as parsed from the text that a user typed.

    `address` says what a source of this `kind` opens, such as a path, a URL or the number of a
    camera. `title` is the name to show to users, and never contains a password.
    """

    kind: Kind
    address: str
    title: str

    @property
    def returns(self) -> bool:
        """Whether a source that failed may work again later, so that reopening it makes sense.

        This is true for cameras, network streams, and windows of other programs.
        """
        is_window = self.kind == "screen" and self.address.startswith(WINDOW)
        return is_window or self.kind in ("camera", "stream")


@dataclass(frozen=True)
class SourceOptions:
    """The mode in which to open a source that has several modes, such as a camera.

    `size` is (width, height) in pixels. `rate` is in frames per second. `pixel_format` is a code of
    four letters such as MJPG. The source itself chooses each value that is None.
    """

    size: tuple[int, int] | None = None
    rate: float | None = None
    pixel_format: str | None = None


@dataclass(frozen=True)
class SourceInfo:
    """The properties of an open source.

    `width` and `height` are in pixels. `rate` is in frames per second, or None if it is unknown.
    `start` is the time of the first frame in seconds. `duration` is in seconds, or None if the
    source has no end.

    If `paced` is true, `read` returns frames earlier than their times, and the caller must hold
    each frame back until its time. `is_still` is true for a single image, which is shown once and
    stays. `seekable` says whether `seek` works. `mode` is a short text for users, such as the pixel
    format or the codec.
    """

    width: int
    height: int
    rate: float | None = None
    start: float = 0.0
    duration: float | None = None
    paced: bool = False
    is_still: bool = False
    seekable: bool = False
    mode: str = ""

    @property
    def is_live(self) -> bool:
        """Whether the source is live, so that frames are lost if they are not read in time."""
        return self.duration is None


class Source(Protocol):
    """An open source of frames, such as a camera or a video file.

    `info` holds its properties. Only one thread may use a source. Use it in a `with` block, or call
    `close`.
    """

    info: SourceInfo

    def read(self) -> Frame | None:
        """Wait for the next frame and return it upright.

        Return None at the end of the source. Raises `MediaError` if the source has failed.
        """
        ...

    def seek(self, seconds: float) -> None:
        """Continue with the first frame at or after `seconds` from the beginning of the source.

        Call this method only if `info.seekable` is true.
        """
        ...

    def close(self) -> None:
        """Close the source and free its resources."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


@dataclass(frozen=True, eq=False)
class SourcePacket:
    """A packet of a source's video or sound, as it came.

    `has_times` is false if the source has no times of its own. `arrived_at` is a time on the
    monotonic clock, in seconds.
    """

    packet: "av.Packet"
    has_times: bool
    arrived_at: float


# A callback that gets each packet of a source before it is decoded. It must not wait.
PacketListener = Callable[[SourcePacket], None]


@runtime_checkable
class PacketSource(Protocol):
    """A source that gives its packets too, in the thread that calls `read`."""

    packet_listener: PacketListener | None
