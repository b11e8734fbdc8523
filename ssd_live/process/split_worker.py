"""Workers that share long videos: each takes parts of them."""

import queue
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from ssd_live.errors import CancelledError, IncompleteError, SsdLiveError
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.process.job import ProcessOptions
from ssd_live.process.plan import Span, Task
from ssd_live.process.report import Report
from ssd_live.process.split import join_results, part_name
from ssd_live.process.workers import OnFrames, Worker
from ssd_live.results.records import LogPaths
from ssd_live.system.atomic_files import parts_of

_POLL_SECONDS = 0.2


class WorkerPool:
    """The workers of one run, of which each does one thing at a time.

    `spans` maps each task that is split to its parts; see `split.spans_of`.
    """

    def __init__(
        self,
        workers: Sequence[Worker],
        spans: dict[Task, list[Span]],
        settings: ProcessOptions,
    ) -> None:
        self._free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in workers:
            self._free.put(worker)
        self._spans = spans
        self.settings = settings

    def spans(self, task: Task) -> list[Span]:
        """Return the parts of a task, or [] if it is not split."""
        return self._spans.get(task, [])

    def do(
        self, task: Task, log: LogPaths | None, on_frames: OnFrames, cancellation: Cancellation
    ) -> tuple[Report, Exception | None]:
        """Let the next free worker process a task, and return its report and its error."""
        worker = self._free.get()
        found: Exception | None = None
        try:
            worker.run(task, log, on_frames, cancellation)
        except Exception as error:
            found = error
        finally:
            # Whoever gets the worker next changes its report.
            report = worker.report
            self._free.put(worker)
        return report, found


class SplittingWorker:
    """A worker that has its tasks done by the workers of a pool, long videos in parts.

    `report` holds the statistics of the last task.
    """

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self.report = Report()

    def run(
        self, task: Task, log: LogPaths | None, on_frames: OnFrames, cancellation: Cancellation
    ) -> None:
        """Process a task; see `Worker.run`."""
        spans = self._pool.spans(task)
        if spans:
            self._run_parts(task, log, spans, on_frames, cancellation)
            return
        self.report, error = self._pool.do(task, log, on_frames, cancellation)
        if error is not None:
            raise error

    def _run_parts(
        self,
        task: Task,
        log: LogPaths | None,
        spans: Sequence[Span],
        on_frames: OnFrames,
        cancellation: Cancellation,
    ) -> None:
        """Process a task in parts, join the results, and give them their final names.

        If the work is stopped, the results of the first parts are kept in part files.
        """
        self.report = Report()
        began = time.perf_counter()
        # Every worker can reach the folder of the results.
        near = task.output or (log.beside if log else None)
        folder = near.parent if near is not None else None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=".ssd_live-", dir=folder, ignore_cleanup_errors=True
        ) as place:
            parts = [
                self._part(task, log, span, Path(place), number)
                for number, span in enumerate(spans)
            ]
            try:
                done = self._all_done(parts, on_frames, cancellation)
                self._finish(task, log, parts, done, cancellation)
            finally:
                self.report.seconds = time.perf_counter() - began

    def _part(
        self, task: Task, log: LogPaths | None, span: Span, folder: Path, number: int
    ) -> tuple[Task, LogPaths | None]:
        codec = self._pool.settings.quality.codec
        video = folder / part_name(number, codec) if task.output is not None else None
        lines = folder / f"{number}.jsonl"
        part = replace(task, output=video, span=span)
        return part, None if log is None else LogPaths(lines, lines)

    def _all_done(
        self,
        parts: Sequence[tuple[Task, LogPaths | None]],
        on_frames: OnFrames,
        cancellation: Cancellation,
    ) -> list[Exception | None]:
        """Process the parts and return the error of each, or None if it is finished.

        After an error, the parts that run are stopped and no others begin, unless the part was only
        incomplete.
        """
        own = Cancellation()
        progress = _Progress(len(parts), on_frames)

        def work(number: int) -> tuple[Report, Exception | None]:
            if own.is_stopped:
                return Report(), CancelledError("stopped before this part was begun")
            report, error = self._pool.do(*parts[number], progress.of(number), own)
            if error is not None and not isinstance(error, IncompleteError):
                own.stop()
            return report, error

        with (
            cancellation.calls(lambda: own.abort() if cancellation.is_aborted else own.stop()),
            ThreadPoolExecutor(len(parts), thread_name_prefix="part") as pool,
        ):
            futures = [pool.submit(work, number) for number in range(len(parts))]
            # Wait with a timeout. A signal may arrive in another thread, and this thread would not
            # see it while it waits without a limit.
            while wait(futures, _POLL_SECONDS)[1]:
                pass
        results = [future.result() for future in futures]
        for report, _ in results:
            self._add(report)
        return [error for _, error in results]

    def _finish(
        self,
        task: Task,
        log: LogPaths | None,
        parts: Sequence[tuple[Task, LogPaths | None]],
        errors: Sequence[Exception | None],
        cancellation: Cancellation,
    ) -> None:
        # The error of a part that was stopped because of another one's says nothing.
        unfinished = (CancelledError, IncompleteError)
        fatal = [error for error in errors if error and not isinstance(error, unfinished)]
        if fatal and not cancellation.is_stopped:
            raise _named(fatal[0], task, parts)
        starts, videos, logs = _made(parts, errors)
        is_stopped = any(isinstance(error, CancelledError) for error in errors)
        if cancellation.is_aborted or (is_stopped and not (videos or logs)):
            raise CancelledError(f"stopped before {task.source} was done")
        made, notes = join_results(
            task,
            log,
            videos,
            logs,
            starts,
            self._pool.settings,
            lambda: cancellation.is_aborted,
            is_whole=not any(errors),
        )
        for note in notes:
            self.report.note(note)
        if any(errors):
            _raise_unfinished(errors, made, self.report.frames)

    def _add(self, report: Report) -> None:
        mine = self.report
        mine.frames += report.frames
        mine.objects.update(report.objects)
        mine.detected_frames += report.detected_frames
        for stage, seconds in report.stages.items():
            mine.stages[stage] = mine.stages.get(stage, 0.0) + seconds
        for note in report.notes:
            mine.note(note)
        times = [at for at in (mine.first_done_at, report.first_done_at) if at is not None]
        mine.first_done_at = min(times, default=None)


