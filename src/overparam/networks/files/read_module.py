"""PyTorch modules as lines of layers, traced with symbols and never trained."""

import copy
import math
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ConfigError
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
from .pixels import measured


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
        "squeeze": Flatten(by_width=True),
        "contiguous": None,
    }
)
"""By name of a function or a method; `None` changes nothing."""


def of_module(module: "torch.nn.Module") -> tuple[Arrays, Line | NoChainError]:
    """The weights of a module by name, and its layers or why they are no chain.

    The module is looked at as it evaluates, and left as it is.
    """
    try:
        # For the mode, and to take the wrappers out.
        module = _bare(copy.deepcopy(_inner(module))).eval()
    except RuntimeError as error:
        raise ConfigError(
            f"The module cannot be copied ({_first_line(error)})."
        ) from None
    arrays = of_torch(module.state_dict())
    try:
        return arrays, _line(module)
    except NoChainError as error:
        return arrays, error


def _inner(module: Any) -> Any:
    """What was compiled or spread over devices."""
    from torch import nn

    while True:
        if hasattr(module, "_orig_mod"):
            module = module._orig_mod
        elif isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            module = module.module
        else:
            return module


def _bare(module: Any) -> Any:
    """The same without such wrappers around its parts."""
    for name, child in module.named_children():
        setattr(module, name, _bare(_inner(child)))
    return module


def _first_line(error: Exception) -> str:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return reason[:200].rstrip(".")


def _line(module: "torch.nn.Module") -> Line:
    import torch

    if any(each._forward_hooks or each._forward_pre_hooks for each in module.modules()):
        raise NoChainError("it has hooks, which may change what it computes")
    try:
        traced = torch.fx.symbolic_trace(module)
    except Exception as error:  # Whatever the module does with a symbol.
        message = f"it cannot be traced ({_first_line(error)})"
        raise NoChainError(message) from None
    layers, nodes, start, end = dict(traced.named_modules()), {}, "", ""
    for node in traced.graph.nodes:
        made = tuple(each.name for each in node.all_input_nodes)
        if _is_in_place(node, layers) and len(node.all_input_nodes[0].users) > 1:
            raise NoChainError("it changes a value in place that is used again")
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
    return measured(line_between(nodes, start, end))


def _is_in_place(node: Any, layers: Mapping[str, Any]) -> bool:
    if node.op == "call_module":
        return getattr(layers[str(node.target)], "inplace", False)
    if node.op not in ("call_function", "call_method") or not node.all_input_nodes:
        return False
    name = str(getattr(node.target, "__name__", node.target))
    told = node.kwargs.get("inplace", any(each is True for each in node.args))
    return bool(told) or name == "iadd" or (name.endswith("_") and name[0] != "_")


def _is_of_sizes(node: Any) -> bool:
    """Whether a node tells the size of an array: no part of what is computed."""
    return (node.op == "call_method" and node.target == "size") or (
        node.op == "call_function"
        and getattr(node.target, "__name__", "") in ("getattr", "getitem")
    )


def _of_function(node: Any) -> Node:
    name = getattr(node.target, "__name__", str(node.target))
    if node.op == "get_attr" or not node.all_input_nodes:
        error = NoChainError(f"it uses `{name}`, which no layer of it makes")
        return Node((), error)
    # A shape that is given beside the array is no input.
    made, given = (node.all_input_nodes[0].name,), node.kwargs
    if name in ("add", "iadd", "add_"):
        if len(node.all_input_nodes) != 2 or len(node.args) != 2 or given:
            raise NoChainError("it adds something that is not the outcome of a layer")
        return Node(tuple(each.name for each in node.all_input_nodes))
    if name == "max_pool2d":
        return Node(made, _pool(*_window(node), *node.args[3:], **_more(given)))
    if name == "avg_pool2d":
        return Node(made, _average(*_window(node), *node.args[3:], **_more(given)))
    if name == "adaptive_avg_pool2d":
        return Node(made, _adaptive([*node.args[1:], given.get("output_size")][0]))
    if name == "mean":
        axes = node.args[1] if len(node.args) > 1 else given.get("dim", ())
        if not isinstance(axes, tuple | list) or sorted(a % 4 for a in axes) != [2, 3]:
            raise NoChainError("a mean is not one over an image")
        return Node(made, Mean())
    if name == "flatten":
        first, last = [*node.args[1:], *(0, -1)[len(node.args) - 1 :]]
        return Node(
            made, _flat(given.get("start_dim", first), given.get("end_dim", last))
        )
    if name in ("view", "reshape"):
        return Node(made, _reshaped(node.args[1:]))
    if name == "gelu":
        return Node(made, _gelu(given.get("approximate", "none")))
    if name == "dropout":
        trains = [*node.args[2:3], True][0]
        if given.get("training", trains):
            raise NoChainError("it drops values when it evaluates, too")
        return Node(made)
    if name == "leaky_relu":
        slope = [*node.args[1:], 0.01][0]
        return Node(made, _leaky(given.get("negative_slope", slope)))
    if name not in _FUNCTIONS:
        raise NoChainError(f"it calls {name}")
    return Node(made, _FUNCTIONS[name])


