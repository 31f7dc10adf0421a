"""What the fields of a stored class may be declared as: what a description can hold."""

import dataclasses
import types
import typing
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import AbstractArray

from ...errors import ConfigError


SCALARS = {
    float: "a finite number",
    int: "a whole number",
    bool: "true or false",
    str: "a text",
}


def declared_fields(kind: type[eqx.Module]) -> dict[str, Any]:
    """The fields of a class with what each is declared as.

    Raises:
        ConfigError: If one may hold what a description cannot.
    """
    return _checked(kind, ())


def _checked(kind: type[Any], outer: tuple[type[Any], ...]) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(kind)
    except NameError as error:
        message = f"A field of `{kind.__name__}` is declared with the unknown {error}."
        raise ConfigError(message) from None
    fields = {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    for name, declared in fields.items():
        if not _holds(declared, (*outer, kind)):
            told = getattr(declared, "__name__", str(declared))
            raise ConfigError(
                f"The field `{name}` of `{kind.__name__}` is declared as {told}, "
                "which cannot be stored and read back: declare arrays, numbers, "
                "texts, None, equinox modules, or tuples of these."
            )
    return fields


def _holds(declared: Any, outer: tuple[type[Any], ...]) -> bool:
    """Whether a description can hold all that is declared so."""
    arguments = [a for a in typing.get_args(declared) if a is not Ellipsis]
    if typing.get_origin(declared) is typing.Literal:
        return all(type(choice) in SCALARS for choice in arguments)
    if is_union(declared) or typing.get_origin(declared) in (tuple, list):
        return all(_holds(argument, outer) for argument in arguments)
    if not isinstance(declared, type):
        return False
    if issubclass(declared, eqx.Module) and declared not in outer:
        _checked(declared, outer)
        return True
    return is_array(declared) or issubclass(
        declared, (types.NoneType, eqx.Module, *SCALARS)
    )


def is_union(declared: Any) -> bool:
    """Whether alternatives are declared."""
    return typing.get_origin(declared) in (typing.Union, types.UnionType)


def is_array(declared: type[Any]) -> bool:
    """Whether an array is declared, with a shape or without."""
    return issubclass(declared, AbstractArray | jax.Array | np.ndarray)
