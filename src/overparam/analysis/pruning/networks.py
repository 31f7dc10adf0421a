"""Networks without some of their parts: zeroed in place, or physically smaller."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float64, Int
from numpy import ndarray

from ...checks import one_of
from ...errors import ConfigError
from ...networks.activations import traits
from ...networks.biased import Biased
from ...networks.convolutional.resnet import ResNet
from ...networks.convolutional.vgg import VGG, NormalisedVGG
from ...networks.deep import MLP
from ...networks.files.named import NamedWeights
from ...networks.layers import (
    READOUT,
    hidden_layers,
    inputs_first,
    is_readout,
    outputs_first,
    parameters,
    path_name,
    turn_back,
)
from ...networks.network import Network
from ...networks.two_layer import TwoLayer
from ...noise.heavy_tailed import unit_shape
from .curves import PruningCurve


Part = Literal["filter", "kernel", "entry", "singular-value"]


@dataclass(frozen=True, kw_only=True)
class PruningRatios:
    """How much of a network is gone, counted in four ways; fractions in [0, 1]."""

    zeroed: float
    """Zeroed weights over all parameters, readout left out of both counts; biases and
    outgoing weights remain."""
    zeroed_with_readout: float
    """The same with the readout counted."""
    legacy: float
    """As the published code counts: an unpruned first convolution counts as gone."""
    removed: float | None
    """Parameters gone after physical removal, the readout counted; `None` where parts
    are no neurons, or nothing says which layers they feed."""
    columns: Mapping[str, float]
    """Removed fraction of the parts of every layer."""


def pruning_curves(
    network: Network | NamedWeights,
    *,
    part: Part = "filter",
    layers: Sequence[str] = (),
) -> dict[str, PruningCurve]:
    """The pruning curve of every prunable layer.

    Args:
        network: Any network, or weights by name.
        part: What is removed: a neuron (dense layer) or `filter` (convolution), a
            `kernel`, a single `entry`, or a `singular-value`.
        layers: Patterns of the pruned layers; empty for every hidden weight layer but
            the first convolution, or that one alone.

    Returns:
        Curves by layer name.

    Raises:
        ConfigError: If there is no layer, one is empty or not finite, or a pattern
            matches nothing.

    Example:
        `curve = op.analysis.pruning_curves(network)["weights"]`
    """
    return {
        name: PruningCurve(squared_sizes(weights, part=part))
        for name, weights in layer_weights(network, layers=layers).items()
    }


def layer_weights(
    network: Network | NamedWeights, *, layers: Sequence[str] = ()
) -> dict[str, Float[ndarray, "*shape"]]:
    """The hidden weight layers, or those that patterns name; at least one.

    They keep their type, which tells their rounding.

    Raises:
        ConfigError: If there is none, or one is empty or not finite.
    """
    found = inputs_first(network)
    names = hidden_layers(network, patterns=layers)
    if not names:
        raise ConfigError(
            f"{type(network).__name__} has no hidden weight layer; name layers by "
            f"patterns, there are {', '.join(found)}."
        )
    weights = {name: np.asarray(found[name]) for name in names}
    for name, values in weights.items():
        if not values.size:
            raise ConfigError(f"Layer `{name}` is empty, its shape is {values.shape}.")
        bad = int(np.sum(~np.isfinite(np.asarray(values, np.float64))))
        if bad:
            raise ConfigError(
                f"Layer `{name}` holds {bad} non-finite weights; the run has status "
                "diverged."
            )
    return weights


def squared_sizes(
    weights: Float[Array, "*shape"] | ndarray, *, part: Part = "filter"
) -> Float64[ndarray, " n"]:
    """Squared size of every part, in float64; they add up to the squared norm."""
    one_of(["filter", "kernel", "entry", "singular-value"], part=part)
    values = np.asarray(weights, np.float64)
    if part == "singular-value":
        return np.linalg.svd(_matrix(values), compute_uv=False) ** 2
    if part == "entry":
        return values.ravel() ** 2
    units = unit_shape(values.shape, unit=part)
    axes = tuple(i for i, size in enumerate(units) if size == 1 != values.shape[i])
    return np.sum(values**2, axis=axes).ravel()


def without(
    weights: Float[Array, "*shape"], curve: PruningCurve, k: int, *, part: Part
) -> Float[Array, "*shape"]:
    """The weights without their k smallest parts."""
    if part == "singular-value":
        values = np.asarray(weights, np.float64)
        u, s, vt = np.linalg.svd(_matrix(values), full_matrices=False)
        s[curve.removed(k)] = 0
        kept = (u * s) @ vt
        return jnp.asarray(kept.reshape(values.shape), weights.dtype)
    shape = weights.shape if part == "entry" else unit_shape(weights.shape, unit=part)
    keep = np.ones(len(curve), bool)
    keep[curve.removed(k)] = False
    return jnp.where(keep.reshape(shape), weights, jnp.zeros((), weights.dtype))


def masked(
    network: Network,
    curves: Mapping[str, PruningCurve],
    counts: Mapping[str, int],
    *,
    part: Part = "filter",
) -> Network:
    """The network with the smallest parts of every layer set to zero.

    Args:
        network: The network of the curves.
        curves: From `pruning_curves`.
        counts: Number of parts to remove, by layer.
        part: The part of the curves.
    """

    turned, found = outputs_first(network), inputs_first(network)

    def prune(path: tuple, leaf: Array) -> Array:
        name = path_name(path)
        if not counts.get(name):
            return leaf
        pruned = without(found[name], curves[name], counts[name], part=part)
        return turn_back(pruned) if name in turned else pruned.reshape(leaf.shape)

    return jax.tree_util.tree_map_with_path(prune, network)


def removed(
    network: Network, curves: Mapping[str, PruningCurve], counts: Mapping[str, int]
) -> Network:
    """The smaller network without the removed neurons and their outgoing weights.

    It has the outputs of `masked`; that needs an activation that is 0 at 0 and no
    biases.

    Raises:
        ConfigError: If the neurons of this network cannot be removed.
    """
    names, found = chain(network), parameters(network)
    kept = [
        np.delete(np.arange(len(curves[n])), curves[n].removed(counts[n]))
        if counts.get(n)
        else None
        for n in names[:-1]
    ]
    smaller = keep_units([found[name] for name in names], kept)
    *hidden, readout = smaller
    fields: dict[str, Any] = {"weights": hidden[0]}
    if isinstance(network, MLP):
        fields = {"layers": tuple(hidden)}
    if isinstance(network, VGG):
        fields = {"kernels": tuple(hidden)}
    return dataclasses.replace(network, **fields, readout=readout)


def keep_units(
    weights: Sequence[Float[Array, "..."]], kept: Sequence[Int[ndarray, " _"] | None]
) -> list[Float[Array, "..."]]:
    """Matrices or convolution kernels in a chain, with some units only.

    Args:
        weights: Every array maps its last axis but one to its last axis.
        kept: Kept units of all arrays but the last; `None` for all. Inputs beyond
            those units (the skip rows of a readout) stay.
    """
    smaller = list(weights)
    for index, keep in enumerate(kept):
        if keep is None:
            continue
        following = smaller[index + 1]
        n_units = smaller[index].shape[-1]
        rows = np.concatenate([keep, np.arange(n_units, following.shape[-2])])
        smaller[index] = smaller[index][..., keep]
        smaller[index + 1] = jnp.take(following, rows.astype(int), axis=-2)
    return smaller


def chain(network: Network) -> tuple[str, ...]:
    """Names of the weights from the input to the readout, if neurons can be removed."""
    if isinstance(network, MLP | VGG) and network.biases:
        raise ConfigError("A zeroed neuron with a bias gives an output; use `masked`.")
    if isinstance(network, VGG):
        return (*(f"kernels.{i}" for i in range(len(network.kernels))), READOUT)
    if not isinstance(network, MLP | TwoLayer):
        raise ConfigError(
            f"Neurons of {type(network).__name__} cannot be removed; use `masked`."
        )
    if traits(network.activation).active_at_zero:
        raise ConfigError(
            f"A zeroed {network.activation} neuron still gives an output; use `masked`."
        )
    return (*hidden_layers(network), READOUT)


def pruning_ratios(
    network: Network | NamedWeights,
    curves: Mapping[str, PruningCurve],
    counts: Mapping[str, int],
    *,
    part: Part = "filter",
) -> PruningRatios:
    """What fraction of the network is gone; arguments as in `masked`."""
    found = inputs_first(network)
    sizes = {name: leaf.size for name, leaf in found.items()}
    shapes = {name: leaf.shape for name, leaf in found.items()}
    gone = {
        name: _zeroed(shapes[name], len(curves[name]), k, part)
        for name, k in counts.items()
    }
    readouts = {name for name in sizes if is_readout(name)}
    total, last = sum(sizes.values()), sum(sizes[name] for name in readouts)
    vectors = {name for name, shape in shapes.items() if len(shape) == 1}
    untouched = set(sizes) - set(counts) - vectors - readouts
    hidden_gone = sum(gone[name] for name in set(gone) - readouts)
    hidden = max(total - last, 1)
    return PruningRatios(
        zeroed=hidden_gone / hidden,
        zeroed_with_readout=sum(gone.values()) / total,
        legacy=(hidden_gone + sum(sizes[name] for name in untouched)) / hidden,
        removed=_removed_ratio(network, shapes, counts, part),
        columns={name: k / len(curves[name]) for name, k in counts.items()},
    )


def _zeroed(shape: tuple[int, ...], n_parts: int, k: int, part: Part) -> int:
    if part != "singular-value":
        return math.prod(shape) // n_parts * k
    # A layer of rank r is stored as two factors, if they are smaller.
    rows, columns = math.prod(shape[:-1]), shape[-1]
    return max(0, rows * columns - (n_parts - k) * (rows + columns)) if k else 0


def _removed_ratio(
    network: Network | NamedWeights,
    shapes: Mapping[str, tuple[int, ...]],
    counts: Mapping[str, int],
    part: Part,
) -> float | None:
    chains = _chains_of_units(network)
    if part != "filter" or not chains:
        return None
    left, counted = 0, 0
    for stages in chains:
        lost = 0
        for names in stages:
            for name in names:
                *window, rows, columns = shapes[name]
                units = columns - counts.get(name, 0)
                own = len(_own_vectors(name) & shapes.keys())
                left += (math.prod(window) * (rows - lost) + own) * units
                counted += math.prod(shapes[name]) + own * columns
            lost = sum(counts.get(name, 0) for name in names)
    total = sum(math.prod(shape) for shape in shapes.values())
    # What belongs to no neuron stays.
    return 1 - (left + total - counted) / total


def _own_vectors(name: str) -> set[str]:
    """Names that vectors of one entry per unit of a layer may have."""
    if is_readout(name):
        return set()
    norms = {f"{name}_norm", name.replace("kernel", "norm")}
    vectors = {f"{norm}.{part}" for norm in norms for part in ("gain", "shift")}
    node, _, leaf = name.rpartition(".")
    if leaf == "weight":  # Of a layer of equinox.
        vectors.add(f"{node}.bias")
    return {name.replace(name.partition(".")[0], "biases")} | vectors


def _chains_of_units(
    network: Network | NamedWeights,
) -> list[list[tuple[str, ...]]]:
    """The chains of neurons that a network consists of; none where that is not known.

    In a residual network only the filters between two convolutions of a block feed one
    layer alone: what is added to the inputs of a block keeps its channels, and a filter
    that is taken out there takes its own parameters with it.
    """
    if not isinstance(network, ResNet):
        stages = _stages_of_units(network)
        return [stages] if stages else []
    chains = [[("stem",)], [(READOUT,)]]
    for index, block in enumerate(network.blocks):
        chains.append([(f"blocks.{index}.kernels.{i}",) for i in range(2)])
        if block.shortcut is not None:
            chains.append([(f"blocks.{index}.shortcut.kernel",)])
    return chains


def _stages_of_units(network: Network | NamedWeights) -> list[tuple[str, ...]]:
    """Names of the weights of a network that is one chain of neurons, else nothing.

    Weights of one stage stand side by side: neurons, and one that is linear. What a
    zeroed neuron still gives is a constant, for which no parameters are needed but
    those of an output bias, which are not counted.
    """
    if isinstance(network, VGG | NormalisedVGG):
        return [*((f"kernels.{i}",) for i in range(len(network.kernels))), (READOUT,)]
    if isinstance(network, MLP):
        return [*((f"layers.{i}",) for i in range(len(network.layers))), (READOUT,)]
    found = parameters(network)
    # Of a network within another all names begin alike.
    within = "inner." if isinstance(network, Biased) else ""
    names = [f"{within}{name}" for name in ("weights", "skip_weights", READOUT)]
    if names[0] not in found or names[2] not in found:
        own = isinstance(network, Network)
        return _one_layer(inputs_first(network)) if own else []
    return [tuple(name for name in names[:2] if name in found), (names[2],)]


def _one_layer(found: Mapping[str, Array]) -> list[tuple[str, ...]]:
    """The stages where one hidden array, its own vectors and the readout are all.

    With more arrays nothing says which of them follow each other.
    """
    readouts = [name for name in found if is_readout(name)]
    hidden = [name for name, leaf in found.items() if leaf.ndim > 1]
    hidden = [name for name in hidden if name not in readouts]
    if len(readouts) != 1 or len(hidden) != 1:
        return []
    before, after = found[hidden[0]], found[readouts[0]]
    vectors = found.keys() - {hidden[0], readouts[0]}
    of_units = all(found[name].size == before.shape[-1] for name in vectors)
    own = vectors <= _own_vectors(hidden[0]) and of_units
    fits = own and after.ndim == 2 and after.shape[0] == before.shape[-1]
    return [(hidden[0],), (readouts[0],)] if fits else []


def _matrix(values: Float64[ndarray, "*shape"]) -> Float64[ndarray, "rows columns"]:
    return values.reshape(-1, values.shape[-1])
