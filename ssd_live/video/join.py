"""Join the parts of a video that were encoded one by one."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import av

from ssd_live.errors import MediaError
from ssd_live.video.containers import open_file, video_stream
from ssd_live.video.reader import VideoReader
from ssd_live.video.writer import Quality, VideoWriter


def join(
    source: Path,
    parts: Sequence[Path],
    target: Path,
    quality: Quality,
    *,
    is_whole: bool = True,
    is_aborted: Callable[[], bool] = lambda: False,
) -> tuple[int, list[str]]:
    """Write a copy of the video `source` to `target`, with the pictures of `parts`.

    `parts` are videos of consecutive parts of the copy, made with `quality`, whose frames have the
    times that they have in the copy. Sound, subtitles and metadata come from `source`, as in
    `VideoWriter`; they end with the pictures if `is_whole` is false. Nothing is decoded. Return the
    number of frames, and the notes of the writer.

    Raises `MediaError` if a file cannot be read, and `OutputError` if the copy cannot be written.
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
        pictures = _Pictures(parts)
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

    `have_ended` becomes true after the last one.
    """

    def __init__(self, parts: Sequence[Path]) -> None:
        self._parts = parts
        self.have_ended = False

    def __iter__(self) -> Iterator[av.Packet]:
        for part in self._parts:
            with open_file(part) as container:
                try:
                    for packet in container.demux(video_stream(container, part)):
                        # The last packet is empty: it tells a decoder that the stream ends.
                        if packet.size:
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
