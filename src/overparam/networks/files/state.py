"""Named arrays of a file as a line of layers, by their names, shapes and order.

The names of a file say which arrays belong to one layer. Which is first is said by
numbers in the names, else by the order of the file, else by shapes.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import get_args

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
from .names import LayerState, groups_of, numbers_of, without_prefix
from .order import (
    MOST_ORDERS,
    Convention,
    Hints,
    in_order,
    names,
    orders,
    placed,
    several_orders,
    turned,
)


_BOTH = get_args(Convention)[1:]

PYTORCH_EPSILON = 1e-5
KERAS_EPSILON = 1e-3
"""What normalisations add to the variance; files of weights do not say."""


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
        weights = group.arrays.get("weights")
        if weights is None and not group.is_norm:
            raise NoChainError(f"`{group.name}` has no matrix")
        if weights is not None and not weights.size:
            raise NoChainError(
                f"`{group.name}` has the shape {weights.shape}, no numbers"
            )
        if weights is not None and weights.ndim not in (2, 4) and not group.is_norm:
            raise NoChainError(
                f"`{group.name}` has weights of shape {weights.shape}, those of no "
                "linear layer and no image convolution"
            )
    kernels = [
        group for group in groups if group.arrays.get("weights", _NONE).ndim == 4
    ]
    if hints.pools and max(hints.pools) >= len(kernels):
        raise ConfigError(
            f"`pools` counts the convolutions from 0, and there are {len(kernels)}; "
            f"got {max(hints.pools)}."
        )
    if kernels:
        return _convolutional(groups, hints)
    return _dense(groups, hints)


_NONE = np.zeros(0)


def _norm(group: LayerState) -> Norm:
    arrays = group.arrays
    mean = arrays["mean"]
    gain = arrays.get("gain", arrays.get("weights", np.ones_like(mean)))
    shift = arrays.get("shift", arrays.get("bias", np.zeros_like(mean)))
    epsilon = KERAS_EPSILON if group.is_moving else PYTORCH_EPSILON
    variance = np.asarray(arrays["variance"], np.float64) + epsilon
    return Norm(gain, shift, mean, variance)


def _dense(groups: Sequence[LayerState], hints: Hints) -> Line:
    groups, told = placed(groups, hints)
    linear = [group for group in groups if not group.is_norm]
    if not told and len(linear) > MOST_ORDERS:
        raise several_orders(linear)
    convention = _convention(linear, hints, told=told)
    weights = {g.name: turned(g.weights, convention) for g in linear}
    ordered = in_order(linear, weights, hints, told=told)
    if len(linear) < len(groups) and [*ordered] != [*linear]:
        raise NoChainError("its normalisations have no place between its layers")
    line: list[Layer] = []
    before, active = None, True
    for group in groups if len(linear) < len(groups) else ordered:
        if not active and (not group.is_norm or _leaves_room(before, group)):
            line.append(Activation(hints.activation))
            active = True
        if group.is_norm:
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
    if not one or not two or one[1] != two[1]:
        return False
    return numbers_of(two[2])[0] - numbers_of(one[2])[0] > 1


def _bias(group: LayerState, weights: np.ndarray) -> np.ndarray | None:
    bias = group.arrays.get("bias")
    if bias is not None and bias.shape != weights.shape[-1:]:
        raise NoChainError(
            f"`{group.name}` has a bias of shape {bias.shape} and {weights.shape[-1]} "
            "units"
        )
    return bias


def _convention(
    groups: Sequence[LayerState], hints: Hints, *, told: bool
) -> Convention:
    """How matrices lie: as told, as all shapes allow, or as the names say.

    Raises:
        ConfigError: If nothing tells.
    """
    if hints.convention != "auto":
        return hints.convention
    possible = tuple(c for c in _BOTH if any(True for _ in orders(groups, c)))
    if not possible:
        raise NoChainError("no layer takes what another one gives")
    # Without biases a chain that is turned and reversed is a chain again.
    named = names(groups)
    in_place = tuple(c for c in possible if named in map(names, orders(groups, c)))
    if told and in_place:
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


def _convolutional(groups: Sequence[LayerState], hints: Hints) -> Line:
    layers = [group for group in groups if not group.is_norm]
    convention = hints.convention
    if convention == "auto":
        convention = _convention_of_kernels([g for g in layers if g.weights.ndim == 4])
    ordered, told = placed(groups, hints)
    if not told:
        raise several_orders(groups)
    convolutions = [g for g in ordered if not g.is_norm and g.weights.ndim == 4]
    pools = hints.pools
    if pools is None:
        pools = _pools(convolutions, [group for group in ordered if group.is_norm])
    line: list[Layer] = []
    pending: list[Layer] = []
    index, before = 0, None
    for group in ordered:
        if group.is_norm:
            if _leaves_room(before, group):
                line += pending
                pending = []
            line.append(_norm(group))
            continue
        before = group
        line += pending
        pending = []
        if group.weights.ndim == 4:
            line.append(_convolution(group, convention))
            pending = [Activation(hints.activation), *[Pool()] * (index in pools)]
            index += 1
            continue
        if not any(isinstance(layer, Linear | Mean) for layer in line):
            line.append(Mean())
        weights = turned(group.weights, convention)
        line.append(Linear(weights, _bias(group, weights)))
        pending = [Activation(hints.activation)]
    return tuple(line)


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


def _pools(
    convolutions: Sequence[LayerState], norms: Sequence[LayerState]
) -> tuple[int, ...]:
    """After which convolutions a gap in the numbers leaves room for a maximum.

    Nothing follows the last one: where there are gaps it has a maximum too, as in every
    VGG.

    Raises:
        ConfigError: If the names have no such numbers.
    """
    stems, places = _counted(convolutions)
    if len(stems) == 1 and places:
        taken = [place for norm in norms for place in _counted([norm])[1]]
        # An activation each, and a norm where there is one.
        gaps = [
            b - a - 2 - sum(a < place < b for place in taken)
            for a, b in pairwise(places)
        ]
        if all(gap in (0, 1) for gap in gaps):
            found = [i for i, gap in enumerate(gaps) if gap]
            return (*found, *[len(gaps)] * bool(found))
    raise ConfigError(
        "The names of the file do not tell which convolutions are followed by a 2 x 2 "
        "maximum: say `--pools` with their numbers from 0 on, such as 0,1,3, or "
        "`--pools none`."
    )


def _counted(groups: Sequence[LayerState]) -> tuple[list[str], list[int]]:
    """What stands before the numbers at the end of names; these, if all have one."""
    found = [re.fullmatch(r"(.*?)(\d+)", group.name) for group in groups]
    stems = {match[1] if match else "" for match in found}
    return sorted(stems), [numbers_of(m[2])[0] for m in found if m and all(found)]


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
        if name not in named or not named[name].is_norm:
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
