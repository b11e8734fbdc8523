"""Cut a part out of a video file without decoding it."""

import contextlib
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.stream import Stream

from ssd_live.errors import MediaError, OutputError
from ssd_live.system.atomic_files import os_error_text, rename_new, reserve_part
from ssd_live.video.containers import open_file, video_stream

# Streams of these types are kept.
_KEPT = ("video", "audio", "subtitle")
# If a seek ends too late, the next one goes so much further back, in seconds.
_BACK_SECONDS = (0.0, 2.0, 10.0, 60.0, 1e9)


def cut(source: Path, target: Path, begin: float, end: float) -> float:
    """Copy a part of a video with its sound to the new Matroska file `target`; return its begin.

    `begin` and `end` are times of frames in seconds, as the reader gives them. Nothing is encoded
    again, so the part begins at the last key frame before `begin`, whose time is returned.

    Raises `MediaError` if the video cannot be read, and `OutputError` if the file exists already or
    cannot be written. Until it is complete, it has `.part` in its name.
    """
    with open_file(source) as reader:
        video = video_stream(reader, source)
        part = reserve_part(target)
        try:
            with av.open(f"file:{part}", "w", format="matroska") as writer:
                first = _copy(reader, writer, video, begin, end)
            if first is not None:
                rename_new(part, target)
        except MediaError:
            raise
        except FileExistsError:
            raise OutputError(f"{target}: exists already; choose another place") from None
        except OSError as error:
            # Errors of FFmpeg are of this type too.
            raise OutputError(
                f"{target}: the part cannot be written ({os_error_text(error)}); free some space "
                "or choose another place"
            ) from error
        except av.FFmpegError as error:
            raise MediaError(
                f"{source}: the part cannot be copied ({error}); process the video again"
            ) from error
        finally:
            part.unlink(missing_ok=True)
    if first is None:
        raise MediaError(
            f"{source}: has no frame from {begin:.1f} s to {end:.1f} s; the video is shorter than "
            "its log says"
        )
    return first


def _copy(
    reader: InputContainer, writer: OutputContainer, video: Stream, begin: float, end: float
) -> float | None:
    """Copy the packets of the part; return the time of its first frame, or None without one."""
    outputs: dict[int, Any] = {}
    for stream in reader.streams:
        if stream.type in _KEPT and (stream is video or stream.type != "video"):
            # Matroska does not hold all subtitles and data, and these are left out.
            with contextlib.suppress(ValueError):
                outputs[stream.index] = _added(writer, stream)
    if video.index not in outputs:
        raise MediaError(f"{reader.name}: its codec cannot be copied; process the video again")
    key = _seek(reader, video, begin)
    first: float | None = None
    has_part = False
    # Sound that comes before the first key frame in the file may belong to the part.
    waiting: list[av.Packet] = []
    for packet in reader.demux():
        output = outputs.get(packet.stream.index)
        if output is None or packet.pts is None:
            continue
        time = _seconds(packet.pts, packet)
        if packet.stream is video:
            # Pictures after the end may be needed by those before it, so the order in which they
            # are decoded decides.
            if packet.dts is not None and _seconds(packet.dts, packet) >= end:
                break
            if first is None:
                if not packet.is_keyframe or packet.pts < key or time >= end:
                    continue
                first = time
                for early in waiting:
                    if _seconds(early.pts, early) >= first:
                        _mux(writer, outputs[early.stream.index], early, first)
                waiting.clear()
            if time < first:
                # The pictures before an open key frame need frames that are not copied.
                continue
            has_part = has_part or begin <= time < end
        elif first is None:
            waiting.append(packet)
            continue
        elif not first <= time < end:
            continue
        _mux(writer, output, packet, first)
    return first if has_part else None


def _seek(reader: InputContainer, video: Stream, begin: float) -> int:
    """Move to a place before a time; return the pts of the last key frame at or before the time.

    In some formats (MPEG-TS), a seek may end after the time that was asked for. If there is no such
    key frame, that of the first one after it is returned.
    """
    assert video.time_base is not None
    start = video.start_time or 0
    for back in _BACK_SECONDS:
        wanted = max(int((begin - back) / video.time_base) + 1, start)
        # A raw stream cannot seek, so it is read from its beginning.
        with contextlib.suppress(av.FFmpegError):
            reader.seek(wanted, stream=video)
        key: int | None = None
        for packet in reader.demux(video):
            if packet.pts is None or not packet.is_keyframe:
                continue
            if key is not None and packet.pts > begin / video.time_base:
                break
            key = packet.pts
        if key is not None and (key <= wanted or wanted == start):
            with contextlib.suppress(av.FFmpegError):
                reader.seek(wanted, stream=video)
            return key
    return start


def _seconds(value: int | None, packet: av.Packet) -> float:
    assert value is not None
    return float(value * packet.time_base)


def _added(writer: OutputContainer, stream: Stream) -> Any:
    # Without `opaque`, PyAV looks for an encoder with the name of the decoder.
    output: Any = writer.add_stream_from_template(stream, opaque=True)
    output.metadata.update(stream.metadata)
    output.disposition = stream.disposition
    return output


def _mux(writer: OutputContainer, output: Any, packet: av.Packet, first: float) -> None:
    assert packet.pts is not None
    shift = round(first / packet.time_base)
    packet.pts -= shift
    if packet.dts is not None:
        packet.dts -= shift
    elif output.type == "video":
        # Matroska does not give the first ones after a seek. One second is more than pictures are
        # ever out of order.
        packet.dts = packet.pts - round(1 / packet.time_base)
    packet.stream = output
    writer.mux(packet)
