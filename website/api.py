"""The reference of every exported name: a page per room, an entry per name."""

import functools
import textwrap

from examples import BEFORE, example
from sources import at, front, rooms, summary, text
from tables import table


def pages() -> dict[str, str]:
    """The pages of the reference: address and Markdown."""
    found = {_address(room): _page(room) for room in rooms()}
    modules = [name for name in front("overparam") if _is_module(f"overparam.{name}")]
    for name in modules:
        found.setdefault(_address(f"overparam.{name}"), _of_module(name))
    return found


def homes() -> dict[str, str]:
    """By place of an object the path of its entry: in a room, where one exports it."""
    found: dict[str, str] = {}
    for room in [*rooms()[1:], "overparam"]:
        for name in front(room):
            found.setdefault(at(f"{room}.{name}").path, f"{room}.{name}")
    return found


def _is_module(path: str) -> bool:
    return at(path).is_module


def _address(room: str) -> str:
    return f"reference/python/{room.partition('.')[2] or 'index'}.md"


def _page(room: str) -> str:
    home = homes()
    short = room.replace("overparam", "op", 1)
    rows, entries = [], []
    for name in front(room):
        path = f"{room}.{name}"
        found = at(path)
        entry = home[found.path]
        if found.is_module:
            target = _address(path).rpartition("/")[2]
        elif entry == path:
            target = f"#{path}"
            entries.append(_entry(path, f"{short}.{name}", name) + _in_use(found.path))
        else:
            target = f"{_address(entry.rpartition('.')[0]).rpartition('/')[2]}#{entry}"
        rows.append([f"[`{short}.{name}`]({target})", summary(found)])
    names = table(["name", "what it is"], rows)
    before = textwrap.indent(f"```python\n{BEFORE}```", " " * 4)
    begin = f'??? example "What the examples begin with"\n\n{before}'
    return "\n\n".join([f"# {short}", text(at(room)), names, begin, *entries])


def _entry(path: str, heading: str, name: str) -> str:
    options = f"    options:\n      heading: {heading}\n      toc_label: {name}\n"
    return f"::: {path}\n{options}"


@functools.cache
def _fronts() -> dict[str, list[tuple[str, str]]]:
    """By place of an object the fronts that export it, and as what."""
    found: dict[str, list[tuple[str, str]]] = {}
    for room in rooms():
        for name in front(room):
            found.setdefault(at(f"{room}.{name}").path, []).append((room, name))
    return found


def _in_use(place: str) -> str:
    """A block of the documents that uses an object, folded, if there is one."""
    for room, name in _fronts()[place]:
        if (found := example(room, name)) is not None:
            code = textwrap.indent(f"```python\n{found.code}\n```", " " * 4)
            link = f"    From [{found.title}](../../{found.page})."
            return f'\n??? example "In use"\n\n{code}\n\n{link}\n'
    return ""


def _of_module(name: str) -> str:
    """A module whose names are exported all together."""
    path = f"overparam.{name}"
    members = [
        member
        for member, found in at(path).members.items()
        if found.is_public and not (found.is_alias or found.is_module)
    ]
    entries = [_entry(f"{path}.{m}", f"op.{name}.{m}", m) for m in members]
    return "\n".join([f"# op.{name}", "", text(at(path)), "", *entries])
