"""Measure tracks against labels: MOTA, IDF1 and HOTA.

The measures are those of the package trackeval. HOTA is defined by Luiten et al. 2021 (IJCV), MOTA
by Bernardin and Stiefelhagen 2008, and IDF1 by Ristani et al. 2016.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssd_live.errors import DataError, MissingPackageError
from ssd_live.imaging.boxes import iou_matrix

# A track matches a label if their boxes overlap so much; HOTA is a mean over many values instead.
_MATCH_IOU = 0.5
_MOT_COLUMNS = 6
# A longer line is no row of a table.
_LONGEST_LINE = 1_000_000


class Row(NamedTuple):
    """One box of a frame: x1, y1, x2, y2 in pixels, and an id. Frames count from 1.

    `counts` is false for a label that is to be ignored: neither it nor a track on it counts.
    """

    frame: int
    track_id: int
    box: tuple[float, float, float, float]
    counts: bool = True


@dataclass(frozen=True)
class TrackingScores:
    """How well tracks fit the labels.

    `mota`, `idf1`, `hota`, `detection` (DetA) and `association` (AssA) are from 0 to 1, but MOTA
    can be below 0. `missed` and `invented` count boxes, `switches` changes of the id of a labelled
    object. `frames`, `objects` and `tracks` say what was compared.
    """

    mota: float
    idf1: float
    hota: float
    detection: float
    association: float
    missed: int
    invented: int
    switches: int
    frames: int
    objects: int
    tracks: int


def read_tracks(path: Path) -> list[Row]:
    """Read tracks from MOT text, or from JSON lines that `process --track` wrote (`.jsonl`).

    In MOT text, a row is frame, id, left, top, width, height and more values; the seventh is 0 for
    a label that is to be ignored. Rows that do not begin with a number, such as a header, are left
    out. Raises `DataError` if the file cannot be read, has no rows, or has a row that is not valid.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = iter(lambda: file.readline(_LONGEST_LINE), "")
            rows = list((_json_rows if path.suffix.lower() == ".jsonl" else _mot_rows)(path, lines))
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({(error.strerror or str(error)).lower()}); check the path"
        ) from error
    except csv.Error as error:
        raise DataError(f"{path}: is not MOT text ({error}); correct it") from error
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not text; give MOT text (.txt) or .jsonl") from None
    seen: set[tuple[int, int]] = set()
    for row in rows:
        if row.track_id < 0 or row[:2] in seen:
            raise DataError(
                f"{path}: frame {row.frame} has the id {row.track_id} twice, or an object without "
                "an id; make the file with --track"
            )
        seen.add(row[:2])
    if not rows:
        raise DataError(f"{path}: has no tracks; give MOT text (.txt) or .jsonl with track ids")
    return rows


def _mot_rows(path: Path, lines: Iterator[str]) -> Iterator[Row]:
    for number, fields in enumerate(csv.reader(lines), 1):
        if not fields or not fields[0].strip().lstrip("-").replace(".", "", 1).isdigit():
            continue
        try:
            frame, track_id, left, top, width, height = (
                float(field) for field in fields[:_MOT_COLUMNS]
            )
            counts = len(fields) <= _MOT_COLUMNS or float(fields[_MOT_COLUMNS]) != 0
            if not np.isfinite((frame, track_id, left, top, width, height)).all():
                raise ValueError
        except ValueError:
            raise DataError(
                f"{path}: line {number} is not frame, id, left, top, width, height; correct it"
            ) from None
        yield Row(int(frame), int(track_id), (left, top, left + width, top + height), counts)


