"""Tables of the reference: fields of configs and options of the command line."""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Any

from overparam.cli.options import Option, options
from overparam.field_values import described
from sources import at, text


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(_cell(c) for c in line)} |" for line in lines)


def _cell(content: str) -> str:
    """One line, in which no bar ends the cell, be it one of a formula."""
    parts = " ".join(content.split()).split("$")
    for number, part in enumerate(parts):
        if number % 2 and number < len(parts) - 1:
            bars = part.replace(r"\|", r"\Vert ").replace("|", r"\vert ")
            parts[number] = bars.rstrip()  # No space may end a formula.
        else:
            parts[number] = part.replace("|", r"\|")
    return "$".join(parts)


def of_fields(config: type[Any]) -> str:
    """Every field of a config: what it takes, its default, its meaning."""
    return table(
        ["field", "takes", "default", "what it is"],
        [
            [f"`{o.name}`", _takes(o), _default(o, flag=False), _meaning(o)]
            for o in options([config])
        ],
    )


def of_options(kinds: Sequence[type[Any]]) -> str:
    """Every option of a command."""
    return table(
        ["option", "takes", "default", "what it is"],
        [
            [
                _flags(o),
                "" if o.is_switch else _takes(o),
                _default(o),
                _meaning(o),
            ]
            for o in options(kinds)
        ],
    )


def about(kind: type[Any]) -> str:
    """The docstring of a dataclass; its examples are a block."""
    told, _, examples = text(at(_path(kind))).partition("Examples:")
    lines = [line.strip() for line in examples.strip().splitlines()]
    block = ["", "```bash", *lines, "```"] if lines else []
    return "\n".join([told.strip(), *block])


def _path(kind: type[Any]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _meaning(option: Option) -> str:
    for kind in option.owner.__mro__:
        if kind.__module__.startswith("overparam"):
            found = at(_path(kind)).members.get(option.name)
            if found is not None and found.docstring:
                return found.docstring.value
    return ""


def _flags(option: Option) -> str:
    named = option.flags or (option.name.upper(),)
    return ", ".join(f"`{flag}`" for flag in named)


def _takes(option: Option) -> str:
    words = described(option.kind)
    # Choices are values that one types.
    chosen = re.fullmatch(r"(one|some) of (.*?)( or .*)?", words)
    if chosen is None:
        return words
    names = ", ".join(f"`{name}`" for name in chosen[2].split(", "))
    return f"{chosen[1]} of {names}{chosen[3] or ''}"


def _default(option: Option, *, flag: bool = True) -> str:
    if option.required:
        return "to be given"
    make = getattr(option.owner, "default", option.owner)
    field = {f.name: f for f in dataclasses.fields(option.owner)}[option.name]
    missing = dataclasses.MISSING
    if field.default is not missing:
        value = field.default
    elif field.default_factory is not missing:
        value = field.default_factory()
    else:
        value = getattr(make(), option.name)
    if flag and option.is_switch:
        return "on" if value else "off"
    return f"`{_written(value)}`" if _written(value) else ""


def _written(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ",".join(map(_written, value))
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
