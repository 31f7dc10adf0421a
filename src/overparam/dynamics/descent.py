"""Gradient descent by any optax optimiser, on all parts of a network or on some."""

import inspect
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..checks import at_least, written
from ..data.source import Batch
from ..errors import ConfigError
from ..networks.layers import field_name, trained_parts, weights_of
from ..networks.network import Network
from ..networks.stateful import Stateful, with_statistics
from ..objectives.batch_loss import BatchLoss, BatchObjective
from ..objectives.losses import loss_named
from .dynamics import Info, State


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
    r"""$\theta \leftarrow \theta - \text{optimiser}(\nabla_\theta [\ell + P])$.

    Attributes:
        objective: Loss $\ell$ of a network on a batch, such as `BatchLoss`; a name of
            `overparam.objectives.LOSSES` is the objective of that loss.
        optimiser: Any optax factory, such as `optax.sgd`, `optax.adam` or, with its
            line search on each batch, `optax.lbfgs`.
        settings: Arguments of the factory, given by keyword: `learning_rate=0.1`.
            Numbers and schedules become array leaves: they can change without a new
            compilation and can be batched.
        penalty: Penalty $P$, a function of the network; `None` adds nothing.
        rates: Factors of the update, by field of the network; 1 where none is given.
        trained: Names of the fields of the network that move; empty for all of them.

    Example:
        ```python
        rule = op.Descent("half-squared-error", optax.adam, learning_rate=1e-2)
        state = rule.init(network, key=key)
        state, info = rule.step(state, op.Batch(x, y), key=key)
        ```

    Raises:
        ConfigError: If a setting is not one of the optimiser's, a step size is
            negative, or a part cannot be called.
    """

    objective: BatchObjective
    optimiser: Optimiser = eqx.field(static=True)
    settings: dict[str, Any]
    penalty: Callable[[Network], Float[Array, ""]] | None
    rates: dict[str, Float[Array, ""]]
    trained: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        objective: BatchObjective | str,
        optimiser: Optimiser = optax.sgd,
        *,
        penalty: Callable[[Network], Float[Array, ""]] | None = None,
        rates: Mapping[str, float] = MappingProxyType({}),
        trained: tuple[str, ...] = (),
        **settings: Any,
    ) -> None:
        if isinstance(objective, str):
            objective = BatchLoss(loss_named(objective))
        if "settings" in settings:
            warnings.warn(
                "`Descent(settings={...})` is deprecated: give the arguments of the "
                "optimiser by keyword, such as `learning_rate=0.1`.",
                DeprecationWarning,
                stacklevel=2,
            )
            settings |= settings.pop("settings")
        if not callable(objective):
            raise ConfigError(
                "`objective` must be the name of a loss, or a function of a network "
                f"and a batch, got {written(objective)}."
            )
        if penalty is not None and not callable(penalty):
            raise ConfigError(
                "`penalty` must be a function of a network, such as `L2Penalty`, got "
                f"{written(penalty)}."
            )
        if isinstance(trained, str):
            raise ConfigError(
                f"`trained` must be a tuple of names: write ({trained!r},)."
            )
        for rate in rates.values():
            at_least(0, rates=rate)
        self.objective = objective
        self.optimiser = optimiser
        self.settings = settings_of(optimiser, settings)
        self.penalty = penalty
        self.rates = {k: _as_leaf(float(v)) for k, v in rates.items()}
        self.trained = trained

    def init(self, network: Network, *, key: PRNGKeyArray) -> DescentState:
        del key
        if isinstance(network, Stateful) and not isinstance(self.objective, BatchLoss):
            raise ConfigError(
                f"{type(network).__name__} has running statistics, which only the "
                f"objective BatchLoss can move; got {type(self.objective).__name__}."
            )
        for name in self.rates:
            if not hasattr(weights_of(network), name):
                raise ConfigError(
                    f"{type(network).__name__} has no part `{name}`, which `rates` "
                    "names."
                )
        moving, _ = eqx.partition(network, trained_parts(network, self.trained))
        transformation = self._transformation(network.readout.dtype)
        return DescentState(network, transformation.init(moving))

    def step(
        self, state: DescentState, batch: Batch, *, key: PRNGKeyArray
    ) -> tuple[DescentState, DescentInfo]:
        del key
        network = state.network
        moving, fixed = eqx.partition(network, trained_parts(network, self.trained))
        (_, (info, statistics)), gradient = jax.value_and_grad(
            self._penalised, has_aux=True
        )(moving, fixed, batch)
        transformation = optax.with_extra_args_support(
            self._transformation(network.readout.dtype)
        )
        # Line searches ask for the objective of this batch; others ignore it.
        value = info.loss + info.penalty
        with jax.numpy_dtype_promotion("standard"):
            updates, optimiser = transformation.update(
                gradient,
                state.optimiser,
                moving,
                value=value,
                grad=gradient,
                value_fn=lambda moving: self._penalised(moving, fixed, batch)[0],
            )

        def scaled(path: tuple[Any, ...], update: Array) -> Array:
            rate = self.rates.get(field_name(path))
            return update if rate is None else rate.astype(update.dtype) * update

        updates = jax.tree_util.tree_map_with_path(scaled, updates)
        moving = eqx.apply_updates(moving, updates)
        network = with_statistics(eqx.combine(moving, fixed), statistics)
        return DescentState(network, optimiser), info

    def _penalised(
        self, moving: Network, fixed: Network, batch: Batch
    ) -> tuple[Float[Array, ""], tuple[DescentInfo, PyTree[Array] | None]]:
        network = eqx.combine(moving, fixed)
        if isinstance(self.objective, BatchLoss):
            loss, statistics = self.objective.in_training(network, batch)
        else:
            loss, statistics = self.objective(network, batch), None
        penalty = (
            jnp.zeros_like(loss)
            if self.penalty is None
            else self.penalty(weights_of(network))
        )
        return loss + penalty, (DescentInfo(loss, penalty), statistics)

    def _transformation(self, dtype: DTypeLike) -> optax.GradientTransformation:
        return transformation(self.optimiser, self.settings, dtype)


def transformation(
    optimiser: Optimiser, settings: Mapping[str, Any], dtype: DTypeLike
) -> optax.GradientTransformation:
    """The optimiser with its settings in the type of the weights."""
    # A float64 step size must not turn float32 weights into float64 ones.
    cast = jax.tree.map(
        lambda leaf: leaf.astype(dtype) if eqx.is_inexact_array(leaf) else leaf,
        dict(settings),
    )
    return optimiser(**cast)


def settings_of(optimiser: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of an optimiser as leaves.

    Raises:
        ConfigError: If it is no factory of optimisers, takes other settings, or the
            step size is no number, or negative.
    """
    if not callable(optimiser):
        raise ConfigError(
            "`optimiser` must be a factory such as `optax.adam`, its arguments given "
            f"by keyword, got {written(optimiser)}."
        )
    try:
        inspect.signature(optimiser).bind(**settings)
    except TypeError as error:
        name = getattr(optimiser, "__name__", type(optimiser).__name__)
        raise ConfigError(
            f"The settings are not those of `{name}`: {error}. Give its arguments by "
            "keyword, such as `learning_rate=0.1`."
        ) from None
    rate = settings.get("learning_rate")
    if isinstance(rate, int | float | str):
        at_least(0, learning_rate=rate)  # pyright: ignore[reportArgumentType]
    return as_leaves(settings)


def as_leaves(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings whose numbers are array leaves, which can change and be batched."""
    return {name: _as_leaf(value) for name, value in settings.items()}


def _as_leaf(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return jnp.asarray(value, jnp.result_type(float)) if is_number else value