def _json_rows(path: Path, lines: Iterator[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            if number > 1 and "source" in record and "frame" not in record:
                raise DataError(
                    f"{path}: line {number} begins another video; give the tracks of one video"
                )
            for found in record.get("detections", ()):
                if "track_id" in found:
                    x1, y1, x2, y2 = (float(value) for value in found["box"])
                    yield Row(int(record["frame"]) + 1, int(found["track_id"]), (x1, y1, x2, y2))
        except DataError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise DataError(
                f"{path}: line {number} is not a line that process wrote; correct it"
            ) from None


def tracking_scores(labels: list[Row], tracks: list[Row]) -> TrackingScores:
    """Compare tracks with labels, in the frames that have labels.

    Boxes match at an IoU of 0.5 or more; for HOTA, at each of 19 values. Raises
    `MissingPackageError` if trackeval is not installed.
    """
    try:
        from trackeval.metrics import CLEAR, HOTA, Identity
    except ImportError as error:
        raise MissingPackageError(
            "trackeval is not installed; run `pip install trackeval`"
        ) from error
    data = _sequence(labels, tracks)
    quiet = {"THRESHOLD": _MATCH_IOU, "PRINT_CONFIG": False}
    clear = CLEAR(quiet).eval_sequence(data)
    identity = Identity(quiet).eval_sequence(data)
    hota = HOTA().eval_sequence(data)
    return TrackingScores(
        mota=float(clear["MOTA"]),
        idf1=float(identity["IDF1"]),
        hota=float(np.mean(hota["HOTA"])),
        detection=float(np.mean(hota["DetA"])),
        association=float(np.mean(hota["AssA"])),
        missed=int(clear["CLR_FN"]),
        invented=int(clear["CLR_FP"]),
        switches=int(clear["IDSW"]),
        frames=data["num_timesteps"],
        objects=data["num_gt_ids"],
        tracks=data["num_tracker_ids"],
    )


def _sequence(labels: list[Row], tracks: list[Row]) -> dict[str, Any]:
    """Return labels and tracks in the form that trackeval takes."""
    frames = sorted({row.frame for row in labels})
    by_frame: dict[int, tuple[list[Row], list[Row]]] = {frame: ([], []) for frame in frames}
    for index, rows in enumerate((labels, tracks)):
        for row in rows:
            if row.frame in by_frame:
                by_frame[row.frame][index].append(row)
    kept = [_counted(*by_frame[frame]) for frame in frames]
    label_ids = _numbers([row.track_id for its, _ in kept for row in its])
    track_ids = _numbers([row.track_id for _, its in kept for row in its])
    return {
        "num_timesteps": len(frames),
        "num_gt_ids": len(label_ids),
        "num_tracker_ids": len(track_ids),
        "num_gt_dets": sum(len(its) for its, _ in kept),
        "num_tracker_dets": sum(len(its) for _, its in kept),
        "gt_ids": [np.array([label_ids[row.track_id] for row in its], int) for its, _ in kept],
        "tracker_ids": [np.array([track_ids[row.track_id] for row in its], int) for _, its in kept],
        "similarity_scores": [iou_matrix(_boxes(one), _boxes(other)) for one, other in kept],
    }


def _counted(labels: list[Row], tracks: list[Row]) -> tuple[list[Row], list[Row]]:
    """Return the rows of one frame without ignored labels, and without the tracks on these."""
    ignored = np.array([not label.counts for label in labels])
    if ignored.any() and tracks:
        from scipy.optimize import linear_sum_assignment

        overlaps = iou_matrix(_boxes(labels), _boxes(tracks))
        overlaps[overlaps < _MATCH_IOU] = 0
        on_labels, on_tracks = linear_sum_assignment(-overlaps)
        matched = overlaps[on_labels, on_tracks] > 0
        gone = set(on_tracks[matched & ignored[on_labels]].tolist())
        tracks = [track for index, track in enumerate(tracks) if index not in gone]
    return [label for label in labels if label.counts], tracks


def _boxes(rows: list[Row]) -> NDArray[np.float32]:
    return np.array([row.box for row in rows], np.float32).reshape(-1, 4)


def _numbers(ids: list[int]) -> dict[int, int]:
    """Return a number from 0 on for each different id."""
    return {track_id: number for number, track_id in enumerate(dict.fromkeys(ids))}
