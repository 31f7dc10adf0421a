"""The two inner loops of a truncated Newton method, as pure functions."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


ARMIJO = 1e-4
"""Share of the predicted decrease that a step must reach (Armijo 1966)."""
SMALLEST_STEP = 2.0**-30
"""A line search that comes down to this step size has met rounding."""
ROUNDING = 10.0
"""Units in the last place by which two equal objectives may seem to differ."""

Matrix = Float[Array, "width k"]
Pair = tuple[Float[Array, ""], Float[Array, ""]]


class _Iterate(NamedTuple):
    solution: Matrix
    residual: Matrix
    direction: Matrix
    product: Float[Array, ""]
    n_iterations: Int[Array, ""]


def conjugate_gradients(
    apply: Callable[[Matrix], Matrix],
    precondition: Callable[[Matrix], Matrix],
    b: Matrix,
    *,
    tolerance: Float[Array, ""] | float,
    max_iterations: int,
) -> tuple[Matrix, Int[Array, ""]]:
    r"""Solve $A x = b$ for a positive semi-definite $A$, with $b$ in its range.

    Stops when $\sqrt{r^\top M^{-1} r}$ has fallen to `tolerance` of its first value.

    Args:
        apply: $v \mapsto A v$.
        precondition: $r \mapsto M^{-1} r$.
        b: Right-hand side; a matrix counts as one long vector.
        tolerance: Relative preconditioned residual norm.
        max_iterations: Most products with $A$.

    Returns:
        The solution and the number of products.
    """
    first = precondition(b)
    start = _Iterate(
        jnp.zeros_like(b), b, first, jnp.vdot(b, first), jnp.zeros((), jnp.int32)
    )

    def unsolved(now: _Iterate) -> Bool[Array, ""]:
        wanted = tolerance**2 * start.product
        return (now.product > wanted) & (now.n_iterations < max_iterations)

    def iterate(now: _Iterate) -> _Iterate:
        image = apply(now.direction)
        step = now.product / jnp.vdot(now.direction, image)
        residual = now.residual - step * image
        towards = precondition(residual)
        product = jnp.vdot(residual, towards)
        return _Iterate(
            now.solution + step * now.direction,
            residual,
            towards + (product / now.product) * now.direction,
            product,
            now.n_iterations + 1,
        )

    end = jax.lax.while_loop(unsolved, iterate, start)
    return end.solution, end.n_iterations


def line_search(
    along: Callable[[Float[Array, ""]], Float[Array, ""]],
    slope: Float[Array, ""],
    value: Float[Array, ""],
    *,
    resolution: float,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    r"""A step size $2^j$ that decreases a convex function: doubled while that helps.

    Far from the optimum a Newton step is too short: its doubling is what saves steps
    (measured on MNIST with 1000 random features: 6 steps and 116 products instead of
    9 and 147).

    Args:
        along: Step size to objective.
        slope: Derivative at zero, negative.
        value: Objective at zero.
        resolution: Relative precision of the objective.

    Returns:
        The step size and the objective there; a size of at most `SMALLEST_STEP` means
        that rounding hides any decrease.
    """
    one = jnp.ones_like(slope)
    slack = ROUNDING * resolution * jnp.abs(value)

    def improves(pair: Pair) -> Bool[Array, ""]:
        return along(2 * pair[0]) < pair[1]

    def insufficient(pair: Pair) -> Bool[Array, ""]:
        wanted = value + ARMIJO * (pair[0] * slope).astype(value.dtype) + slack
        # The negation also turns away from an objective that is not a number.
        return ~(pair[1] <= wanted) & (pair[0] > SMALLEST_STEP)

    def scaled(factor: float) -> Callable[[Pair], Pair]:
        return lambda pair: (factor * pair[0], along(factor * pair[0]))

    pair = jax.lax.while_loop(improves, scaled(2.0), (one, along(one)))
    return jax.lax.while_loop(insufficient, scaled(0.5), pair)
