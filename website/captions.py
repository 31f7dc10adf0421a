"""What stands below a figure: the caption that its file carries."""

import html
import posixpath
import re
from pathlib import Path

from PIL import Image


DOCS = Path(__file__).parents[1] / "docs"
_FIGURE = re.compile(r"^!\[[^\]]*\]\((?P<target>[^)\s]+\.png)\)$", re.MULTILINE)


def with_captions(text: str, address: str) -> str:
    """A page in which every figure that carries a caption has it below.

    Args:
        text: Its Markdown.
        address: The page's, among the documents.
    """

    def told(found: re.Match[str]) -> str:
        words = caption(DOCS / posixpath.dirname(address) / found["target"])
        below = f'\n\n<p class="caption">{html.escape(words)}</p>' if words else ""
        return found[0] + below

    return _FIGURE.sub(told, text)


def caption(file: Path) -> str:
    """The caption in a PNG of `--style paper`; a picture for the screen has none."""
    # MkDocs tells of a figure that is not there.
    if not file.exists():
        return ""
    with Image.open(file) as image:
        return image.info.get("Description", "")
