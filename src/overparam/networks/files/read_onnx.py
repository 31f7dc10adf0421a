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
from .curves import Curves
from .graph import Node, line_between
from .pixels import measured
from .shifts import Shift, row, shifted


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
_CONSTANTS = ("value", "value_float", "value_floats", "value_int", "value_ints")
_WIDE = frozenset({1, 11})
"""Types of ONNX that a value may be cast to: FLOAT, DOUBLE."""
_FLOATING = _WIDE | {10, 16}
"""Those that a constant may be cast to: FLOAT16 and BFLOAT16, too."""


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
        model = onnx.load_model_from_string(content)
        graph = model.graph
        _check_operators(model, path)
        tensors = {tensor.name: _array(tensor, path) for tensor in graph.initializer}
        if graph.sparse_initializer:
            raise ValueError("its weights are sparse")
        if not graph.node and not tensors:
            raise ValueError("it holds no graph")
        tensors |= {
            node.output[0]: _constant(attribute, path)
            for node in graph.node
            if node.op_type == "Constant" and node.output
            for attribute in node.attribute
            if attribute.name in _CONSTANTS
        }
    arrays = floating(tensors, path)
    with readable(path):
        try:
            return arrays, _line(graph, {**tensors, **arrays})
        except NoChainError as error:
            return arrays, error


def _check_operators(model: Any, path: Path) -> None:
    for function in model.functions:
        if function.domain in _OURS:
            raise DataError(
                f"`{path.name}` defines the operator `{function.name}` of ONNX anew, "
                "which is not read."
            )
    for node in model.graph.node:
        if node.domain not in _OURS:
            raise DataError(
                f"`{path.name}` has the operator `{node.op_type}` of `{node.domain}`; "
                "only those of ONNX itself are read."
            )


def _constant(attribute: Any, path: Path) -> np.ndarray:
    if attribute.name == "value":
        return _array(attribute.t, path)
    from onnx import helper

    kind = np.float32 if "float" in attribute.name else np.int64
    return np.asarray(helper.get_attribute_value(attribute), kind)


