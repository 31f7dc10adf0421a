"""Planted teachers and the stream of Gaussian samples they label."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ...errors import ConfigError
from ...networks.initialise import two_layer
from ...networks.two_layer import TwoLayer
from ..source import Batch
from .normal import standard_normal


# One normal call for 500 to 2000 samples, and for 50 steps where that fits, is the
# fastest on CPU: more calls cost overhead, larger ones leave the cache.
_FEWEST_SAMPLES = 500
_MOST_SAMPLES = 2000
_STEPS = 50


def teacher(
    input_dim: int,
    width: int,
    n_outputs: int,
    *,
    activation: str = "relu",
    dtype: DTypeLike = "float32",
    key: PRNGKeyArray,
) -> TwoLayer:
    r"""A planted network $y = U_0^\top \psi(V_0^\top x)$ without biases.

    Entries of $V_0$ are $N(0, 1/d)$ and entries of $U_0$ are $N(0, 1/r_0)$, so that
    $E\|y\|^2$ is half the number of outputs on average for ReLU.

    Args:
        input_dim: Input dimension $d$.
        width: Number of planted neurons $r_0$.
        n_outputs: Number of outputs.
        activation: Name of $\psi$.
        dtype: Floating type of the weights.
        key: Random key.

    Example:
        ```python
        teacher = op.data.teacher(3, 2, 1, key=key)  # 3 inputs, 2 neurons, 1 output
        op.limits.risk(network, teacher)
        ```
    """
    return two_layer(
        input_dim, width, n_outputs, activation=activation, dtype=dtype, key=key
    )


def decaying_covariance(
    input_dim: int, exponent: float
) -> Float[np.ndarray, "input_dim input_dim"] | None:
    r"""Diagonal covariance with variances $\sigma_k^2 \propto k^{-a}$ of mean one.

    Args:
        input_dim: Input dimension.
        exponent: $a$; zero gives `None`, the identity.

    Example:
        ```python
        covariance = op.data.decaying_covariance(4, 1.0)
        assert np.isclose(np.trace(covariance), 4)
        ```
    """
    if not exponent:
        return None
    variances = np.arange(1.0, input_dim + 1) ** -exponent
    return np.diag(variances / variances.mean())


class PlantedStream(eqx.Module):
    r"""Fresh samples $x \sim N(0, \Sigma)$ labelled $y = f_0(x) + \sigma \xi$.

    Samples depend on (key, step) alone: every student that is trained with the same
    key and batch size sees the same batches, whatever its width.

    Attributes:
        teacher: The network $f_0$ that labels.
        noise: Standard deviation $\sigma$ of the label noise, per output; `None` draws
            no noise.
        mixing: Matrix $M$ with $x = M^\top g$ for standard normal $g$, hence
            $\Sigma = M^\top M$; `None` is the identity.

    Example:
        ```python
        stream = op.data.PlantedStream(op.data.teacher(3, 2, 1, key=key))
        rule = op.Descent("half-squared-error", learning_rate=1e-2)
        lengths = dict(n_steps=10, batch_size=5, record_every=5)
        op.train(network, stream, rule, key=key, **lengths).network
        ```
    """

    teacher: TwoLayer
    noise: Float[Array, ""] | None = eqx.field(
        default=None, converter=lambda value: None if value is None else _as_leaf(value)
    )
    mixing: Float[Array, "input_dim input_dim"] | None = None

    def __check_init__(self) -> None:
        shape = getattr(self.mixing, "shape", None)
        input_dim = self.input_dim
        if shape is not None and shape[-2:] != (input_dim, input_dim):
            raise ConfigError(
                f"`mixing` must have shape ({input_dim}, {input_dim}), got {shape}."
            )

    @property
    def input_dim(self) -> int:
        """Input dimension."""
        return self.teacher.weights.shape[-2]

    @property
    def covariance(self) -> Float[np.ndarray, "input_dim input_dim"] | None:
        """Covariance of the inputs in float64; `None` is the identity."""
        if self.mixing is None:
            return None
        mixing = np.asarray(self.mixing, np.float64)
        return mixing.T @ mixing

    def steps_per_draw(self, batch_size: int) -> int:
        at_most = min(_STEPS, _MOST_SAMPLES // batch_size)
        return max(1, _FEWEST_SAMPLES // batch_size, at_most)

    def draw(
        self, key: PRNGKeyArray, step: Int[Array, ""], n_steps: int, batch_size: int
    ) -> Batch:
        key_inputs, key_noise = jax.random.split(jax.random.fold_in(key, step))
        n_samples = n_steps * batch_size
        dtype = self.teacher.weights.dtype
        x = standard_normal(key_inputs, (n_samples, self.input_dim), dtype=dtype)
        if self.mixing is not None:
            x = x @ self.mixing.astype(x.dtype)
        y = self.teacher(x)
        if self.noise is not None:
            noise = standard_normal(key_noise, y.shape, dtype=y.dtype)
            y += self.noise.astype(y.dtype) * noise
        return Batch(
            x.reshape(n_steps, batch_size, -1), y.reshape(n_steps, batch_size, -1)
        )

    def batch(self, drawn: Batch) -> Batch:
        return drawn


def _as_leaf(value: Float[Array, ""] | float) -> Float[Array, ""]:
    is_number = isinstance(value, int | float)
    return jnp.asarray(value, jnp.result_type(float)) if is_number else value
