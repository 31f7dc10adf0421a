"""Images as bytes, cropped, flipped and normalised inside the compiled step."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, UInt8

from ...checks import at_least
from ...drawing import fair_coins
from ..dataset import Split
from ..files.official import Normalisation
from ..source import Batch, Table


RESNET_NORMALISATION = Normalisation(
    mean=(0.4914, 0.4822, 0.4465), std=(0.2023, 0.1994, 0.2010)
)
"""CIFAR-10 as in arXiv 2504.18208; its std is the mean of the per-image ones."""
PADDING = 4
"""Pixels of zeros on every side before a random crop."""


class DrawnImages(NamedTuple):
    """Which images a step takes, and how each is cropped and flipped."""

    indices: Int[Array, "*steps batch"]
    corners: Int[Array, "*steps batch 2"] | None
    flips: Bool[Array, "*steps batch"] | None


class Pixels(eqx.Module):
    """How bytes become numbers: (x / 255 - mean) / std, per channel.

    Attributes:
        mean: Mean of each channel of pixels in [0, 1].
        std: Standard deviation, likewise.
        dtype: Floating type of the numbers.
    """

    mean: tuple[float, ...] = eqx.field(static=True)
    std: tuple[float, ...] = eqx.field(static=True)
    dtype: str = eqx.field(static=True)

    def normalised(
        self, images: UInt8[Array, "batch height width channels"]
    ) -> Float[Array, "batch height width channels"]:
        """Images as numbers."""
        mean, std = (jnp.asarray(v, self.dtype) for v in (self.mean, self.std))
        scaled = images.astype(self.dtype) / 255
        return (scaled - mean[None, None, None]) / std[None, None, None]


class ImageSource(eqx.Module):
    """A source of normalised image batches from a resident table of bytes.

    With augmentation each image is padded by 4 pixels of zeros (before the
    normalisation, so that the border is -mean/std), cropped at random to its size and
    flipped left-right with probability 1/2. What happens to the images of a step
    depends on (key, step) alone.

    Attributes:
        table: Images uint8 `(n, height, width, channels)` and classes.
        pixels: Their normalisation.
        augment: Whether images are cropped and flipped.
    """

    table: Table
    pixels: Pixels
    augment: bool = eqx.field(static=True)

    def __init__(
        self,
        split: Split,
        normalisation: Normalisation,
        *,
        augment: bool = False,
        dtype: DTypeLike = "float32",
    ) -> None:
        at_least(1, n_images=len(split))
        self.table = Table(jnp.asarray(split.x), jnp.asarray(split.y))
        name = jnp.dtype(dtype).name
        self.pixels = Pixels(normalisation.mean, normalisation.std, name)
        self.augment = augment

    def steps_per_draw(self, batch_size: int) -> int:
        return self.table.steps_per_draw(batch_size)

    def draw(
        self, key: PRNGKeyArray, step: Int[Array, ""], n_steps: int, batch_size: int
    ) -> DrawnImages:
        indices = self.table.draw(key, step, n_steps, batch_size)
        if not self.augment:
            return DrawnImages(indices, None, None)
        # Orders use `fold_in(key, epoch)`; -1 is the number of no epoch.
        own = jax.random.fold_in(key, jnp.asarray(-1, step.dtype))

        def changes(step: Int[Array, ""]) -> tuple[Array, Array]:
            corner_key, flip_key = jax.random.split(jax.random.fold_in(own, step))
            shape = (batch_size, 2)
            corners = jax.random.randint(
                corner_key, shape, 0, 2 * PADDING + 1, jnp.int32
            )
            return corners, fair_coins(flip_key, (batch_size,))

        steps = step + jnp.arange(n_steps, dtype=step.dtype)
        return DrawnImages(indices, *jax.lax.map(changes, steps))

    def batch(self, drawn: DrawnImages) -> Batch:
        images = self.table.x[drawn.indices]
        if drawn.corners is not None and drawn.flips is not None:
            images = crop_and_flip(images, drawn.corners, drawn.flips)
        return Batch(self.pixels.normalised(images), self.table.y[drawn.indices])


def crop_and_flip(
    images: UInt8[Array, "batch height width channels"],
    corners: Int[Array, "batch 2"],
    flips: Bool[Array, " batch"],
) -> UInt8[Array, "batch height width channels"]:
    """Windows of the zero-padded images, some of them flipped left-right.

    Args:
        images: Images.
        corners: Upper left corner of each window in the padded image, 0 to 8.
        flips: Which windows are flipped.
    """
    sides = ((0, 0), (PADDING, PADDING), (PADDING, PADDING), (0, 0))
    padded = jnp.pad(images, sides)

    def window(image: Array, corner: Array) -> Array:
        start = (corner[0], corner[1], jnp.zeros_like(corner[0]))
        return jax.lax.dynamic_slice(image, start, images.shape[1:])

    windows = jax.vmap(window)(padded, corners)
    return jnp.where(flips[:, None, None, None], windows[:, :, ::-1], windows)
