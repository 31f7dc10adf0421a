"""Residual networks for small images: ResNet-20, ResNet-32, any depth 6n + 2."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ...checks import counts, in_range
from ...drawing import uniform_each
from ...errors import ConfigError
from ..deep import check_chain, with_one
from ..sizes import check_sizes, multiplied
from ..stateful import Stateful
from .batch_norm import BatchNorm, Moments, Normaliser, batch_norm
from .convolution import check_images, conv1x1, conv3x3


STAGES = (16, 32, 64)
"""Channels of the three stages at width multiplier 1."""


class Shortcut(eqx.Module):
    """Projection where the shape changes ("option B"): 1 x 1 convolution and norm."""

    kernel: Float[Array, "1 1 channels filters"]
    norm: BatchNorm


class Block(eqx.Module):
    """Two 3 x 3 convolutions with a shortcut around them.

    Attributes:
        kernels: Weights of the convolutions, (height, width, in, out).
        norms: Their normalisations.
        shortcut: Projection, or `None` for the identity.
        stride: Of the first convolution and of the projection.
    """

    kernels: tuple[
        Float[Array, "3 3 channels filters"], Float[Array, "3 3 filters filters"]
    ]
    norms: tuple[BatchNorm, BatchNorm]
    shortcut: Shortcut | None
    stride: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        in_range(1, 2, stride=self.stride)

    def __call__(self, x: Array, normalise: Normaliser) -> Array:
        hidden = conv3x3(x, self.kernels[0], stride=self.stride)
        hidden = jax.nn.relu(normalise(self.norms[0], hidden))
        hidden = normalise(self.norms[1], conv3x3(hidden, self.kernels[1]))
        if self.shortcut is not None:
            projected = conv1x1(x, self.shortcut.kernel, stride=self.stride)
            x = normalise(self.shortcut.norm, projected)
        return jax.nn.relu(hidden + x)


class ResNet(Stateful):
    r"""$f(x) = s\, \mathrm{mean}(\text{blocks}(\text{stem}(x)))\, U$.

    Three stages of blocks, the second and third of which halve height and width;
    then the average over the image. Images are channels last.

    Attributes:
        stem: First convolution, (3, 3, channels, filters).
        stem_norm: Its normalisation.
        blocks: All blocks in order.
        readout: Output weights $U$, shape `(width, n_outputs)`, or with a last row that
            is the output bias.
        statistics: Running moments in the order in which they are used.
        scale: Output scale $s$.

    Reference: He, Zhang, Ren, Sun, CVPR 2016 (arXiv 1512.03385), section 4.2; sizes
    and initialisation as in arXiv 2504.18208, section 6.2.
    """

    stem: Float[Array, "3 3 channels filters"]
    stem_norm: BatchNorm
    blocks: tuple[Block, ...]
    readout: Float[Array, "width n_outputs"]
    statistics: tuple[Moments, ...]
    scale: float = eqx.field(static=True)

    def __check_init__(self) -> None:
        # Transformations rebuild modules around placeholders that are not arrays.
        if not all(hasattr(leaf, "shape") for leaf in jax.tree.leaves(self)):
            return
        kernels = [kernel for block in self.blocks for kernel in block.kernels]
        check_chain((self.stem, *kernels, self.readout), name="a ResNet")
        normalised = [(self.stem_norm, self.stem)]
        for block in self.blocks:
            normalised += zip(block.norms, block.kernels, strict=True)
            ends = block.kernels[0].shape[-2], block.kernels[1].shape[-1]
            # Without a projection the inputs themselves are added.
            around = ends[:1] * 2 if block.stride == 1 else None
            if block.shortcut is not None:
                normalised.append((block.shortcut.norm, block.shortcut.kernel))
                around = block.shortcut.kernel.shape[-2:]
            if around != ends:
                raise ConfigError(
                    f"The shortcut of a block must lead from {ends[0]} to {ends[1]} "
                    f"channels at stride {block.stride}, got {around}."
                )
        channels = [kernel.shape[-1:] for _, kernel in normalised]
        norms = [
            array.shape for norm, _ in normalised for array in (norm.gain, norm.shift)
        ]
        moments = [a.shape for m in self.statistics for a in (m.mean, m.variance)]
        twice = [size for size in channels for _ in range(2)]
        if norms != twice or moments != twice:
            raise ConfigError(
                f"The normalisations and statistics of a ResNet must be of {channels} "
                f"channels, got {norms[::2]} and {moments[::2]}."
            )

    def features(
        self, x: Float[Array, "batch height width channels"]
    ) -> Float[Array, "batch width"]:
        return self._apply(x, Normaliser(self.statistics, training=False))

    def features_of_batch(
        self, x: Float[Array, "batch height width channels"]
    ) -> tuple[Float[Array, "batch width"], tuple[Moments, ...]]:
        normalise = Normaliser(self.statistics, training=True)
        features = self._apply(x, normalise)
        return features, tuple(normalise.moved)

    def _apply(self, x: Array, normalise: Normaliser) -> Array:
        check_images(x, self.stem, name="ResNet", smallest=1)
        hidden = conv3x3(x, self.stem)
        hidden = jax.nn.relu(normalise(self.stem_norm, hidden))
        for block in self.blocks:
            hidden = block(hidden, normalise)
        return with_one(jnp.mean(hidden, axis=(1, 2)), self.readout)


def resnet(
    depth: int = 20,
    *,
    n_outputs: int = 10,
    channels: int = 3,
    multiplier: float = 1.0,
    dtype: DTypeLike = "float32",
    key: PRNGKeyArray,
) -> ResNet:
    r"""A residual network with weights from $U(-1/\sqrt{d}, 1/\sqrt{d})$, d the fan-in.

    The output scale is 1/width (64 features at multiplier 1). ResNet-20 has 271,824
    feature parameters, ResNet-32 has 466,256.

    Args:
        depth: Number of weight layers, 6n + 2: 20, 32, 44, 56, 110.
        n_outputs: Number of outputs.
        channels: Channels of the images.
        multiplier: Factor of all widths.
        dtype: Floating type of the weights.
        key: Random key.

    Raises:
        ConfigError: If the depth is not 6n + 2 or a size is below 1.

    Example:
        ```python
        net = op.networks.resnet(8, multiplier=0.25, key=key)
        net.readout.shape  # (features, outputs); images are channels last
        ```
    """
    counts(depth=depth)
    if depth < 8 or depth % 6 != 2:
        raise ConfigError(
            f"`depth` must be 6n + 2 (8, 14, 20, 26, 32, ...), got {depth}."
        )
    widths = multiplied(STAGES, multiplier)
    sizes = [("channels", channels), *widths, ("n_outputs", n_outputs)]
    check_sizes(sizes, dtype, n_taps=9, n_chains=depth // 6)
    return _draw(
        tuple(size for _, size in sizes), depth // 6, jnp.dtype(dtype).name, key
    )


@eqx.filter_jit
def _draw(
    sizes: tuple[int, ...], blocks_per_stage: int, dtype: str, key: PRNGKeyArray
) -> ResNet:
    channels, *widths, n_outputs = sizes
    key_stem, key_readout, key_blocks = jax.random.split(key, 3)
    keys, shapes, before = [key_stem], [(3, 3, channels, widths[0])], widths[0]
    strides = []
    for stage, width in enumerate(widths):
        for index in range(blocks_per_stage):
            own = jax.random.fold_in(key_blocks, len(strides))
            keys.extend(jax.random.split(own, 3))
            shapes += [(3, 3, before, width), (3, 3, width, width)]
            shapes.append((1, 1, before, width))  # Of the shortcut, if it projects.
            strides.append(2 if stage > 0 and index == 0 else 1)
            before = width
    keys, shapes = [*keys, key_readout], [*shapes, (widths[-1], n_outputs)]
    bounds = [1 / math.sqrt(math.prod(shape[:-1])) for shape in shapes]
    stem, *kernels, readout = uniform_each(keys, shapes, dtype, bounds=bounds)
    stem_norm, stem_moments = batch_norm(widths[0], dtype)
    blocks, statistics = [], [stem_moments]
    triples = zip(kernels[::3], kernels[1::3], kernels[2::3], strict=True)
    for triple, stride in zip(triples, strides, strict=True):
        block, moments = _block(*triple, stride)
        blocks.append(block)
        statistics.extend(moments)
    return ResNet(
        stem=stem,
        stem_norm=stem_norm,
        blocks=tuple(blocks),
        readout=readout,
        statistics=tuple(statistics),
        scale=1 / widths[-1],
    )


def _block(
    first: Array, second: Array, across: Array, stride: int
) -> tuple[Block, list[Moments]]:
    before, width = first.shape[2:]
    pairs = [batch_norm(width, first.dtype) for _ in range(3)]
    projects = stride != 1 or before != width
    block = Block(
        kernels=(first, second),
        norms=(pairs[0][0], pairs[1][0]),
        shortcut=Shortcut(across, pairs[2][0]) if projects else None,
        stride=stride,
    )
    return block, [moments for _, moments in pairs[: 3 if projects else 2]]
