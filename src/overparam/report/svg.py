"""SVG figures made part of a page: own ids, the page's colours, nothing that runs.

A stored figure is data of others. What stands in the page is what is listed here:
elements that draw, attributes that say where and how, references to the figure itself.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from xml.etree import ElementTree

from ..errors import StoreError
from ..plots.figure import COLOURS
from .markup import Markup


_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_DESCRIPTION = ".//{http://purl.org/dc/elements/1.1/}description"

_SHAPES = frozenset(
    f"{{{_SVG}}}{name}"
    for name in (
        *("path", "rect", "circle", "ellipse", "line", "polygon", "polyline"),
        *("text", "tspan", "image", "stop"),
    )
)
_DRAWN = _SHAPES | {
    f"{{{_SVG}}}{name}" for name in ("svg", "g", "defs", "use", "clipPath")
}
"""Elements that draw; any other (scripts, styles, foreign objects) is left out."""

_PLACES = frozenset(
    {"d", "x", "y", "x1", "x2", "y1", "y2", "dx", "dy", "cx", "cy", "r", "rx", "ry"}
    | {"width", "height", "points", "transform", "viewBox", "preserveAspectRatio"}
    | {"offset", "clip-path", "clip-rule"}
)
_LOOKS = frozenset(
    {"fill", "stroke", "opacity", "fill-opacity", "fill-rule", "stroke-opacity"}
    | {"stroke-width", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit"}
    | {"stroke-dasharray", "stroke-dashoffset", "stop-color", "stop-opacity"}
    | {"font-size", "font-style", "font-weight", "text-anchor"}
)
"""What `style` may say, too."""

_DEEPEST = 50
"""Levels of elements; figures have fewer than ten."""

# From its first digit on: from each digit it would be looked for once more.
_NUMBER = re.compile(r"(?<!\d)\d+\.\d{3,}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b")
_FONT = re.compile(r"font-family:[^;]*;?|font: ([\d.]+px)[^;]*")
_REFERENCE = re.compile(r"url\(#", re.IGNORECASE)
# No quotes, escapes or addresses; parentheses for `rgb(...)` and `url(#...)`.
_PLAIN = re.compile(r"[#\w\s.,%()+-]*")
_AWAY = re.compile(r"url\((?!#)", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=\s]*")
_LENGTH = re.compile(r"(\d{1,6}(?:\.\d*)?)(pt|px)?")
_POINTS_TO_PIXELS = 4 / 3
_LEAST_SCALE = 0.7
_WIDE = 600.0  # Pixels from which on a figure is more than one panel wide.


def inline(content: bytes, *, prefix: str, label: str) -> Markup:
    """A figure as an element of the page.

    Args:
        content: The SVG file.
        prefix: Put before its ids, so that two figures do not share any.
        label: What it shows, for those who do not see it.

    Raises:
        StoreError: If it is no SVG, or one that defines or nests without bounds.
    """
    try:
        text = content.decode()
        if "<!ENTITY" in text:  # A name for a text can multiply it.
            raise StoreError("A figure defines entities: draw it again.")
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise StoreError(f"A figure is damaged ({error}): draw it again.") from error
    if root.tag != f"{{{_SVG}}}svg":
        raise StoreError("A figure is no SVG: draw it again.")
    description = _description(root)
    # What may be copied: shapes, as copies of copies would be drawn for ever.
    ids = Counter(element.get("id") for element in root.iter())
    shapes = (element.get("id") for element in root.iter() if element.tag in _SHAPES)
    # Of two with one id the first is copied, whatever it is.
    copied = {f"#{id}" for id in shapes if ids[id] == 1}
    length = root.get("width", "")
    match = _LENGTH.fullmatch(length) or _LENGTH.fullmatch("432pt")
    assert match is not None
    width = float(match[1]) * (_POINTS_TO_PIXELS if match[2] == "pt" else 1)
    _clean(root, prefix, copied, depth=1)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    # Smaller its letters could not be read; a figure that has no room is scrolled.
    least = _LEAST_SCALE * width
    root.set("style", f"max-width: {width:.0f}px; min-width: {least:.0f}px")
    root.set("class", "drawing wide" if width > _WIDE else "drawing")
    root.set("role", "img")
    root.set("aria-label", label)
    if description:
        root.set("data-readings", description)
        root.set("data-prefix", prefix)
        root.set("tabindex", "0")
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _LINK[1:].partition("}")[0])
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _description(root: ElementTree.Element) -> str | None:
    """What `plots.readings` wrote into the figure, if it is whole."""
    found = root.findtext(_DESCRIPTION)
    try:
        return found if found and isinstance(json.loads(found), dict) else None
    except (ValueError, RecursionError):
        return None


def _clean(
    element: ElementTree.Element, prefix: str, copied: set[str], *, depth: int
) -> None:
    if depth > _DEEPEST:
        raise StoreError(f"A figure is nested deeper than {_DEEPEST}: draw it again.")
    element.attrib = dict(_attributes(element, prefix, copied))
    if element.text and not element.text.strip():
        element.text = None
    for child in list(element):
        if child.tag not in _DRAWN:
            element.remove(child)
            continue
        if child.tail and not child.tail.strip():
            child.tail = None
        _clean(child, prefix, copied, depth=depth + 1)


def _attributes(
    element: ElementTree.Element, prefix: str, copied: set[str]
) -> Iterator[tuple[str, str]]:
    """The attributes that are known and lead nowhere else."""

    def referring(value: str) -> str:
        return _REFERENCE.sub(lambda match: match[0] + prefix, value)

    for name, value in element.attrib.items():
        if name == "id":
            yield name, prefix + value
        elif name in (_LINK, "href"):
            if element.tag == f"{{{_SVG}}}use" and value in copied:
                yield _LINK, f"#{prefix}{value[1:]}"
            elif element.tag == f"{{{_SVG}}}image" and _PICTURE.fullmatch(value):
                yield _LINK, value
        elif name == "style":
            value = _FONT.sub(lambda m: f"font-size: {m[1]};" if m[1] else "", value)
            pairs = (part.partition(":") for part in value.split(";"))
            kept = [
                f"{look.strip()}: {referring(said)}"
                for look, _, said in pairs
                if look.strip() in _LOOKS and _stays(said)
            ]
            yield name, _COLOUR.sub(lambda match: _ink(match[0]), "; ".join(kept))
        elif name in _PLACES | _LOOKS and _stays(value):
            if name in ("d", "x", "y", "transform", "points"):
                # A hundredth of a point is below what a screen or a printer resolves.
                value = _NUMBER.sub(lambda match: f"{float(match[0]):.2f}", value)
                value = " ".join(value.split())
            yield name, referring(value)


def _stays(value: str) -> bool:
    """Whether a value has no address but one in the figure itself."""
    return bool(_PLAIN.fullmatch(value)) and not _AWAY.search(value)


def _ink(colour: str) -> str:
    """The page's name of a colour, which is another one in the dark."""
    upper = colour.upper()
    if upper in COLOURS and upper != "#000000":
        return f"var(--series-{COLOURS.index(upper) + 1})"
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    if not red == green == blue:
        return colour
    for most, name in ((0x3F, "ink"), (0x9F, "muted"), (0xEF, "line")):
        if red <= most:
            return f"var(--{name})"
    return "var(--paper)"
