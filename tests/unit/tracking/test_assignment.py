"""Pairs by their costs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ssd_live.tracking.assignment import cheapest_pairs

Pairs = list[tuple[int, int, float]]
PAIRS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.floats(-5, 5)),
    unique_by=lambda pair: pair[:2],
)


def _taken(pairs: Pairs) -> list[int]:
    rows, columns, costs = (np.array([pair[field] for pair in pairs]) for field in range(3))
    taken = cheapest_pairs(rows.astype(np.intp), columns.astype(np.intp), costs)
    return [int(index) for index in taken]


@given(PAIRS)
def test_each_row_and_column_is_used_once_and_none_is_left_for_nothing(pairs: Pairs) -> None:
    taken = [pairs[index] for index in _taken(pairs)]
    rows, columns = {pair[0] for pair in taken}, {pair[1] for pair in taken}
    assert len(rows) == len(columns) == len(taken)
    assert all(row in rows or column in columns for row, column, _ in pairs)


@given(PAIRS)
def test_a_pair_gives_way_only_to_a_cheaper_one(pairs: Pairs) -> None:
    taken = [pairs[index] for index in _taken(pairs)]
    for row, column, cost in pairs:
        rivals = [its for its in taken if its[0] == row or its[1] == column]
        assert min(its[2] for its in rivals) <= cost


def test_of_two_equal_pairs_the_first_is_taken() -> None:
    assert _taken([(0, 0, 1.0), (0, 1, 1.0)]) == [0]


def test_nothing_gives_nothing() -> None:
    assert _taken([]) == []
