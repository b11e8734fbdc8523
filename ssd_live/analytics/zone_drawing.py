"""Draw zones with their counts onto frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ssd_live.analytics.counting import ZoneCounts
from ssd_live.analytics.zones import Zone
from ssd_live.imaging.overlay import Overlay
from ssd_live.imaging.pixels import Pixels
from ssd_live.imaging.zone_overlay import ZoneShape, colour_in, draw_zones


@dataclass(frozen=True, eq=False)
class CountedZones:
    """Zones, and the counts of the lines and areas among them by name."""

    zones: tuple[Zone, ...]
    counts: Mapping[str, ZoneCounts]


class ZoneDrawer:
    """Draws zones onto the frames of one source: call `draw`, draw the boxes, call `draw_labels`.

    Masks are not drawn.
    """

    def __init__(self) -> None:
        self._made_for: tuple[object, ...] = ()
        self._shapes: list[ZoneShape] = []
        self._zones: list[Zone] = []

    def draw(self, overlay: Overlay, planes: Sequence[Pixels], counted: CountedZones) -> None:
        """Draw the lines and areas onto the planes of a frame, for which `overlay` was made."""
        made_for = counted.zones, overlay.size
        if self._made_for != made_for:
            self._made_for = made_for
            self._zones = [zone for zone in counted.zones if zone.kind != "mask"]
            self._shapes = [
                ZoneShape(zone.pixels(overlay.size), colour_in(zone.colour), zone.kind == "area")
                for zone in self._zones
            ]
        draw_zones(overlay, planes, self._shapes)

    def draw_labels(
        self, overlay: Overlay, planes: Sequence[Pixels], counted: CountedZones
    ) -> None:
        """Draw the names and counts, which lie on top of everything, after `draw`."""
        for shape, zone in zip(self._shapes, self._zones, strict=True):
            text = counts_text(zone, counted.counts.get(zone.name, ZoneCounts()))
            overlay.draw_text(planes, shape.points[0], text, shape.colour)


def counts_text(zone: Zone, counts: ZoneCounts) -> str:
    """Return the label of a line or an area: its name and its counts so far."""
    if zone.kind == "line":
        return f"{zone.name}: {counts.went_in.total()} in, {counts.went_out.total()} out"
    return f"{zone.name}: {counts.inside.total()} inside"
