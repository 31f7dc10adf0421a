r"""Training on a kernel in closed form: what a network does that stays linear.

With the loss $\frac{1}{2n} \sum_i \|f(x_i) - y_i\|^2$, the kernel $T = V \Lambda
V^\top$ at the samples and residuals that shrink by $r(\lambda)$,

$$f(X) = y + V r(\Lambda) V^\top (f_0(X) - y), \quad
f(x) = f_0(x) + T(x, X)\, V g(\Lambda) V^\top (y - f_0(X)), \quad
g(\lambda) = \frac{1 - r(\lambda)}{\lambda} .$$

Reference: Lee et al., arXiv 1902.06720, equations 8 to 11, 14 and 15.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...checks import arrays_by_shape, at_least, in_range, positive, seeds
from ...errors import ConfigError
from ...memory import Need, check_memory


Kernel = Float[np.ndarray, "n k"] | Float[np.ndarray, "n k n_outputs n_outputs"]
"""Of one output, which serves each of several alike, or of every pair of outputs."""

Outputs = Float[np.ndarray, "n n_outputs"]


@arrays_by_shape
@dataclass(frozen=True, eq=False, kw_only=True)
class KernelFit:
    """A training on a kernel up to some time.

    Attributes:
        inverse: $g$ of every eigenvalue.
        left: $r$ of every eigenvalue: what is left of a residual along its eigenvector.
        eigenvectors: $V$.
        jitter: What was added to the eigenvalues so that they could be divided by.
    """

    inverse: Float[np.ndarray, " p"]
    left: Float[np.ndarray, " p"]
    eigenvectors: Float[np.ndarray, "p p"]
    jitter: float = 0.0

    def at_samples(self, y: Outputs, start: Outputs | None = None) -> Outputs:
        """Outputs at the training samples.

        Args:
            y: Targets.
            start: Outputs before training; `None` for 0, which gives the mean over
                initialisations.
        """
        y, residual = self._residual(y, start)
        return y - self._filtered(self.left, residual).reshape(y.shape)

    def outputs(
        self,
        cross: Kernel,
        y: Outputs,
        *,
        start: Outputs | None = None,
        start_at: Outputs | None = None,
    ) -> Outputs:
        """Outputs at other inputs.

        Args:
            cross: Kernel between those inputs (rows) and the samples (columns).
            y: Targets of the samples.
            start: Outputs at the samples before training; `None` for 0.
            start_at: Outputs at the other inputs before training; `None` for 0.
        """
        flat = _matrix(cross)
        if flat.shape[1] != len(self.inverse):
            raise ConfigError(
                f"`cross` must have {len(self.inverse)} columns, those of the kernel "
                f"that was trained on, got {flat.shape[1]}."
            )
        y, residual = self._residual(y, start)
        weights = self._filtered(self.inverse, residual)
        moved = (flat @ weights).reshape(len(cross), y.shape[1])
        return (
            moved if start_at is None else moved + _start(start_at, moved, "start_at")
        )

    def variance(
        self,
        cross: Float[np.ndarray, "k n"],
        *,
        variances: Float[np.ndarray, " k"],
        covariance: Float[np.ndarray, "n n"],
        cross_covariance: Float[np.ndarray, "k n"],
    ) -> Float[np.ndarray, " k"]:
        """Variance of an output at other inputs over initialisations (equation 15).

        Args:
            cross: Tangent kernel between those inputs and the samples.
            variances: Variance of the output at those inputs before training.
            covariance: Covariance of outputs at the samples before training.
            cross_covariance: Covariance between those inputs and the samples.
        """
        if np.ndim(cross) != 2 or len(covariance) != len(self.inverse):
            raise ConfigError(
                "The variance over initialisations is that of one output: give kernels "
                "of one output, of the samples that were trained on."
            )
        shapes = np.shape(cross), np.shape(cross_covariance)
        if {*shapes, (*np.shape(variances), len(self.inverse))} != {shapes[0]}:
            raise ConfigError(
                "`cross`, `cross_covariance` and `variances` must be of the same "
                f"inputs, got the shapes {shapes[0]}, {shapes[1]} and "
                f"{np.shape(variances)}."
            )
        weights = self._filtered(self.inverse, np.asarray(cross, np.float64).T).T
        quadratic = np.einsum("ki,ki->k", weights @ covariance, weights)
        mixed = np.einsum("ki,ki->k", weights, cross_covariance)
        return np.maximum(variances + quadratic - 2 * mixed, 0.0)

    def _residual(
        self, y: Outputs, start: Outputs | None
    ) -> tuple[Outputs, Float[np.ndarray, "p k"]]:
        """Targets in float64, and what the start leaves of them."""
        y = np.asarray(y, np.float64)
        if y.ndim != 2 or len(self.inverse) not in (len(y), y.size):
            raise ConfigError(
                "`y` must have a row for each sample and a column for each output, got "
                f"the shape {y.shape} for a kernel of {len(self.inverse)} rows."
            )
        if not np.isfinite(y).all():
            raise ConfigError("`y` must be finite.")
        residual = y if start is None else y - _start(start, y, "start")
        return y, residual.reshape(len(self.inverse), -1)

    def _filtered(
        self, factors: Float[np.ndarray, " p"], vectors: Float[np.ndarray, "p k"]
    ) -> Float[np.ndarray, "p k"]:
        return self.eigenvectors @ (factors[:, None] * (self.eigenvectors.T @ vectors))


class KernelTraining:
    """Trainings on a kernel at samples, which is decomposed once.

    Args:
        kernel: Kernel at the samples: of one output, which then serves each, or
            (n, n, n_outputs, n_outputs) of all pairs.

    Raises:
        ConfigError: If it is not square, finite and symmetric, or too large.

    Example:
        ```python
        kernel = op.limits.tangent_kernel(network, x)
        fitted = op.limits.KernelTraining(kernel).flow(time=100.0)
        fitted.outputs(kernel, np.asarray(y)).shape
        ```
    """

    def __init__(self, kernel: Kernel) -> None:
        flat = _matrix(kernel)
        if flat.shape[0] != flat.shape[1]:
            raise ConfigError(
                "`kernel` must be that of the samples with themselves, got "
                f"the shape {np.shape(kernel)}."
            )
        check_memory(Need("the eigenvectors", (("rows", len(flat)),) * 2, 8, copies=3))
        if not np.isfinite(flat).all():
            raise ConfigError("`kernel` must be finite.")
        if not len(flat):
            raise ConfigError("`kernel` holds no samples.")
        dtype = np.asarray(kernel).dtype
        eps = np.finfo(dtype if dtype.kind == "f" else np.float64).eps
        # Angles between near inputs, and what is made of them, have half of the digits.
        rounding = np.sqrt(eps)
        if np.abs(flat - flat.T).max() > rounding * np.abs(flat).max():
            raise ConfigError("`kernel` must be symmetric.")
        values, self.eigenvectors = np.linalg.eigh(flat)
        if values[0] < -rounding * values[-1]:
            raise ConfigError(
                "`kernel` must have no negative eigenvalue, as inner products have "
                f"none, got {values[0]:.3g} beside {values[-1]:.3g}."
            )
        # Negative ones are rounding: a kernel is a Gram matrix.
        self.eigenvalues = np.maximum(values, 0.0)
        self.n_samples = len(kernel)
        self._rounding = len(flat) * eps

    def flow(self, *, time: float) -> KernelFit:
        r"""Gradient flow: $r = e^{-t \lambda/n}$."""
        at_least(0, time=time)
        decay = time / self.n_samples * self.eigenvalues
        quotient = np.divide(
            -np.expm1(-decay), decay, out=np.ones_like(decay), where=decay > 0
        )
        return self._fitted(time / self.n_samples * quotient, np.exp(-decay))

    def descent(
        self, *, learning_rate: float, n_steps: int, momentum: float = 0.0
    ) -> KernelFit:
        r"""Gradient descent on all samples: $r = (1 - \eta \lambda/n)^k$.

        With momentum $\beta$ it is the recursion $v \leftarrow \beta v + \nabla$,
        $\theta \leftarrow \theta - \eta v$, by powers of its matrix.

        Raises:
            ConfigError: If a value is out of range, or the descent diverges.
        """
        positive(learning_rate=learning_rate)
        seeds(n_steps=n_steps)  # Whole numbers.
        in_range(0, 1, momentum=momentum)
        largest = self.eigenvalues.max() / self.n_samples
        if learning_rate * largest >= 2 * (1 + momentum):
            raise ConfigError(
                f"The descent diverges: `learning_rate` must be below "
                f"{2 * (1 + momentum) / largest:g}, got {learning_rate:g}."
            )
        # Of (u, w, 1), with (1 - r)/lambda = u and its velocity w.
        rate = 1 / self.n_samples
        step = np.zeros((len(self.eigenvalues), 3, 3))
        step[:, 1] = np.stack(
            [
                -rate * self.eigenvalues,
                np.full_like(self.eigenvalues, momentum),
                np.full_like(self.eigenvalues, rate),
            ],
            axis=1,
        )
        step[:, 0] = learning_rate * step[:, 1]
        step[:, 0, 0] += 1
        step[:, 2, 2] = 1
        inverse = np.linalg.matrix_power(step, n_steps)[:, 0, 2]
        return self._fitted(inverse, 1 - self.eigenvalues * inverse)

    def converged(self) -> KernelFit:
        """Infinite time: interpolation, with the smallest jitter that allows it.

        Eigenvalues below the rounding of the largest one cannot be divided by: what
        lifts the smallest one above it is added to all, and reported as `jitter`. Along
        their eigenvectors nothing is learned: kernels with other inputs have no part
        there but rounding, which the division would turn into outputs.

        Raises:
            ConfigError: If the kernel is zero, or too small to be divided by.
        """
        floor = self._rounding * self.eigenvalues.max()
        if floor < np.finfo(np.float64).tiny:
            raise ConfigError(
                "The kernel is zero, or too small to be divided by: nothing can be "
                "learned with it."
            )
        jitter = float(max(floor - self.eigenvalues.min(), 0.0))
        learned = self.eigenvalues >= floor
        inverse = np.where(learned, 1 / (self.eigenvalues + jitter), 0)
        return self._fitted(inverse, np.where(learned, jitter * inverse, 1), jitter)

    def _fitted(
        self, inverse: np.ndarray, left: np.ndarray, jitter: float = 0
    ) -> KernelFit:
        return KernelFit(
            inverse=inverse, left=left, eigenvectors=self.eigenvectors, jitter=jitter
        )


def _start(given: Outputs, like: Outputs, name: str) -> Outputs:
    """Outputs before training, of the shape of those after it."""
    found = np.asarray(given, np.float64)
    if found.shape != like.shape:
        raise ConfigError(
            f"`{name}` must have the shape {like.shape} of the outputs, got "
            f"{found.shape}."
        )
    return found


def _matrix(kernel: Kernel) -> Float[np.ndarray, "p q"]:
    """A kernel as a matrix in float64, outputs running fastest."""
    whole = np.asarray(kernel, np.float64)
    if whole.ndim == 2:
        return whole
    if whole.ndim != 4 or whole.shape[2] != whole.shape[3]:
        raise ConfigError(
            "A kernel must have the shape (n, k) or (n, k, n_outputs, n_outputs), got "
            f"{whole.shape}."
        )
    n, k, n_outputs, _ = whole.shape
    return whole.swapaxes(1, 2).reshape(n * n_outputs, k * n_outputs)
