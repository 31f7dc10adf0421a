"""Random features with an exact readout, as scikit-learn's estimators."""

from typing import Any, Literal, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import softmax
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    MultiOutputMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..checks import counts, one_of, positive
from ..errors import ConfigError
from ..keys import purpose_key
from ..memory import Need, check_memory
from ..networks.activations import activation
from ..networks.biased import with_intercept
from ..networks.feature_laws import FeatureLaw, random_features
from ..networks.network import Network
from ..networks.two_layer import TwoLayer
from ..readouts.logistic import logistic_readout
from .inputs import (
    classes_of,
    most_likely,
    read,
    read_targets,
    sample_weights,
    seed_of,
    signed,
    warn_unfinished,
)
from .ridge import fit_ridge


class _RandomFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What regressor and classifier share: the features, and their network."""

    width: int
    law: FeatureLaw
    activation: str
    penalty: float | None
    fit_intercept: bool
    random_state: Any

    @property
    def network_(self) -> Network:
        """The fitted network, in the precision that JAX has where it is asked for."""
        check_is_fitted(self)
        network = TwoLayer(
            weights=jnp.asarray(self._weights),
            readout=jnp.asarray(self.coef_),
            activation=self._activation,
        )
        return with_intercept(network, self.intercept_) if self._biased else network

    def transform(self, X: Any) -> Float[np.ndarray, "n width"]:
        """The features of inputs."""
        check_is_fitted(self)
        return self._features(read(self, X, accept_sparse="csr", reset=False))

    @property
    def _n_features_out(self) -> int:
        return self._weights.shape[1]

    def _draw(self, n_inputs: int, n_samples: int) -> None:
        """Draw the first layer."""
        counts(width=self.width)
        positive(penalty=self.penalty)
        activation(self.activation)
        width, samples = ("`width`", self.width), ("samples", n_samples)
        least = ("`width`", min(self.width, n_samples))
        check_memory(
            Need("features", (samples, width), 8, 3),
            Need("weights", (("inputs", n_inputs), width), 8),
            Need("the products of features", (least, least), 8, 3),
        )
        self._biased, self._activation = bool(self.fit_intercept), self.activation
        key = purpose_key(seed_of(self.random_state), "first layer")
        with jax.enable_x64(True):
            drawn = random_features(
                self.law, n_inputs + self._biased, self.width, dtype="float64", key=key
            )
            self._weights = np.asarray(drawn)

    def _features(self, x: Any) -> Float[np.ndarray, "n width"]:
        """Features of dense or sparse inputs."""
        d = x.shape[1]
        inner = np.asarray(x @ self._weights[:d]) + self._weights[d:].sum(axis=0)
        with jax.enable_x64(True):
            return np.asarray(activation(self._activation)(jnp.asarray(inner)))

    def _scores(self, X: Any) -> Float[np.ndarray, "n n_outputs"]:
        return self.transform(X) @ self.coef_ + self.intercept_

    def _fit_ridge(
        self,
        features: Float[np.ndarray, "n width"],
        targets: Float[np.ndarray, "n k"],
        weights: Float[np.ndarray, " n"],
    ) -> None:
        """The readout of least squares, with an intercept that is not penalised."""
        fitted = fit_ridge(
            features,
            targets,
            weights,
            penalty=self.penalty,
            intercept=self.fit_intercept,
        )
        self.penalty_, self.coef_ = fitted.penalty, fitted.readout
        self.intercept_ = fitted.intercept

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class RandomFeaturesRegressor(MultiOutputMixin, RegressorMixin, _RandomFeatures):
    r"""Random features $\psi(W^\top x + b)$ with the ridge readout that is optimal.

    The readout minimises $\tfrac1N \|F P + c - Y\|_F^2 + \lambda \|P\|_F^2$ exactly;
    the intercept c is free. Weights of samples multiply their squared errors, and N is
    their sum. Inputs may be sparse.

    Args:
        width: Number of features.
        law: Law of $W$ and $b$: `truncated` (variance 2 / number of inputs, cut at two
            standard deviations), `gaussian` (1 / number of inputs) or `unit` (1).
        activation: Name of $\psi$ (see `overparam.networks.ACTIVATIONS`).
        penalty: $\lambda > 0$ (N times it is `alpha` of scikit-learn's `Ridge`); `None`
            takes that of 25 with the least generalised cross-validation score, of 1e-8
            to 1 times the mean squared norm of the features.
        fit_intercept: Whether there are biases b and the intercept c.
        random_state: Seed of the features.

    Attributes:
        network_: The network as a `Network`, whose outputs are the predictions.
        penalty_: The penalty, given or chosen.
        coef_: Readout, shape `(width, n_outputs)`.
        intercept_: Intercept, shape `(n_outputs,)`.

    Reference: Rahimi, Recht 2007, Random features for large-scale kernel machines;
    Golub, Heath, Wahba 1979, Generalized cross-validation.

    Example:
        ```python
        model = op.estimators.RandomFeaturesRegressor(width=50).fit(x, y[:, 0])
        model.score(x, y[:, 0])
        ```
    """

    def __init__(
        self,
        *,
        width: int = 500,
        law: FeatureLaw = "gaussian",
        activation: str = "relu",
        penalty: float | None = None,
        fit_intercept: bool = True,
        random_state: Any = None,
    ) -> None:
        self.width = width
        self.law = law
        self.activation = activation
        self.penalty = penalty
        self.fit_intercept = fit_intercept
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Draw the features and solve for the readout."""
        x, targets, self._several = read_targets(self, X, y, accept_sparse="csr")
        weights = sample_weights(sample_weight, x)
        self._draw(x.shape[1], x.shape[0])
        self._fit_ridge(self._features(x), targets, weights)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Outputs of the network, of the shape that the targets had."""
        found = self._scores(X)
        return found if self._several else found[:, 0]


class RandomFeaturesClassifier(ClassifierMixin, _RandomFeatures):
    r"""Random features $\psi(W^\top x + b)$ with an exact classifier as readout.

    `logistic` minimises the mean cross-entropy plus $\tfrac\lambda2 \|P\|_F^2$; `ridge`
    fits labels -1 and 1 (of each class against all others, if there are more than two)
    as `RandomFeaturesRegressor` does, and has no probabilities. Weights of samples
    multiply their losses, and the mean is the weighted one.

    Args:
        width: Number of features.
        readout: `logistic` or `ridge`.
        law: Law of $W$ and $b$, as of `RandomFeaturesRegressor`.
        activation: Name of $\psi$.
        penalty: $\lambda > 0$; `None` chooses by generalised cross-validation, which
            is there for `ridge` alone.
        fit_intercept: Whether there are biases and an intercept.
        random_state: Seed of the features.

    Attributes:
        classes_: The classes.
        network_: The network as a `Network`, whose outputs are the scores: one per
            class, but for `ridge` with two classes.
        penalty_: The penalty, given or chosen.
        coef_: Readout, shape `(width, n_outputs)`.
        intercept_: Intercept, shape `(n_outputs,)`.

    Example:
        ```python
        model = op.estimators.RandomFeaturesClassifier(width=50).fit(x, labels)
        model.predict_proba(x).shape
        ```
    """

    def __init__(
        self,
        *,
        width: int = 500,
        readout: Literal["logistic", "ridge"] = "logistic",
        law: FeatureLaw = "gaussian",
        activation: str = "relu",
        penalty: float | None = 1e-3,
        fit_intercept: bool = True,
        random_state: Any = None,
    ) -> None:
        self.width = width
        self.readout = readout
        self.law = law
        self.activation = activation
        self.penalty = penalty
        self.fit_intercept = fit_intercept
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Draw the features and solve for the readout."""
        x, y = read(self, X, y, accept_sparse="csr")
        one_of(["logistic", "ridge"], readout=self.readout)
        self._readout, penalty = self.readout, self.penalty
        if self.readout == "logistic" and penalty is None:
            raise ConfigError(
                "readout='logistic' has no generalised cross-validation; give "
                "`penalty`, choose it by GridSearchCV, or take readout='ridge'."
            )
        weights = sample_weights(sample_weight, x)
        self.classes_, labels = classes_of(y, weights)
        self._draw(x.shape[1], x.shape[0])
        features = self._features(x)
        if self.readout == "ridge" or penalty is None:
            self._fit_ridge(features, signed(labels, len(self.classes_)), weights)
            return self
        with jax.enable_x64(True):
            kept = weights > 0
            fit = logistic_readout(
                jnp.asarray(features[kept]),
                jnp.asarray(labels[kept]),
                n_classes=len(self.classes_),
                penalty=float(penalty),
                intercept=self._biased,
                weights=None if sample_weight is None else jnp.asarray(weights[kept]),
            )
        if not fit.converged:
            warn_unfinished(
                f"a gradient of {float(fit.relative_gradient):.1e} of the first is left"
            )
        self.penalty_ = float(penalty)
        self.coef_, self.intercept_ = np.asarray(fit.readout), np.asarray(fit.intercept)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores, of shape `(n,)` for two classes and `(n, n_classes)` for more."""
        scores = self._scores(X)
        if scores.shape[1] > 2:
            return scores
        return scores[:, -1] - scores[:, :-1].sum(axis=1)

    def predict(self, X: Any) -> np.ndarray:
        """The class of the largest score."""
        return most_likely(self.decision_function(X), self.classes_)

    @available_if(lambda self: getattr(self, "_readout", self.readout) == "logistic")
    def predict_proba(self, X: Any) -> Float[np.ndarray, "n n_classes"]:
        """Probabilities of the classes."""
        return softmax(self._scores(X), axis=1)
