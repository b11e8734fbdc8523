"""The names of the colours of a picture."""

import numpy as np
import pytest

from ssd_live.imaging.colour_names import COLOUR_NAMES, bits_of, colours_in, main_colours

# Colours that people call so, in RGB.
_KNOWN = {
    "black": [(0, 0, 0), (35, 30, 30)],
    "white": [(255, 255, 255), (225, 225, 215)],
    "grey": [(128, 128, 128), (90, 95, 100)],
    "red": [(220, 20, 30), (110, 10, 20)],
    "orange": [(255, 140, 0), (240, 110, 20)],
    "brown": [(110, 60, 20), (90, 55, 30)],
    "yellow": [(250, 230, 30), (240, 210, 60)],
    "green": [(20, 150, 40), (60, 110, 50)],
    "blue": [(20, 60, 220), (60, 80, 130), (40, 190, 220)],
    "purple": [(120, 30, 160), (90, 40, 130)],
    "pink": [(250, 150, 180), (255, 105, 180)],
}


@pytest.mark.parametrize(("name", "colours"), _KNOWN.items())
def test_each_colour_is_called_by_its_name(name: str, colours: list[tuple[int, int, int]]) -> None:
    for red, green, blue in colours:
        picture = np.full((60, 30, 3), (blue, green, red), np.uint8)
        assert colours_in(main_colours(picture)) == (name,)


def test_only_the_middle_counts_and_two_colours_are_both_told() -> None:
    picture = np.full((100, 60, 3), (40, 150, 20), np.uint8)
    picture[:, 15:45] = (30, 20, 220)
    picture[50:, 15:45] = (160, 60, 20)
    assert colours_in(main_colours(picture)) == ("red", "blue")
    assert main_colours(picture[:1, :1]) == bits_of(["green"])


def test_bits_and_names_are_the_same() -> None:
    assert colours_in(bits_of(COLOUR_NAMES)) == COLOUR_NAMES
    assert bits_of(()) == 0
    with pytest.raises(KeyError):
        bits_of(["mauve"])
