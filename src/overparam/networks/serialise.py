"""Networks as named arrays and a JSON description, and back.

Names are the paths of the pytree (`readout`, `layers.0.weights`), so that the stored
file can be read by any safetensors reader.
"""

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..errors import StoreError
from .network import Network


def to_arrays(network: Network) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Split a network into named arrays and a description that JSON can hold."""
    arrays: dict[str, np.ndarray] = {}
    return arrays, _describe(network, "", arrays)


def from_arrays(
    arrays: Mapping[str, np.ndarray], description: Mapping[str, Any]
) -> Network:
    """Rebuild the network that `to_arrays` split.

    Raises:
        StoreError: If an array is missing or the class is not one of overparam's.
    """
    network = _build(description, arrays)
    if not isinstance(network, Network):
        raise StoreError(f"The description holds {type(network).__name__}, no network.")
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
        kind = type(value)
        return {"class": f"{kind.__module__}:{kind.__qualname__}", "fields": fields}
    if isinstance(value, tuple | list):
        return [_describe(v, _join(path, str(i)), arrays) for i, v in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise StoreError(f"`{path}` of type {type(value).__name__} cannot be stored.")


def _build(description: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(description, list):
        return tuple(_build(item, arrays) for item in description)
    if not isinstance(description, Mapping):
        return description
    if "array" in description:
        name = description["array"]
        if name not in arrays:
            raise StoreError(f"The stored network lacks the array `{name}`.")
        return jnp.asarray(arrays[name])
    module, _, name = description["class"].partition(":")
    # Only our own classes: a description is data and must not import at will.
    if module.split(".")[0] != "overparam":
        raise StoreError(f"The stored network has the unknown class `{module}:{name}`.")
    kind = getattr(importlib.import_module(module), name)
    fields = {k: _build(v, arrays) for k, v in description["fields"].items()}
    return kind(**fields)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
