r"""Kernels of wide networks as scikit-learn's kernels, and a ridge on any of these."""

import warnings
from typing import Any, Literal, Self, get_args

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel
from sklearn.utils.validation import check_is_fitted

from ..checks import one_of, positive
from ..errors import ConfigError
from ..limits.kernels.wide import (
    WideLayer,
    WideMLP,
    wide_diagonals,
    wide_kernels,
    wide_mlp,
    wide_slopes,
)
from ..memory import Need, check_memory
from ..networks.activations import Activation
from .inputs import read, read_targets, sample_weights
from .ridge import fit_ridge


Kind = Literal["tangent", "covariance"]
Bounds = tuple[float, float] | Literal["fixed"]

_BOUNDS: Bounds = (1e-5, 1e5)


class TangentKernel(Kernel):
    r"""The tangent kernel of an infinitely wide network, as a kernel of scikit-learn.

    For `GaussianProcessRegressor`, `KernelRidge`, `SVR` and sums and products of
    kernels. It is that of `overparam.limits.wide_mlp`, in closed form and in float64;
    entries of weights and biases are standard normal, a layer multiplies them by
    $\sqrt{v/\text{fan-in}}$ and $\sqrt b$, and all of them train.

    Args:
        depth: Number of weight matrices; 1 is a linear model.
        activation: Name of the activation, or a function in JAX, entry by entry. Other
            than relu, leaky-relu, erf and linear it is a series: the error of its
            integrals is `wide_kernels(kernel.network, X).error`, and inputs so large
            that digits are missing are warned of.
        kind: `tangent`, or `covariance` for that of the outputs at initialisation
            (NNGP), the limit of a Bayesian network.
        weight_variance: $v$.
        bias_variance: $b$; 0 for no biases, which stay away in a search.
        weight_variance_bounds: Between which $v$ is searched, or `fixed`.
        bias_variance_bounds: Likewise of $b$.

    Reference: Jacot, Gabriel, Hongler, arXiv 1806.07572; Lee et al., arXiv 1711.00165.

    Example:
        ```python
        kernel = op.estimators.TangentKernel(depth=3)
        assert np.allclose(kernel.diag(x), np.diag(kernel(x)))
        ```
    """

    def __init__(
        self,
        depth: int = 2,
        activation: str | Activation = "relu",
        kind: Kind = "tangent",
        weight_variance: float = 2.0,
        bias_variance: float = 0.1,
        weight_variance_bounds: Bounds = _BOUNDS,
        bias_variance_bounds: Bounds = _BOUNDS,
    ) -> None:
        self.depth = depth
        self.activation = activation
        self.kind = kind
        self.weight_variance = weight_variance
        self.bias_variance = bias_variance
        self.weight_variance_bounds = weight_variance_bounds
        self.bias_variance_bounds = bias_variance_bounds

    @property
    def hyperparameter_weight_variance(self) -> Hyperparameter:
        """The variance of weights, for searches."""
        bounds = self.weight_variance_bounds
        return Hyperparameter("weight_variance", "numeric", bounds)

    @property
    def hyperparameter_bias_variance(self) -> Hyperparameter:
        """The variance of biases, for searches; without biases it is fixed."""
        bounds = self.bias_variance_bounds if self.bias_variance else "fixed"
        return Hyperparameter("bias_variance", "numeric", bounds)

    @property
    def network(self) -> WideMLP:
        """The network of infinite width.

        Raises:
            ConfigError: If a parameter is out of range.
        """
        one_of(get_args(Kind), kind=self.kind)
        return wide_mlp(
            self.depth,
            activation=self.activation,
            weight_variance=float(self.weight_variance),
            bias_variance=float(self.bias_variance),
        )

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        """The kernel `(n, k)`, with its gradient `(n, n, n_dims)` in `theta` if asked.

        Raises:
            ConfigError: If inputs are not finite, differ in size, or the kernel does
                not fit into memory; or a gradient is asked for between two sets.
        """
        if eval_gradient and Y is not None:
            raise ConfigError("The gradient is that of one set of inputs: leave `Y`.")
        wide, x = self.network, np.atleast_2d(X)
        found = wide_kernels(wide, x, None if Y is None else np.atleast_2d(Y))
        if found.doubt is not None:
            # A search of variances goes on.
            warnings.warn(found.doubt, stacklevel=2)
        kernel = found.tangent if self.kind == "tangent" else found.covariance
        if not eval_gradient:
            return kernel
        along = [
            self._direction(wide, each.name)
            for each in self.hyperparameters
            if not each.fixed
        ]
        if not along:
            return kernel, np.empty((*kernel.shape, 0))
        slopes = wide_slopes(wide, along, x)[:, self._number]
        return kernel, np.moveaxis(slopes, 0, -1)

    def diag(self, X: Any) -> Any:
        """The diagonal `(n,)` of the kernel, without the rest of it."""
        return wide_diagonals(self.network, np.atleast_2d(X))[self._number]

    def is_stationary(self) -> Any:
        """No: it is a function of more than differences of inputs."""
        return False

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(depth={self.depth}, "
            f"activation={self.activation!r}, kind={self.kind!r}, "
            f"weight_variance={self.weight_variance:.3g}, "
            f"bias_variance={self.bias_variance:.3g})"
        )

    @property
    def _number(self) -> int:
        return ("covariance", "tangent").index(self.kind)

    def _direction(self, wide: WideMLP, name: str) -> WideMLP:
        """Rates of change of the network in the logarithm of a variance."""
        weights = float(name == "weight_variance")
        layers = tuple(
            WideLayer(
                weight_variance=weights * layer.weight_variance,
                bias_variance=(1 - weights) * layer.bias_variance,
                weight_gain=weights * layer.weight_gain,
                bias_gain=(1 - weights) * layer.bias_gain,
            )
            for layer in wide.layers
        )
        return WideMLP(layers, wide.activation)


