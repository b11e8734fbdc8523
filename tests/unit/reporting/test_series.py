"""The number of objects over time, in bounded memory."""

import random

from ssd_live.reporting.series import Series


def test_each_bin_has_its_largest_value() -> None:
    series = Series(width=1.0)
    for time, value in ((0.0, 1), (0.9, 3), (0.5, 2), (2.5, 1)):
        series.add(time, value)
    assert series.bins() == [(0.0, 3), (2.0, 1)]


def test_bins_stay_few_and_keep_the_largest_values() -> None:
    series, values = Series(most=50), random.Random(3)
    every = [(number / 3, values.randrange(9)) for number in range(-2000, 5000)]
    for time, value in every:
        series.add(time, value)
    bins = series.bins()
    assert 25 <= len(bins) <= 50
    for begin, largest in bins:
        inside = [value for time, value in every if begin <= time < begin + series.width]
        assert max(inside) == largest
