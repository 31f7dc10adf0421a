import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from overparam.data.files.content import DamageError
from overparam.data.files.idx import parse_idx


def written(array: np.ndarray) -> bytes:
    header = struct.pack(f">{1 + array.ndim}I", 2048 + array.ndim, *array.shape)
    return header + bytes(array.ravel().tolist())


@settings(max_examples=25)
@given(arrays(np.uint8, array_shapes(max_dims=3, max_side=6)))
def test_what_is_written_is_read(array: np.ndarray) -> None:
    np.testing.assert_array_equal(parse_idx(written(array), array.shape), array)


@settings(max_examples=25)
@given(arrays(np.uint8, array_shapes(max_dims=3, max_side=6)), st.data())
def test_no_truncated_file_is_read(array: np.ndarray, data: st.DataObject) -> None:
    raw = written(array)
    length = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(DamageError, match=r"truncated|bytes, expected"):
        parse_idx(raw[:length], array.shape)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (struct.pack(">3I", 2050, 2, 3) + bytes(5), "has 17 bytes, expected 18"),
        (struct.pack(">3I", 2050, 2, 3) + bytes(7), "has 19 bytes, expected 18"),
        (struct.pack(">3I", 2050, 3, 2) + bytes(6), "declares the shape 3 x 2"),
        (struct.pack(">3I", 2051, 2, 3) + bytes(6), "magic number 2051, expected 2050"),
        (struct.pack("<3I", 2050, 2, 3) + bytes(6), "magic number 34078720"),
        (b"\0\0\x08", "truncated: 3 of the 12 bytes of its header"),
        (b"", "truncated: 0 of the 12"),
    ],
)
def test_a_wrong_file_is_refused_in_words(raw: bytes, message: str) -> None:
    with pytest.raises(DamageError, match=message):
        parse_idx(raw, (2, 3))
