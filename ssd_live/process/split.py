"""Split long videos into parts for several workers, and join what was made of the parts."""

import contextlib
from collections.abc import Callable, Sequence
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


def may_split(config: ModelConfig, settings: ProcessOptions) -> bool:
    """Return whether a part of a video gives the same detections as the whole video there.

    It does not if objects are tracked, or if inference runs only on some frames. A video of which
    only a part is wanted is not split either, nor is one in FFV1, which no container holds that
    keeps the times of all frames exactly.
    """
    return (
        config.tracking is None
        and not config.zones
        and settings.redaction is None
        and settings.every == 1
        and settings.start == 0
        and settings.duration is None
        and settings.max_frames is None
        and settings.quality.codec != "ffv1"
    )


def spans_of(task: Task, workers: int) -> list[Span]:
    """Return the parts into which a task is split for `workers` workers, or [] if it is not.

    Each part begins at a key frame, and has about 30 to 300 seconds. Only videos in folders are
    split.
    """
    if task.is_image or task.is_stored or task.source == STANDARD_INPUT:
        return []
    try:
        with VideoReader(task.source) as reader:
            duration = reader.info.duration or 0.0
            seconds = min(max(duration / workers, SHORTEST_SECONDS), LONGEST_SECONDS)
            count = min(round(duration / seconds), int(duration // SHORTEST_SECONDS))
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
    # MP4 and QuickTime keep the order in which frames are decoded, and MP4 does not hold MJPEG.
    return f"{number}{'.mov' if codec == 'mjpeg' else '.mp4'}"


def join_results(
    task: Task,
    log: LogPaths | None,
    videos: Sequence[Path],
    logs: Sequence[Path],
    starts: Sequence[float],
    settings: ProcessOptions,
    is_aborted: Callable[[], bool],
    *,
    is_whole: bool = True,
) -> tuple[list[Path], list[str]]:
    """Join the videos and the logs of the first parts of a task.

    `videos` and `logs` are in the order of the parts; each may be empty. `starts` are the times in
    seconds at which the parts begin. If `is_whole` is true, they are of all parts, and the results
    get their final names, both or none. Otherwise the results get the names of part files. Return
    the paths, and notes about the video. Raises `MediaError` if a file cannot be read,
    `OutputError` if a result cannot be written, and `KeyboardInterrupt` if `is_aborted` returns
    true before the video is complete.
    """
    made: list[Path] = []
    notes: list[str] = []
    with ExitStack() as stack:
        if logs:
            assert log is not None
            place = log.final if is_whole else _reserved(stack, log.beside.with_suffix(".jsonl"))
            # The file gets its name at the end of the block, when the video has its name.
            file = stack.enter_context(atomic_write(place))
            join_logs(logs, file)
            made.append(place)
        if videos:
            assert task.output is not None
            target = task.output if is_whole else _reserved(stack, task.output)
            _, notes = join(
                task.source,
                videos,
                starts,
                target,
                settings.quality,
                is_whole=is_whole,
                is_aborted=is_aborted,
            )
            made.insert(0, target)
    return made, notes


def _reserved(stack: ExitStack, path: Path) -> Path:
    """Return a new part file of `path`, which `stack` deletes if it is still empty at its end."""
    part = reserve_part(path)

    def delete_if_empty() -> None:
        with contextlib.suppress(OSError):
            if not part.stat().st_size:
                part.unlink()

    stack.callback(delete_if_empty)
    return part
