"""Weights that are no network of ours: matrices by name, and no function."""

from collections.abc import Mapping
from typing import Any

import jax
from jaxtyping import Array

from ...errors import ConfigError
from ..network import Network


@jax.tree_util.register_pytree_with_keys_class
class NamedWeights:
    """The weights of a file that holds no chain of layers, in the order of the file.

    A matrix has a column for each unit, a kernel (height, width, in, out). What asks
    for matrices alone works on them (`tails`, the ratios of `prune`); whatever asks
    for a function or for neurons is refused.

    Attributes:
        arrays: Floating arrays by name.
        reason: Why they are no network, a part of a sentence.

    Example:
        ```python
        named = op.NamedWeights({"a": jnp.ones((3, 8))}, reason="it is one matrix")
        op.analyse(named, "prune").tables
        ```
    """

    def __init__(self, arrays: Mapping[str, Array], reason: str) -> None:
        self.arrays = dict(arrays)
        self.reason = reason

    def __repr__(self) -> str:
        return f"NamedWeights({len(self.arrays)} arrays; {self.reason})"

    def tree_flatten_with_keys(self) -> tuple[list[tuple[Any, Array]], Any]:
        """Names and arrays, for JAX."""
        key = jax.tree_util.DictKey
        leaves = [(key(name), array) for name, array in self.arrays.items()]
        return leaves, (tuple(self.arrays), self.reason)

    @classmethod
    def tree_unflatten(cls, names: Any, leaves: Any) -> "NamedWeights":
        """The same weights of other arrays, for JAX."""
        return cls(dict(zip(names[0], leaves, strict=True)), names[1])


def as_network(weights: Network | NamedWeights) -> Network:
    """The network that weights are.

    Raises:
        ConfigError: If they are none.
    """
    if isinstance(weights, NamedWeights):
        raise ConfigError(
            f"The weights are no network of a known form: {weights.reason}."
        )
    return weights
