"""Named arrays of a file as a line of layers, by their names, shapes and order.

The names of a file say which arrays belong to one layer; which is first is said by
their shapes or, where these allow several orders, by numbers in the names.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ...errors import ConfigError
from .arrays import Arrays
from .chain import (
    Activation,
    Convolution,
    Layer,
    Line,
    Linear,
    Mean,
    NoChainError,
    Norm,
    Pool,
    Residual,
)
from .names import LayerState, groups_of, without_prefix


Convention = Literal["auto", "torch", "keras"]
"""Whether matrices are (outputs, inputs) or (inputs, outputs)."""

_BOTH = get_args(Convention)[1:]

PYTORCH_EPSILON = 1e-5
"""What normalisations add to the variance; files of weights do not say."""
_MOST_ORDERS = 7
"""Layers of which every order is tried: 5040 of seven."""


@dataclass(frozen=True, kw_only=True)
class Hints:
    """What a file of weights does not say, and its reader may be told.

    Attributes:
        activation: Of all hidden layers.
        convention: How matrices and kernels lie.
        pools: Convolutions after which a 2 x 2 maximum is taken, by number from 0;
            `None` takes what gaps in the numbers of the names say.
        order: Names of the layers from the inputs on; empty takes what fits.
        ordered: Whether the arrays come in the order of the layers.
    """

    activation: str = "relu"
    convention: Convention = "auto"
    pools: tuple[int, ...] | None = None
    order: tuple[str, ...] = ()
    ordered: bool = False


def line_of_state(arrays: Arrays, hints: Hints) -> Line:
    """The layers that named arrays are the weights of.

    Raises:
        ConfigError: If the order, the convention or the pools must be told.
        NoChainError: If they are those of no chain.
    """
    plain = without_prefix(arrays)
    groups = groups_of(plain)
    if any(re.match(r"layer\d+\.\d+\.conv1\.", name) for name in plain):
        return _residual(groups)
    for group in groups:
        _check_known(group)
    kernels = [
        group for group in groups if group.arrays.get("weights", _NONE).ndim == 4
    ]
    if kernels:
        return _convolutional(groups, hints)
    return _dense(groups, hints)


_NONE = np.zeros(0)


def _check_known(group: LayerState) -> None:
    weights = group.arrays.get("weights")
    norm = {"mean", "variance"} <= group.arrays.keys()
    if weights is None and not norm:
        raise NoChainError(f"`{group.name}` has no matrix")
    if weights is not None and weights.ndim not in (2, 4) and not norm:
        raise NoChainError(
            f"`{group.name}` has weights of shape {weights.shape}, those of no linear "
            "layer and no image convolution"
        )


def _is_norm(group: LayerState) -> bool:
    return {"mean", "variance"} <= group.arrays.keys()


def _norm(group: LayerState) -> Norm:
    arrays = group.arrays
    mean = arrays["mean"]
    gain = arrays.get("gain", arrays.get("weights", np.ones_like(mean)))
    shift = arrays.get("shift", arrays.get("bias", np.zeros_like(mean)))
    variance = np.asarray(arrays["variance"], np.float64) + PYTORCH_EPSILON
    return Norm(gain, shift, mean, variance)


def _dense(groups: Sequence[LayerState], hints: Hints) -> Line:
    if any(_is_norm(group) for group in groups) and not hints.ordered:
        groups = sorted(groups, key=_numbered)
    linear = [group for group in groups if not _is_norm(group)]
    convention = _convention(linear, hints)
    weights = {g.name: _turned(g.weights, convention) for g in linear}
    ordered = _in_order(linear, weights, hints)
    if len(linear) < len(groups) and [*ordered] != [*linear]:
        raise NoChainError("its normalisations have no place between its layers")
    line: list[Layer] = []
    before, active = None, True
    for group in groups if len(linear) < len(groups) else ordered:
        if not active and (not _is_norm(group) or _leaves_room(before, group)):
            line.append(Activation(hints.activation))
            active = True
        if _is_norm(group):
            line.append(_norm(group))
        else:
            matrix = weights[group.name]
            line.append(Linear(matrix, _bias(group, matrix)))
            active = False
        before = group
    return tuple(line)


def _leaves_room(before: LayerState | None, norm: LayerState) -> bool:
    """Whether numbers leave room for an activation between a layer and its norm."""
    if before is None:
        return False
    one, two = (re.fullmatch(r"(.*?)(\d+)", each.name) for each in (before, norm))
    return bool(one and two and one[1] == two[1] and int(two[2]) - int(one[2]) > 1)


def _bias(group: LayerState, weights: np.ndarray) -> np.ndarray | None:
    bias = group.arrays.get("bias")
    if bias is not None and bias.shape != weights.shape[-1:]:
        raise NoChainError(
            f"`{group.name}` has a bias of shape {bias.shape} and {weights.shape[-1]} "
            "units"
        )
    return bias


def _turned(weights: np.ndarray, convention: Convention) -> np.ndarray:
    return weights.T if convention == "torch" else weights


def _convention(groups: Sequence[LayerState], hints: Hints) -> Convention:
    """How matrices lie: as told, as all shapes allow, or as the names say.

    Raises:
        ConfigError: If nothing tells.
    """
    if hints.convention != "auto":
        return hints.convention
    possible = tuple(c for c in _BOTH if any(True for _ in _orders(groups, c)))
    if not possible:
        raise NoChainError("no layer takes what another one gives")
    # Without biases a chain that is turned and reversed is a chain again.
    named = _names(groups)
    in_place = tuple(c for c in possible if named in map(_names, _orders(groups, c)))
    if hints.ordered and in_place:
        possible = in_place
    if len(possible) == 1:
        return possible[0]
    if all(group.is_weight for group in groups):
        return "torch"
    if all(group.is_kernel for group in groups):
        return "keras"
    shapes = ", ".join(str(group.weights.shape) for group in groups)
    raise ConfigError(
        f"Matrices of the shapes {shapes} may be (outputs, inputs) or (inputs, "
        "outputs): say `--convention torch` or `--convention keras`."
    )


def _orders(
    groups: Sequence[LayerState], convention: Convention
) -> Iterator[tuple[LayerState, ...]]:
    """The orders in which every layer takes what the one before gives."""
    weights = [_turned(group.weights, convention) for group in groups]
    for matrix, group in zip(weights, groups, strict=True):
        bias = group.arrays.get("bias")
        if bias is not None and bias.shape != matrix.shape[1:]:
            return
    several = itertools.permutations(range(len(groups)))
    orders = several if len(groups) <= _MOST_ORDERS else [range(len(groups))]
    for order in orders:
        sizes = [weights[i].shape for i in order]
        if all(a[1] == b[0] for a, b in itertools.pairwise(sizes)):
            yield tuple(groups[i] for i in order)


def _names(groups: Sequence[LayerState]) -> tuple[str, ...]:
    return tuple(group.name for group in groups)


def _in_order(
    groups: Sequence[LayerState], weights: Mapping[str, np.ndarray], hints: Hints
) -> tuple[LayerState, ...]:
    """The layers from the inputs on.

    Raises:
        ConfigError: If several orders fit and neither names nor file say which.
    """
    if hints.order:
        by_name = {group.name: group for group in groups}
        if sorted(hints.order) != sorted(by_name):
            raise ConfigError(
                f"`order` must name every layer once: {', '.join(by_name)}; got "
                f"{', '.join(hints.order)}."
            )
        return tuple(by_name[name] for name in hints.order)
    convention: Convention = "keras"
    turned = [
        LayerState(g.name, g.arrays | {"weights": weights[g.name]}) for g in groups
    ]
    fitting = [*map(_names, itertools.islice(_orders(turned, convention), 2))]
    by_name = {group.name: group for group in groups}
    if not fitting:
        raise NoChainError("no layer takes what another one gives")
    if len(fitting) == 1:
        return tuple(by_name[name] for name in fitting[0])
    names = [*by_name] if hints.ordered else _by_number([*by_name])
    sizes = [weights[name].shape for name in names or []]
    if names and all(a[1] == b[0] for a, b in itertools.pairwise(sizes)):
        return tuple(by_name[name] for name in names)
    raise ConfigError(
        f"The layers {', '.join(by_name)} fit each other in several orders: say "
        "`--order` with their names from the inputs on, separated by commas."
    )


def _by_number(names: Sequence[str]) -> list[str] | None:
    """Names by the numbers in them; `None` where these do not tell an order."""
    found = sorted(names, key=_numbers)
    stems = {re.sub(r"\d+", "#", name) for name in names}
    numbers = {tuple(map(int, re.findall(r"\d+", name))) for name in names}
    return found if len(stems) == 1 and len(numbers) == len(names) else None


def _numbers(name: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in parts]


def _convolutional(groups: Sequence[LayerState], hints: Hints) -> Line:
    ordered = list(groups)
    if not hints.ordered:
        ordered.sort(key=_numbered)
        ordered.sort(key=lambda g: not _is_norm(g) and g.weights.ndim == 2)
    kernels = [group for group in ordered if not _is_norm(group)]
    convention = hints.convention
    if convention == "auto":
        convention = _convention_of_kernels([g for g in kernels if g.weights.ndim == 4])
    convolutions = [g for g in kernels if g.weights.ndim == 4]
    normalised = any(_is_norm(group) for group in ordered)
    pools = hints.pools
    if pools is None:
        pools = _pools(convolutions, normalised=normalised)
    line: list[Layer] = []
    pending: list[Layer] = []
    index = 0
    for group in ordered:
        if _is_norm(group):
            line.append(_norm(group))
            continue
        line += pending
        pending = []
        if group.weights.ndim == 4:
            line.append(_convolution(group, convention))
            pending = [Activation(hints.activation), *[Pool()] * (index in pools)]
            index += 1
            continue
        if not any(isinstance(layer, Linear | Mean) for layer in line):
            line.append(Mean())
        weights = _turned(group.weights, convention)
        line.append(Linear(weights, _bias(group, weights)))
        pending = [Activation(hints.activation)]
    return tuple(line)


def _numbered(group: LayerState) -> tuple[list[int], bool]:
    """By the numbers in the names, each layer before its norm."""
    return [int(n) for n in re.findall(r"\d+", group.name)], _is_norm(group)


def _convolution(
    group: LayerState, convention: Convention, stride: int = 1
) -> Convolution:
    kernel = group.weights
    if convention == "torch":
        kernel = kernel.transpose(2, 3, 1, 0)
    return Convolution(kernel, group.arrays.get("bias"), stride)


def _convention_of_kernels(groups: Sequence[LayerState]) -> Convention:
    torch = all(group.weights.shape[2:] == (3, 3) for group in groups)
    keras = all(group.weights.shape[:2] == (3, 3) for group in groups)
    if torch == keras:
        shapes = ", ".join(str(group.weights.shape) for group in groups)
        if torch:
            raise ConfigError(
                f"Kernels of the shapes {shapes} may lie as those of PyTorch or of "
                "Keras: say `--convention torch` or `--convention keras`."
            )
        raise NoChainError(f"its convolutions {shapes} are not all of 3 x 3")
    return "torch" if torch else "keras"


def _pools(convolutions: Sequence[LayerState], *, normalised: bool) -> tuple[int, ...]:
    """After which convolutions a gap in the numbers leaves room for a maximum.

    Nothing follows the last one: where there are gaps it has a maximum too, as in every
    VGG.

    Raises:
        ConfigError: If the names have no such numbers.
    """
    numbers = [re.findall(r"\d+", group.name)[-1:] for group in convolutions]
    stems = {re.sub(r"\d+$", "#", group.name) for group in convolutions}
    usual = 3 if normalised else 2
    if len(stems) == 1 and all(numbers):
        places = [int(found[0]) for found in numbers]
        gaps = [b - a - usual for a, b in itertools.pairwise(places)]
        if all(gap in (0, 1) for gap in gaps):
            found = [i for i, gap in enumerate(gaps) if gap]
            return (*found, *[len(gaps)] * bool(found))
    raise ConfigError(
        "The names of the file do not tell which convolutions are followed by a 2 x 2 "
        "maximum: say `--pools` with their numbers from 0 on, such as 0,1,3, or "
        "`--pools none`."
    )


def _residual(groups: Sequence[LayerState]) -> Line:
    """The layers of a residual network under the usual names."""
    named = {group.name: group for group in groups}
    used = []

    def convolution(name: str, stride: int = 1) -> list[Layer]:
        used.append(name)
        if name not in named or named[name].arrays.get("weights", _NONE).ndim != 4:
            raise NoChainError(f"a residual network has no convolution `{name}`")
        return [_convolution(named[name], "torch", stride)]

    def norm(name: str) -> list[Layer]:
        used.append(name)
        if name not in named or not _is_norm(named[name]):
            raise NoChainError(f"a residual network has no normalisation `{name}`")
        return [_norm(named[name])]

    relu: list[Layer] = [Activation("relu")]
    line = convolution("conv1") + norm("bn1") + relu
    blocks = {
        (int(match[1]), int(match[2]))
        for name in named
        if (match := re.match(r"layer(\d+)\.(\d+)\.", name))
    }
    for stage, number in sorted(blocks):
        name = f"layer{stage}.{number}"
        stride = 2 if stage > 1 and number == 0 else 1
        inner = convolution(f"{name}.conv1", stride) + norm(f"{name}.bn1") + relu
        inner += convolution(f"{name}.conv2") + norm(f"{name}.bn2")
        around: list[Layer] = []
        for beside in ("shortcut", "downsample"):
            if f"{name}.{beside}.0" in named:
                around = convolution(f"{name}.{beside}.0", stride)
                around += norm(f"{name}.{beside}.1")
        line += [Residual(tuple(inner), tuple(around)), *relu]
    left = [group for group in groups if group.name not in used]
    if len(left) != 1 or left[0].arrays.get("weights", _NONE).ndim != 2:
        listed = ", ".join(group.name for group in left[:4]) or "no linear layer"
        raise NoChainError(f"a residual network has {listed} beside its blocks")
    weights = left[0].weights.T
    return (*line, Mean(), Linear(weights, _bias(left[0], weights)))
