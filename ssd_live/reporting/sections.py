"""Choose which pictures each source needs, and take them out of its video."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ssd_live.errors import MediaError
from ssd_live.reporting.log import Box, Count
from ssd_live.reporting.pictures import Moment, Picture, pictures_of
from ssd_live.reporting.summary import Summary, Track

# Rows of the table of objects, for each source: those that were seen the longest.
MOST_TRACK_ROWS = 1000
# Pictures of objects, and of counts, in the whole page. Its sources share them.
MOST_PICTURES = 300
PICTURE_PIXELS = 160
STILL_PIXELS = 960
# The picture of a count is a square around the object, so many times as large as the object,
# and at least so many pixels wide.
_AROUND_A_COUNT, _LEAST_AROUND = 1.8, 64.0


@dataclass(frozen=True)
class Section:
    """What the page shows of one source.

    `tracks` are the rows of the table of objects. `still` is the frame with the most objects.
    `track_pictures` has a picture by the id of a track, and `count_pictures` by the number of a
    count in `summary.counts`. `notes` say what is missing.
    """

    summary: Summary
    tracks: Sequence[Track]
    still: Picture | None = None
    track_pictures: dict[int, Picture] = field(default_factory=dict)
    count_pictures: dict[int, Picture] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def without_pictures(summary: Summary, note: str) -> Section:
    """Return the section of a source without pictures; `note` says why it has none."""
    return Section(summary, summary.longest_tracks(MOST_TRACK_ROWS), notes=(note,))


def with_pictures(summary: Summary, video: Path, most: int) -> Section:
    """Return the section of a source with pictures out of its video, of each kind at most `most`.

    Raises `MediaError` if the video cannot be read or has another size than the log says.
    """
    width, height = size = summary.header.width, summary.header.height
    tracks = summary.longest_tracks(MOST_TRACK_ROWS)
    still = Moment(summary.most_time, (0.0, 0.0, float(width), float(height)), STILL_PIXELS)
    of_tracks = {
        track.track_id: Moment(track.best_time, track.best_box, PICTURE_PIXELS)
        for track in tracks[:most]
        if track.best_box is not None
    }
    of_counts = {
        number: Moment(count.frame_time, _around(count), PICTURE_PIXELS, count.box)
        for number, count in enumerate(summary.counts[:most])
    }
    found = pictures_of(video, size, [still, *of_tracks.values(), *of_counts.values()])
    if not found:
        raise MediaError(
            f"{video}: has none of the frames of the log; give the video that was processed"
        )
    track_pictures = _those_found(of_tracks, found)
    count_pictures = _those_found(of_counts, found)
    missing = len(of_tracks) + len(of_counts) - len(track_pictures) - len(count_pictures)
    notes: tuple[str, ...] = ()
    if missing == 1:
        notes = ("1 picture is missing, because the video does not have its frame.",)
    elif missing:
        notes = (f"{missing} pictures are missing, because the video does not have their frames.",)
    return Section(summary, tracks, found.get(still), track_pictures, count_pictures, notes)


def _those_found(wanted: dict[int, Moment], found: dict[Moment, Picture]) -> dict[int, Picture]:
    return {key: found[moment] for key, moment in wanted.items() if moment in found}


def _around(count: Count) -> Box:
    x1, y1, x2, y2 = count.box
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    reach = max(_AROUND_A_COUNT * max(x2 - x1, y2 - y1), _LEAST_AROUND) / 2
    return x - reach, y - reach, x + reach, y + reach
