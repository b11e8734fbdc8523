"""Decide which labelled images a detector learns from, and which it is judged on."""

import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ssd_live.project.labels import Part, ProjectImage

# The share of the images on which detectors are judged.
_JUDGED_SHARE = 0.2
# A frame that is so close to one with a part gets the same part.
_CLOSE_SECONDS = 2.0
# Frames of the same video that are closer than this show nearly the same.
_ALIKE_SECONDS = 1.5
# A video with fewer new frames is split together with other such videos.
_FEWEST = 5


def with_parts(images: Sequence[ProjectImage]) -> list[ProjectImage]:
    """Return the images that had no part yet, with the parts that they get.

    The frames of a video are taken in the order of time, and the last fifth is for judging. A frame
    that is close in time to one that has a part gets the same part. Of other images, a fifth of
    those with each class is for judging. `images` are the labelled images of a project.
    """
    frames = [image for image in images if image.seconds is not None]
    others = [image for image in images if image.seconds is None]
    return [*_frames_with_parts(frames), *_others_with_parts(others)]


def apart(images: Iterable[ProjectImage]) -> set[int]:
    """Return the numbers of the images to learn from that are not too like any for judging.

    These are all but frames that are closer than 1.5 s to a frame for judging.
    """
    judged: dict[str, list[float]] = {}
    learned = []
    for image in images:
        if image.part == "judge" and image.seconds is not None:
            judged.setdefault(image.source, []).append(image.seconds)
        elif image.part == "train":
            learned.append(image)
    for times in judged.values():
        times.sort()
    return {
        image.number
        for image in learned
        if image.seconds is None
        or not _has_near(judged.get(image.source, []), image.seconds, _ALIKE_SECONDS)
    }


def _has_near(times: Sequence[float], time: float, within: float) -> bool:
    """Return whether one of the sorted times is closer to `time` than `within`."""
    place = bisect.bisect_right(times, time - within)
    return place < len(times) and abs(times[place] - time) < within


def _frames_with_parts(frames: Sequence[ProjectImage]) -> list[ProjectImage]:
    groups: dict[str, list[ProjectImage]] = {}
    decided: dict[str, list[ProjectImage]] = {}
    for image in frames:
        (decided if image.part else groups).setdefault(image.source, []).append(image)
    result, left = [], []
    pool: list[ProjectImage] = []
    for source, group in groups.items():
        free = []
        earlier = sorted(decided.get(source, []), key=_time)
        for image in group:
            part = _part_of_neighbour(image, earlier)
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


def _others_with_parts(images: Sequence[ProjectImage]) -> list[ProjectImage]:
    objects = Counter(box.class_id for image in images for box in image.sure_boxes)
    totals: Counter[int] = Counter()
    judged: Counter[int] = Counter()
    result = []
    # Images with a part come first, because they count for the shares.
    for image in sorted(images, key=lambda its: (not its.part, its.number)):
        # The rarest class decides, and images with nothing to find are a kind of their own.
        kind = min(
            {box.class_id for box in image.sure_boxes}, key=lambda its: objects[its], default=0
        )
        totals[kind] += 1
        part = image.part
        if not part:
            is_due = judged[kind] < round(totals[kind] * _JUDGED_SHARE)
            # Of many kinds with few images each, some are for judging too, but never all.
            is_due |= judged.total() < int(totals.total() * _JUDGED_SHARE) and (
                judged[kind] + 1 < totals[kind]
            )
            part = "judge" if is_due else "train"
            result.append(replace(image, part=part))
        judged[kind] += part == "judge"
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
    """Return the part of the closest of some images in the order of time, or none."""
    place = bisect.bisect_left(decided, _time(image), key=_time)
    close = [other for other in decided[max(place - 1, 0) : place + 1] if _are_close(image, other)]
    if not close or image.seconds is None:
        return ""
    seconds = image.seconds
    return min(close, key=lambda other: abs((other.seconds or 0.0) - seconds)).part