def _array(tensor: Any, path: Path) -> np.ndarray:
    """The numbers of a tensor, which must be in the file itself."""
    from onnx import TensorProto, numpy_helper

    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise DataError(
            f"`{path.name}` keeps `{tensor.name}` in another file, which is not read: "
            "save it with its weights inside, in PyTorch by `external_data=False`."
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
    curves = Curves()
    for node in graph.node:
        if node.op_type == "Constant" or not node.output:
            continue
        out = node.output[0]
        if out in values or out in nodes or out == inputs[0]:
            raise ValueError(f"two operators make the value `{out}`")
        if node.input and node.input[0] in values and _is_folded(node):
            values[out] = _folded(node, values[node.input[0]])
            continue
        made = tuple(name for name in node.input if name and name not in values)
        # A shape that is computed beside the value is no part of what is made.
        made = made[:1] if node.op_type in _SHAPED else made
        layer: Any  # Shifts are no layers yet.
        try:
            layer = _layer(node, values, len(made))
        except NoChainError as error:
            layer = error
        nodes[out] = Node(made, layer)
        if found := curves.add(node.op_type, node.input, out, values):
            nodes[out] = Node(*found)
    line = line_between(nodes, inputs[0], graph.output[0].name)
    line = shifted(line, None, images=False)
    (told,) = (value for value in graph.input if value.name == inputs[0])
    sizes = [axis.dim_value for axis in told.type.tensor_type.shape.dim[1:]]
    if len(sizes) == 3:
        height, width = (size or None for size in sizes[1:])
        line = measured(line, (height, width))
    else:
        line = measured(line)
    first = next((layer for layer in line if not isinstance(layer, Flatten)), None)
    taken = len(first.weights) if isinstance(first, Linear) else 0
    if sizes and taken and math.prod(sizes) not in (0, taken):
        raise NoChainError(
            f"its input has {math.prod(sizes)} numbers, its first layer takes {taken}"
        )
    return line


def _is_folded(node: Any) -> bool:
    """Whether what a node makes of a constant is the same numbers in another place."""
    given = _attributes(node)
    if node.op_type == "Cast":
        return given.get("to") in _FLOATING
    return node.op_type in ("Transpose", "Identity")


def _folded(node: Any, array: np.ndarray) -> np.ndarray:
    if node.op_type == "Transpose":
        return np.transpose(array, _attributes(node).get("perm"))
    if node.op_type == "Identity":
        return array
    from onnx import helper

    kind = helper.tensor_dtype_to_np_dtype(_attributes(node)["to"])
    wide = array.dtype if array.dtype.kind == "f" else np.float32
    with np.errstate(over="ignore"):
        cast = array.astype(kind).astype(wide)
    if not np.isfinite(cast).all():
        raise NoChainError("a cast makes a weight infinite")
    return cast


def _layer(
    node: Any, values: Mapping[str, np.ndarray], made: int
) -> "Layer | Shift | None":
    """The layer of a node; `None` for a sum of two, and for what changes nothing."""
    kind, given = node.op_type, _attributes(node)
    if kind == "Cast" and given.get("to") not in _WIDE:
        what = "rounds its values to 16 bits"
        if given.get("to") not in _FLOATING:
            what = "makes whole numbers of its values"
        raise NoChainError(f"it {what}")
    constants = [values[name] for name in node.input if name in values]
    if kind == "Dropout" and any(a.dtype == bool and a.any() for a in constants):
        raise NoChainError("it drops values when it evaluates, too")
    if (made == 1 and kind in _NOTHING) or (made == 2 and kind == "Add"):
        return None
    reader = _READERS.get(kind)
    if made != 1 or (reader is None and kind not in _ACTIVATIONS):
        raise NoChainError(f"it has the operator {kind}")
    if kind != "Add" and node.input[0] in values:
        raise NoChainError(f"a {kind} has its constants before its values")
    if reader is None:
        return Activation(_ACTIVATIONS[kind])
    return reader(given, constants)


def _attributes(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def _gemm(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    if given.get("transA"):
        raise NoChainError("a Gemm is no linear layer")
    weights = constants[0].T if given.get("transB") else constants[0]
    factors = [weights.dtype.type(given.get(name, 1)) for name in ("alpha", "beta")]
    rows = [row(bias, weights.shape[1]) * factors[1] for bias in constants[1:]]
    return Linear(weights * factors[0], *rows)


def _matmul(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    if constants[0].ndim != 2:
        raise NoChainError("a product is not one with a matrix")
    return Linear(constants[0])


def _add(given: Mapping[str, Any], constants: list[np.ndarray]) -> Shift:
    return Shift(constants[0])


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
        and set(given.get("dilations", [1])) == {1}
        and not given.get("ceil_mode")
        and not _is_padded(given)
    )
    if not usual:
        raise NoChainError("a maximum is not over 2 x 2 squares")
    return Pool()


def _is_padded(given: Mapping[str, Any]) -> bool:
    at_will = given.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID")
    return at_will or any(given.get("pads", [0]))


def _average_pool(
    given: Mapping[str, Any], constants: list[np.ndarray]
) -> Layer | None:
    window = tuple(given.get("kernel_shape", ()))
    stepped = window == (1, 1) and set(given.get("strides", [1])) != {1}
    plain = len(window) in (0, 2) and set(given.get("dilations", [1])) == {1}
    if _is_padded(given) or stepped or not plain:
        raise NoChainError("an average is not one over an image")
    return None if window == (1, 1) else Mean(window)


def _reduce_mean(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    axes = list(constants[0].ravel() if constants else given.get("axes", []))
    if sorted(int(axis) % 4 for axis in axes) != [2, 3]:
        raise NoChainError("a mean is not one over an image")
    return Mean()


def _flatten(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    if given.get("axis", 1) not in (1, -1):
        raise NoChainError("it flattens more than an image")
    # The last axis is the first but one of vectors alone.
    return Flatten(by_width=given.get("axis", 1) == -1)


def _reshape(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    if constants and constants[0].size != 2:
        raise NoChainError("it reshapes to another form than a row for each sample")
    # A zero keeps the size of the batch, and a shape that is computed may be any.
    copies = not given.get("allowzero")
    keeps = copies and bool(constants) and constants[0].ravel()[0] == 0
    return Flatten(by_width=not keeps)


def _squeeze(given: Mapping[str, Any], constants: list[np.ndarray]) -> Layer:
    return Flatten(by_width=True)


_READERS: Mapping[str, Callable[..., "Layer | Shift | None"]] = MappingProxyType(
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
        "Reshape": _reshape,
        "Squeeze": _squeeze,
    }
)
