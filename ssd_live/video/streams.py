"""Sound and subtitles on their way from one file to another: copied untouched, converted where the container cannot hold them, or dropped."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import av
from av.audio.resampler import AudioResampler
from av.container import OutputContainer
from av.stream import Stream

# What a container that cannot hold the original can always hold, if it holds sound at all.
_AUDIO_FALLBACKS = ("aac", "libopus", "flac")


class Route(Protocol):
    """Takes one input stream's packets and gives the output's."""

    def packets(self, packet: av.Packet | None) -> Iterator[av.Packet]:
        """The output packets for one input packet; None at the end."""
        ...


class CopyRoute:
    def __init__(self, output: Stream) -> None:
        self._output = output

    def packets(self, packet: av.Packet | None) -> Iterator[av.Packet]:
        if packet is not None:
            packet.stream = self._output
            yield packet


class AudioRoute:
    """Decodes and encodes again."""

    def __init__(self, source: Stream, output: Stream) -> None:
        self._source: Any = source.codec_context
        self._output: Any = output.codec_context
        self._stream = output
        self._resampler: AudioResampler | None = None

    def packets(self, packet: av.Packet | None) -> Iterator[av.Packet]:
        try:
            frames = self._source.decode(packet)
        except av.error.InvalidDataError:
            return
        for frame in frames:
            yield from self._encode(frame)
        if packet is None:
            yield from self._encode(None)
            yield from self._mux_ready(self._output.encode(None))

    def _encode(self, frame: "av.AudioFrame | None") -> Iterator[av.Packet]:
        context = self._output
        if self._resampler is None:
            if frame is None:
                return
            context.open()
            self._resampler = AudioResampler(context.format, context.layout, context.sample_rate, context.frame_size or None)
        for ready in self._resampler.resample(frame):
            yield from self._mux_ready(context.encode(ready))

    def _mux_ready(self, packets: list[av.Packet]) -> Iterator[av.Packet]:
        for packet in packets:
            packet.stream = self._stream
            yield packet


@dataclass(frozen=True)
class Routing:
    """Input stream index -> route, and a line for each stream that does not go on untouched."""

    routes: dict[int, Route]
    notes: list[str]


def route_streams(streams: list[Stream], container: OutputContainer) -> Routing:
    """Make an output stream for every input stream that the container can hold."""
    routes: dict[int, Route] = {}
    notes: list[str] = []
    for stream in streams:
        route, note = _route(stream, container)
        if route is not None:
            routes[stream.index] = route
        if note:
            notes.append(note)
    return Routing(routes, notes)


def _route(stream: Stream, container: OutputContainer) -> tuple[Route | None, str]:
    label = f"{stream.type} stream {stream.index}"
    if stream.codec_context is None or stream.type not in ("audio", "subtitle"):
        return None, f"{label} is dropped: only sound and subtitles are carried over"
    codec = stream.codec_context.name
    name = container.format.name
    if _holds(container, stream):
        try:
            output = container.add_stream_from_template(stream)
            _describe(stream, output)
            return CopyRoute(output), ""
        except (av.FFmpegError, ValueError):
            pass
    if stream.type == "audio":
        for fallback in _AUDIO_FALLBACKS:
            if fallback in container.supported_codecs or fallback.removeprefix("lib") in container.supported_codecs:
                source: Any = stream.codec_context
                encoded: Any = container.add_stream(fallback, rate=source.sample_rate)
                encoded.codec_context.layout = source.layout
                _describe(stream, encoded)
                return AudioRoute(stream, encoded), f"{label} ({codec}) is converted to {fallback}: {name} cannot hold {codec}"
    return None, f"{label} ({codec}) is dropped: {name} cannot hold it; an .mkv output can"


def _holds(container: OutputContainer, stream: Stream) -> bool:
    """Whether the container takes the codec as it is; FFmpeg's own table, by the codec's canonical name."""
    return stream.codec_context is not None and stream.codec_context.codec.canonical_name in container.supported_codecs


def _describe(source: Stream, output: Stream) -> None:
    output.metadata.update({key: value for key, value in source.metadata.items() if key in ("language", "title")})
    output.disposition = source.disposition
