"""A stored figure is data of others: what stands in the page only draws."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from overparam.errors import StoreError
from overparam.plots import panels, rendered
from overparam.report.svg import inline


SVG = "http://www.w3.org/2000/svg"
HEAD = f'<svg xmlns="{SVG}" xmlns:xlink="http://www.w3.org/1999/xlink" width="72pt"'


def shown(content: str | bytes) -> ElementTree.Element:
    raw = content if isinstance(content, bytes) else content.encode()
    return ElementTree.fromstring(inline(raw, prefix="f1-", label="a figure"))


def tags(root: ElementTree.Element) -> list[str]:
    return [element.tag.removeprefix(f"{{{SVG}}}") for element in root.iter()]


@pytest.mark.parametrize(
    "root",
    [
        '<meta http-equiv="refresh" content="0;url=http://x.y/"/>',
        f'<script xmlns="{SVG}">f()</script>',
        f'<g xmlns="{SVG}"/>',
        '<svg width="72pt"/>',
        '<svg xmlns="http://www.w3.org/1999/xhtml"/>',
        '<iframe xmlns="http://www.w3.org/1999/xhtml" src="http://x.y/"/>',
        "",
        "<svg",
        "no markup",
        b"\xff\xfe<\x00s\x00v\x00g\x00/\x00>\x00",
        b"\x1f\x8b\x08\x00",
        f'<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="{SVG}"><text>&a;</text></svg>',
        f'<!DOCTYPE svg [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]>{HEAD}/>',
        f"{HEAD}>" + "<g>" * 60 + "</g>" * 60 + "</svg>",
        f"{HEAD}>" + "<g>" * 10**5 + "</g>" * 10**5 + "</svg>",
    ],
)
def test_what_is_no_svg_of_bounded_depth_is_one_sentence(root):
    with pytest.raises(StoreError, match="A figure") as error:
        shown(root)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "inside",
    [
        "<script>f()</script>",
        "<style>@import url(http://x.y/);</style>",
        "<foreignObject><p>t</p></foreignObject>",
        '<a href="javascript:f()"><path/></a>',
        '<animate attributeName="href" to="javascript:f()"/>',
        '<set attributeName="onload" to="f()"/>',
        '<image href="http://x.y/"/>',
        '<image xlink:href="data:image/svg+xml;base64,AAAA"/>',
        '<use href="http://x.y/#a"/>',
        '<use xlink:href="data:image/png;base64,AAAA"/>',
        '<path onclick="f()" ONLOAD="f()"/>',
        '<path style="fill: url(http://x.y/)"/>',
        "<path style=\"fill: URL( 'http://x.y/' )\"/>",
        '<path style="background: url(x)"/>',
        '<path style="position: fixed; inset: 0"/>',
        '<path style="fill: u\\72l(http://x.y/)"/>',
        '<path fill="url(http://x.y/)"/>',
        '<path clip-path="url(other.svg#a)"/>',
        '<path class="skip" tabindex="1" data-readings="{" xml:base="http://x.y/"/>',
        '<h:script xmlns:h="http://www.w3.org/1999/xhtml">f()</h:script>',
        '<script xmlns="">f()</script>',
        '<path xmlns:q="http://x.y/" q:onload="f()"/>',
    ],
)
def test_nothing_runs_leads_away_or_changes_the_page(inside):
    root = shown(f"{HEAD}>{inside}</svg>")
    assert {*tags(root)} <= {"svg", "path", "image", "use"}
    for element in list(root.iter())[1:]:
        assert {*element.attrib} <= {"style"}
        assert element.get("style", "") == ""
        assert not (element.text or "").strip()


def test_the_attributes_of_the_root_are_those_of_the_page():
    root = shown(f'{HEAD} onload="f()" class="skip" style="position: fixed"/>')
    assert root.attrib == {
        "style": "max-width: 96px; min-width: 67px",
        "class": "drawing",
        "role": "img",
        "aria-label": "a figure",
    }


def test_copies_of_copies_are_not_drawn():
    """Thirty lines would be a thousand million paths."""
    double = "".join(
        f'<g id="g{i + 1}"><use href="#g{i}"/><use href="#g{i}"/></g>'
        for i in range(30)
    )
    shape = '<path id="g0" d="M0 0"/>'
    assert links(shown(f"{HEAD}>{shape}{double}</svg>")) == ["#f1-g0"] * 2
    # Shapes of the same names make nothing else of the groups.
    shapes = "".join(f'<path id="g{i}"/>' for i in range(31))
    assert links(shown(f"{HEAD}>{double}{shapes}</svg>")) == ["#f1-g0"] * 2


def links(root: ElementTree.Element) -> list[str]:
    pairs = [pair for element in root.iter() for pair in element.attrib.items()]
    return [value for name, value in pairs if name.endswith("href")]


def test_colours_stay_colours_and_references_get_the_prefix():
    root = shown(
        f'{HEAD}><path id="a" fill="#ff0000" style="stroke:#00ff00;fill:url(#b)" '
        'clip-path="url(#c)"/></svg>'
    )
    [path] = root
    assert path.attrib == {
        "id": "f1-a",
        "fill": "#ff0000",
        "style": "stroke: #00ff00; fill: url(#f1-b)",
        "clip-path": "url(#f1-c)",
    }


def test_our_own_figures_lose_nothing_that_draws():
    figure, axes = panels()
    axes[0, 0].plot([1.0, 2.0], [3.0, 4.0], "o--", label="a $x^2$")
    axes[0, 0].imshow(np.eye(2))
    axes[0, 0].legend()
    raw = rendered(figure, "svg")
    before = ElementTree.fromstring(raw)
    body = [e for e in before if not e.tag.endswith(("metadata", "style"))]
    drawn = sum(1 for element in body for _ in element.iter())
    # The style sheet of the caps of lines is among the definitions.
    sheets = sum(element.tag.endswith("style") for element in before.iter())
    after = shown(raw)
    assert len(tags(after)) == 1 + drawn - sheets
    for name in ("d", "x", "clip-path", "transform", "style"):
        had = sum(name in element.attrib for element in before.iter())
        # The root is given a style.
        assert sum(name in e.attrib for e in after.iter()) == had + (name == "style")
    assert len(re.findall("href", ElementTree.tostring(after, "unicode"))) == len(
        re.findall(":href", raw.decode())
    )


def test_a_damaged_description_is_no_description():
    described = (
        '<metadata><d:description xmlns:d="http://purl.org/dc/elements/1.1/">{}'
        "</d:description></metadata>"
    )
    for text in ("[", "[1]", "[" * 10**5, "2"):
        root = shown(f"{HEAD}>{described.format(text)}</svg>")
        assert "data-readings" not in root.attrib
    whole = shown(f"{HEAD}>{described.format('{}')}</svg>")
    assert whole.get("data-readings") == "{}"


def test_a_number_of_any_length_is_read_once():
    figure = f'{HEAD}><rect x="{"9" * 300_000}" y="-12.3456"/></svg>'
    rect = shown(figure)[0]
    assert rect.get("x") == "9" * 300_000
    assert rect.get("y") == "-12.35"
