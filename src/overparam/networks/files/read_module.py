"""PyTorch modules as lines of layers, traced with symbols and never trained."""

import copy
import math
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import Arrays, of_torch
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


if TYPE_CHECKING:
    import torch

_FUNCTIONS = MappingProxyType(
    {
        "relu": Activation("relu"),
        "relu_": Activation("relu"),
        "tanh": Activation("tanh"),
        "sigmoid": Activation("sigmoid"),
        "erf": Activation("erf"),
        "softmax": Activation("softmax"),
        "log_softmax": Activation("log-softmax"),
        "flatten": Flatten(),
        "view": Flatten(),
        "reshape": Flatten(),
        "squeeze": Flatten(),
        "avg_pool2d": Mean(),
        "adaptive_avg_pool2d": Mean(),
        "dropout": None,
        "contiguous": None,
    }
)
"""By name of a function or a method; `None` changes nothing."""


def of_module(module: "torch.nn.Module") -> tuple[Arrays, Line | NoChainError]:
    """The weights of a module by name, and its layers or why they are no chain.

    The module is looked at as it evaluates, and left as it is.
    """
    # A copy for the mode; compiled modules keep the one that they were made of.
    inner = getattr(module, "_orig_mod", module)
    module = copy.deepcopy(getattr(inner, "module", inner)).eval()
    arrays = of_torch(module.state_dict())
    try:
        return arrays, _line(module)
    except NoChainError as error:
        return arrays, error


def _line(module: "torch.nn.Module") -> Line:
    import torch

    try:
        traced = torch.fx.symbolic_trace(module)
    except Exception as error:  # Whatever the module does with a symbol.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        message = f"it cannot be traced ({reason[:200].rstrip('.')})"
        raise NoChainError(message) from None
    layers, nodes, start, end = dict(traced.named_modules()), {}, "", ""
    for node in traced.graph.nodes:
        made = tuple(each.name for each in node.all_input_nodes)
        if node.op == "placeholder":
            if start:
                raise NoChainError("it has several inputs")
            start = node.name
        elif node.op == "output":
            if len(made) != 1:
                raise NoChainError(f"it has {len(made)} outputs")
            end = made[0]
        elif node.op == "call_module":
            nodes[node.name] = Node(made, _of_layer(layers[str(node.target)]))
        elif not _is_of_sizes(node):
            nodes[node.name] = _of_function(node)
    return line_between(nodes, start, end)


def _is_of_sizes(node: Any) -> bool:
    """Whether a node tells the size of an array: no part of what is computed."""
    return (node.op == "call_method" and node.target == "size") or (
        node.op == "call_function"
        and getattr(node.target, "__name__", "") in ("getattr", "getitem")
    )


def _of_function(node: Any) -> Node:
    name = node.target if node.op == "call_method" else node.target.__name__
    # A shape that is given beside the array is no input.
    made = (node.args[0].name,)
    if name in ("add", "iadd", "add_"):
        if len(node.all_input_nodes) != 2:
            raise NoChainError("it adds something that is not the outcome of a layer")
        return Node(tuple(each.name for each in node.all_input_nodes))
    if name == "max_pool2d":
        window, step = [*node.args[1:3], None, None][:2]
        window = node.kwargs.get("kernel_size", window)
        return Node(made, _pool(window, node.kwargs.get("stride", step)))
    if name == "mean":
        axes = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", ())
        if not isinstance(axes, tuple | list) or sorted(a % 4 for a in axes) != [2, 3]:
            raise NoChainError("a mean is not one over an image")
        return Node(made, Mean())
    if name == "gelu":
        return Node(made, _gelu(node.kwargs.get("approximate", "none")))
    if name == "leaky_relu":
        slope = [*node.args[1:], 0.01][0]
        return Node(made, _leaky(node.kwargs.get("negative_slope", slope)))
    if name not in _FUNCTIONS:
        raise NoChainError(f"it calls {name}")
    return Node(made, _FUNCTIONS[name])


def _of_layer(layer: Any) -> Layer | None:
    for kind, read in _readers().items():
        if type(layer) is kind:
            return read(layer)
    raise NoChainError(f"it has the layer {type(layer).__name__}")


@cache
def _readers() -> Mapping[type[Any], Callable[[Any], Layer | None]]:
    from torch import nn

    def always(layer: Layer | None) -> Callable[[Any], Layer | None]:
        return lambda _: layer

    return {
        nn.Linear: lambda m: Linear(_numbers(m.weight).T, _numbers(m.bias)),
        nn.Conv2d: _convolution,
        nn.BatchNorm1d: _norm,
        nn.BatchNorm2d: _norm,
        nn.ReLU: always(Activation("relu")),
        nn.Tanh: always(Activation("tanh")),
        nn.Sigmoid: always(Activation("sigmoid")),
        nn.LeakyReLU: lambda m: _leaky(m.negative_slope),
        nn.GELU: lambda m: _gelu(m.approximate),
        nn.Softmax: always(Activation("softmax")),
        nn.LogSoftmax: always(Activation("log-softmax")),
        nn.Identity: always(None),
        nn.Dropout: always(None),
        nn.Dropout2d: always(None),
        nn.Flatten: always(Flatten()),
        nn.MaxPool2d: lambda m: _pool(m.kernel_size, m.stride),
        nn.AvgPool2d: lambda m: None if m.kernel_size in (1, (1, 1)) else Mean(),
        nn.AdaptiveAvgPool2d: always(Mean()),
    }


def _numbers(tensor: Any) -> Any:
    return None if tensor is None else of_torch({"": tensor})[""]


def _convolution(layer: Any) -> Layer:
    window = layer.kernel_size
    usual = (
        layer.groups == 1
        and layer.dilation == (1, 1)
        and layer.padding == tuple(size // 2 for size in window)
        and layer.padding_mode == "zeros"
        and len(set(layer.stride)) == 1
    )
    if not usual:
        raise NoChainError(f"a convolution of {window[0]} x {window[1]} is not usual")
    kernel = _numbers(layer.weight).transpose(2, 3, 1, 0)
    return Convolution(kernel, _numbers(layer.bias), layer.stride[0])


def _norm(layer: Any) -> Layer:
    mean, variance = _numbers(layer.running_mean), _numbers(layer.running_var)
    if mean is None:
        raise NoChainError("a normalisation keeps no running moments")
    gain, shift = _numbers(layer.weight), _numbers(layer.bias)
    return Norm(
        np.ones_like(mean) if gain is None else gain,
        np.zeros_like(mean) if shift is None else shift,
        mean,
        np.asarray(variance, np.float64) + layer.eps,
    )


def _leaky(slope: float) -> Layer:
    if not math.isclose(slope, 0.01):
        raise NoChainError(f"a leaky ReLU has the slope {slope:g}, and not 0.01")
    return Activation("leaky-relu")


def _gelu(approximate: str) -> Layer:
    return Activation("gelu" if approximate == "tanh" else "exact-gelu")


def _pool(window: Any, step: Any) -> Layer:
    if window not in (2, (2, 2)) or step not in (2, (2, 2), None):
        raise NoChainError("a maximum is not over 2 x 2 squares")
    return Pool()
