"""The network of a file as a line of layers, and which network of ours that is.

Every reader makes such a line, every writer is given one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..activations import ACTIVATIONS
from ..convolutional.batch_norm import EPSILON, BatchNorm, Moments
from ..convolutional.resnet import Block, ResNet, Shortcut
from ..convolutional.vgg import VGG, NormalisedVGG
from ..deep import MLP
from ..linear import LinearReadout
from ..network import Network
from ..two_layer import TwoLayer


Vector = Float[np.ndarray, " channels"]


@dataclass(frozen=True, eq=False)
class Linear:
    """$xW + b$; `weights` are (inputs, outputs)."""

    weights: Float[np.ndarray, "inputs outputs"]
    bias: Vector | None = None


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution with its kernel (height, width, in, out), padded to keep size."""

    kernel: Float[np.ndarray, "height width channels filters"]
    bias: Vector | None = None
    stride: int = 1


@dataclass(frozen=True, eq=False)
class Norm:
    """Batch normalisation as it evaluates; the variance holds its epsilon."""

    gain: Vector
    shift: Vector
    mean: Vector
    variance: Vector

    @property
    def factor(self) -> Vector:
        """What channels are multiplied by."""
        return self.gain / np.sqrt(self.variance)


@dataclass(frozen=True)
class Activation:
    """A function of every number, by its name; of the softmaxes too."""

    name: str


@dataclass(frozen=True)
class Pool:
    """The largest value of each 2 x 2 square."""


@dataclass(frozen=True)
class Mean:
    """The average over an image; of the size of `window`, where one is told."""

    window: tuple[int, ...] = ()


@dataclass(frozen=True)
class Flatten:
    """An image as a vector.

    `by_width` are rows of a given width: of one sample only where it has one pixel.
    """

    by_width: bool = False


@dataclass(frozen=True, eq=False)
class Residual:
    """The sum of what two lines make of the same; no shortcut is the identity."""

    inner: "Line"
    shortcut: "Line"


Layer = Linear | Convolution | Norm | Activation | Pool | Mean | Flatten | Residual
Line = tuple[Layer, ...]

LAST = ("softmax", "log-softmax")
"""What a classifier may end with, in the place of its outputs."""

Kind = TypeVar("Kind", bound=Layer)


class NoChainError(Exception):
    """Why layers are no network of ours, a part of a sentence."""


def network_of(line: Line) -> tuple[Network, list[str]]:
    """The network of ours that has the outputs of a line, and what to say of it.

    Raises:
        NoChainError: If there is none.
    """
    notes = []
    if line and isinstance(line[-1], Activation) and line[-1].name in LAST:
        notes.append(f"The last {line[-1].name} is left out: outputs are its inputs.")
        line = line[:-1]
    notes += [
        f"An average over {' x '.join(map(str, layer.window))} pixels is taken to be "
        "one over the whole image."
        for layer in line
        if isinstance(layer, Mean) and layer.window
    ]
    kinds = {type(layer) for layer in line}
    if Convolution in kinds and Flatten(by_width=True) in line:
        notes.append(
            "The images are taken to be of one pixel where they are made rows."
        )
    if Residual in kinds:
        return _resnet(line), notes
    if Convolution in kinds:
        return _vgg(line), notes
    if Norm in kinds:
        line = _folded(line)
        notes.append("Batch normalisation is folded into the weights beside it.")
    return _dense(line), notes


def _dense(line: Line) -> Network:
    layers: list[Layer] = []
    for layer in line:
        if isinstance(layer, Linear) and layers and isinstance(layers[-1], Linear):
            layers.append(Activation("linear"))
        if not isinstance(layer, Flatten):
            layers.append(layer)
    linear = [_is(layer, Linear, "a linear layer") for layer in layers[::2]]
    between = [_is(layer, Activation, "an activation") for layer in layers[1::2]]
    if len(linear) != len(between) + 1:
        raise NoChainError("it does not end with a linear layer")
    for before, after in pairwise(linear):
        if before.weights.shape[1] != after.weights.shape[0]:
            raise NoChainError(
                f"a linear layer gives {before.weights.shape[1]} numbers and the next "
                f"one takes {after.weights.shape[0]}"
            )
    names = {activation.name for activation in between}
    if len(names) > 1:
        raise NoChainError(f"it has several activations, {', '.join(sorted(names))}")
    if unknown := names - ACTIVATIONS.keys():
        raise NoChainError(f"its activation {unknown.pop()} is not known")
    *hidden, last = linear
    readout = _readout(last)
    if not hidden:
        if last.bias is not None:
            raise NoChainError("it is one linear layer with a bias, without neurons")
        return LinearReadout(readout=readout)
    weights = tuple(jnp.asarray(layer.weights) for layer in hidden)
    (name,) = names
    if len(weights) == 1 and hidden[0].bias is None and last.bias is None:
        return TwoLayer(weights=weights[0], readout=readout, activation=name)
    biases = _biases([layer.bias for layer in hidden], [w.shape[1] for w in weights])
    return MLP(layers=weights, readout=readout, biases=biases, activation=name)


