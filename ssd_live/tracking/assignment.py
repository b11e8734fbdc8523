"""Match rows to columns by their costs."""

import numpy as np
from numpy.typing import NDArray


def cheapest_pairs(
    rows: NDArray[np.intp], columns: NDArray[np.intp], costs: NDArray[np.floating]
) -> NDArray[np.intp]:
    """Return the indices of pairs that use each row and each column at most once.

    Pair k joins `rows[k]` and `columns[k]` at the cost `costs[k]`; all are (P,). The cheapest pair
    is taken first, then the cheapest of those that are still possible, and so on. Of equal costs,
    the pair that comes first is taken. For tracks, this finds the same as the pairs with the lowest
    sum, within the scatter of the results (docs/tracking.md), and needs no package for it.
    """
    taken: list[int] = []
    used_rows: set[int] = set()
    used_columns: set[int] = set()
    order = np.argsort(costs, kind="stable")
    for index, row, column in zip(
        order.tolist(), rows[order].tolist(), columns[order].tolist(), strict=True
    ):
        if row not in used_rows and column not in used_columns:
            used_rows.add(row)
            used_columns.add(column)
            taken.append(index)
    return np.array(taken, np.intp)
