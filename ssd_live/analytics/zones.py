"""Define zones: areas, lines and masks on the picture of one source, and their JSON file."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from ssd_live.analytics.config_item import quoted, read_config
from ssd_live.errors import UsageError
from ssd_live.system.atomic_files import atomic_write

# area: objects are counted while they are inside. line: objects are counted when they cross it.
# mask: what is inside is ignored.
ZoneKind = Literal["area", "line", "mask"]
# The point of a box that says where the object is: the middle of its lower side, or its centre.
Anchor = Literal["feet", "centre"]
Point = tuple[float, float]

KINDS: tuple[ZoneKind, ...] = get_args(ZoneKind)
ANCHORS: tuple[Anchor, ...] = get_args(Anchor)
# The colours of zones, in turn.
COLOURS = ("#f59e0b", "#22c55e", "#38bdf8", "#e879f9", "#f43f5e", "#a3e635")
MOST_ZONES, MOST_POINTS, _LONGEST_NAME = 64, 64, 80
_FEWEST_POINTS = {"area": 3, "mask": 3, "line": 2}
_KEYS = {"name", "kind", "points", "colour", "anchor", "classes"}
# A zones file is small; another file is not read into memory.
# Larger whole numbers are no numbers in the sense of `float`.
_LARGEST = 1e300
_VERSION = 1
# Two points that are nearer than this, as a share of the picture, are one.
_NEAREST = 1e-4


@dataclass(frozen=True)
class Zone:
    """An area, a line or a mask on the picture of a source.

    `points` are x, y as shares of the picture, 0..1. An area or a mask is a polygon, whose last
    point is joined to the first. A line has two points. Objects go in if they cross it from the
    left to the right of somebody who looks along it, from the first point to the second. `colour`
    is "#rrggbb". `anchor` is the point of a box that counts. Only objects of `classes` count; an
    empty tuple is all classes.
    """

    name: str
    kind: ZoneKind
    points: tuple[Point, ...]
    colour: str = COLOURS[0]
    anchor: Anchor = "feet"
    classes: tuple[str, ...] = ()

    def pixels(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return the points (P, 2) in pixels of a picture of this (width, height)."""
        return np.array(self.points, np.float32) * np.array(size, np.float32)

    def turned(self) -> "Zone":
        """Return the line with the other direction."""
        return replace(self, points=self.points[::-1])

    def check(self) -> None:
        """Raise `UsageError` if the zone makes no sense."""
        title = f"zone {quoted(self.name)}"
        if not self.name.strip() or len(self.name) > _LONGEST_NAME:
            raise UsageError(f"{title}: a name has 1 to {_LONGEST_NAME} characters")
        if self.kind not in KINDS:
            raise UsageError(f"{title}: the kind must be {', '.join(KINDS)}")
        if self.anchor not in ANCHORS:
            raise UsageError(f"{title}: the anchor must be {' or '.join(ANCHORS)}")
        if not re.fullmatch("#[0-9a-fA-F]{6}", self.colour):
            raise UsageError(f"{title}: the colour must be like {COLOURS[0]}")
        fewest = _FEWEST_POINTS[self.kind]
        most = 2 if self.kind == "line" else MOST_POINTS
        if not fewest <= len(self.points) <= most:
            count = "2 points" if most == 2 else f"{fewest} to {most} points"
            raise UsageError(f"{title}: {self.kind} zones have {count}, not {len(self.points)}")
        if not all(0 <= value <= 1 for point in self.points for value in point):
            raise UsageError(f"{title}: a point lies outside the picture; move it inside")
        ends = zip(self.points, (*self.points[1:], self.points[0]), strict=True)
        if any(_distance(a, b) < _NEAREST for a, b in ends):
            raise UsageError(f"{title}: two neighbouring points are the same; remove one")
        if self.kind != "line" and crosses_itself(self.points):
            raise UsageError(f"{title}: its sides cross each other; draw it again")

    def to_dict(self) -> dict[str, Any]:
        """Return the zone as its JSON object."""
        zone: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "points": [[round(value, 5) for value in point] for point in self.points],
            "colour": self.colour,
        }
        if self.kind != "mask" and self.classes:
            zone["classes"] = list(self.classes)
        zone["anchor"] = self.anchor
        return zone


def crosses_itself(points: Sequence[Point]) -> bool:
    """Return whether two sides of a polygon cross or touch that are not neighbours."""
    count = len(points)
    sides = [(points[index], points[(index + 1) % count]) for index in range(count)]
    return any(
        _meet(*sides[one], *sides[other])
        for one in range(count)
        for other in range(one + 2, count)
        if (other + 1) % count != one
    )


