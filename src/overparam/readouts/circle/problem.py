"""The readout's problem for ReLU features on the circle, exact and without N x M."""

import math

import equinox as eqx
import jax
import jax.custom_batching
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ...errors import ConfigError
from ...networks.network import Network
from ...networks.two_layer import TwoLayer
from ..problem import ReadoutProblem, movable
from ..ridge import solve_positive
from . import direct as circle_direct
from .folded import Folded
from .moments import CircleMoments, SampledMoments


_SURE = 1e4
"""Penalties above so many roots of the unit roundoff need no check of the solution."""


class CircleProblem(ReadoutProblem):
    r"""ReLU features of plane inputs, seen through the angular moments of the data.

    Every method costs O((M + N) log(M + N)) or less, but for `gram`, O(M^2), and for
    `solve` with `dense_solve`, O(M^3). The O(M) solution loses digits like
    $u/\lambda^2$ (unit roundoff u). Where that can matter it is checked (see `solves`),
    and the whole Gram matrix is factored where it does not hold, as accurate as
    `ridge_readout`. Forces are differences of moments, accurate to $u$ times them:
    $u/\lambda$ of a velocity of order one.

    Attributes:
        network: A bias-free two-layer ReLU network with inputs in the plane.
        data: Moments of the data.
        folded: Its neurons, sorted.
        dense_solve: Always solve by Cholesky of the whole Gram matrix.

    Example:
        ```python
        inputs, targets = np.asarray(x[:, :2]), np.asarray(y[:, 0])
        moments = op.readouts.SampledMoments(inputs, targets, dtype="float32")
        student = op.two_layer(2, 8, 1, scaling="mean-field", key=key)
        problem = op.readouts.CircleProblem(student, moments)
        problem.solve(jnp.asarray(0.1), jnp.ones((8, 1))).shape
        ```
    """

    network: TwoLayer
    data: CircleMoments
    folded: Folded
    dense_solve: bool = eqx.field(static=True)

    def __init__(
        self, network: Network, data: CircleMoments, *, dense_solve: bool = False
    ) -> None:
        if not (
            isinstance(network, TwoLayer)
            and network.activation == "relu"
            and not network.skip
            and network.weights.shape[0] == 2
        ):
            raise ConfigError(
                "The fast solvers need bias-free ReLU features on the circle; "
                "use `dense` or `cg`."
            )
        self.network = network
        self.data = data
        self.folded = Folded(network.weights, data)
        self.dense_solve = dense_solve

    def solve(
        self, penalty: Float[Array, ""], centre: Float[Array, "m 1"]
    ) -> Float[Array, "m 1"]:
        if self.dense_solve:
            return self._dense(penalty, centre)
        right = self._sorted_target() + penalty * centre[self.folded.order]
        return _verified(self, self._direct(right, penalty), penalty, centre)

    def _direct(
        self, right: Float[Array, "m 1"], penalty: Float[Array, ""]
    ) -> Float[Array, "m 1"]:
        """The O(M) solution with a sorted right-hand side."""
        scale = self.network.scale
        solved = circle_direct.solve(self.folded, right, penalty=penalty, scale=scale)
        return self.folded.unsort(solved)

    def _refined(
        self,
        readout: Float[Array, "m 1"],
        penalty: Float[Array, ""],
        centre: Float[Array, "m 1"],
    ) -> Float[Array, "m 1"]:
        """The solution less what the same solver makes of its residual."""
        residual = self.gradient(readout) + penalty * (readout - centre)
        return readout - self._direct(residual[self.folded.order], penalty)

    def _dense(
        self, penalty: Float[Array, ""], centre: Float[Array, "m 1"]
    ) -> Float[Array, "m 1"]:
        right = self._sorted_target() + penalty * centre[self.folded.order]
        matrix = self.network.scale * circle_direct.gram(self.folded)
        return self.folded.unsort(solve_positive(matrix, right, shift=penalty))

    def gram(self) -> Float[Array, "m m"]:
        matrix = self.network.scale * circle_direct.gram(self.folded)
        place = jnp.argsort(self.folded.order)
        return matrix[place][:, place]

    def product(self, readout: Float[Array, "m 1"]) -> Float[Array, "m 1"]:
        image = self.folded.second(self._charges(readout))
        return self._project(image)

    def target(self) -> Float[Array, "m 1"]:
        return self.folded.unsort(self._sorted_target())

    def gradient(self, readout: Float[Array, "m 1"]) -> Float[Array, "m 1"]:
        return self._project(self._pull(readout))

    def feature_gradient(self, readout: Float[Array, "m 1"]) -> PyTree[Array]:
        pull = self.folded.unsort(self._pull(readout))
        moving = eqx.filter(self.network, movable(self.network))
        return eqx.tree_at(lambda net: net.weights, moving, (readout * pull).T)

    def mean_square(self, readout: Float[Array, "m 1"]) -> Float[Array, ""]:
        # In the Gram form, which loses about 1e-16; `exact_mean_square` does not.
        both = self.gradient(readout) - self.target()
        square = self.network.scale * jnp.sum(readout * both) + self.data.mean_square
        return jnp.maximum(square, 0)

    def exact_mean_square(self, readout: Float[Array, "m 1"]) -> Float[Array, ""]:
        """Mean squared residual, sample by sample where the data are samples."""
        if not isinstance(self.data, SampledMoments):
            return self.mean_square(readout)
        outputs = self.outputs(readout, self.data.inputs, self.data.angles)
        return jnp.mean((outputs - self.data.targets) ** 2)

    def outputs(
        self,
        readout: Float[Array, "m 1"],
        inputs: Float[Array, "n 2"],
        angles: Float[Array, " n"],
    ) -> Float[Array, " n"]:
        """Outputs of the network at inputs whose angles are known."""
        folded = self.folded
        theta = jnp.arctan2(folded.weights[:, 1], folded.weights[:, 0])
        ends = jnp.mod(theta + math.pi / 2, math.pi)
        charges = self._charges(readout)
        passed = jnp.cumsum(folded.sign * charges, axis=0)
        start = jnp.sum(jnp.where(folded.sign < 0, charges, 0), axis=0, keepdims=True)
        slopes = jnp.concatenate([start, start + passed, start + passed[-1:] - passed])
        place = jnp.searchsorted(jnp.concatenate([ends - math.pi, ends]), angles)
        return jnp.sum(inputs * slopes[place], axis=1)

    def _charges(self, readout: Float[Array, "m 1"]) -> Float[Array, "m 2"]:
        weights = self.folded.weights
        return self.network.scale * readout[self.folded.order] * weights

    def _pull(self, readout: Float[Array, "m 1"]) -> Float[Array, "m 2"]:
        r"""$\mathbb{E}[r\,x\,1\{w_j \cdot x > 0\}]$ of the residual $r$, sorted."""
        return self.folded.second(self._charges(readout)) - self.folded.cross()

    def _sorted_target(self) -> Float[Array, "m 1"]:
        folded = self.folded
        return jnp.sum(folded.weights * folded.cross(), axis=1, keepdims=True)

    def _project(self, vectors: Float[Array, "m 2"]) -> Float[Array, "m 1"]:
        along = jnp.sum(self.folded.weights * vectors, axis=1, keepdims=True)
        return self.folded.unsort(along)


