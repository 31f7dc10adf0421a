"""The types of a config's fields, for values from Python, from text and from TOML.

Only the standard library is imported here.
"""

import contextlib
import dataclasses
import functools
import numbers
import os
import types
import typing
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from .catalogue import ACTIVATIONS, STUDIES
from .checks import MOST, nearest, ranges, written
from .errors import ConfigError
from .keeping import FORMS as KEPT
from .single_values import boolean, choice, number, whole_number
from .spellings import first_spellings


_NOT_OF_THE_KIND = (ValueError, TypeError, ArithmeticError)
_SINGLE = {bool: boolean, int: whole_number, float: number}
_MOST_LISTED = 40


def field_names(config: type) -> list[str]:
    """The fields that a config is made of."""
    return [field.name for field in dataclasses.fields(config) if field.init]


def field_name(config: type, name: str) -> str:
    """The name of today of a field, which may be called by its first spelling.

    Raises:
        ConfigError: If the config has no such field; the nearest is suggested.
    """
    names = field_names(config)
    firsts = first_spellings(config)
    today = next((field for field in firsts if firsts[field].name == name), name)
    if today not in names:
        raise ConfigError(unknown(name, names, what="field"))
    return today


def field_kind(config: type, name: str) -> Any:
    """The annotated type of a field, by its first spelling that of its values then.

    Raises:
        ConfigError: If the config has no such field; the nearest is suggested.
    """
    today = field_name(config, name)
    first = first_spellings(config).get(today) if name != today else None
    if first is not None and first.kind is not None:
        return first.kind
    return typing.get_type_hints(config)[today]


def field_value(config: type, name: str, value: Any) -> Any:
    """A value for a field, from text (`"1e-3"`) or from TOML (`0.001`).

    Args:
        config: The dataclass.
        name: One of its fields.
        value: Text of the command line, or a TOML value.

    Raises:
        ConfigError: If there is no such field or the value is not of its type.
    """
    return converted(_plain(value), field_kind(config, name), name=name)


def converted(value: Any, kind: Any, *, name: str) -> Any:
    """`value` as an instance of the annotation `kind`.

    Raises:
        ConfigError: If it is none; the sentence names the field and what it takes.
    """
    kind = _with_own(kind, name, value)
    try:
        return _convert(value, kind)
    except UnicodeEncodeError:
        raise ConfigError(
            f"`{name}` must be text in UTF-8, got {written(value)}: rename what is not."
        ) from None
    except _NOT_OF_THE_KIND:
        hint = _suggestion(value, kind, name)
        message = f"`{name}` must be {described(kind)}, got {written(value)}{hint}."
        raise ConfigError(message) from None


def _with_own(kind: Any, name: str, value: Any) -> Any:
    """The choices of an activation, with those of one's own where they are needed."""
    if name != "activation" or typing.get_origin(kind) is not typing.Literal:
        return kind
    listed = typing.get_args(kind)
    is_other = isinstance(value, str) and value not in listed
    return typing.Literal[(*listed, *ACTIVATIONS.brought())] if is_other else kind


def check_kinds(config: Any) -> None:
    """The fields of a dataclass are of types that the command line reads.

    Raises:
        ConfigError: If it is none, can be changed, or a field is of another type.
    """
    if not (isinstance(config, type) and dataclasses.is_dataclass(config)):
        raise ConfigError(f"A config must be a dataclass, got {written(config)}.")
    if not getattr(config, "__dataclass_params__").frozen:  # noqa: B009
        raise ConfigError(
            f"`{config.__name__}` must be frozen: write @dataclass(frozen=True, "
            "kw_only=True)."
        )
    for name, kind in _kinds(config).items():
        if not _is_read(kind):
            told = getattr(kind, "__name__", str(kind))
            raise ConfigError(
                f"The field `{name}` of `{config.__name__}` is of the type {told}, "
                "which no command line can give: use int, float, bool, str, Path, "
                "Literal, a tuple of one of these, or `| None`."
            )


def _is_read(kind: Any) -> bool:
    items = [k for k in typing.get_args(kind) if k is not Ellipsis]
    if typing.get_origin(kind) is typing.Literal:
        return all(isinstance(choice, str | int | float) for choice in items)
    if typing.get_origin(kind) in (tuple, list) and items:
        return all(map(_is_read, items))
    if len(alternatives := _alternatives(kind)) > 1 or alternatives != [kind]:
        return all(map(_is_read, alternatives))
    return kind in (int, float, bool, str, Path)


