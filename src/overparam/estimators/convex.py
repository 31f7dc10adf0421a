r"""Two-layer ReLU networks trained to optimality, as scikit-learn's estimators."""

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, MultiOutputMixin, RegressorMixin

from .convex_base import ConvexReLU
from .inputs import (
    classes_of,
    most_likely,
    read,
    read_targets,
    sample_weights,
    signed,
)


class ConvexReLURegressor(MultiOutputMixin, RegressorMixin, ConvexReLU):
    r"""The two-layer ReLU network of least penalised squared error.

    $\min \tfrac12 \|f - y\|^2 + \tfrac\beta2 \sum_j (\|w_j\|^2 + a_j^2)$ over networks
    $f(x) = \sum_j a_j (x^\top w_j)_+$ of any width is a convex programme over their
    activation patterns. It is solved to a certified gap over the patterns at hand.

    Several outputs are several such problems: each neuron serves one output, and the
    objective is the sum. Weights of samples multiply their squared errors. Scale the
    inputs first, for example by `StandardScaler`.

    Args:
        penalty: $\beta > 0$.
        network: `plain`; `skip` adds a linear part $x^\top w_0$, which pays $\beta
            \|w_0\|$; of `normalised` neurons $\|(X w_j)_+\|$ is paid for $\|w_j\|$.
        relaxation: `exact`, the ReLU network; `gated` leaves the cones of the patterns
            out, which is faster: neurons $1(x^\top g_j \ge 0)\, x^\top w_j$.
        patterns: `trained` takes those of `n_patterns` neurons after a short descent,
            `sampled` those of as many random directions, `column-generation` begins
            with these and adds what lowers the objective; `enumerated` takes all, of
            which there are few in low dimension alone.
        n_patterns: Number of directions; the network has at most twice as many neurons.
        fit_intercept: Whether the inputs get a constant one, whose weights (biases of
            the neurons, and of a skip connection) are penalised like the others.
        method: Solver: `interior-point`, `admm` (many samples, small accuracy) or
            `reference` (CVXPY, extra `convex`) over the patterns at hand; `global`
            searches all networks of any width in few dimensions (up to about ten), its
            patterns are its own and its bound is one over all networks.
        tolerance: Relative gap at which to stop; `None` takes that of the solver
            (`global`: 1e-2).
        max_seconds: Most seconds of the `global` search for each output, after which
            the gap that was reached stands in `gap_`; `None` ends it by its nodes
            alone, so that equal data give equal networks.
        random_state: Seed of the directions.

    Attributes:
        network_: The network as a `Network`, whose outputs are the predictions.
        n_neurons_: Number of its hidden neurons.
        objective_: Its objective.
        lower_bound_: A lower bound of the objective over the patterns at hand, or over
            all networks where the method is `global`.
        gap_: Relative distance of both. Of other patterns `certificate()` speaks, or
            the fit itself where the method is `global`.
        status_: `optimal` (the gap is within the tolerance), `inaccurate` (below 1e-5)
            or `max_iterations`; the optimum is that over the patterns at hand.
        n_iter_: Iterations of the solver, those of all outputs together.

    Reference: Pilanci, Ergen 2020 (arXiv 2002.10553); Mishkin, Sahiner, Pilanci 2022
    (arXiv 2202.01331).

    Example:
        ```python
        model = op.estimators.ConvexReLURegressor(penalty=0.1).fit(x, y[:, 0])
        model.gap_, model.predict(x).shape
        ```
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Solve the programme of inputs `(n, d)` and targets `(n,)` or `(n, k)`."""
        return self._fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Outputs of the network, of the shape that the targets had."""
        found = self._outputs(X)
        return found if self._several else found[:, 0]

    def _read(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        x, targets, self._several = read_targets(self, X, y)
        return x, targets, sample_weights(sample_weight, x)


class ConvexReLUClassifier(ClassifierMixin, ConvexReLU):
    r"""The two-layer ReLU network of least penalised squared error on classes.

    Two classes are the labels -1 and 1 of one output. Of more classes each has an
    output of its own, with the label 1 for its samples and -1 for all others; no neuron
    serves two outputs, so that the optimum is that of one problem per class, and the
    objective is the sum. The class of the largest output is predicted. Outputs are fits
    of labels and no probabilities.

    Parameters and attributes are those of `ConvexReLURegressor`.

    Attributes:
        classes_: The classes, in the order of the outputs.

    Example:
        ```python
        model = op.estimators.ConvexReLUClassifier(penalty=1.0).fit(x, labels)
        model.score(x, labels)
        ```
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Solve the programmes of inputs `(n, d)` and classes `(n,)`."""
        return self._fit(X, y, sample_weight)

    def decision_function(self, X: Any) -> np.ndarray:
        """Outputs, of shape `(n,)` for two classes and `(n, n_classes)` for more."""
        found = self._outputs(X)
        return found[:, 0] if found.shape[1] == 1 else found

    def predict(self, X: Any) -> np.ndarray:
        """The class of the largest output."""
        return most_likely(self.decision_function(X), self.classes_)

    def _read(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        x, y = read(self, X, y)
        weights = sample_weights(sample_weight, x)
        self.classes_, labels = classes_of(y, weights)
        return x, signed(labels, len(self.classes_)), weights
