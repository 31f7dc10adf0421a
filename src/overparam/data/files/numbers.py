"""Tables of numbers in plain text: one row a line, no header."""

import io

import numpy as np
from jaxtyping import Float64

from .content import DamageError


_BLANKS = bytes.maketrans(b",;\t", b"   ")


def numbers_of(raw: bytes) -> Float64[np.ndarray, "rows columns"]:
    """The numbers in a text, between spaces, tabs, commas or semicolons.

    Raises:
        DamageError: Nothing is there, something is no number, or rows differ in length.
    """
    text = raw.translate(_BLANKS)
    if not text.strip():
        raise DamageError("is empty")
    try:
        return np.loadtxt(io.BytesIO(text), ndmin=2, comments=None)
    except ValueError as error:
        why = str(error).rstrip(".")
        raise DamageError(f"is no table of numbers ({why})") from error
