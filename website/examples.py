"""Where the documents use a name: their blocks are run by tests, so they stay right."""

import functools
import inspect
import re
from dataclasses import dataclass
from pathlib import Path


_DOCS = Path(__file__).parents[1] / "docs"
# What is easier to read comes first.
_FOLDERS = ("tutorials", "how-to", "theory", "studies")
_BLOCK = re.compile(r"^```python\n(?:%%.*\n)?(.*?)^```", re.DOTALL | re.MULTILINE)
_OWN = re.compile(r"^Example:\n((?:(?: {4}.*)?\n?)+)", re.MULTILINE)
_IMPORT = re.compile(r"^from (overparam[\w.]*) import (\([^)]*\)|[^\n]*)", re.MULTILINE)


BEFORE = """\
from dataclasses import dataclass
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import overparam as op

key, rng = jax.random.key(0), np.random.default_rng(0)
x = rng.normal(size=(20, 3))  # 20 samples of 3 inputs
y = np.sin(x[:, :1])
labels = (x[:, 0] > 0).astype(int)
network = op.two_layer(3, 8, 1, key=key)
small = dict(width=8, epochs=1, samples_per_epoch=100)  # of a run of `planted`
"""
"""What the examples of docstrings begin with."""


@dataclass(frozen=True)
class Example:
    """A block of a page."""

    page: str
    """Address of the page."""
    title: str
    code: str


@functools.cache
def _pages() -> list[tuple[str, str, list[str]]]:
    """Address, title and blocks of the pages."""
    found = []
    for folder in _FOLDERS:
        for path in sorted((_DOCS / folder).glob("*.md")):
            text = path.read_text()
            title = text.partition("\n")[0].lstrip("# ")
            address = path.relative_to(_DOCS).as_posix()
            found.append((address, title, _BLOCK.findall(text)))
    return found


def example(room: str, name: str) -> Example | None:
    """The first block that uses a name of a front.

    Args:
        room: `overparam`, or a package of it.
        name: The name there.
    """
    short = room.replace("overparam", "op", 1)
    dotted = re.compile(rf"\b{re.escape(short)}\.{name}\b")
    bare = re.compile(rf"(?<![\w.]){name}\b(?=[(.\[])")
    for page, title, blocks in _pages():
        imports = {
            word
            for block in blocks
            for place, names in _IMPORT.findall(block)
            if place == room
            for word in re.findall(r"\w+", names)
        }
        for block in blocks:
            used = dotted.search(block) or (name in imports and bare.search(block))
            if used:
                return Example(page, title, block.strip())
    return None


def of_docstring(text: str) -> str | None:
    """The code of the `Example:` of a docstring: a block, or a line in backticks."""
    if (found := _OWN.search(text)) is None:
        return None
    code = inspect.cleandoc(found[1])
    return re.sub(r"^(```python|`)\n?|\n?(```|`)$", "", code)
