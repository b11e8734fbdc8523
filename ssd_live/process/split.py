"""Split long videos into parts for several workers, and join what was made of the parts."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ssd_live.errors import MediaError
from ssd_live.process.job import ModelConfig, ProcessOptions
from ssd_live.process.plan import Span, Task
from ssd_live.results.records import LogPaths, join_logs
from ssd_live.system.atomic_files import atomic_write, reserve_part
from ssd_live.system.standard_streams import STANDARD_INPUT
from ssd_live.video.encoders import Codec
from ssd_live.video.join import join
from ssd_live.video.reader import VideoReader

# Loading and seeking cost a second or two for each part; long parts are lost as a whole if a worker
# dies.
SHORTEST_SECONDS, LONGEST_SECONDS = 30.0, 300.0
# MP4 keeps the order in which frames are decoded, which joining needs; these codecs decode in the
# order of time, and MP4 does not hold them.
_MATROSKA_CODECS: tuple[Codec, ...] = ("ffv1", "mjpeg")


def may_split(config: ModelConfig, settings: ProcessOptions) -> bool:
    """Return whether a part of a video gives the same detections as the whole video there.

    It does not if objects are tracked, or if inference runs only on some frames. A video of which
    only a part is wanted is not split either.
    """
    return (
        config.tracking is None
        and not config.zones
        and settings.redaction is None
        and settings.every == 1
        and settings.start == 0
        and settings.duration is None
        and settings.max_frames is None
    )


def spans_of(task: Task, workers: int) -> list[Span]:
    """Return the parts into which a task is split for `workers` workers, or [] if it is not.

    Each part begins at a key frame, and has 30 to 300 seconds. Only videos in folders are split.
    """
    if task.is_image or task.is_stored or task.source == STANDARD_INPUT:
        return []
    try:
        with VideoReader(task.source) as reader:
            duration = reader.info.duration or 0.0
            seconds = min(max(duration / workers, SHORTEST_SECONDS), LONGEST_SECONDS)
            count = round(duration / seconds)
            wanted = [duration * number / count for number in range(1, count)]
            starts = [0.0, *(time for time in reader.key_times(wanted) if time > 0)]
    except MediaError:
        # The worker that gets the task says what is wrong.
        return []
    if len(starts) < 2:
        return []
    ends = [*starts[1:], None]
    return [
        Span(start, None if end is None else end - start)
        for start, end in zip(starts, ends, strict=True)
    ]


def part_name(number: int, codec: Codec) -> str:
    """Return the file name of the video of a part, counted from 0."""
    return f"{number}{'.mkv' if codec in _MATROSKA_CODECS else '.mp4'}"


def join_results(
    task: Task,
    log: LogPaths | None,
    videos: Sequence[Path],
    logs: Sequence[Path],
    settings: ProcessOptions,
    *,
    is_whole: bool = True,
) -> tuple[list[Path], list[str]]:
    """Join the videos and the logs of the first parts of a task.

    `videos` and `logs` are in the order of the parts; each may be empty. If `is_whole` is true,
    they are of all parts, and the results get their final names, both or none. Otherwise the
    results get the names of part files. Return the paths, and notes about the video. Raises
    `MediaError` if a file cannot be read, and `OutputError` if a result cannot be written.
    """
    made: list[Path] = []
    notes: list[str] = []
    with ExitStack() as stack:
        if logs:
            assert log is not None
            place = log.final if is_whole else reserve_part(log.beside.with_suffix(".jsonl"))
            # The file gets its name at the end of the block, when the video has its name.
            file = stack.enter_context(atomic_write(place))
            join_logs(logs, file)
            made.append(place)
        if videos:
            assert task.output is not None
            target = task.output if is_whole else reserve_part(task.output)
            _, notes = join(task.source, videos, target, settings.quality, is_whole=is_whole)
            made.insert(0, target)
    return made, notes
