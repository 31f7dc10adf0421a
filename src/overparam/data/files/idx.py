"""The IDX layout of MNIST: big-endian magic number, sizes, then unsigned bytes.

Reference: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
"""

import math
import struct

import numpy as np
from jaxtyping import Shaped, UInt8

from .content import DamageError


UNSIGNED_BYTE = 0x08

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


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


def idx_array(raw: bytes) -> Shaped[np.ndarray, "..."]:
    """The array of whatever shape and type the header announces.

    Raises:
        DamageError: No such header, or another number of bytes than it announces.
    """
    kind, n_axes = raw[2], raw[3]
    start = 4 + 4 * n_axes
    if raw[:2] != bytes(2) or kind not in _TYPES or len(raw) < start:
        raise DamageError(f"has no header of an IDX file: it begins {raw[:4].hex()}")
    shape = struct.unpack(f">{n_axes}I", raw[4:start])
    dtype = np.dtype(_TYPES[kind])
    expected = start + dtype.itemsize * math.prod(shape)
    if len(raw) != expected:
        raise DamageError(
            f"has {len(raw)} bytes, expected {expected} of the shape {_times(shape)}"
        )
    try:
        found = np.frombuffer(raw, dtype, offset=start).reshape(shape)
    except ValueError as error:
        raise DamageError(f"declares {n_axes} axes, more than an array has") from error
    return found.astype(dtype.newbyteorder("="))
