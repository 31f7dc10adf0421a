"""Values as strict JSON and back: NaN and infinities survive, NumPy scalars turn plain.

Strict JSON has no NaN, so it is stored as `{"float": "nan"}`, which every reader of
JSON accepts and none takes for a string.
"""

import dataclasses
import enum
import math
import os
from collections.abc import Mapping
from typing import Any

from ..errors import StoreError


_FLOAT = "float"


def plain(value: Any) -> Any:
    """A value as strict JSON holds it.

    Raises:
        StoreError: If the value is of a type that JSON cannot hold.
    """
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {_FLOAT: repr(float(value))}
    return _plain_compound(value)


def _plain_compound(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name)) for field in fields}
    # Arrays and scalars of NumPy and JAX, without importing either.
    tolist = getattr(value, "tolist", None)
    if tolist is not None:
        return plain(tolist())
    raise StoreError(f"A value of type {type(value).__name__} cannot be stored.")


def restored(value: Any) -> Any:
    """The value that `plain` made strict JSON of; tuples stay lists."""
    if isinstance(value, list):
        return [restored(item) for item in value]
    if isinstance(value, dict):
        if value.keys() == {_FLOAT} and isinstance(value[_FLOAT], str):
            return float(value[_FLOAT])
        return {name: restored(item) for name, item in value.items()}
    return value
