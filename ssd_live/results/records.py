"""Detections on disk. JSON lines are what is written while frames come; the other formats are made
of them at the end, line by line.

A video of any length is written in bounded memory this way, and an interrupted run leaves readable
lines.
"""

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from ssd_live.detections import Detections
from ssd_live.errors import OutputError, UsageError
from ssd_live.imaging.frame import Frame
from ssd_live.system.atomic_files import atomic_write, os_error_text, reserve_part

FORMATS = (".jsonl", ".json", ".csv")
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

Record = dict[str, Any]


def check_format(path: Path) -> None:
    """Raises `UsageError` for an ending that names no format."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(
            f"{path}: detections are written as {', '.join(FORMATS)}; end the name in one of these"
        )


@dataclass(frozen=True)
class LogPaths:
    """Where finished lines go, and the file beside which they stand as `.part` until then, where
    the user looks for them.
    """

    final: Path
    beside: Path


class JsonlWriter:
    """Lines of JSON: a header, then one line a frame. Written under the `.part` name until
    `finish`.
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

    def add(self, frame: Frame, found: Detections, *, stale: bool = False) -> None:
        """One frame's line; boxes are x1, y1, x2, y2 in pixels of the upright source; `stale` ones
        were found on an earlier frame.

        Raises `OutputError`.
        """
        rows = zip(
            found.boxes.tolist(), found.scores.tolist(), found.class_ids.tolist(), strict=True
        )
        detections = [
            {
                "box": [round(value, 2) for value in box],
                "score": round(score, 4),
                "class_id": class_id,
                "class": found.classes[class_id],
            }
            for box, score, class_id in rows
        ]
        record: Record = {
            "frame": frame.index,
            "pts": frame.pts,
            "time": round(frame.time, 6),
            "detections": detections,
        }
        self._write(record | ({"stale": True} if stale else {}))

    def flush(self) -> None:
        """Have everything written so far on disk, as far as this program's death is concerned.
        Raises `OutputError`.
        """
        try:
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"{self.path}: writing failed ({os_error_text(error)}); free some space or choose "
                "another place"
            ) from error

    def finish(self) -> None:
        """Give the file its final name. Raises `OutputError`."""
        self.close_part()
        try:
            self.part.replace(self._final)
        except OSError as error:
            raise OutputError(
                f"{self._final}: cannot be written ({os_error_text(error)}); the lines are in "
                f"{self.part}"
            ) from error

    def close_part(self) -> None:
        """Leave what was written under the `.part` name."""
        try:
            self._file.close()
        except OSError as error:
            raise OutputError(
                f"{self.path}: writing failed ({os_error_text(error)}); free some space or choose "
                "another place"
            ) from error

    def discard(self) -> None:
        # What is deleted need not have been written.
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


def combine(logs: Iterable[Path], path: Path) -> None:
    """Make `path` (.jsonl, .json in COCO's form, or .csv) of finished logs, in their order. Raises
    `OutputError`.
    """
    writers: dict[str, Callable[[list[Path], IO[str]], None]] = {
        ".jsonl": _write_lines,
        ".json": _write_coco,
        ".csv": _write_csv,
    }
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
        writers[path.suffix.lower()](list(logs), text)
        text.flush()
        text.detach()


def _records(log: Path) -> Iterator[tuple[Record, Record]]:
    """Header and frame, for each frame."""
    with log.open(encoding="utf-8") as lines:
        header = json.loads(next(lines))
        for line in lines:
            yield header, json.loads(line)


def _write_lines(logs: list[Path], out: IO[str]) -> None:
    for log in logs:
        with log.open(encoding="utf-8") as lines:
            out.writelines(lines)


def _write_csv(logs: list[Path], out: IO[str]) -> None:
    table = csv.writer(out)
    table.writerow(_CSV_COLUMNS)
    for log in logs:
        for header, frame in _records(log):
            place = (header["source"], frame["frame"], frame["pts"], frame["time"])
            table.writerows(
                (*place, d["class_id"], d["class"], d["score"], *d["box"])
                for d in frame["detections"]
            )


def _write_coco(logs: list[Path], out: IO[str]) -> None:
    """COCO's instances form with scores: bbox is x, y, width, height; category ids are those of the
    training data.
    """
    out.write('{"images":[')
    _write_joined(out, (image for image, _, _ in _coco_images(logs)))
    out.write('],"annotations":[')
    _write_joined(out, _coco_annotations(logs))
    out.write('],"categories":')
    header: Record = {"classes": [], "category_ids": []}
    if logs:
        with logs[0].open(encoding="utf-8") as lines:
            header = json.loads(next(lines))
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
    number = 0
    for log in logs:
        for header, frame in _records(log):
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
            yield {
                "id": number,
                "image_id": image["id"],
                "category_id": header["category_ids"][found["class_id"]],
                "bbox": [x1, y1, width, height],
                "area": round(width * height, 2),
                "iscrowd": 0,
                "score": found["score"],
            }


def _write_joined(out: IO[str], records: Iterable[Record]) -> None:
    for number, record in enumerate(records):
        out.write(
            ("," if number else "") + json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        )
