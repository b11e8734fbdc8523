"""Write detections as JSON lines, COCO JSON, CSV or MOT text, and a table of tracks.

JSON lines are written while frames are processed. The other formats are made from these lines at
the end, one line at a time. In this way a video of any length needs only bounded memory, and an
interrupted run leaves readable lines.
"""

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from ssd_live.detections import Detections
from ssd_live.errors import OutputError, UsageError
from ssd_live.imaging.frame import Frame
from ssd_live.system.atomic_files import atomic_write, os_error_text, reserve_part
from ssd_live.system.standard_streams import STANDARD_OUTPUT, text_output

FORMATS = (".jsonl", ".json", ".csv", ".txt")
_CSV_COLUMNS = (
    "source",
    "frame",
    "pts",
    "time",
    "class_id",
    "class",
    "score",
    "x1",
    "y1",
    "x2",
    "y2",
)
_TRACK_CSV_COLUMNS = (*_CSV_COLUMNS, "track_id", "observed")

Record = dict[str, Any]


def check_format(path: Path, inputs: int = 1) -> None:
    """Raise `UsageError` if detections of so many `inputs` cannot be written to the file `path`.

    The file ending must be one of `FORMATS`, and MOT text holds only one input.
    """
    if path.suffix.lower() not in FORMATS:
        raise UsageError(
            f"{path}: detections are written as {', '.join(FORMATS)}; end the name in one of these"
        )
    if inputs > 1 and path.suffix.lower() == ".txt":
        raise UsageError(
            f"{path}: MOT text holds the tracks of one video; give one input, or end the name in "
            ".csv"
        )


@dataclass(frozen=True)
class LogPaths:
    """The two paths of a log, a file with the detections as JSON lines.

    `final` is the path of the finished log. Until then, the lines are in a part file (with `.part`
    in its name) that stands beside the path `beside` and is named after it. `beside` is `final`, or
    a path in the folder that the user chose, so that the user finds the part file.
    """

    final: Path
    beside: Path


class JsonlWriter:
    """A writer of JSON lines: one header line, then one line for each frame.

    `place` has the paths of the file, and `header` is the content of the header line. Until
    `finish`, the file is a part file with `.part` in its name. Use the writer in a `with` block,
    which deletes the part file if neither `finish` nor `close_part` was called. The constructor
    raises `OutputError` if the file cannot be written.
    """

    def __init__(self, place: LogPaths, header: Record) -> None:
        self.path = path = place.beside
        self._final = place.final
        self.part = reserve_part(place.beside.with_suffix(".jsonl"))
        try:
            self._final.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = self.part.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise OutputError(
                f"{path}: cannot be written ({os_error_text(error)}); choose another place"
            ) from error
        self._write(header)

    def add(
        self,
        frame: Frame,
        found: Detections,
        *,
        stale: bool = False,
        source: str = "",
        counts: Sequence[Record] = (),
        events: Sequence[Record] = (),
        doubts: Sequence[Record] = (),
    ) -> None:
        """Write the line of one frame.

        Boxes are written as x1, y1, x2, y2 in pixels of the upright source. `stale` marks
        detections that were found on an earlier frame. `source` is the name of the frame's source,
        or "" to write no name. `counts` are the counts that were noticed in this frame,
        `events` what rules made of them, and `doubts` the doubtful moments that begin in it. Raises
        `OutputError` if writing fails.
        """
        rows = zip(
            found.boxes.tolist(), found.scores.tolist(), found.class_ids.tolist(), strict=True
        )
        detections: list[Record] = [
            {
                "box": [round(value, 2) for value in box],
                "score": round(score, 4),
                "class_id": class_id,
                "class": found.classes[class_id],
            }
            for box, score, class_id in rows
        ]
        if found.track_ids is not None and found.observed is not None:
            for detection, track_id, observed in zip(
                detections, found.track_ids.tolist(), found.observed.tolist(), strict=True
            ):
                detection.update(track_id=track_id, observed=observed)
        record: Record = {
            "frame": frame.index,
            "pts": frame.pts,
            "time": round(frame.time, 6),
            "detections": detections,
        }
        if stale:
            record["stale"] = True
        if counts:
            record["counts"] = list(counts)
        if events:
            record["events"] = list(events)
        if doubts:
            record["doubts"] = list(doubts)
        self._write({"source": source, **record} if source else record)

    def flush(self) -> None:
        """Hand all lines written so far to the operating system.

        These lines then reach the disk even if this program crashes. Raises `OutputError` if
        writing fails.
        """
        try:
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"{self.path}: writing failed ({os_error_text(error)}); free some space or choose "
                "another place"
            ) from error

    def finish(self) -> None:
        """Close the file and give it its final name. Raises `OutputError` if writing fails."""
        self.close_part()
        try:
            self.part.replace(self._final)
        except OSError as error:
            raise OutputError(
                f"{self._final}: cannot be written ({os_error_text(error)}); the lines are in "
                f"{self.part}, which you can rename"
            ) from error

    def close_part(self) -> None:
        """Close the file and keep it as the part file.

        Raises `OutputError` if writing fails. If the part file is then empty, it is deleted.
        """
        try:
            self._file.close()
        except OSError as error:
            with contextlib.suppress(OSError):
                if not self.part.stat().st_size:
                    self.part.unlink()
            raise OutputError(
                f"{self.path}: writing failed ({os_error_text(error)}); free some space or choose "
                "another place"
            ) from error

    def discard(self) -> None:
        """Close and delete the part file."""
        # A write error does not matter because the file is deleted.
        with contextlib.suppress(OSError):
            self._file.close()
        self.part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if not self._file.closed:
            self.discard()

    def _write(self, record: Record) -> None:
        try:
            self._file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
        except OSError as error:
            raise OutputError(
                f"{self.path}: writing failed ({os_error_text(error)}); free some space or choose "
                "another place"
            ) from error


