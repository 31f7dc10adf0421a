"""One value of one kind, from Python, from text and from TOML.

What it is not is a `ValueError`, a `TypeError` or an `ArithmeticError`; `field_values`
makes a sentence of them.
"""

import math
from decimal import Decimal
from typing import Any

from .checks import MOST


_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


def choice(value: Any, choices: tuple[Any, ...]) -> Any:
    """The choice that is meant."""
    for each in choices:
        if type(value) is type(each) and value == each:
            return each
    for each in choices:
        if isinstance(value, str) and value == str(each):
            return each
    raise ValueError


def boolean(value: Any) -> bool:
    """True or false, from a boolean or a word."""
    text = str(value).lower()
    if isinstance(value, bool | str) and text in _TRUE | _FALSE:
        return text in _TRUE
    raise ValueError


def whole_number(value: Any) -> int:
    """A whole number that 64 bits hold."""
    if type(value) is int and -MOST <= value <= MOST:
        return value
    # Through decimals: 1e4 is a whole number to a person, and nothing is rounded.
    exact = _decimal(value)
    if not -MOST <= exact <= MOST or exact != exact.to_integral_value():
        raise ValueError
    return int(exact)


def number(value: Any) -> float:
    """A number, which is neither rounded to 0 nor to an infinity."""
    if type(value) is float:
        return value
    exact, nearest = _decimal(value), float(value)
    # 1e999 is no infinity and 1e-999 no zero: who wants these says so.
    if exact.is_finite() and (math.isinf(nearest) or (nearest == 0) != (exact == 0)):
        raise OverflowError
    return nearest


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    if isinstance(value, str) and not value.isascii():
        raise ValueError  # Python reads the digits of every script.
    return Decimal(value)
