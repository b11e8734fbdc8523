"""Draw, move and change zones with the mouse and keys, with undo."""

import math
from dataclasses import replace
from typing import Literal

from PySide6.QtCore import QCoreApplication, QObject, Signal

from ssd_live.analytics.zones import COLOURS, MOST_POINTS, MOST_ZONES, Point, Zone, ZoneKind
from ssd_live.errors import UsageError

# How near the mouse must be to a point or a line, in logical pixels.
_NEAR_PIXELS = 9.0
_MOST_UNDO = 200

# What the mouse holds: a point of the selected zone, the whole zone, or nothing.
Held = tuple[Literal["point", "zone"], int] | None


class ZoneEditor(QObject):
    """The zones of one source while a person draws and changes them.

    Places are x, y as shares of the picture, 0..1, and `scale` is the (width, height) of the shown
    picture in logical pixels, so that a tolerance in pixels is known. `edited` is emitted with the
    tuple of all zones when they have changed, `refused` with a text if a change makes no sense and
    was undone, and `repainted` when something else looks different: what is selected or drawn.
    """

    edited = Signal(object)
    refused = Signal(str)
    repainted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.zones: tuple[Zone, ...] = ()
        # Whether the mouse draws and moves zones.
        self.is_on = False
        self.selected = -1
        # The kind of zone that is being drawn, or None, and its points so far.
        self.drawn_kind: ZoneKind | None = None
        self.draft: tuple[Point, ...] = ()
        # Where the mouse is while a zone is drawn.
        self.pointer: Point | None = None
        self._held: Held = None
        self._held_at: Point = (0.0, 0.0)
        self._before: tuple[Zone, ...] = ()
        self._undo: list[tuple[Zone, ...]] = []
        self._redo: list[tuple[Zone, ...]] = []

    # The zones.

    def load(self, zones: tuple[Zone, ...]) -> None:
        """Show other zones, as of another source. There is nothing to undo then."""
        self.zones = zones
        self._undo, self._redo = [], []
        self.cancel_drawing()
        self.select(-1)

    def replace_all(self, zones: tuple[Zone, ...]) -> None:
        """Use other zones in the place of all, which can be undone."""
        self._commit(zones)
        self.select(-1)

    @property
    def selected_zone(self) -> Zone | None:
        """The selected zone, or None."""
        return self.zones[self.selected] if 0 <= self.selected < len(self.zones) else None

    def select(self, index: int) -> None:
        """Select the zone at `index`, or none (-1)."""
        self.selected = index if index < len(self.zones) else -1
        self.repainted.emit()

    def change_selected(self, zone: Zone) -> None:
        """Give the selected zone other properties. If they make no sense, it stays as it is."""
        if self.selected_zone is None or zone == self.selected_zone:
            return
        zones = (*self.zones[: self.selected], zone, *self.zones[self.selected + 1 :])
        names = [its.name for its in zones]
        if len(set(names)) < len(names):
            self.refused.emit(
                QCoreApplication.translate("Zones", "Another zone has this name already")
            )
            self.repainted.emit()
            return
        self._commit(zones)

    def delete_selected(self) -> None:
        """Remove the selected zone."""
        if self.selected_zone is not None:
            index, self.selected = self.selected, -1
            self._commit((*self.zones[:index], *self.zones[index + 1 :]))

    def undo(self) -> None:
        """Take the last change back."""
        self._travel(self._undo, self._redo)

    def redo(self) -> None:
        """Do the change again that was taken back last."""
        self._travel(self._redo, self._undo)

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is a change to do again."""
        return bool(self._redo)

    def _travel(self, source: list[tuple[Zone, ...]], target: list[tuple[Zone, ...]]) -> None:
        if not source:
            return
        self.cancel_drawing()
        target.append(self.zones)
        self.zones = source.pop()
        self.selected = min(self.selected, len(self.zones) - 1)
        self.edited.emit(self.zones)
        self.repainted.emit()

    def _commit(self, zones: tuple[Zone, ...], before: tuple[Zone, ...] | None = None) -> bool:
        """Use `zones`, if they make sense; `before` are those to which undo returns."""
        before = self.zones if before is None else before
        try:
            for zone in zones:
                if zone not in before:
                    zone.check()
        except UsageError:
            self.zones = before
            self.refused.emit(_why_not(zones, before))
            self.repainted.emit()
            return False
        self._undo = [*self._undo, before][-_MOST_UNDO:]
        self._redo = []
        self.zones = zones
        self.edited.emit(self.zones)
        self.repainted.emit()
        return True

    # Drawing.

    def begin(self, kind: ZoneKind) -> None:
        """Begin to draw a zone of this kind: each press adds a point."""
        if len(self.zones) >= MOST_ZONES:
            self.refused.emit(
                QCoreApplication.translate("Zones", "There are too many zones; delete some")
            )
            return
        self.select(-1)
        self.drawn_kind, self.draft = kind, ()
        self.repainted.emit()

    def cancel_drawing(self) -> None:
        """Stop drawing a zone, and forget its points."""
        self.drawn_kind, self.draft, self.pointer = None, (), None
        self.repainted.emit()

    def finish_drawing(self) -> None:
        """Make a zone of the points so far, if there are enough."""
        kind, points = self.drawn_kind, self.draft
        if kind is None:
            return
        if len(points) < (2 if kind == "line" else 3):
            self.cancel_drawing()
            return
        zone = Zone(self._new_name(kind), kind, points, COLOURS[len(self.zones) % len(COLOURS)])
        self.cancel_drawing()
        if self._commit((*self.zones, zone)):
            self.select(len(self.zones) - 1)

    def _new_name(self, kind: ZoneKind) -> str:
        name = {
            "line": QCoreApplication.translate("Zones", "Line"),
            "area": QCoreApplication.translate("Zones", "Area"),
            "mask": QCoreApplication.translate("Zones", "Mask"),
        }[kind]
        taken = {zone.name for zone in self.zones}
        number = 1
        while f"{name} {number}" in taken:
            number += 1
        return f"{name} {number}"

    def take_back_point(self) -> None:
        """Remove the last point of the zone that is being drawn."""
        self.draft = self.draft[:-1]
        self.repainted.emit()

    # The mouse.

    def press(self, place: Point, scale: Point) -> bool:
        """Add a point, or take hold of what is at `place`; return whether there was something."""
        if self.drawn_kind is not None:
            self._add_point(_inside(place), scale)
            return True
        self._before = self.zones
        zone = self.selected_zone
        if zone is not None:
            index = _near_point(zone.points, place, scale)
            if index is None and zone.kind != "line" and len(zone.points) < MOST_POINTS:
                index = self._split_side(zone, place, scale)
            if index is not None:
                self._held = "point", index
                return True
        for index in reversed(range(len(self.zones))):
            if _hits(self.zones[index], place, scale):
                self.select(index)
                self._held, self._held_at = ("zone", index), place
                return True
        if zone is not None:
            self.select(-1)
        return False

    def _add_point(self, place: Point, scale: Point) -> None:
        is_closed = len(self.draft) >= 3 and _pixels(place, self.draft[0], scale) < _NEAR_PIXELS
        if is_closed and self.drawn_kind != "line":
            self.finish_drawing()
            return
        # The second press of a double click is at the same place.
        if not self.draft or _pixels(place, self.draft[-1], scale) > 2:
            self.draft = (*self.draft, place)
        if self.drawn_kind == "line" and len(self.draft) == 2:
            self.finish_drawing()
        self.repainted.emit()

    def _split_side(self, zone: Zone, place: Point, scale: Point) -> int | None:
        """Add a point in the middle of a side that was pressed there; return its index."""
        for index, first in enumerate(zone.points):
            second = zone.points[(index + 1) % len(zone.points)]
            middle = ((first[0] + second[0]) / 2, (first[1] + second[1]) / 2)
            if _pixels(middle, place, scale) < _NEAR_PIXELS:
                points = (*zone.points[: index + 1], middle, *zone.points[index + 1 :])
                self._put(replace(zone, points=points))
                return index + 1
        return None

    def _put(self, zone: Zone) -> None:
        """Put a zone in the place of the selected one, without a step to undo."""
        self.zones = (*self.zones[: self.selected], zone, *self.zones[self.selected + 1 :])

    def move(self, place: Point) -> bool:
        """Move what the mouse holds to `place`; return whether it holds something or draws."""
        if self.drawn_kind is not None:
            self.pointer = _inside(place)
            self.repainted.emit()
            return True
        zone = self.selected_zone
        if self._held is None or zone is None:
            return False
        what, index = self._held
        if what == "point":
            points = list(zone.points)
            points[index] = _inside(place)
            self._put(replace(zone, points=tuple(points)))
        else:
            dx, dy = place[0] - self._held_at[0], place[1] - self._held_at[1]
            xs, ys = zip(*zone.points, strict=True)
            dx, dy = min(max(dx, -min(xs)), 1 - max(xs)), min(max(dy, -min(ys)), 1 - max(ys))
            self._held_at = self._held_at[0] + dx, self._held_at[1] + dy
            self._put(replace(zone, points=tuple((x + dx, y + dy) for x, y in zone.points)))
        self.repainted.emit()
        return True

    def release(self) -> bool:
        """Let go of what the mouse holds; return whether it held something."""
        held, self._held = self._held, None
        if held is None:
            return self.drawn_kind is not None
        if self.zones != self._before:
            self._commit(self.zones, self._before)
        return True

    def delete_point(self, place: Point, scale: Point) -> bool:
        """Remove the point of the selected zone at `place`; return whether there is one."""
        zone = self.selected_zone
        if zone is None or zone.kind == "line" or len(zone.points) <= 3:
            return False
        index = _near_point(zone.points, place, scale)
        if index is None:
            return False
        points = (*zone.points[:index], *zone.points[index + 1 :])
        self.change_selected(replace(zone, points=points))
        return True


def _why_not(zones: tuple[Zone, ...], before: tuple[Zone, ...]) -> str:
    """Say in the language of the window why the changed zones make no sense."""
    translate = QCoreApplication.translate
    for zone in zones:
        if zone not in before and not zone.name.strip():
            return translate("Zones", "A zone needs a name")
        if zone not in before and len(zone.name) > 80:
            return translate("Zones", "This name is too long")
    return translate("Zones", "The sides of a zone must not cross each other")


def _inside(place: Point) -> Point:
    return min(max(place[0], 0.0), 1.0), min(max(place[1], 0.0), 1.0)


def _pixels(a: Point, b: Point, scale: Point) -> float:
    """Return the distance of two places in logical pixels."""
    return math.hypot((a[0] - b[0]) * scale[0], (a[1] - b[1]) * scale[1])


def _near_point(points: tuple[Point, ...], place: Point, scale: Point) -> int | None:
    distances = [_pixels(point, place, scale) for point in points]
    nearest = min(range(len(points)), key=distances.__getitem__)
    return nearest if distances[nearest] < _NEAR_PIXELS else None


def _hits(zone: Zone, place: Point, scale: Point) -> bool:
    """Return whether a place is on a line, or in an area or a mask."""
    points = zone.points
    if zone.kind != "line":
        return _contains(points, place)
    (ax, ay), (bx, by) = ((x * scale[0], y * scale[1]) for x, y in points)
    x, y = place[0] * scale[0], place[1] * scale[1]
    along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / max(
        math.hypot(bx - ax, by - ay) ** 2, 1
    )
    along = min(max(along, 0.0), 1.0)
    return math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay)) < _NEAR_PIXELS


def _contains(points: tuple[Point, ...], place: Point) -> bool:
    """Return whether a polygon contains a place (ray casting)."""
    x, y = place
    inside = False
    for (ax, ay), (bx, by) in zip(points, (*points[1:], points[0]), strict=True):
        if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
            inside = not inside
    return inside
