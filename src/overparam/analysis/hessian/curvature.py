"""The exact population risk as a function of one flat vector, and its curvatures.

ReLU kinks are averaged out: the risk under Gaussian inputs is twice differentiable
wherever no neuron is zero, so that its Hessian tells local minima from saddles.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from ...checks import at_least
from ...errors import ConfigError, SolverError
from ...limits.population import Covariance, population_loss
from ...networks.finite import check_finite
from ...networks.two_layer import TwoLayer


Vector = Float[np.ndarray, " n_weights"]

# Up to this size the whole matrix costs less than Lanczos iterations.
_DENSE = 400
_LANCZOS_VECTORS = 60


@dataclass(frozen=True, kw_only=True)
class Curvatures:
    """The lower end of the spectrum of the Hessian of the risk."""

    values: Float[np.ndarray, " count"]
    """Smallest eigenvalues, ascending; rescaling leaves a 0 per neuron at a minimum."""
    direction: TwoLayer
    """Eigenvector of the smallest one, of norm 1, in the shape of the student."""
    gradient_norm: float
    """Norm of the gradient: curvatures decide only where it is small."""


def smallest_curvatures(
    student: TwoLayer,
    teacher: TwoLayer,
    *,
    covariance: Covariance | None = None,
    count: int = 6,
    tolerance: float = 1e-5,
) -> Curvatures:
    r"""The smallest eigenvalues of the Hessian of the population risk.

    The Hessian is that of `population_loss` by automatic differentiation; of large
    students only products with it are formed (Lanczos).

    Args:
        student: Where the Hessian is taken, in all its weights.
        teacher: The network that labels.
        covariance: Covariance of the Gaussian inputs; `None` is the identity.
        count: Number of eigenvalues, less than that of weights.
        tolerance: Largest residual of the eigenvectors, relative to the largest
            eigenvalue; the error of an eigenvalue is of its square.

    Raises:
        ConfigError: As `risk`.
        SolverError: If Lanczos iterations do not converge.
    """
    at_least(1, count=count)
    with jax.enable_x64(True):
        surface = Surface(student, teacher, covariance)
        if count >= surface.size:
            raise ConfigError(
                f"`count` must be below the {surface.size} weights, got {count}."
            )
        values, vectors = _lowest(surface, count, tolerance)
        _, gradient = surface.value_and_gradient(surface.start)
        return Curvatures(
            values=values,
            direction=surface.network(vectors[:, 0]),
            gradient_norm=float(np.linalg.norm(gradient)),
        )


class Surface:
    """The risk of a teacher as a function of all weights of a student, in float64."""

    def __init__(
        self,
        student: TwoLayer,
        teacher: TwoLayer,
        covariance: Covariance | None = None,
    ) -> None:
        check_finite(student)
        self._fixed = _doubled((student, teacher, covariance))
        start, self._unravel = ravel_pytree(self._fixed[0])
        self.start: Vector = np.asarray(start)
        self.size = self.start.size

    def network(self, flat: Vector) -> TwoLayer:
        """The student of these weights."""
        return self._unravel(jnp.asarray(flat))

    def value_and_gradient(self, flat: Vector) -> tuple[float, Vector]:
        """Risk and gradient."""
        value, gradient = _both(flat, *self._fixed)
        return float(value), np.asarray(gradient)

    def matrix(self) -> Float[np.ndarray, "n_weights n_weights"]:
        """The Hessian."""
        return np.asarray(_matrix(self.start, *self._fixed))

    def shifted(self, shift: float) -> LinearOperator:
        """The Hessian less `shift` times the identity."""

        def product(vector: Vector) -> Vector:
            vector = np.ravel(vector)
            moved = _product(self.start, vector, *self._fixed)
            return np.asarray(moved) - shift * vector

        options: dict[str, Any] = {"matvec": product, "dtype": np.float64}
        return LinearOperator((self.size, self.size), **options)


# Of `like` the shapes are used alone; a module-level `jit` compiles once for them.
def _risk(
    flat: Array, like: TwoLayer, teacher: TwoLayer, covariance: Array | None
) -> Float[Array, ""]:
    student = ravel_pytree(like)[1](flat)
    return population_loss(student, teacher, covariance=covariance)


_both = jax.jit(jax.value_and_grad(_risk))
_matrix = jax.jit(jax.hessian(_risk))


@jax.jit
def _product(flat: Array, vector: Array, *fixed: Any) -> Array:
    gradient = jax.grad(_risk)
    return jax.jvp(lambda at: gradient(at, *fixed), (flat,), (vector,))[1]


def _doubled(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), tree)


def _lowest(
    surface: Surface, count: int, tolerance: float
) -> tuple[Float[np.ndarray, " count"], Float[np.ndarray, "n_weights count"]]:
    if surface.size <= _DENSE:
        values, vectors = np.linalg.eigh(surface.matrix())
        return values[:count], vectors[:, :count]
    try:
        # ARPACK's accuracy is relative to an eigenvalue: shifted, none is near 0.
        shift = 1.1 * abs(float(_lanczos(surface, 0.0, 1, "LM", 0.01)[0][0]))
        values, vectors = _lanczos(surface, shift, count, "SA", tolerance)
    except ArpackNoConvergence as error:
        raise SolverError(
            f"The {count} smallest curvatures of {surface.size} weights did not "
            f"converge to {tolerance:g}; ask for fewer or a larger `tolerance`."
        ) from error
    order = np.argsort(values)
    return values[order] + shift, vectors[:, order]


def _lanczos(
    surface: Surface, shift: float, count: int, which: str, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    options: dict[str, Any] = {
        "tol": tolerance,
        "ncv": max(4 * count, _LANCZOS_VECTORS),
        "v0": np.random.default_rng(0).standard_normal(surface.size),
    }
    found: Any = eigsh(surface.shifted(shift), k=count, which=which, **options)
    return found
