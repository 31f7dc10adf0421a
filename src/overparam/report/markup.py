"""HTML that cannot be forgotten to escape: text is escaped, only markup is not."""

import html
from typing import Any


class Markup(str):
    """Text that is HTML already."""


def escaped(content: Any) -> str:
    """Content as HTML: markup as it is, anything else as text."""
    return content if isinstance(content, Markup) else html.escape(str(content))


def joined(*content: Any) -> Markup:
    """Pieces of content one after the other."""
    return Markup("".join(escaped(piece) for piece in content))


def tag(name: str, *content: Any, **attributes: Any) -> Markup:
    """An element.

    Args:
        name: Name of the element.
        *content: What it holds.
        **attributes: Its attributes, `_` for `-` and with a `_` behind where Python
            has the word; one that is `None` or `False` is left out.
    """
    given = "".join(
        f" {_name(key)}"
        if value is True
        else f' {_name(key)}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Markup(f"<{name}{given}>{joined(*content)}</{name}>")


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")
