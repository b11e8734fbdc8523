"""Carry sound and subtitles from one file to another.

A stream is copied without change if the output container can hold it. Otherwise it is converted if
possible, or dropped.
"""

import contextlib
import io
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
from av.audio.resampler import AudioResampler
from av.container import InputContainer, OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream

# Every container that can hold sound can hold at least one of these codecs.
_AUDIO_FALLBACKS = ("aac", "libopus", "flac")
_LARGEST_TIME_ERROR_SECONDS = 0.1
_TEXT_SUBTITLES = "mov_text"
_PICTURE_SUBTITLES = frozenset({"dvbsub", "dvdsub", "pgssub", "xsub"})
_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


class Route(Protocol):
    """A converter from the packets of one input stream to the packets of its output stream."""

    def packets(self, packet: av.Packet | None) -> Iterator[av.Packet]:
        """Yield the output packets for one input packet.

        Call this method with None after the last packet, to get the packets that are still held
        back.
        """
        ...


class CopyRoute:
    """A route that copies packets without change to the stream `output`."""

    def __init__(self, output: Stream) -> None:
        self._output = output

    def packets(self, packet: av.Packet | None) -> Iterator[av.Packet]:
        """Yield the input packet itself, assigned to the output stream; yield nothing for None."""
        if packet is not None:
            packet.stream = self._output
            yield packet


class AudioRoute:
    """A route that decodes sound and encodes it with another codec.

    `source` is the input stream, and `output` is the output stream with the other codec.
    """

    def __init__(self, source: Stream, output: Stream) -> None:
        self._source: Any = source.codec_context
        self._output: Any = output.codec_context
        self._stream = output
        self._resampler: AudioResampler | None = None
        self._next_sample: int | None = None

    def packets(self, packet: av.Packet | None) -> Iterator[av.Packet]:
        """Yield the sound of an input packet as newly encoded packets.

        With None, yield the packets that are still held back. Yield nothing for a damaged packet.
        """
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
            context.open(strict=False)
            self._resampler = AudioResampler(
                context.format, context.layout, context.sample_rate, context.frame_size or None
            )
        for ready in self._resampler.resample(frame):
            self._set_time(ready)
            yield from self._mux_ready(context.encode(ready))

    def _set_time(self, frame: av.AudioFrame) -> None:
        """Set the time of a sound frame to the end of the previous one, in units of a sample.

        The frame's own time is not precise enough, because in some containers (AVI) the time unit
        of sound is longer than a sound frame. The own time is only used for the first frame and
        after a gap in the sound. It is a gap if the own time is later than the end of the previous
        frame by more than `_LARGEST_TIME_ERROR_SECONDS`.
        """
        rate = self._output.sample_rate
        if frame.pts is not None and frame.time_base is not None:
            told = round(frame.pts * frame.time_base * rate)
            if (
                self._next_sample is None
                or told - self._next_sample > _LARGEST_TIME_ERROR_SECONDS * rate
            ):
                self._next_sample = told
        frame.pts, frame.time_base = self._next_sample or 0, Fraction(1, rate)
        self._next_sample = frame.pts + frame.samples

    def _mux_ready(self, packets: list[av.Packet]) -> Iterator[av.Packet]:
        for packet in packets:
            packet.stream = self._stream
            yield packet


class SubtitleRoute:
    """A route that decodes text subtitles and encodes them in the container's own format.

    `source` is the input stream, and `output` is the output stream in that format.
    """

    def __init__(self, source: Stream, output: Stream) -> None:
        self._source: Any = source.codec_context
        self._stream = output

    def packets(self, packet: av.Packet | None) -> Iterator[av.Packet]:
        """Yield the subtitle of an input packet as a newly encoded packet.

        Yield nothing for None, for a damaged packet and for a packet without a subtitle.
        """
        if packet is None:
            return
        try:
            lines = self._source.decode2(packet)
        except av.error.InvalidDataError:
            return
        if lines is None:
            return
        context: Any = self._stream.codec_context
        encoded = context.encode_subtitle(lines)
        encoded.pts = encoded.dts = packet.pts
        encoded.duration, encoded.time_base, encoded.stream = (
            packet.duration,
            packet.time_base,
            self._stream,
        )
        yield encoded


def copy_packets(
    source: Path,
    target: Path,
    container_format: str,
    options: dict[str, str],
    timecode: tuple[str, Fraction] | None,
    is_aborted: Callable[[], bool],
) -> None:
    """Copy the streams of a video file to a new file without decoding them.

    `container_format` is FFmpeg's name of the new file's container, and `options` are options for
    it. Both files must be of the same kind of container, so that nothing must be converted.
    `timecode` is that of the first frame and the frame rate by which it counts, or None. Raises
    `av.FFmpegError` (some of its errors are an `OSError` too) if reading or writing fails, and
    `KeyboardInterrupt` if `is_aborted` returns true before the last packet is copied; the new file
    may then be there, incomplete.
    """
    with av.open(f"file:{source}") as reader:
        writer = av.open(f"file:{target}", "w", format=container_format, container_options=options)
        try:
            _copy_streams(reader, writer, timecode, is_aborted)
        except (av.FFmpegError, OSError):
            with contextlib.suppress(av.FFmpegError, OSError):
                writer.close()
            raise
        # After an abort, closing the file would still take long, to move the index.
        writer.close()


