"""How many pixels a line leaves of an image, where its size is told."""

from collections.abc import Callable, Sequence

from .chain import (
    Convolution,
    Flatten,
    Layer,
    Line,
    Mean,
    NoChainError,
    Pool,
    Residual,
)


Size = tuple[int | None, int | None]
"""Height and width; `None` where they are not told."""


def measured(line: Line, size: Size = (None, None)) -> Line:
    """The line with the averages and rows that are sure to be those of whole images.

    What stays as it was depends on a size that is not told.

    Args:
        line: Layers.
        size: Of the images that are given to it.

    Raises:
        NoChainError: If an average is over a part of the image, or rows are made of
            several pixels.
    """
    found: list[Layer] = []
    for layer in line:
        if isinstance(layer, Mean) and layer.window:
            told = tuple(side for side in size if side is not None)
            if any(s not in (None, w) for s, w in zip(size, layer.window, strict=True)):
                raise NoChainError(
                    f"an average is over {_by(layer.window)} pixels of an image of "
                    f"{_by(size)}"
                )
            layer = layer if len(told) < len(size) else Mean()
        elif layer == Flatten(by_width=True):
            if any(side not in (None, 1) for side in size):
                raise NoChainError(
                    f"it makes rows of single pixels of an image of {_by(size)}"
                )
            layer = layer if None in size else Flatten()
        found.append(layer)
        size = _after(layer, size)
    return tuple(found)


def _after(layer: Layer, size: Size) -> Size:
    match layer:
        case Mean():
            return 1, 1
        case Pool():
            return _each(size, lambda side: side // 2)
        case Convolution(kernel, _, stride):
            # Padded by half of its window on either side.
            window = kernel.shape[0]
            return _each(
                size, lambda side: (side + 2 * (window // 2) - window) // stride + 1
            )
        case Residual(inner, _):
            for each in inner:
                size = _after(each, size)
    return size


def _each(size: Size, moved: Callable[[int], int]) -> Size:
    height, width = (None if side is None else moved(side) for side in size)
    return height, width


def _by(size: Sequence[int | None]) -> str:
    return " x ".join("?" if side is None else str(side) for side in size)