def typed(config: Any) -> None:
    """Every field of a config holds what its annotation says; called when it is made.

    Types come first, then the ranges that annotations are marked with.

    Numbers of NumPy become Python's and lists tuples, so that equal configs are equal.
    Text is no number: who builds a config in Python has the value itself.

    Raises:
        ConfigError: If a field holds something else.

    Example:
        ```python
        @dataclass(frozen=True)
        class Config:
            width: op.checks.Count = 64
            __post_init__ = op.typed
        ```
    """
    # Each is looked at alone, which is no reading: `watched.py` asks what is joined.
    value_of = partial(object.__getattribute__, config)
    for name in _kinds(type(config)):
        value = value_of(name)
        fitting = _fitting(type(config), name, value)
        if fitting is not value:
            object.__setattr__(config, name, fitting)
    for name, check in ranges(type(config)):
        check(**{name: value_of(name)})


def fits(config: type, name: str, value: Any) -> bool:
    """Whether `typed` takes this value of a field and leaves it as it is."""
    try:
        if _fitting(config, name, value) is not value:
            return False
        for ranged, check in ranges(config):
            if ranged == name:
                check(**{name: value})
    except ConfigError:
        return False
    return True


def _fitting(config: type, name: str, value: Any) -> Any:
    """A value as its field holds it."""
    if value is _fitting_defaults(config).get(name, dataclasses.MISSING):
        return value
    return of_kind(value, _kinds(config)[name], name)


def of_kind(value: Any, kind: Any, name: str) -> Any:
    """A value from Python, where text is no number, as a field of a kind holds it.

    Raises:
        ConfigError: If it is of another kind.
    """
    fitting = converted(_plain(value), kind, name=name)
    if isinstance(value, str) and not isinstance(fitting, str):
        told = f"got text: {written(value)}"
        raise ConfigError(f"`{name}` must be {described(kind)}, {told}.")
    return fitting


def is_tuple(kind: Any) -> bool:
    """Whether a field takes several values at once."""
    return any(typing.get_origin(k) in (tuple, list) for k in _alternatives(kind))


def is_number(kind: Any) -> bool:
    """Whether a field takes a number."""
    return any(k in (int, float) for k in _alternatives(kind))


def described(kind: Any) -> str:
    """An annotation in words."""
    alternatives = _alternatives(kind)
    if len(alternatives) > 1 or _takes_none(kind):
        listed = [described(k) for k in alternatives] + ["none"] * _takes_none(kind)
        return " or ".join(listed)
    if typing.get_origin(kind) is typing.Literal:
        return "one of " + ", ".join(str(choice) for choice in typing.get_args(kind))
    if is_tuple(kind) and typing.get_origin(typing.get_args(kind)[0]) is typing.Literal:
        return described(typing.get_args(kind)[0]).replace("one of", "some of", 1)
    if is_tuple(kind):
        plural = {int: "whole numbers", float: "numbers"}
        return plural.get(typing.get_args(kind)[0], "values") + " such as (1,2)"
    words = {int: "a whole number", float: "a number", bool: "true or false"}
    words[Path] = "a path"
    return words.get(alternatives[0], "text")


def value_words(kind: Any) -> str | None:
    """What help shows in the place of a value that may be none, or of several values.

    `None` for other annotations.
    """
    if _takes_none(kind):
        choices = ["true", "false"] * (bool in _alternatives(kind)) + choices_of(kind)
        if choices:
            return f"{{{','.join([*choices, 'none'])}}}"
        return "|".join([*map(_value_word, _alternatives(kind)), "none"])
    return _value_word(kind) if is_tuple(kind) else None


def _value_word(kind: Any) -> str:
    if is_tuple(kind):
        return f"{_value_word(typing.get_args(kind)[0])} ..."
    if choices := choices_of(kind):
        return f"{{{','.join(choices)}}}"
    return _alternatives(kind)[0].__name__.upper()


def unknown(name: object, names: Iterable[str], *, what: str) -> str:
    """One sentence about a name that does not exist, with the nearest that does."""
    remedy, names = getattr(names, "remedy", ""), list(names)
    near = nearest(name, names)
    hint = f", did you mean `{near}`?" if near else "."
    told = f"There is no {what} {written(name)}{hint}"
    # Beside the nearest one, a screen full of others would only hide it.
    if near and len(names) > _MOST_LISTED:
        return told
    return f"{told} Valid are: {', '.join(names)}.{'' if near else remedy}"


@functools.cache
def _kinds(config: type) -> dict[str, Any]:
    hints = typing.get_type_hints(config)
    return {name: hints[name] for name in field_names(config)}