def _copy_streams(
    reader: InputContainer,
    writer: OutputContainer,
    timecode: tuple[str, Fraction] | None,
    is_aborted: Callable[[], bool],
) -> None:
    writer.metadata.update(reader.metadata)
    if timecode is not None:
        writer.metadata["timecode"] = timecode[0]
    outputs: dict[int, Any] = {}
    for stream in reader.streams:
        # Without `opaque`, PyAV looks for an encoder with the name of the decoder.
        output: Any = writer.add_stream_from_template(stream, opaque=True)
        if stream.type == "video" and timecode is not None:
            output.codec_context.framerate = timecode[1]
        output.metadata.update(stream.metadata)
        output.disposition = stream.disposition
        outputs[stream.index] = output
    for packet in reader.demux():
        if is_aborted():
            raise KeyboardInterrupt
        # The last packet of each stream is empty: it tells a decoder that the stream ends.
        if packet.dts is not None:
            rate = packet.stream.average_rate if isinstance(packet.stream, VideoStream) else None
            if not packet.duration and rate:
                # An MP4 file in fragments does not give the durations, and for VP9 FFmpeg does not
                # find them. Players leave out a last frame without a duration.
                packet.duration = max(round(1 / (rate * packet.time_base)), 1)
            packet.stream = outputs[packet.stream.index]
            writer.mux(packet)


@dataclass(frozen=True)
class Routing:
    """The routes of all input streams that are carried to the output file.

    `routes` maps the index of an input stream to the `Route` that copies or converts it. `notes`
    has a line for the user about each stream that is converted or dropped.
    """

    routes: dict[int, Route]
    notes: list[str]


def route_streams(
    streams: list[Stream], container: OutputContainer, *, converted: Collection[str] = ()
) -> Routing:
    """Add an output stream to `container` for every input stream that it can hold.

    `streams` are the input streams. A stream is converted if the container can hold it only in
    another codec, or if FFmpeg's name of its codec is in `converted`. Return the routes to the
    output streams, and notes about the streams that are converted or dropped.
    """
    routes: dict[int, Route] = {}
    notes: list[str] = []
    for stream in streams:
        route, note = _route(stream, container, converted)
        if route is not None:
            routes[stream.index] = route
        if note:
            notes.append(note)
    return Routing(routes, notes)


def _route(
    stream: Stream, container: OutputContainer, converted: Collection[str]
) -> tuple[Route | None, str]:
    label = f"{stream.type} stream {stream.index}"
    if stream.type not in ("audio", "subtitle"):
        return (
            None,
            f"{label} is dropped: besides its video, the output keeps only sound and subtitles",
        )
    if getattr(stream, "codec_context", None) is None:
        # PyAV's stubs do not say that an unknown codec has no context.
        return None, f"{label} is dropped: this FFmpeg does not know its codec"
    codec = stream.codec_context.name
    if codec not in converted and _holds(container, stream):
        return CopyRoute(_described(stream, container.add_stream_from_template(stream))), ""
    why = (
        f"{codec} keeps texts beside the sound"
        if codec in converted
        else f"{container.format.name} cannot hold {codec}"
    )
    if stream.type == "audio":
        for name in _AUDIO_FALLBACKS:
            if av.Codec(name, "w").canonical_name in container.supported_codecs:
                return _audio_route(
                    stream, container, name
                ), f"{label} is converted to {name}: {why}"
    elif codec not in _PICTURE_SUBTITLES and _TEXT_SUBTITLES in container.supported_codecs:
        return _subtitle_route(
            stream, container
        ), f"{label} is converted to {_TEXT_SUBTITLES}: {why}"
    advice = (
        ""
        if container.format.name == "matroska"
        else "; end the name of the output in .mkv to keep it"
    )
    return None, f"{label} is dropped: {why}{advice}"


def _audio_route(stream: Stream, container: OutputContainer, codec: str) -> AudioRoute:
    source: Any = stream.codec_context
    output: Any = container.add_stream(codec, rate=_nearest_rate(codec, source.sample_rate))
    # Some files give only the number of channels, but encoders need a channel layout.
    output.codec_context.layout = _LAYOUTS.get(source.channels, "stereo")
    return AudioRoute(stream, _described(stream, output))


def _nearest_rate(codec: str, rate: int) -> int:
    """Return the lowest sample rate of the codec that keeps all sound of `rate`, in Hz.

    That is the highest rate of the codec if none is as high as `rate`.
    """
    rates = av.Codec(codec, "w").audio_rates or [rate]
    return min((known for known in rates if known >= rate), default=max(rates))


def _subtitle_route(stream: Stream, container: OutputContainer) -> SubtitleRoute:
    source: Any = stream.codec_context
    source.open(strict=False)
    output: Any = container.add_stream(_TEXT_SUBTITLES)
    output.codec_context.subtitle_header = source.subtitle_header
    output.codec_context.time_base = stream.time_base
    return SubtitleRoute(stream, _described(stream, output))


def _holds(container: OutputContainer, stream: Stream) -> bool:
    """Return whether the container can hold the stream without conversion.

    This function tries to write the header of a file with this stream to memory, because FFmpeg's
    tables of supported codecs are incomplete.
    """
    try:
        with av.open(io.BytesIO(), "w", format=container.format.name) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _described(source: Stream, output: Stream) -> Stream:
    """Copy the language, title and disposition of `source` to `output`, and return `output`."""
    output.metadata.update(
        {key: value for key, value in source.metadata.items() if key in ("language", "title")}
    )
    output.disposition = source.disposition
    return output
