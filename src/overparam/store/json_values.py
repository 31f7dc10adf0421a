"""Values as strict JSON and back: NaN and infinities survive, NumPy scalars turn plain.

Strict JSON has no NaN, so it is stored as `{"float": "nan"}`, which every reader of
JSON accepts and none takes for a string.
"""

import dataclasses
import enum
import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..errors import StoreError


Number = TypeVar("Number", int, float)

_FLOAT = "float"

# Of nested lists and objects; whoever walks through a value must not run out of stack.
_MOST_DEPTH = 100

# Of numbers, and of the digits of one.
_MOST_KEPT = 10_000
_LONGEST_KEPT = 32


def plain(value: Any) -> Any:
    """A value as strict JSON holds it.

    Raises:
        StoreError: If the value is of a type that JSON cannot hold.
    """
    if value is None or type(value) in (bool, int):
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {_FLOAT: repr(float(value))}
    if isinstance(value, Mapping):
        return {encodable(str(name)): plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, os.PathLike):
        return encodable(os.fsdecode(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name)) for field in fields}
    # Arrays and scalars of NumPy and JAX, without importing either.
    tolist = getattr(value, "tolist", None)
    if tolist is not None:
        return plain(tolist())
    raise StoreError(f"A value of type {type(value).__name__} cannot be stored.")


def encodable(text: str) -> str:
    """A text that UTF-8 can hold: a name that is not UTF-8 keeps its bytes, escaped."""
    if text.isascii():
        return text
    return text.encode(errors="backslashreplace").decode()


def printable(text: str) -> str:
    """A text whose bytes and control characters, as in names of files, are escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def parsed(content: bytes) -> Any:
    """The value in strict JSON, undoing `plain`; tuples stay lists.

    Raises:
        ValueError: If it is no strict JSON in UTF-8: a name given twice, NaN, a number
            beyond the range of floats, or lists nested more than a hundred times.
    """
    text = content.decode()
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("It is nested too deeply.") from None
    # Very many runs are read, and hardly any holds what must be walked through for.
    deep = text.count("[") + text.count("{") > _MOST_DEPTH
    surrogates = "\\ud" in text or "\\uD" in text
    return _encodable(value, _MOST_DEPTH) if deep or surrogates else value


def _restored(pairs: list[tuple[str, Any]]) -> Any:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("A name is given twice.")
    if len(value) == 1 and isinstance(number := value.get(_FLOAT), str):
        return float(number)
    return value


class _Numbers(dict[str, Number]):
    """Numbers by how they are written; the runs of a sweep have most in common."""

    def __init__(self, kind: Callable[[str], Number]) -> None:
        self._kind = kind

    def __missing__(self, token: str) -> Number:
        value = self._kind(token)
        # Whatever reads it may make it a float, and an infinity has its own form.
        if abs(value) > sys.float_info.max:
            raise ValueError("A number is beyond the range of floats.")
        if len(self) >= _MOST_KEPT:
            self.clear()
        if len(token) <= _LONGEST_KEPT:
            self[token] = value
        return value


def _refused(token: str) -> None:
    raise ValueError(f"{token} is no number of strict JSON.")


def _encodable(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if not isinstance(value, list | dict):
        return value
    if depth == 0:
        raise ValueError("It is nested too deeply.")
    if isinstance(value, list):
        return [_encodable(item, depth - 1) for item in value]
    return {encodable(n): _encodable(item, depth - 1) for n, item in value.items()}


_DECODER = json.JSONDecoder(
    object_pairs_hook=_restored,
    parse_constant=_refused,
    parse_int=_Numbers(int).__getitem__,
    parse_float=_Numbers(float).__getitem__,
)