@functools.cache
def _fitting_defaults(config: type) -> dict[str, Any]:
    """The defaults that are of their kind as they are."""
    given = {field.name: field.default for field in dataclasses.fields(config)}
    fitting = {}
    for name, kind in _kinds(config).items():
        with contextlib.suppress(ConfigError):
            if converted(_plain(given[name]), kind, name=name) is given[name]:
                fitting[name] = given[name]
    return fitting


def _plain(value: Any) -> Any:
    """A number of NumPy as Python's, an array as a list."""
    if isinstance(value, bool | int | float):
        return value
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else value


def _convert(value: Any, kind: Any) -> Any:
    says_none = isinstance(value, str) and value.lower() == "none"
    if _takes_none(kind) and (value is None or says_none):
        return None
    *others, last = _alternatives(kind)
    for alternative in others:
        try:
            return _convert_one(value, alternative)
        except _NOT_OF_THE_KIND:
            continue
    return _convert_one(value, last)


def _convert_one(value: Any, kind: Any) -> Any:
    if kind in _SINGLE:
        return _SINGLE[kind](value)
    origin = typing.get_origin(kind)
    if origin is typing.Literal:
        return choice(value, typing.get_args(kind))
    if origin in (tuple, list):
        item_kinds = [a for a in typing.get_args(kind) if a is not Ellipsis]
        items = _items(value) if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            raise TypeError
        if len(item_kinds) > 1 and len(items) != len(item_kinds):
            raise ValueError
        kinds = item_kinds if len(item_kinds) > 1 else item_kinds * len(items)
        return origin(_convert(v, k) for v, k in zip(items, kinds, strict=True))
    if kind is Path and isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise TypeError
    # Half a surrogate could not be stored, unless it stands for a byte of a path.
    value.encode(errors="surrogateescape" if kind is Path else "strict")
    if kind is Path and not value:
        raise ValueError  # It would mean the current folder.
    return value if kind in (str, Any) else kind(value)


def _items(text: str) -> list[str]:
    """The items of `(1,2)`, `[1,2]` or `1,2`; a last comma may stand in brackets."""
    inner = text.strip()
    if is_bracketed(inner):
        inner = inner[1:-1].strip().removesuffix(",")
    items = [part.strip() for part in inner.split(",")] if inner else []
    if not all(items):
        raise ValueError
    return items


def is_bracketed(text: str) -> bool:
    """Whether a text is written `(...)` or `[...]`."""
    return text[:1] + text[-1:] in ("()", "[]")


def _alternatives(kind: Any) -> list[Any]:
    if isinstance(kind, type):
        return [kind]
    if typing.get_origin(kind) is typing.Annotated:
        return _alternatives(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kinds = [k for k in typing.get_args(kind) if k is not type(None)]
        return [alternative for k in kinds for alternative in _alternatives(k)]
    return [kind]


def _takes_none(kind: Any) -> bool:
    return not isinstance(kind, type) and type(None) in typing.get_args(kind)


def _suggestion(value: Any, kind: Any, name: str) -> str:
    if name == "keep" and kind is str:
        return f" (as text: {KEPT})"
    if is_tuple(kind):
        if not choices_of(kind := typing.get_args(kind)[0]):
            return ""
        several = value if isinstance(value, tuple | list) else [value]
        texts = [each.strip("()") for each in several if isinstance(each, str)]
        items = ",".join(texts).split(",")
        hints = [_suggestion(item.strip(), kind, name) for item in items]
        return next(filter(None, hints), "")
    whole = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, str):
        whole = value.isascii() and value.lstrip("+-").isdecimal()
    if whole and int in _alternatives(kind):
        return f" (at most {MOST} = 2^63 - 1)"
    choices = choices_of(kind)
    if not isinstance(value, str) or not choices:
        return ""
    near = nearest(value, choices)
    if near is not None and near != value:
        return f" (did you mean {near}?)"
    for study, entry in STUDIES.items():
        config = entry.config_class()
        hints = typing.get_type_hints(config)
        firsts = {first.name: field for field, first in first_spellings(config).items()}
        if value in choices_of(hints.get(firsts.get(name, name))):
            return f" (which the study `{study}` takes)"
    return ""


def choices_of(kind: Any) -> list[str]:
    """What a field takes that has a list of choices."""
    return [
        str(choice)
        for k in _alternatives(kind)
        if typing.get_origin(k) is typing.Literal
        for choice in typing.get_args(k)
    ]