def _distance(a: Point, b: Point) -> float:
    return float(np.hypot(a[0] - b[0], a[1] - b[1]))


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Return whether the segments a-b and c-d have a point in common."""
    sides = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    if sides[0] * sides[1] < 0 and sides[2] * sides[3] < 0:
        return True
    ends = ((sides[0], a, b, c), (sides[1], a, b, d), (sides[2], c, d, a), (sides[3], c, d, b))
    return any(
        turn == 0
        and min(p[0], q[0]) <= r[0] <= max(p[0], q[0])
        and min(p[1], q[1]) <= r[1] <= max(p[1], q[1])
        for turn, p, q, r in ends
    )


def check_zones(zones: Iterable[Zone]) -> None:
    """Raise `UsageError` if a zone makes no sense, two have one name, or there are too many."""
    names: set[str] = set()
    for number, zone in enumerate(zones, 1):
        zone.check()
        if zone.name in names:
            raise UsageError(f"two zones have the name {quoted(zone.name)}; rename one")
        if number > MOST_ZONES:
            raise UsageError(f"there are more than {MOST_ZONES} zones; remove some")
        names.add(zone.name)


def read_zones(path: Path) -> tuple[Zone, ...]:
    """Read a zones file, and return its zones.

    The file is a JSON object with "version": 1 and "zones", a list with an object for each zone;
    see `Zone`. If it has "size": [width, height], points are in pixels of a picture of this size,
    and otherwise shares of the picture. Raises `UsageError` if the file cannot be read or a zone
    makes no sense.
    """
    data = read_config(path, "zones", "export the zones from the window again")
    try:
        return zones_in(data)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def zones_in(data: object) -> tuple[Zone, ...]:
    """Return the zones in the contents of a zones file. Raises `UsageError` if it is not one."""
    if not isinstance(data, dict) or not isinstance(data.get("zones"), list):
        raise UsageError('a zones file is an object with a list "zones"; see docs/zones.md')
    if data.get("version") != _VERSION:
        raise UsageError(
            f'"version" is {quoted(data.get("version"))}, and this program reads {_VERSION}; '
            "update the program or export the zones again"
        )
    size = data.get("size", [1, 1])
    if not (isinstance(size, list) and len(size) == 2 and all(_is_number(x, 0) for x in size)):
        raise UsageError('"size" must be [width, height] in pixels')
    zones = tuple(
        _zone(each, number, (float(size[0]), float(size[1])))
        for number, each in enumerate(data["zones"], 1)
    )
    check_zones(zones)
    return zones


def _is_number(value: object, over: float = -_LARGEST) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and over < cast(float, value) < _LARGEST


def _zone(each: object, number: int, size: tuple[float, float]) -> Zone:
    if not isinstance(each, dict):
        raise UsageError(f"zone {number} is not an object; see docs/zones.md")
    title = (
        f"zone {quoted(each['name'])}" if isinstance(each.get("name"), str) else f"zone {number}"
    )
    if unknown := sorted(str(key) for key in each.keys() - _KEYS):
        raise UsageError(
            f"{title}: {quoted(unknown[0])} is no property of a zone; see docs/zones.md"
        )
    points = each.get("points")
    if not isinstance(points, list) or not all(
        isinstance(point, list) and len(point) == 2 and all(map(_is_number, point))
        for point in points
    ):
        raise UsageError(f'{title}: "points" must be a list of [x, y]')
    classes = each.get("classes", [])
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise UsageError(f'{title}: "classes" must be a list of class names')
    texts = {
        "name": each.get("name"),
        "kind": each.get("kind"),
        "colour": each.get("colour", COLOURS[(number - 1) % len(COLOURS)]),
        "anchor": each.get("anchor", "feet"),
    }
    for key, value in texts.items():
        if not isinstance(value, str):
            raise UsageError(f'{title}: "{key}" must be a text')
    return Zone(
        points=tuple((float(x) / size[0], float(y) / size[1]) for x, y in points),
        classes=tuple(classes),
        **cast(Any, texts),
    )


def zones_text(zones: Iterable[Zone]) -> str:
    """Return the contents of a zones file."""
    data = {"version": _VERSION, "zones": [zone.to_dict() for zone in zones]}
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def write_zones(zones: Iterable[Zone], path: Path) -> None:
    """Write a zones file. Raises `OutputError` if it cannot be written."""
    with atomic_write(path) as file:
        file.write(zones_text(zones).encode())


def check_classes(zones: Iterable[Zone], classes: Sequence[str]) -> None:
    """Raise `UsageError` if a zone names a class that is not among those of the model."""
    for zone in zones:
        for name in zone.classes:
            if name not in classes:
                raise UsageError(
                    f"zone {quoted(zone.name)}: the model has no class {quoted(name)}; it has "
                    f"{', '.join(classes)}"
                )


def anchors_of(boxes: NDArray[np.float32], anchor: Anchor) -> NDArray[np.float32]:
    """Return the anchor points (N, 2) of boxes (N, 4) x1, y1, x2, y2, in the same unit."""
    x = (boxes[:, 0] + boxes[:, 2]) / 2
    y = boxes[:, 3] if anchor == "feet" else (boxes[:, 1] + boxes[:, 3]) / 2
    return np.stack([x, y], 1)


def unmasked(
    boxes: NDArray[np.float32], masks: Sequence[Zone], size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return a mask (N,) of the boxes (N, 4) whose anchor lies in none of the `masks`.

    Boxes are x1, y1, x2, y2 in pixels of a picture of this (width, height).
    """
    kept = np.ones(len(boxes), bool)
    for mask in masks:
        polygon = mask.pixels(size)
        for index, (x, y) in enumerate(anchors_of(boxes, mask.anchor).tolist()):
            kept[index] &= cv2.pointPolygonTest(polygon, (x, y), measureDist=False) < 0
    return kept
