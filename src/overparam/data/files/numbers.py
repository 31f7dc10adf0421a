"""Tables of numbers in plain text: one row a line, no header."""

import io
import math
import re

import numpy as np
from jaxtyping import Float64

from ...checks import shortened
from .content import DamageError


_MOST_EXACT = 2**53
_BLANKS = bytes.maketrans(b",;\t", b"   ")


def numbers_of(raw: bytes) -> Float64[np.ndarray, "rows columns"]:
    """The numbers in a text, between spaces, tabs, commas or semicolons.

    Raises:
        DamageError: Nothing is there, something is no number, or rows differ in length.
    """
    text = raw.translate(_BLANKS)
    if not text.strip():
        raise DamageError("is empty")
    if missing := re.search(rb"[,;\t] *[,;\t]", raw):
        row = raw.count(b"\n", 0, missing.start()) + 1
        raise DamageError(f"misses a value (row {row}): fill it, or drop such rows")
    line = raw.strip().partition(b"\n")[0].strip()
    marks = set(re.sub(rb" *([,;]) *", rb"\1", line)) & set(b" ,;\t")
    if len(marks) > 1 and marks & set(b",;"):
        raise DamageError(
            f"has several kinds of separators in `{shortened(line.decode('latin1'))}`: "
            "separate by one, and write decimals with a point"
        )
    try:
        return np.loadtxt(io.BytesIO(text), ndmin=2, comments=None)
    except ValueError as error:
        why = str(error).rstrip(".")
        raise DamageError(f"is no table of numbers ({why})") from error


def check_exact(array: np.ndarray, what: str) -> None:
    """Whole numbers that become floating ones stay what they are.

    Raises:
        DamageError: One does not.
    """
    if array.dtype.kind not in "ui" or array.dtype.itemsize < 8:
        return
    for extreme in (int(array.min()), int(array.max())):
        if abs(extreme) > _MOST_EXACT:
            raise DamageError(
                f"holds the whole number {extreme} ({what}), and beyond 2^53 floating "
                "ones do not tell them apart: leave it out, or subtract what all share"
            )


def is_number(text: str) -> bool:
    """Whether a text is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
