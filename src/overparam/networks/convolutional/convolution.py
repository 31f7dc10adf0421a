"""Convolutions and pooling of image batches, channels last, fast on CPU too.

XLA's CPU back end is fast for convolutions of one layout only: images (batch, height,
width, channels) and kernels (height, width, in, out). It brings others to that layout,
but not inside a loop, where they take a path 20 times slower (jax issue 12868). The
gradients of a convolution come in other layouts, so on CPU they are written here with
the transpositions made explicit.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...errors import ConfigError


WINDOW = 3
"""Height and width of the windows."""


def conv3x3(
    x: Float[Array, "batch height width channels"],
    kernel: Float[Array, "3 3 channels filters"],
    *,
    stride: int = 1,
) -> Float[Array, "batch out_height out_width filters"]:
    """3 x 3 convolution without bias, with one row of zeros on each side.

    The padding is explicit: "SAME" would pad an even image on one side only at stride
    2 and shift it by a pixel against other libraries. Maps smaller than the window
    leave the fast path of XLA on CPU (100 times slower), so there the convolution is
    one matrix product with the stacked windows.

    Args:
        x: Images.
        kernel: Weights, (height, width, in, out).
        stride: Step between two windows.
    """
    small = min(x.shape[1:3]) < WINDOW
    if small and jax.default_backend() == "cpu":
        return _by_windows(x, kernel, stride)
    if jax.default_backend() == "cpu":
        return _convolve_on_cpu(x, kernel, stride)
    return _canonical(x, kernel, stride=stride)


def conv1x1(
    x: Float[Array, "batch height width channels"],
    kernel: Float[Array, "1 1 channels filters"],
    *,
    stride: int = 1,
) -> Float[Array, "batch out_height out_width filters"]:
    """1 x 1 convolution without bias: one matrix product over the channels."""
    return x[:, ::stride, ::stride] @ kernel[0, 0]


def max_pool2x2(
    x: Float[Array, "batch height width channels"],
) -> Float[Array, "batch half_height half_width channels"]:
    """Largest value of each 2 x 2 square; a last odd row or column is dropped."""
    batch, height, width, channels = x.shape
    even = x[:, : height // 2 * 2, : width // 2 * 2]
    # Half the time of `reduce_window`, whose gradient is a scatter.
    squares = even.reshape(batch, height // 2, 2, width // 2, 2, channels)
    return jnp.max(squares, axis=(2, 4))


def check_images(x: Array, kernel: Array, *, name: str, smallest: int) -> None:
    """Images fit a network whose first convolution is `kernel`.

    Raises:
        ConfigError: If they are no images, too small, or of other channels.
    """
    if x.ndim != 4:
        raise ConfigError(
            f"{name} needs images of shape (batch, height, width, channels), got "
            f"inputs of shape {x.shape}; use mlp."
        )
    if min(x.shape[1:3]) < smallest:
        raise ConfigError(
            f"{name} needs images of at least {smallest} x {smallest}, got "
            f"{x.shape[1]} x {x.shape[2]}; use mlp."
        )
    if x.shape[3] != kernel.shape[2]:
        raise ConfigError(
            f"{name} was built for {kernel.shape[2]} channels, got {x.shape[3]}; set "
            f"`channels={x.shape[3]}`."
        )


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolve_on_cpu(x: Array, kernel: Array, stride: int) -> Array:
    return _canonical(x, kernel, stride=stride)


def _forward(x: Array, kernel: Array, stride: int) -> tuple[Array, tuple[Array, Array]]:
    return _canonical(x, kernel, stride=stride), (x, kernel)


def _backward(
    stride: int, saved: tuple[Array, Array], output: Array
) -> tuple[Array, Array]:
    x, kernel = saved
    # Rows of zeros that the last window does not reach, as in an even image.
    left = [(size - 1) % stride for size in x.shape[1:3]]
    flipped = jnp.swapaxes(kernel[::-1, ::-1], 2, 3)
    for_x = _canonical(
        output, flipped, padding=[(1, 1 + rest) for rest in left], spread_x=stride
    )
    for_kernel = _canonical(
        jnp.transpose(x, (3, 1, 2, 0)),
        jnp.transpose(output, (1, 2, 0, 3)),
        padding=[(1, 1 - rest) for rest in left],
        spread_kernel=stride,
    )
    return for_x, jnp.transpose(for_kernel, (1, 2, 0, 3))


_convolve_on_cpu.defvjp(_forward, _backward)


def _canonical(
    x: Array,
    kernel: Array,
    *,
    stride: int = 1,
    padding: Sequence[tuple[int, int]] = ((1, 1), (1, 1)),
    spread_x: int = 1,
    spread_kernel: int = 1,
) -> Array:
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(stride, stride),
        padding=padding,
        lhs_dilation=(spread_x, spread_x),
        rhs_dilation=(spread_kernel, spread_kernel),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _by_windows(x: Array, kernel: Array, stride: int) -> Array:
    batch, height, width, channels = x.shape
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = jnp.concatenate(
        [
            padded[:, i : i + height : stride, j : j + width : stride]
            for i in range(WINDOW)
            for j in range(WINDOW)
        ],
        axis=3,
    )
    flat = windows.reshape(-1, WINDOW**2 * channels)
    products = flat @ kernel.reshape(-1, kernel.shape[3])
    return products.reshape(batch, *windows.shape[1:3], kernel.shape[3])
