"""Random numbers that do not depend on the precision they are used in.

A generator asked for float64 gives other numbers than for float32. Here the type of the
draw is fixed and the result is cast, so that precision changes rounding alone: float32
inside compiled programs, and float64 on the host where a study computes in it.
"""

import inspect
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, Float64, PRNGKeyArray


Shape = Sequence[int]


def normal(key: PRNGKeyArray, shape: Shape, dtype: DTypeLike) -> Float[Array, "..."]:
    """Standard normal numbers, drawn in float32."""
    return jax.random.normal(key, shape, "float32").astype(dtype)


def uniform(
    key: PRNGKeyArray, shape: Shape, dtype: DTypeLike, *, bound: float | Array
) -> Float[Array, "..."]:
    """Uniform numbers in [-bound, bound), drawn in float32."""
    return jax.random.uniform(key, shape, "float32", -bound, bound).astype(dtype)


def uniform_each(
    keys: Sequence[PRNGKeyArray],
    shapes: Sequence[tuple[int, ...]],
    dtype: DTypeLike,
    *,
    bounds: Sequence[float],
) -> list[Float[Array, "..."]]:
    """What `uniform` gives for every key, shape and bound, from one draw.

    The first numbers of a key do not depend on how many are drawn, and each draw of its
    own would add half a second to the compilation.
    """
    sizes = [math.prod(shape) for shape in shapes]
    drawn = jax.vmap(
        lambda key, bound: uniform(key, (max(sizes),), "float32", bound=bound)
    )(jnp.stack(keys), np.array(bounds, "float32"))
    return [
        row[:size].reshape(shape).astype(dtype)
        for row, size, shape in zip(drawn, sizes, shapes, strict=True)
    ]


def truncated_normal(
    key: PRNGKeyArray, shape: Shape, dtype: DTypeLike, *, bound: float
) -> Float[Array, "..."]:
    """Standard normal numbers within [-bound, bound], drawn in float32."""
    drawn = jax.random.truncated_normal(key, -bound, bound, shape, "float32")
    return drawn.astype(dtype)


def fair_coins(key: PRNGKeyArray, shape: Shape) -> Bool[Array, "..."]:
    """True or false with equal chances, from numbers drawn in float32."""
    return jax.random.bernoulli(key, np.float32(0.5), shape)


def host_normal(key: PRNGKeyArray, shape: Shape) -> Float64[np.ndarray, "..."]:
    """Standard normal numbers on the host, in float64 whatever JAX's flag."""
    with jax.enable_x64(True):
        return np.array(jax.random.normal(key, shape, "float64"))


def host_uniform(
    key: PRNGKeyArray, shape: Shape, low: float = 0.0, high: float = 1.0
) -> Float64[np.ndarray, "..."]:
    """Uniform numbers in [low, high) on the host, in float64 whatever JAX's flag."""
    with jax.enable_x64(True):
        return np.array(jax.random.uniform(key, shape, "float64", low, high))


def arpack_start(size: int) -> dict[str, Any]:
    """Options of `eigsh` by which it gives the same numbers again.

    It would draw its start. From SciPy 1.17 on it also draws where it has found an
    invariant subspace, as of a matrix of low rank.
    """
    from scipy.sparse.linalg import eigsh  # It takes long to import, and few want it.

    options: dict[str, Any] = {"v0": np.random.default_rng(0).standard_normal(size)}
    if "rng" in inspect.signature(eigsh).parameters:
        options["rng"] = np.random.default_rng(0)
    return options
