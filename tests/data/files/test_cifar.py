import numpy as np
import pytest

from overparam.data.files.cifar import parse_cifar
from overparam.data.files.content import DamageError


@pytest.mark.parametrize("n_labels", [1, 2])
def test_planes_become_channels(n_labels: int) -> None:
    # Two records of 2 x 2 pixels: the value is 100 * record + 10 * channel + pixel.
    raw = bytes(
        value
        for record in range(2)
        for value in [7 + record] * n_labels
        + [100 * record + 10 * channel + i for channel in range(3) for i in range(4)]
    )
    images, labels = parse_cifar(raw, (2, 2, 3), n_labels=n_labels)
    assert images.shape == (2, 2, 2, 3)
    for record in range(2):
        for row in range(2):
            for column in range(2):
                pixel = 2 * row + column
                expected = [100 * record + 10 * channel + pixel for channel in range(3)]
                assert images[record, row, column].tolist() == expected
    np.testing.assert_array_equal(labels, [[7] * n_labels, [8] * n_labels])


@pytest.mark.parametrize("length", [0, 12, 14, 27])
def test_a_length_that_is_no_multiple_of_a_record_is_refused(length: int) -> None:
    with pytest.raises(DamageError, match=f"has {length} bytes, .* multiple of 13"):
        parse_cifar(bytes(length), (2, 2, 3))
