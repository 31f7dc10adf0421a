"""Networks as named arrays and a JSON description, and back.

Names are the paths of the pytree (`readout`, `layers.0.weights`), so that the stored
file can be read by any safetensors reader.

A description is read by what the fields of its class declare: each value must be what
its field's annotation says, so that a file decides neither what is called nor with
what, and nothing of it is followed deeper than the classes go.
"""

import dataclasses
import inspect
import sys
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import AbstractArray

from ...catalogue import NETWORKS
from ...errors import StoreError
from ..activations import ACTIVATIONS
from ..layers import path_name
from ..network import Network, unwrapped, wrap
from .declared import SCALARS, declared_fields, is_array, is_union
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

    Example:
        ```python
        arrays, description = op.networks.to_arrays(network)
        sorted(arrays), description["class"]
        ```
    """
    if isinstance(network, NamedWeights):
        described = {"class": NAMED_WEIGHTS, "fields": {"reason": network.reason}}
        return {n: np.asarray(a) for n, a in network.arrays.items()}, described
    arrays: dict[str, np.ndarray] = {}
    return arrays, _describe(unwrapped(network), "", arrays)


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

    Example:
        ```python
        again = op.networks.from_arrays(*op.networks.to_arrays(network))
        assert jnp.array_equal(again(x), network(x))
        ```
    """
    if isinstance(description, Mapping) and description.get("class") == NAMED_WEIGHTS:
        return as_network(weights_from_arrays(arrays, description))
    kind = _class_of(description)
    unread = dict(arrays)
    network = _module(description, kind, "", unread)
    if unread:
        raise _damaged(f"no field holds its array {_told(min(unread))}")
    if not isinstance(network, Network) and not callable(
        getattr(network, "features", None)
    ):
        name = description["class"]
        raise StoreError(f"The stored network is of the class {name!r}, no network.")
    return wrap(network)


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
        name = name_of(type(value))
        own = NETWORKS.own(name)
        of = {} if own is None else {"plugin": str(own.origin or "a notebook")}
        return {"class": name, **of, "fields": fields}
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
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if is_union(declared):
        return _one_of(described, arguments, path, arrays)
    if origin is typing.Literal:
        if not any(type(c) is type(described) and c == described for c in arguments):
            raise _wrong(path, "one of " + ", ".join(map(repr, arguments)), described)
        return described
    if origin in (tuple, list):
        if not isinstance(described, tuple | list):
            raise _wrong(path, "a list", described)
        kinds = arguments
        if origin is list or arguments[-1] is Ellipsis:
            kinds = arguments[:1] * len(described)
        if len(described) != len(kinds):
            raise _wrong(path, f"a list of {len(kinds)}", described)
        pairs = enumerate(zip(described, kinds, strict=True))
        return origin(_value(d, t, _join(path, str(i)), arrays) for i, (d, t) in pairs)
    if is_array(declared):
        return _array(described, declared, path, arrays)
    if issubclass(declared, eqx.Module):
        return _module(described, declared, path, arrays)
    return _scalar(described, declared, path)


def _one_of(
    described: Any, alternatives: tuple[Any, ...], path: str, arrays: dict[str, Any]
) -> Any:
    if described is None and type(None) in alternatives:
        return None
    is_object = isinstance(described, Mapping)
    named = class_named(described.get("class")) if is_object else None
    kinds = [named] if named in alternatives else alternatives
    *first, last = (kind for kind in kinds if kind is not type(None))
    for kind in first:
        left = dict(arrays)
        try:
            value = _value(described, kind, path, left)
        except StoreError:
            continue
        for name in arrays.keys() - left.keys():
            del arrays[name]
        return value
    return _value(described, last, path, arrays)


def _module(described: Any, kind: type[Any], path: str, arrays: dict[str, Any]) -> Any:
    name = name_of(kind)
    if not isinstance(described, Mapping) or (
        described.keys() - {"plugin"} != {"class", "fields"}
    ):
        raise _wrong(path, f"the class {name!r} and its fields", described)
    # A class that a registered one declares need not be registered itself.
    found = kind if described["class"] == name else _class_of(described)
    if not issubclass(found, kind):
        raise _wrong(path, f"of the class {name!r}", described["class"])
    kind, name, fields = found, described["class"], described["fields"]
    declared = declared_fields(kind)
    names = list(declared)
    if not isinstance(fields, Mapping):
        raise _wrong(path, f"the class {name!r} and its fields", fields)
    if unknown := [field for field in fields if field not in names]:
        raise _damaged(f"{name!r} has no field {_told(unknown[0])}")
    later = {f.name for f in dataclasses.fields(kind) if f.metadata.get("later")}
    absent = [field for field in names if field not in fields]
    if missing := [field for field in absent if field not in later]:
        raise _damaged(f"the field `{_join(path, missing[0])}` is missing")
    values = {
        field: _value(fields[field], declared[field], _join(path, field), arrays)
        for field in fields
    }
    try:
        return _built(kind, names, values)
    except Exception as error:  # What the fields say together.
        # Tell apart what is damaged from what was registered elsewhere.
        name = values.get("activation")
        if isinstance(name, str) and name not in ACTIVATIONS:
            raise StoreError(
                f"The stored network has the activation {_told(name)}, which is not "
                "here: install it, load its file by `--with`, or register it."
            ) from None
        raise _damaged(_shortened(str(error)).rstrip(".")) from None


def _built(kind: type[Any], names: Sequence[str], values: Mapping[str, Any]) -> Any:
    """A module of these fields, whatever else its class may be made from."""
    if inspect.signature(kind).parameters.keys() == set(names):
        return kind(**values)
    # As JAX makes one anew that it took to pieces.
    module = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(module, name, value)
    for base in reversed(kind.__mro__):
        if "__check_init__" in vars(base):
            vars(base)["__check_init__"](module)
    return module


def _class_of(described: Any) -> type[Any]:
    """The registered class that a description names."""
    described = described if isinstance(described, Mapping) else {}
    name, plugin = described.get("class"), described.get("plugin")
    kind = class_named(name)
    if kind is not None:
        return kind
    if isinstance(plugin, str):
        raise StoreError(
            f"The stored network is of the class {_told(name)} of {_told(plugin)}, "
            "which is not here: install it, load its file by `--with`, or register "
            "the class."
        )
    raise StoreError(
        f"The stored network is of the unknown class {_told(name)} and cannot be "
        "rebuilt; its weights can be read from `network.safetensors`."
    )


def _array(
    described: Any, declared: type[Any], path: str, arrays: dict[str, Any]
) -> jax.Array:
    # An array has one name, its path: no two fields share one or swap theirs.
    if described != {"array": path}:
        raise _wrong(path, f"the array `{path}`", described)
    if path not in arrays:
        raise _damaged(f"the array `{path}` is missing")
    stored = np.asarray(arrays[path])
    found = f"an array of type {stored.dtype} and shape {stored.shape}"
    expected = "numbers"
    if issubclass(declared, AbstractArray):
        expected = f"floating numbers of shape ({declared.dim_str.strip()})"
    try:
        array = jnp.asarray(stored)
    except TypeError:  # Objects, or text.
        raise _damaged(f"`{path}` must be {expected}, got {found}") from None
    if issubclass(declared, AbstractArray) and not isinstance(array, declared):
        raise _damaged(f"`{path}` must be {expected}, got {found}")
    del arrays[path]
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
    raise _wrong(path, SCALARS.get(declared, "null"), described)


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
