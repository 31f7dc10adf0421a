"""The IDX layout of MNIST: big-endian magic number, sizes, then unsigned bytes.

Reference: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
"""

import math

import numpy as np
from jaxtyping import UInt8

from .content import DamageError


UNSIGNED_BYTE = 0x08


def parse_idx(raw: bytes, shape: tuple[int, ...]) -> UInt8[np.ndarray, "..."]:
    """The array in `raw`, which must have exactly the given shape.

    The magic number is 0, 0, the element type (8: unsigned byte) and the number of
    axes: 2051 for images, 2049 for labels. The result shares the memory of `raw`.

    Raises:
        DamageError: Wrong magic number, sizes or length.
    """
    header = 4 + 4 * len(shape)
    if len(raw) < header:
        raise DamageError(
            f"is truncated: {len(raw)} of the {header} bytes of its header"
        )
    magic, *sizes = np.frombuffer(raw, ">u4", 1 + len(shape)).tolist()
    expected = (UNSIGNED_BYTE << 8) + len(shape)
    if magic != expected:
        raise DamageError(f"has the magic number {magic}, expected {expected}")
    if tuple(sizes) != shape:
        raise DamageError(
            f"declares the shape {_times(sizes)}, expected {_times(shape)}"
        )
    if len(raw) != header + math.prod(shape):
        raise DamageError(f"has {len(raw)} bytes, expected {header + math.prod(shape)}")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)


def _times(sizes: tuple[int, ...] | list[int]) -> str:
    return " x ".join(map(str, sizes))
