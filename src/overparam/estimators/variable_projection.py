"""Networks trained by variable projection, as a scikit-learn estimator."""

import dataclasses
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ..checks import counts, positive
from ..convex.programs.program import with_bias
from ..data.source import Batch, Table
from ..dynamics.projection import Ridge
from ..dynamics.varpro import VarPro
from ..keys import purpose_key
from ..memory import Need, check_memory
from ..networks.activations import activation
from ..networks.biased import with_intercept
from ..networks.files.serialise import from_arrays
from ..networks.initialise import two_layer
from ..networks.network import Network
from ..networks.two_layer import TwoLayer
from ..training.plan import Plan, Training
from ..training.single import train
from .inputs import (
    check_squares,
    outputs,
    read,
    read_targets,
    seed_of,
    stored,
    warn_unfinished,
)


class VarProRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    r"""A two-layer network whose readout is optimal while its features move.

    Gradient descent of $L(W) = \min_U \tfrac{1}{2 \lambda N} \|s \psi(X W) U - Y\|^2 +
    \tfrac s2 \|U\|^2$ with $s = 1 / $ width, on all samples at once. Targets are
    standardised for it, and the network has their units again.

    Args:
        width: Number of neurons.
        activation: Name of $\psi$ (see `overparam.networks.ACTIVATIONS`).
        penalty: $\lambda > 0$.
        time_step: Step size $\tau$ of the features.
        n_steps: Number of steps.
        fit_intercept: Whether neurons have biases and outputs an intercept, the mean of
            the targets.
        random_state: Seed of the first network.

    Attributes:
        network_: The network as a `Network`, whose outputs are the predictions.
        loss_curve_: The risk, one mean per record.
        status_: `finished`, or `diverged`: lower `time_step`.

    Reference: Barboni, Peyré, Vialard 2025 (arXiv 2504.18208), section 2.

    Example:
        ```python
        model = op.estimators.VarProRegressor(width=20, n_steps=20).fit(x, y[:, 0])
        model.score(x, y[:, 0])
        ```
    """

    def __init__(
        self,
        *,
        width: int = 50,
        activation: str = "relu",
        penalty: float = 0.1,
        time_step: float = 0.1,
        n_steps: int = 200,
        fit_intercept: bool = True,
        random_state: Any = None,
    ) -> None:
        self.width = width
        self.activation = activation
        self.penalty = penalty
        self.time_step = time_step
        self.n_steps = n_steps
        self.fit_intercept = fit_intercept
        self.random_state = random_state

    @property
    def network_(self) -> Network:
        """The fitted network, in the precision that JAX has where it is asked for."""
        check_is_fitted(self)
        return from_arrays(*self._network)

    def fit(self, X: Any, y: Any) -> Self:
        """Train on inputs `(n, d)` and targets `(n,)` or `(n, k)`."""
        x, y, self._several = read_targets(self, X, y)
        n, d = x.shape
        counts(width=self.width, n_steps=self.n_steps)
        positive(penalty=self.penalty, time_step=self.time_step)
        activation(self.activation)
        width, samples = ("`width`", self.width), ("samples", n)
        least = ("`width`", min(self.width, n))
        check_memory(
            Need("neurons on the samples", (samples, width), 8, 4),
            Need("weights", (("inputs", d), width), 8, 3),
            Need("the products of neurons", (least, least), 8, 3),
        )
        mean = y.mean(axis=0) if self.fit_intercept else np.zeros(y.shape[1])
        with np.errstate(over="ignore"):
            sizes = np.sqrt(np.mean((y - mean) ** 2, axis=0))
        check_squares(sizes, what="targets")
        sizes = np.where(sizes > 0, sizes, 1)
        with jax.enable_x64(True):
            inputs = jnp.asarray(with_bias(x) if self.fit_intercept else x)
            targets = jnp.asarray((y - mean) / sizes)
            network = self._train(inputs, targets)
            readout = network.readout * jnp.asarray(sizes)[None]
            network = dataclasses.replace(network, readout=readout)
            if self.fit_intercept:
                network = with_intercept(network, mean)
            self._network = stored(network)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Outputs of the network, of the shape that the targets had."""
        check_is_fitted(self)
        found = outputs(self._network, read(self, X, reset=False))
        return found if self._several else found[:, 0]

    def _train(self, x: jax.Array, y: jax.Array) -> TwoLayer:
        seed = seed_of(self.random_state)
        start = two_layer(
            x.shape[1],
            self.width,
            y.shape[1],
            scaling="mean-field",
            activation=self.activation,
            dtype="float64",
            key=purpose_key(seed, "initialisation"),
        )
        dynamics = VarPro(Ridge(self.penalty, 0.0), self.time_step)
        training = Training(
            dynamics=dynamics,
            network=start,
            source=Table(x, y),
            key=purpose_key(seed, "training"),
        )
        plan = Plan(
            n_steps=self.n_steps,
            batch_size=len(x),
            record_every=max(1, self.n_steps // 20),
        )
        trajectory = train(training, plan)
        self.loss_curve_ = [record["loss"] for record in trajectory.records]
        self.status_ = trajectory.status
        if self.status_ == "diverged":
            warn_unfinished("training diverged; lower `time_step` or scale the inputs")
        trained = dynamics.project(trajectory.network, Batch(x, y))
        assert isinstance(trained, TwoLayer)  # Dynamics keep the class.
        return trained
