import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from overparam.store.npy import array_of


def written(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


@settings(max_examples=25)
@given(arrays(np.float64, array_shapes(min_dims=0, max_dims=3, max_side=4)))
def test_what_is_written_is_read(array):
    found = array_of(written(array))
    np.testing.assert_array_equal(found, array)
    assert found.shape == array.shape


def test_the_order_of_the_axes_in_memory_does_not_matter():
    array = np.arange(6.0).reshape(2, 3).T
    np.testing.assert_array_equal(array_of(written(array)), array)


def announcing(header: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


SHAPE = b"{'descr': '<f8', 'fortran_order': False, 'shape': %s}\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"PK\x03\x04",
        b"\x93NUMPY",
        b"\x93NUMPY\x09\x09\x00\x00",
        written(np.array([{}])),
        written(np.ones(3))[:-1],
        written(np.ones(3)) + b"0",
        announcing(SHAPE % b"(10**12,)"),
        announcing(SHAPE % b"(1000000000000,)"),
        announcing(SHAPE % b"(-1,)"),
        announcing(SHAPE % b"__import__('os').abort()"),
        announcing(b"(" * 9000),
        announcing(b"{'descr': '"),
    ],
)
def test_anything_else_is_refused_without_the_memory_it_announces(raw):
    with pytest.raises(ValueError, match="it "):
        array_of(raw)