def _vgg(line: Line) -> Network:
    ends = (i for i, a in enumerate(line) if isinstance(a, Mean | Flatten | Linear))
    end = next(ends, len(line))
    convolutions: list[Convolution] = []
    norms: dict[int, Norm] = {}
    active: list[int] = []
    pooled: list[int] = []
    for layer in line[:end]:
        index = len(convolutions) - 1
        match layer:
            case Convolution():
                convolutions.append(_three(layer, strides=(1,)))
            case Norm() if index >= 0 and index not in norms and index not in active:
                # With a positive gain a maximum is that of what is normalised.
                if index in pooled and not np.all(layer.gain >= 0):
                    raise NoChainError("a maximum comes before a normalisation")
                norms[index] = layer
            case Activation(name="relu") if index >= 0 and index not in active:
                active.append(index)
            case Pool() if index >= 0 and index not in pooled:
                pooled.append(index)
            case Activation(name=name):
                raise NoChainError(f"its convolutions have the activation {name}")
            case _:
                raise NoChainError("its convolutions are not each followed by a ReLU")
    if not convolutions or active != list(range(len(convolutions))):
        raise NoChainError("its convolutions are not each followed by a ReLU")
    kernels = tuple(jnp.asarray(each.kernel) for each in convolutions)
    readout = _readout(_last(line[end:], convolutions[-1]))
    if norms:
        pairs = [_norm(each, norms.get(i)) for i, each in enumerate(convolutions)]
        return NormalisedVGG(
            kernels=kernels,
            norms=tuple(norm for norm, _ in pairs),
            readout=readout,
            statistics=tuple(moments for _, moments in pairs),
            pooled=tuple(pooled),
        )
    widths = [kernel.shape[-1] for kernel in kernels]
    biases = _biases([each.bias for each in convolutions], widths)
    return VGG(kernels=kernels, readout=readout, biases=biases, pooled=tuple(pooled))


def _resnet(line: Line) -> ResNet:
    head, rest = _normalised(line)
    stem = _three(head[0], strides=(1,))
    stem_norm, moments = _norm(*head)
    rest = _after_relu(rest)
    blocks, statistics, last = [], [moments], stem
    while rest and isinstance(rest[0], Residual):
        block, found = _block(rest[0])
        blocks.append(block)
        statistics += found
        last = Convolution(np.asarray(block.kernels[1]))
        rest = _after_relu(rest[1:])
    readout = _readout(_last(rest, last))
    return ResNet(
        stem=jnp.asarray(stem.kernel),
        stem_norm=stem_norm,
        blocks=tuple(blocks),
        readout=readout,
        statistics=tuple(statistics),
        scale=1.0,
    )


def _block(residual: Residual) -> tuple[Block, list[Moments]]:
    first, rest = _normalised(residual.inner)
    second, rest = _normalised(_after_relu(rest))
    if rest:
        raise NoChainError("a block has more than two convolutions")
    pairs = [_norm(*first), _norm(*second)]
    stride = _three(first[0], strides=(1, 2)).stride
    _three(second[0], strides=(1,))
    shortcut = None
    if residual.shortcut:
        around, rest = _normalised(residual.shortcut)
        if rest or around[0].kernel.shape[:2] != (1, 1) or around[0].stride != stride:
            raise NoChainError("a shortcut is no convolution of 1 x 1")
        pairs.append(_norm(*around))
        shortcut = Shortcut(jnp.asarray(around[0].kernel), pairs[2][0])
    elif stride > 1 or first[0].kernel.shape[2] != second[0].kernel.shape[3]:
        raise NoChainError("a shortcut beside other sizes has no weights")
    block = Block(
        kernels=(jnp.asarray(first[0].kernel), jnp.asarray(second[0].kernel)),
        norms=(pairs[0][0], pairs[1][0]),
        shortcut=shortcut,
        stride=stride,
    )
    return block, [moments for _, moments in pairs]


def _normalised(line: Line) -> tuple[tuple[Convolution, Norm | None], Line]:
    """The convolution that a line begins with and its norm, and what follows."""
    first, second, *_ = (*line, None, None)
    if not isinstance(first, Convolution):
        raise NoChainError("a block does not begin with a convolution")
    if isinstance(second, Norm):
        return (first, second), line[2:]
    return (first, None), line[1:]


