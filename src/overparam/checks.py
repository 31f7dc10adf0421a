"""Checks of single values, used by configs and constructors: one sentence per mistake.

Beside them stands how values are shown, in sentences and at a prompt. Only the standard
library is imported here, so that the command line stays fast.
"""

import dataclasses
import difflib
import functools
import math
import numbers
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

from .errors import ConfigError


Kind = TypeVar("Kind")

MOST_REPETITIONS = 1_000_000
"""The most resamples or permutations of a statistic, or steps within one step: more
would add no digit."""

MOST_LAYERS = 1000
"""The most layers of a network: each is compiled on its own, and more would compile for
hours."""

MOST = 2**63 - 1
"""The largest whole number a config takes: the largest that 64 bits hold."""


def at_least(minimum: float, **values: float | None) -> None:
    """Every value is finite, at least `minimum`, and below 2^63 if it is whole.

    `None` passes.
    """
    for name, value in _given(values):
        if isinstance(value, int) and value > MOST:
            message = f"`{name}` must be at most 2^63 - 1, got {written(value)}."
            raise ConfigError(message)
        if not (_is_finite(value) and value >= minimum):
            finite = "" if value < minimum else "finite and "
            raise ConfigError(
                f"`{name}` must be {finite}at least {minimum:g}, got {written(value)}."
            )


def seeds(**values: int | None) -> None:
    """Every value is a whole number from 0 to 2^63 - 1; `None` passes.

    A seed that is rounded or shortened anywhere would stand for another one.
    """
    at_least(0, **values)
    for name, value in values.items():
        if value is not None and not isinstance(value, numbers.Integral):
            raise ConfigError(
                f"`{name}` must be a whole number from 0 to 2^63 - 1, got "
                f"{written(value)}."
            )


