"""Fields of configs that were stored under another name first.

That name is hashed and written for ever, so that ids stay; today's is what everything
else says, and the first is taken wherever today's is. Only the standard library is
imported here.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from .catalogue import STUDIES, load
from .errors import ConfigError


T = TypeVar("T")
_FIRST = "first spelling"


def first_stored(name: str, *, default: Any) -> Any:
    """A field whose runs are stored under `name`."""
    return dataclasses.field(default=default, metadata={_FIRST: name})


@functools.cache
def first_spellings(config: type[Any]) -> Mapping[str, str]:
    """By field its first spelling, of the fields that have another one today."""
    fields = dataclasses.fields(config)
    return MappingProxyType(
        {f.name: f.metadata[_FIRST] for f in fields if _FIRST in f.metadata}
    )


@functools.cache
def spellings_of_study(study: str) -> Mapping[str, str]:
    """The same of the config of a study; of an unknown one none are known."""
    if study not in STUDIES:
        return MappingProxyType({})
    return first_spellings(load(STUDIES[study]).config_class())


def as_stored(fields: Mapping[str, T], first: Mapping[str, str]) -> dict[str, T]:
    """The fields, each under the name that it was stored under first."""
    return {first.get(name, name): value for name, value in fields.items()}


def as_spelled(fields: Mapping[str, T], first: Mapping[str, str]) -> dict[str, T]:
    """The fields, each under its name of today.

    Raises:
        ConfigError: If both spellings of one are there, with different values.
    """
    today = {old: name for name, old in first.items()}
    found: dict[str, T] = {}
    for given, value in fields.items():
        name = today.get(given, given)
        if name in found and repr(found[name]) != repr(value):
            raise ConfigError(
                f"`{name}` and `{first[name]}` are one field, got {fields[name]} and "
                f"{fields[first[name]]}: give `{name}` alone."
            )
        found[name] = value
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
            if first == name
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
