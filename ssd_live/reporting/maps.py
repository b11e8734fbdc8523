"""Draw where objects stood and walked, with the zones, over a still of the video, as SVG."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ssd_live.analytics.zones import Zone
from ssd_live.imaging.heat import heat_pixels, heat_ramp
from ssd_live.imaging.overlay import numbered_colour
from ssd_live.imaging.zone_overlay import arrow_of
from ssd_live.reporting.colours import hex_of
from ssd_live.reporting.markup import Markup, data_uri, element, escaped, joined
from ssd_live.reporting.pictures import Picture
from ssd_live.reporting.summary import Track

# Paths of so many tracks are drawn: of those that were seen the longest.
MOST_PATHS = 300


def still_of(picture: Picture | None, size: tuple[int, int], name: str) -> Markup:
    """Return the drawing that other drawings show as their background, under the id `name`.

    `size` is the (width, height) of the frame in pixels. Without a picture it is a plain area.
    """
    width, height = size
    if picture is None:
        shown = element("rect", width=width, height=height, class_="nothing")
    else:
        address = data_uri("image/jpeg", picture.jpeg)
        shown = element("image", href=address, width=width, height=height)
    symbol = element("symbol", shown, id=name, viewBox=f"0 0 {width} {height}")
    return element("svg", symbol, width=0, height=0, class_="store", aria_hidden="true")


def heat_map(
    heat: NDArray[np.float32], zones: Sequence[Zone], size: tuple[int, int], still: str
) -> Markup:
    """Return a drawing of the heat map over the still with the id `still`.

    `heat` (rows, columns) float32 counts how often feet stood in each cell. `size` is the (width,
    height) of the frame in pixels.
    """
    image = element(
        "image",
        href=data_uri("image/png", heat_png(heat)),
        width=size[0],
        height=size[1],
        preserveAspectRatio="none",
    )
    text = "Heat map: where the feet of objects were in the picture"
    return _drawing(joined(image, _zones(zones, size)), size, still, text)


def heat_png(heat: NDArray[np.float32]) -> bytes:
    """Return the heat map as a PNG with transparency; it is clear where nothing was.

    `heat` (rows, columns) float32 counts how often feet stood in each cell.
    """
    _, data = cv2.imencode(".png", heat_pixels(heat))
    return bytes(data.tobytes())


def heat_legend() -> Markup:
    """Return the colours of the heat map, from seldom to often."""
    ramp = heat_ramp()
    colours = ",".join(
        hex_of((int(b), int(g), int(r))) for b, g, r in ramp[:: len(ramp) // 6].tolist()
    )
    bar = element("span", class_="ramp", style=f"background:linear-gradient(90deg,{colours})")
    return element("span", "seldom ", bar, " often", class_="legend")


def path_map(
    tracks: Sequence[Track], zones: Sequence[Zone], size: tuple[int, int], still: str
) -> Markup:
    """Return a drawing of the paths of tracks over the still with the id `still`.

    Each track has a colour of its own. A dot marks the end of each path. `size` is the (width,
    height) of the frame in pixels.
    """
    paths = joined(*(_path(track, max(size) / 140) for track in tracks))
    text = f"Paths of the feet of {len(tracks)} objects over the picture"
    return _drawing(joined(_zones(zones, size), paths), size, still, text)


def _path(track: Track, radius: float) -> Markup:
    points = track.path
    colour = hex_of(numbered_colour(track.track_id))
    way = "M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in points)
    title = element("title", f"{track.class_name} {track.track_id}")
    x, y = points[-1]
    end = element("circle", cx=f"{x:.0f}", cy=f"{y:.0f}", r=f"{radius:.1f}", fill=colour)
    under = element("path", d=way, class_="way under")
    return element("g", title, under, element("path", d=way, class_="way", stroke=colour), end)


def _zones(zones: Sequence[Zone], size: tuple[int, int]) -> Markup:
    return joined(*(_zone(zone, size) for zone in zones))


def _zone(zone: Zone, size: tuple[int, int]) -> Markup:
    points = zone.pixels(size)
    way = _way(points) + ("" if zone.kind == "line" else "Z")
    if zone.kind == "line":
        begin, end = arrow_of(points)
        back = 0.4 * (begin - end)
        side = np.array([-back[1], back[0]], np.float32)
        way += _way(np.stack([begin, end]))
        way += _way(np.stack([end + back + side, end, end + back - side]))
    look = "zone mask" if zone.kind == "mask" else "zone"
    shapes = (
        element("path", d=way, class_=f"{look} under"),
        element("path", d=way, class_=look, stroke=zone.colour),
    )
    x, y = points[int(np.argmin(points[:, 1]))].tolist()
    font = max(size) / 32
    is_right = x > 0.7 * size[0]
    label = element(
        "text",
        zone.name,
        x=f"{x + (-0.3 if is_right else 0.3) * font:.0f}",
        y=f"{max(y - 0.4 * font, font):.0f}",
        font_size=f"{font:.0f}",
        text_anchor="end" if is_right else "start",
    )
    return element("g", *shapes, label)


def _way(points: NDArray[np.float32]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points.tolist())


def _drawing(content: Markup, size: tuple[int, int], still: str, text: str) -> Markup:
    width, height = size
    return element(
        "svg",
        element("use", href=f"#{still}", width=width, height=height, class_="still"),
        content,
        viewBox=f"0 0 {width} {height}",
        class_="map",
        role="img",
        aria_label=escaped(text),
    )
