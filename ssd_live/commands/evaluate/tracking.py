"""`eval --tracking`: measure tracks against labels."""

import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from ssd_live.commands.evaluate import Request
from ssd_live.errors import UsageError
from ssd_live.evaluation.tracking import TrackingScores, read_tracks, tracking_scores
from ssd_live.system.atomic_files import atomic_write, check_writable

_PERCENT_COLUMNS = ("MOTA", "IDF1", "HOTA", "DetA", "AssA")
_COUNT_COLUMNS = ("missed", "invented", "switches", "tracks")


def run(request: Request) -> None:
    """Compare files of tracks with the labels, and print a row for each.

    The last printed line is the HOTA of the first file, in percent. Raises `UsageError` if an
    option does not fit, and another `SsdLiveError` if a file cannot be used.
    """
    if request.sheet is not None or request.plots is not None or request.split:
        raise UsageError("--tracking has no --sheet, --plots and --split; leave them out")
    if request.json_file is not None:
        check_writable(request.json_file)
    labels = read_tracks(request.data)
    scores = {name: tracking_scores(labels, read_tracks(Path(name))) for name in request.models}
    _print(scores)
    if request.json_file is not None:
        answer = {
            "labels": str(request.data),
            "results": [{"tracks": name, **asdict(its)} for name, its in scores.items()],
        }
        with atomic_write(request.json_file) as file:
            text = json.dumps(answer, indent=1, ensure_ascii=False, allow_nan=False)
            file.write(text.encode(errors="replace") + b"\n")
    print(f"{100 * next(iter(scores.values())).hota:.2f} HOTA")


def _print(scores: dict[str, TrackingScores]) -> None:
    columns = (Column(name, justify="right") for name in (*_PERCENT_COLUMNS, *_COUNT_COLUMNS))
    table = Table(Column("", overflow="fold"), *columns, box=None, pad_edge=False)
    for name, its in scores.items():
        parts = (its.mota, its.idf1, its.hota, its.detection, its.association)
        counts = (its.missed, its.invented, its.switches, its.tracks)
        table.add_row(name, *(f"{100 * part:.2f}" for part in parts), *map(str, counts))
    Console(width=200, emoji=False).print(table, markup=False)
    first = next(iter(scores.values()))
    print(f"{first.objects} labelled objects in {first.frames} frames")