def _made(
    parts: Sequence[tuple[Task, LogPaths | None]], errors: Sequence[Exception | None]
) -> tuple[list[float], list[Path], list[Path]]:
    """Return the starts, videos and logs of the parts, up to the first one that was stopped.

    A part that is not finished may have kept what it had in part files, which are returned then.
    """
    starts: list[float] = []
    videos: list[Path] = []
    logs: list[Path] = []
    for (part, lines), error in zip(parts, errors, strict=True):
        places = (part.output, None if lines is None else lines.final)
        found = [
            (place if error is None else next(iter(sorted(parts_of(place))), None))
            for place in places
            if place is not None
        ]
        if None not in found:
            assert part.span is not None
            starts.append(part.span.start)
            files = [path for path in found if path is not None]
            if lines is not None:
                logs.append(files.pop())
            videos += files
        if error is not None and not isinstance(error, IncompleteError):
            break
    return starts, videos, logs


def _raise_unfinished(
    errors: Sequence[Exception | None], made: Sequence[Path], frames: int
) -> NoReturn:
    """Raise the error of a video that is not finished; its results so far are in `made`."""
    where = f"; the results so far were kept in {' and '.join(map(str, made))}" if made else ""
    incomplete = [error for error in errors if isinstance(error, IncompleteError)]
    if len(incomplete) < sum(error is not None for error in errors):
        raise CancelledError(f"stopped before the end{where}")
    # The message of a part begins with what is wrong with the source.
    raise IncompleteError(
        f"{str(incomplete[0]).partition('; ')[0]}; {frames} frames were processed{where}; process "
        "an undamaged copy of this file to get all frames"
    )


class _Progress:
    """Adds up how many frames of the parts are done."""

    def __init__(self, parts: int, on_frames: OnFrames) -> None:
        self._done = [0] * parts
        self._expected: list[int | None] = [None] * parts
        self._on_frames = on_frames
        self._lock = threading.Lock()

    def of(self, number: int) -> Callable[[int, int | None], None]:
        """Return the callback for the frames of a part."""

        def note(done: int, expected: int | None) -> None:
            with self._lock:
                self._done[number], self._expected[number] = done, expected
                known = [count for count in self._expected if count is not None]
                total = sum(known) if len(known) == len(self._expected) else None
                self._on_frames(sum(self._done), total)

        return note


def _named(
    error: Exception, task: Task, parts: Sequence[tuple[Task, LogPaths | None]]
) -> Exception:
    """Return an error of a part with the names of the task's files in place of the part's."""
    if not isinstance(error, SsdLiveError):
        return error
    text = str(error)
    for part, _ in parts:
        if part.output is not None:
            text = text.replace(str(part.output), str(task.output))
    return type(error)(text)
