"""The binary layout of CIFAR: per record one or two label bytes, then three planes.

Reference: Krizhevsky, "The CIFAR-10 dataset", section "Binary version".
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from .content import DamageError


class Records(NamedTuple):
    """Images with every label byte: (class,) or (coarse class, fine class)."""

    images: UInt8[np.ndarray, "n height width channels"]
    labels: UInt8[np.ndarray, "n labels"]


def parse_cifar(
    raw: bytes, shape: tuple[int, int, int], *, n_labels: int = 1
) -> Records:
    """The images, channels last, and labels in `raw`.

    Args:
        raw: Records of `n_labels` label bytes, then the red, green and blue plane,
            each row by row.
        shape: Height, width and channels of an image.
        n_labels: 1 for CIFAR-10, 2 (coarse, fine) for CIFAR-100.

    Raises:
        DamageError: The length is no multiple of the length of a record.
    """
    height, width, channels = shape
    record = n_labels + height * width * channels
    if not raw or len(raw) % record:
        raise DamageError(f"has {len(raw)} bytes, expected a multiple of {record}")
    records = np.frombuffer(raw, np.uint8).reshape(-1, record)
    planes = records[:, n_labels:].reshape(-1, channels, height, width)
    images = np.empty((len(records), height, width, channels), np.uint8)
    for channel in range(channels):  # Five times as fast as one transposed copy.
        images[..., channel] = planes[:, channel]
    return Records(images, records[:, :n_labels])
