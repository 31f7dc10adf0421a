"""Time series: the text files of the UCR archive, and aeon's `.ts`.

Reference: Dau et al., The UCR time series classification archive (2018).
"""

import numpy as np

from ...checks import written
from ..files.content import DamageError
from ..files.numbers import numbers_of


Series = tuple[np.ndarray, np.ndarray]
"""Series `(n, length)` or `(n, length, channels)`, and labels or numbers."""


def series(raw: bytes) -> Series:
    """Rows of a label and the values, between spaces, tabs or commas.

    Raises:
        DamageError: Not numbers, or rows of several lengths.
    """
    table = numbers_of(raw)
    if table.shape[1] < 2:
        raise DamageError("has a single column: a row is a label and the values")
    return table[:, 1:], table[:, 0]


def is_ts(raw: bytes) -> bool:
    """Whether a text has the header of a `.ts` file."""
    lines = (line.strip().lower() for line in raw[:65536].splitlines())
    told = [line for line in lines if line and not line.startswith(b"#")]
    return bool(told) and told[0].startswith(b"@")


def ts_series(raw: bytes) -> Series:
    """Cases of channels between colons and, last, a label or a number.

    Raises:
        DamageError: Labels are missing, or the series differ in length or have stamps
            of time.
    """
    try:
        lines = [line.strip() for line in raw.decode().splitlines()]
    except UnicodeDecodeError as error:
        raise DamageError("is no text in UTF-8") from error
    lines = [line for line in lines if line and not line.startswith("#")]
    lower = [line.lower() for line in lines]
    if "@data" not in lower:
        raise DamageError("has no line `@data`")
    start = lower.index("@data")
    said = {words[0]: words[1:] for words in map(str.split, lower[:start])}
    if said.get("@timestamps", ["false"])[0] == "true":
        raise DamageError("has stamps of time, which no network takes")
    is_number = said.get("@targetlabel", ["false"])[0] == "true"
    if not is_number and said.get("@classlabel", ["true"])[0] == "false":
        raise DamageError("has no labels")
    cases = [line.split(":") for line in lines[start + 1 :]]
    if not cases:
        raise DamageError("is empty")
    if len({len(case) for case in cases}) > 1 or len(cases[0]) < 2:
        raise DamageError("has cases of several numbers of channels, or no labels")
    if len({channel.count(",") for case in cases for channel in case[:-1]}) > 1:
        raise DamageError("has series of several lengths: cut or fill them")
    x = np.stack([_channels(case[:-1]) for case in cases])
    labels = [case[-1].strip() for case in cases]
    told = said.get("@classlabel", [])[1:]
    strange = {label.lower() for label in labels} - set(told)
    if told and strange and not is_number:
        raise DamageError(
            f"has the label {written(min(strange))}, which `@classLabel` does not list"
        )
    return x, numbers_of("\n".join(labels).encode())[:, 0] if is_number else np.array(
        labels
    )


def _channels(texts: list[str]) -> np.ndarray:
    """One case, `(length,)` of a single channel, else `(length, channels)`."""
    if any("?" in text for text in texts):
        raise DamageError("misses a value (`?`): fill it, or drop such cases")
    table = numbers_of("\n".join(texts).encode()).T
    return table[:, 0] if table.shape[1] == 1 else table
