"""Which configs a sweep runs: `key=v1,v2 key=0..9`, combined.

Only the standard library is imported here.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, Overflow
from typing import Any

from ..checks import MOST, shortened, written
from ..errors import ConfigError
from ..field_values import (
    converted,
    field_kind,
    field_name,
    is_bracketed,
    is_number,
    is_tuple,
)
from ..spellings import as_spelled, first_spellings


# A typing slip such as 0..1e12 must not fill the memory.
_MOST_VALUES = 100_000


def grid(texts: Sequence[str], config: type) -> list[dict[str, Any]]:
    """The Cartesian product of `key=values` arguments; the last key varies fastest.

    Args:
        texts: Each `key=v1,v2`, `key=0..9` (both ends included) or `key=0..100..10`
            (with a step, the last value at or before the end); a tuple is written
            `(64,64)`.
        config: The config dataclass of the study.

    Returns:
        For every combination the fields it sets. Without `texts`, one empty setting.

    Raises:
        ConfigError: If a text is malformed, or names an unknown field or value.
    """
    axes: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip().replace("-", "_").lstrip("_")
        if not equals:
            raise ConfigError(
                f"{written(text)} sets nothing; write key=value or key=v1,v2."
            )
        if name in axes:
            raise _twice(name)
        axes[name] = values_of(values, field_kind(config, name), name=name)
    return product(by_field(axes, config))


def by_field(axes: Mapping[str, Sequence[Any]], config: type) -> dict[str, list[Any]]:
    """Axes with the names and values that their fields have today.

    Raises:
        ConfigError: If there is no such field, or one by both of its spellings.
    """
    firsts, found = first_spellings(config), {}
    for given, values in axes.items():
        name = field_name(config, given)
        if name in found:
            raise _twice(name)
        settings = (as_spelled({given: value}, firsts) for value in values)
        found[name] = [setting[name] for setting in settings]
    return found


def _twice(name: str) -> ConfigError:
    return ConfigError(f"`{name}` is given twice; give all its values at once.")


def values_of(text: str, kind: Any, *, name: str) -> list[Any]:
    """The values that `v1,v2`, `0..9` or `0..100..10` stand for.

    Raises:
        ConfigError: If a value is not of the field's type, a range is empty, or the
            text could mean two things.
    """
    parts = _split(text, name)
    if is_tuple(kind) and len(parts) > 1 and not all(map(is_bracketed, parts)):
        raise ConfigError(
            f"`{name}` takes several values at once: write {name}=({text}) for one "
            f"run, or {name}=({parts[0]}),({parts[1]}) for one run each."
        )
    values: list[Any] = []
    for part in parts:
        if kind is str and is_bracketed(part) and "," in part:
            part = part[1:-1]  # One value with commas, as of `keep`.
        spread = ".." in part and is_number(kind)
        items = _range(part, name) if spread else [part]
        values += [converted(item, kind, name=name) for item in items]
    return values


def text_of(value: Any) -> str:
    """One value as the text of an axis stands for it."""
    if isinstance(value, tuple | list):
        return f"({','.join(map(text_of, value))})"
    if isinstance(value, str):
        return f"({value})" if "," in value else value
    is_word = value is None or isinstance(value, bool)
    return str(value).lower() if is_word else str(value)


def product(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination of the values of named axes; the last axis varies fastest.

    A value that an axis repeats counts once.

    Raises:
        ConfigError: If there are more than 100,000.
    """
    # The values without repetition, in the order of their first.
    axes = {
        name: list({repr(value): value for value in values}.values())
        for name, values in axes.items()
    }
    at_most(math.prod(len(values) for values in axes.values()))
    combinations = itertools.product(*axes.values())
    return [dict(zip(axes, values, strict=True)) for values in combinations]


def at_most(n_runs: int) -> None:
    """Refuse a grid that is too large to be meant."""
    if n_runs > _MOST_VALUES:
        shown = f"{n_runs:,}" if n_runs < MOST else "far more"
        raise ConfigError(f"The grid has {shown} runs, at most {_MOST_VALUES:,} go.")


def _split(text: str, name: str) -> list[str]:
    """Parts between the commas that are outside of brackets."""
    if not text.strip():
        raise ConfigError(f"`{name}` has no value; write {name}=1,2 or {name}=0..9.")
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if depth < 0:
            break
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    parts = [part.strip() for part in parts]
    if depth:
        raise ConfigError(f"`{name}={shortened(text)}` has an unmatched bracket.")
    if not all(parts):
        raise ConfigError(f"`{name}={shortened(text)}` has nothing beside a comma.")
    return parts


def _range(text: str, name: str) -> Iterable[str | int]:
    given = f"`{name}={shortened(text)}`"
    start, stop, step = _ends(text, given)
    try:
        n_steps = (stop - start) / step
    except Overflow:
        n_steps = Decimal("inf")
    if n_steps < 0:
        raise ConfigError(
            f"{given} is empty: a step of {step} leads from {start} away from {stop}."
        )
    if n_steps >= _MOST_VALUES:
        count = f"{int(n_steps) + 1:,}" if n_steps < MOST else "far more"
        raise ConfigError(f"{given} has {count} values, at most {_MOST_VALUES:,} go.")
    if 0 < n_steps < 1:
        raise ConfigError(
            f"{given} has one value only, the step {step} leads beyond {stop}; write "
            f"{name}={start} or a smaller step."
        )
    values = range(int(n_steps) + 1)
    if start == start.to_integral_value() and step == step.to_integral_value():
        return (int(start) + index * int(step) for index in values)
    return (str(start + index * step) for index in values)


def _ends(text: str, given: str) -> tuple[Decimal, Decimal, Decimal]:
    """Start, stop and step of a range."""
    words = text.split("..")
    try:
        # Decimals, so that 0..1..0.1 gives 0.3 and not 0.30000000000000004.
        ends = [Decimal(word) for word in words]
    except ArithmeticError:
        ends = []
    sound = text.isascii() and "..." not in text and all(e.is_finite() for e in ends)
    if not sound or len(ends) not in (2, 3) or ends[2:] == [0]:
        remedy = "write 0..9, or 0..100..10 with a step."
        raise ConfigError(f"{given} is no range; {remedy}")
    if len(ends) == 3:
        return ends[0], ends[1], ends[2]
    if any(end != end.to_integral_value() for end in ends):
        step = f"{words[0]}..{words[1]}..STEP"
        raise ConfigError(
            f"{given} has no step; write {step}, or all values with commas."
        )
    return ends[0], ends[1], Decimal(1)
