"""The figures of a page: each with its caption, and all of them within a size."""

import base64
from pathlib import Path

from ..errors import StoreError
from ..store.files import read_file
from ..store.find import Unreadable
from .markup import Markup, tag
from .svg import inline


# A page of 10 MB opens at once; the tables need some of it.
_MOST_BYTES = 6_000_000


class Gallery:
    """Puts figures on a page until there is no room for more."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._room = most_bytes
        self._number = 0
        self.left_out: list[Unreadable] = []
        """Stored figures that cannot be shown, and why."""

    def stored(self, path: Path, title: str) -> Markup:
        """A figure from its file, or a line that says where it is.

        One that is damaged is left out.
        """
        name = path.stem.replace("_", " ")
        caption = title if name == title else f"{title}: {name}"
        try:
            content = read_file(path)
            if path.suffix == ".gif":
                data = f"data:image/gif;base64,{base64.b64encode(content).decode()}"
                return self._placed(tag("img", src=data, alt=caption), caption, path)
            return self._drawing(content, caption, path)
        except StoreError as error:
            self.left_out.append(Unreadable(path, f"`{path}`: {error}"))
            return Markup("")

    def drawn(self, svg: bytes, caption: str) -> Markup:
        """A figure that is in no file."""
        return self._drawing(svg, caption, "`overparam plot` draws it")

    def _drawing(self, svg: bytes, caption: str, elsewhere: str | Path) -> Markup:
        self._number += 1
        drawing = inline(svg, prefix=f"f{self._number}-", label=caption)
        return self._placed(drawing, caption, elsewhere)

    def _placed(self, drawing: Markup, caption: str, elsewhere: str | Path) -> Markup:
        if len(drawing) > self._room:
            told = f"Left out for the size of this page: {caption} ({elsewhere})."
            return tag("p", told, class_="under")
        self._room -= len(drawing)
        return tag("figure", drawing, tag("figcaption", caption))