class TangentKernelRidge(MultiOutputMixin, RegressorMixin, BaseEstimator):
    r"""Ridge regression with the tangent kernel of a wide network.

    It minimises $\tfrac1N \|f + c - Y\|_F^2 + \lambda \|f\|^2$ over the functions of
    the kernel, with their norm, and free intercepts c: the limit of infinite width of
    a network trained near its start, and of `RandomFeaturesRegressor`. Weights of
    samples multiply their squared errors, and N is their sum. Scale the inputs first.

    Args:
        kernel: Kernel of scikit-learn; `None` takes `TangentKernel()`.
        penalty: $\lambda > 0$ (N times it is `alpha` of scikit-learn's `KernelRidge`);
            `None` takes that of 25 with the least generalised cross-validation score,
            of 1e-8 to 1 times the mean of the kernel's diagonal, centred if there are
            intercepts.
        fit_intercept: Whether there are intercepts c.

    Attributes:
        kernel_: The kernel.
        penalty_: The penalty, given or chosen.
        dual_coef_: Coefficients of the samples, shape `(n_samples, n_outputs)`.
        intercept_: Intercepts, shape `(n_outputs,)`.
        X_fit_: The samples.

    Example:
        ```python
        model = op.estimators.TangentKernelRidge().fit(x, y[:, 0])
        model.score(x, y[:, 0])
        ```
    """

    def __init__(
        self,
        kernel: Kernel | None = None,
        *,
        penalty: float | None = None,
        fit_intercept: bool = True,
    ) -> None:
        self.kernel = kernel
        self.penalty = penalty
        self.fit_intercept = fit_intercept

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Solve for the coefficients of inputs `(n, d)`, targets `(n,)` or `(n, k)`."""
        x, targets, self._several = read_targets(self, X, y)
        weights = sample_weights(sample_weight, x)
        positive(penalty=self.penalty)
        samples = ("samples", len(x))
        check_memory(Need("the kernel and its eigenvectors", (samples, samples), 8, 4))
        kernel = TangentKernel() if self.kernel is None else self.kernel
        if not isinstance(kernel, Kernel):
            raise ConfigError(
                "`kernel` must be a kernel of scikit-learn, such as TangentKernel(), "
                f"got {kernel!r}."
            )
        # Its copy is a kernel too, which the type of `clone` does not tell.
        self.kernel_: Any = clone(kernel)
        self.X_fit_ = x
        values, vectors = np.linalg.eigh(self.kernel_(x))
        # Features whose products are the kernel; others are lost to rounding.
        kept = values > len(x) * np.finfo(np.float64).eps * values[-1]
        roots, vectors = np.sqrt(values[kept]), vectors[:, kept]
        fitted = fit_ridge(
            vectors * roots,
            targets,
            weights,
            penalty=self.penalty,
            intercept=self.fit_intercept,
        )
        self.penalty_, self.intercept_ = fitted.penalty, fitted.intercept
        self.dual_coef_ = (vectors / roots) @ fitted.readout
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Outputs, of the shape that the targets had."""
        check_is_fitted(self)
        cross = self.kernel_(read(self, X, reset=False), self.X_fit_)
        found = cross @ self.dual_coef_ + self.intercept_
        return found if self._several else found[:, 0]
