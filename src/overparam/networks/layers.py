"""The weight layers of a network by name: which are hidden, which a pattern names.

A layer is known by its path in the tree (`weights`, `layers.0`, `readout`), never by
its shape: a hidden width that happens to equal the number of classes changes nothing.
"""

import dataclasses
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from ..checks import written
from ..errors import ConfigError


READOUT = "readout"
STATISTICS = "statistics"
"""Field of running statistics: arrays that are no parameters."""
MOVING, FIXED = "moving", "fixed"
"""Fields of a network made of one that trains and one that does not: its weights have
the names of the first."""

_NO_PARAMETERS = (STATISTICS, FIXED)


def check_start(start: PyTree, end: PyTree) -> None:
    """Refuse a network before training that is another function than the one after it.

    Raises:
        ConfigError: If they differ in the name or shape of a weight, or in a setting
            such as the activation.
    """
    before, after = (_form(each) for each in (start, end))
    for name in before | after:
        first, last = (each.get(name, "absent") for each in (before, after))
        if first != last:
            raise ConfigError(
                f"The start is no start of this network: they differ in `{name}`, "
                f"which is {first} in the start and {last} in the network."
            )


def _form(tree: PyTree) -> dict[str, Any]:
    """Shapes of the weights and settings of a network by name."""
    shapes = {name: array.shape for name, array in parameters(tree).items()}
    fields = dataclasses.fields(tree) if isinstance(tree, eqx.Module) else ()
    settings = {
        field.name: getattr(tree, field.name)
        for field in fields
        if field.metadata.get("static")
    }
    return {"class": type(tree).__name__} | shapes | settings


def parameters(tree: PyTree) -> dict[str, Array]:
    """The floating arrays of a tree by dotted path, in the order of the tree.

    Running statistics and constants are left out: nothing trains, shakes or prunes
    them.
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {
        path_name(path): leaf
        for path, leaf in leaves
        if eqx.is_inexact_array(leaf) and not _is_constant(tree, path)
    }


def inputs_first(tree: PyTree) -> dict[str, Array]:
    """The same arrays, each with the axis of its outputs last, after that of inputs.

    Equinox has them the other way round in its own layers, and biases of convolutions
    with an axis for every one of the image: here they are vectors.
    """
    turned = outputs_first(tree)
    biases = {f"{name.removesuffix('weight')}bias" for name in turned}
    return {
        name: turn(leaf) if name in turned else leaf.ravel() if name in biases else leaf
        for name, leaf in parameters(tree).items()
    }


def outputs_first(tree: PyTree) -> frozenset[str]:
    """Names of the weights whose outputs are their first axis: of equinox's layers."""

    def is_layer(node: Any) -> bool:
        return isinstance(node, eqx.nn.Linear | eqx.nn.Conv)

    leaves = jax.tree_util.tree_leaves_with_path(tree, is_leaf=is_layer)
    return frozenset(f"{path_name(p)}.weight" for p, leaf in leaves if is_layer(leaf))


def turn(weights: Array) -> Array:
    """(outputs, inputs, *window) as (*window, inputs, outputs)."""
    return jnp.moveaxis(weights, (0, 1), (-1, -2))


def turn_back(weights: Array) -> Array:
    """(*window, inputs, outputs) as (outputs, inputs, *window)."""
    return jnp.moveaxis(weights, (-1, -2), (0, 1))


def _is_constant(tree: Any, path: tuple[Any, ...]) -> bool:
    """Whether a path lies below a field that its class says nothing trains."""
    if field_name(path) in _NO_PARAMETERS:
        return True
    for key in path:
        if isinstance(key, jax.tree_util.GetAttrKey):
            if key.name in getattr(type(tree), "constants", ()):
                return True
            tree = getattr(tree, key.name)
        elif isinstance(tree, list | tuple):
            tree = tree[key.idx]
        elif isinstance(tree, dict):
            tree = tree[key.key]
        else:
            return False
    return False


def field_name(path: tuple[Any, ...]) -> str:
    """The name of the network's field in which a tree path begins."""
    return path_name(path).partition(".")[0]


def path_name(path: tuple[Any, ...]) -> str:
    """The dotted name of a tree path, as in the stored network."""
    name = jax.tree_util.keystr(path, simple=True, separator=".")
    return name.removeprefix(f"{MOVING}.")


def is_readout(name: str) -> bool:
    """Whether a parameter is the readout, of a network within another too."""
    return name.rpartition(".")[2] == READOUT


def weights_of(network: Any) -> Any:
    """The network whose fields hold the weights: of two in one, that which trains."""
    return getattr(network, MOVING, network)


def trained_parts(network: Any, trained: tuple[str, ...]) -> PyTree[bool]:
    """Which leaves of `network` move: those below the fields in `trained`, or all.

    Running statistics and constants never do.

    Raises:
        ConfigError: If the network has no field of one of these names, or none of them
            holds weights.
    """
    for name in trained:
        if not hasattr(weights_of(network), name):
            raise ConfigError(
                f"{type(network).__name__} has no part `{name}` to train."
            )

    def moves(path: tuple[Any, ...], leaf: Any) -> bool:
        chosen = not trained or field_name(path) in trained
        return eqx.is_inexact_array(leaf) and chosen and not _is_constant(network, path)

    found = jax.tree_util.tree_map_with_path(moves, network)
    if trained and not any(jax.tree.leaves(found)):
        listed = ", ".join(f"`{name}`" for name in trained)
        raise ConfigError(
            f"No weights of {type(network).__name__} lie in {listed}: nothing would "
            "train."
        )
    return found


def hidden_layers(tree: PyTree, *, patterns: Sequence[str] = ()) -> tuple[str, ...]:
    """Names of the hidden weight layers, or of all parameters that match a pattern.

    Without patterns: every matrix and every convolution kernel, except the readout and
    the first convolution; that one too where there is nothing else. Biases and
    normalisation parameters are no weight layers, but patterns may name them.

    Args:
        tree: A network, or a tree of its parameters.
        patterns: Shell patterns such as `layers.*`.

    Returns:
        The names in the order of the tree.

    Raises:
        ConfigError: If a pattern matches no parameter.
    """
    found = inputs_first(tree)
    if not patterns:
        hidden = [
            n for n, leaf in found.items() if leaf.ndim >= 2 and not is_readout(n)
        ]
        first = [name for name in hidden if found[name].ndim == 4][:1]
        return tuple(n for n in hidden if n not in first) or tuple(hidden)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in found):
            raise ConfigError(
                f"The layer pattern {written(pattern)} matches no parameter; there are "
                f"{', '.join(found)}."
            )
    return tuple(name for name in found if any(fnmatchcase(name, p) for p in patterns))
