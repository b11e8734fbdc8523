"""Write times for people, and choose the ticks of a time axis."""

import math

# A step of an axis is one of these, in seconds, or a whole number of days.
_STEPS = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400),
)
_DAY = 86400.0


def clock(seconds: float, decimals: int = 1) -> str:
    """Return a time such as `0:07.5`, `12:30.0` or `1:02:03.4`, with so many decimals."""
    scale = 10**decimals
    units = round(abs(seconds) * scale)
    sign = "-" if seconds < 0 and units else ""
    whole, part = divmod(units, scale)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    begin = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    end = f".{part:0{decimals}}" if decimals else ""
    return f"{sign}{begin}:{rest:02}{end}"


def step_for(span: float, most: int) -> float:
    """Return the shortest sensible step, in seconds, of which at most `most` fit into `span`."""
    for step in _STEPS:
        if span <= most * step:
            return step
    return _DAY * math.ceil(span / most / _DAY)


def ticks(begin: float, end: float, most: int) -> list[tuple[float, str]]:
    """Return (time, text) of the ticks of an axis from `begin` to `end`: at most `most` + 1.

    Ticks are at multiples of a sensible step.
    """
    step = step_for(end - begin, most)
    first, last = math.ceil(begin / step - 1e-6), math.floor(end / step + 1e-6)
    decimals = 1 if step < 1 else 0
    return [(number * step, clock(number * step, decimals)) for number in range(first, last + 1)]
