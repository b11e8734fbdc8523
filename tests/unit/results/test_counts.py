"""The rows and the lines of counts."""

from ssd_live.analytics.counting import CountRecord
from ssd_live.results.counts import COLUMNS, count_dict, count_row

IN = CountRecord("crossed", 'The "Door", left', 1.25, 3, "cat", (1.0, 2.0, 3.0, 4.0), 1.3, "in")
LEFT = CountRecord("left", "Yard", 9.0, 4, "dog", (1.0, 2.0, 3.0, 4.0), 14.0, "", 2.5, "lost")


def test_what_is_empty_is_left_out_of_the_line() -> None:
    common = {"time", "zone", "kind", "class", "track_id", "box"}
    assert set(count_dict(IN)) == {*common, "direction"}
    assert set(count_dict(LEFT)) == {*common, "seconds", "why"}


def test_a_row_has_a_value_for_each_column() -> None:
    row = dict(zip(COLUMNS, count_row("street", count_dict(LEFT)), strict=True))
    assert (row["kind"], row["seconds"], row["why"], row["x2"]) == ("left", "2.500", "lost", 3.0)
    row = dict(zip(COLUMNS, count_row("street", count_dict(IN)), strict=True))
    assert (row["zone"], row["direction"], row["seconds"]) == ('The "Door", left', "in", "")
