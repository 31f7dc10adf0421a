"""Which configs a sweep runs: `key=v1,v2 key=0..9`, combined.

Only the standard library is imported here.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from ..errors import ConfigError
from .values import converted, field_kind, is_number


# A typing slip such as 0..1e12 must not fill the memory.
_MOST_VALUES = 100_000


def grid(texts: Sequence[str], config: type) -> list[dict[str, Any]]:
    """The Cartesian product of `key=values` arguments; the last key varies fastest.

    Args:
        texts: Each `key=v1,v2`, `key=0..9` (both ends included) or `key=0..100..10`
            (with a step); a tuple is written `(64,64)`.
        config: The config dataclass of the study.

    Returns:
        For every combination the fields it sets. Without `texts`, one empty setting.

    Raises:
        ConfigError: If a text is malformed, or names an unknown field or value.
    """
    axes: dict[str, list[Any]] = {}
    for text in texts:
        name, values = _axis(text, config)
        if name in axes:
            raise ConfigError(f"`{name}` is given twice; give all its values at once.")
        axes[name] = values
    return product(axes)


def values_of(text: str, kind: Any, *, name: str) -> list[Any]:
    """The values that `v1,v2`, `0..9` or `0..100..10` stand for.

    Raises:
        ConfigError: If a value is not of the field's type or a range is empty.
    """
    values: list[Any] = []
    for part in _split(text):
        spread = ".." in part and is_number(kind)
        items = _range(part, name) if spread else [part]
        values += [converted(item, kind, name=name) for item in items]
    if not values:
        raise ConfigError(f"`{name}` has no value; write {name}=1,2 or {name}=0..9.")
    return values


def _axis(text: str, config: type) -> tuple[str, list[Any]]:
    name, equals, values = text.partition("=")
    name = name.strip().replace("-", "_").lstrip("_")
    if not equals:
        raise ConfigError(f"{text!r} sets nothing; write key=value or key=v1,v2.")
    return name, once(values_of(values, field_kind(config, name), name=name))


def product(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination of the values of named axes; the last axis varies fastest.

    Raises:
        ConfigError: If there are more than 100,000.
    """
    size = 1
    for values in axes.values():
        size *= len(values)
    if size > _MOST_VALUES:
        raise ConfigError(f"The grid has {size:,} runs, at most {_MOST_VALUES:,} go.")
    combinations = itertools.product(*axes.values())
    return [dict(zip(axes, values, strict=True)) for values in combinations]


def _split(text: str) -> list[str]:
    """Parts between the commas that are outside of brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def _range(text: str, name: str) -> Iterator[str]:
    # Decimals, so that 0..1..0.1 gives 0.3 and not 0.30000000000000004.
    try:
        ends = [Decimal(part) for part in text.split("..")]
        start, stop, step = ends if len(ends) == 3 else (*ends, Decimal(1))
        count = int((stop - start) / step) + 1
    except (InvalidOperation, ValueError, ArithmeticError):
        message = f"`{name}={text}` is no range; write 0..9, or 0..100..10 with a step."
        raise ConfigError(message) from None
    if (stop - start) / step < 0:
        raise ConfigError(f"`{name}={text}` is empty: {step} leads away from {stop}.")
    if count > _MOST_VALUES:
        message = f"`{name}={text}` has {count:,} values, at most {_MOST_VALUES:,} go."
        raise ConfigError(message)
    return (str(start + index * step) for index in range(count))


def once(values: list[Any]) -> list[Any]:
    """The values without repetition, in the order of their first."""
    return list({repr(value): value for value in values}.values())
