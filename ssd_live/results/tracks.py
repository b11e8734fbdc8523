"""Make a table with one row for each track, from logs of detections."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from ssd_live.results.records import Record, records, write_table

_COLUMNS = (
    "source",
    "track_id",
    "class",
    "from",
    "to",
    "seconds",
    "frames",
    "observed_frames",
    "mean_score",
    "path",
)
# A track that was not seen for so long has ended, in seconds. It is longer than any gap that a
# tracker closes.
_ENDED_SECONDS = 20.0
# The path has one point for each of these times, in seconds.
_POINT_SECONDS = 1.0


class _Track:
    """What is known of one track while the frames go by."""

    def __init__(self, track_id: int, time: float) -> None:
        self.track_id = track_id
        self.begin = self.end = time
        self.frames = self.observed = 0
        self.score_sum = 0.0
        self.name = ""
        self._path: list[str] = []
        self._next_point = -math.inf
        self._last_point = ""

    def add(self, time: float, found: Record) -> None:
        x1, y1, x2, y2 = found["box"]
        self.end = time
        self.frames += 1
        self.observed += bool(found["observed"])
        self.score_sum += found["score"]
        # The class is decided by votes, so the last one knows the most.
        self.name = found["class"]
        self._last_point = f"{(x1 + x2) / 2:.1f} {(y1 + y2) / 2:.1f} {time:.3f}"
        if time >= self._next_point:
            self._path.append(self._last_point)
            self._next_point = time + _POINT_SECONDS

    def row(self, source: str) -> tuple[object, ...]:
        path = self._path + [self._last_point] * (self._path[-1:] != [self._last_point])
        # A line needs two points.
        shape = "LINESTRING" if len(path) > 1 else "POINT"
        return (
            source,
            self.track_id,
            self.name,
            f"{self.begin:.3f}",
            f"{self.end:.3f}",
            f"{self.end - self.begin:.3f}",
            self.frames,
            self.observed,
            f"{self.score_sum / self.frames:.4f}",
            f"{shape} M ({', '.join(path)})",
        )


def write_tracks(logs: Iterable[Path], path: Path) -> int:
    """Write the table of all tracks in logs to the CSV file `path`; return the number of rows.

    The tracks of a log are in the order in which they end. `from` and `to` are the times of the
    first and the last frame in seconds. `frames` counts the frames with the track, and
    `observed_frames` those in which the network found it. `path` is the centre of the box about
    once a second as well-known text: x and y in pixels, and the time in seconds (OGC 06-103r4).
    Raises `OutputError` if the file cannot be written.
    """
    return write_table(path, _COLUMNS, (row for log in logs for row in _rows(log)))


def _rows(log: Path) -> Iterator[tuple[object, ...]]:
    open_tracks: dict[int, _Track] = {}
    source, check_at = "", -math.inf
    for header, frame in records(log):
        source, time = header["source"], frame["time"]
        for found in frame["detections"]:
            if "track_id" not in found:
                continue
            track = open_tracks.get(found["track_id"])
            if track is None:
                track = open_tracks[found["track_id"]] = _Track(found["track_id"], time)
            track.add(time, found)
        if time >= check_at or time < check_at - _ENDED_SECONDS:
            check_at = time + 1.0
            for track in [t for t in open_tracks.values() if abs(time - t.end) > _ENDED_SECONDS]:
                yield open_tracks.pop(track.track_id).row(source)
    for track in sorted(open_tracks.values(), key=lambda track: track.end):
        yield track.row(source)
