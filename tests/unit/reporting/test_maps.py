"""The heat map and the paths over the still."""

import re

import cv2
import numpy as np

from ssd_live.analytics.zones import Zone
from ssd_live.reporting.log import Found
from ssd_live.reporting.maps import heat_legend, heat_map, heat_png, path_map, still_of
from ssd_live.reporting.summary import Track
from tests.unit.reporting.logs import Page

SIZE = (640, 272)


def _png(
    heat: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    image = cv2.imdecode(np.frombuffer(heat_png(heat), np.uint8), cv2.IMREAD_UNCHANGED)
    return np.asarray(image, np.uint8)


def test_the_heat_map_is_clear_where_nothing_was_and_bright_where_much_was() -> None:
    heat = np.zeros((40, 96), np.float32)
    heat[10, 20], heat[30, 80] = 100, 3
    image = _png(heat)
    assert image.shape == (160, 384, 4)
    alpha = image[:, :, 3].astype(int)
    assert alpha[80, 200] == 0
    assert alpha[42, 82] > alpha[122, 322] > 20
    brightness = image[:, :, :3].astype(int).sum(2)
    assert brightness[42, 82] > brightness[122, 322] + 100


def test_a_heat_map_of_nothing_is_clear() -> None:
    assert not _png(np.zeros((10, 96), np.float32))[:, :, 3].any()


def test_zones_are_drawn_with_their_names() -> None:
    zones = [
        Zone("Door <b>", "line", ((0.5, 0.0), (0.5, 1.0)), "#123456"),
        Zone("Yard", "area", ((0.1, 0.1), (0.5, 0.1), (0.5, 0.5)), "#abcdef"),
    ]
    drawn = heat_map(np.zeros((41, 96), np.float32), zones, SIZE, "still1")
    page = Page(drawn)
    assert "Door <b>" in page.texts
    assert "#still1" in page.addresses
    found = re.findall(r'd="([^"]*)"[^>]* stroke="([^"]*)"', drawn)
    ways = {stroke: way for way, stroke in found}
    # The line, and the shaft of its arrow. In is to the right of somebody who looks down along it,
    # and thus to the left in the picture.
    assert ways["#123456"].startswith("M320.0 0.0L320.0 272.0M320.0 136.0L279.2 136.0M")
    assert ways["#abcdef"] == "M64.0 27.2L320.0 27.2L320.0 136.0Z"


def test_a_path_follows_the_feet_in_the_colour_of_its_track() -> None:
    tracks = [Track(number, "person", 0.0, 2.0) for number in (1, 2)]
    for track in tracks:
        for time in (0.0, 1.0, 2.0):
            left = 100 * time + track.track_id
            track.add(time, Found("person", 0.5, (left, 0, left + 20, 50), None, True), *SIZE)
    drawn = path_map(tracks, (), SIZE, "still1")
    Page(drawn)
    found = re.findall(r'd="([^"]*)" class="way" stroke="([^"]*)"', drawn)
    assert [way for way, _ in found] == ["M11 50L111 50L211 50", "M12 50L112 50L212 50"]
    assert len({colour for _, colour in found}) == 2
    assert re.findall(r'<circle cx="(.*?)" cy="(.*?)"', drawn) == [("211", "50"), ("212", "50")]


def test_without_a_picture_the_still_is_a_plain_area() -> None:
    page = Page(still_of(None, SIZE, "still1"))
    assert "rect" in page.tags
    assert "image" not in page.tags
    assert page.ids == ["still1"]


def test_the_legend_has_the_colours_of_the_heat_map() -> None:
    assert len(re.findall("#[0-9a-f]{6}", heat_legend())) >= 6
