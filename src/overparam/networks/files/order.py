"""In which order the layers of a file come, and what a reader may be told of it."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from ...errors import ConfigError
from .chain import NoChainError
from .names import LayerState, numbers_of, stem_of


Convention = Literal["auto", "torch", "keras"]
"""Whether matrices are (outputs, inputs) or (inputs, outputs)."""

MOST_ORDERS = 7
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


def placed(
    groups: Sequence[LayerState], hints: Hints
) -> tuple[Sequence[LayerState], bool]:
    """The layers as `order`, numbers or the file have them, and whether one does.

    Numbers come before the file, which may be sorted by name or, as a state of
    PyTorch, by what was made first.

    Raises:
        ConfigError: If `order` names others, or nothing tells the place of a norm.
    """
    if hints.order:
        by_name = {group.name: group for group in groups}
        if sorted(hints.order) != sorted(by_name):
            raise ConfigError(
                f"`order` must name every layer once: {', '.join(by_name)}; got "
                f"{', '.join(hints.order)}."
            )
        return [by_name[name] for name in hints.order], True
    places = _places(groups)
    if places is not None:
        return sorted(groups, key=lambda group: places[group.name]), True
    norms = [group.is_norm for group in groups]
    if any(norms) and not (hints.ordered and True not in map(all, pairwise(norms))):
        raise several_orders(groups)
    return groups, hints.ordered


def _places(groups: Sequence[LayerState]) -> dict[str, tuple[Any, ...]] | None:
    """What to sort layers by; `None` where numbers in the names do not tell.

    Convolutions come before linear layers. A norm is counted with the layers of its
    stem, or has the number of its layer, or all are counted together.
    """
    layers = [group for group in groups if not group.is_norm]
    counted = {layer.name: _count(layer) for layer in layers}
    # Keras has `dense` before `dense_1`.
    numbered = {stem for stem, _ in counted.values()}
    for layer in layers:
        stem, numbers = counted[layer.name]
        if layer.is_kernel and f"{stem}_#" in numbered:
            counted[layer.name] = f"{stem}_#", (*numbers, 0)
    stems = [
        {counted[g.name][0] for g in layers if g.weights.ndim == ndim}
        for ndim in (4, 2)
    ]
    if any(len(each) > 1 for each in stems):
        return None
    if stems[0] == stems[1]:
        stems = stems[:1]
    found: dict[str, tuple[Any, ...]] = {}
    parts: dict[tuple[int, ...], int] = {}
    for group in sorted(groups, key=lambda group: group.is_norm):
        first, numbers = counted.get(group.name, _count(group))
        stem = {first}
        if stem in stems:
            part = parts[numbers] = stems.index(stem)
        elif numbers and numbers in parts:
            part = parts[numbers]
        else:
            found = {each.name: numbers_of(each.name) for each in groups}
            break
        found[group.name] = part, numbers, group.is_norm
    distinct = len({*found.values()}) == len(found)
    return found if distinct and all(found.values()) else None


def _count(layer: LayerState) -> tuple[str, tuple[int, ...]]:
    return stem_of(layer.name), numbers_of(layer.name)


def several_orders(groups: Sequence[LayerState]) -> ConfigError:
    """What to raise where nothing says in which order layers come."""
    return ConfigError(
        f"The layers {', '.join(names(groups))} may come in several orders: say "
        "`--order` with their names from the inputs on, separated by commas."
    )


def turned(weights: np.ndarray, convention: Convention) -> np.ndarray:
    """A matrix as (inputs, outputs)."""
    return weights.T if convention == "torch" else weights


def orders(
    groups: Sequence[LayerState], convention: Convention
) -> Iterator[tuple[LayerState, ...]]:
    """The orders in which every layer takes what the one before gives."""
    weights = [turned(group.weights, convention) for group in groups]
    for matrix, group in zip(weights, groups, strict=True):
        bias = group.arrays.get("bias")
        if bias is not None and bias.shape != matrix.shape[1:]:
            return
    several = itertools.permutations(range(len(groups)))
    for order in several if len(groups) <= MOST_ORDERS else [range(len(groups))]:
        sizes = [weights[i].shape for i in order]
        if all(a[1] == b[0] for a, b in pairwise(sizes)):
            yield tuple(groups[i] for i in order)


def names(groups: Sequence[LayerState]) -> tuple[str, ...]:
    """What layers are called."""
    return tuple(group.name for group in groups)


def in_order(
    groups: Sequence[LayerState],
    weights: Mapping[str, np.ndarray],
    hints: Hints,
    *,
    told: bool,
) -> tuple[LayerState, ...]:
    """The layers from the inputs on: as they are placed, or as shapes have them.

    Raises:
        ConfigError: If several orders fit and nothing says which.
    """
    sizes = [weights[group.name].shape for group in groups]
    fits = all(a[1] == b[0] for a, b in pairwise(sizes))
    if hints.order or (told and fits):
        return tuple(groups)
    laid = [LayerState(g.name, g.arrays | {"weights": weights[g.name]}) for g in groups]
    fitting = [*itertools.islice(orders(laid, "keras"), 2)]
    by_name = {group.name: group for group in groups}
    if not fitting:
        raise NoChainError("no layer takes what another one gives")
    if len(fitting) == 1:
        return tuple(by_name[name] for name in names(fitting[0]))
    raise several_orders(groups)
