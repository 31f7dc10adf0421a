"""A network of ours as a line of layers, for those who write it for others."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Array

from ...errors import ConfigError
from ..convolutional.batch_norm import EPSILON, BatchNorm, Moments
from ..convolutional.resnet import Block, ResNet
from ..convolutional.vgg import VGG, NormalisedVGG
from ..deep import MLP
from ..linear import LinearReadout
from ..network import Network
from ..view import two_layer_view
from .chain import (
    Activation,
    Convolution,
    Layer,
    Line,
    Linear,
    Mean,
    Norm,
    Pool,
    Residual,
)


def line_of(network: Network) -> Line:
    """The layers of a network, its output scale as part of the last one.

    A two-layer network of any kind has those of its two-layer view.

    Raises:
        ConfigError: If it has no such layers, or neurons beside them.
    """
    match network:
        case MLP(layers=layers, biases=biases):
            hidden = [
                layer
                for pair in zip(layers, _padded(biases, len(layers)), strict=True)
                for layer in (_linear(*pair), Activation(network.activation))
            ]
            return (*hidden, _last(network, layers[-1].shape[1]))
        case LinearReadout():
            return (_last(network, len(network.readout)),)
        case VGG() | NormalisedVGG():
            return _vgg(network)
        case ResNet():
            return _resnet(network)
    view = two_layer_view(network)
    if view.skip is not None or view.length is not None:
        what = "radial neurons" if view.skip is None else "skip weights"
        raise ConfigError(
            f"A {type(network).__name__} with {what} is no chain of layers and cannot "
            "be exported; its weights are in `network.safetensors` of its run."
        )
    last = Linear(_array(view.readout), _optional(view.constant))
    hidden = _linear(view.weights, view.bias)
    return (hidden, Activation(view.activation), _scaled(last, view.scale))


def _vgg(network: VGG | NormalisedVGG) -> Line:
    line: list[Layer] = []
    biases = network.biases if isinstance(network, VGG) else ()
    kernels = network.kernels
    for index, bias in enumerate(_padded(biases, len(kernels))):
        line.append(Convolution(_array(kernels[index]), _optional(bias)))
        if isinstance(network, NormalisedVGG):
            line.append(_norm(network.norms[index], network.statistics[index]))
        line += [Activation("relu"), *[Pool()] * (index in network.pooled)]
    return (*line, Mean(), _last(network, kernels[-1].shape[-1]))


def _resnet(network: ResNet) -> Line:
    moments = iter(network.statistics)
    line: list[Layer] = [
        Convolution(_array(network.stem)),
        _norm(network.stem_norm, next(moments)),
        Activation("relu"),
    ]
    for block in network.blocks:
        own = [next(moments) for _ in range(3 if block.shortcut else 2)]
        line += [_block(block, own), Activation("relu")]
    width = network.blocks[-1].kernels[1].shape[-1]
    return (*line, Mean(), _last(network, width))


def _block(block: Block, moments: Sequence[Moments]) -> Residual:
    first, second = (_array(kernel) for kernel in block.kernels)
    inner = (
        Convolution(first, stride=block.stride),
        _norm(block.norms[0], moments[0]),
        Activation("relu"),
        Convolution(second),
        _norm(block.norms[1], moments[1]),
    )
    if block.shortcut is None:
        return Residual(inner, ())
    around = Convolution(_array(block.shortcut.kernel), stride=block.stride)
    return Residual(inner, (around, _norm(block.shortcut.norm, moments[2])))


def _last(network: Network, width: int) -> Linear:
    readout = _array(network.readout)
    bias = readout[width] if len(readout) > width else None
    return _scaled(Linear(readout[:width], bias), network.scale)


def _scaled(last: Linear, scale: float) -> Linear:
    factor = last.weights.dtype.type(scale)
    bias = None if last.bias is None else last.bias * factor
    return Linear(last.weights * factor, bias)


def _linear(weights: Array, bias: Array | None) -> Linear:
    return Linear(_array(weights), _optional(bias))


def _norm(norm: BatchNorm, moments: Moments) -> Norm:
    # In float64, so that a writer can take it away again without a trace.
    variance = np.asarray(moments.variance, np.float64) + EPSILON
    return Norm(_array(norm.gain), _array(norm.shift), _array(moments.mean), variance)


def _padded(biases: Sequence[Array], number: int) -> list[Array | None]:
    return [*biases] if biases else [None] * number


def _optional(array: Array | None) -> np.ndarray | None:
    return None if array is None else _array(array)


def _array(array: Array) -> np.ndarray:
    return np.asarray(array)