def _window(node: Any) -> tuple[Any, Any]:
    """Size and step of a pooling."""
    window, step = [*node.args[1:3], None, None][:2]
    return node.kwargs.get("kernel_size", window), node.kwargs.get("stride", step)


def _more(given: Mapping[str, Any]) -> dict[str, Any]:
    left = ("input", "kernel_size", "stride")
    return {name: value for name, value in given.items() if name not in left}


def _flat(first: int, last: int) -> Layer:
    if first != 1 or last not in (-1, 3):
        raise NoChainError(f"it flattens the axes {first} to {last}, and not an image")
    return Flatten()


def _reshaped(shape: tuple[Any, ...]) -> Layer:
    """A row for each sample: the first size is that of the batch, or is found."""
    if len(shape) == 1 and isinstance(shape[0], tuple | list):
        shape = tuple(shape[0])
    batch = shape and (shape[0] == -1 or not isinstance(shape[0], int))
    if not batch or len(shape) != 2:
        raise NoChainError(f"it reshapes to {shape}, and not to a row for each sample")
    # The size along the first axis is that of the batch.
    keeps = shape[0] != -1 and getattr(shape[0], "args", ())[-1:] == (0,)
    return Flatten(by_width=not keeps)


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
        nn.AlphaDropout: always(None),
        nn.Flatten: lambda m: _flat(m.start_dim, m.end_dim),
        nn.MaxPool2d: lambda m: _pool(
            m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode
        ),
        nn.AvgPool2d: lambda m: _average(
            m.kernel_size, m.stride, m.padding, divisor_override=m.divisor_override
        ),
        nn.AdaptiveAvgPool2d: lambda m: _adaptive(m.output_size),
    }


def _numbers(tensor: Any) -> Any:
    if tensor is None:
        return None
    if not tensor.is_floating_point():
        raise NoChainError(f"a layer has numbers of the type {tensor.dtype}")
    return of_torch({"": tensor})[""]


def _convolution(layer: Any) -> Layer:
    window = layer.kernel_size
    usual = (
        layer.groups == 1
        and layer.dilation == (1, 1)
        and layer.padding in ("same", tuple(size // 2 for size in window))
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


def _pool(
    window: Any,
    step: Any,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Layer:
    usual = window in (2, (2, 2)) and step in (2, (2, 2), None)
    plain = padding in (0, (0, 0)) and dilation in (1, (1, 1))
    if not usual or not plain or ceil_mode or return_indices:
        raise NoChainError("a maximum is not over 2 x 2 squares")
    return Pool()


def _average(
    window: Any,
    step: Any,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Layer | None:
    pixel = window in (1, (1, 1))
    stepped = pixel and step not in (1, (1, 1), None)
    if padding not in (0, (0, 0)) or stepped or divisor_override is not None:
        raise NoChainError("an average is not one over an image")
    if pixel:
        return None
    sizes = window if isinstance(window, tuple | list) else (window, window)
    if all(isinstance(size, int) for size in sizes):
        return Mean(tuple(sizes))
    if not all(_is_side(size) for size in sizes):
        raise NoChainError("an average is over another size than that of the image")
    return Mean()


def _is_side(size: Any) -> bool:
    """Whether a symbol is the height or the width of an image, or both."""
    index = getattr(size, "args", ())[-1:]
    sides = (2, 3, -1, -2, slice(2, None), slice(-2, None))
    return bool(index) and _is_of_sizes(size) and any(index[0] == s for s in sides)


def _adaptive(size: Any) -> Layer:
    if size not in (1, (1, 1), [1, 1]):
        raise NoChainError("an average is not one over an image")
    return Mean()
