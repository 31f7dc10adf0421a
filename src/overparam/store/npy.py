"""Arrays of `.npy` files: no pickles, and no more memory than the file has bytes."""

import io
import math
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    import numpy as np


def array_of(raw: bytes) -> "np.ndarray":
    """The array in the bytes of a `.npy` file.

    Raises:
        ValueError: If they are no such file, hold objects, or announce another number
            of values than there are.
    """
    import numpy as np

    file = io.BytesIO(raw)
    try:
        read = {(1, 0): np.lib.format.read_array_header_1_0}
        read[2, 0] = np.lib.format.read_array_header_2_0
        shape, _, dtype = read[np.lib.format.read_magic(file)](file)
    except Exception as error:  # NumPy parses the header as Python, and fails as such.
        raise ValueError("it has no header of a .npy file") from error
    if dtype.hasobject:
        raise ValueError("it holds pickled objects")
    announced, found = math.prod(shape) * dtype.itemsize, len(raw) - file.tell()
    if announced != found:
        raise ValueError(f"it announces {announced} bytes of values and has {found}")
    file.seek(0)
    return np.load(file, allow_pickle=False)
