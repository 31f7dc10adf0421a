"""Gradient descent by any optax optimiser, on all parts of a network or on some."""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..data.source import Batch
from ..errors import ConfigError
from ..networks.network import Network
from .dynamics import Info, State


Loss = Callable[[Array, Array], Float[Array, ""]]
Optimiser = Callable[..., optax.GradientTransformation]


class DescentState(State):
    """Network and optimiser state (moments, step count)."""

    network: Network
    optimiser: PyTree


class DescentInfo(Info):
    """Loss of the batch before the update, and the penalty added to it."""

    loss: Float[Array, ""]
    penalty: Float[Array, ""]


class Descent(eqx.Module):
    r"""$\theta \leftarrow \theta - \text{optimiser}(\nabla [\ell(f(x), y) + P(\theta)])$.

    Attributes:
        loss: Loss of outputs and targets, averaged over the batch.
        optimiser: Any optax factory, such as `optax.sgd` or `optax.adam`.
        settings: Arguments of the factory. Numbers and schedules become array leaves:
            they can change without a new compilation and can be batched.
        penalty: Added to the loss; `None` adds nothing.
        trained: Names of the fields of the network that move; empty for all of them.
    """

    loss: Loss = eqx.field(static=True)
    optimiser: Optimiser = eqx.field(static=True)
    settings: dict[str, Any]
    penalty: Callable[[Network], Float[Array, ""]] | None
    trained: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        loss: Loss,
        optimiser: Optimiser = optax.sgd,
        *,
        settings: Mapping[str, Any],
        penalty: Callable[[Network], Float[Array, ""]] | None = None,
        trained: tuple[str, ...] = (),
    ) -> None:
        self.loss = loss
        self.optimiser = optimiser
        self.settings = {k: _as_leaf(v) for k, v in settings.items()}
        self.penalty = penalty
        self.trained = trained

    def init(self, network: Network, *, key: PRNGKeyArray) -> DescentState:
        del key
        moving, _ = eqx.partition(network, trained_parts(network, self.trained))
        transformation = self._transformation(network.readout.dtype)
        return DescentState(network, transformation.init(moving))

    def step(
        self, state: DescentState, batch: Batch, *, key: PRNGKeyArray
    ) -> tuple[DescentState, DescentInfo]:
        del key
        network = state.network
        moving, fixed = eqx.partition(network, trained_parts(network, self.trained))
        (_, info), gradient = jax.value_and_grad(self._objective, has_aux=True)(
            moving, fixed, batch
        )
        transformation = self._transformation(network.readout.dtype)
        with jax.numpy_dtype_promotion("standard"):
            updates, optimiser = transformation.update(
                gradient, state.optimiser, moving
            )
        moving = eqx.apply_updates(moving, updates)
        return DescentState(eqx.combine(moving, fixed), optimiser), info

    def _objective(
        self, moving: Network, fixed: Network, batch: Batch
    ) -> tuple[Float[Array, ""], DescentInfo]:
        network = eqx.combine(moving, fixed)
        loss = self.loss(network(batch.x), batch.y)
        penalty = (
            jnp.zeros_like(loss) if self.penalty is None else self.penalty(network)
        )
        return loss + penalty, DescentInfo(loss, penalty)

    def _transformation(self, dtype: DTypeLike) -> optax.GradientTransformation:
        # A float64 step size must not turn float32 weights into float64 ones.
        settings = jax.tree.map(
            lambda leaf: leaf.astype(dtype) if eqx.is_inexact_array(leaf) else leaf,
            self.settings,
        )
        return self.optimiser(**settings)


def trained_parts(network: Network, trained: tuple[str, ...]) -> PyTree[bool]:
    """Which leaves of `network` move: those below the fields in `trained`, or all.

    Raises:
        ConfigError: If the network has no field of one of these names.
    """
    for name in trained:
        if not hasattr(network, name):
            raise ConfigError(
                f"{type(network).__name__} has no part `{name}` to train."
            )

    def moves(path: tuple[Any, ...], leaf: Any) -> bool:
        return eqx.is_inexact_array(leaf) and (
            not trained or jax.tree_util.keystr(path[:1], simple=True) in trained
        )

    return jax.tree_util.tree_map_with_path(moves, network)


def _as_leaf(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return jnp.asarray(value, jnp.result_type(float)) if is_number else value
