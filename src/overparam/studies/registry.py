"""The studies by name; nothing heavy is imported until one is asked for."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..by_name import load
from ..catalogue import ACTIVATIONS, IMPORTED, NETWORKS, STUDIES
from ..errors import ConfigError
from ..field_values import unknown
from ..plugins import Origin
from .declaration import Study


__all__ = [
    "MADE_BY",
    "STUDIES",
    "Study",
    "declared",
    "defaults",
    "origins",
    "study",
]


def declared(name: str) -> Study | None:
    """The study of a stored run, or what imported networks are stored under."""
    if name == IMPORTED:
        return load("overparam.studies.imported:STUDY")
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


MADE_BY = MappingProxyType({"activation": ACTIVATIONS, "network": NETWORKS})
"""Fields that name something which may not be built in."""


def origins(name: str, config: Mapping[str, Any]) -> tuple[Origin, ...]:
    """Whose code, of what is not built in, the runs of a config are made by.

    That of the study, and of an activation or a network that the config names.

    Raises:
        ConfigError: If it cannot be loaded or told.
    """
    found = {STUDIES.origin(name)}
    for field, there in MADE_BY.items():
        if isinstance(value := config.get(field), str):
            found.add(there.origin(value))
    return tuple(sorted(origin for origin in found if origin is not None))
