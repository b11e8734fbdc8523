"""All text is escaped, wherever it stands."""

import pytest

from ssd_live.imaging.overlay import class_colour
from ssd_live.reporting.colours import class_colours, hex_of, luminance, on_white
from ssd_live.reporting.markup import Markup, data_uri, element, escaped, joined

EVIL = '<script>alert("1")</script>\'&\x00\x1b\u202e\ud800'


def test_text_and_attributes_are_escaped() -> None:
    shown = element("p", EVIL, title=EVIL)
    assert shown.count("<") == 2
    assert shown.count('"') == 2
    assert all(letter not in shown for letter in "\x00\x1b\u202e\ud800'")
    assert "\\x1b" in shown
    shown.encode()


def test_markup_is_not_escaped_again() -> None:
    assert element("p", element("b", "a & b")) == "<p><b>a &amp; b</b></p>"
    assert joined("<", Markup("<i>")) == "&lt;<i>"
    assert escaped(escaped("&")) == "&amp;"


def test_attributes_have_their_names_and_none_is_left_out() -> None:
    shown = element("rect", class_="bar", stroke_width=2, href=None)
    assert shown == '<rect class="bar" stroke-width="2"/>'


def test_a_void_element_with_a_title_has_an_end() -> None:
    assert element("rect", element("title", "x")) == "<rect><title>x</title></rect>"


def test_a_file_is_embedded() -> None:
    assert data_uri("image/png", b"abc") == "data:image/png;base64,YWJj"


@pytest.mark.parametrize("name", ["person", "car", "Bicycle", "cat", "unicorn", "x", "y", "z"])
def test_colours_can_be_told_from_both_pages(name: str) -> None:
    """WCAG 2 asks for a contrast of 3 between graphics and what is beside them."""
    light, dark = on_white(class_colour(name)), class_colour(name)
    assert class_colours(name) == f"--light:{hex_of(light)};--dark:{hex_of(dark)}"
    assert 1.05 / (luminance(light) + 0.05) >= 3
    card = luminance((0x27, 0x20, 0x1B))
    assert (luminance(dark) + 0.05) / (card + 0.05) >= 3
