"""Zones and their file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_live.analytics.zones import (
    COLOURS,
    MOST_ZONES,
    Zone,
    anchors_of,
    check_classes,
    check_zones,
    crosses_itself,
    read_zones,
    unmasked,
    write_zones,
    zones_in,
    zones_text,
)
from ssd_live.errors import OutputError, UsageError

SQUARE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))
DOOR = Zone("Door", "line", ((0.1, 0.5), (0.9, 0.5)), "#123abc", "centre", ("cat", "dog"))
YARD = Zone("Yard", "area", SQUARE)
TREE = Zone("Tree", "mask", SQUARE[:3], anchor="centre")


def _data(**changes: Any) -> dict[str, Any]:
    zone = {"name": "Door", "kind": "line", "points": [[0.1, 0.5], [0.9, 0.5]]}
    return {"version": 1, "zones": [{**zone, **changes}]}


def test_a_file_keeps_the_zones(tmp_path: Path) -> None:
    path = tmp_path / "zones.json"
    write_zones([DOOR, YARD, TREE], path)
    assert read_zones(path) == (DOOR, YARD, TREE)


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20)


@given(st.lists(NAMES.filter(str.strip), unique=True, max_size=8))
def test_any_name_is_kept(names: list[str]) -> None:
    zones = tuple(Zone(name, "area", SQUARE) for name in names)
    assert zones_in(json.loads(zones_text(zones))) == zones


def test_points_may_be_in_pixels() -> None:
    (zone,) = zones_in({**_data(points=[[64, 240], [576, 240]]), "size": [640, 480]})
    assert zone.points == ((0.1, 0.5), (0.9, 0.5))
    np.testing.assert_allclose(zone.pixels((1920, 1080)), [[192, 540], [1728, 540]])


def test_what_is_left_out_has_a_default() -> None:
    (zone,) = zones_in(_data())
    assert (zone.anchor, zone.colour, zone.classes) == ("feet", COLOURS[0], ())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], 'an object with a list "zones"'),
        ({"version": 1}, 'an object with a list "zones"'),
        ({"version": 2, "zones": []}, '"version" is 2, and this program reads 1'),
        ({"zones": []}, '"version" is None'),
        ({"version": 1, "zones": ["a"]}, "zone 1 is not an object"),
        ({**_data(), "size": [0, 10]}, '"size" must be'),
        ({**_data(), "size": "large"}, '"size" must be'),
        (_data(name=""), "a name has 1 to 80 characters"),
        (_data(name=" \n"), "a name has 1 to 80 characters"),
        (_data(name="x" * 81), "a name has 1 to 80 characters"),
        (_data(name=7), '"name" must be a text'),
        (_data(kind="circle"), "the kind must be area, line, mask"),
        (_data(kind=None), '"kind" must be a text'),
        (_data(anchor="head"), "the anchor must be feet or centre"),
        (_data(colour="red"), "the colour must be like #f59e0b"),
        (_data(colour="#12345"), "the colour must be like"),
        (_data(points=[[0.1, 0.5]]), "line zones have 2 points, not 1"),
        (_data(points=[[0.1, 0.5]] * 3), "line zones have 2 points, not 3"),
        (_data(kind="area"), "area zones have 3 to 64 points, not 2"),
        (_data(kind="mask", points=[[0, 0]] * 65), "mask zones have 3 to 64 points, not 65"),
        (_data(points=[[0.1, 0.5], [1.2, 0.5]]), "a point lies outside the picture"),
        (_data(points=[[0.1, 0.5], [float("nan"), 0.5]]), "must be a list of"),
        (_data(points=[[0.1, 0.5], [True, 0.5]]), "must be a list of"),
        (_data(points=[[0.1, 0.5], ["a", 0.5]]), "must be a list of"),
        (_data(points=[[0.1, 0.5], [0.5]]), "must be a list of"),
        (_data(points={"a": 1}), "must be a list of"),
        (_data(points=[[0.1, 0.5], [0.1, 0.5]]), "two neighbouring points are the same"),
        (
            _data(kind="area", points=[[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]]),
            "its sides cross each other",
        ),
        (_data(classes="cat"), '"classes" must be a list of class names'),
        (_data(classes=[1]), '"classes" must be a list of class names'),
        (_data(speed=1), "'speed' is no property of a zone"),
    ],
)
def test_what_makes_no_sense_gets_one_clear_line(data: object, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        zones_in(data)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value).replace("\\n", "")


def test_two_zones_need_two_names_and_there_are_not_too_many() -> None:
    with pytest.raises(UsageError, match="two zones have the name 'Yard'"):
        check_zones([YARD, YARD])
    with pytest.raises(UsageError, match=f"more than {MOST_ZONES} zones"):
        check_zones([Zone(str(number), "area", SQUARE) for number in range(MOST_ZONES + 1)])


@pytest.mark.parametrize(
    ("contents", "message"),
    [(b"{", "is not JSON"), (b"[" * 100_000, "is not JSON"), (b"\xff\xfe{", "is not JSON")],
)
def test_a_file_that_is_none_is_named(contents: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "zones.json"
    path.write_bytes(contents)
    with pytest.raises(UsageError, match=message) as raised:
        read_zones(path)
    assert str(path) in str(raised.value)


def test_a_file_that_is_missing_or_large_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_zones(tmp_path / "none.json")
    with pytest.raises(UsageError, match="cannot be read"):
        read_zones(tmp_path)
    (tmp_path / "large.json").write_bytes(b" " * 2_000_000)
    with pytest.raises(UsageError, match="too large for a zones file"):
        read_zones(tmp_path / "large.json")


def test_the_error_of_a_zone_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "zones.json"
    path.write_text(json.dumps(_data(kind="circle")))
    with pytest.raises(UsageError, match=r"zones\.json: zone 'Door': the kind must be"):
        read_zones(path)


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        write_zones([YARD], tmp_path / "file" / "zones.json")


def test_a_class_that_the_model_lacks_is_named() -> None:
    check_classes([DOOR, YARD], ("cat", "dog", "bird"))
    with pytest.raises(UsageError, match="zone 'Door': the model has no class 'dog'"):
        check_classes([DOOR], ("cat",))


def test_polygons_that_cross_themselves() -> None:
    assert not crosses_itself(SQUARE)
    assert not crosses_itself(SQUARE[:3])
    assert crosses_itself((SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]))
    # A side that only touches another one.
    assert crosses_itself(((0, 0), (1, 0), (1, 1), (0.5, 0), (0, 1)))


def test_turning_a_line_changes_its_direction() -> None:
    assert DOOR.turned().points == (DOOR.points[1], DOOR.points[0])


def test_anchors() -> None:
    boxes = np.array([[10, 20, 30, 60]], np.float32)
    assert anchors_of(boxes, "feet").tolist() == [[20, 60]]
    assert anchors_of(boxes, "centre").tolist() == [[20, 40]]


def test_masks_hide_what_stands_in_them() -> None:
    boxes = np.array([[40, 0, 60, 50], [0, 0, 10, 10], [90, 90, 99, 99]], np.float32)
    assert unmasked(boxes, [YARD], (100, 100)).tolist() == [False, True, True]
    assert unmasked(boxes, [], (100, 100)).tolist() == [True, True, True]
    assert unmasked(boxes[:0], [YARD], (100, 100)).tolist() == []


def test_a_number_that_no_float_holds_is_refused() -> None:
    zone = {"name": "A", "kind": "line", "points": [[0, 10**400], [1, 1]]}
    with pytest.raises(UsageError, match='"points" must be a list of'):
        zones_in({"version": 1, "zones": [zone]})
