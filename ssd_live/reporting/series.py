"""Keep how many objects there were over time, in bounded memory."""

import math


class Series:
    """The largest value in each bin of time.

    Bins become wider as more time goes by, so that at most `most` of them are kept.
    """

    def __init__(self, most: int = 400, width: float = 0.1) -> None:
        self._most = most
        # The width of a bin in seconds.
        self.width = width
        self._bins: dict[int, int] = {}

    def add(self, time: float, value: int) -> None:
        """Note a value at a time in seconds."""
        key = math.floor(time / self.width)
        self._bins[key] = max(self._bins.get(key, 0), value)
        while len(self._bins) > self._most:
            self.width *= 2
            wider: dict[int, int] = {}
            for narrow, largest in self._bins.items():
                wider[narrow // 2] = max(wider.get(narrow // 2, 0), largest)
            self._bins = wider

    def bins(self) -> list[tuple[float, int]]:
        """Return (begin in seconds, largest value) of each bin with a value, in order of time."""
        return [(key * self.width, value) for key, value in sorted(self._bins.items())]
