"""Formulas as MathML: written into the pages, shown by the browser itself."""

import html
import re
from importlib.util import find_spec
from pathlib import Path

from latex2mathml.converter import convert


_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<tex>.*?)\\[)\]]</(?P=tag)>',
    re.DOTALL,
)
_SLASH = "<mo>&#x0002F;</mo>"


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
    # A quotient within a line has no room about its slash.
    return made.replace(_SLASH, _SLASH.replace("<mo", '<mo lspace="0" rspace="0"'))


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
