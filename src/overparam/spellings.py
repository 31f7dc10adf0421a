"""Fields of configs that were stored under another name first.

That name is hashed and written for ever, so that ids stay; today's is what everything
else says, and the first is taken wherever today's is. Only the standard library is
imported here.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from .catalogue import STUDIES
from .errors import ConfigError


T = TypeVar("T")
_FIRST = "first spelling"


@dataclass(frozen=True)
class First:
    """How a field was stored first."""

    name: str
    kind: Any = None
    """The annotation of its values, where they were others than today's."""
    read: Callable[[Any], Any] = lambda value: value
    """Today's value of a first one."""
    write: Callable[[Any], Any] = lambda value: value
    """The first value of one of today; `None` where it had none, and where the field
    is therefore stored under its name of today."""


Spellings = Mapping[str, First]
"""By field its first spelling, of the fields that have another one today."""


def first_stored(first: str | First, *, default: Any) -> Any:
    """A field whose runs are stored under another name."""
    first = First(first) if isinstance(first, str) else first
    return dataclasses.field(default=default, metadata={_FIRST: first})


@functools.cache
def first_spellings(config: type[Any]) -> Spellings:
    """The first spellings of a config."""
    fields = dataclasses.fields(config)
    return MappingProxyType(
        {f.name: f.metadata[_FIRST] for f in fields if _FIRST in f.metadata}
    )


def spellings_of_study(study: str) -> Spellings:
    """The same of the config of a study; of an unknown one none are known."""
    entry = STUDIES.get(study)
    return first_spellings(entry.config_class()) if entry else MappingProxyType({})


def as_stored(fields: Mapping[str, Any], firsts: Spellings) -> dict[str, Any]:
    """The fields, each under the name that it was stored under first."""
    found = {}
    for name, value in fields.items():
        first = firsts.get(name)
        if first is None:
            found[name] = value
            continue
        written = first.write(value)
        had_none = written is None and first.kind is not None
        found |= {name: value} if had_none else {first.name: written}
    return found


def as_spelled(
    fields: Mapping[str, Any], firsts: Spellings, *, stored: bool = False
) -> dict[str, Any]:
    """The fields, each under its name of today.

    Args:
        fields: By either name.
        firsts: The first spellings.
        stored: Whether they are of a file. It may hold two fields that have become
            one; then that of today counts, unless it says nothing.

    Raises:
        ConfigError: If both spellings of one are there, with different values.
    """
    today = {first.name: name for name, first in firsts.items()}
    if today.keys().isdisjoint(fields):
        return {**fields}
    found: dict[str, Any] = {}
    for given, value in fields.items():
        name = today.get(given, given)
        if given in today:
            value = firsts[name].read(value)
        counts = stored and value != "" and (name == given or found.get(name) == "")
        if name not in found or counts:
            found[name] = value
        elif not stored and repr(found[name]) != repr(value):
            first = firsts[name].name
            raise ConfigError(
                f"`{name}` and `{first}` are one field, got {fields[name]} and "
                f"{fields[first]}: give `{name}` alone."
            )
    return found


def spelled(name: str, columns: Iterable[str], studies: Iterable[str]) -> str:
    """The column that is meant: today's name of a field, if there is no `name`."""
    if name in columns:
        return name
    return next(
        (
            field
            for study in studies
            for field, first in spellings_of_study(study).items()
            if first.name == name
        ),
        name,
    )


def takes_first_spellings(config: type[T]) -> type[T]:
    """Let a config be made with the first spellings of its fields, too."""
    make: Callable[..., None] = config.__init__

    @functools.wraps(make)
    def init(self: T, **fields: Any) -> None:
        make(self, **as_spelled(fields, first_spellings(config)))

    config.__init__ = init
    return config
