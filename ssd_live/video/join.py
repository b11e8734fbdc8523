"""Join the parts of a video that were encoded one by one."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av

from ssd_live.errors import MediaError, OutputError
from ssd_live.video.containers import open_file, video_stream
from ssd_live.video.reader import VideoReader
from ssd_live.video.writer import Quality, VideoWriter


def join(
    source: Path,
    parts: Sequence[Path],
    starts: Sequence[float],
    target: Path,
    quality: Quality,
    *,
    is_whole: bool = True,
    is_aborted: Callable[[], bool] = lambda: False,
) -> tuple[int, list[str]]:
    """Write a copy of the video `source` to `target`, with the pictures of `parts`.

    `parts` are videos of consecutive parts of the copy, made with `quality`. The first frame of
    each has the time 0, and `starts` are the times in seconds, after the first frame of `source`,
    at which the parts begin. Sound, subtitles and metadata come from `source`, as in
    `VideoWriter`; they end with the pictures if `is_whole` is false. Nothing is decoded. Return the
    number of frames, and the notes of the writer.

    Raises `MediaError` if a file cannot be read, and `OutputError` if the copy cannot be written,
    such as if the parts were encoded in different ways.
    Raises `KeyboardInterrupt` if `is_aborted` returns true before the copy is complete.
    """
    with ExitStack() as stack:
        reader = stack.enter_context(VideoReader(source))
        # The streams of the writer belong to the file as it is opened now.
        reader.restart()
        first = stack.enter_context(open_file(parts[0]))
        writer = stack.enter_context(
            VideoWriter(
                target,
                reader,
                quality,
                shift_pts=min(reader.start_pts, 0),
                encoded=video_stream(first, parts[0]),
            )
        )
        # Ticks are exact, and seconds are not.
        unit = reader.info.time_base
        first_pts = reader.start_pts - min(reader.start_pts, 0)
        offsets = [first_pts + round(start / unit) for start in starts]
        pictures = _Pictures(parts, [offset * unit for offset in offsets], target)
        others = reader.other_packets(writer.carried_streams)
        merged = heapq.merge(
            ((_time(packet), packet, True) for packet in pictures),
            ((_time(packet), packet, False) for packet in others),
            key=lambda item: item[0],
        )
        for _, packet, is_picture in merged:
            if is_aborted():
                raise KeyboardInterrupt
            if is_picture:
                writer.write_encoded(packet)
            elif is_whole or not pictures.have_ended:
                writer.write_packet(packet)
            else:
                break
        writer.finish(is_aborted)
        return writer.frames, writer.notes


class _Pictures:
    """The packets of the videos `parts`, one after the other; iterate over them once.

    `offsets` are the times in seconds at which the parts begin in `target`, the copy. `have_ended`
    becomes true after the last packet.
    """

    def __init__(self, parts: Sequence[Path], offsets: Sequence[Fraction], target: Path) -> None:
        self._parts, self._offsets, self._target = parts, offsets, target
        self.have_ended = False

    def __iter__(self) -> Iterator[av.Packet]:
        last_dts: int | None = None
        headers: bytes | None = None
        for part, offset in zip(self._parts, self._offsets, strict=True):
            with open_file(part) as container:
                stream = video_stream(container, part)
                its = stream.codec_context.extradata or b""
                if headers is not None and its != headers:
                    raise OutputError(
                        f"{self._target}: the workers encode in different ways, so that the parts "
                        "of the video cannot be joined; process it without --runner ray"
                    )
                headers = its
                try:
                    for packet in container.demux(stream):
                        # The last packet is empty: it tells a decoder that the stream ends.
                        if not packet.size:
                            continue
                        ticks = round(offset / packet.time_base)
                        if packet.pts is not None:
                            packet.pts += ticks
                        if packet.dts is not None:
                            # At irregular frame rates, a part begins to be decoded too early.
                            dts = packet.dts + ticks
                            last_dts = dts if last_dts is None else max(dts, last_dts + 1)
                            packet.dts = last_dts
                        yield packet
                except av.FFmpegError as error:
                    raise MediaError(
                        f"{part}: this part of the video cannot be read ({error}); try again"
                    ) from error
        self.have_ended = True


def _time(packet: av.Packet) -> float:
    """Return the time in seconds by which packets are put in order."""
    ticks = packet.pts if packet.dts is None else packet.dts
    return 0.0 if ticks is None else float(ticks * packet.time_base)
