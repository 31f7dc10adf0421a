"""ResNets and VGGs as the state of a PyTorch module, and back; without PyTorch.

Names are those of the usual modules (`layer1.0.conv1.weight`, `features.3.weight`),
kernels (out, in, height, width), and the output scale is part of the last layer. Saved
by safetensors, the arrays load with `safetensors.torch.load_file`.
"""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...errors import ConfigError
from ..convolutional.resnet import ResNet
from ..convolutional.vgg import VGG
from ..layers import path_name
from .arrays import read_arrays, read_bytes


N = TypeVar("N", ResNet, VGG)


def to_torch(network: ResNet | VGG) -> dict[str, np.ndarray]:
    """The arrays of the PyTorch module that has the outputs of `network`."""
    leaves = jax.tree_util.tree_leaves_with_path(network)
    leaves = {path_name(path): leaf for path, leaf in leaves}
    state = {}
    for name, torch_name in _names(network):
        array = np.asarray(leaves[name])
        if array.ndim == 4:
            array = array.transpose(3, 2, 0, 1)
        elif array.ndim == 2:
            array = array.T * np.asarray(network.scale, array.dtype)
        state[torch_name] = np.ascontiguousarray(array)
    last, width = _last(network)
    if state[last].shape[1] > width:
        state[last.replace("weight", "bias")] = state[last][:, width].copy()
        state[last] = state[last][:, :width].copy()
    return state


def from_torch(arrays: Mapping[str, np.ndarray], like: N) -> N:
    """A network of the shape of `like` with the weights of a PyTorch module.

    Args:
        arrays: State of the module, as NumPy arrays. Names may have a common prefix
            such as `module.`; counters of batches are ignored.
        like: A network of the same structure.

    Raises:
        ConfigError: If an array is missing or has another shape.
    """
    plain = {name.replace("module.", ""): array for name, array in arrays.items()}
    names = dict(_names(like))
    last, width = _last(like)
    bias = plain.get(last.replace("weight", "bias"))
    if len(like.readout) > width and last in plain and bias is not None:
        plain[last] = np.concatenate([plain[last], bias[:, None]], axis=1)

    def read(path: tuple, leaf: Array) -> Array:
        if not eqx.is_inexact_array(leaf):
            return leaf
        name = path_name(path)
        if names[name] not in plain:
            raise ConfigError(f"The PyTorch weights lack `{names[name]}`.")
        array = np.asarray(plain[names[name]])
        if array.ndim == 4:
            array = array.transpose(2, 3, 1, 0)
        elif array.ndim == 2:
            array = array.T / np.asarray(like.scale, array.dtype)
        if array.shape != leaf.shape:
            raise ConfigError(
                f"`{names[name]}` gives `{name}` the shape {array.shape}, expected "
                f"{leaf.shape}."
            )
        # A copy: on a CPU `asarray` may share the memory that PyTorch goes on training.
        return jnp.array(array, leaf.dtype, copy=True)

    return jax.tree_util.tree_map_with_path(read, like)


def load_torch(path: str | Path, like: N) -> N:
    """Read a file of weights of a PyTorch module; arguments as in `from_torch`.

    Raises:
        ConfigError: If the name tells no format, or for what `from_torch` refuses.
        DataError: If the file cannot be read, is damaged or holds more than weights.

    Example:
        ```python
        from overparam.networks.files.torch_weights import to_torch
        from safetensors.numpy import save_file

        net = op.networks.vgg11(2, multiplier=1 / 64, key=key)
        save_file(to_torch(net), "vgg.safetensors")  # as PyTorch names its weights
        op.networks.load_torch("vgg.safetensors", like=net).readout.shape
        ```
    """
    arrays, _ = read_arrays(Path(path), read_bytes(Path(path)))
    return from_torch(arrays, like)


def _last(network: ResNet | VGG) -> tuple[str, int]:
    """The name of the last matrix, and the number of its inputs without the bias."""
    if isinstance(network, VGG):
        return "classifier.0.weight", network.kernels[-1].shape[-1]
    return "linear.weight", network.blocks[-1].kernels[1].shape[-1]


def _names(network: ResNet | VGG) -> list[tuple[str, str]]:
    """Pairs of our name and that of PyTorch, for every array."""
    if isinstance(network, ResNet):
        return list(_resnet_names(network))
    found, position = [], 0
    for index in range(len(network.kernels)):
        found.append((f"kernels.{index}", f"features.{position}.weight"))
        if network.biases:
            found.append((f"biases.{index}", f"features.{position}.bias"))
        # A convolution is followed by its ReLU and perhaps by a maximum.
        position += 3 if index in network.pooled else 2
    return [*found, ("readout", "classifier.0.weight")]


def _resnet_names(network: ResNet) -> Iterator[tuple[str, str]]:
    norms = itertools.count()
    yield "stem", "conv1.weight"
    yield from _norm("stem_norm", "bn1", next(norms))
    stage, index = 1, 0
    for number, block in enumerate(network.blocks):
        if block.shortcut is not None and block.stride > 1:
            stage, index = stage + 1, 0
        ours, theirs = f"blocks.{number}", f"layer{stage}.{index}"
        for i in range(2):
            yield f"{ours}.kernels.{i}", f"{theirs}.conv{i + 1}.weight"
            yield from _norm(f"{ours}.norms.{i}", f"{theirs}.bn{i + 1}", next(norms))
        if block.shortcut is not None:
            yield f"{ours}.shortcut.kernel", f"{theirs}.shortcut.0.weight"
            shortcut = f"{ours}.shortcut.norm"
            yield from _norm(shortcut, f"{theirs}.shortcut.1", next(norms))
        index += 1
    yield "readout", "linear.weight"


def _norm(ours: str, theirs: str, number: int) -> Iterator[tuple[str, str]]:
    yield f"{ours}.gain", f"{theirs}.weight"
    yield f"{ours}.shift", f"{theirs}.bias"
    yield f"statistics.{number}.mean", f"{theirs}.running_mean"
    yield f"statistics.{number}.variance", f"{theirs}.running_var"
