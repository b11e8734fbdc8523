"""Make HTML and SVG elements, in which all text is escaped."""

import base64
import html

from ssd_live.system.paths import one_line

_VOID = frozenset({"img", "meta", "br", "rect", "line", "image", "use", "stop", "path", "circle"})


class Markup(str):
    """Text that is HTML already, so that it is not escaped."""

    __slots__ = ()


def escaped(text: object) -> Markup:
    """Return text as HTML, with visible escapes in place of control characters."""
    return text if isinstance(text, Markup) else Markup(html.escape(one_line(str(text))))


def joined(*parts: object) -> Markup:
    """Return the parts as one piece of HTML; what is not `Markup` is escaped."""
    return Markup("".join(escaped(part) for part in parts))


def element(name: str, /, *children: object, **attributes: object) -> Markup:
    """Return an element with its children and attributes.

    Children that are not `Markup`, and all attributes, are escaped. A trailing underscore in the
    name of an attribute is left out, and the others become hyphens. Attributes that are None are
    left out.
    """
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID and not children:
        return Markup(f"<{name}{words}/>")
    return Markup(f"<{name}{words}>{joined(*children)}</{name}>")


def data_uri(kind: str, data: bytes) -> str:
    """Return bytes of a media type, such as image/png, as the address of an embedded file."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
