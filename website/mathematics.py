"""Formulas as MathML: written into the pages, shown by the browser itself."""

import html
import re
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert


_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<tex>.*?)\\[)\]]</(?P=tag)>',
    re.DOTALL,
)
_MATHML = "http://www.w3.org/1998/Math/MathML"
_TIGHT = {"/", "|"}
_SIGNS = {"−", "-", "+", "±"}
_CLOSING = {")", "]", "}", "⟩", "|", "‖", "!", "′"}
_FUNCTIONS = {"sin", "cos", "tan", "tanh", "log", "ln", "exp", "arccos", "arcsin"}


def with_formulas(page: str) -> str:
    """The page with every formula of `arithmatex` as MathML."""
    return _FORMULA.sub(_formula, page)


def mathml(tex: str, *, display: bool = False) -> str:
    """A formula of LaTeX as MathML.

    Raises:
        ValueError: If a command of it is unknown, which would be shown as text.
    """
    made = convert(tex, display="block" if display else "inline")
    if found := re.search(r"\\[a-zA-Z]+", made):
        raise ValueError(f"The formula `{tex}` has `{found[0]}`, which is unknown.")
    ElementTree.register_namespace("", _MATHML)
    root = ElementTree.fromstring(made)
    for row in list(root.iter()):
        _space(row)
    return ElementTree.tostring(root, encoding="unicode")


def _space(row: Element) -> None:
    """Room between the parts of a row as TeX has it, where MathML has another."""
    before: Element | None = None
    for item in list(row):
        if _is(item, "mo") and item.text in _TIGHT:
            item.attrib |= {"lspace": "0", "rspace": "0"}
        if _is(item, "mo") and item.text in _SIGNS and _opens(before):
            item.set("form", "prefix")
        if row.tag.endswith("}mrow") and before is not None:
            named = _is_function(item) and not _is(before, "mo")
            if named or (_is_function(before) and not _is(item, "mo")):
                gap = Element(f"{{{_MATHML}}}mspace", width="0.167em")
                row.insert(list(row).index(item), gap)
        before = item


def _is(item: Element, tag: str) -> bool:
    return item.tag == f"{{{_MATHML}}}{tag}"


def _opens(before: Element | None) -> bool:
    """Whether what follows begins something: a sign there has one side only."""
    return before is not None and _is(before, "mo") and before.text not in _CLOSING


def _is_function(item: Element) -> bool:
    """A function's name, be it raised to a power."""
    if item.tag.partition("}")[2] in ("msup", "msub", "msubsup"):
        return _is_function(item[0])
    return _is(item, "mi") and item.text in _FUNCTIONS


def _formula(found: re.Match[str]) -> str:
    tex = html.unescape(found["tex"]).strip()
    return mathml(tex, display=found["tag"] == "div")


def assets() -> dict[str, bytes]:
    """The font of the formulas, STIX Two Math, which few browsers have."""
    spec = find_spec("ziamath")  # Found and not imported: only its file is needed.
    assert spec is not None
    assert spec.origin is not None
    name = "STIXTwoMath-Regular.ttf"
    return {f"assets/{name}": (Path(spec.origin).parent / "fonts" / name).read_bytes()}