class StreamedLines(JsonlWriter):
    """A writer of JSON lines that sends each line to the standard output at once.

    `header` is the content of the first line. The constructor raises `OutputError` if writing
    fails.
    """

    def __init__(self, header: Record) -> None:
        self.path = self.part = STANDARD_OUTPUT
        self._file = text_output()
        self._write(header)

    def finish(self) -> None:
        """End the lines. Raises `OutputError` if writing fails."""
        self.close_part()

    def discard(self) -> None:
        """End the lines; those that are written stay."""
        with contextlib.suppress(OSError):
            self._file.close()


def join_logs(logs: Sequence[Path], file: IO[bytes]) -> None:
    """Write the logs of consecutive parts of one video to `file` as one log.

    The frames are counted on from part to part. The header is that of the first log. Raises
    `OutputError` if a log cannot be read or `file` cannot be written.
    """
    count = 0
    try:
        for log in logs:
            with log.open("rb") as part:
                header = part.readline()
                if log is logs[0]:
                    file.write(header)
                # `JsonlWriter` begins each line with the number of the frame.
                for line in part:
                    file.write(b'{"frame":%d,' % count + line.partition(b",")[2])
                    count += 1
        file.flush()
    except OSError as error:
        raise OutputError(
            f"the detections of the parts cannot be joined ({os_error_text(error)}); free some "
            "space or choose another place"
        ) from error


