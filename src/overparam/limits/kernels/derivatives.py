"""Derivatives of a network in its weights at a set of inputs, as terms of a kernel."""

import functools
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from ...errors import ConfigError
from ...networks.finite import check_finite
from ...networks.layers import trained_parts
from ...networks.network import Network, check_network, output_shape
from ...networks.view import depends_on_batch
from .layered import Term, is_layered, layer_terms
from .linearised import derivative


Inputs = Float[Array, "n *input"] | Float[np.ndarray, "n *input"]


@dataclass(frozen=True, eq=False)
class Derivatives:
    """A network at some inputs, its weights that count apart from the others.

    Attributes:
        x: The inputs, in the type of the network.
        moving: The weights that count; the rest is `fixed`.
        fixed: The rest of the network.
        fields: Fields whose weights count; empty for all.
        n_outputs: Number of outputs.
    """

    x: Inputs
    moving: Any
    fixed: Any
    fields: tuple[str, ...]
    n_outputs: int

    @classmethod
    def of(
        cls, network: Network, x: Inputs, *, trained: tuple[str, ...], name: str
    ) -> "Derivatives":
        """Of a network at inputs that are called `name`.

        Raises:
            ConfigError: If it is no network, weights or inputs are not finite, a field
                is unknown, or the inputs do not fit the network.
        """
        check_network(network)
        check_finite(network)
        moving, fixed = eqx.partition(network, trained_parts(network, trained))
        x = np.asarray(x, network.readout.dtype)
        if not len(x) or not np.isfinite(x).all():
            what = "hold finite inputs" if len(x) else "hold inputs"
            raise ConfigError(f"`{name}` must {what}, got the shape {x.shape}.")
        found = output_shape(network, jnp.asarray(x[:1]), of=f"`{name}` has")
        return cls(x, moving, fixed, trained, found[1])

    @property
    def network(self) -> Network:
        """The network."""
        return eqx.combine(self.moving, self.fixed)

    @property
    def together(self) -> bool:
        """Whether the network is one function of all inputs together."""
        return depends_on_batch(self.network)

    def row_bytes(self, *, traced: bool) -> int:
        """Memory that the terms of one input take."""
        one: Any = jax.eval_shape(lambda: self.terms(np.array([0]), traced=traced))
        return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(one))

    def terms(self, rows: Int[np.ndarray, " b"], *, traced: bool) -> list[Term]:
        """Terms of the kernel at some of the inputs."""
        network = self.network
        if is_layered(network):
            found = _layer_terms(network, jnp.asarray(self.x[rows]), traced=traced)
            chosen = self.fields or tuple(found)
            return [term for name in found if name in chosen for term in found[name]]
        if self.together:
            jacobian = _rows_of_whole(
                self.moving, self.fixed, jnp.asarray(self.x), jnp.asarray(rows)
            )
        else:
            jacobian = _row_by_row(self.moving, self.fixed, jnp.asarray(self.x[rows]))
        return [Term(None, jacobian.reshape(len(rows), -1) if traced else jacobian)]

    def product(
        self, vector: Float[np.ndarray, "n n_outputs"], *, block_rows: int
    ) -> Float[np.ndarray, "n n_outputs"]:
        r"""$J J^\top v$, of so many inputs at one time."""
        size = len(self.x) if self.together else block_rows
        blocks = [
            (jnp.asarray(self.x[at]), jnp.asarray(vector[at], self.x.dtype))
            for at in slices(len(self.x), size)
        ]
        pulled = [_pulled(self.moving, self.fixed, x, v) for x, v in blocks]
        along = functools.reduce(functools.partial(jax.tree.map, jnp.add), pulled)
        pushed = [_pushed(self.moving, self.fixed, x, along) for x, _ in blocks]
        return np.concatenate([np.asarray(part, np.float64) for part in pushed])


def slices(n: int, size: int) -> list[slice]:
    """Consecutive parts of n rows."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


_layer_terms = eqx.filter_jit(layer_terms)


@eqx.filter_jit
def _row_by_row(moving: Any, fixed: Any, x: Array) -> Array:
    """The Jacobian (batch, n_outputs, n_weights) of a function of each input alone."""

    def outputs(weights: Any, one: Array) -> Array:
        return eqx.combine(weights, fixed)(one[None])[0]

    # In a loop over inputs: batched, gradients of kernels of convolutions are slow.
    return jax.lax.map(lambda one: _flat(jax.jacrev(outputs)(moving, one)), x)


@eqx.filter_jit
def _rows_of_whole(moving: Any, fixed: Any, x: Array, rows: Array) -> Array:
    """Rows of the Jacobian of a function of all inputs together."""
    jacobian = jax.jacrev(lambda weights: eqx.combine(weights, fixed)(x)[rows])(moving)
    return jax.vmap(_flat)(jacobian)


def _flat(jacobian: PyTree[Array]) -> Float[Array, "n_outputs n_weights"]:
    leaves = jax.tree.leaves(jacobian)
    return jnp.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)


@eqx.filter_jit
def _pulled(moving: Any, fixed: Any, x: Array, vector: Array) -> PyTree[Array]:
    return jax.vjp(lambda weights: eqx.combine(weights, fixed)(x), moving)[1](vector)[0]


@eqx.filter_jit
def _pushed(moving: Any, fixed: Any, x: Array, along: PyTree[Array]) -> Array:
    return derivative(lambda weights: eqx.combine(weights, fixed)(x), moving, along)[1]
