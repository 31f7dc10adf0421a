"""A network as an ONNX file: standard operators, weights inside, any batch."""

from typing import Any

import numpy as np

from ...errors import ConfigError
from ..convolutional.batch_norm import EPSILON
from .chain import (
    Activation,
    Convolution,
    Flatten,
    Layer,
    Line,
    Linear,
    Mean,
    Norm,
    Pool,
    Residual,
)


OPSET = 20
"""Version of the operators; the first with `Gelu`."""
IR_VERSION = 9
"""Version of the format that came with it."""

_ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}),
    "leaky-relu": ("LeakyRelu", {"alpha": 0.01}),
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
    "erf": ("Erf", {}),
    "gelu": ("Gelu", {"approximate": "tanh"}),
    "exact-gelu": ("Gelu", {}),
    "linear": ("Identity", {}),
}


def onnx_bytes(line: Line) -> bytes:
    """The file of a line of layers; images are (batch, channels, height, width).

    Raises:
        ConfigError: If `onnx` is not installed, or has no such activation.
    """
    try:
        from onnx import TensorProto, helper
    except ImportError:
        raise ConfigError(
            "Exporting to onnx needs `onnx`, which is not installed: pip install "
            '"overparam[onnx]".'
        ) from None
    graph = _Graph()
    output = graph.line(line, "input")
    first, last = line[0], line[-1]
    assert isinstance(last, Linear)
    dtype = last.weights.dtype
    kind = TensorProto.DOUBLE if dtype == np.float64 else TensorProto.FLOAT
    if isinstance(first, Linear):
        shape = ["batch", first.weights.shape[0]]
    else:
        assert isinstance(first, Convolution)
        shape = ["batch", first.kernel.shape[2], "height", "width"]
    made = helper.make_graph(
        graph.nodes,
        "network",
        [helper.make_tensor_value_info("input", kind, shape)],
        [helper.make_tensor_value_info(output, kind, ["batch", last.weights.shape[1]])],
        graph.tensors,
    )
    model = helper.make_model(
        made,
        producer_name="overparam",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    return model.SerializeToString()


class _Graph:
    """Nodes and tensors, with names that count."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []

    def line(self, line: Line, value: str) -> str:
        """Add layers after a value; the name of what they make."""
        for layer in line:
            value = self._layer(layer, value)
        return value

    def _layer(self, layer: Layer, value: str) -> str:
        match layer:
            case Linear(weights=weights, bias=bias):
                return self._node("Gemm", [value, *self._named(weights, bias)])
            case Convolution(kernel=kernel, bias=bias, stride=stride):
                window = kernel.shape[0]
                named = self._named(kernel.transpose(3, 2, 0, 1), bias)
                return self._node(
                    "Conv",
                    [value, *named],
                    kernel_shape=[window, window],
                    pads=[window // 2] * 4,
                    strides=[stride, stride],
                )
            case Norm():
                variance = (layer.variance - EPSILON).astype(layer.gain.dtype)
                named = self._named(layer.gain, layer.shift, layer.mean, variance)
                return self._node(
                    "BatchNormalization", [value, *named], epsilon=EPSILON
                )
            case Activation(name=name):
                if name not in _ACTIVATIONS:
                    raise ConfigError(f"ONNX has no activation {name} to export to.")
                operator, attributes = _ACTIVATIONS[name]
                return self._node(operator, [value], **attributes)
            case Pool():
                window = {"kernel_shape": [2, 2], "strides": [2, 2]}
                return self._node("MaxPool", [value], **window)
            case Mean():
                return self._node("Flatten", [self._node("GlobalAveragePool", [value])])
            case Flatten():
                return self._node("Flatten", [value])
            case Residual(inner=inner, shortcut=shortcut):
                both = [self.line(inner, value), self.line(shortcut, value)]
                return self._node("Add", both)

    def _node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        from onnx import helper

        output = f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def _named(self, *arrays: np.ndarray | None) -> list[str]:
        from onnx import numpy_helper

        names = []
        for array in arrays:
            if array is not None:
                names.append(f"tensor_{len(self.tensors)}")
                whole = np.ascontiguousarray(array)
                self.tensors.append(numpy_helper.from_array(whole, names[-1]))
        return names
