r"""The readout's problem for fixed features: what every projection onto it needs.

With features $\Phi$ (N x M), scale $s$ and readout $U$ the risk is
$R = |s\Phi U - Y|^2/(2\lambda N) + s|U - c|^2/2$. Write $K = s\Phi^\top\Phi/N$ and
$B = \Phi^\top Y/N$; the optimal readout solves $(K + \lambda I)U = B + \lambda c$.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from ..data.source import Batch
from ..networks.network import Network
from .ridge import ridge_readout


_FLOOR = 100
"""Units in the last place of the right-hand side that any residual may have."""


class ReadoutProblem(eqx.Module):
    """One network and one batch, seen from the readout. Implementations may be exact
    shortcuts for special features; `DenseProblem` is the one that always works.
    """

    @abc.abstractmethod
    def solve(
        self, penalty: Float[Array, ""], centre: Float[Array, "m k"]
    ) -> Float[Array, "m k"]:
        r"""The optimal readout, $(K + \lambda I)^{-1}(B + \lambda c)$."""

    def solves(
        self,
        readout: Float[Array, "m k"],
        penalty: Float[Array, ""],
        centre: Float[Array, "m k"],
    ) -> Bool[Array, ""]:
        r"""Whether a readout is optimal to rounding of the risk.

        The residual $r = (K + \lambda)U - B - \lambda c$ adds at most
        $s|r|^2/(2\lambda^2)$ to the risk, of which $s|U - c|^2/2$ is a term: with
        $|r| \le u^{1/3} \lambda |U - c|$ (unit roundoff u) that is $u^{2/3}$ of it. A
        few units in the last place of the right-hand side are always allowed.
        """
        units = jnp.finfo(readout.dtype).eps
        pull = penalty * (readout - centre)
        residual = jnp.linalg.norm(self.gradient(readout) + pull)
        least = _FLOOR * units * jnp.linalg.norm(self.target() + penalty * centre)
        return residual <= units ** (1 / 3) * jnp.linalg.norm(pull) + least

    @abc.abstractmethod
    def gram(self) -> Float[Array, "m m"]:
        r"""$K = s\Phi^\top\Phi/N$."""

    @abc.abstractmethod
    def product(self, readout: Float[Array, "m k"]) -> Float[Array, "m k"]:
        """$K U$, without the matrix where a shortcut exists."""

    @abc.abstractmethod
    def target(self) -> Float[Array, "m k"]:
        r"""$B = \Phi^\top Y/N$."""

    @abc.abstractmethod
    def gradient(self, readout: Float[Array, "m k"]) -> Float[Array, "m k"]:
        """$K U - B$, from the residuals."""

    @abc.abstractmethod
    def feature_gradient(self, readout: Float[Array, "m k"]) -> PyTree[Array]:
        r"""$s^{-1} \partial_\theta |s\Phi U - Y|^2/(2N)$ at fixed $U$.

        Divided by $\lambda$ this is $s^{-1}$ times the gradient of the reduced risk at
        its optimal $U$ (envelope theorem). Shaped like `movable(network)`.
        """

    @abc.abstractmethod
    def mean_square(self, readout: Float[Array, "m k"]) -> Float[Array, ""]:
        r"""$|s\Phi U - Y|^2/N$."""


BLOCK = 128
"""Samples per block of `blocked_problem`: 1 MiB of features at width 1024."""

MakeProblem = Callable[[Network, Any], ReadoutProblem]
"""How a network and the batch of a step make a readout problem."""


class DenseProblem(ReadoutProblem):
    """Any network on any batch: features as a matrix, gradients by `jax.vjp`.

    Attributes:
        network: The network.
        batch: Inputs and targets, both matrices.
        features: Features of the whole batch.
        block: Samples per block of the gradient; `None` takes them all at once.

    Example:
        ```python
        problem = op.readouts.DenseProblem(network, op.Batch(x, y))
        best = problem.solve(jnp.asarray(0.1), jnp.zeros_like(network.readout))
        ```
    """

    network: Network
    batch: Batch
    features: Float[Array, "n m"]
    block: int | None = eqx.field(static=True)

    def __init__(
        self, network: Network, batch: Batch, *, block: int | None = None
    ) -> None:
        self.network = network
        self.batch = batch
        self.features = network.features(batch.x)
        self.block = block

    def solve(
        self, penalty: Float[Array, ""], centre: Float[Array, "m k"]
    ) -> Float[Array, "m k"]:
        return ridge_readout(
            self.features,
            self.batch.y,
            penalty=penalty,
            centre=centre,
            scale=self.network.scale,
        )

    def gram(self) -> Float[Array, "m m"]:
        return self._factor * (self.features.T @ self.features)

    def product(self, readout: Float[Array, "m k"]) -> Float[Array, "m k"]:
        return self._factor * self._pulled(self.features @ readout)

    def target(self) -> Float[Array, "m k"]:
        return self._pulled(self.batch.y) / self.features.shape[0]

    def gradient(self, readout: Float[Array, "m k"]) -> Float[Array, "m k"]:
        return self._pulled(self.residual(readout)) / self.features.shape[0]

    def feature_gradient(self, readout: Float[Array, "m k"]) -> PyTree[Array]:
        n = self.features.shape[0]
        moving, fixed = eqx.partition(self.network, movable(self.network))

        def pull(x: Array, residual: Float[Array, "b k"]) -> PyTree[Array]:
            def features(moving: Network) -> Float[Array, "b m"]:
                return eqx.combine(moving, fixed).features(x)

            return jax.vjp(features, moving)[1](residual @ readout.T / n)[0]

        x, residual = self.batch.x, self.residual(readout)
        if self.block is None or n <= self.block:
            return pull(x, residual)
        whole = n - n % self.block
        pieces = jax.tree.map(
            lambda a: a[:whole].reshape(-1, self.block, *a.shape[1:]), (x, residual)
        )

        def add(total: PyTree[Array], piece: tuple[Array, Array]):
            return jax.tree.map(jnp.add, total, pull(*piece)), None

        rest = pull(x[whole:], residual[whole:])
        return jax.lax.scan(add, rest, pieces)[0]

    def mean_square(self, readout: Float[Array, "m k"]) -> Float[Array, ""]:
        return jnp.sum(self.residual(readout) ** 2) / self.features.shape[0]

    def residual(self, readout: Float[Array, "m k"]) -> Float[Array, "n k"]:
        r"""$s\Phi U - Y$."""
        return self.network.scale * (self.features @ readout) - self.batch.y

    def _pulled(self, values: Float[Array, "n k"]) -> Float[Array, "m k"]:
        # In this order, or XLA copies the transposed features: ten times as slow.
        return (values.T @ self.features).T

    @property
    def _factor(self) -> float:
        return self.network.scale / self.features.shape[0]


def blocked_problem(network: Network, batch: Batch) -> DenseProblem:
    """`DenseProblem` for features that treat samples one by one.

    Blocks of samples stay in the processor's cache while their features are
    differentiated: five times faster than all at once for radial features.

    Example:
        ```python
        problem = op.readouts.blocked_problem(network, op.Batch(x, y))
        problem.feature_gradient(network.readout).weights.shape
        ```
    """
    return DenseProblem(network, batch, block=BLOCK)


def movable(network: Network) -> PyTree[bool]:
    """Which leaves move when the readout is projected: every float array but it."""

    def moves(path: tuple[Any, ...], leaf: Any) -> bool:
        name = jax.tree_util.keystr(path[:1], simple=True)
        return eqx.is_inexact_array(leaf) and name != "readout"

    return jax.tree_util.tree_map_with_path(moves, network)
