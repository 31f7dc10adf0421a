"""A network as the state of a PyTorch module and the lines that load it."""

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


WEIGHTS = "weights.safetensors"
MODULE = "module.py"
"""Names of the two files."""

_ACTIVATIONS = {
    "relu": "nn.ReLU()",
    "leaky-relu": "nn.LeakyReLU(0.01)",
    "tanh": "nn.Tanh()",
    "sigmoid": "nn.Sigmoid()",
    "gelu": 'nn.GELU(approximate="tanh")',
    "exact-gelu": "nn.GELU()",
    "linear": "nn.Identity()",
    "erf": "Erf()",
}
_ERF = """
class Erf(nn.Module):
    def forward(self, x):
        return torch.erf(x)

"""
_BLOCK = """
class Block(nn.Module):
    def __init__(self, before, after, stride, projects):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.shortcut = nn.Sequential()
        if projects:
            around = nn.Conv2d(before, after, 1, stride, bias=False)
            self.shortcut = nn.Sequential(around, nn.BatchNorm2d(after))

    def forward(self, x):
        hidden = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(hidden)) + self.shortcut(x))

"""
_TEXT = '''"""A network of overparam; images are (batch, channels, height, width).

From the folder of this file: `from module import module`.
"""

from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

{classes}
module = nn.Sequential(
    OrderedDict(
{layers}
    )
).to({dtype})
module.load_state_dict(load_file(Path(__file__).with_name("{weights}")))
module.eval()
'''


def torch_files(line: Line) -> dict[str, bytes]:
    """The two files: the state, and a module of Python that loads it.

    Args:
        line: The layers.

    Raises:
        ConfigError: If PyTorch has no such activation.
    """
    from safetensors.numpy import save

    state: dict[str, np.ndarray] = {}
    blocks = any(isinstance(layer, Residual) for layer in line)
    named = _resnet(line, state) if blocks else _sequence(line, state)
    names = {layer.name for layer in line if isinstance(layer, Activation)}
    classes = _BLOCK * blocks + _ERF * ("erf" in names)
    floating = next(iter(state.values())).dtype
    text = _TEXT.format(
        classes=classes,
        layers="\n".join(f"        {name}={each}," for name, each in named.items()),
        dtype=f"torch.{floating}",
        weights=WEIGHTS,
    )
    return {WEIGHTS: save(state), MODULE: text.encode()}


def _sequence(line: Line, state: dict[str, np.ndarray]) -> dict[str, str]:
    """A name and a Python expression for each layer; the arrays go to the state."""
    if isinstance(line[0], Linear):
        line = (Flatten(), *line)
    found = {}
    for index, layer in enumerate(line):
        name = f"{type(layer).__name__.lower()}{index}"
        found[name] = _layer(layer, name, state)
        # What follows an average is a vector.
        if isinstance(layer, Mean):
            found["flatten"] = "nn.Flatten()"
    return found


def _resnet(line: Line, state: dict[str, np.ndarray]) -> dict[str, str]:
    """The same under the names that residual networks have."""
    stem, norm = _layer(line[0], "conv1", state), _layer(line[1], "bn1", state)
    stages: list[list[str]] = [[]]
    for residual in line:
        if not isinstance(residual, Residual):
            continue
        first = residual.inner[0]
        assert isinstance(first, Convolution)
        if first.stride > 1:
            stages.append([])
        place = f"layer{len(stages)}.{len(stages[-1])}"
        parts = zip(("conv1", "bn1", "", "conv2", "bn2"), residual.inner, strict=True)
        for name, layer in parts:
            _layer(layer, f"{place}.{name}", state)
        for number, layer in enumerate(residual.shortcut):
            _layer(layer, f"{place}.shortcut.{number}", state)
        before, after = first.kernel.shape[2:]
        stages[-1].append(
            f"Block({before}, {after}, {first.stride}, {bool(residual.shortcut)})"
        )
    layers = {
        f"layer{number}": f"nn.Sequential({', '.join(blocks)})"
        for number, blocks in enumerate(stages, start=1)
    }
    end = {"pool": "nn.AdaptiveAvgPool2d(1)", "flatten": "nn.Flatten()"}
    linear = {"linear": _layer(line[-1], "linear", state)}
    return {"conv1": stem, "bn1": norm, "relu": "nn.ReLU()"} | layers | end | linear


def _layer(layer: Layer, name: str, state: dict[str, np.ndarray]) -> str:
    def keep(part: str, array: np.ndarray | None) -> None:
        if array is not None:
            state[f"{name}.{part}"] = np.ascontiguousarray(array)

    match layer:
        case Linear(weights=weights, bias=bias):
            keep("weight", weights.T)
            keep("bias", bias)
            sizes = ", ".join(map(str, weights.shape))
            return f"nn.Linear({sizes}{'' if bias is not None else ', bias=False'})"
        case Convolution(kernel=kernel, bias=bias, stride=stride):
            keep("weight", kernel.transpose(3, 2, 0, 1))
            keep("bias", bias)
            window, _, before, after = kernel.shape
            return (
                f"nn.Conv2d({before}, {after}, {window}, stride={stride}, "
                f"padding={window // 2}, bias={bias is not None})"
            )
        case Norm():
            keep("weight", layer.gain)
            keep("bias", layer.shift)
            keep("running_mean", layer.mean)
            keep("running_var", (layer.variance - EPSILON).astype(layer.gain.dtype))
            state[f"{name}.num_batches_tracked"] = np.asarray(0)
            return f"nn.BatchNorm2d({layer.gain.size}, eps={EPSILON})"
        case Activation(name=kind):
            if kind not in _ACTIVATIONS:
                raise ConfigError(f"PyTorch has no activation {kind} to export to.")
            return _ACTIVATIONS[kind]
        case Pool():
            return "nn.MaxPool2d(2)"
        case Mean():
            return "nn.AdaptiveAvgPool2d(1)"
        case Flatten():
            return "nn.Flatten()"
        case Residual():
            raise TypeError("A block has no expression of its own.")