def _after_relu(line: Line) -> Line:
    first, *rest = line or (None,)
    if first != Activation("relu"):
        raise NoChainError("a convolution or a sum is not followed by a ReLU")
    return tuple(rest)


def _three(layer: Convolution, *, strides: Sequence[int]) -> Convolution:
    window = layer.kernel.shape[:2]
    if window != (3, 3) or layer.stride not in strides:
        raise NoChainError(
            f"a convolution is of {window[0]} x {window[1]} at stride {layer.stride}"
        )
    return layer


def _last(line: Line, before: Convolution) -> Linear:
    """The linear layer after the last convolution, on one pixel or on an average."""
    if line and isinstance(line[0], Linear):
        raise NoChainError("a linear layer acts along the rows of an image")
    linear = [layer for layer in line if not isinstance(layer, Mean | Flatten)]
    if len(linear) != 1 or not isinstance(linear[0], Linear):
        raise NoChainError("what follows its convolutions is not one linear layer")
    if sum(isinstance(layer, Mean) for layer in line) > 1:
        raise NoChainError("it takes averages of averages")
    filters, taken = before.kernel.shape[-1], linear[0].weights.shape[0]
    if taken != filters:
        raise NoChainError(
            f"its last convolution gives {filters} channels, and the linear layer "
            f"takes {taken} numbers: all pixels, and not their average"
        )
    return linear[0]


def _norm(convolution: Convolution, norm: Norm | None) -> tuple[BatchNorm, Moments]:
    """Our normalisation after a convolution; its bias is part of the moments."""
    width = convolution.kernel.shape[-1]
    dtype = convolution.kernel.dtype
    bias = np.zeros(width) if convolution.bias is None else convolution.bias
    if norm is None:
        norm = Norm(np.ones(width), bias, np.zeros(width), np.ones(width))
    else:
        _check_width(norm, width)
        norm = replace(norm, mean=norm.mean - bias)
    variance = np.asarray(norm.variance, np.float64) - EPSILON
    parts = (norm.gain, norm.shift, norm.mean, variance)
    gain, shift, mean, variance = (jnp.asarray(part, dtype) for part in parts)
    return BatchNorm(gain, shift), Moments(mean, variance)


def _check_width(norm: Norm, width: int) -> None:
    parts = (norm.gain, norm.shift, norm.mean, norm.variance)
    if any(part.shape != (width,) for part in parts):
        raise NoChainError(
            f"a normalisation of {norm.gain.size} numbers stands beside {width} units"
        )


def _folded(line: Line) -> Line:
    """Linear layers with the normalisations beside them as part of their weights."""
    found: list[Layer] = []
    waiting: Norm | None = None
    for layer in line:
        before = found[-1] if found else None
        if isinstance(layer, Norm) and isinstance(before, Linear):
            _check_width(layer, before.weights.shape[1])
            bias = 0 if before.bias is None else before.bias
            bias = (bias - layer.mean) * layer.factor + layer.shift
            found[-1] = _as_linear(before.weights * layer.factor, bias, before)
        elif isinstance(layer, Norm) and waiting is None:
            waiting = layer
        elif isinstance(layer, Linear) and waiting is not None:
            _check_width(waiting, layer.weights.shape[0])
            offset = waiting.shift - waiting.mean * waiting.factor
            bias = offset @ layer.weights + (0 if layer.bias is None else layer.bias)
            weights = waiting.factor[:, None] * layer.weights
            found.append(_as_linear(weights, bias, layer))
            waiting = None
        else:
            found.append(layer)
    if waiting is not None:
        raise NoChainError("a normalisation stands beside no linear layer")
    return tuple(found)


def _as_linear(weights: np.ndarray, bias: np.ndarray, like: Linear) -> Linear:
    dtype = like.weights.dtype
    return Linear(weights.astype(dtype), bias.astype(dtype))


def _readout(last: Linear) -> Array:
    rows = [last.weights] + ([] if last.bias is None else [last.bias[None]])
    return jnp.asarray(np.concatenate(rows))


def _biases(
    biases: Sequence[Vector | None], widths: Sequence[int]
) -> tuple[Array, ...]:
    """One for each layer, or none at all."""
    given = [bias for bias in biases if bias is not None]
    if not given:
        return ()
    return tuple(
        jnp.zeros(width, given[0].dtype) if bias is None else jnp.asarray(bias)
        for bias, width in zip(biases, widths, strict=True)
    )


def _is(layer: Layer, kind: type[Kind], what: str) -> Kind:
    if not isinstance(layer, kind):
        raise NoChainError(
            f"a {type(layer).__name__} stands where {what} would make it a chain"
        )
    return layer
