"""Help that fits into the terminal."""

import re
import shutil
import textwrap
from typing import Any


_LEAST = 40
_COLOUR = re.compile("\x1b\\[[0-9;]*m")


def columns() -> int:
    """The width of the terminal; below 40 a table has no room for its columns."""
    return max(shutil.get_terminal_size().columns, _LEAST)


def folded(text: str) -> str:
    """A text whose lines fit into the terminal, but for words that are longer.

    What is left of a line hangs below its last column, where that leaves it half of the
    width, else four deeper than the line.
    """
    return "\n".join(map(_folded, text.split("\n")))


def _folded(line: str) -> str:
    if len(_COLOUR.sub("", line)) <= columns():
        return line
    margin = len(line) - len(line.lstrip())
    deep = margin + 4 * line.startswith(("usage:", " "))
    table = re.match(r" +.*\S {2,}(?=\S)", line)
    if table and table.end() <= columns() // 2:
        deep = table.end()
    return textwrap.fill(
        line,
        columns(),
        subsequent_indent=" " * deep,
        break_long_words=False,
        break_on_hyphens=False,
    )


class Folding:
    """A stream that folds what is written to it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write whole lines."""
        return self._stream.write(folded(text))

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
