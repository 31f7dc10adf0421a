"""Links of a page that leave the documents: to files of the repository."""

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path


ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[(?P<label>[^\]]+)\]\((?P<target>[^)\s]+)\)")


def with_files_named(text: str, place: str, pages: Mapping[str, str]) -> str:
    """A page in which files of the repository are named instead of linked.

    What lies among the documents is left to MkDocs, which finds dead links there.

    Args:
        text: Its Markdown.
        place: Where it lies in the repository.
        pages: Files outside the documents that are pages of the site: place to address.

    Raises:
        ValueError: If a file that is linked does not exist.
    """
    address = pages.get(place, posixpath.relpath(place, "docs"))

    def named(found: re.Match[str]) -> str:
        target, hash_, anchor = found["target"].partition("#")
        if not target or ":" in target:
            return found[0]
        to = posixpath.normpath(posixpath.join(posixpath.dirname(place), target))
        if to.startswith("docs/") and place.startswith("docs/"):
            return found[0]
        if not (ROOT / to).exists():
            raise ValueError(f"`{place}` links to `{target}`, which does not exist.")
        label = found["label"]
        if to in pages or to.startswith("docs/"):
            page = pages.get(to, posixpath.relpath(to, "docs"))
            relative = posixpath.relpath(page, posixpath.dirname(address) or ".")
            return f"[{label}]({relative}{hash_}{anchor})"
        if label.strip("`") == posixpath.basename(to):
            return f"`{to}`"
        return f"{label} (`{to}`)"

    blocks = _BLOCK.findall(text)
    outside = [_LINK.sub(named, part) for part in _BLOCK.split(text)]
    woven = [part for pair in zip(outside, [*blocks, ""], strict=True) for part in pair]
    return "".join(woven)
