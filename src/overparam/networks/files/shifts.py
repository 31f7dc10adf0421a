"""Constants that a graph adds to its values, as biases and as normalisations."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .chain import (
    Convolution,
    Flatten,
    Layer,
    Line,
    Linear,
    Mean,
    NoChainError,
    Norm,
    Residual,
)


@dataclass(frozen=True, eq=False)
class Shift:
    """A constant that is added, as it lies in the file."""

    numbers: np.ndarray


def row(numbers: np.ndarray, width: int, *, images: bool = False) -> np.ndarray:
    """What is added to every unit, of a constant that is spread over samples.

    Raises:
        NoChainError: If it differs from sample to sample, or from pixel to pixel.
    """
    shape = (1,) * (4 - numbers.ndim) + numbers.shape
    axis = 1 if images else len(shape) - 1
    if max(shape[:axis] + shape[axis + 1 :]) > 1 or shape[axis] not in (1, width):
        raise NoChainError(
            f"a constant of the shape {numbers.shape} is no bias of {width} units"
        )
    return np.broadcast_to(numbers.ravel(), (width,))


def shifted(
    line: Sequence["Layer | Shift"], width: int | None, *, images: bool
) -> Line:
    """The line with every constant that is added as a bias, or as a normalisation."""
    found: list[Layer] = []
    for layer in line:
        match layer:
            case Linear():
                width, images = layer.weights.shape[1], False
            case Convolution():
                width, images = layer.kernel.shape[3], True
            case Mean() | Flatten():
                width, images = None, False
            case Residual(inner, shortcut):
                parts = (
                    shifted(part, width, images=images) for part in (inner, shortcut)
                )
                layer = Residual(*parts)
        if not isinstance(layer, Shift):
            found.append(layer)
            continue
        shift = row(layer.numbers, width or layer.numbers.size, images=images)
        before = found[-1] if found else None
        if isinstance(before, Linear) and before.bias is None:
            found[-1] = Linear(before.weights, shift)
        else:
            ones = np.ones_like(shift)
            found.append(Norm(ones, shift, np.zeros_like(shift), ones))
    return tuple(found)