# Batched, `cond` would factor every Gram matrix: it is asked one problem at a time.
@jax.custom_batching.sequential_vmap
def _verified(
    problem: CircleProblem,
    readout: Float[Array, "m 1"],
    penalty: Float[Array, ""],
    centre: Float[Array, "m 1"],
) -> Float[Array, "m 1"]:
    """`readout` where it solves the problem, else refined once, else the dense one.

    Near the centre the solution is far smaller than its right-hand side, and what is
    asked of the residual far less than the solver leaves. Refined it is as accurate as
    the dense solution, at a hundredth of the time.
    """

    def dense() -> Float[Array, "m 1"]:
        return problem._dense(penalty, centre)

    def refined() -> Float[Array, "m 1"]:
        better = problem._refined(readout, penalty, centre)
        solves = problem.solves(better, penalty, centre)
        return jax.lax.cond(solves, lambda: better, dense)

    sure = penalty > _SURE * jnp.sqrt(jnp.finfo(readout.dtype).eps)
    solves = jax.lax.cond(
        sure,
        lambda: jnp.ones((), bool),
        lambda: problem.solves(readout, penalty, centre),
    )
    return jax.lax.cond(solves, lambda: readout, refined)


def prefix_problem(network: Network, data: CircleMoments) -> CircleProblem:
    """The same problem, solved by Cholesky of the prefix-sum Gram matrix.

    Example:
        ```python
        inputs, targets = np.asarray(x[:, :2]), np.asarray(y[:, 0])
        moments = op.readouts.SampledMoments(inputs, targets, dtype="float32")
        student = op.two_layer(2, 8, 1, scaling="mean-field", key=key)
        op.readouts.prefix_problem(student, moments).gram().shape
        ```
    """
    return CircleProblem(network, data, dense_solve=True)
