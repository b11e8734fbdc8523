"""Open live sources of frames, each of which is named by one string."""

from ssd_live.video.sources.base import (
    PacketListener,
    PacketSource,
    Source,
    SourceInfo,
    SourceOptions,
    SourcePacket,
    SourceSpec,
)
from ssd_live.video.sources.parse import parse_source

__all__ = [
    "PacketListener",
    "PacketSource",
    "Source",
    "SourceInfo",
    "SourceOptions",
    "SourcePacket",
    "SourceSpec",
    "open_source",
    "parse_source",
]


def open_source(spec: SourceSpec, options: SourceOptions) -> Source:
    """Open the source that `spec` describes, and return it.

    `spec` comes from `parse_source`. `options` are the frame size and rate to ask the source for.
    Opening may take several seconds, because a network may be slow to answer. Raises `MediaError`
    if the source cannot be opened, `MissingPackageError` if a package for the source is not
    installed, and `UsageError` if its address is not valid.
    """
    match spec.kind:
        case "camera":
            from ssd_live.video.sources.camera import CameraSource

            return CameraSource(spec.address, options)
        case "stream":
            from ssd_live.video.sources.stream import StreamSource

            return StreamSource(spec.address)
        case "file":
            from ssd_live.video.sources.file import FileSource

            return FileSource(spec.address)
        case "images":
            from ssd_live.video.sources.images import ImagesSource

            return ImagesSource(spec.address, options)
        case "screen":
            from ssd_live.video.sources.screen import ScreenSource

            return ScreenSource(spec.address, options)
        case "pattern":
            from ssd_live.video.sources.pattern import PatternSource

            return PatternSource(spec.address, options)
