"""SVG figures made part of a page: own ids, the page's colours, nothing that runs."""

import re
from xml.etree import ElementTree

from ..errors import StoreError
from ..plots.figure import COLOURS
from .markup import Markup


_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_DESCRIPTION = ".//{http://purl.org/dc/elements/1.1/}description"

_DRAWN = frozenset(
    {"svg", "g", "defs", "path", "use", "text", "tspan", "clipPath", "rect", "circle"}
    | {"line", "polygon", "polyline", "ellipse", "linearGradient", "stop", "image"}
)
"""Elements that draw; any other (scripts, foreign objects) is left out."""

_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b")
_FONT = re.compile(r"font-family:[^;]*;?|font: ([\d.]+px)[^;]*")
_REFERENCE = re.compile(r"url\(#|^#")
_POINTS_TO_PIXELS = 4 / 3


def inline(content: bytes, *, prefix: str, label: str) -> Markup:
    """A figure as an element of the page.

    Args:
        content: The SVG file.
        prefix: Put before its ids, so that two figures do not share any.
        label: What it shows, for those who do not see it.

    Raises:
        StoreError: If it is no SVG.
    """
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise StoreError(f"A figure is damaged ({error}): draw it again.") from error
    description = root.findtext(_DESCRIPTION)
    _clean(root, prefix)
    width = _pixels(root.get("width", "432pt"))
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("style", f"max-width: {width:.0f}px")
    root.set("class", "drawing")
    root.set("role", "img")
    root.set("aria-label", label)
    if description:
        root.set("data-readings", description)
        root.set("data-prefix", prefix)
        root.set("tabindex", "0")
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _LINK[1:].partition("}")[0])
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _clean(element: ElementTree.Element, prefix: str) -> None:
    for name, value in list(element.attrib.items()):
        if name.lower().startswith("on") or _leads_away(name, value):
            del element.attrib[name]
        elif name == "id":
            element.set(name, prefix + value)
        else:
            element.set(name, _rewritten(name, value, prefix))
    if element.text and not element.text.strip():
        element.text = None
    for child in list(element):
        if child.tag.removeprefix(f"{{{_SVG}}}") not in _DRAWN:
            element.remove(child)
            continue
        if child.tail and not child.tail.strip():
            child.tail = None
        _clean(child, prefix)


def _leads_away(name: str, value: str) -> bool:
    link = name in (_LINK, "href")
    return link and not value.startswith(("#", "data:image/png;base64,"))


def _rewritten(name: str, value: str, prefix: str) -> str:
    if name == "style":
        value = _FONT.sub(lambda m: f"font-size: {m[1]}" if m[1] else "", value)
        value = _COLOUR.sub(lambda match: _ink(match[0]), value)
    elif name in ("d", "x", "y", "transform", "points"):
        # A hundredth of a point is below what a screen or a printer resolves.
        value = _NUMBER.sub(lambda match: f"{float(match[0]):.2f}", value)
        value = " ".join(value.split())
    if not value.startswith("data:"):
        value = _REFERENCE.sub(lambda match: match[0] + prefix, value)
    return value


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


def _pixels(length: str) -> float:
    number = float(re.match(r"[\d.]*", length)[0] or 432)  # type: ignore[index]
    return number * _POINTS_TO_PIXELS if length.endswith("pt") else number