def counts(least: int = 1, /, **values: int) -> None:
    """Every value is a whole number from `least` to 2^63 - 1, and no boolean."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            message = f"`{name}` must be a whole number, got {written(value)}."
            raise ConfigError(message)
    at_least(least, **values)


def path_of(value: object, *, name: str) -> Path:
    """A value that is a path, or the text of one, as a path."""
    if not isinstance(value, str | Path):
        raise ConfigError(f"`{name}` must be a path, got {written(value)}.")
    return Path(value)


def finite(**values: float | None) -> None:
    """Every value is a finite number, below 2^63 if it is whole; `None` passes."""
    for name, value in _given(values):
        if not _is_finite(value):
            message = f"`{name}` must be a finite number, got {written(value)}."
            raise ConfigError(message)


def positive(**values: float | None) -> None:
    """Every value is a positive finite number; `None` passes."""
    for name, value in _given(values):
        if not (_is_finite(value) and value > 0):
            raise ConfigError(
                f"`{name}` must be a positive finite number, got {written(value)}."
            )


def in_range(low: float, high: float, **values: float | None) -> None:
    """Every value lies in the closed interval [low, high]; `None` passes."""
    for name, value in _given(values):
        if not low <= value <= high:
            raise ConfigError(
                f"`{name}` must lie in [{low:g}, {high:g}], got {written(value)}."
            )


def written(value: object) -> str:
    """A value as a sentence shows it: whole numbers of many digits by their number."""
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        return ", ".join(map(written, value))  # Words of a command line.
    if isinstance(value, int) and value.bit_length() > 128:
        return (
            f"a number of {math.floor(value.bit_length() * math.log10(2)) + 1} digits"
        )
    if isinstance(value, str):
        return repr(shortened(value))
    return shortened(" ".join(str(value).split()))  # Arrays and modules have lines.


def shortened(text: str) -> str:
    """The beginning of a long text, and how long it is."""
    return text if len(text) <= 80 else f"{text[:40]}... ({len(text)} characters)"


def arrays_by_shape(kind: type[Kind]) -> type[Kind]:
    """Decorate a dataclass or a named tuple: it shows types and shapes of its arrays.

    Their numbers would fill the screen of whoever looks at what a call gave back.
    """

    def shown(self: Kind) -> str:
        names: Iterable[str] = getattr(kind, "_fields", ())
        if dataclasses.is_dataclass(kind):
            names = [field.name for field in dataclasses.fields(kind) if field.repr]
        parts = (f"{name}={_brief(getattr(self, name))}" for name in names)
        return f"{kind.__name__}({', '.join(parts)})"

    kind.__repr__ = shown
    return kind


def _brief(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{k!r}: {_brief(v)}' for k, v in value.items())}}}"
    if shape := getattr(value, "shape", None):
        dtype = f"{value.dtype}" if hasattr(value, "dtype") else type(value).__name__
        return f"{dtype}[{','.join(map(str, shape))}]"
    # A network writes a field on each line.
    return shortened(" ".join(repr(value).split()))


def _given(values: dict[str, float | None]) -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if value is None:
            continue
        if isinstance(value, bool | str) or not hasattr(value, "__float__"):
            raise ConfigError(f"`{name}` must be a number, got {written(value)}.")
        yield name, value


def _is_finite(value: float) -> bool:
    # A whole number beyond the range of floats is none for `math.isfinite`.
    return abs(value) <= MOST if isinstance(value, int) else math.isfinite(value)


def one_of(choices: Iterable[str], **values: str) -> None:
    """Every value is one of `choices`."""
    choices = list(choices)
    for name, value in values.items():
        if value not in choices:
            listed = ", ".join(choices)
            near = nearest(value, choices)
            hint = f" (did you mean {near}?)" if near else ""
            raise ConfigError(
                f"`{name}` must be one of {listed}; got {written(value)}{hint}."
            )


_MEANT = {
    **dict.fromkeys(("lr", "eta", "step_size"), ("learning_rate", "time_step")),
    **dict.fromkeys(("bs", "minibatch"), ("batch_size",)),
    **dict.fromkeys(("wd", "weight_decay"), ("weight_decay", "penalty")),
    **dict.fromkeys(
        ("epochs", "n_epochs", "num_epochs", "n_epoch"),
        ("epochs", "n_steps", "num_epoches"),
    ),
    **dict.fromkeys(("n_iter", "num_iter", "iters"), ("n_steps", "epochs")),
    **dict.fromkeys(("hidden", "num_hidden", "m"), ("width",)),
    **dict.fromkeys(("rng", "random_state"), ("seed",)),
}
"""What others call what is called so here; the first that there is."""


def nearest(name: object, names: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The name that is meant, if one is near; capitals say nothing.

    The cutoff is one of difflib's ratio.
    """
    by_letters = {each.lower(): each for each in names}
    letters = str(name).lower()
    for meant in _MEANT.get(letters.lstrip("-").replace("-", "_"), ()):
        for each in (meant, meant.replace("_", "-"), f"--{meant}"):
            if each in by_letters:
                return by_letters[each]
    near = difflib.get_close_matches(letters, by_letters, n=1, cutoff=cutoff)
    return by_letters[near[0]] if near else None


@dataclass(frozen=True)
class Within:
    """Marks a field's annotation with the check that its values must pass."""

    check: Callable[..., None]


@functools.cache
def ranges(config: type[Any]) -> list[tuple[str, Callable[..., None]]]:
    """Fields of a dataclass whose annotation has a range, with its check."""
    hints = typing.get_type_hints(config, include_extras=True)
    return [
        (field.name, mark.check)
        for field in dataclasses.fields(config)
        for mark in _marks(hints[field.name])
        if field.init and isinstance(mark, Within)
    ]


def _marks(kind: Any) -> Iterator[Any]:
    """What an annotation and its alternatives are marked with."""
    yield from getattr(kind, "__metadata__", ())
    for part in typing.get_args(kind):
        yield from _marks(part)


Count = Annotated[int, Within(partial(at_least, 1))]
Natural = Annotated[int, Within(partial(at_least, 0))]
Finite = Annotated[float, Within(finite)]
NonNegative = Annotated[float, Within(partial(at_least, 0))]
Positive = Annotated[float, Within(positive)]
Share = Annotated[float, Within(partial(in_range, 0, 1))]
"""Types of fields with a range, which `field_values.typed` checks; `None` passes."""
