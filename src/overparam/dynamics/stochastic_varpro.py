"""Variable projection on mini-batches of classes, for networks with statistics too."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..data.source import Batch
from ..networks.layers import trained_parts
from ..networks.network import Network
from ..networks.stateful import train_features, with_statistics
from ..objectives.class_loss import check_class_penalty
from ..objectives.labels import one_hot
from ..readouts.rules import ReadoutRule, Running, SeenBatch
from .descent import Optimiser, settings_of, transformation
from .dynamics import Info, State
from .projection import as_leaf, with_readout


class StochasticState(State):
    """Network, optimiser state of the features, memory of the readout's average."""

    network: Network
    optimiser: PyTree
    memory: Any


class StochasticInfo(Info):
    """Loss of the batch with the readout of the step, and its two terms."""

    loss: Float[Array, ""]
    data_term: Float[Array, ""]
    penalty_term: Float[Array, ""]


class StochasticVarPro(eqx.Module):
    r"""The readout follows the batches, and the features descend at that readout.

    The loss is $\mathrm{mean}(F - Y)^2/(2\lambda) + sm\,\mathrm{mean}(U^2)/2$ with
    one-hot $Y$ and the network's scale s and width m. A step computes the features once
    (one forward pass, one update of running statistics), chooses the readout by `rule`,
    and moves the features by an optax optimiser along the partial gradient at that
    readout, which is not differentiated through (envelope theorem: for the batch's
    optimum it is the exact gradient).

    Attributes:
        penalty: $\lambda$.
        rule: Which readout a step uses and keeps.
        optimiser: Any optax factory, for the features.
        settings: Arguments of the factory, by keyword; numbers become array leaves.

    Reference: Barboni, Peyré, Vialard, arXiv 2504.18208, section 6.2.

    Example:
        ```python
        rule = op.dynamics.StochasticVarPro(
            penalty=1e-2, rule=op.readouts.Gram(window=100), learning_rate=1e-2
        )
        state = rule.init(network, key=key)
        ```
    """

    penalty: Float[Array, ""]
    rule: ReadoutRule
    optimiser: Optimiser = eqx.field(static=True)
    settings: dict[str, Any]

    def __init__(
        self,
        penalty: float,
        rule: ReadoutRule | None = None,
        *,
        optimiser: Optimiser = optax.sgd,
        **settings: Any,
    ) -> None:
        check_class_penalty(penalty)
        self.penalty = as_leaf(penalty)
        self.rule = Running() if rule is None else rule
        self.optimiser = optimiser
        self.settings = settings_of(optimiser, settings)

    def init(self, network: Network, *, key: PRNGKeyArray) -> StochasticState:
        del key
        moving, _ = eqx.partition(network, feature_parts(network))
        optimiser = self._transformation(network).init(moving)
        return StochasticState(network, optimiser, self.rule.init(network.readout))

    def step(
        self, state: StochasticState, batch: Batch, *, key: PRNGKeyArray
    ) -> tuple[StochasticState, StochasticInfo]:
        del key
        network = state.network
        moving, fixed = eqx.partition(network, feature_parts(network))

        def features(moving: Network) -> tuple[Array, PyTree[Array] | None]:
            return train_features(eqx.combine(moving, fixed), batch.x)

        values, pull_back, statistics = jax.vjp(features, moving, has_aux=True)
        n_outputs, dtype = network.readout.shape[1], values.dtype
        seen = SeenBatch(
            values,
            one_hot(batch.y, n_outputs, dtype=dtype),
            network.scale,
            self.penalty.astype(dtype),
        )
        chosen = self.rule.choose(seen, network.readout, state.memory)
        # The loss at this readout, and its gradient with respect to the features.
        readout = chosen.moving
        residual = seen.scale * (seen.values @ readout) - seen.targets
        data_term = jnp.mean(residual**2) / (2 * seen.penalty)
        # Of the problem that `rule` solves; the factor is 1 at the scale 1/m.
        penalty_term = seen.scale * len(readout) * jnp.mean(readout**2) / 2
        cotangent = (seen.scale / seen.penalty / residual.size) * (residual @ readout.T)
        info = StochasticInfo(data_term + penalty_term, data_term, penalty_term)
        with jax.numpy_dtype_promotion("standard"):
            updates, optimiser = self._transformation(network).update(
                pull_back(cotangent)[0], state.optimiser, moving
            )
        moved = eqx.combine(eqx.apply_updates(moving, updates), fixed)
        moved = with_statistics(with_readout(moved, chosen.kept), statistics)
        return StochasticState(moved, optimiser, chosen.memory), info

    def _transformation(self, network: Network) -> optax.GradientTransformation:
        return transformation(self.optimiser, self.settings, network.readout.dtype)


def feature_parts(network: Network) -> PyTree[bool]:
    """Which leaves are parameters of the features."""
    parts = trained_parts(network, ())
    return eqx.tree_at(lambda found: found.readout, parts, False)
