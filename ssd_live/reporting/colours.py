"""Choose colours that can be told from a light and from a dark page."""

from ssd_live.imaging.overlay import Colour, class_colour

# On white, a colour of this luminance has a contrast of 3 (WCAG 2 asks it of graphics).
_MOST_LUMINANCE = 0.3
_DARKEN = 0.96


def hex_of(colour: Colour) -> str:
    """Return a colour (b, g, r) as "#rrggbb"."""
    blue, green, red = colour
    return f"#{red:02x}{green:02x}{blue:02x}"


def class_colours(name: str) -> str:
    """Return the style of an element that shows a class: its colour on a light and a dark page."""
    on_dark = class_colour(name)
    return f"--light:{hex_of(on_white(on_dark))};--dark:{hex_of(on_dark)}"


def on_white(colour: Colour) -> Colour:
    """Return a colour (b, g, r), darkened until its contrast to white is at least 3."""
    while luminance(colour) > _MOST_LUMINANCE:
        blue, green, red = (int(value * _DARKEN) for value in colour)
        colour = blue, green, red
    return colour


def luminance(colour: Colour) -> float:
    """Return the relative luminance in 0..1 of a colour (b, g, r), as WCAG 2 defines it."""
    blue, green, red = (
        value / 255 / 12.92 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4
        for value in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
