"""A risk as a function of one flat vector of weights, and its curvatures.

Under Gaussian inputs ReLU kinks are averaged out: the exact risk is twice
differentiable wherever no neuron is zero, so that its Hessian tells local minima from
saddles. The loss over samples has a Hessian off its kinks.
"""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from ...checks import arrays_by_shape, at_least
from ...errors import ConfigError, SolverError
from ...limits.lanczos import largest_eigenvalues, most_vectors
from ...memory import Need, check_memory
from ...networks.finite import check_finite
from ...networks.layers import trained_parts
from ..risk import Risk, Student, doubled


Vector = Float[np.ndarray, " n_weights"]

# Up to this size the whole matrix costs less than Lanczos iterations.
_DENSE = 400


@arrays_by_shape
@dataclass(frozen=True, kw_only=True)
class Curvatures:
    """The lower end of the spectrum of the Hessian of a risk."""

    values: Float[np.ndarray, " count"]
    """Smallest eigenvalues, ascending; rescaling leaves a 0 per neuron at a minimum."""
    direction: Any
    """Eigenvector of the smallest one, of norm 1, in the shape of the student."""
    gradient_norm: float
    """Norm of the gradient: curvatures decide only where it is small."""


def smallest_curvatures(
    student: Student, risk: Risk, *, count: int = 6, tolerance: float = 1e-5
) -> Curvatures:
    r"""The smallest eigenvalues of the Hessian of a risk, in float64.

    The Hessian is that of automatic differentiation; of large students only products
    with it are formed (Lanczos).

    Args:
        student: Where the Hessian is taken, in all its weights.
        risk: What is differentiated.
        count: Number of eigenvalues, less than that of weights.
        tolerance: Largest residual of the eigenvectors, relative to the largest
            eigenvalue; the error of an eigenvalue is of its square.

    Raises:
        ConfigError: As the risk, or if Lanczos vectors do not fit into memory.
        SolverError: If Lanczos iterations do not converge.

    Example:
        ```python
        teacher = op.data.teacher(3, 2, 1, key=key)
        risk = op.analysis.ExactRisk(teacher)
        op.analysis.smallest_curvatures(network, risk, count=2).values
        ```
    """
    at_least(1, count=count)
    with jax.enable_x64(True):
        surface = Surface(student, risk)
        if not surface.size:
            raise ConfigError("The network has no weights, whose curvature is asked.")
        if count >= surface.size:
            raise ConfigError(
                f"`count` must be below the {surface.size} weights, got {count}."
            )
        values, vectors = _lowest(surface, count, tolerance)
        _, gradient = surface.value_and_gradient(surface.start)
        return Curvatures(
            values=values,
            direction=surface.direction(vectors[:, 0]),
            gradient_norm=float(np.linalg.norm(gradient)),
        )


class Surface:
    """A risk as a function of all weights of a student, in float64."""

    def __init__(self, student: Student, risk: Risk) -> None:
        check_finite(student)
        student, risk = doubled((student, risk))
        moving, constant = eqx.partition(student, trained_parts(student, ()))
        self._fixed = moving, constant, risk
        start, self._unravel = ravel_pytree(moving)
        self.start: Vector = np.asarray(start)
        self.size = self.start.size

    def network(self, flat: Vector) -> Any:
        """The student of these weights."""
        return eqx.combine(self._unravel(jnp.asarray(flat)), self._fixed[1])

    def direction(self, flat: Vector) -> Any:
        """A change of the weights in the shape of the student, 0 where none trains."""
        still = jax.tree.map(jnp.zeros_like, self._fixed[1])
        return eqx.combine(self._unravel(jnp.asarray(flat)), still)

    def value_and_gradient(self, flat: Vector) -> tuple[float, Vector]:
        """Risk and gradient."""
        value, gradient = _both(flat, *self._fixed)
        return float(value), np.asarray(gradient)

    def matrix(self) -> Float[np.ndarray, "n_weights n_weights"]:
        """The Hessian."""
        return np.asarray(_matrix(self.start, *self._fixed))

    def product(self, vector: Vector) -> Vector:
        """The Hessian times a vector."""
        return np.asarray(_product(self.start, vector, *self._fixed))


# Of `like` the shapes are used alone; a module-level `jit` compiles once for them.
def _risk(
    flat: Array, like: Student, constant: Student, risk: Risk
) -> Float[Array, ""]:
    return risk(eqx.combine(ravel_pytree(like)[1](flat), constant))


_both = jax.jit(jax.value_and_grad(_risk))
_matrix = jax.jit(jax.hessian(_risk))


@jax.jit
def _product(flat: Array, vector: Array, *fixed: Any) -> Array:
    gradient = jax.grad(_risk)
    return jax.jvp(lambda at: gradient(at, *fixed), (flat,), (vector,))[1]


def _lowest(
    surface: Surface, count: int, tolerance: float
) -> tuple[Float[np.ndarray, " count"], Float[np.ndarray, "n_weights count"]]:
    if surface.size <= max(_DENSE, 10 * count):
        values, vectors = np.linalg.eigh(surface.matrix())
        return values[:count], vectors[:, :count]
    # Beside the basis stand its blocks' images, and a copy when it grows.
    n_vectors = ("Lanczos vectors", 2 * most_vectors(count))
    check_memory(Need("the Hessian", (("weights", surface.size), n_vectors), 8))
    # The smallest of the Hessian are the largest of its negative; near 0 a residual
    # relative to the eigenvalue would ask for more than there is.
    found = largest_eigenvalues(
        lambda vector: -surface.product(vector),
        surface.size,
        count,
        tolerance=0.0,
        floor=tolerance,
    )
    if found is None:
        raise SolverError(
            f"The {count} smallest curvatures of {surface.size} weights did not "
            f"converge to {tolerance:g}; ask for fewer or a larger `tolerance`."
        )
    return -found[0], found[1]