def combine(logs: Iterable[Path], path: Path) -> None:
    """Write the detections of finished logs to the file `path`, in the order of the logs.

    Each log is a file of JSON lines. The ending of `path` chooses the format: `.jsonl`, `.json`
    (COCO), `.csv` or `.txt` (MOT). Raises `OutputError` if the file cannot be written.
    """
    writers: dict[str, Callable[[list[Path], IO[str]], None]] = {
        ".jsonl": _write_lines,
        ".json": _write_coco,
        ".csv": _write_csv,
        ".txt": _write_mot,
    }
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
        writers[path.suffix.lower()](list(logs), text)
        text.flush()
        text.detach()


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Write a CSV file, completely or not at all, and return the number of rows.

    Raises `OutputError` if it cannot be written.
    """
    count = 0
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
        table = csv.writer(text)
        table.writerow(columns)
        for row in rows:
            table.writerow(row)
            count += 1
        text.flush()
        text.detach()
    return count


def records(log: Path) -> Iterator[tuple[Record, Record]]:
    """Yield (header of the log, record of the frame) for each frame of the log."""
    with log.open(encoding="utf-8") as lines:
        header = json.loads(next(lines))
        for line in lines:
            yield header, json.loads(line)


def _header(log: Path) -> Record:
    with log.open(encoding="utf-8") as lines:
        header: Record = json.loads(next(lines))
    return header


def _write_lines(logs: list[Path], out: IO[str]) -> None:
    for log in logs:
        with log.open(encoding="utf-8") as lines:
            out.writelines(lines)


def _write_csv(logs: list[Path], out: IO[str]) -> None:
    table = csv.writer(out)
    tracked = any("tracking" in _header(log) for log in logs)
    table.writerow(_TRACK_CSV_COLUMNS if tracked else _CSV_COLUMNS)
    for log in logs:
        for header, frame in records(log):
            place = (header["source"], frame["frame"], frame["pts"], frame["time"])
            for d in frame["detections"]:
                row = (*place, d["class_id"], d["class"], d["score"], *d["box"])
                # Images among the inputs have no tracks.
                track = (d.get("track_id", ""), int(d.get("observed", True))) if tracked else ()
                table.writerow((*row, *track))


def _write_mot(logs: list[Path], out: IO[str]) -> None:
    """Write one log to `out` in the text format of the MOT Challenge (motchallenge.net).

    A line is frame, id, left, top, width, height, score, and three unused values. Frames count from
    1. Left and top are 1-based pixels. The id is -1 without tracking.
    """
    table = csv.writer(out, lineterminator="\n")
    for log in logs:
        for _, frame in records(log):
            for d in frame["detections"]:
                x1, y1, x2, y2 = d["box"]
                place = (round(x1 + 1, 2), round(y1 + 1, 2), round(x2 - x1, 2), round(y2 - y1, 2))
                track_id = d.get("track_id", -1)
                table.writerow((frame["frame"] + 1, track_id, *place, d["score"], -1, -1, -1))


def _write_coco(logs: list[Path], out: IO[str]) -> None:
    """Write the logs to `out` in COCO's instances format, with a score for each annotation.

    `bbox` is x, y, width, height in pixels. Category ids are those of the training data.
    """
    out.write('{"images":[')
    _write_joined(out, (image for image, _, _ in _coco_images(logs)))
    out.write('],"annotations":[')
    _write_joined(out, _coco_annotations(logs))
    out.write('],"categories":')
    header: Record = {"classes": [], "category_ids": []}
    if logs:
        header = _header(logs[0])
    json.dump(
        [
            {"id": i, "name": name}
            for i, name in zip(header["category_ids"], header["classes"], strict=True)
        ],
        out,
        ensure_ascii=False,
    )
    out.write("}\n")


def _coco_images(logs: list[Path]) -> Iterator[tuple[Record, Record, Record]]:
    """Yield (COCO image, header of the log, record of the frame) for each frame of the logs."""
    number = 0
    for log in logs:
        for header, frame in records(log):
            number += 1
            image = {
                "id": number,
                "file_name": header["source"],
                "width": header["width"],
                "height": header["height"],
            }
            yield (
                image | {"frame": frame["frame"], "pts": frame["pts"], "time": frame["time"]},
                header,
                frame,
            )


def _coco_annotations(logs: list[Path]) -> Iterator[Record]:
    number = 0
    for image, header, frame in _coco_images(logs):
        for found in frame["detections"]:
            number += 1
            x1, y1, x2, y2 = found["box"]
            width, height = round(x2 - x1, 2), round(y2 - y1, 2)
            track = {key: found[key] for key in ("track_id", "observed") if key in found}
            yield {
                "id": number,
                "image_id": image["id"],
                "category_id": header["category_ids"][found["class_id"]],
                "bbox": [x1, y1, width, height],
                "area": round(width * height, 2),
                "iscrowd": 0,
                "score": found["score"],
                **({"attributes": track} if track else {}),
            }


def _write_joined(out: IO[str], records: Iterable[Record]) -> None:
    for number, record in enumerate(records):
        out.write(
            ("," if number else "") + json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        )
