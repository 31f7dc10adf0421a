"""The studies by name; nothing heavy is imported until one is asked for."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .. import catalogue
from ..errors import ConfigError
from ..field_values import unknown
from .declaration import Study


STUDIES: Mapping[str, Study] = MappingProxyType(
    {name: catalogue.load(place) for name, place in catalogue.STUDIES.items()}
)


def declared(name: str) -> Study | None:
    """The study of a stored run, or what imported networks are stored under."""
    if name == catalogue.IMPORTED:
        return catalogue.load("overparam.studies.imported:STUDY")
    return STUDIES.get(name)


def study(name: str) -> Study:
    """The study called `name`.

    Raises:
        ConfigError: If there is none.
    """
    if name not in STUDIES:
        raise ConfigError(unknown(name, STUDIES, what="study"))
    return STUDIES[name]


def defaults(config_class: type[Any]) -> dict[str, Any]:
    """The default of every field that has one."""
    return {
        field.name: field.default
        for field in dataclasses.fields(config_class)
        if field.default is not dataclasses.MISSING
    }
