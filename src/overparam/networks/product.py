"""The product of a small batch with weights, whose gradient is fast on a CPU."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float


# Measured on one core (jax 0.10.2): within these limits the gradient written out is
# never slower than the product that XLA makes of it, and up to twice as fast.
_LARGEST_BATCH = 16
_MOST_WEIGHTS = 2**17


def product(
    x: Float[Array, "batch n_inputs"], weights: Float[Array, "n_inputs n_outputs"]
) -> Float[Array, "batch n_outputs"]:
    r"""$XW$, whose gradient $\sum_b x_b \otimes g_b$ is written out for small batches.

    For ten samples the general product $X^\top G$ is mostly overhead on a CPU; the sum
    of ten terms is one vectorised pass over the weights.

    Args:
        x: Inputs.
        weights: Weights.
    """
    small = x.ndim == 2 and is_small(x.shape[0], weights.size)
    if small and jax.default_backend() == "cpu":
        return _written_out(x, weights)
    return x @ weights


def is_small(batch_size: int, n_weights: int) -> bool:
    """Whether one core should do a step on such a batch by itself."""
    return 1 <= batch_size <= _LARGEST_BATCH and n_weights <= _MOST_WEIGHTS


# A derivative rule for both modes: reverse mode transposes the tangent below.
@jax.custom_jvp
def _written_out(x: Array, weights: Array) -> Array:
    return x @ weights


def _tangent(primals: tuple[Array, Array], tangents: tuple[Any, Any]) -> Any:
    (x, weights), (dx, dweights) = primals, tangents
    moved = jnp.zeros((x.shape[0], weights.shape[1]), x.dtype)
    if not isinstance(dx, SymbolicZero):
        moved = dx @ weights
    if not isinstance(dweights, SymbolicZero):
        dweights = _kept(dweights)
        rows = [jnp.sum(row[:, None] * dweights, axis=0) for row in _kept(x)]
        moved = moved + _kept(jnp.stack(rows))
    return _written_out(x, weights), moved


_written_out.defjvp(_tangent, symbolic_zeros=True)


def _kept(array: Array) -> Array:
    # Fused into the sum, what makes `x` and `g` would be computed for every weight;
    # what uses the sum would compute it again. (See `training/compilation.py`.)
    return jax.lax.optimization_barrier(array)
