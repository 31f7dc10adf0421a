"""Any file of weights, or a PyTorch module, as a network of ours."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import jax
import jax.numpy as jnp

from ...checks import one_of, path_of, written
from ...errors import ConfigError
from ..activations import ACTIVATIONS
from ..network import Network
from .arrays import Arrays, floating, read_arrays, read_bytes
from .chain import Convolution, Line, NoChainError, Norm, Pool, network_of
from .named import NamedWeights
from .order import Convention, Hints
from .read_module import of_module
from .read_onnx import read_onnx
from .state import KERAS_EPSILON, PYTORCH_EPSILON, line_of_state


if TYPE_CHECKING:
    import torch

CONVENTIONS = ("auto", "torch", "keras")
_NO_ORDER = (".safetensors",)
"""Formats that sort their arrays by name."""


@dataclass(frozen=True)
class Loaded:
    """What was read.

    Attributes:
        weights: A network, or named weights where there is none.
        notes: What was taken for granted, in sentences.
        digest: SHA-256 of the content of the files; empty for a module.
    """

    weights: Network | NamedWeights
    notes: tuple[str, ...] = ()
    digest: str = ""


def load_network(
    source: "str | Path | Sequence[str | Path] | torch.nn.Module",
    /,
    *,
    activation: str | None = None,
    convention: Convention = "auto",
    pools: Sequence[int] | None = None,
    order: Sequence[str] = (),
) -> Network | NamedWeights:
    """A network of a file that others wrote, or of a PyTorch module.

    Chains of linear layers become `TwoLayer` or `MLP`, those of 3 x 3 convolutions with
    one linear layer a VGG, with blocks a `ResNet`, all with their biases and batch
    normalisations, which evaluate. Images come channels last. Numbers of 16 bits become
    float32. Nothing of a file is run.

    Args:
        source: `.safetensors`, `.npz`, `.pt` or `.pth` (weights only), `.onnx`; the
            parts of one network; or a module.
        activation: Of the hidden layers of a file of weights, which does not say; relu
            if `None`. A graph and a module say it. `gelu` is the one by tanh, and
            `exact-gelu` the one that PyTorch and Keras take unless told otherwise.
        convention: `torch` for matrices (outputs, inputs), `keras` for (inputs,
            outputs); `auto` takes what shapes and names allow.
        pools: Convolutions after which a 2 x 2 maximum is taken, where names do not
            tell.
        order: Names of the layers from the inputs on, where shapes do not tell.

    Returns:
        The network, or the named weights of what is no chain, with the reason. Of a
        classifier that ends with a softmax it has the inputs of that as outputs.

    Raises:
        ConfigError: If something must be told, or a package is missing.
        DataError: If a file is damaged or holds more than weights.

    Example:
        ```python
        weights = {"0.weight": np.ones((8, 3), "f"), "2.weight": np.ones((1, 8), "f")}
        np.savez("mlp.npz", **weights)
        op.load_network("mlp.npz", activation="relu")(x).shape
        ```
    """
    return read_network(
        source, activation=activation, convention=convention, pools=pools, order=order
    ).weights


def read_network(
    source: "str | Path | Sequence[str | Path] | torch.nn.Module",
    *,
    activation: str | None = None,
    convention: Convention = "auto",
    pools: Sequence[int] | None = None,
    order: Sequence[str] = (),
) -> Loaded:
    """The same with what is to be said of it; arguments as in `load_network`."""
    if activation is not None:
        one_of(ACTIVATIONS, activation=activation)
    one_of(CONVENTIONS, convention=convention)
    if isinstance(source, str | Path):
        source = [source]
    if hasattr(source, "state_dict") and not isinstance(source, type):
        arrays, line = of_module(cast("torch.nn.Module", source))
        arrays = floating(arrays, Path(f"{type(source).__name__}.pt"))
        return _loaded(arrays, line, [], "", turned=2)
    if not isinstance(source, Sequence):
        raise ConfigError(
            "`source` must be a file, several, or a PyTorch module, got "
            f"{written(source)}: `numpy.savez(FILE, *weights_and_biases)` makes a file "
            "of arrays."
        )
    paths = [path_of(each, name="source") for each in source]
    if not paths:
        raise ConfigError("Name a file of weights.")
    contents = [read_bytes(path) for path in paths]
    digest = _digest(contents)
    if any(path.suffix == ".onnx" for path in paths):
        if len(paths) > 1:
            raise ConfigError("A network of ONNX is one file; name it alone.")
        arrays, line = read_onnx(paths[0], contents[0])
        # Matrices lie either way, kernels as those of PyTorch.
        return _loaded(arrays, line, [], digest, turned=3)
    read = [read_arrays(p, c) for p, c in zip(paths, contents, strict=True)]
    parts = [part for part, _ in read]
    left = [name for _, names in read for name in names]
    arrays = {name: array for part in parts for name, array in part.items()}
    if len(arrays) < sum(map(len, parts)):
        raise ConfigError("Two of the files hold an array of the same name.")
    hints = Hints(
        activation=activation or "relu",
        convention=convention,
        pools=None if pools is None else tuple(pools),
        order=tuple(order),
        ordered=len(paths) == 1 and paths[0].suffix not in _NO_ORDER,
    )
    try:
        if left:
            raise NoChainError(f"`{left[0]}` holds no floating numbers and is left out")
        line = line_of_state(arrays, hints)
    except NoChainError as error:
        line = error
    notes = [] if isinstance(line, NoChainError) else _taken(line, activation, pools)
    turned = None if convention == "keras" else 2
    return _loaded(arrays, line, notes, digest, turned=turned)


def _taken(
    line: Line, activation: str | None, pools: Sequence[int] | None
) -> list[str]:
    """What a file of weights does not say."""
    notes = []
    if activation is None and len(line) > 1:
        notes.append("The file does not say its activation, which is taken to be relu.")
    if activation == "gelu":
        notes.append(
            "`gelu` is the approximation by tanh; PyTorch and Keras take `exact-gelu` "
            "unless told otherwise."
        )
    if any(isinstance(layer, Norm) for layer in line):
        notes.append(
            "The file does not say what normalisations add to the variance, which is "
            f"taken to be {PYTORCH_EPSILON:g}, or {KERAS_EPSILON:g} under the names of "
            "Keras; they are taken to come before the activation unless numbers in the "
            "names leave room for it."
        )
    convolved = any(isinstance(layer, Convolution) for layer in line)
    if convolved:
        notes.append(
            "The file does not say the strides of convolutions, which are taken to be "
            "1, and 2 where a stage of a residual network begins."
        )
    if pools is None and convolved:
        found, number = [], -1
        for layer in line:
            number += isinstance(layer, Convolution)
            if isinstance(layer, Pool):
                found.append(str(number))
        numbers = ",".join(found) or "none"
        notes.append(
            "After which convolutions a 2 x 2 maximum is taken was read from the "
            f"numbers in the names, here {numbers}; after the last one it is assumed "
            "where there are others, and `pools` says otherwise."
        )
    return notes


def _loaded(
    arrays: Arrays,
    line: Line | NoChainError,
    notes: list[str],
    digest: str,
    *,
    turned: int | None,
) -> Loaded:
    """The network of a line, or named weights with their last axis for units.

    Arrays of at least `turned` axes have outputs first, then inputs.
    """
    # What is in float64 stays so, whatever JAX is set to.
    with jax.enable_x64(any(a.dtype == "float64" for a in arrays.values())):
        if not isinstance(line, NoChainError):
            try:
                network, more = network_of(line)
                return Loaded(network, (*notes, *more), digest)
            except NoChainError as error:
                line = error
            except ConfigError as error:
                line = NoChainError(str(error).rstrip("."))
        named = {
            name: jnp.asarray(
                array.transpose(*range(2, array.ndim), 1, 0)
                if turned is not None and array.ndim >= turned
                else array
            )
            for name, array in arrays.items()
        }
    return Loaded(NamedWeights(named, str(line)), (f"No network: {line}.",), digest)


def _digest(contents: Sequence[bytes]) -> str:
    digests = [hashlib.sha256(content).hexdigest() for content in contents]
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(digests).encode()).hexdigest()
