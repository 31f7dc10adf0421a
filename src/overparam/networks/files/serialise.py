"""Networks as named arrays and a JSON description, and back.

Names are the paths of the pytree (`readout`, `layers.0.weights`), so that the stored
file can be read by any safetensors reader.

A description is read by what the fields of its class declare: each value must be what
its field's annotation says, so that a file decides neither what is called nor with
what, and nothing of it is followed deeper than the classes go.
"""

import dataclasses
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import AbstractArray

from ...errors import ConfigError, StoreError
from ..layers import path_name
from ..network import Network
from .named import NamedWeights, as_network
from .registered import class_named, name_of


NAMED_WEIGHTS = "named-weights"
"""In the place of a class: the arrays are weights that are no network."""


def to_arrays(
    network: Network | NamedWeights,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Split a network into named arrays and a description that JSON can hold.

    A class that is not registered is described by its place: its arrays are kept, but
    `from_arrays` refuses to rebuild it.
    """
    if isinstance(network, NamedWeights):
        described = {"class": NAMED_WEIGHTS, "fields": {"reason": network.reason}}
        return {n: np.asarray(a) for n, a in network.arrays.items()}, described
    arrays: dict[str, np.ndarray] = {}
    return arrays, _describe(network, "", arrays)


def weights_from_arrays(
    arrays: Mapping[str, np.ndarray], description: Mapping[str, Any]
) -> Network | NamedWeights:
    """What `to_arrays` split: a network, or weights that are none.

    Raises:
        StoreError: For what `from_arrays` refuses.
    """
    if description.get("class") != NAMED_WEIGHTS:
        return from_arrays(arrays, description)
    fields = description.get("fields")
    reason = fields.get("reason") if isinstance(fields, Mapping) else None
    reason = _scalar(reason, str, "reason")
    return NamedWeights({n: jnp.asarray(a) for n, a in arrays.items()}, reason)


def from_arrays(
    arrays: Mapping[str, np.ndarray], description: Mapping[str, Any]
) -> Network:
    """Rebuild the network that `to_arrays` split.

    Raises:
        StoreError: If the class is no registered network, or a field is missing,
            unknown or not what the class declares.
        ConfigError: If it is of weights that are no network.
    """
    name = description.get("class") if isinstance(description, Mapping) else None
    if name == NAMED_WEIGHTS:
        return as_network(weights_from_arrays(arrays, description))
    kind = class_named(name)
    if kind is None:
        raise StoreError(
            f"The stored network is of the unknown class {_told(name)} and cannot be "
            "rebuilt; its weights can be read from `network.safetensors`."
        )
    if not issubclass(kind, Network):
        raise StoreError(f"The stored network is of the class {name!r}, no network.")
    unread = dict(arrays)
    network = _module(description, kind, "", unread)
    if unread:
        raise _damaged(f"no field holds its array {_told(min(unread))}")
    return network


def _describe(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, jax.Array | np.ndarray):
        arrays[path] = np.asarray(value)
        return {"array": path}
    if isinstance(value, eqx.Module):
        fields = {
            field.name: _describe(
                getattr(value, field.name), _join(path, field.name), arrays
            )
            for field in dataclasses.fields(value)
        }
        return {"class": name_of(type(value)), "fields": fields}
    if isinstance(value, tuple | list):
        return [_describe(v, _join(path, str(i)), arrays) for i, v in enumerate(value)]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    # Of a foreign class, such as a function: no weight of a run may be lost for it.
    for where, leaf in jax.tree_util.tree_leaves_with_path(value):
        if eqx.is_array(leaf):
            arrays[_join(path, path_name(where))] = np.asarray(leaf)
    return {"unreadable": type(value).__name__}


def _value(described: Any, declared: Any, path: str, arrays: dict[str, Any]) -> Any:
    """The described value, if it is of the declared type."""
    if isinstance(declared, types.UnionType):
        if described is None and types.NoneType in declared.__args__:
            return None
        named = described.get("class") if isinstance(described, Mapping) else None
        kinds = [t for t in declared.__args__ if t is not types.NoneType]
        declared = class_named(named) if class_named(named) in kinds else kinds[0]
    if typing.get_origin(declared) is tuple:
        return _tuple(described, typing.get_args(declared), path, arrays)
    if issubclass(declared, AbstractArray):
        return _array(described, declared, path, arrays)
    if issubclass(declared, eqx.Module):
        return _module(described, declared, path, arrays)
    return _scalar(described, declared, path)


def _module(described: Any, kind: type[Any], path: str, arrays: dict[str, Any]) -> Any:
    name = name_of(kind)
    if not isinstance(described, Mapping) or described.keys() != {"class", "fields"}:
        raise _wrong(path, f"the class {name!r} and its fields", described)
    if class_named(described["class"]) is not kind:
        raise _wrong(path, f"of the class {name!r}", described["class"])
    fields = described["fields"]
    declared_fields = dataclasses.fields(kind)
    names = [field.name for field in declared_fields]
    if not isinstance(fields, Mapping):
        raise _wrong(path, f"the class {name!r} and its fields", fields)
    if unknown := [field for field in fields if field not in names]:
        raise _damaged(f"{name!r} has no field {_told(unknown[0])}")
    later = {field.name for field in declared_fields if field.metadata.get("later")}
    absent = [field for field in names if field not in fields]
    if missing := [field for field in absent if field not in later]:
        raise _damaged(f"the field `{_join(path, missing[0])}` is missing")
    declared = typing.get_type_hints(kind)
    values = {
        field: _value(fields[field], declared[field], _join(path, field), arrays)
        for field in fields
    }
    try:
        return kind(**values)
    except ConfigError as error:  # What the fields say together.
        raise _damaged(_shortened(str(error)).rstrip(".")) from None


def _tuple(
    described: Any, declared: tuple[Any, ...], path: str, arrays: dict[str, Any]
) -> tuple[Any, ...]:
    if not isinstance(described, tuple | list):
        raise _wrong(path, "a list", described)
    if declared[-1] is Ellipsis:
        declared = declared[:1] * len(described)
    if len(described) != len(declared):
        raise _wrong(path, f"a list of {len(declared)}", described)
    pairs = enumerate(zip(described, declared, strict=True))
    return tuple(_value(d, t, _join(path, str(i)), arrays) for i, (d, t) in pairs)


def _array(
    described: Any, declared: type[Any], path: str, arrays: dict[str, Any]
) -> jax.Array:
    # An array has one name, its path: no two fields share one or swap theirs.
    if described != {"array": path}:
        raise _wrong(path, f"the array `{path}`", described)
    if path not in arrays:
        raise _damaged(f"the array `{path}` is missing")
    stored = np.asarray(arrays.pop(path))
    found = f"an array of type {stored.dtype} and shape {stored.shape}"
    expected = f"floating numbers of shape ({declared.dim_str.strip()})"
    try:
        array = jnp.asarray(stored)
    except TypeError:  # Objects, or text.
        raise _damaged(f"`{path}` must be {expected}, got {found}") from None
    if not isinstance(array, declared):
        raise _damaged(f"`{path}` must be {expected}, got {found}")
    return array


def _scalar(described: Any, declared: type[Any], path: str) -> Any:
    # Python counts true and false among the numbers.
    number = isinstance(described, int | float) and not isinstance(described, bool)
    if declared is float and number and abs(described) <= sys.float_info.max:
        return float(described)
    if declared is int and number and isinstance(described, int):
        return described
    if declared in (bool, str) and isinstance(described, declared):
        return described
    raise _wrong(path, _SCALARS[declared], described)


_SCALARS = {
    float: "a finite number",
    int: "a whole number",
    bool: "true or false",
    str: "a text",
}


def _wrong(path: str, expected: str, described: Any) -> StoreError:
    at = f"`{path}`" if path else "it"
    return _damaged(f"{at} must be {expected}, got {_told(described)}")


def _damaged(what: str) -> StoreError:
    return StoreError(
        f"The stored network is damaged: {what}; run it again with --force."
    )


def _told(value: Any) -> str:
    """A value of a file in a few words, however deep or long it is."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, tuple | list):
        return f"a list of {len(value)}"
    if isinstance(value, int) and value.bit_length() > 64:
        return "a number of too many digits"
    if value is None or isinstance(value, bool | int | float | str):
        return _shortened(repr(value[:100] if isinstance(value, str) else value))
    return type(value).__name__


def _shortened(text: str, most: int = 200) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
