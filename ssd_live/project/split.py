"""Decide which labelled images a detector learns from, and which it is judged on."""

from collections.abc import Sequence
from dataclasses import replace

from ssd_live.project.labels import Part, ProjectImage

# The share of the images on which detectors are judged.
_JUDGED_SHARE = 0.2
# Images of the same video that are closer than this show nearly the same.
_CLOSE_SECONDS = 2.0
# A source with fewer new images is split together with other such sources.
_FEWEST = 5


def with_parts(images: Sequence[ProjectImage]) -> list[ProjectImage]:
    """Return the images that had no part yet, with the parts that they get.

    The images of a source are taken in the order of time, and the last fifth is for judging, so
    that neighbouring frames of a video are not on both sides. An image that is close in time to
    one that has a part gets the same part. `images` are the labelled images of a project.
    """
    groups: dict[str, list[ProjectImage]] = {}
    decided: dict[str, list[ProjectImage]] = {}
    for image in images:
        (decided if image.part else groups).setdefault(image.source, []).append(image)
    result, left = [], []
    pool: list[ProjectImage] = []
    for source, group in groups.items():
        free = []
        for image in group:
            part = _part_of_neighbour(image, decided.get(source, []))
            if part:
                result.append(replace(image, part=part))
            else:
                free.append(image)
        ordered = sorted(free, key=_time)
        if len(ordered) < _FEWEST:
            pool += ordered
        else:
            left.append(ordered)
    if pool:
        left.append(pool)
    for ordered in left:
        judged = round(len(ordered) * _JUDGED_SHARE)
        begin = _begin_of_judged(ordered, len(ordered) - judged, judged // 2)
        result += [
            replace(image, part="train" if place < begin else "judge")
            for place, image in enumerate(ordered)
        ]
    return result


def _time(image: ProjectImage) -> tuple[float, int]:
    return (image.seconds or 0.0, image.number)


def _begin_of_judged(ordered: Sequence[ProjectImage], begin: int, slack: int) -> int:
    """Return the next place from `begin` on where two neighbours are not close.

    If there is none within `slack` images, return `begin`.
    """
    for place in range(max(begin, 1), min(begin + slack + 1, len(ordered))):
        if not _are_close(ordered[place - 1], ordered[place]):
            return place
    return begin


def _are_close(one: ProjectImage, other: ProjectImage) -> bool:
    if one.seconds is None or other.seconds is None or one.source != other.source:
        return False
    return abs(one.seconds - other.seconds) < _CLOSE_SECONDS


def _part_of_neighbour(image: ProjectImage, decided: Sequence[ProjectImage]) -> Part:
    close = [other for other in decided if _are_close(image, other)]
    if not close or image.seconds is None:
        return ""
    seconds = image.seconds
    return min(close, key=lambda other: abs((other.seconds or 0.0) - seconds)).part
