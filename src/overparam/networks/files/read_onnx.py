"""Networks of ONNX files: the graph is read, and no operator of it is run."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ...errors import ConfigError, DataError
from .arrays import Arrays, floating, readable
from .chain import (
    Activation,
    Convolution,
    Flatten,
    Layer,
    Line,
    Linear,
    Mean,
    NoChainError,
    Norm,
    Pool,
)
from .graph import Node, line_between


_OURS = ("", "ai.onnx")
"""Names of the standard set of operators."""
_ACTIVATIONS = MappingProxyType(
    {
        "Relu": "relu",
        "Tanh": "tanh",
        "Sigmoid": "sigmoid",
        "Erf": "erf",
        "Softmax": "softmax",
        "LogSoftmax": "log-softmax",
    }
)
_SHAPED = frozenset({"Reshape", "Squeeze", "ReduceMean"})
_NOTHING = frozenset({"Identity", "Dropout", "Cast"})


def read_onnx(path: Path, content: bytes) -> tuple[Arrays, Line | NoChainError]:
    """The weights of an ONNX file by name, and its layers or why they are no chain.

    Raises:
        ConfigError: If `onnx` is not installed.
        DataError: If the file is damaged, has data or operators elsewhere, or holds no
            weights.
    """
    try:
        import onnx
    except ImportError:
        raise ConfigError(
            "Reading an ONNX file needs `onnx`, which is not installed: pip install "
            '"overparam[onnx]".'
        ) from None
    with readable(path):
        graph = onnx.load_model_from_string(content).graph
        _check_operators(graph, path)
        tensors = {tensor.name: _array(tensor, path) for tensor in graph.initializer}
        if graph.sparse_initializer:
            raise ValueError("its weights are sparse")
        if not graph.node and not tensors:
            raise ValueError("it holds no graph")
        tensors |= {
            node.output[0]: _array(attribute.t, path)
            for node in graph.node
            if node.op_type == "Constant"
            for attribute in node.attribute
            if attribute.name == "value"
        }
    arrays = floating(tensors, path)
    with readable(path):
        try:
            return arrays, _line(graph, {**tensors, **arrays})
        except NoChainError as error:
            return arrays, error


def _check_operators(graph: Any, path: Path) -> None:
    for node in graph.node:
        if node.domain not in _OURS:
            raise DataError(
                f"`{path.name}` has the operator `{node.op_type}` of `{node.domain}`; "
                "only those of ONNX itself are read."
            )


def _array(tensor: Any, path: Path) -> np.ndarray:
    """The numbers of a tensor, which must be in the file itself."""
    from onnx import TensorProto, numpy_helper

    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise DataError(
            f"`{path.name}` keeps `{tensor.name}` in another file, which is not read: "
            "save it with its weights inside."
        )
    announced, found = math.prod(tensor.dims), len(tensor.raw_data)
    stored = max(
        len(tensor.float_data), len(tensor.double_data), len(tensor.int32_data)
    )
    # Before memory is taken; a number has at most 16 bytes, and at least half a one.
    most = 2 * max(found, stored, len(tensor.int64_data))
    if announced > most or any(size < 0 for size in tensor.dims):
        raise ValueError(
            f"`{tensor.name}` announces the shape {tuple(tensor.dims)} and has other "
            "numbers"
        )
    return numpy_helper.to_array(tensor)


def _line(graph: Any, tensors: Mapping[str, np.ndarray]) -> Line:
    inputs = [value.name for value in graph.input if value.name not in tensors]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise NoChainError(
            f"it has {len(inputs)} inputs and {len(graph.output)} outputs"
        )
    values, nodes = dict(tensors), {}
    for node in graph.node:
        if node.op_type == "Constant":
            continue
        if node.op_type == "Transpose" and node.input[0] in values:
            order = _attributes(node).get("perm")
            values[node.output[0]] = np.transpose(values[node.input[0]], order)
            continue
        made = tuple(name for name in node.input if name and name not in values)
        # A shape that is computed beside the value is no part of what is made.
        made = made[:1] if node.op_type in _SHAPED else made
        try:
            layer = _layer(node, values, len(made))
        except NoChainError as error:
            layer = error
        nodes[node.output[0]] = Node(made, layer)
    return _with_biases(line_between(nodes, inputs[0], graph.output[0].name))


def _layer(node: Any, values: Mapping[str, np.ndarray], made: int) -> Layer | None:
    """The layer of a node; `None` for a sum of two, and for what changes nothing."""
    kind, given = node.op_type, _attributes(node)
    if kind in _NOTHING or (kind == "Add" and made == 2):
        return None
    constants = [values[name] for name in node.input if name in values]
    reader = _READERS.get(kind)
    if made != 1 or (reader is None and kind not in _ACTIVATIONS):
        raise NoChainError(f"it has the operator {kind}")
    if reader is None:
        return Activation(_ACTIVATIONS[kind])
    return reader(given, constants)


def _attributes(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def _gemm(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    if given.get("transA") or given.get("alpha", 1.0) != 1 or given.get("beta", 1) != 1:
        raise NoChainError("a Gemm is no linear layer")
    weights = constants[0].T if given.get("transB") else constants[0]
    return Linear(weights, *(bias.ravel() for bias in constants[1:]))


def _matmul(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    if constants[0].ndim != 2:
        raise NoChainError("a product is not one with a matrix")
    return Linear(constants[0])


def _add(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    # A bias, which is joined to its linear layer afterwards.
    shift = constants[0].ravel()
    ones, zeros = np.ones_like(shift), np.zeros_like(shift)
    return Norm(ones, shift, zeros, ones)


def _convolution(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    kernel = constants[0]
    window, strides = kernel.shape[2:], given.get("strides", [1, 1])
    padding = [size // 2 for size in window] * 2
    usual = (
        kernel.ndim == 4
        and given.get("group", 1) == 1
        and set(given.get("dilations", [1])) == {1}
        and given.get("auto_pad", b"NOTSET") == b"NOTSET"
        and list(given.get("pads", [0] * 4)) == padding
        and len(set(strides)) == 1
    )
    if not usual:
        raise NoChainError(f"a convolution with the kernel {kernel.shape} is not usual")
    kernel = kernel.transpose(2, 3, 1, 0)
    return Convolution(kernel, *constants[1:2], stride=strides[0])


def _norm(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    if len(constants) != 4 or given.get("training_mode"):
        raise NoChainError("a normalisation is one of training")
    gain, shift, mean, variance = constants
    epsilon = given.get("epsilon", 1e-5)
    return Norm(gain, shift, mean, np.asarray(variance, np.float64) + epsilon)


def _leaky(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    slope = given.get("alpha", 0.01)
    if not math.isclose(slope, 0.01, rel_tol=1e-6):
        raise NoChainError(f"a leaky ReLU has the slope {slope:g}, and not 0.01")
    return Activation("leaky-relu")


def _gelu(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    return Activation("gelu" if given.get("approximate") == b"tanh" else "exact-gelu")


def _max_pool(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    usual = (
        list(given.get("kernel_shape", [])) == [2, 2]
        and list(given.get("strides", [1, 1])) == [2, 2]
        and not any(given.get("pads", [0]))
    )
    if not usual:
        raise NoChainError("a maximum is not over 2 x 2 squares")
    return Pool()


def _average_pool(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    # What a linear layer on as many numbers as there are channels shows to be all.
    return Mean()


def _reduce_mean(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    axes = list(constants[0].ravel() if constants else given.get("axes", []))
    if [int(axis) % 4 for axis in axes] != [2, 3]:
        raise NoChainError("a mean is not one over an image")
    return Mean()


def _flatten(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    return Flatten()


_READERS: Mapping[str, Callable[..., Layer]] = MappingProxyType(
    {
        "Gemm": _gemm,
        "MatMul": _matmul,
        "Add": _add,
        "Conv": _convolution,
        "BatchNormalization": _norm,
        "LeakyRelu": _leaky,
        "Gelu": _gelu,
        "MaxPool": _max_pool,
        "GlobalAveragePool": _average_pool,
        "AveragePool": _average_pool,
        "ReduceMean": _reduce_mean,
        "Flatten": _flatten,
        "Reshape": _flatten,
        "Squeeze": _flatten,
    }
)


def _with_biases(line: Line) -> Line:
    """The line with every shift that follows a linear layer as its bias."""
    found: list[Layer] = []
    for layer in line:
        before = found[-1] if found else None
        if (
            isinstance(before, Linear)
            and before.bias is None
            and isinstance(layer, Norm)
            and _is_shift(layer)
        ):
            found[-1] = Linear(before.weights, layer.shift)
        else:
            found.append(layer)
    return tuple(found)


def _is_shift(norm: Norm) -> bool:
    return not np.any(norm.mean) and bool(np.all(norm.factor == 1))
